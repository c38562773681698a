//! Is it alive, is it ready, which version is it. Health needs no tenant.

use crate::state::AppState;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use http::StatusCode;
use rustok_core::deadline::Deadline;
use rustok_storage::tenants;
use serde_json::json;
use std::time::Duration;

/// How long the database may take to show that it is there.
const READY_LIMIT: Duration = Duration::from_secs(1);

/// What both listeners have.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/livez", routing::get(livez))
        .route("/readyz", routing::get(readyz))
        .with_state(state)
}

/// What the management listener has.
pub fn management(state: AppState) -> Router {
    let own = Router::new()
        .route("/version", routing::get(version))
        .route("/metrics", routing::get(metrics))
        .with_state(state.clone());
    router(state).merge(own)
}

async fn livez() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

async fn readyz(State(state): State<AppState>) -> Response {
    let no = |reason: &str| {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "status": "unavailable", "reason": reason })),
        )
            .into_response()
    };
    if state.is_draining() {
        return no("shutting down");
    }
    let answers = async {
        let mut tx = state
            .services()
            .store
            .platform_read(Deadline::after(READY_LIMIT))
            .await?;
        tenants::directory_version(&mut tx).await
    };
    match answers.await {
        Ok(_) => Json(json!({ "status": "ok" })).into_response(),
        Err(_) => no("database unavailable"),
    }
}

async fn version(State(state): State<AppState>) -> Json<serde_json::Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "schema": rustok_storage::latest_schema(),
        "database": state.services().store.system(),
    }))
}

async fn metrics(State(state): State<AppState>) -> Response {
    let mut text = String::new();
    rustok_telemetry::write_gauge(
        &mut text,
        "rustok_build_info",
        "Always 1.",
        &[("version", env!("CARGO_PKG_VERSION"))],
        1,
    );
    if let Some((size, idle)) = state.services().store.postgres_connections() {
        let (size, idle) = (
            i64::try_from(size).unwrap_or(i64::MAX),
            i64::try_from(idle).unwrap_or(i64::MAX),
        );
        rustok_telemetry::write_gauge(
            &mut text,
            "db_client_connections",
            "PostgreSQL connections.",
            &[("state", "idle")],
            idle,
        );
        rustok_telemetry::write_gauge(
            &mut text,
            "db_client_connections_max",
            "PostgreSQL connections open.",
            &[],
            size,
        );
    }
    let content_type = [(http::header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (content_type, text).into_response()
}
