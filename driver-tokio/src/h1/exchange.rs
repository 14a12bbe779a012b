//! What a handler sees of a request of HTTP/1.1, and how it sends content, as polls on the link.

use std::future::poll_fn;
use std::ops::Range;
#[cfg(feature = "tower")]
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use h1_proto::{Event, Field, Head};
#[cfg(feature = "tower")]
use h1_proto::{FieldLines, SendError};

#[cfg(feature = "tower")]
use crate::convert::Made;
#[cfg(feature = "tower")]
use crate::date;
use crate::error::{Gone, HandlerError};
use crate::h1::link::{Link, lock};
use crate::head::BodyLength;
use crate::info::ConnectionInfo;
#[cfg(feature = "tower")]
use crate::interim::InterimQueue;
#[cfg(feature = "tower")]
use crate::request_info::RequestInfo;
use crate::scratch::Buffers;

const NO_FIELDS: [Field<'_>; 0] = [];

/// What the driving loop knows of a request when it arrives.
pub(crate) struct Arrival {
    pub(crate) body: h1_proto::BodyLength,
    pub(crate) began: Duration,
    pub(crate) expects_continue: bool,
}

/// A request on its link.
pub(crate) struct Asked<'a> {
    link: &'a Mutex<Link>,
    buffers: &'a mut Buffers,
    arrival: Arrival,
    ended: bool,
    read_bytes: usize,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(
        link: &'a Mutex<Link>,
        buffers: &'a mut Buffers,
        arrival: Arrival,
        read_bytes: usize,
    ) -> Self {
        Self { link, buffers, arrival, ended: false, read_bytes }
    }

    pub(crate) fn link(&self) -> &'a Mutex<Link> {
        self.link
    }

    pub(crate) fn head(&self) -> &Head {
        &self.buffers.head
    }

    /// With what was made of it before.
    #[cfg(feature = "tower")]
    pub(crate) fn head_and_made(&mut self) -> (&Head, &mut Made) {
        (&self.buffers.head, &mut self.buffers.made)
    }

    pub(crate) fn body_length(&self) -> BodyLength {
        self.arrival.body.into()
    }

    pub(crate) fn connection(&self) -> ConnectionInfo {
        lock(self.link).wire.info.clone()
    }

    /// What a tower service may know, and its interim responses on their way.
    #[cfg(feature = "tower")]
    pub(crate) fn info(&self) -> (RequestInfo, Arc<InterimQueue>) {
        let link = &mut *lock(self.link);
        let queue = link.interim.get_or_insert_default().queue();
        let began = link.wire.epoch() + self.arrival.began;
        (RequestInfo::h1(link.wire.info.clone(), began, &queue), queue)
    }

    pub(crate) fn began(&self) -> Duration {
        self.arrival.began
    }

    pub(crate) fn waited(&self) -> Duration {
        lock(self.link).wire.elapsed().saturating_sub(self.arrival.began)
    }

    pub(crate) fn trailers(&self) -> &Head {
        &self.buffers.trailers
    }

    /// The next piece of the content, where it lies in the read buffer.
    pub(crate) async fn data(&mut self) -> Result<Option<&[u8]>, Gone> {
        let reading = Reading(self.link);
        let range = poll_fn(|cx| self.poll_data(cx)).await?;
        drop(reading);
        Ok(range.map(|range| self.piece(range)))
    }

    /// The next piece of the content; the range is within the read buffer.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Range<usize>>, Gone>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let link = &mut *lock(self.link);
        link.reading = false;
        if link.conn.is_answered() && !link.wire.dead && link.broken.is_none() {
            // What would be pulled now may be the next request.
            return Poll::Ready(Err(Gone::Answered));
        }
        if self.arrival.expects_continue {
            self.arrival.expects_continue = false;
            // A refusal means that the answer has begun, and the client does not wait any more.
            let _ = link.conn.send_informational(100, NO_FIELDS, &mut link.wire.out);
        }
        loop {
            if link.wire.dead {
                return Poll::Ready(Err(Gone::Closed));
            }
            if let Some(error) = &link.broken {
                return Poll::Ready(Err(Gone::Broken(error.clone().into())));
            }
            match pull(link, self.buffers) {
                Pulled::Data(range) => return Poll::Ready(Ok(Some(range))),
                Pulled::End => {
                    self.ended = true;
                    return Poll::Ready(Ok(None));
                }
                Pulled::Nothing if link.broken.is_some() => continue,
                Pulled::Nothing if link.conn.is_paused() => return Poll::Ready(Err(Gone::Closed)),
                Pulled::Nothing => {}
            }
            let _ = link.poll_flush(cx);
            self.buffers.make_room(self.read_bytes);
            link.reading = true;
            ready!(link.poll_read(cx, &mut self.buffers.input));
            link.reading = false;
        }
    }

    /// What the client did wrong with the content, if that is still to be answered.
    #[cfg(feature = "tower")]
    pub(crate) fn broken(&self) -> Option<Gone> {
        lock(self.link).broken.clone().map(|error| Gone::Broken(error.into()))
    }

    /// Nobody waits for content any more.
    #[cfg(feature = "tower")]
    pub(crate) fn reads_no_more(&self) {
        lock(self.link).reading = false;
    }

    /// The octets of a range out of `poll_data`.
    pub(crate) fn piece(&self, range: Range<usize>) -> &[u8] {
        self.buffers.input.get(range).unwrap_or_default()
    }

    /// Throws away what of the content is already here; whether that was the rest of it.
    pub(crate) fn skip_ready(&mut self) -> bool {
        let link = &mut *lock(self.link);
        while !self.ended && !link.conn.is_answered() {
            match pull(link, self.buffers) {
                Pulled::Data(_) => {}
                Pulled::End => self.ended = true,
                Pulled::Nothing => break,
            }
        }
        self.ended
    }
}

/// A handler waits for content as long as this lives: then the client is blamed for silence.
struct Reading<'a>(&'a Mutex<Link>);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        lock(self.0).reading = false;
    }
}

enum Pulled {
    Data(Range<usize>),
    End,
    Nothing,
}

/// The next event of the content, out of what is already read.
fn pull(link: &mut Link, buffers: &mut Buffers) -> Pulled {
    let mut rest = buffers.input.get(buffers.used..).unwrap_or_default();
    let event = link.conn.next_event(&mut rest, &mut buffers.trailers);
    buffers.used = buffers.input.len() - rest.len();
    link.input_left = !rest.is_empty();
    match event {
        Ok(Some(Event::Data(data))) => Pulled::Data(buffers.used - data.len()..buffers.used),
        Ok(Some(Event::End { .. })) => Pulled::End,
        Ok(_) => Pulled::Nothing,
        Err(error) => {
            link.blame(error);
            Pulled::Nothing
        }
    }
}

/// Waits until all output is written.
pub(crate) fn poll_flush(
    link: &Mutex<Link>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), HandlerError>> {
    let link = &mut *lock(link);
    let flushed = link.poll_flush(cx);
    if link.wire.dead {
        return Poll::Ready(Err(Gone::Closed.into()));
    }
    if flushed.is_pending() {
        link.wait_for_room(cx);
    }
    flushed.map(Ok)
}

/// A whole response with `lines` that were checked before, none of which is a Date. Date and Content-Length come
/// behind them.
///
/// # Errors
/// As [`respond_with`](h1_proto::ServerConnection::respond_with); nothing is written then.
#[cfg(feature = "tower")]
pub(crate) fn respond_with(
    link: &Mutex<Link>,
    status: u16,
    lines: &FieldLines,
    content: &[u8],
) -> Result<(), SendError> {
    let link = &mut *lock(link);
    let (date, none) = (link.date_time().map(date::line_at), FieldLines::none());
    let lines = [lines, date.as_deref().unwrap_or(&none)];
    link.conn.respond_with(&lines, status, NO_FIELDS, content, &mut link.wire.out)
}

/// Sends content: `rest` advances past what is accepted.
pub(crate) fn poll_send_data(
    link: &Mutex<Link>,
    cx: &mut Context<'_>,
    rest: &mut &[u8],
) -> Poll<Result<(), HandlerError>> {
    let link = &mut *lock(link);
    loop {
        if link.wire.dead {
            return Poll::Ready(Err(Gone::Closed.into()));
        }
        let accepted = link.conn.send_data(rest, &mut link.wire.out)?;
        *rest = rest.get(accepted..).unwrap_or_default();
        if rest.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if link.poll_flush(cx).is_pending() {
            link.wait_for_room(cx);
            return Poll::Pending;
        }
    }
}
