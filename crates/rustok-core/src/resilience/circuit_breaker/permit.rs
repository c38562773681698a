//! The permit of an admitted call. It reports exactly once, whatever happens to the call.

use super::error::{CircuitBreakerError, Rejection};
use super::gate::{Ending, Gate};
use super::machine::Ticket;
use crate::deadline::Deadline;
use crate::outcome::BreakerOutcome;
use pin_project_lite::pin_project;
use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The right to make one call. Report its result with [`Permit::finish`].
///
/// A permit dropped without a result counts as a failure when a panic drops it, or when the current deadline
/// ([`Deadline::current`]) has passed, else as [`super::CircuitBreakerBuilder::cancelled_as`].
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
    /// For a call that is being polled: see [`Permit::paused`].
    #[inline]
    pub(super) fn of_running(gate: &'a Gate) -> Result<Self, Rejection> {
        Ok(Self(Place::new(gate.admit()?, gate, Watch::Running)))
    }

    /// For callers that hold the permit themselves.
    #[inline]
    pub(super) fn acquire(gate: &'a Gate) -> Result<Self, Rejection> {
        Ok(Self(Place::new(gate.admit()?, gate, Watch::of_thread())))
    }

    /// The call is polled: only a panic can drop the permit.
    #[inline]
    pub(super) const fn running(mut self) -> Self {
        self.0.watch = Watch::Running;
        self
    }

    /// The call waits.
    #[inline]
    pub(super) fn pause(mut self) -> Paused {
        self.0.reported = true;
        Paused {
            ticket: self.0.ticket,
            started: self.0.started,
        }
    }

    /// Reports the call's result. As [`Permit::finish`], which moves the permit.
    #[inline(always)]
    pub(super) fn report(&mut self, outcome: BreakerOutcome) {
        self.0.report(Ending::Returned(outcome));
    }

    /// Reports the call's result.
    #[inline]
    pub fn finish(mut self, outcome: BreakerOutcome) {
        self.0.report(Ending::Returned(outcome));
    }
}

/// The permit of a call that waits. It must become a permit again: dropped itself, it reports nothing.
#[derive(Debug)]
pub(super) struct Paused {
    ticket: Ticket,
    started: u64,
}

impl Paused {
    /// The permit; who drops it cancels the call.
    pub(super) const fn permit(self, gate: &Gate) -> Permit<'_> {
        Permit(Place {
            gate,
            ticket: self.ticket,
            started: self.started,
            watch: Watch::Nothing,
            reported: false,
        })
    }
}

impl OwnedPermit {
    pub(super) fn acquire(gate: &Arc<Gate>) -> Result<Self, Rejection> {
        Ok(Self(Place::new(
            gate.admit()?,
            Arc::clone(gate),
            Watch::of_thread(),
        )))
    }

    /// Reports the call's result.
    #[inline]
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
    watch: Watch,
    reported: bool,
}

/// How a permit that is dropped finds out whether a panic dropped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    /// Foreign code runs under it, so only a panic can drop it.
    Running,
    /// The thread panics.
    Thread,
    /// It was not a panic of the call.
    Nothing,
}

impl Watch {
    /// The thread, unless it is already panicking: that panic says nothing about the call.
    fn of_thread() -> Self {
        if std::thread::panicking() {
            Self::Nothing
        } else {
            Self::Thread
        }
    }
}

impl<G: Deref<Target = Gate>> Place<G> {
    #[inline]
    fn new(ticket: Ticket, gate: G, watch: Watch) -> Self {
        Self {
            started: gate.start(),
            gate,
            ticket,
            watch,
            reported: false,
        }
    }

    #[inline(always)]
    fn report(&mut self, ending: Ending) {
        self.reported = true;
        self.gate.settle(self.ticket, ending, self.started);
    }
}

impl<G: Deref<Target = Gate>> Drop for Place<G> {
    #[inline]
    fn drop(&mut self) {
        if !self.reported {
            // By value: a permit whose address is taken cannot stay in registers.
            report_dropped(&self.gate, self.ticket, self.started, self.watch);
        }
    }
}

#[cold]
fn report_dropped(gate: &Gate, ticket: Ticket, started: u64, watch: Watch) {
    let panicked = match watch {
        Watch::Running => true,
        Watch::Thread => std::thread::panicking(),
        Watch::Nothing => false,
    };
    let ending = if panicked {
        Ending::Panicked
    } else if Deadline::current().is_expired() {
        Ending::TimedOut
    } else {
        Ending::Cancelled
    };
    gate.settle(ticket, ending, started);
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

pin_project! {
    /// A call through a breaker: takes a permit at its first poll. It is written out, without `async`, which
    /// needs fewer instructions (`bench/breaker.sh`).
    pub(super) struct Guarded<'a, F, Fut, C> {
        gate: &'a Gate,
        classify: C,
        #[pin]
        step: Step<F, Fut>,
        // The permit of a call that has begun and waits. While the call is polled, `poll` holds it.
        waiting: Option<Paused>,
    }

    impl<F, Fut, C> PinnedDrop for Guarded<'_, F, Fut, C> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if matches!(*this.step, Step::Begun { .. }) {
                // The call is dropped before its permit, also if its drop panics: its drop is still part of it.
                let _permit = this.waiting.take().map(|paused| paused.permit(this.gate));
                this.step.set(Step::Ended);
            }
        }
    }
}

pin_project! {
    #[project = StepProjection]
    #[project_replace = StepBefore]
    enum Step<F, Fut> {
        NotBegun { call: F },
        Begun { #[pin] future: Fut },
        Ended,
    }
}

impl<'a, F, Fut, C> Guarded<'a, F, Fut, C> {
    pub(super) const fn new(gate: &'a Gate, classify: C, call: F) -> Self {
        Self {
            gate,
            classify,
            step: Step::NotBegun { call },
            waiting: None,
        }
    }
}

impl<T, E, F, Fut, C> Future for Guarded<'_, F, Fut, C>
where
    C: Fn(&E) -> BreakerOutcome,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = Result<T, CircuitBreakerError<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // A permit that is dropped here, and not by the owner of this future, is dropped by a panic.
        let mut permit = if matches!(*this.step, Step::NotBegun { .. }) {
            let begun = this.step.as_mut().project_replace(Step::Ended);
            let permit = Permit::of_running(this.gate)?;
            if let StepBefore::NotBegun { call } = begun {
                this.step.set(Step::Begun { future: call() });
            }
            permit
        } else {
            match this.waiting.take() {
                Some(paused) => paused.permit(this.gate).running(),
                // Polled again after it was ready, or after a panic.
                None => return Poll::Pending,
            }
        };
        let StepProjection::Begun { future } = this.step.as_mut().project() else {
            return Poll::Pending;
        };
        let Poll::Ready(result) = future.poll(cx) else {
            *this.waiting = Some(permit.pause());
            return Poll::Pending;
        };
        let result = match result {
            Ok(value) => {
                permit.report(BreakerOutcome::Success);
                Ok(value)
            }
            Err(error) => {
                permit.report((this.classify)(&error));
                Err(CircuitBreakerError::Inner(error))
            }
        };
        this.step.set(Step::Ended);
        Poll::Ready(result)
    }
}
