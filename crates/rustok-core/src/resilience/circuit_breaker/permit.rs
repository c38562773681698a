//! The permit of an admitted call. It reports exactly once, whatever happens to the call.

use super::error::Rejection;
use super::gate::{Ending, Gate};
use super::machine::Ticket;
use crate::deadline::Deadline;
use crate::error::BreakerOutcome;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The right to make one call. Report its result with [`Permit::finish`].
///
/// A permit dropped without a result counts as a failure when a panic drops it, or when its deadline or the current
/// one ([`Deadline::current`]) has passed, else as [`super::CircuitBreakerBuilder::cancelled_as`].
///
/// ```
/// use rustok_core::resilience::{BreakerOutcome, CircuitBreaker};
///
/// let breaker = CircuitBreaker::builder("mail").build().unwrap();
/// let permit = breaker.acquire().unwrap();
/// permit.finish(BreakerOutcome::Success);
/// assert_eq!(breaker.metrics().successes, 1);
/// ```
#[must_use = "dropping it at once counts as a cancelled call"]
pub struct Permit<'a>(Place<&'a Gate>);

/// A [`Permit`] that owns its breaker, for long-lived work: a transaction, a stream. Created by
/// [`super::CircuitBreaker::acquire_owned`]; dropped without a result it behaves the same.
#[must_use = "dropping it at once counts as a cancelled call"]
pub struct OwnedPermit(Place<Arc<Gate>>);

impl<'a> Permit<'a> {
    /// For `run`, which tracks by itself whether the call is being polled.
    pub(super) fn acquire(gate: &'a Gate) -> Result<Self, Rejection> {
        Ok(Self(Place::new(gate.admit()?, gate, false)))
    }

    /// For callers that hold the permit themselves.
    pub(super) fn acquire_watching(gate: &'a Gate) -> Result<Self, Rejection> {
        Ok(Self(Place::new(gate.admit()?, gate, true)))
    }

    pub(super) const fn set_deadline(&mut self, deadline: Deadline) {
        self.0.deadline = deadline;
    }

    pub(super) const fn set_running(&mut self, running: bool) {
        self.0.running = running;
    }

    /// Reports the call's result.
    pub fn finish(mut self, outcome: BreakerOutcome) {
        self.0.report(Ending::Returned(outcome));
    }
}

impl OwnedPermit {
    pub(super) fn acquire(gate: &Arc<Gate>) -> Result<Self, Rejection> {
        Ok(Self(Place::new(gate.admit()?, Arc::clone(gate), true)))
    }

    /// Reports the call's result.
    pub fn finish(mut self, outcome: BreakerOutcome) {
        self.0.report(Ending::Returned(outcome));
    }
}

/// The common part of both permits.
struct Place<G: Deref<Target = Gate>> {
    gate: G,
    ticket: Ticket,
    /// When the call began, if a rule needs it; nanoseconds on the gate's clock.
    started: u64,
    deadline: Deadline,
    /// Foreign code is running under this permit.
    running: bool,
    /// Whether a panic of the dropping thread counts as a panic of the call. Never if the thread was already
    /// panicking at the start: that panic says nothing about the call.
    watches_thread: bool,
    reported: bool,
}

impl<G: Deref<Target = Gate>> Place<G> {
    #[inline]
    fn new(ticket: Ticket, gate: G, watches_thread: bool) -> Self {
        Self {
            started: gate.start(),
            gate,
            ticket,
            deadline: Deadline::never(),
            running: false,
            watches_thread: watches_thread && !std::thread::panicking(),
            reported: false,
        }
    }

    #[inline]
    fn report(&mut self, ending: Ending) {
        self.reported = true;
        self.gate.settle(self.ticket, ending, self.started);
    }
}

impl<G: Deref<Target = Gate>> Drop for Place<G> {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        let ending = if self.running || (self.watches_thread && std::thread::panicking()) {
            Ending::Panicked
        } else if self.deadline.min(Deadline::current()).is_expired() {
            Ending::TimedOut
        } else {
            Ending::Cancelled
        };
        self.report(ending);
    }
}

impl<G: Deref<Target = Gate>> fmt::Debug for Place<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("breaker", &self.gate.name)
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
