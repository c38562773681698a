//! How long the database takes, by operation and table, and how long transactions wait for their connection.
//!
//! Counting is a few additions in memory that the thread shares with few others; nobody who counts waits for whoever
//! reads. It must never be part of a decision, and a name that is counted under is one of the schema, never a value.

use std::cell::Cell;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The upper bounds of the buckets, in nanoseconds; one more has none.
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
/// Threads that count at once do not pass one cache line around.
const STRIPES: usize = 8;

/// The tables of the schema. No table stands for what concerns none, such as COMMIT; `other` for names of tests.
pub(crate) const TABLES: [&str; 34] = [
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

/// What the database was asked to do.
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

    /// What a statement of ours does, by its first letter: queries begin with SELECT or WITH.
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

/// Durations in buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durations {
    /// How many were at most as long as each bound of the catalogue and longer than the one before; the last have none.
    pub counts: [u64; BUCKETS],
    /// All of them together.
    pub sum: Duration,
}

impl Durations {
    /// How many there were.
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

/// What was counted of one operation on one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationTimes {
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `BATCH` or `COMMIT`.
    pub operation: &'static str,
    /// The table, the first one of several; empty if it concerns none.
    pub table: &'static str,
    /// How long it took, with the times it failed or nobody waited for its end.
    pub durations: Durations,
}

/// What was counted of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreTimes {
    /// What was done at least once.
    pub operations: Vec<OperationTimes>,
    /// How long reading transactions waited for a connection.
    pub read_waits: Durations,
    /// How long writing transactions waited for a connection, on SQLite for their turn.
    pub write_waits: Durations,
    /// Transactions that wait now.
    pub waiting: u64,
    /// Transactions that began anew on another connection, since theirs had died in the pool.
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
    /// Those of a store that is not timed stay empty.
    pub(crate) fn new(timed: bool) -> Self {
        let stripes = if timed { STRIPES } else { 0 };
        Self {
            stripes: (0..stripes).map(|_| Stripe::default()).collect(),
            renewals: Arc::default(),
        }
    }

    /// Counts what lies between `began` and the drop of what this returns, however it ends.
    pub(crate) fn time(&self, operation: Operation, table: &str, began: Instant) -> Timed<'_> {
        let table = place_of(table);
        let counted = self
            .stripe()
            .and_then(|stripe| stripe.operations.get(table))
            .and_then(|operations| operations.get(operation as usize));
        Timed { counted, began }
    }

    /// Counts a wait for a connection, as [`Timings::time`] does.
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
        // The ends first: whatever begins and ends meanwhile does not count as negative.
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

/// Threads take the stripes in turn.
fn next_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES
}

fn place_of(table: &str) -> usize {
    TABLES.iter().position(|known| *known == table).unwrap_or(OTHER)
}

/// Something that is being timed.
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
