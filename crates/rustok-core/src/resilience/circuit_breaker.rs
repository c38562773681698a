//! The circuit breaker: stops calling a dependency that fails, and detects by itself when it has recovered.
//!
//! It must never invoke a call that it rejects, never get stuck, and never count a result that belongs to an earlier
//! state. The parts: `machine` decides, `circuit` keeps calls off the lock, `lanes` and `window` count, `gate` adds
//! clock, log and listeners, `permit` is the right to make one call, `metrics` reports.

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
    /// A closed breaker that opens after consecutive failures. It cannot fail: thresholds below 1 count as 1, a
    /// failure threshold above 1,048,575 as 1,048,575, and a timeout below 1 ms as 1 ms. [`CircuitBreaker::builder`]
    /// validates instead, and offers all other settings.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, config: CircuitBreakerConfig) -> Self {
        CircuitBreakerBuilder::new(name.into())
            .config(config.clamped())
            .build_unchecked()
    }

    /// Starts to build a breaker. The name appears in logs and metrics.
    pub fn builder(name: impl Into<Cow<'static, str>>) -> CircuitBreakerBuilder {
        CircuitBreakerBuilder::new(name.into())
    }

    /// Runs `call` if the breaker admits it; every `Err` counts as a failure. For finer control see
    /// [`CircuitBreaker::classify`] and [`CircuitBreaker::until`].
    ///
    /// A permit is acquired at the first poll of the future. A panic is a failure; a dropped future is not counted
    /// unless [`CircuitBreakerBuilder::cancelled_as`] sets otherwise. The future is `Send` if `call` and its future
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

    /// Sets how errors are classified: `breaker.classify(RichError::breaker_outcome).call(..)`.
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

    /// Sets the deadline of the call; see [`Call::until`]. Every error is a failure.
    pub fn until<E>(&self, deadline: Deadline) -> Call<'_, fn(&E) -> BreakerOutcome> {
        Call {
            breaker: self,
            deadline,
            classify: |_| BreakerOutcome::Failure,
        }
    }

    /// Acquires a permit for work that is not a single future; see [`Permit`].
    ///
    /// # Errors
    /// [`Rejection`] when the breaker rejects the call.
    pub fn acquire(&self) -> Result<Permit<'_>, Rejection> {
        Permit::acquire_watching(&self.0)
    }

    /// As [`CircuitBreaker::acquire`], for a permit that must outlive a borrow. It costs one more atomic addition,
    /// for the reference count of the breaker.
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

    /// The current state. An open breaker whose open time has elapsed stays open until the next call.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        self.0.state().0
    }

    /// Whether the state is automatic or manual.
    #[must_use]
    pub fn mode(&self) -> CircuitMode {
        self.0.state().1
    }

    /// A snapshot of all counters.
    #[must_use]
    pub fn metrics(&self) -> CircuitBreakerMetrics {
        self.0.metrics()
    }

    /// Opens it manually: it rejects every call until [`CircuitBreaker::release`], another manual state, or a reset.
    pub fn open(&self) {
        self.force(Phase::ForcedOpen);
    }

    /// Closes it manually: calls are admitted and counted, but nothing opens it until it is released or reset.
    pub fn close(&self) {
        self.force(Phase::ForcedClosed);
    }

    /// Disables it: calls are admitted and not counted, until it is released or reset.
    pub fn disable(&self) {
        self.force(Phase::Disabled);
    }

    /// Ends a manual state. Forced open continues as half-open; forced closed or disabled continues as closed with
    /// empty counters. No effect in the automatic mode.
    pub fn release(&self) {
        self.0.command(Machine::release);
    }

    /// Starts over: closed, automatic, no failures, open times from the first one. Results of running calls no longer
    /// count. The metrics are kept.
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

/// A call to be made, with a classifier and a deadline.
#[derive(Debug, Clone, Copy)]
#[must_use = "nothing is called before `call`"]
pub struct Call<'a, C> {
    breaker: &'a CircuitBreaker,
    deadline: Deadline,
    classify: C,
}

impl<'a, C> Call<'a, C> {
    /// Sets the call's deadline. It does not stop the call (a timeout around it does); it lets the breaker interpret
    /// a dropped future: at or after the deadline it is a timeout, hence a failure; before it, the caller cancelled.
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
        // Set only while foreign code runs: a permit dropped while it is set was dropped by a panic.
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
