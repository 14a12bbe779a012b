//! The content of a response as an `http_body::Body`: fetched as it is read.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::error::Error;
use super::h1::Reader as H1;
use super::h2::Reader as H2;

/// The content of a response. A body that nobody reads holds the server back and takes no more memory
/// than its window. Dropped before its end it gives up its stream (HTTP/2), or its connection unless
/// little is left (HTTP/1).
pub struct Body {
    source: Source,
    /// Octets still to come, if that is known.
    left: Option<u64>,
}

enum Source {
    Empty,
    H1(H1),
    H2(H2),
}

impl Body {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Self { source: Source::Empty, left: Some(0) }
    }

    pub(crate) fn h1(reader: H1, left: Option<u64>) -> Self {
        Self { source: Source::H1(reader), left }
    }

    pub(crate) fn h2(reader: H2, left: Option<u64>) -> Self {
        Self { source: Source::H2(reader), left }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let frame = match &mut this.source {
            Source::Empty => return Poll::Ready(None),
            Source::H1(reader) => ready!(reader.poll_frame(cx)),
            Source::H2(reader) => ready!(reader.poll_frame(cx)),
        };
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(left), Some(piece)) = (&mut this.left, frame.data_ref()) {
                    *left = left.saturating_sub(piece.len() as u64);
                }
            }
            // What it holds is of no use any more.
            _ => this.source = Source::Empty,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Empty => true,
            Source::H1(reader) => reader.is_over(),
            Source::H2(reader) => reader.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish_non_exhaustive()
    }
}
