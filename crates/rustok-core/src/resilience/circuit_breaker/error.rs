//! The errors of a call through a breaker.
//!
//! What they are as a `RichError` stands in `resilience/rich.rs`.

use super::CircuitState;
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
