//! The policy: how long to wait, how often to try, and the loop that does it.

use super::{RetryBudget, RetryDecision, RetryError, StopReason};
use crate::deadline::Deadline;
use crate::resilience::jitter::nanos;
use crate::resilience::{JitterSource, with_deadline};
use std::time::Duration;

/// How the pauses grow. No attempt number overflows; the policy's cap holds for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// Always the same pause.
    Fixed(Duration),
    /// `initial`, then `step` more each time.
    Linear {
        /// The first pause.
        initial: Duration,
        /// What each further one adds.
        step: Duration,
    },
    /// `initial`, then `factor` times as long each time.
    Exponential {
        /// The first pause.
        initial: Duration,
        /// The factor.
        factor: u32,
    },
}

/// How a call is retried. Cheap to clone; clones share the budget and the random source.
///
/// ```
/// use rustok_core::deadline::Deadline;
/// use rustok_core::resilience::{RetryDecision, RetryPolicy};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let policy = RetryPolicy::exponential(Duration::from_millis(50)).max_attempts(4);
/// let deadline = Deadline::after(Duration::from_secs(5));
/// let answer = policy
///     .run(deadline, |_: &&str| RetryDecision::Retry, |attempt| async move {
///         if attempt < 3 { Err("busy") } else { Ok(attempt) }
///     })
///     .await;
/// assert_eq!(answer, Ok(3));
/// # });
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RetryPolicy {
    backoff: Backoff,
    max_attempts: u32,
    cap: Duration,
    longest_retry_after: Duration,
    jitter: Option<JitterSource>,
    budget: Option<RetryBudget>,
}

impl RetryPolicy {
    /// At most 3 attempts, pauses of at most 30 s with full jitter, no budget.
    pub fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            max_attempts: 3,
            cap: Duration::from_secs(30),
            longest_retry_after: Duration::from_secs(60),
            jitter: Some(JitterSource::from_os()),
            budget: None,
        }
    }

    /// [`Backoff::Fixed`].
    pub fn fixed(pause: Duration) -> Self {
        Self::new(Backoff::Fixed(pause))
    }

    /// [`Backoff::Linear`].
    pub fn linear(initial: Duration, step: Duration) -> Self {
        Self::new(Backoff::Linear { initial, step })
    }

    /// [`Backoff::Exponential`] with factor 2.
    pub fn exponential(initial: Duration) -> Self {
        Self::new(Backoff::Exponential { initial, factor: 2 })
    }

    /// The most attempts there are, the first one included; 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The longest pause by backoff.
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// The longest `Retry-After` that is waited for (60 s unless set); beyond it the policy gives up.
    pub fn longest_retry_after(mut self, longest: Duration) -> Self {
        self.longest_retry_after = longest;
        self
    }

    /// Full jitter from this source: a pause is drawn between zero and what the backoff says (Brooker, "Exponential
    /// Backoff And Jitter", AWS 2015).
    pub fn full_jitter(mut self, source: JitterSource) -> Self {
        self.jitter = Some(source);
        self
    }

    /// Pauses exactly as the backoff says.
    pub fn without_jitter(mut self) -> Self {
        self.jitter = None;
        self
    }

    /// The budget that is shared by all callers of the dependency.
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The pause after the failed attempt `attempt` (from 1), before jitter.
    #[must_use]
    pub fn pause_after(&self, attempt: u32) -> Duration {
        let earlier = attempt.saturating_sub(1);
        let pause = match self.backoff {
            Backoff::Fixed(pause) => pause,
            Backoff::Linear { initial, step } => initial.saturating_add(step.saturating_mul(earlier)),
            Backoff::Exponential { initial, factor } => {
                let growth = u64::from(factor).saturating_pow(earlier);
                Duration::from_nanos(nanos(initial).saturating_mul(growth))
            }
        };
        pause.min(self.cap)
    }

    /// Runs `call` until it succeeds, `decide` says stop, or attempts, deadline or budget are used up. `call` is given
    /// the number of the attempt, from 1. The deadline bounds attempts and pauses together: an attempt that is running
    /// when it passes is dropped, and a pause that would reach it is not begun.
    ///
    /// # Errors
    /// [`RetryError`] with the last attempt's error.
    pub async fn run<T, E, D, F, Fut>(
        &self,
        deadline: Deadline,
        mut decide: D,
        mut call: F,
    ) -> Result<T, RetryError<E>>
    where
        D: FnMut(&E) -> RetryDecision,
        F: FnMut(u32) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let mut attempts = 0_u32;
        let mut last = None;
        if let Some(budget) = &self.budget {
            budget.deposit();
        }
        loop {
            if deadline.is_expired() {
                return Err(RetryError::DeadlineExceeded { last, attempts });
            }
            attempts = attempts.saturating_add(1);
            let error = match with_deadline(deadline, || call(attempts)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => error,
                Err(_) => return Err(RetryError::DeadlineExceeded { last, attempts }),
            };
            match self.next_pause(decide(&error), attempts, deadline) {
                Ok(pause) => tokio::time::sleep(pause).await,
                Err(reason) => {
                    return Err(RetryError::GaveUp {
                        error,
                        attempts,
                        reason,
                    });
                }
            }
            last = Some(error);
        }
    }

    /// How long to wait before the next attempt, or why there is none. The budget is asked last: it is not to pay for
    /// an attempt that is not made.
    fn next_pause(
        &self,
        decision: RetryDecision,
        attempts: u32,
        deadline: Deadline,
    ) -> Result<Duration, StopReason> {
        let at_least = match decision {
            RetryDecision::Stop => return Err(StopReason::NotRetryable),
            RetryDecision::Retry => Duration::ZERO,
            RetryDecision::RetryAfter(after) => after,
        };
        if attempts >= self.max_attempts {
            return Err(StopReason::Attempts);
        }
        if at_least > self.longest_retry_after {
            return Err(StopReason::RetryAfterTooLong);
        }
        let backoff = self.pause_after(attempts);
        let drawn = self
            .jitter
            .as_ref()
            .map_or(backoff, |jitter| jitter.between(Duration::ZERO, backoff));
        let pause = drawn.max(at_least);
        if deadline.remaining().is_some_and(|remaining| remaining <= pause) {
            return Err(StopReason::Deadline);
        }
        if self.budget.as_ref().is_some_and(|budget| !budget.withdraw()) {
            return Err(StopReason::Budget);
        }
        Ok(pause)
    }
}
