//! How a connection ends, and what time does to it: errors, shutdown, deadlines.

use alloc::vec::Vec;
use core::time::Duration;

use crate::core::{Core, Ping, Side, Why};
use crate::deadlines::{Facts, NEVER, nanos};
use crate::error::{ConnectionError, Deadline, ErrorCode, ErrorKind};
use crate::event::{NextStep, ResetBy, StreamId, Verdict};
use crate::frame::{self, STREAM_ID_MAX};
use crate::phase::{Phase, Transition};
use crate::recv::Step;
use crate::stream::state::State;
use crate::stream::{Flags, Stream};

/// Octets that a connection reads and throws away after its last GOAWAY, and how long.
const LINGER_OCTETS_MAX: u64 = 1 << 20;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// What a PING of our own says: after the first GOAWAY, and to see whether the peer is there.
const DRAIN_PING: [u8; 8] = *b"goaway 1";
const ALIVE_PING: [u8; 8] = *b"alive? 1";

impl Core {
    /// The peer broke the connection: GOAWAY, and nothing more.
    pub(crate) fn fail(&mut self, kind: ErrorKind, out: &mut Vec<u8>) -> ConnectionError {
        let error = ConnectionError::new(kind, self.frame_at);
        if self.phase != Phase::Closed {
            // A wrong preface may still be answered in another protocol.
            if kind != ErrorKind::Preface && self.greeted {
                let last = self.last_to_tell();
                frame::goaway::write(last, kind.code(), out);
                self.goaway_sent = Some(last);
            }
            self.close();
        }
        self.failed = Some(error.clone());
        error
    }

    pub(crate) fn close(&mut self) {
        self.phase = self.phase.after(Transition::Over);
        self.deadlines.disarm();
        self.deadlines.close_within(LINGER_TIME);
    }

    /// The last stream that a GOAWAY names: never above that of the one before (§6.8).
    fn last_to_tell(&self) -> u32 {
        self.goaway_sent.map_or(self.last_peer_id, |last| last.min(self.last_peer_id))
    }

    /// Announces a shutdown (§6.8); called again, or on a client, it is final.
    pub(crate) fn shutdown(&mut self, out: &mut Vec<u8>) {
        if self.phase != Phase::Closed {
            self.deadlines.begin_drain(&self.config);
            self.retire(out);
        }
    }

    /// The same without a time for the streams to end.
    fn retire(&mut self, out: &mut Vec<u8>) {
        let first = !self.draining && self.side == Side::Server && self.phase == Phase::Open;
        self.draining = true;
        if first {
            frame::goaway::write(STREAM_ID_MAX, ErrorCode::NO_ERROR, out);
            self.goaway_sent = Some(STREAM_ID_MAX);
            // Its answer says that the peer has seen the GOAWAY.
            frame::ping::write(DRAIN_PING, false, out);
            self.pings.push(Ping { data: DRAIN_PING, at: self.deadlines.now(), why: Why::Drain });
        } else {
            self.lose_pending(out);
            self.go_away(out);
        }
    }

    /// The final GOAWAY: no stream above the last one that came.
    pub(crate) fn go_away(&mut self, out: &mut Vec<u8>) {
        let last = self.last_to_tell();
        if self.goaway_sent != Some(last) && self.greeted {
            frame::goaway::write(last, ErrorCode::NO_ERROR, out);
            self.goaway_sent = Some(last);
        }
        self.phase = self.phase.after(Transition::GoingAway);
        self.close_if_over();
    }

    /// Requests that wait for a stream will get none.
    pub(crate) fn lose_pending(&mut self, out: &mut Vec<u8>) {
        while let Some(waiting) = self.pending.pop() {
            self.lose(waiting.id, out);
        }
    }

    /// A stream of ours that the peer has not processed and will not ends without a frame.
    pub(crate) fn lose(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(slot) = self.streams.find(id) else { return };
        if self.streams.get(slot).state.is_closed() {
            return;
        }
        self.pending.remove(id);
        if self.is_held(slot) {
            self.queued.push_back(Step::Reset {
                stream: StreamId(id),
                code: ErrorCode::REFUSED_STREAM,
                by: ResetBy::Connection,
                verdict: Verdict::NotProcessed,
            });
        }
        self.set_state(slot, State::ResetByPeer, out);
    }

    /// The last stream of a connection that takes no more is done.
    pub(crate) fn close_if_over(&mut self) {
        if self.phase == Phase::Goaway && self.streams.len() == 0 && self.queued.is_empty() {
            self.close();
        }
    }

    pub(crate) fn next_step(&self) -> NextStep {
        if self.phase == Phase::Closed {
            return match self.unsent() {
                0 if self.eof || self.goaway_sent.is_none() || self.deadlines.is_closing_over() => {
                    NextStep::Close
                }
                0 => NextStep::Linger {
                    octets_max: LINGER_OCTETS_MAX,
                    until: self.deadlines.closing(),
                },
                _ if self.deadlines.is_closing_over() => NextStep::Close,
                _ => NextStep::Write,
            };
        }
        if self.is_paused() || self.eof { NextStep::Write } else { NextStep::Read }
    }

    // ---- time ----

    /// Arms and expires. What expired on streams is surfaced by the next pull.
    pub(crate) fn advance(
        &mut self,
        now: Duration,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectionError> {
        self.deadlines.arrived(now);
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.phase == Phase::Closed {
            return Ok(());
        }
        let start = out.len();
        self.ledger.repay(self.deadlines.now(), &self.config);
        let facts = Facts {
            greeting: self.phase < Phase::Open && self.goaway_sent.is_none(),
            // A frame that drips is no better than a block that does.
            in_block: self.reading.in_block() || !self.carry.is_empty(),
            unacknowledged: self.local.unacknowledged() > 0,
            streams: self.streams.len() > 0,
            unsent: self.unsent() > 0,
            written: self.written,
            starving: self.starving,
            draining: self.draining,
        };
        if !facts.in_block {
            self.deadlines.block_ends();
        }
        let expired = self.deadlines.advance(facts, &self.config);
        let result = match expired {
            // Nobody is to blame: a shutdown with nothing to wait for.
            Some(Deadline::Idle) => {
                self.go_away(out);
                Ok(())
            }
            Some(deadline) => Err(self.fail(ErrorKind::Deadline(deadline), out)),
            None => Ok(()),
        };
        if result.is_ok() && self.phase != Phase::Closed {
            if self.deadlines.is_aged() && !self.draining {
                self.retire(out);
            }
            if self.deadlines.wants_ping(&self.config) {
                frame::ping::write(ALIVE_PING, false, out);
                self.pings.push(Ping {
                    data: ALIVE_PING,
                    at: self.deadlines.now(),
                    why: Why::Alive,
                });
            }
            self.expire_streams(out);
        }
        self.appended(out.len() - start);
        result
    }

    /// A stream has to make progress within this time.
    pub(crate) fn expect_progress(&mut self, timeout: Duration) {
        let due = self.deadlines.now().saturating_add(nanos(timeout));
        self.progress_due = self.progress_due.min(due);
    }

    /// Whether a stream waits for the peer's content, which had window for it; since when.
    fn waits_for_content(&self, stream: &Stream) -> Option<u32> {
        // A small window is not asked for more than it has.
        let half = self.local.in_force.window_bytes / 2;
        let enough = self.config.send_progress_bytes_min.min(half).max(1);
        let waits = stream.state.receives()
            && stream.flags.has(Flags::HEAD_RECEIVED)
            && stream.receive.available() >= enough
            && self.receive.available() >= enough;
        waits.then_some(stream.heard_at)
    }

    /// Streams that make no progress: content of ours waits for a window too long (§10.5), or the
    /// peer's does not come.
    fn expire_streams(&mut self, out: &mut Vec<u8>) {
        let now = self.deadlines.now();
        if now < self.progress_due {
            return;
        }
        let mut due = NEVER;
        let mut late = Vec::new();
        for (_, stream) in self.streams.iter() {
            let sending = (stream.stalled_at != u32::MAX).then(|| {
                // Whose turn it is not while the connection's window lets others send is not late.
                let turns = stream.send.available() > 0;
                let since = stream.stalled_at;
                let since = if turns { self.deadlines.later(since) } else { since };
                (self.deadlines.at(since, self.config.send_timeout), Deadline::Send)
            });
            let receiving = self.config.body_timeout.filter(|_| stream.state.receives());
            let receiving = receiving.map(|timeout| {
                // Back-pressure may end at any time: then the time begins.
                let since = if self.starving { self.waits_for_content(stream) } else { None };
                let since = since.unwrap_or_else(|| self.deadlines.millis());
                (self.deadlines.at(since, timeout), Deadline::Body)
            });
            let first = [sending, receiving].into_iter().flatten().min_by_key(|it| it.0);
            match first {
                Some((at, deadline)) if at <= now => late.push((stream.id, deadline)),
                Some((at, _)) => due = due.min(at),
                None => {}
            }
        }
        self.progress_due = due;
        for (id, deadline) in late {
            let step = self.break_stream(id, ErrorKind::Deadline(deadline), out);
            self.queued.push_back(step);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        if self.phase == Phase::Closed {
            let waits = self.unsent() > 0 && !self.deadlines.is_closing_over();
            return waits.then(|| self.deadlines.closing());
        }
        let next = self.deadlines.next(&self.config, self.starving).min(self.progress_due);
        (next != NEVER).then(|| Duration::from_nanos(next))
    }
}
