//! A dependency with all protections in the only correct order: retry → timeout → breaker → call.
//!
//! The breaker is inside the timeout and sees its deadline, so an attempt that times out is a failure of the
//! dependency, and one that the caller cancels is not. A rejection of its own breaker is never retried, and no
//! attempt runs past the caller's deadline, whether passed explicitly or set by an enclosing timeout.

use super::circuit_breaker::CircuitBreaker;
use super::retry::{RetryDecision, RetryPolicy};
use super::timeout::with_deadline;
use crate::deadline::Deadline;
use crate::error::RichError;
use std::time::Duration;

/// A breaker, a time limit per attempt and, for repeatable calls, a retry policy. Cheap to clone.
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
    /// Calls through `breaker`, each attempt limited to `attempt_limit`, without retries.
    pub const fn new(breaker: CircuitBreaker, attempt_limit: Duration) -> Self {
        Self {
            breaker,
            attempt_limit,
            retry: None,
        }
    }

    /// Retries failures that may succeed later ([`RetryDecision::of`]). Only for calls that may take effect twice.
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// The breaker.
    #[must_use]
    pub const fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }

    /// Makes the call. All attempts and pauses together end by `deadline`, or by that of an enclosing timeout if it
    /// is earlier.
    ///
    /// # Errors
    /// The call's own error; Unavailable with code `circuit_open` when the breaker rejects it; Timeout when an
    /// attempt or the whole call took too long. Each has the field `dependency` (the breaker's name); after a retry,
    /// or when a retry was due but not made, also `attempts` and `gave_up` (a
    /// [`StopReason`](super::retry::StopReason)).
    pub async fn call<T, E, F, Fut>(&self, deadline: Deadline, call: F) -> Result<T, RichError>
    where
        E: Into<RichError>,
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let result = match &self.retry {
            None => self.attempt(deadline, &call).await,
            Some(retry) => retry
                .run(deadline, RetryDecision::of, |_| self.attempt(deadline, &call))
                .await
                .map_err(RichError::from),
        };
        result.map_err(|error| error.with_field("dependency", self.breaker.name()))
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
            .call(|| async { call().await.map_err(Into::into) });
        match with_deadline(until, || guarded).await {
            Ok(result) => result.map_err(RichError::from),
            Err(timeout) => Err(timeout.into()),
        }
    }
}

#[cfg(test)]
mod tests;
