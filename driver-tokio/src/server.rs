//! A server of a native handler: single connections, and listeners.

use std::fmt;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use h1_proto::Config;
use tokio::net::TcpListener;

use crate::accept;
use crate::connection::{self, Common, Ended};
use crate::handler::Handler;
use crate::info::ConnectionInfo;
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::wire::Io;

/// Serves a [`Handler`].
///
/// ```no_run
/// # use driver_tokio::{Handler, HandlerError, Request, Response};
/// # struct Hello;
/// # impl Handler for Hello {
/// #     async fn handle(&self, _: &mut Request<'_>, r: &mut Response<'_>) -> Result<(), HandlerError> {
/// #         Ok(r.respond(200, [("content-type", "text/plain")], b"hello")?)
/// #     }
/// # }
/// # async fn run() -> std::io::Result<()> {
/// use driver_tokio::{Server, Stop};
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let stop = Stop::new();
/// Server::new(Hello).serve(listener, &stop).await;
/// # Ok(())
/// # }
/// ```
pub struct Server<H> {
    handler: Arc<H>,
    options: Options,
}

impl<H: Handler> Server<H> {
    /// A server with the default limits.
    pub fn new(handler: H) -> Self {
        Self { handler: Arc::new(handler), options: Options::default() }
    }

    /// With these limits and deadlines of HTTP/1.1.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.options.config = config.into();
        self
    }

    /// With these limits and deadlines of HTTP/2. Windows grow as handlers read, whatever
    /// [`manual_release`](h2_proto::Config::manual_release) says.
    #[must_use]
    pub fn h2_config(mut self, config: h2_proto::Config) -> Self {
        self.options.set_h2_config(config);
        self
    }

    /// With these settings of the driver.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.options.set_settings(settings);
        self
    }

    /// Speaks TLS on every connection.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<crate::tls::Tls>) -> Self {
        self.options.tls = Some(tls.into());
        self
    }

    /// Counts what happens on every connection of a listener.
    #[must_use]
    pub fn metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.options.gate.metrics = Some(metrics);
        self
    }

    /// Calls `observer` with the end of every connection of a listener, for logs and metrics.
    #[must_use]
    pub fn on_end(mut self, observer: impl Fn(&Ended) + Send + Sync + 'static) -> Self {
        self.options.observer = Some(Arc::new(observer));
        self
    }

    /// A listener with the [`backlog`](Settings::backlog) and the [`reuse_port`](Settings::reuse_port)
    /// of this server: [`Settings::listen`].
    ///
    /// # Errors
    /// The address cannot be had. Nothing is left open then.
    ///
    /// # Panics
    /// Outside of a tokio runtime that has I/O.
    pub fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        self.options.settings.listen(address)
    }

    /// Serves one connection over any byte stream, to its end; with [`tls`](Self::tls) after its handshake.
    pub async fn serve_connection(&self, io: impl Io + 'static, stop: &Stop) -> Ended {
        self.serve_connection_with(io, ConnectionInfo::default(), stop).await
    }

    /// The same for a byte stream of which more is known: what handlers find as
    /// [`Request::connection`](crate::Request::connection).
    pub async fn serve_connection_with(
        &self,
        io: impl Io + 'static,
        info: ConnectionInfo,
        stop: &Stop,
    ) -> Ended {
        let common = Common { options: self.options.prepared(), stop: stop.clone() };
        let _open = common.options.gate.metrics.as_ref().map(Metrics::connection);
        let ended = connection::serve(&common, &self.handler, Box::new(io), info).await;
        common.tell(&ended);
        ended
    }

    /// Accepts and serves connections, each on a task of its own, until `stop` drains or cancels;
    /// returns when the last one has ended.
    ///
    /// An accept that fails does not end it: a lack of descriptors is waited out.
    pub async fn serve(&self, listener: impl Listener, stop: &Stop) {
        let handler = Arc::clone(&self.handler);
        accept::run(listener, &self.options, stop, move |_| ready(Some(Arc::clone(&handler))))
            .await;
    }
}

impl<H> Clone for Server<H> {
    fn clone(&self) -> Self {
        Self { handler: Arc::clone(&self.handler), options: self.options.clone() }
    }
}

impl<H> fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("options", &self.options).finish_non_exhaustive()
    }
}
