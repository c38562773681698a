//! [`ErrorContext`]: adds what the program was doing, without changing what failed.
//!
//! Context is internal. No method here may change the kind, the code or the public message.

use super::RichError;
use crate::ids::TenantId;
use std::borrow::Cow;
use std::panic::Location;

/// Adds context to an error, or to the error inside a `Result`.
///
/// A module's own error enum that converts to [`RichError`] needs one method:
///
/// ```
/// use rustok_core::error::{ErrorContext, ErrorKind, RichError};
///
/// #[derive(Debug)]
/// struct MyError;
///
/// impl From<MyError> for RichError {
///     fn from(_: MyError) -> Self {
///         RichError::new(ErrorKind::NotFound, "mine")
///     }
/// }
///
/// impl ErrorContext for MyError {
///     type Output = RichError;
///
///     fn map_rich(self, add: impl FnOnce(RichError) -> RichError) -> RichError {
///         add(self.into())
///     }
/// }
///
/// let error = MyError.context("while testing").with_field("answer", "42");
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// ```
pub trait ErrorContext: Sized {
    /// The resulting type: `RichError` for an error, `Result<T, RichError>` for a `Result<T, _>`.
    type Output;

    /// Converts the error, if there is one, to a [`RichError`] and applies `add` to it.
    #[track_caller]
    fn map_rich(self, add: impl FnOnce(RichError) -> RichError) -> Self::Output;

    /// Adds a layer: what the program was doing. The report also names the source line of this call.
    #[track_caller]
    fn context(self, what: impl Into<Cow<'static, str>>) -> Self::Output {
        let here = Location::caller();
        self.map_rich(|error| error.push_context(what.into(), here))
    }

    /// Adds a layer whose text is computed only on an error.
    #[track_caller]
    fn with_context<C: Into<Cow<'static, str>>>(self, what: impl FnOnce() -> C) -> Self::Output {
        let here = Location::caller();
        self.map_rich(|error| error.push_context(what().into(), here))
    }

    /// Adds a field for the logs.
    #[track_caller]
    fn with_field(self, key: &'static str, value: impl Into<String>) -> Self::Output {
        self.map_rich(|error| error.with_field(key, value))
    }

    /// Sets the tenant, for the logs.
    #[track_caller]
    fn with_tenant(self, tenant: impl Into<TenantId>) -> Self::Output {
        self.map_rich(|error| error.with_tenant(tenant))
    }

    /// Sets the trace id; see [`RichError::with_trace`].
    #[track_caller]
    fn with_trace(self, trace: impl Into<String>) -> Self::Output {
        self.map_rich(|error| error.with_trace(trace))
    }
}

impl ErrorContext for RichError {
    type Output = Self;

    fn map_rich(self, add: impl FnOnce(RichError) -> RichError) -> Self {
        add(self)
    }
}

impl<T, E: Into<RichError>> ErrorContext for Result<T, E> {
    type Output = Result<T, RichError>;

    fn map_rich(self, add: impl FnOnce(RichError) -> RichError) -> Self::Output {
        // A closure for `map_err` would lose `#[track_caller]`.
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(add(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use uuid::Uuid;

    fn fetch(found: bool) -> Result<u8, RichError> {
        if found {
            return Ok(7);
        }
        Err(RichError::new(ErrorKind::NotFound, "no row")
            .with_code("order_not_found")
            .with_public("No such order."))
    }

    fn traced(found: bool) -> Result<u8, RichError> {
        let order = fetch(found)
            .context("failed to fetch order")
            .with_field("order_id", 1.to_string())
            .with_tenant(Uuid::nil())
            .with_trace("4bf92f3577b34da6a3ce929d0e0e4736")?;
        Ok(order)
    }

    #[test]
    fn context_keeps_kind_code_and_public_message() {
        let error = traced(false).unwrap_err().context("shipping");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.code(), "order_not_found");
        assert_eq!(error.public_message(), Some("No such order."));
        assert_eq!(error.to_string(), "shipping: failed to fetch order: no row");
        assert_eq!(error.fields().collect::<Vec<_>>(), [("order_id", "1")]);
        assert_eq!(error.tenant(), Some(TenantId::from_uuid(Uuid::nil())));
    }

    #[test]
    fn success_passes_and_makes_no_text() {
        assert_eq!(traced(true).unwrap(), 7);
        let untouched = fetch(true).with_context(|| -> String { unreachable!("only on failure") });
        assert_eq!(untouched.unwrap(), 7);
    }
}
