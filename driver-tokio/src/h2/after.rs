//! What is to be done once the lock of a connection is free again: wakers are not woken, and not
//! dropped, under it, because either may run code that wants the lock.

use std::task::Waker;

use super::tunnel::Settled;

/// See the module.
#[derive(Default)]
pub(crate) struct After {
    /// There is something in it beside `notify`.
    is_due: bool,
    /// There is output, or something else for the connection's task.
    notify: bool,
    /// Nearly always there is one at most.
    first: Option<Waker>,
    more: Vec<Due>,
}

impl After {
    pub(crate) fn notify(&mut self) {
        self.notify = true;
    }

    /// Whether the connection's task is to be told, which is up to the caller then.
    pub(crate) fn notifies(&mut self) -> bool {
        std::mem::take(&mut self.notify)
    }

    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.is_due = true;
            match &self.first {
                None => self.first = Some(waker),
                Some(_) => self.more.push(Due::Wake(waker)),
            }
        }
    }

    /// Nobody waits there any more.
    pub(crate) fn discard(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.is_due = true;
            self.more.push(Due::Drop(waker));
        }
    }

    /// What somebody waits for is there, or will not be.
    pub(crate) fn promise(&mut self, settled: Settled) {
        self.is_due = true;
        self.more.push(Due::Tell(settled));
    }

    /// What is due, if anything is.
    pub(crate) fn take(&mut self) -> Option<Self> {
        self.is_due.then(|| std::mem::take(self))
    }

    /// Not under the lock.
    pub(crate) fn run(self) {
        self.first.into_iter().for_each(Waker::wake);
        for due in self.more {
            match due {
                Due::Wake(waker) => waker.wake(),
                Due::Drop(waker) => drop(waker),
                Due::Tell(settled) => settled.tell(),
            }
        }
    }
}

enum Due {
    Wake(Waker),
    /// Nobody waits there any more.
    Drop(Waker),
    /// Somebody waits for a tunnel.
    Tell(Settled),
}
