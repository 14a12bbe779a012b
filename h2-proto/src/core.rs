//! What both roles share: the state of a connection, its output account, its streams' lives.
//! `recv` reads frames into it, `send` writes what the caller sends.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use hpack::{Decoder, Encoder, Fragments};

use crate::config::Config;
use crate::deadlines::{Deadlines, NEVER};
use crate::error::{ConnectionError, ErrorCode, ErrorKind, SendError};
use crate::event::{ResetBy, StreamId, Verdict};
use crate::frame;
use crate::ledger::{Cause, Ledger, charge, refund};
use crate::phase::Phase;
use crate::priority::Priority;
use crate::recv::{Reading, Step};
use crate::schedule::Schedule;
use crate::settings::{Local, Settings};
use crate::stream::closed::Closed;
use crate::stream::map::{Slot, Streams};
use crate::stream::state::{Frame, State};
use crate::stream::{Flags, Stream};
use crate::window::{WINDOW_DEFAULT, Window};

/// A stream that the application held so long was work, not a flood.
const HELD_MILLIS: u32 = 5;

/// Which side of the connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Core {
    pub(crate) config: Arc<Config>,
    pub(crate) side: Side,
    pub(crate) phase: Phase,
    pub(crate) eof: bool,
    /// The last pull ended for want of input.
    pub(crate) starving: bool,
    pub(crate) draining: bool,
    /// Our SETTINGS are in the output: nothing goes before them.
    pub(crate) greeted: bool,
    pub(crate) failed: Option<ConnectionError>,

    pub(crate) reading: Reading,
    /// A frame that is not whole yet: its header and what is there of its payload.
    pub(crate) carry: Vec<u8>,
    pub(crate) fragments: Fragments,
    /// Octets consumed, and where the frame that is read began.
    pub(crate) position: u64,
    pub(crate) frame_at: u64,
    pub(crate) decoder: Decoder,
    pub(crate) encoder: Encoder,

    pub(crate) local: Local,
    pub(crate) remote: Settings,
    pub(crate) receive: Window,
    /// Octets of the connection's window to announce.
    pub(crate) credit: u32,
    /// Octets that were handed out and not released, on all streams.
    pub(crate) unreleased: u64,
    pub(crate) send: Window,

    pub(crate) streams: Streams,
    pub(crate) schedule: Schedule,
    /// No stream's progress is due before, in nanoseconds.
    pub(crate) progress_due: u64,
    /// Streams that count against the limits of either side.
    pub(crate) peer_streams: u32,
    pub(crate) own_streams: u32,
    pub(crate) last_peer_id: u32,
    pub(crate) next_own_id: u32,
    closed: Closed,
    /// The last stream in the last GOAWAY of either side.
    pub(crate) goaway_sent: Option<u32>,
    pub(crate) goaway_received: Option<u32>,

    pub(crate) ledger: Ledger,
    pub(crate) deadlines: Deadlines,
    /// Octets appended to outputs or promised, and taken by the transport.
    appended: u64,
    pub(crate) written: u64,
    /// Octets that the peer caused and that are not all written, and how many are still to be written
    /// up to the last of them. What is caused behind the first is counted apart, so that output of the
    /// caller's between them is not waited for again and again.
    caused: u32,
    caused_left: u32,
    caused_next: u32,
    caused_next_left: u32,
    /// Frames of ours that wait for an answer: what was sent, and when.
    pub(crate) pings: Vec<Ping>,
    /// What happened to several streams at once, to be surfaced one by one.
    pub(crate) queued: VecDeque<Step>,
    /// Priorities of streams that are not open yet (RFC 9218 §7.1).
    pub(crate) early_priorities: Vec<(u32, Priority)>,
    pub(crate) pending: crate::pending::Pending,
}

impl Core {
    pub(crate) fn new(config: Arc<Config>, side: Side, now: Duration) -> Self {
        let deadlines = Deadlines::new(now, &config);
        let ledger = Ledger::new(deadlines.now());
        Self {
            side,
            phase: Phase::Preface,
            eof: false,
            starving: true,
            draining: false,
            greeted: false,
            failed: None,
            reading: Reading::new(side),
            carry: Vec::new(),
            fragments: Fragments::new(),
            position: 0,
            frame_at: 0,
            decoder: Decoder::new(4096),
            encoder: Encoder::new(config.encoder_table_bytes_max as usize),
            local: Local::new(),
            remote: Settings::INITIAL,
            receive: Window::new(WINDOW_DEFAULT),
            credit: 0,
            unreleased: 0,
            send: Window::new(WINDOW_DEFAULT),
            streams: Streams::new(),
            schedule: Schedule::new(),
            progress_due: NEVER,
            peer_streams: 0,
            own_streams: 0,
            last_peer_id: 0,
            next_own_id: if side == Side::Client { 1 } else { 2 },
            closed: Closed::new(),
            goaway_sent: None,
            goaway_received: None,
            ledger,
            deadlines,
            appended: 0,
            written: 0,
            caused: 0,
            caused_left: 0,
            caused_next: 0,
            caused_next_left: 0,
            pings: Vec::new(),
            queued: VecDeque::new(),
            early_priorities: Vec::new(),
            pending: crate::pending::Pending::new(),
            config,
        }
    }

    /// Our first octets: the preface of a client, SETTINGS, and the rest of the connection's window.
    /// Counted by the caller.
    pub(crate) fn greet(&mut self, out: &mut Vec<u8>) {
        self.greeted = true;
        if self.side == Side::Client {
            out.extend_from_slice(crate::PREFACE);
        }
        let mut settings = self.config.settings(self.side == Side::Client);
        if self.side == Side::Server {
            settings.push = true;
        }
        self.local.announce(settings, self.side == Side::Server, out);
        self.deadlines.await_settings(&self.config);
        let window = self.config.connection_window_bytes.clamp(65_535, i32::MAX as u32);
        let more = window - WINDOW_DEFAULT as u32;
        if more > 0 && self.receive.add(more).is_ok() {
            frame::window_update::write(0, more, out);
        }
    }

    // ---- the account of the output ----

    /// Octets were appended to an output, or promised.
    pub(crate) const fn appended(&mut self, octets: usize) {
        self.appended += octets as u64;
    }

    /// Octets were appended that the peer caused.
    pub(crate) const fn caused(&mut self, octets: usize) {
        if octets == 0 {
            return;
        }
        self.appended += octets as u64;
        let unsent = self.unsent();
        let left = if unsent < u32::MAX as u64 { unsent as u32 } else { u32::MAX };
        if self.caused == 0 {
            self.caused = octets as u32;
            self.caused_left = left;
        } else {
            self.caused_next = self.caused_next.saturating_add(octets as u32);
            self.caused_next_left = left;
        }
    }

    /// The transport took so many octets.
    pub(crate) const fn wrote(&mut self, octets: usize) {
        let unsent = self.unsent();
        let taken = if (octets as u64) < unsent { octets as u64 } else { unsent };
        self.written += taken;
        if self.written == self.appended {
            self.deadlines.all_sent();
        }
        let taken = if taken < u32::MAX as u64 { taken as u32 } else { u32::MAX };
        self.caused_left = self.caused_left.saturating_sub(taken);
        self.caused_next_left = self.caused_next_left.saturating_sub(taken);
        if self.caused_left == 0 {
            self.caused = if self.caused_next_left > 0 { self.caused_next } else { 0 };
            self.caused_left = self.caused_next_left;
            self.caused_next = 0;
            self.caused_next_left = 0;
        }
    }

    pub(crate) const fn unsent(&self) -> u64 {
        self.appended - self.written
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.caused.saturating_add(self.caused_next) > self.config.caused_output_bytes_max
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    pub(crate) fn check_open(&self) -> Result<(), SendError> {
        if self.phase == Phase::Closed { Err(SendError::Closed) } else { Ok(()) }
    }

    // ---- the lives of streams ----

    /// Whether the peer opens streams with identifiers like this.
    pub(crate) const fn is_peer_id(&self, id: u32) -> bool {
        (id % 2 == 1) == matches!(self.side, Side::Server)
    }

    /// The state of any stream.
    pub(crate) fn state_of(&self, id: u32) -> State {
        if let Some(slot) = self.streams.find(id) {
            let stream = self.streams.get(slot);
            // What waits for a stream has none yet.
            return if stream.flags.has(Flags::PENDING) { State::Idle } else { stream.state };
        }
        let idle =
            if self.is_peer_id(id) { id > self.last_peer_id } else { id >= self.next_own_id };
        if idle { State::Idle } else { self.closed.state(id) }
    }

    /// A stream that we reset, and of which nothing else is known.
    pub(crate) fn remember_reset(&mut self, id: u32) {
        self.closed.add(id, State::ResetByUs);
    }

    /// The peer opens a stream: all below it are closed (§5.1.1).
    pub(crate) fn opened_by_peer(&mut self, id: u32) {
        if id > self.last_peer_id + 2 {
            self.closed.skip(self.last_peer_id + 1, id - 1);
        }
        self.last_peer_id = id;
        self.early_priorities.retain(|early| early.0 >= id);
    }

    /// A stream that the application knows of.
    pub(crate) fn surfaced(&self, id: StreamId) -> Result<Slot, SendError> {
        let slot = self.streams.find(id.0).ok_or(SendError::NoStream)?;
        let stream = self.streams.get(slot);
        if stream.flags.has(Flags::SURFACED) && !stream.flags.has(Flags::DONE) {
            Ok(slot)
        } else {
            Err(SendError::NoStream)
        }
    }

    /// A new stream that counts as open.
    pub(crate) fn open(&mut self, id: u32, state: State) -> Slot {
        let mut stream =
            Stream::new(id, state, self.local.in_force.window_bytes, self.remote.window_bytes);
        stream.flags.set(Flags::COUNTED);
        if let Some(limit) = self.config.body_bytes_max {
            stream.content_left = limit;
        }
        stream.heard_at = self.deadlines.millis();
        if let Some(timeout) = self.config.body_timeout {
            self.expect_progress(timeout);
        }
        *self.count(id) += 1;
        self.deadlines.used();
        self.streams.insert(stream)
    }

    fn count(&mut self, id: u32) -> &mut u32 {
        if self.is_peer_id(id) { &mut self.peer_streams } else { &mut self.own_streams }
    }

    /// The stream is in another state now: if it is over, and nobody holds it, it goes.
    pub(crate) fn set_state(&mut self, slot: Slot, state: State, out: &mut Vec<u8>) {
        if state == State::Ended && self.side == Side::Client {
            // What was asked for came.
            self.ledger.refund(Cause::Expansion, self.fair_expansion());
        }
        let stream = self.streams.get_mut(slot);
        stream.state = state;
        if state.is_closed() {
            stream.flags.clear(Flags::WANTS_SEND);
            stream.flags.clear(Flags::SCHEDULED);
            stream.stalled_at = u32::MAX;
            // Both sides said all, and what was received is released: nothing is left to do.
            if state == State::Ended && stream.unreleased == 0 {
                stream.flags.set(Flags::DONE);
            }
        }
        self.settle_life(slot, out);
    }

    /// Removes a stream that is over and not held.
    pub(crate) fn settle_life(&mut self, slot: Slot, out: &mut Vec<u8>) {
        let &Stream { id, state, flags, unreleased, .. } = self.streams.get(slot);
        let held = flags.has(Flags::SURFACED) && !flags.has(Flags::DONE);
        if !state.is_closed() || held {
            return;
        }
        if unreleased > 0 {
            self.release_connection(unreleased);
            self.flush_connection_credit(out);
        }
        self.closed.add(id, state);
        if flags.has(Flags::COUNTED) {
            *self.count(id) -= 1;
        }
        self.streams.remove(id);
        self.deadlines.used();
        self.schedule.tidy(&self.streams);
        if self.pending.len() > 0 {
            self.send_pending(out);
        }
    }

    /// The application is done with a stream.
    pub(crate) fn done(&mut self, id: StreamId, out: &mut Vec<u8>) -> Result<(), SendError> {
        let slot = self.surfaced(id)?;
        let state = self.streams.get(slot).state;
        self.pending.remove(id.0);
        if !state.is_closed() {
            // It leaves in the middle: the peer need not send more.
            // A server that has answered need not give a reason (§8.1).
            let answered = self.side == Side::Server && !state.sends();
            let code = if answered { ErrorCode::NO_ERROR } else { ErrorCode::CANCEL };
            self.write_reset(slot, code, out);
        }
        self.streams.get_mut(slot).flags.set(Flags::DONE);
        self.settle_life(slot, out);
        Ok(())
    }

    /// RST_STREAM on a stream that is not closed.
    pub(crate) fn write_reset(&mut self, slot: Slot, code: ErrorCode, out: &mut Vec<u8>) {
        let stream = self.streams.get_mut(slot);
        let id = stream.id;
        if let Some(state) = stream.state.send(Frame::Reset) {
            // After the farewell nothing is sent.
            if !stream.flags.has(Flags::PENDING) && self.phase != Phase::Closed {
                frame::rst_stream::write(id, code, out);
            }
            self.set_state(slot, state, out);
        }
    }

    /// A fault of the peer ends a stream.
    pub(crate) fn break_stream(&mut self, id: u32, kind: ErrorKind, out: &mut Vec<u8>) -> Step {
        self.ledger.charge(Cause::Resets, charge::RESET_PROVOKED);
        let stream = StreamId(id);
        let Some(slot) = self.streams.find(id) else {
            frame::rst_stream::write(id, kind.code(), out);
            self.remember_reset(id);
            return Step::Refused { stream, kind };
        };
        let verdict = self.verdict(slot);
        let surfaced = self.is_held(slot);
        if self.streams.get(slot).state.is_closed() {
            frame::rst_stream::write(id, kind.code(), out);
            return Step::Refused { stream, kind };
        }
        self.write_reset(slot, kind.code(), out);
        if surfaced {
            Step::Reset { stream, code: kind.code(), by: ResetBy::Us(kind), verdict }
        } else {
            Step::Refused { stream, kind }
        }
    }

    pub(crate) fn is_held(&self, slot: Slot) -> bool {
        let flags = self.streams.get(slot).flags;
        flags.has(Flags::SURFACED) && !flags.has(Flags::DONE)
    }

    /// What is known of a request that gets no whole response.
    pub(crate) fn verdict(&self, slot: Slot) -> Verdict {
        let stream = self.streams.get(slot);
        if stream.flags.has(Flags::PENDING)
            || self.goaway_received.is_some_and(|last| stream.id > last)
        {
            Verdict::NotProcessed
        } else if stream.flags.has(Flags::HEAD_RECEIVED) || stream.informational > 0 {
            Verdict::Processed
        } else {
            Verdict::Unknown
        }
    }

    /// A stream was reset by the peer: what it cost comes back if it was worked on.
    pub(crate) fn refund_reset(&mut self, slot: Slot) {
        let stream = self.streams.get(slot);
        if self.deadlines.millis().wrapping_sub(stream.surfaced_at) >= HELD_MILLIS
            && stream.flags.has(Flags::SURFACED)
        {
            self.ledger.refund(Cause::Streams, refund::RESET_AFTER_WORK);
        }
    }

    /// Gives storage back that is not in use.
    pub(crate) fn shrink(&mut self) {
        self.carry.shrink_to_fit();
        self.fragments.shrink();
        self.streams.shrink();
        self.schedule.shrink();
        self.queued.shrink_to_fit();
        self.early_priorities.shrink_to_fit();
    }
}

/// A PING that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ping {
    pub(crate) data: [u8; 8],
    /// When it was sent, in nanoseconds.
    pub(crate) at: u64,
    pub(crate) why: Why,
}

/// What a PING is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Caller,
    Drain,
    Alive,
}
