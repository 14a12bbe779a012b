//! A connection of HTTP/1.1 and its transport.
//!
//! The handler and the driving loop take turns on one task, so the lock around a link is never
//! contended; it is there because a handler's future may be polled on any thread.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use h1_proto::{ConnectionError, Field, NextStep, ServerConnection, Sniff};

use tokio::time::Instant;

use crate::date;
use crate::moment::Moment;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::upgrade::Promise;
use crate::wire::{Came, Closing, Wire};

pub(crate) struct Link {
    pub(crate) conn: ServerConnection,
    pub(crate) wire: Wire,
    /// What the client did wrong, until it is answered.
    pub(crate) broken: Option<ConnectionError>,
    /// The client was found at fault; what follows from it is not told again.
    blamed: bool,
    /// A handler waits for content.
    pub(crate) reading: bool,
    /// Who waits for room in the output; in a box, because it is rarely there.
    sender: Option<Box<Waker>>,
    date: bool,
    /// A client that closes its sending side waits for its answer.
    pub(crate) half_close: bool,
    /// There is input that is not used.
    pub(crate) input_left: bool,
    /// What was read while a handler waited.
    #[allow(
        clippy::box_collection,
        reason = "rarely there, and an idle connection is to be small"
    )]
    pub(crate) ahead: Option<Box<Vec<u8>>>,
    /// The first octets may be those of HTTP/2: time for them to say.
    sniffing: Option<Moment>,
    /// Some came: that is the time until when.
    sniffed: bool,
    /// The timer is armed for this time, and nothing but the next request is waited for.
    pub(super) idle_until: Option<Moment>,
    /// The machine was not told yet when it began to wait for the request that it waits for: when the last
    /// input came.
    pub(super) is_untold: bool,
    /// They were: the connection is not for this machine.
    pub(crate) is_h2: bool,
    /// Who waits for the transport; a tower service tells it beside its interim responses.
    #[allow(
        clippy::box_collection,
        reason = "rarely there, and an idle connection is to be small"
    )]
    pub(crate) upgrade: Option<Box<Promise>>,
    /// Interim responses of a tower service.
    #[cfg(feature = "tower")]
    pub(crate) interim: Option<crate::interim::Interims>,
}

impl Link {
    pub(crate) fn new(
        wire: Wire,
        options: &Options,
        sniff_timeout: Option<Duration>,
    ) -> Box<Mutex<Self>> {
        Box::new(Mutex::new(Self {
            conn: ServerConnection::new(Arc::clone(&options.config), Duration::ZERO),
            wire,
            broken: None,
            blamed: false,
            reading: false,
            sender: None,
            date: options.settings.date,
            half_close: options.settings.half_close,
            input_left: false,
            ahead: None,
            sniffing: sniff_timeout.map(Moment::from),
            sniffed: false,
            idle_until: None,
            is_untold: false,
            is_h2: false,
            upgrade: None,
            #[cfg(feature = "tower")]
            interim: None,
        }))
    }

    /// Which protocol the first octets are of, as long as that is open. What does not say in time is
    /// HTTP/1.
    #[inline]
    pub(crate) fn sniff(&mut self, input: &[u8]) -> Sniff {
        match self.sniffing {
            Some(timeout) => self.sniff_first(input, timeout),
            None => Sniff::H1,
        }
    }

    #[inline(never)]
    fn sniff_first(&mut self, input: &[u8], timeout: Moment) -> Sniff {
        match h1_proto::sniff(input) {
            Sniff::More if input.is_empty() => return Sniff::More,
            Sniff::More if !self.wire.peer_closed => {
                let now = self.wire.elapsed();
                if !self.sniffed {
                    self.sniffed = true;
                    self.sniffing = Some((now + Duration::from(timeout)).into());
                }
                if self.sniff_until().is_some_and(|until| now < until) {
                    return Sniff::More;
                }
            }
            Sniff::H2 => self.is_h2 = true,
            _ => {}
        }
        self.sniffing = None;
        if self.is_h2 { Sniff::H2 } else { Sniff::H1 }
    }

    /// Until when octets that do not say yet are waited for.
    pub(super) fn sniff_until(&self) -> Option<Duration> {
        self.sniffing.filter(|_| self.sniffed).map(Duration::from)
    }

    /// Reads once into `input`. Ready when something came, the client closed or the transport
    /// failed.
    #[inline]
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut Vec<u8>) -> Poll<()> {
        let (before, waits_since) = (input.len(), self.wire.input_came());
        match ready!(self.wire.poll_read(cx, input)) {
            Some(Came::End) => self.conn.eof(),
            Some(Came::Input { at }) => {
                if mem::take(&mut self.is_untold)
                    && let Some(since) = waits_since
                    && matches!(input.get(before), Some(b'\r' | b'\n'))
                {
                    // Empty lines are no request: it waits as long as before.
                    let told = self.conn.advance(since.into());
                    debug_assert_eq!(told, Ok(()), "the timer would have come first");
                }
                self.conn.arrived(at);
            }
            None => {}
        }
        Poll::Ready(())
    }

    /// Writes what is unsent and flushes the transport. Ready when all of it is out, or nothing can
    /// be.
    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.wire.is_flushed() {
            return Poll::Ready(());
        }
        self.flush(cx)
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (conn, mut progress) = (&mut self.conn, false);
        let flushed = self.wire.poll_flush(cx, |octets| {
            conn.wrote(octets);
            progress = true;
        });
        if (progress || self.wire.dead)
            && let Some(sender) = self.sender.take()
        {
            // Whoever waits for room may wait under another waker than the one that came here.
            sender.wake();
        }
        flushed
    }

    /// Whoever waits for room in the output is woken when there may be some.
    pub(crate) fn wait_for_room(&mut self, cx: &Context<'_>) {
        self.sender = Some(Box::new(cx.waker().clone()));
    }

    /// The time of a Date, if answers have one.
    pub(crate) fn date_time(&self) -> Option<Instant> {
        self.date.then(|| self.wire.instant())
    }

    /// Remembers what the client did wrong, unless it was told before.
    pub(crate) fn blame(&mut self, error: ConnectionError) {
        if !self.blamed {
            self.blamed = true;
            self.broken = Some(error);
        }
    }

    /// How the transport is to be closed, as the machine says.
    pub(crate) fn closing(&self) -> Closing {
        match self.conn.next_step() {
            NextStep::Linger { octets_max, until } => Closing::new(octets_max, until),
            _ => Closing::new(0, self.wire.elapsed() + self.conn.config().linger_timeout),
        }
    }

    /// Answers what the client did wrong, if it is still to be answered, and remembers it as the
    /// way in which the connection ended.
    #[inline]
    pub(crate) fn answer_broken(&mut self) {
        if self.broken.is_some() {
            self.answer_what_broke();
        }
    }

    #[cold]
    fn answer_what_broke(&mut self) {
        if let Some(error) = self.broken.take() {
            let date = self.date_time().map(date::at);
            let fields = error_fields(date.as_ref());
            let sent = self.conn.respond_error_with(&error, fields, &mut self.wire.out);
            debug_assert!(sent.is_ok());
            self.wire.ends_by(error);
        }
    }

    /// How it ended, and its transport.
    pub(crate) fn into_parts(mut self) -> (Wire, Outcome) {
        let outcome = self.wire.take_outcome().unwrap_or_else(|| match self.conn.next_step() {
            NextStep::HandOver => Outcome::Upgraded,
            _ if self.wire.peer_closed => Outcome::ClientClosed,
            _ => Outcome::Closed,
        });
        (self.wire, outcome)
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

/// The lock, also if an iterator of the handler's panicked under it: the machine takes back what it
/// wrote of a head that does not come about, so nothing is half done.
pub(crate) fn lock(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
    link.lock().unwrap_or_else(PoisonError::into_inner)
}
