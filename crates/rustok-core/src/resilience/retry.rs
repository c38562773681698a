//! Trying again: when, how often, and when not to.
//!
//! A retry repeats the call's effect, so only what may happen twice may be retried; whoever calls answers for that. It
//! must never wait past the deadline, and a budget keeps it from multiplying the load on what is already down.
//! Why it is not a layer over `backon` or `tower` stands in `docs/adr/0009-own-retry.md`.

#[cfg(test)]
mod allocation_tests;
mod budget;
#[cfg(test)]
mod budget_tests;
mod policy;
#[cfg(test)]
mod tests;

use crate::error::{ErrorKind, Origin, RichError};
use std::time::Duration;
use thiserror::Error;

pub use budget::RetryBudget;
pub use policy::{Backoff, RetryPolicy};

/// What a failed attempt calls for. The duration is what the dependency asked for (`Retry-After`): the next attempt
/// does not come before it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// Give up: it would fail again, or it must not happen twice.
    Stop,
    /// The dependency, or the way to it, failed: a lost connection, a timeout, a 5xx.
    Transient(Option<Duration>),
    /// The dependency is well and asks for fewer calls, as by a 429: longer pauses, fewer tokens.
    Throttled(Option<Duration>),
}

impl RetryDecision {
    /// The decision that follows from an error's kind: retryable kinds are tried again, RateLimited as throttled, and
    /// their `retry_after` is honoured; our own rejections (an open breaker) are not, because the point of those is to
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
    /// The budget that all callers of the dependency share has too few tokens left ([`RetryBudget`]).
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
    #[error("the deadline passed {}", when(*attempts))]
    DeadlineExceeded {
        /// What the attempt before failed with, if there was one.
        #[source]
        last: Option<E>,
        /// How many attempts were begun.
        attempts: u32,
    },
}

fn when(attempts: u32) -> String {
    match attempts {
        0 => "before the first attempt".to_owned(),
        attempts => format!("in attempt {attempts}"),
    }
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
