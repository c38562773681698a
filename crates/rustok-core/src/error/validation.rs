//! [`ValidationErrorBuilder`]: reports all violations of a request in one problem, so that the client can fix them at
//! once.
//!
//! It takes public text only and does not stop at the first violation; a problem lists the first 100.

use super::{ErrorResponse, FieldViolation, RichError};
use std::borrow::Cow;

/// Collects all violations of a request into one problem.
///
/// ```
/// use rustok_core::error::ValidationErrorBuilder;
///
/// let problem = ValidationErrorBuilder::new()
///     .field("email", "invalid")
///     .field("email", "taken")
///     .field("age", "> 0")
///     .trace_id("4bf92f3577b34da6a3ce929d0e0e4736")
///     .build();
/// assert_eq!(problem.status(), 422);
/// assert_eq!(problem.violations()[1].detail, "taken");
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ValidationErrorBuilder {
    violations: Vec<FieldViolation>,
    trace_id: Option<String>,
}

impl ValidationErrorBuilder {
    /// A builder without violations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a violation from a single text; see [`FieldViolation::from_message`].
    pub fn field(self, field: impl AsRef<str>, message: impl Into<Cow<'static, str>>) -> Self {
        self.violation(FieldViolation::from_message(field, message))
    }

    /// Adds a violation.
    pub fn violation(mut self, violation: FieldViolation) -> Self {
        self.violations.push(violation);
        self
    }

    /// Sets the trace id; see [`ErrorResponse::set_trace_id`].
    pub fn trace_id(mut self, trace_id: impl Into<String>) -> Self {
        self.trace_id = Some(trace_id.into());
        self
    }

    /// Whether there are no violations.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.violations.is_empty()
    }

    /// The problem, with or without violations.
    pub fn build(self) -> ErrorResponse {
        let mut response = ErrorResponse::validation().with_violations(self.violations);
        if let Some(trace_id) = self.trace_id {
            response.set_trace_id(trace_id);
        }
        response
    }

    /// `Ok` without violations.
    ///
    /// # Errors
    /// All violations as one Validation error.
    pub fn finish(self) -> Result<(), RichError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.build().into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_of_one_field_keep_their_order() {
        let response = ValidationErrorBuilder::new()
            .field("email", "invalid")
            .field("age", "> 0")
            .field("email", "taken")
            .build();
        let wire = serde_json::to_value(response).unwrap();
        assert_eq!(
            wire["errors"],
            json!([
                {"pointer": "#/email", "code": "invalid", "detail": "invalid"},
                {"pointer": "#/age", "code": "invalid", "detail": "> 0"},
                {"pointer": "#/email", "code": "taken", "detail": "taken"},
            ])
        );
        assert_eq!(wire["code"], "validation_failed");
    }

    #[test]
    fn an_empty_builder_finishes_well() {
        assert!(ValidationErrorBuilder::new().finish().is_ok());
        let error = ValidationErrorBuilder::new()
            .field("a", "required")
            .finish()
            .unwrap_err();
        assert_eq!((error.status(), error.violations().len()), (422, 1));
    }
}
