//! The age at which a connection is retired: a little earlier than it may be, and not all that began
//! together at once.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

/// By so much earlier at most, as a part of the age.
const SPREAD: u32 = 10;

/// Other ages for the same seeds in every process.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The age of the connection that has this seed, the same whenever it is asked for: up to a tenth less than
/// `max`.
pub(crate) fn of(seed: impl Hash, max: Duration) -> Duration {
    let part = KEY.hash_one(seed) >> 32;
    let spread = max / SPREAD;
    max - spread.mul_f64(part as f64 / f64::from(u32::MAX)).min(spread)
}

/// Whether a connection may have to be retired at this age: then [`of`] says so.
#[inline]
pub(crate) fn may_be_over(age: Duration, max: Duration) -> bool {
    age >= max - max / SPREAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_began_together_do_not_end_together() {
        let max = Duration::from_secs(100);
        let ages: Vec<_> = (0..1000_usize).map(|seed| of(seed, max)).collect();
        for tenth in 90..100 {
            let range = Duration::from_secs(tenth)..=Duration::from_secs(tenth + 1);
            let count = ages.iter().filter(|age| range.contains(age)).count();
            assert!((50..200).contains(&count), "{count} of 1000 in a tenth of the spread");
        }
        assert!(ages.iter().all(|age| may_be_over(*age, max) && *age <= max));
        assert!((0..1000).all(|seed| of(seed, max) == ages[seed]));
        assert!(!may_be_over(Duration::from_secs(89), max));
    }

    #[test]
    fn an_age_may_be_of_any_length() {
        for max in
            [Duration::ZERO, Duration::from_nanos(1), Duration::from_nanos(11), Duration::MAX]
        {
            assert!(of(1, max) <= max && may_be_over(of(1, max), max), "{max:?}");
        }
        assert!(may_be_over(Duration::ZERO, Duration::ZERO));
        assert!(!may_be_over(Duration::from_secs(1 << 40), Duration::MAX));
    }
}
