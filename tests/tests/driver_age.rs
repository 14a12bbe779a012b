//! Connections of a certain age take no more requests, and nothing that is under way is lost.

mod driver_client_side;
mod driver_h2_client;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driver_client_side::{get, settings, whole};
use driver_h2_client::{Client, Handled, SECOND, TEXT, by, path};
use driver_tokio::client::{self, Connecting, Target};
use driver_tokio::{Handler, Io, Outcome, Request, Response, Server, Settings, Stop};
use h2_proto::ErrorCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const AGE: Duration = Duration::from_secs(100);
/// From here on a connection may be that old.
const YOUNG: Duration = Duration::from_secs(89);

fn routes() -> impl Handler {
    by(|request: &mut Request<'_>, response: &mut Response<'_>| -> Handled<'_> {
        Box::pin(async move {
            if path(request) == "/slow" {
                sleep(2 * AGE).await;
            }
            Ok(response.respond(200, [TEXT], b"ok")?)
        })
    })
}

/// A server whose times are longer than the age, and a client's end of a connection.
fn serve() -> (DuplexStream, JoinHandle<Outcome>) {
    let mut settings = Settings::default();
    settings.age_max = Some(AGE);
    let mut config = h1_proto::Config::default();
    (config.keep_alive_timeout, config.drain_timeout) = (10 * AGE, AGE);
    let mut h2_config = h2_proto::Config::default();
    (h2_config.idle_timeout, h2_config.drain_timeout) = (Some(10 * AGE), 10 * AGE);
    let server = Server::new(routes()).settings(settings).config(config).h2_config(h2_config);
    let (io, other) = duplex(4096);
    (io, tokio::spawn(async move { server.serve_connection(other, &Stop::new()).await.outcome }))
}

async fn ask(io: &mut DuplexStream, path: &str) -> String {
    io.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok") {
        assert!(io.read_buf(&mut answer).await.unwrap() > 0, "{}", answer.escape_ascii());
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test(start_paused = true)]
async fn http1_says_so_with_the_answer_to_the_next_request_and_not_before() {
    let (mut io, serving) = serve();
    for _ in 0..10 {
        assert!(!ask(&mut io, "/").await.contains("connection"));
        sleep(YOUNG / 10).await;
    }
    // Nobody knows whether a request is on its way to an idle one, so it stays.
    sleep(AGE).await;
    assert!(!serving.is_finished());
    // Two at a time: the second is left to another connection.
    io.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answers = String::new();
    io.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 1);
    assert_eq!(answers.matches("connection: close\r\n").count(), 1);
    drop(io);
    assert!(matches!(serving.await.unwrap(), Outcome::Closed));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_older_than_that_is_sent() {
    let (mut io, serving) = serve();
    assert!(!ask(&mut io, "/slow").await.contains("connection"));
    assert!(ask(&mut io, "/").await.contains("connection: close\r\n"));
    drop(io);
    assert!(matches!(serving.await.unwrap(), Outcome::Closed));
}

#[tokio::test(start_paused = true)]
async fn http2_is_told_at_that_age_and_streams_go_on() {
    let (io, serving) = serve();
    let begin = Instant::now();
    let mut client = Client::new(io);
    client.greet(&[]).await;
    client.get(1, "/slow").await;
    client.until(|it| !it.goaways().is_empty()).await;
    assert!(begin.elapsed() > YOUNG && begin.elapsed() <= AGE + SECOND, "{:?}", begin.elapsed());
    // What is on its way is still taken (RFC 9113 §6.8).
    assert_eq!(client.goaways()[0], (0x7fff_ffff, ErrorCode::NO_ERROR));
    assert_eq!(client.answer(1).await.text(), "ok");
    assert!(begin.elapsed() >= 2 * AGE);
    drop(client);
    serving.await.unwrap();
}

/// Asks for `/` at these times, in seconds; how many connections there were by then.
async fn connections_at(times: &[u64], prior_knowledge: bool) -> Vec<usize> {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let connect = move |_: &Target| -> Connecting {
        count.fetch_add(1, Ordering::SeqCst);
        let (ours, theirs) = duplex(4096);
        let server = Server::new(routes());
        tokio::spawn(async move { server.serve_connection(theirs, &Stop::new()).await });
        Box::pin(async { Ok(Box::new(ours) as Box<dyn Io>) })
    };
    let settings = settings(|it| {
        it.prior_knowledge = prior_knowledge;
        (it.age_max, it.idle_timeout, it.request_timeout) = (Some(AGE), 10 * AGE, Some(10 * AGE));
    });
    let client = client::Client::builder().connector(connect).settings(settings).build();
    let begin = Instant::now();
    let slow = tokio::spawn({
        let client = client.clone();
        async move { whole(client.request(get("/slow")).await.unwrap()).await }
    });
    let mut counts = Vec::new();
    for time in times {
        tokio::time::sleep_until(begin + Duration::from_secs(*time)).await;
        let answer = whole(client.request(get("/")).await.unwrap()).await;
        assert_eq!(answer, (200, b"ok".to_vec()));
        counts.push(opened.load(Ordering::SeqCst));
    }
    assert_eq!(slow.await.unwrap(), (200, b"ok".to_vec()));
    counts
}

#[tokio::test(start_paused = true)]
async fn a_client_opens_another_connection_for_what_comes_then() {
    // Their servers keep idle ones for 5 s (HTTP/1.1) and longer (HTTP/2), so these are never idle for long.
    let mut times: Vec<u64> = (0..=88).step_by(4).collect();
    times.extend([101, 105]);
    let counts = connections_at(&times, true).await;
    // The first request, and all others beside it; then one more.
    assert_eq!(counts, [[1].repeat(times.len() - 2), vec![2, 2]].concat());
    let counts = connections_at(&times, false).await;
    // The slow one has one to itself.
    assert_eq!(counts, [[2].repeat(times.len() - 2), vec![3, 3]].concat());
}
