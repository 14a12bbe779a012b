//! A stream of HTTP/2 as a byte stream: what a CONNECT becomes (RFC 9113 §8.5, RFC 8441) when its answer
//! is a 2xx and somebody asked for it.
//!
//! It lives beside its handler and its connection's task: it reads what came on the stream and writes
//! where there is room, both under the connection's lock.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::exchange::{Exchange, KEPT_BYTES_MAX};
use super::handle::{Handle, set};
use super::shared::State;
use crate::error::{Gone, SendError};
use crate::upgrade::{OnUpgrade, Promise, Upgraded};

/// How far a stream is on its way to a tunnel.
#[derive(Default)]
pub(crate) enum Stage {
    /// Nobody asked for one.
    #[default]
    None,
    Asked(Promise),
    /// It is one. `ended`: nothing more is sent.
    Open {
        ended: bool,
    },
}

impl Exchange {
    pub(crate) fn is_tunnel(&self) -> bool {
        matches!(self.tunnel, Stage::Open { .. })
    }

    /// Whether an answer with this status makes it one.
    pub(crate) fn tunnels(&self, status: u16) -> bool {
        self.is_connect && (200..300).contains(&status) && matches!(self.tunnel, Stage::Asked(_))
    }

    /// Whoever waits for a tunnel that there will not be.
    pub(crate) fn take_promise(&mut self) -> Option<Promise> {
        if !matches!(self.tunnel, Stage::Asked(_)) {
            return None;
        }
        match mem::take(&mut self.tunnel) {
            Stage::Asked(promise) => Some(promise),
            _ => None,
        }
    }
}

impl Handle {
    /// The first who asks for a request's stream gets it, if the request is one that may become one.
    pub(crate) fn on_upgrade(&self) -> OnUpgrade {
        let asking = |state: &mut State| {
            let exchange = state.exchange(self.stream)?;
            let asked = !matches!(exchange.tunnel, Stage::None);
            if asked || exchange.begun || !exchange.handling || !exchange.is_connect {
                return Err(Gone::NotUpgraded);
            }
            let (promise, on_upgrade) = OnUpgrade::new();
            exchange.tunnel = Stage::Asked(promise);
            Ok(on_upgrade)
        };
        self.shared.with(asking).unwrap_or_else(OnUpgrade::refused)
    }

    /// The head of the answer is sent: whoever waits for a tunnel has it, or is told that there is none.
    pub(crate) fn answered(&self, state: &mut State, tunnels: bool) {
        let Some(exchange) = state.exchanges.find(self.stream) else { return };
        let Some(promise) = exchange.take_promise() else { return };
        if tunnels {
            exchange.tunnel = Stage::Open { ended: false };
        }
        let promised = if tunnels { Ok(self.clone()) } else { Err(Gone::NotUpgraded) };
        state.after.promise(Settled { promise, promised });
    }
}

/// A promise that is kept, or not, once the lock is free: whoever waits may want it.
pub(crate) struct Settled {
    promise: Promise,
    promised: Result<Handle, Gone>,
}

impl Settled {
    pub(crate) fn refused(promise: Promise, gone: Gone) -> Self {
        Self { promise, promised: Err(gone) }
    }

    pub(crate) fn tell(self) {
        match self.promised {
            Ok(handle) => {
                let tunnel = Tunnel { handle, piece: Vec::new(), used: 0 };
                // If nobody waits any more, it ends.
                drop(self.promise.keep(Upgraded::new(Box::new(tunnel), Vec::new())));
            }
            Err(gone) => self.promise.refuse(gone),
        }
    }
}

/// See the module.
struct Tunnel {
    handle: Handle,
    /// What was taken of the stream. The client may send as much again once it is read.
    piece: Vec<u8>,
    used: usize,
}

impl Tunnel {
    /// Takes what came, into the piece that was read; nothing at the end.
    fn poll_take(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let Self { handle, piece, used } = self;
        let stream = handle.stream;
        handle.shared.with(|State { conn, out, exchanges, after, .. }| {
            if *used > 0 {
                let before = out.len();
                // A window holds less than 2^31 octets.
                let _ = conn.release(stream, *used as u32, out);
                if out.len() > before {
                    after.notify();
                }
                piece.clear();
                *used = 0;
            }
            let Some(exchange) = exchanges.find(stream) else {
                return Poll::Ready(Err(error(Gone::Closed)));
            };
            if !exchange.received.is_empty() {
                mem::swap(&mut exchange.received, piece);
                return Poll::Ready(Ok(()));
            }
            match &exchange.end {
                Some(Ok(())) => return Poll::Ready(Ok(())),
                Some(Err(gone)) => return Poll::Ready(Err(error(gone.clone()))),
                None => {}
            }
            // One that waits long holds little.
            piece.shrink_to(KEPT_BYTES_MAX);
            exchange.received.shrink_to(KEPT_BYTES_MAX);
            set(&mut exchange.reader, cx, after);
            Poll::Pending
        })
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.used == this.piece.len() {
            ready!(this.poll_take(cx))?;
        }
        let rest = this.piece.get(this.used..).unwrap_or_default();
        let part = rest.get(..buffer.remaining()).unwrap_or(rest);
        buffer.put_slice(part);
        this.used += part.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = self.handle.stream;
        self.handle.shared.with(|state| {
            state.exchange(stream).map_err(error)?;
            let State { conn, out, exchanges, after, .. } = state;
            let Some(exchange) = exchanges.find(stream) else {
                return Poll::Ready(Err(error(Gone::Closed)));
            };
            if !matches!(exchange.tunnel, Stage::Open { ended: false }) {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if data.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let granted = mem::take(&mut exchange.granted);
            if granted || !conn.has_writable() {
                let accepted = conn.send_data(stream, data, false, out).map_err(refused)?;
                if accepted > 0 {
                    after.notify();
                    return Poll::Ready(Ok(accepted));
                }
            } else {
                // Others wait for their turn.
                conn.want_send(stream).map_err(refused)?;
                after.notify();
            }
            set(&mut exchange.sender, cx, after);
            Poll::Pending
        })
    }

    /// What was written goes by itself.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.handle.stream;
        let here = self.handle.shared.with(|state| state.exchange(stream).map(drop));
        Poll::Ready(here.map_err(error))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.handle.stream;
        self.handle.shared.with(|state| {
            state.exchange(stream).map_err(error)?;
            Poll::Ready(state.end_tunnel(&self.handle))
        })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.handle.shared.with(|state| {
            if state.exchange(self.handle.stream).is_ok() {
                let _ = state.end_tunnel(&self.handle);
            }
            if let Some(exchange) = state.exchanges.find(self.handle.stream) {
                exchange.tunnel = Stage::None;
                state.settle(self.handle.stream);
                state.after.notify();
            }
        });
    }
}

impl State {
    /// Nothing more is sent.
    fn end_tunnel(&mut self, handle: &Handle) -> io::Result<()> {
        let Some(exchange) = self.exchanges.find(handle.stream) else { return Ok(()) };
        if let Stage::Open { ended } = &mut exchange.tunnel
            && !*ended
        {
            self.conn.send_data(handle.stream, b"", true, &mut self.out).map_err(refused)?;
            *ended = true;
            self.after.notify();
        }
        Ok(())
    }
}

/// What became of the stream.
fn error(gone: Gone) -> io::Error {
    let kind = match gone {
        Gone::Reset(_) => io::ErrorKind::ConnectionReset,
        _ => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, gone)
}

fn refused(error: h2_proto::SendError) -> io::Error {
    io::Error::other(SendError::from(error))
}
