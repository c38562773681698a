//! `/metrics`: the server's own counters, and the numbers that its parts report on each scrape.
//!
//! Every name is declared in `ops/prometheus/metrics.toml`. A scrape must never query the database, wait for
//! anything, or change anything; no label takes a value from a request.

mod collect;
mod operations;

use crate::state::AppState;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use rustok_app::counts::Tally;
use rustok_core::clock::{Clock, Timestamp};
use rustok_core::error::{ErrorKind, RichError};
use rustok_storage::outbox::Backlog;
use rustok_telemetry::metrics::{Form, HttpMetrics, expose};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The server's own counters.
#[derive(Debug)]
pub struct ServerMetrics {
    started: Timestamp,
    /// The last measured backlog, if there is one.
    backlog: Mutex<Option<Backlog>>,
    delivered: AtomicU64,
    /// How far the machine's clock is ahead of the database's, in microseconds.
    clock_ahead: AtomicI64,
    rounds: Tally<11>,
    failed_rounds: Tally<11>,
}

/// The values of the label `worker`.
const WORKERS: [&str; 11] = [
    "directory",
    "imports",
    "jobs",
    "outbox",
    "outbox_purge",
    "outbox_watch",
    "token_use",
    "statistics",
    "idempotency",
    "people",
    "mail",
];

impl ServerMetrics {
    /// All counters at zero.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        Self {
            started: clock.now(),
            backlog: Mutex::new(None),
            delivered: AtomicU64::new(0),
            clock_ahead: AtomicI64::new(0),
            rounds: Tally::new(WORKERS),
            failed_rounds: Tally::new(WORKERS),
        }
    }

    /// Counts a finished round of a worker.
    pub fn count_round(&self, worker: &str, succeeded: bool) {
        let rounds = if succeeded {
            &self.rounds
        } else {
            &self.failed_rounds
        };
        rounds.count(worker);
    }

    /// Counts events that were delivered and marked.
    pub fn count_delivered(&self, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.delivered.fetch_add(events, Ordering::Relaxed);
    }

    /// Records that this machine's clock is `ahead` microseconds ahead of the database's.
    pub fn see_clock(&self, ahead: i64) {
        self.clock_ahead.store(ahead, Ordering::Relaxed);
    }

    /// Records the current backlog of the outbox.
    pub fn see_backlog(&self, backlog: Backlog) {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = Some(backlog);
    }

    fn backlog(&self) -> Option<Backlog> {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counters of requests by operation; `None` where no listener exposes metrics.
#[must_use]
pub fn requests(measured: bool) -> Option<HttpMetrics> {
    measured.then(|| HttpMetrics::new(operations::all()))
}

/// `GET /metrics`, in the format that the client accepts.
pub async fn metrics(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let accept: Vec<_> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let form = Form::accepted(Some(&accept.join(",")));
    // Read here: a collector runs outside the runtime.
    let runtime = tokio::runtime::Handle::current().metrics();
    match expose(form, move |samples| {
        collect::everything(&state, &runtime, samples)
    }) {
        Ok(text) => ([(header::CONTENT_TYPE, form.content_type())], text).into_response(),
        Err(_) => {
            RichError::new(ErrorKind::Internal, "a metric is not as the catalogue has it").into_response()
        }
    }
}
