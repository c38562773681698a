//! The clock of a breaker: precise for decisions, coarse and cheap where a tick more or less does not matter.
//!
//! Times are monotonic nanoseconds since the breaker was created. The coarse clock lags behind the precise one by at
//! most a kernel tick (1 to 10 ms) and is never ahead of it, so it never causes anything too early.
//!
//! Which clock it is depends on this crate alone: tokio's, which a test may pause and move, with the feature
//! `test-util` of this crate, else the operating system's, whatever features tokio is built with.

/// The two clocks.
pub(super) trait Time {
    /// Now, to the nanosecond. One read costs as much as the rest of a closed call.
    fn precise(&self) -> u64;

    /// Now, at most one kernel tick behind.
    fn coarse(&self) -> u64;
}

#[cfg(not(all(target_os = "linux", not(any(test, feature = "test-util")))))]
pub(super) use instant::Instants as Source;
#[cfg(all(target_os = "linux", not(any(test, feature = "test-util"))))]
pub(super) use kernel::Kernel as Source;

/// The kernel's monotonic clocks; the precise one is that of `Instant`.
#[cfg(all(target_os = "linux", any(test, not(feature = "test-util"))))]
mod kernel {
    use super::Time;
    use rustix::time::{ClockId, clock_gettime};

    /// The clocks, and what the precise one showed when the breaker was created.
    #[derive(Debug)]
    pub(in super::super) struct Kernel(u64);

    impl Kernel {
        pub(in super::super) fn new() -> Self {
            Self(read(ClockId::Monotonic))
        }
    }

    impl Time for Kernel {
        #[inline]
        fn precise(&self) -> u64 {
            read(ClockId::Monotonic).saturating_sub(self.0)
        }

        #[inline]
        fn coarse(&self) -> u64 {
            read(ClockId::MonotonicCoarse).saturating_sub(self.0)
        }
    }

    /// Nanoseconds since boot: 2^64 of them are 584 years.
    #[inline]
    fn read(clock: ClockId) -> u64 {
        let time = clock_gettime(clock);
        time.tv_sec
            .cast_unsigned()
            .wrapping_mul(1_000_000_000)
            .wrapping_add(time.tv_nsec.cast_unsigned())
    }
}

/// One clock for both: in tests tokio's, elsewhere that of a system without a coarse clock.
#[cfg(not(all(target_os = "linux", not(any(test, feature = "test-util")))))]
mod instant {
    use super::Time;
    use crate::resilience::jitter::nanos;
    #[cfg(not(any(test, feature = "test-util")))]
    use std::time::Instant;
    #[cfg(any(test, feature = "test-util"))]
    use tokio::time::Instant;

    /// When the breaker was created.
    #[derive(Debug)]
    pub(in super::super) struct Instants(Instant);

    impl Instants {
        pub(in super::super) fn new() -> Self {
            Self(Instant::now())
        }
    }

    impl Time for Instants {
        #[inline]
        fn precise(&self) -> u64 {
            nanos(Instant::now().saturating_duration_since(self.0))
        }

        #[inline]
        fn coarse(&self) -> u64 {
            self.precise()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_is_followed_in_tests() {
        let source = Source::new();
        assert_eq!((source.precise(), source.coarse()), (0, 0));
        tokio::time::advance(Duration::from_nanos(7)).await;
        assert_eq!((source.precise(), source.coarse()), (7, 7));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_coarse_clock_lags_by_a_tick_at_most_and_is_never_ahead() {
        let source = kernel::Kernel::new();
        for _ in 0..10_000 {
            let (before, coarse, after) = (source.precise(), source.coarse(), source.precise());
            assert!(coarse <= after, "{coarse} is ahead of {after}");
            assert!(coarse + 20_000_000 >= before, "{coarse} lags behind {before}");
        }
    }
}
