//! The layers around every request, outermost first: trace id and log → security and cache headers → CORS headers →
//! content coding → problem body → panics → limits → deadline → routes.
//!
//! One layer does all of it: each separate layer would clone the router's service for every request.

pub(crate) mod coding;
mod head;
mod problems;
mod receive;
mod security_headers;
mod span;
pub(crate) mod unavailable_log;

pub use security_headers::of_management;

use crate::limits::{Shares, overloaded};
use crate::middleware::cors::CorsOrigin;
use crate::middleware::external_url::ExternalUrl;
use crate::middleware::framing;
use crate::middleware::tenant::{check_host_lines, resolve_tenant};
use crate::problem::{method_not_allowed, route_not_found};
use crate::state::HttpState;
use crate::surface::{Surface, Surfaces};
use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use coding::Coding;
use futures_util::FutureExt as _;
use problems::RequestInfo;
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::resilience::with_deadline;
use rustok_tenancy::Tenant;
use security_headers::SecurityHeaders;
use span::SpanGuard;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// Wraps the public router: adds the problems of the router itself, then the layers. `surfaces` says which surface each
/// request is for.
pub fn wrap(router: Router, http: &HttpState, surfaces: Surfaces) -> Router {
    router
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state((http.clone(), surfaces), every_request))
}

/// Wraps routes that have a tenant: resolves it, then applies its limits and the token's.
pub fn with_tenant<S: Clone + Send + Sync + 'static>(routes: Router<S>, http: &HttpState) -> Router<S> {
    routes
        // Before the layers, so that they wrap it: the tenant's settings answer a preflight.
        .method_not_allowed_fallback(method_not_allowed)
        .route_layer(from_fn_with_state(http.clone(), limit_tenant_and_token))
        .route_layer(from_fn_with_state(http.clone(), resolve_tenant))
}

/// Wraps routes with a token but without a tenant: applies the token's limits.
pub fn without_tenant<S: Clone + Send + Sync + 'static>(routes: Router<S>, http: &HttpState) -> Router<S> {
    routes.route_layer(from_fn_with_state(http.clone(), limit_tenant_and_token))
}

async fn every_request(
    State((state, surfaces)): State<(HttpState, Surfaces)>,
    mut request: Request,
    next: Next,
) -> Response {
    let root = span::begin(state.tracer(), state.settings(), &request);
    let surface = surfaces.of(request.method(), request.uri().path());
    request.extensions_mut().insert(surface);
    let (external_url, unreadable) = match ExternalUrl::of(state.settings(), &request) {
        Ok(external_url) => (external_url, None),
        Err(refused) => (ExternalUrl::said(state.settings()), Some(refused)),
    };
    let page = surfaces.problem_page(surface, request.headers());
    let request_info = RequestInfo::of(&request, root.clone(), page);
    let span = SpanGuard::of(state.tracer(), &request_info);
    let cors = CorsOrigin::of(&mut request);
    let security_headers = SecurityHeaders::of(surface, page.is_some(), external_url.is_https);
    let coding = Coding::of(state.settings(), &mut request);
    if external_url.prefix().is_some() {
        request.extensions_mut().insert(external_url.clone());
    }
    let answer = async {
        let answer = async {
            match unreadable {
                None => within_limits(&state, request, next).await,
                Some(refused) => refused.into_response(),
            }
        };
        let answer = AssertUnwindSafe(answer).catch_unwind();
        let response = answer.await.unwrap_or_else(|panic| problems::panicked(&*panic));
        let (response, failure) =
            request_info.finish(state.settings(), &external_url, state.unavailable_log(), response);
        let response = coding.apply(state.coding(), response).await;
        if let Some(http) = state.metrics() {
            let (method, status) = (request_info.method.as_str(), response.status().as_u16());
            let trace = state.tracer().can_be_looked_up(&root, failure.is_some());
            let trace = trace.then(|| root.context().trace_id());
            http.record(method, request_info.route(), status, root.elapsed(), trace);
        }
        (response, failure)
    };
    let (mut response, failure) = root.run(answer).await;
    span.answered(response.status().as_u16(), failure);
    if let Some(cors) = cors {
        cors.mark(&mut response);
    }
    security_headers.mark(&mut response);
    external_url.mark(&mut response);
    response
}

/// Refuses requests over a limit, with the cheapest checks first.
async fn within_limits(state: &HttpState, request: Request, next: Next) -> Response {
    if let Some(refused) = head::refusal(&request, state.settings()) {
        return refused.into_response();
    }
    if let Err(refused) = check_host_lines(request.version(), request.headers()) {
        return refused.into_response();
    }
    let ends_connection = framing::ends_connection(&request);
    let mut response = match framing::check_length(&request) {
        Ok(()) => admitted(state, request, next).await,
        Err(refused) => refused.into_response(),
    };
    if ends_connection {
        framing::end_connection(&mut response);
    }
    response
}

async fn admitted(state: &HttpState, mut request: Request, next: Next) -> Response {
    let (settings, surface) = (state.settings(), Surface::of(&request));
    let mut limit = settings.request_timeout;
    if surface.takes_file() {
        // A large upload may be slow. The code that receives it checks that data keeps arriving.
        limit += settings.upload_timeout;
    }
    let deadline = Deadline::after(limit);
    if surface.skips_limits() {
        return within_deadline(deadline, request, next).await;
    }
    let limits = state.limits();
    let admission = match limits.admit_address(settings, &request) {
        Ok(admission) => admission,
        Err(refused) => return refused.into_response(),
    };
    let shares = request.extensions_mut().remove::<Shares>();
    if shares.as_ref().is_some_and(|shares| !shares.answers.has_room(0)) {
        return unread("Nothing was changed.").into_response();
    }
    let is_read = request.method().is_safe();
    // The body is received before the request takes a permit (below), so that slow senders block no other client.
    let mut response = match receive::receive(settings, limits, shares.as_ref(), request).await {
        Ok((request, _held)) => within_deadline(deadline, request, next).await,
        Err(refused) => refused.into_response(),
    };
    // The response to a write is sent in any case: the change is made.
    if let Some(shares) = shares.filter(|_| is_read)
        && !has_room(&shares, &response)
    {
        response = unread("Ask again later.").into_response();
    }
    admission.write_headers(&mut response);
    response
}

fn unread(public: &'static str) -> RichError {
    let public = format!("The answers to other requests on this connection have to be read first. {public}");
    overloaded("too many answers that are not read", public)
}

/// A response of at most this many bytes is sent on any connection; problems are this small.
const SMALL_ANSWER: u64 = 1_024;

/// Whether the response can be held in memory until its client reads it.
fn has_room(shares: &Shares, response: &Response) -> bool {
    let bytes = response.body().size_hint().lower();
    bytes <= SMALL_ANSWER
        || shares
            .answers
            .has_room(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Makes `deadline` current for all code that runs in the request, and adds it to the request's extensions for work
/// that the request starts elsewhere.
async fn within_deadline(deadline: Deadline, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(deadline);
    let answer = with_deadline(deadline, || next.run(request)).await;
    answer.unwrap_or_else(|_| {
        RichError::new(ErrorKind::Timeout, "request deadline passed")
            .with_code("request_timeout")
            .with_public("The request took too long. Whether it had an effect is not known: read before you repeat it.")
            .into_response()
    })
}

/// Applies the rate limits of tenant and token, then takes a permit from the gate.
async fn limit_tenant_and_token(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let limits = state.limits();
    let tenant = request.extensions().get::<Arc<Tenant>>();
    let id = tenant.map(|tenant| tenant.id);
    let tenant = tenant.map(|tenant| limits.admit_tenant(tenant)).transpose();
    let admitted = tenant.and_then(|tenant| Ok((tenant, limits.admit_token(&request)?)));
    let (tenant, token) = match admitted {
        Ok(admitted) => admitted,
        Err(refused) => return refused.into_response(),
    };
    let mut response = match limits.gate(&request).enter(id).await {
        Ok(_place) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    token.write_headers(&mut response);
    if let Some(tenant) = tenant {
        tenant.write_headers(&mut response);
    }
    response
}

#[cfg(test)]
mod tests;
