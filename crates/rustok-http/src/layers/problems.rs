//! Completes problems, and logs failures.
//!
//! A failure is logged here, once, and gets what only the outermost layer knows: trace id, instance and absolute
//! type. Error level is for 5xx only. A refused request is logged at debug level only, except for a 503, whose lines
//! [`UnavailableLog`] limits. A successful request costs no allocation here.

use super::span;
use super::unavailable_log::UnavailableLog;
use crate::middleware::external_url::ExternalUrl;
use crate::settings::HttpSettings;
use crate::surface::ProblemPage;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, Uri, Version, header};
use rustok_core::error::{ErrorKind, ErrorResponse, RichError};
use rustok_telemetry::RootSpan;
use std::any::Any;
use std::sync::Arc;

/// What a problem reports about its request. Its clones share the request's memory.
pub(super) struct RequestInfo {
    pub(super) root: RootSpan,
    pub(super) method: Method,
    pub(super) version: Version,
    uri: Uri,
    host: Option<HeaderValue>,
    route: Option<MatchedPath>,
    /// Renders the problem as a page, with the headers that the page depends on.
    page: Option<(ProblemPage, HeaderMap)>,
}

/// The headers that a page depends on: the language and the look that its reader chose.
fn of_reader(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [header::ACCEPT_LANGUAGE, header::COOKIE] {
        for value in headers.get_all(&name) {
            kept.append(&name, value.clone());
        }
    }
    kept
}

impl RequestInfo {
    pub(super) fn of(request: &Request, root: RootSpan, page: Option<ProblemPage>) -> Self {
        Self {
            root,
            method: request.method().clone(),
            version: request.version(),
            uri: request.uri().clone(),
            host: request.headers().get(header::HOST).cloned(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            page: page.map(|page| (page, of_reader(request.headers()))),
        }
    }

    /// The template of the matched route, if there is one.
    pub(super) fn route(&self) -> Option<&str> {
        self.route.as_ref().map(MatchedPath::as_str)
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    /// The requested host, without a port.
    pub(super) fn host(&self) -> Option<&str> {
        let host = match self.uri.host() {
            Some(host) => host,
            None => self.host.as_ref()?.to_str().ok()?,
        };
        // An IPv6 literal contains colons itself, between brackets.
        let end = host
            .find(']')
            .map(|bracket| bracket + 1)
            .or_else(|| host.find(':'));
        Some(end.and_then(|end| host.get(..end)).unwrap_or(host))
    }

    /// Completes a problem; any other response is returned unchanged. Also returns the code of a failure that was
    /// logged.
    pub(super) fn finish(
        &self,
        settings: &HttpSettings,
        external_url: &ExternalUrl,
        unavailable_log: &UnavailableLog,
        mut response: Response,
    ) -> (Response, Option<String>) {
        let Some(mut problem) = response.extensions_mut().remove::<ErrorResponse>() else {
            return (response, None);
        };
        let inside = response.extensions_mut().remove::<Arc<RichError>>();
        let logged = self.log_failure(unavailable_log, &problem, inside.as_deref());
        let failure = logged.then(|| problem.code().to_owned());
        if let Some(base_url) = external_url.base(settings, self.host.as_ref()) {
            problem.set_base_url(&base_url);
        }
        match external_url.path(self.uri.path()) {
            Some(path) => problem.set_instance(&path),
            None => problem.set_instance(self.uri.path()),
        };
        problem.set_trace_id(self.root.context().trace_id().to_string());
        if problem.status() == 503
            && let Some(seconds) = problem.retry_after_seconds()
        {
            let seconds = HeaderValue::from(unavailable_log.spread(seconds));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if self.version < Version::HTTP_2 && matches!(problem.status(), 400 | 408 | 413) {
            // The rest of the body may still arrive: the client must not send another request after it.
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let body = match &self.page {
            Some((page, headers)) => {
                let html = HeaderValue::from_static("text/html; charset=utf-8");
                response.headers_mut().insert(header::CONTENT_TYPE, html);
                page(&problem, headers).into_bytes()
            }
            None => problem.to_json(),
        };
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = Body::from(body);
        (response, failure)
    }

    /// Logs one line per failure. Returns whether it needs attention, which is when its level is above debug.
    fn log_failure(
        &self,
        unavailable_log: &UnavailableLog,
        problem: &ErrorResponse,
        inside: Option<&RichError>,
    ) -> bool {
        let (route, method) = (self.route().unwrap_or_default(), span::method(&self.method));
        let (code, status) = (problem.code(), problem.status());
        if status >= 500 && status != 503 {
            tracing::error!(code, status, method, route, error = ?inside, "request failed");
        } else if status == 503 && unavailable_log.may_log() {
            tracing::warn!(code, status, method, route, error = ?inside, "request refused");
        } else {
            tracing::debug!(code, status, method, route, error = ?inside, "request refused");
            return false;
        }
        true
    }
}

/// The response to a request whose handler panicked.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> Response {
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_telemetry::{Incoming, Tracer};
    use std::time::Duration;

    fn request() -> Request {
        http::Request::get("/api/x?secret=1")
            .header("host", "shop.example:8080")
            .body(Body::empty())
            .unwrap()
    }

    fn request_info(request: &Request) -> RequestInfo {
        RequestInfo::of(request, Tracer::off().root(Incoming::default(), None), None)
    }

    async fn finished(settings: &HttpSettings, response: Response) -> (Response, serde_json::Value) {
        let (response, _) = request_info(&request()).finish(
            settings,
            &ExternalUrl::said(settings),
            &UnavailableLog::new(),
            response,
        );
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let document = serde_json::from_slice(&body).unwrap();
        (Response::from_parts(parts, Body::empty()), document)
    }

    #[test]
    fn a_request_that_succeeds_costs_no_allocation() {
        let (settings, request) = (HttpSettings::default(), request());
        // URI and header fields that come from a connection share their memory already.
        let _shared = (request.uri().clone(), request.headers().clone());
        let (root, unavailable_log) = (
            Tracer::off().root(Incoming::default(), None),
            UnavailableLog::new(),
        );
        let response = Response::new(Body::empty());
        let counted = allocation_counter::measure(|| {
            let external_url = ExternalUrl::of(&settings, &request).unwrap();
            let _ = RequestInfo::of(&request, root, None).finish(
                &settings,
                &external_url,
                &unavailable_log,
                response,
            );
        });
        assert_eq!(counted.count_total, 0);
    }

    #[tokio::test]
    async fn a_problem_tells_where_and_a_base_url_wins_over_the_host() {
        let refused = || RichError::new(ErrorKind::NotFound, "SELECT secret").into_response();
        let (_, problem) = finished(&HttpSettings::default(), refused()).await;
        assert_eq!(problem["type"], "http://shop.example:8080/problems/not_found");
        assert_eq!(problem["instance"], "/api/x");
        assert_eq!(problem["trace_id"].as_str().unwrap().len(), 32);
        let settings = HttpSettings {
            base_url: Some("https://api.example/".parse().unwrap()),
            ..HttpSettings::default()
        };
        let (response, problem) = finished(&settings, refused()).await;
        assert_eq!(problem["type"], "https://api.example/problems/not_found");
        assert_eq!(
            response.headers()[header::CONTENT_LENGTH],
            problem.to_string().len().to_string()
        );
        assert!(!response.headers().contains_key(header::CONNECTION));
    }

    #[tokio::test]
    async fn after_a_body_that_was_not_read_the_connection_ends() {
        for status in [400, 408, 413] {
            let refused = RichError::new(ErrorKind::Validation, "x").with_status(status);
            let (response, _) = finished(&HttpSettings::default(), refused.into_response()).await;
            assert_eq!(response.headers()[header::CONNECTION], "close", "{status}");
        }
    }

    #[tokio::test]
    async fn who_is_sent_away_does_not_come_back_with_all_others() {
        let (settings, unavailable_log) = (HttpSettings::default(), UnavailableLog::new());
        let external_url = ExternalUrl::said(&settings);
        let mut back = [0; 5];
        for _ in 0..9 {
            let away = RichError::new(ErrorKind::Unavailable, "x").with_retry_after(Duration::from_secs(2));
            let (response, _) = request_info(&request()).finish(
                &settings,
                &external_url,
                &unavailable_log,
                away.into_response(),
            );
            let seconds = response.headers()[header::RETRY_AFTER].to_str().unwrap();
            back[seconds.parse::<usize>().unwrap()] += 1;
        }
        assert_eq!(back, [0, 0, 3, 3, 3]);
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_that_says_nothing() {
        let (response, problem) = finished(&HttpSettings::default(), panicked(&"canary")).await;
        assert_eq!(
            (response.status().as_u16(), &problem["code"]),
            (500, &"internal".into())
        );
        assert!(!problem.to_string().contains("canary"));
    }
}
