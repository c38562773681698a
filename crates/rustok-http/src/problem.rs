//! Problems that the router itself returns, and the schema of all problems for the OpenAPI document.

pub mod types;

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use rustok_core::error::{ErrorKind, RichError};
use serde::Serialize;
use utoipa::ToSchema;

/// An RFC 9457 problem, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The documentation of this problem.
    #[schema(example = "http://demo.localhost:8080/problems/validation_failed")]
    pub r#type: String,
    /// The kind of problem, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time, for people.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// The problem's stable name.
    #[schema(example = "validation_failed")]
    pub code: String,
    /// One of eleven kinds.
    pub kind: String,
    /// The W3C trace id, 32 hex digits; name it when you ask for help.
    pub trace_id: String,
    /// Whether the same request may work later.
    pub retryable: bool,
    /// What is wrong with which part of the request.
    #[schema(required = false)]
    pub errors: Vec<Violation>,
    /// For an illegal transition: what is allowed instead.
    #[schema(required = false)]
    pub allowed_transitions: Vec<String>,
    /// For an illegal transition: the state it is in.
    #[schema(required = false)]
    pub current_state: String,
    /// For a version conflict: the version it has now.
    #[schema(required = false)]
    pub current_version: i64,
    /// For `insufficient_stock`: how many there are.
    #[schema(required = false)]
    pub available: i64,
    /// For `insufficient_stock`: how many were wanted.
    #[schema(required = false)]
    pub requested: i64,
}

/// One part of a request that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct Violation {
    /// Where: a JSON Pointer into the body (RFC 6901), or `?name` for a query parameter.
    #[schema(example = "#/lines/0/quantity")]
    pub pointer: String,
    /// What rule.
    pub code: String,
    /// In words.
    pub detail: String,
}

/// The 404 for an unknown path. The path is not repeated: it may be anything that a user pasted.
pub async fn route_not_found() -> RichError {
    RichError::new(ErrorKind::NotFound, "no route")
        .with_code("route_not_found")
        .with_public("There is nothing under this address. The documentation of the API lists what there is.")
}

/// The 405 for a method that a path does not have; the router adds `Allow`, which is also the answer to OPTIONS.
pub async fn method_not_allowed(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    RichError::new(ErrorKind::Validation, "no such method here")
        .with_status(405)
        .with_code("method_not_allowed")
        .with_public("This address does not have that method; `Allow` lists those it has.")
        .into_response()
}
