//! The state machine without lock and clock: every rule by example, and what must hold after any history.

use super::super::builder::{OpenTime, Rate};
use super::super::{CircuitBreakerConfig, CircuitMode};
use super::*;
use crate::resilience::JitterSource;
use BreakerOutcome::{Failure, Ignored, Success};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn rules() -> Rules {
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

fn ticket(machine: &mut Machine, now: u64) -> Ticket {
    match machine.admit(now) {
        Admission::Admitted(ticket) => ticket,
        Admission::Rejected(_) => panic!("rejected in {:?}", machine.phase()),
    }
}

fn call(machine: &mut Machine, outcome: BreakerOutcome, now: u64) {
    let ticket = ticket(machine, now);
    assert!(machine.record(ticket, outcome, false, now));
}

fn opened(rules: Rules) -> Machine {
    let mut machine = Machine::new(rules);
    while machine.phase() == Phase::Closed {
        call(&mut machine, Failure, 0);
    }
    assert_eq!(machine.phase(), Phase::Open);
    machine
}

#[test]
fn failures_in_a_row_open_it_and_a_success_starts_over() {
    let mut machine = Machine::new(rules());
    for outcome in [Failure, Failure, Success, Failure, Ignored, Failure] {
        call(&mut machine, outcome, 0);
        assert_eq!(machine.phase(), Phase::Closed);
    }
    call(&mut machine, Failure, 0);
    assert_eq!(machine.phase(), Phase::Open);
    let reason = machine.untold.back().map(|transition| transition.reason);
    assert_eq!(reason, Some(TransitionReason::ConsecutiveFailures));
}

#[test]
fn it_rejects_with_the_rest_of_the_open_time_and_then_probes() {
    let mut machine = opened(rules());
    assert_eq!(machine.admit(SECOND), Admission::Rejected(59 * SECOND));
    assert_eq!(machine.admit(60 * SECOND - 1), Admission::Rejected(1));
    call(&mut machine, Success, 60 * SECOND);
    assert_eq!(machine.phase(), Phase::HalfOpen);
    call(&mut machine, Success, 60 * SECOND);
    assert_eq!(machine.phase(), Phase::Closed);
}

#[test]
fn one_failed_probe_opens_it_for_a_full_time() {
    let mut machine = opened(rules());
    call(&mut machine, Success, 60 * SECOND);
    call(&mut machine, Failure, 61 * SECOND);
    assert_eq!(machine.admit(62 * SECOND), Admission::Rejected(59 * SECOND));
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
    let mut machine = Machine::new(only_rate.clone());
    for (outcome, now) in [(Failure, 0), (Failure, 0), (Failure, 0)] {
        call(&mut machine, outcome, now);
    }
    assert_eq!(
        machine.phase(),
        Phase::Closed,
        "three calls are below the minimum"
    );
    for _ in 0..4 {
        call(&mut machine, Success, 10 * SECOND);
    }
    assert_eq!(
        machine.phase(),
        Phase::Closed,
        "the failures have left the window"
    );
    for _ in 0..4 {
        call(&mut machine, Failure, 11 * SECOND);
    }
    assert_eq!(machine.phase(), Phase::Open, "4 of 8");

    let mut machine = Machine::new(only_rate);
    for outcome in [Failure, Failure, Failure, Success] {
        call(&mut machine, outcome, 0);
    }
    assert_eq!(machine.phase(), Phase::Open, "a success can complete the minimum");
}

#[test]
fn a_closed_breaker_does_not_remember_what_opened_it() {
    let rate = Some(Rate {
        percent: 50,
        minimum_calls: 4,
    });
    let window = (Duration::from_secs(3600), 10);
    let mut machine = opened(Rules {
        consecutive: None,
        failure_rate: rate,
        success_threshold: 1,
        window,
        ..rules()
    });
    call(&mut machine, Success, 60 * SECOND);
    assert_eq!(machine.phase(), Phase::Closed);
    assert_eq!(machine.window(60 * SECOND), Tally::default());
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
    let mut machine = Machine::new(Rules {
        consecutive: None,
        slow,
        ..rules()
    });
    call(&mut machine, Success, 0);
    let late = ticket(&mut machine, 0);
    assert!(machine.record(late, Success, true, SECOND));
    assert_eq!(machine.phase(), Phase::Open);
    let probe = ticket(&mut machine, 61 * SECOND);
    assert!(machine.record(probe, Success, true, 62 * SECOND));
    assert_eq!(machine.phase(), Phase::Open);
}

#[test]
fn results_of_an_earlier_generation_do_not_count() {
    let mut machine = Machine::new(rules());
    let early: Vec<_> = (0..10).map(|_| ticket(&mut machine, 0)).collect();
    for _ in 0..3 {
        call(&mut machine, Failure, 0);
    }
    assert!(!machine.record(early[0], Success, false, 0));
    let probe = ticket(&mut machine, 60 * SECOND);
    for ticket in &early[1..] {
        assert!(!machine.record(*ticket, Success, false, 60 * SECOND));
        assert!(!machine.record(*ticket, Failure, false, 60 * SECOND));
    }
    assert_eq!(machine.phase(), Phase::HalfOpen);
    assert!(machine.record(probe, Success, false, 60 * SECOND));
}

#[test]
fn half_open_gives_each_place_once_and_takes_it_back() {
    let mut machine = opened(Rules {
        probes: 2,
        lease: Duration::from_secs(30),
        ..rules()
    });
    let now = 60 * SECOND;
    let (first, second) = (ticket(&mut machine, now), ticket(&mut machine, now));
    assert_eq!(machine.admit(now), Admission::Rejected(HALF_OPEN_RETRY));
    assert!(machine.record(first, Ignored, false, now));
    assert!(
        !machine.record(first, Success, false, now),
        "a place is given back once"
    );
    let third = ticket(&mut machine, now);
    assert_eq!(machine.admit(now + 30 * SECOND - 7), Admission::Rejected(7));
    let fourth = ticket(&mut machine, now + 30 * SECOND);
    assert!(
        !machine.record(second, Failure, false, now + 31 * SECOND),
        "its lease has run out"
    );
    assert!(!machine.record(third, Failure, false, now + 31 * SECOND));
    assert_eq!(machine.probes_in_flight(now + 31 * SECOND), 1);
    assert!(machine.record(fourth, Success, false, now + 31 * SECOND));
}

#[test]
fn the_open_time_grows_while_probes_fail_and_starts_over_when_closed() {
    let open_time = OpenTime::Exponential {
        initial: Duration::from_secs(1),
        factor: 3,
        cap: Duration::from_secs(5),
        jitter_percent: 0,
    };
    let mut machine = opened(Rules {
        open_time,
        success_threshold: 1,
        ..rules()
    });
    let mut now = 0;
    for seconds in [1, 3, 5, 5] {
        assert_eq!(machine.admit(now), Admission::Rejected(seconds * SECOND));
        now += seconds * SECOND;
        call(&mut machine, Failure, now);
    }
    now += 5 * SECOND;
    call(&mut machine, Success, now);
    assert_eq!(machine.phase(), Phase::Closed);
    for _ in 0..3 {
        call(&mut machine, Failure, now);
    }
    assert_eq!(machine.admit(now), Admission::Rejected(SECOND));
}

#[test]
fn manual_phases_hold_until_released() {
    let mut machine = Machine::new(rules());
    machine.force(Phase::ForcedOpen, 0);
    assert_eq!(
        machine.admit(u64::MAX),
        Admission::Rejected(60 * SECOND),
        "no time opens it"
    );
    machine.release(0);
    assert_eq!(machine.phase(), Phase::HalfOpen);
    for phase in [Phase::ForcedClosed, Phase::Disabled] {
        machine.force(phase, 0);
        for _ in 0..20 {
            call(&mut machine, Failure, 0);
        }
        assert_eq!(machine.phase(), phase);
        machine.release(0);
        assert_eq!(machine.phase(), Phase::Closed);
    }
    let before = machine.generation();
    machine.release(0);
    assert_eq!(machine.generation(), before, "nothing to release");
}

#[test]
fn a_reset_forgets_everything() {
    let mut machine = opened(rules());
    machine.reset(SECOND);
    assert_eq!((machine.phase(), machine.streak()), (Phase::Closed, 0));
    assert_eq!(machine.phase().mode(), CircuitMode::Automatic);
    assert_eq!(machine.transitions(), [1, 1, 0]);
    assert_eq!(
        machine.time_in_state(3 * SECOND),
        [2, 1, 0].map(Duration::from_secs)
    );
}

#[derive(Debug, Clone)]
enum Step {
    Admit,
    Record(usize, BreakerOutcome, bool),
    Wait(u64),
    Force(u8),
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Success), Just(Failure), Just(Ignored)];
    prop_oneof![
        8 => Just(Step::Admit),
        8 => (any::<usize>(), outcome, any::<bool>()).prop_map(|(i, outcome, slow)| Step::Record(i, outcome, slow)),
        4 => (0..40 * SECOND).prop_map(Step::Wait),
        1 => (0_u8..4).prop_map(Step::Force),
        1 => Just(Step::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// After any history: never more probes than places, no early ticket changes anything, and if the rules decide it
    /// lets a call through after the longest open time and lease at the latest.
    #[test]
    fn it_is_never_stuck_and_never_overfull(steps in proptest::collection::vec(step(), 1..120)) {
        let mut machine = Machine::new(Rules {
            probes: 2,
            failure_rate: Some(Rate { percent: 40, minimum_calls: 5 }),
            slow: Some((Duration::from_secs(1), Rate { percent: 60, minimum_calls: 5 })),
            ..rules()
        });
        let (mut now, mut tickets) = (0, Vec::new());
        for step in steps {
            match step {
                Step::Admit => {
                    if let Admission::Admitted(ticket) = machine.admit(now) {
                        tickets.push(ticket);
                    }
                }
                Step::Record(..) if tickets.is_empty() => {}
                Step::Record(which, outcome, slow) => {
                    let ticket = tickets.swap_remove(which % tickets.len());
                    let (early, before) = (ticket.generation != machine.generation(), machine.generation());
                    let counted = machine.record(ticket, outcome, slow, now);
                    prop_assert!(!early || (!counted && machine.generation() == before));
                }
                Step::Wait(nanos) => now += nanos,
                Step::Force(0) => machine.force(Phase::ForcedOpen, now),
                Step::Force(1) => machine.force(Phase::ForcedClosed, now),
                Step::Force(2) => machine.force(Phase::Disabled, now),
                Step::Force(_) => machine.reset(now),
                Step::Release => machine.release(now),
            }
            prop_assert!(machine.probes_in_flight(now) <= 2);
        }
        if machine.phase().mode() == CircuitMode::Automatic {
            let admitted = matches!(machine.admit(now + 60 * SECOND), Admission::Admitted(_));
            prop_assert!(admitted, "stuck in {:?}", machine.phase());
        }
    }
}
