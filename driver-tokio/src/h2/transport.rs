//! What the driving loop does with its transport: reading, writing, time and signals.

use std::future::Future;
use std::mem;
use std::task::{Context, Poll};

use h2_proto::Phase;

use super::Driver;
use super::shared::State;
use crate::scratch;
use crate::wire::Came;

impl<A, F: Future> Driver<A, F> {
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let buffers = self.buffers.get_or_insert_with(scratch::take);
        buffers.make_room(self.read_bytes);
        let read = self.wire.poll_read(cx, &mut buffers.input);
        if let Poll::Ready(Some(came)) = read {
            self.resting.input_came();
            self.shared.with(|State { conn, .. }| match came {
                Came::End => conn.eof(),
                Came::Input { at } => conn.arrived(at),
            });
        }
        read.map(drop)
    }

    /// Tells the machine the time and the signals. Whether there is something to pull after it.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        let draining = self.wire.is_draining();
        let (shared, wire, stops) = (&self.shared, &mut self.wire, &mut self.stops);
        let mut expired = false;
        loop {
            let now = wire.elapsed();
            let (error, deadline) = shared.with(|State { conn, out, .. }| {
                // What expires is an event, also where it is a stream's and no error.
                expired |= conn.next_deadline().is_some_and(|deadline| deadline <= now);
                let error = conn.advance(now, out).err();
                if draining && !*stops {
                    // GOAWAY can be told once both sides have greeted.
                    let greeted = !matches!(conn.phase(), Phase::Preface | Phase::Settings);
                    *stops = greeted || wire.ends_idle(false);
                    if *stops {
                        conn.shutdown(out);
                    }
                }
                (error, wire.deadline(conn.next_deadline(), *stops))
            });
            if let Some(error) = error {
                wire.ends_by(error);
            }
            match deadline {
                Some(deadline) if wire.poll_timer(cx, now, deadline).is_ready() => expired = true,
                _ => return expired,
            }
        }
    }

    /// Writes what there is. Ready when all of it is out, or nothing can be.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.ready.look();
        loop {
            self.shared.with(|state| {
                // All that changed up to here is looked at now.
                state.changed = false;
                if self.wire.out.is_empty() {
                    mem::swap(&mut self.wire.out, &mut state.out);
                }
            });
            let mut written = 0;
            let flushed = self.wire.poll_flush(cx, |octets| written += octets);
            let stops = flushed.is_pending() || self.wire.dead;
            let all = self.shared.with(|state| {
                state.conn.wrote(written);
                if stops || !state.out.is_empty() {
                    return false;
                }
                // One vector is enough for both as long as the transport takes everything.
                mem::swap(&mut self.wire.out, &mut state.out);
                state.flushed();
                true
            });
            if all || stops {
                return flushed;
            }
        }
    }
}
