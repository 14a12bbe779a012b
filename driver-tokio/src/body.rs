//! The content of a request as an `http_body::Body`: one piece at a time, fetched only when it is
//! asked for, so that a body that nobody reads holds the client back and takes no memory.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::convert;
use crate::error::Gone;
use crate::h1::Asked;
use crate::h2::HeldBody;
use crate::head::Fields;

/// The content of a request. It may move to another task; it ends with an error if the exchange
/// ends before it.
pub struct Body {
    source: Source,
    /// Octets still to come, if that is known.
    left: Option<u64>,
}

enum Source {
    Empty,
    /// HTTP/1: the connection's task feeds it.
    Fed(Arc<Mutex<Shared>>),
    /// HTTP/2: it takes what came on its stream.
    Stream(HeldBody),
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
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
        Self { source: Source::Empty, left: Some(0) }
    }

    /// The content of a stream.
    pub(crate) fn stream(body: HeldBody, left: Option<u64>) -> Self {
        Self { source: Source::Stream(body), left }
    }

    /// A body and what feeds it.
    pub(crate) fn channel(left: Option<u64>) -> (Self, Feed) {
        let shared = Arc::new(Mutex::new(Shared::default()));
        (Self { source: Source::Fed(Arc::clone(&shared)), left }, Feed { shared: Some(shared) })
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
        let frame = match &mut this.source {
            Source::Empty => return Poll::Ready(None),
            Source::Fed(shared) => ready!(poll_fed(shared, cx)),
            Source::Stream(body) => ready!(body.poll_frame(cx)),
        };
        if let (Some(left), Some(Ok(frame))) = (&mut this.left, &frame)
            && let Some(piece) = frame.data_ref()
        {
            *left = left.saturating_sub(piece.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Empty => true,
            Source::Fed(shared) => {
                let shared = lock(shared);
                shared.piece.is_none() && shared.trailers.is_none() && shared.end == Some(Ok(()))
            }
            Source::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

type Next = Option<Result<Frame<Bytes>, Gone>>;

/// What the connection's task has fed.
fn poll_fed(shared: &Mutex<Shared>, cx: &Context<'_>) -> Poll<Next> {
    let mut shared = lock(shared);
    if let Some(piece) = shared.piece.take() {
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
            let wanted = mem::replace(&mut shared.wanted, true);
            shared.reader = Some(cx.waker().clone());
            // Once: feeder and reader may be one task, which would never sleep.
            if !wanted && let Some(feeder) = shared.feeder.take() {
                feeder.wake();
            }
            Poll::Pending
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Source::Fed(shared) = &self.source {
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
    pub(crate) fn poll_feed(&mut self, cx: &mut Context<'_>, request: &mut Asked<'_>) -> Poll<()> {
        let Some(shared) = &self.shared else { return Poll::Pending };
        let mut shared = lock(shared);
        if shared.dropped {
            drop(shared);
            self.shared = None;
            request.reads_no_more();
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
                    let trailers = Fields::of_head(request.trailers());
                    shared.trailers = Some(convert::header_map(trailers));
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
