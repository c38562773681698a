//! A token bucket that keeps retries a small share of the calls to one dependency.
//!
//! It works like the retry quota of the AWS SDKs: a retry costs tokens, a success returns some. It has no clock, no
//! lock, and allocates only on creation; it never delays the first attempt of a call. The tokens must never go below
//! zero or above the capacity, under any concurrency.

use super::RetryDecision;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The budget. Clones share it: give one to every caller of the same dependency, and each dependency its own.
///
/// It starts full. Changes of the balance:
///
/// | | default |
/// |---|---|
/// | capacity | 500 |
/// | a retry after a transient failure | -14 |
/// | a retry after a throttled answer | -5 |
/// | a success of a first attempt | +1 |
/// | a success after a retry | + the cost of the last retry |
/// | a failure, or a cancelled call | no refund |
///
/// Without enough tokens for the next retry the call fails at once with
/// [`StopReason::Budget`](super::StopReason::Budget). The numbers are those of the AWS SDKs' standard retry mode
/// (SDKs and Tools Reference Guide, "Retry behavior", as from November 2026). A transient failure costs more because
/// it often means that the whole dependency is down, where each retry makes it worse; a throttled answer comes from a
/// healthy dependency.
///
/// ```
/// use rustok_core::resilience::{RetryBudget, RetryDecision};
///
/// let budget = RetryBudget::default();
/// let paid = budget.withdraw(RetryDecision::Transient(None));
/// assert_eq!((paid, budget.balance()), (Some(14), 486));
/// budget.deposit(14);
/// assert_eq!(budget.balance(), 500);
/// ```
#[derive(Debug, Clone)]
pub struct RetryBudget(Arc<Bucket>);

#[derive(Debug)]
struct Bucket {
    /// The only mutable value, so no ordering with other memory is needed: all accesses are relaxed.
    tokens: AtomicU32,
    capacity: u32,
    transient_cost: u32,
    throttled_cost: u32,
}

impl RetryBudget {
    /// Tokens returned by a call that succeeds at its first attempt.
    pub const FIRST_TRY_REWARD: u32 = 1;

    /// A full budget of `capacity` tokens, of which a retry costs `transient_cost` or `throttled_cost`.
    ///
    /// All values are accepted: with capacity 0 nothing is retried, nor is a kind that costs more than the capacity;
    /// a kind that costs 0 is not limited by the budget (the maximum of attempts still holds).
    #[must_use]
    pub fn new(capacity: u32, transient_cost: u32, throttled_cost: u32) -> Self {
        Self(Arc::new(Bucket {
            tokens: AtomicU32::new(capacity),
            capacity,
            transient_cost,
            throttled_cost,
        }))
    }

    /// Withdraws the cost of a retry after `decision` and returns it: [`RetryBudget::deposit`] that amount if the
    /// retry succeeds. `None`, and no change, if there are too few tokens, and for [`RetryDecision::Stop`].
    #[must_use]
    pub fn withdraw(&self, decision: RetryDecision) -> Option<u32> {
        let cost = match decision {
            RetryDecision::Stop => return None,
            RetryDecision::Transient(_) => self.0.transient_cost,
            RetryDecision::Throttled(_) => self.0.throttled_cost,
        };
        self.0
            .tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                tokens.checked_sub(cost)
            })
            .ok()
            .map(|_| cost)
    }

    /// Deposits tokens, up to the capacity. While the budget is full, which is the case while the dependency is
    /// healthy, this only reads.
    pub fn deposit(&self, tokens: u32) {
        let capacity = self.0.capacity;
        // An error means that there was nothing to change.
        let _ = self
            .0
            .tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
                (before < capacity).then(|| before.saturating_add(tokens).min(capacity))
            });
    }

    /// The current number of tokens; other callers may change it at once. For metrics.
    #[must_use]
    pub fn balance(&self) -> u32 {
        self.0.tokens.load(Ordering::Relaxed)
    }

    /// The maximum number of tokens.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.0.capacity
    }
}

impl Default for RetryBudget {
    /// 500 tokens; 14 for a transient failure, 5 for a throttled answer.
    fn default() -> Self {
        Self::new(500, 14, 5)
    }
}
