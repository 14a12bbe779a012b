//! The servers that are in this binary, each in a process that runs it with `--serve`.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt;
use bytes::Bytes;
use driver_tokio::{Handler, HandlerError, Request, Response, Server, Settings, Stop};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::runtime;

use crate::bare::{self, Kind};
use crate::process::Protocol;

/// What all answer.
pub(crate) const CONTENT: &str = "Hello, World!";

const TEXT: &str = "text/plain";

/// Serves until whoever started it closes the standard input, or is gone.
pub(crate) fn run(name: &str, protocol: &str, workers: &str) -> ExitCode {
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let protocol = if protocol == "h2" { Protocol::H2 } else { Protocol::H1 };
    let workers = workers.parse().expect("a number");
    let Err(error) = serve(name, protocol, workers) else { return ExitCode::SUCCESS };
    eprintln!("{name}: {error}");
    ExitCode::FAILURE
}

/// Hyper and axum, and tasks without a protocol, have one listener and a runtime of so many threads. All
/// others have a listener for each worker, on one port, and a runtime or a loop for each.
fn serve(name: &str, protocol: Protocol, workers: usize) -> io::Result<()> {
    let shares = ["hyper", "hyper+time", "axum", "tokio"].contains(&name);
    let mut listeners = listeners(if shares { 1 } else { workers })?;
    println!("{}", listeners[0].local_addr()?);
    io::stdout().flush()?;
    if shares && workers > 1 {
        let runtime =
            runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
        let listener = listeners.remove(0);
        // A task, so that accepting is the work of a worker, too.
        let name = name.to_owned();
        let serving = async move { on_tokio(&name, protocol, listener).await };
        return runtime.block_on(async { tokio::spawn(serving).await? });
    }
    std::thread::scope(|scope| {
        let one = |listener| match name {
            "epoll" | "epoll+echo" => {
                bare::epoll_loop(listener, Kind::new(protocol, name == "epoll+echo"))
            }
            _ => runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(on_tokio(name, protocol, listener)),
        };
        let last = listeners.pop().expect("one at least");
        for listener in listeners {
            scope.spawn(move || one(listener));
        }
        one(last)
    })
}

/// So many on one port.
fn listeners(count: usize) -> io::Result<Vec<std::net::TcpListener>> {
    // Tokio's are made within a runtime.
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let _within = runtime.enter();
    let mut settings = Settings::default();
    // Thousands connect at once.
    settings.backlog = 4096;
    settings.reuse_port = count > 1;
    let server = Server::new(Hello).settings(settings);
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut listeners = Vec::new();
    for _ in 0..count {
        let listener = server.listen(address)?;
        address = listener.local_addr()?;
        listeners.push(listener.into_std()?);
    }
    Ok(listeners)
}

async fn on_tokio(
    name: &str,
    protocol: Protocol,
    listener: std::net::TcpListener,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    match name {
        "ours" => ours(listener, Hello).await,
        "ours+echo" => ours(listener, Echo).await,
        "ours+streams" => streams(listener).await,
        "ours+axum" => driver_tokio::serve(listener, router()).config(patient()).await?,
        "axum" => {
            let listener = listener.tap_io(|stream| {
                let _ = stream.set_nodelay(true);
            });
            axum::serve(listener, router()).await?;
        }
        "hyper" if protocol == Protocol::H2 => hyper_h2(listener).await?,
        "hyper" => hyper_h1(listener, None).await?,
        "hyper+time" => hyper_h1(listener, Some(Duration::from_secs(60))).await?,
        "tokio" => bare::tokio_loop(listener, Kind::new(protocol, false)).await?,
        "tokio+axum" => bare::tokio_axum_loop(listener, router()).await?,
        _ => return Err(io::Error::other("no such server")),
    }
    Ok(())
}

struct Hello;

impl Handler for Hello {
    async fn handle(
        &self,
        _request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        Ok(response.respond(200, [("content-type", TEXT)], CONTENT.as_bytes())?)
    }
}

/// Answers with the content of the request.
struct Echo;

impl Handler for Echo {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        let mut content = Vec::new();
        while let Some(data) = request.data().await? {
            content.extend_from_slice(data);
        }
        Ok(response.respond(200, [("content-type", TEXT)], &content)?)
    }
}

/// Idle connections stay for as long as it takes to weigh them.
fn patient() -> h1_proto::Config {
    let mut config = h1_proto::Config::default();
    config.keep_alive_timeout = Duration::from_secs(60);
    config
}

async fn ours(listener: TcpListener, handler: impl Handler) {
    Server::new(handler).config(patient()).serve(listener, &Stop::new()).await;
}

/// With more streams at a time than are allowed by default.
async fn streams(listener: TcpListener) {
    let mut config = h2_proto::Config::default();
    config.streams_max = 1000;
    Server::new(Hello).h2_config(config).serve(listener, &Stop::new()).await;
}

fn router() -> Router {
    // As `axum::serve` does it: once, not for every request.
    Router::new().route("/plaintext", get(|| async { CONTENT })).with_state(())
}

async fn answer(
    _request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let mut answer = hyper::Response::new(Full::new(Bytes::from_static(CONTENT.as_bytes())));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    Ok(answer)
}

/// As it comes, it waits for requests for ever; ours does not, so there is one with a limit, too.
async fn hyper_h1(listener: TcpListener, limit: Option<Duration>) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.pipeline_flush(true);
    if let Some(limit) = limit {
        http.timer(TokioTimer::new()).header_read_timeout(limit);
    }
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

async fn hyper_h2(listener: TcpListener) -> io::Result<()> {
    let http = http2::Builder::new(TokioExecutor::new());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}
