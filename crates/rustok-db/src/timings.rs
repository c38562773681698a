//! Database timings: durations by operation and table, and how long transactions wait for their connection.
//!
//! Counting costs a few additions to memory that few threads share, and never waits for a reader of the counters. The
//! counters must never be part of a decision, and their labels are names of the schema, never values.

use std::cell::Cell;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Upper bounds of the buckets, in nanoseconds; one more bucket is unbounded.
const BOUNDS_NS: [u64; 8] = [
    25_000,
    100_000,
    500_000,
    2_500_000,
    10_000_000,
    50_000_000,
    250_000_000,
    1_000_000_000,
];
const BUCKETS: usize = BOUNDS_NS.len() + 1;
/// Counters are split over stripes, so that threads that count at once do not contend for one cache line.
const STRIPES: usize = 8;

/// The places of the counters before those of the schema's tables: for statements without a table, such as COMMIT, and
/// for tables that the schema does not name.
const FIRST: [&str; 2] = ["", "other"];
const NO_TABLE: usize = 0;
const OTHER: usize = 1;

/// An operation on the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Select,
    Insert,
    Update,
    Delete,
    /// Several writes in one flight.
    Batch,
    Commit,
}

impl Operation {
    const ALL: [Self; 6] = [
        Self::Select,
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Batch,
        Self::Commit,
    ];

    /// The operation of one of our statements, by its first letter: queries begin with SELECT or WITH.
    pub(crate) fn of(sql: &str) -> Self {
        match sql.as_bytes().first() {
            Some(b'I') => Self::Insert,
            Some(b'U') => Self::Update,
            Some(b'D') => Self::Delete,
            _ => Self::Select,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Batch => "BATCH",
            Self::Commit => "COMMIT",
        }
    }
}

/// A histogram of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durations {
    /// Counts per bucket: durations above the previous bound and up to this one; the last bucket is unbounded.
    pub counts: [u64; BUCKETS],
    /// The sum of all durations.
    pub sum: Duration,
}

impl Durations {
    /// The number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl AddAssign for Durations {
    fn add_assign(&mut self, other: Self) {
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
        self.sum += other.sum;
    }
}

/// The durations of one operation on one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationTimes {
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `BATCH` or `COMMIT`.
    pub operation: &'static str,
    /// The table, or the first of several; empty if there is none.
    pub table: &'static str,
    /// Its durations, including calls that failed or were cancelled.
    pub durations: Durations,
}

/// The timings of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreTimes {
    /// Every operation that ran at least once.
    pub operations: Vec<OperationTimes>,
    /// Waits of read transactions for a connection.
    pub read_waits: Durations,
    /// Waits of write transactions for a connection, on SQLite for the writer.
    pub write_waits: Durations,
    /// Transactions that wait now.
    pub waiting: u64,
    /// Transactions restarted on another connection because theirs had died in the pool.
    pub renewals: u64,
}

#[derive(Debug, Default)]
struct Counted {
    counts: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Counted {
    fn record(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_NS.iter().take_while(|bound| **bound < ns).count();
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    fn add_to(&self, durations: &mut Durations) {
        for (sum, count) in durations.counts.iter_mut().zip(&self.counts) {
            *sum += count.load(Ordering::Relaxed);
        }
        durations.sum += Duration::from_nanos(self.sum_ns.load(Ordering::Relaxed));
    }
}

/// The counters of one table in one stripe. The alignment keeps those of two stripes in different cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct OfTable([Counted; Operation::ALL.len()]);

/// The waits of one stripe, of reads and of writes.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Waits {
    ended: [Counted; 2],
    begun: AtomicU64,
}

/// The counters of one store.
#[derive(Debug)]
pub(crate) struct Timings {
    tables: &'static [&'static str],
    /// For each stripe the counters of [`FIRST`], then those of the tables: one look-up by the number of the stripe and
    /// the place of the table.
    operations: Box<[OfTable]>,
    waits: Box<[Waits]>,
    pub(crate) renewals: Arc<AtomicU64>,
}

impl Timings {
    /// Counts by the names of `tables`. The counters stay empty if the store is not timed.
    pub(crate) fn new(timed: bool, tables: &'static [&'static str]) -> Self {
        let stripes = if timed { STRIPES } else { 0 };
        let places = FIRST.len() + tables.len();
        Self {
            tables,
            operations: (0..stripes * places).map(|_| OfTable::default()).collect(),
            waits: (0..stripes).map(|_| Waits::default()).collect(),
            renewals: Arc::default(),
        }
    }

    /// Counts the time between `began` and the drop of the returned guard, however the work ends.
    pub(crate) fn time(&self, operation: Operation, table: &str, began: Instant) -> Timed<'_> {
        let place = stripe() * self.places() + self.place_of(table);
        let of_table = self.operations.get(place);
        Timed {
            counted: of_table.and_then(|of_table| of_table.0.get(operation as usize)),
            began,
        }
    }

    /// Counts a wait for a connection, like [`Timings::time`].
    pub(crate) fn wait(&self, writes: bool) -> Timed<'_> {
        let waits = self.waits.get(stripe());
        if let Some(waits) = waits {
            waits.begun.fetch_add(1, Ordering::Relaxed);
        }
        Timed {
            counted: waits.and_then(|waits| waits.ended.get(usize::from(writes))),
            began: Instant::now(),
        }
    }

    fn places(&self) -> usize {
        FIRST.len() + self.tables.len()
    }

    fn place_of(&self, table: &str) -> usize {
        if table.is_empty() {
            return NO_TABLE;
        }
        let known = self.tables.iter().position(|known| *known == table);
        known.map_or(OTHER, |place| FIRST.len() + place)
    }

    pub(crate) fn read(&self) -> StoreTimes {
        let mut operations = Vec::new();
        let tables = FIRST.into_iter().chain(self.tables.iter().copied());
        for (place, table) in tables.enumerate() {
            for operation in Operation::ALL {
                let stripes = self.operations.iter().skip(place).step_by(self.places());
                let durations = sum(stripes.filter_map(|of_table| of_table.0.get(operation as usize)));
                if durations.counts.iter().any(|count| *count > 0) {
                    operations.push(OperationTimes {
                        operation: operation.name(),
                        table,
                        durations,
                    });
                }
            }
        }
        // Reads ended waits before begun ones, so that what starts and ends meanwhile cannot make the difference
        // negative.
        let ended = |place: usize| sum(self.waits.iter().filter_map(|waits| waits.ended.get(place)));
        let (read_waits, write_waits) = (ended(0), ended(1));
        let begun = self.waits.iter().map(|waits| waits.begun.load(Ordering::Relaxed));
        let ended = read_waits.counts.iter().chain(&write_waits.counts).sum();
        StoreTimes {
            operations,
            waiting: begun.sum::<u64>().saturating_sub(ended),
            read_waits,
            write_waits,
            renewals: self.renewals.load(Ordering::Relaxed),
        }
    }
}

fn sum<'a>(counted: impl Iterator<Item = &'a Counted>) -> Durations {
    let mut durations = Durations::default();
    counted.for_each(|counted| counted.add_to(&mut durations));
    durations
}

/// The stripe of this thread.
fn stripe() -> usize {
    thread_local!(static STRIPE: Cell<usize> = Cell::new(next_stripe()));
    STRIPE.get()
}

/// Assigns stripes to threads in turn.
fn next_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES
}

/// A measurement in progress.
#[derive(Debug)]
#[must_use = "what is timed ends when this is dropped"]
pub(crate) struct Timed<'a> {
    counted: Option<&'a Counted>,
    began: Instant,
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        if let Some(counted) = self.counted {
            counted.record(self.began.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &[&str] = &["marks", "notes"];

    #[test]
    fn durations_fall_into_their_buckets() {
        let counted = Counted::default();
        for micros in [0, 25, 26, 1_000, 3_000, 60_000_000] {
            counted.record(Duration::from_micros(micros));
        }
        let mut durations = Durations::default();
        counted.add_to(&mut durations);
        assert_eq!(durations.counts, [2, 1, 0, 1, 1, 0, 0, 0, 1]);
        assert_eq!(durations.sum, Duration::from_micros(60_004_051));
    }

    #[test]
    fn no_count_is_lost_whatever_thread_it_comes_from() {
        let timings = Timings::new(true, TABLES);
        std::thread::scope(|scope| {
            for _ in 0..STRIPES + 3 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        drop(timings.time(Operation::Commit, "", Instant::now()));
                        drop(timings.wait(true));
                    }
                });
            }
        });
        let times = timings.read();
        assert_eq!(times.operations[0].durations.counts.iter().sum::<u64>(), 11_000);
        assert_eq!(times.write_waits.counts.iter().sum::<u64>(), 11_000);
        assert_eq!((times.read_waits, times.waiting), (Durations::default(), 0));
    }

    #[test]
    fn who_waits_is_counted_until_the_wait_ends() {
        let timings = Timings::new(true, TABLES);
        let (first, second) = (timings.wait(false), timings.wait(true));
        assert_eq!(timings.read().waiting, 2);
        drop(first);
        assert_eq!(timings.read().waiting, 1);
        drop(second);
        assert_eq!(timings.read().waiting, 0);
    }

    #[test]
    fn each_table_of_the_schema_has_its_own_counters() {
        let timings = Timings::new(true, TABLES);
        for table in ["notes", "notes", "marks", ""] {
            drop(timings.time(Operation::Update, table, Instant::now()));
        }
        let counted = timings.read().operations.into_iter();
        let counted: Vec<_> = counted
            .map(|times| (times.table, times.durations.count()))
            .collect();
        assert_eq!(counted, [("", 1), ("marks", 1), ("notes", 2)]);
        let untimed = Timings::new(false, TABLES);
        drop(untimed.time(Operation::Update, "notes", Instant::now()));
        drop(untimed.wait(true));
        assert_eq!(untimed.read().operations, []);
    }

    #[test]
    fn a_name_that_is_no_table_is_other() {
        let timings = Timings::new(true, TABLES);
        drop(timings.time(Operation::of("INSERT INTO x"), "x'; DROP TABLE y", Instant::now()));
        let [other] = &timings.read().operations[..] else {
            panic!()
        };
        assert_eq!((other.operation, other.table), ("INSERT", "other"));
    }
}
