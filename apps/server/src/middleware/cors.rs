//! CORS (Fetch, 3.2) by the tenant's own list of origins: which scripts of other sites may use its API.
//!
//! Answers never allow credentials: a token is sent as a header by who has it, and no cookie means anything here. An
//! origin that is not listed gets no header at all, so that its browser refuses. `*` in the list opens the store only.
//! A tenant without a list has answers without these headers.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rustok_tenancy::{Tenant, TenantSettings};
use std::sync::Arc;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What a script may send beyond what it always may.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Order-Secret, traceparent, tracestate",
);
/// What a script may read beyond what it always may.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Language, ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate",
);
/// For how many seconds a browser may remember a preflight: an origin that is taken off the list is soon noticed.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Answers preflights, and marks the answers that scripts of other origins may read. Inside of `resolve_tenant`.
pub async fn allow_origin(request: Request, next: Next) -> Response {
    let tenant = request.extensions().get::<Arc<Tenant>>().cloned();
    let Some(tenant) = tenant.filter(|tenant| !tenant.settings.cors_origins.is_empty()) else {
        return next.run(request).await;
    };
    let is_store = request.uri().path().starts_with("/api/store/");
    let allowed = request
        .headers()
        .get(ORIGIN)
        .and_then(|origin| allowed(&tenant.settings, origin, is_store));
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &allowed {
        Some(_) if is_preflight => preflight(),
        _ => next.run(request).await,
    };
    mark(response.headers_mut(), allowed);
    response
}

/// What `Access-Control-Allow-Origin` says to a request from `origin`.
fn allowed(settings: &TenantSettings, origin: &HeaderValue, is_store: bool) -> Option<HeaderValue> {
    let text = origin.to_str().ok()?;
    let by_name = text != "*" && settings.cors_origins.iter().any(|listed| listed == text);
    if by_name {
        return Some(origin.clone());
    }
    (is_store && settings.allows_origin(text)).then(|| HeaderValue::from_static("*"))
}

fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

fn mark(headers: &mut HeaderMap, allowed: Option<HeaderValue>) {
    // Also for an origin that was refused, or none: a cache must not give its answer to another one.
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(listed: &[&str], origin: &str, is_store: bool) -> Option<String> {
        let settings = TenantSettings {
            cors_origins: listed.iter().map(|&listed| listed.to_owned()).collect(),
            ..TenantSettings::default()
        };
        let value = allowed(&settings, &HeaderValue::try_from(origin).unwrap(), is_store);
        value.map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn an_origin_is_allowed_by_its_exact_name() {
        let shop = "https://shop.example";
        for is_store in [true, false] {
            assert_eq!(allows(&[shop], shop, is_store).as_deref(), Some(shop));
            for other in [
                "https://shop.example:444",
                "http://shop.example",
                "https://x.shop.example",
                "null",
                "*",
                "",
            ] {
                assert_eq!(allows(&[shop], other, is_store), None, "{other}");
            }
        }
    }

    #[test]
    fn a_star_opens_the_store_only() {
        assert_eq!(allows(&["*"], "https://any.example", true).as_deref(), Some("*"));
        for origin in ["https://any.example", "*"] {
            assert_eq!(allows(&["*"], origin, false), None, "{origin}");
        }
        let both = ["*", "https://admin.example"];
        assert_eq!(
            allows(&both, "https://admin.example", false).as_deref(),
            Some("https://admin.example")
        );
    }
}
