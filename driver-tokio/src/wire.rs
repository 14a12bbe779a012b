//! The transport of a connection: reading, writing, closing, time and the stop signals, all as
//! polls. It knows no protocol.

use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::info::ConnectionInfo;
use crate::outcome::Outcome;
use crate::stop::{Signal, Stop};

/// A byte stream that can be moved between threads.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

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
    /// The zero of the connection's time.
    epoch: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    stop: Stop,
    /// What wakes the task when a signal fires.
    signals: Signals,
    /// Why it ended, if something other than the protocol ended it.
    pub(crate) outcome: Option<Outcome>,
    /// Neither reads nor writes make sense any more.
    pub(crate) dead: bool,
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
            epoch: Instant::now(),
            timer: None,
            signals: Signals::new(stop),
            stop: stop.clone(),
            outcome: None,
            dead: false,
            peer_closed: false,
            info,
        }
    }

    pub(crate) fn epoch(&self) -> Instant {
        self.epoch
    }

    /// The time since the connection's epoch.
    pub(crate) fn elapsed(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// The transport is of no use any more.
    pub(crate) fn die(&mut self, outcome: Outcome) {
        self.dead = true;
        self.outcome.get_or_insert(outcome);
    }

    /// Does what a cancellation says. Whether the connection is to drain.
    #[inline]
    pub(crate) fn is_draining(&mut self) -> bool {
        let draining = self.stop.is_draining();
        if draining && self.stop.is_cancelled() {
            self.die(Outcome::Cancelled);
        }
        draining
    }

    /// Reads once into `input`: how many octets came, 0 at the end of the stream. `None`: it died.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Vec<u8>,
    ) -> Poll<Option<usize>> {
        if self.stop.is_cancelled() {
            self.die(Outcome::Cancelled);
            return Poll::Ready(None);
        }
        match ready!(tokio_util::io::poll_read_buf(Pin::new(&mut *self.io), cx, input)) {
            Ok(octets) => {
                self.peer_closed |= octets == 0;
                Poll::Ready(Some(octets))
            }
            Err(error) => {
                self.die(Outcome::Io(error));
                Poll::Ready(None)
            }
        }
    }

    /// Writes the output and flushes the transport; `wrote` is told what was taken. Ready when all
    /// of it is out, or nothing can be.
    pub(crate) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        mut wrote: impl FnMut(usize),
    ) -> Poll<()> {
        if self.stop.is_cancelled() {
            self.die(Outcome::Cancelled);
        }
        while let Some(rest @ [_, ..]) = self.out.get(self.taken..) {
            if self.dead {
                break;
            }
            match Pin::new(&mut *self.io).poll_write(cx, rest) {
                Poll::Pending => {
                    self.compact();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) => self.die(Outcome::Io(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(octets)) => {
                    self.taken += octets;
                    self.unflushed = true;
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
    pub(crate) fn watch_signals(&mut self, cx: &mut Context<'_>) {
        self.signals.poll(cx);
    }

    /// Ready when the time has come. A timer that is armed for an earlier time is left alone: it
    /// wakes once too often instead of being moved for every request.
    pub(crate) fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Duration) -> Poll<()> {
        let deadline = self.epoch + deadline;
        let timer = match &mut self.timer {
            Some(timer) => timer,
            none => none.insert(Box::pin(tokio::time::sleep_until(deadline))),
        };
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Shuts the sending side down, then reads and throws away so many octets, until that time and
    /// not beyond a cancellation.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>, closing: &mut Closing) -> Poll<()> {
        self.signals.poll(cx);
        if self.stop.is_cancelled() || self.poll_timer(cx, closing.until).is_ready() {
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

/// The futures that wake a task when its connection is to stop.
struct Signals {
    drain: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    cancel: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Whom they wake.
    armed: Option<Waker>,
}

impl Signals {
    fn new(stop: &Stop) -> Self {
        let wait = |signal: &Signal| Some(Box::pin(signal.token().clone().cancelled_owned()));
        Self { drain: wait(stop.retire_signal()), cancel: wait(stop.cancel_signal()), armed: None }
    }

    /// Arms what has not fired. Whether something did is asked of the signal itself.
    fn poll(&mut self, cx: &mut Context<'_>) {
        // Arming takes locks that all connections share, so it is not done for every request.
        if self.armed.as_ref().is_some_and(|armed| armed.will_wake(cx.waker())) {
            return;
        }
        self.armed = Some(cx.waker().clone());
        for signal in [&mut self.drain, &mut self.cancel] {
            if signal.as_mut().is_some_and(|signal| signal.as_mut().poll(cx).is_ready()) {
                *signal = None;
            }
        }
    }
}
