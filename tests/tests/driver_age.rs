//! Connections of a certain age take no more requests, and nothing that is under way is lost.

mod driver_client_side;
mod driver_h2_client;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driver_client_side::{get, settings, whole};
use driver_h2_client::{Client, Handled, SECOND, TEXT, by, path};
use driver_tokio::client::{self, Connecting, Target};
use driver_tokio::{Handler, Io, Outcome, Protocols, Request, Response, Server, Settings, Stop};
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
            if let Some(seconds) = path(request).strip_prefix("/wait/") {
                sleep(seconds.parse::<u32>().unwrap() * SECOND).await;
            }
            Ok(response.respond(200, [TEXT], b"ok")?)
        })
    })
}

/// A server whose times are longer than the age, and a client's end of a connection.
fn serve() -> (DuplexStream, JoinHandle<Outcome>) {
    serve_until(&Stop::new())
}

fn serve_until(stop: &Stop) -> (DuplexStream, JoinHandle<Outcome>) {
    let stop = stop.clone();
    let mut settings = Settings::default();
    settings.age_max = Some(AGE);
    let mut config = h1_proto::Config::default();
    (config.keep_alive_timeout, config.drain_timeout) = (10 * AGE, AGE);
    let mut h2_config = h2_proto::Config::default();
    h2_config.idle_timeout = Some(10 * AGE);
    let server = Server::new(routes()).settings(settings).config(config).h2_config(h2_config);
    let (io, other) = duplex(4096);
    (io, tokio::spawn(async move { server.serve_connection(other, &stop).await.outcome }))
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
    io.write_all(b"GET /wait/200 HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n")
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
    assert!(!ask(&mut io, "/wait/200").await.contains("connection"));
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
    client.get(1, "/wait/200").await;
    client.until(|it| !it.goaways().is_empty()).await;
    assert!(begin.elapsed() > YOUNG && begin.elapsed() <= AGE + SECOND, "{:?}", begin.elapsed());
    // What is on its way is still taken (RFC 9113 §6.8).
    assert_eq!(client.goaways()[0], (0x7fff_ffff, ErrorCode::NO_ERROR));
    assert_eq!(client.answer(1).await.text(), "ok");
    assert!(begin.elapsed() >= 2 * AGE);
    drop(client);
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_has_its_deadline_on_a_connection_that_is_old_already() {
    let stop = Stop::new();
    let (io, serving) = serve_until(&stop);
    let mut client = Client::new(io);
    client.greet(&[]).await;
    client.get(1, "/wait/200").await;
    client.until(|it| !it.goaways().is_empty()).await;
    let begin = Instant::now();
    stop.drain();
    assert_eq!(client.rest().await, Some(ErrorCode::NO_ERROR));
    let timeout = h2_proto::Config::default().drain_timeout;
    assert!(begin.elapsed() >= timeout && begin.elapsed() < timeout + SECOND);
    serving.await.unwrap();
}

/// Nobody could be told before.
#[tokio::test(start_paused = true)]
async fn a_client_that_greets_when_its_connection_is_old_is_served() {
    let mut settings = Settings::default();
    settings.age_max = Some(SECOND);
    settings.protocols = Protocols::Http2;
    let server = Server::new(routes()).settings(settings);
    let (io, other) = duplex(4096);
    let serving = tokio::spawn(async move { server.serve_connection(other, &Stop::new()).await });
    sleep(5 * SECOND).await;
    let mut client = Client::new(io);
    client.greet(&[]).await;
    client.get(1, "/").await;
    assert_eq!(client.answer(1).await.text(), "ok");
    client.until(|it| !it.goaways().is_empty()).await;
    assert_eq!(client.goaways()[0], (0x7fff_ffff, ErrorCode::NO_ERROR));
    drop(client);
    serving.await.unwrap();
}

/// A client whose connections have this age, and how many it has opened.
fn client_with(change: impl FnOnce(&mut client::Settings)) -> (client::Client, Arc<AtomicUsize>) {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let connect = move |_: &Target| -> Connecting {
        count.fetch_add(1, Ordering::SeqCst);
        let (ours, theirs) = duplex(4096);
        let mut config = h1_proto::Config::default();
        config.keep_alive_timeout = 10 * AGE;
        let server = Server::new(routes()).config(config);
        tokio::spawn(async move { server.serve_connection(theirs, &Stop::new()).await });
        Box::pin(async { Ok(Box::new(ours) as Box<dyn Io>) })
    };
    let settings = settings(|it| {
        (it.age_max, it.idle_timeout, it.request_timeout) = (Some(AGE), 10 * AGE, Some(10 * AGE));
        change(it);
    });
    (client::Client::builder().connector(connect).settings(settings).build(), opened)
}

async fn hello(client: &client::Client) {
    let answer = whole(client.request(get("/")).await.unwrap()).await;
    assert_eq!(answer, (200, b"ok".to_vec()));
}

/// Asks for `/` at these times, in seconds; how many connections there were by then.
async fn connections_at(times: &[u64], prior_knowledge: bool) -> Vec<usize> {
    let (client, opened) = client_with(|it| it.prior_knowledge = prior_knowledge);
    let begin = Instant::now();
    let slow = tokio::spawn({
        let client = client.clone();
        async move { whole(client.request(get("/wait/200")).await.unwrap()).await }
    });
    let mut counts = Vec::new();
    for time in times {
        tokio::time::sleep_until(begin + Duration::from_secs(*time)).await;
        hello(&client).await;
        counts.push(opened.load(Ordering::SeqCst));
    }
    assert_eq!(slow.await.unwrap(), (200, b"ok".to_vec()));
    counts
}

#[tokio::test(start_paused = true)]
async fn a_client_opens_another_connection_for_what_comes_then() {
    let mut times: Vec<u64> = (0..=88).step_by(4).collect();
    times.extend([101, 105]);
    let counts = connections_at(&times, true).await;
    // The first request, and all others beside it; then one more.
    assert_eq!(counts, [[1].repeat(times.len() - 2), vec![2, 2]].concat());
    let counts = connections_at(&times, false).await;
    // The slow one has one to itself.
    assert_eq!(counts, [[2].repeat(times.len() - 2), vec![3, 3]].concat());
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_goes_on_where_there_is_no_place_for_another() {
    let (client, opened) = client_with(|it| {
        (it.prior_knowledge, it.connections_per_host_max) = (true, 1);
    });
    let slow = tokio::spawn({
        let client = client.clone();
        async move { whole(client.request(get("/wait/200")).await.unwrap()).await }
    });
    sleep(AGE + SECOND).await;
    let begin = Instant::now();
    hello(&client).await;
    assert!(begin.elapsed() < SECOND && opened.load(Ordering::SeqCst) == 1);
    assert_eq!(slow.await.unwrap(), (200, b"ok".to_vec()));
    // Without a request it makes room.
    hello(&client).await;
    assert_eq!(opened.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_old_does_not_take_the_place_of_one_that_is_not() {
    let (client, opened) = client_with(|it| it.idle_per_host_max = 1);
    let ask = |path: &'static str| {
        let client = client.clone();
        tokio::spawn(async move { whole(client.request(get(path)).await.unwrap()).await })
    };
    ask("/wait/60").await.unwrap();
    // The second is opened when the first is busy, and has no more to do when the first is idle and old.
    let (first, second) = (ask("/wait/20"), ask("/wait/45"));
    first.await.unwrap();
    second.await.unwrap();
    hello(&client).await;
    assert_eq!(opened.load(Ordering::SeqCst), 2);
}
