//! Path, query and preconditions.

use axum::extract::{FromRequestParts, Path, Query};
use http::header;
use http::request::Parts;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::{Cursor, Limit, PageError};
use serde::de::DeserializeOwned;

/// The path's parameters. One that is no id names nothing: 404.
#[derive(Debug)]
pub struct PathParams<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParams<T> {
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RichError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(
                RichError::new(ErrorKind::NotFound, format!("path refused: {rejection}"))
                    .with_public("There is nothing under this address: a part of it is not an id."),
            ),
        }
    }
}

/// The query's parameters.
#[derive(Debug)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RichError> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(value)| Self(value))
            .map_err(|rejection| {
                RichError::new(ErrorKind::Validation, "query refused")
                    .with_status(400)
                    .with_code("invalid_query")
                    .with_public(format!("The query is not valid: {}", rejection.body_text()))
            })
    }
}

/// `limit` and `after` of a list.
///
/// # Errors
/// `validation_failed` naming the parameter.
pub fn page<K: DeserializeOwned>(
    limit: Option<i64>,
    after: Option<&str>,
) -> Result<(Limit, Option<K>), RichError> {
    let refused = |name: &'static str, error: PageError| {
        RichError::new(ErrorKind::Validation, "page refused").with_violation(
            format!("?{name}"),
            "invalid",
            error.to_string(),
        )
    };
    let limit = limit
        .map_or(Ok(Limit::default()), Limit::new)
        .map_err(|error| refused("limit", error))?;
    let after = after
        .map(Cursor::decode)
        .transpose()
        .map_err(|error| refused("after", error))?;
    Ok((limit, after))
}

/// The version that an update is based on, from `If-Match`. `None` is `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RichError> {
        let value = parts.headers.get(header::IF_MATCH).ok_or_else(|| {
            RichError::new(ErrorKind::Validation, "no If-Match")
                .with_status(428)
                .with_code("precondition_required")
                .with_public("Read the resource first and send its ETag as If-Match.")
        })?;
        let tag = value.to_str().unwrap_or_default().trim();
        if tag == "*" {
            return Ok(Self(None));
        }
        // A tag of ours is "version.digest"; a tag that is not of ours matches nothing.
        let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        let version = version
            .and_then(|tag| tag.split('.').next())
            .and_then(|version| version.parse().ok());
        Ok(Self(Some(version.unwrap_or(-1))))
    }
}

impl IfMatch {
    /// Refuses an update that is based on another version than `current`.
    ///
    /// # Errors
    /// `version_conflict`, 412, with `current_version`.
    pub fn check(self, current: i64) -> Result<(), RichError> {
        if self.0.is_none_or(|version| version == current) {
            return Ok(());
        }
        Err(RichError::new(ErrorKind::Conflict, "If-Match does not match")
            .with_status(412)
            .with_code("version_conflict")
            .with_public("It was changed by somebody else meanwhile. Read it again and repeat the change.")
            .with_extension("current_version", current))
    }
}
