//! The breaker under real threads, without a clock: which calls get a slot, and what is counted.

use super::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Real threads: only the number of admitted probes matters, not the time.
#[test]
fn half_open_admits_exactly_its_number_of_probes_under_64_threads() {
    for probes in [1, 2, 3, 7] {
        let breaker = CircuitBreaker::builder("x")
            .half_open_probes(probes)
            .build()
            .unwrap();
        breaker.open();
        breaker.release();
        let (start, end) = (Barrier::new(64), Barrier::new(64));
        let admitted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    start.wait();
                    let permit = breaker.acquire();
                    admitted.fetch_add(usize::from(permit.is_ok()), Ordering::Relaxed);
                    end.wait();
                    drop(permit);
                });
            }
        });
        assert_eq!(admitted.into_inner(), usize::try_from(probes).unwrap());
        assert_eq!(breaker.metrics().probes_in_flight, 0);
    }
}

/// Many threads, every way a call can end: each admitted call is counted exactly once.
#[test]
fn no_call_is_lost_under_threads() {
    let breaker = CircuitBreaker::builder("x")
        .failure_rate(100, 1_000_000)
        .consecutive_failures(40)
        .build()
        .unwrap();
    let admitted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (breaker, admitted) = (&breaker, &admitted);
            scope.spawn(move || {
                for n in 0..5_000 {
                    let Ok(permit) = breaker.acquire() else {
                        breaker.reset();
                        continue;
                    };
                    admitted.fetch_add(1, Ordering::Relaxed);
                    match (n + thread) % 5 {
                        0 => drop(permit),
                        1 => permit.finish(BreakerOutcome::Success),
                        2 => permit.finish(BreakerOutcome::Ignored),
                        _ => permit.finish(BreakerOutcome::Failure),
                    }
                }
            });
        }
    });
    let metrics = breaker.metrics();
    let counted = metrics.completed() + metrics.cancelled;
    assert_eq!(counted, u64::try_from(admitted.into_inner()).unwrap());
    assert_eq!(counted + metrics.rejected, 40_000);
}
