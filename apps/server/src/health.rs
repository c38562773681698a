//! Is it alive, is it ready, which version is it. Health needs no tenant, and must never ask the database: a probe that
//! does takes every server of a shared database out of service at once, and out of reach of its own answers.

use crate::metrics;
use crate::state::AppState;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use http::StatusCode;
use rustok_core::resilience::CircuitState;
use rustok_storage::DatabaseState;
use serde_json::json;

const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";

/// Whether this is a path of the routes that both listeners have; no limit may keep a probe from its answer.
#[must_use]
pub fn is_health(path: &str) -> bool {
    matches!(path, LIVEZ | READYZ)
}

/// What both listeners have.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route(LIVEZ, routing::get(livez))
        .route(READYZ, routing::get(readyz))
        .with_state(state)
}

/// What the management listener has.
pub fn management(state: AppState) -> Router {
    let own = Router::new()
        .route("/version", routing::get(version))
        .route("/metrics", routing::get(metrics::metrics))
        .with_state(state.clone());
    router(state).merge(own)
}

async fn livez() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// Ready until it shuts down. While the database is away this server still answers, fast and with `Retry-After`, and is
/// back as soon as the database is; `database` tells what is known without asking it. A database that takes no writes
/// leaves the server in service for reads, with the status `degraded`. A file that is this server's own and that it
/// cannot work on takes it out of service: no other server is hit by that.
async fn readyz(State(state): State<AppState>) -> Response {
    let (database, fit) = database(&state);
    let unavailable = |reason: &str| {
        let body = json!({ "status": "unavailable", "reason": reason, "database": database });
        (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
    };
    if state.is_draining() {
        return unavailable("shutting down");
    }
    if !fit {
        return unavailable("the database file cannot be worked on");
    }
    let status = if database == "read_only" { "degraded" } else { "ok" };
    Json(json!({ "status": status, "database": database })).into_response()
}

/// What is known of the database, and whether this server is of any use with it.
fn database(state: &AppState) -> (&'static str, bool) {
    let store = &state.services().store;
    match store.breaker().map(|breaker| breaker.state()) {
        Some(CircuitState::Open | CircuitState::HalfOpen) => ("unavailable", true),
        None | Some(CircuitState::Closed) => {
            let known = store.state();
            let fit = matches!(known, DatabaseState::Ok | DatabaseState::ReadOnly);
            (known.as_str(), fit)
        }
    }
}

async fn version(State(state): State<AppState>) -> Json<serde_json::Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "schema": rustok_storage::latest_schema(),
        "database": state.services().store.system(),
    }))
}
