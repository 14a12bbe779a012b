//! Times in eight octets, because every idle connection keeps some.

use std::num::NonZeroU64;
use std::time::Duration;

/// A time since a connection's epoch, to the nanosecond, for 584 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroU64);

impl From<Duration> for Moment {
    #[inline]
    fn from(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs().saturating_mul(1_000_000_000);
        let nanoseconds = seconds.saturating_add(since_epoch.subsec_nanos().into());
        // The epoch itself is told from no time at all.
        Self(NonZeroU64::new(nanoseconds).unwrap_or(NonZeroU64::MIN))
    }
}

impl From<Moment> for Duration {
    fn from(moment: Moment) -> Self {
        Self::from_nanos(moment.0.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_were_and_are_not_larger_when_there_may_be_none() {
        for time in [Duration::from_nanos(1), Duration::from_secs(3) + Duration::from_nanos(5)] {
            assert_eq!(Duration::from(Moment::from(time)), time);
        }
        assert!(Moment::from(Duration::ZERO) <= Moment::from(Duration::from_nanos(1)));
        assert!(Moment::from(Duration::MAX) > Moment::from(Duration::from_secs(1 << 34)));
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }
}
