//! Rate-limits log lines for 503 responses: 20 at once, then one per second, and a summary of the rest. An outage
//! must be visible in the log, and must never flood it.

use crate::limits::UnloggedCount;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// Lines that may be written at once; after that, responses are only counted.
const SAVED_UP: u64 = 20;
/// Time until one more line may be written.
const REFILL_MS: u64 = 1_000;
/// The seconds over which `Retry-After` is spread.
const SPREAD: u64 = 3;

/// The state of the rate limit, and of the spreading of `Retry-After`.
#[derive(Debug)]
pub(crate) struct UnavailableLog {
    start: Instant,
    /// When the allowance is full again, in milliseconds after `start`.
    paid: AtomicU64,
    unlogged: UnloggedCount,
    sent_away: AtomicU64,
}

impl UnavailableLog {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            paid: AtomicU64::new(0),
            unlogged: UnloggedCount::new(),
            sent_away: AtomicU64::new(0),
        }
    }

    /// `Retry-After` for a client that has to wait `seconds`: spread, so that not all clients return at the same
    /// moment.
    pub(super) fn spread(&self, seconds: u64) -> u64 {
        seconds.saturating_add(self.sent_away.fetch_add(1, Ordering::Relaxed) % SPREAD)
    }

    /// Whether this response may have its own line. If not, it is counted for the next summary.
    pub(super) fn may_log(&self) -> bool {
        let now = self.now();
        let pay = |paid: u64| {
            let paid = paid.max(now) + REFILL_MS;
            (paid - now <= SAVED_UP * REFILL_MS).then_some(paid)
        };
        let logged = self.paid.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay);
        if logged.is_err()
            && let Some(requests) = self.unlogged.add()
        {
            tracing::warn!(
                requests,
                "requests are refused: the server or its database is away or full"
            );
        }
        logged.is_ok()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn the_first_are_told_one_by_one_and_then_one_a_second() {
        let unavailable_log = UnavailableLog::new();
        let logged = |tries| (0..tries).filter(|_| unavailable_log.may_log()).count();
        assert_eq!(logged(1_000), 20);
        assert_eq!(
            unavailable_log.unlogged.count(),
            979,
            "the first of them was told"
        );
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(logged(1_000), 9);
        assert_eq!(unavailable_log.unlogged.count(), 979 + 991);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((logged(2), unavailable_log.unlogged.count()), (1, 0));
    }
}
