//! The breaker as its callers see it: futures, tasks, threads, listeners, logs. Time is moved, never slept.

use super::*;
use crate::deadline::Deadline;
use crate::error::{ErrorKind, RichError};
use crate::resilience::with_timeout;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{advance, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn breaker() -> CircuitBreaker {
    CircuitBreaker::new(
        "database",
        CircuitBreakerConfig {
            failure_threshold: 3,
            success_threshold: 2,
            timeout: 60 * SECOND,
        },
    )
}

async fn fail(breaker: &CircuitBreaker) {
    let _ = breaker.call(|| async { Err::<(), _>("down") }).await;
}

async fn trip(breaker: &CircuitBreaker) {
    while breaker.state() == CircuitState::Closed {
        fail(breaker).await;
    }
}

#[tokio::test(start_paused = true)]
async fn it_opens_rejects_without_a_call_probes_and_closes() {
    let breaker = breaker();
    trip(&breaker).await;
    assert_eq!(breaker.metrics().failures, 3);
    advance(20 * SECOND).await;
    let rejected = breaker
        .call(|| -> std::future::Ready<Result<(), ()>> { unreachable!("rejected") })
        .await;
    assert_eq!(
        rejected,
        Err(CircuitBreakerError::Rejected {
            retry_after: 40 * SECOND,
            state: CircuitState::Open
        })
    );
    advance(40 * SECOND).await;
    for expected in [CircuitState::HalfOpen, CircuitState::Closed] {
        assert_eq!(breaker.call(|| ready(Ok::<_, ()>(7))).await, Ok(7));
        assert_eq!(breaker.state(), expected);
    }
    let metrics = breaker.metrics();
    assert_eq!(
        (metrics.successes, metrics.rejected, metrics.transitions),
        (2, 1, [1, 1, 1])
    );
    assert_eq!(metrics.state_one_hot(), [1, 0, 0]);
    assert_eq!(metrics.success_rate(), Some(0.4));
    assert_eq!(metrics.rejection_rate(), Some(1.0 / 6.0));
    assert_eq!(metrics.time_in_state[CircuitState::Open.index()], 60 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_success_between_failures_starts_the_count_over() {
    let breaker = breaker();
    for _ in 0..4 {
        fail(&breaker).await;
        fail(&breaker).await;
        assert_eq!(breaker.metrics().consecutive_failures, 2);
        assert!(breaker.call(|| ready(Ok::<_, ()>(()))).await.is_ok());
    }
    assert_eq!(
        (breaker.state(), breaker.metrics().consecutive_failures),
        (CircuitState::Closed, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_result_from_before_the_state_changed_is_late_and_changes_nothing() {
    let breaker = breaker();
    let early: Vec<_> = (0..4).map(|_| breaker.acquire().unwrap()).collect();
    trip(&breaker).await;
    breaker.reset();
    for permit in early {
        permit.finish(BreakerOutcome::Failure);
    }
    let metrics = breaker.metrics();
    assert_eq!(
        (metrics.state, metrics.consecutive_failures),
        (CircuitState::Closed, 0)
    );
    assert_eq!((metrics.failures, metrics.late), (7, 4));
    let early = breaker.acquire().unwrap();
    breaker.reset();
    early.finish(BreakerOutcome::Success);
    assert_eq!(breaker.metrics().late, 5);
}

#[tokio::test(start_paused = true)]
async fn new_clamps_what_makes_no_sense() {
    let zero = CircuitBreakerConfig {
        failure_threshold: 0,
        success_threshold: 0,
        timeout: Duration::ZERO,
    };
    let breaker = CircuitBreaker::new("x", zero);
    assert_eq!(breaker.state(), CircuitState::Closed);
    fail(&breaker).await;
    assert_eq!(breaker.state(), CircuitState::Open);
    advance(Duration::from_millis(1)).await;
    assert!(breaker.call(|| ready(Ok::<_, ()>(()))).await.is_ok());
    assert_eq!(breaker.state(), CircuitState::Closed);
    let default = CircuitBreakerConfig::default();
    assert_eq!(
        (
            default.failure_threshold,
            default.success_threshold,
            default.timeout
        ),
        (5, 2, 60 * SECOND)
    );
}

#[tokio::test(start_paused = true)]
async fn the_largest_numbers_do_no_harm() {
    let breaker = CircuitBreaker::builder("x")
        .consecutive_failures(1_048_575)
        .failure_rate(100, u32::MAX)
        .slow_call_rate(Duration::MAX, 100, u32::MAX)
        .window(Duration::MAX, 1000)
        .success_threshold(u32::MAX)
        .half_open_probes(1000)
        .probe_lease(Duration::MAX)
        .open_time(OpenTime::Exponential {
            initial: Duration::MAX,
            factor: u32::MAX,
            cap: Duration::MAX,
            jitter_percent: 100,
        })
        .build()
        .unwrap();
    for _ in 0..100 {
        fail(&breaker).await;
        advance(Duration::from_secs(365 * 86_400)).await;
    }
    assert_eq!(
        (breaker.state(), breaker.metrics().window_failures),
        (CircuitState::Closed, 100)
    );
    breaker.open();
    assert!(breaker.acquire().is_err());
    breaker.release();
    for _ in 0..3 {
        assert!(breaker.call(|| ready(Ok::<_, ()>(()))).await.is_ok());
    }
    assert_eq!(breaker.state(), CircuitState::HalfOpen, "one probe of very many");
    fail(&breaker).await;
    assert!(breaker.acquire().unwrap_err().retry_after <= Duration::from_nanos(u64::MAX));

    let most = CircuitBreakerConfig {
        failure_threshold: u32::MAX,
        success_threshold: u32::MAX,
        timeout: Duration::MAX,
    };
    let clamped = CircuitBreaker::new("x", most);
    for _ in 0..1_048_575 {
        assert_eq!(clamped.state(), CircuitState::Closed);
        clamped.acquire().unwrap().finish(BreakerOutcome::Failure);
    }
    assert_eq!(clamped.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn an_endless_open_time_does_not_overflow() {
    let config = CircuitBreakerConfig {
        failure_threshold: 1,
        success_threshold: 1,
        timeout: Duration::MAX,
    };
    let breaker = CircuitBreaker::new("x", config);
    fail(&breaker).await;
    advance(3600 * SECOND).await;
    assert!(breaker.acquire().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_whether_the_closure_or_its_future_panics() {
    let breaker = breaker();
    let other = breaker.clone();
    let in_future = tokio::spawn(async move {
        other
            .call(|| async {
                if true {
                    panic!("in the future")
                } else {
                    Ok::<(), ()>(())
                }
            })
            .await
    });
    assert!(in_future.await.unwrap_err().is_panic());
    let other = breaker.clone();
    let in_closure = tokio::spawn(async move {
        other
            .call(|| -> std::future::Ready<Result<(), ()>> { panic!("in the closure") })
            .await
    });
    assert!(in_closure.await.unwrap_err().is_panic());
    let in_guard = catch_unwind(AssertUnwindSafe(|| {
        let _permit = breaker.acquire().unwrap();
        panic!("under a permit");
    }));
    assert!(in_guard.is_err());
    let metrics = breaker.metrics();
    assert_eq!((metrics.panics, metrics.failures, metrics.cancelled), (3, 3, 0));
    assert_eq!(metrics.state, CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_is_kept_reports_once_even_after_its_breaker_is_gone() {
    let breaker = breaker();
    let kept = breaker.acquire_owned().unwrap();
    let given = tokio::spawn(async move { kept.finish(BreakerOutcome::Failure) });
    given.await.unwrap();
    drop(breaker.acquire_owned().unwrap());
    let metrics = breaker.metrics();
    assert_eq!((metrics.failures, metrics.cancelled), (1, 1));
    let kept = breaker.acquire_owned().unwrap();
    drop(breaker);
    kept.finish(BreakerOutcome::Success);
}

#[tokio::test(start_paused = true)]
async fn a_future_dropped_while_something_else_panics_is_only_cancelled() {
    let breaker = breaker();
    let mut call = Box::pin(breaker.call(pending::<Result<(), ()>>));
    assert!(timeout(SECOND, &mut call).await.is_err());
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        let _call = call;
        panic!("not the call's fault");
    }));
    assert!(unwound.is_err());
    assert_eq!((breaker.metrics().panics, breaker.metrics().cancelled), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_is_nothing_unless_configured() {
    let lenient = CircuitBreaker::builder("x")
        .consecutive_failures(1)
        .build()
        .unwrap();
    let strict = CircuitBreaker::builder("x")
        .consecutive_failures(1)
        .cancelled_as(BreakerOutcome::Failure)
        .build()
        .unwrap();
    for (breaker, state) in [(lenient, CircuitState::Closed), (strict, CircuitState::Open)] {
        assert!(
            timeout(SECOND, breaker.call(pending::<Result<(), ()>>))
                .await
                .is_err()
        );
        assert_eq!((breaker.state(), breaker.metrics().cancelled), (state, 1));
    }
    let unpolled = breaker();
    drop(unpolled.call(|| ready(Ok::<(), ()>(()))));
    assert_eq!(unpolled.metrics().cancelled, 0, "no place was taken");
}

#[tokio::test(start_paused = true)]
async fn a_future_dropped_at_its_deadline_is_a_failure_and_before_it_is_not() {
    let breaker = CircuitBreaker::builder("x")
        .consecutive_failures(1)
        .build()
        .unwrap();
    let call = || Deadline::after(2 * SECOND).scope(|| breaker.call(pending::<Result<(), ()>>));
    assert!(timeout(SECOND, call()).await.is_err());
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert!(timeout(2 * SECOND, call()).await.is_err());
    assert_eq!(
        (breaker.state(), breaker.metrics().timeouts),
        (CircuitState::Open, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_timeout_around_it_is_a_failure_and_a_caller_who_leaves_earlier_is_not() {
    let breaker = CircuitBreaker::builder("x")
        .consecutive_failures(1)
        .build()
        .unwrap();
    let call = || with_timeout(2 * SECOND, || breaker.call(pending::<Result<(), ()>>));
    assert!(timeout(SECOND, call()).await.is_err());
    let metrics = breaker.metrics();
    assert_eq!((metrics.cancelled, metrics.state), (1, CircuitState::Closed));
    assert!(call().await.is_err());
    let metrics = breaker.metrics();
    assert_eq!((metrics.timeouts, metrics.state), (1, CircuitState::Open));
}

#[tokio::test(start_paused = true)]
async fn the_classifier_decides() {
    let breaker = CircuitBreaker::builder("x")
        .consecutive_failures(1)
        .build()
        .unwrap();
    let answer = |kind| async move { Err::<(), _>(RichError::new(kind, "x")) };
    let _ = breaker
        .classify(RichError::breaker_outcome)
        .call(|| answer(ErrorKind::NotFound))
        .await;
    let inner = breaker.clone();
    inner.open();
    let _ = breaker
        .classify(|_: &RichError| BreakerOutcome::Ignored)
        .call(|| answer(ErrorKind::Internal))
        .await;
    inner.reset();
    let _ = breaker
        .classify(|_: &RichError| BreakerOutcome::Ignored)
        .call(|| answer(ErrorKind::Internal))
        .await;
    let metrics = breaker.metrics();
    assert_eq!((metrics.successes, metrics.ignored, metrics.rejected), (1, 1, 1));
    let _ = breaker
        .classify(RichError::breaker_outcome)
        .call(|| answer(ErrorKind::Timeout))
        .await;
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_probe_loses_its_place() {
    let breaker = CircuitBreaker::builder("x")
        .probe_lease(30 * SECOND)
        .build()
        .unwrap();
    breaker.open();
    breaker.release();
    let other = breaker.clone();
    let hanging = tokio::spawn(async move { other.call(pending::<Result<(), ()>>).await });
    tokio::task::yield_now().await;
    assert_eq!(breaker.metrics().probes_in_flight, 1);
    assert_eq!(breaker.acquire().unwrap_err().retry_after, SECOND);
    advance(30 * SECOND).await;
    assert!(breaker.call(|| ready(Ok::<_, ()>(()))).await.is_ok());
    hanging.abort();
    assert!(hanging.await.unwrap_err().is_cancelled());
    assert!(breaker.call(|| ready(Ok::<_, ()>(()))).await.is_ok());
    assert_eq!(
        (breaker.state(), breaker.metrics().late),
        (CircuitState::Closed, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_cancelled_or_panics_gives_its_place_back() {
    let breaker = CircuitBreaker::builder("x").build().unwrap();
    breaker.open();
    breaker.release();
    for _ in 0..10 {
        assert!(
            timeout(SECOND, breaker.call(pending::<Result<(), ()>>))
                .await
                .is_err()
        );
        assert_eq!(breaker.metrics().probes_in_flight, 0);
    }
    let other = breaker.clone();
    let panicked = tokio::spawn(async move {
        other
            .call(|| -> std::future::Ready<Result<(), ()>> { panic!("probe") })
            .await
    });
    assert!(panicked.await.is_err());
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn half_open_admits_exactly_one_of_64_tasks() {
    let breaker = breaker();
    trip(&breaker).await;
    advance(60 * SECOND).await;
    let running = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (breaker, running) = (breaker.clone(), running.clone());
            tokio::spawn(async move {
                let probe = || async {
                    running.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(SECOND).await;
                    Ok::<_, ()>(())
                };
                breaker.call(probe).await.is_ok()
            })
        })
        .collect();
    let mut through = 0;
    for task in tasks {
        through += usize::from(task.await.unwrap());
    }
    assert_eq!((through, running.load(Ordering::Relaxed)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_window_and_slow_rules_see_the_clock() {
    let breaker = CircuitBreaker::builder("x")
        .without_consecutive_failures()
        .slow_call_rate(SECOND, 50, 2)
        .window(10 * SECOND, 10)
        .build()
        .unwrap();
    let call = |time| {
        breaker.call(move || async move {
            tokio::time::sleep(time).await;
            Ok::<_, ()>(())
        })
    };
    call(SECOND / 2).await.unwrap();
    assert_eq!((breaker.metrics().slow, breaker.metrics().window_calls), (0, 1));
    call(SECOND).await.unwrap();
    assert_eq!((breaker.metrics().slow, breaker.state()), (1, CircuitState::Open));
}

#[tokio::test(start_paused = true)]
async fn manual_states_are_latched() {
    let breaker = breaker();
    breaker.open();
    advance(3600 * SECOND).await;
    assert_eq!(breaker.acquire().unwrap_err().retry_after, 60 * SECOND);
    assert_eq!(breaker.mode(), CircuitMode::ForcedOpen);
    breaker.close();
    for _ in 0..9 {
        fail(&breaker).await;
    }
    assert_eq!(
        (breaker.state(), breaker.metrics().failures),
        (CircuitState::Closed, 9)
    );
    breaker.disable();
    fail(&breaker).await;
    assert_eq!(
        (breaker.mode(), breaker.metrics().failures),
        (CircuitMode::Disabled, 9)
    );
    breaker.release();
    assert_eq!(
        (breaker.mode(), breaker.state()),
        (CircuitMode::Automatic, CircuitState::Closed)
    );
    trip(&breaker).await;
    breaker.reset();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn listeners_hear_everything_in_order_and_may_use_the_breaker() {
    use CircuitState::{Closed, Open};
    use TransitionReason::{ConsecutiveFailures, Reset};
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (log, slot) = (heard.clone(), Arc::new(Mutex::new(None::<CircuitBreaker>)));
    let inner = slot.clone();
    let breaker = CircuitBreaker::builder("x")
        .consecutive_failures(1)
        .on_transition(|_| panic!("a listener may panic"))
        .on_transition(move |transition| {
            let breaker = inner.lock().unwrap().clone();
            if let (Open, Some(breaker)) = (transition.to, breaker) {
                assert_eq!(breaker.metrics().state, Open);
                breaker.reset();
            }
        })
        // It comes after the one that resets, and still hears of the opening first.
        .on_transition(move |transition| {
            log.lock()
                .unwrap()
                .push((transition.from, transition.to, transition.reason));
        })
        .build()
        .unwrap();
    *slot.lock().unwrap() = Some(breaker.clone());
    fail(&breaker).await;
    fail(&breaker).await;
    let round = [(Closed, Open, ConsecutiveFailures), (Open, Closed, Reset)];
    assert_eq!(*heard.lock().unwrap(), [round, round].concat());
    *slot.lock().unwrap() = None;
}

/// Counts events; the rest of the trait does not matter here.
struct Lines(Arc<AtomicUsize>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn rejections_are_logged_once_a_second() {
    let breaker = breaker();
    trip(&breaker).await;
    let lines = Arc::new(AtomicUsize::new(0));
    let _guard = tracing::subscriber::set_default(Lines(lines.clone()));
    for second in 1..=3 {
        for _ in 0..1000 {
            assert!(breaker.acquire().is_err());
        }
        assert_eq!(lines.load(Ordering::Relaxed), second);
        advance(SECOND).await;
    }
    assert_eq!(breaker.metrics().rejected, 3000);
}

#[test]
fn futures_and_breakers_can_cross_threads() {
    const fn is_send<T: Send>(_: &T) {}
    const fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<CircuitBreaker>();
    let breaker = breaker();
    is_send(&breaker.call(|| async { Ok::<_, std::io::Error>(vec![1]) }));
    is_send(
        &breaker
            .classify(RichError::breaker_outcome)
            .call(|| async { Ok::<_, RichError>(()) }),
    );
}
