//! The server role.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::time::Duration;

use hpack::{Field, FieldBuf};

use crate::config::Config;
use crate::core::{Core, Side};
use crate::error::{ConnectionError, SendError};
use crate::event::{Event, StreamId};
use crate::message::Section;
use crate::stream::Flags;
use crate::stream::state::Frame;

/// The server's side of a connection. What a driver does with it is in the documentation of the
/// [crate].
#[derive(Clone)]
pub struct ServerConnection(pub(crate) Core);

impl ServerConnection {
    /// A connection that is known to speak HTTP/2, by ALPN (RFC 9113 §3.2), and begins at `now`: our
    /// SETTINGS are appended to `out` at once, and a WINDOW_UPDATE if the connection's window is above
    /// 65,535 octets.
    #[must_use]
    pub fn new(config: impl Into<Arc<Config>>, now: Duration, out: &mut Vec<u8>) -> Self {
        let mut core = Core::new(config.into(), Side::Server, now);
        let start = out.len();
        core.greet(out);
        core.appended(out.len() - start);
        Self(core)
    }

    /// A connection that may speak HTTP/2 (RFC 9113 §3.3): our SETTINGS follow the client's preface,
    /// and a wrong one ([`ErrorKind::Preface`](crate::ErrorKind)) is answered by nothing, so that it can be answered
    /// in another protocol: what came is the beginning of [`PREFACE`](crate::PREFACE), as long as the
    /// error's offset, and what is left of the input.
    #[must_use]
    pub fn with_prior_knowledge(config: impl Into<Arc<Config>>, now: Duration) -> Self {
        Self(Core::new(config.into(), Side::Server, now))
    }

    /// The next event; `input` has advanced past the octets that made it. Pull until `None`, answering
    /// on the way: with `input` empty more is needed, with octets left they have to wait
    /// ([`is_paused`](Self::is_paused)), or the connection is closed. Heads and trailers land in
    /// `fields`, acknowledgements, resets and windows in `out`.
    ///
    /// # Errors
    /// The client broke the connection, or overdrew the ledger; a GOAWAY that says so is in `out`, but
    /// for a wrong preface where nothing was sent yet. The same error comes from then on.
    pub fn next_event<'i, 'f>(
        &mut self,
        input: &mut &'i [u8],
        fields: &'f mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'i, 'f>>, ConnectionError> {
        self.0.next_event(input, fields, out)
    }

    /// Sends an interim response (RFC 9110 §15.2): a status from 100 to 199, but 101, which HTTP/2 does
    /// not have (RFC 9113 §8.6).
    ///
    /// # Errors
    /// [`InvalidStatus`](SendError::InvalidStatus); [`WrongState`](SendError::WrongState) behind the
    /// final response; [`BodyNotAllowed`](SendError::BodyNotAllowed) for a `content-length`; as
    /// [`send_response`](Self::send_response).
    pub fn send_informational<'a, I>(
        &mut self,
        stream: StreamId,
        status: u16,
        fields: I,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'a>>,
    {
        if !(100..200).contains(&status) || status == 101 {
            return Err(SendError::InvalidStatus);
        }
        self.send_head(stream, status, fields, Rest::Open, out)
    }

    /// Sends the final response (RFC 9113 §8.3.2), a status from 200 to 999: its head, and with
    /// `end_stream` all of it. Names of fields may have upper case; they are sent in lower case.
    /// `content-length` is held against the content that follows.
    ///
    /// # Errors
    /// [`InvalidStatus`](SendError::InvalidStatus); [`WrongState`](SendError::WrongState): there was
    /// one; [`BodyTooShort`](SendError::BodyTooShort): it ends here, though content is announced;
    /// [`BodyNotAllowed`](SendError::BodyNotAllowed): `content-length` in a 204;
    /// [`SectionTooLong`](SendError::SectionTooLong) for the client; those of fields;
    /// [`NoStream`](SendError::NoStream); [`Closed`](SendError::Closed).
    pub fn send_response<'a, I>(
        &mut self,
        stream: StreamId,
        status: u16,
        fields: I,
        end_stream: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'a>>,
    {
        if !(200..1000).contains(&status) {
            return Err(SendError::InvalidStatus);
        }
        let rest = if end_stream { Rest::Content(0) } else { Rest::Open };
        self.send_head(stream, status, fields, rest, out)
    }

    fn send_head<'a, I>(
        &mut self,
        id: StreamId,
        status: u16,
        fields: I,
        rest: Rest,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'a>>,
    {
        let end_stream = matches!(rest, Rest::Content(0));
        let core = &mut self.0;
        core.check_open()?;
        let slot = core.surfaced(id)?;
        let stream = core.streams.get(slot);
        let flags = stream.flags;
        let next = stream
            .state
            .send(Frame::Headers { end: end_stream })
            .filter(|_| !flags.has(Flags::HEAD_SENT))
            .ok_or(SendError::WrongState)?;
        let fields = || fields.clone().into_iter().map(Into::into);
        let digits = [
            b'0' + (status / 100) as u8,
            b'0' + (status / 10 % 10) as u8,
            b'0' + (status % 10) as u8,
        ];
        let pseudo = Field::new(b":status", &digits);
        let sum = core.check_section(pseudo.size(), fields(), Section::Response, None)?;
        let length = sum.content_length;
        // RFC 9110 §8.6: nobody could tell it from one that frames content.
        if length.is_some() && (status < 200 || status == 204) {
            return Err(SendError::BodyNotAllowed);
        }
        let is_final = status >= 200;
        let tunnel = flags.has(Flags::TUNNEL) && (200..300).contains(&status);
        let no_content =
            flags.has(Flags::HEAD_REQUEST) || !h1_proto::grammar::status_allows_content(status);
        let announced = length.filter(|_| is_final && !tunnel && !no_content);
        if let (Rest::Content(octets), Some(announced)) = (rest, announced) {
            match announced.cmp(&(octets as u64)) {
                Ordering::Greater => return Err(SendError::BodyTooShort),
                Ordering::Less => return Err(SendError::BodyTooLong),
                Ordering::Equal => {}
            }
        }
        let start = out.len();
        core.write_section(
            id.0,
            core::iter::once(pseudo),
            fields().map(shorten),
            sum.has_upper_case,
            end_stream,
            out,
        );
        if is_final {
            let stream = core.streams.get_mut(slot);
            stream.flags.set(Flags::HEAD_SENT);
            if !tunnel {
                // Refused, it is a request as any other (§8.5).
                stream.flags.clear(Flags::TUNNEL);
            }
            if no_content {
                stream.flags.set(Flags::NO_CONTENT_OUT);
            }
            if let Some(length) = announced {
                stream.flags.set(Flags::LENGTH_OUT);
                stream.send_left = length;
            }
            if end_stream {
                core.sent_end(slot, next, out);
            }
        }
        core.appended(out.len() - start);
        Ok(())
    }

    /// A whole response: head and content, which ends it. What windows and output do not take is not
    /// sent: the octets of `content` that were, as [`send_data`](Self::send_data) tells; the rest is
    /// sent by that when the stream has its turn.
    ///
    /// # Errors
    /// As [`send_response`](Self::send_response); [`BodyTooLong`](SendError::BodyTooLong) and
    /// [`BodyTooShort`](SendError::BodyTooShort) if `content-length` announces another length than that
    /// of `content`. Nothing is written then.
    pub fn respond<'a, I>(
        &mut self,
        stream: StreamId,
        status: u16,
        fields: I,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'a>>,
    {
        if !(200..1000).contains(&status) {
            return Err(SendError::InvalidStatus);
        }
        self.send_head(stream, status, fields, Rest::Content(content.len()), out)?;
        if content.is_empty() { Ok(0) } else { self.send_data(stream, content, true, out) }
    }
}

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// So many octets of content, and the end.
    Content(usize),
    /// Whatever the caller sends.
    Open,
}

/// A field that lives as long as its neighbours.
pub(crate) fn shorten<'s, 'a: 's>(field: Field<'a>) -> Field<'s> {
    field
}

crate::connection!(ServerConnection);
