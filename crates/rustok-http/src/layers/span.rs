//! The server span of a request, named by the semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>). It must never contain text invented by a client.
//!
//! A request that is neither recorded nor failed nor slow costs one clock read here.

use super::problems::RequestInfo;
use crate::middleware::client;
use crate::settings::HttpSettings;
use axum::extract::Request;
use http::{HeaderMap, Method, Version};
use rustok_telemetry::{Attribute, Incoming, RootSpan, SpanEnd, SpanKind, Tracer};
use uuid::Uuid;

/// Maximum length of a request id set by a proxy, in bytes.
const MAX_REQUEST_ID: usize = 64;

/// Begins the span of a request. Only a trusted proxy may decide whether it is recorded, and set its request id.
pub(super) fn begin(tracer: &Tracer, settings: &HttpSettings, request: &Request) -> RootSpan {
    let trusted = client::is_proxy(&settings.trusted_proxies, request.extensions());
    let headers = request.headers();
    let request_id = if trusted { request_id(headers) } else { None };
    tracer.root(Incoming::of(headers, trusted), request_id)
}

fn request_id(headers: &HeaderMap) -> Option<Box<str>> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    ((1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(plain)).then(|| id.into())
}

/// Reports a request when it ends, also when it is cancelled because its client is gone.
pub(super) struct SpanGuard<'a> {
    tracer: &'a Tracer,
    request_info: &'a RequestInfo,
    status: Option<u16>,
    failure: Option<String>,
}

impl<'a> SpanGuard<'a> {
    pub(super) const fn of(tracer: &'a Tracer, request_info: &'a RequestInfo) -> Self {
        Self {
            tracer,
            request_info,
            status: None,
            failure: None,
        }
    }

    /// Records the response; `failure` is the code of a problem that was logged.
    pub(super) fn answered(mut self, status: u16, failure: Option<String>) {
        self.status = Some(status);
        self.failure = failure;
    }
}

impl Drop for SpanGuard<'_> {
    fn drop(&mut self) {
        let root = &self.request_info.root;
        if !self.tracer.wants(root, self.failure.is_some()) {
            return;
        }
        let failed = self.failure.is_some() || self.status.is_some_and(|status| status >= 500);
        let mut attributes = attributes(self.request_info);
        if let Some(status) = self.status {
            attributes.push(Attribute::int("http.response.status_code", status.into()));
        }
        let error = match (self.failure.take(), self.status) {
            (Some(code), _) => Some(code),
            (None, Some(status)) => failed.then(|| status.to_string()),
            (None, None) => Some("cancelled".to_owned()),
        };
        attributes.extend(error.map(|error| Attribute::text("error.type", error)));
        let end = SpanEnd {
            name: name(self.request_info).into(),
            kind: SpanKind::Server,
            attributes,
            failed,
        };
        self.tracer.finish(root, end);
    }
}

fn attributes(request_info: &RequestInfo) -> Vec<Attribute> {
    let mut attributes = vec![
        Attribute::text("http.request.method", method(&request_info.method)),
        Attribute::text("url.scheme", "http"),
        Attribute::text("url.path", path(request_info)),
        Attribute::text("network.protocol.version", version(request_info.version)),
    ];
    if let Some(route) = request_info.route() {
        attributes.push(Attribute::text("http.route", route.to_owned()));
    }
    // Until a tenant is found by it, the host is unverified client input.
    if let Some(host) = request_info
        .host()
        .filter(|_| request_info.root.tenant().is_some())
    {
        attributes.push(Attribute::text("server.address", host.to_owned()));
    }
    attributes
}

/// `{method} {route}`; the method is `HTTP` if it is unknown.
fn name(request_info: &RequestInfo) -> String {
    let method = match method(&request_info.method) {
        "_OTHER" => "HTTP",
        known => known,
    };
    match request_info.route() {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}

/// The method, or `_OTHER` if HTTP does not define it.
pub(super) fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "CONNECT" => "CONNECT",
        _ => "_OTHER",
    }
}

const fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// The path without client input: a route parameter is shown only if it is an id, otherwise by its name in the
/// template. Any other value may be text that a user typed or pasted.
fn path(request_info: &RequestInfo) -> String {
    let Some(route) = request_info.route() else {
        return "/".to_owned();
    };
    let shown = |(place, given): (&str, &str)| match Uuid::try_parse(given) {
        Ok(id) if place.starts_with('{') => id.to_string(),
        _ => place.to_owned(),
    };
    let segments = route.split('/').zip(request_info.path().split('/')).map(shown);
    segments.collect::<Vec<_>>().join("/")
}
