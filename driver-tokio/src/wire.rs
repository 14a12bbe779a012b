//! The transport of a connection: reading, writing, closing, time and the stop signals, all as
//! polls. It knows no protocol.

use std::future::Future;
use std::hash::Hash;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::direct::Direct;
use crate::info::ConnectionInfo;
use crate::moment::Moment;
use crate::outcome::Outcome;
use crate::stop::{Stop, Watch};

/// A byte stream that can be moved between threads.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + Direct {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// Time in which a connection whose first octet has not come yet may say something, when it is to drain.
const GRACE: Duration = Duration::from_millis(500);

/// Output that was taken is moved out of the way when it is so much.
const COMPACTED_BYTES_MIN: usize = 16 << 10;

/// See the module.
pub(crate) struct Wire {
    io: Box<dyn Io>,
    /// Output of which the transport has taken what is before `taken`.
    pub(crate) out: Vec<u8>,
    taken: usize,
    /// The transport may hold what it took.
    unflushed: bool,
    /// The last read took all that was there.
    drained: bool,
    /// Input came since the last write that cost no turn.
    may_write_now: bool,
    /// The zero of the connection's time.
    epoch: Instant,
    /// When the last input came, until that was told on.
    arrived: Option<Moment>,
    /// What wakes the task when a time has come.
    timer: Option<Pin<Box<Sleep>>>,
    /// It wakes the task that polls.
    timer_armed: bool,
    /// What says that it is to stop.
    watch: Watch,
    /// How long a connection that has not said anything is waited for, since it is to drain.
    grace: Option<Moment>,
    /// Why it ended, if something other than the protocol ended it.
    outcome: Option<Box<Outcome>>,
    /// Neither reads nor writes make sense any more.
    pub(crate) dead: bool,
    /// An end of TLS that is not announced is an end like any other: to a server, whose requests say
    /// themselves where they end.
    serves: bool,
    pub(crate) peer_closed: bool,
    pub(crate) info: ConnectionInfo,
}

impl Wire {
    pub(crate) fn new(io: Box<dyn Io>, stop: &Stop, info: ConnectionInfo) -> Self {
        Self {
            io,
            out: Vec::new(),
            taken: 0,
            unflushed: false,
            drained: false,
            may_write_now: false,
            epoch: Instant::now(),
            arrived: None,
            timer: None,
            timer_armed: false,
            watch: Watch::new(stop),
            grace: None,
            outcome: None,
            dead: false,
            serves: false,
            peer_closed: false,
            info,
        }
    }

    /// The same as the transport of a server.
    pub(crate) fn serving(self) -> Self {
        Self { serves: true, ..self }
    }

    pub(crate) fn epoch(&self) -> Instant {
        self.epoch
    }

    /// What tells this connection apart from others.
    pub(crate) fn seed(&self) -> impl Hash + use<> {
        (self.epoch, self.info.peer())
    }

    /// The time since the connection's epoch.
    pub(crate) fn elapsed(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// The time since then, once after input came: nothing that this task did meanwhile has waited, so
    /// the clock need not be asked again.
    pub(crate) fn take_elapsed(&mut self) -> Duration {
        self.arrived.take().map_or_else(|| self.elapsed(), Duration::from)
    }

    /// When the last input came, as long as that was not told on.
    #[inline]
    pub(crate) fn input_came(&self) -> Option<Moment> {
        self.arrived
    }

    /// When the input that is worked on came, or now.
    pub(crate) fn arrived(&self) -> Duration {
        self.arrived.map_or_else(|| self.elapsed(), Duration::from)
    }

    /// Whether the last input was not told on, and the timer that is armed for `until` comes behind it.
    #[inline]
    pub(crate) fn is_armed_beyond_input(&self, until: Moment) -> bool {
        self.timer_armed && self.arrived.is_some_and(|arrived| arrived < until)
    }

    /// For when the timer is armed, if it is.
    pub(crate) fn armed_until(&self) -> Option<Moment> {
        let timer = self.timer.as_ref().filter(|_| self.timer_armed)?;
        Some(timer.deadline().saturating_duration_since(self.epoch).into())
    }

    /// As [`arrived`](Self::arrived), as an instant.
    pub(crate) fn instant(&self) -> Instant {
        self.arrived.map_or_else(Instant::now, |arrived| self.epoch + Duration::from(arrived))
    }

    /// The transport is of no use any more.
    pub(crate) fn die(&mut self, outcome: Outcome) {
        self.dead = true;
        self.ends_by(outcome);
    }

    /// Why it ends, unless something else came first.
    pub(crate) fn ends_by(&mut self, outcome: impl Into<Outcome>) {
        self.outcome.get_or_insert_with(|| Box::new(outcome.into()));
    }

    pub(crate) fn take_outcome(&mut self) -> Option<Outcome> {
        self.outcome.take().map(|outcome| *outcome)
    }

    /// Does what a cancellation says. Whether the connection is to drain.
    #[inline]
    pub(crate) fn is_draining(&mut self) -> bool {
        let draining = self.watch.stop.is_draining();
        if draining && self.watch.stop.is_cancelled() {
            self.die(Outcome::Cancelled);
        }
        draining
    }

    /// Whether a connection that is to drain and has no request ends: not as long as others are
    /// accepted, so that a request that is on its way is answered, and that with `close`; nor, if nothing
    /// was `heard` of it, before it had a moment to say something.
    pub(crate) fn ends_idle(&mut self, heard: bool) -> bool {
        if !self.watch.stop.is_leaving() {
            return false;
        }
        let now = self.elapsed();
        heard || Moment::from(now) >= *self.grace.get_or_insert_with(|| (now + GRACE).into())
    }

    /// The sooner of the two: a deadline of the machine, and the end of that moment.
    pub(crate) fn deadline(&self, machine: Option<Duration>, drains: bool) -> Option<Duration> {
        let grace = self.grace.filter(|_| !drains).map(Duration::from);
        match (machine, grace) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Reads once into `input`. `None`: it died.
    #[inline]
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Vec<u8>,
    ) -> Poll<Option<Came>> {
        if self.watch.stop.is_cancelled() {
            self.die(Outcome::Cancelled);
            return Poll::Ready(None);
        }
        if mem::take(&mut self.drained) {
            ready!((*self.io).poll_readable(cx));
        }
        let room = input.capacity() - input.len();
        let read = ready!((*self.io).poll_read_into(cx, input));
        self.drained = read.as_ref().is_ok_and(|&octets| 0 < octets && octets < room);
        Poll::Ready(self.has_read(read))
    }

    /// The same by way of `room`, so that `input` has no memory as long as nothing comes.
    pub(crate) fn poll_read_some(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [u8],
        input: &mut Vec<u8>,
    ) -> Poll<Option<Came>> {
        let mut room = ReadBuf::new(room);
        let read = ready!(Pin::new(&mut *self.io).poll_read(cx, &mut room));
        input.extend_from_slice(room.filled());
        Poll::Ready(self.has_read(read.map(|()| room.filled().len())))
    }

    #[inline]
    fn has_read(&mut self, read: io::Result<usize>) -> Option<Came> {
        match read {
            Err(error) if self.serves && error.kind() == io::ErrorKind::UnexpectedEof => {
                self.peer_closed = true;
                Some(Came::End)
            }
            Err(error) => {
                self.die(Outcome::Io(error));
                None
            }
            Ok(octets) => {
                let at = self.elapsed();
                self.arrived = Some(at.into());
                if octets == 0 {
                    self.peer_closed = true;
                    return Some(Came::End);
                }
                self.may_write_now = true;
                Some(Came::Input { at })
            }
        }
    }

    /// Whether there is nothing to write, and nobody to tell that nothing can be.
    #[inline]
    pub(crate) fn is_flushed(&self) -> bool {
        self.out.is_empty() && !self.unflushed && !self.dead && !self.watch.stop.is_cancelled()
    }

    /// Writes the output and flushes the transport; `wrote` is told what was taken. Ready when all
    /// of it is out, or nothing can be.
    pub(crate) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        mut wrote: impl FnMut(usize),
    ) -> Poll<()> {
        if self.watch.stop.is_cancelled() {
            self.die(Outcome::Cancelled);
        }
        while let Some(rest @ [_, ..]) = self.out.get(self.taken..) {
            if self.dead {
                break;
            }
            // The read before it has cost a turn: nobody who only writes goes on for ever.
            let now = mem::take(&mut self.may_write_now).then(|| (*self.io).write_now(rest));
            let (written, flushes) = match now.flatten() {
                Some(written) => (Poll::Ready(written), false),
                None => (Pin::new(&mut *self.io).poll_write(cx, rest), true),
            };
            match written {
                Poll::Pending => {
                    self.compact();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) => self.die(Outcome::Io(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(octets)) => {
                    self.taken += octets;
                    // A socket that took it at once holds nothing back.
                    self.unflushed |= flushes;
                    wrote(octets);
                }
                Poll::Ready(Err(error)) => self.die(Outcome::Io(error)),
            }
        }
        self.out.clear();
        self.taken = 0;
        if self.unflushed && !self.dead {
            match ready!(Pin::new(&mut *self.io).poll_flush(cx)) {
                Ok(()) => self.unflushed = false,
                Err(error) => self.die(Outcome::Io(error)),
            }
        }
        Poll::Ready(())
    }

    /// What was taken goes, so that a reader that lags does not make the output grow.
    fn compact(&mut self) {
        if self.taken >= self.out.len() / 2 && self.taken >= COMPACTED_BYTES_MIN {
            self.out.drain(..mem::take(&mut self.taken));
        }
    }

    /// Arms what wakes the task when a stop signal fires.
    #[inline]
    pub(crate) fn watch_signals(&mut self, cx: &Context<'_>) {
        self.timer_armed &= self.watch.arm(cx);
    }

    /// Ready when the time has come; behind [`watch_signals`](Self::watch_signals). A timer that is armed
    /// for an earlier time is left alone: it wakes once too often instead of being moved for every
    /// request.
    #[inline]
    pub(crate) fn poll_timer(
        &mut self,
        cx: &mut Context<'_>,
        now: Duration,
        deadline: Duration,
    ) -> Poll<()> {
        let (now, deadline) = (self.epoch + now, self.epoch + deadline);
        match &self.timer {
            Some(timer)
                if self.timer_armed && now < timer.deadline() && timer.deadline() <= deadline =>
            {
                Poll::Pending
            }
            _ => self.arm_timer(cx, deadline),
        }
    }

    fn arm_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        self.timer_armed = false;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        // A task that has used up its turn is told to wait for a timer that does not wake it.
        let has_turn = has_budget_remaining();
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        self.timer_armed = has_turn;
        Poll::Pending
    }

    /// Shuts the sending side down, then reads and throws away so many octets, until that time and
    /// not beyond a cancellation.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>, closing: &mut Closing) -> Poll<()> {
        self.watch_signals(cx);
        let now = self.elapsed();
        if self.watch.stop.is_cancelled() || self.poll_timer(cx, now, closing.until).is_ready() {
            return Poll::Ready(());
        }
        if !closing.shut {
            if ready!(Pin::new(&mut *self.io).poll_shutdown(cx)).is_err() || closing.left == 0 {
                return Poll::Ready(());
            }
            closing.shut = true;
        }
        let mut sink = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut sink);
            match ready!(Pin::new(&mut *self.io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    closing.left = closing.left.saturating_sub(buffer.filled().len() as u64);
                    if closing.left == 0 {
                        return Poll::Ready(());
                    }
                }
                _ => return Poll::Ready(()),
            }
        }
    }

    pub(crate) fn into_io(self) -> Box<dyn Io> {
        self.io
    }
}

/// What a read gave.
#[derive(Clone, Copy)]
pub(crate) enum Came {
    /// The peer sends no more.
    End,
    /// Octets, at this time since the connection's epoch.
    Input { at: Duration },
}

/// How far the closing of a transport is.
pub(crate) struct Closing {
    until: Duration,
    /// Octets that it may still read.
    left: u64,
    /// The sending side is shut down.
    shut: bool,
}

impl Closing {
    pub(crate) fn new(octets_max: u64, until: Duration) -> Self {
        Self { until, left: octets_max, shut: false }
    }
}
