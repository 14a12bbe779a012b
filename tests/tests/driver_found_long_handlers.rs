//! What went wrong once after a handler of HTTP/1.1 that was at work for long, so that it does not again: times
//! count from when something begins, not from when the connection last had to look at its clock.

use std::time::Duration;

use driver_tokio::{Handler, HandlerError, Outcome, Request, Response, Server, Stop};
use h1_proto::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

const SECOND: Duration = Duration::from_secs(1);

/// Does not read, and answers late.
struct Late;

impl Handler for Late {
    async fn handle(
        &self,
        _request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        sleep(62 * SECOND).await;
        Ok(response.respond(200, [("x", "y")], b"late")?)
    }
}

/// Serves a connection on which a request has come; when it ended, in seconds, and how.
fn run(request: &[u8], stop: &Stop) -> (DuplexStream, JoinHandle<(u64, Outcome)>) {
    let mut config = Config::default();
    config.drain_timeout = 30 * SECOND;
    config.linger_timeout = 5 * SECOND;
    let (mut io, other) = duplex(4096);
    let (request, stop) = (request.to_vec(), stop.clone());
    let serving = tokio::spawn(async move {
        let begin = Instant::now();
        let outcome = Server::new(Late).config(config).serve_connection(other, &stop).await.outcome;
        (begin.elapsed().as_secs(), outcome)
    });
    let written = futures_util::FutureExt::now_or_never(io.write_all(&request));
    assert!(matches!(written, Some(Ok(()))));
    (io, serving)
}

/// `drain_timeout` is time from the drain on.
#[tokio::test(start_paused = true)]
async fn an_exchange_has_the_time_of_a_drain_from_when_it_begins() {
    let stop = Stop::new();
    let (mut io, serving) = run(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", &stop);
    sleep_until(Instant::now() + 60 * SECOND).await;
    stop.drain();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    let (_, outcome) = serving.await.unwrap();
    assert!(answer.ends_with("late"), "{answer:?}: {outcome}");
}

/// RFC 9112 §9.6: what the client still sends is read for a while, or a reset may take the last answer from it.
#[tokio::test(start_paused = true)]
async fn a_connection_lingers_from_when_its_last_answer_is_written() {
    let post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n";
    let (mut io, serving) = run(post, &Stop::new());
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("late"), "{answer:?}");
    let (seconds, _) = serving.await.unwrap();
    assert_eq!(seconds, 67);
}
