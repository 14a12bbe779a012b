//! Connections and streams that change their protocol: what is handed over, and how one waits for it.

use std::fmt;
use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use crate::error::Gone;
use crate::wire::Io;

/// A byte stream that changed its protocol: the transport of a connection of HTTP/1.1, or a stream of
/// HTTP/2. What was read of it already comes first.
///
/// A stream of HTTP/2 is reset by an error of the peer, which reading and writing tell; what is written to
/// it goes by itself, and the client's windows hold the writer back. When this is dropped the stream ends
/// as after [`shutdown`](tokio::io::AsyncWriteExt::shutdown), and what still comes is refused.
pub struct Upgraded {
    io: Box<dyn Io>,
    input: Vec<u8>,
    /// Octets of `input` that were read.
    used: usize,
}

impl Upgraded {
    pub(crate) fn new(io: Box<dyn Io>, input: Vec<u8>) -> Self {
        Self { io, input, used: 0 }
    }

    /// The transport alone, and the octets that were read of it and belong to the new protocol.
    #[must_use]
    pub fn into_parts(mut self) -> (Box<dyn Io>, Vec<u8>) {
        self.input.drain(..self.used);
        (self.io, self.input)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upgraded({} octets read)", self.input.len() - self.used)
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let rest = this.input.get(this.used..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buffer);
        }
        let piece = rest.get(..buffer.remaining()).unwrap_or(rest);
        buffer.put_slice(piece);
        this.used += piece.len();
        if this.used == this.input.len() {
            this.used = 0;
            drop(mem::take(&mut this.input));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The byte stream that a request becomes, once its answer says so: 101 (Switching Protocols) in
/// HTTP/1.1, or 2xx to CONNECT in both versions, extended (RFC 8441) or not. Before it says so, or if it says
/// anything else, nothing changes.
///
/// Await it on a task of its own: in HTTP/1.1 the transport is free when the handler has returned and
/// the answer is written. It fails with [`Gone::NotUpgraded`] if the answer is another one, or with what
/// became of the connection.
#[must_use = "it waits for the stream when it is awaited"]
pub struct OnUpgrade(oneshot::Receiver<Result<Upgraded, Gone>>);

impl OnUpgrade {
    /// Somebody waits, and the promise made to them.
    pub(crate) fn new() -> (Promise, Self) {
        let (sender, receiver) = oneshot::channel();
        (Promise(sender), Self(receiver))
    }

    /// There is nothing to wait for.
    pub(crate) fn refused(gone: Gone) -> Self {
        let (promise, refused) = Self::new();
        promise.refuse(gone);
        refused
    }
}

impl Future for OnUpgrade {
    type Output = Result<Upgraded, Gone>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(answered.unwrap_or(Err(Gone::NotUpgraded)))
    }
}

impl fmt::Debug for OnUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnUpgrade")
    }
}

/// Somebody waits for the stream of a request. Dropped, it tells them that the answer was another one.
pub(crate) struct Promise(oneshot::Sender<Result<Upgraded, Gone>>);

impl Promise {
    /// Hands it over; it comes back if nobody waits any more.
    pub(crate) fn keep(self, upgraded: Upgraded) -> Option<Upgraded> {
        self.0.send(Ok(upgraded)).err().and_then(Result::ok)
    }

    pub(crate) fn refuse(self, gone: Gone) {
        let _ = self.0.send(Err(gone));
    }
}
