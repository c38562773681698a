//! What every request passes, outermost first: trace id and log → problem form → panic → deadline → handlers.
//!
//! A failure is logged here, once, and gets here what only the outermost layer knows: trace id, instance and absolute
//! type. Error level is for 5xx only; a refused request is no line of the log.

use crate::middleware::tenant::check_host_lines;
use crate::state::AppState;
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Version, header};
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, ErrorResponse, RichError};
use rustok_telemetry::TraceContext;
use std::any::Any;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

/// Wraps the public router.
pub fn wrap(router: Router, state: &AppState) -> Router {
    router
        .layer(from_fn(check_head))
        .layer(from_fn_with_state(state.clone(), set_deadline))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), finish_problem))
        .layer(from_fn(trace))
}

async fn trace(mut request: Request, next: Next) -> Response {
    let incoming = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    let context = TraceContext::continued_or_new(incoming);
    let span = tracing::info_span!(
        "request",
        trace_id = %context.trace_id(),
        http.request.method = %request.method(),
        url.path = request.uri().path(),
    );
    request.extensions_mut().insert(context);
    next.run(request).instrument(span).await
}

/// What no route may see: a `Host` that is missing or stands twice, and an address with U+0000 in it, which names
/// nothing and which PostgreSQL could not even look for.
async fn check_head(request: Request, next: Next) -> Response {
    if let Err(error) = check_host_lines(request.version(), request.headers()) {
        return error.into_response();
    }
    let target = request
        .uri()
        .path_and_query()
        .map_or("", |target| target.as_str());
    if target.contains("%00") {
        return RichError::new(ErrorKind::Validation, "NUL in an address")
            .with_status(400)
            .with_code("invalid_query")
            .with_public("The address must not hold the character U+0000.")
            .into_response();
    }
    next.run(request).await
}

async fn set_deadline(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let limit = state.config().request_timeout();
    request.extensions_mut().insert(Deadline::after(limit));
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => RichError::new(ErrorKind::Timeout, "request deadline passed")
            .with_code("request_timeout")
            .with_public("The request took too long. Whether it had an effect is not known: read before you repeat it.")
            .into_response(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    RichError::new(
        ErrorKind::Internal,
        format!("panic: {}", text.unwrap_or("unknown")),
    )
    .into_response()
}

async fn finish_problem(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let trace = request.extensions().get::<TraceContext>().copied();
    let instance = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let http1 = request.version() < Version::HTTP_2;
    let base_url = state.config().base_url.clone().or_else(|| origin(&request));
    let mut response = next.run(request).await;
    let Some(mut problem) = response.extensions_mut().remove::<ErrorResponse>() else {
        return response;
    };
    let inside = response.extensions_mut().remove::<Arc<RichError>>();
    log_failure(&problem, inside.as_deref(), route.as_ref());
    if let Some(base_url) = base_url {
        problem.set_base_url(&base_url);
    }
    problem.set_instance(instance);
    if let Some(trace) = trace {
        problem.set_trace_id(trace.trace_id().to_string());
    }
    if http1 && matches!(problem.status(), 400 | 408 | 413) {
        // The rest of the body may still be on its way: a client must not send another request after it.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let body = problem.to_json();
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = Body::from(body);
    response
}

/// Where the client believes this server to be; only used for links in a problem, never for a decision.
fn origin(request: &Request) -> Option<String> {
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    host.chars().all(plain).then(|| format!("http://{host}"))
}

fn log_failure(problem: &ErrorResponse, inside: Option<&RichError>, route: Option<&MatchedPath>) {
    let route = route.map_or("", MatchedPath::as_str);
    if problem.status() >= 500 && problem.status() != 503 {
        tracing::error!(code = problem.code(), status = problem.status(), route, error = ?inside, "request failed");
    } else {
        tracing::debug!(code = problem.code(), status = problem.status(), route, error = ?inside, "request refused");
    }
}
