//! Problems that the router itself answers, and the schema of all of them for the OpenAPI document.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, Method, Uri, header};
use rustok_core::error::{ErrorKind, ErrorResponse, RichError};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

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

/// What any storefront operation may answer besides success.
#[derive(IntoResponses)]
pub enum StoreProblems {
    /// The request is malformed, or its host names no tenant: `invalid_query`, `malformed_json`,
    /// `invalid_tenant_identifier`, `tenant_identifier_mismatch`, `invalid_idempotency_key`.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(#[to_schema] Problem),
    /// `tenant_suspended`.
    #[response(status = 403, content_type = "application/problem+json")]
    Suspended(#[to_schema] Problem),
    /// `tenant_not_found`, or there is no such thing.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Problem),
    /// `validation_failed` with `errors`.
    #[response(status = 422, content_type = "application/problem+json")]
    Validation(#[to_schema] Problem),
    /// `internal`.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(#[to_schema] Problem),
    /// `database_unavailable`, `circuit_open`, `overloaded`, `tenant_unavailable`, `unavailable`; nothing was changed, and
    /// `Retry-After` tells when to come back.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] Problem),
    /// `request_timeout`, `outcome_unknown`, `timeout`.
    #[response(status = 504, content_type = "application/problem+json")]
    Timeout(#[to_schema] Problem),
}

/// What any operation with a token may answer besides success.
#[derive(IntoResponses)]
pub enum AdminProblems {
    /// The request is malformed, or its host names no tenant: `invalid_query`, `malformed_json`,
    /// `invalid_tenant_identifier`, `tenant_identifier_mismatch`, `invalid_idempotency_key`.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(#[to_schema] Problem),
    /// `unauthenticated`: no token, or one that this tenant does not know.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(#[to_schema] Problem),
    /// `forbidden`: the token's role does not allow it; `tenant_suspended`.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Problem),
    /// `tenant_not_found`, or there is no such thing.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Problem),
    /// `validation_failed` with `errors`.
    #[response(status = 422, content_type = "application/problem+json")]
    Validation(#[to_schema] Problem),
    /// `internal`.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(#[to_schema] Problem),
    /// `database_unavailable`, `circuit_open`, `overloaded`, `tenant_unavailable`, `unavailable`; nothing was changed, and
    /// `Retry-After` tells when to come back.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] Problem),
    /// `request_timeout`, `outcome_unknown`, `timeout`.
    #[response(status = 504, content_type = "application/problem+json")]
    Timeout(#[to_schema] Problem),
}

/// What a write may answer besides.
#[derive(IntoResponses)]
pub enum WriteProblems {
    /// The state does not allow it (`illegal_transition`, `insufficient_stock`), a name is taken, or somebody else was
    /// first (`version_conflict`, `idempotency_in_flight`).
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
    /// `body_too_large`.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Problem),
    /// `unsupported_media_type`.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(#[to_schema] Problem),
}

/// What an update may answer besides.
#[derive(IntoResponses)]
pub enum UpdateProblems {
    /// `version_conflict`: `If-Match` names another version than the one it has.
    #[response(status = 412, content_type = "application/problem+json")]
    Precondition(#[to_schema] Problem),
    /// `precondition_required`: `If-Match` is missing.
    #[response(status = 428, content_type = "application/problem+json")]
    Required(#[to_schema] Problem),
}

/// The answer to an address that is none.
pub async fn route_not_found(uri: Uri) -> RichError {
    RichError::new(ErrorKind::NotFound, format!("no route {}", uri.path()))
        .with_code("route_not_found")
        .with_public("There is nothing under this address. /api/docs lists what there is.")
}

/// The answer to a method that an address does not have.
pub async fn method_not_allowed(method: Method) -> RichError {
    RichError::new(ErrorKind::Validation, format!("method {method}"))
        .with_status(405)
        .with_code("method_not_allowed")
        .with_public("This address does not have that method; `Allow` lists those it has.")
}

/// `/problems/{code}`: what a problem means.
pub async fn page(axum::extract::Path(code): axum::extract::Path<String>, headers: HeaderMap) -> Response {
    let Some((code, text)) = CODES.iter().find(|(known, _)| *known == code) else {
        return ErrorResponse::not_found("Problem").into_response();
    };
    if headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.as_bytes().starts_with(b"application/json"))
    {
        return axum::Json(serde_json::json!({ "code": code, "description": text })).into_response();
    }
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{code}</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:4rem auto;padding:0 1rem}}</style>\
         <h1><code>{code}</code></h1><p>{text}</p><p><a href=\"/api/docs\">API documentation</a></p></html>"
    ))
    .into_response()
}

/// Every code and what it means.
const CODES: &[(&str, &str)] = &[
    (
        "validation_failed",
        "Parts of the request break a rule. `errors` names each of them with a JSON Pointer.",
    ),
    (
        "malformed_json",
        "The body is not JSON. `detail` names the line and column.",
    ),
    ("invalid_query", "A query parameter is unknown or cannot be read."),
    (
        "invalid_tenant_identifier",
        "What names the shop or site is missing, stands more than once or is no name: the host, or a header of a proxy.",
    ),
    (
        "tenant_identifier_mismatch",
        "The host and the tenant header name different tenants.",
    ),
    (
        "invalid_idempotency_key",
        "An Idempotency-Key stands once and has 1 to 255 printable ASCII characters.",
    ),
    (
        "idempotency_key_reused",
        "The Idempotency-Key was used before for a request with another body.",
    ),
    (
        "idempotency_in_flight",
        "The first request with this Idempotency-Key is still running.",
    ),
    ("body_too_large", "The body is larger than this server takes."),
    (
        "body_too_slow",
        "The body did not arrive in the time that this server gives it.",
    ),
    (
        "url_too_long",
        "Path and query are longer than this server takes.",
    ),
    (
        "header_too_large",
        "The header has more fields or bytes than this server takes.",
    ),
    (
        "json_too_deep",
        "The body's arrays and objects are nested deeper than this server takes.",
    ),
    (
        "too_many_values",
        "The body holds more values than any documented one.",
    ),
    (
        "body_not_received",
        "The connection ended before the whole body had arrived.",
    ),
    (
        "ambiguous_length",
        "A request says once how long it is: by `Content-Length` or by `Transfer-Encoding: chunked`.",
    ),
    (
        "unsupported_media_type",
        "The body must be JSON, with `Content-Type: application/json` and no `Content-Encoding`.",
    ),
    (
        "precondition_required",
        "An update must say with `If-Match` which version it is based on.",
    ),
    (
        "version_conflict",
        "Somebody else changed it meanwhile. Read it again and repeat the change.",
    ),
    (
        "unauthenticated",
        "The request needs a valid bearer token of this tenant.",
    ),
    (
        "forbidden",
        "The token is valid, but its role does not allow this.",
    ),
    ("not_found", "There is nothing under this address."),
    ("route_not_found", "There is no such route."),
    (
        "method_not_allowed",
        "The route exists, but not with this method.",
    ),
    ("tenant_not_found", "No shop or site has this name."),
    ("tenant_suspended", "This shop or site is suspended."),
    (
        "tenant_unavailable",
        "The directory of tenants cannot be reached right now.",
    ),
    ("slug_taken", "Another one has this slug already."),
    ("host_taken", "Another tenant has this host already."),
    ("handle_taken", "Another product has this handle already."),
    (
        "token_not_found",
        "There is no such token, or it was revoked before.",
    ),
    ("product_not_found", "There is no such product."),
    ("variant_not_found", "There is no such variant."),
    ("order_not_found", "There is no such order."),
    ("node_not_found", "There is no such node."),
    (
        "illegal_transition",
        "The state it is in does not allow this; `allowed_transitions` lists what it allows.",
    ),
    (
        "insufficient_stock",
        "There are fewer than wanted: see `available` and `requested`.",
    ),
    ("conflict", "It conflicts with what is there."),
    ("business_rule", "A rule of the business does not allow it."),
    (
        "rate_limited",
        "Too many requests. `Retry-After` tells when to come back.",
    ),
    (
        "request_timeout",
        "The request took too long; whether it had an effect is not known.",
    ),
    ("timeout", "Something this server depends on took too long."),
    (
        "unavailable",
        "The server cannot answer right now. `Retry-After` tells when to come back.",
    ),
    (
        "database_unavailable",
        "The database did not answer in time or cannot be reached; nothing was changed. `Retry-After` tells when to come \
         back.",
    ),
    (
        "overloaded",
        "Too many requests wait already; nothing was changed. `Retry-After` tells when to come back.",
    ),
    (
        "outcome_unknown",
        "The database did not tell whether the change was made. Read before you repeat the request, or repeat it with the \
         same Idempotency-Key.",
    ),
    (
        "circuit_open",
        "Something this server depends on is sick and was cut off. `Retry-After` tells when to come back.",
    ),
    ("external_service", "Something this server depends on failed."),
    (
        "internal",
        "A defect of ours. Name the `trace_id` when you ask for help.",
    ),
    ("already_taken", "Another one has this value already."),
    (
        "transition_refused",
        "The state allows this, but a condition of it does not hold.",
    ),
    ("payment_failed", "The payment was not accepted."),
    ("translation_not_found", "There is no text in this locale."),
    (
        "node_not_editable",
        "An archived node cannot be changed. Restore it first.",
    ),
    (
        "node_still_published",
        "A published node cannot be deleted. Unpublish or archive it first.",
    ),
    (
        "inconsistent_row",
        "What is stored breaks a rule: a defect of ours. Name the `trace_id` when you ask for help.",
    ),
];
