//! From the connection's task to whoever reads a response: one piece at a time, when it is asked for.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use crate::client::error::Error;

#[derive(Default)]
struct State {
    /// A piece that was not taken.
    piece: Option<Bytes>,
    trailers: Option<HeaderMap>,
    end: Option<Result<(), Error>>,
    /// The reader waits for a piece.
    wanted: bool,
    dropped: bool,
    reader: Option<Waker>,
    feeder: Option<Waker>,
}

type Shared = Arc<Mutex<State>>;

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Both ends.
pub(crate) fn channel() -> (Feed, Reader) {
    let shared = Shared::default();
    (Feed(Arc::clone(&shared)), Reader(shared))
}

/// The end of whoever reads.
pub(crate) struct Reader(Shared);

impl Reader {
    pub(crate) fn poll_frame(&self, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut state = lock(&self.0);
        if let Some(piece) = state.piece.take() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match state.end.take() {
            Some(Ok(())) => {
                state.end = Some(Ok(()));
                Poll::Ready(state.trailers.take().map(|fields| Ok(Frame::trailers(fields))))
            }
            // The error is told once; then there is nothing more.
            Some(Err(error)) => {
                state.end = Some(Ok(()));
                Poll::Ready(Some(Err(error)))
            }
            None => {
                let wanted = mem::replace(&mut state.wanted, true);
                state.reader = Some(cx.waker().clone());
                // Once: feeder and reader may be one task, which would never sleep.
                if !wanted && let Some(feeder) = state.feeder.take() {
                    drop(state);
                    feeder.wake();
                }
                Poll::Pending
            }
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        let state = lock(&self.0);
        state.piece.is_none() && state.trailers.is_none() && matches!(state.end, Some(Ok(())))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.dropped = true;
        if let Some(feeder) = state.feeder.take() {
            drop(state);
            feeder.wake();
        }
    }
}

/// The connection's end.
pub(crate) struct Feed(Shared);

/// What the reader is about.
pub(crate) enum Wish {
    /// It waits.
    More,
    /// It does something else.
    Nothing,
    /// It is gone.
    Gone,
}

impl Feed {
    /// What the reader is about; the task is woken when that changes.
    pub(crate) fn wish(&self, cx: &Context<'_>) -> Wish {
        let mut state = lock(&self.0);
        if state.dropped {
            return Wish::Gone;
        }
        state.feeder = Some(cx.waker().clone());
        if state.wanted { Wish::More } else { Wish::Nothing }
    }

    pub(crate) fn give(&self, piece: Bytes) {
        self.change(|state| state.piece = Some(piece));
    }

    pub(crate) fn end(&self, trailers: Option<HeaderMap>) {
        self.change(|state| {
            state.trailers = trailers;
            state.end = Some(Ok(()));
        });
    }

    pub(crate) fn fail(&self, error: Error) {
        self.change(|state| state.end = Some(Err(error)));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.0);
        change(&mut state);
        state.wanted = false;
        if let Some(reader) = state.reader.take() {
            drop(state);
            reader.wake();
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if lock(&self.0).end.is_none() {
            self.fail(Error::closed());
        }
    }
}
