//! Checks of responses, and what is read from them.

use reqwest::{RequestBuilder, Response};
use rustok_http::problem::types;
use rustok_test_support::{Finished, TIMEOUT, eventually};
use serde_json::Value;

/// What a command printed with `--json`.
///
/// # Panics
/// When it failed.
pub fn printed(finished: Finished) -> Value {
    serde_json::from_str(&finished.success()).unwrap()
}

/// Sends a request that must be answered with this status; the body of the response.
///
/// # Panics
/// With the body, when the status is another one.
pub async fn ok(request: RequestBuilder, status: u16) -> Value {
    let response = request.send().await.unwrap();
    let seen = response.status().as_u16();
    let body = response.text().await.unwrap();
    assert_eq!(seen, status, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// A header of a response; the empty text if it has none.
///
/// # Panics
/// When it is not text.
#[must_use]
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// The errors of a problem as `pointer code`.
///
/// # Panics
/// When it has no errors.
#[must_use]
pub fn errors(problem: &Value) -> Vec<String> {
    let error = |e: &Value| {
        format!(
            "{} {}",
            e["pointer"].as_str().unwrap(),
            e["code"].as_str().unwrap()
        )
    };
    problem["errors"].as_array().unwrap().iter().map(error).collect()
}

/// The body of a problem, after checking that it is one.
///
/// # Panics
/// When it is not this problem, or not as `/problems` describes it.
pub async fn problem(response: Response, status: u16, code: &str) -> Value {
    let seen = response.status().as_u16();
    let kind = response
        .headers()
        .get("content-type")
        .map(|v| v.to_str().unwrap().to_owned());
    let body: Value = response.json().await.unwrap();
    assert_eq!((seen, body["code"].as_str()), (status, Some(code)), "{body:#}");
    assert_eq!(kind.as_deref(), Some("application/problem+json"));
    assert_eq!(body["status"], status);
    let documented = types::find(code).unwrap();
    assert_eq!(
        body["kind"],
        documented.kind.as_str(),
        "/problems/{code} says otherwise"
    );
    assert!(
        documented.statuses.contains(&status),
        "/problems/{code} says otherwise"
    );
    assert_eq!(body["trace_id"].as_str().unwrap().len(), 32);
    assert!(
        body["type"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/problems/{code}")),
        "{body:#}"
    );
    body
}

/// Fails unless a response has the headers that protect its reader: whatever it is the response to, it may be kept by
/// shared caches only if it is for everyone.
///
/// # Panics
/// With `what`, when a header is another one.
pub fn is_marked(response: &Response, what: &str, is_public: bool) {
    assert_eq!(header(response, "x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header(response, "referrer-policy"), "no-referrer", "{what}");
    let kept = header(response, "cache-control");
    assert_eq!(kept == "no-store", !is_public, "{what}: {kept}");
    assert_eq!(header(response, "strict-transport-security"), "", "{what}");
}

/// What a client knows after a request with an `Idempotency-Key`: the response, or that it should ask again.
///
/// # Panics
/// When the response is neither 201 nor `idempotency_in_flight`.
pub async fn keyed_answer(request: RequestBuilder) -> Option<String> {
    // The connection may end when the server is killed.
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let text = response.text().await.ok()?;
    match status {
        201 => Some(text),
        409 if text.contains("\"idempotency_in_flight\"") => None,
        _ => panic!("{status} {text}"),
    }
}

/// Repeats a request with an `Idempotency-Key` until there is a response.
///
/// # Panics
/// As [`keyed_answer`], and when there is none in time.
pub async fn persist(request: impl Fn() -> RequestBuilder) -> String {
    eventually(TIMEOUT, async || keyed_answer(request()).await.ok_or("no answer")).await
}
