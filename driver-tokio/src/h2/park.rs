//! A connection that has nothing to do gives back what it need not hold: its buffers at once, the rest when it
//! has been idle for some time.
//!
//! What a request needs it leaves to the others of its thread at once, until it turns out to be busy: many
//! connections are idle after their first request, and what each would free later would be holes between what
//! the others hold.

use std::future::Future;
use std::mem;
use std::task::Context;
use std::time::Duration;

use super::Driver;
use super::asked::Arrival;
use super::handle::Handle;
use super::shared::State;
use crate::error::HandlerError;
use crate::scratch;

/// Time after which an idle connection gives its memory back.
const PARKED_AFTER: Duration = Duration::from_secs(1);

/// What a connection holds while it has nothing to do.
#[derive(Default)]
pub(crate) struct Resting {
    idle: Idle,
    /// It had requests, and left the memory that they took to others.
    left: bool,
    /// It had more of them before it was parked: it keeps that memory.
    busy: bool,
}

/// Whether the connection has nothing to do.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Idle {
    #[default]
    No,
    /// Since then; what it holds is held for the next request.
    Since(Duration),
    /// For longer: what it need not hold is given back.
    Parked,
}

impl Resting {
    pub(crate) fn input_came(&mut self) {
        self.idle = Idle::No;
    }

    pub(crate) fn request_came(&mut self) {
        self.busy |= self.left;
    }
}

impl<A, F> Driver<A, F>
where
    A: Fn(Handle, Arrival) -> F,
    F: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    /// The connection waits.
    pub(crate) fn park(&mut self, cx: &mut Context<'_>) {
        let Some(mut buffers) = self.buffers.take_if(|buffers| buffers.rest().is_empty()) else {
            return;
        };
        if self.wire.out.is_empty() && self.shared.with(|state| state.is_idle()) {
            let now = self.wire.elapsed();
            let resting = &mut self.resting;
            if resting.idle == Idle::No {
                resting.idle = Idle::Since(now);
            }
            self.shared.with(|state| {
                buffers.out = mem::take(&mut state.out);
                if !resting.busy {
                    state.exchanges.leave_to(&mut buffers.exchanges);
                }
            });
            if !resting.busy {
                resting.left |= self.tasks.leave();
            }
            self.wire.out = Vec::new();
            if let Idle::Since(since) = resting.idle
                && self.wire.poll_timer(cx, now, since + PARKED_AFTER).is_ready()
            {
                *resting = Resting { idle: Idle::Parked, ..Resting::default() };
                self.shared.with(State::shrink);
                self.tasks.shrink();
                // Once more, so that the timer is armed for the machine again.
                cx.waker().wake_by_ref();
            }
        }
        scratch::put_back(buffers);
    }
}
