//! `serve(listener, service)`: a tower service on a listener, in one line.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture, Ready, poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tower_service::Service;

use crate::accept;
use crate::connection::Ended;
use crate::handler::Handler;
use crate::info::ConnectionInfo;
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::tower::{Body, Tower};

/// Serves a tower service, such as an axum `Router` or a tonic service, on HTTP/1.1 and HTTP/2: to be
/// awaited. It ends when its [`Stop`] drains, or when its shutdown signal comes, and every
/// connection has ended.
///
/// The service is cloned for each request, or, if it is one that makes services out of the peer's
/// address (axum's `into_make_service_with_connect_info::<SocketAddr>()`), asked once for each
/// connection.
///
/// What it has to be:
///
/// ```text
/// S: tower_service::Service<http::Request<driver_tokio::tower::Body>, Response = http::Response<B>>
///    + Clone + Send + Sync + 'static,
/// S::Future: Send,
/// S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
/// B: http_body::Body + Send,              // any content for answers
/// B::Data: Send,
/// B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
/// ```
///
/// - A `Router` of axum has to be given its state first (`with_state`).
/// - The content of a request is [`Body`], not hyper's `Incoming`. A service that takes any body will do;
///   one that has to hold it without its type boxes it (`http_body_util::BodyExt::boxed`).
/// - A function is made a service by `tower::service_fn`; hyper's `service_fn` makes one of hyper's own trait.
/// - `tower::util::BoxCloneService` is not `Sync`: `BoxCloneSyncService` takes its place. A connection's
///   task asks for clones by reference, and without `Sync` each request would pay for a lock.
///
/// ```no_run
/// # use std::{convert::Infallible, future::{Ready, ready}, task::{Context, Poll}};
/// # use driver_tokio::tower::Body;
/// # #[derive(Clone)]
/// # struct App;
/// # impl tower_service::Service<http::Request<Body>> for App {
/// #     type Response = http::Response<Body>;
/// #     type Error = Infallible;
/// #     type Future = Ready<Result<Self::Response, Infallible>>;
/// #     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> { Poll::Ready(Ok(())) }
/// #     fn call(&mut self, request: http::Request<Body>) -> Self::Future { ready(Ok(http::Response::new(request.into_body()))) }
/// # }
/// # async fn run(stopped: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// driver_tokio::serve(listener, App).with_graceful_shutdown(stopped).await?;
/// # Ok(())
/// # }
/// ```
pub fn serve<L, S, K>(listener: L, service: S) -> Serve
where
    L: Listener,
    S: MakeConnection<K>,
    Tower<S::Service>: Handler,
    K: 'static,
{
    let run = move |options: Options, stop: Stop| -> Serving {
        Box::pin(async move {
            let make = move |info: &ConnectionInfo| {
                let making = service.make(info);
                async move { making.await.map(|service| Arc::new(Tower(service))) }
            };
            accept::run(listener, &options, &stop, make).await;
        })
    };
    Serve { run: Box::new(run), options: Options::default(), stop: Stop::new(), signal: None }
}

/// A server at work.
type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// See [`serve`].
// Without the types of listener and service: where they do not fit, the compiler says so once, of `serve`, and not
// again of each call behind it.
#[must_use = "it serves when it is awaited"]
pub struct Serve {
    run: Box<dyn FnOnce(Options, Stop) -> Serving + Send>,
    options: Options,
    stop: Stop,
    signal: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Serve {
    /// Drains when this future is done: no new connections, requests that have begun end.
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.signal = Some(Box::pin(signal));
        self
    }

    /// Ends with these signals; clones of them end it from anywhere.
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// With these limits and deadlines of HTTP/1.1.
    pub fn config(mut self, config: impl Into<Arc<h1_proto::Config>>) -> Self {
        self.options.config = config.into();
        self
    }

    /// With these limits and deadlines of HTTP/2.
    pub fn h2_config(mut self, config: h2_proto::Config) -> Self {
        self.options.set_h2_config(config);
        self
    }

    /// With these settings of the driver.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.options.set_settings(settings);
        self
    }

    /// Speaks TLS on every connection.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: impl Into<crate::tls::Tls>) -> Self {
        self.options.tls = Some(tls.into());
        self
    }

    /// Counts what happens on every connection of a listener.
    pub fn metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.options.gate.metrics = Some(metrics);
        self
    }

    /// Calls `observer` with the end of every connection, for logs and metrics.
    pub fn on_end(mut self, observer: impl Fn(&Ended) + Send + Sync + 'static) -> Self {
        self.options.observer = Some(Arc::new(observer));
        self
    }
}

impl IntoFuture for Serve {
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { run, options, stop, mut signal } = self;
        let mut serving = run(options, stop.clone());
        Box::pin(async move {
            poll_fn(|cx| {
                if signal.as_mut().is_some_and(|signal| signal.as_mut().poll(cx).is_ready()) {
                    signal = None;
                    stop.drain();
                }
                serving.as_mut().poll(cx)
            })
            .await;
            Ok(())
        })
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What gives each connection its service: see [`serve`] for what that has to be. `K` tells the two ways
/// apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service that can be served",
    label = "not a `tower_service::Service<http::Request<driver_tokio::tower::Body>>` that is `Clone + Send + Sync + 'static`",
    note = "wanted: `Service<http::Request<driver_tokio::tower::Body>, Response = http::Response<_>> + Clone + Send + Sync + 'static`, or a service that makes such ones of a `SocketAddr`",
    note = "axum: a `Router` that wants a state is given it by `.with_state(state)`",
    note = "tower: `BoxCloneService` is not `Sync`; `BoxCloneSyncService` is",
    note = "hyper: functions by `tower::service_fn`, not hyper's `service_fn`; content of requests is `driver_tokio::tower::Body`, not `Incoming`",
    note = "a native `Handler` is served by `driver_tokio::Server`"
)]
pub trait MakeConnection<K>: Send + Sync + 'static {
    /// The service of a connection.
    type Service;
    /// It on its way.
    type Making: Future<Output = Option<Self::Service>> + Send + 'static;

    /// A connection's service; none refuses the connection.
    fn make(&self, info: &ConnectionInfo) -> Self::Making;
}

/// All connections have clones of one service.
#[derive(Debug)]
#[non_exhaustive]
pub struct Cloned;

/// Each connection has a service that is made for its peer.
#[derive(Debug)]
#[non_exhaustive]
pub struct PerPeer;

impl<S, B> MakeConnection<Cloned> for S
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
{
    type Service = S;
    type Making = Ready<Option<S>>;

    fn make(&self, _: &ConnectionInfo) -> Self::Making {
        ready(Some(self.clone()))
    }
}

/// A peer without an address, such as that of a Unix socket, is told as `0.0.0.0:0`.
impl<M, S, B> MakeConnection<PerPeer> for M
where
    M: Service<SocketAddr, Response = S, Error = Infallible> + Clone + Send + Sync + 'static,
    M::Future: Send + 'static,
    S: Service<http::Request<Body>, Response = http::Response<B>> + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Service = S;
    type Making = Pin<Box<dyn Future<Output = Option<S>> + Send>>;

    fn make(&self, info: &ConnectionInfo) -> Self::Making {
        let mut make = self.clone();
        let peer = info.peer().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        Box::pin(async move {
            poll_fn(|cx| make.poll_ready(cx)).await.ok()?;
            make.call(peer).await.ok()
        })
    }
}
