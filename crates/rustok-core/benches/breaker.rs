//! The circuit breaker beside failsafe, recloser and tower-resilience: closed, open, half-open, one thread and two.

use crate::measure::{Calls, Subject, ratio, runtime, table};
use failsafe::futures::CircuitBreaker as _;
use rustok_core::resilience::{BreakerOutcome, CircuitBreaker, CircuitBreakerConfig};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tower::{Service as _, ServiceExt as _, service_fn};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

const CALLS: u64 = 1_000_000;
const HOUR: Duration = Duration::from_secs(3600);

async fn succeed() -> Result<u64, ()> {
    black_box(Ok(1))
}

async fn fail() -> Result<u64, ()> {
    black_box(Err(()))
}

/// The body is an async block, driven by a runtime of its own on the measured thread. Each row calls a function of its
/// own: if they shared one, the compiler would not build a call into its loop, as it does where a call is made in one
/// place.
macro_rules! calls {
    ([$($name:ident),*] $call:expr) => {{
        async fn succeed() -> Result<u64, ()> {
            black_box(Ok(1))
        }
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
    CircuitBreaker::builder("consecutive")
        .config(config)
        .build()
        .expect("valid settings")
}

fn windowed() -> CircuitBreaker {
    CircuitBreaker::builder("windowed")
        .failure_rate(50, 20)
        .window(Duration::from_secs(10), 10)
        .build()
        .expect("valid settings")
}

/// Each call is timed, at its beginning and at its end.
fn slow_rule() -> CircuitBreaker {
    CircuitBreaker::builder("slow")
        .slow_call_rate(HOUR, 50, 20)
        .build()
        .expect("valid settings")
}

fn half_open() -> CircuitBreaker {
    let breaker = CircuitBreaker::builder("half_open")
        .probe_lease(HOUR)
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

/// The calls of a table row, by name: what is compared with what, and the machine's code in `bench/breaker.sh`.
pub(crate) fn subjects() -> Vec<Subject<'static>> {
    listen();
    let (ours, window, theirs, other) = (consecutive(), windowed(), failsafe(), recloser());
    let (by_hand, rejected) = (consecutive(), consecutive());
    let (theirs_open, other_open) = (failsafe(), recloser());
    by_hand.open();
    runtime().block_on(async {
        for _ in 0..300 {
            let _ = theirs_open.call(fail()).await;
            let _ = other_open.call(fail()).await;
        }
        for _ in 0..3 {
            let _ = rejected.call(fail).await;
        }
    });
    let full = half_open();
    // Half-open forever: a probe that never ends occupies the only slot.
    std::mem::forget(full.acquire().expect("the first place"));
    let (slow, probing) = (slow_rule(), half_open());
    // The subjects that are measured both on one thread and on two.
    let theirs_closed = calls!([theirs] theirs.call(succeed()));
    let other_closed = calls!([other] other.call(succeed()));
    let closed = calls!([ours] ours.call(succeed));
    let closed_in_window = calls!([window] window.call(succeed));
    let open = calls!([rejected] rejected.call(succeed));
    let one = |name, make: Box<dyn Fn() -> Calls + Sync>| Subject::new(name, 1, CALLS, make);
    let two = |name, make: Box<dyn Fn() -> Calls + Sync>| Subject::new(name, 2, CALLS, make);
    vec![
        one("bare async call", Box::new(calls!([] succeed()))),
        one("failsafe, closed", Box::new(theirs_closed.clone())),
        one("recloser, closed", Box::new(other_closed.clone())),
        one("tower-resilience, closed", Box::new(tower_resilience(false))),
        one("ours, closed, consecutive", Box::new(closed.clone())),
        one("ours, closed, time window", Box::new(closed_in_window.clone())),
        one(
            "ours, closed, slow-call rule",
            Box::new(calls!([slow] slow.call(succeed))),
        ),
        one(
            "failsafe, open",
            Box::new(calls!([theirs_open] theirs_open.call(succeed()))),
        ),
        one(
            "recloser, open",
            Box::new(calls!([other_open] other_open.call(succeed()))),
        ),
        one("tower-resilience, open", Box::new(tower_resilience(true))),
        one("ours, open", Box::new(open.clone())),
        one(
            "ours, opened by hand",
            Box::new(calls!([by_hand] by_hand.call(succeed))),
        ),
        one(
            "ours, half-open and full",
            Box::new(calls!([full] full.call(succeed))),
        ),
        one(
            "ours, a probe",
            Box::new(move || {
                let breaker = probing.clone();
                Box::new(move |n| {
                    for _ in 0..n {
                        let probe = breaker.acquire().expect("a place");
                        probe.finish(BreakerOutcome::Ignored);
                    }
                })
            }),
        ),
        two("failsafe, closed", Box::new(theirs_closed)),
        two("recloser, closed", Box::new(other_closed)),
        two("ours, closed, consecutive", Box::new(closed)),
        two("ours, closed, time window", Box::new(closed_in_window)),
        two("ours, open", Box::new(open)),
    ]
}

/// tower-resilience's breaker as a service, with a window of 100 calls.
fn tower_resilience(open: bool) -> impl Fn() -> Calls + Sync {
    move || {
        let layer = CircuitBreakerLayer::builder()
            .failure_rate_threshold(0.5)
            .sliding_window_size(100)
            .wait_duration_in_open(HOUR)
            .build()
            .expect("valid settings");
        let fails = Arc::new(AtomicBool::new(open));
        let mode = fails.clone();
        let mut service = layer.layer_fn(service_fn(move |(): ()| {
            let fails = mode.load(Ordering::Relaxed);
            async move { if fails { fail().await } else { succeed().await } }
        }));
        let runtime = runtime();
        if open {
            runtime.block_on(async {
                for _ in 0..300 {
                    let _ = service.ready().await.expect("ready").call(()).await;
                }
            });
            fails.store(false, Ordering::Relaxed);
        }
        Box::new(move |n| {
            runtime.block_on(async {
                for _ in 0..n {
                    let _ = black_box(service.ready().await.expect("ready").call(()).await);
                }
            });
        })
    }
}

pub(crate) fn run() {
    let subjects = subjects();
    let costs = table("Circuit breaker", &subjects);
    let cost = |name: &str, threads| {
        let at = subjects.iter().position(|subject| subject.is(name, threads));
        costs[at.expect("a subject of that name")]
    };
    println!();
    let (theirs, consecutive) = (cost("failsafe, closed", 1), cost("ours, closed, consecutive", 1));
    let (window, open) = (cost("ours, closed, time window", 1), cost("ours, open", 1));
    ratio("closed, consecutive / failsafe closed", consecutive, theirs, 1.0);
    ratio("closed, time window / failsafe closed", window, theirs, 1.5);
    ratio("open / failsafe open", open, cost("failsafe, open", 1), 0.5);
    for (name, alone) in [
        ("ours, closed, consecutive", consecutive),
        ("ours, closed, time window", window),
        ("ours, open", open),
    ] {
        ratio(&format!("{name}: two threads / one"), cost(name, 2), alone, 1.3);
    }
}
