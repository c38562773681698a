//! The gate: the circuit with a name, a clock, a log and listeners.
//!
//! No callback runs and nothing is awaited while a lock is held. Rejections are logged in samples, not one line each.

use super::CircuitMode;
use super::builder::{Listener, Rules};
use super::circuit::{Circuit, Settled};
use super::error::Rejection;
use super::lanes::{Lane, claim_number, my_number};
use super::machine::{Admission, Machine, Phase, Ticket};
use super::metrics::{CircuitBreakerMetrics, CircuitState, RejectionLog, Transition};
use super::time::{Source, Time as _};
use crate::outcome::BreakerOutcome;
use crate::resilience::jitter::nanos;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How an admitted call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Returned(BreakerOutcome),
    Panicked,
    /// Dropped at or after its deadline.
    TimedOut,
    /// Dropped before its deadline.
    Cancelled,
}

pub(super) struct Gate {
    circuit: Circuit,
    time: Source,
    /// The duration in nanoseconds from which a call is slow, if there is such a rule.
    slow: Option<u64>,
    cancelled: BreakerOutcome,
    log: RejectionLog,
    pub(super) name: Cow<'static, str>,
    listeners: Vec<Listener>,
}

/// The longest `retry_after` of a full half-open breaker: probes usually end soon.
const HALF_OPEN_RETRY: Duration = Duration::from_secs(1);

impl Gate {
    pub(super) fn new(name: Cow<'static, str>, rules: Rules, listeners: Vec<Listener>) -> Self {
        Self {
            slow: rules.slow.map(|(slow, _)| nanos(slow)),
            cancelled: rules.cancelled,
            circuit: Circuit::new(rules),
            time: Source::new(),
            log: RejectionLog::default(),
            name,
            listeners,
        }
    }

    /// The start time of a call, if a rule needs its duration.
    #[inline]
    pub(super) fn start(&self) -> u64 {
        match self.slow {
            None => 0,
            Some(_) => self.precise_time(),
        }
    }

    #[cold]
    fn precise_time(&self) -> u64 {
        self.time.precise()
    }

    pub(super) fn state(&self) -> (CircuitState, CircuitMode) {
        let phase = self.circuit.word().phase();
        (phase.state(), phase.mode())
    }

    /// Admits or rejects a call.
    #[inline]
    pub(super) fn admit(&self) -> Result<Ticket, Rejection> {
        match self.circuit.admit_closed() {
            Some(ticket) => Ok(ticket),
            None => self.admit_unless_open(),
        }
    }

    #[cold]
    fn admit_unless_open(&self) -> Result<Ticket, Rejection> {
        let now = self.time.coarse();
        match self.circuit.admit(now, &self.time) {
            Admission::Admitted(ticket) => {
                // The breaker may have just become half-open.
                if ticket.lease != 0 {
                    self.tell_all();
                }
                Ok(ticket)
            }
            Admission::Rejected { state, retry_after } => Err(self.reject(state, retry_after, now)),
        }
    }

    #[inline]
    fn reject(&self, state: CircuitState, retry_after: u64, now: u64) -> Rejection {
        self.count(|lane| lane.rejected.increment());
        let mut retry_after = Duration::from_nanos(retry_after);
        if state == CircuitState::HalfOpen {
            retry_after = retry_after.min(HALF_OPEN_RETRY);
        }
        let rejection = Rejection { retry_after, state };
        if self.log.is_due(now) {
            self.log_rejections(rejection, now);
        }
        rejection
    }

    #[cold]
    fn log_rejections(&self, Rejection { retry_after, state }: Rejection, now: u64) {
        let rejected = self.circuit.lanes().sum(|lane| &lane.rejected);
        if let Some(rejected) = self.log.sample(now, rejected) {
            tracing::warn!(
                breaker = %self.name,
                state = state.as_str(),
                rejected,
                retry_after_ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX),
                "circuit breaker rejects calls"
            );
        }
    }

    /// Records the end of an admitted call.
    #[inline(always)]
    pub(super) fn settle(&self, ticket: Ticket, ending: Ending, started: u64) {
        if ending == Ending::Returned(BreakerOutcome::Success)
            && self.slow.is_none()
            && let Some(lane) = self.circuit.lanes().own(my_number())
            && self.circuit.settle_calm(lane, ticket, &self.time)
        {
            lane.successes.increment();
            return;
        }
        self.settle_any(ticket, ending, started);
    }

    /// The end of any call, also of the first one of a thread.
    #[cold]
    #[inline(never)]
    fn settle_any(&self, ticket: Ticket, ending: Ending, started: u64) {
        let word = self.circuit.word();
        if word.phase() == Phase::Disabled && word.generation() == ticket.generation {
            return;
        }
        let outcome = self.count_ending(ending);
        let slow = match self.slow {
            Some(slow) if outcome != BreakerOutcome::Ignored => self.is_slow(slow, started),
            _ => false,
        };
        match self
            .circuit
            .settle(claim_number(), ticket, outcome, slow, &self.time)
        {
            Settled::Counted => {}
            Settled::Late => self.count(|lane| lane.late.increment()),
            Settled::Changed => self.tell_all(),
        }
    }

    fn is_slow(&self, slow: u64, started: u64) -> bool {
        let is_slow = self.time.precise().saturating_sub(started) >= slow;
        if is_slow {
            self.count(|lane| lane.slow.increment());
        }
        is_slow
    }

    #[inline]
    fn count(&self, what: impl Fn(&Lane)) {
        let lanes = self.circuit.lanes();
        match lanes.own(my_number()) {
            Some(lane) => what(lane),
            None => what(lanes.of(claim_number()).lane),
        }
    }

    fn count_ending(&self, ending: Ending) -> BreakerOutcome {
        let (outcome, cancelled) = match ending {
            Ending::Returned(outcome) => (outcome, false),
            Ending::Panicked | Ending::TimedOut => (BreakerOutcome::Failure, false),
            Ending::Cancelled => (self.cancelled, true),
        };
        self.count(|lane| {
            match outcome {
                _ if cancelled => lane.cancelled.increment(),
                BreakerOutcome::Success => lane.successes.increment(),
                BreakerOutcome::Failure => lane.failures.increment(),
                BreakerOutcome::Ignored => lane.ignored.increment(),
            }
            match ending {
                Ending::Panicked => lane.panics.increment(),
                Ending::TimedOut => lane.timeouts.increment(),
                Ending::Returned(_) | Ending::Cancelled => {}
            }
        });
        outcome
    }

    /// Applies a manual change to the machine.
    pub(super) fn command(&self, change: impl FnOnce(&mut Machine, u64)) {
        self.circuit
            .change(|machine| change(machine, self.time.precise()));
        self.tell_all();
    }

    /// Notifies the listeners of pending transitions, unless another thread is doing so.
    #[cold]
    fn tell_all(&self) {
        // Loops because another thread may have added a transition between the last one reported and the end of the
        // notification.
        while self.circuit.begin_telling() {
            while let Some(transition) = self.circuit.next_untold() {
                self.notify(&transition);
            }
        }
    }

    fn notify(&self, transition: &Transition) {
        let log = || {
            let Transition {
                from,
                to,
                mode,
                reason,
                open_for,
            } = transition;
            let (breaker, from) = (&self.name, from.as_str());
            if *to == CircuitState::Open {
                tracing::warn!(%breaker, from, ?mode, ?reason, ?open_for, "circuit breaker opened");
            } else {
                tracing::info!(%breaker, from, to = to.as_str(), ?mode, ?reason, "circuit breaker changed state");
            }
        };
        // A panic in foreign code must neither fail the call that caused the transition nor block all later
        // notifications.
        let _ = catch_unwind(AssertUnwindSafe(log));
        for listener in &self.listeners {
            if catch_unwind(AssertUnwindSafe(|| listener(transition))).is_err() {
                tracing::error!(breaker = %self.name, "a listener of the circuit breaker panicked");
            }
        }
    }

    pub(super) fn metrics(&self) -> CircuitBreakerMetrics {
        let lanes = self.circuit.lanes();
        let window = self.circuit.tally(&self.time);
        self.circuit.read(|machine| {
            let now = self.time.precise();
            let phase = machine.phase();
            CircuitBreakerMetrics {
                name: self.name.clone(),
                state: phase.state(),
                mode: phase.mode(),
                successes: lanes.sum(|lane| &lane.successes),
                failures: lanes.sum(|lane| &lane.failures),
                ignored: lanes.sum(|lane| &lane.ignored),
                cancelled: lanes.sum(|lane| &lane.cancelled),
                panics: lanes.sum(|lane| &lane.panics),
                timeouts: lanes.sum(|lane| &lane.timeouts),
                slow: lanes.sum(|lane| &lane.slow),
                late: lanes.sum(|lane| &lane.late),
                rejected: lanes.sum(|lane| &lane.rejected),
                transitions: machine.transitions(),
                time_in_state: machine.time_in_state(now),
                since_transition: machine.since_transition(now),
                consecutive_failures: self.circuit.word().streak(),
                probes_in_flight: machine.probes_in_flight(now),
                window_calls: window.calls,
                window_failures: window.failures,
            }
        })
    }
}
