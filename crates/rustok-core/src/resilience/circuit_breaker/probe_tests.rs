//! Thousands of probes that are cancelled, panic or hang; and the allocations of a call.

use super::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rand::{Rng as _, RngExt as _};
use std::future::{pending, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::advance;

const SECOND: Duration = Duration::from_secs(1);

type Probe = Pin<Box<dyn Future<Output = Result<(), CircuitBreakerError<()>>>>>;

/// Starts a probe; `None` if it was rejected.
fn begin(breaker: &CircuitBreaker) -> Option<Probe> {
    let breaker = breaker.clone();
    let mut probe: Probe = Box::pin(async move { breaker.call(pending::<Result<(), ()>>).await });
    let rejected = probe
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready();
    (!rejected).then_some(probe)
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_bad_probes_in_any_order_never_leave_it_stuck() {
    let lease = 30 * SECOND;
    let breaker = CircuitBreaker::builder("x")
        .half_open_probes(2)
        .success_threshold(3)
        .probe_lease(lease)
        .open_time(OpenTime::Fixed(20 * SECOND))
        .build()
        .unwrap();
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (mut hung, mut healthy): (Vec<Probe>, u32) = (Vec::new(), 0);
    breaker.open();
    breaker.release();
    for _ in 0..10_000 {
        match random.next_u32() % 5 {
            // Cancelled.
            0 => drop(begin(&breaker)),
            // Panics.
            1 => {
                let other = breaker.clone();
                let panics = async move {
                    other
                        .call(|| -> std::future::Ready<Result<(), ()>> {
                            std::panic::resume_unwind(Box::new("probe"))
                        })
                        .await
                };
                let _ = tokio::spawn(panics).await;
            }
            // Hangs, forever or until one of the next steps ends it.
            2 => hung.extend(begin(&breaker)),
            3 if !hung.is_empty() => {
                let which = random.random_range(0..hung.len());
                drop(hung.swap_remove(which));
            }
            _ => advance(Duration::from_millis(random.random_range(0..15_000))).await,
        }
        assert!(breaker.metrics().probes_in_flight <= 2);
        if random.next_u32().is_multiple_of(50) {
            advance(lease).await;
            assert_eq!(breaker.call(|| ready(Ok::<_, ()>(7))).await, Ok(7), "stuck");
            healthy += 1;
            if breaker.state() == CircuitState::Closed {
                breaker.open();
                breaker.release();
            }
        }
    }
    assert!(healthy > 100, "{healthy}");
}

/// Polls a call that is ready at once.
fn call(breaker: &CircuitBreaker, result: Result<u64, u64>) -> Result<u64, CircuitBreakerError<u64>> {
    let call = std::pin::pin!(breaker.call(|| ready(result)));
    match call.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("ready at once"),
    }
}

#[test]
fn nothing_is_allocated_closed_or_open() {
    let windowed = CircuitBreaker::builder("windowed")
        .without_consecutive_failures()
        .failure_rate(100, 1_000_000)
        .slow_call_rate(60 * SECOND, 100, 1_000_000)
        .build()
        .unwrap();
    let consecutive = CircuitBreaker::builder("consecutive").build().unwrap();
    for breaker in [windowed, consecutive] {
        // The first call of a thread creates its lane.
        let _ = call(&breaker, Ok(1));
        let closed = allocation_counter::measure(|| {
            for n in 0..1000 {
                let _ = call(&breaker, if n % 3 == 0 { Err(n) } else { Ok(n) });
            }
        });
        assert_eq!((closed.count_total, breaker.state()), (0, CircuitState::Closed));
        breaker.open();
        assert!(call(&breaker, Ok(1)).unwrap_err().is_rejected());
        let open = allocation_counter::measure(|| {
            for n in 0..1000 {
                let _ = call(&breaker, Ok(n));
            }
        });
        assert_eq!((open.count_total, breaker.metrics().rejected), (0, 1001));
    }
}
