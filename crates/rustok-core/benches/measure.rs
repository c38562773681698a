//! The measurement: nanoseconds of CPU time of the calling thread per call, minimum and median of nine rounds.
//!
//! CPU time, because on a shared machine wall time depends on other load more than on the code. Rounds of the
//! subjects of one table are interleaved, so that a slow minute affects all of them.

use rustix::time::{ClockId, clock_gettime};
use std::sync::Barrier;
use tokio::runtime::{Builder, Runtime};

const ROUNDS: usize = 9;

/// One row of a table: its name, the number of threads, the calls per round, and a factory for the function that
/// makes the calls (invoked once per thread and round).
pub(crate) struct Subject<'a> {
    name: &'static str,
    threads: usize,
    calls: u64,
    make: Box<dyn Fn() -> Calls + Sync + 'a>,
}

/// Makes the given number of calls.
pub(crate) type Calls = Box<dyn FnMut(u64)>;

/// Minimum and median, in nanoseconds per call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) minimum: f64,
    pub(crate) median: f64,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        name: &'static str,
        threads: usize,
        calls: u64,
        make: impl Fn() -> Calls + Sync + 'a,
    ) -> Self {
        Self {
            name,
            threads,
            calls,
            make: Box::new(make),
        }
    }

    /// Whether it is the row of that name and number of threads.
    pub(crate) fn is(&self, name: &str, threads: usize) -> bool {
        self.name == name && self.threads == threads
    }

    /// The name of a row on one thread.
    pub(crate) fn name_alone(&self) -> Option<&'static str> {
        (self.threads == 1).then_some(self.name)
    }

    /// Makes that many calls and measures nothing: for a program that counts instructions.
    pub(crate) fn make_calls(&self, calls: u64) {
        (self.make)()(calls);
    }

    /// Runs one round; the slowest thread counts.
    fn round(&self) -> f64 {
        let barrier = Barrier::new(self.threads);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads)
                .map(|_| {
                    scope.spawn(|| {
                        let mut make_calls = (self.make)();
                        make_calls(self.calls / 20 + 1);
                        barrier.wait();
                        let begun = thread_cpu_ns();
                        make_calls(self.calls);
                        (thread_cpu_ns() - begun) / self.calls as f64
                    })
                })
                .collect();
            let times = threads
                .into_iter()
                .map(|thread| thread.join().expect("a bench thread"));
            times.fold(0.0, f64::max)
        })
    }
}

/// Measures all subjects, prints a table, and returns the costs in the same order.
pub(crate) fn table(title: &str, subjects: &[Subject<'_>]) -> Vec<Cost> {
    let mut times = vec![Vec::with_capacity(ROUNDS); subjects.len()];
    for _ in 0..ROUNDS {
        for (subject, times) in subjects.iter().zip(&mut times) {
            times.push(subject.round());
        }
    }
    println!("\n{title}\n\n| call | threads | ns, minimum | ns, median |\n|---|---|---|---|");
    let costs = times.iter_mut().map(|times| {
        times.sort_by(f64::total_cmp);
        Cost {
            minimum: times[0],
            median: times[ROUNDS / 2],
        }
    });
    let costs: Vec<_> = costs.collect();
    for (subject, Cost { minimum, median }) in subjects.iter().zip(&costs) {
        println!(
            "| {} | {} | {minimum:.1} | {median:.1} |",
            subject.name, subject.threads
        );
    }
    costs
}

/// The runtime that drives the futures of one measured thread.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

/// Prints the ratio of two costs beside its limit.
pub(crate) fn ratio(what: &str, ours: Cost, theirs: Cost, bar: f64) {
    println!(
        "{what}: {:.2} x (minimum), {:.2} x (median); bar {bar:.2} x",
        ours.minimum / theirs.minimum,
        ours.median / theirs.median
    );
}

fn thread_cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
