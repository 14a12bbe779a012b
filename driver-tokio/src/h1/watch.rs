//! What a connection of HTTP/1.1 waits for beside its transport: deadlines and signals.

use std::mem;
use std::task::{Context, Poll};
use std::time::Duration;

use h1_proto::NextStep;

use super::link::Link;
use crate::age;

impl Link {
    /// Looks at the clock and the signals, to be called before a poll ends in waiting: arms what
    /// wakes the task. Ready when something has changed: the connection died, the client is at
    /// fault, or the machine has another step.
    pub(crate) fn poll_watch(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.wire.watch_signals(cx);
        self.look(cx)
    }

    /// The same when the next request is waited for.
    pub(crate) fn poll_watch_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.wire.watch_signals(cx);
        if self.still_waits_idle() {
            self.is_untold = true;
            return Poll::Pending;
        }
        self.look(cx)
    }

    /// Whether the connection waits for another request, as it did before the one that it has just answered,
    /// with a timer that wakes it not later than it must. Then the machine need not be told the time: if
    /// that timer is the next thing that happens, it is told then since when it waits.
    #[inline]
    fn still_waits_idle(&mut self) -> bool {
        !self.is_untold
            && self.idle_until.is_some_and(|until| self.wire.is_armed_beyond_input(until))
            && self.conn.is_idle()
            && self.conn.unsent() == 0
            && !self.wire.is_draining()
            && !self.wire.dead
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let step = self.conn.next_step();
        self.idle_until = None;
        if mem::take(&mut self.is_untold) && self.tell_time().is_none() {
            return Poll::Ready(());
        }
        loop {
            self.obey_signals();
            if self.wire.dead {
                return Poll::Ready(());
            }
            let Some(now) = self.tell_time() else { return Poll::Ready(()) };
            if self.conn.next_step() != step || self.sniff_until().is_some_and(|until| until <= now)
            {
                return Poll::Ready(());
            }
            let machine = match (self.conn.next_deadline(), self.sniff_until()) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            let Some(deadline) = self.wire.deadline(machine, self.conn.is_draining()) else {
                return Poll::Pending;
            };
            if self.wire.poll_timer(cx, now, deadline).is_pending() {
                let waits_idle =
                    self.conn.is_idle() && self.conn.unsent() == 0 && self.conn.requests() > 0;
                self.idle_until = if waits_idle { self.wire.armed_until() } else { None };
                return Poll::Pending;
            }
        }
    }

    /// Tells the machine when the last input came, or the time; `None` if the client is at fault.
    fn tell_time(&mut self) -> Option<Duration> {
        let now = self.wire.take_elapsed();
        match self.conn.advance(now) {
            Ok(()) => Some(now),
            Err(error) => {
                self.blame(error);
                None
            }
        }
    }

    /// A connection that ends behind the answer of a handler that was at work for long has its last times
    /// from now.
    #[inline]
    pub(crate) fn look_before_end(&mut self) {
        if self.wire.input_came().is_none() && self.conn.next_step() != NextStep::Read {
            self.conn.arrived(self.wire.elapsed());
        }
    }

    /// The request that has come is the last of a connection that is so old.
    #[inline]
    pub(crate) fn retire_if_old(&mut self, age_max: Option<Duration>) {
        if let Some(max) = age_max
            && age::may_be_over(self.wire.arrived(), max)
            && self.wire.arrived() >= age::of(self.wire.seed(), max)
        {
            self.conn.close_after();
        }
    }

    /// Does what the signals that have fired say.
    #[inline]
    pub(crate) fn obey_signals(&mut self) {
        if self.wire.is_draining() && !self.conn.is_draining() {
            self.begin_to_drain();
        }
    }

    #[cold]
    fn begin_to_drain(&mut self) {
        let heard = self.conn.received() > 0;
        if !self.conn.is_idle() || self.wire.ends_idle(heard) {
            // Its time counts from now, also behind a handler that was at work for long.
            self.conn.arrived(self.wire.elapsed());
            self.conn.drain();
        }
    }
}
