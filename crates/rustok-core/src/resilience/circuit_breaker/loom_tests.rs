//! The closed path and the half-open slots under every interleaving of two or three threads.
//!
//! The source files of the circuit are compiled a second time here, against the atomics and the lock of the model
//! checker loom, which runs each test once per possible order of events and per value that a relaxed load may return.
#![expect(
    clippy::duplicate_mod,
    reason = "compiled once for use and once for the model checker"
)]
#![expect(
    dead_code,
    reason = "the tests need less of these files than the breaker does"
)]

mod sync {
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering, fence};
    pub(super) use loom::sync::{Mutex, MutexGuard};
    pub(super) use std::sync::PoisonError;
}
#[path = "circuit.rs"]
mod circuit;
#[path = "lanes.rs"]
mod lanes;
#[path = "window.rs"]
mod window;

use super::{builder, machine, metrics, time};
use crate::error::BreakerOutcome::{self, Failure, Success};
use builder::{Rate, Rules};
use circuit::{Circuit, Settled};
use loom::sync::Arc;
use loom::thread;
use machine::{Admission, Phase, Ticket};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

struct At(u64);

impl time::Time for At {
    fn precise(&self) -> u64 {
        self.0
    }
    fn coarse(&self) -> u64 {
        self.0
    }
}

fn rules(consecutive: Option<u32>, minimum_calls: Option<u32>) -> Rules {
    Rules {
        consecutive,
        failure_rate: minimum_calls.map(|minimum_calls| Rate {
            percent: 100,
            minimum_calls,
        }),
        window: (Duration::from_secs(2), 2),
        success_threshold: 1,
        open_time: builder::OpenTime::Fixed(Duration::from_secs(60)),
        ..super::circuit_tests::rules()
    }
}

/// Runs `then` after every interleaving of the two threads' work on one circuit.
fn explore(
    rules: Rules,
    prepare: fn(&Circuit),
    work: [fn(&Circuit); 2],
    then: impl Fn(&Circuit) + Send + Sync + 'static,
) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let circuit = Arc::new(Circuit::new(rules.clone()));
        // Both lanes exist before the threads start: their creation uses the standard library, which loom does not
        // check.
        drop(circuit.lanes().of(0));
        drop(circuit.lanes().of(1));
        prepare(&circuit);
        let threads = work.map(|work| {
            let circuit = circuit.clone();
            thread::spawn(move || work(&circuit))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        then(&circuit);
    });
}

fn closed(circuit: &Circuit) -> Ticket {
    Ticket {
        generation: circuit.word().generation(),
        lease: 0,
    }
}

const FIRST: Ticket = Ticket {
    generation: 0,
    lease: 0,
};

fn settle(circuit: &Circuit, thread: usize, ticket: Ticket, outcome: BreakerOutcome, now: u64) -> Settled {
    circuit.settle(thread, ticket, outcome, false, &At(now))
}

const BOTH_FAIL: [fn(&Circuit); 2] = [
    |c| {
        settle(c, 0, FIRST, Failure, 0);
    },
    |c| {
        settle(c, 1, FIRST, Failure, 0);
    },
];

fn nothing(_: &Circuit) {}

#[test]
fn two_failures_at_once_are_two_in_a_row_and_open_it_once() {
    explore(rules(Some(2), None), nothing, BOTH_FAIL, |circuit| {
        assert_eq!(circuit.word().phase(), Phase::Open);
        assert_eq!(circuit.word().generation(), 1);
    });
}

#[test]
fn a_success_beside_a_failure_leaves_one_or_none_in_a_row() {
    let work: [fn(&Circuit); 2] = [
        |c| {
            settle(c, 0, FIRST, Success, 0);
        },
        |c| {
            settle(c, 1, FIRST, Failure, 0);
        },
    ];
    let one_before = |c: &Circuit| {
        settle(c, 0, FIRST, Failure, 0);
    };
    explore(rules(Some(3), None), one_before, work, |circuit| {
        assert!([0, 1].contains(&circuit.word().streak()));
        assert_eq!(circuit.word().phase(), Phase::Closed);
    });
}

#[test]
fn a_result_from_before_a_reset_changes_nothing_after_it() {
    let work: [fn(&Circuit); 2] = [
        |c| {
            settle(c, 0, FIRST, Failure, 0);
        },
        |c| c.change(|machine| machine.reset(0)),
    ];
    explore(rules(Some(1), Some(1)), nothing, work, |circuit| {
        let word = circuit.word();
        assert_eq!((word.phase(), word.streak()), (Phase::Closed, 0));
        assert_eq!(circuit.tally(&At(0)).calls, 0, "nor is it in the window");
    });
}

#[test]
fn a_success_from_before_a_reset_is_in_no_window_after_it() {
    let work: [fn(&Circuit); 2] = [
        |c| {
            settle(c, 0, FIRST, Success, 0);
        },
        |c| c.change(|machine| machine.reset(0)),
    ];
    explore(rules(None, Some(5)), nothing, work, |circuit| {
        assert_eq!(circuit.tally(&At(0)).calls, 0);
    });
}

#[test]
fn a_result_from_after_a_reset_is_in_the_window_whatever_the_order() {
    let work: [fn(&Circuit); 2] = [
        |c| {
            let ticket = closed(c);
            let settled = settle(c, 0, ticket, Failure, 0);
            // It was admitted either before the reset, and may be late, or after it, and counts.
            assert!(settled == Settled::Counted || ticket.generation == 0);
            let counts = ticket.generation == 1;
            assert!(!counts || c.tally(&At(0)).calls == 1);
        },
        |c| c.change(|machine| machine.reset(0)),
    ];
    explore(rules(None, Some(5)), nothing, work, |circuit| {
        assert!(circuit.tally(&At(0)).calls <= 1);
    });
}

#[test]
fn of_two_decisive_failures_at_once_one_opens_it() {
    explore(rules(None, Some(2)), nothing, BOTH_FAIL, |circuit| {
        assert_eq!(circuit.word().phase(), Phase::Open);
    });
}

#[test]
fn of_two_decisive_slow_calls_at_once_one_opens_it() {
    let work: [fn(&Circuit); 2] = [
        |c| {
            c.settle(0, FIRST, Success, true, &At(0));
        },
        |c| {
            c.settle(1, FIRST, Success, true, &At(0));
        },
    ];
    let slow = Rate {
        percent: 100,
        minimum_calls: 2,
    };
    let rules = Rules {
        slow: Some((Duration::from_secs(1), slow)),
        ..rules(None, None)
    };
    explore(rules, nothing, work, |circuit| {
        assert_eq!(circuit.word().phase(), Phase::Open);
    });
}

#[test]
fn no_call_is_lost_when_the_window_moves_on() {
    let work: [fn(&Circuit); 2] = [
        |c| {
            settle(c, 0, FIRST, Success, SECOND - 1);
        },
        |c| {
            settle(c, 1, FIRST, Success, SECOND);
        },
    ];
    explore(rules(None, Some(5)), nothing, work, |circuit| {
        assert_eq!(circuit.tally(&At(SECOND)).calls, 2);
    });
}

#[test]
fn when_the_open_time_is_up_one_of_two_gets_the_place() {
    fn probe(circuit: &Circuit) {
        if let Admission::Admitted(ticket) = circuit.admit(60 * SECOND, &At(60 * SECOND)) {
            assert_ne!(ticket.lease, 0, "it is a probe");
            assert_eq!(circuit.read(|machine| machine.probes_in_flight(60 * SECOND)), 1);
        }
    }
    let open = |c: &Circuit| {
        settle(c, 0, FIRST, Failure, 0);
    };
    explore(rules(Some(1), None), open, [probe, probe], |circuit| {
        assert_eq!(circuit.word().phase(), Phase::HalfOpen);
        assert_eq!(circuit.read(|machine| machine.probes_in_flight(60 * SECOND)), 1);
    });
}

#[test]
fn a_place_that_is_given_back_is_free_whatever_the_order() {
    fn probe_and_give_back(circuit: &Circuit) {
        if let Admission::Admitted(ticket) = circuit.admit(60 * SECOND, &At(60 * SECOND)) {
            let settled = circuit.settle(0, ticket, BreakerOutcome::Ignored, false, &At(60 * SECOND));
            assert_eq!(settled, Settled::Counted);
        }
    }
    let half_open = |c: &Circuit| {
        c.change(|machine| machine.force(Phase::ForcedOpen, 0));
        c.change(|machine| machine.release(0));
    };
    explore(
        rules(Some(1), None),
        half_open,
        [probe_and_give_back, probe_and_give_back],
        |circuit| {
            assert!(matches!(
                circuit.admit(60 * SECOND, &At(60 * SECOND)),
                Admission::Admitted(_)
            ));
        },
    );
}
