//! The circuit without clock and calls: one example per rule. `model_tests` covers arbitrary histories.

use super::builder::{OpenTime, Rate, Rules};
use super::circuit::{Circuit, Settled};
use super::lanes::Tally;
use super::machine::{Admission, Machine, Phase, Ticket};
use super::time::Time;
use super::{CircuitBreakerConfig, CircuitMode, CircuitState, TransitionReason};
use crate::error::BreakerOutcome::{self, Failure, Ignored, Success};
use crate::resilience::JitterSource;
use std::time::Duration;

pub(super) const SECOND: u64 = 1_000_000_000;

/// Both clocks, set by the test.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) precise: u64,
    pub(super) coarse: u64,
}

impl Time for At {
    fn precise(&self) -> u64 {
        self.precise
    }
    fn coarse(&self) -> u64 {
        self.coarse
    }
}

fn at(now: u64) -> At {
    At {
        precise: now,
        coarse: now,
    }
}

pub(super) fn rules() -> Rules {
    let config = CircuitBreakerConfig {
        failure_threshold: 3,
        success_threshold: 2,
        timeout: Duration::from_secs(60),
    };
    Rules {
        jitter: JitterSource::seeded(1),
        ..Rules::new(config)
    }
}

fn rejected(state: CircuitState, retry_after: u64) -> Admission {
    Admission::Rejected { state, retry_after }
}

fn admit(circuit: &Circuit, now: u64) -> Admission {
    circuit.admit(now, &at(now))
}

fn ticket(circuit: &Circuit, now: u64) -> Ticket {
    match admit(circuit, now) {
        Admission::Admitted(ticket) => ticket,
        Admission::Rejected { .. } => panic!("rejected in {:?}", phase(circuit)),
    }
}

/// Whether the result counted.
fn record(circuit: &Circuit, ticket: Ticket, outcome: BreakerOutcome, slow: bool, now: u64) -> bool {
    circuit.settle(0, ticket, outcome, slow, &at(now)) != Settled::Late
}

fn call(circuit: &Circuit, outcome: BreakerOutcome, now: u64) {
    let ticket = ticket(circuit, now);
    assert!(record(circuit, ticket, outcome, false, now));
}

fn phase(circuit: &Circuit) -> Phase {
    let phase = circuit.word().phase();
    assert_eq!(circuit.read(Machine::phase), phase, "the copy is true");
    phase
}

fn opened(rules: Rules) -> Circuit {
    let circuit = Circuit::new(rules);
    while phase(&circuit) == Phase::Closed {
        call(&circuit, Failure, 0);
    }
    assert_eq!(phase(&circuit), Phase::Open);
    circuit
}

/// The counts in the window.
fn held(circuit: &Circuit, now: u64) -> Tally {
    circuit.tally(&at(now))
}

#[test]
fn failures_in_a_row_open_it_and_a_success_starts_over() {
    let circuit = Circuit::new(rules());
    for outcome in [Failure, Failure, Success, Failure, Ignored, Failure] {
        call(&circuit, outcome, 0);
        assert_eq!(phase(&circuit), Phase::Closed);
    }
    call(&circuit, Failure, 0);
    assert_eq!(phase(&circuit), Phase::Open);
    let reason = circuit.next_untold().map(|transition| transition.reason);
    assert_eq!(reason, Some(TransitionReason::ConsecutiveFailures));
}

#[test]
fn it_rejects_with_the_rest_of_the_open_time_and_then_probes() {
    let circuit = opened(rules());
    assert_eq!(admit(&circuit, SECOND), rejected(CircuitState::Open, 59 * SECOND));
    assert_eq!(admit(&circuit, 60 * SECOND - 1), rejected(CircuitState::Open, 1));
    call(&circuit, Success, 60 * SECOND);
    assert_eq!(phase(&circuit), Phase::HalfOpen);
    call(&circuit, Success, 60 * SECOND);
    assert_eq!(phase(&circuit), Phase::Closed);
}

#[test]
fn one_failed_probe_opens_it_for_a_full_time() {
    let circuit = opened(rules());
    call(&circuit, Success, 60 * SECOND);
    call(&circuit, Failure, 61 * SECOND);
    assert_eq!(
        admit(&circuit, 62 * SECOND),
        rejected(CircuitState::Open, 59 * SECOND)
    );
}

#[test]
fn the_failure_rate_needs_its_minimum_and_forgets_with_time() {
    let rate = Some(Rate {
        percent: 50,
        minimum_calls: 4,
    });
    let only_rate = Rules {
        consecutive: None,
        failure_rate: rate,
        window: (Duration::from_secs(10), 10),
        ..rules()
    };
    let circuit = Circuit::new(only_rate.clone());
    for (outcome, now) in [(Failure, 0), (Failure, 0), (Failure, 0)] {
        call(&circuit, outcome, now);
    }
    assert_eq!(
        phase(&circuit),
        Phase::Closed,
        "three calls are below the minimum"
    );
    for _ in 0..4 {
        call(&circuit, Success, 10 * SECOND);
    }
    assert_eq!(
        phase(&circuit),
        Phase::Closed,
        "the failures have left the window"
    );
    for _ in 0..4 {
        call(&circuit, Failure, 11 * SECOND);
    }
    assert_eq!(phase(&circuit), Phase::Open, "4 of 8");

    let circuit = Circuit::new(only_rate);
    for outcome in [Failure, Failure, Failure, Success] {
        call(&circuit, outcome, 0);
    }
    assert_eq!(phase(&circuit), Phase::Open, "a success can complete the minimum");
}

#[test]
fn a_closed_breaker_does_not_remember_what_opened_it() {
    let rate = Some(Rate {
        percent: 50,
        minimum_calls: 4,
    });
    let window = (Duration::from_secs(3600), 10);
    let circuit = opened(Rules {
        consecutive: None,
        failure_rate: rate,
        success_threshold: 1,
        window,
        ..rules()
    });
    call(&circuit, Success, 60 * SECOND);
    assert_eq!(phase(&circuit), Phase::Closed);
    assert_eq!(held(&circuit, 60 * SECOND), Tally::default());
}

#[test]
fn slow_calls_open_it_and_a_slow_probe_fails() {
    let slow = Some((
        Duration::from_secs(1),
        Rate {
            percent: 50,
            minimum_calls: 2,
        },
    ));
    let circuit = Circuit::new(Rules {
        consecutive: None,
        slow,
        ..rules()
    });
    call(&circuit, Success, 0);
    let late = ticket(&circuit, 0);
    assert!(record(&circuit, late, Success, true, SECOND));
    assert_eq!(phase(&circuit), Phase::Open);
    let probe = ticket(&circuit, 61 * SECOND);
    assert!(record(&circuit, probe, Success, true, 62 * SECOND));
    assert_eq!(phase(&circuit), Phase::Open);
}

#[test]
fn results_of_an_earlier_generation_do_not_count() {
    let circuit = Circuit::new(rules());
    let early: Vec<_> = (0..10).map(|_| ticket(&circuit, 0)).collect();
    for _ in 0..3 {
        call(&circuit, Failure, 0);
    }
    assert!(!record(&circuit, early[0], Success, false, 0));
    let probe = ticket(&circuit, 60 * SECOND);
    for ticket in &early[1..] {
        assert!(!record(&circuit, *ticket, Success, false, 60 * SECOND));
        assert!(!record(&circuit, *ticket, Failure, false, 60 * SECOND));
    }
    assert_eq!(phase(&circuit), Phase::HalfOpen);
    assert!(record(&circuit, probe, Success, false, 60 * SECOND));
}

#[test]
fn half_open_gives_each_place_once_and_takes_it_back() {
    let circuit = opened(Rules {
        probes: 2,
        lease: Duration::from_secs(30),
        ..rules()
    });
    let now = 60 * SECOND;
    let (first, second) = (ticket(&circuit, now), ticket(&circuit, now));
    assert_eq!(
        admit(&circuit, now),
        rejected(CircuitState::HalfOpen, 30 * SECOND)
    );
    assert!(record(&circuit, first, Ignored, false, now));
    assert!(
        !record(&circuit, first, Success, false, now),
        "a place is given back once"
    );
    let third = ticket(&circuit, now);
    assert_eq!(
        admit(&circuit, now + 30 * SECOND - 7),
        rejected(CircuitState::HalfOpen, 7)
    );
    let fourth = ticket(&circuit, now + 30 * SECOND);
    assert!(
        !record(&circuit, second, Failure, false, now + 31 * SECOND),
        "its lease has run out"
    );
    assert!(!record(&circuit, third, Failure, false, now + 31 * SECOND));
    assert_eq!(
        circuit.read(|machine| machine.probes_in_flight(now + 31 * SECOND)),
        1
    );
    assert!(record(&circuit, fourth, Success, false, now + 31 * SECOND));
}

#[test]
fn the_open_time_grows_while_probes_fail_and_starts_over_when_closed() {
    let open_time = OpenTime::Exponential {
        initial: Duration::from_secs(1),
        factor: 3,
        cap: Duration::from_secs(5),
        jitter_percent: 0,
    };
    let circuit = opened(Rules {
        open_time,
        success_threshold: 1,
        ..rules()
    });
    let mut now = 0;
    for seconds in [1, 3, 5, 5] {
        assert_eq!(
            admit(&circuit, now),
            rejected(CircuitState::Open, seconds * SECOND)
        );
        now += seconds * SECOND;
        call(&circuit, Failure, now);
    }
    now += 5 * SECOND;
    call(&circuit, Success, now);
    assert_eq!(phase(&circuit), Phase::Closed);
    for _ in 0..3 {
        call(&circuit, Failure, now);
    }
    assert_eq!(admit(&circuit, now), rejected(CircuitState::Open, SECOND));
}

#[test]
fn manual_phases_hold_until_released() {
    let circuit = Circuit::new(rules());
    circuit.change(|machine| machine.force(Phase::ForcedOpen, 0));
    assert_eq!(
        admit(&circuit, u64::MAX),
        rejected(CircuitState::Open, 60 * SECOND),
        "no time opens it"
    );
    circuit.change(|machine| machine.release(0));
    assert_eq!(phase(&circuit), Phase::HalfOpen);
    for manual in [Phase::ForcedClosed, Phase::Disabled] {
        circuit.change(|machine| machine.force(manual, 0));
        for _ in 0..20 {
            call(&circuit, Failure, 0);
        }
        assert_eq!(phase(&circuit), manual);
        circuit.change(|machine| machine.release(0));
        assert_eq!(phase(&circuit), Phase::Closed);
    }
    let before = circuit.word().generation();
    circuit.change(|machine| machine.release(0));
    assert_eq!(circuit.word().generation(), before, "nothing to release");
}

#[test]
fn a_reset_forgets_everything() {
    let circuit = opened(rules());
    circuit.change(|machine| machine.reset(SECOND));
    assert_eq!((phase(&circuit), circuit.word().streak()), (Phase::Closed, 0));
    assert_eq!(phase(&circuit).mode(), CircuitMode::Automatic);
    assert_eq!(circuit.read(Machine::transitions), [1, 1, 0]);
    assert_eq!(
        circuit.read(|machine| machine.time_in_state(3 * SECOND)),
        [2, 1, 0].map(Duration::from_secs)
    );
}

#[test]
fn a_coarse_clock_that_lags_lets_nobody_in_too_early() {
    let circuit = opened(rules());
    let lagging = At {
        precise: 60 * SECOND,
        coarse: 60 * SECOND - 5,
    };
    assert_eq!(
        circuit.admit(lagging.coarse, &lagging),
        rejected(CircuitState::Open, 5)
    );
    assert!(matches!(admit(&circuit, 60 * SECOND), Admission::Admitted(_)));
}
