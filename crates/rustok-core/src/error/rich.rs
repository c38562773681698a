//! [`RichError`]: one failure with all internal details and, kept apart, the part that clients may read.
//!
//! The internal message, the context layers, the fields, the tenant and the source chain leave the process only
//! through logs: `Display` and `Debug` are internal. Do not put them into a response.

use super::public::PublicPart;
use super::{BreakerOutcome, ErrorKind, ErrorResponse, FieldViolation, Origin};
use crate::ids::TenantId;
use serde::Serialize;
use std::borrow::Cow;
use std::error::Error;
use std::panic::Location;
use std::time::Duration;

/// An error on its way up: a kind, internal details, and a public part.
///
/// It is one pointer wide. Creating one costs one allocation, the first four context layers together a second one, a
/// source a third; a text made with `format!` costs its own.
///
/// It records where it was created and where each layer was added (`#[track_caller]`); `{:?}` is the whole report on
/// one line for the log, `{:#?}` the same on several lines.
///
/// ```
/// use rustok_core::error::{ErrorKind, RichError};
///
/// let error = RichError::new(ErrorKind::NotFound, "no row in `orders`")
///     .with_code("order_not_found")
///     .with_public("There is no such order.");
/// assert_eq!(error.status(), 404);
/// assert_eq!(error.to_string(), "no row in `orders`");
/// assert_eq!(error.public_message(), Some("There is no such order."));
/// ```
#[must_use]
pub struct RichError(Box<Inner>);

struct Inner {
    public: PublicPart,
    origin: Origin,
    message: Cow<'static, str>,
    made_at: &'static Location<'static>,
    /// Innermost first.
    contexts: Vec<Layer>,
    source: Option<Box<dyn Error + Send + Sync>>,
    inside: Option<Box<Inside>>,
}

/// One context text and the source line that added it.
pub(super) struct Layer {
    pub(super) text: Cow<'static, str>,
    pub(super) added_at: &'static Location<'static>,
}

#[derive(Default)]
struct Inside {
    fields: Vec<(&'static str, String)>,
    tenant: Option<TenantId>,
    trace: Option<String>,
}

impl RichError {
    /// An error of this kind. `internal_message` is for logs only; clients read the kind's fixed sentence unless
    /// [`RichError::with_public`] sets a better one.
    #[track_caller]
    pub fn new(kind: ErrorKind, internal_message: impl Into<Cow<'static, str>>) -> Self {
        Self::from_parts(PublicPart::new(kind), internal_message.into(), Location::caller())
    }

    fn from_parts(
        public: PublicPart,
        message: Cow<'static, str>,
        made_at: &'static Location<'static>,
    ) -> Self {
        Self(Box::new(Inner {
            public,
            origin: Origin::Remote,
            message,
            made_at,
            contexts: Vec::new(),
            source: None,
            inside: None,
        }))
    }

    /// Sets the stable, snake_case code, which is also the last part of the problem's `type`.
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.public.set_code(code);
        self
    }

    /// Sets a more specific HTTP status of the kind (400, 405, 408, 413, 414, 415, 428, 431, ... of Validation; 412
    /// of Conflict). A status that the kind does not allow ([`ErrorKind::allows_status`]) is ignored.
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.public.set_status(status);
        self
    }

    /// Sets the public `detail`. Never pass another error's text here.
    ///
    /// A blank text keeps the kind's sentence; a text longer than 1,024 bytes is cut.
    pub fn with_public(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.public.set_message(message);
        self
    }

    /// Sets `Retry-After` (RFC 9110, 10.2.3), at most 2,147,483,647 seconds.
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.public.set_retry_after(after);
        self
    }

    /// Adds one violation to the public `errors`; they keep their order. `pointer` as in [`FieldViolation::new`].
    pub fn with_violation(
        self,
        pointer: impl AsRef<str>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.with_violations([FieldViolation::new(pointer, code, detail)])
    }

    /// Appends violations to the public `errors`. The first 100 are listed.
    pub fn with_violations(mut self, violations: impl IntoIterator<Item = FieldViolation>) -> Self {
        self.0.public.add_violations(violations);
        self
    }

    /// Sets a **public** member of the problem, such as `allowed_transitions`, `current_state`, `current_version`,
    /// `available` or `requested`. The standard members cannot be replaced; a value that is not JSON, or whose JSON
    /// is larger than 8 KiB, is dropped.
    pub fn with_extension(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.0.public.set_extension(name, value);
        self
    }

    /// Sets the origin of the failure, which decides [`RichError::breaker_outcome`].
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.0.origin = origin;
        self
    }

    /// Adds an internal field, for the logs.
    pub fn with_field(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.inside_mut().fields.push((key, value.into()));
        self
    }

    /// Sets the tenant, for the logs.
    pub fn with_tenant(mut self, tenant: impl Into<TenantId>) -> Self {
        self.inside_mut().tenant = Some(tenant.into());
        self
    }

    /// Sets the trace id. It becomes public only if it is a W3C trace id: 32 lower-case hex digits, not all zero.
    pub fn with_trace(mut self, trace: impl Into<String>) -> Self {
        self.inside_mut().trace = Some(trace.into());
        self
    }

    /// Sets the cause. It is internal: log lines and [`Error::source`] show it, a response never does. A second call
    /// replaces the first.
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    pub(super) fn push_context(
        mut self,
        text: Cow<'static, str>,
        added_at: &'static Location<'static>,
    ) -> Self {
        self.0.contexts.push(Layer { text, added_at });
        self
    }

    fn inside_mut(&mut self) -> &mut Inside {
        self.0.inside.get_or_insert_default()
    }

    /// The kind; it never changes.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.public.kind
    }

    /// The stable code, by default the kind's.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.public.code()
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.public.status()
    }

    /// The public message, if one was set.
    #[must_use]
    pub fn public_message(&self) -> Option<&str> {
        self.0.public.message()
    }

    /// The `Retry-After` duration, if one was set. (The response to RateLimited and Unavailable always has one:
    /// [`ErrorResponse::retry_after`].)
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.public.retry_after()
    }

    /// The public violations.
    #[must_use]
    pub fn violations(&self) -> &[FieldViolation] {
        self.0.public.violations()
    }

    /// The origin of the failure.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.0.origin
    }

    /// How a circuit breaker counts this error: the kind's outcome, given [`RichError::origin`].
    #[must_use]
    pub fn breaker_outcome(&self) -> BreakerOutcome {
        self.kind().breaker_outcome_from(self.0.origin)
    }

    /// The internal message without its context layers.
    #[must_use]
    pub fn internal_message(&self) -> &str {
        &self.0.message
    }

    /// Where it was created: the call of [`RichError::new`], or of a `#[track_caller]` function that converted
    /// another error.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.0.made_at
    }

    /// The context layers, outermost first.
    pub fn contexts(&self) -> impl Iterator<Item = &str> {
        self.0.contexts.iter().rev().map(|layer| layer.text.as_ref())
    }

    /// Innermost first.
    pub(super) fn layers(&self) -> &[Layer] {
        &self.0.contexts
    }

    /// The internal fields, in the order they were added.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0
            .inside
            .iter()
            .flat_map(|inside| inside.fields.iter().map(|(key, value)| (*key, value.as_str())))
    }

    /// The tenant, if known.
    #[must_use]
    pub fn tenant(&self) -> Option<TenantId> {
        self.0.inside.as_ref().and_then(|inside| inside.tenant)
    }

    /// The trace id, exactly as it was set.
    #[must_use]
    pub fn trace(&self) -> Option<&str> {
        self.0.inside.as_ref().and_then(|inside| inside.trace.as_deref())
    }

    /// The response for this error; the error itself is kept for the log.
    pub fn to_response(&self) -> ErrorResponse {
        ErrorResponse::from_public(self.0.public.clone()).with_w3c_trace(self.trace())
    }

    pub(super) fn extensions(&self) -> &[(&'static str, serde_json::Value)] {
        self.0.public.extensions()
    }
}

impl From<RichError> for ErrorResponse {
    /// Keeps the public part and the trace id; the rest is dropped.
    fn from(error: RichError) -> Self {
        let trace = error.0.inside.and_then(|inside| inside.trace);
        Self::from_public(error.0.public).with_w3c_trace(trace.as_deref())
    }
}

impl From<ErrorResponse> for RichError {
    /// The public detail also becomes the internal message.
    #[track_caller]
    fn from(response: ErrorResponse) -> Self {
        let (public, trace) = response.into_public();
        let message = Cow::Owned(public.detail().to_owned());
        let error = Self::from_parts(public, message, Location::caller());
        match trace {
            Some(trace) => error.with_trace(trace),
            None => error,
        }
    }
}

impl Error for RichError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorContext;
    use std::io;

    #[test]
    fn display_shows_the_outermost_context_first() {
        let error = RichError::new(ErrorKind::NotFound, "no row")
            .context("load")
            .context("ship order");
        assert_eq!(error.to_string(), "ship order: load: no row");
        assert_eq!(error.internal_message(), "no row");
    }

    #[test]
    fn source_is_the_given_error() {
        let error = RichError::new(ErrorKind::Internal, "x").with_source(io::Error::other("disk"));
        assert_eq!(error.source().unwrap().to_string(), "disk");
        assert!(error.source().unwrap().downcast_ref::<io::Error>().is_some());
    }

    #[test]
    fn a_w3c_trace_goes_out_and_no_other() {
        let trace_of = |trace: &str| {
            RichError::new(ErrorKind::Internal, "x")
                .with_trace(trace)
                .to_response()
                .trace_id()
                .map(str::to_owned)
        };
        let good = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_of(good).as_deref(), Some(good));
        for bad in [
            "",
            "4bf9",
            &"0".repeat(32),
            &good.to_uppercase(),
            "SELECT secret FROM orders",
        ] {
            assert_eq!(trace_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_response_becomes_an_error_without_loss() {
        let response = ErrorResponse::validation()
            .with_field_error("email", "required")
            .with_status(400)
            .with_extension("hint", 1);
        let before = serde_json::to_value(&response).unwrap();
        let error = RichError::from(response);
        assert_eq!(error.kind(), ErrorKind::Validation);
        assert_eq!(serde_json::to_value(ErrorResponse::from(error)).unwrap(), before);
    }

    #[test]
    fn our_own_rejection_is_no_failure_of_the_dependency() {
        let error = RichError::new(ErrorKind::Unavailable, "breaker open");
        assert_eq!(error.breaker_outcome(), BreakerOutcome::Failure);
        assert_eq!(
            error.with_origin(Origin::Local).breaker_outcome(),
            BreakerOutcome::Ignored
        );
    }

    #[test]
    fn an_error_is_one_pointer() {
        assert_eq!(size_of::<RichError>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), RichError>>(), size_of::<usize>());
    }
}
