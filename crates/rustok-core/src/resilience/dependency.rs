//! One dependency and how it is called, in the only right order: retry → timeout → breaker → call.
//!
//! The breaker stands inside the timeout and is told the deadline, so an attempt that the timeout cuts off is a failure
//! of the dependency, and a caller who goes away is not. It never retries a rejection of its own breaker.

use super::circuit_breaker::CircuitBreaker;
use super::retry::{RetryDecision, RetryPolicy};
use super::timeout::with_deadline;
use crate::deadline::Deadline;
use crate::error::RichError;
use std::time::Duration;

/// A breaker, a limit per attempt and, if its calls may be repeated, a retry policy. Cheap to clone.
///
/// ```
/// use rustok_core::deadline::Deadline;
/// use rustok_core::error::RichError;
/// use rustok_core::resilience::{CircuitBreaker, CircuitBreakerConfig, Dependency, RetryPolicy};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let breaker = CircuitBreaker::new("search", CircuitBreakerConfig::default());
/// let search = Dependency::new(breaker, Duration::from_secs(2))
///     .with_retry(RetryPolicy::exponential(Duration::from_millis(20)));
/// let hits = search.call(Deadline::never(), || async { Ok::<_, RichError>(3) }).await;
/// assert_eq!(hits.unwrap(), 3);
/// # });
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Dependency {
    breaker: CircuitBreaker,
    attempt_limit: Duration,
    retry: Option<RetryPolicy>,
}

impl Dependency {
    /// Calls through `breaker`, each attempt for at most `attempt_limit`, without retries.
    pub const fn new(breaker: CircuitBreaker, attempt_limit: Duration) -> Self {
        Self {
            breaker,
            attempt_limit,
            retry: None,
        }
    }

    /// Repeats what failed and may succeed later ([`RetryDecision::of`]). Only for calls that may take effect twice.
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// The breaker.
    #[must_use]
    pub const fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }

    /// Makes the call. All attempts and pauses together end by `deadline`.
    ///
    /// # Errors
    /// The call's own error; Unavailable with code `circuit_open` when the breaker rejects it; Timeout when an attempt
    /// or the whole took too long.
    pub async fn call<T, E, F, Fut>(&self, deadline: Deadline, call: F) -> Result<T, RichError>
    where
        E: Into<RichError>,
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let Some(retry) = &self.retry else {
            return self.attempt(deadline, &call).await;
        };
        Ok(retry
            .run(deadline, RetryDecision::of, |_| self.attempt(deadline, &call))
            .await?)
    }

    async fn attempt<T, E, F, Fut>(&self, deadline: Deadline, call: &F) -> Result<T, RichError>
    where
        E: Into<RichError>,
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let until = deadline.min(Deadline::after(self.attempt_limit));
        let guarded = self
            .breaker
            .classify(RichError::breaker_outcome)
            .until(until)
            .call(|| async { call().await.map_err(Into::into) });
        let result = match with_deadline(until, || guarded).await {
            Ok(result) => result.map_err(RichError::from),
            Err(timeout) => Err(timeout.into()),
        };
        result.map_err(|error| error.with_field("dependency", self.breaker.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::resilience::{CircuitBreakerConfig, CircuitState};
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
}
