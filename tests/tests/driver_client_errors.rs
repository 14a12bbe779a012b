//! What the client says of a response that does not come, or not to its end: from its own view, with the
//! rule where the server broke one, and in time.

mod driver_client_side;

use std::time::Duration;

use driver_client_side::{
    Ends, Protocol, client_on, get, next, next_end, read_all, scripted, settings,
};
use driver_tokio::client::{self, Client, Error, ErrorKind};
use h2_proto::ErrorCode;
use h2_proto::testing::{Frame, bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const BOTH: [Protocol; 2] = [Protocol::H1, Protocol::H2];
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";

fn h2_head() -> Vec<u8> {
    bytes([Frame::settings([]), Frame::settings_ack(), Frame::headers(1, [(":status", "200")])])
}

/// The error of a request, or of its response's content, that got these octets before the end.
async fn error_after(protocol: Protocol, answer: &[u8]) -> Error {
    let (ours, mut theirs) = duplex(64 << 10);
    let sender = client_on(protocol, ours);
    let answer = answer.to_vec();
    tokio::spawn(async move {
        let mut got = vec![0; 4096];
        while theirs.read(&mut got).await.unwrap() == 4096 {}
        theirs.write_all(&answer).await.unwrap();
        // As far as it came it is read.
        tokio::time::sleep(Duration::from_millis(10)).await;
    });
    match sender.send(get("/")).await {
        Ok(response) => read_all(response.into_body()).await.unwrap_err(),
        Err(error) => error,
    }
}

/// The whole of what an error says, its causes too.
fn texts(error: &Error) -> String {
    let mut all = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        all.push_str(&format!(" / {error}"));
        source = error.source();
    }
    assert!(!all.contains("answer"), "{all}");
    all
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_says_how_far_the_response_was() {
    let interim: &[u8] = b"HTTP/1.1 103 Early Hints\r\n\r\n";
    let data = [h2_head(), bytes([Frame::data(1, "abc")])].concat();
    let all: [(Protocol, &[u8], &str); 6] = [
        (Protocol::H1, b"", "before the response began"),
        (Protocol::H1, b"HTTP/1.1 20", "in the middle of the response's head"),
        (Protocol::H1, interim, "in the middle of the response's head"),
        (Protocol::H1, HEAD, "in the middle of the response's content"),
        (Protocol::H2, &bytes([Frame::settings([])]), "before the response began"),
        (Protocol::H2, &data, "in the middle of the response's content"),
    ];
    for (protocol, answer, stage) in all {
        let error = error_after(protocol, answer).await;
        assert_eq!(error.kind(), ErrorKind::Closed);
        let text = texts(&error);
        assert!(text.starts_with(&format!("the server closed the connection {stage}")), "{text}");
        // The rule where one was broken: a server may close before it answers.
        let protocol = error.protocol().map(|it| (it.rule(), it.offset()));
        assert_eq!(protocol.is_none(), stage.starts_with("before"), "{text}");
        assert_eq!(text.contains("RFC"), protocol.is_some(), "{text}");
    }
    let text = texts(&error_after(Protocol::H1, HEAD).await);
    assert!(text.contains("it ends at octet 39 (RFC 9112 §8)"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_the_server_broke_is_named_with_its_octet() {
    let all: [(Protocol, &[u8], &str, &str); 3] = [
        (Protocol::H1, b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n", "RFC 9112 §5.1", "at octet 18"),
        (Protocol::H1, b"HTTP/1.1 2x0 OK\r\n\r\n", "RFC 9112 §4", "at octet"),
        (
            Protocol::H2,
            &bytes([Frame::settings([]), Frame::headers(1, [("status", "200")])]),
            "RFC 9113 §8.3.1",
            "",
        ),
    ];
    for (protocol, answer, rule, offset) in all {
        let error = error_after(protocol, answer).await;
        assert_eq!(error.kind(), ErrorKind::Protocol);
        let text = texts(&error);
        assert!(text.starts_with("the server broke the protocol: "), "{text}");
        assert!(text.contains(rule) && text.contains(offset), "{text}");
    }
}

/// A client whose content may be silent for so long, if for any time, and a response that has begun.
async fn begun(
    protocol: Protocol,
    body_timeout: Option<Duration>,
) -> (client::Body, DuplexStream, Client) {
    let ends = Ends::default();
    let settings = settings(|it| {
        it.prior_knowledge = protocol == Protocol::H2;
        it.body_timeout = body_timeout;
    });
    let client = Client::builder().connector(scripted(&ends)).settings(settings).build();
    let asking = client.clone();
    let asked = tokio::spawn(async move { asking.request(get("/")).await });
    let mut server = next_end(&ends).await;
    let _ = server.read(&mut [0; 4096]).await.unwrap();
    let head = match protocol {
        Protocol::H1 => b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        Protocol::H2 => h2_head(),
    };
    server.write_all(&head).await.unwrap();
    (asked.await.unwrap().unwrap().into_body(), server, client)
}

fn piece(protocol: Protocol) -> Vec<u8> {
    match protocol {
        Protocol::H1 => b"data: x\n\n".to_vec(),
        Protocol::H2 => bytes([Frame::data(1, "data: x\n\n")]),
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn content_that_falls_silent_is_out_of_time() {
    for protocol in BOTH {
        let (mut body, mut server, _client) = begun(protocol, Some(SECOND)).await;
        server.write_all(&piece(protocol)).await.unwrap();
        assert!(next(&mut body).await.unwrap().is_ok());
        let begin = tokio::time::Instant::now();
        let error = next(&mut body).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{protocol:?}");
        assert_eq!(begin.elapsed().as_secs(), 1, "{protocol:?}");
        let expected =
            "out of time: the content of the response did not come in time (body_timeout)";
        let text = texts(&error);
        assert!(text.starts_with(expected), "{protocol:?} {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_drips_is_not_silent() {
    for protocol in BOTH {
        let (mut body, mut server, _client) = begun(protocol, Some(SECOND)).await;
        for _ in 0..10 {
            tokio::time::sleep(SECOND * 2 / 5).await;
            server.write_all(&piece(protocol)).await.unwrap();
            let frame = next(&mut body).await.unwrap();
            assert!(frame.is_ok(), "{protocol:?} {frame:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_is_awaited_all_the_time_may_drip_too() {
    for protocol in BOTH {
        let (mut body, mut server, _client) = begun(protocol, Some(SECOND)).await;
        let reading = tokio::spawn(async move {
            for _ in 0..10 {
                next(&mut body).await.unwrap().unwrap();
            }
        });
        for _ in 0..10 {
            tokio::time::sleep(SECOND * 2 / 5).await;
            server.write_all(&piece(protocol)).await.unwrap();
        }
        reading.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_content_may_be_silent_for_hours() {
    for protocol in BOTH {
        let (mut body, mut server, _client) = begun(protocol, None).await;
        let reading = tokio::spawn(async move { next(&mut body).await.unwrap().map(|_| body) });
        tokio::time::sleep(SECOND * 3600 * 3).await;
        assert!(!reading.is_finished(), "{protocol:?}");
        server.write_all(&piece(protocol)).await.unwrap();
        assert!(reading.await.unwrap().is_ok(), "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_does_not_begin_is_out_of_time_in_the_clients_words() {
    let (ours, _theirs) = duplex(4096);
    let error = client_on(Protocol::H1, ours).send(get("/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let text = texts(&error);
    let expected = "out of time: the head of the response did not come in time (head_timeout)";
    assert!(text.starts_with(expected), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_the_server_reset_names_its_code() {
    let answer = bytes([Frame::settings([]), Frame::rst_stream(1, ErrorCode::INTERNAL_ERROR)]);
    let error = error_after(Protocol::H2, &answer).await;
    assert_eq!(
        (error.kind(), error.reset_code()),
        (ErrorKind::Reset, Some(ErrorCode::INTERNAL_ERROR))
    );
}
