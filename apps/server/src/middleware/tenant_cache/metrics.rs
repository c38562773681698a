//! What the cache tells about itself.
//!
//! Counting must never cost the hits: their counter is striped over threads, the others count what is slow anyway.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A snapshot. The counters are read one by one while requests go on, and only ever grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TenantCacheMetrics {
    /// Answered by a tenant in the cache.
    pub hits: u64,
    /// Answered by "there is none" in the cache.
    pub negative_hits: u64,
    /// Answered by neither: they waited for a load, their own or another's.
    pub misses: u64,
    /// How often the directory was asked.
    pub loads: u64,
    /// How often the directory gave no answer.
    pub load_failures: u64,
    /// Misses that another's load answered.
    pub coalesced: u64,
    /// Answered by what was known last, because the directory did not answer (in time).
    pub stale: u64,
    /// Refused, because the client asked for too many names that nobody has.
    pub refused: u64,
    /// Loads not made, because too many were under way.
    pub overloaded: u64,
    /// Names of tenants that had to leave because the cache was full.
    pub evictions: u64,
    /// Names of tenants in the cache, about.
    pub entries: u64,
    /// Unknown names in the cache, about.
    pub absent_entries: u64,
}

/// The counters, all monotonic.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: Striped,
    pub(super) negative_hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) loads: AtomicU64,
    pub(super) load_failures: AtomicU64,
    pub(super) stale: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) overloaded: AtomicU64,
    pub(super) evictions: AtomicU64,
}

impl Counters {
    pub(super) fn snapshot(&self) -> TenantCacheMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (misses, loads) = (read(&self.misses), read(&self.loads));
        TenantCacheMetrics {
            hits: self.hits.sum(),
            negative_hits: read(&self.negative_hits),
            misses,
            loads,
            load_failures: read(&self.load_failures),
            coalesced: misses.saturating_sub(loads),
            stale: read(&self.stale),
            refused: read(&self.refused),
            overloaded: read(&self.overloaded),
            evictions: read(&self.evictions),
            entries: 0,
            absent_entries: 0,
        }
    }
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

const STRIPES: usize = 16;

/// A counter in pieces, so that threads that count at once do not pass one cache line around.
#[derive(Debug, Default)]
pub(super) struct Striped([Stripe; STRIPES]);

/// Two cache lines, since neighbours are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

impl Striped {
    pub(super) fn count(&self) {
        thread_local!(static STRIPE: Cell<usize> = Cell::new(next_stripe()));
        if let Some(stripe) = self.0.get(STRIPE.get()) {
            count(&stripe.0);
        }
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

/// Threads take the stripes in turn.
fn next_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_count_is_lost_whatever_thread_it_comes_from() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..STRIPES + 3 {
                scope.spawn(|| (0..1_000).for_each(|_| counters.hits.count()));
            }
        });
        assert_eq!(counters.snapshot().hits, 19_000);
    }
}
