//! CORS (Fetch, 3.2) by the tenant's own list of origins: which scripts of other sites may use its API.
//!
//! Answers never allow credentials: a token is sent as a header by who has it, and no cookie means anything here. An
//! origin that is not listed gets no header at all, so that its browser refuses. `https://*.preview.example.com` lists all
//! names below a domain, for what is deployed to be looked at; `*` in the list opens the store only.
//! A tenant without a list has answers without these headers.
//!
//! What is allowed is found beside the tenant ([`allow_origin`]) and marked around everything ([`Asker`]), since layers
//! that know no tenant answer too: a script has to see that it timed out or that the server is full. What is answered
//! before there is a tenant (an unknown host, an address over its rate, no place left, a head that is too large) bears no
//! mark: whose script may read is the tenant's to say, to look for one would make refusals dear, and `*` would tell every
//! site what this server thinks of its visitor. A browser shows such a script that the request failed, no more.

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

/// A script that asks, and what the tenant lets it read: empty until the tenant is known, and for a tenant without a
/// list.
#[derive(Debug, Clone, Default)]
pub struct Asker(Arc<OnceLock<Option<HeaderValue>>>);

impl Asker {
    /// Goes along with a request that says where its script is from.
    pub fn of(request: &mut Request) -> Option<Self> {
        let asker = request.headers().contains_key(ORIGIN).then(Self::default)?;
        request.extensions_mut().insert(asker.clone());
        Some(asker)
    }

    /// Marks the answer, whoever gave it.
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

/// Also for an origin that was refused, or none: a cache must not give its answer to another one.
fn vary(response: &mut Response) {
    response
        .headers_mut()
        .append(VARY, HeaderValue::from_static("origin"));
}

/// Finds out what scripts of other origins may do here, and answers preflights. `resolve_tenant` calls it, once there is
/// a tenant: a layer of its own would cost each request a copy of the service.
pub async fn allow_origin(request: Request, next: Next) -> Response {
    let tenant = request.extensions().get::<Arc<Tenant>>();
    let tenant = tenant.filter(|tenant| !tenant.settings.cors_origins.is_empty());
    let Some(tenant) = tenant.cloned() else {
        return next.run(request).await;
    };
    let (Some(origin), Some(asker)) = (request.headers().get(ORIGIN), request.extensions().get::<Asker>())
    else {
        let mut response = next.run(request).await;
        vary(&mut response);
        return response;
    };
    let is_store = request.uri().path().starts_with("/api/store/");
    let allowed = asker
        .0
        .get_or_init(|| allowed(&tenant.settings, origin, is_store));
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if allowed.is_some() && is_preflight {
        preflight()
    } else {
        next.run(request).await
    }
}

/// What `Access-Control-Allow-Origin` says to a request from `origin`.
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
