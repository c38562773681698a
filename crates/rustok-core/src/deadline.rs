//! The moment after which an answer is of no use to anybody. It travels with a request through every layer.
//!
//! It travels as a value, and besides as the current deadline of whatever runs inside a timeout: code far below a
//! [`with_timeout`](crate::resilience::with_timeout) sees it without being given it. That must hold while a future is
//! being dropped too, since this is how a call that was cut off is told from a caller who went away.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

thread_local! {
    /// Never lazily made and never destroyed: reading it cannot fail, not even while a thread ends.
    static CURRENT: Cell<Deadline> = const { Cell::new(Deadline::never()) };
}

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

    /// The deadline of the code that is running: the earliest of all enclosing
    /// [`with_timeout`](crate::resilience::with_timeout), [`with_deadline`](crate::resilience::with_deadline) and
    /// [`RetryPolicy::run`](crate::resilience::RetryPolicy::run); [`Deadline::never`] outside of them.
    ///
    /// It holds while their future is polled and while it is dropped. So a value that is dropped unfinished can tell
    /// why: if the current deadline has passed, the timeout cut it off; if not, somebody lost interest.
    ///
    /// A spawned task inherits nothing (it may outlive the timeout), nor does a thread: give them the value. Nor does
    /// `tokio::time::timeout` set it.
    ///
    /// ```
    /// use rustok_core::deadline::Deadline;
    /// use rustok_core::resilience::with_timeout;
    /// use std::time::Duration;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let outer = Deadline::after(Duration::from_secs(1));
    /// let inner = with_timeout(Duration::from_secs(1), || async {
    ///     with_timeout(Duration::from_secs(60), || async { Deadline::current() }).await
    /// });
    /// assert_eq!(inner.await, Ok(Ok(outer)));
    /// assert_eq!(Deadline::current(), Deadline::never());
    /// # });
    /// ```
    #[must_use]
    pub fn current() -> Self {
        CURRENT.get()
    }

    /// Runs `call` with this as its current deadline, if none outside is earlier. It only tells, it stops nothing: what
    /// enforces the deadline has to stand around it.
    pub(crate) async fn scope<T, F, Fut>(self, call: F) -> T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let future = {
            let _entered = Entered::new(self);
            call()
        };
        let mut scoped = Scoped {
            deadline: self,
            future: pin!(Some(future)),
        };
        std::future::poll_fn(|cx| scoped.poll(cx)).await
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

/// Makes a deadline the current one of this thread until it is dropped, by a panic too.
struct Entered {
    outer: Deadline,
}

impl Entered {
    fn new(deadline: Deadline) -> Self {
        let outer = CURRENT.get();
        CURRENT.set(outer.min(deadline));
        Self { outer }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
    }
}

/// A future that is polled and dropped under a deadline. The `Option` is there to be emptied in place.
struct Scoped<'a, F> {
    deadline: Deadline,
    future: Pin<&'a mut Option<F>>,
}

impl<F: Future> Scoped<'_, F> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = Entered::new(self.deadline);
        // It is emptied by drop alone, and nobody polls after that.
        self.future
            .as_mut()
            .as_pin_mut()
            .map_or(Poll::Pending, |future| future.poll(cx))
    }
}

impl<F> Drop for Scoped<'_, F> {
    fn drop(&mut self) {
        let _entered = Entered::new(self.deadline);
        self.future.set(None);
    }
}

#[cfg(test)]
mod scope_tests;

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
