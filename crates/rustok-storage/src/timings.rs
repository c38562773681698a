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

/// The tables of the schema. The empty name stands for statements without a table, such as COMMIT; `other` for tables
/// of tests.
pub(crate) const TABLES: [&str; 36] = [
    "",
    "other",
    "api_tokens",
    "authors",
    "customers",
    "directory_version",
    "due_work",
    "fulfilments",
    "idempotency_records",
    "import_references",
    "imports",
    "node_history",
    "node_revisions",
    "node_terms",
    "node_translations",
    "nodes",
    "number_series",
    "order_adjustments",
    "order_history",
    "order_lines",
    "orders",
    "outbox",
    "payments",
    "platform_idempotency_records",
    "platform_tokens",
    "prices",
    "products",
    "refunds",
    "schema_migrations",
    "search_terms",
    "stock_levels",
    "stock_movements",
    "tenant_hosts",
    "tenants",
    "terms",
    "variants",
];
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

#[derive(Debug)]
#[repr(align(128))]
struct Stripe {
    operations: [[Counted; Operation::ALL.len()]; TABLES.len()],
    waits: [Counted; 2],
    waits_begun: AtomicU64,
}

impl Default for Stripe {
    fn default() -> Self {
        Self {
            operations: std::array::from_fn(|_| Default::default()),
            waits: Default::default(),
            waits_begun: AtomicU64::default(),
        }
    }
}

/// The counters of one store.
#[derive(Debug)]
pub(crate) struct Timings {
    stripes: Box<[Stripe]>,
    pub(crate) renewals: Arc<AtomicU64>,
}

impl Timings {
    /// The counters stay empty if the store is not timed.
    pub(crate) fn new(timed: bool) -> Self {
        let stripes = if timed { STRIPES } else { 0 };
        Self {
            stripes: (0..stripes).map(|_| Stripe::default()).collect(),
            renewals: Arc::default(),
        }
    }

    /// Counts the time between `began` and the drop of the returned guard, however the work ends.
    pub(crate) fn time(&self, operation: Operation, table: &str, began: Instant) -> Timed<'_> {
        let table = place_of(table);
        let counted = self
            .stripe()
            .and_then(|stripe| stripe.operations.get(table))
            .and_then(|operations| operations.get(operation as usize));
        Timed { counted, began }
    }

    /// Counts a wait for a connection, like [`Timings::time`].
    pub(crate) fn wait(&self, writes: bool) -> Timed<'_> {
        let stripe = self.stripe();
        if let Some(stripe) = stripe {
            stripe.waits_begun.fetch_add(1, Ordering::Relaxed);
        }
        Timed {
            counted: stripe.and_then(|stripe| stripe.waits.get(usize::from(writes))),
            began: Instant::now(),
        }
    }

    fn stripe(&self) -> Option<&Stripe> {
        thread_local!(static STRIPE: Cell<usize> = Cell::new(next_stripe()));
        self.stripes.get(STRIPE.get())
    }

    pub(crate) fn read(&self) -> StoreTimes {
        let sum = |of: &dyn Fn(&Stripe) -> Option<&Counted>| {
            let mut durations = Durations::default();
            let counted = self.stripes.iter().filter_map(of);
            counted.for_each(|counted| counted.add_to(&mut durations));
            durations
        };
        let mut operations = Vec::new();
        for (place, table) in TABLES.into_iter().enumerate() {
            for operation in Operation::ALL {
                let durations = sum(&|stripe| stripe.operations.get(place)?.get(operation as usize));
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
        let (read_waits, write_waits) = (
            sum(&|stripe| stripe.waits.first()),
            sum(&|stripe| stripe.waits.last()),
        );
        let begun = self
            .stripes
            .iter()
            .map(|stripe| stripe.waits_begun.load(Ordering::Relaxed));
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

/// Assigns stripes to threads in turn.
fn next_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES
}

fn place_of(table: &str) -> usize {
    TABLES.iter().position(|known| *known == table).unwrap_or(OTHER)
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
        let timings = Timings::new(true);
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
        let timings = Timings::new(true);
        let (first, second) = (timings.wait(false), timings.wait(true));
        assert_eq!(timings.read().waiting, 2);
        drop(first);
        assert_eq!(timings.read().waiting, 1);
        drop(second);
        assert_eq!(timings.read().waiting, 0);
    }

    #[test]
    fn a_name_that_is_no_table_is_other() {
        let timings = Timings::new(true);
        drop(timings.time(Operation::of("INSERT INTO x"), "x'; DROP TABLE y", Instant::now()));
        let [other] = &timings.read().operations[..] else {
            panic!()
        };
        assert_eq!((other.operation, other.table), ("INSERT", "other"));
    }
}
