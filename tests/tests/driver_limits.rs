//! What a server does when there is too much, what it counts, and how it leaves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use driver_tokio::tower::{SUBMITTED_AT, SUBMITTED_AT_CLIENT, Stamped};
use driver_tokio::{Handler, HandlerError, Metrics, Request, Response, Server, Settings, Stop};
use h2_proto::testing::{Frame, FrameLog, client_bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Answers when it is let, and counts who is at work.
struct Gated {
    gate: Arc<Semaphore>,
    at_work: Arc<AtomicUsize>,
}

impl Handler for Gated {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        if request.head().path_and_query() == b"/fail" {
            return Err(HandlerError::Application("on purpose".into()));
        }
        self.at_work.fetch_add(1, Ordering::SeqCst);
        if let Ok(permit) = self.gate.acquire().await {
            permit.forget();
        }
        Ok(response.respond(200, [("content-type", "text/plain")], b"done")?)
    }
}

struct Running {
    address: SocketAddr,
    gate: Arc<Semaphore>,
    at_work: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
    stop: Stop,
    server: JoinHandle<()>,
}

async fn run(change: impl FnOnce(&mut Settings)) -> Running {
    let (gate, at_work) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let handler = Gated { gate: Arc::clone(&gate), at_work: Arc::clone(&at_work) };
    let mut settings = Settings::default();
    change(&mut settings);
    let metrics = Arc::new(Metrics::default());
    let server = Server::new(handler).settings(settings).metrics(Arc::clone(&metrics));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let stopping = stop.clone();
    let server = tokio::spawn(async move { server.serve(listener, &stopping).await });
    Running { address, gate, at_work, metrics, stop, server }
}

impl Running {
    async fn get(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn at_work(&self, count: usize) {
        while self.at_work.load(Ordering::SeqCst) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await;
    text
}

#[tokio::test]
async fn more_requests_than_may_be_at_work_are_answered_503() {
    let running = run(|settings| settings.requests_max = Some(2)).await;
    let first = running.get("/").await;
    let mut h2 = TcpStream::connect(running.address).await.unwrap();
    h2.write_all(&client_bytes([Frame::settings([]), Frame::get(1, "/")])).await.unwrap();
    running.at_work(2).await;
    // One more in each protocol.
    let answer = rest(running.get("/").await).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1"), "{answer}");
    h2.write_all(&Frame::get(3, "/").to_bytes()).await.unwrap();
    let mut log = FrameLog::server();
    let mut buffer = [0; 4096];
    while !log.to_string().contains(":status: 503") {
        let octets = h2.read(&mut buffer).await.unwrap();
        assert!(octets > 0, "{log}");
        log.feed(&buffer[..octets]);
    }
    assert_eq!((running.metrics.requests_shed(), running.metrics.requests_open()), (2, 2));
    running.gate.add_permits(2);
    assert!(rest(first).await.ends_with("done"));
    running.gate.add_permits(1);
    assert!(rest(running.get("/").await).await.ends_with("done"), "there is a place again");
}

#[tokio::test]
async fn connections_that_are_served_one_by_one_share_the_limit() {
    let mut settings = Settings::default();
    settings.requests_max = Some(1);
    let (gate, at_work) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let handler = Gated { gate: Arc::clone(&gate), at_work: Arc::clone(&at_work) };
    let server = Server::new(handler).settings(settings);
    let mut clients = Vec::new();
    for count in 1..=2 {
        let (mut client, io) = tokio::io::duplex(4096);
        let server = server.clone();
        tokio::spawn(async move { server.serve_connection(io, &Stop::new()).await });
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        while count == 1 && at_work.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        clients.push(client);
    }
    let mut line = [0; 12];
    clients[1].read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 503");
    gate.add_permits(1);
    clients[0].read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_full_server_may_turn_connections_away() {
    let running = run(|settings| {
        settings.connections_max = 1;
        settings.connections_shed = true;
    })
    .await;
    let first = running.get("/").await;
    running.at_work(1).await;
    let answer = rest(running.get("/").await).await;
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert_eq!(running.metrics.connections_shed(), 1);
    running.gate.add_permits(2);
    assert!(rest(first).await.ends_with("done"));
    while running.metrics.connections_open() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(rest(running.get("/").await).await.ends_with("done"));
}

#[tokio::test]
async fn counters_add_up() {
    let running = run(|_| {}).await;
    running.gate.add_permits(10);
    for _ in 0..3 {
        assert!(rest(running.get("/").await).await.ends_with("done"));
    }
    assert!(rest(running.get("/fail").await).await.starts_with("HTTP/1.1 500 "));
    assert!(rest(running.get(" ").await).await.starts_with("HTTP/1.1 400 "));
    running.stop.drain();
    running.server.await.unwrap();
    let metrics = running.metrics;
    assert_eq!((metrics.connections(), metrics.connections_open()), (5, 0));
    assert_eq!((metrics.requests(), metrics.requests_open(), metrics.requests_failed()), (4, 0, 1));
    assert_eq!((metrics.ended("closed"), metrics.ended("parse")), (4, 1));
    assert_eq!(metrics.ended("there is no such label"), 0);
    let text = metrics.to_string();
    assert!(text.contains("# TYPE http_requests_total counter\nhttp_requests_total 4\n"), "{text}");
    assert!(text.contains("http_connections_ended_total{outcome=\"closed\"} 4\n"), "{text}");
}

#[tokio::test]
async fn a_server_that_leaves_may_still_accept() {
    let running = run(|_| {}).await;
    running.gate.add_permits(10);
    running.stop.drain_connections();
    // A new connection is told with its first answer that it ends.
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("done"), "{answer}");
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(&client_bytes([Frame::settings([]), Frame::get(1, "/")])).await.unwrap();
    let (mut log, mut buffer) = (FrameLog::server(), [0; 4096]);
    while !(log.to_string().contains("GOAWAY") && log.to_string().contains("\"done\"")) {
        let octets = stream.read(&mut buffer).await.unwrap();
        assert!(octets > 0, "{log}");
        log.feed(&buffer[..octets]);
    }
    drop(stream);
    running.stop.drain();
    running.server.await.unwrap();
}

#[tokio::test]
async fn the_time_of_a_request_is_stamped() {
    async fn seen(request: axum::extract::Request) -> String {
        let field = |name| request.headers().get(name).map_or("", |it| it.to_str().unwrap());
        format!("{} {}", field(SUBMITTED_AT), field(SUBMITTED_AT_CLIENT))
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(seen);
    tokio::spawn(async move { driver_tokio::serve(listener, Stamped(app)).await });
    let before = std::time::SystemTime::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nX-Weft-Submitted-At: 1\r\n\
            x-weft-submitted-at-client: 2\r\n\r\n",
        )
        .await
        .unwrap();
    let answer = rest(stream).await;
    let (_, content) = answer.split_once("\r\n\r\n").unwrap();
    let (stamp, claimed) = content.split_once(' ').unwrap();
    let before = before.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let stamp: u128 = stamp.parse().unwrap();
    assert!((before - 10..before + 10_000).contains(&stamp), "{before} {stamp}");
    assert_eq!(claimed, "1", "what the client said is kept apart");
}

/// Two handlers of one connection that block their threads until both are there.
struct Meeting(Arc<std::sync::Barrier>);

impl Handler for Meeting {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        tokio::task::yield_now().await;
        match request.head().path_and_query() {
            b"/panic" => panic!("on purpose"),
            b"/forever" => std::future::pending().await,
            _ => {
                let _ = self.0.wait();
            }
        }
        Ok(response.respond(200, [("content-type", "text/plain")], b"met")?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_moved_end_before_their_server_does() {
    struct Busy(Arc<AtomicBool>);
    impl Handler for Busy {
        async fn handle(
            &self,
            _: &mut Request<'_>,
            _: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            tokio::task::yield_now().await;
            self.0.store(true, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(200));
            self.0.store(false, Ordering::SeqCst);
            std::future::pending().await
        }
    }
    let busy = Arc::new(AtomicBool::new(false));
    let mut settings = Settings::default();
    settings.move_waiting_handlers = true;
    let (stop, (mut client, io)) = (Stop::new(), tokio::io::duplex(1000));
    let server = Server::new(Busy(Arc::clone(&busy))).settings(settings);
    let signals = stop.clone();
    let server = tokio::spawn(async move { server.serve_connection(io, &signals).await });
    let octets = client_bytes([Frame::settings([]), Frame::get(1, "/")]);
    client.write_all(&octets).await.unwrap();
    while !busy.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.cancel();
    server.await.unwrap();
    assert!(!busy.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handlers_that_wait_may_use_several_threads() {
    let mut settings = Settings::default();
    settings.move_waiting_handlers = true;
    let server = Server::new(Meeting(Arc::new(std::sync::Barrier::new(2)))).settings(settings);
    let (mut client, io) = tokio::io::duplex(64 << 10);
    let serving = tokio::spawn(async move { server.serve_connection(io, &Stop::new()).await });
    let gets = [Frame::settings([]), Frame::get(1, "/"), Frame::get(3, "/")];
    client.write_all(&client_bytes(gets)).await.unwrap();
    client.write_all(&Frame::get(5, "/panic").to_bytes()).await.unwrap();
    client.write_all(&Frame::get(7, "/forever").to_bytes()).await.unwrap();
    let (mut log, mut buffer) = (FrameLog::server(), [0; 4096]);
    let (mut text, mut open) = (String::new(), 3);
    while open > 0 {
        let octets = client.read(&mut buffer).await.unwrap();
        assert!(octets > 0, "{text}");
        log.feed(&buffer[..octets]);
        text = log.to_string();
        open = 3 - text.matches("END_STREAM ").count().min(3);
    }
    assert_eq!(text.matches("\"met\"").count(), 2, "{text}");
    assert!(text.contains(":status: 500"), "a panic is that request's: {text}");
    // One that goes on for ever ends with its stream, and with its connection.
    client.write_all(&Frame::rst_stream(7, h2_proto::ErrorCode::CANCEL).to_bytes()).await.unwrap();
    client.write_all(&Frame::get(9, "/forever").to_bytes()).await.unwrap();
    drop(client);
    assert_eq!(serving.await.unwrap().outcome.label(), "client_closed");
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_served_in_both_protocols() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = path.join(format!("driver-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let gate = Arc::new(Semaphore::new(10));
    let server = Server::new(Gated { gate, at_work: Arc::default() });
    let stop = Stop::new();
    let stopping = stop.clone();
    let serving = tokio::spawn(async move { server.serve(listener, &stopping).await });
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    drop(stream);
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stream.write_all(&client_bytes([Frame::settings([]), Frame::get(1, "/")])).await.unwrap();
    let (mut log, mut buffer) = (FrameLog::server(), [0; 4096]);
    while !log.to_string().contains("\"done\"") {
        let octets = stream.read(&mut buffer).await.unwrap();
        assert!(octets > 0, "{log}");
        log.feed(&buffer[..octets]);
    }
    drop(stream);
    stop.drain();
    serving.await.unwrap();
    let _ = std::fs::remove_file(&path);
}
