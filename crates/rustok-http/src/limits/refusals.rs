//! Counts refusals, and logs a summary line for each interval: a flood of requests must never become a flood of log
//! lines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Minimum time between two lines.
const SILENCE: Duration = Duration::from_secs(10);

/// The events counted since the last line.
#[derive(Debug)]
pub(crate) struct UnloggedCount {
    start: Instant,
    count: AtomicU64,
    /// When the next line may be written, in milliseconds after `start`.
    next_line: AtomicU64,
}

/// The refusals of one limit.
#[derive(Debug)]
pub(super) struct Refusals {
    limit: &'static str,
    unlogged: UnloggedCount,
    total: AtomicU64,
}

impl Refusals {
    pub(super) fn of(limit: &'static str) -> Self {
        Self {
            limit,
            unlogged: UnloggedCount::new(),
            total: AtomicU64::new(0),
        }
    }

    /// Counts a refusal, and logs a line if one is due.
    pub(super) fn count(&self) {
        self.total.fetch_add(1, Ordering::Relaxed);
        if let Some(refused) = self.unlogged.add() {
            tracing::warn!(limit = self.limit, refused, "requests over a limit are refused");
        }
    }

    /// Number of refusals so far.
    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

impl UnloggedCount {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            count: AtomicU64::new(0),
            next_line: AtomicU64::new(0),
        }
    }

    /// Counts one event. If a line is due, returns the number of events to report; only one caller gets it.
    pub(crate) fn add(&self) -> Option<u64> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let now = self.start.elapsed();
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let next = self.next_line.load(Ordering::Relaxed);
        if millis(now) < next {
            return None;
        }
        self.next_line
            .compare_exchange(next, millis(now + SILENCE), Ordering::Relaxed, Ordering::Relaxed)
            .ok()
            .map(|_| self.count.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
impl UnloggedCount {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_while_is_one_line() {
        let unlogged = UnloggedCount::new();
        let mut reported = Vec::new();
        for _ in 0..25 {
            reported.extend(unlogged.add());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(reported, [1, 10, 10]);
    }
}
