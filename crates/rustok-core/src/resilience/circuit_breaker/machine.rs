//! The state machine of a breaker, alone: no lock, no clock, no call.
//!
//! Time comes in as nanoseconds since the breaker was made. Everything that decides is here and only here; the gate
//! around it adds the lock and the shortcuts.

use super::builder::Rules;
use super::metrics::{CircuitMode, CircuitState, Transition, TransitionReason};
use super::window::{Tally, Window};
use crate::error::BreakerOutcome;
use crate::resilience::jitter::nanos;
use std::collections::VecDeque;
use std::time::Duration;

/// The three states, and the manual ones that are latched until somebody releases them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    Closed,
    Open,
    HalfOpen,
    ForcedOpen,
    ForcedClosed,
    Disabled,
}

impl Phase {
    pub(super) const fn state(self) -> CircuitState {
        match self {
            Self::Closed | Self::ForcedClosed | Self::Disabled => CircuitState::Closed,
            Self::Open | Self::ForcedOpen => CircuitState::Open,
            Self::HalfOpen => CircuitState::HalfOpen,
        }
    }

    pub(super) const fn mode(self) -> CircuitMode {
        match self {
            Self::Closed | Self::Open | Self::HalfOpen => CircuitMode::Automatic,
            Self::ForcedOpen => CircuitMode::ForcedOpen,
            Self::ForcedClosed => CircuitMode::ForcedClosed,
            Self::Disabled => CircuitMode::Disabled,
        }
    }
}

/// What an admitted call must show when it reports its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) generation: u64,
    /// The lease of a probe; 0 = not a probe.
    pub(super) lease: u64,
}

/// May the call go through?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted(Ticket),
    /// Come back after so many nanoseconds.
    Rejected(u64),
}

#[derive(Debug)]
struct Lease {
    id: u64,
    expires: u64,
}

/// A full half-open breaker asks to come back after this at the latest: the probes usually end soon.
const HALF_OPEN_RETRY: u64 = 1_000_000_000;

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) rules: Rules,
    phase: Phase,
    /// Counts phases; a result of an earlier generation does not count.
    generation: u64,
    entered: u64,
    until: u64,
    streak: u32,
    /// Openings since it was last closed.
    openings: u32,
    successes: u32,
    leases: Vec<Lease>,
    last_lease: u64,
    window: Option<Window>,
    time_in_state: [u64; 3],
    transitions: [u64; 3],
    /// Transitions nobody has heard of yet.
    pub(super) untold: VecDeque<Transition>,
}

impl Machine {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            phase: Phase::Closed,
            generation: 0,
            entered: 0,
            until: 0,
            streak: 0,
            openings: 0,
            successes: 0,
            leases: Vec::new(),
            last_lease: 0,
            window: rules.make_window(),
            time_in_state: [0; 3],
            transitions: [0; 3],
            untold: VecDeque::new(),
            rules,
        }
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// When an open breaker lets the first probe through.
    pub(super) const fn until(&self) -> u64 {
        self.until
    }

    pub(super) const fn streak(&self) -> u32 {
        self.streak
    }

    /// Asks for a call to be let through. An open breaker whose time is up becomes half-open here.
    pub(super) fn admit(&mut self, now: u64) -> Admission {
        if self.phase == Phase::Open && now >= self.until {
            self.enter(Phase::HalfOpen, now, TransitionReason::OpenTimeElapsed);
        }
        match self.phase {
            Phase::Closed | Phase::ForcedClosed | Phase::Disabled => Admission::Admitted(Ticket {
                generation: self.generation,
                lease: 0,
            }),
            Phase::Open => Admission::Rejected(self.until.saturating_sub(now)),
            Phase::ForcedOpen => Admission::Rejected(nanos(self.rules.open_time.initial())),
            Phase::HalfOpen => self.admit_probe(now),
        }
    }

    fn admit_probe(&mut self, now: u64) -> Admission {
        self.leases.retain(|lease| lease.expires > now);
        if self.leases.len() as u64 >= u64::from(self.rules.probes) {
            let next = self
                .leases
                .iter()
                .map(|lease| lease.expires.saturating_sub(now))
                .min();
            return Admission::Rejected(next.unwrap_or(HALF_OPEN_RETRY).min(HALF_OPEN_RETRY));
        }
        self.last_lease += 1;
        let expires = now.saturating_add(nanos(self.rules.lease));
        self.leases.push(Lease {
            id: self.last_lease,
            expires,
        });
        Admission::Admitted(Ticket {
            generation: self.generation,
            lease: self.last_lease,
        })
    }

    /// Takes a result. False: it came too late to count (another generation, or the lease went to somebody else).
    pub(super) fn record(&mut self, ticket: Ticket, outcome: BreakerOutcome, slow: bool, now: u64) -> bool {
        if ticket.generation != self.generation {
            return false;
        }
        match self.phase {
            Phase::Closed if outcome != BreakerOutcome::Ignored => {
                self.record_call(outcome == BreakerOutcome::Failure, slow, now);
            }
            Phase::HalfOpen => return self.record_probe(ticket, outcome, slow, now),
            _ => {}
        }
        true
    }

    fn record_call(&mut self, failure: bool, slow: bool, now: u64) {
        self.streak = if failure { self.streak.saturating_add(1) } else { 0 };
        if let Some(window) = &mut self.window {
            window.record(now, failure, slow);
        }
        if let Some(reason) = self.reason_to_trip(now) {
            self.enter(Phase::Open, now, reason);
        }
    }

    fn reason_to_trip(&mut self, now: u64) -> Option<TransitionReason> {
        if self
            .rules
            .consecutive
            .is_some_and(|threshold| self.streak >= threshold)
        {
            return Some(TransitionReason::ConsecutiveFailures);
        }
        let Tally {
            calls,
            failures,
            slow,
        } = self.window.as_mut()?.total(now);
        if self
            .rules
            .failure_rate
            .is_some_and(|rate| rate.is_reached(failures, calls))
        {
            return Some(TransitionReason::FailureRate);
        }
        let too_slow = self
            .rules
            .slow
            .is_some_and(|(_, rate)| rate.is_reached(slow, calls));
        too_slow.then_some(TransitionReason::SlowCallRate)
    }

    fn record_probe(&mut self, ticket: Ticket, outcome: BreakerOutcome, slow: bool, now: u64) -> bool {
        let Some(place) = self.leases.iter().position(|lease| lease.id == ticket.lease) else {
            return false;
        };
        self.leases.swap_remove(place);
        match outcome {
            BreakerOutcome::Ignored => {}
            BreakerOutcome::Success if !slow => {
                self.successes = self.successes.saturating_add(1);
                if self.successes >= self.rules.success_threshold {
                    self.enter(Phase::Closed, now, TransitionReason::ProbesSucceeded);
                }
            }
            BreakerOutcome::Success | BreakerOutcome::Failure => {
                self.enter(Phase::Open, now, TransitionReason::ProbeFailed);
            }
        }
        true
    }

    /// Latches a manual phase.
    pub(super) fn force(&mut self, phase: Phase, now: u64) {
        if self.phase != phase {
            self.enter(phase, now, TransitionReason::Manual);
        }
    }

    /// Ends a manual phase: forced open goes on with probes, the others start closed and clean. Nothing to do in an
    /// automatic phase.
    pub(super) fn release(&mut self, now: u64) {
        match self.phase {
            Phase::ForcedOpen => self.enter(Phase::HalfOpen, now, TransitionReason::Released),
            Phase::ForcedClosed | Phase::Disabled => {
                self.enter(Phase::Closed, now, TransitionReason::Released)
            }
            Phase::Closed | Phase::Open | Phase::HalfOpen => {}
        }
    }

    /// Starts over, closed and clean, whatever it was.
    pub(super) fn reset(&mut self, now: u64) {
        self.enter(Phase::Closed, now, TransitionReason::Reset);
    }

    fn enter(&mut self, phase: Phase, now: u64, reason: TransitionReason) {
        let (from, to) = (self.phase.state(), phase.state());
        self.time_in_state[from.index()] += now.saturating_sub(self.entered);
        self.entered = self.entered.max(now);
        self.phase = phase;
        self.generation += 1;
        self.streak = 0;
        self.successes = 0;
        self.leases.clear();
        if let Some(window) = &mut self.window {
            window.clear();
        }
        let mut open_for = None;
        if phase == Phase::Open {
            self.openings = self.openings.saturating_add(1);
            let time = self.rules.open_time.of(self.openings, &self.rules.jitter);
            self.until = now.saturating_add(nanos(time));
            open_for = Some(time);
        } else if to == CircuitState::Closed {
            self.openings = 0;
        }
        if from != to {
            self.transitions[to.index()] += 1;
        }
        self.untold.push_back(Transition {
            from,
            to,
            mode: phase.mode(),
            reason,
            open_for,
        });
    }

    /// How often each state was entered from another one.
    pub(super) const fn transitions(&self) -> [u64; 3] {
        self.transitions
    }

    /// How long it was in each state until `now`.
    pub(super) fn time_in_state(&self, now: u64) -> [Duration; 3] {
        let mut times = self.time_in_state;
        times[self.phase.state().index()] += now.saturating_sub(self.entered);
        times.map(Duration::from_nanos)
    }

    /// How long the present state has lasted.
    pub(super) const fn since_transition(&self, now: u64) -> Duration {
        Duration::from_nanos(now.saturating_sub(self.entered))
    }

    /// Probes that are running and still hold their place.
    pub(super) fn probes_in_flight(&self, now: u64) -> usize {
        self.leases.iter().filter(|lease| lease.expires > now).count()
    }

    /// What the window of the rate rules holds; zero without such a rule.
    pub(super) fn window(&mut self, now: u64) -> Tally {
        self.window
            .as_mut()
            .map(|window| window.total(now))
            .unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
