//! The driving loop of HTTP/2: one connection from its first octet to its end.
//!
//! Read, pull to the end, poll the handlers that were woken, pump content by turns, tell the time,
//! write, and do what the machine says next. A handler is polled in place when its request comes;
//! one that is not ready is polled again when it is woken.

mod after;
mod asked;
mod exchange;
mod fields;
mod handle;
#[cfg(feature = "tower")]
mod held_body;
mod park;
mod pull;
mod ready;
mod shared;
mod tasks;
mod transport;
mod tunnel;

use std::future::{Future, poll_fn};
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use h2_proto::{NextStep, ServerConnection};
use tokio::task::coop::has_budget_remaining;

use self::asked::Arrival;
use self::park::Resting;
use self::pull::{Pulled, pull};
use self::shared::{Over, Shared, State};
use self::tasks::{Finished, Tasks};
use crate::age;
use crate::error::HandlerError;
use crate::gate::Gate;
use crate::handler::Handler;
use crate::info::ConnectionInfo;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::request::{self, Request};
use crate::response::{Answering, Response};
use crate::scratch::{self, Buffers};
use crate::wire::{Closing, Wire};

pub(crate) use self::asked::Asked;
pub(crate) use self::exchange::Exchanges;
pub(crate) use self::fields::With;
pub(crate) use self::handle::Handle;
#[cfg(feature = "tower")]
pub(crate) use self::held_body::HeldBody;

/// Runs a connection to its end. `input`: what was read of it before; `agreed`: both sides know by the
/// handshake of TLS that they speak HTTP/2. What it holds is in one box, so that a connection of HTTP/1
/// does not carry the room for it.
pub(crate) fn drive<H: Handler>(
    wire: Wire,
    input: Vec<u8>,
    handler: Arc<H>,
    options: &Options,
    agreed: bool,
) -> impl Future<Output = (Outcome, ConnectionInfo)> + Send + use<H> {
    let (mut config, settings) = (Arc::clone(&options.h2_config), &options.settings);
    if let Some(age_max) = settings.age_max {
        // A copy for each connection.
        Arc::make_mut(&mut config).age_max = Some(age::of(wire.seed(), age_max));
    }
    let mut out = Vec::new();
    let conn = if agreed {
        ServerConnection::new(config, Duration::ZERO, &mut out)
    } else {
        ServerConnection::with_prior_knowledge(config, Duration::ZERO)
    };
    let shared = Shared::new(conn, out, &wire, settings.date);
    let over = Over::of(&shared);
    let (gate, failed) = (options.gate.clone(), options.gate.clone());
    let answer = move |handle: Handle, arrival: Arrival| {
        let (handler, gate) = (Arc::clone(&handler), gate.clone());
        // Made here they take room once.
        let asked = Asked::new(handle.clone(), arrival);
        let mut request = Request(request::Asked::H2(asked));
        let mut response = Response(Answering::H2(handle));
        async move { gate.handle(&*handler, &mut request, &mut response).await }
    };
    let mut buffers = scratch::take();
    buffers.input = input;
    let mut driver = Box::new(Driver {
        tasks: Tasks::new(Arc::clone(&shared.ready), settings.move_waiting_handlers),
        shared,
        wire,
        buffers: Some(buffers),
        read_bytes: settings.read_bytes,
        unsent_max: options.h2_config.output_bytes_max + HEADS_UNSENT_MAX,
        answer,
        gate: failed,
        stops: false,
        closing: None,
        resting: Resting::default(),
        over,
    });
    async move {
        poll_fn(|cx| driver.poll(cx)).await;
        poll_fn(|cx| driver.tasks.poll_end(cx)).await;
        driver.end()
    }
}

/// Octets of heads that may be unsent beside the content that may.
const HEADS_UNSENT_MAX: u64 = 64 << 10;

/// Rounds of one poll before others of the runtime have their turn.
const ROUNDS_MAX: usize = 64;

/// See the module. `A` makes the future that answers a request.
struct Driver<A, F: Future> {
    shared: Arc<Shared>,
    tasks: Tasks<F>,
    wire: Wire,
    /// There while the connection has work.
    buffers: Option<Box<Buffers>>,
    read_bytes: usize,
    /// Beyond so many octets unsent nothing is read: content stops before, so it is heads that a client
    /// asks for and does not take.
    unsent_max: u64,
    answer: A,
    gate: Gate,
    /// The machine was told to shut down, whether or not it had begun to because of its age.
    stops: bool,
    closing: Option<Closing>,
    resting: Resting,
    /// The last to go: handlers find the connection as it was.
    over: Over,
}

impl<A, F> Driver<A, F>
where
    A: Fn(Handle, Arrival) -> F,
    F: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.ready.begin(cx.waker());
        self.wire.watch_signals(cx);
        let now = self.wire.elapsed();
        let instant = self.wire.epoch() + now;
        self.shared.with(|state| {
            state.conn.arrived(now);
            state.polled_at = Some(instant);
        });
        let polled = self.poll_rounds(cx);
        let changed = self.shared.with(|state| {
            state.polled_at = None;
            mem::take(&mut state.changed)
        });
        if changed && polled.is_pending() {
            // On another thread, since it was looked at.
            cx.waker().wake_by_ref();
        }
        polled
    }

    fn poll_rounds(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_MAX {
            let reads = self.reads();
            let mut again = reads && self.poll_read(cx).is_ready();
            self.pull();
            self.run_woken();
            while let Some(finished) = self.tasks.poll_moved(cx) {
                self.handled(finished);
            }
            self.pump();
            again |= self.advance(cx);
            let _ = self.poll_flush(cx);
            // What was written made room.
            again |= self.pump();
            if self.wire.dead {
                return Poll::Ready(());
            }
            let (step, changed) = self.shared.with(|state| (state.conn.next_step(), state.changed));
            match step {
                NextStep::Close => return Poll::Ready(()),
                NextStep::Linger { octets_max, until } => {
                    let closing = &mut self.closing;
                    let closing = closing.get_or_insert_with(|| Closing::new(octets_max, until));
                    return self.wire.poll_close(cx, closing);
                }
                _ => {}
            }
            // A pause has ended: the kept input is pulled before more is read.
            again |= !reads && self.reads();
            if !again && !changed && self.shared.ready.sleep() {
                self.park(cx);
                return Poll::Pending;
            }
            // Nothing that belongs to the runtime makes progress before the others had their turn.
            if !has_budget_remaining() {
                break;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn reads(&self) -> bool {
        self.shared.with(|state| {
            state.conn.next_step() == NextStep::Read && state.conn.unsent() <= self.unsent_max
        })
    }

    /// Pulls all events; requests are handed to their handlers on the way.
    fn pull(&mut self) {
        let mut buffers = self.buffers.take().unwrap_or_else(scratch::take);
        loop {
            let task = self.tasks.next_index();
            match self.shared.with(|state| pull(state, &mut buffers, task)) {
                Pulled::Request(arrival) => self.start(arrival),
                Pulled::Stop(task) => self.tasks.stop(task),
                Pulled::Other => {}
                Pulled::Nothing => break,
                Pulled::Error(error) => {
                    self.wire.ends_by(error);
                    break;
                }
            }
        }
        self.buffers = Some(buffers);
    }

    fn start(&mut self, arrival: Arrival) {
        self.resting.request_came();
        let stream = arrival.stream;
        let handle = Handle { shared: Arc::clone(&self.shared), stream };
        let task = self.tasks.start(stream, || (self.answer)(handle, arrival));
        self.run(task);
    }

    fn run(&mut self, task: u32) {
        if let Some(finished) = self.tasks.poll(task) {
            self.handled(finished);
        }
    }

    fn handled(&self, finished: Finished<F::Output>) {
        let failure = match finished.output {
            Some(result) => result.err(),
            None => Some(HandlerError::Application("the handler panicked".into())),
        };
        let (stream, date) = (finished.stream, self.shared.date);
        if self.shared.with(|state| state.handled(stream, failure, date)) {
            self.gate.count_failed();
        }
    }

    fn run_woken(&mut self) {
        // Those that wake themselves have their turn in the next round.
        for _ in 0..self.shared.ready.count() {
            let Some(task) = self.shared.ready.next() else { break };
            self.run(task);
        }
    }

    /// Gives each stream with content its turn. Whether there was any.
    fn pump(&mut self) -> bool {
        let mut any = false;
        let grant = |state: &mut State| {
            let next = state.conn.next_writable();
            next.is_some_and(|(stream, _)| {
                state.grant(stream);
                true
            })
        };
        while self.shared.with(grant) {
            any = true;
            self.run_woken();
        }
        any
    }
}

impl<A, F: Future> Driver<A, F> {
    /// Lets go of everything; how it ended, and what.
    fn end(mut self) -> (Outcome, ConnectionInfo) {
        // Handlers first: what they drop finds the connection as it was.
        drop(self.tasks);
        let outcome = self.wire.take_outcome();
        drop(self.over);
        if let Some(buffers) = self.buffers {
            scratch::put_back(buffers);
        }
        let outcome = outcome.unwrap_or(match self.wire.peer_closed {
            true => Outcome::ClientClosed,
            false => Outcome::Closed,
        });
        (outcome, self.wire.info)
    }
}
