//! The server span of a request: names of the semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>), and nothing that a client made up.
//!
//! A request that is neither recorded nor failed nor slow costs one look at the time here.

use super::problems::Asked;
use crate::config::Config;
use crate::middleware::tenant::client;
use axum::extract::Request;
use http::{HeaderMap, Method, Version};
use rustok_telemetry::{Attribute, Incoming, RootSpan, SpanKind, Told, Tracer};
use uuid::Uuid;

/// The longest name of a request that a proxy may give, in bytes.
const MAX_REQUEST_ID: usize = 64;

/// Begins the span of a request. Only a proxy of ours is believed whether it is recorded, and what it is called.
pub(super) fn begin(tracer: &Tracer, config: &Config, request: &Request) -> RootSpan {
    let trusted = client::is_proxy(&config.trusted_proxies, request.extensions());
    let headers = request.headers();
    let request_id = if trusted { request_id(headers) } else { None };
    tracer.root(Incoming::of(headers, trusted), request_id)
}

fn request_id(headers: &HeaderMap) -> Option<Box<str>> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    ((1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(plain)).then(|| id.into())
}

/// Tells of a request when it ends, also when nobody waits for its answer any more.
pub(super) struct Ending<'a> {
    tracer: &'a Tracer,
    asked: &'a Asked,
    status: Option<u16>,
    failure: Option<String>,
}

impl<'a> Ending<'a> {
    pub(super) const fn of(tracer: &'a Tracer, asked: &'a Asked) -> Self {
        Self {
            tracer,
            asked,
            status: None,
            failure: None,
        }
    }

    /// The request was answered; `failure` is the code of a problem that is worth a line of the log.
    pub(super) fn answered(mut self, status: u16, failure: Option<String>) {
        self.status = Some(status);
        self.failure = failure;
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let root = &self.asked.root;
        if !self.tracer.wants(root, self.failure.is_some()) {
            return;
        }
        let failed = self.failure.is_some() || self.status.is_some_and(|status| status >= 500);
        let mut attributes = attributes(self.asked);
        if let Some(status) = self.status {
            attributes.push(Attribute::int("http.response.status_code", status.into()));
        }
        let error = match (self.failure.take(), self.status) {
            (Some(code), _) => Some(code),
            (None, Some(status)) => failed.then(|| status.to_string()),
            (None, None) => Some("cancelled".to_owned()),
        };
        attributes.extend(error.map(|error| Attribute::text("error.type", error)));
        let told = Told {
            name: name(self.asked).into(),
            kind: SpanKind::Server,
            attributes,
            failed,
        };
        self.tracer.tell(root, told);
    }
}

fn attributes(asked: &Asked) -> Vec<Attribute> {
    let mut attributes = vec![
        Attribute::text("http.request.method", method(&asked.method)),
        Attribute::text("url.scheme", "http"),
        Attribute::text("url.path", path(asked)),
        Attribute::text("network.protocol.version", version(asked.version)),
    ];
    if let Some(route) = asked.route() {
        attributes.push(Attribute::text("http.route", route.to_owned()));
    }
    // Before a tenant was found by it, a host is anything that a client may say.
    if let Some(host) = asked.host().filter(|_| asked.root.tenant().is_some()) {
        attributes.push(Attribute::text("server.address", host.to_owned()));
    }
    attributes
}

/// `{method} {route}`; the method of a stranger's own making is `HTTP`.
fn name(asked: &Asked) -> String {
    let method = match method(&asked.method) {
        "_OTHER" => "HTTP",
        known => known,
    };
    match asked.route() {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}

/// The method, or `_OTHER` for one that HTTP does not know.
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

/// The path as far as it is ours: of what stands where the route has a parameter only ids are shown. All else may be
/// anything that somebody typed or pasted there.
fn path(asked: &Asked) -> String {
    let Some(route) = asked.route() else {
        return "/".to_owned();
    };
    let shown = |(place, given): (&str, &str)| match Uuid::try_parse(given) {
        Ok(id) if place.starts_with('{') => id.to_string(),
        _ => place.to_owned(),
    };
    let segments = route.split('/').zip(asked.path().split('/')).map(shown);
    segments.collect::<Vec<_>>().join("/")
}
