//! The circuit breaker beside failsafe and recloser: closed, open, half-open, one thread and two.

use crate::measure::{Calls, Subject, ratio, runtime, table};
use failsafe::futures::CircuitBreaker as _;
use rustok_core::resilience::{BreakerOutcome, CircuitBreaker, CircuitBreakerConfig};
use std::hint::black_box;
use std::time::Duration;

const CALLS: u64 = 1_000_000;
const HOUR: Duration = Duration::from_secs(3600);

async fn succeed() -> Result<u64, ()> {
    black_box(Ok(1))
}

async fn fail() -> Result<u64, ()> {
    black_box(Err(()))
}

/// The body is an async block, driven by a runtime of its own on the measured thread.
macro_rules! calls {
    ([$($name:ident),*] $call:expr) => {{
        $(let $name = $name.clone();)*
        move || -> Calls {
            $(let $name = $name.clone();)*
            let runtime = runtime();
            Box::new(move |n| {
                runtime.block_on(async {
                    for _ in 0..n {
                        let _ = black_box($call.await);
                    }
                });
            })
        }
    }};
}

fn consecutive() -> CircuitBreaker {
    let config = CircuitBreakerConfig {
        failure_threshold: 3,
        success_threshold: 2,
        timeout: HOUR,
    };
    // As in production: this binary is built with tokio's `test-util`, which would make the breaker use tokio's
    // clock.
    CircuitBreaker::builder("consecutive")
        .config(config)
        .kernel_clock()
        .build()
        .expect("valid settings")
}

fn windowed() -> CircuitBreaker {
    CircuitBreaker::builder("windowed")
        .failure_rate(50, 20)
        .window(Duration::from_secs(10), 10)
        .kernel_clock()
        .build()
        .expect("valid settings")
}

/// Half-open forever: a probe that never ends occupies the only slot.
fn half_open() -> CircuitBreaker {
    let breaker = CircuitBreaker::builder("half_open")
        .probe_lease(HOUR)
        .kernel_clock()
        .build()
        .expect("valid settings");
    breaker.open();
    breaker.release();
    breaker
}

type Failsafe =
    failsafe::StateMachine<failsafe::failure_policy::ConsecutiveFailures<failsafe::backoff::Constant>, ()>;

fn failsafe() -> Failsafe {
    let policy = failsafe::failure_policy::consecutive_failures(3, failsafe::backoff::constant(HOUR));
    failsafe::Config::new().failure_policy(policy).build()
}

fn recloser() -> recloser::AsyncRecloser {
    recloser::AsyncRecloser::from(
        recloser::Recloser::custom()
            .closed_len(100)
            .error_rate(0.5)
            .open_wait(HOUR)
            .build(),
    )
}

/// Installs a subscriber that takes every event, as the server's does.
fn listen() {
    let subscriber = Quiet;
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct Quiet;

impl tracing::Subscriber for Quiet {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        black_box(event);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

pub(crate) fn run() {
    listen();
    let (ours, window, theirs, other) = (consecutive(), windowed(), failsafe(), recloser());
    let (ours_open, theirs_open, other_open) = (consecutive(), failsafe(), recloser());
    ours_open.open();
    let full = half_open();
    let _probe = full.acquire().expect("the first place");
    runtime().block_on(async {
        for _ in 0..300 {
            let _ = theirs_open.call(fail()).await;
            let _ = other_open.call(fail()).await;
        }
    });
    let rejected = consecutive();
    runtime().block_on(async {
        for _ in 0..3 {
            let _ = rejected.call(fail).await;
        }
    });
    let probing = half_open();
    // The subjects that are measured both on one thread and on two.
    let theirs_closed = calls!([theirs] theirs.call(succeed()));
    let other_closed = calls!([other] other.call(succeed()));
    let closed = calls!([ours] ours.call(succeed));
    let closed_in_window = calls!([window] window.call(succeed));
    let open = calls!([rejected] rejected.call(succeed));
    let subjects = [
        Subject::new("bare async call", 1, CALLS, calls!([] succeed())),
        Subject::new("failsafe, closed", 1, CALLS, &theirs_closed),
        Subject::new("recloser, closed", 1, CALLS, &other_closed),
        Subject::new("ours, closed, consecutive", 1, CALLS, &closed),
        Subject::new("ours, closed, time window", 1, CALLS, &closed_in_window),
        Subject::new(
            "failsafe, open",
            1,
            CALLS,
            calls!([theirs_open] theirs_open.call(succeed())),
        ),
        Subject::new(
            "recloser, open",
            1,
            CALLS,
            calls!([other_open] other_open.call(succeed())),
        ),
        Subject::new("ours, open", 1, CALLS, &open),
        Subject::new(
            "ours, opened by hand",
            1,
            CALLS,
            calls!([ours_open] ours_open.call(succeed)),
        ),
        Subject::new(
            "ours, half-open and full",
            1,
            CALLS,
            calls!([full] full.call(succeed)),
        ),
        Subject::new("ours, a probe", 1, CALLS / 10, move || {
            let breaker = probing.clone();
            Box::new(move |n| {
                for _ in 0..n {
                    let probe = breaker.acquire().expect("a place");
                    probe.finish(BreakerOutcome::Ignored);
                }
            })
        }),
        Subject::new("failsafe, closed", 2, CALLS, &theirs_closed),
        Subject::new("recloser, closed", 2, CALLS, &other_closed),
        Subject::new("ours, closed, consecutive", 2, CALLS, &closed),
        Subject::new("ours, closed, time window", 2, CALLS, &closed_in_window),
        Subject::new("ours, open", 2, CALLS, &open),
    ];
    let cost = table("Circuit breaker", &subjects);
    println!();
    ratio("closed, consecutive / failsafe closed", cost[3], cost[1], 1.0);
    ratio("closed, time window / failsafe closed", cost[4], cost[1], 1.5);
    ratio("open / failsafe open", cost[7], cost[5], 0.5);
    ratio("closed, consecutive: two threads / one", cost[13], cost[3], 1.3);
    ratio("closed, time window: two threads / one", cost[14], cost[4], 1.3);
    ratio("open: two threads / one", cost[15], cost[7], 1.3);
}
