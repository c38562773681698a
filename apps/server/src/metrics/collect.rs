//! Writes the numbers of each part, one metric family after the other, under the names of the catalogue.

use super::ServerMetrics;
use crate::state::AppState;
use rustok_app::counts::{Counts, Tally};
use rustok_core::clock::{Clock, Timestamp};
use rustok_core::resilience::CircuitState;
use rustok_http::limits::GateNumbers;
use rustok_storage::{DatabaseState, Durations, OperationTimes, Store, StoreTimes};
use rustok_telemetry::log_lines;
use rustok_telemetry::metrics::{Bucketed, Samples, process};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use tokio::runtime::RuntimeMetrics;

pub(super) fn everything(
    state: &AppState,
    runtime: &RuntimeMetrics,
    samples: &mut Samples<'_>,
) -> fmt::Result {
    let (services, own) = (state.services(), state.metrics());
    if let Some(http) = state.http().metrics() {
        http.collect(samples)?;
    }
    limits(state, samples)?;
    let times = services.store.times();
    database(&services.store, &times, samples)?;
    tenant_cache(state, samples)?;
    breakers(state, samples)?;
    use_cases(&services.counts, times.renewals, samples)?;
    workers(own, services.clock.as_ref(), samples)?;
    samples.value("rustok_clock_ahead_seconds", clock_ahead(own))?;
    samples.value("tokio_workers", runtime.num_workers())?;
    samples.value("tokio_alive_tasks", runtime.num_alive_tasks())?;
    samples.value("tokio_global_queue_depth", runtime.global_queue_depth())?;
    process(samples, since_1970(own.started).as_secs_f64())?;
    let mut lines = samples.family("rustok_log_lines_total")?;
    for (level, written) in log_lines() {
        lines.value(&[("level", level)], written)?;
    }
    let counts = state.tracer().counts().unwrap_or_default();
    let mut spans = samples.family("rustok_telemetry_spans_total")?;
    for (outcome, count) in [
        ("exported", counts.exported),
        ("dropped", counts.dropped),
        ("lost", counts.lost),
    ] {
        spans.value(&[("outcome", outcome)], count)?;
    }
    let build = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("db_system_name", services.store.system()),
    ];
    samples.family("rustok_build_info")?.value(&build, 1_u64)
}

fn limits(state: &AppState, samples: &mut Samples<'_>) -> fmt::Result {
    let limits = state.http().limits();
    let mut refusals = samples.family("rustok_limit_refusals_total")?;
    for (limit, refused) in limits.refusals() {
        refusals.value(&[("limit", limit)], refused)?;
    }
    let mut buffered = samples.family("rustok_buffered_bytes")?;
    for (buffer, budget) in [("answers", &limits.answers), ("bodies", &limits.bodies)] {
        buffered.value(&[("buffer", buffer)], budget.held())?;
    }
    let gates = limits.gates();
    let mut requests = samples.family("rustok_gate_requests")?;
    for GateNumbers {
        gate,
        in_flight,
        waiting,
        ..
    } in gates
    {
        requests.value(&[("gate", gate), ("state", "in_flight")], in_flight)?;
        requests.value(&[("gate", gate), ("state", "waiting")], waiting)?;
    }
    let mut places = samples.family("rustok_gate_places")?;
    for gate in gates {
        places.value(&[("gate", gate.gate)], gate.places)?;
    }
    Ok(())
}

fn database(store: &Store, times: &StoreTimes, samples: &mut Samples<'_>) -> fmt::Result {
    let system = ("db_system_name", store.system());
    let mut durations: BTreeMap<&str, Durations> = BTreeMap::new();
    for of in &times.operations {
        *durations.entry(of.operation).or_default() += of.durations;
    }
    let mut operations = samples.family("db_client_operation_duration_seconds")?;
    for (operation, durations) in &durations {
        operations.histogram(&[system, ("db_operation_name", operation)], bucketed(durations))?;
    }
    let labels = |of: &OperationTimes| {
        [
            system,
            ("db_operation_name", of.operation),
            ("db_collection_name", of.table),
        ]
    };
    let mut counts = samples.family("rustok_database_operations_total")?;
    for of in &times.operations {
        counts.value(&labels(of), of.durations.count())?;
    }
    let mut seconds = samples.family("rustok_database_operation_seconds_total")?;
    for of in &times.operations {
        seconds.value(&labels(of), of.durations.sum.as_secs_f64())?;
    }
    let mut waits = samples.family("db_client_connection_wait_time_seconds")?;
    for (mode, durations) in [("read", &times.read_waits), ("write", &times.write_waits)] {
        waits.histogram(&[system, ("mode", mode)], bucketed(durations))?;
    }
    let known = store.state();
    let mut states = samples.family("rustok_database_state")?;
    for state in DatabaseState::ALL {
        states.value(&[system, ("state", state.as_str())], u64::from(state == known))?;
    }
    let connections = store.connections();
    let mut count = samples.family("db_client_connections")?;
    count.value(&[system, ("state", "idle")], connections.idle)?;
    count.value(&[system, ("state", "used")], connections.used)?;
    let mut max = samples.family("db_client_connections_max")?;
    max.value(&[system], connections.max)?;
    let mut pending = samples.family("db_client_connections_waiting")?;
    pending.value(&[system], times.waiting)
}

fn bucketed(durations: &Durations) -> Bucketed<'_> {
    Bucketed {
        counts: &durations.counts,
        sum: durations.sum.as_secs_f64(),
    }
}

fn tenant_cache(state: &AppState, samples: &mut Samples<'_>) -> fmt::Result {
    let cache = state.tenants().metrics();
    for (name, value) in [
        ("rustok_tenant_cache_hits_total", cache.hits),
        ("rustok_tenant_cache_negative_hits_total", cache.negative_hits),
        ("rustok_tenant_cache_misses_total", cache.misses),
        ("rustok_tenant_cache_loads_total", cache.loads),
        ("rustok_tenant_cache_load_failures_total", cache.load_failures),
        ("rustok_tenant_cache_coalesced_total", cache.coalesced),
        ("rustok_tenant_cache_stale_total", cache.stale),
        ("rustok_tenant_cache_refused_total", cache.refused),
        ("rustok_tenant_cache_overloaded_total", cache.overloaded),
        ("rustok_tenant_cache_evictions_total", cache.evictions),
    ] {
        samples.value(name, value)?;
    }
    let mut entries = samples.family("rustok_tenant_cache_entries")?;
    entries.value(&[("kind", "found")], cache.entries)?;
    entries.value(&[("kind", "absent")], cache.absent_entries)
}

fn breakers(state: &AppState, samples: &mut Samples<'_>) -> fmt::Result {
    // On PostgreSQL the directory uses the database's breaker; otherwise it has its own.
    let metrics = state.tenants().breaker().metrics();
    let breaker = match &*metrics.name {
        "database" => ("breaker", "database"),
        _ => ("breaker", "tenant-directory"),
    };
    let mut states = samples.family("rustok_circuit_breaker_state")?;
    for (state, one) in CircuitState::ALL.into_iter().zip(metrics.state_one_hot()) {
        states.value(&[breaker, ("state", state.as_str())], u64::from(one))?;
    }
    let mut calls = samples.family("rustok_circuit_breaker_calls_total")?;
    for (outcome, count) in [
        ("success", metrics.successes),
        ("failure", metrics.failures),
        ("ignored", metrics.ignored),
        ("cancelled", metrics.cancelled),
    ] {
        calls.value(&[breaker, ("outcome", outcome)], count)?;
    }
    let mut rejected = samples.family("rustok_circuit_breaker_rejected_total")?;
    rejected.value(&[breaker], metrics.rejected)?;
    let mut transitions = samples.family("rustok_circuit_breaker_transitions_total")?;
    for (state, count) in CircuitState::ALL.into_iter().zip(metrics.transitions) {
        transitions.value(&[breaker, ("to", state.as_str())], count)?;
    }
    Ok(())
}

fn use_cases(counts: &Counts, renewals: u64, samples: &mut Samples<'_>) -> fmt::Result {
    tally(
        samples,
        "rustok_order_transitions_total",
        "transition",
        &counts.order_transitions,
    )?;
    tally(
        samples,
        "rustok_order_placements_total",
        "outcome",
        &counts.order_placements,
    )?;
    tally(
        samples,
        "rustok_node_transitions_total",
        "transition",
        &counts.node_transitions,
    )?;
    tally(samples, "rustok_sign_ins_total", "outcome", &counts.sign_ins)?;
    samples.value("rustok_oversell_refusals_total", total(&counts.oversell_refusals))?;
    let mut retries = samples.family("rustok_retries_total")?;
    retries.value(&[("operation", "place_order")], total(&counts.order_retries))?;
    retries.value(&[("operation", "database_connection")], renewals)
}

fn tally<const N: usize>(
    samples: &mut Samples<'_>,
    name: &str,
    label: &str,
    tally: &Tally<N>,
) -> fmt::Result {
    let mut family = samples.family(name)?;
    for (value, count) in tally.read() {
        family.value(&[(label, value)], count)?;
    }
    Ok(())
}

fn total<const N: usize>(tally: &Tally<N>) -> u64 {
    tally.read().map(|(_, count)| count).sum()
}

fn workers(own: &ServerMetrics, clock: &dyn Clock, samples: &mut Samples<'_>) -> fmt::Result {
    let mut rounds = samples.family("rustok_worker_rounds_total")?;
    for (outcome, tally) in [("ok", &own.rounds), ("failed", &own.failed_rounds)] {
        for (worker, count) in tally.read() {
            rounds.value(&[("worker", worker), ("outcome", outcome)], count)?;
        }
    }
    let delivered = own.delivered.load(std::sync::atomic::Ordering::Relaxed);
    samples.value("rustok_outbox_delivered_total", delivered)?;
    // Unknown before the first measurement; a 0 would be wrong.
    let Some(backlog) = own.backlog() else {
        return Ok(());
    };
    samples.value("rustok_outbox_depth", backlog.depth)?;
    samples.value("rustok_deliveries_dead", backlog.dead_deliveries)?;
    samples.value("rustok_jobs_dead", backlog.dead_jobs)?;
    // The age as of now, not of the last measurement: it must keep growing when measurements fail.
    let age = backlog.oldest.map(|oldest| {
        let passed = clock.now().duration_since(oldest);
        Duration::try_from(passed).unwrap_or_default()
    });
    samples.value(
        "rustok_outbox_oldest_age_seconds",
        age.unwrap_or_default().as_secs_f64(),
    )
}

/// Negative when the clock is behind.
fn clock_ahead(own: &ServerMetrics) -> f64 {
    let micros = own.clock_ahead.load(std::sync::atomic::Ordering::Relaxed);
    let seconds = Duration::from_micros(micros.unsigned_abs()).as_secs_f64();
    seconds.copysign(if micros < 0 { -1.0 } else { 1.0 })
}

fn since_1970(at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default()
}
