//! What the connections say: events, heads, verdicts. Plain data.

use core::fmt;
use core::time::Duration;

use alloc::vec::Vec;
use hpack::{FieldBuf, Fields};

use crate::error::{ErrorCode, ErrorKind};
use crate::priority::Priority;

/// The identifier of a stream (RFC 9113 §5.1.1): odd if a client opened it, even if a server did.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u32);

impl StreamId {
    /// From the number on the wire, 1 to 2^31-1; for tests and logs.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {}", self.0)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({})", self.0)
    }
}

/// The head of a request (RFC 9113 §8.3.1): its pseudo-fields, and the fields behind them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestHead<'f> {
    pub(crate) fields: &'f FieldBuf,
    pub(crate) pseudo: PseudoFields,
}

impl<'f> RequestHead<'f> {
    /// The octets in which all of it lies.
    #[must_use]
    #[inline]
    pub fn raw(&self) -> &'f [u8] {
        self.fields.raw()
    }

    /// `:method`.
    #[must_use]
    #[inline]
    pub fn method(&self) -> &'f [u8] {
        self.value(Pseudo::Method).unwrap_or_default()
    }

    /// `:scheme`; `None` for CONNECT.
    #[must_use]
    #[inline]
    pub fn scheme(&self) -> Option<&'f [u8]> {
        self.value(Pseudo::Scheme)
    }

    /// `:authority`.
    #[must_use]
    #[inline]
    pub fn authority(&self) -> Option<&'f [u8]> {
        self.value(Pseudo::Authority)
    }

    /// `:path`; `None` for CONNECT.
    #[must_use]
    #[inline]
    pub fn path(&self) -> Option<&'f [u8]> {
        self.value(Pseudo::Path)
    }

    /// `:protocol` of an extended CONNECT (RFC 8441).
    #[must_use]
    #[inline]
    pub fn protocol(&self) -> Option<&'f [u8]> {
        self.value(Pseudo::Protocol)
    }

    #[inline]
    fn value(&self, pseudo: Pseudo) -> Option<&'f [u8]> {
        Some(self.fields.get(self.pseudo.place(pseudo)?)?.value)
    }

    /// The fields without the pseudo-fields, in order.
    #[must_use]
    #[inline]
    pub fn fields(&self) -> Fields<'f> {
        self.fields.iter_from(self.pseudo.count())
    }

    /// The value of the first field with this name.
    #[must_use]
    pub fn field(&self, name: impl AsRef<[u8]>) -> Option<&'f [u8]> {
        let name = name.as_ref();
        self.fields().find(|field| field.name == name).map(|field| field.value)
    }

    /// Where its pseudo-fields stand: with the section that an event gave out, kept by the caller,
    /// they are the head again ([`PseudoFields::head`]).
    #[must_use]
    pub const fn pseudo_fields(&self) -> PseudoFields {
        self.pseudo
    }
}

/// Where the pseudo-fields of a request stand in its field section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PseudoFields {
    /// By [`Pseudo`]; [`ABSENT`](Self::ABSENT) if there is none.
    at: [u8; 5],
    count: u8,
}

/// The pseudo-fields of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Pseudo {
    Method = 0,
    Scheme = 1,
    Authority = 2,
    Path = 3,
    Protocol = 4,
}

impl Pseudo {
    #[inline]
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        // The length leaves at most two to compare with.
        match name.len() {
            5 if name == b":path" => Some(Self::Path),
            7 if name == b":method" => Some(Self::Method),
            7 if name == b":scheme" => Some(Self::Scheme),
            9 if name == b":protocol" => Some(Self::Protocol),
            10 if name == b":authority" => Some(Self::Authority),
            _ => None,
        }
    }
}

impl PseudoFields {
    const ABSENT: u8 = u8::MAX;

    pub(crate) const fn none() -> Self {
        Self { at: [Self::ABSENT; 5], count: 0 }
    }

    /// The next field is this one. Whether it is the first of its kind.
    #[inline]
    pub(crate) const fn add(&mut self, pseudo: Pseudo) -> bool {
        let place = &mut self.at[pseudo as usize];
        let is_first = *place == Self::ABSENT;
        *place = self.count;
        self.count += 1;
        is_first
    }

    /// The index of a field, if it is there.
    #[inline]
    pub(crate) const fn place(&self, pseudo: Pseudo) -> Option<usize> {
        match self.at[pseudo as usize] {
            Self::ABSENT => None,
            place => Some(place as usize),
        }
    }

    pub(crate) const fn count(&self) -> usize {
        self.count as usize
    }

    /// The head in the section that it was found in. In another it is some head.
    #[must_use]
    pub const fn head(self, fields: &FieldBuf) -> RequestHead<'_> {
        RequestHead { fields, pseudo: self }
    }
}

impl fmt::Display for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.method().escape_ascii())?;
        let parts = [self.scheme(), self.authority(), self.path(), self.protocol()];
        for part in parts.into_iter().flatten() {
            write!(f, " {}", part.escape_ascii())?;
        }
        self.fields().try_for_each(|field| write!(f, ", {field:?}"))
    }
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestHead({self})")
    }
}

/// The head of a response (RFC 9113 §8.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseHead<'f> {
    /// `:status`, 100 to 999.
    pub status: u16,
    pub(crate) fields: &'f FieldBuf,
}

impl<'f> ResponseHead<'f> {
    /// The fields without the pseudo-field, in order.
    #[must_use]
    pub fn fields(&self) -> Fields<'f> {
        self.fields.iter_from(1)
    }

    /// The value of the first field with this name.
    #[must_use]
    pub fn field(&self, name: impl AsRef<[u8]>) -> Option<&'f [u8]> {
        let name = name.as_ref();
        self.fields().find(|field| field.name == name).map(|field| field.value)
    }

    /// The head in a field section that an event gave out, for a caller that kept the section.
    #[must_use]
    pub fn of(fields: &'f FieldBuf) -> Self {
        let digits = fields.get(0).map_or(&b""[..], |field| field.value);
        let status = digits.iter().fold(0, |status: u16, digit| {
            status.wrapping_mul(10).wrapping_add(u16::from(digit.wrapping_sub(b'0')))
        });
        Self { status, fields }
    }
}

impl fmt::Display for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        self.fields().try_for_each(|field| write!(f, ", {field:?}"))
    }
}

impl fmt::Debug for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseHead({self})")
    }
}

/// Who ended a stream before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetBy {
    /// The peer, by RST_STREAM.
    Peer,
    /// We, because the peer broke a rule on it.
    Us(ErrorKind),
    /// The connection, which ended or will not take it any more.
    Connection,
}

/// What became of a request that got no whole response (RFC 9113 §8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum Verdict {
    /// Provably not processed: it can be sent again, whatever its method.
    NotProcessed,
    /// Nobody knows.
    Unknown,
    /// A part of its response came.
    Processed,
}

/// One thing that happened on the connection. It borrows the input (`'i`: content) and the field
/// buffer (`'f`: everything else), not the connection: answer while you hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'i, 'f> {
    /// On a server: a request. [`Event::Data`] and [`Event::Trailers`] follow unless it ends here.
    Request {
        /// The stream to answer on.
        stream: StreamId,
        /// Its pseudo-fields and fields.
        head: RequestHead<'f>,
        /// There is no content and there are no trailers.
        end_stream: bool,
        /// When its first octet arrived, as far as the connection was told.
        began: Duration,
    },
    /// On a client: the final response.
    Response {
        /// The stream of the request.
        stream: StreamId,
        /// Its status and fields.
        head: ResponseHead<'f>,
        /// There is no content and there are no trailers.
        end_stream: bool,
    },
    /// On a client: an interim response (1xx, RFC 9110 §15.2). The final one is still to come.
    Informational {
        /// The stream of the request.
        stream: StreamId,
        /// Its status and fields.
        head: ResponseHead<'f>,
    },
    /// The next octets of the content, without padding; empty only if the stream ends here.
    Data {
        /// The stream.
        stream: StreamId,
        /// The octets.
        data: &'i [u8],
        /// What to give back by `release` once they are used; 0 if windows grow by themselves.
        credit: u32,
        /// There is no more content, and there are no trailers.
        end_stream: bool,
    },
    /// The message ended with a trailer section (RFC 9113 §8.1).
    Trailers {
        /// The stream.
        stream: StreamId,
        /// The trailers.
        fields: &'f FieldBuf,
    },
    /// A stream that was surfaced is over before its time. It keeps its place until
    /// [`done`](crate::ServerConnection::done).
    Reset {
        /// The stream.
        stream: StreamId,
        /// The code that was sent or received.
        code: ErrorCode,
        /// Who ended it.
        by: ResetBy,
        /// On a client: whether the request can be sent again.
        verdict: Verdict,
    },
    /// A stream was refused or reset before it was surfaced, or behind its end: nothing is to be done.
    Refused {
        /// The stream.
        stream: StreamId,
        /// Why.
        kind: ErrorKind,
    },
    /// SETTINGS of the peer were applied (RFC 9113 §6.5); the acknowledgement is in the output.
    SettingsChanged,
    /// The peer acknowledged the oldest SETTINGS of ours that were not.
    SettingsAcked,
    /// The answer to a PING (RFC 9113 §6.7), one of the caller's or of
    /// [`Config::ping_interval`](crate::Config::ping_interval).
    Pong {
        /// What was sent.
        data: [u8; 8],
        /// How long it took, as far as the connection was told.
        rtt: Duration,
    },
    /// The peer takes no streams above `last_stream` (RFC 9113 §6.8); those that are open may end. Each
    /// request above it follows as [`Event::Reset`].
    GoAway {
        /// No stream of ours above it was or will be processed.
        last_stream: u32,
        /// Why.
        code: ErrorCode,
        /// The beginning of what the peer says to it, at most
        /// [`Config::debug_data_bytes_max`](crate::Config::debug_data_bytes_max) octets.
        debug_data: &'f [u8],
    },
    /// On a client that allows it ([`Config::push`](crate::Config::push)): the server promises a
    /// response to a request that it makes up (RFC 9113 §8.4).
    PushPromise {
        /// The stream that it belongs to.
        stream: StreamId,
        /// The stream that the response will come on.
        promised: StreamId,
        /// The request.
        head: RequestHead<'f>,
    },
    /// On a server: a client changed the priority of a response (RFC 9218 §7.1).
    PriorityChanged {
        /// The stream.
        stream: StreamId,
        /// Its priority from now on.
        priority: Priority,
    },
    /// A frame of an unknown type (RFC 9113 §5.5), if
    /// [`Config::unknown_frames`](crate::Config::unknown_frames) is set.
    Extension {
        /// Its type.
        kind: u8,
        /// Its flags.
        flags: u8,
        /// Its stream, 0 for the connection.
        stream: u32,
        /// Its payload.
        payload: &'f [u8],
    },
}

impl fmt::Display for Event<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |end_stream: &bool| if *end_stream { ", end" } else { "" };
        match self {
            Self::Request { stream, head, end_stream, .. } => {
                write!(f, "{stream}: request {head}{}", end(end_stream))
            }
            Self::Response { stream, head, end_stream } => {
                write!(f, "{stream}: response {head}{}", end(end_stream))
            }
            Self::Informational { stream, head } => write!(f, "{stream}: informational {head}"),
            Self::Data { stream, data, end_stream, .. } if data.len() <= 32 => {
                write!(f, "{stream}: data \"{}\"{}", data.escape_ascii(), end(end_stream))
            }
            Self::Data { stream, data, end_stream, .. } => {
                write!(f, "{stream}: data of {} octets{}", data.len(), end(end_stream))
            }
            Self::Trailers { stream, fields } => write!(f, "{stream}: trailers {fields:?}"),
            Self::Reset { stream, code, by, .. } => write!(f, "{stream}: reset, {code}, by {by:?}"),
            Self::Refused { stream, kind } => write!(f, "{stream}: refused, {kind}"),
            Self::SettingsChanged => f.write_str("settings changed"),
            Self::SettingsAcked => f.write_str("settings acknowledged"),
            Self::Pong { rtt, .. } => write!(f, "pong after {rtt:?}"),
            Self::GoAway { last_stream, code, debug_data } => {
                write!(f, "goaway, {code}, last {last_stream}, \"{}\"", debug_data.escape_ascii())
            }
            Self::PushPromise { stream, promised, head } => {
                write!(f, "{stream}: promises {promised}, {head}")
            }
            Self::PriorityChanged { stream, priority } => {
                write!(f, "{stream}: priority {}", priority.value().escape_ascii())
            }
            Self::Extension { kind, stream, payload, .. } => {
                write!(f, "frame of type {kind:#x} on stream {stream}, {} octets", payload.len())
            }
        }
    }
}

impl Event<'_, '_> {
    /// A copy that borrows nothing, for tests that collect events.
    #[must_use]
    pub fn to_owned(&self) -> OwnedEvent {
        let copy = |fields: &FieldBuf| fields.clone();
        match *self {
            Self::Request { stream, head, end_stream, began } => {
                OwnedEvent::Request { stream, fields: copy(head.fields), end_stream, began }
            }
            Self::Response { stream, head, end_stream } => {
                OwnedEvent::Response { stream, fields: copy(head.fields), end_stream }
            }
            Self::Informational { stream, head } => {
                OwnedEvent::Informational { stream, fields: copy(head.fields) }
            }
            Self::Data { stream, data, credit, end_stream } => {
                OwnedEvent::Data { stream, data: data.to_vec(), credit, end_stream }
            }
            Self::Trailers { stream, fields } => {
                OwnedEvent::Trailers { stream, fields: copy(fields) }
            }
            Self::Reset { stream, code, by, verdict } => {
                OwnedEvent::Reset { stream, code, by, verdict }
            }
            Self::Refused { stream, kind } => OwnedEvent::Refused { stream, kind },
            Self::SettingsChanged => OwnedEvent::SettingsChanged,
            Self::SettingsAcked => OwnedEvent::SettingsAcked,
            Self::Pong { data, rtt } => OwnedEvent::Pong { data, rtt },
            Self::GoAway { last_stream, code, debug_data } => {
                OwnedEvent::GoAway { last_stream, code, debug_data: debug_data.to_vec() }
            }
            Self::PushPromise { stream, promised, head } => {
                OwnedEvent::PushPromise { stream, promised, fields: copy(head.fields) }
            }
            Self::PriorityChanged { stream, priority } => {
                OwnedEvent::PriorityChanged { stream, priority }
            }
            Self::Extension { kind, flags, stream, payload } => {
                OwnedEvent::Extension { kind, flags, stream, payload: payload.to_vec() }
            }
        }
    }
}

/// An [`Event`] that owns what it tells; heads as the fields that they were, pseudo-fields first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of Event")]
#[non_exhaustive]
pub enum OwnedEvent {
    /// See [`Event::Request`].
    Request { stream: StreamId, fields: FieldBuf, end_stream: bool, began: Duration },
    /// See [`Event::Response`].
    Response { stream: StreamId, fields: FieldBuf, end_stream: bool },
    /// See [`Event::Informational`].
    Informational { stream: StreamId, fields: FieldBuf },
    /// See [`Event::Data`].
    Data { stream: StreamId, data: Vec<u8>, credit: u32, end_stream: bool },
    /// See [`Event::Trailers`].
    Trailers { stream: StreamId, fields: FieldBuf },
    /// See [`Event::Reset`].
    Reset { stream: StreamId, code: ErrorCode, by: ResetBy, verdict: Verdict },
    /// See [`Event::Refused`].
    Refused { stream: StreamId, kind: ErrorKind },
    /// See [`Event::SettingsChanged`].
    SettingsChanged,
    /// See [`Event::SettingsAcked`].
    SettingsAcked,
    /// See [`Event::Pong`].
    Pong { data: [u8; 8], rtt: Duration },
    /// See [`Event::GoAway`].
    GoAway { last_stream: u32, code: ErrorCode, debug_data: Vec<u8> },
    /// See [`Event::PushPromise`].
    PushPromise { stream: StreamId, promised: StreamId, fields: FieldBuf },
    /// See [`Event::PriorityChanged`].
    PriorityChanged { stream: StreamId, priority: Priority },
    /// See [`Event::Extension`].
    Extension { kind: u8, flags: u8, stream: u32, payload: Vec<u8> },
}

/// What a driver does next. It needs no other protocol knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStep {
    /// Read, and write what is unsent.
    Read,
    /// Do not read. Write what is unsent; if nothing is, it is the application's turn.
    Write,
    /// Everything is sent: shut down the sending side, then read and throw away until the peer
    /// closes, so many octets have come or that time is reached; then close. It keeps a last GOAWAY
    /// from being lost to a reset of the transport.
    Linger {
        /// Octets to read at most.
        octets_max: u64,
        /// When to stop.
        until: Duration,
    },
    /// Close; everything is sent, and the peer has seen it or is gone.
    Close,
}

/// A payload that the caller writes itself: it belongs at `out[at]`, and everything behind that is
/// right already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a place and a length")]
pub struct Splice {
    /// The index in the output before which the payload goes.
    pub at: usize,
    /// The octets of it that go there.
    pub len: usize,
}
