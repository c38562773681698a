//! Parses a JSON document into its documented type, or reports all structural violations at once.
//!
//! A valid document is parsed once, by serde. Only a document that serde refuses is parsed again, as a tree, and
//! compared with its schema in the OpenAPI document: serde stops at the first error, a client needs all of them.
//! Rules beyond the structure (lengths, ranges, states) belong to the domain and are checked once the structure is
//! valid.

mod schema;
mod tree;

use crate::openapi::ApiDocument;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

pub(crate) use tree::read as read_tree;

/// The maximum nesting depth of a document. Documented bodies have 4 levels.
const MAX_DEPTH: usize = 32;

/// A type that can be parsed from a request body.
pub trait Form: Sized {
    /// Parses the body. `document` has the schemas that a malformed one is compared with.
    ///
    /// # Errors
    /// `malformed_json`, `body_too_deep`, or `validation_failed` with all structural violations.
    fn read(body: &[u8], document: &ApiDocument) -> Result<Self, RichError>;
}

impl<T: DeserializeOwned + ToSchema> Form for T {
    fn read(body: &[u8], document: &ApiDocument) -> Result<Self, RichError> {
        // An empty body is equivalent to `{}`.
        let body = if body.is_empty() { b"{}" } else { body };
        scan(body)?;
        serde_json::from_slice(body).or_else(|refusal| {
            let mut found = Vec::new();
            let tree = read_tree(body, &mut found)?;
            Err(explained::<Self>(&tree, found, &refusal, document))
        })
    }
}

/// Converts a tree into its documented type.
///
/// # Errors
/// `validation_failed` with all structural violations.
pub fn from_tree<T: DeserializeOwned + ToSchema>(
    tree: &Value,
    document: &ApiDocument,
) -> Result<T, RichError> {
    T::deserialize(tree).map_err(|refusal| explained::<T>(tree, Vec::new(), &refusal, document))
}

/// All structural violations of a tree that serde refused, appended to those already `found`.
fn explained<T: DeserializeOwned + ToSchema>(
    tree: &Value,
    mut found: Vec<FieldViolation>,
    refusal: &serde_json::Error,
    document: &ApiDocument,
) -> RichError {
    schema::compare::<T>(tree, document, &mut found);
    if found.is_empty() {
        found.push(first_fault::<T>(tree, refusal));
    }
    refused(found)
}

/// Falls back to serde's own message where the schema has no violation: a rule that only code can express.
fn first_fault<T: DeserializeOwned>(tree: &Value, refusal: &serde_json::Error) -> FieldViolation {
    let Err(fault) = serde_path_to_error::deserialize::<_, T>(tree) else {
        return FieldViolation::new("#", "invalid", refusal.to_string());
    };
    let mut at = String::from("#");
    for segment in fault.path() {
        match segment {
            serde_path_to_error::Segment::Seq { index } => tree::enter_index(&mut at, *index),
            serde_path_to_error::Segment::Map { key } => tree::enter_member(&mut at, key),
            _ => {}
        }
    }
    FieldViolation::new(at, "invalid", fault.inner().to_string())
}

/// The error for structural violations.
pub fn refused(found: Vec<FieldViolation>) -> RichError {
    RichError::new(ErrorKind::Validation, "body refused")
        .with_public("The body does not have the documented form.")
        .with_violations(found)
}

/// Refuses what is invalid in any document: excessive nesting, and U+0000 in a string, which no text column of
/// PostgreSQL can store (JSON can write it only as an escape; RFC 8259, 7).
pub(crate) fn scan(body: &[u8]) -> Result<(), RichError> {
    let (mut depth, mut in_string, mut has_nul) = (0_usize, false, false);
    let mut bytes = body.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' => {
                has_nul |= body.get(at + 1..at + 6) == Some(b"u0000");
                bytes.next();
            }
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(too_deep());
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if !has_nul {
        return Ok(());
    }
    let mut found = Vec::new();
    let tree = read_tree(body, &mut found)?;
    tree::find_nul(&tree, &mut String::from("#"), &mut found);
    Err(refused(found))
}

fn too_deep() -> RichError {
    RichError::new(ErrorKind::Validation, "body nested too deeply")
        .with_status(400)
        .with_code("body_too_deep")
        .with_public(format!("The body may be nested at most {MAX_DEPTH} levels deep."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_core::error::MAX_VIOLATIONS;
    use serde::Deserialize;
    use serde_json::json;
    use utoipa::openapi::OpenApi;

    #[derive(Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its form counts")]
    struct PlaceOrder {
        email: String,
        currency: String,
        #[schema(inline)]
        lines: Vec<Line>,
    }

    #[derive(Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its form counts")]
    struct Line {
        sku: Option<String>,
        quantity: i64,
    }

    fn reported<T: Form>(body: &str) -> (u16, String, Vec<String>) {
        let Err(error) = T::read(body.as_bytes(), &ApiDocument::new(OpenApi::default)) else {
            return (200, String::new(), Vec::new());
        };
        let response = error.to_response();
        let reported = response
            .violations()
            .iter()
            .map(|v| format!("{} {}", v.pointer, v.code));
        (response.status(), response.code().to_owned(), reported.collect())
    }

    #[test]
    fn all_faults_of_a_form_are_told_at_their_places() {
        let body = json!({
            "email": 7,
            "lines": [{ "quantity": "2", "sku": null }, { "sku": "A" }, 3, { "quantity": 1.5, "price": 0 }],
            "to/tal": 1,
        });
        let (status, code, reported) = reported::<PlaceOrder>(&body.to_string());
        assert_eq!((status, &*code), (422, "validation_failed"));
        let expected = [
            "#/currency required",
            "#/email invalid",
            "#/lines/0/quantity invalid",
            "#/lines/1/quantity required",
            "#/lines/2 invalid",
            "#/lines/3/price unknown_member",
            "#/lines/3/quantity invalid",
            "#/to~1tal unknown_member",
        ];
        assert_eq!(reported, expected);
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_where_it_stands() {
        let body = r#"{"email":"a@b.c","currency":"USD","lines":[{"sku":"A","quantity":1,"quantity":2}]}"#;
        assert_eq!(
            reported::<PlaceOrder>(body).2,
            ["#/lines/0/quantity duplicate_member"]
        );
    }

    #[test]
    fn what_is_no_json_says_so_whatever_else_is_wrong() {
        for body in [" ", "{", r#"{"email":7,}"#, r#"{"email":7} x"#, "nul"] {
            assert_eq!(reported::<PlaceOrder>(body).1, "malformed_json", "{body}");
        }
        for body in ["[]", "null", "7", "\"x\""] {
            assert_eq!(reported::<PlaceOrder>(body).2, ["# invalid"], "{body}");
        }
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(reported::<PlaceOrder>(&nested(MAX_DEPTH)).1, "validation_failed");
        assert_eq!(reported::<PlaceOrder>(&nested(MAX_DEPTH + 1)).1, "body_too_deep");
        assert_eq!(reported::<PlaceOrder>(&"[".repeat(100_000)).1, "body_too_deep");
        assert!(scan(format!("\"{}\\\"{}\"", "[".repeat(50), "[".repeat(50)).as_bytes()).is_ok());
    }

    #[test]
    fn the_escape_of_nul_is_found_and_an_escaped_backslash_is_not_one() {
        assert!(scan(br#"{"title":"a\u0000"}"#).is_err());
        assert!(scan(br#"{"title":"\\\u0000"}"#).is_err());
        assert!(scan(br#"{"title":"\\u0000"}"#).is_ok());
        assert_eq!(
            reported::<PlaceOrder>(
                r#"{"email":"\u0000","lines":[{"sku":"a\u0000"},{"a\u0000":1}],"x":"\\u0000"}"#
            ),
            (
                422,
                "validation_failed".to_owned(),
                [
                    "#/email nul_character",
                    "#/lines/0/sku nul_character",
                    "#/lines/1/a%00 nul_character"
                ]
                .map(str::to_owned)
                .to_vec()
            )
        );
    }

    #[test]
    fn a_flood_of_faults_is_cut() {
        let many: Vec<String> = (0..1_000).map(|n| format!("\"{n}\":1")).collect();
        assert_eq!(
            reported::<PlaceOrder>(&format!("{{{}}}", many.join(","))).2.len(),
            MAX_VIOLATIONS
        );
    }
}
