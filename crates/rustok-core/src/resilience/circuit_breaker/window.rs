//! The sliding time window of the rate rules: a fixed number of time slices, identified by tags.
//!
//! The lanes hold the counts; this file decides which of them belong to the window now. Memory does not grow with
//! traffic, and advancing costs the same after any idle time. It must never count a result in another generation, so
//! a tag carries the generation.

use super::builder::{Rate, Rules};
use super::lanes::{Lane, Lanes, Tally};
use super::metrics::TransitionReason;
use super::sync::{AtomicU64, Ordering, fence};
use crate::resilience::jitter::nanos;

/// The window. The current, partly filled slice counts as a whole one, so the window covers between (n - 1)/n and all
/// of its length.
#[derive(Debug)]
pub(super) struct Window {
    /// The tag of the current slice: 20 bits of the generation, 44 of its number. Written under the circuit's lock.
    tag: AtomicU64,
    /// When the current slice ends.
    ends: AtomicU64,
    /// At the last evaluation the share was reached, but with too few calls: a success may complete the minimum.
    armed: AtomicU64,
    length_ns: u64,
    stretches: u64,
    failure_rate: Option<Rate>,
    slow_rate: Option<Rate>,
}

const NUMBER_BITS: u32 = 44;

const fn number(tag: u64) -> u64 {
    tag & ((1 << NUMBER_BITS) - 1)
}

const fn make_tag(generation: u64, number: u64) -> u64 {
    generation << NUMBER_BITS | (number & ((1 << NUMBER_BITS) - 1))
}

impl Window {
    /// The window, if a rule needs one.
    pub(super) fn new(rules: &Rules) -> Option<Self> {
        let slow_rate = rules.slow.map(|(_, rate)| rate);
        if rules.failure_rate.is_none() && slow_rate.is_none() {
            return None;
        }
        let (length, stretches) = rules.window;
        let stretches = u64::from(stretches).max(1);
        let length_ns = (nanos(length) / stretches).max(1);
        Some(Self {
            // Numbers start at 1: an empty bucket has the tag 0.
            tag: AtomicU64::new(make_tag(0, 1)),
            ends: AtomicU64::new(length_ns),
            armed: AtomicU64::new(0),
            length_ns,
            stretches,
            failure_rate: rules.failure_rate,
            slow_rate,
        })
    }

    pub(super) fn buckets(&self) -> usize {
        usize::try_from(self.stretches).unwrap_or(usize::MAX)
    }

    #[inline]
    pub(super) fn tag(&self) -> u64 {
        self.tag.load(Ordering::Acquire)
    }

    /// Whether a result of this generation may count under `tag` at this time.
    #[inline]
    pub(super) fn is_current(&self, tag: u64, generation: u64, now: u64) -> bool {
        // Compares only the 20 bits of the generation that a tag holds.
        tag >> NUMBER_BITS == (generation << NUMBER_BITS) >> NUMBER_BITS
            && now < self.ends.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed) != 0
    }

    /// Records a success of this generation, unless the window has to move first or awaits calls.
    pub(super) fn record_calm(&self, lane: &Lane, generation: u64, now: u64) -> bool {
        let tag = self.tag();
        let calm = !self.is_armed() && self.is_current(tag, generation, now);
        if calm {
            lane.record(tag, false, false);
        }
        calm
    }

    /// Starts a new generation with an empty window. Only under the circuit's lock.
    pub(super) fn begin(&self, generation: u64) {
        let next = number(self.tag.load(Ordering::Relaxed)) + 1;
        self.armed.store(0, Ordering::Relaxed);
        self.tag.store(make_tag(generation, next), Ordering::Release);
    }

    /// Advances to the slice of `now`. Only under the circuit's lock. A time before the current slice counts as
    /// inside it.
    pub(super) fn move_to(&self, now: u64) {
        let ends = self.ends.load(Ordering::Relaxed);
        if now < ends {
            return;
        }
        let passed = (now - ends) / self.length_ns + 1;
        let tag = self.tag.load(Ordering::Relaxed);
        // Advancing by more than all slices is the same as by all of them.
        let next = number(tag) + passed.min(self.stretches);
        self.tag
            .store(tag & !((1 << NUMBER_BITS) - 1) | number(next), Ordering::Release);
        let ends = ends.saturating_add(passed.saturating_mul(self.length_ns));
        self.ends.store(ends, Ordering::Relaxed);
    }

    /// The current counts in the window.
    pub(super) fn tally(&self, lanes: &Lanes) -> Tally {
        let newest = self.tag();
        lanes.tally(|tag| {
            tag >> NUMBER_BITS == newest >> NUMBER_BITS
                && number(tag) <= number(newest)
                && number(tag) + self.stretches > number(newest)
                && tag != 0
        })
    }

    /// Evaluates the rules after a failure or a slow call (`bad`), and after other calls while the last evaluation
    /// found the share reached but too few calls.
    pub(super) fn reason_to_trip(&self, lanes: &Lanes, bad: bool) -> Option<TransitionReason> {
        if !bad && !self.is_armed() {
            return None;
        }
        // When two threads count the last two calls at once, at least one must see both (C++ memory model, fences).
        fence(Ordering::SeqCst);
        let Tally {
            calls,
            failures,
            slow,
        } = self.tally(lanes);
        let rules = [
            (self.failure_rate, failures, TransitionReason::FailureRate),
            (self.slow_rate, slow, TransitionReason::SlowCallRate),
        ];
        let mut arm = false;
        for (rate, part, reason) in rules {
            let Some(rate) = rate else { continue };
            if part > 0 && rate.is_share(part, calls) {
                if rate.is_enough(calls) {
                    return Some(reason);
                }
                arm = true;
            }
        }
        if arm != self.is_armed() {
            self.armed.store(u64::from(arm), Ordering::Relaxed);
        }
        None
    }
}
