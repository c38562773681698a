//! The errors of a call through a breaker.
//!
//! A rejection is our own: it is Unavailable with local origin, so an outer breaker does not count it as a failure of
//! the dependency.

use super::CircuitState;
use crate::error::{ErrorKind, Origin, RichError};
use std::time::Duration;
use thiserror::Error;

/// The breaker did not admit the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("circuit breaker is {state}, retry after {retry_after:?}")]
pub struct Rejection {
    /// When to retry: the rest of the open time; at most 1 s while half-open and full; the first open time when it
    /// was opened manually.
    pub retry_after: Duration,
    /// Open, or half-open with all slots taken.
    pub state: CircuitState,
}

/// The error of `call`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CircuitBreakerError<E> {
    /// The call was rejected; its closure was not run.
    #[error("circuit breaker is {state}, retry after {retry_after:?}")]
    Rejected {
        /// When to retry; see [`Rejection::retry_after`].
        retry_after: Duration,
        /// Open, or half-open with all slots taken.
        state: CircuitState,
    },
    /// The call was admitted and failed.
    #[error(transparent)]
    Inner(E),
}

impl<E> CircuitBreakerError<E> {
    /// Whether the call was rejected.
    #[must_use]
    pub const fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected { .. })
    }

    /// When to retry, if it was rejected.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected { retry_after, .. } => Some(*retry_after),
            Self::Inner(_) => None,
        }
    }

    /// The call's own error, if it was admitted.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Rejected { .. } => None,
            Self::Inner(error) => Some(error),
        }
    }
}

impl<E> From<Rejection> for CircuitBreakerError<E> {
    fn from(Rejection { retry_after, state }: Rejection) -> Self {
        Self::Rejected { retry_after, state }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{BreakerOutcome, ErrorResponse};

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
