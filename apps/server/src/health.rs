//! Is it alive, is it ready, which version is it. Health needs no tenant, and must never ask the database: a probe that
//! does takes every server of a shared database out of service at once, and out of reach of its own answers.

use crate::metrics;
use crate::state::AppState;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use http::StatusCode;
use rustok_core::resilience::CircuitState;
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
/// back as soon as the database is; `database` tells what the circuit breaker knows.
async fn readyz(State(state): State<AppState>) -> Response {
    let breaker = state.services().store.breaker();
    let database = match breaker.map(|breaker| breaker.state()) {
        None | Some(CircuitState::Closed) => "ok",
        Some(CircuitState::Open | CircuitState::HalfOpen) => "unavailable",
    };
    if state.is_draining() {
        let body = json!({ "status": "unavailable", "reason": "shutting down", "database": database });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    Json(json!({ "status": "ok", "database": database })).into_response()
}

async fn version(State(state): State<AppState>) -> Json<serde_json::Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "schema": rustok_storage::latest_schema(),
        "database": state.services().store.system(),
    }))
}
