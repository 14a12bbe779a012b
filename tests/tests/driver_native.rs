//! The native front door over an in-memory byte stream: streaming, failing handlers, both stop
//! signals, and the typed outcome of every connection.

use std::time::Duration;

use driver_tokio::BodyLength;
use driver_tokio::{
    Ended, Gone, Handler, HandlerError, Outcome, Request, Response, Server, Settings, Stop,
};
use h1_proto::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

const TEXT: (&str, &str) = ("content-type", "text/plain");

/// Routes that fail in every way a handler can.
struct Routes;

impl Handler for Routes {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        match request.head().path_and_query() {
            b"/ok" => response.respond(200, [TEXT], b"ok")?,
            b"/panic" => panic!("on purpose"),
            b"/fail" => return Err(HandlerError::Application("on purpose".into())),
            b"/silent" => {}
            b"/short" => {
                response.send_response(200, [TEXT], BodyLength::Known(10))?;
                response.send_data(b"12345").await?;
            }
            b"/unfinished" => {
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                response.send_data(b"12345").await?;
            }
            b"/panic-late" => {
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                panic!("on purpose");
            }
            b"/hints" => {
                response.send_informational(103, [("link", "</a>")])?;
                response.respond(200, [TEXT], b"ok")?;
            }
            b"/wait" => {
                tokio::time::sleep(Duration::from_secs(3)).await;
                response.respond(200, [TEXT], b"waited")?;
            }
            b"/ignore" => response.respond(200, [TEXT], b"ignored")?,
            b"/forever" => std::future::pending().await,
            b"/bytes" => {
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                for _ in 0..4096 {
                    response.send_data(&[b'x'; 4096]).await?;
                }
                response.send_trailers([("x-count", "4096")])?;
            }
            _ => {
                let mut seen = Vec::new();
                while let Some(data) = request.data().await? {
                    seen.extend_from_slice(data);
                }
                if let Some(sum) = request.trailers().value("sum") {
                    seen.extend_from_slice(sum);
                }
                response.respond(200, [TEXT], &seen)?;
            }
        }
        Ok(())
    }
}

struct Running {
    client: DuplexStream,
    server: JoinHandle<Ended>,
    stop: Stop,
}

/// A connection served over a pipe that holds `room` octets each way.
fn run_with(config: Config, room: usize) -> Running {
    let (client, io) = duplex(room);
    let stop = Stop::new();
    let signals = stop.clone();
    let mut settings = Settings::default();
    settings.date = false;
    settings.body_bytes_max = Some(1 << 20);
    let server = tokio::spawn(async move {
        let server = Server::new(Routes).config(config).settings(settings);
        server.serve_connection(io, &signals).await
    });
    Running { client, server, stop }
}

fn run() -> Running {
    run_with(Config::default(), 64 << 10)
}

impl Running {
    async fn send(&mut self, octets: &[u8]) {
        self.client.write_all(octets).await.unwrap();
    }

    async fn expect(&mut self, expected: &[u8]) {
        let mut got = vec![0; expected.len()];
        self.client.read_exact(&mut got).await.unwrap();
        assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    /// Everything up to the end of the stream, and how it ended.
    async fn rest(mut self) -> (String, Outcome) {
        let mut got = Vec::new();
        self.client.read_to_end(&mut got).await.unwrap();
        drop(self.client);
        (String::from_utf8(got).unwrap(), self.server.await.unwrap().outcome)
    }

    async fn close(self) -> Outcome {
        drop(self.client);
        self.server.await.unwrap().outcome
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";
const FAILED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain\r\n\
    content-length: 26\r\n\r\n500 Internal Server Error\n";

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes()
}

#[tokio::test(start_paused = true)]
async fn requests_on_one_connection_are_answered_in_order() {
    let mut running = run();
    running.send(&[get("/ok"), get("/hints"), get("/wait"), get("/ok")].concat()).await;
    running.expect(OK).await;
    running.expect(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await;
    running.expect(OK).await;
    running
        .expect(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nwaited")
        .await;
    running.expect(OK).await;
    assert!(matches!(running.close().await, Outcome::ClientClosed));
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_wait_for_a_slow_handler_behind_it() {
    let mut running = run();
    running.send(&[get("/ok"), get("/forever")].concat()).await;
    running.expect(OK).await;
    running.stop.cancel();
    assert!(matches!(running.rest().await.1, Outcome::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_fails_or_forgets_is_a_500_of_its_request_only() {
    for path in ["/panic", "/fail", "/silent"] {
        let mut running = run();
        running.send(&[get(path), get("/ok")].concat()).await;
        running.expect(FAILED).await;
        running.expect(OK).await;
        assert!(matches!(running.close().await, Outcome::ClientClosed), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_completed_is_cut() {
    for path in ["/short", "/panic-late"] {
        let mut running = run();
        running.send(&get(path)).await;
        let (answer, outcome) = running.rest().await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
        assert!(matches!(outcome, Outcome::HandlerError), "{path}: {outcome}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_begun_is_finished_for_the_handler() {
    let mut running = run();
    running.send(&get("/unfinished")).await;
    running
        .expect(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n\
              5\r\n12345\r\n0\r\n\r\n",
        )
        .await;
    running.send(&get("/ok")).await;
    running.expect(OK).await;
}

#[tokio::test(start_paused = true)]
async fn content_streams_in_with_trailers_and_100_continue() {
    let mut running = run();
    running
        .send(
            b"POST /up HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\
              transfer-encoding: chunked\r\n\r\n",
        )
        .await;
    running.expect(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    running.send(b"3\r\nabc\r\n").await;
    running.send(b"2\r\nde\r\n0\r\nSum: 5\r\n\r\n").await;
    running
        .expect(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nabcde5")
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_slower_than_the_handler_holds_it_back() {
    let mut running = run_with(Config::default(), 1000);
    running.send(&get("/bytes")).await;
    let mut got = Vec::new();
    let mut buffer = [0; 700];
    while !got.ends_with(b"0\r\nx-count: 4096\r\n\r\n") {
        let read = running.client.read(&mut buffer).await.unwrap();
        got.extend_from_slice(&buffer[..read]);
    }
    assert_eq!(got.iter().filter(|&&octet| octet == b'x').count(), 4096 * 4096 + 2);
}

#[tokio::test(start_paused = true)]
async fn broken_requests_are_answered_and_the_outcome_has_a_type() {
    type Check = fn(&Outcome) -> bool;
    let cases: [(&str, &str, Check); 5] = [
        ("GET / HTTP/1.1\r\n\r\n", "400", |outcome| matches!(outcome, Outcome::Parse(_))),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9999999\r\n\r\n", "413", |outcome| {
            matches!(outcome, Outcome::TooLarge(_))
        }),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "501",
            |outcome| matches!(outcome, Outcome::UnsupportedTransferEncoding(_)),
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd",
            "400",
            |outcome| matches!(outcome, Outcome::Parse(_)),
        ),
        ("\x16\x03\x01\x02", "400", |outcome| matches!(outcome, Outcome::Parse(_))),
    ];
    for (request, status, check) in cases {
        let mut running = run();
        running.send(&get("/ok")).await;
        running.expect(OK).await;
        running.send(request.as_bytes()).await;
        let (answer, outcome) = running.rest().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(check(&outcome), "{request}: {outcome}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_in_the_middle_is_told_apart() {
    let mut running = run();
    running.send(b"POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab").await;
    assert!(matches!(running.close().await, Outcome::ClientClosed));
    assert!(matches!(run().close().await, Outcome::ClientClosed));
}

#[tokio::test(start_paused = true)]
async fn drain_says_close_on_the_upcoming_answer_and_ends() {
    let mut running = run();
    running.send(&get("/ok")).await;
    running.expect(OK).await;
    running.send(&get("/wait")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.stop.drain();
    let (answer, outcome) = running.rest().await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.ends_with("waited"), "{answer}");
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn drain_ends_an_idle_connection_in_silence() {
    let mut running = run();
    running.send(&get("/ok")).await;
    running.expect(OK).await;
    running.stop.drain();
    let (answer, outcome) = running.rest().await;
    assert_eq!(answer, "");
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_came_before_the_drain_is_answered() {
    let mut running = run();
    running.send(&get("/ok")).await;
    running.stop.drain();
    let (answer, _) = running.rest().await;
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("ok"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn cancel_ends_reads_writes_and_handlers() {
    let idle = run();
    tokio::task::yield_now().await;
    idle.stop.cancel();
    assert!(matches!(idle.rest().await.1, Outcome::Cancelled));

    let mut handling = run();
    handling.send(&get("/forever")).await;
    tokio::task::yield_now().await;
    handling.stop.cancel();
    assert!(matches!(handling.rest().await.1, Outcome::Cancelled));

    let mut reading = run();
    reading.send(b"POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n").await;
    tokio::task::yield_now().await;
    reading.stop.cancel();
    assert!(matches!(reading.rest().await.1, Outcome::Cancelled));

    let mut writing = run_with(Config::default(), 1000);
    writing.send(&get("/bytes")).await;
    tokio::task::yield_now().await;
    writing.stop.cancel();
    assert!(matches!(writing.server.await.unwrap().outcome, Outcome::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn deadlines_answer_408_in_the_middle_and_nothing_when_idle() {
    let mut head = run();
    head.send(b"GET / HT").await;
    let (answer, outcome) = head.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");

    let mut body = run();
    body.send(b"POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab").await;
    let (answer, outcome) = body.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");

    let mut idle = run();
    idle.send(&get("/ok")).await;
    idle.expect(OK).await;
    let (answer, outcome) = idle.rest().await;
    assert_eq!(answer, "");
    // Nobody's fault, and how most connections end.
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");

    let (answer, outcome) = run().rest().await;
    assert_eq!(answer, "");
    assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");

    let mut stalled = run_with(Config::default(), 1000);
    stalled.send(&get("/bytes")).await;
    let outcome = stalled.server.await.unwrap().outcome;
    assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn content_that_nobody_reads_closes_the_connection() {
    let mut running = run();
    running.send(b"POST /ignore HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n").await;
    let (answer, outcome) = running.rest().await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_hands_over_the_stream_and_what_was_read() {
    struct Switch;
    impl Handler for Switch {
        async fn handle(
            &self,
            _: &mut Request<'_>,
            response: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            response.send_response(101, [("upgrade", "x")], BodyLength::None)?;
            Ok(())
        }
    }
    let (mut client, io) = duplex(1000);
    let serving =
        tokio::spawn(async move { Server::new(Switch).serve_connection(io, &Stop::new()).await });
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello";
    client.write_all(request).await.unwrap();
    let ended = serving.await.unwrap();
    assert!(matches!(ended.outcome, Outcome::Upgraded), "{}", ended.outcome);
    let (mut io, input) = ended.upgraded.unwrap().into_parts();
    assert_eq!(input, b"hello");
    io.write_all(b"bye").await.unwrap();
    drop(io);
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    assert!(got.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(got.ends_with(b"\r\n\r\nbye"));
}

#[test]
fn a_gone_request_says_why() {
    assert_eq!(Gone::Closed.to_string(), "the connection is closed");
}
