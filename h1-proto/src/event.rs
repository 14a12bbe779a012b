//! What the connections say and take: events, lengths, steps, verdicts. Plain data.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::Head;

/// One thing that happened on the connection. It borrows the input (`'i`: content) and the head
/// buffer (`'f`: everything else), not the connection: answer while you hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'i, 'f> {
    /// On a server a request, on a client a final response. [`Event::End`] follows, with
    /// [`Event::Data`] before it as the content arrives.
    Head {
        /// Start line and fields.
        head: &'f Head,
        /// How the content is framed (RFC 9112 §6.3).
        body: BodyLength,
        /// On a server: the client waits for a 100 (Continue) before it sends the content
        /// (RFC 9110 §10.1.1).
        expects_continue: bool,
        /// When the first octet of the message arrived, as far as the connection was told.
        began: Duration,
    },
    /// On a client: an interim response (1xx but 101). The final one is still to come.
    Informational(&'f Head),
    /// The next octets of the content, chunked coding removed. Never empty.
    Data(&'i [u8]),
    /// The message is complete. The trailers have no start line, and no fields if none came.
    End {
        /// The trailer section (RFC 9110 §6.5), apart from the header section on purpose.
        trailers: &'f Head,
    },
    /// From here on the octets belong to another protocol, in both directions: what is left of
    /// the input is its beginning ([`NextStep::HandOver`]).
    Upgraded,
}

impl Event<'_, '_> {
    /// A copy that borrows nothing, for tests that collect events.
    #[must_use]
    pub fn to_owned(&self) -> OwnedEvent {
        match *self {
            Self::Head { head, body, expects_continue, began } => {
                OwnedEvent::Head { head: head.clone(), body, expects_continue, began }
            }
            Self::Informational(head) => OwnedEvent::Informational(head.clone()),
            Self::Data(data) => OwnedEvent::Data(data.to_vec()),
            Self::End { trailers } => OwnedEvent::End { trailers: trailers.clone() },
            Self::Upgraded => OwnedEvent::Upgraded,
        }
    }
}

impl fmt::Display for Event<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Head { head, body, expects_continue, .. } => {
                write!(f, "head {head}, content {body}")?;
                if expects_continue { f.write_str(", expects 100") } else { Ok(()) }
            }
            Self::Informational(head) => write!(f, "informational {head}"),
            Self::Data(data) if data.len() <= 32 => write!(f, "data \"{}\"", data.escape_ascii()),
            Self::Data(data) => write!(f, "data of {} octets", data.len()),
            Self::End { trailers } if trailers.fields().len() == 0 => f.write_str("end"),
            Self::End { trailers } => write!(f, "end, trailers{trailers}"),
            Self::Upgraded => f.write_str("upgraded"),
        }
    }
}

/// An [`Event`] that owns what it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of Event")]
#[non_exhaustive]
pub enum OwnedEvent {
    /// See [`Event::Head`].
    Head { head: Head, body: BodyLength, expects_continue: bool, began: Duration },
    /// See [`Event::Informational`].
    Informational(Head),
    /// See [`Event::Data`].
    Data(Vec<u8>),
    /// See [`Event::End`].
    End { trailers: Head },
    /// See [`Event::Upgraded`].
    Upgraded,
}

impl OwnedEvent {
    /// The event again, borrowing from this one.
    #[must_use]
    pub fn as_event(&self) -> Event<'_, '_> {
        match self {
            Self::Head { head, body, expects_continue, began } => Event::Head {
                head,
                body: *body,
                expects_continue: *expects_continue,
                began: *began,
            },
            Self::Informational(head) => Event::Informational(head),
            Self::Data(data) => Event::Data(data),
            Self::End { trailers } => Event::End { trailers },
            Self::Upgraded => Event::Upgraded,
        }
    }
}

impl fmt::Display for OwnedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_event().fmt(f)
    }
}

/// How long a message's content is (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 9112 §6.3 knows no other framing")]
pub enum BodyLength {
    /// There is none.
    #[default]
    None,
    /// So many octets, told by Content-Length.
    Known(u64),
    /// Told by the chunked transfer coding; trailers may follow.
    Chunked,
    /// All octets until the connection closes. Responses only.
    UntilClose,
}

impl fmt::Display for BodyLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Known(octets) => write!(f, "{octets} octets"),
            Self::Chunked => f.write_str("chunked"),
            Self::UntilClose => f.write_str("until close"),
        }
    }
}

/// The version of a message. What a peer sends as HTTP/1.2 or higher counts as 1.1
/// (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_enums, reason = "other versions are other protocols")]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        })
    }
}

/// What becomes of the connection after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 9112 §9.3 knows these two")]
pub enum KeepAlive {
    /// It carries another exchange.
    Continue,
    /// It closes.
    Close,
}

/// A field line: name and value, as octets.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a name and a value is what a field is")]
pub struct Field<'a> {
    /// The name, in the letter case in which it came or shall go.
    pub name: &'a [u8],
    /// The value, without the white space around it.
    pub value: &'a [u8],
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name.escape_ascii(), self.value.escape_ascii())
    }
}

impl<'a, N: AsRef<[u8]> + ?Sized, V: AsRef<[u8]> + ?Sized> From<(&'a N, &'a V)> for Field<'a> {
    fn from((name, value): (&'a N, &'a V)) -> Self {
        Self { name: name.as_ref(), value: value.as_ref() }
    }
}

impl<'a, N: AsRef<[u8]>, V: AsRef<[u8]>> From<&'a (N, V)> for Field<'a> {
    fn from((name, value): &'a (N, V)) -> Self {
        Self { name: name.as_ref(), value: value.as_ref() }
    }
}

impl<'a> From<&Self> for Field<'a> {
    fn from(field: &Self) -> Self {
        *field
    }
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
    /// closes, so many octets have come or that time is reached; then close. It keeps a last
    /// answer from being lost to a reset (RFC 9112 §9.6).
    Linger {
        /// Octets to read at most.
        octets_max: u64,
        /// When to stop, on the time line of the constructor.
        until: Duration,
    },
    /// The connection belongs to another protocol now, and so does what is left of the input.
    HandOver,
    /// Close the transport.
    Close,
}

/// Where the payload belongs that the caller writes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the payload is promised and has to be written at this place"]
#[allow(clippy::exhaustive_structs, reason = "an offset and a length")]
pub struct Splice {
    /// The index in `out` at which the payload belongs; what stands behind it is already right.
    pub at: usize,
    /// Octets of payload, all of which must be written.
    pub len: usize,
}

/// The number of a request on a client connection, from 0 in the order of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs, reason = "a number")]
pub struct RequestId(pub u64);

/// What a client knows of a request that has no complete response (RFC 9110 §9.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a request was processed, was not, or nobody knows")]
pub enum Verdict {
    /// The server has provably not acted on it: no octet of it was written, or the server
    /// closed the connection with an earlier answer. Safe to send again, whatever the method.
    Unprocessed,
    /// Nobody can tell. Safe to send again only if the method is idempotent.
    Unknown,
    /// The server began to answer it.
    Processed,
}
