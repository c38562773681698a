//! A circuit breaker in the metrics of a program that uses the crate `metrics`: a listener counts what changes, the rest is
//! read when the metrics are.
//!
//! `cargo run -p rustok-core --example metrics_hook` prints what a recorder would receive. For OpenTelemetry it is the
//! same: an observable counter reads `CircuitBreaker::metrics`, and the listener adds to a counter of transitions.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that shows")]

use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, SharedString, Unit};
use rustok_core::resilience::{CircuitBreaker, CircuitState};
use std::sync::Arc;

/// A breaker whose transitions are counted.
fn breaker(name: &'static str) -> CircuitBreaker {
    CircuitBreaker::builder(name)
        .consecutive_failures(2)
        .on_transition(move |transition| {
            let (from, to) = (transition.from.as_str(), transition.to.as_str());
            metrics::counter!("breaker_transitions_total", "breaker" => name, "from" => from, "to" => to)
                .increment(1);
        })
        .build()
        .unwrap()
}

/// Reads a breaker's counters. Call it when the metrics are read: a call through the breaker costs nothing more.
fn report(breaker: &CircuitBreaker) {
    let snapshot = breaker.metrics();
    let name = breaker.name().to_owned();
    for (outcome, calls) in [
        ("success", snapshot.successes),
        ("failure", snapshot.failures),
        ("ignored", snapshot.ignored),
        ("cancelled", snapshot.cancelled),
        ("rejected", snapshot.rejected),
    ] {
        metrics::counter!("breaker_calls_total", "breaker" => name.clone(), "outcome" => outcome)
            .absolute(calls);
    }
    for (state, is) in CircuitState::ALL.into_iter().zip(snapshot.state_one_hot()) {
        metrics::gauge!("breaker_state", "breaker" => name.clone(), "state" => state.as_str()).set(is);
    }
}

fn main() {
    metrics::set_global_recorder(Printer).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let search = breaker("search");
    runtime.block_on(async {
        for _ in 0..3 {
            let _ = search.call(|| async { Err::<(), _>("no answer") }).await;
        }
    });
    report(&search);
}

/// Stands for an exporter.
struct Printer;

impl metrics::Recorder for Printer {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Line(key.clone())))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(Line(key.clone())))
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

struct Line(Key);

impl CounterFn for Line {
    fn increment(&self, value: u64) {
        println!("{} + {value}", self.0);
    }
    fn absolute(&self, value: u64) {
        println!("{} = {value}", self.0);
    }
}

impl GaugeFn for Line {
    fn increment(&self, value: f64) {
        println!("{} + {value}", self.0);
    }
    fn decrement(&self, value: f64) {
        println!("{} - {value}", self.0);
    }
    fn set(&self, value: f64) {
        println!("{} = {value}", self.0);
    }
}
