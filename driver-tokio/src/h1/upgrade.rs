//! Who waits for the transport of a connection of HTTP/1.1.

use super::exchange::Asked;
use super::link::{Link, lock};
use crate::error::Gone;
use crate::outcome::Outcome;
use crate::upgrade::{OnUpgrade, Promise, Upgraded};
use crate::wire::Wire;

impl Asked<'_> {
    /// The first who asks for a request's transport gets it.
    pub(crate) fn on_upgrade(&self) -> OnUpgrade {
        let link = &mut *lock(self.link());
        if link.upgrade.is_some() {
            return OnUpgrade::refused(Gone::NotUpgraded);
        }
        let (promise, on_upgrade) = OnUpgrade::new();
        link.upgrade = Some(Box::new(promise));
        on_upgrade
    }
}

impl Link {
    /// Whoever waits for the transport.
    pub(crate) fn take_promise(&mut self) -> Option<Promise> {
        #[cfg(feature = "tower")]
        if let Some(promise) = self.interim.as_ref().and_then(|queue| queue.end()) {
            return Some(promise);
        }
        self.upgrade.take().map(|promise| *promise)
    }

    /// If the exchange before is over, it changed nothing: who waits is told.
    #[inline]
    pub(crate) fn refuse_upgrade(&mut self) {
        if self.may_be_waited_for() && self.conn.is_idle() {
            drop(self.take_promise());
        }
    }

    #[inline]
    fn may_be_waited_for(&self) -> bool {
        #[cfg(feature = "tower")]
        if self.interim.is_some() {
            return true;
        }
        self.upgrade.is_some()
    }
}

/// Gives the transport to whoever waits for it; what nobody waits for comes back.
pub(crate) fn hand_over(
    wire: Wire,
    outcome: &Outcome,
    input: Vec<u8>,
    promise: Option<Promise>,
) -> Option<Upgraded> {
    match (outcome, promise) {
        (Outcome::Upgraded, Some(promise)) => promise.keep(Upgraded::new(wire.into_io(), input)),
        (Outcome::Upgraded, None) => Some(Upgraded::new(wire.into_io(), input)),
        // The answer came to its end, so it was another one.
        (Outcome::Closed, _) | (_, None) => None,
        (_, Some(promise)) => {
            promise.refuse(Gone::Closed);
            None
        }
    }
}
