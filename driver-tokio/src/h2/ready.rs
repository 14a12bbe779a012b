//! What wakes a connection's task, and which of its streams' tasks are to be polled then.
//!
//! Each stream's task has a waker of its own, so that a body wakes its own stream and nothing polls
//! all. While the connection's task runs, nobody needs to wake it: it looks again before it sleeps.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// See the module.
#[derive(Default)]
pub(crate) struct Ready(Mutex<State>);

#[derive(Default)]
struct State {
    /// Tasks that were woken.
    woken: VecDeque<u32>,
    /// The connection's task runs, and looks again before it sleeps.
    awake: bool,
    /// Something changed since it looked last.
    changed: bool,
    waker: Option<Waker>,
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection's task runs; later it is woken by this waker.
    pub(crate) fn begin(&self, waker: &Waker) {
        let mut state = self.lock();
        state.awake = true;
        match &mut state.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Tasks that were woken.
    pub(crate) fn count(&self) -> usize {
        self.lock().woken.len()
    }

    /// The next task that was woken.
    pub(crate) fn next(&self) -> Option<u32> {
        self.lock().woken.pop_front()
    }

    /// All that changed up to here is about to be looked at.
    pub(crate) fn look(&self) {
        self.lock().changed = false;
    }

    /// The connection's task wants to sleep. `false`: there is something to do.
    pub(crate) fn sleep(&self) -> bool {
        let mut state = self.lock();
        state.awake = state.changed || !state.woken.is_empty();
        !state.awake
    }

    /// There is output, or something else for the connection's task.
    pub(crate) fn notify(&self) {
        let mut state = self.lock();
        state.changed = true;
        wake(state);
    }

    fn push(&self, index: u32) {
        let mut state = self.lock();
        state.woken.push_back(index);
        wake(state);
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    if !state.awake {
        // Once is enough until it has slept again.
        state.awake = true;
        let waker = state.waker.clone();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The waker of one task of a connection.
pub(crate) struct TaskWaker {
    ready: Arc<Ready>,
    index: u32,
    queued: AtomicBool,
}

impl TaskWaker {
    pub(crate) fn new(ready: &Arc<Ready>, index: u32) -> Arc<Self> {
        Arc::new(Self { ready: Arc::clone(ready), index, queued: AtomicBool::new(false) })
    }

    /// The task is about to be polled: from now on it can be woken again.
    pub(crate) fn polled(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.push(self.index);
        }
    }
}
