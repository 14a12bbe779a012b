//! The content of a request on its way: any `http_body::Body`, one piece in hand at most.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame};

use super::error::BoxError;

/// A body with its types forgotten.
trait Pieces: Send {
    fn poll_piece(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>;

    fn is_over(&self) -> bool;

    fn exact(&self) -> Option<u64>;
}

impl<B> Pieces for B
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    fn poll_piece(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(self.poll_frame(cx));
        Poll::Ready(frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))),
            Err(error) => Err(error.into()),
        }))
    }

    fn is_over(&self) -> bool {
        self.is_end_stream()
    }

    fn exact(&self) -> Option<u64> {
        self.size_hint().exact()
    }
}

/// See the module.
pub(crate) struct Content {
    source: Option<Pin<Box<dyn Pieces>>>,
    /// What was taken out of the source and not sent.
    pub(crate) piece: Bytes,
    /// All of it, if one piece was all.
    whole: Option<Bytes>,
    polled: bool,
}

/// What comes next of it.
pub(crate) enum Next {
    /// It lies in [`Content::piece`].
    Piece,
    Trailers(HeaderMap),
    End,
}

impl Content {
    pub(crate) fn new<B>(body: B) -> Self
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let source = (!body.is_end_stream()).then(|| -> Pin<Box<dyn Pieces>> { Box::pin(body) });
        Self { source, piece: Bytes::new(), whole: None, polled: false }
    }

    /// Nothing is left, as far as that is known.
    pub(crate) fn is_over(&self) -> bool {
        self.piece.is_empty() && self.source.is_none()
    }

    /// The piece in hand is the last of it, and there are no trailers.
    pub(crate) fn is_last(&self) -> bool {
        self.source.is_none()
    }

    /// Octets in all, if that is known before it is polled.
    pub(crate) fn exact(&self) -> Option<u64> {
        match &self.source {
            Some(source) => source.exact(),
            None => Some(self.piece.len() as u64),
        }
    }

    /// Puts it back to its beginning, if that can be done.
    pub(crate) fn rewind(&mut self) -> bool {
        if let Some(whole) = &self.whole {
            self.piece = whole.clone();
            return true;
        }
        !self.polled
    }

    /// The next of it; to be asked when the piece in hand is sent.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next, BoxError>> {
        loop {
            if !self.piece.is_empty() {
                return Poll::Ready(Ok(Next::Piece));
            }
            let Some(source) = &mut self.source else { return Poll::Ready(Ok(Next::End)) };
            // Its state is dropped after a panic, so nobody sees it broken.
            let polled = catch_unwind(AssertUnwindSafe(|| source.as_mut().poll_piece(cx)));
            let polled = polled.unwrap_or_else(|_| {
                Poll::Ready(Some(Err("the content of the request panicked".into())))
            });
            let first = !self.polled;
            self.polled = true;
            let frame = match ready!(polled) {
                Some(Ok(frame)) => frame,
                None => {
                    self.source = None;
                    continue;
                }
                Some(Err(error)) => {
                    self.source = None;
                    return Poll::Ready(Err(error));
                }
            };
            let over = source.is_over();
            if over {
                self.source = None;
            }
            match frame.into_data() {
                Ok(piece) => {
                    self.whole = (first && over).then(|| piece.clone());
                    self.piece = piece;
                }
                Err(frame) => {
                    if let Ok(fields) = frame.into_trailers() {
                        self.source = None;
                        return Poll::Ready(Ok(Next::Trailers(fields)));
                    }
                }
            }
        }
    }
}
