//! A connection and its transport: reading, writing, time and the stop signals, all as polls.
//!
//! The handler and the driving loop take turns on one task, so the lock around a link is never
//! contended; it is there because a handler's future may be polled on any thread.

use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use h1_proto::{ConnectionError, Field, NextStep, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::date;
use crate::outcome::Outcome;
use crate::stop::{Signal, Stop};

/// A byte stream that can be moved between threads.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Output that was taken is moved out of the way when it is so much.
const COMPACTED_BYTES_MIN: usize = 16 << 10;

/// How far the closing of a transport is.
#[derive(Default)]
pub(crate) struct Closing {
    until: Option<Duration>,
    /// Octets that a linger may still read; `None` until the sending side is shut down.
    left: Option<u64>,
}

pub(crate) struct Link {
    pub(crate) conn: ServerConnection,
    io: Box<dyn Io>,
    /// Output of which the transport has taken what is before `taken`.
    pub(crate) out: Vec<u8>,
    taken: usize,
    /// The zero of the connection's time.
    epoch: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    stop: Stop,
    /// What wakes the task when a signal fires.
    signals: Signals,
    /// Why it ended, if something other than the protocol ended it.
    pub(crate) outcome: Option<Outcome>,
    /// What the client did wrong, until it is answered.
    pub(crate) broken: Option<ConnectionError>,
    /// The client was found at fault; what follows from it is not told again.
    blamed: bool,
    /// A handler waits for content.
    pub(crate) reading: bool,
    /// Who waits for room in the output.
    sender: Option<Waker>,
    /// The transport may hold what it took.
    unflushed: bool,
    close_timeout: Duration,
    /// Neither reads nor writes make sense any more.
    pub(crate) dead: bool,
    client_closed: bool,
    pub(crate) date: bool,
}

impl Link {
    pub(crate) fn new(
        io: Box<dyn Io>,
        config: std::sync::Arc<h1_proto::Config>,
        stop: &Stop,
        date: bool,
    ) -> Self {
        Self {
            close_timeout: config.linger_timeout,
            conn: ServerConnection::new(config, Duration::ZERO),
            io,
            out: Vec::new(),
            taken: 0,
            epoch: Instant::now(),
            timer: None,
            signals: Signals::new(stop),
            stop: stop.clone(),
            outcome: None,
            broken: None,
            blamed: false,
            reading: false,
            sender: None,
            unflushed: false,
            dead: false,
            client_closed: false,
            date,
        }
    }

    /// Reads once into `input`. Ready when something came, the client closed or the transport
    /// failed.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut Vec<u8>) -> Poll<()> {
        if self.stop.is_cancelled() {
            self.die(Outcome::Cancelled);
            return Poll::Ready(());
        }
        match ready!(tokio_util::io::poll_read_buf(Pin::new(&mut *self.io), cx, input)) {
            Ok(0) => {
                self.client_closed = true;
                self.conn.eof();
            }
            Ok(_) => self.conn.arrived(self.epoch.elapsed()),
            Err(error) => self.die(Outcome::Io(error)),
        }
        Poll::Ready(())
    }

    /// Writes what is unsent and flushes the transport. Ready when all of it is out, or nothing can
    /// be.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stop.is_cancelled() {
            self.die(Outcome::Cancelled);
        }
        let before = self.taken;
        let written = self.poll_write(cx);
        if (self.taken > before || self.dead)
            && let Some(sender) = self.sender.take()
        {
            // Whoever waits for room may wait under another waker than the one that came here.
            sender.wake();
        }
        if written.is_pending() {
            // What was taken goes, so that a reader that lags does not make the output grow.
            if self.taken >= self.out.len() / 2 && self.taken >= COMPACTED_BYTES_MIN {
                self.out.drain(..mem::take(&mut self.taken));
            }
            return Poll::Pending;
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

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(rest @ [_, ..]) = self.out.get(self.taken..) {
            if self.dead {
                break;
            }
            match ready!(Pin::new(&mut *self.io).poll_write(cx, rest)) {
                Ok(0) => self.die(Outcome::Io(io::ErrorKind::WriteZero.into())),
                Ok(octets) => {
                    self.taken += octets;
                    self.unflushed = true;
                    self.conn.wrote(octets);
                }
                Err(error) => self.die(Outcome::Io(error)),
            }
        }
        Poll::Ready(())
    }

    /// Whoever waits for room in the output is woken when there may be some.
    pub(crate) fn wait_for_room(&mut self, cx: &Context<'_>) {
        self.sender = Some(cx.waker().clone());
    }

    /// Looks at the clock and the signals, to be called before a poll ends in waiting: arms what
    /// wakes the task. Ready when something has changed: the connection died, the client is at
    /// fault, or the machine has another step.
    pub(crate) fn poll_watch(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.signals.poll(cx);
        let step = self.conn.next_step();
        self.obey_signals();
        loop {
            if self.dead {
                return Poll::Ready(());
            }
            if let Err(error) = self.conn.advance(self.epoch.elapsed()) {
                self.blame(error);
                return Poll::Ready(());
            }
            if self.conn.next_step() != step {
                return Poll::Ready(());
            }
            let Some(deadline) = self.conn.next_deadline() else { return Poll::Pending };
            ready!(self.poll_timer(cx, deadline));
        }
    }

    /// The time since the connection's epoch.
    pub(crate) fn elapsed(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Remembers what the client did wrong, unless it was told before.
    pub(crate) fn blame(&mut self, error: ConnectionError) {
        if !self.blamed {
            self.blamed = true;
            self.broken = Some(error);
        }
    }

    /// Does what the signals that have fired say.
    #[inline]
    pub(crate) fn obey_signals(&mut self) {
        if self.stop.is_draining() {
            if self.stop.is_cancelled() {
                self.die(Outcome::Cancelled);
            }
            if !self.conn.is_draining() {
                self.conn.drain();
            }
        }
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

    /// Closes the transport as the machine says: shuts the sending side down, and if it is to
    /// linger, reads and throws away. All of it within the time of a linger, and not beyond a
    /// cancellation.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>, closing: &mut Closing) -> Poll<()> {
        self.signals.poll(cx);
        let until = *closing.until.get_or_insert_with(|| match self.conn.next_step() {
            NextStep::Linger { until, .. } => until,
            _ => self.epoch.elapsed() + self.close_timeout,
        });
        if self.stop.is_cancelled() || self.poll_timer(cx, until).is_ready() {
            return Poll::Ready(());
        }
        if closing.left.is_none() {
            let octets_max = match self.conn.next_step() {
                NextStep::Linger { octets_max, .. } => octets_max,
                _ => 0,
            };
            if ready!(Pin::new(&mut *self.io).poll_shutdown(cx)).is_err() || octets_max == 0 {
                return Poll::Ready(());
            }
            closing.left = Some(octets_max);
        }
        let left = closing.left.get_or_insert(0);
        let mut sink = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut sink);
            match ready!(Pin::new(&mut *self.io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    *left = left.saturating_sub(buffer.filled().len() as u64);
                    if *left == 0 {
                        return Poll::Ready(());
                    }
                }
                _ => return Poll::Ready(()),
            }
        }
    }

    /// The transport is of no use any more.
    pub(crate) fn die(&mut self, outcome: Outcome) {
        self.dead = true;
        if self.outcome.is_none() {
            self.outcome = Some(outcome);
        }
    }

    /// Answers what the client did wrong, if it is still to be answered, and remembers it as the
    /// way in which the connection ended.
    pub(crate) fn answer_broken(&mut self) {
        if let Some(error) = self.broken.take() {
            let date = self.date.then(date::now);
            let fields = error_fields(date.as_ref());
            let sent = self.conn.respond_error_with(&error, fields, &mut self.out);
            debug_assert!(sent.is_ok());
            self.outcome.get_or_insert_with(|| error.into());
        }
    }

    /// Takes it apart: the transport, and how it ended.
    pub(crate) fn into_parts(self) -> (Box<dyn Io>, Outcome) {
        let outcome = self.outcome.unwrap_or_else(|| match self.conn.next_step() {
            NextStep::HandOver => Outcome::Upgraded,
            _ if self.client_closed => Outcome::ClientClosed,
            _ => Outcome::Closed,
        });
        (self.io, outcome)
    }

    /// An idle connection holds no memory that it does not need.
    pub(crate) fn shrink(&mut self) {
        self.conn.shrink();
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
        Self { drain: wait(stop.drain_signal()), cancel: wait(stop.cancel_signal()), armed: None }
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

/// The fields of an answer that the driver gives by itself.
pub(crate) fn error_fields(
    date: Option<&date::Value>,
) -> impl IntoIterator<Item = Field<'_>> + Clone {
    let kind = Field { name: b"content-type", value: b"text/plain" };
    let date = date.map(|date| Field { name: b"date", value: date });
    [Some(kind), date].into_iter().flatten()
}

/// The lock, also if an iterator of the handler's panicked under it: the machine writes only after
/// it has walked the fields once, so nothing is half done.
pub(crate) fn lock(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
    link.lock().unwrap_or_else(PoisonError::into_inner)
}
