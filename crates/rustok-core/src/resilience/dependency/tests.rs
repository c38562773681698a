//! The order retry, timeout, breaker, call: what each layer sees and what they cost together, on a paused clock.

use super::*;
use crate::error::{ErrorKind, Origin};
use crate::resilience::retry::Backoff;
use crate::resilience::{CircuitBreakerConfig, CircuitState, RetryBudget, with_timeout};
use std::future::{pending, ready};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn dependency(failures: u32, attempts: u32) -> Dependency {
    let config = CircuitBreakerConfig {
        failure_threshold: failures,
        success_threshold: 1,
        timeout: 60 * SECOND,
    };
    Dependency::new(CircuitBreaker::new("search", config), 2 * SECOND)
        .with_retry(RetryPolicy::fixed(SECOND).without_jitter().max_attempts(attempts))
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_timeout_and_each_timeout_counts_for_the_breaker() {
    let (search, begun) = (dependency(3, 3), Instant::now());
    let error = search
        .call(Deadline::never(), pending::<Result<(), RichError>>)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    // Three attempts of 2 s with pauses of 1 s: retry is outside the timeout.
    assert_eq!(begun.elapsed().as_secs(), 8);
    // The breaker is inside the timeout and saw all three.
    assert_eq!(search.breaker().metrics().timeouts, 3);
    assert_eq!(search.breaker().state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_ends_the_retries_at_once_and_makes_no_call() {
    let (search, calls, begun) = (dependency(1, 10), AtomicU32::new(0), Instant::now());
    let call = || {
        calls.fetch_add(1, Ordering::Relaxed);
        ready(Err::<(), _>(RichError::new(
            ErrorKind::ExternalService,
            "reset by peer",
        )))
    };
    let error = search.call(Deadline::never(), call).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Unavailable, "circuit_open")
    );
    assert_eq!(error.retry_after(), Some(59 * SECOND));
    // One call, one pause, one rejection.
    assert_eq!((calls.load(Ordering::Relaxed), begun.elapsed().as_secs()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_sum_of_everything_keeps_the_deadline() {
    for millis in [500, 1999, 2000, 2500, 3001, 7000] {
        let (search, begun) = (dependency(100, 100), Instant::now());
        let limit = Duration::from_millis(millis);
        let error = search
            .call(Deadline::after(limit), pending::<Result<(), RichError>>)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{millis}");
        assert!(
            begun.elapsed() <= limit + Duration::from_millis(1),
            "{millis}: {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_sum_keeps_an_enclosing_timeout_too_and_still_says_what_went_wrong() {
    for millis in [500, 1999, 2000, 2500, 3001, 7000] {
        let (search, begun) = (dependency(100, 100), Instant::now());
        let limit = Duration::from_millis(millis);
        let call = || search.call(Deadline::never(), pending::<Result<(), RichError>>);
        let error = with_timeout(limit, call).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{millis}");
        assert_eq!(error.fields().last(), Some(("dependency", "search")), "{millis}");
        assert!(begun.elapsed() <= limit + Duration::from_millis(1), "{millis}");
        let metrics = search.breaker().metrics();
        assert_eq!(
            metrics.timeouts,
            u64::from(millis > 2999) + u64::from(millis > 5999) + 1,
            "{millis}"
        );
        assert_eq!(metrics.cancelled, 0, "{millis}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_deadline_nothing_is_called() {
    let late = Deadline::after(Duration::ZERO);
    let with_retry = dependency(1, 3);
    let without = Dependency::new(with_retry.breaker().clone(), SECOND);
    for search in [with_retry, without] {
        let call = || -> std::future::Ready<Result<(), RichError>> { unreachable!("too late") };
        let error = search.call(late, call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(error.fields().collect::<Vec<_>>(), [("dependency", "search")]);
        assert_eq!(search.breaker().metrics().timeouts, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn without_retries_the_limit_and_the_deadline_hold_too() {
    let search = Dependency::new(
        CircuitBreaker::new("search", CircuitBreakerConfig::default()),
        2 * SECOND,
    );
    for (deadline, seconds) in [(Deadline::never(), 2), (Deadline::after(3 * SECOND), 1)] {
        let begun = Instant::now();
        let error = search
            .call(deadline, pending::<Result<(), RichError>>)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), begun.elapsed().as_secs()),
            (ErrorKind::Timeout, seconds)
        );
    }
    assert_eq!(search.breaker().metrics().timeouts, 2);
}

/// Calls it once with a server that always answers so, and says how many tokens that cost and what the error tells.
async fn spent(kind: ErrorKind, tokens: u32) -> (u32, Vec<(String, String)>) {
    let budget = RetryBudget::new(tokens, 14, 5);
    let search = dependency(100, 3).with_retry(
        RetryPolicy::fixed(SECOND)
            .throttled_backoff(Backoff::Fixed(SECOND))
            .budget(budget.clone()),
    );
    let call = || {
        ready(Err::<(), _>(
            RichError::new(kind, "no").with_origin(Origin::Remote),
        ))
    };
    let error = search.call(Deadline::never(), call).await.unwrap_err();
    assert_eq!(error.kind(), kind);
    let reported = error
        .fields()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    (tokens - budget.balance(), reported)
}

#[tokio::test(start_paused = true)]
async fn a_throttled_answer_costs_less_than_a_failure_and_the_error_tells_who_stopped_it() {
    let reported = |attempts: &str, reason: &str| {
        [
            ("attempts", attempts),
            ("gave_up", reason),
            ("dependency", "search"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    };
    for kind in [
        ErrorKind::Unavailable,
        ErrorKind::Timeout,
        ErrorKind::ExternalService,
    ] {
        assert_eq!(
            spent(kind, 500).await,
            (28, reported("3", "Attempts")),
            "{kind:?}"
        );
        assert_eq!(spent(kind, 27).await, (14, reported("2", "Budget")), "{kind:?}");
        assert_eq!(spent(kind, 13).await, (0, reported("1", "Budget")), "{kind:?}");
    }
    assert_eq!(
        spent(ErrorKind::RateLimited, 500).await,
        (10, reported("3", "Attempts"))
    );
    assert_eq!(
        spent(ErrorKind::RateLimited, 9).await,
        (5, reported("2", "Budget"))
    );
    assert_eq!(
        spent(ErrorKind::NotFound, 500).await,
        (0, vec![("dependency".into(), "search".into())])
    );
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_asks_for_a_pause_gets_it_and_its_success_pays_it_back() {
    let (budget, begun, calls) = (RetryBudget::default(), Instant::now(), AtomicU32::new(0));
    let search = dependency(100, 3).with_retry(RetryPolicy::fixed(SECOND).budget(budget.clone()));
    let limited = || RichError::new(ErrorKind::RateLimited, "slow down").with_retry_after(5 * SECOND);
    let answer = search.call(Deadline::never(), || {
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        ready(if first {
            Err(limited())
        } else {
            Ok(budget.balance())
        })
    });
    assert_eq!(answer.await.unwrap(), 495, "paid before the retry");
    assert_eq!(budget.balance(), 500);
    assert!(
        (5..=6).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
    let metrics = search.breaker().metrics();
    assert_eq!((metrics.failures, metrics.successes), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_costs_no_token_and_a_timeout_costs_a_transient_retry() {
    let budget = RetryBudget::default();
    let policy = RetryPolicy::fixed(SECOND).without_jitter().max_attempts(9);
    let search = dependency(2, 9).with_retry(policy.budget(budget.clone()));
    let hang = || search.call(Deadline::never(), pending::<Result<(), RichError>>);
    // Two timeouts open the breaker; the third attempt is rejected.
    assert_eq!(hang().await.unwrap_err().code(), "circuit_open");
    assert_eq!(budget.balance(), 500 - 28);
    assert_eq!(hang().await.unwrap_err().code(), "circuit_open");
    assert_eq!(budget.balance(), 500 - 28);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_is_no_failure() {
    let search = dependency(1, 1);
    let gone = timeout(
        SECOND,
        search.call(Deadline::never(), pending::<Result<(), RichError>>),
    )
    .await;
    assert!(gone.is_err());
    let metrics = search.breaker().metrics();
    assert_eq!(
        (metrics.cancelled, metrics.failures, metrics.state),
        (1, 0, CircuitState::Closed)
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_fault_of_the_dependency_is_passed_on_once() {
    let (search, calls) = (dependency(1, 5), AtomicU32::new(0));
    let call = || {
        calls.fetch_add(1, Ordering::Relaxed);
        ready(Err::<(), _>(RichError::new(ErrorKind::NotFound, "no such index")))
    };
    let error = search.call(Deadline::never(), call).await.unwrap_err();
    assert_eq!(
        (error.kind(), calls.load(Ordering::Relaxed)),
        (ErrorKind::NotFound, 1)
    );
    assert_eq!(search.breaker().state(), CircuitState::Closed);
}
