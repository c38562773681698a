//! CORS (Fetch, 3.2): which scripts of other origins may use a tenant's API, by the tenant's list of origins.
//!
//! Responses never allow credentials: a script of another origin sends a token in a header; the cookie of a session is for
//! scripts of the same origin only. An origin that is not listed gets no CORS header at all, so that its browser refuses.
//! `https://*.preview.example.com` lists all names below a domain, for preview deployments; `*` in the list opens the
//! store only. For a tenant without a list, responses have no CORS headers.
//!
//! [`allow_origin`] decides once the tenant is known, and [`CorsOrigin`] adds the headers in the outermost layer, since
//! layers that know no tenant respond too: a script has to see a timeout or an overload. A response sent before the
//! tenant is known (unknown host, address over its rate, no room, head too large) has no CORS headers: only the
//! tenant decides whose scripts may read, looking it up would make refusals expensive, and `*` would reveal to every
//! site how this server judges its visitor. The browser then shows the script only that the request failed.

use crate::surface::Surface;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderValue, Method, StatusCode};
use rustok_tenancy::{Tenant, TenantSettings};
use std::sync::{Arc, OnceLock};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// Request headers that a script may send, beyond those that it always may.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Order-Secret, traceparent, tracestate",
);
/// Response headers that a script may read, beyond those that it always may.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Language, ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate",
);
/// How long a browser may cache a preflight, in seconds: removing an origin from the list takes effect soon.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// A cross-origin request, and what the tenant allows its script to read. Empty until the tenant is known, and for a
/// tenant without a list.
#[derive(Debug, Clone, Default)]
pub struct CorsOrigin(Arc<OnceLock<Option<HeaderValue>>>);

impl CorsOrigin {
    /// Creates one for a request with an `Origin` header, and adds it to the request's extensions.
    pub fn of(request: &mut Request) -> Option<Self> {
        let cors = request.headers().contains_key(ORIGIN).then(Self::default)?;
        request.extensions_mut().insert(cors.clone());
        Some(cors)
    }

    /// Adds the headers to the response, whichever layer produced it.
    pub fn mark(&self, response: &mut Response) {
        let Some(allowed) = self.0.get() else { return };
        vary(response);
        if let Some(origin) = allowed {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
        }
    }
}

/// Also for a refused or missing origin: a cache must not reuse the response for another one.
fn vary(response: &mut Response) {
    response
        .headers_mut()
        .append(VARY, HeaderValue::from_static("origin"));
}

/// Decides what scripts of other origins may do, and answers preflights. `resolve_tenant` calls it once the tenant is
/// known: a separate layer would clone the service for each request.
pub async fn allow_origin(request: Request, next: Next) -> Response {
    let tenant = request.extensions().get::<Arc<Tenant>>();
    let tenant = tenant.filter(|tenant| !tenant.settings.cors_origins.is_empty());
    let Some(tenant) = tenant.cloned() else {
        return next.run(request).await;
    };
    let (Some(origin), Some(cors)) = (
        request.headers().get(ORIGIN),
        request.extensions().get::<CorsOrigin>(),
    ) else {
        let mut response = next.run(request).await;
        vary(&mut response);
        return response;
    };
    let is_store = Surface::of(&request).may_open_to_all_origins();
    let allowed = cors.0.get_or_init(|| allowed(&tenant.settings, origin, is_store));
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if allowed.is_some() && is_preflight {
        preflight()
    } else {
        next.run(request).await
    }
}

/// The value of `Access-Control-Allow-Origin` for a request from `origin`.
fn allowed(settings: &TenantSettings, origin: &HeaderValue, is_store: bool) -> Option<HeaderValue> {
    let text = origin.to_str().ok()?;
    if settings.names_origin(text) {
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
    fn who_is_below_a_listed_domain_is_told_its_own_name() {
        let listed = ["*", "https://*.preview.example.com"];
        let below = "https://pull-12.preview.example.com";
        for is_store in [true, false] {
            assert_eq!(allows(&listed, below, is_store).as_deref(), Some(below));
            let bare = allows(&listed[1..], "https://preview.example.com", is_store);
            assert_eq!(bare, None);
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
