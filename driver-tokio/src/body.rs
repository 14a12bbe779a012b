//! The content of a request as an `http_body::Body`: one piece at a time, fetched only when it is
//! asked for, so that a body that nobody reads holds the client back and takes no memory.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::convert;
use crate::handler::{Gone, Request};

/// The content of a request. It may move to another task; it ends with an error if the exchange
/// ends before it.
#[derive(Default)]
pub struct Body {
    /// `None`: empty.
    shared: Option<Arc<Mutex<Shared>>>,
    /// Octets still to come, if that is known.
    left: Option<u64>,
}

#[derive(Default)]
struct Shared {
    /// A piece that was fetched and not taken.
    piece: Option<Bytes>,
    trailers: Option<HeaderMap>,
    end: Option<Result<(), Gone>>,
    /// The reader waits for a piece.
    wanted: bool,
    dropped: bool,
    reader: Option<Waker>,
    feeder: Option<Waker>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Body {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Self { shared: None, left: Some(0) }
    }

    /// A body and what feeds it.
    pub(crate) fn channel(left: Option<u64>) -> (Self, Feed) {
        let shared = Arc::new(Mutex::new(Shared::default()));
        (Self { shared: Some(Arc::clone(&shared)), left }, Feed { shared: Some(shared) })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        let this = &mut *self;
        let Some(shared) = &this.shared else { return Poll::Ready(None) };
        let mut shared = lock(shared);
        if let Some(piece) = shared.piece.take() {
            this.left = this.left.map(|left| left.saturating_sub(piece.len() as u64));
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match shared.end.clone() {
            Some(Ok(())) => {
                Poll::Ready(shared.trailers.take().map(|fields| Ok(Frame::trailers(fields))))
            }
            // The error is told once; then there is nothing more.
            Some(Err(gone)) => {
                shared.end = Some(Ok(()));
                Poll::Ready(Some(Err(gone)))
            }
            None => {
                shared.wanted = true;
                shared.reader = Some(cx.waker().clone());
                if let Some(feeder) = shared.feeder.take() {
                    feeder.wake();
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| {
            let shared = lock(shared);
            shared.piece.is_none() && shared.trailers.is_none() && shared.end == Some(Ok(()))
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            let mut shared = lock(shared);
            shared.dropped = true;
            if let Some(feeder) = shared.feeder.take() {
                feeder.wake();
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish_non_exhaustive()
    }
}

/// The connection's end of a [`Body`].
pub(crate) struct Feed {
    /// `None`: there is nothing to feed, or nothing more.
    shared: Option<Arc<Mutex<Shared>>>,
}

impl Feed {
    pub(crate) fn none() -> Self {
        Self { shared: None }
    }

    /// Fetches what is asked for. Ready as often as something was handed over; pending when
    /// nothing is wanted or nothing is there.
    pub(crate) fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        request: &mut Request<'_>,
    ) -> Poll<()> {
        let Some(shared) = &self.shared else { return Poll::Pending };
        let mut shared = lock(shared);
        if shared.dropped {
            drop(shared);
            self.shared = None;
            return Poll::Pending;
        }
        if !shared.wanted {
            shared.feeder = Some(cx.waker().clone());
            return Poll::Pending;
        }
        match request.poll_data(cx) {
            Poll::Pending => {
                shared.feeder = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(Ok(Some(range))) => {
                shared.piece = Some(Bytes::copy_from_slice(request.piece(range)));
            }
            Poll::Ready(Ok(None)) => {
                if request.trailers().fields().len() > 0 {
                    shared.trailers = Some(convert::header_map(request.trailers()));
                }
                shared.end = Some(Ok(()));
            }
            Poll::Ready(Err(gone)) => shared.end = Some(Err(gone)),
        }
        shared.wanted = false;
        let over = shared.end.is_some();
        if let Some(reader) = shared.reader.take() {
            reader.wake();
        }
        drop(shared);
        if over {
            self.shared = None;
        }
        Poll::Ready(())
    }

    /// Whether nobody will read on.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| lock(shared).dropped)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            let mut shared = lock(shared);
            shared.end.get_or_insert(Err(Gone::Closed));
            if let Some(reader) = shared.reader.take() {
                reader.wake();
            }
        }
    }
}
