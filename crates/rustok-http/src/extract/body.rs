//! Refusals of a body that concern its transfer, not its content; the outermost layer and the extractors share them.

use http::{HeaderMap, header};
use rustok_core::error::{ErrorKind, RichError};
use std::fmt::Display;

/// The error for a body of more than `limit` bytes.
pub fn body_too_large(limit: usize) -> RichError {
    RichError::new(ErrorKind::Validation, "body too large")
        .with_status(413)
        .with_code("body_too_large")
        .with_public(format!("The body may have at most {limit} bytes."))
}

/// The error for a body whose transfer was aborted.
pub fn not_received(error: &impl Display) -> RichError {
    RichError::new(ErrorKind::Validation, format!("body not received: {error}"))
        .with_status(400)
        .with_code("body_not_received")
        .with_public("The body did not arrive completely.")
}

/// The error for a body that did not arrive before the timeout.
pub fn too_slow() -> RichError {
    RichError::new(ErrorKind::Validation, "body too slow")
        .with_status(408)
        .with_code("body_too_slow")
        .with_public("The body did not arrive in time. Nothing was changed.")
}

/// Whether the body has a content coding. The server decodes none, and refuses an encoded body instead of reading it
/// as plain (RFC 9110, 8.4).
#[must_use]
pub fn is_encoded(headers: &HeaderMap) -> bool {
    let coding = headers.get(header::CONTENT_ENCODING);
    coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}
