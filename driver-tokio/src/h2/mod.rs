//! The driving loop of HTTP/2: one connection from its first octet to its end.
//!
//! Read, pull to the end, poll the handlers that were woken, pump content by turns, tell the time,
//! write, and do what the machine says next. A handler is polled in place when its request comes;
//! one that is not ready is polled again when it is woken.

mod asked;
mod exchange;
#[cfg(feature = "tower")]
mod held_body;
mod ready;
mod shared;
mod tasks;

use std::future::{Future, poll_fn};
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use h2_proto::{Event, NextStep, ServerConnection};

use self::asked::Arrival;
use self::shared::{Shared, State};
use self::tasks::{Finished, Tasks};
use crate::error::{Gone, HandlerError};
use crate::handler::Handler;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::request::{self, Request};
use crate::response::{Answering, Response};
use crate::scratch::{self, Buffers};
use crate::wire::{Closing, Wire};

pub(crate) use self::asked::Asked;
#[cfg(feature = "tower")]
pub(crate) use self::held_body::HeldBody;
pub(crate) use self::shared::Handle;

/// Runs a connection to its end. `input`: what was read of it before; `agreed`: both sides know by the
/// handshake of TLS that they speak HTTP/2.
pub(crate) async fn drive<H: Handler>(
    wire: Wire,
    input: Vec<u8>,
    handler: Arc<H>,
    options: &Options,
    agreed: bool,
) -> Outcome {
    let (config, settings) = (Arc::clone(&options.h2_config), &options.settings);
    let mut out = Vec::new();
    let conn = if agreed {
        ServerConnection::new(config, Duration::ZERO, &mut out)
    } else {
        ServerConnection::with_prior_knowledge(config, Duration::ZERO)
    };
    let shared = Shared::new(conn, out, &wire, settings.date);
    shared.lock().conn.arrived(wire.elapsed());
    let answer = |handle: Handle, arrival: Arrival| {
        let handler = Arc::clone(&handler);
        async move {
            let asked = Asked::new(handle.clone(), arrival);
            let mut request = Request(request::Asked::H2(asked));
            let mut response = Response(Answering::H2(handle));
            handler.handle(&mut request, &mut response).await
        }
    };
    let mut buffers = scratch::take();
    buffers.input = input;
    let mut driver = Driver {
        tasks: Tasks::new(Arc::clone(&shared.ready)),
        shared,
        wire,
        buffers: Some(buffers),
        read_bytes: settings.read_bytes,
        answer,
        closing: None,
    };
    poll_fn(|cx| driver.poll(cx)).await;
    driver.end()
}

/// Rounds of one poll before others of the runtime have their turn.
const ROUNDS_MAX: usize = 64;

/// See the module. `A` makes the future that answers a request.
struct Driver<A, F> {
    shared: Arc<Shared>,
    tasks: Tasks<F>,
    wire: Wire,
    /// There while the connection has work.
    buffers: Option<Buffers>,
    read_bytes: usize,
    answer: A,
    closing: Option<Closing>,
}

impl<A, F> Driver<A, F>
where
    A: Fn(Handle, Arrival) -> F,
    F: Future<Output = Result<(), HandlerError>>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.ready.begin(cx.waker());
        self.wire.watch_signals(cx);
        for _ in 0..ROUNDS_MAX {
            let reads = self.next_step() == NextStep::Read;
            let mut again = reads && self.poll_read(cx).is_ready();
            self.pull();
            self.run_woken();
            self.pump();
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
                    let closing = &mut self.closing;
                    let closing = closing.get_or_insert_with(|| Closing::new(octets_max, until));
                    return self.wire.poll_close(cx, closing);
                }
                // A pause has ended: the kept input is pulled before more is read.
                NextStep::Read => again |= !reads,
                _ => {}
            }
            if !again && self.shared.ready.sleep() {
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
        if let Poll::Ready(Some(octets)) = read {
            let conn = &mut self.shared.lock().conn;
            if octets == 0 {
                conn.eof();
            } else {
                conn.arrived(self.wire.elapsed());
            }
        }
        read.map(drop)
    }

    /// Pulls all events; requests are handed to their handlers on the way.
    fn pull(&mut self) {
        let mut buffers = self.buffers.take().unwrap_or_else(scratch::take);
        loop {
            let mut state = self.shared.lock();
            let State { conn, out, .. } = &mut *state;
            let Buffers { input, used, fields, out: spare, .. } = &mut buffers;
            if out.capacity() == 0 {
                *out = mem::take(spare);
            }
            let mut rest = input.get(*used..).unwrap_or_default();
            let event = conn.next_event(&mut rest, fields, out);
            *used = input.len() - rest.len();
            match event {
                Ok(Some(Event::Request { stream, head, end_stream, began })) => {
                    let (is_head, pseudo) = (head.method() == b"HEAD", head.pseudo_fields());
                    let exchange = state.exchanges.open(stream);
                    exchange.task = self.tasks.next_index();
                    exchange.is_head = is_head;
                    if end_stream {
                        exchange.end = Some(Ok(()));
                    }
                    let fields = mem::replace(fields, state.take_fields());
                    drop(state);
                    self.start(Arrival { stream, fields, pseudo, end_stream, began });
                }
                Ok(Some(Event::Data { stream, data, end_stream, .. })) => {
                    state.received(stream, data, end_stream);
                }
                Ok(Some(Event::Trailers { stream, .. })) => {
                    state.received_trailers(stream, fields);
                }
                Ok(Some(Event::Reset { stream, code, .. })) => {
                    let task = state.reset(stream, code);
                    drop(state);
                    if let Some(task) = task {
                        self.tasks.stop(task);
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    self.wire.outcome.get_or_insert_with(|| error.into());
                    break;
                }
            }
        }
        self.buffers = Some(buffers);
    }

    fn start(&mut self, arrival: Arrival) {
        let stream = arrival.stream;
        let handle = Handle { shared: Arc::clone(&self.shared), stream };
        let task = self.tasks.start(stream, (self.answer)(handle, arrival));
        self.run(task);
    }

    fn run(&mut self, task: u32) {
        if let Some(Finished { stream, output }) = self.tasks.poll(task) {
            let failure = match output {
                Some(result) => result.err(),
                None => Some(HandlerError::Application("the handler panicked".into())),
            };
            self.shared.lock().handled(stream, failure, self.shared.date);
        }
    }

    fn run_woken(&mut self) {
        while let Some(task) = self.shared.ready.next() {
            self.run(task);
        }
    }

    /// Gives each stream with content its turn. Whether there was any.
    fn pump(&mut self) -> bool {
        let mut any = false;
        loop {
            let mut state = self.shared.lock();
            let Some((stream, _)) = state.conn.next_writable() else { return any };
            state.grant(stream);
            drop(state);
            any = true;
            self.run_woken();
        }
    }

    /// Tells the machine the time and the signals. Whether there is something to pull after it.
    fn advance(&mut self, cx: &mut Context<'_>) -> bool {
        let draining = self.wire.is_draining();
        let State { conn, out, .. } = &mut *self.shared.lock();
        if draining && !conn.is_draining() {
            conn.shutdown(out);
        }
        let mut expired = false;
        loop {
            if let Err(error) = conn.advance(self.wire.elapsed(), out) {
                self.wire.outcome.get_or_insert_with(|| error.into());
            }
            let Some(deadline) = conn.next_deadline() else { return expired };
            if self.wire.poll_timer(cx, deadline).is_pending() {
                return expired;
            }
            expired = true;
        }
    }

    /// Writes what there is. Ready when all of it is out, or nothing can be.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.ready.look();
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
                state.flushed();
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
        if state.is_idle() && self.wire.out.is_empty() {
            buffers.out = mem::take(&mut state.out);
            self.wire.out = Vec::new();
            state.shrink();
            self.tasks.shrink();
        }
        scratch::put_back(buffers);
    }
}

impl<A, F> Driver<A, F> {
    /// Lets go of everything; how it ended.
    fn end(mut self) -> Outcome {
        // Handlers first: what they drop finds the connection as it was.
        drop(self.tasks);
        let outcome = self.wire.outcome.take();
        self.shared.lock().end(&Gone::Closed);
        if let Some(buffers) = self.buffers {
            scratch::put_back(buffers);
        }
        outcome.unwrap_or(match self.wire.peer_closed {
            true => Outcome::ClientClosed,
            false => Outcome::Closed,
        })
    }
}
