//! What is sent: field sections, content by windows and turns, control frames.
//!
//! Each call checks everything first and writes second, so an error has changed nothing.

use alloc::vec::Vec;
use core::iter;

use hpack::Field;

use crate::core::{Core, Ping, Side, Why};
use crate::error::{ErrorCode, SendError};
use crate::event::{Splice, StreamId};
use crate::frame::{self, Header, flag, kind};
use crate::ledger::{Cause, charge, refund};
use crate::message::{self, Outgoing, Section};
use crate::pending::Waiting;
use crate::phase::Phase;
use crate::priority::Priority;
use crate::settings::Settings;
use crate::stream::Flags;
use crate::stream::map::Slot;
use crate::stream::state::{Frame, State};

/// DATA of fewer octets than this is small.
const SMALL_DATA: usize = 256;

impl Core {
    // ---- field sections ----

    /// Encodes a section and frames it. Names with upper case are lowered on the way.
    pub(crate) fn write_section<'a>(
        &mut self,
        stream: u32,
        pseudo: impl Iterator<Item = Field<'a>>,
        fields: impl Iterator<Item = Field<'a>>,
        has_upper_case: bool,
        end_stream: bool,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        out.resize(start + Header::LEN, 0);
        self.encoder.begin(out);
        pseudo.for_each(|field| self.encoder.encode(field, out));
        if has_upper_case {
            for field in fields {
                let name = field.name.to_ascii_lowercase();
                self.encoder.encode(Field { name: &name, ..field }, out);
            }
        } else {
            fields.for_each(|field| self.encoder.encode(field, out));
        }
        let flags = if end_stream { flag::END_STREAM } else { 0 };
        let first = Header { length: 0, kind: kind::HEADERS, flags, stream };
        frame::headers::frame_block(first, start, self.remote.frame_bytes_max, out);
    }

    /// Checks the fields of a caller.
    pub(crate) fn check_section<'a>(
        &self,
        pseudo_bytes: usize,
        fields: impl Iterator<Item = Field<'a>>,
        section: Section,
        authority: Option<&[u8]>,
    ) -> Result<Outgoing, SendError> {
        let sum = message::outgoing(fields, section, authority)?;
        if sum.size + pseudo_bytes > self.remote.section_bytes_max as usize {
            return Err(SendError::SectionTooLong);
        }
        Ok(sum)
    }

    /// Trailers end a message.
    pub(crate) fn send_trailers<'a, I: Iterator<Item = Field<'a>>>(
        &mut self,
        id: StreamId,
        fields: impl Fn() -> I,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.check_open()?;
        let slot = self.surfaced(id)?;
        let stream = self.streams.get(slot);
        let next = stream.state.send(Frame::Headers { end: true }).ok_or(SendError::WrongState)?;
        if !stream.flags.has(Flags::HEAD_SENT)
            || stream.flags.has(Flags::PENDING)
            || stream.flags.has(Flags::TUNNEL)
        {
            return Err(SendError::WrongState);
        }
        self.check_end(slot)?;
        let sum = self.check_section(0, fields(), Section::Trailers, None)?;
        let start = out.len();
        self.write_section(id.0, iter::empty(), fields(), sum.has_upper_case, true, out);
        self.sent_end(slot, next, out);
        self.appended(out.len() - start);
        Ok(())
    }

    /// Whether the message may end here.
    fn check_end(&self, slot: Slot) -> Result<(), SendError> {
        let stream = self.streams.get(slot);
        if stream.flags.has(Flags::LENGTH_OUT) && stream.send_left > 0 {
            return Err(SendError::BodyTooShort);
        }
        Ok(())
    }

    /// What fields may expand to that use all of the decoder's table once: more is no compression of
    /// what was said before, but a bomb.
    pub(crate) fn fair_expansion(&self) -> u32 {
        charge::EXPANSION * (self.config.table_bytes_max / 64)
    }

    /// The last octet of a message is in the output.
    pub(crate) fn sent_end(&mut self, slot: Slot, next: State, out: &mut Vec<u8>) {
        if self.side == Side::Server {
            self.ledger.refund_any(Cause::Streams, refund::RESPONSE_ENDED);
            self.ledger.refund(Cause::Expansion, self.fair_expansion());
        }
        let stream = self.streams.get_mut(slot);
        stream.flags.clear(Flags::WANTS_SEND);
        stream.flags.clear(Flags::SCHEDULED);
        stream.stalled_at = u32::MAX;
        self.set_state(slot, next, out);
        self.close_if_over();
    }

    // ---- content ----

    /// The caller has content for a stream.
    pub(crate) fn want_send(&mut self, id: StreamId) -> Result<(), SendError> {
        self.check_open()?;
        let slot = self.surfaced(id)?;
        let stream = self.streams.get_mut(slot);
        if !stream.state.sends() || !stream.flags.has(Flags::HEAD_SENT) {
            return Err(SendError::WrongState);
        }
        stream.flags.set(Flags::WANTS_SEND);
        self.schedule_or_stall(slot);
        Ok(())
    }

    /// A stream that wants to send stands in the schedule if its window is open; if not, the time
    /// runs.
    fn schedule_or_stall(&mut self, slot: Slot) {
        let now = self.deadlines.millis();
        let stream = self.streams.get_mut(slot);
        if !stream.flags.has(Flags::WANTS_SEND) || stream.flags.has(Flags::PENDING) {
            return;
        }
        if stream.send.available() > 0 || stream.flags.has(Flags::NO_CONTENT_OUT) {
            self.schedule.add(slot, stream);
        }
        let window = stream.send.available().min(self.send.available());
        if window == 0 {
            if stream.stalled_at == u32::MAX {
                stream.stalled_at = now;
                stream.sent_since = 0;
                self.expect_progress(self.config.send_timeout);
            }
        } else if window >= self.config.send_progress_bytes_min {
            // Enough to make progress with: what follows is the application's time.
            stream.stalled_at = u32::MAX;
        }
    }

    /// A stream's window opened.
    pub(crate) fn window_opened(&mut self, slot: Slot) {
        self.schedule_or_stall(slot);
    }

    /// The windows of all streams opened, or the connection's opened or closed.
    pub(crate) fn windows_changed(&mut self) {
        let slots: Vec<Slot> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.flags.has(Flags::WANTS_SEND))
            .map(|(slot, _)| slot)
            .collect();
        for slot in slots {
            self.schedule_or_stall(slot);
        }
    }

    /// Octets that may be appended before nothing more is produced.
    fn room(&self) -> usize {
        usize::try_from(self.config.output_bytes_max.saturating_sub(self.unsent()))
            .unwrap_or(usize::MAX)
    }

    /// The stream whose turn it is, and how many octets it may send now. It is taken out of the
    /// schedule: what is not accepted puts it back.
    pub(crate) fn next_writable(&mut self) -> Option<(StreamId, u32)> {
        let room = self.room();
        if self.phase == Phase::Closed || room == 0 || self.send.available() == 0 {
            return None;
        }
        while let Some(slot) = self.schedule.next(&mut self.streams) {
            let stream = self.streams.get(slot);
            if !stream.flags.has(Flags::WANTS_SEND) {
                continue;
            }
            let capacity = stream.send.available().min(self.send.available());
            if capacity == 0 && !stream.flags.has(Flags::NO_CONTENT_OUT) {
                self.schedule_or_stall(slot);
                continue;
            }
            let capacity = capacity.min(u32::try_from(room).unwrap_or(u32::MAX));
            return Some((StreamId(stream.id), capacity));
        }
        None
    }

    /// What of `len` octets may be sent now.
    fn acceptable(
        &self,
        id: StreamId,
        len: usize,
        end_stream: bool,
    ) -> Result<(Slot, usize), SendError> {
        self.check_open()?;
        let slot = self.surfaced(id)?;
        let stream = self.streams.get(slot);
        if stream.state.send(Frame::Data { end: end_stream }).is_none()
            || !stream.flags.has(Flags::HEAD_SENT)
        {
            return Err(SendError::WrongState);
        }
        if stream.flags.has(Flags::LENGTH_OUT) {
            if len as u64 > stream.send_left {
                return Err(SendError::BodyTooLong);
            }
            if end_stream && (len as u64) < stream.send_left {
                return Err(SendError::BodyTooShort);
            }
        }
        if stream.flags.has(Flags::PENDING) {
            // An end without content could not be told from one that was accepted.
            return if len == 0 { Err(SendError::WrongState) } else { Ok((slot, 0)) };
        }
        if stream.flags.has(Flags::NO_CONTENT_OUT) {
            return Ok((slot, len));
        }
        let window = stream.send.available().min(self.send.available()) as usize;
        Ok((slot, len.min(window).min(self.room())))
    }

    /// Takes what was accepted off the windows, and puts the stream back if that was not all.
    fn sent_data(&mut self, slot: Slot, accepted: usize, len: usize) {
        let now = self.deadlines.millis();
        let progress = self.config.send_progress_bytes_min.min(0xffff);
        let limited = accepted < len;
        let stream = self.streams.get_mut(slot);
        let swallowed = stream.flags.has(Flags::NO_CONTENT_OUT);
        if !swallowed {
            let octets = accepted as u32;
            let taken = stream.send.take(octets) && self.send.take(octets);
            debug_assert!(taken, "accepted no more than the windows have");
        }
        if stream.flags.has(Flags::LENGTH_OUT) {
            stream.send_left -= accepted as u64;
        }
        self.deadlines.sent_content(accepted, &self.config);
        stream.sent_since = stream.sent_since.saturating_add(accepted.min(0xffff) as u16);
        if !limited {
            stream.stalled_at = u32::MAX;
        } else if stream.stalled_at != u32::MAX && u32::from(stream.sent_since) >= progress {
            stream.stalled_at = now;
            stream.sent_since = 0;
        }
        let connection_closed = accepted > 0 && self.send.available() == 0;
        if limited {
            stream.flags.set(Flags::WANTS_SEND);
            self.schedule_or_stall(slot);
        } else {
            stream.flags.clear(Flags::WANTS_SEND);
        }
        if connection_closed {
            self.windows_changed();
        }
        if accepted >= SMALL_DATA || !limited {
            self.ledger.refund(Cause::Windows, refund::DATA_SENT);
            self.ledger.refund(Cause::Control, refund::DATA_SENT);
        } else if limited && accepted > 0 && self.room() > 0 {
            self.ledger.charge(Cause::Windows, charge::SMALL_DATA_SENT);
        }
    }

    /// Sends content, as much as windows and output allow; how many octets were accepted.
    pub(crate) fn send_data(
        &mut self,
        id: StreamId,
        data: &[u8],
        end_stream: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, SendError> {
        let (slot, accepted) = self.acceptable(id, data.len(), end_stream)?;
        let whole = accepted == data.len();
        let start = out.len();
        let stream = self.streams.get(slot);
        let pending = stream.flags.has(Flags::PENDING);
        let swallow = stream.flags.has(Flags::NO_CONTENT_OUT);
        let end = end_stream && whole && !pending;
        let next = stream.state.send(Frame::Data { end }).ok_or(SendError::WrongState)?;
        self.sent_data(slot, accepted, data.len());
        let max = self.remote.frame_bytes_max as usize;
        let mut rest = if swallow { &[][..] } else { &data[..accepted] };
        while rest.len() > max {
            let (piece, tail) = rest.split_at(max);
            frame::data::write(id.0, piece, false, out);
            rest = tail;
        }
        if !rest.is_empty() || end {
            frame::data::write(id.0, rest, end, out);
        }
        if end {
            self.sent_end(slot, next, out);
        } else if end_stream && pending {
            self.streams.get_mut(slot).flags.set(Flags::WANTS_SEND);
        }
        self.appended(out.len() - start);
        Ok(accepted)
    }

    /// Announces content that the caller writes itself: one frame of at most `len` octets.
    pub(crate) fn send_data_splice(
        &mut self,
        id: StreamId,
        len: usize,
        end_stream: bool,
        out: &mut Vec<u8>,
    ) -> Result<Splice, SendError> {
        let (slot, acceptable) = self.acceptable(id, len, end_stream)?;
        let stream = self.streams.get(slot);
        if stream.flags.has(Flags::NO_CONTENT_OUT) {
            return Err(SendError::BodyNotAllowed);
        }
        let accepted = acceptable.min(self.remote.frame_bytes_max as usize);
        let end = end_stream && accepted == len && !stream.flags.has(Flags::PENDING);
        let next = stream.state.send(Frame::Data { end }).ok_or(SendError::WrongState)?;
        self.sent_data(slot, accepted, len);
        let start = out.len();
        if accepted > 0 || end {
            frame::data::header(id.0, accepted as u32, end).write(out);
        }
        let at = out.len();
        if end {
            self.sent_end(slot, next, out);
        }
        self.appended(out.len() - start + accepted);
        Ok(Splice { at, len: accepted })
    }

    // ---- control ----

    /// The caller gives a stream up.
    pub(crate) fn reset(
        &mut self,
        id: StreamId,
        code: ErrorCode,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let slot = self.surfaced(id)?;
        let start = out.len();
        if !self.streams.get(slot).state.is_closed() && self.phase != Phase::Closed {
            self.pending.remove(id.0);
            self.write_reset(slot, code, out);
        }
        if self.streams.find(id.0) == Some(slot) {
            self.streams.get_mut(slot).flags.set(Flags::DONE);
            self.settle_life(slot, out);
        }
        self.close_if_over();
        self.appended(out.len() - start);
        Ok(())
    }

    /// Nothing goes before our SETTINGS.
    fn check_greeted(&self) -> Result<(), SendError> {
        self.check_open()?;
        if self.greeted { Ok(()) } else { Err(SendError::WrongState) }
    }

    pub(crate) fn ping(&mut self, data: [u8; 8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_greeted()?;
        if self.pings.len() >= usize::from(self.config.unacknowledged_max) {
            return Err(SendError::TooManyUnacknowledged);
        }
        let start = out.len();
        frame::ping::write(data, false, out);
        self.pings.push(Ping { data, at: self.deadlines.now(), why: Why::Caller });
        self.appended(out.len() - start);
        Ok(())
    }

    pub(crate) fn update_settings(
        &mut self,
        change: impl FnOnce(&mut Settings),
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.check_greeted()?;
        let before = *self.local.announced();
        let mut settings = before;
        change(&mut settings);
        if !settings.is_valid(&before, self.side == Side::Client) {
            return Err(SendError::InvalidSetting);
        }
        if self.local.unacknowledged() >= usize::from(self.config.unacknowledged_max) {
            return Err(SendError::TooManyUnacknowledged);
        }
        let start = out.len();
        self.local.announce(settings, self.side == Side::Server, out);
        self.deadlines.await_settings(&self.config.clone());
        self.appended(out.len() - start);
        Ok(())
    }

    pub(crate) fn set_priority(
        &mut self,
        id: StreamId,
        priority: Priority,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let slot = self.surfaced(id)?;
        let priority = Priority { urgency: priority.urgency.min(7), ..priority };
        self.check_open()?;
        self.schedule.prioritize(slot, &mut self.streams, priority);
        // What waits is told when it goes.
        if !self.streams.get(slot).flags.has(Flags::PENDING) {
            let start = out.len();
            self.tell_priority(id.0, priority, out);
            self.appended(out.len() - start);
        }
        Ok(())
    }

    /// A client tells a server that heeds priorities (RFC 9218 §2.1.1); before its SETTINGS are here
    /// nobody knows.
    fn tell_priority(&self, id: u32, priority: Priority, out: &mut Vec<u8>) {
        let heeded = self.remote.no_rfc7540_priorities || self.phase < Phase::Open;
        if self.side == Side::Client && heeded {
            frame::priority_update::write(id, priority.value(), out);
        }
    }

    // ---- requests that wait for a stream ----

    /// Whether the server allows another stream of ours.
    pub(crate) fn may_open(&self) -> bool {
        self.phase == Phase::Open
            && self.goaway_received.is_none()
            && !self.is_draining()
            && self.own_streams < self.remote.streams_max.min(self.config.streams_max)
    }

    /// Sends what waited, as far as there are streams now. Counted by the caller.
    pub(crate) fn send_pending(&mut self, out: &mut Vec<u8>) {
        while self.may_open()
            && let Some(Waiting { id, fields, end_stream }) = self.pending.pop()
        {
            let Some(slot) = self.streams.find(id) else { continue };
            let stream = self.streams.get_mut(slot);
            stream.flags.clear(Flags::PENDING);
            stream.flags.set(Flags::COUNTED);
            // Settings may have come since it was asked for.
            stream.send = crate::window::Window::new(self.remote.window_bytes as i32);
            self.own_streams += 1;
            let priority = stream.priority;
            self.write_section(id, iter::empty(), fields.iter(), true, end_stream, out);
            if end_stream {
                let stream = self.streams.get_mut(slot);
                stream.state = State::HalfClosedLocal;
            }
            if priority != Priority::default() {
                self.tell_priority(id, priority, out);
            }
            self.schedule_or_stall(slot);
        }
    }
}
