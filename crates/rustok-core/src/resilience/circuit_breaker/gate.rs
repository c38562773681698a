//! The gate around the state machine: the lock, the clock, and the shortcuts that spare most calls the lock.
//!
//! The machine under the lock is the truth; `word`, `until` and `streak` are copies of it, written under the lock. A
//! shortcut may only do what the machine would have done a moment ago. Nothing is called back and nothing is awaited
//! while the lock is held.

use super::builder::{Listener, Rules};
use super::error::Rejection;
use super::machine::{Admission, Machine, Phase, Ticket};
use super::metrics::{CircuitBreakerMetrics, CircuitState, Counters, RejectionLog, Transition, count, read};
use crate::error::BreakerOutcome;
use crate::resilience::jitter::nanos;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How a call that was let through ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Returned(BreakerOutcome),
    Panicked,
    /// Dropped at or after its deadline.
    TimedOut,
    /// Dropped before.
    Cancelled,
}

pub(super) struct Gate {
    pub(super) name: Cow<'static, str>,
    /// Generation and phase in one, so that both are read at the same moment.
    word: AtomicU64,
    until: AtomicU64,
    streak: AtomicU32,
    locked: Mutex<Locked>,
    counters: Counters,
    log: RejectionLog,
    listeners: Vec<Listener>,
    base: Instant,
    slow: Option<Duration>,
    /// A rate rule needs every result, not only failures.
    has_window: bool,
    cancelled: BreakerOutcome,
}

struct Locked {
    machine: Machine,
    /// Somebody is telling the listeners; whoever causes a transition meanwhile leaves it to them.
    telling: bool,
}

const PHASE_BITS: u32 = 3;
const PHASE_MASK: u64 = (1 << PHASE_BITS) - 1;

const fn pack(generation: u64, phase: Phase) -> u64 {
    generation << PHASE_BITS | phase as u64
}

const fn unpack(word: u64) -> (u64, Phase) {
    let phase = match word & PHASE_MASK {
        1 => Phase::Open,
        2 => Phase::HalfOpen,
        3 => Phase::ForcedOpen,
        4 => Phase::ForcedClosed,
        5 => Phase::Disabled,
        _ => Phase::Closed,
    };
    (word >> PHASE_BITS, phase)
}

impl Gate {
    pub(super) fn new(name: Cow<'static, str>, rules: Rules, listeners: Vec<Listener>) -> Self {
        let slow = rules.slow.map(|(slow, _)| slow);
        let cancelled = rules.cancelled;
        let has_window = rules.make_window().is_some();
        Self {
            name,
            word: AtomicU64::new(pack(0, Phase::Closed)),
            until: AtomicU64::new(0),
            streak: AtomicU32::new(0),
            locked: Mutex::new(Locked {
                machine: Machine::new(rules),
                telling: false,
            }),
            counters: Counters::default(),
            log: RejectionLog::default(),
            listeners,
            base: Instant::now(),
            slow,
            has_window,
            cancelled,
        }
    }

    fn now(&self) -> u64 {
        nanos(Instant::now().saturating_duration_since(self.base))
    }

    fn lock(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a call began, if a rule wants to know how long it takes.
    pub(super) fn start(&self) -> Option<Instant> {
        self.slow.map(|_| Instant::now())
    }

    pub(super) fn state(&self) -> (CircuitState, super::CircuitMode) {
        let (_, phase) = unpack(self.word.load(Ordering::Acquire));
        (phase.state(), phase.mode())
    }

    /// Lets a call through or not.
    pub(super) fn admit(&self) -> Result<Ticket, Rejection> {
        let (generation, phase) = unpack(self.word.load(Ordering::Acquire));
        match phase {
            Phase::Closed | Phase::ForcedClosed | Phase::Disabled => Ok(Ticket { generation, lease: 0 }),
            Phase::Open => {
                let now = self.now();
                let left = self.until.load(Ordering::Acquire).saturating_sub(now);
                if left > 0 {
                    Err(self.reject(CircuitState::Open, left, now))
                } else {
                    self.admit_locked(now)
                }
            }
            Phase::HalfOpen | Phase::ForcedOpen => self.admit_locked(self.now()),
        }
    }

    fn admit_locked(&self, now: u64) -> Result<Ticket, Rejection> {
        let mut locked = self.lock();
        let admission = locked.machine.admit(now);
        let state = locked.machine.phase().state();
        self.publish(locked);
        match admission {
            Admission::Admitted(ticket) => Ok(ticket),
            Admission::Rejected(retry_after) => Err(self.reject(state, retry_after, now)),
        }
    }

    fn reject(&self, state: CircuitState, retry_after: u64, now: u64) -> Rejection {
        count(&self.counters.rejected);
        let retry_after = Duration::from_nanos(retry_after);
        if let Some(rejected) = self.log.sample(now, read(&self.counters.rejected)) {
            tracing::warn!(
                breaker = %self.name,
                state = state.as_str(),
                rejected,
                retry_after_ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX),
                "circuit breaker rejects calls"
            );
        }
        Rejection { retry_after, state }
    }

    /// Takes the ending of a call that was let through.
    pub(super) fn settle(&self, ticket: Ticket, ending: Ending, started: Option<Instant>) {
        let (generation, phase) = unpack(self.word.load(Ordering::Acquire));
        if generation == ticket.generation && phase == Phase::Disabled {
            return;
        }
        let outcome = self.count_ending(ending);
        let slow = match (self.slow, started) {
            (Some(slow), Some(started)) if outcome != BreakerOutcome::Ignored => started.elapsed() >= slow,
            _ => false,
        };
        if slow {
            count(&self.counters.slow);
        }
        if generation != ticket.generation {
            count(&self.counters.late);
            return;
        }
        let changes_nothing = match phase {
            Phase::Closed => match outcome {
                BreakerOutcome::Ignored => true,
                BreakerOutcome::Success => !self.has_window && self.streak.load(Ordering::Relaxed) == 0,
                BreakerOutcome::Failure => false,
            },
            Phase::HalfOpen => false,
            Phase::Open | Phase::ForcedOpen | Phase::ForcedClosed | Phase::Disabled => true,
        };
        if changes_nothing {
            return;
        }
        let now = self.now();
        let mut locked = self.lock();
        let counted = locked.machine.record(ticket, outcome, slow, now);
        self.publish(locked);
        if !counted {
            count(&self.counters.late);
        }
    }

    fn count_ending(&self, ending: Ending) -> BreakerOutcome {
        let counters = &self.counters;
        match ending {
            Ending::Returned(outcome) => {
                count(match outcome {
                    BreakerOutcome::Success => &counters.successes,
                    BreakerOutcome::Failure => &counters.failures,
                    BreakerOutcome::Ignored => &counters.ignored,
                });
                outcome
            }
            Ending::Panicked | Ending::TimedOut => {
                count(&counters.failures);
                let panicked = ending == Ending::Panicked;
                count(if panicked {
                    &counters.panics
                } else {
                    &counters.timeouts
                });
                BreakerOutcome::Failure
            }
            Ending::Cancelled => {
                count(&counters.cancelled);
                self.cancelled
            }
        }
    }

    /// Changes the machine by hand.
    pub(super) fn command(&self, change: impl FnOnce(&mut Machine, u64)) {
        let now = self.now();
        let mut locked = self.lock();
        change(&mut locked.machine, now);
        self.publish(locked);
    }

    /// Copies the machine's state to where the shortcuts read it, gives the lock back and tells the listeners.
    fn publish(&self, mut locked: MutexGuard<'_, Locked>) {
        let machine = &locked.machine;
        // `until` before `word`: whoever sees the word "open" sees the time that belongs to it, or a later one.
        self.until.store(machine.until(), Ordering::Release);
        self.streak.store(machine.streak(), Ordering::Relaxed);
        self.word
            .store(pack(machine.generation(), machine.phase()), Ordering::Release);
        if machine.untold.is_empty() || locked.telling {
            return;
        }
        locked.telling = true;
        drop(locked);
        loop {
            let mut locked = self.lock();
            let Some(transition) = locked.machine.untold.pop_front() else {
                locked.telling = false;
                return;
            };
            drop(locked);
            self.tell(&transition);
        }
    }

    fn tell(&self, transition: &Transition) {
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
        // A panic of foreign code must neither end the call that happened to cause the transition nor leave `telling`
        // set for ever.
        let _ = catch_unwind(AssertUnwindSafe(log));
        for listener in &self.listeners {
            if catch_unwind(AssertUnwindSafe(|| listener(transition))).is_err() {
                tracing::error!(breaker = %self.name, "a listener of the circuit breaker panicked");
            }
        }
    }

    pub(super) fn metrics(&self) -> CircuitBreakerMetrics {
        let now = self.now();
        let counters = &self.counters;
        let mut locked = self.lock();
        let window = locked.machine.window(now);
        let machine = &locked.machine;
        CircuitBreakerMetrics {
            name: self.name.clone(),
            state: machine.phase().state(),
            mode: machine.phase().mode(),
            successes: read(&counters.successes),
            failures: read(&counters.failures),
            ignored: read(&counters.ignored),
            cancelled: read(&counters.cancelled),
            panics: read(&counters.panics),
            timeouts: read(&counters.timeouts),
            slow: read(&counters.slow),
            late: read(&counters.late),
            rejected: read(&counters.rejected),
            transitions: machine.transitions(),
            time_in_state: machine.time_in_state(now),
            since_transition: machine.since_transition(now),
            consecutive_failures: machine.streak(),
            probes_in_flight: machine.probes_in_flight(now),
            window_calls: window.calls,
            window_failures: window.failures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_keeps_generation_and_phase() {
        let all = [
            Phase::Closed,
            Phase::Open,
            Phase::HalfOpen,
            Phase::ForcedOpen,
            Phase::ForcedClosed,
            Phase::Disabled,
        ];
        for phase in all {
            for generation in [0, 1, u64::MAX >> PHASE_BITS] {
                assert_eq!(unpack(pack(generation, phase)), (generation, phase));
            }
        }
    }
}
