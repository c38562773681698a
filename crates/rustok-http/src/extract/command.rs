//! Extractor for write requests: context, body, and the `Idempotency-Key` bound to exactly this body.

use super::body::{body_too_large, is_encoded, not_received};
use super::complexity;
use super::ctx::{AdminCtx, PlatformAccess, StoreCtx};
use super::form::{self, Form};
use crate::openapi::ApiDocument;
use crate::session::SignInCtx;
use crate::state::HttpState;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt as _;
use rustok_app::Idempotency;
use rustok_auth::Actor;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
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
#[derive(Debug, Clone)]
pub struct MergePatch {
    /// The members that it replaces, or removes with `null`.
    pub members: Map<String, Value>,
    document: ApiDocument,
}

impl MergePatch {
    /// A patch of these members. `document` has the schema that the result is compared with if it is malformed.
    #[must_use]
    pub const fn new(members: Map<String, Value>, document: ApiDocument) -> Self {
        Self { members, document }
    }

    /// The result of the patch as its documented type.
    ///
    /// # Errors
    /// `validation_failed` with all structural violations.
    pub fn typed<T: DeserializeOwned + ToSchema>(&self, result: &Value) -> Result<T, RichError> {
        form::from_tree(result, &self.document)
    }
}

impl Form for MergePatch {
    fn read(body: &[u8], document: &ApiDocument) -> Result<Self, RichError> {
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
            Value::Object(members) if found.is_empty() => Ok(Self::new(members, document.clone())),
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

impl HasActor for SignInCtx {
    fn actor(&self) -> Actor {
        self.ctx.actor
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

impl<S, C, T> FromRequest<S> for Command<C, T>
where
    HttpState: FromRef<S>,
    S: Send + Sync,
    C: FromRequestParts<S, Rejection = RichError> + HasActor + Send,
    T: Form,
{
    type Rejection = RichError;

    async fn from_request(request: Request, state: &S) -> Result<Self, RichError> {
        let http = HttpState::from_ref(state);
        let (mut parts, body) = request.into_parts();
        // Authentication and authorisation come first: the body of a caller without access is never read.
        let ctx = C::from_request_parts(&mut parts, state).await?;
        let body = received(body, http.settings().max_body_bytes).await?;
        check_content_type(&parts.headers, body.is_empty())?;
        complexity::check(&body)?;
        let idempotency = match parts.method {
            Method::POST => idempotency(&parts, &body, ctx.actor())?,
            _ => None,
        };
        Ok(Self {
            ctx,
            body: T::read(&body, http.document())?,
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
        // Clients name the type of a body that they do not send: `curl -d ""` says it is a form.
        _ if empty => Ok(()),
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
