//! A connection and its transport: reading, writing, time and the stop signals, all as polls.
//!
//! The handler and the driving loop take turns on one task, so the lock around a link is never
//! contended; it is there because a handler's future may be polled on any thread.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use h1_proto::{ConnectionError, NextStep, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::outcome::Outcome;
use crate::stop::{Signal, Stop};

/// A byte stream that can be moved between threads.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

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

    /// Writes what is unsent. Ready when all of it is written, or nothing can be.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stop.is_cancelled() {
            self.die(Outcome::Cancelled);
        }
        while let Some(rest @ [_, ..]) = self.out.get(self.taken..) {
            if self.dead {
                break;
            }
            match ready!(Pin::new(&mut *self.io).poll_write(cx, rest)) {
                Ok(0) => self.die(Outcome::Io(io::ErrorKind::WriteZero.into())),
                Ok(octets) => {
                    self.taken += octets;
                    self.conn.wrote(octets);
                }
                Err(error) => self.die(Outcome::Io(error)),
            }
        }
        self.out.clear();
        self.taken = 0;
        Poll::Ready(())
    }

    /// Looks at the clock and the signals, to be called before a poll ends in waiting: arms what
    /// wakes the task. Ready when the connection ended by it.
    pub(crate) fn poll_watch(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.signals.poll(cx);
        let draining = self.conn.is_draining();
        self.obey_signals();
        if self.conn.is_draining() != draining {
            // The machine may have closed: whoever waits has to ask it for the next step again.
            cx.waker().wake_by_ref();
        }
        loop {
            if self.dead {
                return Poll::Ready(());
            }
            if let Err(error) = self.conn.advance(self.epoch.elapsed()) {
                if self.outcome.is_none() {
                    self.broken.get_or_insert(error);
                }
                return Poll::Ready(());
            }
            let Some(deadline) = self.conn.next_deadline() else { return Poll::Pending };
            ready!(self.poll_timer(cx, deadline));
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

    /// Shuts the sending side down, then reads and throws away what the machine says.
    pub(crate) fn poll_linger(&mut self, cx: &mut Context<'_>, left: &mut Option<u64>) -> Poll<()> {
        let NextStep::Linger { octets_max, until } = self.conn.next_step() else {
            return Poll::Ready(());
        };
        if left.is_none() {
            if let Err(_gone) = ready!(Pin::new(&mut *self.io).poll_shutdown(cx)) {
                return Poll::Ready(());
            }
            *left = Some(octets_max);
        }
        let left = left.get_or_insert(octets_max);
        let mut sink = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut sink);
            match Pin::new(&mut *self.io).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *left = left.saturating_sub(buffer.filled().len() as u64);
                    if *left == 0 {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        self.signals.poll(cx);
        if self.stop.is_cancelled() || self.epoch.elapsed() >= until {
            return Poll::Ready(());
        }
        self.poll_timer(cx, until)
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut *self.io).poll_shutdown(cx).map(drop)
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
            self.conn.respond_error(&error, &mut self.out);
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

/// The lock, also if an iterator of the handler's panicked under it: the machine writes only after
/// it has walked the fields once, so nothing is half done.
pub(crate) fn lock(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
    link.lock().unwrap_or_else(PoisonError::into_inner)
}
