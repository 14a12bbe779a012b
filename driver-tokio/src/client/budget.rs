//! How much may be sent again, so that a server in trouble does not get more requests for it.

use std::sync::{Mutex, PoisonError};

/// Requests whose share can be saved up.
const SAVED_MAX: u64 = 100;

/// See the module.
pub(crate) struct Budget {
    /// In hundredths of a retry.
    balance: Mutex<u64>,
    percent: u64,
    max: u64,
}

impl Budget {
    pub(crate) fn new(percent: u32, reserve: u32) -> Self {
        let (percent, reserve) = (u64::from(percent), u64::from(reserve) * 100);
        Self { balance: Mutex::new(reserve), percent, max: reserve + percent * SAVED_MAX }
    }

    /// A request is sent for the first time.
    pub(crate) fn earn(&self) {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        *balance = (*balance + self.percent).min(self.max);
    }

    /// Whether one may be sent again.
    pub(crate) fn spend(&self) -> bool {
        let mut balance = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = balance.checked_sub(100);
        *balance = rest.unwrap_or(*balance);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn retries_are_a_share_of_the_requests_and_a_reserve() {
        let budget = Budget::new(20, 2);
        assert!(budget.spend() && budget.spend() && !budget.spend());
        (0..5).for_each(|_| budget.earn());
        assert!(budget.spend() && !budget.spend());
        (0..100_000).for_each(|_| budget.earn());
        assert_eq!((0..1000).filter(|_| budget.spend()).count(), 22);
    }
}
