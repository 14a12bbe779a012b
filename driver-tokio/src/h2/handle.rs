//! How a handler answers on its stream.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use h1_proto::grammar;
use h2_proto::{SendError, StreamId};

use super::after::After;
use super::fields::With;
use super::shared::{Shared, State};
use crate::date;
use crate::error::{Gone, HandlerError};
use crate::head::{BodyLength, Field};

/// The answer on one stream.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stream: StreamId,
}

impl Handle {
    pub(crate) fn send_informational<'f, I>(&self, status: u16, fields: I) -> Result<(), SendError>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.shared.with(|State { conn, out, after, .. }| {
            conn.send_informational(self.stream, status, fields, out)?;
            after.notify();
            Ok(())
        })
    }

    /// A whole answer. What the windows do not take waits here.
    pub(crate) fn respond<'f, I>(
        &self,
        status: u16,
        fields: I,
        content: &[u8],
    ) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'f>>,
    {
        self.shared.with(|state| {
            let contended = state.conn.has_writable();
            let (end, length) = (content.is_empty(), BodyLength::Known(content.len() as u64));
            let head_only = self.send_head(state, status, fields, length, end)?;
            let State { conn, out, exchanges, after, .. } = state;
            after.notify();
            let Some(exchange) = exchanges.find(self.stream) else { return Ok(()) };
            exchange.ended = true;
            if !end && !head_only {
                // Others come first if they wait for their turn.
                let accepted =
                    if contended { 0 } else { conn.send_data(self.stream, content, true, out)? };
                if accepted < content.len() {
                    let rest = content.get(accepted..).unwrap_or_default();
                    exchange.rest.extend_from_slice(rest);
                    conn.want_send(self.stream)?;
                }
            }
            Ok(())
        })
    }

    pub(crate) fn send_response<'f, I>(
        &self,
        status: u16,
        fields: I,
        body: BodyLength,
    ) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'f>>,
    {
        self.shared.with(|state| {
            let end = matches!(body, BodyLength::None | BodyLength::Known(0));
            self.send_head(state, status, fields, body, end)?;
            state.after.notify();
            Ok(())
        })
    }

    /// Sends the final head; whether it is all there may be of the answer.
    fn send_head<'f, I>(
        &self,
        state: &mut State,
        status: u16,
        fields: I,
        body: BodyLength,
        end: bool,
    ) -> Result<bool, SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'f>>,
    {
        let now = state.date_time(self.shared.date);
        let State { conn, out, exchanges, .. } = state;
        let exchange = exchanges.find(self.stream).ok_or(SendError::NoStream)?;
        let allowed = grammar::status_allows_content(status);
        let tunnels = exchange.tunnels(status);
        let head_only = exchange.is_head || !allowed || tunnels;
        let length = match body {
            BodyLength::Known(octets) if allowed && !tunnels => Some(octets),
            _ => None,
        };
        let (mut adds_length, mut adds_date) = (length.is_some(), now.is_some());
        for field in fields.clone() {
            let field: Field<'f> = field.into();
            if is_named(field, b"content-length") {
                adds_length = false;
                check_length(field.value, length.filter(|_| !head_only))?;
            }
            adds_date &= !is_named(field, b"date");
        }
        let date = now.filter(|_| adds_date).map_or([0; 29], date::at);
        let mut digits = [0; 20];
        let length = decimal(length.filter(|_| adds_length).unwrap_or(0), &mut digits);
        let added = [Field::new(b"content-length", length), Field::new(b"date", &date)];
        let added = added.get(usize::from(!adds_length)..1 + usize::from(adds_date));
        let fields = With::new(fields, added.unwrap_or_default());
        conn.send_response(self.stream, status, fields, (end || head_only) && !tunnels, out)?;
        exchange.begun = true;
        exchange.ended = end || head_only;
        exchange.head_only = head_only;
        self.answered(state, tunnels);
        Ok(head_only)
    }

    /// Sends content: `rest` advances past what is accepted. With `last` the answer ends behind it.
    pub(crate) fn poll_send_data(
        &self,
        cx: &Context<'_>,
        rest: &mut &[u8],
        last: bool,
    ) -> Poll<Result<(), HandlerError>> {
        self.shared.with(|state| {
            if let Err(gone) = state.exchange(self.stream) {
                return Poll::Ready(Err(gone.into()));
            }
            let State { conn, out, exchanges, after, .. } = state;
            let Some(exchange) = exchanges.find(self.stream) else {
                return Poll::Ready(Err(Gone::Closed.into()));
            };
            let granted = core::mem::take(&mut exchange.granted);
            if exchange.head_only || (exchange.ended || !last) && rest.is_empty() {
                *rest = &[];
                return Poll::Ready(Ok(()));
            }
            let accepted = if granted || !conn.has_writable() {
                let accepted = conn.send_data(self.stream, rest, last, out)?;
                if accepted > 0 || last {
                    after.notify();
                }
                exchange.ended = last && accepted == rest.len();
                accepted
            } else {
                // Others wait for their turn.
                conn.want_send(self.stream)?;
                0
            };
            *rest = rest.get(accepted..).unwrap_or_default();
            if exchange.ended || rest.is_empty() && !last {
                return Poll::Ready(Ok(()));
            }
            set(&mut exchange.sender, cx, after);
            Poll::Pending
        })
    }

    pub(crate) fn finish(&self) -> Result<(), SendError> {
        self.shared.with(|State { conn, out, exchanges, after, .. }| {
            let exchange = exchanges.find(self.stream).ok_or(SendError::NoStream)?;
            if !exchange.ended {
                conn.send_data(self.stream, b"", true, out)?;
                exchange.ended = true;
                after.notify();
            }
            Ok(())
        })
    }

    pub(crate) fn send_trailers<'f, I>(&self, fields: I) -> Result<(), SendError>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.shared.with(|State { conn, out, exchanges, after, .. }| {
            let exchange = exchanges.find(self.stream).ok_or(SendError::NoStream)?;
            if !exchange.head_only {
                conn.send_trailers(self.stream, fields, out)?;
                exchange.ended = true;
                after.notify();
            }
            Ok(())
        })
    }

    /// Waits until all output of the connection is written.
    pub(crate) fn poll_flush(&self, cx: &Context<'_>) -> Poll<Result<(), HandlerError>> {
        self.shared.with(|state| {
            if let Err(gone) = state.exchange(self.stream) {
                return Poll::Ready(Err(gone.into()));
            }
            let State { conn, exchanges, after, flushing, .. } = state;
            match exchanges.find(self.stream) {
                Some(exchange) if conn.unsent() > 0 => {
                    *flushing += u32::from(exchange.flusher.is_none());
                    set(&mut exchange.flusher, cx, after);
                    Poll::Pending
                }
                _ => Poll::Ready(Ok(())),
            }
        })
    }
}

/// Whom to wake.
pub(crate) fn set(place: &mut Option<Waker>, cx: &Context<'_>, after: &mut After) {
    if !place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        after.discard(place.replace(cx.waker().clone()));
    }
}

/// Whether a field has this name, which is in lower case as that of most fields is.
#[inline]
fn is_named(field: Field<'_>, name: &[u8]) -> bool {
    field.name == name || field.name.eq_ignore_ascii_case(name)
}

/// A response says the length of its content (RFC 9113 §8.1.1): told before anything of it is out. What is no
/// number the machine refuses.
fn check_length(value: &[u8], length: Option<u64>) -> Result<(), SendError> {
    match (grammar::decimal(value), length) {
        (Ok(told), Some(octets)) if told > octets => Err(SendError::BodyTooShort),
        (Ok(told), Some(octets)) if told < octets => Err(SendError::BodyTooLong),
        _ => Ok(()),
    }
}

/// A number in decimal digits.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}
