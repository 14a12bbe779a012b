//! Where connections come from.

use std::future::Future;
use std::io;

use tokio::net::{TcpListener, TcpStream};

use crate::info::ConnectionInfo;
use crate::settings::Settings;
use crate::wire::Io;

/// Accepts connections: a TCP or Unix socket, or whatever gives byte streams.
#[diagnostic::on_unimplemented(
    message = "`{Self}` gives no connections",
    label = "not a `driver_tokio::Listener`",
    note = "`tokio::net::TcpListener` and `tokio::net::UnixListener` are; one of `std::net` becomes one by `TcpListener::from_std`, once it does not block (`set_nonblocking`)"
)]
pub trait Listener: Send + 'static {
    /// A connection.
    type Io: Io + 'static;

    /// The next connection. Dropped before it is ready, it must not lose one.
    ///
    /// # Errors
    /// One of a connection that was gone before it was accepted is passed over; others are waited
    /// out and tried again.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, ConnectionInfo)>> + Send;

    /// Prepares a connection that will be served. Does nothing by default.
    fn prepare(_io: &Self::Io, _settings: &Settings) {}
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, ConnectionInfo)> {
        let (stream, peer) = Self::accept(self).await?;
        let info = ConnectionInfo::new(Some(peer), stream.local_addr().ok());
        Ok((stream, info))
    }

    fn prepare(stream: &TcpStream, settings: &Settings) {
        if settings.tcp_nodelay
            && let Err(error) = stream.set_nodelay(true)
        {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
    }
}

#[cfg(unix)]
impl Listener for tokio::net::UnixListener {
    type Io = tokio::net::UnixStream;

    async fn accept(&mut self) -> io::Result<(tokio::net::UnixStream, ConnectionInfo)> {
        let (stream, _unnamed) = Self::accept(self).await?;
        Ok((stream, ConnectionInfo::default()))
    }
}

/// Errors of a connection that was gone before it was accepted; others are of the listener.
pub(crate) fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
