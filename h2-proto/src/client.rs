//! The client role.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use h1_proto::grammar;
use hpack::{Field, FieldBuf};

use crate::config::Config;
use crate::core::{Core, Side};
use crate::error::{ConnectionError, SendError};
use crate::event::{Event, StreamId, Verdict};
use crate::frame::STREAM_ID_MAX;
use crate::message::{self, Section};
use crate::pending::Waiting;
use crate::phase::Phase;
use crate::stream::Flags;
use crate::stream::state::State;

/// The pseudo-fields of a request (RFC 9113 §8.3.1). [`ClientConnection::send_request`] checks them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "these are the pseudo-fields")]
pub struct RequestLine<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// `:scheme`; none for CONNECT.
    pub scheme: Option<&'a [u8]>,
    /// `:authority`.
    pub authority: Option<&'a [u8]>,
    /// `:path`; none for CONNECT.
    pub path: Option<&'a [u8]>,
    /// `:protocol` of an extended CONNECT (RFC 8441), if the server allows it.
    pub protocol: Option<&'a [u8]>,
}

impl<'a> RequestLine<'a> {
    /// A request to an `https` or `http` resource: all four, and no `:protocol`.
    #[must_use]
    pub fn new(
        method: &'a (impl AsRef<[u8]> + ?Sized),
        scheme: &'a (impl AsRef<[u8]> + ?Sized),
        authority: &'a (impl AsRef<[u8]> + ?Sized),
        path: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Self {
        Self {
            method: method.as_ref(),
            scheme: Some(scheme.as_ref()),
            authority: Some(authority.as_ref()),
            path: Some(path.as_ref()),
            protocol: None,
        }
    }

    fn pseudo_fields(&self) -> impl Iterator<Item = Field<'a>> + Clone {
        let all: [(&'static [u8], Option<&'a [u8]>); 5] = [
            (b":method", Some(self.method)),
            (b":scheme", self.scheme),
            (b":authority", self.authority),
            (b":path", self.path),
            (b":protocol", self.protocol),
        ];
        all.into_iter().filter_map(|(name, value)| Some(Field::new(name, value?)))
    }

    fn check(&self) -> Result<(), SendError> {
        let target_ok = if self.method == b"CONNECT" && self.protocol.is_none() {
            self.scheme.is_none()
                && self.path.is_none()
                && self.authority.is_some_and(message::has_port)
        } else {
            self.scheme.is_some_and(grammar::is_scheme)
                && self.path.is_some_and(|path| {
                    grammar::is_target(path)
                        && (path.starts_with(b"/") || path == b"*" && self.method == b"OPTIONS")
                })
                && (self.protocol.is_none() || self.authority.is_some())
        };
        if !grammar::is_token(self.method)
            || self.protocol.is_some_and(|it| self.method != b"CONNECT" || !grammar::is_token(it))
        {
            return Err(SendError::InvalidMethod);
        }
        let authority_ok = self.authority.is_none_or(|it| grammar::authority(it).is_some());
        if target_ok && authority_ok { Ok(()) } else { Err(SendError::InvalidTarget) }
    }
}

/// The client's side of a connection. What a driver does with it is in the documentation of the
/// [crate].
#[derive(Clone)]
pub struct ClientConnection(pub(crate) Core);

impl ClientConnection {
    /// A connection, which begins at `now`; our preface and SETTINGS (RFC 9113 §3.4) are appended to
    /// `out`, and a WINDOW_UPDATE if the connection's window is above 65,535 octets.
    #[must_use]
    pub fn new(config: impl Into<Arc<Config>>, now: Duration, out: &mut Vec<u8>) -> Self {
        let mut core = Core::new(config.into(), Side::Client, now);
        let start = out.len();
        core.greet(out);
        core.appended(out.len() - start);
        Self(core)
    }

    /// The next event; `input` has advanced past the octets that made it. Pull until `None`: with
    /// `input` empty more is needed, with octets left they have to wait
    /// ([`is_paused`](Self::is_paused)), or the connection is closed. Heads and trailers land in
    /// `fields`, acknowledgements, resets and windows in `out`.
    ///
    /// # Errors
    /// The server broke the connection, or overdrew the ledger; a GOAWAY that says so is in `out`. The
    /// same error comes from then on.
    pub fn next_event<'i, 'f>(
        &mut self,
        input: &mut &'i [u8],
        fields: &'f mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'i, 'f>>, ConnectionError> {
        self.0.next_event(input, fields, out)
    }

    /// Sends a request (RFC 9113 §8.3.1): its head, and with `end_stream` all of it. Names of fields
    /// may have upper case; they are sent in lower case. `content-length` is held against the content
    /// that follows. If the server does not allow another stream now, or has not said how many it
    /// allows, the request waits; content is accepted once it does not.
    ///
    /// # Errors
    /// [`ShuttingDown`](SendError::ShuttingDown), on either side; [`Exhausted`](SendError::Exhausted):
    /// a new connection is needed; [`TooManyPending`](SendError::TooManyPending);
    /// [`InvalidMethod`](SendError::InvalidMethod) and [`InvalidTarget`](SendError::InvalidTarget);
    /// [`NotAllowed`](SendError::NotAllowed): `:protocol`, which the server has not allowed (RFC 8441
    /// §3); [`SectionTooLong`](SendError::SectionTooLong) for the server;
    /// [`BodyTooShort`](SendError::BodyTooShort): it ends here, though content is announced; those of
    /// fields; [`Closed`](SendError::Closed).
    pub fn send_request<'a, I>(
        &mut self,
        line: RequestLine<'_>,
        fields: I,
        end_stream: bool,
        out: &mut Vec<u8>,
    ) -> Result<StreamId, SendError>
    where
        I: IntoIterator + Clone,
        I::Item: Into<Field<'a>>,
    {
        let core = &mut self.0;
        core.check_open()?;
        if core.phase == Phase::Goaway || core.is_draining() || core.goaway_received.is_some() {
            return Err(SendError::ShuttingDown);
        }
        if core.next_own_id > STREAM_ID_MAX {
            return Err(SendError::Exhausted);
        }
        line.check()?;
        if line.protocol.is_some() && !core.remote.connect_protocol {
            return Err(SendError::NotAllowed);
        }
        let fields = || fields.clone().into_iter().map(Into::into);
        let pseudo_bytes: usize = line.pseudo_fields().map(|field| field.size()).sum();
        let sum = core.check_section(pseudo_bytes, fields(), Section::Request, line.authority)?;
        let length = sum.content_length;
        if end_stream && length.is_some_and(|length| length > 0) {
            return Err(SendError::BodyTooShort);
        }
        let waits = !core.may_open() || core.pending.len() > 0;
        if waits {
            let bytes = pseudo_bytes + fields().map(|field: Field<'_>| field.size()).sum::<usize>();
            core.pending.admits(bytes, &core.config)?;
        }
        let id = core.next_own_id;
        core.next_own_id += 2;
        let state = if end_stream { State::HalfClosedLocal } else { State::Open };
        let slot = core.open(id, state);
        let now = core.deadlines.millis();
        let stream = core.streams.get_mut(slot);
        stream.surfaced_at = now;
        stream.flags.set(Flags::SURFACED);
        stream.flags.set(Flags::HEAD_SENT);
        if line.method == b"HEAD" {
            stream.flags.set(Flags::HEAD_REQUEST);
        }
        if line.method == b"CONNECT" {
            stream.flags.set(Flags::TUNNEL);
        } else if let Some(length) = length {
            stream.flags.set(Flags::LENGTH_OUT);
            stream.send_left = length;
        }
        if waits {
            stream.flags.set(Flags::PENDING);
            stream.flags.clear(Flags::COUNTED);
            core.own_streams -= 1;
            let fields = line.pseudo_fields().chain(fields().map(crate::server::shorten));
            let mut fields: FieldBuf = fields.collect();
            fields.shrink();
            core.pending.push(Waiting { id, fields, end_stream });
        } else {
            let start = out.len();
            core.write_section(
                id,
                line.pseudo_fields(),
                fields().map(crate::server::shorten),
                sum.has_upper_case,
                end_stream,
                out,
            );
            core.appended(out.len() - start);
        }
        Ok(StreamId(id))
    }

    /// The requests that have no whole response and were not given up, and what is known of each:
    /// after an error or the end of input those that provably were not processed can be sent again
    /// (RFC 9113 §8.7). What a GOAWAY or a reset ended was told by [`Event::Reset`].
    pub fn unfinished(&self) -> impl Iterator<Item = (StreamId, Verdict)> + '_ {
        self.0
            .streams
            .iter()
            .filter(|(slot, stream)| self.0.is_held(*slot) && !self.0.is_peer_id(stream.id))
            .filter(|(_, stream)| stream.state.receives())
            .map(|(slot, stream)| (StreamId(stream.id), self.0.verdict(slot)))
    }

    /// How many requests wait until the server allows another stream, at most
    /// [`pending_max`](Config::pending_max).
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.pending.len()
    }
}

crate::connection!(ClientConnection);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_5_1_1_identifiers_come_to_their_end() {
        let mut out = Vec::new();
        let mut client = ClientConnection::new(Config::default(), Duration::ZERO, &mut out);
        client.0.next_own_id = STREAM_ID_MAX;
        let line = RequestLine::new("GET", "https", "a.example", "/");
        let none: [(&str, &str); 0] = [];
        let last = client.send_request(line, none, true, &mut out);
        assert_eq!(last, Ok(StreamId(STREAM_ID_MAX)));
        let octets = out.len();
        let beyond = client.send_request(line, none, true, &mut out);
        assert_eq!((beyond, out.len()), (Err(SendError::Exhausted), octets));
    }
}
