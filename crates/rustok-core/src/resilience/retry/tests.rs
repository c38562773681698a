//! Pauses, predicates, deadlines and budgets of retries, on a paused clock.

use super::*;
use crate::deadline::Deadline;
use crate::resilience::JitterSource;
use proptest::prelude::*;
use std::cell::Cell;
use std::future::{pending, ready};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn policy() -> RetryPolicy {
    RetryPolicy::fixed(SECOND).without_jitter().max_attempts(3)
}

fn always<E>(_: &E) -> RetryDecision {
    RetryDecision::Retry
}

#[test]
fn backoffs_grow_as_they_say_up_to_the_cap() {
    let pauses = |policy: RetryPolicy| [1, 2, 3, 4, 99].map(|n| policy.pause_after(n).as_secs());
    let cap = 10 * SECOND;
    assert_eq!(pauses(RetryPolicy::fixed(2 * SECOND).cap(cap)), [2, 2, 2, 2, 2]);
    assert_eq!(
        pauses(RetryPolicy::linear(SECOND, 3 * SECOND).cap(cap)),
        [1, 4, 7, 10, 10]
    );
    assert_eq!(
        pauses(RetryPolicy::exponential(SECOND).cap(cap)),
        [1, 2, 4, 8, 10]
    );
}

proptest! {
    #[test]
    fn no_attempt_number_overflows(initial in any::<u64>(), factor in any::<u32>(), attempt in any::<u32>()) {
        let initial = Duration::from_millis(initial);
        let backoffs =
            [Backoff::Fixed(initial), Backoff::Linear { initial, step: initial }, Backoff::Exponential { initial, factor }];
        for backoff in backoffs {
            for attempt in [attempt, 0, u32::MAX] {
                let policy = RetryPolicy::new(backoff).full_jitter(JitterSource::seeded(1)).cap(Duration::MAX);
                let _ = policy.pause_after(attempt);
                prop_assert!(policy.cap(SECOND).pause_after(attempt) <= SECOND);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_tries_as_often_as_it_may_and_waits_between() {
    let (begun, calls) = (Instant::now(), Cell::new(0));
    let result = policy()
        .run(Deadline::never(), always, |attempt| {
            calls.set(calls.get() + 1);
            assert_eq!(attempt, calls.get());
            ready(Err::<(), _>(attempt))
        })
        .await;
    assert_eq!(
        result,
        Err(RetryError::GaveUp {
            error: 3,
            attempts: 3,
            reason: StopReason::Attempts
        })
    );
    assert_eq!(begun.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_predicate_sees_the_typed_error() {
    let decide = |error: &i32| {
        if *error < 2 {
            RetryDecision::Retry
        } else {
            RetryDecision::Stop
        }
    };
    let result = policy()
        .max_attempts(9)
        .run(Deadline::never(), decide, |n| {
            ready(Err::<(), _>(i32::try_from(n).unwrap()))
        })
        .await;
    assert_eq!(
        result,
        Err(RetryError::GaveUp {
            error: 2,
            attempts: 2,
            reason: StopReason::NotRetryable
        })
    );
    let result = policy()
        .run(Deadline::never(), always::<()>, |n| {
            ready(if n == 2 { Ok(n) } else { Err(()) })
        })
        .await;
    assert_eq!(result, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn attempts_and_pauses_together_keep_the_deadline() {
    let begun = Instant::now();
    let slow = |_| async {
        tokio::time::sleep(SECOND).await;
        Err::<(), _>("busy")
    };
    let forever = policy().max_attempts(u32::MAX);
    let result = forever
        .run(Deadline::after(Duration::from_millis(4500)), always, slow)
        .await;
    // Attempt at 0, pause, attempt at 2, pause, attempt at 4: cut off.
    assert_eq!(
        result,
        Err(RetryError::DeadlineExceeded {
            last: Some("busy"),
            attempts: 3
        })
    );
    assert!(begun.elapsed() < Duration::from_millis(4502));

    let begun = Instant::now();
    let result = forever
        .run(Deadline::after(Duration::from_millis(3500)), always, slow)
        .await;
    // The second attempt ends at 3 s; a pause of 1 s would pass the deadline, so it is not even begun.
    assert_eq!(
        result,
        Err(RetryError::GaveUp {
            error: "busy",
            attempts: 2,
            reason: StopReason::Deadline
        })
    );
    assert_eq!(begun.elapsed().as_secs(), 3);

    let late = Deadline::after(Duration::ZERO);
    let result = forever
        .run(late, always::<()>, |_| -> std::future::Ready<Result<(), ()>> {
            unreachable!()
        })
        .await;
    assert_eq!(
        result,
        Err(RetryError::DeadlineExceeded {
            last: None,
            attempts: 0
        })
    );
    let result = forever
        .run(Deadline::after(SECOND), always::<()>, |_| {
            pending::<Result<(), ()>>()
        })
        .await;
    assert_eq!(
        result,
        Err(RetryError::DeadlineExceeded {
            last: None,
            attempts: 1
        })
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_if_it_is_not_too_long() {
    let after = |seconds| move |_: &()| RetryDecision::RetryAfter(seconds * SECOND);
    let begun = Instant::now();
    let result = policy()
        .run(Deadline::never(), after(7), |n| {
            ready(if n == 2 { Ok(()) } else { Err(()) })
        })
        .await;
    assert_eq!((result, begun.elapsed().as_secs()), (Ok(()), 7));
    let result = policy()
        .run(Deadline::never(), after(61), |_| ready(Err::<(), _>(())))
        .await;
    assert_eq!(
        result,
        Err(RetryError::GaveUp {
            error: (),
            attempts: 1,
            reason: StopReason::RetryAfterTooLong
        })
    );
}

#[tokio::test(start_paused = true)]
async fn full_jitter_draws_between_zero_and_the_backoff() {
    let waits = |seed| async move {
        let policy = RetryPolicy::fixed(SECOND)
            .full_jitter(JitterSource::seeded(seed))
            .max_attempts(20);
        let begun = Instant::now();
        let _ = policy
            .run(Deadline::never(), always, |_| ready(Err::<(), _>(())))
            .await;
        begun.elapsed()
    };
    let (one, again, other) = (waits(1).await, waits(1).await, waits(2).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    assert!(
        one > 4 * SECOND && one < 15 * SECOND,
        "19 pauses of half a second on average, not {one:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_stops_retries_of_all_callers() {
    let policy = policy().max_attempts(10).budget(RetryBudget::new(0, 0, 4));
    let run = || policy.run(Deadline::never(), always, |_| ready(Err::<(), _>(())));
    let (first, second) = (run().await.unwrap_err(), run().await.unwrap_err());
    assert_eq!(
        first,
        RetryError::GaveUp {
            error: (),
            attempts: 5,
            reason: StopReason::Budget
        }
    );
    assert_eq!(second.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_call_pays_into_the_budget_once() {
    let budget = RetryBudget::new(50, 0, 10);
    while budget.withdraw() {}
    let policy = policy().max_attempts(10).budget(budget);
    let run = || policy.run(Deadline::never(), always, |_| ready(Err::<(), _>(())));
    let mut attempts = Vec::new();
    for _ in 0..4 {
        attempts.push(run().await.unwrap_err().attempts());
    }
    assert_eq!(attempts, [1, 2, 1, 2]);
}

#[test]
fn rich_errors_say_themselves_whether_to_retry() {
    let of = |kind| RetryDecision::of(&RichError::new(kind, "x"));
    assert_eq!(of(ErrorKind::Timeout), RetryDecision::Retry);
    assert_eq!(of(ErrorKind::Unavailable), RetryDecision::Retry);
    assert_eq!(of(ErrorKind::Conflict), RetryDecision::Stop);
    assert_eq!(of(ErrorKind::Internal), RetryDecision::Stop);
    let limited = RichError::new(ErrorKind::RateLimited, "x").with_retry_after(SECOND);
    assert_eq!(RetryDecision::of(&limited), RetryDecision::RetryAfter(SECOND));
    assert_eq!(
        RetryDecision::of(&limited.with_origin(Origin::Local)),
        RetryDecision::Stop
    );
}

#[test]
fn a_retry_error_keeps_the_kind_or_becomes_a_timeout() {
    let inner = || RichError::new(ErrorKind::RateLimited, "busy");
    let gave_up = RetryError::GaveUp {
        error: inner(),
        attempts: 3,
        reason: StopReason::Attempts,
    };
    let error = RichError::from(gave_up);
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.fields().next(), Some(("attempts", "3")));
    let error = RichError::from(RetryError::DeadlineExceeded {
        last: Some(inner()),
        attempts: 2,
    });
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "busy");
}
