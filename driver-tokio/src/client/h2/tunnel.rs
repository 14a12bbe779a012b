//! A stream as a byte stream: a CONNECT without content whose response is a 2xx.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::shared::State;
use super::stream::Reader;
use crate::client::error::Error;
use crate::error::SendError;

/// See the module.
pub(crate) struct Tunnel {
    reader: Reader,
    /// What came and was not read.
    piece: Bytes,
    over: bool,
}

impl Tunnel {
    pub(crate) fn new(reader: Reader) -> Self {
        Self { reader, piece: Bytes::new(), over: false }
    }

    /// Does something while the stream is there.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let mut state = self.reader.shared().lock();
        match state.exchanges.get(&self.reader.id()).map(|exchange| &exchange.end) {
            None => Poll::Ready(Err(failed(Error::closed()))),
            Some(Some(Err(error))) => Poll::Ready(Err(failed(error.clone()))),
            // The server may have ended it, or the connection behind that.
            Some(_) => match &state.ended {
                Some(error) => Poll::Ready(Err(failed(error.clone()))),
                None => work(&mut state),
            },
        }
    }
}

impl Tunnel {
    /// Nothing more is sent.
    fn end(&self) -> Poll<io::Result<()>> {
        let id = self.reader.id();
        self.with(|state| {
            if let Some(exchange) = state.exchanges.get_mut(&id)
                && !exchange.tunnel.ended
            {
                state.conn.send_data(id, b"", true, &mut state.out).map_err(refused)?;
                exchange.tunnel.ended = true;
                state.notify();
            }
            Poll::Ready(Ok(()))
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
        while this.piece.is_empty() && !this.over {
            match ready!(this.reader.poll_frame(cx)) {
                Some(Ok(frame)) => this.piece = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Err(failed(error))),
                None => this.over = true,
            }
        }
        let octets = this.piece.len().min(buffer.remaining());
        buffer.put_slice(this.piece.get(..octets).unwrap_or_default());
        this.piece.advance(octets);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let id = self.reader.id();
        self.with(|state| {
            let State { conn, out, exchanges, .. } = state;
            let Some(exchange) = exchanges.get_mut(&id) else {
                return Poll::Ready(Err(failed(Error::closed())));
            };
            if exchange.tunnel.ended {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if data.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let granted = std::mem::take(&mut exchange.tunnel.granted);
            let accepted = if granted || !conn.has_writable() {
                conn.send_data(id, data, false, out).map_err(refused)?
            } else {
                // Others wait for their turn.
                conn.want_send(id).map_err(refused)?;
                0
            };
            if accepted == 0 {
                exchange.tunnel.writer = Some(cx.waker().clone());
            }
            state.notify();
            if accepted == 0 { Poll::Pending } else { Poll::Ready(Ok(accepted)) }
        })
    }

    /// What was written goes by itself.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|_| Poll::Ready(Ok(())))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// What became of the stream.
fn failed(error: Error) -> io::Error {
    let kind = match error.reset_code() {
        Some(_) => io::ErrorKind::ConnectionReset,
        None => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, error)
}

fn refused(error: h2_proto::SendError) -> io::Error {
    io::Error::other(SendError::from(error))
}
