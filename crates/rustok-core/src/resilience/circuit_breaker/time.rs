//! What time it is: precisely where something is decided, cheaply where a call only passes.
//!
//! Time is nanoseconds since the breaker was made, on one monotonic line. The cheap clock lags behind the precise one
//! by at most a tick of the kernel (1 to 10 ms) and is never ahead of it, so nothing happens too early by it.

use crate::resilience::jitter::nanos;
use tokio::time::Instant;

/// The two clocks.
pub(super) trait Time {
    /// Now, to the nanosecond. A read costs more than all the rest of a closed call.
    fn precise(&self) -> u64;

    /// Now, or a tick ago.
    fn coarse(&self) -> u64;
}

/// Where the time comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// tokio's clock, which a test may pause and move. Both clocks are precise.
    Tokio(Instant),
    /// The kernel's monotonic clocks; what `Instant` reads is the precise one of them.
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

    /// The kernel's clocks. Where there is no cheap one, tokio's, which is then the same as `Instant`.
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
/// Only then does `tokio::time::pause` exist. A glob import inside a block hides the item of the same name around the
/// block, so `pause` means tokio's function if there is one (a function item has no size), else the constant here.
const CLOCK_CAN_BE_PAUSED: bool = {
    use tokio::time::*;
    // So that the import is used in any case.
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
