//! The errors of this module as a [`RichError`], and what a [`RichError`] means to a retry. Needs the feature `error`.
//!
//! A rejection is our own: it is Unavailable with local origin, so an outer breaker does not count it as a failure of
//! the dependency.

use super::circuit_breaker::{CircuitBreakerError, Rejection};
use super::retry::{RetryDecision, RetryError, StopReason, when};
use super::timeout::TimeoutError;
use crate::error::{ErrorKind, Origin, RichError};

impl From<Rejection> for RichError {
    #[track_caller]
    fn from(rejection: Rejection) -> Self {
        Self::new(ErrorKind::Unavailable, rejection.to_string())
            .with_code("circuit_open")
            .with_origin(Origin::Local)
            .with_retry_after(rejection.retry_after)
    }
}

impl<E: Into<RichError>> From<CircuitBreakerError<E>> for RichError {
    #[track_caller]
    fn from(error: CircuitBreakerError<E>) -> Self {
        match error {
            CircuitBreakerError::Rejected { retry_after, state } => Rejection { retry_after, state }.into(),
            CircuitBreakerError::Inner(inner) => inner.into(),
        }
    }
}

impl From<TimeoutError> for RichError {
    #[track_caller]
    fn from(error: TimeoutError) -> Self {
        Self::new(ErrorKind::Timeout, error.to_string())
    }
}

impl<E: Into<RichError>> From<RetryError<E>> for RichError {
    /// An error after giving up is passed on unchanged; a passed deadline becomes a Timeout that names the error
    /// before it.
    #[track_caller]
    fn from(error: RetryError<E>) -> Self {
        match error {
            RetryError::GaveUp {
                error,
                attempts,
                reason,
            } => {
                let error = error.into();
                if attempts == 1 && reason == StopReason::NotRetryable {
                    return error;
                }
                error
                    .with_field("attempts", attempts.to_string())
                    .with_field("gave_up", format!("{reason:?}"))
            }
            RetryError::DeadlineExceeded { last, attempts } => {
                let error = Self::new(
                    ErrorKind::Timeout,
                    format!("the deadline passed {}", when(attempts)),
                );
                match last {
                    Some(last) => error.with_source(last.into()),
                    None => error,
                }
            }
        }
    }
}

impl RetryDecision {
    /// The decision for an error's kind: retryable kinds are retried, RateLimited as throttled, and their
    /// `retry_after` is honoured; our own rejections (an open breaker) are not retried, because their purpose is to
    /// fail at once.
    #[must_use]
    pub fn of(error: &RichError) -> Self {
        if !error.kind().retryable() || error.origin() == Origin::Local {
            return Self::Stop;
        }
        match error.kind() {
            ErrorKind::RateLimited => Self::Throttled(error.retry_after()),
            _ => Self::Transient(error.retry_after()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{BreakerOutcome, ErrorResponse};
    use crate::resilience::CircuitState;
    use std::time::Duration;

    #[test]
    fn a_rejection_is_a_503_of_our_own_and_an_inner_error_stays_what_it_is() {
        let rejected = CircuitBreakerError::<RichError>::Rejected {
            retry_after: Duration::from_millis(1500),
            state: CircuitState::Open,
        };
        let error = RichError::from(rejected);
        assert_eq!(
            (error.kind(), error.code(), error.status()),
            (ErrorKind::Unavailable, "circuit_open", 503)
        );
        assert_eq!(error.breaker_outcome(), BreakerOutcome::Ignored);
        assert_eq!(ErrorResponse::from(error).retry_after_seconds(), Some(2));
        let inner = CircuitBreakerError::Inner(RichError::new(ErrorKind::NotFound, "no row"));
        assert_eq!(RichError::from(inner).kind(), ErrorKind::NotFound);
    }
}
