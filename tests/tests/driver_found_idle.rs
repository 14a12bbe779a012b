//! What went wrong once with the time of a connection of HTTP/1.1 that waits for another request, so that it
//! does not again. Its time counts from the last request.

use std::time::Duration;

use driver_tokio::{Handler, HandlerError, Outcome, Request, Response, Server, Stop};
use h1_proto::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// Answers with more than the transport takes at once, or little, or what came, or goes on after its answer.
struct Routes;

const PIPE_BYTES: usize = 4096;
/// Longer than the times for content and for sending, shorter than that of an idle connection.
const GOES_ON: Duration = Duration::from_secs(5);

/// More than that, so that a Date is another one.
const A_SECOND: Duration = Duration::from_millis(1_100);

impl Handler for Routes {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let mut content = b"hello".to_vec();
        match request.head().path_and_query() {
            b"/much" => content = vec![b'a'; PIPE_BYTES + 2000],
            b"/echo" => {
                content.clear();
                while let Some(data) = request.data().await? {
                    content.extend_from_slice(data);
                }
            }
            b"/goes-on" => {
                // Nothing is left of the request then.
                while request.data().await?.is_some() {}
                response.respond(200, [("x", "y")], &content)?;
                sleep(GOES_ON).await;
                return Ok(());
            }
            b"/goes-on-shortly" => {
                while request.data().await?.is_some() {}
                response.respond(200, [("x", "y")], &content)?;
                sleep(A_SECOND).await;
                return Ok(());
            }
            _ => {}
        }
        Ok(response.respond(200, [("x", "y")], &content)?)
    }
}

/// A connection, and where its times count from.
struct Running {
    io: DuplexStream,
    begin: Instant,
    serving: JoinHandle<Outcome>,
}

/// Serves a connection on which `first` has come already.
async fn run(keep_alive: Duration, first: &[u8]) -> Running {
    let mut config = Config::default();
    config.keep_alive_timeout = keep_alive;
    config.head_timeout = Duration::from_secs(60);
    config.body_timeout = Duration::from_secs(3);
    config.send_timeout = Duration::from_secs(3);
    let (mut io, other) = duplex(PIPE_BYTES);
    io.write_all(first).await.unwrap();
    let server = Server::new(Routes).config(config);
    let serving =
        tokio::spawn(async move { server.serve_connection(other, &Stop::new()).await.outcome });
    Running { io, begin: Instant::now(), serving }
}

impl Running {
    async fn read_until(&mut self, end: &[u8]) {
        let mut answer = Vec::new();
        while !answer.ends_with(end) {
            assert!(self.io.read_buf(&mut answer).await.unwrap() > 0);
        }
    }

    async fn send_at(&mut self, millis: u64, octets: &[u8]) {
        sleep_until(self.begin + Duration::from_millis(millis)).await;
        self.io.write_all(octets).await.unwrap();
    }

    /// When it ended.
    async fn end(mut self) -> u64 {
        self.io.read_to_end(&mut Vec::new()).await.unwrap();
        let millis = self.begin.elapsed().as_millis() as u64;
        let outcome = self.serving.await.unwrap();
        assert!(matches!(outcome, Outcome::Closed), "{outcome}");
        millis
    }
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Timers have milliseconds.
fn is_about(millis: u64, expected: u64) -> bool {
    (expected..=expected + 2).contains(&millis)
}

/// Empty lines before a request are skipped (RFC 9112 §2.2): they are no request.
#[tokio::test(start_paused = true)]
async fn empty_lines_do_not_make_the_time_longer() {
    for lines in ["\r\n", "\r"] {
        let mut running = run(Duration::from_secs(10), ASK).await;
        running.read_until(b"hello").await;
        running.send_at(100, ASK).await;
        running.read_until(b"hello").await;
        running.send_at(9_000, lines.as_bytes()).await;
        let millis = running.end().await;
        assert!(is_about(millis, 10_100), "{lines:?}: {millis} ms");
    }
}

/// The timer was armed for the send deadline while the client did not read; then it read the rest and asked
/// again before the server had its turn.
#[tokio::test(start_paused = true)]
async fn a_client_that_read_slowly_before_has_no_more_time() {
    let first = b"GET /much HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut running = run(Duration::from_secs(1), first).await;
    sleep_until(running.begin + Duration::from_millis(100)).await;
    let mut all = vec![0; PIPE_BYTES];
    running.io.read_exact(&mut all).await.unwrap();
    running.io.write_all(ASK).await.unwrap();
    running.read_until(b"hello").await;
    let millis = running.end().await;
    assert!(is_about(millis, 1_100), "{millis} ms");
}

/// A request that was sent ahead of an answer waits until the handler before is done; then what it is waited
/// for has its own time.
#[tokio::test(start_paused = true)]
async fn content_has_its_time_from_when_it_is_waited_for() {
    let mut running = run(Duration::from_secs(60), ASK).await;
    running.read_until(b"hello").await;
    let two = b"GET /goes-on HTTP/1.1\r\nhost: a\r\n\r\nPOST /echo HTTP/1.1\r\nhost: a\r\n\
        expect: 100-continue\r\ncontent-length: 7\r\n\r\n";
    running.send_at(100, two).await;
    running.read_until(b"hello").await;
    running.read_until(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    running.send_at(6_000, b"content").await;
    running.read_until(b"\r\n\r\ncontent").await;
}

/// The same of an answer that the client does not take at once.
#[tokio::test(start_paused = true)]
async fn an_answer_has_its_time_from_when_it_is_sent() {
    let mut running = run(Duration::from_secs(60), ASK).await;
    running.read_until(b"hello").await;
    let two = b"GET /goes-on HTTP/1.1\r\nhost: a\r\n\r\nGET /much HTTP/1.1\r\nhost: a\r\n\r\n";
    running.send_at(100, two).await;
    running.read_until(b"hello").await;
    sleep_until(running.begin + Duration::from_millis(5_500)).await;
    let mut all = Vec::new();
    while !all.ends_with(&[b'a'; PIPE_BYTES + 2000]) {
        assert!(running.io.read_buf(&mut all).await.unwrap() > 0, "{} octets", all.len());
    }
}

/// The Date of an answer (RFC 9110 §6.6.1) is not that of when its request came.
#[tokio::test]
async fn an_answer_after_a_long_one_has_a_date_of_its_own() {
    let mut running = run(Duration::from_secs(60), ASK).await;
    running.read_until(b"hello").await;
    let two = b"GET /goes-on-shortly HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n";
    running.send_at(100, two).await;
    let (mut all, mut dates) = (String::new(), Vec::new());
    while dates.len() < 2 {
        all.clear();
        while !all.ends_with("hello") {
            all.push(char::from(running.io.read_u8().await.unwrap()));
        }
        dates.extend(all.lines().find(|line| line.starts_with("date: ")).map(str::to_owned));
    }
    assert_ne!(dates[0], dates[1]);
}
