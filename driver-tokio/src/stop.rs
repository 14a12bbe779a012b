//! The two ways to stop: drain lets what was begun come to its end, cancel does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Two signals for any number of connections and listeners. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Connections drain.
    retire: Signal,
    /// No more are accepted.
    drain: Signal,
    cancel: Signal,
}

/// A token that also tells without a lock whether it fired: connections ask before each request,
/// read and write.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signal {
    token: CancellationToken,
    fired: Arc<AtomicBool>,
}

impl Signal {
    fn fire(&self) {
        self.fired.store(true, Ordering::Release);
        self.token.cancel();
    }

    #[inline]
    pub(crate) fn has_fired(&self) -> bool {
        self.fired.load(Ordering::Acquire)
    }

    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }
}

impl Stop {
    /// Signals that have not fired.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No more connections are accepted; the upcoming answer on each says `close`, and the
    /// connection ends after it. Idle ones end now.
    pub fn drain(&self) {
        self.retire.fire();
        self.drain.fire();
    }

    /// As [`drain`](Self::drain), but connections are still accepted: each is told with its first
    /// answer that it ends (`Connection: close`, GOAWAY), so that nobody is refused until those who
    /// send clients here have noticed. Then `drain`.
    pub fn drain_connections(&self) {
        self.retire.fire();
    }

    /// Every connection ends where it is, with [`Outcome::Cancelled`](crate::Outcome::Cancelled).
    pub fn cancel(&self) {
        self.cancel.fire();
        self.retire.fire();
        self.drain.fire();
    }

    /// Whether connections drain.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.retire.has_fired()
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.has_fired()
    }

    /// An idle connection has to know.
    pub(crate) fn retire_signal(&self) -> &Signal {
        &self.retire
    }

    pub(crate) fn drain_signal(&self) -> &Signal {
        &self.drain
    }

    pub(crate) fn cancel_signal(&self) -> &Signal {
        &self.cancel
    }
}
