//! Path parameters and preconditions.

use crate::reply::read_tag;
use axum::extract::{FromRequestParts, Path};
use http::header;
use http::request::Parts;
use rustok_app::precondition::version_conflict;
use rustok_app::{Precondition, Saved, Target};
use rustok_core::error::{ErrorKind, RichError};
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// The path's parameters. A value that is not an id is a 404.
#[derive(Debug)]
pub struct PathParams<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParams<T> {
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RichError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            // The value is not repeated in the error: it may be anything that a user pasted.
            Err(_) => Err(RichError::new(ErrorKind::NotFound, "path refused")
                .with_public("There is nothing under this address: a part of it is not an id.")),
        }
    }
}

/// The precondition in `If-Match` for a write (RFC 9110, 13.1.1). Without the header there is none.
///
/// Only the version and the time of its save are compared, except for stock writes, which compare the whole tag: see
/// ADR 0007.
/// Parsing never fails, so that missing permissions are reported first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IfMatch(Option<Demand>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Demand {
    /// `*`: the resource must exist.
    Any,
    /// One of these tags must match. Weak tags and tags that this server did not make match nothing.
    Tags(Vec<Tag>),
}

/// A strong tag made by this server.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    saved: Saved,
    /// The whole tag, including the quotes.
    text: String,
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let lines = parts.headers.get_all(header::IF_MATCH);
        Ok(Self::read(
            lines.iter().map(|line| line.to_str().unwrap_or_default()),
        ))
    }
}

impl IfMatch {
    fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut demand = None;
        for line in lines {
            if line.trim() == "*" {
                return Self(Some(Demand::Any));
            }
            let Demand::Tags(tags) = demand.get_or_insert(Demand::Tags(Vec::new())) else {
                break;
            };
            tags.extend(line.split(',').filter_map(tag_of));
        }
        Self(demand)
    }

    /// A thing to change, under this condition.
    #[must_use]
    pub fn target<Id>(&self, id: Id) -> Target<Id> {
        Target {
            id,
            if_match: self.precondition(),
        }
    }

    fn precondition(&self) -> Precondition {
        match &self.0 {
            None => Precondition::None,
            Some(Demand::Any) => Precondition::Exists,
            Some(Demand::Tags(tags)) => Precondition::OneOf(tags.iter().map(|tag| tag.saved).collect()),
        }
    }

    /// Refuses a write that is not based on the current representation. `shown` returns the whole tags of the views
    /// that show the resource, its own first; it is called only if tags were sent.
    ///
    /// # Errors
    /// `version_conflict`, 412, with `current_version` and with the resource's own tag as `current_etag`.
    pub fn check_shown<const N: usize>(
        &self,
        current: i64,
        shown: impl FnOnce() -> [String; N],
    ) -> Result<(), RichError> {
        let Some(Demand::Tags(tags)) = &self.0 else {
            return Ok(());
        };
        let shown = shown();
        if tags.iter().any(|tag| shown.contains(&tag.text)) {
            return Ok(());
        }
        let refused = version_conflict(current);
        Err(match shown.into_iter().next() {
            Some(own) => refused.with_extension("current_etag", own),
            None => refused,
        })
    }
}

/// Parses a strong tag that this server made.
fn tag_of(text: &str) -> Option<Tag> {
    let text = text.trim();
    Some(Tag {
        saved: read_tag(text)?,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(lines: &[&str], current: Saved) -> u16 {
        IfMatch::read(lines.iter().copied())
            .precondition()
            .check(current)
            .map_or_else(|error| error.status(), |()| 200)
    }

    #[test]
    fn one_of_the_tags_must_have_the_version() {
        for (lines, expected) in [
            (&[][..], 200),
            (&["*"], 200),
            (&["\"3-1e.0a\""], 200),
            (&["\"3-1e.other digest\""], 200),
            (&["\"2-1e.0a\", \"3-1e.0a\""], 200),
            (&["\"2-1e.0a\"", "\"3-1e.0a\""], 200),
            (&["\"2-1e.0a\""], 412),
            // The number of the current version, and another save.
            (&["\"3-1d.0a\""], 412),
            (&["\"3.0a\""], 412),
            (&["W/\"3-1e.0a\""], 412),
            (&["3-1e.0a"], 412),
            (&["\"3\""], 412),
            (&["\"x-1e.0a\""], 412),
            (&[""], 412),
        ] {
            let current = Saved {
                version: 3,
                at_micros: 30,
            };
            assert_eq!(status(lines, current), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_write_of_stock_compares_the_whole_tag() {
        let status = |lines: &[&str]| {
            let shown = || ["\"3-1e.0a\"".to_owned(), "\"3-1e.0b\"".to_owned()];
            let checked = IfMatch::read(lines.iter().copied()).check_shown(3, shown);
            checked.map_or_else(|error| error.status(), |()| 200)
        };
        for (lines, expected) in [
            (&[][..], 200),
            (&["*"], 200),
            (&["\"3-1e.0a\""], 200),
            (&["\"3-1e.0b\""], 200),
            (&["\"3-1e.0c\", \"3-1e.0a\""], 200),
            (&["\"3-1e.0c\""], 412),
            (&["\"4-1e.0a\""], 412),
            (&["W/\"3-1e.0a\""], 412),
            (&["3-1e.0a"], 412),
            (&[""], 412),
        ] {
            assert_eq!(status(lines), expected, "{lines:?}");
        }
    }
}
