//! The two ways to stop: drain lets what was begun come to its end, cancel does not.

use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Two signals for any number of connections and listeners. Clones share them.
#[derive(Clone, Default)]
pub struct Stop(Arc<Inner>);

/// Connections ask before each request, read and write which signals have fired, so that is one load.
#[derive(Default)]
struct Inner {
    fired: AtomicU8,
    waiting: Mutex<Waiting>,
}

/// Whom the next signal wakes.
#[derive(Default)]
struct Waiting {
    wakers: Vec<Option<Waker>>,
    /// Places in it that are free.
    free: Vec<u32>,
}

impl Waiting {
    /// A place that is free.
    fn place(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            // There are never so many connections at a time.
            u32::try_from(self.wakers.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

/// Connections drain.
const RETIRE: u8 = 1;
/// No more are accepted.
const DRAIN: u8 = 2;
const CANCEL: u8 = 4;

impl Stop {
    /// Signals that have not fired.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No more connections are accepted, but those that wait to be are served; the upcoming answer on
    /// each says `close`, and the connection ends after it. Idle ones end now, those that have not said
    /// anything yet half a second later.
    pub fn drain(&self) {
        self.fire(RETIRE | DRAIN);
    }

    /// The first phase of a replacement: connections are still accepted, and each is told with its next
    /// answer that it ends (`Connection: close`), or at once where that can be (GOAWAY), so that nobody is
    /// refused, and no request that is on its way is lost, until those who send clients here have
    /// noticed. Idle connections of HTTP/1 wait for that request as long as ever. Then
    /// [`drain`](Self::drain).
    pub fn drain_connections(&self) {
        self.fire(RETIRE);
    }

    /// Every connection ends where it is, with [`Outcome::Cancelled`](crate::Outcome::Cancelled).
    pub fn cancel(&self) {
        self.fire(CANCEL | RETIRE | DRAIN);
    }

    /// Whether connections drain.
    #[must_use]
    #[inline]
    pub fn is_draining(&self) -> bool {
        self.has_fired(RETIRE)
    }

    /// Whether nothing is accepted any more.
    #[inline]
    pub(crate) fn is_leaving(&self) -> bool {
        self.has_fired(DRAIN)
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.has_fired(CANCEL)
    }

    fn fire(&self, signals: u8) {
        let before = self.0.fired.fetch_or(signals, Ordering::AcqRel);
        if before | signals != before {
            let wakers: Vec<Waker> =
                self.waiting().wakers.iter_mut().filter_map(Option::take).collect();
            // Without the lock: whoever is woken may look here at once.
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn has_fired(&self, signal: u8) -> bool {
        self.0.fired.load(Ordering::Acquire) & signal != 0
    }

    /// What a future comes to, unless connections are no more accepted before.
    pub(crate) async fn unless_drained<F: Future>(&self, future: F) -> Option<F::Output> {
        self.unless(DRAIN, future).await
    }

    /// What a future comes to, unless everything is cancelled before.
    #[cfg(feature = "tls")]
    pub(crate) async fn unless_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        self.unless(CANCEL, future).await
    }

    async fn unless<F: Future>(&self, signal: u8, future: F) -> Option<F::Output> {
        let mut watch = Watch::new(self);
        let mut future = pin!(future);
        poll_fn(|cx| {
            watch.arm(cx);
            if self.has_fired(signal) {
                return Poll::Ready(None);
            }
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop")
            .field("draining", &self.is_draining())
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// What wakes a task when a signal fires.
pub(crate) struct Watch {
    pub(crate) stop: Stop,
    /// Whom it wakes.
    armed: Option<Waker>,
    /// Its place among those who wait, once it was armed.
    place: u32,
    /// What had fired when it was armed.
    fired: u8,
}

impl Watch {
    pub(crate) fn new(stop: &Stop) -> Self {
        Self { stop: stop.clone(), armed: None, place: 0, fired: 0 }
    }

    /// Arms it; what has fired by then is to be asked behind it. Whether it was armed already.
    #[inline]
    pub(crate) fn arm(&mut self, cx: &Context<'_>) -> bool {
        let fired = self.stop.0.fired.load(Ordering::Acquire);
        // Arming takes a lock that all connections share, so it is not done for every request.
        let armed = self.armed.as_ref().is_some_and(|armed| armed.will_wake(cx.waker()));
        if armed && self.fired == fired {
            return true;
        }
        self.fired = fired;
        self.arm_anew(cx);
        false
    }

    #[cold]
    fn arm_anew(&mut self, cx: &Context<'_>) {
        let waker = cx.waker().clone();
        let waiting = &mut *self.stop.waiting();
        if self.armed.is_none() {
            self.place = waiting.place();
        }
        if let Some(place) = waiting.wakers.get_mut(self.place as usize) {
            *place = Some(waker.clone());
        }
        self.armed = Some(waker);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.armed.take().is_none() {
            return;
        }
        let mut waiting = self.stop.waiting();
        let waker = waiting.wakers.get_mut(self.place as usize).and_then(mem::take);
        waiting.free.push(self.place);
        drop(waiting);
        // Without the lock: it may be the last of its task.
        drop(waker);
    }
}
