//! Query parameters: the structure is checked first, then the values; all violations of either are reported at once.
//!
//! A valid query is parsed once, by serde. Only a query that serde refuses is parsed again and compared with its
//! parameters in the OpenAPI document, as for bodies (`form.rs`).

use axum::extract::{FromRequestParts, Query};
use http::Uri;
use http::request::Parts;
use jiff::Timestamp;
use rustok_core::clock::parse_time;
use rustok_core::error::{ErrorKind, FieldViolation, MAX_VIOLATIONS, RichError};
use rustok_core::page::{Cursor, Limit, ListKey, PageError};
use rustok_text::Locale;
use rustok_text::plain::{checked_line, folded};
use rustok_text::words::Query as Words;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::str::FromStr;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::Parameter;

/// The query's parameters, structurally valid.
#[derive(Debug)]
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned + IntoParams, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RichError> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(value)| Self(value))
            .map_err(|rejection| {
                let found = form_faults(&parts.uri, &T::into_params(|| None));
                if found.is_empty() {
                    let reported = format!("The query is not valid: {}", rejection.body_text());
                    invalid_query(found).with_public(reported)
                } else {
                    invalid_query(found)
                }
            })
    }
}

/// The refusal of a query where an operation has no parameters.
pub(super) fn without_parameters(uri: &Uri) -> RichError {
    invalid_query(form_faults(uri, &[]))
}

fn invalid_query(found: Vec<FieldViolation>) -> RichError {
    RichError::new(ErrorKind::Validation, "query refused")
        .with_status(400)
        .with_code("invalid_query")
        .with_public("The query does not have the documented form.")
        .with_violations(found)
}

/// All structural violations of a refused query, given the documented parameters.
fn form_faults(uri: &Uri, known: &[Parameter]) -> Vec<FieldViolation> {
    // Invalid UTF-8 is replaced here, not refused.
    let sent = Query::<Vec<(String, String)>>::try_from_uri(uri).map_or(Vec::new(), |Query(sent)| sent);
    let mut found = Vec::new();
    let mut refuse = |name: &str, code: &'static str, rule: String| {
        found.push(FieldViolation::new(format!("?{name}"), code, rule));
    };
    let mut names = BTreeSet::new();
    for (name, text) in sent.iter().take(MAX_VIOLATIONS) {
        let Some(parameter) = known.iter().find(|parameter| parameter.name == *name) else {
            let all: Vec<_> = known.iter().map(|parameter| &*parameter.name).collect();
            let rule = match all.is_empty() {
                true => "is not known here; this operation has no parameters in the query".to_owned(),
                false => format!("is not known here; known are {}", all.join(", ")),
            };
            refuse(name, "unknown_parameter", rule);
            continue;
        };
        if !names.insert(name) {
            refuse(name, "duplicate_parameter", "must stand once".to_owned());
            continue;
        }
        // Serialising a schema to JSON cannot fail.
        let schema = serde_json::to_value(&parameter.schema).unwrap_or_default();
        if let Some(rule) = broken_rule(schema["type"].as_str(), text) {
            refuse(name, "invalid", rule.to_owned());
        }
    }
    for parameter in known {
        if parameter.required == Required::True && !names.contains(&parameter.name) {
            refuse(&parameter.name, "required", "is required".to_owned());
        }
    }
    found
}

/// The rule of a parameter's type that `text` violates. Supports only the types that parameters have; a test of the
/// surface checks that they have no others.
fn broken_rule(wanted: Option<&str>, text: &str) -> Option<&'static str> {
    match wanted {
        Some("integer") if text.parse::<i64>().is_err() => Some("must be a whole number of 64 bits"),
        Some("boolean") if text.parse::<bool>().is_err() => Some("must be true or false"),
        _ => None,
    }
}

/// The rule for a locale.
pub const LOCALE_RULE: &str = "must be a language tag such as en, pt-BR or zh-Hans";

/// Parses parameter values and collects their violations.
#[derive(Debug, Default)]
pub struct QueryReader(Vec<FieldViolation>);

impl QueryReader {
    /// The parameter as `T`, if it was sent and `parse` accepts it.
    pub fn read<'a, T>(
        &mut self,
        name: &str,
        text: Option<&'a str>,
        rule: &'static str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(text?);
        if value.is_none() {
            self.refuse(name, "invalid", rule);
        }
        value
    }

    /// The parameter as `T`, if it was sent and can be parsed.
    pub fn parse<T: FromStr>(&mut self, name: &str, text: Option<&str>, rule: &'static str) -> Option<T> {
        self.read(name, text, rule, |text| text.parse().ok())
    }

    /// The `limit` and `after` parameters of a list.
    pub fn page<K: DeserializeOwned>(
        &mut self,
        limit: Option<i64>,
        after: Option<&str>,
    ) -> (Limit, Option<K>) {
        let limit = limit.map_or(Ok(Limit::default()), Limit::new);
        let limit = limit.unwrap_or_else(|error| {
            self.refuse("limit", "invalid", error.to_string());
            Limit::default()
        });
        let after = after.map(Cursor::decode).transpose();
        let after = after.unwrap_or_else(|error| {
            self.refuse("after", "invalid", error.to_string());
            None
        });
        (limit, after)
    }

    /// Refuses a cursor of the other sort order, for a list that has two. `timed` says whether the list is now sorted
    /// by a time.
    pub fn check_order<Id>(&mut self, after: Option<ListKey<Id>>, timed: bool) -> Option<ListKey<Id>> {
        let fits = |after: &ListKey<Id>| matches!(after, ListKey::Timed(..)) == timed;
        if after.as_ref().is_some_and(|after| !fits(after)) {
            self.refuse("after", "invalid", PageError::Cursor.to_string());
        }
        after
    }

    /// The search words.
    pub fn words(&mut self, name: &str, text: Option<&str>, most: usize) -> Option<Words> {
        self.search(name, text, most).map(|text| Words::of(&text))
    }

    /// A name of 1 to `most` characters, in the form in which names are compared.
    pub fn name(&mut self, name: &str, text: Option<&str>, most: usize) -> Option<String> {
        let (line, faults) = checked_line(text?, most);
        for fault in &faults {
            self.refuse(name, fault.code(), fault.to_string());
        }
        faults.is_empty().then(|| folded(&line))
    }

    /// The requested locale.
    pub fn locale(&mut self, text: Option<&str>) -> Option<Locale> {
        self.parse("locale", text, LOCALE_RULE)
    }

    /// A time: RFC 3339, or a date, which means its start in UTC.
    pub fn time(&mut self, name: &str, text: Option<&str>) -> Option<Timestamp> {
        let rule = "must be a time such as 2026-01-31T12:00:00Z, or a date";
        let midnight = |text: &str| parse_time(&format!("{text}T00:00:00Z"));
        self.read(name, text, rule, |text| {
            parse_time(text).or_else(|| midnight(text))
        })
    }

    /// A search text of at most `most` characters; a blank one is ignored.
    fn search(&mut self, name: &str, text: Option<&str>, most: usize) -> Option<String> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        if text.chars().count() > most {
            self.refuse(name, "too_long", format!("must have at most {most} characters"));
        }
        Some(text.to_owned())
    }

    /// Records a violation of a parameter.
    pub fn refuse(&mut self, name: &str, code: &'static str, rule: impl Into<Cow<'static, str>>) {
        self.0.push(FieldViolation::new(format!("?{name}"), code, rule));
    }

    /// # Errors
    /// `validation_failed` if there is any violation.
    pub fn finish(self) -> Result<(), RichError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(RichError::new(ErrorKind::Validation, "query refused")
            .with_public("The query has values that are not allowed.")
            .with_violations(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, IntoParams)]
    #[serde(deny_unknown_fields)]
    #[into_params(parameter_in = Query)]
    #[expect(dead_code, reason = "only its form counts")]
    struct ListThings {
        limit: Option<i64>,
        #[serde(default)]
        deleted: bool,
        /// What must be named.
        kind: String,
    }

    async fn reported(query: &str) -> Vec<String> {
        let request = http::Request::get(format!("/things?{query}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        let read = QueryParams::<ListThings>::from_request_parts(&mut parts, &()).await;
        let Err(error) = read else { return Vec::new() };
        assert_eq!((error.status(), error.code()), (400, "invalid_query"));
        let response = error.to_response();
        let reported = response
            .violations()
            .iter()
            .map(|v| format!("{} {}", v.pointer, v.code));
        reported.collect()
    }

    #[tokio::test]
    async fn all_faults_of_the_form_are_told_at_once() {
        assert_eq!(reported("kind=a&limit=3&deleted=true").await, [""; 0]);
        assert_eq!(
            reported("limit=x&colour=red&deleted=maybe&size=&limit=3&limit=4").await,
            [
                "?limit invalid",
                "?colour unknown_parameter",
                "?deleted invalid",
                "?size unknown_parameter",
                "?limit duplicate_parameter",
                "?limit duplicate_parameter",
                "?kind required",
            ]
        );
        for not_whole in ["", "1.0", "1e3", "99999999999999999999", "+-1", "%c0%af", "٣"] {
            let query = format!("kind=a&limit={not_whole}");
            assert_eq!(reported(&query).await, ["?limit invalid"], "{not_whole}");
        }
        // The number of reported violations is limited, however many parameters are sent.
        let flood: Vec<_> = (0..1_000).map(|n| format!("a{n}=1")).collect();
        assert_eq!(reported(&flood.join("&")).await.len(), MAX_VIOLATIONS);
    }

    #[test]
    fn all_values_that_break_a_rule_are_told_at_once() {
        let mut reader = QueryReader::default();
        let (limit, after) = reader.page::<i64>(Some(0), Some("zzz"));
        assert_eq!((limit, after), (Limit::default(), None));
        for bad in ["soon", "", "2026-13-01", "2026-01-02T03:04:05"] {
            assert_eq!(QueryReader::default().time("before", Some(bad)), None, "{bad}");
        }
        assert_eq!(reader.time("before", Some("soon")), None);
        for same in ["2026-01-31", "2026-01-31T00:00:00Z", "2026-01-31T01:00:00+01:00"] {
            let time = reader.time("after", Some(same));
            assert_eq!(time, "2026-01-31T00:00:00Z".parse().ok(), "{same}");
        }
        assert_eq!(reader.search("q", Some(" "), 2), None);
        assert_eq!(reader.search("q", Some(" äö "), 2).as_deref(), Some("äö"));
        drop(reader.search("q", Some("abc"), 2));
        let refused = reader.finish().unwrap_err();
        assert_eq!((refused.status(), refused.code()), (422, "validation_failed"));
        let response = refused.to_response();
        let pointers: Vec<_> = response.violations().iter().map(|v| &*v.pointer).collect();
        assert_eq!(pointers, ["?limit", "?after", "?before", "?q"]);
        assert!(QueryReader::default().finish().is_ok());
    }
}
