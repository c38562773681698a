//! A token bucket that keeps retries a small share of the calls to one dependency.
//!
//! After Finagle's `RetryBudget`: each call pays in a part of a token, each retry takes out a whole one, and a small
//! steady income lets rare callers retry too. It must never block.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// The budget. Clones share it: give one to every caller of the same dependency.
#[derive(Debug, Clone)]
pub struct RetryBudget(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    /// What a call pays in, in hundredths of a retry.
    percent: u64,
    /// Income per second, in retries.
    per_second: u64,
    /// The most it holds, in hundredths of a retry.
    capacity: u64,
    balance: Mutex<Balance>,
}

#[derive(Debug)]
struct Balance {
    /// Hundredths of a retry.
    tokens: u64,
    /// Up to when the income has been paid.
    paid_until: Instant,
}

const TOKEN: u64 = 100;

impl RetryBudget {
    /// Retries may be `percent` of the calls (0 to 100; more counts as 100) plus `per_second`; at most `burst` can be
    /// saved up. It starts full.
    #[must_use]
    pub fn new(percent: u8, per_second: u32, burst: u32) -> Self {
        let capacity = u64::from(burst).saturating_mul(TOKEN);
        Self(Arc::new(Budget {
            percent: u64::from(percent.min(100)),
            per_second: u64::from(per_second),
            capacity,
            balance: Mutex::new(Balance {
                tokens: capacity,
                paid_until: Instant::now(),
            }),
        }))
    }

    /// A call begins (its first attempt).
    pub fn deposit(&self) {
        self.with_balance(|budget, balance| {
            balance.tokens = balance.tokens.saturating_add(budget.percent).min(budget.capacity);
        });
    }

    /// Takes one retry out; false if there is none left.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        self.with_balance(|_, balance| {
            let left = balance.tokens.checked_sub(TOKEN);
            balance.tokens = left.unwrap_or(balance.tokens);
            left.is_some()
        })
    }

    /// How many retries it holds now.
    #[must_use]
    pub fn balance(&self) -> u64 {
        self.with_balance(|_, balance| balance.tokens / TOKEN)
    }

    fn with_balance<T>(&self, change: impl FnOnce(&Budget, &mut Balance) -> T) -> T {
        let budget = &*self.0;
        let mut balance = budget.balance.lock().unwrap_or_else(PoisonError::into_inner);
        budget.pay_income(&mut balance);
        change(budget, &mut balance)
    }
}

impl Default for RetryBudget {
    /// 20 % of the calls, one per second, a burst of 10.
    fn default() -> Self {
        Self::new(20, 1, 10)
    }
}

impl Budget {
    /// Pays what whole hundredths the time since the last payment is worth, and keeps the rest for the next one.
    fn pay_income(&self, balance: &mut Balance) {
        let rate = self.per_second * TOKEN;
        if rate == 0 {
            return;
        }
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(balance.paid_until);
        let nanos = elapsed.as_nanos();
        let income =
            u64::try_from(nanos.saturating_mul(u128::from(rate)) / 1_000_000_000).unwrap_or(u64::MAX);
        if income == 0 {
            return;
        }
        balance.tokens = balance.tokens.saturating_add(income).min(self.capacity);
        let paid_nanos =
            u64::try_from(u128::from(income) * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX);
        balance.paid_until = balance
            .paid_until
            .checked_add(std::time::Duration::from_nanos(paid_nanos))
            .map_or(now, |at| at.min(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn five_calls_pay_for_one_retry() {
        let budget = RetryBudget::new(20, 0, 2);
        assert!(budget.withdraw() && budget.withdraw());
        for _ in 0..4 {
            budget.deposit();
            assert!(!budget.withdraw());
        }
        budget.deposit();
        assert!(budget.withdraw());
        assert!(!budget.withdraw());
    }

    #[tokio::test(start_paused = true)]
    async fn income_comes_with_time_up_to_the_burst() {
        let budget = RetryBudget::new(0, 1, 3);
        while budget.withdraw() {}
        for _ in 0..134 {
            // 15 ms pay one hundredth and a half: the half must not get lost. All together 2.01 s.
            advance(Duration::from_millis(15)).await;
            let _ = budget.balance();
        }
        assert_eq!(budget.balance(), 2);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(budget.balance(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn clones_share_it() {
        let budget = RetryBudget::new(0, 0, 1);
        assert!(budget.clone().withdraw());
        assert!(!budget.withdraw());
    }
}
