//! Extractor for write requests: context, body, and the `Idempotency-Key` bound to exactly this body.

use super::complexity;
use super::ctx::{AdminCtx, PlatformAccess, StoreCtx};
use super::form::{self, Form};
use crate::state::AppState;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt as _;
use rustok_app::Idempotency;
use rustok_auth::Actor;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt::Display;
use utoipa::ToSchema;

/// The maximum length of `Idempotency-Key`, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// A write request with the JSON body `T`. The context `C` determines which callers are allowed.
#[derive(Debug)]
pub struct Command<C, T> {
    /// Tenant, actor, deadline.
    pub ctx: C,
    /// The decoded body.
    pub body: T,
    /// The `Idempotency-Key`. Only a POST has one: the other methods are idempotent by themselves.
    pub idempotency: Option<Idempotency>,
}

/// A body that says nothing: absent, empty or `{}`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// A JSON merge patch (RFC 7396), not yet applied to the current representation of the resource.
#[derive(Debug)]
pub struct MergePatch(pub Map<String, Value>);

impl Form for MergePatch {
    fn read(body: &[u8]) -> Result<Self, RichError> {
        if body.is_empty() {
            return Err(form::refused(vec![FieldViolation::new(
                "#",
                "required",
                "is required",
            )]));
        }
        form::scan(body)?;
        let mut found = Vec::new();
        let tree = form::read_tree(body, &mut found)?;
        match tree {
            Value::Object(members) if found.is_empty() => Ok(Self(members)),
            Value::Object(_) => Err(form::refused(found)),
            _ => Err(form::refused(vec![FieldViolation::new(
                "#",
                "invalid",
                "must be an object",
            )])),
        }
    }
}

/// A context with an actor, to whom an `Idempotency-Key` belongs.
pub trait HasActor {
    /// The actor.
    fn actor(&self) -> Actor;
}

impl HasActor for StoreCtx {
    fn actor(&self) -> Actor {
        self.0.actor
    }
}

impl HasActor for AdminCtx {
    fn actor(&self) -> Actor {
        self.0.actor
    }
}

impl HasActor for PlatformAccess {
    fn actor(&self) -> Actor {
        self.0.actor
    }
}

impl<C, T> FromRequest<AppState> for Command<C, T>
where
    C: FromRequestParts<AppState, Rejection = RichError> + HasActor + Send,
    T: Form,
{
    type Rejection = RichError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, RichError> {
        let (mut parts, body) = request.into_parts();
        // Authentication and authorisation come first: the body of a caller without access is never read.
        let ctx = C::from_request_parts(&mut parts, state).await?;
        let body = received(body, state.config().max_body_bytes).await?;
        check_content_type(&parts.headers, body.is_empty())?;
        complexity::check(&body)?;
        let idempotency = match parts.method {
            Method::POST => idempotency(&parts, &body, ctx.actor())?,
            _ => None,
        };
        Ok(Self {
            ctx,
            body: T::read(&body)?,
            idempotency,
        })
    }
}

/// Reads the body, which an outer layer has buffered already unless it is too large.
async fn received(body: Body, limit: usize) -> Result<Bytes, RichError> {
    if usize::try_from(body.size_hint().lower()).map_or(true, |bytes| bytes > limit) {
        return Err(body_too_large(limit));
    }
    let collected = body.collect().await.map_err(|error| not_received(&error))?;
    Ok(collected.to_bytes())
}

/// The error for a body of more than `limit` bytes.
pub(crate) fn body_too_large(limit: usize) -> RichError {
    RichError::new(ErrorKind::Validation, "body too large")
        .with_status(413)
        .with_code("body_too_large")
        .with_public(format!("The body may have at most {limit} bytes."))
}

/// The error for a body whose transfer was aborted.
pub(crate) fn not_received(error: &impl Display) -> RichError {
    RichError::new(ErrorKind::Validation, format!("body not received: {error}"))
        .with_status(400)
        .with_code("body_not_received")
        .with_public("The body did not arrive completely.")
}

/// The error for a body that did not arrive before the timeout.
pub(crate) fn too_slow() -> RichError {
    RichError::new(ErrorKind::Validation, "body too slow")
        .with_status(408)
        .with_code("body_too_slow")
        .with_public("The body did not arrive in time. Nothing was changed.")
}

/// Whether the body has a content coding. The server decodes none, and refuses an encoded body instead of reading it
/// as plain (RFC 9110, 8.4).
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    let coding = headers.get(header::CONTENT_ENCODING);
    coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn check_content_type(headers: &HeaderMap, empty: bool) -> Result<(), RichError> {
    if is_encoded(headers) {
        return Err(RichError::new(ErrorKind::Validation, "an encoded body")
            .with_status(415)
            .with_code("unsupported_media_type")
            .with_public("Send the body as it is, without a `Content-Encoding`."));
    }
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        });
    match essence.as_deref() {
        None if empty => Ok(()),
        Some(essence) if essence == "application/json" || essence.ends_with("+json") => Ok(()),
        _ => Err(RichError::new(ErrorKind::Validation, "not JSON")
            .with_status(415)
            .with_code("unsupported_media_type")
            .with_public("Send the body as JSON, with `Content-Type: application/json`.")),
    }
}

fn idempotency(parts: &Parts, body: &[u8], actor: Actor) -> Result<Option<Idempotency>, RichError> {
    let mut values = parts.headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
    let (Some(key), None) = (key, values.next()) else {
        return Err(RichError::new(ErrorKind::Validation, "idempotency key refused")
            .with_status(400)
            .with_code("invalid_idempotency_key")
            .with_public(
                "An Idempotency-Key stands once and has 1 to 255 printable ASCII characters, no blanks.",
            ));
    };
    let route = format!("{} {}", parts.method, parts.uri.path());
    Ok(Some(Idempotency::new(actor.to_string(), route, key, body)))
}
