//! Liveness, readiness and version. Health checks need no tenant and must never query the database: probes that do
//! take all servers of a shared database out of service at once, so that clients no longer get even an error
//! response.

use crate::metrics;
use crate::router::{LIVEZ, READYZ};
use crate::state::AppState;
use axum::extract::State;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use http::StatusCode;
use rustok_core::resilience::CircuitState;
use rustok_http::layers;
use rustok_storage::DatabaseState;
use serde_json::json;

/// The routes that both listeners serve.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route(LIVEZ, routing::get(livez))
        .route(READYZ, routing::get(readyz))
        .with_state(state)
}

/// The management router: health, version, metrics. Do not expose its listener to the internet.
pub fn management(state: AppState) -> Router {
    let own = Router::new()
        .route("/version", routing::get(version))
        .route("/metrics", routing::get(metrics::metrics))
        .with_state(state.clone());
    router(state)
        .merge(own)
        .layer(map_response(layers::of_management))
}

async fn livez() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// Ready until shutdown begins. While the database is unavailable the server stays ready: it responds fast, with
/// `Retry-After`, and recovers as soon as the database does; `database` reports the last known state without a query.
/// If the database accepts no writes, or lacks its schema, the server stays ready, with the status `degraded`. If the
/// server's own database file is unusable, it is not ready: no other server is affected.
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
    let status = match database {
        "ok" | "unavailable" => "ok",
        _ => "degraded",
    };
    Json(json!({ "status": status, "database": database })).into_response()
}

/// The last known state of the database, and whether this server can work with it.
fn database(state: &AppState) -> (&'static str, bool) {
    let store = &state.services().store;
    match store.breaker().map(|breaker| breaker.state()) {
        Some(CircuitState::Open | CircuitState::HalfOpen) => ("unavailable", true),
        None | Some(CircuitState::Closed) => {
            let known = store.state();
            let own_file = store.sqlite_path().is_some();
            let fit = match known {
                DatabaseState::Ok | DatabaseState::ReadOnly | DatabaseState::DiskFull => true,
                DatabaseState::Missing
                | DatabaseState::Replaced
                | DatabaseState::Corrupt
                | DatabaseState::SchemaMissing => !own_file,
            };
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
