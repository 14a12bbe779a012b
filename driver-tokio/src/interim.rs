//! Interim responses of a tower service over HTTP/1, on their way to the task of its connection, and who waits
//! for its transport.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use http::{HeaderMap, StatusCode};

use crate::convert::Fields;
use crate::error::Gone;
use crate::response::Response;
use crate::upgrade::{OnUpgrade, Promise};

/// What a connection and the requests that it gave away have in common. An exchange with nothing in it takes no
/// lock, unless its service waits: then it leaves its waker here.
#[derive(Default)]
pub(crate) struct InterimQueue {
    /// The number of the exchange that is answered now.
    exchange: AtomicU64,
    /// Something may be in the queue. Whoever puts it there says so before it looks at the number of the
    /// exchange, and the connection goes on to the next number before it looks here: so one of them sees the
    /// other, and nothing comes into the next exchange.
    used: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(StatusCode, HeaderMap)>,
    /// Who waits for the transport.
    upgrade: Option<Promise>,
    waker: Option<Waker>,
}

/// Interim responses that wait at most; more are left out.
const WAITING_MAX: usize = 16;

/// The connection's end of the queue: without it nobody gets the transport.
#[derive(Default)]
pub(crate) struct Interims(Arc<InterimQueue>);

impl Interims {
    pub(crate) fn queue(&self) -> Arc<InterimQueue> {
        Arc::clone(&self.0)
    }

    /// Nothing more is to be had of the exchange: who waits for the transport.
    pub(crate) fn end(&self) -> Option<Promise> {
        self.0.end()
    }
}

impl Drop for Interims {
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl InterimQueue {
    pub(crate) fn begin(&self) -> u64 {
        self.next().0
    }

    fn end(&self) -> Option<Promise> {
        self.next().1
    }

    /// The number of the next exchange, and who waits for the transport of the one before.
    #[inline]
    fn next(&self) -> (u64, Option<Promise>) {
        let exchange = self.exchange.fetch_add(1, SeqCst) + 1;
        (exchange, self.used.load(SeqCst).then(|| self.clear()).flatten())
    }

    /// Empties it. What was in it is dropped without the lock: that, and whom the promise wakes, may ask here.
    #[cold]
    fn clear(&self) -> Option<Promise> {
        let mut queue = self.lock();
        self.used.store(false, SeqCst);
        let waiting = mem::take(&mut queue.waiting);
        let promise = queue.upgrade.take();
        drop(queue);
        drop(waiting);
        promise
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue, if this is still the exchange: whoever comes late has no request any more.
    fn within(&self, exchange: u64) -> Option<MutexGuard<'_, Queue>> {
        let queue = self.lock();
        self.used.store(true, SeqCst);
        (self.exchange.load(SeqCst) == exchange).then_some(queue)
    }

    pub(crate) fn ask(&self, exchange: u64) -> OnUpgrade {
        match self.within(exchange) {
            Some(mut queue) if queue.upgrade.is_none() => {
                let (promise, on_upgrade) = OnUpgrade::new();
                queue.upgrade = Some(promise);
                on_upgrade
            }
            _ => OnUpgrade::refused(Gone::NotUpgraded),
        }
    }

    pub(crate) fn push(&self, exchange: u64, status: StatusCode, fields: HeaderMap) {
        let Some(mut queue) = self.within(exchange) else { return };
        if queue.waiting.len() < WAITING_MAX {
            queue.waiting.push((status, fields));
            let waker = queue.waker.take();
            drop(queue);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Sends what waits; wakes this task for more if the service is still at work.
    #[inline]
    pub(crate) fn send(&self, cx: &Context<'_>, more: bool, response: &mut Response<'_>) {
        if more || self.used.load(SeqCst) {
            self.send_waiting(cx, more, response);
        }
    }

    fn send_waiting(&self, cx: &Context<'_>, more: bool, response: &mut Response<'_>) {
        let waiting = {
            let mut queue = self.lock();
            if more && !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                queue.waker = Some(cx.waker().clone());
            }
            if queue.waiting.is_empty() {
                return;
            }
            mem::take(&mut queue.waiting)
        };
        for (status, fields) in waiting {
            let fields = Fields { map: &fields, length: false, h2: false };
            if let Err(error) = response.send_informational(status.as_u16(), fields) {
                tracing::debug!(%error, %status, "an interim response was left out");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says that it is over, also when a check failed.
    struct Over<'a>(&'a AtomicBool);

    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }

    #[test]
    fn what_comes_late_does_not_come_into_the_next_exchange() {
        let queue = InterimQueue::default();
        let (current, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let mut came = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    let exchange = current.load(SeqCst);
                    let fields = HeaderMap::from_iter([(http::header::AGE, exchange.into())]);
                    queue.push(exchange, StatusCode::EARLY_HINTS, fields);
                    // It is refused or, later, given up.
                    drop(queue.ask(exchange));
                }
            });
            let _over = Over(&over);
            for _ in 0..20_000 {
                let exchange = queue.begin();
                // Nobody knows this one yet.
                let new = queue.lock();
                assert!(new.waiting.is_empty() && new.upgrade.is_none());
                drop(new);
                current.store(exchange, SeqCst);
                for _ in 0..10 {
                    let waiting = mem::take(&mut queue.lock().waiting);
                    came += waiting.len();
                    for (_, fields) in waiting {
                        assert_eq!(fields[http::header::AGE], exchange.to_string());
                    }
                }
            }
        });
        assert!(came > 0);
    }
}
