//! A token bucket that keeps retries a small share of the calls to one dependency.
//!
//! It works as the retry quota of the AWS SDKs does: a retry costs tokens, a success gives some back. It has no clock,
//! no lock and no allocation after it was made; the first attempt of a call is never held up by it. The tokens must
//! never go below zero or above the capacity, whoever calls at the same time.

use super::RetryDecision;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The budget. Clones share it: give one to every caller of the same dependency, and each dependency its own.
///
/// It starts full. What moves the tokens:
///
/// | | default |
/// |---|---|
/// | capacity | 500 |
/// | a retry after a transient failure | -14 |
/// | a retry after a throttled answer | -5 |
/// | a success of a first attempt | +1 |
/// | a success after a retry | + what the last retry cost |
/// | a failure, or a caller who goes away | what was paid stays paid |
///
/// When there are too few tokens for the next retry the call fails at once with
/// [`StopReason::Budget`](super::StopReason::Budget). The numbers are those of the AWS SDKs' standard retry mode (SDKs
/// and Tools Reference Guide, "Retry behavior", as from November 2026). A transient failure costs more because it often
/// means that the whole dependency is down, where each retry makes it worse; "slow down" is an answer of a dependency
/// that is well.
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
    /// The only thing that changes, so no order with anything else has to be kept: all accesses are relaxed.
    tokens: AtomicU32,
    capacity: u32,
    transient_cost: u32,
    throttled_cost: u32,
}

impl RetryBudget {
    /// What a call that succeeds at its first attempt pays in.
    pub const FIRST_TRY_REWARD: u32 = 1;

    /// A full budget of `capacity` tokens, of which a retry costs `transient_cost` or `throttled_cost`.
    ///
    /// Every number is taken as it is: with capacity 0 nothing is retried, nor is a kind that costs more than the
    /// capacity; a kind that costs 0 is retried without limit by the budget (the maximum of attempts still holds).
    #[must_use]
    pub fn new(capacity: u32, transient_cost: u32, throttled_cost: u32) -> Self {
        Self(Arc::new(Bucket {
            tokens: AtomicU32::new(capacity),
            capacity,
            transient_cost,
            throttled_cost,
        }))
    }

    /// Takes out what a retry after `decision` costs, and says how much that was: [`RetryBudget::deposit`] it if the
    /// retry succeeds. `None`, and nothing is taken, if there are too few tokens, and for [`RetryDecision::Stop`].
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

    /// Pays tokens in; what is more than the capacity is lost. While the budget is full, which it is as long as the
    /// dependency is well, this only reads.
    pub fn deposit(&self, tokens: u32) {
        let capacity = self.0.capacity;
        // An error says that there was nothing to change.
        let _ = self
            .0
            .tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
                (before < capacity).then(|| before.saturating_add(tokens).min(capacity))
            });
    }

    /// How many tokens it holds now; another caller may change that at once. For metrics.
    #[must_use]
    pub fn balance(&self) -> u32 {
        self.0.tokens.load(Ordering::Relaxed)
    }

    /// The most tokens it can hold.
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
