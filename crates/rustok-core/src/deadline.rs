//! The deadline: the moment after which a result is useless. It travels with a request through every layer.
//!
//! It is passed as a value, and is also available as the current deadline of the code inside a timeout: code below a
//! [`with_timeout`](crate::resilience::with_timeout) can read it without a parameter. It must also be readable while
//! a future is being dropped: this is how a timed-out call is distinguished from one that its caller cancelled.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

thread_local! {
    /// Const-initialised and never destroyed: reading it cannot fail, not even while the thread exits.
    static CURRENT: Cell<Deadline> = const { Cell::new(Deadline::never()) };
}

/// A point in monotonic time, or none.
///
/// It uses tokio's clock, so a paused test clock controls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// The deadline `within` from now; a duration too long for the clock means no deadline.
    #[must_use]
    pub fn after(within: Duration) -> Self {
        Self(Instant::now().checked_add(within))
    }

    /// No deadline.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// The deadline of the running code: the earliest of all enclosing
    /// [`with_timeout`](crate::resilience::with_timeout), [`with_deadline`](crate::resilience::with_deadline) and
    /// [`RetryPolicy::run`](crate::resilience::RetryPolicy::run); [`Deadline::never`] outside of them.
    ///
    /// It is set while their future is polled and while it is dropped. So a value that is dropped unfinished can find
    /// the reason: if the current deadline has passed, the timeout dropped it; if not, the caller cancelled.
    ///
    /// Spawned tasks and threads do not inherit it (they may outlive the timeout): pass them the value.
    /// `tokio::time::timeout` does not set it.
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

    /// Runs `call` with this as its current deadline, unless an enclosing one is earlier. It is information only and
    /// stops nothing: the caller must enforce the deadline around it.
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

    /// The time left, zero once it has passed; `None` without a deadline.
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

    /// The instant, for `tokio::time::timeout_at`.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }
}

/// Guard that makes a deadline the current one of this thread until it is dropped, also by a panic.
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

/// A future that is polled and dropped under a deadline. The `Option` allows dropping the future in place.
struct Scoped<'a, F> {
    deadline: Deadline,
    future: Pin<&'a mut Option<F>>,
}

impl<F: Future> Scoped<'_, F> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = Entered::new(self.deadline);
        // Only drop empties it, and a dropped future is not polled again.
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
