//! The driving loop of HTTP/1.1: one connection from its first octet to its end.
//!
//! Wait for a request, hand it to the handler, do what the machine says next. The loop knows no
//! HTTP: `next_event` and `next_step` of the machine decide everything.

mod ahead;
mod close;
mod exchange;
mod link;
mod settle;
mod upgrade;
mod watch;

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use h1_proto::{Event, NextStep, Sniff};

use self::close::close;
use self::exchange::Arrival;
use self::settle::{Handled, settle};
use crate::error::HandlerError;
use crate::gate::Gate;
use crate::handler::Handler;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::request::{self, Request};
use crate::response::{Answering, Response};
use crate::scratch::{Buffers, Held};
use crate::upgrade::Promise;
use crate::wire::Wire;

#[cfg(feature = "tower")]
pub(crate) use self::exchange::respond_with;
pub(crate) use self::exchange::{Asked, poll_flush, poll_send_data};
pub(crate) use self::link::{Link, lock};
pub(crate) use self::upgrade::hand_over;

/// Octets of answers that may be unsent when the next request is taken up.
const HELD_BYTES_MAX: u64 = 64 << 10;

/// What became of a connection, with the input that was not used.
pub(crate) enum Driven {
    /// It is over; somebody may wait for what it became.
    Ended(Wire, Outcome, Vec<u8>, Option<Promise>),
    /// It speaks HTTP/2.
    Http2(Wire, Vec<u8>),
}

/// Runs a connection to its end.
pub(crate) async fn drive<H: Handler>(
    link: Box<Mutex<Link>>,
    handler: &H,
    options: &Options,
) -> Driven {
    let read_bytes = options.settings.read_bytes;
    let mut held = Held::default();
    while let Some(arrival) = next_request(&link, &mut held, options).await {
        let handling = begin(&link, handler, &options.gate, held.take(), arrival, read_bytes);
        watched(&link, handling, &options.gate).await;
    }
    if !lock(&link).is_h2 {
        close(&link).await;
    }
    let input = held.take_input();
    let mut link = link.into_inner().unwrap_or_else(PoisonError::into_inner);
    if link.is_h2 {
        return Driven::Http2(link.wire, input);
    }
    let promise = link.take_promise();
    let (wire, outcome) = link.into_parts();
    Driven::Ended(wire, outcome, input, promise)
}

/// Waits for the next request; `None` when the connection is to be closed or handed over.
fn next_request(
    link: &Mutex<Link>,
    held: &mut Held,
    options: &Options,
) -> impl Future<Output = Option<Arrival>> + Send {
    poll_fn(move |cx| {
        let link = &mut *lock(link);
        link.use_ahead(held);
        // A connection that was parked has nothing to pull.
        let mut pulls = held.is_any() || link.wire.peer_closed;
        loop {
            if link.wire.dead {
                return Poll::Ready(None);
            }
            // A client that pipelines and does not read gets no more answers than this held.
            if link.conn.unsent() >= HELD_BYTES_MAX
                && link.conn.next_step() == NextStep::Read
                && link.broken.is_none()
                && link.poll_flush(cx).is_pending()
            {
                if link.poll_watch(cx).is_ready() {
                    continue;
                }
                return Poll::Pending;
            }
            if mem::take(&mut pulls) {
                let sniffed = link.sniff(held.rest());
                if sniffed == Sniff::H2 {
                    return Poll::Ready(None);
                }
                // The beginning of a preface waits for its rest.
                let undecided = sniffed == Sniff::More && !held.rest().is_empty();
                if let Some(arrival) = (!undecided).then(|| pull(link, held)).flatten() {
                    link.obey_signals();
                    link.retire_if_old(options.settings.age_max);
                    if link.wire.dead {
                        continue;
                    }
                    make_ready(link, held.take());
                    return Poll::Ready(Some(arrival));
                }
            }
            link.answer_broken();
            let flushed = link.poll_flush(cx).is_ready();
            match link.conn.next_step() {
                _ if link.wire.dead => {}
                NextStep::Read => {
                    let buffers = held.take();
                    buffers.make_room(options.settings.read_bytes);
                    if link.poll_read(cx, &mut buffers.input).is_ready() {
                        pulls = true;
                        continue;
                    }
                }
                NextStep::Write if !flushed => {}
                // The client sent all it had and the machine has nothing to say.
                NextStep::Write if !link.conn.is_paused() => {
                    pulls = true;
                    continue;
                }
                _ => return Poll::Ready(None),
            }
            if link.poll_watch_next(cx).is_ready() {
                pulls = true;
                continue;
            }
            park(link, held);
            return Poll::Pending;
        }
    })
}

/// The next request, out of what is already read. What else happens belongs to content that
/// nobody reads any more.
#[inline(always)]
fn pull(link: &mut Link, held: &mut Held) -> Option<Arrival> {
    // Without input there may still be the end of it, or a rest of the exchange before.
    let Buffers { input, used, head, .. } = held.take();
    loop {
        let mut rest = input.get(*used..).unwrap_or_default();
        let event = link.conn.next_event(&mut rest, head);
        *used = input.len() - rest.len();
        match event {
            Ok(Some(Event::Head { body, began, expects_continue, .. })) => {
                return Some(Arrival { body, began, expects_continue });
            }
            Ok(Some(_)) if rest.is_empty() && link.conn.is_idle() && !link.wire.peer_closed => {
                return None;
            }
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(error) => {
                link.blame(error);
                return None;
            }
        }
    }
}

/// The connection waits: what it need not hold it gives back.
fn park(link: &mut Link, held: &mut Held) {
    if held.is_any() && held.rest().is_empty() {
        if link.wire.out.is_empty() {
            held.take().out = mem::take(&mut link.wire.out);
        }
        held.put_back();
    }
    link.refuse_upgrade();
    link.conn.shrink();
}

/// What a handler finds.
#[inline]
fn make_ready(link: &mut Link, buffers: &mut Buffers) {
    if link.wire.out.capacity() == 0 {
        link.wire.out = mem::take(&mut buffers.out);
    }
    if link.upgrade.is_some() {
        link.upgrade = None;
    }
    link.input_left = !buffers.rest().is_empty();
}

/// A request on its way through the handler, in a box, so that an idle connection does not carry the
/// room for it.
fn begin<'a, H: Handler>(
    link: &'a Mutex<Link>,
    handler: &'a H,
    gate: &'a Gate,
    buffers: &'a mut Buffers,
    arrival: Arrival,
    read_bytes: usize,
) -> Pin<Box<impl Future<Output = Result<(), HandlerError>> + Send + use<'a, H>>> {
    // Made where it stays: it is large, and `Box::pin` would move it there.
    Box::into_pin(Box::write(Box::new_uninit(), async move {
        let asked = Asked::new(link, buffers, arrival, read_bytes);
        let mut request = Request(request::Asked::H1(asked));
        let mut response = Response(Answering::H1(link));
        if gate.is_open() {
            // One future less.
            return handler.handle(&mut request, &mut response).await;
        }
        gate.handle(handler, &mut request, &mut response).await
    }))
}

/// Polls a handler and brings its exchange to an end. While it waits, output goes and deadlines and signals
/// are watched.
fn watched<F>(
    link: &Mutex<Link>,
    handling: Pin<Box<F>>,
    gate: &Gate,
) -> impl Future<Output = ()> + Send
where
    F: Future<Output = Result<(), HandlerError>> + Send,
{
    let mut handling = Some(handling);
    poll_fn(move |cx| {
        let Some(running) = &mut handling else { return Poll::Ready(()) };
        // Whoever panics is dropped, so nobody sees its state broken.
        let handled = match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx))) {
            Ok(Poll::Ready(result)) => Handled::Returned(result),
            Ok(Poll::Pending) => {
                if lock(link).poll_cut(cx).is_pending() {
                    return Poll::Pending;
                }
                // What it drops may panic, too.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(handling.take())));
                Handled::Cut
            }
            Err(_panic) => Handled::Panicked,
        };
        let link = &mut *lock(link);
        settle(link, handled, gate);
        link.look_before_end();
        Poll::Ready(())
    })
}
