//! What counting a request costs: `cargo bench -p rustok-telemetry --bench record`.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use rustok_telemetry::metrics::{HttpMetrics, Operation};
use rustok_telemetry::{Incoming, Tracer};
use std::hint::black_box;
use std::time::{Duration, Instant};

const CALLS: u32 = 2_000_000;
const ROUTE: &str = "/api/admin/v1/nodes/{id}/translations/{locale}";

fn main() {
    let operations = (0..50).map(|number| Operation {
        method: "GET",
        route: if number == 0 {
            ROUTE.to_owned()
        } else {
            format!("{ROUTE}/{number}")
        },
        statuses: vec![200, 404],
    });
    let metrics = HttpMetrics::new(operations);
    let trace = Tracer::off().root(Incoming::default(), None).context().trace_id();
    let record = || {
        for call in 0..CALLS {
            let began = Instant::now();
            let took = began.elapsed() + Duration::from_nanos(u64::from(call) % 5_000_000);
            metrics.record(black_box("GET"), black_box(Some(ROUTE)), 200, took, Some(trace));
        }
        // Its own time on the processor: what else runs on the machine is not counted.
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(used).unwrap_or_default()
    };
    for threads in [1_u128, 2, 4] {
        let used: Duration = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(record)).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).sum()
        });
        let each = used.as_nanos() / u128::from(CALLS) / threads;
        println!(
            "record, two readings of the clock included, {threads} threads at one operation: {each} ns a call"
        );
    }
}
