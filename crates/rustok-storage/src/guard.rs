//! The guard before PostgreSQL: circuit breaker, time-out and deadline of every transaction, in this one place.
//!
//! A transaction takes one place behind the breaker when it begins and reports once: a failure as soon as a wait for
//! the database ends badly, else at its end. It must never count what the database is not to blame for: an answer that
//! somebody dislikes, a caller who went away, a caller who came with no time left.

use crate::error::StoreError;
use rustok_core::deadline::Deadline;
use rustok_core::resilience::circuit_breaker::{OpenTime, OwnedPermit};
use rustok_core::resilience::{BreakerOutcome, CircuitBreaker, CircuitBreakerConfigError, CircuitState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// So many failures in a row open the breaker.
const FAILURES: u32 = 5;
/// So many transactions are let through to find out whether the database is back, and as many must succeed.
const PROBES: u32 = 2;
/// How long the breaker stays open. Short, since a rejected request is a lost one; growing, since a database that
/// starts is not helped by callers; by chance, since many processes wait for the same database.
const OPEN_TIME: OpenTime = OpenTime::Exponential {
    initial: Duration::from_secs(1),
    factor: 2,
    cap: Duration::from_secs(4),
    jitter_percent: 20,
};
/// After how long a probe that has not ended gives its place to another one.
const PROBE_LEASE: Duration = Duration::from_secs(10);
/// Who gave the database less time than this in all has learned nothing about it: he came too late. Else somebody who
/// sends his requests so that they end at their deadline could close the shop for everybody.
const FAIR_WAIT: Duration = Duration::from_millis(100);

/// What all transactions of one store share.
pub(crate) struct Guard {
    breaker: CircuitBreaker,
    /// Told when the breaker opens.
    opened: Arc<Notify>,
    answer_timeout: Duration,
    waiting: AtomicUsize,
    max_waiting: usize,
}

impl Guard {
    /// `answer_timeout` bounds each single wait for the database; `max_waiting` how many may wait for a connection;
    /// `on_open` is called when the breaker opens.
    pub(crate) fn new(
        answer_timeout: Duration,
        max_waiting: usize,
        on_open: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, CircuitBreakerConfigError> {
        let opened = Arc::new(Notify::new());
        let told = Arc::clone(&opened);
        let breaker = CircuitBreaker::builder("database")
            .consecutive_failures(FAILURES)
            .success_threshold(PROBES)
            .half_open_probes(PROBES)
            .open_time(OPEN_TIME)
            .probe_lease(PROBE_LEASE)
            .on_transition(move |transition| {
                if transition.to == CircuitState::Open {
                    on_open();
                    told.notify_waiters();
                }
            })
            .build()?;
        Ok(Self {
            breaker,
            opened,
            answer_timeout,
            waiting: AtomicUsize::new(0),
            max_waiting,
        })
    }

    pub(crate) const fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }

    /// Takes a transaction's place and waits for its connection. `connect` is not begun when the breaker rejects it or
    /// too many wait already, and is given up when the breaker opens meanwhile.
    ///
    /// Without `guarded` the caller stands behind the breaker already, and reports to it what comes of this.
    pub(crate) async fn begin<T>(
        &self,
        deadline: Deadline,
        guarded: bool,
        connect: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<(Watch, T), StoreError> {
        // Before the place is taken: from now on no opening is missed.
        let opened = Arc::clone(&self.opened).notified_owned();
        let mut watch = Watch {
            permit: guarded.then(|| self.breaker.acquire_owned()).transpose()?,
            deadline,
            answer_timeout: self.answer_timeout,
            since: None,
            waited: Duration::ZERO,
            answered: false,
            left_in_time: false,
        };
        let _queued = self.queue()?;
        let connect = pin!(connect);
        let connect = watch.wait(StoreError::Timeout("waiting for a connection"), connect);
        if !guarded {
            let connection = connect.await?;
            return Ok((watch, connection));
        }
        let connected = tokio::select! {
            biased;
            connected = connect => Some(connected?),
            () = opened => None,
        };
        match connected {
            Some(connection) => Ok((watch, connection)),
            None => Err(self.rejected()),
        }
    }

    /// What somebody is told who was let through before the breaker opened.
    fn rejected(&self) -> StoreError {
        match self.breaker.acquire() {
            Err(rejection) => rejection.into(),
            // Half-open again in this moment; the place goes back unused.
            Ok(_) => StoreError::Rejected {
                retry_after: Duration::from_secs(1),
            },
        }
    }

    /// How long one wait may take for somebody with this deadline.
    pub(crate) fn until(&self, deadline: Deadline) -> Deadline {
        Deadline::after(self.answer_timeout).min(deadline)
    }

    fn queue(&self) -> Result<Queued<'_>, StoreError> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let queued = Queued(&self.waiting);
        if before >= self.max_waiting {
            return Err(StoreError::Overloaded);
        }
        Ok(queued)
    }
}

/// A place among those who wait for a connection.
struct Queued<'a>(&'a AtomicUsize);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one transaction has met with so far.
pub(crate) struct Watch {
    /// `None` once reported, and when the caller stands behind the breaker himself.
    permit: Option<OwnedPermit>,
    deadline: Deadline,
    answer_timeout: Duration,
    /// Somebody waits for the database, since then.
    since: Option<Instant>,
    /// How long somebody waited in all, without the wait that goes on.
    waited: Duration,
    /// The database answered a statement.
    answered: bool,
    left_in_time: bool,
}

impl Watch {
    /// Waits for the answer to a statement: until the deadline, and never longer than one answer may take. The work is
    /// large; it lies where the caller has it, since each function that took it would keep a place for it besides.
    pub(crate) async fn answer<T>(
        &mut self,
        work: Pin<&mut impl Future<Output = Result<T, StoreError>>>,
    ) -> Result<T, StoreError> {
        let answer = self
            .wait(StoreError::Timeout("waiting for PostgreSQL"), work)
            .await;
        self.answered = true;
        answer
    }

    async fn wait<T>(
        &mut self,
        timed_out: StoreError,
        work: Pin<&mut impl Future<Output = Result<T, StoreError>>>,
    ) -> Result<T, StoreError> {
        let until = self.until().instant();
        self.since = Some(Instant::now());
        let waiting = Waiting(self);
        let result = match until {
            Some(at) => tokio::time::timeout_at(at, work).await.unwrap_or(Err(timed_out)),
            None => work.await,
        };
        let outcome = waiting.0.outcome(result.as_ref().err());
        waiting.0.end_wait(outcome);
        result
    }

    fn until(&self) -> Deadline {
        Deadline::after(self.answer_timeout).min(self.deadline)
    }

    /// How long one statement may run on the server.
    pub(crate) fn statement_limit(&self) -> Option<Duration> {
        self.until().remaining()
    }

    /// Whether somebody left in the middle of a wait that had time left: he lost interest, and the database may be about
    /// to answer.
    pub(crate) const fn was_left_in_time(&self) -> bool {
        self.left_in_time
    }

    fn waited_until_now(&self) -> Duration {
        self.since
            .map_or(self.waited, |since| self.waited.saturating_add(since.elapsed()))
    }

    fn outcome(&self, error: Option<&StoreError>) -> BreakerOutcome {
        match error {
            None => BreakerOutcome::Success,
            Some(StoreError::Timeout(_)) if self.waited_until_now() < FAIR_WAIT => BreakerOutcome::Ignored,
            Some(error) => error.breaker_outcome(),
        }
    }

    fn end_wait(&mut self, outcome: BreakerOutcome) {
        self.waited = self.waited_until_now();
        self.since = None;
        if outcome != BreakerOutcome::Success {
            self.report(outcome);
        }
    }

    fn report(&mut self, outcome: BreakerOutcome) {
        if let Some(permit) = self.permit.take() {
            permit.finish(outcome);
        }
    }
}

impl Drop for Watch {
    /// The end. A panic around a transaction is not the database's, so the permit is never left to draw its own
    /// conclusions.
    fn drop(&mut self) {
        self.report(if self.answered {
            BreakerOutcome::Success
        } else {
            BreakerOutcome::Ignored
        });
    }
}

/// Somebody waits. Dropped before the answer it tells why: at the deadline, the transaction's or that of a timeout
/// around the wait, the database was too slow, and before it nobody knows.
struct Waiting<'a>(&'a mut Watch);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let watch = &mut *self.0;
        if watch.since.is_none() {
            return;
        }
        watch.left_in_time = !watch.deadline.min(Deadline::current()).is_expired();
        let outcome = if watch.left_in_time {
            BreakerOutcome::Ignored
        } else {
            watch.outcome(Some(&StoreError::Timeout("dropped")))
        };
        watch.end_wait(outcome);
    }
}
