//! Refusals are counted, and told in one line for all of a while: a flood of requests must not be a flood of the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How long to be silent after a line.
const SILENCE: Duration = Duration::from_secs(10);

/// What was counted and not told yet.
#[derive(Debug)]
pub(crate) struct Untold {
    start: Instant,
    count: AtomicU64,
    /// When the next line may be written, in milliseconds after `start`.
    next_line: AtomicU64,
}

/// How often one limit has refused.
#[derive(Debug)]
pub(super) struct Refusals {
    limit: &'static str,
    untold: Untold,
    total: AtomicU64,
}

impl Refusals {
    pub(super) fn of(limit: &'static str) -> Self {
        Self {
            limit,
            untold: Untold::new(),
            total: AtomicU64::new(0),
        }
    }

    /// Counts one, and writes a line if it is time for one.
    pub(super) fn count(&self) {
        self.total.fetch_add(1, Ordering::Relaxed);
        if let Some(refused) = self.untold.add() {
            tracing::warn!(limit = self.limit, refused, "requests over a limit are refused");
        }
    }

    /// How many there were in all.
    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

impl Untold {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            count: AtomicU64::new(0),
            next_line: AtomicU64::new(0),
        }
    }

    /// Counts one. How many there are to tell of, if it is time; only one caller is told so.
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
impl Untold {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_while_is_one_line() {
        let untold = Untold::new();
        let mut told = Vec::new();
        for _ in 0..25 {
            told.extend(untold.add());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(told, [1, 10, 10]);
    }
}
