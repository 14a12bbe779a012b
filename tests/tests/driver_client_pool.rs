//! The client's pool: which connections are opened, kept, shared and left, and what is sent again.

mod driver_client_side;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driver_client_side::{
    Ends, Frames, get, next_end, post, scripted, serve, settings, until, whole,
};
use driver_tokio::Io;
use driver_tokio::client::{Client, Connecting, ErrorKind, Settings, Target};
use h2_proto::ErrorCode;
use h2_proto::testing::{Frame, FrameLog, bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// Connections to a server that speaks both, counted.
fn counted(opened: &Arc<AtomicUsize>) -> impl Fn(&Target) -> Connecting + Send + Sync + use<> {
    let opened = Arc::clone(opened);
    move |_: &Target| {
        opened.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            // As far away as a network.
            tokio::time::sleep(Duration::from_millis(10)).await;
            let (ours, theirs) = duplex(64 << 10);
            serve(theirs);
            Ok(Box::new(ours) as Box<dyn Io>)
        })
    }
}

async fn hello(client: &Client) {
    let response = client.request(get("/hello")).await.unwrap();
    assert_eq!(whole(response).await, (200, b"hello".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again() {
    for prior_knowledge in [false, true] {
        let opened = Arc::default();
        let settings = settings(|it| it.prior_knowledge = prior_knowledge);
        let client = Client::builder().connector(counted(&opened)).settings(settings).build();
        for _ in 0..10 {
            hello(&client).await;
        }
        assert_eq!(opened.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_at_a_time_have_connections_of_their_own_or_share_one() {
    for (prior_knowledge, connections) in [(false, 10), (true, 1)] {
        let opened = Arc::default();
        let settings = settings(|it| it.prior_knowledge = prior_knowledge);
        let client = Client::builder().connector(counted(&opened)).settings(settings).build();
        let mut running = Vec::new();
        for _ in 0..10 {
            let client = client.clone();
            running.push(tokio::spawn(async move { hello(&client).await }));
        }
        for task in running {
            task.await.unwrap();
        }
        assert_eq!(opened.load(Ordering::SeqCst), connections, "h2: {prior_knowledge}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_connections_than_the_maximum_are_not_opened() {
    let opened = Arc::default();
    let settings = settings(|it| it.connections_per_host_max = 2);
    let client = Client::builder().connector(counted(&opened)).settings(settings).build();
    let mut running = Vec::new();
    for _ in 0..50 {
        let client = client.clone();
        running.push(tokio::spawn(async move { hello(&client).await }));
    }
    for task in running {
        task.await.unwrap();
    }
    assert_eq!(opened.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_of_http2_is_opened_when_the_first_is_full() {
    let opened: Arc<AtomicUsize> = Arc::default();
    let settings = settings(|it| {
        it.prior_knowledge = true;
        it.request_timeout = Some(Duration::from_secs(3));
    });
    let mut h2_config = h2_proto::Config::default();
    h2_config.streams_max = 4;
    let client = Client::builder().connector(counted(&opened)).settings(settings);
    let client = client.h2_config(h2_config).build();
    let mut running = Vec::new();
    for _ in 0..8 {
        let client = client.clone();
        running.push(tokio::spawn(async move { client.request(get("/never")).await }));
    }
    for task in running {
        assert_eq!(task.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    }
    assert_eq!(opened.load(Ordering::SeqCst), 2);
    // The streams that were given up are free again.
    hello(&client).await;
    assert_eq!(opened.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_requests_is_closed_in_time() {
    for prior_knowledge in [false, true] {
        let opened = Arc::default();
        let settings = settings(|it| {
            it.prior_knowledge = prior_knowledge;
            it.idle_timeout = Duration::from_secs(3);
        });
        let client = Client::builder().connector(counted(&opened)).settings(settings).build();
        hello(&client).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        hello(&client).await;
        assert_eq!(opened.load(Ordering::SeqCst), 1);
        tokio::time::sleep(Duration::from_secs(4)).await;
        hello(&client).await;
        assert_eq!(opened.load(Ordering::SeqCst), 2, "h2: {prior_knowledge}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_end_with_their_client() {
    for prior_knowledge in [false, true] {
        let ends = Ends::default();
        let settings = settings(|it| it.prior_knowledge = prior_knowledge);
        let client = Client::builder().connector(scripted(&ends)).settings(settings).build();
        let asking = client.clone();
        let asked = tokio::spawn(async move { hello(&asking).await });
        let server = serve(next_end(&ends).await);
        asked.await.unwrap();
        assert!(!server.is_finished());
        drop(client);
        until(|| server.is_finished()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_server_closed_is_left_without_harm() {
    let ends = Ends::default();
    let client = Client::builder().connector(scripted(&ends)).build();
    for round in 0..3 {
        let asking = client.clone();
        let asked = tokio::spawn(async move { asking.request(get("/")).await });
        let mut server = next_end(&ends).await;
        let _ = server.read(&mut [0; 4096]).await.unwrap();
        server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        assert_eq!(asked.await.unwrap().unwrap().status(), 204, "{round}");
        // It closes; the client may not have noticed when the next request comes.
        drop(server);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_have_been_processed_is_not_sent_again() {
    let ends = Ends::default();
    let client = Client::builder().connector(scripted(&ends)).build();
    let asking = client.clone();
    let asked = tokio::spawn(async move { asking.request(get("/")).await });
    let mut server = next_end(&ends).await;
    assert_ne!(server.read(&mut [0; 4096]).await.unwrap(), 0);
    drop(server);
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(!error.is_retryable());
    assert!(ends.lock().unwrap().is_empty(), "it was sent again");
}

/// A server of HTTP/2 as frames.
struct H2 {
    io: DuplexStream,
    log: FrameLog,
}

impl H2 {
    async fn accept(ends: &Ends) -> Self {
        let mut server = Self { io: next_end(ends).await, log: FrameLog::client() };
        server.send([Frame::settings([])]).await;
        server
    }

    async fn send<const N: usize>(&mut self, frames: [Frame; N]) {
        self.io.write_all(&bytes(frames)).await.unwrap();
    }

    /// Reads until the log holds this.
    async fn until(&mut self, text: &str) {
        while !self.log.to_string().contains(text) {
            let mut octets = [0; 4096];
            let count = self.io.read(&mut octets).await.unwrap();
            assert_ne!(count, 0, "no {text} in\n{}", self.log);
            self.log.feed(&octets[..count]);
        }
    }
}

fn h2_client(ends: &Ends, change: impl FnOnce(&mut Settings)) -> Client {
    let settings = settings(|it| {
        it.prior_knowledge = true;
        change(it);
    });
    Client::builder().connector(scripted(ends)).settings(settings).build()
}

#[tokio::test(start_paused = true)]
async fn a_request_above_the_last_stream_of_a_goaway_is_sent_again() {
    let ends = Ends::default();
    let client = h2_client(&ends, |_| {});
    let asking = client.clone();
    let content = Frames::text("content");
    let asked = tokio::spawn(async move { asking.request(post("/", content)).await });
    let mut first = H2::accept(&ends).await;
    first.until("HEADERS stream=1").await;
    first.until("\"content\"").await;
    first.send([Frame::goaway(0, ErrorCode::NO_ERROR, "")]).await;
    let mut second = H2::accept(&ends).await;
    second.until("\"content\"").await;
    second.send([Frame::headers(1, [(":status", "204")]).end_stream()]).await;
    assert_eq!(asked.await.unwrap().unwrap().status(), 204);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_a_goaway_covers_is_not_sent_again() {
    let ends = Ends::default();
    let client = h2_client(&ends, |_| {});
    let asked = tokio::spawn(async move { client.request(get("/")).await });
    let mut first = H2::accept(&ends).await;
    first.until("HEADERS stream=1").await;
    first.send([Frame::goaway(1, ErrorCode::NO_ERROR, "")]).await;
    drop(first);
    let error = asked.await.unwrap().unwrap_err();
    assert!(!error.is_retryable(), "{error}");
    assert!(ends.lock().unwrap().is_empty(), "it was sent again");
}

#[tokio::test(start_paused = true)]
async fn a_refused_stream_is_sent_again_as_often_as_the_settings_say() {
    let ends = Ends::default();
    let client = h2_client(&ends, |it| it.retries_max = 2);
    let asked = tokio::spawn(async move { client.request(get("/")).await });
    let mut server = H2::accept(&ends).await;
    for stream in [1, 3, 5] {
        server.until(&format!("HEADERS stream={stream}")).await;
        server.send([Frame::rst_stream(stream, ErrorCode::REFUSED_STREAM)]).await;
    }
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!(error.reset_code(), Some(ErrorCode::REFUSED_STREAM));
    assert!(error.is_retryable());
    assert!(!server.log.to_string().contains("stream=7"));
}

#[tokio::test(start_paused = true)]
async fn retries_end_with_the_budget() {
    let ends = Ends::default();
    let client = h2_client(&ends, |it| {
        it.retries_max = 100;
        it.retry_reserve = 2;
        it.retry_percent = 0;
    });
    let asked = tokio::spawn(async move { client.request(get("/")).await });
    let mut server = H2::accept(&ends).await;
    for stream in [1, 3, 5] {
        server.until(&format!("HEADERS stream={stream}")).await;
        server.send([Frame::rst_stream(stream, ErrorCode::REFUSED_STREAM)]).await;
    }
    assert!(asked.await.unwrap().unwrap_err().is_retryable());
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_dropped_resets_only_its_stream() {
    let ends = Ends::default();
    let client = h2_client(&ends, |_| {});
    let asking = client.clone();
    let asked = tokio::spawn(async move { asking.request(get("/")).await });
    let mut server = H2::accept(&ends).await;
    server.until("HEADERS stream=1").await;
    server.send([Frame::headers(1, [(":status", "200")])]).await;
    drop(asked.await.unwrap().unwrap());
    server.until("RST_STREAM stream=1").await;
    assert!(server.log.to_string().contains("CANCEL"), "{}", server.log);
    let asked = tokio::spawn(async move { client.request(get("/")).await });
    server.until("HEADERS stream=3").await;
    server.send([Frame::headers(3, [(":status", "204")]).end_stream()]).await;
    assert_eq!(asked.await.unwrap().unwrap().status(), 204);
}

#[tokio::test(start_paused = true)]
async fn times_are_kept() {
    let ends = Ends::default();
    let client = Client::builder().connector(scripted(&ends)).build();
    let begin = tokio::time::Instant::now();
    let error = client.request(get("/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(begin.elapsed() >= Duration::from_secs(30) && begin.elapsed().as_secs() < 31);

    let nowhere = |_: &Target| -> Connecting { Box::pin(std::future::pending()) };
    let client = Client::builder().connector(nowhere).build();
    let begin = tokio::time::Instant::now();
    let error = client.request(get("/")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
    assert!(begin.elapsed() >= Duration::from_secs(10) && begin.elapsed().as_secs() < 11);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_reached_is_an_error_and_nobody_waits_for_it() {
    let nowhere = |_: &Target| -> Connecting {
        Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
    };
    let settings = settings(|it| it.connections_per_host_max = 1);
    let client = Client::builder().connector(nowhere).settings(settings).build();
    let both = [client.request(get("/")), client.request(get("/"))].map(tokio::spawn);
    for asked in both {
        let error = asked.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Connect, true));
    }
    let request = http::Request::get("ftp://example.com/").body(Frames::empty()).unwrap();
    assert_eq!(client.request(request).await.unwrap_err().kind(), ErrorKind::Request);
}

#[tokio::test]
async fn over_tcp_too() {
    let server = driver_tokio::Server::new(driver_client_side::Desk);
    let listener = server.listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let uri = format!("http://{}/hello", listener.local_addr().unwrap());
    let stop = driver_tokio::Stop::new();
    let signal = stop.clone();
    let serving = tokio::spawn(async move { server.serve(listener, &signal).await });
    for prior_knowledge in [false, true] {
        let settings = settings(|it| it.prior_knowledge = prior_knowledge);
        let client = Client::builder().settings(settings).build();
        let request = http::Request::get(&uri).body(Frames::empty()).unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.version() == http::Version::HTTP_2, prior_knowledge);
        assert_eq!(whole(response).await, (200, b"hello".to_vec()));
    }
    stop.drain();
    serving.await.unwrap();
}
