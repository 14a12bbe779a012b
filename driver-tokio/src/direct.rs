//! What a transport can do with less ado where it is a socket of tokio's.

use std::any::Any;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::placed::Placed;

/// Which socket it is gets decided when this is compiled for a type, so that nothing of it is left for
/// the others.
#[allow(unnameable_types, reason = "nobody else implements it")]
pub trait Direct: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Reads once into the spare room of `input`.
    fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>>;

    /// Ready when reading may give something. For a socket whose last read took all that was there this
    /// is less than a read that waits.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Writes what fits at once, without waiting and without a turn of tokio's: how many octets. `None` if
    /// nothing does or it cannot be done so.
    fn write_now(&self, octets: &[u8]) -> Option<io::Result<usize>>;
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Direct for T {
    #[inline]
    fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        tokio_util::io::poll_read_buf(Pin::new(self), cx, input)
    }

    #[inline]
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // An error is what the read tells.
        match socket(self) {
            Some(Socket::Tcp(tcp)) => tcp.poll_read_ready(cx).map(drop),
            #[cfg(unix)]
            Some(Socket::Unix(unix)) => unix.poll_read_ready(cx).map(drop),
            None => Poll::Ready(()),
        }
    }

    #[inline]
    fn write_now(&self, octets: &[u8]) -> Option<io::Result<usize>> {
        let written = match socket(self)? {
            Socket::Tcp(tcp) => tcp.try_write(octets),
            #[cfg(unix)]
            Socket::Unix(unix) => unix.try_write(octets),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            // The system tells an error once.
            written => Some(written),
        }
    }
}

enum Socket<'a> {
    Tcp(&'a TcpStream),
    #[cfg(unix)]
    Unix(&'a UnixStream),
}

#[inline]
fn socket<T: Any>(io: &T) -> Option<Socket<'_>> {
    let io: &dyn Any = io;
    let tcp = io.downcast_ref().or_else(|| io.downcast_ref::<Placed<TcpStream>>().map(Placed::io));
    if let Some(tcp) = tcp {
        return Some(Socket::Tcp(tcp));
    }
    #[cfg(unix)]
    if let Some(unix) =
        io.downcast_ref().or_else(|| io.downcast_ref::<Placed<UnixStream>>().map(Placed::io))
    {
        return Some(Socket::Unix(unix));
    }
    None
}
