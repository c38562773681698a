//! Counters that each thread writes for itself and any thread may sum.
//!
//! With a counter shared by all threads, its cache line moves between them on every write. Here each thread has its
//! own lane with a single writer: counting is a load and a store, no atomic read-modify-write, and exact. A lane must
//! never be written by two threads at once.
//!
//! Which lane is a thread's says a small number that belongs to one thread at a time. When a thread ends, its number is
//! reused, so short-lived threads do not exhaust them.

use super::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};
use std::cell::Cell;
use std::sync::OnceLock;

/// How many threads can have their own lane; the others share one behind a lock.
pub(super) const LANES: usize = 128;

/// The number of a thread that has not asked for one.
const UNCLAIMED: usize = usize::MAX;

struct Numbers {
    returned: Vec<usize>,
    next: usize,
}

static NUMBERS: std::sync::Mutex<Numbers> = std::sync::Mutex::new(Numbers {
    returned: Vec::new(),
    next: 0,
});

thread_local! {
    /// Without a destructor: reading it is one load, and works also while the thread ends.
    static NUMBER: Cell<usize> = const { Cell::new(UNCLAIMED) };
    static CLAIM: Claim = const { Claim };
}

/// Gives the thread's number back when the thread ends.
struct Claim;

impl Drop for Claim {
    /// The lock orders all writes of this thread before those of the next owner.
    fn drop(&mut self) {
        let number = NUMBER.replace(LANES);
        if number < LANES {
            let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
            numbers.returned.push(number);
        }
    }
}

/// This thread's number if it has one, below [`LANES`]; else [`LANES`] or more.
#[inline]
pub(super) fn my_number() -> usize {
    NUMBER.get()
}

/// This thread's number, given to it if it has none; [`LANES`] while there are more threads than numbers, and during
/// thread exit.
#[cold]
pub(super) fn claim_number() -> usize {
    if NUMBER.get() != UNCLAIMED {
        return NUMBER.get();
    }
    // Registers the destructor; fails during thread exit.
    if CLAIM.try_with(|_| ()).is_err() {
        return LANES;
    }
    let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
    let number = numbers.returned.pop().unwrap_or_else(|| {
        let next = numbers.next;
        numbers.next = LANES.min(next + 1);
        next
    });
    NUMBER.set(number);
    number
}

/// A number with one writing thread at a time.
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

/// The counts of one thread: since the breaker was created, and in the window.
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
    /// The index of the newest bucket in `buckets`.
    newest: Count,
    /// A ring buffer: a new tag replaces the oldest one.
    buckets: Box<[Bucket]>,
}

/// The calls of one thread in one time slice of the window.
#[derive(Debug, Default)]
struct Bucket {
    /// Identifies the time slice; 0 means empty.
    tag: AtomicU64,
    calls: Count,
    failures: Count,
    slow: Count,
}

/// The counts of a time slice or of several.
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

    /// Counts a call in the time slice `tag`. Only the lane's own thread may call this; tags must not repeat.
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
        // Released last: a thread that reads the tag also reads the empty counts or later ones.
        bucket.tag.store(tag, Ordering::Release);
        self.newest.0.store(place as u64, Ordering::Relaxed);
        Some(bucket)
    }
}

/// The lanes of one breaker. A thread's lane is created when it first counts a call; the last one is shared.
#[derive(Debug)]
pub(super) struct Lanes {
    own: [OnceLock<Box<Lane>>; LANES + 1],
    shared: Mutex<()>,
    buckets: usize,
}

/// A lane with exclusive write access.
#[derive(Debug)]
pub(super) struct Writable<'a> {
    pub(super) lane: &'a Lane,
    _shared: Option<MutexGuard<'a, ()>>,
}

impl Lanes {
    /// Lanes with `buckets` window buckets each.
    pub(super) fn new(buckets: usize) -> Self {
        Self {
            own: std::array::from_fn(|_| OnceLock::new()),
            shared: Mutex::new(()),
            buckets,
        }
    }

    /// The lane of the calling thread, whose number is `thread`, if it has one already.
    #[inline]
    pub(super) fn own(&self, thread: usize) -> Option<&Lane> {
        if thread >= LANES {
            return None;
        }
        self.own[thread].get().map(AsRef::as_ref)
    }

    /// The lane of the calling thread, whose number is `thread`; the shared one if that is [`LANES`] or more.
    pub(super) fn of(&self, thread: usize) -> Writable<'_> {
        let shared = (thread >= LANES).then(|| self.shared.lock().unwrap_or_else(PoisonError::into_inner));
        let lane = self.own[thread.min(LANES)].get_or_init(|| Box::new(Lane::new(self.buckets)));
        Writable {
            lane,
            _shared: shared,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Lane> {
        self.own.iter().filter_map(|lane| lane.get().map(AsRef::as_ref))
    }

    /// Sums one counter over all lanes.
    pub(super) fn sum(&self, counter: impl Fn(&Lane) -> &Count) -> u64 {
        self.all().map(|lane| counter(lane).get()).sum()
    }

    /// Sums the buckets for whose tag `counts` returns true.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Barrier;

    #[test]
    fn living_threads_never_share_a_number_and_dead_ones_give_theirs_back() {
        for _ in 0..3 {
            let barrier = Barrier::new(LANES + 10);
            let numbers: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..LANES + 10)
                    .map(|_| {
                        scope.spawn(|| {
                            let number = claim_number();
                            assert_eq!(number, my_number());
                            barrier.wait();
                            number
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let given: Vec<_> = numbers.into_iter().filter(|number| *number < LANES).collect();
            let distinct: HashSet<_> = given.iter().collect();
            assert_eq!(distinct.len(), given.len());
            // Other tests of this process hold some numbers; without reuse, the second round would get none.
            assert!(given.len() > LANES / 2, "only {}", given.len());
        }
    }
}
