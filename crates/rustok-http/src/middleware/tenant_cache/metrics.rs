//! Metrics of the tenant cache.
//!
//! Counting must never slow down hits: their counter is striped over threads; the other counters count operations
//! that are slow anyway.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A snapshot. The counters are read one by one while requests go on, and only ever grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TenantCacheMetrics {
    /// Requests answered by a cached tenant.
    pub hits: u64,
    /// Requests answered by a cached "not found".
    pub negative_hits: u64,
    /// Requests answered by neither: they waited for a load, their own or another request's.
    pub misses: u64,
    /// Loads from the directory.
    pub loads: u64,
    /// Loads that failed.
    pub load_failures: u64,
    /// Misses answered by another request's load.
    pub coalesced: u64,
    /// Requests answered by a stale tenant, because the directory did not respond (in time).
    pub stale: u64,
    /// Requests refused, because the client requested too many unknown identifiers.
    pub refused: u64,
    /// Loads refused, because too many were running and queued.
    pub overloaded: u64,
    /// Identifiers of tenants evicted because the cache was full.
    pub evictions: u64,
    /// Cached identifiers of tenants, approximately.
    pub entries: u64,
    /// Cached unknown identifiers, approximately.
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

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

const STRIPES: usize = 16;

/// A counter in stripes, so that threads that count concurrently do not contend for one cache line.
#[derive(Debug, Default)]
pub(super) struct Striped([Stripe; STRIPES]);

/// Two cache lines, since adjacent lines are prefetched in pairs.
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

/// Assigns the stripes to threads in turn.
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
