//! Counters that every thread writes for itself and anybody may add up.
//!
//! A counter that all threads share costs each of them the cache line of the others. Here each thread has a lane of its
//! own, which nobody else writes: counting is a load and a store, no atomic read-modify-write, and exact. A lane must
//! never be written by two threads at once.

use super::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};
use std::sync::OnceLock;

/// How many threads can have a lane of their own; the rest share one behind a lock.
pub(super) const LANES: usize = 128;

/// A number that one thread at a time writes.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn increment(&self) {
        self.0.store(self.get().wrapping_add(1), Ordering::Relaxed);
    }

    #[inline]
    fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// What one thread has counted since the breaker was made, and lately.
#[derive(Debug)]
// Two cache lines: processors fetch them in pairs.
#[repr(align(128))]
pub(super) struct Lane {
    pub(super) successes: Count,
    pub(super) failures: Count,
    pub(super) ignored: Count,
    pub(super) cancelled: Count,
    pub(super) panics: Count,
    pub(super) timeouts: Count,
    pub(super) slow: Count,
    pub(super) late: Count,
    pub(super) rejected: Count,
    /// The place of the newest bucket in `buckets`.
    newest: Count,
    /// A ring: a new tag takes the place of the oldest one.
    buckets: Box<[Bucket]>,
}

/// The calls of one thread in one stretch of the window.
#[derive(Debug, Default)]
struct Bucket {
    /// Which stretch; 0 is none.
    tag: AtomicU64,
    calls: Count,
    failures: Count,
    slow: Count,
}

/// What happened in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) slow: u64,
}

impl Lane {
    fn new(buckets: usize) -> Self {
        Self {
            successes: Count::default(),
            failures: Count::default(),
            ignored: Count::default(),
            cancelled: Count::default(),
            panics: Count::default(),
            timeouts: Count::default(),
            slow: Count::default(),
            late: Count::default(),
            rejected: Count::default(),
            newest: Count::default(),
            buckets: (0..buckets).map(|_| Bucket::default()).collect(),
        }
    }

    /// Counts a call in the stretch `tag`. Only the lane's own thread may; tags must not repeat.
    #[inline]
    pub(super) fn record(&self, tag: u64, failure: bool, slow: bool) {
        let newest = usize::try_from(self.newest.get()).unwrap_or(0);
        let bucket = match self.buckets.get(newest) {
            Some(bucket) if bucket.tag.load(Ordering::Relaxed) == tag => bucket,
            _ => match self.begin(newest, tag) {
                Some(bucket) => bucket,
                None => return,
            },
        };
        bucket.calls.increment();
        if failure {
            bucket.failures.increment();
        }
        if slow {
            bucket.slow.increment();
        }
    }

    #[cold]
    fn begin(&self, newest: usize, tag: u64) -> Option<&Bucket> {
        let place = if newest + 1 < self.buckets.len() {
            newest + 1
        } else {
            0
        };
        let bucket = self.buckets.get(place)?;
        bucket.calls.clear();
        bucket.failures.clear();
        bucket.slow.clear();
        // Whoever sees the tag sees empty counts or later ones.
        bucket.tag.store(tag, Ordering::Release);
        self.newest.0.store(place as u64, Ordering::Relaxed);
        Some(bucket)
    }
}

/// The lanes of one breaker. A thread's lane is made when it counts for the first time.
#[derive(Debug)]
pub(super) struct Lanes {
    own: Box<[OnceLock<Box<Lane>>]>,
    shared: Mutex<()>,
    buckets: usize,
}

/// A lane that may be written now.
#[derive(Debug)]
pub(super) struct Writable<'a> {
    pub(super) lane: &'a Lane,
    _shared: Option<MutexGuard<'a, ()>>,
}

impl Lanes {
    /// Lanes with so many window buckets each.
    pub(super) fn new(buckets: usize) -> Self {
        Self {
            own: (0..=LANES).map(|_| OnceLock::new()).collect(),
            shared: Mutex::new(()),
            buckets,
        }
    }

    /// The lane of the thread that holds the number `thread` (see [`my_number`]), else the shared one.
    #[inline]
    pub(super) fn of(&self, thread: Option<usize>) -> Writable<'_> {
        let (number, shared) = match thread {
            Some(number) if number < LANES => (number, None),
            _ => {
                let lock = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                (LANES, Some(lock))
            }
        };
        let lane = self.own[number].get_or_init(|| Box::new(Lane::new(self.buckets)));
        Writable {
            lane,
            _shared: shared,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Lane> {
        self.own.iter().filter_map(|lane| lane.get().map(AsRef::as_ref))
    }

    /// Adds up one counter.
    pub(super) fn sum(&self, counter: impl Fn(&Lane) -> &Count) -> u64 {
        self.all().map(|lane| counter(lane).get()).sum()
    }

    /// Adds up the buckets whose tag `counts`.
    pub(super) fn tally(&self, counts: impl Fn(u64) -> bool) -> Tally {
        let mut tally = Tally::default();
        for bucket in self.all().flat_map(|lane| &lane.buckets) {
            if counts(bucket.tag.load(Ordering::Acquire)) {
                tally.calls += bucket.calls.get();
                tally.failures += bucket.failures.get();
                tally.slow += bucket.slow.get();
            }
        }
        tally
    }
}
