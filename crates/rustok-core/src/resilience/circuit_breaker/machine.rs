//! The pure state machine of a breaker: no lock, no clock, no call.
//!
//! Times are nanoseconds since the breaker was created. Every change of state is decided here and only here; the
//! circuit around it adds the lock, the counters and the fast paths.

use super::builder::Rules;
use super::metrics::{CircuitMode, CircuitState, Transition, TransitionReason};
use crate::outcome::BreakerOutcome;
use crate::resilience::jitter::nanos;
use std::collections::VecDeque;
use std::time::Duration;

/// The three states, and the manual ones, which hold until they are released.
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

/// Identifies an admitted call when it reports its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) generation: u64,
    /// The lease of a probe; 0 = not a probe.
    pub(super) lease: u64,
}

/// The decision about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted(Ticket),
    /// Retry after this many nanoseconds.
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
    /// Counts phase changes; a result of an earlier generation does not count.
    generation: u64,
    entered: u64,
    until: u64,
    /// Consecutive openings since it was last closed.
    openings: u32,
    successes: u32,
    leases: Vec<Lease>,
    last_lease: u64,
    time_in_state: [u64; 3],
    transitions: [u64; 3],
    /// Transitions not yet reported to the listeners.
    untold: VecDeque<Transition>,
    /// A thread is notifying the listeners; other threads leave their transitions to it.
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

    /// When an open breaker admits the first probe.
    pub(super) const fn until(&self) -> u64 {
        self.until
    }

    /// Until when all slots of a half-open breaker are taken, unless a probe ends; 0 while one is free.
    pub(super) fn full_until(&self) -> u64 {
        if (self.leases.len() as u64) < u64::from(self.rules.probes) {
            return 0;
        }
        self.leases.iter().map(|lease| lease.expires).min().unwrap_or(0)
    }

    /// Decides about a call. An open breaker whose open time has elapsed becomes half-open here.
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

    /// Opens, if the call belongs to the current generation and that is closed. False: another thread was faster.
    pub(super) fn trip(&mut self, ticket: Ticket, reason: TransitionReason, now: u64) -> bool {
        let counts = ticket.generation == self.generation && self.phase == Phase::Closed;
        if counts {
            self.enter(Phase::Open, now, reason);
        }
        counts
    }

    /// Records the result of a probe. False: too late to count (another generation, or its lease had passed to
    /// another call).
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

    /// Enters a manual phase.
    pub(super) fn force(&mut self, phase: Phase, now: u64) {
        if self.phase != phase {
            self.enter(phase, now, TransitionReason::Manual);
        }
    }

    /// Ends a manual phase: forced open continues half-open, the others closed with empty counters. No effect in an
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

    /// Starts over: closed, with empty counters, from any phase.
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

    /// Whether the caller becomes the notifying thread; it must then call [`Machine::next_untold`] until that returns
    /// `None`.
    pub(super) fn begin_telling(&mut self) -> bool {
        let begins = !self.telling && !self.untold.is_empty();
        self.telling |= begins;
        begins
    }

    /// The next transition to report, oldest first; `None` ends the notification.
    pub(super) fn next_untold(&mut self) -> Option<Transition> {
        let next = self.untold.pop_front();
        self.telling = next.is_some();
        next
    }

    /// How often each state was entered from another state.
    pub(super) const fn transitions(&self) -> [u64; 3] {
        self.transitions
    }

    /// Total time in each state until `now`.
    pub(super) fn time_in_state(&self, now: u64) -> [Duration; 3] {
        let mut times = self.time_in_state;
        times[self.phase.state().index()] += now.saturating_sub(self.entered);
        times.map(Duration::from_nanos)
    }

    /// Time since the last transition.
    pub(super) const fn since_transition(&self, now: u64) -> Duration {
        Duration::from_nanos(now.saturating_sub(self.entered))
    }

    /// Running probes whose lease is still valid.
    pub(super) fn probes_in_flight(&self, now: u64) -> usize {
        self.leases.iter().filter(|lease| lease.expires > now).count()
    }
}
