//! The guard in front of PostgreSQL: circuit breaker, time-out and deadline of every transaction, in this one place.
//!
//! A transaction takes one breaker permit when it begins and reports once: a failure as soon as a wait for the
//! database ends badly, otherwise at its end. It must never count what the database is not to blame for: an error in
//! an answer, a caller that cancels, a caller that arrives with no time left.

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

/// Consecutive failures that open the breaker.
const FAILURES: u32 = 5;
/// Probes let through while half-open; all must succeed to close the breaker.
const PROBES: u32 = 2;
/// How long the breaker stays open. Short, since each rejected request is lost; growing, since load does not help a
/// database that starts; randomized, since many processes wait for the same database.
const OPEN_TIME: OpenTime = OpenTime::Exponential {
    initial: Duration::from_secs(1),
    factor: 2,
    cap: Duration::from_secs(4),
    jitter_percent: 20,
};
/// A probe that has not ended after this long yields its permit to another one.
const PROBE_LEASE: Duration = Duration::from_secs(10);
/// A timeout after less total waiting than this is not counted: the caller came too late to learn anything about the
/// database. Otherwise a client whose requests arrive close to their deadline could open the breaker for everyone.
const FAIR_WAIT: Duration = Duration::from_millis(100);

/// State shared by all transactions of one store.
pub(crate) struct Guard {
    breaker: CircuitBreaker,
    /// Notified when the breaker opens.
    opened: Arc<Notify>,
    answer_timeout: Duration,
    waiting: AtomicUsize,
    max_waiting: usize,
}

impl Guard {
    /// `answer_timeout` bounds each single wait for the database; `max_waiting` bounds how many transactions may wait
    /// for a connection; `on_open` is called when the breaker opens.
    pub(crate) fn new(
        answer_timeout: Duration,
        max_waiting: usize,
        on_open: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, CircuitBreakerConfigError> {
        let opened = Arc::new(Notify::new());
        let opened_signal = Arc::clone(&opened);
        let breaker = CircuitBreaker::builder("database")
            .consecutive_failures(FAILURES)
            .success_threshold(PROBES)
            .half_open_probes(PROBES)
            .open_time(OPEN_TIME)
            .probe_lease(PROBE_LEASE)
            .on_transition(move |transition| {
                if transition.to == CircuitState::Open {
                    on_open();
                    opened_signal.notify_waiters();
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

    /// Takes a breaker permit and waits for a connection. `connect` is not started when the breaker rejects the
    /// transaction or too many already wait, and is cancelled when the breaker opens meanwhile.
    ///
    /// Without `guarded` the caller holds a permit of its own and reports the outcome itself.
    pub(crate) async fn begin<T>(
        &self,
        deadline: Deadline,
        guarded: bool,
        connect: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<(TxMonitor, T), StoreError> {
        // Subscribes before taking the permit, so that no opening is missed.
        let opened = Arc::clone(&self.opened).notified_owned();
        let mut watch = TxMonitor {
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

    /// The error for a transaction that was admitted before the breaker opened.
    fn rejected(&self) -> StoreError {
        match self.breaker.acquire() {
            Err(rejection) => rejection.into(),
            // The breaker became half-open just now; the permit goes back unused.
            Ok(_) => StoreError::Rejected {
                retry_after: Duration::from_secs(1),
            },
        }
    }

    /// The limit of one wait under this deadline.
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

/// A place in the queue for a connection.
struct Queued<'a>(&'a AtomicUsize);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// State of one transaction for the breaker.
pub(crate) struct TxMonitor {
    /// `None` once reported, and when the caller holds its own permit.
    permit: Option<OwnedPermit>,
    deadline: Deadline,
    answer_timeout: Duration,
    /// Start of the current wait for the database, if one is in progress.
    since: Option<Instant>,
    /// Total time waited, without the current wait.
    waited: Duration,
    /// The database has answered a statement.
    answered: bool,
    left_in_time: bool,
}

impl TxMonitor {
    /// Waits for the answer to a statement, until the deadline and never longer than the answer time-out. `work` is
    /// large; it is passed pinned, since taking it by value would reserve space for it in every enclosing future.
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

    /// Whether a wait was dropped with time left: the caller cancelled, and the database may be about to answer.
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

impl Drop for TxMonitor {
    /// Reports the end. A panic during a transaction is not the database's fault, so the permit's own drop must not
    /// decide.
    fn drop(&mut self) {
        self.report(if self.answered {
            BreakerOutcome::Success
        } else {
            BreakerOutcome::Ignored
        });
    }
}

/// A wait in progress. Dropped before the answer it reports a failure if the deadline, the transaction's or that of
/// an enclosing timeout, has passed, since the database was too slow; before the deadline the outcome is unknown.
struct Waiting<'a>(&'a mut TxMonitor);

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
