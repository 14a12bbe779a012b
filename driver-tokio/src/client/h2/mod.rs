//! The driving loop of a client's connection of HTTP/2.
//!
//! Read, pull to the end, ask content that was woken, send content by turns, tell the time, write, and
//! do what the machine says next. Those who wait for responses take what is theirs under a lock.

mod exchange;
mod fields;
mod shared;
mod stream;
mod tunnel;

use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use h2_proto::{ClientConnection, Config, ErrorCode, Event, NextStep, StreamId};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::exchange::{Head, header_map, reset_error, with_waker};
use self::fields::Fields;
use self::shared::{Shared, State};
use super::close::close;
use super::content::Next;
use super::error::{Error, ErrorKind, Stage};
use crate::outcome::Outcome;
use crate::scratch::{self, Buffers};
use crate::wire::{Came, Closing, Wire};

pub(crate) use self::shared::Sender;
pub(crate) use self::stream::{Reader, Slot};

/// Rounds of one poll before others of the runtime have their turn.
const ROUNDS_MAX: usize = 64;

/// See the module.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    wire: Wire,
    /// There while the connection has work.
    buffers: Option<Box<Buffers>>,
    /// Streams whose content was woken.
    woken: UnboundedReceiver<StreamId>,
    closing: Option<Closing>,
    config: Arc<Config>,
    read_bytes: usize,
    error: Option<Error>,
}

impl Driver {
    pub(crate) fn new(wire: Wire, config: Arc<Config>, read_bytes: usize) -> (Sender, Self) {
        let mut out = Vec::new();
        let conn = ClientConnection::new(Arc::clone(&config), Duration::ZERO, &mut out);
        let (sender, woken) = unbounded_channel();
        let shared = Shared::new(conn, out, &config, sender);
        let sender = Sender::new(&shared);
        let (buffers, closing, error) = (None, None, None);
        (sender, Self { shared, wire, buffers, woken, closing, config, read_bytes, error })
    }

    /// Runs the connection to its end.
    pub(crate) async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
        self.end().await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_MAX {
            self.shared.lock().begin(cx.waker());
            let reads = self.next_step() == NextStep::Read;
            let mut again = reads && self.poll_read(cx).is_ready();
            self.pull();
            again |= self.ask_content(cx);
            again |= self.pump();
            again |= self.advance(cx);
            let _ = self.poll_flush(cx);
            // What was written made room.
            again |= self.pump();
            if self.wire.dead {
                return Poll::Ready(());
            }
            match self.next_step() {
                NextStep::Close => return Poll::Ready(()),
                NextStep::Linger { octets_max, until } => {
                    self.tell_end();
                    let closing = &mut self.closing;
                    let closing = closing.get_or_insert_with(|| Closing::new(octets_max, until));
                    return self.wire.poll_close(cx, closing);
                }
                // A pause has ended: the kept input is pulled before more is read.
                NextStep::Read => again |= !reads,
                _ => {}
            }
            if !again {
                self.park();
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn next_step(&self) -> NextStep {
        self.shared.lock().conn.next_step()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let buffers = self.buffers.get_or_insert_with(scratch::take);
        buffers.make_room(self.read_bytes);
        let read = self.wire.poll_read(cx, &mut buffers.input);
        if let Poll::Ready(Some(came)) = read {
            let conn = &mut self.shared.lock().conn;
            match came {
                Came::End => conn.eof(),
                Came::Input { at } => conn.arrived(at),
            }
        }
        read.map(drop)
    }

    /// Pulls all events.
    fn pull(&mut self) {
        let mut buffers = self.buffers.take().unwrap_or_else(scratch::take);
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        loop {
            let Buffers { input, used, fields, .. } = &mut *buffers;
            let mut rest = input.get(*used..).unwrap_or_default();
            let event = state.conn.next_event(&mut rest, fields, &mut state.out);
            *used = input.len() - rest.len();
            match event {
                Ok(Some(event)) => happened(state, event, &self.config),
                Ok(None) => break,
                Err(error) => {
                    self.error.get_or_insert_with(|| error.into());
                    break;
                }
            }
        }
        drop(guard);
        self.buffers = Some(buffers);
    }

    /// Asks content that was woken for more. Whether any was.
    fn ask_content(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while let Poll::Ready(Some(stream)) = self.woken.poll_recv(cx) {
            any = true;
            let mut guard = self.shared.lock();
            let Some(exchange) = guard.exchanges.get_mut(&stream) else { continue };
            let waker = Arc::clone(&exchange.content);
            if !exchange.sending || exchange.expecting || !exchange.started {
                waker.asked();
                continue;
            }
            let Some(mut call) = exchange.call.take() else { continue };
            drop(guard);
            let polled = with_waker(&waker, |cx| call.content.poll_next(cx));
            let mut guard = self.shared.lock();
            let State { conn, out, exchanges, .. } = &mut *guard;
            let Some(exchange) = exchanges.get_mut(&stream) else { continue };
            exchange.call = Some(call);
            let result = match polled {
                Poll::Pending => continue,
                _ if !exchange.sending => continue,
                Poll::Ready(Ok(Next::Piece)) => conn.want_send(stream).map_err(Error::of_content),
                Poll::Ready(Ok(Next::Trailers(fields))) => {
                    exchange.sending = false;
                    conn.send_trailers(stream, Fields::of(&fields), out).map_err(Error::of_content)
                }
                Poll::Ready(Ok(Next::End)) => {
                    exchange.sending = false;
                    conn.send_data(stream, b"", true, out).map(drop).map_err(Error::of_content)
                }
                Poll::Ready(Err(error)) => Err(Error::new(ErrorKind::Body, error)),
            };
            if let Err(error) = result {
                exchange.break_off(error);
                let _ = conn.reset(stream, ErrorCode::CANCEL, out);
            }
            guard.settle(stream);
        }
        any
    }

    /// Gives each stream with content its turn. Whether there was any.
    fn pump(&self) -> bool {
        let state = &mut *self.shared.lock();
        let mut any = false;
        while let Some((stream, _)) = state.conn.next_writable() {
            state.grant(stream);
            any = true;
        }
        any
    }

    /// Tells the machine the time. Whether there is something to pull after it.
    fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        let state = &mut *self.shared.lock();
        if state.senders == 0 && state.exchanges.is_empty() && !state.conn.is_draining() {
            state.conn.shutdown(&mut state.out);
        }
        let mut expired = false;
        loop {
            let now = self.wire.elapsed();
            expired |= state.conn.next_deadline().is_some_and(|deadline| deadline <= now);
            if let Err(error) = state.conn.advance(now, &mut state.out) {
                self.error.get_or_insert_with(|| error.into());
            }
            let Some(deadline) = state.conn.next_deadline() else { return expired };
            if self.wire.poll_timer(cx, now, deadline).is_pending() {
                return expired;
            }
            expired = true;
        }
    }

    /// Writes what there is. Ready when all of it is out, or nothing can be.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.wire.out.is_empty() {
                mem::swap(&mut self.wire.out, &mut self.shared.lock().out);
            }
            let mut written = 0;
            let flushed = self.wire.poll_flush(cx, |octets| written += octets);
            let state = &mut *self.shared.lock();
            state.conn.wrote(written);
            if flushed.is_pending() || self.wire.dead {
                return flushed;
            }
            if state.out.is_empty() {
                // One vector is enough for both as long as the transport takes everything.
                mem::swap(&mut self.wire.out, &mut state.out);
                return Poll::Ready(());
            }
        }
    }

    /// The connection waits: what it need not hold it gives back.
    fn park(&mut self) {
        let Some(mut buffers) = self.buffers.take_if(|buffers| buffers.rest().is_empty()) else {
            return;
        };
        let state = &mut *self.shared.lock();
        if state.exchanges.is_empty() && state.out.is_empty() && self.wire.out.is_empty() {
            buffers.out = mem::take(&mut state.out);
            self.wire.out = Vec::new();
            state.conn.shrink();
        }
        scratch::put_back(buffers);
    }

    /// Tells everyone who waits that nothing more comes. Whether the transport is broken.
    fn tell_end(&mut self) -> bool {
        let outcome = self.wire.take_outcome();
        let broken = matches!(outcome, Some(Outcome::Io(_)));
        let error = match &self.error {
            Some(error) => error.clone(),
            None => Error::of_outcome(outcome),
        };
        self.shared.lock().end(&error);
        broken
    }

    async fn end(mut self) {
        let broken = self.tell_end();
        if let Some(buffers) = self.buffers.take() {
            scratch::put_back(buffers);
        }
        if self.closing.is_none() {
            close(self.wire, broken).await;
        }
    }
}

/// Takes an event to whom it concerns.
fn happened(state: &mut State, event: Event<'_, '_>, config: &Config) {
    let stream = match &event {
        Event::Informational { stream, .. }
        | Event::Response { stream, .. }
        | Event::Data { stream, .. }
        | Event::Trailers { stream, .. }
        | Event::Reset { stream, .. } => *stream,
        Event::SettingsChanged => {
            let theirs = state.conn.snapshot().remote_settings.streams_max;
            state.streams_max = theirs.min(config.streams_max);
            state.greeted();
            return;
        }
        Event::GoAway { .. } => {
            state.leaving = true;
            return;
        }
        _ => return,
    };
    let Some(exchange) = state.exchanges.get_mut(&stream) else {
        // Nobody waits for it any more.
        if let Event::Reset { .. } = event {
            let _ = state.conn.done(stream, &mut state.out);
        }
        return;
    };
    match event {
        Event::Informational { head, .. } => {
            if head.status == 100 && exchange.expecting {
                exchange.expecting = false;
                exchange.content.push();
            }
            exchange.stage = Stage::Head;
            exchange.informational.push_back(Head::new(head));
            exchange.wake_reader();
        }
        Event::Response { head, end_stream, .. } => exchange.respond(Head::new(head), end_stream),
        Event::Data { data, end_stream, .. } => {
            exchange.received.extend_from_slice(data);
            if end_stream {
                exchange.finish(None);
            }
            exchange.wake_reader();
        }
        Event::Trailers { fields, .. } => exchange.finish(Some(header_map(fields.iter()))),
        Event::Reset { code, by, verdict, .. } => {
            exchange.break_off(reset_error(code, by, verdict));
        }
        _ => {}
    }
    state.settle(stream);
}
