//! What counting a request costs: `cargo bench -p rustok-telemetry --bench record`.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use rustok_telemetry::TraceContext;
use rustok_telemetry::metrics::{HttpMetrics, Operation};
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
    let trace = TraceContext::continued_or_new(None).trace_id();
    let record = |calls: u32| {
        for call in 0..calls {
            let began = Instant::now();
            let took = began.elapsed() + Duration::from_nanos(u64::from(call) % 5_000_000);
            metrics.record(black_box("GET"), black_box(Some(ROUTE)), 200, took, trace);
        }
    };
    record(CALLS / 10);
    for threads in [1, 2, 4] {
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| record(CALLS));
            }
        });
        let each = began.elapsed().as_nanos() / u128::from(CALLS);
        println!(
            "record, two readings of the clock included, {threads} threads at one operation: {each} ns a call"
        );
    }
}
