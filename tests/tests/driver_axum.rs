//! axum applications on the driver, unchanged, in both protocols.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{ConnectInfo, Path, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use driver_tokio::tower::RequestInfo;
use h2_proto::testing::{Frame, FrameLog, bytes, client_bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

async fn early(request: Request) -> impl IntoResponse {
    let info = request.extensions().get::<RequestInfo>().unwrap().clone();
    let mut hints = HeaderMap::new();
    hints.insert("link", "</a>; rel=preload".parse().unwrap());
    info.send_informational(StatusCode::EARLY_HINTS, hints).unwrap();
    tokio::task::yield_now().await;
    let version = format!("{:?}", request.version());
    let peer = info.connection().peer().is_some();
    (StatusCode::CREATED, format!("{version} {peer} {}", info.connection().is_tls()))
}

fn router() -> Router {
    Router::new()
        .route(
            "/hello/{name}",
            get(|Path(name): Path<String>| async move { format!("hello {name}") }),
        )
        .route("/echo", post(|body: axum::body::Bytes| async move { body }))
        .route("/early", get(early))
}

/// Serves in the background: where, and what ends it.
async fn run(router: Router) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(async move {
        let signal = async move { drop(stopped.await) };
        driver_tokio::serve(listener, router).with_graceful_shutdown(signal).await.unwrap();
    });
    (address, stop, server)
}

async fn h1(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// All that the server says on a connection of HTTP/2, as text.
async fn h2(address: SocketAddr, frames: impl IntoIterator<Item = Frame>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let hello = client_bytes([Frame::settings([])]);
    stream.write_all(&[hello, bytes(frames)].concat()).await.unwrap();
    let mut log = FrameLog::server();
    let mut buffer = [0; 4096];
    while !log.to_string().contains("END_STREAM") {
        let octets = stream.read(&mut buffer).await.unwrap();
        assert!(octets > 0, "{log}");
        log.feed(&buffer[..octets]);
    }
    log.to_string()
}

#[tokio::test]
async fn a_router_on_both_protocols() {
    let (address, stop, server) = run(router()).await;
    let answer =
        h1(address, "GET /hello/you HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello you"),
        "{answer}"
    );
    let answer = h2(address, [Frame::get(1, "/hello/you")]).await;
    assert!(answer.contains(":status: 200") && answer.contains("\"hello you\""), "{answer}");
    let post = Frame::headers(
        1,
        [(":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "a")],
    );
    let answer = h2(address, [post, Frame::data(1, "what comes goes").end_stream()]).await;
    assert!(answer.contains("\"what comes goes\""), "{answer}");
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn interim_responses_and_what_is_known_of_a_request() {
    let (address, _stop, _server) = run(router()).await;
    let answer = h1(address, "GET /early HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(
        answer.starts_with(
            "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\nHTTP/1.1 201 "
        ),
        "{answer}"
    );
    assert!(answer.ends_with("HTTP/1.1 true false"), "{answer}");
    let answer = h2(address, [Frame::get(1, "/early")]).await;
    let (hints, status) = (answer.find(":status: 103"), answer.find(":status: 201"));
    assert!(hints.is_some() && hints < status, "{answer}");
    assert!(answer.contains("HTTP/2.0 true false"), "{answer}");
}

#[tokio::test]
async fn connect_info() {
    async fn peer(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> String {
        peer.ip().to_string()
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let make =
        Router::new().route("/", get(peer)).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { driver_tokio::serve(listener, make).await });
    let answer = h1(address, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
    let answer = h2(address, [Frame::get(1, "/")]).await;
    assert!(answer.contains("\"127.0.0.1\""), "{answer}");
}

#[tokio::test]
async fn a_shutdown_lets_what_was_begun_end() {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    let gate = Arc::new(tokio::sync::Notify::new());
    let inner = Arc::clone(&gate);
    let slow = move || async move {
        BEGUN.store(true, Ordering::SeqCst);
        inner.notified().await;
        "late"
    };
    let (address, stop, server) = run(Router::new().route("/", get(slow))).await;
    let asking = tokio::spawn(async move { h2(address, [Frame::get(1, "/")]).await });
    while !BEGUN.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    stop.send(()).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert!(TcpStream::connect(address).await.is_err(), "no new connections");
    gate.notify_one();
    let answer = asking.await.unwrap();
    assert!(answer.contains("GOAWAY") && answer.contains("\"late\""), "{answer}");
    server.await.unwrap();
}

#[tokio::test]
async fn content_that_is_too_long_is_413_however_it_is_framed() {
    async fn length(octets: axum::body::Bytes) -> String {
        octets.len().to_string()
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut settings = driver_tokio::Settings::default();
    settings.body_bytes_max = Some(100);
    let router = Router::new().route("/", post(length));
    tokio::spawn(async move { driver_tokio::serve(listener, router).settings(settings).await });
    let post = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    let text = "x".repeat(101);
    let chunked = format!("{post}transfer-encoding: chunked\r\n\r\n65\r\n{text}\r\n0\r\n\r\n");
    let known = format!("{post}content-length: 101\r\n\r\n{text}");
    for request in [chunked, known] {
        let answer = h1(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{answer}");
        // The octet at which it ended is not the client's business.
        assert!(!answer.contains("octet"), "{answer}");
    }
}
