//! The clock of a breaker: precise for decisions, coarse and cheap for calls on the closed path.
//!
//! Times are monotonic nanoseconds since the breaker was created. The coarse clock lags behind the precise one by at
//! most a kernel tick (1 to 10 ms) and is never ahead of it, so it never causes anything too early.

use crate::resilience::jitter::nanos;
use tokio::time::Instant;

/// The two clocks.
pub(super) trait Time {
    /// Now, to the nanosecond. One read costs more than the rest of a closed call.
    fn precise(&self) -> u64;

    /// Now, at most one kernel tick behind.
    fn coarse(&self) -> u64;
}

/// The source of the time.
#[derive(Debug)]
pub(super) enum Source {
    /// tokio's clock, which a test may pause and advance. Both clocks are precise.
    Tokio(Instant),
    /// The kernel's monotonic clocks; the precise one is that of `Instant`.
    #[cfg(target_os = "linux")]
    Kernel(u64),
}

impl Source {
    /// tokio's clock where it can be paused, that is in tests; else the kernel's.
    pub(super) fn new() -> Self {
        if CLOCK_CAN_BE_PAUSED {
            Self::Tokio(Instant::now())
        } else {
            Self::kernel()
        }
    }

    /// The kernel's clocks. On systems without a coarse clock, tokio's, which then equals `Instant`.
    pub(super) fn kernel() -> Self {
        #[cfg(target_os = "linux")]
        let source = Self::Kernel(kernel::precise());
        #[cfg(not(target_os = "linux"))]
        let source = Self::Tokio(Instant::now());
        source
    }
}

impl Time for Source {
    #[inline]
    fn precise(&self) -> u64 {
        match self {
            Self::Tokio(base) => nanos(Instant::now().saturating_duration_since(*base)),
            #[cfg(target_os = "linux")]
            Self::Kernel(base) => kernel::precise().saturating_sub(*base),
        }
    }

    #[inline]
    fn coarse(&self) -> u64 {
        match self {
            Self::Tokio(_) => self.precise(),
            #[cfg(target_os = "linux")]
            Self::Kernel(base) => kernel::coarse().saturating_sub(*base),
        }
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use rustix::time::{ClockId, clock_gettime};

    #[inline]
    pub(super) fn precise() -> u64 {
        read(ClockId::Monotonic)
    }

    #[inline]
    pub(super) fn coarse() -> u64 {
        read(ClockId::MonotonicCoarse)
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

/// Whether tokio is built with its feature `test-util`.
///
/// Only then does `tokio::time::pause` exist. A glob import inside a block shadows the item of the same name outside
/// it, so `pause` is tokio's function if it exists (a function item has size zero), else the constant here.
const CLOCK_CAN_BE_PAUSED: bool = {
    use tokio::time::*;
    // Keeps the import used in both cases.
    let _: Option<Sleep> = None;
    size_of_val(&pause) != size_of_val(&self::pause)
};

#[expect(non_upper_case_globals, reason = "it stands in for a function of that name")]
const pause: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_is_followed() {
        let source = Source::new();
        assert_eq!((source.precise(), source.coarse()), (0, 0));
        tokio::time::advance(Duration::from_nanos(7)).await;
        assert_eq!((source.precise(), source.coarse()), (7, 7));
    }

    #[test]
    fn the_coarse_clock_lags_by_a_tick_at_most_and_is_never_ahead() {
        let source = Source::kernel();
        for _ in 0..10_000 {
            let (before, coarse, after) = (source.precise(), source.coarse(), source.precise());
            assert!(coarse <= after, "{coarse} is ahead of {after}");
            assert!(coarse + 20_000_000 >= before, "{coarse} lags behind {before}");
        }
    }
}
