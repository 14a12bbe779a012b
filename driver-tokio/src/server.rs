//! A server: its settings, single connections, and a TCP listener.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use h1_proto::Config;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::connection::{Ended, Protocols, drive};
use crate::handler::Handler;
use crate::stop::Stop;
use crate::wire::{Io, Wire};

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
#[derive(Clone)]
pub struct Server<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) config: Arc<Config>,
    pub(crate) h2_config: Arc<h2_proto::Config>,
    pub(crate) settings: Settings,
    observer: Option<Observer>,
}

type Observer = Arc<dyn Fn(&Ended) + Send + Sync>;

/// What the driver itself limits and adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Versions of HTTP. Default: both.
    pub protocols: Protocols,
    /// Time in which octets that may be the preface of HTTP/2 have to say; after it they are
    /// HTTP/1. Default 5 s.
    pub sniff_timeout: Duration,
    /// Octets that one read takes at most. Default 16 KiB.
    pub read_bytes: usize,
    /// Connections of a listener at a time; more wait in its backlog. Default 16,384.
    pub connections_max: usize,
    /// Whether answers get a Date (RFC 9110 §6.6.1). Default: yes.
    pub date: bool,
    /// Whether TCP sends small segments at once. Default: yes.
    pub tcp_nodelay: bool,
    /// Connections that the system holds until they are accepted. Default 128.
    pub backlog: u32,
    /// Wait after an accept that failed for want of resources. Default 50 ms.
    pub accept_retry: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            protocols: Protocols::Both,
            sniff_timeout: Duration::from_secs(5),
            read_bytes: 16 << 10,
            connections_max: 16_384,
            date: true,
            tcp_nodelay: true,
            backlog: 128,
            accept_retry: Duration::from_millis(50),
        }
    }
}

impl Settings {
    /// A small server: 256 connections.
    #[must_use]
    pub fn small() -> Self {
        Self { connections_max: 256, ..Self::default() }
    }
}

impl<H: Handler> Server<H> {
    /// A server with the default limits.
    pub fn new(handler: H) -> Self {
        Self {
            handler: Arc::new(handler),
            config: Arc::default(),
            h2_config: h2_config(h2_proto::Config::default()),
            settings: Settings::default(),
            observer: None,
        }
    }

    /// With these limits and deadlines of HTTP/1.1.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// With these limits and deadlines of HTTP/2. Windows grow as handlers read, whatever
    /// [`manual_release`](h2_proto::Config::manual_release) says.
    #[must_use]
    pub fn h2_config(mut self, config: h2_proto::Config) -> Self {
        self.h2_config = h2_config(config);
        self
    }

    /// With these settings of the driver.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Calls `observer` with the end of every connection of a listener, for logs and metrics.
    #[must_use]
    pub fn on_end(mut self, observer: impl Fn(&Ended) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// A listener with the [`backlog`](Settings::backlog) of this server. On Unix a port that an
    /// earlier server left in TIME_WAIT is taken over.
    ///
    /// # Errors
    /// The address cannot be had. Nothing is left open then.
    pub fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(self.settings.backlog)
    }

    /// Serves one connection over any byte stream, to its end.
    pub async fn serve_connection(&self, io: impl Io + 'static, stop: &Stop) -> Ended {
        drive(self, Wire::new(Box::new(io), stop)).await
    }

    /// Accepts and serves connections, each on a task of its own, until `stop` drains or cancels;
    /// returns when the last one has ended.
    ///
    /// An accept that fails does not end it: a lack of descriptors is waited out.
    pub async fn serve(&self, listener: TcpListener, stop: &Stop) {
        let tasks = TaskTracker::new();
        let places = Arc::new(Semaphore::new(self.settings.connections_max));
        loop {
            let accepting = self.accept(&listener, &places);
            let Some(accepted) = stop.drain_signal().token().run_until_cancelled(accepting).await
            else {
                break;
            };
            let Some((stream, place)) = accepted else { continue };
            let server = self.share();
            let stop = stop.clone();
            tasks.spawn(async move {
                let ended = server.serve_connection(stream, &stop).await;
                tracing::debug!(outcome = %ended.outcome, "a connection ended");
                if let Some(observer) = &server.observer {
                    observer(&ended);
                }
                drop(place);
            });
        }
        drop(listener);
        tasks.close();
        tasks.wait().await;
    }

    fn share(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            config: Arc::clone(&self.config),
            h2_config: Arc::clone(&self.h2_config),
            settings: self.settings,
            observer: self.observer.clone(),
        }
    }

    /// One connection with the place that it takes; `None` if this accept failed.
    async fn accept(
        &self,
        listener: &TcpListener,
        places: &Arc<Semaphore>,
    ) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
        // The semaphore is never closed.
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok((stream, _peer)) => {
                if self.settings.tcp_nodelay
                    && let Err(error) = stream.set_nodelay(true)
                {
                    tracing::debug!(%error, "TCP_NODELAY was refused");
                }
                Some((stream, place))
            }
            Err(error) => {
                if !is_of_one_connection(&error) {
                    tracing::error!(%error, "accepting failed, trying again");
                    tokio::time::sleep(self.settings.accept_retry).await;
                }
                None
            }
        }
    }
}

/// Errors of a connection that was gone before it was accepted; others are of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// A body that nobody reads holds its stream back, so windows grow when a handler reads.
fn h2_config(mut config: h2_proto::Config) -> Arc<h2_proto::Config> {
    config.manual_release = true;
    Arc::new(config)
}

impl<H> fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("config", &self.config)
            .field("h2_config", &self.h2_config)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
