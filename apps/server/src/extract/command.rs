//! A write: context, body, and the `Idempotency-Key` bound to exactly this body.

use super::ctx::{AdminCtx, PlatformAccess, StoreCtx};
use super::{complexity, unique};
use crate::state::AppState;
use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use rustok_app::{Ctx, Idempotency};
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::resilience::with_timeout;
use rustok_storage::idempotency::IdempotencyScope;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use sha2::{Digest, Sha256};

/// How deeply arrays and objects may be nested: the JSON parser's own limit.
const MAX_DEPTH: usize = 127;
/// The longest `Idempotency-Key`, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// A write with the JSON body `T`; `C` says who may send it.
#[derive(Debug)]
pub struct Command<C, T> {
    /// Tenant, actor, deadline, idempotency.
    pub ctx: C,
    /// The body.
    pub body: T,
}

/// A body that says nothing: absent, empty or `{}`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// A JSON merge patch (RFC 7396), still to be applied to the resource as it is shown.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct MergePatch(
    #[serde(deserialize_with = "unique::members")] pub serde_json::Map<String, serde_json::Value>,
);

/// A context that can carry an `Idempotency-Key`.
pub trait Repeatable {
    /// The tenant context, if there is one.
    fn ctx_mut(&mut self) -> Option<&mut Ctx>;
}

impl Repeatable for StoreCtx {
    fn ctx_mut(&mut self) -> Option<&mut Ctx> {
        Some(&mut self.0)
    }
}

impl Repeatable for AdminCtx {
    fn ctx_mut(&mut self) -> Option<&mut Ctx> {
        Some(&mut self.0)
    }
}

impl Repeatable for PlatformAccess {
    fn ctx_mut(&mut self) -> Option<&mut Ctx> {
        None
    }
}

impl<C, T> FromRequest<AppState> for Command<C, T>
where
    C: FromRequestParts<AppState, Rejection = RichError> + Repeatable + Send,
    T: DeserializeOwned,
{
    type Rejection = RichError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, RichError> {
        let (mut parts, body) = request.into_parts();
        // Who asks comes before what is asked: nobody's body is read who may not ask at all.
        let mut ctx = C::from_request_parts(&mut parts, state).await?;
        let body = with_timeout(state.config().body_timeout(), || {
            read_body(body, state.config().max_body_bytes)
        });
        let body = body.await.map_err(|_| too_slow())??;
        check_content_type(&parts.headers, body.is_empty())?;
        complexity::check(&body)?;
        if parts.method == Method::POST
            && let Some(ctx) = ctx.ctx_mut()
        {
            ctx.idempotency = idempotency(&parts, &body, ctx)?;
        }
        let body = if body.is_empty() {
            Bytes::from_static(b"{}")
        } else {
            body
        };
        Ok(Self {
            ctx,
            body: parse(&body)?,
        })
    }
}

async fn read_body(body: axum::body::Body, limit: usize) -> Result<Bytes, RichError> {
    let collected = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            RichError::new(ErrorKind::Validation, "body too large")
                .with_status(413)
                .with_code("body_too_large")
                .with_public(format!("The body may have at most {limit} bytes."))
        } else {
            RichError::new(ErrorKind::Validation, format!("body not received: {error}"))
                .with_status(400)
                .with_code("body_not_received")
                .with_public("The body did not arrive completely.")
        }
    })?;
    Ok(collected.to_bytes())
}

fn too_slow() -> RichError {
    RichError::new(ErrorKind::Validation, "body too slow")
        .with_status(408)
        .with_code("body_too_slow")
        .with_public("The body did not arrive in time. Nothing was changed.")
}

fn check_content_type(headers: &HeaderMap, empty: bool) -> Result<(), RichError> {
    let coding = headers.get(header::CONTENT_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        // Nothing is unpacked here, and what says that it is packed is not read as if it were not (RFC 9110, 8.4).
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

/// Whether a string of the document holds U+0000, which no text column of PostgreSQL can: it is refused at the edge, the
/// same on both databases. JSON can write it only as an escape (RFC 8259, 7).
fn holds_nul(body: &[u8]) -> bool {
    let mut bytes = body.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if *byte == b'\\' {
            if body.get(at + 1..at + 6) == Some(b"u0000") {
                return true;
            }
            bytes.next();
        }
    }
    false
}

/// Whether arrays and objects are nested deeper than a body may be. The parser stops there by itself, but does not say so
/// in a form of its own.
fn is_too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_string) = (0_usize, false);
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if in_string => drop(bytes.next()),
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, RichError> {
    if holds_nul(body) {
        return Err(
            RichError::new(ErrorKind::Validation, "NUL in a body").with_violation(
                "#",
                "nul_character",
                "must not hold the character U+0000",
            ),
        );
    }
    serde_json::from_slice(body).map_err(|error| {
        // What is no JSON at all says so, also when something else is wrong further up.
        let syntax = serde_json::from_slice::<IgnoredAny>(body).err();
        let refused = RichError::new(ErrorKind::Validation, "body refused");
        match syntax {
            _ if is_too_deep(body) => {
                refused
                    .with_status(400)
                    .with_code("json_too_deep")
                    .with_public(format!(
                        "Arrays and objects of the body may be nested {MAX_DEPTH} deep."
                    ))
            }
            Some(syntax) => refused
                .with_status(400)
                .with_code("malformed_json")
                .with_public(format!(
                    "The body is not JSON: line {}, column {}.",
                    syntax.line(),
                    syntax.column()
                )),
            None => refused
                .with_public("The body does not have the documented form.")
                .with_violation("#", "invalid", error.to_string()),
        }
    })
}

fn idempotency(parts: &Parts, body: &[u8], ctx: &Ctx) -> Result<Option<Idempotency>, RichError> {
    let mut values = parts.headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()));
    let (Some(key), None) = (key, values.next()) else {
        return Err(RichError::new(ErrorKind::Validation, "idempotency key refused")
            .with_status(400)
            .with_code("invalid_idempotency_key")
            .with_public("An Idempotency-Key stands once and has 1 to 255 printable ASCII characters."));
    };
    Ok(Some(Idempotency {
        scope: IdempotencyScope {
            actor: ctx.actor.to_string(),
            route: format!("{} {}", parts.method, parts.uri.path()),
            key: key.to_owned(),
        },
        body_hash: Sha256::digest(body).into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_be_nested_as_deeply_as_the_problem_says() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse::<serde_json::Value>(nested(MAX_DEPTH).as_bytes()).is_ok());
        for depth in [MAX_DEPTH + 1, 10_000, 1_000_000] {
            for body in [
                nested(depth),
                format!("{{\"a\":\"\\\"]\",\"b\":{}", nested(depth)),
            ] {
                let refused = parse::<serde_json::Value>(body.as_bytes()).unwrap_err();
                assert_eq!(
                    (refused.status(), refused.code()),
                    (400, "json_too_deep"),
                    "{depth}"
                );
                assert_eq!(
                    parse::<Empty>(body.as_bytes()).unwrap_err().code(),
                    "json_too_deep"
                );
            }
        }
        // What only looks like nesting is none.
        let text = format!("{{\"a\":\"{}\"}}", "[".repeat(1_000));
        assert_eq!(
            parse::<Empty>(text.as_bytes()).unwrap_err().code(),
            "validation_failed"
        );
    }

    #[test]
    fn the_escape_of_nul_is_found_and_an_escaped_backslash_is_not_one() {
        assert!(holds_nul(br#"{"title":"a\u0000"}"#));
        assert!(holds_nul(br#"{"title":"\\\u0000"}"#));
        assert!(!holds_nul(br#"{"title":"\\u0000"}"#));
    }
}
