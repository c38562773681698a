//! Requests that are answered with 503, in the log: the first ones each with a line of its own, then one for all of a
//! while. An outage must be seen there, and must not become one of the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How many are told one by one before they are only counted.
const SAVED_UP: u64 = 20;
/// How long it takes until one more may be told.
const REFILL_MS: u64 = 1_000;
/// How long to be silent after a line that tells of many.
const SILENCE: Duration = Duration::from_secs(10);

/// What was told of the requests that were turned away.
#[derive(Debug)]
pub struct Outage {
    start: Instant,
    /// When all that were told would be paid for, in milliseconds after `start`.
    paid: AtomicU64,
    untold: AtomicU64,
    /// When the next line of many may be written.
    next_line: AtomicU64,
}

impl Outage {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            paid: AtomicU64::new(0),
            untold: AtomicU64::new(0),
            next_line: AtomicU64::new(0),
        }
    }

    /// Whether this one may have its own line. If not it is counted, and told with the others.
    pub(super) fn tells_one(&self) -> bool {
        let now = self.now();
        let pay = |paid: u64| {
            let paid = paid.max(now) + REFILL_MS;
            (paid - now <= SAVED_UP * REFILL_MS).then_some(paid)
        };
        let told = self.paid.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay);
        if told.is_err() {
            self.untold.fetch_add(1, Ordering::Relaxed);
            if let Some(requests) = self.due(now) {
                tracing::warn!(
                    requests,
                    "requests are refused: the server or its database is away or full"
                );
            }
        }
        told.is_ok()
    }

    fn due(&self, now: u64) -> Option<u64> {
        let next = self.next_line.load(Ordering::Relaxed);
        let later = now + u64::try_from(SILENCE.as_millis()).unwrap_or(u64::MAX);
        if now < next {
            return None;
        }
        self.next_line
            .compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed)
            .ok()
            .map(|_| self.untold.swap(0, Ordering::Relaxed))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_are_told_one_by_one_and_then_one_a_second() {
        let outage = Outage::new();
        let told = |tries| (0..tries).filter(|_| outage.tells_one()).count();
        assert_eq!(told(1_000), 20);
        assert_eq!(
            outage.untold.load(Ordering::Relaxed),
            979,
            "the first of them was told"
        );
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(told(1_000), 9);
        assert_eq!(outage.untold.load(Ordering::Relaxed), 979 + 991);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((told(2), outage.untold.load(Ordering::Relaxed)), (1, 0));
    }
}
