//! Frames received that are neither content nor fields.

use alloc::vec::Vec;

use hpack::FieldBuf;

use super::Step;
use crate::core::{Core, Side, Why};
use crate::error::{ErrorCode, ErrorKind, Fault};
use crate::event::{ResetBy, StreamId, Verdict};
use crate::frame::{self, Header, flag};
use crate::ledger::{Cause, charge};
use crate::phase::Transition;
use crate::priority::Priority;
use crate::stream::map::Slot;
use crate::stream::state::{Frame, Outcome, State};

impl Core {
    pub(super) fn on_priority(
        &mut self,
        header: &Header,
        payload: &[u8],
    ) -> Result<Option<Step>, Fault> {
        self.ledger.charge(Cause::Control, charge::CONTROL);
        let fault = match header.check(u32::MAX) {
            Err(fault) => Some(fault),
            Ok(()) => frame::priority::parse(header, payload).err(),
        };
        if let Outcome::Error(fault) = self.state_of(header.stream).receive(Frame::Priority) {
            return Err(fault);
        }
        // An idle stream cannot be reset.
        match fault {
            Some(Fault::Stream(ErrorKind::FrameLength))
                if self.state_of(header.stream) == State::Idle =>
            {
                Err(Fault::Connection(ErrorKind::FrameLength))
            }
            Some(fault) if !matches!(self.state_of(header.stream), State::Idle) => Err(fault),
            _ => Ok(None),
        }
    }

    pub(super) fn on_rst_stream(
        &mut self,
        header: &Header,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        let code = frame::rst_stream::parse(payload);
        self.ledger.charge(Cause::Resets, charge::RESET_RECEIVED);
        let state = match self.state_of(header.stream).receive(Frame::Reset) {
            Outcome::Next(state) => state,
            Outcome::Ignore => return Ok(None),
            Outcome::Error(fault) => return Err(fault),
        };
        let Some(slot) = self.streams.find(header.stream) else { return Ok(None) };
        let mut verdict = self.verdict(slot);
        // §8.7: what was refused was not processed.
        if code == ErrorCode::REFUSED_STREAM && verdict == Verdict::Unknown {
            verdict = Verdict::NotProcessed;
        }
        self.refund_reset(slot);
        let held = self.is_held(slot);
        self.set_state(slot, state, out);
        let stream = StreamId(header.stream);
        Ok(held.then_some(Step::Reset { stream, code, by: ResetBy::Peer, verdict }))
    }

    pub(super) fn on_settings(
        &mut self,
        header: &Header,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        if header.has(flag::ACK) {
            return self.on_settings_ack(out);
        }
        let entries = frame::settings::entries(payload);
        let count = entries.len() as u32;
        if count > self.config.settings_entries_max {
            return Err(Fault::Connection(ErrorKind::TooManySettings));
        }
        let streams = self.streams.len() as u32;
        self.ledger.charge(Cause::Settings, charge::SETTINGS + count + streams / 8);
        let before = self.remote;
        let mut after = before;
        let mut lowest_table = None;
        for entry in entries {
            after.apply(entry, self.side == Side::Client)?;
            if entry.0 == frame::settings::id::HEADER_TABLE_SIZE {
                lowest_table = Some(lowest_table.map_or(entry.1, |it: u32| it.min(entry.1)));
            }
        }
        // §6.9.2: all streams or none.
        let shift = i64::from(after.window_bytes) - i64::from(before.window_bytes);
        if shift != 0 {
            let mut fault = Ok(());
            self.streams.for_each(|stream| {
                if fault.is_ok() && !stream.state.is_closed() {
                    fault = stream.send.shift(shift);
                }
            });
            fault.map_err(Fault::Connection)?;
        }
        self.remote = after;
        if let Some(lowest) = lowest_table {
            self.encoder.set_peer_table_bytes_max(lowest as usize);
            self.encoder.set_peer_table_bytes_max(after.header_table_bytes as usize);
        }
        frame::settings::write_ack(out);
        if self.awaits_settings() {
            self.phase =
                self.phase.after(Transition::PrefaceSeen).after(Transition::SettingsApplied);
        }
        if shift > 0 {
            self.windows_changed();
        }
        self.send_pending(out);
        Ok(Some(Step::SettingsChanged))
    }

    pub(super) fn on_settings_ack(&mut self, out: &mut Vec<u8>) -> Result<Option<Step>, Fault> {
        let before = self.local.acknowledged()?;
        let after = self.local.in_force;
        let shift = i64::from(after.window_bytes) - i64::from(before.window_bytes);
        self.streams.for_each(|stream| {
            // Ours are never above the largest window: they began at what was in force.
            let _ = stream.receive.shift(shift);
        });
        self.decoder.set_table_bytes_max(after.header_table_bytes as usize);
        if self.local.unacknowledged() > 0 {
            self.deadlines.await_settings(&self.config);
        }
        let slots: Vec<Slot> = if shift < 0 {
            self.streams.iter().map(|(slot, _)| slot).collect()
        } else {
            Vec::new()
        };
        for slot in slots {
            self.flush_stream_credit(slot, out);
        }
        Ok(Some(Step::SettingsAcked))
    }

    pub(super) fn on_ping(
        &mut self,
        header: &Header,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        let data = frame::ping::parse(payload);
        self.ledger.charge(Cause::Control, charge::CONTROL);
        if !header.has(flag::ACK) {
            frame::ping::write(data, true, out);
            return Ok(None);
        }
        let Some(at) = self.pings.iter().position(|ping| ping.data == data) else {
            return Ok(None);
        };
        let ping = self.pings.remove(at);
        self.ledger.refund(Cause::Control, charge::CONTROL);
        let rtt = self.deadlines.now() - ping.at;
        if ping.why == Why::Drain {
            self.go_away(out);
            return Ok(None);
        }
        if ping.why == Why::Alive {
            let config = self.config.clone();
            self.deadlines.ponged(&config);
        }
        Ok(Some(Step::Pong { data, rtt }))
    }

    pub(super) fn on_goaway(
        &mut self,
        payload: &[u8],
        fields: &mut FieldBuf,
        out: &mut Vec<u8>,
    ) -> Result<Option<Step>, Fault> {
        let goaway = frame::goaway::parse(payload);
        self.ledger.charge(Cause::Control, charge::CONTROL);
        if self.goaway_received.is_some_and(|last| goaway.last_stream > last) {
            return Err(Fault::Connection(ErrorKind::GoAwayRaised));
        }
        self.goaway_received = Some(goaway.last_stream);
        fields.clear();
        let shown = goaway.debug_data.len().min(self.config.debug_data_bytes_max as usize);
        fields.push(hpack::Field::new(b"", &goaway.debug_data[..shown]));
        // Ours above the last were not and will not be processed.
        let lost: Vec<u32> = self
            .streams
            .iter()
            .map(|(_, stream)| stream.id)
            .filter(|&id| !self.is_peer_id(id) && id > goaway.last_stream)
            .collect();
        for id in lost {
            self.lose(id, out);
        }
        self.lose_pending(out);
        // §6.8: the first of a graceful shutdown only announces the one that ends it.
        let announces =
            goaway.last_stream == frame::STREAM_ID_MAX && goaway.code == ErrorCode::NO_ERROR;
        if self.side == Side::Server {
            // A client that leaves opens no more; if it does all the same, it is told up to where.
            self.go_away(out);
        } else if !announces {
            self.phase = self.phase.after(Transition::GoingAway);
        }
        // What is under way may take its time: it is our own shutdown that has an end.
        Ok(Some(Step::GoAway { last_stream: goaway.last_stream, code: goaway.code }))
    }

    pub(super) fn on_window_update(
        &mut self,
        header: &Header,
        payload: &[u8],
    ) -> Result<Option<Step>, Fault> {
        self.ledger.charge(Cause::Windows, charge::WINDOW_UPDATE);
        if header.stream == 0 {
            let increment = frame::window_update::parse(header, payload)?;
            self.send.add(increment).map_err(Fault::Connection)?;
            self.windows_changed();
            return Ok(None);
        }
        match self.state_of(header.stream).receive(Frame::WindowUpdate) {
            Outcome::Next(_) => {}
            Outcome::Ignore => return Ok(None),
            Outcome::Error(fault) => return Err(fault),
        }
        let increment = frame::window_update::parse(header, payload)?;
        let Some(slot) = self.streams.find(header.stream) else { return Ok(None) };
        self.streams.get_mut(slot).send.add(increment).map_err(Fault::Stream)?;
        self.window_opened(slot);
        Ok(None)
    }

    pub(super) fn on_priority_update(&mut self, payload: &[u8]) -> Result<Option<Step>, Fault> {
        self.ledger.charge(Cause::Control, charge::CONTROL);
        let (id, value) = frame::priority_update::parse(payload)?;
        if self.side == Side::Client {
            return Err(Fault::Connection(ErrorKind::PriorityUpdate));
        }
        let priority = Priority::parse(value);
        if !self.is_peer_id(id) {
            // A promise: this side makes none.
            return Err(Fault::Connection(ErrorKind::PriorityUpdate));
        }
        if let Some(slot) = self.streams.find(id) {
            self.schedule.prioritize(slot, &mut self.streams, priority);
            let stream = StreamId(id);
            return Ok(self.is_held(slot).then_some(Step::PriorityChanged { stream, priority }));
        }
        if self.state_of(id) == State::Idle {
            let known = self.early_priorities.iter().position(|it| it.0 == id);
            let all = if known.is_some() { 0 } else { self.prioritized() };
            match known {
                Some(at) => self.early_priorities[at].1 = priority,
                None if all < self.config.streams_max => {
                    self.early_priorities.push((id, priority));
                }
                // §7.1 of RFC 9218, once the client knows the limit.
                None if all >= self.local.in_force.streams_max => {
                    return Err(Fault::Connection(ErrorKind::TooManyPriorities));
                }
                None => {}
            }
        }
        Ok(None)
    }

    /// Streams of the peer that are active, or idle and prioritized.
    fn prioritized(&self) -> u32 {
        let active = |id, state: State| self.is_peer_id(id) && !state.is_closed();
        let open = self.streams.iter().filter(|(_, it)| active(it.id, it.state)).count();
        let idle = self.early_priorities.iter().filter(|it| it.0 > self.last_peer_id).count();
        (open + idle) as u32
    }

    pub(super) fn on_unknown(
        &mut self,
        header: &Header,
        payload: &[u8],
        fields: &mut FieldBuf,
    ) -> Result<Option<Step>, Fault> {
        self.ledger.charge(Cause::Control, charge::CONTROL);
        if !self.config.unknown_frames {
            return Ok(None);
        }
        fields.clear();
        fields.push(hpack::Field::new(b"", payload));
        let Header { kind, flags, stream, .. } = *header;
        Ok(Some(Step::Extension { kind, flags, stream }))
    }
}
