//! The circuit breaker: stops calling what does not answer, and finds out by itself when it does again.
//!
//! It must never invoke a call that it rejects, never be stuck, and never count a result that belongs to an earlier
//! state. The parts: `machine` decides, `circuit` spares calls its lock, `lanes` and `window` count, `gate` adds clock,
//! log and listeners, `permit` is a call's place, `metrics` tells.

mod builder;
mod circuit;
#[cfg(test)]
mod circuit_tests;
mod error;
mod gate;
mod lanes;
#[cfg(test)]
mod loom_tests;
mod machine;
mod metrics;
#[cfg(test)]
mod model_tests;
mod permit;
#[cfg(test)]
mod probe_tests;
mod sync;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod thread_tests;
mod threads;
mod time;
mod window;

use crate::deadline::Deadline;
use crate::error::BreakerOutcome;
use gate::Gate;
use machine::{Machine, Phase};
use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

pub use builder::{CircuitBreakerBuilder, CircuitBreakerConfig, CircuitBreakerConfigError, OpenTime};
pub use error::{CircuitBreakerError, Rejection};
pub use metrics::{CircuitBreakerMetrics, CircuitMode, CircuitState, Transition, TransitionReason};
pub use permit::{OwnedPermit, Permit};

/// A circuit breaker. Clones share one state; a clone costs one atomic addition.
///
/// ```
/// use rustok_core::resilience::{CircuitBreaker, CircuitBreakerConfig, CircuitBreakerError};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let breaker = CircuitBreaker::new("database", CircuitBreakerConfig {
///     failure_threshold: 1, success_threshold: 2, timeout: Duration::from_secs(60),
/// });
/// let failed = breaker.call(|| async { Err::<(), _>("connection refused") }).await;
/// assert_eq!(failed, Err(CircuitBreakerError::Inner("connection refused")));
/// let rejected = breaker.call(|| async { Ok::<_, &str>(()) }).await;
/// assert!(rejected.unwrap_err().retry_after().unwrap() > Duration::from_secs(59));
/// # });
/// ```
#[derive(Clone)]
pub struct CircuitBreaker(Arc<Gate>);

impl CircuitBreaker {
    /// A closed breaker that opens after failures in a row. It cannot fail: thresholds below 1 count as 1, a failure
    /// threshold above 1,048,575 as that, and a timeout below 1 ms as 1 ms. [`CircuitBreaker::builder`] checks instead,
    /// and can set everything else.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, config: CircuitBreakerConfig) -> Self {
        CircuitBreakerBuilder::new(name.into())
            .config(config.clamped())
            .build_unchecked()
    }

    /// Starts to build a breaker. The name stands in logs and metrics.
    pub fn builder(name: impl Into<Cow<'static, str>>) -> CircuitBreakerBuilder {
        CircuitBreakerBuilder::new(name.into())
    }

    /// Runs `call` if the breaker lets it through; every `Err` is a failure. For anything finer see
    /// [`CircuitBreaker::classify`] and [`CircuitBreaker::until`].
    ///
    /// The place is taken when the future is polled first. A panic is a failure; a future that is dropped is nothing
    /// unless [`CircuitBreakerBuilder::cancelled_as`] says otherwise. The future is `Send` if `call` and its future
    /// are.
    ///
    /// # Errors
    /// [`CircuitBreakerError::Rejected`] without invoking `call`, [`CircuitBreakerError::Inner`] when it failed.
    pub fn call<T, E, F, Fut>(&self, call: F) -> impl Future<Output = Result<T, CircuitBreakerError<E>>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        run(&self.0, Deadline::never(), |_: &E| BreakerOutcome::Failure, call)
    }

    /// Says what an error means: `breaker.classify(RichError::breaker_outcome).call(..)`.
    pub fn classify<E, C>(&self, classify: C) -> Call<'_, C>
    where
        C: FnOnce(&E) -> BreakerOutcome,
    {
        Call {
            breaker: self,
            deadline: Deadline::never(),
            classify,
        }
    }

    /// Says until when the call may run; see [`Call::until`]. Every error is a failure.
    pub fn until<E>(&self, deadline: Deadline) -> Call<'_, fn(&E) -> BreakerOutcome> {
        Call {
            breaker: self,
            deadline,
            classify: |_| BreakerOutcome::Failure,
        }
    }

    /// Takes a place for work that is not one future; see [`Permit`].
    ///
    /// # Errors
    /// [`Rejection`] when the breaker does not let it through.
    pub fn acquire(&self) -> Result<Permit<'_>, Rejection> {
        Permit::acquire_watching(&self.0)
    }

    /// As [`CircuitBreaker::acquire`], for a permit that is kept longer than a borrow lasts. It costs one more atomic
    /// addition, on the count of the breaker's owners.
    ///
    /// # Errors
    /// As [`CircuitBreaker::acquire`].
    pub fn acquire_owned(&self) -> Result<OwnedPermit, Rejection> {
        OwnedPermit::acquire(&self.0)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The state now. An open breaker whose time is up stays open until the next call comes.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        self.0.state().0
    }

    /// Who decides about the state.
    #[must_use]
    pub fn mode(&self) -> CircuitMode {
        self.0.state().1
    }

    /// A snapshot of everything it counts.
    #[must_use]
    pub fn metrics(&self) -> CircuitBreakerMetrics {
        self.0.metrics()
    }

    /// Opens it by hand: it rejects every call until [`CircuitBreaker::release`], another manual state, or a reset.
    pub fn open(&self) {
        self.force(Phase::ForcedOpen);
    }

    /// Closes it by hand: calls go through and are counted, but nothing opens it until it is released or reset.
    pub fn close(&self) {
        self.force(Phase::ForcedClosed);
    }

    /// Switches it off: calls go through and are not counted, until it is released or reset.
    pub fn disable(&self) {
        self.force(Phase::Disabled);
    }

    /// Gives a manual state back to the rules. Opened by hand, it goes on half-open; closed or disabled, it goes on
    /// closed with nothing counted. Does nothing while the rules decide.
    pub fn release(&self) {
        self.0.command(Machine::release);
    }

    /// Starts over: closed, automatic, no failures, the first open time next. Calls that are running do not count any
    /// more. The metrics go on.
    pub fn reset(&self) {
        self.0.command(Machine::reset);
    }

    fn force(&self, phase: Phase) {
        self.0.command(|machine, now| machine.force(phase, now));
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", &self.name())
            .field("state", &self.state())
            .field("mode", &self.mode())
            .finish()
    }
}

/// One call to be made, with a classifier and a deadline.
#[derive(Debug, Clone, Copy)]
#[must_use = "nothing is called before `call`"]
pub struct Call<'a, C> {
    breaker: &'a CircuitBreaker,
    deadline: Deadline,
    classify: C,
}

impl<'a, C> Call<'a, C> {
    /// Tells the breaker until when the call may run. It does not stop the call (a timeout around it does); it lets the
    /// breaker see the difference when the future is dropped: at or after the deadline it is a timeout, hence a
    /// failure; before it, the caller went away.
    pub fn until(self, deadline: Deadline) -> Self {
        Self { deadline, ..self }
    }

    /// As [`CircuitBreaker::call`].
    ///
    /// # Errors
    /// As [`CircuitBreaker::call`].
    pub fn call<T, E, F, Fut>(
        self,
        call: F,
    ) -> impl Future<Output = Result<T, CircuitBreakerError<E>>> + use<'a, T, E, F, Fut, C>
    where
        C: FnOnce(&E) -> BreakerOutcome,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        run(&self.breaker.0, self.deadline, self.classify, call)
    }
}

async fn run<T, E, C, F, Fut>(
    gate: &Gate,
    deadline: Deadline,
    classify: C,
    call: F,
) -> Result<T, CircuitBreakerError<E>>
where
    C: FnOnce(&E) -> BreakerOutcome,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let mut permit = Permit::acquire(gate)?;
    permit.set_deadline(deadline);
    permit.set_running(true);
    let mut future = pin!(call());
    let result = poll_fn(|cx| {
        // Set only while foreign code runs: a permit that is dropped with it set was dropped by a panic.
        permit.set_running(true);
        let poll = future.as_mut().poll(cx);
        permit.set_running(poll.is_ready());
        poll
    })
    .await;
    let outcome = match &result {
        Ok(_) => BreakerOutcome::Success,
        Err(error) => classify(error),
    };
    permit.finish(outcome);
    result.map_err(CircuitBreakerError::Inner)
}
