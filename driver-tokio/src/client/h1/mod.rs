//! The driving loop of a client's connection of HTTP/1.1: one exchange after the other.
//!
//! Read and pull as far as somebody wants what comes, take up a request when there is none, send
//! content as the transport takes it, tell the time, write, and do what the machine says next.

mod exchange;
mod feed;
mod send;

use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h1_proto::{ClientConnection, Config, Event, KeepAlive, NextStep, Verdict};
use tokio::sync::{mpsc, oneshot};

use self::exchange::Exchange;
use self::feed::Wish;
use super::call::Failed;
use super::close::close;
use super::error::{Error, ErrorKind, Stage};
use crate::outcome::Outcome;
use crate::scratch::{self, Buffers};
use crate::upgrade::Upgraded;
use crate::wire::{Came, Wire};

pub(crate) use self::exchange::{GiveBack, Sent};
pub(crate) use self::feed::Reader;

/// See the module.
pub(crate) struct Driver {
    conn: ClientConnection,
    wire: Wire,
    /// There while the connection has work.
    buffers: Option<Box<Buffers>>,
    calls: mpsc::Receiver<Sent>,
    exchange: Option<Exchange>,
    on_upgrade: Option<oneshot::Sender<Upgraded>>,
    /// Content waits for output to be written.
    held_back: bool,
    config: Arc<Config>,
    read_bytes: usize,
}

impl Driver {
    pub(crate) fn new(
        wire: Wire,
        config: Arc<Config>,
        read_bytes: usize,
        calls: mpsc::Receiver<Sent>,
    ) -> Self {
        Self {
            conn: ClientConnection::new(Arc::clone(&config), Duration::ZERO),
            wire,
            buffers: None,
            calls,
            exchange: None,
            on_upgrade: None,
            held_back: false,
            config,
            read_bytes,
        }
    }

    /// Runs the connection to its end.
    pub(crate) async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
        if let Some((wire, broken)) = self.end() {
            close(wire, broken).await;
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.heed_caller(cx);
            let mut again = self.receive(cx);
            again |= self.take_call(cx);
            again |= self.send(cx);
            again |= self.advance(cx);
            // What was written makes room for content that waits for it.
            let flushed = self.flush(cx).is_ready();
            again |= mem::take(&mut self.held_back) && flushed;
            if self.wire.dead {
                return Poll::Ready(());
            }
            match self.conn.next_step() {
                NextStep::HandOver | NextStep::Close => return Poll::Ready(()),
                _ if again => {}
                _ => {
                    self.park();
                    return Poll::Pending;
                }
            }
        }
    }

    /// A caller that is gone takes the connection with it: the response would be for nobody.
    fn heed_caller(&mut self, cx: &mut Context<'_>) {
        if let Some(Exchange { reply: Some(reply), .. }) = &mut self.exchange
            && reply.poll_closed(cx).is_ready()
        {
            self.exchange = None;
            self.wire.die(Outcome::Cancelled);
        }
    }

    /// Receives as far as somebody wants what comes. Whether something came.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while !self.wire.dead && self.wants_event(cx) {
            if self.pull() {
                any = true;
                continue;
            }
            if self.conn.next_step() != NextStep::Read {
                break;
            }
            let buffers = self.buffers.get_or_insert_with(scratch::take);
            buffers.make_room(self.read_bytes);
            let Poll::Ready(read) = self.wire.poll_read(cx, &mut buffers.input) else { break };
            match read {
                Some(Came::End) => self.conn.eof(),
                Some(Came::Input { at }) => {
                    self.conn.arrived(at);
                    if let Some(exchange) = &mut self.exchange {
                        exchange.heard = true;
                    }
                }
                None => {}
            }
            any = true;
        }
        any
    }

    /// Whether the next event has a taker.
    fn wants_event(&mut self, cx: &Context<'_>) -> bool {
        let Some(exchange) = &mut self.exchange else { return true };
        let Some(feed) = &exchange.feed else { return true };
        match feed.wish(cx) {
            // What is left is only the end.
            _ if exchange.left == Some(0) => true,
            Wish::More => true,
            Wish::Nothing => false,
            Wish::Gone => {
                let octets_max = self.config.unread_body_bytes_max;
                if exchange.until_close || exchange.left.is_some_and(|left| left > octets_max) {
                    self.wire.die(Outcome::Cancelled);
                    return false;
                }
                let until = self.wire.elapsed() + self.config.unread_body_timeout;
                exchange.skipping.get_or_insert((octets_max, until));
                true
            }
        }
    }

    /// Pulls one event out of what was read. Whether there was one.
    fn pull(&mut self) -> bool {
        let mut buffers = self.buffers.take().unwrap_or_else(scratch::take);
        let Buffers { input, used, head, .. } = &mut *buffers;
        let mut rest = input.get(*used..).unwrap_or_default();
        let before = self.conn.keep_alive();
        let event = self.conn.next_event(&mut rest, head);
        *used = input.len() - rest.len();
        let any = match event {
            Ok(None) => false,
            Err(error) => {
                let first = self.exchange.is_some();
                self.fail(error.into());
                first
            }
            Ok(Some(event)) => {
                if let Some(exchange) = &mut self.exchange {
                    match event {
                        Event::Informational(head) => exchange.informational(head),
                        Event::Head { head, body, .. } => {
                            let refused = head.status() >= 400
                                && before == KeepAlive::Continue
                                && self.conn.keep_alive() == KeepAlive::Close;
                            exchange.respond(head, body);
                            // RFC 9112 §9.5, RFC 9110 §10.1.1: the content is not wanted. A
                            // success instead of the 100 may be made of it.
                            let unasked = exchange.expecting && head.status() >= 300;
                            if exchange.sending && (refused || unasked) {
                                self.conn.abandon_request();
                                exchange.sending = false;
                            }
                        }
                        Event::Data(data) => take_data(exchange, data, &mut self.wire),
                        Event::End { trailers } => exchange.end(trailers),
                        _ => {}
                    }
                }
                true
            }
        };
        self.buffers = Some(buffers);
        self.settle();
        any
    }

    /// Lets go of an exchange that is complete.
    fn settle(&mut self) {
        let Some(exchange) = self.exchange.take_if(|it| !it.sending && !it.receiving) else {
            return;
        };
        self.on_upgrade = exchange.on_upgrade;
        if self.conn.is_idle()
            && let Some(give_back) = exchange.give_back
        {
            give_back();
        }
    }

    /// Tells the machine the time. Whether something may have changed.
    fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        loop {
            let now = self.wire.elapsed();
            let waited = self.conn.awaits_continue();
            if let Err(error) = self.conn.advance(now) {
                let first = self.exchange.is_some();
                self.fail(error.into());
                return first;
            }
            any |= waited && !self.conn.awaits_continue();
            let skip_until = self.exchange.as_ref().and_then(|it| it.skipping).map(|it| it.1);
            if skip_until.is_some_and(|until| until <= now) {
                self.wire.die(Outcome::Cancelled);
                return true;
            }
            let deadline = [self.conn.next_deadline(), skip_until].into_iter().flatten().min();
            let Some(deadline) = deadline else { return any };
            if self.wire.poll_timer(cx, now, deadline).is_pending() {
                return any;
            }
            any = true;
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let conn = &mut self.conn;
        self.wire.poll_flush(cx, |octets| conn.wrote(octets))
    }

    /// The exchange ends here.
    fn fail(&mut self, error: Error) {
        if let Some(exchange) = self.exchange.take() {
            let verdict = self.conn.unfinished().next().map(|it| it.1);
            // What failed on our side does not go again.
            let unprocessed =
                verdict == Some(Verdict::Unprocessed) && error.kind() != ErrorKind::Body;
            exchange.fail(error, unprocessed);
        }
    }

    /// The connection waits: what it need not hold it gives back.
    fn park(&mut self) {
        if self.exchange.is_some() || !self.wire.out.is_empty() {
            return;
        }
        if let Some(mut buffers) = self.buffers.take_if(|buffers| buffers.rest().is_empty()) {
            buffers.out = mem::take(&mut self.wire.out);
            scratch::put_back(buffers);
            self.conn.shrink();
        }
    }

    /// Tells everyone who waits, and hands the transport over if it is another protocol's. Otherwise
    /// it is to be closed, and may be broken.
    fn end(mut self) -> Option<(Wire, bool)> {
        let outcome = self.wire.take_outcome();
        let broken = matches!(outcome, Some(Outcome::Io(_)));
        let error = Error::of_outcome(outcome);
        self.fail(error.clone());
        let error = error.at(Stage::Nothing);
        self.calls.close();
        while let Ok(Sent { call, reply, .. }) = self.calls.try_recv() {
            let _ = reply.send(Err(Failed::unprocessed(error.clone(), call)));
        }
        let input = self.buffers.as_mut().map(|it| it.take_input()).unwrap_or_default();
        if let Some(buffers) = self.buffers.take() {
            scratch::put_back(buffers);
        }
        if self.conn.next_step() == NextStep::HandOver
            && let Some(on_upgrade) = self.on_upgrade.take()
        {
            // If nobody wants it, it is closed.
            let _ = on_upgrade.send(Upgraded::new(self.wire.into_io(), input));
            return None;
        }
        Some((self.wire, broken))
    }
}

/// Content of the response.
fn take_data(exchange: &mut Exchange, data: &[u8], wire: &mut Wire) {
    let octets = data.len() as u64;
    if let Some(left) = &mut exchange.left {
        *left = left.saturating_sub(octets);
    }
    if let Some((skip, _)) = &mut exchange.skipping {
        match skip.checked_sub(octets) {
            Some(rest) => *skip = rest,
            None => wire.die(Outcome::Cancelled),
        }
    } else if let Some(feed) = &exchange.feed {
        feed.give(Bytes::copy_from_slice(data));
    }
}
