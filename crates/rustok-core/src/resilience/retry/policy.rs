//! The policy: pauses, number of attempts, and the retry loop.

use super::{RetryBudget, RetryDecision, RetryError, StopReason};
use crate::deadline::Deadline;
use crate::resilience::jitter::nanos;
use crate::resilience::{JitterSource, with_deadline};
use std::time::Duration;

/// How the pauses grow. Attempt numbers and durations never overflow: they saturate, and the policy's cap applies to
/// all pauses. A pause of zero still yields to other tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// Always the same pause.
    Fixed(Duration),
    /// `initial`, then `step` more each time.
    Linear {
        /// The first pause.
        initial: Duration,
        /// The increment of each further pause.
        step: Duration,
    },
    /// `initial`, then `factor` times as long each time.
    Exponential {
        /// The first pause.
        initial: Duration,
        /// The factor. 1 means constant pauses; 0 counts as 1, since shrinking pauses are not a backoff.
        factor: u32,
    },
}

impl Backoff {
    /// The pause after the failed attempt `attempt` (from 1; 0 counts as 1), without cap and jitter. Exponential
    /// pauses saturate at 2^64 - 1 ns (584 years), the others at [`Duration::MAX`].
    #[must_use]
    pub fn pause_after(self, attempt: u32) -> Duration {
        let earlier = attempt.saturating_sub(1);
        match self {
            Self::Fixed(pause) => pause,
            Self::Linear { initial, step } => initial.saturating_add(step.saturating_mul(earlier)),
            Self::Exponential { initial, factor } => {
                let growth = u64::from(factor.max(1)).saturating_pow(earlier);
                Duration::from_nanos(nanos(initial).saturating_mul(growth))
            }
        }
    }
}

/// How a call is retried. Cheap to clone; clones share the budget and the random source.
///
/// No setting can cause a panic, an overflow or a hang; each method documents how it treats invalid values. All
/// pauses are asynchronous, and attempt numbers saturate at [`u32::MAX`].
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
///     .run(deadline, |_: &&str| RetryDecision::Transient(None), |attempt| async move {
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
    throttled_backoff: Backoff,
    max_attempts: u32,
    cap: Duration,
    longest_retry_after: Duration,
    jitter: Option<JitterSource>,
    budget: Option<RetryBudget>,
}

impl RetryPolicy {
    /// Defaults: at most 3 attempts, pauses of at most 20 s with full jitter, after a throttled answer 1 s that
    /// doubles; no budget. The numbers are the AWS SDKs' (see [`RetryBudget`]).
    pub fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            throttled_backoff: Backoff::Exponential {
                initial: Duration::from_secs(1),
                factor: 2,
            },
            max_attempts: 3,
            cap: Duration::from_secs(20),
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

    /// Maximum number of attempts, including the first; 0 counts as 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The pauses after a throttled answer ([`RetryDecision::Throttled`]); default 1 s, doubled each time. A
    /// dependency that asks for fewer calls needs longer pauses than a lost connection.
    pub fn throttled_backoff(mut self, backoff: Backoff) -> Self {
        self.throttled_backoff = backoff;
        self
    }

    /// The longest backoff pause before jitter (default 20 s). It does not shorten a `Retry-After`. Zero means no
    /// pauses except those that the dependency asks for.
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// The longest `Retry-After` that is waited for (default 60 s); beyond it the policy gives up, because an earlier
    /// retry would ignore the dependency's request and a longer wait is unlikely to help. Zero: gives up on any
    /// requested pause.
    pub fn longest_retry_after(mut self, longest: Duration) -> Self {
        self.longest_retry_after = longest;
        self
    }

    /// Full jitter from this source: a pause is drawn uniformly between zero and the backoff (Brooker, "Exponential
    /// Backoff And Jitter", AWS 2015).
    pub fn full_jitter(mut self, source: JitterSource) -> Self {
        self.jitter = Some(source);
        self
    }

    /// Disables jitter: pauses are exactly the backoff.
    pub fn without_jitter(mut self) -> Self {
        self.jitter = None;
        self
    }

    /// The budget shared by all callers of the dependency.
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Runs `call` until it succeeds, `decide` returns stop, or attempts, deadline or budget are used up. `call`
    /// receives the number of the attempt, from 1.
    ///
    /// The deadline, or that of an enclosing timeout if it is earlier ([`Deadline::current`]), limits attempts and
    /// pauses together: an attempt still running at the deadline is dropped, and a pause that would reach it is not
    /// started. A success at the first attempt allocates nothing and takes no lock.
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
        let deadline = deadline.min(Deadline::current());
        let mut attempts = 0_u32;
        let mut last = None;
        let mut reward = RetryBudget::FIRST_TRY_REWARD;
        loop {
            let attempt = with_deadline(deadline, || {
                attempts = attempts.saturating_add(1);
                call(attempts)
            });
            let error = match attempt.await {
                Ok(Ok(value)) => {
                    if let Some(budget) = &self.budget {
                        budget.deposit(reward);
                    }
                    return Ok(value);
                }
                Ok(Err(error)) => error,
                Err(_) => return Err(RetryError::DeadlineExceeded { last, attempts }),
            };
            match self.prepare(decide(&error), attempts, deadline) {
                Ok((pause, cost)) => {
                    reward = cost;
                    tokio::time::sleep(pause).await;
                }
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

    /// The pause before the next attempt and its cost, or why there is none. The budget is checked last, so that no
    /// tokens are spent on an attempt that is not made.
    pub(super) fn prepare(
        &self,
        decision: RetryDecision,
        attempts: u32,
        deadline: Deadline,
    ) -> Result<(Duration, u32), StopReason> {
        let (backoff, asked) = match decision {
            RetryDecision::Stop => return Err(StopReason::NotRetryable),
            RetryDecision::Transient(asked) => (self.backoff, asked.unwrap_or_default()),
            RetryDecision::Throttled(asked) => (self.throttled_backoff, asked.unwrap_or_default()),
        };
        if attempts >= self.max_attempts {
            return Err(StopReason::Attempts);
        }
        if asked > self.longest_retry_after {
            return Err(StopReason::RetryAfterTooLong);
        }
        let pause = self.pause(backoff.pause_after(attempts).min(self.cap), asked);
        if deadline.remaining().is_some_and(|remaining| remaining <= pause) {
            return Err(StopReason::Deadline);
        }
        match &self.budget {
            None => Ok((pause, 0)),
            Some(budget) => match budget.withdraw(decision) {
                Some(cost) => Ok((pause, cost)),
                None => Err(StopReason::Budget),
            },
        }
    }

    /// With jitter, the backoff is added after the requested time, because the dependency gave all callers the same
    /// time.
    fn pause(&self, backoff: Duration, asked: Duration) -> Duration {
        match &self.jitter {
            Some(jitter) => asked.saturating_add(jitter.between(Duration::ZERO, backoff)),
            None => asked.max(backoff),
        }
    }
}
