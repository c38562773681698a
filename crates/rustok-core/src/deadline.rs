//! The moment after which an answer is of no use to anybody. It travels with a request through every layer.

use std::time::Duration;
use tokio::time::Instant;

/// A point in monotonic time, or none.
///
/// It is built on tokio's clock, so a paused test clock moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// `within` from now; a duration too long for the clock means no deadline.
    #[must_use]
    pub fn after(within: Duration) -> Self {
        Self(Instant::now().checked_add(within))
    }

    /// No deadline.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// The time left, zero once it has passed; `None` when there is no deadline.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn is_expired(self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// The earlier of the two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// The instant itself, for `tokio::time::timeout_at`.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn remaining_shrinks_to_zero_and_stays() {
        let deadline = Deadline::after(Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(deadline.remaining(), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(deadline.is_expired());
        assert!(!Deadline::never().is_expired());
    }

    #[tokio::test(start_paused = true)]
    async fn min_takes_the_earlier() {
        let soon = Deadline::after(Duration::from_secs(1));
        assert_eq!(soon.min(Deadline::never()), soon);
        assert_eq!(Deadline::after(Duration::from_secs(9)).min(soon), soon);
        assert_eq!(Deadline::after(Duration::MAX), Deadline::never());
    }
}
