//! Random jitter for waiting times, so that many callers do not retry at the same moment.
//!
//! Not for secrets: a seeded source is predictable, as tests require.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A shared random source; clones draw from the same sequence.
#[derive(Debug, Clone)]
pub struct JitterSource(Arc<Mutex<StdRng>>);

impl JitterSource {
    /// Seeded by the operating system.
    #[must_use]
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// The same sequence for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// A random duration from `low` to `high`, both inclusive, in whole nanoseconds; `low` if they are reversed.
    /// Durations above 2^64 ns (584 years) are capped there.
    #[must_use]
    pub fn between(&self, low: Duration, high: Duration) -> Duration {
        let (low, high) = (nanos(low), nanos(high));
        if low >= high {
            return Duration::from_nanos(low);
        }
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_nanos(rng.random_range(low..=high))
    }
}

/// Whole nanoseconds, at most 2^64 - 1 (584 years).
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence_inside_the_bounds() {
        let (a, b) = (JitterSource::seeded(7), JitterSource::seeded(7));
        let (low, high) = (Duration::from_millis(5), Duration::from_millis(9));
        let mut distinct = 0;
        for _ in 0..100 {
            let drawn = a.between(low, high);
            assert_eq!(drawn, b.between(low, high));
            assert!((low..=high).contains(&drawn));
            distinct += usize::from(drawn != low);
        }
        assert!(distinct > 90);
    }

    #[test]
    fn degenerate_bounds_do_not_panic() {
        let source = JitterSource::seeded(1);
        assert_eq!(source.between(Duration::ZERO, Duration::ZERO), Duration::ZERO);
        assert_eq!(
            source.between(Duration::from_secs(2), Duration::from_secs(1)),
            Duration::from_secs(2)
        );
        let _ = source.between(Duration::ZERO, Duration::MAX);
    }
}
