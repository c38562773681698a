//! The state machine of a breaker, alone: no lock, no clock, no call.
//!
//! Time comes in as nanoseconds since the breaker was made. Every change of state is decided here and only here; the
//! circuit around it adds the lock, the counting and the shortcuts.

use super::builder::Rules;
use super::metrics::{CircuitMode, CircuitState, Transition, TransitionReason};
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
    Rejected {
        state: CircuitState,
        retry_after: u64,
    },
}

#[derive(Debug)]
struct Lease {
    id: u64,
    expires: u64,
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) rules: Rules,
    phase: Phase,
    /// Counts phases; a result of an earlier generation does not count.
    generation: u64,
    entered: u64,
    until: u64,
    /// Openings since it was last closed.
    openings: u32,
    successes: u32,
    leases: Vec<Lease>,
    last_lease: u64,
    time_in_state: [u64; 3],
    transitions: [u64; 3],
    /// Transitions nobody has heard of yet.
    untold: VecDeque<Transition>,
    /// Somebody is telling the listeners; whoever causes a transition meanwhile leaves it to them.
    telling: bool,
}

impl Machine {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            phase: Phase::Closed,
            generation: 0,
            entered: 0,
            until: 0,
            openings: 0,
            successes: 0,
            leases: Vec::new(),
            last_lease: 0,
            time_in_state: [0; 3],
            transitions: [0; 3],
            untold: VecDeque::new(),
            telling: false,
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

    /// Until when all places of a half-open breaker are taken, unless a probe ends; 0 while there is a free one.
    pub(super) fn full_until(&self) -> u64 {
        if (self.leases.len() as u64) < u64::from(self.rules.probes) {
            return 0;
        }
        self.leases.iter().map(|lease| lease.expires).min().unwrap_or(0)
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
            Phase::Open => self.reject(self.until.saturating_sub(now)),
            Phase::ForcedOpen => self.reject(nanos(self.rules.open_time.initial())),
            Phase::HalfOpen => self.admit_probe(now),
        }
    }

    const fn reject(&self, retry_after: u64) -> Admission {
        Admission::Rejected {
            state: self.phase.state(),
            retry_after,
        }
    }

    fn admit_probe(&mut self, now: u64) -> Admission {
        self.leases.retain(|lease| lease.expires > now);
        let left = self.full_until().saturating_sub(now);
        if left > 0 {
            return self.reject(left);
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

    /// Opens, if the call belongs to the present generation and that is closed. False: somebody else was faster.
    pub(super) fn trip(&mut self, ticket: Ticket, reason: TransitionReason, now: u64) -> bool {
        let counts = ticket.generation == self.generation && self.phase == Phase::Closed;
        if counts {
            self.enter(Phase::Open, now, reason);
        }
        counts
    }

    /// Takes the result of a probe. False: it came too late to count (another generation, or its lease went to
    /// somebody else).
    pub(super) fn record_probe(
        &mut self,
        ticket: Ticket,
        outcome: BreakerOutcome,
        slow: bool,
        now: u64,
    ) -> bool {
        let held = self.leases.iter().position(|lease| lease.id == ticket.lease);
        let Some(place) = held.filter(|_| ticket.generation == self.generation) else {
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
        self.successes = 0;
        self.leases.clear();
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

    /// Whether the caller is now the one who tells; then it asks for [`Machine::next_untold`] until there is none.
    pub(super) fn begin_telling(&mut self) -> bool {
        let begins = !self.telling && !self.untold.is_empty();
        self.telling |= begins;
        begins
    }

    /// What to tell next, oldest first; with `None` the telling has ended.
    pub(super) fn next_untold(&mut self) -> Option<Transition> {
        let next = self.untold.pop_front();
        self.telling = next.is_some();
        next
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
}
