//! The circuit compared with a simple model that keeps every call in a list, over random histories: calls, outcomes,
//! cancellations, hung probes, manual states and clock moves.

use super::builder::{Rate, Rules};
use super::circuit::{Circuit, Settled};
use super::circuit_tests::{At, SECOND, rules};
use super::lanes::Tally;
use super::machine::{Admission, Machine, Phase, Ticket};
use crate::error::BreakerOutcome::{self, Failure, Ignored, Success};
use proptest::prelude::*;
use std::time::Duration;

/// The expected behaviour of the circuit, written as simply as possible.
#[derive(Debug)]
struct Model {
    rules: Rules,
    lag: u64,
    now: u64,
    phase: Phase,
    generation: u64,
    until: u64,
    streak: u32,
    successes: u32,
    /// Lease and its expiry.
    leases: Vec<(u64, u64)>,
    last_lease: u64,
    /// Time slice of the window, failure, slow: all calls of this generation.
    calls: Vec<(u64, bool, bool)>,
    armed: bool,
}

impl Model {
    fn new(rules: Rules, lag: u64) -> Self {
        Self {
            rules,
            lag,
            now: 0,
            phase: Phase::Closed,
            generation: 0,
            until: 0,
            streak: 0,
            successes: 0,
            leases: Vec::new(),
            last_lease: 0,
            calls: Vec::new(),
            armed: false,
        }
    }

    fn time(&self) -> At {
        At {
            precise: self.now,
            coarse: self.now.saturating_sub(self.lag),
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
        self.streak = 0;
        self.successes = 0;
        self.leases.clear();
        self.calls.clear();
        self.armed = false;
        if phase == Phase::Open {
            self.until = self.now + 60 * SECOND;
        }
    }

    /// The lease of the admitted call (0: not a probe), or the time to retry after.
    fn admit(&mut self) -> Result<u64, u64> {
        let coarse = self.time().coarse;
        if self.phase == Phase::Open && coarse >= self.until {
            self.enter(Phase::HalfOpen);
        }
        match self.phase {
            Phase::Closed | Phase::ForcedClosed | Phase::Disabled => Ok(0),
            Phase::Open => Err(self.until - coarse),
            Phase::ForcedOpen => Err(60 * SECOND),
            Phase::HalfOpen => {
                let probes = usize::try_from(self.rules.probes).unwrap();
                let first = self.leases.iter().map(|(_, expires)| *expires).min();
                if let Some(first) = first.filter(|first| self.leases.len() == probes && *first > coarse) {
                    return Err(first - coarse);
                }
                self.leases.retain(|(_, expires)| *expires > self.now);
                self.last_lease += 1;
                self.leases.push((self.last_lease, self.now + 30 * SECOND));
                Ok(self.last_lease)
            }
        }
    }

    fn settle(&mut self, ticket: Ticket, outcome: BreakerOutcome, slow: bool) -> bool {
        if ticket.generation != self.generation {
            return false;
        }
        match self.phase {
            Phase::HalfOpen => {
                let held = self.leases.len();
                self.leases.retain(|(id, _)| *id != ticket.lease);
                if self.leases.len() == held {
                    return false;
                }
                match outcome {
                    Ignored => {}
                    Success if !slow => {
                        self.successes += 1;
                        if self.successes == self.rules.success_threshold {
                            self.enter(Phase::Closed);
                        }
                    }
                    _ => self.enter(Phase::Open),
                }
            }
            Phase::Closed if outcome != Ignored => {
                let failure = outcome == Failure;
                self.streak = if failure { self.streak + 1 } else { 0 };
                let newest = self.calls.last().map_or(0, |(stretch, ..)| *stretch);
                let stretch = (self.time().coarse / self.stretch()).max(newest);
                self.calls.push((stretch, failure, slow));
                if self.trips(failure || slow) {
                    self.enter(Phase::Open);
                }
            }
            _ => {}
        }
        true
    }

    fn trips(&mut self, bad: bool) -> bool {
        if Some(self.streak) == self.rules.consecutive {
            return true;
        }
        if !bad && !self.armed {
            return false;
        }
        let Tally {
            calls,
            failures,
            slow,
        } = self.tally();
        let share = |rate: Option<Rate>, part| {
            rate.is_some_and(|rate| part > 0 && part * 100 >= calls * u64::from(rate.percent))
        };
        let enough = |rate: Option<Rate>| rate.is_some_and(|rate| calls >= u64::from(rate.minimum_calls));
        let slow_rate = self.rules.slow.map(|(_, rate)| rate);
        let reached = [(self.rules.failure_rate, failures), (slow_rate, slow)];
        self.armed = reached
            .iter()
            .any(|(rate, part)| share(*rate, *part) && !enough(*rate));
        reached
            .iter()
            .any(|(rate, part)| share(*rate, *part) && enough(*rate))
    }

    fn stretch(&self) -> u64 {
        u64::try_from(self.rules.window.0.as_nanos()).unwrap() / u64::from(self.rules.window.1)
    }

    fn tally(&self) -> Tally {
        let newest = self.calls.last().map_or(0, |(stretch, ..)| *stretch);
        let newest = newest.max(self.time().coarse / self.stretch());
        let inside = self
            .calls
            .iter()
            .filter(|(stretch, ..)| stretch + u64::from(self.rules.window.1) > newest);
        let count =
            |what: fn(&(u64, bool, bool)) -> bool| inside.clone().filter(|call| what(call)).count() as u64;
        Tally {
            calls: count(|_| true),
            failures: count(|call| call.1),
            slow: count(|call| call.2),
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Admit,
    /// The result of one of the running calls, recorded by a thread with this lane. A cancelled call also reports
    /// Ignored; a hung one reports nothing.
    Settle(usize, BreakerOutcome, bool, usize),
    Wait(u64),
    Force(u8),
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![2 => Just(Success), 3 => Just(Failure), 1 => Just(Ignored)];
    let slow = proptest::bool::weighted(0.2);
    let lane = prop_oneof![Just(0_usize), Just(1), Just(usize::MAX)];
    let settle = (any::<usize>(), outcome, slow, lane);
    let wait = prop_oneof![0..SECOND, 0..40 * SECOND, Just(60 * SECOND)];
    prop_oneof![
        10 => Just(Step::Admit),
        10 => settle.prop_map(|(which, outcome, slow, lane)| Step::Settle(which, outcome, slow, lane)),
        3 => wait.prop_map(Step::Wait),
        1 => (0_u8..12).prop_map(Step::Force),
        1 => Just(Step::Release),
    ]
}

/// Rules of every kind, one by one and combined.
fn any_rules() -> impl Strategy<Value = Rules> {
    let rate = || {
        (20_u8..=100, 1_u32..8).prop_map(|(percent, minimum_calls)| Rate {
            percent,
            minimum_calls,
        })
    };
    let slow = rate().prop_map(|rate| (Duration::from_secs(1), rate));
    let window =
        (1_u64..30, 1_u16..12).prop_map(|(length, stretches)| (Duration::from_secs(length), stretches));
    let numbers = (1_u32..4, 1_u32..4);
    let trips = (
        proptest::option::of(1_u32..6),
        proptest::option::of(rate()),
        proptest::option::of(slow),
    );
    (trips, window, numbers).prop_map(
        |((consecutive, failure_rate, slow), window, (probes, successes))| Rules {
            consecutive,
            failure_rate,
            slow,
            window,
            probes,
            success_threshold: successes,
            ..rules()
        },
    )
}

fn compare(circuit: &Circuit, model: &Model, has_window: bool) -> Result<(), TestCaseError> {
    let word = circuit.word();
    prop_assert_eq!(
        (word.phase(), word.generation(), word.streak()),
        (model.phase, model.generation, model.streak)
    );
    if has_window {
        prop_assert_eq!(circuit.tally(&model.time()), model.tally());
    }
    let running = circuit.read(|machine: &Machine| machine.probes_in_flight(model.now));
    let held = model
        .leases
        .iter()
        .filter(|(_, expires)| *expires > model.now)
        .count();
    prop_assert_eq!(running, held);
    prop_assert!(held <= usize::try_from(model.rules.probes).unwrap());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_does_what_the_plain_model_does_and_is_never_stuck(
        rules in any_rules(),
        lag in 0_u64..10_000_000,
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let has_window = rules.failure_rate.is_some() || rules.slow.is_some();
        let (circuit, mut model) = (Circuit::new(rules.clone()), Model::new(rules, lag));
        let mut running: Vec<Ticket> = Vec::new();
        for step in steps {
            match step {
                Step::Admit => {
                    let expected = model.admit();
                    match circuit.admit(model.time().coarse, &model.time()) {
                        Admission::Admitted(ticket) => {
                            prop_assert_eq!((Ok(ticket.lease), ticket.generation), (expected, model.generation));
                            running.push(ticket);
                        }
                        Admission::Rejected { retry_after, .. } => prop_assert_eq!(Err(retry_after), expected),
                    }
                }
                Step::Settle(..) if running.is_empty() => {}
                Step::Settle(which, outcome, slow, lane) => {
                    let ticket = running.swap_remove(which % running.len());
                    let settled = circuit.settle(lane, ticket, outcome, slow, &model.time());
                    let before = model.generation;
                    prop_assert_eq!(settled != Settled::Late, model.settle(ticket, outcome, slow));
                    prop_assert_eq!(settled == Settled::Changed, model.generation != before);
                }
                Step::Wait(nanos) => model.now += nanos,
                Step::Force(which) => {
                    let phase = [Phase::ForcedOpen, Phase::ForcedClosed, Phase::Disabled].get(usize::from(which));
                    if let Some(&phase) = phase {
                        if model.phase != phase {
                            model.enter(phase);
                        }
                        circuit.change(|machine| machine.force(phase, model.now));
                    } else {
                        model.enter(Phase::Closed);
                        circuit.change(|machine| machine.reset(model.now));
                    }
                }
                Step::Release => {
                    match model.phase {
                        Phase::ForcedOpen => model.enter(Phase::HalfOpen),
                        Phase::ForcedClosed | Phase::Disabled => model.enter(Phase::Closed),
                        Phase::Closed | Phase::Open | Phase::HalfOpen => {}
                    }
                    circuit.change(|machine| machine.release(model.now));
                }
            }
            compare(&circuit, &model, has_window)?;
        }
        // Unless it is held open manually, it admits a call once the open time and the leases have expired.
        model.now += 60 * SECOND + lag;
        let admitted = matches!(circuit.admit(model.time().coarse, &model.time()), Admission::Admitted(_));
        prop_assert_eq!(admitted, model.phase != Phase::ForcedOpen);
    }
}
