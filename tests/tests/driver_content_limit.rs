//! `Settings::body_bytes_max` at its edge: in both protocols, however the content is framed, and not at all by
//! default.

use driver_tokio::{Handler, HandlerError, Outcome, Request, Response, Server, Settings, Stop};
use h2_proto::testing::{Frame, FrameLog, client_bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

const TEXT: (&str, &str) = ("content-type", "text/plain");
const LIMIT: u64 = 1000;

/// Answers how long the content is.
struct Length;

impl Handler for Length {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let mut length = 0;
        while let Some(data) = request.data().await? {
            length += data.len();
        }
        Ok(response.respond(200, [TEXT], format!("length {length}").as_bytes())?)
    }
}

fn limited(limit: Option<u64>) -> Server<Length> {
    let mut settings = Settings::default();
    settings.body_bytes_max = limit;
    // Theirs do not count.
    let mut config = h1_proto::Config::default();
    config.body_bytes_max = 10;
    let mut h2_config = h2_proto::Config::default();
    h2_config.body_bytes_max = Some(10);
    Server::new(Length).settings(settings).config(config).h2_config(h2_config)
}

/// What a server answers to these octets, and how the connection ended.
async fn http1(limit: Option<u64>, request: &str) -> (String, Outcome) {
    let (mut client, io) = duplex(64 << 10);
    let serving =
        tokio::spawn(
            async move { limited(limit).serve_connection(io, &Stop::new()).await.outcome },
        );
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    drop(client);
    (answer, serving.await.unwrap())
}

fn known(length: u64) -> String {
    let content = "x".repeat(length as usize);
    format!(
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{content}"
    )
}

fn chunked(length: u64) -> String {
    let head =
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let content = "x".repeat(length as usize - 1);
    format!("{head}1\r\nx\r\n{:x}\r\n{content}\r\n0\r\n\r\n", length - 1)
}

#[tokio::test(start_paused = true)]
async fn content_of_http1_may_have_so_many_octets_and_one_more_is_413() {
    for framed in [known, chunked] {
        let (answer, outcome) = http1(Some(LIMIT), &framed(LIMIT)).await;
        assert!(answer.ends_with("\r\nlength 1000"), "{answer}");
        assert!(matches!(outcome, Outcome::Closed), "{outcome}");
        let (answer, outcome) = http1(Some(LIMIT), &framed(LIMIT + 1)).await;
        assert!(answer.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{answer}");
        assert!(matches!(outcome, Outcome::TooLarge(_)), "{outcome}");
        let (answer, _) = http1(None, &framed(50 * LIMIT)).await;
        assert!(answer.ends_with("\r\nlength 50000"), "{answer}");
    }
}

/// What is said of a request with so much content, until its stream ends.
async fn http2(limit: Option<u64>, length: u64) -> String {
    let (mut client, io) = duplex(64 << 10);
    tokio::spawn(async move { limited(limit).serve_connection(io, &Stop::new()).await.outcome });
    let content = "x".repeat(length as usize - 1);
    let frames = [
        Frame::settings([]),
        Frame::request(1, "POST", "/"),
        Frame::data(1, "x"),
        Frame::data(1, &content).end_stream(),
    ];
    client.write_all(&client_bytes(frames)).await.unwrap();
    let (mut log, mut text) = (FrameLog::server(), String::new());
    while !text.contains("END_STREAM") && !text.contains("RST_STREAM") {
        let mut octets = Vec::new();
        assert!(client.read_buf(&mut octets).await.unwrap() > 0, "{text}");
        log.feed(&octets);
        text += &log.take_text();
    }
    text
}

#[tokio::test(start_paused = true)]
async fn content_of_http2_may_have_so_many_octets_and_one_more_resets_its_stream() {
    let text = http2(Some(LIMIT), LIMIT).await;
    assert!(text.contains("length 1000") && !text.contains("RST_STREAM"), "{text}");
    let text = http2(Some(LIMIT), LIMIT + 1).await;
    assert!(text.contains("RST_STREAM stream=1 CANCEL") && !text.contains("length"), "{text}");
    let text = http2(None, 10 * LIMIT).await;
    assert!(text.contains("length 10000"), "{text}");
}
