//! One error type for the whole program with two representations: a detailed internal one, and a public problem
//! document (RFC 9457).
//!
//! Internal data must have no path into the public one: [`ErrorResponse`] is built from public data only.
#![doc = include_str!("README.md")]

#[cfg(feature = "axum")]
mod axum;
mod context;
mod kind;
mod pointer;
mod public;
mod report;
mod response;
mod rich;
mod validation;

pub use crate::outcome::BreakerOutcome;
pub use context::ErrorContext;
pub use kind::{ErrorKind, Origin, RetryAdvice};
pub use public::{FieldViolation, MAX_VIOLATIONS};
pub use response::{ErrorResponse, PROBLEM_JSON};
pub use rich::RichError;
pub use validation::ValidationErrorBuilder;

#[cfg(test)]
mod canary_tests;
#[cfg(test)]
mod cost_tests;

/// The guide's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/ERROR_HANDLING_GUIDE.md")]
struct Guide;
