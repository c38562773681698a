//! A time limit for calls.
//!
//! On timeout the call's future is dropped, so it must be safe to drop at any await point.

use crate::deadline::Deadline;
use std::time::Duration;
use thiserror::Error;

/// The call exceeded its time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no answer within {limit:?}")]
pub struct TimeoutError {
    limit: Duration,
}

impl TimeoutError {
    /// The time limit.
    #[must_use]
    pub const fn limit(self) -> Duration {
        self.limit
    }
}

/// Runs `call` for at most `limit`, and never past the deadline of an enclosing timeout. Its result is returned as it
/// is, also a `Result`.
///
/// Inside, [`Deadline::current`] is the moment of the timeout, also while the call is dropped because of it. A call
/// that is ready at once succeeds even with a zero limit. A limit too long for the clock means no limit.
///
/// ```
/// use rustok_core::resilience::with_timeout;
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// assert_eq!(with_timeout(Duration::from_secs(1), || async { 7 }).await, Ok(7));
/// let slow = with_timeout(Duration::from_secs(1), || std::future::pending::<u8>()).await;
/// assert_eq!(slow.unwrap_err().limit(), Duration::from_secs(1));
/// # });
/// ```
///
/// # Errors
/// [`TimeoutError`] on timeout; the call is dropped then.
pub async fn with_timeout<T, F, Fut>(limit: Duration, call: F) -> Result<T, TimeoutError>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = T>,
{
    let (own, outer) = (Deadline::after(limit), Deadline::current());
    let until = own.min(outer);
    let limit = if until == own {
        limit
    } else {
        outer.remaining().unwrap_or(limit)
    };
    run_until(until, limit, call).await
}

/// Runs `call` until `deadline`, or until that of an enclosing timeout if it is earlier. If that has passed already,
/// `call` is not invoked.
///
/// # Errors
/// [`TimeoutError`] with the time that was left when the call began.
pub async fn with_deadline<T, F, Fut>(deadline: Deadline, call: F) -> Result<T, TimeoutError>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = T>,
{
    let until = deadline.min(Deadline::current());
    let limit = until.remaining().unwrap_or(Duration::MAX);
    if limit.is_zero() {
        return Err(TimeoutError { limit });
    }
    run_until(until, limit, call).await
}

/// tokio's timer around the scope: when it fires, the call is dropped inside the scope.
async fn run_until<T, F, Fut>(until: Deadline, limit: Duration, call: F) -> Result<T, TimeoutError>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = T>,
{
    let Some(at) = until.instant() else {
        return Ok(call().await);
    };
    tokio::time::timeout_at(at, until.scope(call))
        .await
        .map_err(|_| TimeoutError { limit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, RichError};
    use crate::resilience::{CircuitBreaker, CircuitBreakerConfig};
    use std::future::pending;
    use tokio::time::{Instant, sleep};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn it_waits_exactly_as_long_as_it_may() {
        let begun = Instant::now();
        let result = with_timeout(2 * SECOND, pending::<()>).await;
        assert_eq!(result, Err(TimeoutError { limit: 2 * SECOND }));
        assert!(begun.elapsed() - 2 * SECOND < Duration::from_millis(2));
        assert_eq!(with_timeout(2 * SECOND, || sleep(SECOND)).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn extreme_limits_work() {
        assert_eq!(with_timeout(Duration::MAX, || async { 1 }).await, Ok(1));
        assert_eq!(with_timeout(Duration::ZERO, || async { 1 }).await, Ok(1));
        assert!(with_timeout(Duration::ZERO, pending::<()>).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_passed_deadline_makes_no_call() {
        let deadline = Deadline::after(SECOND);
        assert_eq!(with_deadline(deadline, || async { 1 }).await, Ok(1));
        tokio::time::advance(SECOND).await;
        let result = with_deadline(deadline, || -> std::future::Ready<()> {
            unreachable!("too late")
        })
        .await;
        assert_eq!(
            result,
            Err(TimeoutError {
                limit: Duration::ZERO
            })
        );
        assert_eq!(with_deadline(Deadline::never(), || async { 2 }).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_inner_timeout_never_outlives_the_outer_one() {
        let begun = Instant::now();
        let inner = with_timeout(SECOND, || async {
            let error = with_timeout(9 * SECOND, pending::<()>).await.unwrap_err();
            (error, with_deadline(Deadline::never(), || async { 1 }).await)
        })
        .await;
        // The inner timeout fires at the same moment, but first: the code between the two can still return.
        let timeout = |limit| TimeoutError { limit };
        assert_eq!(inner, Ok((timeout(SECOND), Err(timeout(Duration::ZERO)))));
        assert_eq!(begun.elapsed().as_secs(), 1);
        let outlived = with_timeout(SECOND, || with_deadline(Deadline::never(), pending::<()>)).await;
        assert_eq!(
            (outlived, begun.elapsed().as_secs()),
            (Ok(Err(timeout(SECOND))), 2)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_breaker_inside_a_timeout_tells_it_from_a_caller_who_went_away() {
        let breaker = CircuitBreaker::new("search", CircuitBreakerConfig::default());
        let hang = || breaker.call(pending::<Result<(), ()>>);
        let counted = || {
            let metrics = breaker.metrics();
            (metrics.timeouts, metrics.cancelled)
        };
        assert!(with_timeout(SECOND, hang).await.is_err());
        assert_eq!(counted(), (1, 0));
        let within = Deadline::after(SECOND);
        assert!(
            with_deadline(within, || with_timeout(9 * SECOND, hang))
                .await
                .unwrap()
                .is_err()
        );
        assert_eq!(counted(), (2, 0), "the outer of two");
        let gone = tokio::time::timeout(SECOND, with_timeout(9 * SECOND, hang)).await;
        assert!(gone.is_err());
        assert_eq!(counted(), (2, 1), "dropped before its time");
        assert!(tokio::time::timeout(SECOND, hang()).await.is_err());
        assert_eq!(counted(), (2, 2), "nobody told it of a deadline");
    }

    #[test]
    fn a_timeout_is_a_504() {
        let error = RichError::from(TimeoutError { limit: SECOND });
        assert_eq!((error.kind(), error.status()), (ErrorKind::Timeout, 504));
        assert_eq!(error.to_string(), "no answer within 1s");
    }
}
