//! The age at which a connection is retired: a little earlier than it may be, and not all that began
//! together at once.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;

/// By so much earlier at most, as a part of the age.
const SPREAD: u32 = 10;

/// The age of a connection that began at `epoch`, the same whenever it is asked for: up to a tenth less than
/// `age_max`.
pub(crate) fn of(epoch: Instant, age_max: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    epoch.hash(&mut hasher);
    let part = hasher.finish() >> 32;
    let spread = age_max / SPREAD;
    age_max - spread.mul_f64(part as f64 / f64::from(u32::MAX)).min(spread)
}

/// Whether a connection that began at `epoch` is to be retired at this age.
pub(crate) fn is_over(epoch: Instant, age: Duration, age_max: Option<Duration>) -> bool {
    // Hardly any is old enough for the rest to matter.
    age_max.is_some_and(|max| age >= max - max / SPREAD && age >= of(epoch, max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_began_together_do_not_end_together() {
        let (start, max) = (Instant::now(), Duration::from_secs(100));
        let epochs = (0..1000).map(|number| start + Duration::from_micros(number));
        let ages: Vec<_> = epochs.map(|epoch| (epoch, of(epoch, max).as_millis())).collect();
        assert!(ages.iter().all(|(_, age)| (90_000..=100_000).contains(age)), "{ages:?}");
        for tenth in 90..100 {
            let range = tenth * 1000..(tenth + 1) * 1000;
            let count = ages.iter().filter(|(_, age)| range.contains(age)).count();
            assert!((50..200).contains(&count), "{count} of 1000 in a tenth of the spread");
        }
        for (epoch, age) in ages {
            let age = Duration::from_millis(u64::try_from(age).unwrap());
            let moment = Duration::from_millis(1);
            assert!(!is_over(epoch, age - moment, Some(max)));
            assert!(is_over(epoch, age + moment, Some(max)));
        }
    }

    #[test]
    fn an_age_may_be_none_or_of_any_length() {
        let now = Instant::now();
        assert!(!is_over(now, Duration::MAX, None));
        assert!(is_over(now, Duration::ZERO, Some(Duration::ZERO)));
        assert!(!is_over(now, Duration::from_secs(1 << 40), Some(Duration::MAX)));
    }
}
