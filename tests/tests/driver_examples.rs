//! The examples of the README that serve, but that of TLS, which wants files: each is run here as it stands
//! there, and what it answers is looked at.
//!
//! An example stands between two lines that name it; lines that end with `// not shown` are not in the README,
//! and its ports are ours.
#![allow(unused_qualifications, reason = "the README says where names come from")]

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use driver_tokio::client::Client;
use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tonic::transport::Endpoint;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// As in the README, whose lines are shorter than we would have them.
#[rustfmt::skip]
mod native {
    use super::*;

    // example: native, handler
    use driver_tokio::{BodyLength, Handler, HandlerError, Request, Response, Server, Stop};

    struct Upper;

    impl Handler for Upper {
        async fn handle(
            &self,
            request: &mut Request<'_>,
            response: &mut Response<'_>,
        ) -> Result<(), HandlerError> {
            // The first piece before the head: in HTTP/1.1 an answer that ignores the content ends the
            // connection.
            let Some(first) = request.data().await? else {
                response.respond(200, [("content-type", "text/plain")], b"send something")?;
                return Ok(());
            };
            response.send_response(200, [("content-type", "text/plain")], BodyLength::Unknown)?;
            response.send_data(&first.to_ascii_uppercase()).await?;
            while let Some(data) = request.data().await? {
                response.send_data(&data.to_ascii_uppercase()).await?; // waits for a slow client
            }
            response.send_trailers([("x-done", "yes")])?;
            Ok(())
        }
    }
    // end

    pub(super) async fn example(
        tell: oneshot::Sender<SocketAddr>,
        stopped: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        // example: native
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        told(tell, &listener); // not shown
        let stop = Stop::new(); // stop.drain() finishes what was begun, stop.cancel() does not
        let drain = stop.clone(); // not shown
        tokio::spawn(async move { stopped.await; drain.drain() }); // not shown
        Server::new(Upper)
            .on_end(|ended| eprintln!("a connection ended: {}", ended.outcome))
            .serve(listener, &stop)
            .await;
        // end
        Ok(())
    }
}

async fn axum_example(
    tell: oneshot::Sender<SocketAddr>,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // example: axum
    let app = axum::Router::new().route("/", axum::routing::get(|| async { "hello" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    told(tell, &listener); // not shown
    // `stopped` is any future that gives `()`, such as the one above.
    driver_tokio::serve(listener, app).with_graceful_shutdown(stopped).await?;
    // end
    Ok(())
}

async fn tonic_example(
    tell: oneshot::Sender<SocketAddr>,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // example: tonic
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("shop", tonic_health::ServingStatus::Serving).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    told(tell, &listener); // not shown
    driver_tokio::serve(listener, service).with_graceful_shutdown(stopped).await?;
    // end
    Ok(())
}

/// The same.
#[rustfmt::skip]
mod deadline {
    use super::*;

    // example: deadline, used
    use std::time::Duration;
    use axum::{extract::Request, middleware::{Next, from_fn}, response::Response};
    use tonic::{Status, service::Routes};

    /// Such as `100m`: at most 8 digits, and a unit.
    fn timeout(value: &str) -> Option<Duration> {
        let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
        let number = digits.parse::<u32>().ok().filter(|_| digits.len() <= 8)?;
        Some(number * match unit {
            "H" => Duration::from_secs(3600),
            "M" => Duration::from_secs(60),
            "S" => Duration::from_secs(1),
            "m" => Duration::from_millis(1),
            "u" => Duration::from_micros(1),
            "n" => Duration::from_nanos(1),
            _ => return None,
        })
    }

    async fn deadline(request: Request, next: Next) -> Response {
        let value = request.headers().get("grpc-timeout").and_then(|it| it.to_str().ok());
        let Some(timeout) = value.and_then(timeout) else { return next.run(request).await };
        let answer = tokio::time::timeout(timeout, next.run(request)).await;
        answer.unwrap_or_else(|_| Status::deadline_exceeded("it took too long").into_http())
    }
    // end

    pub(super) async fn example(
        tell: oneshot::Sender<SocketAddr>,
        stopped: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let slow = axum::routing::post(std::future::pending::<String>);
        let routes = Routes::from(axum::Router::new().route("/slow", slow));
        // example: deadline
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        told(tell, &listener); // not shown
        let app = routes.into_axum_router().layer(from_fn(deadline));
        driver_tokio::serve(listener, app).with_graceful_shutdown(stopped).await?;
        // end
        Ok(())
    }
}

/// The same.
#[rustfmt::skip]
mod own_loop {
    use super::*;

    // example: own loop, used
    use driver_tokio::{ConnectionInfo, Server, Stop, tower::{Body, Tower}};
    use http::{Request, Response};

    async fn hello(request: Request<Body>) -> Result<Response<String>, std::convert::Infallible> {
        Ok(Response::new(format!("you asked for {}\n", request.uri())))
    }
    // end

    pub(super) async fn example(
        tell: oneshot::Sender<SocketAddr>,
        _stopped: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        // example: own loop
        let server = Server::new(Tower(tower::service_fn(hello)));
        let stop = Stop::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        told(tell, &listener); // not shown
        loop {
            let (stream, peer) = listener.accept().await?;
            let info = ConnectionInfo::new(Some(peer), None);
            let (server, stop) = (server.clone(), stop.clone());
            tokio::spawn(async move { server.serve_connection_with(stream, info, &stop).await });
        }
        // end
    }
}

/// The same.
#[rustfmt::skip]
mod seeing {
    use super::*;

    // example: seeing, used
    use std::sync::Arc;
    use axum::{Router, routing::get};
    use driver_tokio::{Metrics, Outcome, tower::Stamped};
    // end

    pub(super) async fn example(
        tell: oneshot::Sender<SocketAddr>,
        stopped: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        // example: seeing
        let metrics = Arc::new(Metrics::default());
        let shown = Arc::clone(&metrics);
        let app = Router::new()
            .route("/", get(|headers: axum::http::HeaderMap| async move {
                let came = headers.get("x-weft-submitted-at").unwrap(); // milliseconds since 1970
                format!("your request came at {}", came.to_str().unwrap())
            }))
            .route("/metrics", get(|| async move { shown.to_string() })); // as Prometheus reads it
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        told(tell, &listener); // not shown
        driver_tokio::serve(listener, Stamped(app))
            .metrics(metrics)
            .on_end(|ended| match &ended.outcome {
                Outcome::Closed | Outcome::ClientClosed => {}
                outcome => eprintln!("{outcome}"), // with the rule that was broken, and where
            })
            .with_graceful_shutdown(stopped)
            .await?;
        // end
        Ok(())
    }
}

/// The same.
#[rustfmt::skip]
mod chat {
    use super::*;

    // example: chat, handler
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::{IntoResponse, Response};
    use axum::{Extension, Router, routing::any};
    use driver_tokio::tower::{Protocol, RequestInfo};
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::{handshake::derive_accept_key, protocol::Role};

    async fn chat(
        Extension(info): Extension<RequestInfo>,
        protocol: Option<Extension<Protocol>>, // there on an extended CONNECT
        headers: HeaderMap,
    ) -> Response {
        let on_upgrade = info.on_upgrade(); // of a native handler: request.on_upgrade()
        tokio::spawn(async move {
            // An error: the answer was another one, or the client is gone.
            let Ok(stream) = on_upgrade.await else { return };
            let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            while let Some(Ok(message)) = socket.next().await {
                if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                    break;
                }
            }
        });
        if protocol.is_some_and(|it| it.0.0 == "websocket") {
            return StatusCode::OK.into_response(); // HTTP/2
        }
        let Some(key) = headers.get("sec-websocket-key") else {
            return (StatusCode::UPGRADE_REQUIRED, [("upgrade", "websocket")]).into_response();
        };
        let accept = derive_accept_key(key.as_bytes());
        let fields = [("upgrade", "websocket".to_owned()), ("sec-websocket-accept", accept)];
        (StatusCode::SWITCHING_PROTOCOLS, fields).into_response()
    }
    // end

    pub(super) async fn example(
        tell: oneshot::Sender<SocketAddr>,
        _stopped: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        // example: chat
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        told(tell, &listener); // not shown
        driver_tokio::serve(listener, Router::new().route("/chat", any(chat))).await
        // end
    }
}

fn told(tell: oneshot::Sender<SocketAddr>, listener: &TcpListener) {
    tell.send(listener.local_addr().unwrap()).unwrap();
}

/// An example that runs.
struct Running {
    url: String,
    stop: oneshot::Sender<()>,
    example: JoinHandle<io::Result<()>>,
}

/// Makes the two ends that an example wants, and runs it.
macro_rules! run {
    ($example:path) => {{
        let (tell, address) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let example = tokio::spawn($example(tell, async { drop(stopped.await) }));
        Running { url: format!("http://{}", address.await.unwrap()), stop, example }
    }};
}

impl Running {
    /// Status, content type and content.
    async fn get(&self, path: &str) -> (u16, String, String) {
        let request = http::Request::get(format!("{}{path}", self.url)).body(String::new());
        let response = Client::builder().build().request(request.unwrap()).await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        let status = response.status().as_u16();
        let content = response.into_body().collect().await.unwrap().to_bytes();
        (status, kind, String::from_utf8(content.to_vec()).unwrap())
    }

    /// Content and trailers of the answer to this content.
    async fn post(&self, content: &str) -> (String, Option<http::HeaderMap>) {
        let request = http::Request::post(&self.url).body(content.to_owned()).unwrap();
        let response = Client::builder().build().request(request).await.unwrap();
        let content = response.into_body().collect().await.unwrap();
        let trailers = content.trailers().cloned();
        (String::from_utf8(content.to_bytes().to_vec()).unwrap(), trailers)
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.example.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_native_handler_answers() {
    let running = run!(native::example);
    assert_eq!(running.get("/").await, (200, "text/plain".into(), "send something".into()));
    let (content, trailers) = running.post("some content").await;
    assert_eq!(content, "SOME CONTENT");
    assert_eq!(trailers.unwrap()["x-done"], "yes");
    running.end().await;
}

#[tokio::test]
async fn axum_answers() {
    let running = run!(axum_example);
    let text = String::from("text/plain; charset=utf-8");
    assert_eq!(running.get("/").await, (200, text, "hello".into()));
    running.end().await;
}

#[tokio::test]
async fn tonic_answers() {
    let running = run!(tonic_example);
    let channel = Endpoint::from_shared(running.url.clone()).unwrap().connect().await.unwrap();
    let request = HealthCheckRequest { service: "shop".into() };
    let answer = HealthClient::new(channel).check(request).await.unwrap();
    assert_eq!(answer.into_inner().status, ServingStatus::Serving as i32);
    running.end().await;
}

#[tokio::test]
async fn a_call_ends_at_its_deadline() {
    let running = run!(deadline::example);
    let request = http::Request::post(format!("{}/slow", running.url));
    let request = request.header("grpc-timeout", "20m").body(String::new()).unwrap();
    let response = Client::builder().build().request(request).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "4");
    running.end().await;
}

#[tokio::test]
async fn a_loop_of_ones_own_serves() {
    let running = run!(own_loop::example);
    let request = http::Request::get(format!("{}/here", running.url)).body(String::new());
    let response = Client::builder().build().request(request.unwrap()).await.unwrap();
    let content = response.into_body().collect().await.unwrap().to_bytes();
    assert!(content.starts_with(b"you asked for ") && content.ends_with(b"/here\n"), "{content:?}");
    // It has nothing that stops it.
    running.example.abort();
}

#[tokio::test]
async fn what_is_said_into_the_web_socket_comes_back() {
    let running = run!(chat::example);
    let stream = TcpStream::connect(running.url.trim_start_matches("http://")).await.unwrap();
    let (mut socket, _) = client_async("ws://localhost/chat", stream).await.unwrap();
    socket.send(Message::text("a word")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("a word"));
    // It has nothing that stops it.
    running.example.abort();
}

#[tokio::test]
async fn what_happens_is_seen() {
    let running = run!(seeing::example);
    let (_, _, content) = running.get("/").await;
    let stamp: u64 = content.strip_prefix("your request came at ").unwrap().parse().unwrap();
    assert!(stamp > 1_700_000_000_000, "milliseconds: {stamp}");
    let (status, kind, content) = running.get("/metrics").await;
    assert_eq!((status, &*kind), (200, "text/plain; charset=utf-8"));
    assert!(content.contains("\nhttp_requests_total 2\n"), "{content}");
    running.end().await;
}

#[test]
fn the_examples_are_those_of_the_readme() {
    let readme = without_ports(include_str!("../../README.md"));
    let mut found = Vec::new();
    // Written so that it does not find itself.
    for rest in include_str!("driver_examples.rs").split(concat!("// ", "example")).skip(1) {
        let Some((name, rest)) = rest.strip_prefix(": ").and_then(|it| it.split_once('\n')) else {
            continue;
        };
        let code = rest.split("// end\n").next().unwrap();
        let indent = code.len() - code.trim_start().len();
        let lines = code.lines().filter(|line| !line.ends_with("// not shown"));
        let lines = lines.map(|line| line.get(indent..).unwrap_or_default());
        let code = without_ports(lines.collect::<Vec<_>>().join("\n").trim_end());
        assert!(readme.contains(&format!("\n{code}\n")), "{name} is not in the README:\n{code}");
        found.push(name);
    }
    let all = [
        "native, handler",
        "native",
        "axum",
        "tonic",
        "deadline, used",
        "deadline",
        "own loop, used",
        "own loop",
        "seeing, used",
        "seeing",
        "chat, handler",
        "chat",
    ];
    assert_eq!(found, all);
}

fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result += "127.0.0.1:";
        result += part.trim_start_matches(|it: char| it.is_ascii_digit());
    }
    result
}
