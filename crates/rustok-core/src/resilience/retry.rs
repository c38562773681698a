//! Retries: when, how often, and when not.
//!
//! A retry repeats the call's effect, so only repeatable calls may be retried; the caller is responsible for that. It
//! must never wait past the deadline, and a budget keeps it from multiplying the load on a failing dependency.
//! `docs/adr/0009-own-retry.md` explains why it is not a layer over `backon` or `tower`.

#[cfg(test)]
mod allocation_tests;
mod budget;
#[cfg(test)]
mod budget_tests;
mod policy;
#[cfg(test)]
mod tests;

use std::time::Duration;
use thiserror::Error;

pub use budget::RetryBudget;
pub use policy::{Backoff, RetryPolicy};

/// What to do after a failed attempt. The duration is the dependency's `Retry-After`: the next attempt does not start
/// earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// Give up: it would fail again, or it must not be repeated.
    Stop,
    /// The dependency, or the network to it, failed: a lost connection, a timeout, a 5xx.
    Transient(Option<Duration>),
    /// The dependency is healthy and asks for fewer calls, as by a 429: longer pauses, fewer tokens.
    Throttled(Option<Duration>),
}

/// Why no further attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The predicate returned [`RetryDecision::Stop`].
    NotRetryable,
    /// The maximum of attempts is used up.
    Attempts,
    /// The next attempt would start at or after the deadline.
    Deadline,
    /// The dependency asks for a pause longer than [`RetryPolicy::longest_retry_after`].
    RetryAfterTooLong,
    /// The budget shared by all callers of the dependency has too few tokens left ([`RetryBudget`]).
    Budget,
}

/// The error of a retried call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RetryError<E> {
    /// The last attempt failed and no further one was made.
    #[error("{error} (attempts: {attempts}, then {reason:?})")]
    GaveUp {
        /// The error of the last attempt.
        #[source]
        error: E,
        /// The number of attempts.
        attempts: u32,
        /// Why no further attempt was made.
        reason: StopReason,
    },
    /// The deadline passed while an attempt was running, or before the first one.
    #[error("the deadline passed {}", when(*attempts))]
    DeadlineExceeded {
        /// The error of the previous attempt, if there was one.
        #[source]
        last: Option<E>,
        /// The number of attempts started.
        attempts: u32,
    },
}

pub(super) fn when(attempts: u32) -> String {
    match attempts {
        0 => "before the first attempt".to_owned(),
        attempts => format!("in attempt {attempts}"),
    }
}

impl<E> RetryError<E> {
    /// The number of attempts started.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        match self {
            Self::GaveUp { attempts, .. } | Self::DeadlineExceeded { attempts, .. } => *attempts,
        }
    }

    /// The error of the last finished attempt.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::GaveUp { error, .. } => Some(error),
            Self::DeadlineExceeded { last, .. } => last,
        }
    }
}
