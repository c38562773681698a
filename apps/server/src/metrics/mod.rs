//! `/metrics`: what the server counted itself, and what its parts tell of themselves when somebody asks.
//!
//! Every name stands in `ops/prometheus/metrics.toml`. A question must never reach the database, wait for anything, or
//! change anything; no label takes a value from a request.

mod operations;
mod tell;

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

/// What the server itself counts.
#[derive(Debug)]
pub struct ServerMetrics {
    /// Where somebody can ask for it.
    http: Option<HttpMetrics>,
    started: Timestamp,
    /// What was seen last, if anything was.
    backlog: Mutex<Option<Backlog>>,
    delivered: AtomicU64,
    /// How far the machine's clock is ahead of the database's, in microseconds.
    clock_ahead: AtomicI64,
    rounds: Tally<8>,
    failed_rounds: Tally<8>,
}

/// The workers, as the label has them.
const WORKERS: [&str; 8] = [
    "directory",
    "imports",
    "order_expiry",
    "outbox",
    "outbox_purge",
    "outbox_watch",
    "statistics",
    "idempotency",
];

impl ServerMetrics {
    /// Nothing counted yet, and no requests at all unless they are `measured`.
    #[must_use]
    pub fn new(clock: &dyn Clock, measured: bool) -> Self {
        Self {
            http: measured.then(|| HttpMetrics::new(operations::all())),
            started: clock.now(),
            backlog: Mutex::new(None),
            delivered: AtomicU64::new(0),
            clock_ahead: AtomicI64::new(0),
            rounds: Tally::new(WORKERS),
            failed_rounds: Tally::new(WORKERS),
        }
    }

    /// Requests by operation.
    #[must_use]
    pub const fn http(&self) -> Option<&HttpMetrics> {
        self.http.as_ref()
    }

    /// A round of a worker ended.
    pub fn count_round(&self, worker: &str, succeeded: bool) {
        let rounds = if succeeded {
            &self.rounds
        } else {
            &self.failed_rounds
        };
        rounds.count(worker);
    }

    /// So many events were delivered and marked.
    pub fn count_delivered(&self, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.delivered.fetch_add(events, Ordering::Relaxed);
    }

    /// The machine's clock is so many microseconds ahead of the database's.
    pub fn see_clock(&self, ahead: i64) {
        self.clock_ahead.store(ahead, Ordering::Relaxed);
    }

    /// What waits in the outbox now.
    pub fn see_backlog(&self, backlog: Backlog) {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = Some(backlog);
    }

    fn backlog(&self) -> Option<Backlog> {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /metrics`, in the form that the client takes.
pub async fn metrics(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let accept: Vec<_> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let form = Form::accepted(Some(&accept.join(",")));
    // Read here: a collector has no runtime around it.
    let runtime = tokio::runtime::Handle::current().metrics();
    match expose(form, move |samples| tell::everything(&state, &runtime, samples)) {
        Ok(text) => ([(header::CONTENT_TYPE, form.content_type())], text).into_response(),
        Err(_) => {
            RichError::new(ErrorKind::Internal, "a metric is not as the catalogue has it").into_response()
        }
    }
}
