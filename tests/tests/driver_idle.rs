//! When a connection of HTTP/1.1 that waits for another request ends: its time counts from the last request,
//! whatever the timer of the task was armed for before.

use std::time::Duration;

use driver_tokio::{Handler, HandlerError, Outcome, Request, Response, Server, Stop};
use h1_proto::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

struct Hello;

impl Handler for Hello {
    async fn handle(
        &self,
        _request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        Ok(response.respond(200, [("x", "y")], b"hello")?)
    }
}

const HEAD: Duration = Duration::from_secs(5);

/// A connection, and where its times count from.
struct Running {
    io: DuplexStream,
    begin: Instant,
    stop: Stop,
    serving: JoinHandle<Outcome>,
}

fn run(keep_alive: Duration) -> Running {
    let mut config = Config::default();
    config.keep_alive_timeout = keep_alive;
    config.head_timeout = HEAD;
    let (io, other) = duplex(4096);
    let (stop, server) = (Stop::new(), Server::new(Hello).config(config));
    let watched = stop.clone();
    let serving =
        tokio::spawn(async move { server.serve_connection(other, &watched).await.outcome });
    Running { io, begin: Instant::now(), stop, serving }
}

impl Running {
    async fn send_at(&mut self, millis: u64, octets: &[u8]) {
        sleep_until(self.begin + Duration::from_millis(millis)).await;
        self.io.write_all(octets).await.unwrap();
    }

    async fn ask_at(&mut self, millis: u64) {
        self.send_at(millis, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            assert!(self.io.read_buf(&mut answer).await.unwrap() > 0);
        }
    }

    /// When it ended, how, and what it said last.
    async fn end(mut self) -> (u64, Outcome, String) {
        let mut last = String::new();
        self.io.read_to_string(&mut last).await.unwrap();
        let millis = self.begin.elapsed().as_millis() as u64;
        (millis, self.serving.await.unwrap(), last)
    }
}

/// Timers have milliseconds.
fn is_about(millis: u64, expected: u64) -> bool {
    (expected..=expected + 2).contains(&millis)
}

#[tokio::test(start_paused = true)]
async fn its_time_counts_from_the_last_request() {
    let patterns: [&[u64]; 6] = [
        &[0],
        &[0, 4_000, 8_000, 12_500],
        &[0, 9_900],
        &[0, 9_900, 10_100, 19_999],
        &[4_000, 4_001, 4_002],
        &[0, 1, 2, 3, 9_000, 18_000, 27_000, 36_000],
    ];
    for times in patterns {
        let mut running = run(Duration::from_secs(10));
        for &millis in times {
            running.ask_at(millis).await;
        }
        let (millis, outcome, last) = running.end().await;
        let expected = times.last().unwrap() + 10_000;
        assert!(is_about(millis, expected), "{times:?}: {millis} ms, not {expected}");
        assert!(matches!(outcome, Outcome::Closed), "{outcome}");
        assert_eq!(last, "");
    }
}

#[tokio::test(start_paused = true)]
async fn it_may_be_shorter_than_that_of_a_first_head() {
    let mut running = run(Duration::from_secs(1));
    running.ask_at(3_000).await;
    running.ask_at(3_500).await;
    running.ask_at(4_400).await;
    let (millis, outcome, _) = running.end().await;
    assert!(is_about(millis, 5_400), "{millis} ms");
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_begins_has_its_own_time() {
    for idle in [1_000, 9_999] {
        let mut running = run(Duration::from_secs(10));
        running.ask_at(0).await;
        running.ask_at(500).await;
        running.send_at(500 + idle, b"GET / HT").await;
        let (millis, outcome, last) = running.end().await;
        assert!(is_about(millis, 500 + idle + 5_000), "{millis} ms");
        assert!(matches!(outcome, Outcome::Deadline(_)), "{outcome}");
        assert!(last.starts_with("HTTP/1.1 408 "), "{last}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_at_once_when_the_server_drains() {
    let mut running = run(Duration::from_secs(10));
    running.ask_at(0).await;
    running.ask_at(500).await;
    sleep_until(running.begin + Duration::from_millis(700)).await;
    running.stop.drain();
    let (millis, outcome, last) = running.end().await;
    assert!(is_about(millis, 700), "{millis} ms");
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");
    assert_eq!(last, "");
}

/// In the first phase of a drain it waits for the request that is to be answered with `close`.
#[tokio::test(start_paused = true)]
async fn its_time_does_not_begin_again_when_connections_are_to_leave() {
    let mut running = run(Duration::from_secs(10));
    running.ask_at(0).await;
    running.ask_at(500).await;
    sleep_until(running.begin + Duration::from_millis(700)).await;
    running.stop.drain_connections();
    let (millis, outcome, _) = running.end().await;
    assert!(is_about(millis, 10_500), "{millis} ms");
    assert!(matches!(outcome, Outcome::Closed), "{outcome}");
}
