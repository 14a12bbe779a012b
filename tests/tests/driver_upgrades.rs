//! WebSockets from listeners: native and tower, over the Upgrade of HTTP/1.1 and the extended CONNECT of
//! HTTP/2 (RFC 8441), with tungstenite, hyper and our own client at the other end; places, drains, ends.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response as AxumResponse};
use axum::routing::{any, get};
use axum::{Extension, http};
use driver_tokio::client::{self, Client};
use driver_tokio::tower::{Protocol, RequestInfo};
use driver_tokio::{
    BodyLength, Gone, Handler, HandlerError, Metrics, OnUpgrade, Request, Response, Server,
    Settings, Stop,
};
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
use tokio_tungstenite::{WebSocketStream, client_async};

/// How a WebSocket of a server ended: messages, or why there was none.
type Ends = mpsc::UnboundedSender<Result<usize, Gone>>;

/// Echoes until the end.
fn echo(on_upgrade: OnUpgrade, ends: Ends) {
    tokio::spawn(async move {
        let upgraded = match on_upgrade.await {
            Ok(upgraded) => upgraded,
            Err(gone) => return drop(ends.send(Err(gone))),
        };
        let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, None).await;
        let mut messages = 0;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() || message.is_binary() {
                messages += 1;
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        }
        let _ = ends.send(Ok(messages));
    });
}

/// The native server.
struct Native(Ends);

impl Handler for Native {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        if request.head().path_and_query() == b"/hello" {
            return Ok(response.respond(200, [("content-type", "text/plain")], b"hello")?);
        }
        echo(request.on_upgrade(), self.0.clone());
        let head = request.head();
        if head.path_and_query() == b"/forbidden" {
            return Ok(response.respond(403, [("content-type", "text/plain")], b"no\n")?);
        }
        if head.protocol() == Some(b"websocket") {
            let none: [(&str, &str); 0] = [];
            return Ok(response.send_response(200, none, BodyLength::None)?);
        }
        let accept = derive_accept_key(head.field("sec-websocket-key").unwrap_or_default());
        let fields = [("upgrade", "websocket"), ("sec-websocket-accept", &accept)];
        Ok(response.send_response(101, fields, BodyLength::None)?)
    }
}

/// The same as a route of axum.
fn router(ends: Ends) -> Router {
    let chat = {
        let ends = ends.clone();
        move |info: Extension<RequestInfo>,
              protocol: Option<Extension<Protocol>>,
              headers: HeaderMap| async move {
            echo(info.on_upgrade(), ends);
            match protocol {
                Some(protocol) if protocol.0.0 == "websocket" => StatusCode::OK.into_response(),
                _ => switch(&headers),
            }
        }
    };
    let forbidden = move |info: Extension<RequestInfo>| async move {
        echo(info.on_upgrade(), ends);
        StatusCode::FORBIDDEN
    };
    Router::new()
        .route("/chat", any(chat))
        .route("/forbidden", any(forbidden))
        .route("/hello", get(|| async { "hello" }))
}

fn switch(headers: &HeaderMap) -> AxumResponse {
    let key = headers.get("sec-websocket-key").map_or(&b""[..], |key| key.as_bytes());
    let fields = [
        ("upgrade", "websocket".to_owned()),
        ("connection", "upgrade".to_owned()),
        ("sec-websocket-accept", derive_accept_key(key)),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, fields).into_response()
}

/// A server on a listener.
struct Running {
    address: SocketAddr,
    stop: Stop,
    ends: mpsc::UnboundedReceiver<Result<usize, Gone>>,
    metrics: Arc<Metrics>,
    server: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug)]
enum Door {
    Native,
    Tower,
}

const DOORS: [Door; 2] = [Door::Native, Door::Tower];

async fn run(door: Door, settings: Settings) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, ends) = mpsc::unbounded_channel();
    let (stop, metrics) = (Stop::new(), Arc::new(Metrics::default()));
    let (signals, counters) = (stop.clone(), Arc::clone(&metrics));
    let server = tokio::spawn(async move {
        match door {
            Door::Native => {
                let server = Server::new(Native(sender)).settings(settings).metrics(counters);
                server.serve(listener, &signals).await;
            }
            Door::Tower => {
                let serving = driver_tokio::serve(listener, router(sender)).settings(settings);
                serving.metrics(counters).with_stop(signals).await.unwrap();
            }
        }
    });
    Running { address, stop, ends, metrics, server }
}

impl Running {
    async fn ended(&mut self) -> Result<usize, Gone> {
        within(self.ends.recv()).await.unwrap()
    }
}

/// What hangs fails.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it does not hang")
}

async fn open_h1(address: SocketAddr) -> WebSocketStream<TcpStream> {
    let io = TcpStream::connect(address).await.unwrap();
    let request = "ws://localhost/chat".into_client_request().unwrap();
    within(client_async(request, io)).await.unwrap().0
}

fn client_h2() -> Client {
    let mut settings = client::Settings::default();
    settings.prior_knowledge = true;
    Client::builder().settings(settings).build()
}

fn extended(address: SocketAddr, path: &str) -> http::Request<client::Body> {
    let request = http::Request::connect(format!("http://{address}{path}"));
    request
        .extension(Protocol("websocket".into()))
        .header("sec-websocket-version", "13")
        .body(client::Body::empty())
        .unwrap()
}

async fn open_h2(client: &Client, address: SocketAddr) -> WebSocketStream<driver_tokio::Upgraded> {
    let mut response = within(client.request(extended(address, "/chat"))).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, http::Version::HTTP_2));
    assert_eq!(response.headers().get("content-length"), None);
    let upgraded = client::upgrade(&mut response).await.unwrap();
    WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await
}

async fn hello(client: &Client, address: SocketAddr) {
    let request = http::Request::get(format!("http://{address}/hello")).body(client::Body::empty());
    let response = within(client.request(request.unwrap())).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
}

/// A conversation: small messages, large ones both ways at once, the closing handshake.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(socket: WebSocketStream<S>) {
    let (mut sink, mut answers) = socket.split();
    let large: Vec<u8> = (0..1_000_000u32).map(|at| (at >> 3) as u8).collect();
    let mut messages: Vec<Message> =
        (0..100).map(|number| Message::text(format!("message {number}"))).collect();
    messages.extend([Message::binary(large), Message::text("the last")]);
    let sent = messages.clone();
    let sending = async {
        for message in sent {
            sink.send(message).await.unwrap();
        }
        sink.close().await.unwrap();
    };
    let getting = async {
        for message in messages {
            assert!(answers.next().await.unwrap().unwrap() == message);
        }
        assert!(answers.next().await.unwrap().unwrap().is_close());
    };
    within(async { tokio::join!(sending, getting) }).await;
}

#[tokio::test]
async fn tungstenite_over_the_upgrade_of_http1() {
    for door in DOORS {
        let mut running = run(door, Settings::default()).await;
        converse(open_h1(running.address).await).await;
        assert_eq!(running.ended().await, Ok(102), "{door:?}");
    }
}

#[tokio::test]
async fn our_client_over_extended_connect() {
    for door in DOORS {
        let mut running = run(door, Settings::default()).await;
        let client = client_h2();
        // The first request of a connection, too: the client waits until the server allows it.
        converse(open_h2(&client, running.address).await).await;
        assert_eq!(running.ended().await, Ok(102), "{door:?}");
        hello(&client, running.address).await;
        assert_eq!(running.metrics.connections(), 1);
    }
}

#[tokio::test]
async fn hyper_over_extended_connect() {
    for door in DOORS {
        let mut running = run(door, Settings::default()).await;
        let io = TokioIo::new(TcpStream::connect(running.address).await.unwrap());
        let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        let (mut sender, connection) = builder.handshake(io).await.unwrap();
        tokio::spawn(connection);
        // It does not wait for SETTINGS by itself.
        let get = http::Request::get("http://localhost/hello").body(Empty::<bytes::Bytes>::new());
        assert_eq!(within(sender.send_request(get.unwrap())).await.unwrap().status(), 200);
        let request = http::Request::connect("http://localhost/chat")
            .extension(hyper::ext::Protocol::from_static("websocket"))
            .body(Empty::new())
            .unwrap();
        let mut response = within(sender.send_request(request)).await.unwrap();
        assert_eq!(response.status(), 200);
        let upgraded = TokioIo::new(hyper::upgrade::on(&mut response).await.unwrap());
        converse(WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await).await;
        assert_eq!(running.ended().await, Ok(102), "{door:?}");
    }
}

#[tokio::test]
async fn hyper_over_the_upgrade_of_http1() {
    let mut running = run(Door::Tower, Settings::default()).await;
    let io = TokioIo::new(TcpStream::connect(running.address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let request = http::Request::get("http://localhost/chat")
        .header("host", "localhost")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    let mut response = within(sender.send_request(request)).await.unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers().get("content-length"), None);
    let upgraded = TokioIo::new(hyper::upgrade::on(&mut response).await.unwrap());
    converse(WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await).await;
    assert_eq!(running.ended().await, Ok(102));
}

#[tokio::test]
async fn a_refusal_is_told_to_whoever_waits_and_the_connection_goes_on() {
    for door in DOORS {
        let mut running = run(door, Settings::default()).await;
        let mut io = TcpStream::connect(running.address).await.unwrap();
        for _ in 0..2 {
            let request = b"GET /forbidden HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n\
                upgrade: websocket\r\n\r\n";
            io.write_all(request).await.unwrap();
            // At once, not when the connection ends.
            assert_eq!(running.ended().await, Err(Gone::NotUpgraded), "{door:?}");
        }
        io.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answers = Vec::new();
        while !answers.ends_with(b"\r\n\r\nhello") {
            assert!(within(io.read_buf(&mut answers)).await.unwrap() > 0);
        }
        let client = client_h2();
        let mut response = client.request(extended(running.address, "/forbidden")).await.unwrap();
        assert_eq!(response.status(), 403);
        let error = client::upgrade(&mut response).await.unwrap_err();
        assert_eq!(error.kind(), client::ErrorKind::NotUpgraded);
        assert_eq!(running.ended().await, Err(Gone::NotUpgraded), "{door:?}");
        drop(response);
        hello(&client, running.address).await;
    }
}

#[tokio::test]
async fn a_client_that_vanishes_ends_the_websocket() {
    for door in DOORS {
        let mut running = run(door, Settings::default()).await;
        let mut socket = open_h1(running.address).await;
        socket.send(Message::text("one")).await.unwrap();
        socket.next().await.unwrap().unwrap();
        drop(socket);
        assert_eq!(running.ended().await, Ok(1));
        let client = client_h2();
        let mut socket = open_h2(&client, running.address).await;
        socket.send(Message::text("one")).await.unwrap();
        socket.next().await.unwrap().unwrap();
        drop((socket, client));
        assert_eq!(running.ended().await, Ok(1));
    }
}

/// One of which nothing is read and that is full both ways holds no other stream back.
#[tokio::test]
async fn other_streams_go_on_beside_a_websocket_that_is_stuck() {
    for door in DOORS {
        let mut running = run(door, Settings::default()).await;
        let client = client_h2();
        let mut stuck = open_h2(&client, running.address).await;
        let message = Message::binary(vec![7; 200_000]);
        // More than the windows of both directions: the server waits with its echo, and we.
        let blocked = async {
            loop {
                stuck.send(message.clone()).await.unwrap();
            }
        };
        let sent = tokio::time::timeout(Duration::from_millis(300), blocked).await;
        assert!(sent.is_err());
        for _ in 0..20 {
            hello(&client, running.address).await;
        }
        converse(open_h2(&client, running.address).await).await;
        assert_eq!(running.ended().await, Ok(102));
        drop(stuck);
        running.ended().await.unwrap();
        assert_eq!(running.metrics.connections(), 1);
    }
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_place() {
    for door in DOORS {
        let mut settings = Settings::default();
        settings.connections_max = 1;
        let mut running = run(door, settings).await;
        let mut socket = open_h1(running.address).await;
        socket.send(Message::text("one")).await.unwrap();
        socket.next().await.unwrap().unwrap();
        assert_eq!(running.metrics.connections_open(), 1);
        assert_eq!(running.metrics.ended("upgraded"), 1);
        let mut next = TcpStream::connect(running.address).await.unwrap();
        let request = b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        next.write_all(request).await.unwrap();
        let mut octet = [0; 1];
        let early = tokio::time::timeout(Duration::from_millis(100), next.read(&mut octet));
        assert!(early.await.is_err(), "there is no place");
        drop(socket);
        assert_eq!(running.ended().await, Ok(1));
        let mut answer = String::new();
        within(next.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    }
}

#[tokio::test]
async fn a_drain_waits_for_no_transport_that_was_handed_over() {
    for door in DOORS {
        let running = run(door, Settings::default()).await;
        let socket = open_h1(running.address).await;
        running.stop.drain();
        within(running.server).await.unwrap();
        converse(socket).await;
    }
}

#[tokio::test]
async fn a_drain_lets_a_tunnel_of_http2_come_to_its_end() {
    for door in DOORS {
        let mut running = run(door, Settings::default()).await;
        let client = client_h2();
        let socket = open_h2(&client, running.address).await;
        running.stop.drain();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!running.server.is_finished());
        converse(socket).await;
        assert_eq!(running.ended().await, Ok(102));
        within(running.server).await.unwrap();
    }
}

#[tokio::test]
async fn a_cancellation_cuts_what_is_on_a_connection_of_http() {
    for door in DOORS {
        let mut running = run(door, Settings::default()).await;
        let client = client_h2();
        let mut socket = open_h2(&client, running.address).await;
        running.stop.cancel();
        assert_eq!(running.ended().await, Ok(0));
        within(running.server).await.unwrap();
        assert!(within(socket.next()).await.unwrap().is_err());
    }
}

#[tokio::test]
async fn an_extended_connect_is_not_sent_where_it_means_something_else() {
    let running = run(Door::Native, Settings::default()).await;
    let error = Client::new().request(extended(running.address, "/chat")).await.unwrap_err();
    assert_eq!(error.kind(), client::ErrorKind::Request);
    // A server that does not allow it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = h2_proto::Config::default();
    config.connect_protocol = false;
    let (ends, _ended) = mpsc::unbounded_channel();
    let server = Server::new(Native(ends)).h2_config(config);
    tokio::spawn(async move { server.serve(listener, &Stop::new()).await });
    let error = within(client_h2().request(extended(address, "/chat"))).await.unwrap_err();
    assert_eq!(error.kind(), client::ErrorKind::Request);
}
