//! Pauses, predicates, deadlines and budgets of retries, on a paused clock.

use super::*;
use crate::deadline::Deadline;
use crate::error::{ErrorKind, Origin, RichError};
use crate::resilience::{JitterSource, with_timeout};
use proptest::prelude::*;
use std::cell::Cell;
use std::future::{pending, ready};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn policy() -> RetryPolicy {
    RetryPolicy::fixed(SECOND).without_jitter().max_attempts(3)
}

fn always<E>(_: &E) -> RetryDecision {
    RetryDecision::Transient(None)
}

#[test]
fn backoffs_grow_as_they_say() {
    let pauses = |backoff: Backoff| [0, 1, 2, 3, 4, 9].map(|n| backoff.pause_after(n).as_secs());
    let exponential = |factor| Backoff::Exponential {
        initial: SECOND,
        factor,
    };
    let linear = Backoff::Linear {
        initial: SECOND,
        step: 3 * SECOND,
    };
    assert_eq!(pauses(Backoff::Fixed(2 * SECOND)), [2, 2, 2, 2, 2, 2]);
    assert_eq!(pauses(linear), [1, 1, 4, 7, 10, 25]);
    assert_eq!(pauses(exponential(2)), [1, 1, 2, 4, 8, 256]);
    assert_eq!(pauses(exponential(3)), [1, 1, 3, 9, 27, 6561]);
    assert_eq!(pauses(exponential(1)), [1; 6]);
    assert_eq!(pauses(exponential(0)), [1; 6], "no pauses that shrink to nothing");
}

#[test]
fn what_is_too_long_counts_as_the_longest_there_is() {
    let years = Duration::from_nanos(u64::MAX);
    let (initial, step, factor) = (SECOND, Duration::MAX, 2);
    let backoffs = [
        (Backoff::Linear { initial, step }, Duration::MAX),
        (Backoff::Linear { initial: step, step }, Duration::MAX),
        (Backoff::Exponential { initial, factor }, years),
        (
            Backoff::Exponential {
                initial: step,
                factor,
            },
            years,
        ),
        (
            Backoff::Exponential {
                initial,
                factor: u32::MAX,
            },
            years,
        ),
    ];
    for (backoff, longest) in backoffs {
        assert_eq!(backoff.pause_after(u32::MAX), longest, "{backoff:?}");
    }
    let nothing = Duration::ZERO;
    assert_eq!(
        Backoff::Exponential {
            initial: nothing,
            factor: u32::MAX
        }
        .pause_after(u32::MAX),
        nothing
    );
}

fn any_duration() -> impl Strategy<Value = Duration> {
    let edges = vec![
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_nanos(u64::MAX),
        Duration::MAX,
    ];
    prop_oneof![
        any::<u64>().prop_map(Duration::from_millis),
        any::<u32>().prop_map(|n| Duration::from_nanos(n.into())),
        prop::sample::select(edges),
    ]
}

fn any_backoff() -> impl Strategy<Value = Backoff> {
    prop_oneof![
        any_duration().prop_map(Backoff::Fixed),
        (any_duration(), any_duration()).prop_map(|(initial, step)| Backoff::Linear { initial, step }),
        (any_duration(), any::<u32>()).prop_map(|(initial, factor)| Backoff::Exponential { initial, factor }),
    ]
}

proptest! {
    #[test]
    fn no_setting_panics_and_every_pause_keeps_its_bounds(
        backoff in any_backoff(),
        throttled in any_backoff(),
        cap in any_duration(),
        asked in prop::option::of(any_duration()),
        jitter in any::<bool>(),
        attempt in prop_oneof![any::<u32>(), Just(0), Just(1), Just(u32::MAX - 1)],
        within in prop::option::of(any_duration()),
    ) {
        let policy = RetryPolicy::new(backoff)
            .throttled_backoff(throttled)
            .cap(cap)
            .longest_retry_after(Duration::MAX)
            .max_attempts(u32::MAX);
        let policy = if jitter { policy.full_jitter(JitterSource::seeded(1)) } else { policy.without_jitter() };
        let deadline = within.map_or(Deadline::never(), Deadline::after);
        let bounded = deadline != Deadline::never();
        for (decision, backoff) in [(RetryDecision::Transient(asked), backoff), (RetryDecision::Throttled(asked), throttled)] {
            let longest = backoff.pause_after(attempt).min(cap);
            prop_assert!(backoff.pause_after(attempt) <= backoff.pause_after(u32::MAX), "it never shrinks");
            match policy.prepare(decision, attempt, deadline) {
                Ok((pause, cost)) => {
                    let asked = asked.unwrap_or_default();
                    prop_assert!(asked <= pause && pause <= asked.saturating_add(longest), "{pause:?}");
                    prop_assert!(jitter || pause == asked.max(longest));
                    prop_assert!(!bounded || within.is_some_and(|within| pause < within));
                    prop_assert_eq!(cost, 0);
                }
                Err(reason) => prop_assert_eq!((reason, bounded), (StopReason::Deadline, true)),
            }
            let stop = policy.prepare(decision, u32::MAX, deadline);
            prop_assert_eq!(stop, Err(StopReason::Attempts), "there is a last attempt");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn settings_without_sense_are_taken_as_documented() {
    let fails = |_| ready(Err::<(), _>(()));
    let once = policy()
        .max_attempts(0)
        .run(Deadline::never(), always, fails)
        .await;
    assert_eq!(once.unwrap_err().attempts(), 1);

    let begun = Instant::now();
    let capped = policy()
        .cap(Duration::ZERO)
        .run(Deadline::never(), always, fails)
        .await;
    assert_eq!(capped.unwrap_err().attempts(), 3);
    assert!(
        begun.elapsed() < Duration::from_millis(5),
        "no pauses: {:?}",
        begun.elapsed()
    );

    let endless = RetryPolicy::fixed(Duration::MAX)
        .without_jitter()
        .cap(Duration::MAX);
    let stopped = endless.run(Deadline::after(SECOND), always, fails).await;
    assert!(matches!(
        stopped,
        Err(RetryError::GaveUp {
            reason: StopReason::Deadline,
            ..
        })
    ));
    let waiting = endless.run(Deadline::never(), always, fails);
    assert!(
        tokio::time::timeout(1000 * SECOND, waiting).await.is_err(),
        "it waits, it does not panic"
    );
}

#[tokio::test(start_paused = true)]
async fn retries_without_pauses_leave_room_for_others() {
    let policy = RetryPolicy::fixed(Duration::ZERO).max_attempts(u32::MAX);
    let other = tokio::spawn(async {
        tokio::task::yield_now().await;
        tokio::time::advance(2 * SECOND).await;
    });
    let result = policy
        .run(Deadline::after(SECOND), always, |_| ready(Err::<(), _>(())))
        .await;
    assert!(result.is_err());
    other.await.unwrap();
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
            RetryDecision::Transient(None)
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
    let after = |seconds| move |_: &()| RetryDecision::Transient(Some(seconds * SECOND));
    let fails = |_| ready(Err::<(), _>(()));
    let gave_up = |reason| {
        Err(RetryError::GaveUp {
            error: (),
            attempts: 1,
            reason,
        })
    };
    let begun = Instant::now();
    let result = policy()
        .run(Deadline::never(), after(7), |n| {
            ready(if n == 2 { Ok(()) } else { Err(()) })
        })
        .await;
    assert_eq!((result, begun.elapsed().as_secs()), (Ok(()), 7));

    let begun = Instant::now();
    let result = policy().run(Deadline::never(), after(61), fails).await;
    assert_eq!(result, gave_up(StopReason::RetryAfterTooLong));
    let never_wait = policy().longest_retry_after(Duration::ZERO);
    let result = never_wait.run(Deadline::never(), after(1), fails).await;
    assert_eq!(result, gave_up(StopReason::RetryAfterTooLong));
    // Exactly up to the deadline is too long: no time would be left to try.
    let result = policy().run(Deadline::after(7 * SECOND), after(7), fails).await;
    assert_eq!(result, gave_up(StopReason::Deadline));
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits for nothing");
}

#[tokio::test(start_paused = true)]
async fn jitter_comes_after_what_the_dependency_asked_for() {
    let policy = RetryPolicy::fixed(10 * SECOND).full_jitter(JitterSource::seeded(3));
    let mut pauses = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let result = policy
            .run(
                Deadline::never(),
                |_: &()| RetryDecision::Transient(Some(7 * SECOND)),
                |n| ready(if n == 2 { Ok(()) } else { Err(()) }),
            )
            .await;
        assert_eq!(result, Ok(()));
        pauses.push(begun.elapsed().as_secs());
    }
    assert!(pauses.iter().all(|pause| (7..=17).contains(pause)), "{pauses:?}");
    pauses.sort_unstable();
    pauses.dedup();
    assert!(pauses.len() > 4, "not all at the same time: {pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_waits_longer() {
    let run = |policy: RetryPolicy| async move {
        let begun = Instant::now();
        let throttled = |_: &()| RetryDecision::Throttled(None);
        let _ = policy
            .max_attempts(4)
            .run(Deadline::never(), throttled, |_| ready(Err::<(), _>(())))
            .await;
        begun.elapsed().as_secs()
    };
    let quick = RetryPolicy::fixed(Duration::ZERO).without_jitter();
    assert_eq!(run(quick.clone()).await, 1 + 2 + 4);
    assert_eq!(
        run(quick.clone().throttled_backoff(Backoff::Fixed(5 * SECOND))).await,
        15
    );
    assert_eq!(run(quick.cap(2 * SECOND)).await, 1 + 2 + 2);
}

#[tokio::test(start_paused = true)]
async fn an_enclosing_timeout_bounds_attempts_and_pauses() {
    let begun = Instant::now();
    let busy = policy().max_attempts(u32::MAX);
    let result = with_timeout(3 * SECOND + SECOND / 2, || {
        busy.run(Deadline::never(), always, |_| ready(Err::<(), _>("busy")))
    })
    .await;
    // Attempts at 0, 1, 2 and 3 s; the next one would be too late, so there is no wait for the timeout.
    let gave_up = RetryError::GaveUp {
        error: "busy",
        attempts: 4,
        reason: StopReason::Deadline,
    };
    assert_eq!((result, begun.elapsed().as_secs()), (Ok(Err(gave_up)), 3));
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

#[test]
fn rich_errors_say_themselves_whether_to_retry() {
    let of = |kind| RetryDecision::of(&RichError::new(kind, "x"));
    assert_eq!(of(ErrorKind::Timeout), RetryDecision::Transient(None));
    assert_eq!(of(ErrorKind::Unavailable), RetryDecision::Transient(None));
    assert_eq!(of(ErrorKind::RateLimited), RetryDecision::Throttled(None));
    assert_eq!(of(ErrorKind::Conflict), RetryDecision::Stop);
    assert_eq!(of(ErrorKind::Internal), RetryDecision::Stop);
    let limited = RichError::new(ErrorKind::RateLimited, "x").with_retry_after(SECOND);
    assert_eq!(
        RetryDecision::of(&limited),
        RetryDecision::Throttled(Some(SECOND))
    );
    let down = RichError::new(ErrorKind::Unavailable, "x").with_retry_after(SECOND);
    assert_eq!(RetryDecision::of(&down), RetryDecision::Transient(Some(SECOND)));
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
    assert_eq!(error.to_string(), "the deadline passed in attempt 2");
    let never_begun = RetryError::<RichError>::DeadlineExceeded {
        last: None,
        attempts: 0,
    };
    assert_eq!(
        never_begun.to_string(),
        "the deadline passed before the first attempt"
    );
    assert_eq!(
        RichError::from(never_begun).to_string(),
        "the deadline passed before the first attempt"
    );
}
