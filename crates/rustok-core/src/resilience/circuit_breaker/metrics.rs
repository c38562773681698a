//! Metrics of a breaker: states, transitions, counters, and the sampled log of rejections.
//!
//! Reading never changes a breaker, and no decision depends on a counter.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The three states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CircuitState {
    /// Calls are admitted.
    Closed,
    /// Calls are rejected.
    Open,
    /// A few probes are admitted, other calls are rejected.
    HalfOpen,
}

impl CircuitState {
    /// All states, in the order of [`CircuitState::index`].
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The index in arrays with one entry per state.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
        }
    }

    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether the state is automatic or manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CircuitMode {
    /// The rules decide.
    Automatic,
    /// Opened manually; rejects until it is released.
    ForcedOpen,
    /// Closed manually; counts but does not open until it is released.
    ForcedClosed,
    /// Disabled manually; does not even count until it is released.
    Disabled,
}

/// Why a state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransitionReason {
    /// Too many consecutive failures.
    ConsecutiveFailures,
    /// Too large a share of failures in the window.
    FailureRate,
    /// Too large a share of slow calls in the window.
    SlowCallRate,
    /// The open time had elapsed and a call arrived.
    OpenTimeElapsed,
    /// A probe failed or was slow.
    ProbeFailed,
    /// Enough probes succeeded.
    ProbesSucceeded,
    /// `open`, `close` or `disable` was called.
    Manual,
    /// `release` was called.
    Released,
    /// `reset` was called.
    Reset,
}

/// One change of state or mode. `from` and `to` are the same when only the mode changed, or on a reset while closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: CircuitState,
    /// The state now.
    pub to: CircuitState,
    /// The mode now.
    pub mode: CircuitMode,
    /// The reason.
    pub reason: TransitionReason,
    /// How long it stays open, if the rules opened it.
    pub open_for: Option<Duration>,
}

/// A snapshot. Counters are read one by one while calls continue, so they may differ by calls that have just ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitBreakerMetrics {
    /// The breaker's name.
    pub name: Cow<'static, str>,
    /// The state.
    pub state: CircuitState,
    /// Automatic or manual.
    pub mode: CircuitMode,
    /// Calls that counted as success.
    pub successes: u64,
    /// Calls that counted as failure: errors, panics and timeouts.
    pub failures: u64,
    /// Calls that counted as neither.
    pub ignored: u64,
    /// Calls whose future was dropped before completion and before its deadline. They are in no other counter.
    pub cancelled: u64,
    /// Failures that were panics.
    pub panics: u64,
    /// Failures that were futures dropped at or after their deadline.
    pub timeouts: u64,
    /// Calls at least as long as the threshold of the slow-call rule; 0 without such a rule.
    pub slow: u64,
    /// Results too late to count: the state had changed, or the probe's lease had expired.
    pub late: u64,
    /// Rejected calls.
    pub rejected: u64,
    /// How often each state was entered from another state; see [`CircuitState::index`].
    pub transitions: [u64; 3],
    /// Total time in each state.
    pub time_in_state: [Duration; 3],
    /// Time since the last transition.
    pub since_transition: Duration,
    /// Current number of consecutive failures.
    pub consecutive_failures: u32,
    /// Running probes.
    pub probes_in_flight: usize,
    /// Calls in the window of the rate rules; 0 without such a rule.
    pub window_calls: u64,
    /// Failures in that window.
    pub window_failures: u64,
}

impl CircuitBreakerMetrics {
    /// 1 for the current state, 0 for the others; see [`CircuitState::index`].
    #[must_use]
    pub fn state_one_hot(&self) -> [u8; 3] {
        CircuitState::ALL.map(|state| u8::from(state == self.state))
    }

    /// Calls that ended with a result.
    #[must_use]
    pub const fn completed(&self) -> u64 {
        self.successes
            .saturating_add(self.failures)
            .saturating_add(self.ignored)
    }

    /// Successes divided by successes plus failures, 0 to 1; `None` before the first result.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        ratio(self.successes, self.successes.saturating_add(self.failures))
    }

    /// Rejections divided by all call attempts, 0 to 1; `None` before the first. Running calls are not included.
    #[must_use]
    pub fn rejection_rate(&self) -> Option<f64> {
        let ended = self.completed().saturating_add(self.cancelled);
        ratio(self.rejected, self.rejected.saturating_add(ended))
    }
}

fn ratio(part: u64, all: u64) -> Option<f64> {
    #[expect(
        clippy::float_arithmetic,
        reason = "a ratio for people and dashboards, not money and not a decision"
    )]
    (all > 0).then(|| part as f64 / all as f64)
}

/// Limits the log to one line per second about rejections.
#[derive(Debug, Default)]
pub(super) struct RejectionLog {
    /// When the next line may be written, in nanoseconds since the breaker was created.
    next: AtomicU64,
    reported: AtomicU64,
}

const LOG_EVERY: u64 = 1_000_000_000;

impl RejectionLog {
    /// Whether a line is due.
    #[inline]
    pub(super) fn is_due(&self, now: u64) -> bool {
        now >= self.next.load(Ordering::Relaxed)
    }

    /// Whether the caller writes the line now; if so, how many of the `rejected` calls no line has reported yet.
    pub(super) fn sample(&self, now: u64, rejected: u64) -> Option<u64> {
        let next = self.next.load(Ordering::Relaxed);
        if now < next {
            return None;
        }
        let after = now.saturating_add(LOG_EVERY);
        self.next
            .compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        Some(rejected.saturating_sub(self.reported.swap(rejected, Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_takes_one_line_per_second_and_counts_the_rest() {
        let log = RejectionLog::default();
        assert_eq!(log.sample(5, 1), Some(1));
        assert_eq!(log.sample(6, 2), None);
        assert_eq!(log.sample(LOG_EVERY + 4, 3), None);
        assert_eq!(log.sample(LOG_EVERY + 5, 4), Some(3));
    }

    #[test]
    fn indices_follow_the_order_of_all() {
        for (index, state) in CircuitState::ALL.into_iter().enumerate() {
            assert_eq!(state.index(), index);
        }
    }
}
