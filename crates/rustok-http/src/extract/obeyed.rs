//! Refuses what an operation would not obey: a query, a condition, an idempotency key, a body.
//!
//! Input is obeyed or refused, never ignored: a client that sends `If-Match` and gets 200 believes that it was compared.
//! What an operation takes is read from its annotation. Not refused is what has no effect by its own meaning:
//! `If-None-Match` on a read whose response has no tag, and a key on a read, which can be repeated anyway.

use super::body::not_received;
use super::query;
use crate::openapi;
use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, Method, header};
use http_body_util::BodyExt as _;
use rustok_core::error::{ErrorKind, RichError};
use std::collections::HashMap;
use std::sync::Arc;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

/// The maximum length of a body that says nothing, in bytes.
const MAX_EMPTY_BYTES: u64 = 16;

/// What one operation obeys besides its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Obeys {
    query: bool,
    if_match: bool,
    idempotency_key: bool,
    is_read: bool,
}

impl Obeys {
    fn of(method: &Method, operation: &Operation) -> Self {
        let is_query = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query);
        Self {
            query: operation.parameters.iter().flatten().any(is_query),
            if_match: openapi::is_of_version(operation),
            idempotency_key: method == Method::POST && !openapi::takes_file(operation),
            is_read: matches!(*method, Method::GET | Method::HEAD),
        }
    }
}

/// What the operations obey, by path and method.
#[derive(Debug, Clone)]
pub struct Obeyed(Arc<HashMap<String, Vec<(Method, Obeys)>>>);

impl Obeyed {
    /// Reads the operations of the documents.
    #[must_use]
    pub fn of<'a>(documents: impl IntoIterator<Item = &'a OpenApi>) -> Self {
        let mut obeyed: HashMap<String, Vec<(Method, Obeys)>> = HashMap::new();
        for (path, item) in documents.into_iter().flat_map(|document| &document.paths.paths) {
            for (method, operation) in [
                (Method::GET, &item.get),
                (Method::HEAD, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ] {
                let Some(operation) = operation else { continue };
                let obeys = Obeys::of(&method, operation);
                obeyed.entry(path.clone()).or_default().push((method, obeys));
            }
        }
        Self(Arc::new(obeyed))
    }

    fn find(&self, request: &Request) -> Option<Obeys> {
        let route = request.extensions().get::<MatchedPath>()?;
        let methods = self.0.get(route.as_str())?;
        let found = methods.iter().find(|(method, _)| method == request.method());
        found.map(|(_, obeys)| *obeys)
    }
}

/// Refuses a request that says what its operation does not obey.
///
/// # Errors
/// `invalid_query`, 400, for a query of an operation without parameters; those with parameters refuse unknown ones in
/// [`super::QueryParams`]. `not_obeyed`, 400, for the rest.
pub async fn refuse_not_obeyed(
    State(obeyed): State<Obeyed>,
    request: Request,
    next: Next,
) -> Result<Response, RichError> {
    let Some(obeys) = obeyed.find(&request) else {
        return Ok(next.run(request).await);
    };
    check(obeys, &request)?;
    if !obeys.is_read || request.body().is_end_stream() {
        return Ok(next.run(request).await);
    }
    let (parts, body) = request.into_parts();
    check_no_body(body).await?;
    Ok(next.run(Request::from_parts(parts, Body::empty())).await)
}

fn check(obeys: Obeys, request: &Request) -> Result<(), RichError> {
    let has_query = request.uri().query().is_some_and(|query| !query.is_empty());
    if has_query && !obeys.query {
        return Err(query::without_parameters(request.uri()));
    }
    // `If-Match: *` is true of every address that is found (RFC 9110, 13.1.1).
    let is_true = |name: &str, value: &HeaderValue| name == "if-match" && value == "*";
    let has = |name: &str| {
        let mut values = request.headers().get_all(name).iter();
        values.any(|value| !is_true(name, value))
    };
    for (name, is_obeyed) in [
        (header::IF_MATCH.as_str(), obeys.if_match),
        (header::IF_UNMODIFIED_SINCE.as_str(), obeys.is_read),
        (header::IF_NONE_MATCH.as_str(), obeys.is_read),
        ("idempotency-key", obeys.idempotency_key || obeys.is_read),
    ] {
        if has(name) && !is_obeyed {
            return Err(not_obeyed(format!(
                "The header `{name}` has no effect on this operation; leave it out."
            )));
        }
    }
    Ok(())
}

/// Refuses the body of a read unless it says nothing: empty or `{}`, as on other operations without a body. An outer
/// layer has received it already unless it is too large.
async fn check_no_body(body: Body) -> Result<(), RichError> {
    let is_short = body
        .size_hint()
        .upper()
        .is_some_and(|bytes| bytes <= MAX_EMPTY_BYTES);
    let refused = || not_obeyed("A read takes no body; leave it out.".to_owned());
    let received = match is_short {
        true => body
            .collect()
            .await
            .map_err(|error| not_received(&error))?
            .to_bytes(),
        false => return Err(refused()),
    };
    match received.trim_ascii() {
        b"" | b"{}" => Ok(()),
        _ => Err(refused()),
    }
}

fn not_obeyed(detail: String) -> RichError {
    RichError::new(
        ErrorKind::Validation,
        "the operation does not obey a part of the request",
    )
    .with_status(400)
    .with_code("not_obeyed")
    .with_public(detail)
}
