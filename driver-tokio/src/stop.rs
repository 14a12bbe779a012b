//! The two ways to stop: drain lets what was begun come to its end, cancel does not.

use tokio_util::sync::CancellationToken;

/// Two signals for any number of connections and listeners. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    pub(crate) drain: CancellationToken,
    pub(crate) cancel: CancellationToken,
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
        self.drain.cancel();
    }

    /// Every connection ends where it is, with [`Outcome::Cancelled`](crate::Outcome::Cancelled).
    pub fn cancel(&self) {
        self.cancel.cancel();
        self.drain.cancel();
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
