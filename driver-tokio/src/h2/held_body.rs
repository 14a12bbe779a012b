//! The content of a request that may leave its handler: for `http_body`.

use std::mem;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2_proto::FieldBuf;
use http_body::Frame;

use super::handle::Handle;
use crate::convert;
use crate::error::Gone;
use crate::head::Fields;

/// Reads a stream; as long as it lives the stream is held.
pub(crate) struct HeldBody {
    handle: Handle,
    expects_continue: bool,
    over: bool,
}

impl HeldBody {
    pub(crate) fn new(handle: Handle, expects_continue: bool) -> Self {
        handle.shared.with(|state| {
            if let Some(exchange) = state.exchanges.find(handle.stream) {
                exchange.body_held = true;
            }
        });
        Self { handle, expects_continue, over: false }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let (mut piece, mut trailers) = (Vec::new(), FieldBuf::new());
        let expects_continue = mem::take(&mut self.expects_continue);
        let taken = self.handle.poll_take(cx, &mut piece, &mut trailers, expects_continue);
        let frame = match ready!(taken) {
            Ok(true) => return Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece))))),
            Ok(false) if trailers.is_empty() => None,
            Ok(false) => {
                Some(Ok(Frame::trailers(convert::header_map(Fields::of_buffer(&trailers)))))
            }
            // The error is told once; then there is nothing more.
            Err(gone) => Some(Err(gone)),
        };
        self.over = true;
        Poll::Ready(frame)
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.over
            || self.handle.shared.with(|state| {
                state.exchanges.find(self.handle.stream).is_some_and(|it| {
                    it.received.is_empty() && it.trailers.is_empty() && it.end == Some(Ok(()))
                })
            })
    }
}

impl Drop for HeldBody {
    fn drop(&mut self) {
        let stream = self.handle.stream;
        self.handle.shared.with(|state| {
            if let Some(exchange) = state.exchanges.find(stream) {
                exchange.body_held = false;
                state.settle(stream);
                state.after.notify();
            }
        });
    }
}
