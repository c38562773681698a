//! The circuit breaker: stops calling a dependency that fails, and detects by itself when it has recovered.
//!
//! 1. **Policy.** [`CircuitBreakerBuilder`] holds the rules: what opens the breaker, for how long, how many probes.
//! 2. **Gate.** Each call asks `gate` for a [`Permit`]. Closed: it gets one. Open: it gets a [`Rejection`], and is never
//!    invoked. Half-open: a few get one, with a lease, as probes.
//! 3. **Outcome.** The permit reports how its call ended, exactly once: success, failure, ignored; also when the call
//!    panics or is dropped. Only a result of the state in which its call began counts.
//! 4. **Decision.** `machine`, under a lock, decides each change of state by the policy. While the breaker is closed and
//!    calls succeed, nothing takes that lock: `circuit` compares one atomic word and counts in the thread's own lane
//!    (`lanes`; `window` says which counts are recent). `time` is the clock; `metrics` and listeners tell what happened.

mod builder;
mod circuit;
mod error;
mod gate;
mod lanes;
mod machine;
mod metrics;
mod permit;
mod time;
mod window;

/// The atomics and the lock of the closed path. The model checker replaces this module by its own.
mod sync {
    pub(super) use std::sync::atomic::{AtomicU64, Ordering, fence};
    pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
}

#[cfg(test)]
mod circuit_tests;
#[cfg(test)]
mod loom_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod probe_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod thread_tests;

use crate::outcome::BreakerOutcome;
use gate::Gate;
use machine::{Machine, Phase};
use permit::Guarded;
use std::borrow::Cow;
use std::fmt;
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
    /// [`CircuitBreaker::classify`].
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
        Guarded::new(&self.0, |_: &E| BreakerOutcome::Failure, call)
    }

    /// Sets how errors are classified: `breaker.classify(RichError::breaker_outcome).call(..)`.
    pub fn classify<E, C>(&self, classify: C) -> Call<'_, C>
    where
        C: Fn(&E) -> BreakerOutcome,
    {
        Call {
            breaker: self,
            classify,
        }
    }

    /// Acquires a permit for work that is not a single future; see [`Permit`].
    ///
    /// # Errors
    /// [`Rejection`] when the breaker rejects the call.
    pub fn acquire(&self) -> Result<Permit<'_>, Rejection> {
        Permit::acquire(&self.0)
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

/// A call to be made, with a classifier.
#[derive(Debug, Clone, Copy)]
#[must_use = "nothing is called before `call`"]
pub struct Call<'a, C> {
    breaker: &'a CircuitBreaker,
    classify: C,
}

impl<'a, C> Call<'a, C> {
    /// As [`CircuitBreaker::call`].
    ///
    /// # Errors
    /// As [`CircuitBreaker::call`].
    pub fn call<T, E, F, Fut>(
        self,
        call: F,
    ) -> impl Future<Output = Result<T, CircuitBreakerError<E>>> + use<'a, T, E, F, Fut, C>
    where
        C: Fn(&E) -> BreakerOutcome,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        Guarded::new(&self.breaker.0, self.classify, call)
    }
}
