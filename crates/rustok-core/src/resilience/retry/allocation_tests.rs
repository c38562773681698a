//! A successful call allocates nothing.

use super::*;
use crate::deadline::Deadline;
use crate::error::RichError;
use crate::resilience::{with_deadline, with_timeout};
use std::future::{pending, ready};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// Allocations of one future polled to completion on a runtime that is already warm.
fn allocations<F: Future>(make: impl Fn() -> F) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        make().await;
    });
    let before = allocation_counter::measure(|| runtime.block_on(async {}));
    let with = allocation_counter::measure(|| {
        runtime.block_on(async {
            make().await;
        });
    });
    with.count_total - before.count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| async { Box::new(7) }), 1);
}

#[test]
fn a_first_attempt_that_succeeds_allocates_nothing() {
    let policy = RetryPolicy::exponential(SECOND).budget(RetryBudget::default());
    for deadline in [Deadline::never(), Deadline::after(3600 * SECOND)] {
        let run = || policy.run(deadline, RetryDecision::of, |n| ready(Ok::<_, RichError>(n)));
        assert_eq!(allocations(run), 0);
    }
}

#[test]
fn retries_and_pauses_allocate_nothing() {
    let policy = RetryPolicy::exponential(SECOND).budget(RetryBudget::default());
    let run = || {
        policy.run(
            Deadline::never(),
            |_| RetryDecision::Transient(None),
            |n| ready(if n == 3 { Ok(()) } else { Err(()) }),
        )
    };
    assert_eq!(allocations(run), 0);
}

#[test]
fn timeouts_and_deadlines_allocate_nothing_nor_does_tokios_timer() {
    assert_eq!(allocations(|| with_timeout(SECOND, || ready(7))), 0);
    assert_eq!(allocations(|| with_timeout(SECOND, || sleep(SECOND / 2))), 0);
    assert_eq!(allocations(|| with_timeout(SECOND, pending::<()>)), 0);
    assert_eq!(allocations(|| with_deadline(Deadline::never(), || ready(7))), 0);
    let nested = || with_timeout(SECOND, || with_timeout(2 * SECOND, pending::<()>));
    assert_eq!(allocations(nested), 0);
}
