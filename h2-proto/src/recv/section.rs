//! Field blocks received: put together, decoded, and made messages of.

use alloc::vec::Vec;
use core::mem;

use hpack::{FieldBuf, FieldLimits};

use super::{Reading, Step};
use crate::core::{Core, Side};
use crate::error::{ErrorCode, ErrorKind, Fault};
use crate::event::StreamId;
use crate::frame::{self, Header, flag};
use crate::ledger::{Cause, charge};
use crate::message;
use crate::phase::Phase;
use crate::priority::Priority;
use crate::stream::Flags;
use crate::stream::map::Slot;
use crate::stream::state::{Frame, Outcome, State};

/// A field block that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(super) stream: u32,
    /// Of a PUSH_PROMISE: the stream that is promised.
    promised: Option<u32>,
    end_stream: bool,
    depends_on_itself: bool,
    continuations: u32,
    /// When its first octet arrived, in nanoseconds.
    began: u64,
}

impl Core {
    pub(super) fn on_headers(
        &mut self,
        header: &Header,
        payload: &[u8],
        fields: &mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        let headers = frame::headers::parse(header, payload)?;
        let block = Block {
            stream: header.stream,
            promised: None,
            end_stream: header.has(flag::END_STREAM),
            depends_on_itself: headers.depends_on_itself,
            continuations: 0,
            began: self.deadlines.block_began(),
        };
        self.begin_block(block, header, headers.fragment, fields, out)
    }

    pub(super) fn on_push_promise(
        &mut self,
        header: &Header,
        payload: &[u8],
        fields: &mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        if self.side == Side::Server || !self.local.in_force.push {
            return Err(Fault::Connection(ErrorKind::PushForbidden));
        }
        let (promised, fragment) = frame::push_promise::parse(header, payload)?;
        if self.is_peer_id(header.stream)
            || !self.is_peer_id(promised)
            || promised <= self.last_peer_id
        {
            return Err(Fault::Connection(ErrorKind::StreamId));
        }
        if let Outcome::Error(Fault::Connection(kind)) =
            self.state_of(header.stream).receive(Frame::PushPromise)
        {
            return Err(Fault::Connection(kind));
        }
        self.last_peer_id = promised;
        let block = Block {
            stream: header.stream,
            promised: Some(promised),
            end_stream: false,
            depends_on_itself: false,
            continuations: 0,
            began: self.deadlines.block_began(),
        };
        self.begin_block(block, header, fragment, fields, out)
    }

    fn begin_block(
        &mut self,
        block: Block,
        header: &Header,
        fragment: &[u8],
        fields: &mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        if fragment.len() > self.config.block_bytes_max as usize {
            return Err(Fault::Connection(ErrorKind::BlockTooLong));
        }
        if header.has(flag::END_HEADERS) {
            return self.on_block(block, fragment, fields, out);
        }
        self.fragments.clear();
        self.push_fragment(fragment)?;
        self.deadlines.block_begins();
        self.reading = Reading::Block(block);
        Ok(None)
    }

    fn push_fragment(&mut self, fragment: &[u8]) -> Result<(), Fault> {
        self.fragments
            .push(fragment, self.config.block_bytes_max as usize)
            .map_err(|_| Fault::Connection(ErrorKind::BlockTooLong))
    }

    pub(super) fn on_continuation(
        &mut self,
        header: &Header,
        payload: &[u8],
        fields: &mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        let Reading::Block(mut block) = self.reading else {
            return Err(Fault::Connection(ErrorKind::BlockInterrupted));
        };
        block.continuations += 1;
        if block.continuations > self.config.continuations_max {
            return Err(Fault::Connection(ErrorKind::TooManyContinuations));
        }
        self.ledger.charge(Cause::EmptyFrames, charge::EMPTY_FRAME);
        self.push_fragment(payload)?;
        if !header.has(flag::END_HEADERS) {
            self.reading = Reading::Block(block);
            return Ok(None);
        }
        self.reading = Reading::Frame;
        self.deadlines.block_ends();
        let mut fragments = mem::take(&mut self.fragments);
        let result = self.on_block(block, fragments.block(), fields, out);
        fragments.clear();
        self.fragments = fragments;
        result
    }

    /// A whole field block: decoded in any case, because the table has to stay in step.
    pub(super) fn on_block(
        &mut self,
        block: Block,
        octets: &[u8],
        fields: &mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        let limits = FieldLimits {
            section_bytes_max: self.local.announced().section_bytes_max as usize,
            fields_max: self.config.fields_max as usize,
        };
        let before = self.decoder.work();
        let decoded = self.decoder.decode_marking(octets, &limits, fields, message::is_settled);
        let over = match decoded {
            Ok(()) => None,
            Err(error) if error.is_fatal() => {
                return Err(Fault::Connection(ErrorKind::Compression(error.kind())));
            }
            Err(error) if error.kind() == hpack::DecodeErrorKind::TooManyFields => {
                Some(ErrorKind::TooManyFields)
            }
            Err(_) => Some(ErrorKind::SectionTooLong),
        };
        let work = self.decoder.work() - before;
        let expansion = work.saturating_sub(8 * octets.len() as u64) / 64;
        if expansion > 0 {
            self.ledger.charge(Cause::Expansion, charge::EXPANSION * expansion as u32);
        }
        if let Some(promised) = block.promised {
            return Ok(Some(self.on_promise(block.stream, promised, over, fields, out)));
        }
        let id = block.stream;
        if let Some(slot) = self.streams.find(id)
            && !self.streams.get(slot).flags.has(Flags::PENDING)
        {
            return self.on_section(slot, &block, over, fields, out);
        }
        let opens = self.side == Side::Server && self.is_peer_id(id) && id > self.last_peer_id;
        if opens {
            return self.on_request(&block, over, fields, out);
        }
        // Decoded for the table alone.
        self.ledger.charge(Cause::Streams, charge::STREAM);
        match self.state_of(id).receive(Frame::Headers { end: block.end_stream }) {
            Outcome::Ignore => Ok(None),
            Outcome::Error(fault) => Err(fault),
            // An idle stream that is not the peer's to open.
            Outcome::Next(_) => Err(Fault::Connection(ErrorKind::StreamId)),
        }
    }

    /// A request opens a stream.
    pub(super) fn on_request(
        &mut self,
        block: &Block,
        over: Option<ErrorKind>,
        fields: &FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        let id = block.stream;
        self.opened_by_peer(id);
        self.ledger.charge(Cause::Streams, charge::STREAM);
        // §6.8: what comes behind the final GOAWAY is ignored.
        if self.phase == Phase::Goaway {
            self.remember_reset(id);
            return Ok(None);
        }
        if self.peer_streams >= self.local.announced().streams_max {
            return Err(Fault::Stream(ErrorKind::StreamRefused));
        }
        if block.depends_on_itself {
            return Err(Fault::Stream(ErrorKind::SelfDependency));
        }
        if let Some(kind) = over {
            return Ok(Some(self.refuse_section(id, kind, block.end_stream, out)));
        }
        let allowed = self.local.in_force.connect_protocol;
        let (head, facts) = message::request(fields, allowed).map_err(Fault::Stream)?;
        if block.end_stream && facts.content_length.is_some_and(|length| length > 0) {
            return Err(Fault::Stream(ErrorKind::ContentLengthMismatch));
        }
        let limit = self.config.body_bytes_max.unwrap_or(u64::MAX);
        if facts.content_length.is_some_and(|length| length > limit) {
            return Err(Fault::Stream(ErrorKind::BodyTooLong));
        }
        let pseudo = head.pseudo_fields();
        let method = head.method();
        let (is_head, is_connect) = (method == b"HEAD", method == b"CONNECT");
        let mut priority = facts.priority.map_or_else(Priority::default, |first| {
            let lines = fields.iter().skip(first).filter(|field| field.name == b"priority");
            Priority::of_lines(lines.map(|field| field.value))
        });
        if let Some(at) = self.early_priorities.iter().position(|it| it.0 == id) {
            priority = self.early_priorities.swap_remove(at).1;
        }
        let Outcome::Next(state) = State::Idle.receive(Frame::Headers { end: block.end_stream })
        else {
            return Ok(None);
        };
        let now = self.deadlines.millis();
        let slot = self.open(id, state);
        let stream = self.streams.get_mut(slot);
        stream.flags.set(Flags::SURFACED);
        stream.flags.set(Flags::HEAD_RECEIVED);
        stream.surfaced_at = now;
        stream.priority = priority;
        if let Some(length) = facts.content_length.filter(|_| !is_connect) {
            stream.content_left = length;
            stream.flags.set(Flags::LENGTH_IN);
        }
        if is_head {
            stream.flags.set(Flags::HEAD_REQUEST);
        }
        if is_connect {
            stream.flags.set(Flags::TUNNEL);
        }
        Ok(Some(Step::Request {
            stream: StreamId(id),
            pseudo,
            end_stream: block.end_stream,
            began: block.began,
        }))
    }

    /// Too many fields, or too long: a server says so, and takes nothing of the message.
    fn refuse_section(
        &mut self,
        id: u32,
        kind: ErrorKind,
        end_stream: bool,
        out: &mut Vec<u8>,
    ) -> Step {
        self.ledger.charge(Cause::Resets, charge::RESET_PROVOKED);
        let status = [hpack::Field::new(b":status", b"431")];
        self.write_section(id, status.into_iter(), core::iter::empty(), false, true, out);
        if !end_stream {
            frame::rst_stream::write(id, ErrorCode::NO_ERROR, out);
        }
        self.remember_reset(id);
        Step::Refused { stream: StreamId(id), kind }
    }

    /// A field section on a stream that is known: a response, or trailers.
    pub(super) fn on_section(
        &mut self,
        slot: Slot,
        block: &Block,
        over: Option<ErrorKind>,
        fields: &FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        let end = block.end_stream;
        let stream = *self.streams.get(slot);
        let id = StreamId(stream.id);
        let next = match stream.state.receive(Frame::Headers { end }) {
            Outcome::Next(state) => state,
            Outcome::Ignore => {
                self.ledger.charge(Cause::Streams, charge::STREAM);
                return Ok(None);
            }
            Outcome::Error(fault) => return Err(fault),
        };
        if block.depends_on_itself {
            return Err(Fault::Stream(ErrorKind::SelfDependency));
        }
        if let Some(kind) = over {
            return Err(Fault::Stream(kind));
        }
        let wanted = !stream.flags.has(Flags::DONE);
        if stream.flags.has(Flags::HEAD_RECEIVED) {
            // §8.5: a tunnel has content and nothing else.
            if !end || stream.flags.has(Flags::TUNNEL) {
                return Err(Fault::Stream(ErrorKind::MessageOrder));
            }
            message::trailers(fields).map_err(Fault::Stream)?;
            if stream.flags.has(Flags::LENGTH_IN) && stream.content_left > 0 {
                return Err(Fault::Stream(ErrorKind::ContentLengthMismatch));
            }
            self.set_state(slot, next, out);
            return Ok(wanted.then_some(Step::Trailers { stream: id }));
        }
        let (head, facts) = message::response(fields).map_err(Fault::Stream)?;
        let status = head.status;
        if status < 200 {
            if end {
                return Err(Fault::Stream(ErrorKind::MessageOrder));
            }
            let stream = self.streams.get_mut(slot);
            let is_over = stream.informational >= self.config.informational_max;
            stream.informational = stream.informational.saturating_add(1);
            if is_over {
                return Err(Fault::Stream(ErrorKind::TooManyInformational));
            }
            return Ok(wanted.then_some(Step::Informational { stream: id }));
        }
        let tunnel = stream.flags.has(Flags::TUNNEL) && (200..300).contains(&status);
        let no_content = stream.flags.has(Flags::HEAD_REQUEST)
            || !h1_proto::grammar::status_allows_content(status);
        let length = facts.content_length.filter(|_| !tunnel && !no_content);
        if end && length.is_some_and(|length| length > 0) {
            return Err(Fault::Stream(ErrorKind::ContentLengthMismatch));
        }
        if length.is_some_and(|length| length > stream.content_left) {
            return Err(Fault::Stream(ErrorKind::BodyTooLong));
        }
        let stream = self.streams.get_mut(slot);
        stream.flags.set(Flags::HEAD_RECEIVED);
        if !tunnel {
            // Refused, it is a request as any other (§8.5).
            stream.flags.clear(Flags::TUNNEL);
        }
        if let Some(length) = length {
            stream.content_left = length;
            stream.flags.set(Flags::LENGTH_IN);
        }
        if no_content {
            stream.flags.set(Flags::NO_CONTENT_IN);
        }
        if stream.state == State::ReservedRemote {
            // §5.1.2: a promise counts once it is kept.
            stream.flags.set(Flags::COUNTED);
            self.peer_streams += 1;
        }
        self.set_state(slot, next, out);
        Ok(wanted.then_some(Step::Response { stream: id, end_stream: end }))
    }

    /// A promise (§8.4).
    pub(super) fn on_promise(
        &mut self,
        on: u32,
        promised: u32,
        over: Option<ErrorKind>,
        fields: &FieldBuf,
        out: &mut Vec<u8>,
    ) -> Step {
        self.ledger.charge(Cause::Streams, charge::STREAM);
        let reserved =
            self.streams.iter().filter(|(_, it)| it.state == State::ReservedRemote).count();
        let promise = if let Some(kind) = over {
            Err(kind)
        } else if !self.local.announced().push
            || self.draining
            || self.streams.find(on).is_none_or(|slot| {
                let stream = self.streams.get(slot);
                stream.state.is_closed() || stream.flags.has(Flags::DONE)
            })
            || reserved as u32 + self.peer_streams >= self.config.streams_max
        {
            Err(ErrorKind::StreamRefused)
        } else {
            message::request(fields, false).and_then(|(head, facts)| {
                let safe = matches!(head.method(), b"GET" | b"HEAD");
                let content = facts.content_length.is_some_and(|length| length > 0);
                if !safe || content || head.authority().is_none() {
                    return Err(ErrorKind::PushUnsafe);
                }
                Ok(head)
            })
        };
        let (pseudo, is_head) = match promise {
            Ok(head) => (head.pseudo_fields(), head.method() == b"HEAD"),
            Err(kind) => return self.break_stream(promised, kind, out),
        };
        let slot = self.open(promised, State::ReservedRemote);
        self.peer_streams -= 1;
        let stream = self.streams.get_mut(slot);
        stream.flags.clear(Flags::COUNTED);
        stream.flags.set(Flags::SURFACED);
        stream.flags.set(Flags::HEAD_SENT);
        if is_head {
            stream.flags.set(Flags::HEAD_REQUEST);
        }
        Step::PushPromise { stream: StreamId(on), promised: StreamId(promised), pseudo }
    }
}
