//! The circuit: admits calls and records their results, without a lock or a shared write while it is closed and
//! healthy.
//!
//! The machine under the lock is authoritative for the phase; `word`, `until` and the window's tag are copies of it,
//! written under the lock. On the closed path a call loads them, and writes only its thread's lane. A result may only
//! count in the generation in which its call was admitted: everything that a result writes carries that generation.
//!
//! The model checker compiles this file against its own atomics, so they come from `super::sync` only.

use super::builder::Rules;
use super::lanes::{Lane, Lanes, Tally};
use super::machine::{Admission, Machine, Phase, Ticket};
use super::metrics::{Transition, TransitionReason};
use super::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};
use super::time::Time;
use super::window::Window;
use crate::outcome::BreakerOutcome;
use crate::resilience::jitter::nanos;

/// Generation, consecutive failures and phase, packed so that all three are read and changed atomically.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

const PHASE_BITS: u32 = 3;
const PHASE_MASK: u64 = (1 << PHASE_BITS) - 1;
const STREAK_BITS: u32 = 20;
/// The streak counter saturates here.
pub(super) const MAX_STREAK: u32 = (1 << STREAK_BITS) - 1;

impl Word {
    pub(super) const fn new(generation: u64, streak: u32, phase: Phase) -> Self {
        Self(generation << (STREAK_BITS + PHASE_BITS) | (streak as u64) << PHASE_BITS | phase as u64)
    }

    /// 41 bits: it wraps around after 2 * 10^12 transitions.
    pub(super) const fn generation(self) -> u64 {
        self.0 >> (STREAK_BITS + PHASE_BITS)
    }

    pub(super) const fn streak(self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "masked to 20 bits")]
        let streak = (self.0 >> PHASE_BITS) as u32 & MAX_STREAK;
        streak
    }

    /// Whether the phase is [`Phase::Closed`].
    const fn is_closed(self) -> bool {
        self.0 & PHASE_MASK == Phase::Closed as u64
    }

    pub(super) const fn phase(self) -> Phase {
        match self.0 & PHASE_MASK {
            1 => Phase::Open,
            2 => Phase::HalfOpen,
            3 => Phase::ForcedOpen,
            4 => Phase::ForcedClosed,
            5 => Phase::Disabled,
            _ => Phase::Closed,
        }
    }
}

/// The effect of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It counted, or there was nothing to count.
    Counted,
    /// Too late: another generation, or the probe's lease had passed to another call.
    Late,
    /// It changed the state; the caller must notify listeners.
    Changed,
}

#[derive(Debug)]
pub(super) struct Circuit {
    word: AtomicU64,
    /// While open: when the first probe may be admitted.
    until: AtomicU64,
    /// While half-open: until when all slots are taken, unless a probe ends.
    full_until: AtomicU64,
    window: Option<Window>,
    consecutive: u64,
    /// The `retry_after` of a circuit that was opened manually.
    first_open_time: u64,
    lanes: Lanes,
    locked: Mutex<Machine>,
}

impl Circuit {
    pub(super) fn new(rules: Rules) -> Self {
        let window = Window::new(&rules);
        let lanes = Lanes::new(window.as_ref().map_or(0, Window::buckets));
        let consecutive = rules.consecutive.map_or(u64::MAX, u64::from);
        let first_open_time = nanos(rules.open_time.initial());
        let machine = Machine::new(rules);
        Self {
            word: AtomicU64::new(Word::new(machine.generation(), 0, machine.phase()).0),
            until: AtomicU64::new(0),
            full_until: AtomicU64::new(0),
            window,
            consecutive,
            first_open_time,
            lanes,
            locked: Mutex::new(machine),
        }
    }

    pub(super) const fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    #[inline]
    pub(super) fn word(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    /// Admits a call if the circuit is closed by its rules; otherwise [`Circuit::admit`] decides.
    #[inline]
    pub(super) fn admit_closed(&self) -> Option<Ticket> {
        let word = self.word();
        word.is_closed().then_some(Ticket {
            generation: word.generation(),
            lease: 0,
        })
    }

    /// Admits or rejects a call at the coarse time `now`.
    #[inline]
    pub(super) fn admit(&self, now: u64, time: &impl Time) -> Admission {
        let word = self.word();
        let until = match word.phase() {
            Phase::Closed | Phase::ForcedClosed | Phase::Disabled => {
                return Admission::Admitted(Ticket {
                    generation: word.generation(),
                    lease: 0,
                });
            }
            Phase::Open => self.until.load(Ordering::Relaxed),
            Phase::HalfOpen => self.full_until.load(Ordering::Relaxed),
            Phase::ForcedOpen => now.saturating_add(self.first_open_time),
        };
        // The coarse clock never runs ahead, so the remaining time is not underestimated.
        let left = until.saturating_sub(now);
        if left == 0 {
            return self.admit_locked(time);
        }
        Admission::Rejected {
            state: word.phase().state(),
            retry_after: left,
        }
    }

    #[cold]
    fn admit_locked(&self, time: &impl Time) -> Admission {
        self.change(|machine| machine.admit(time.precise()))
    }

    /// Records a success that changes nothing but the window: closed, no failure before it, none awaited. Returns
    /// false, and has recorded nothing, in any other case; then [`Circuit::settle`] does.
    #[inline(always)]
    pub(super) fn settle_calm(&self, lane: &Lane, ticket: Ticket, time: &impl Time) -> bool {
        // The generation of a probe or of a manual state is never closed.
        if self.word() != Word::new(ticket.generation, 0, Phase::Closed) {
            return false;
        }
        match &self.window {
            None => true,
            Some(window) => window.record_calm(lane, ticket.generation, time.coarse()),
        }
    }

    /// Records the result of an admitted call. `thread` selects the lane to write.
    pub(super) fn settle(
        &self,
        thread: usize,
        ticket: Ticket,
        outcome: BreakerOutcome,
        slow: bool,
        time: &impl Time,
    ) -> Settled {
        if ticket.lease != 0 {
            return self.settle_probe(ticket, outcome, slow, time);
        }
        let lane = self.lanes.of(thread);
        if outcome == BreakerOutcome::Success && !slow && self.settle_calm(lane.lane, ticket, time) {
            return Settled::Counted;
        }
        let word = self.word();
        if word.generation() != ticket.generation {
            return Settled::Late;
        }
        if word.phase() != Phase::Closed || outcome == BreakerOutcome::Ignored {
            return Settled::Counted;
        }
        let failure = outcome == BreakerOutcome::Failure;
        if let Some(window) = &self.window {
            let Some(tag) = self.tag(window, ticket, time) else {
                return Settled::Late;
            };
            lane.lane.record(tag, failure, slow);
        }
        drop(lane);
        self.weigh(ticket, failure, slow, time)
    }

    /// The tag under which a result counts now; `None` if its generation has ended.
    fn tag(&self, window: &Window, ticket: Ticket, time: &impl Time) -> Option<u64> {
        let now = time.coarse();
        let tag = window.tag();
        if window.is_current(tag, ticket.generation, now) {
            return Some(tag);
        }
        // The window has to advance, or the generation has just begun or ended.
        let machine = self.lock();
        if machine.generation() != ticket.generation {
            return None;
        }
        window.move_to(now);
        Some(window.tag())
    }

    /// Extends or ends the streak, and opens the circuit if a rule says so.
    fn weigh(&self, ticket: Ticket, failure: bool, slow: bool, time: &impl Time) -> Settled {
        let Some(streak) = self.extend_streak(ticket, failure) else {
            return Settled::Late;
        };
        let reason = if u64::from(streak) >= self.consecutive {
            Some(TransitionReason::ConsecutiveFailures)
        } else {
            let window = self.window.as_ref();
            window.and_then(|window| window.reason_to_trip(&self.lanes, failure || slow))
        };
        let Some(reason) = reason else {
            return Settled::Counted;
        };
        let tripped = self.change(|machine| machine.trip(ticket, reason, time.precise()));
        if tripped {
            Settled::Changed
        } else {
            Settled::Counted
        }
    }

    /// Extends the failure streak or resets it; `None` if the generation has ended.
    fn extend_streak(&self, ticket: Ticket, failure: bool) -> Option<u32> {
        let mut word = self.word();
        loop {
            if word.generation() != ticket.generation {
                return None;
            }
            let streak = if failure {
                word.streak().saturating_add(1).min(MAX_STREAK)
            } else {
                0
            };
            let next = Word::new(word.generation(), streak, word.phase());
            if next == word {
                return Some(streak);
            }
            match self
                .word
                .compare_exchange(word.0, next.0, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Some(streak),
                Err(changed) => word = Word(changed),
            }
        }
    }

    #[cold]
    fn settle_probe(&self, ticket: Ticket, outcome: BreakerOutcome, slow: bool, time: &impl Time) -> Settled {
        let (counted, changed) = self.change(|machine| {
            let counted = machine.record_probe(ticket, outcome, slow, time.precise());
            (counted, machine.generation() != ticket.generation)
        });
        match (counted, changed) {
            (false, _) => Settled::Late,
            (true, true) => Settled::Changed,
            (true, false) => Settled::Counted,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the machine and updates the copies that are read without the lock.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.lock();
        let before = machine.generation();
        let result = change(&mut machine);
        // Stored before the word: a thread that reads the phase "open" also reads the matching time, or a later one.
        self.until.store(machine.until(), Ordering::Relaxed);
        self.full_until.store(machine.full_until(), Ordering::Relaxed);
        if machine.generation() != before {
            let word = Word::new(machine.generation(), 0, machine.phase());
            // A swap, not a store: a concurrent streak update is ordered before it or fails.
            self.word.swap(word.0, Ordering::AcqRel);
            if let Some(window) = &self.window {
                window.begin(machine.generation());
            }
        }
        result
    }

    /// Whether the caller must notify the listeners; see [`Machine::begin_telling`].
    pub(super) fn begin_telling(&self) -> bool {
        self.lock().begin_telling()
    }

    /// The next transition to report; see [`Machine::next_untold`].
    pub(super) fn next_untold(&self) -> Option<Transition> {
        self.lock().next_untold()
    }

    /// Reads the machine.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Machine) -> T) -> T {
        read(&self.lock())
    }

    /// The current counts in the window; empty without a rate rule.
    pub(super) fn tally(&self, time: &impl Time) -> Tally {
        let Some(window) = &self.window else {
            return Tally::default();
        };
        let machine = self.lock();
        window.move_to(time.coarse());
        drop(machine);
        window.tally(&self.lanes)
    }
}
