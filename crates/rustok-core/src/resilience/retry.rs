//! Trying again: when, how often, and when not to.
//!
//! A retry repeats the call's effect, so only what may happen twice may be retried; whoever calls answers for that. It
//! must never wait past the deadline, and a budget keeps it from multiplying the load on what is already down.

mod budget;
mod policy;
#[cfg(test)]
mod tests;

use crate::error::{ErrorKind, Origin, RichError};
use std::time::Duration;
use thiserror::Error;

pub use budget::RetryBudget;
pub use policy::{Backoff, RetryPolicy};

/// What a failed attempt calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// Give up: it would fail again.
    Stop,
    /// Try again after the policy's backoff.
    Retry,
    /// Try again, not before this time (`Retry-After`), and not before the backoff.
    RetryAfter(Duration),
}

impl RetryDecision {
    /// The decision that follows from an error's kind: retryable kinds are tried again and their `retry_after` is
    /// honoured; our own rejections (an open breaker) are not, because the point of those is to fail at once.
    #[must_use]
    pub fn of(error: &RichError) -> Self {
        if !error.kind().retryable() || error.origin() == Origin::Local {
            return Self::Stop;
        }
        error.retry_after().map_or(Self::Retry, Self::RetryAfter)
    }
}

/// Why no further attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The predicate said so.
    NotRetryable,
    /// The maximum of attempts is used up.
    Attempts,
    /// The next attempt would begin at or after the deadline.
    Deadline,
    /// The dependency asks for a longer pause than [`RetryPolicy::longest_retry_after`].
    RetryAfterTooLong,
    /// The budget that all callers of the dependency share is used up.
    Budget,
}

/// What a retried call fails with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RetryError<E> {
    /// The last attempt failed and there was no further one.
    #[error("{error} (attempts: {attempts}, then {reason:?})")]
    GaveUp {
        /// What the last attempt failed with.
        #[source]
        error: E,
        /// How many attempts there were.
        attempts: u32,
        /// Why there was no further one.
        reason: StopReason,
    },
    /// The deadline passed while an attempt was running, or before the first one.
    #[error("the deadline passed in attempt {attempts}")]
    DeadlineExceeded {
        /// What the attempt before failed with, if there was one.
        #[source]
        last: Option<E>,
        /// How many attempts were begun.
        attempts: u32,
    },
}

impl<E> RetryError<E> {
    /// How many attempts were begun.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        match self {
            Self::GaveUp { attempts, .. } | Self::DeadlineExceeded { attempts, .. } => *attempts,
        }
    }

    /// What the last finished attempt failed with.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::GaveUp { error, .. } => Some(error),
            Self::DeadlineExceeded { last, .. } => last,
        }
    }
}

impl<E: Into<RichError>> From<RetryError<E>> for RichError {
    /// An error that was given up on stays what it is; a passed deadline is a Timeout that names the error before it.
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
                    format!("the deadline passed in attempt {attempts}"),
                );
                match last {
                    Some(last) => error.with_source(last.into()),
                    None => error,
                }
            }
        }
    }
}
