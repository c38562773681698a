//! [`RichError`]: one failure with everything the inside wants to know about it, and apart from that what the outside
//! may read.
//!
//! The internal message, the context layers, the fields, the tenant and the source chain never leave the process but
//! through logs: `Display` and `Debug` are for the inside. Do not put them into a response.

use super::public::PublicPart;
use super::{BreakerOutcome, ErrorKind, ErrorResponse, FieldViolation, Origin};
use crate::ids::TenantId;
use serde::Serialize;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// An error on its way up: a kind, an inside story, and a public part.
///
/// It is one pointer wide. Making one costs one allocation, the first context layer a second one, a source a third.
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
    /// Innermost first.
    contexts: Vec<Cow<'static, str>>,
    source: Option<Box<dyn Error + Send + Sync>>,
    inside: Option<Box<Inside>>,
}

#[derive(Default)]
struct Inside {
    fields: Vec<(&'static str, String)>,
    tenant: Option<TenantId>,
    trace: Option<String>,
}

impl RichError {
    /// An error of this kind. `internal_message` is for logs only; the outside reads the kind's fixed sentence unless
    /// [`RichError::with_public`] gives a better one.
    pub fn new(kind: ErrorKind, internal_message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            public: PublicPart::new(kind),
            origin: Origin::Remote,
            message: internal_message.into(),
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

    /// Sets a more precise HTTP status inside the kind (400, 405, 408, 413, 414, 415, 428, 431, ... of Validation; 412
    /// of Conflict). A status that the kind does not allow ([`ErrorKind::allows_status`]) is ignored.
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.public.set_status(status);
        self
    }

    /// Sets what the outside reads as `detail`. Never pass another error's text here.
    pub fn with_public(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.public.message = Some(message.into());
        self
    }

    /// Sets after how long the caller may come back (`Retry-After`, RFC 9110, 10.2.3).
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.public.retry_after = Some(after);
        self
    }

    /// Adds one broken rule to the public `errors`; they keep their order. `pointer` as in [`FieldViolation::new`].
    pub fn with_violation(
        self,
        pointer: impl AsRef<str>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.with_violations(vec![FieldViolation::new(pointer, code, detail)])
    }

    /// Adds broken rules to the public `errors`, after those that are there.
    pub fn with_violations(mut self, violations: Vec<FieldViolation>) -> Self {
        self.0.public.add_violations(violations);
        self
    }

    /// Sets a **public** member of the problem, such as `allowed_transitions`, `current_state`, `current_version`,
    /// `available` or `requested`. The standard members cannot be replaced; a value that is no JSON is left out.
    pub fn with_extension(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.0.public.set_extension(name, value);
        self
    }

    /// Says who produced the failure; it decides [`RichError::breaker_outcome`].
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.0.origin = origin;
        self
    }

    /// Adds a field for the logs. A field stays inside.
    pub fn with_field(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.inside_mut().fields.push((key, value.into()));
        self
    }

    /// Sets the tenant, for the logs.
    pub fn with_tenant(mut self, tenant: impl Into<TenantId>) -> Self {
        self.inside_mut().tenant = Some(tenant.into());
        self
    }

    /// Sets the trace. It reaches the outside only if it is a W3C trace id: 32 lower-case hex digits, not all zero.
    pub fn with_trace(mut self, trace: impl Into<String>) -> Self {
        self.inside_mut().trace = Some(trace.into());
        self
    }

    /// Sets the cause. It stays inside: log lines and [`Error::source`] show it, a response never does. A second call
    /// replaces the first.
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    pub(super) fn push_context(mut self, context: Cow<'static, str>) -> Self {
        self.0.contexts.push(context);
        self
    }

    fn inside_mut(&mut self) -> &mut Inside {
        self.0.inside.get_or_insert_default()
    }

    /// The kind; nothing changes it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.public.kind
    }

    /// The stable code, the kind's own if none was given.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.public.code()
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.public.status()
    }

    /// The public message, if one was given.
    #[must_use]
    pub fn public_message(&self) -> Option<&str> {
        self.0.public.message.as_deref()
    }

    /// After how long the caller may come back, if that was said. (The response to RateLimited and Unavailable always
    /// says it: [`ErrorResponse::retry_after`].)
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.public.retry_after
    }

    /// The public list of broken rules.
    #[must_use]
    pub fn violations(&self) -> &[FieldViolation] {
        self.0.public.violations()
    }

    /// Who produced the failure.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.0.origin
    }

    /// What a circuit breaker makes of this error: the kind's outcome, given [`RichError::origin`].
    #[must_use]
    pub fn breaker_outcome(&self) -> BreakerOutcome {
        self.kind().breaker_outcome_from(self.0.origin)
    }

    /// The internal message without its context layers.
    #[must_use]
    pub fn internal_message(&self) -> &str {
        &self.0.message
    }

    /// The context layers, outermost first.
    pub fn contexts(&self) -> impl Iterator<Item = &str> {
        self.0.contexts.iter().rev().map(AsRef::as_ref)
    }

    /// The inside fields, in the order they were added.
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

    /// The trace as it was given.
    #[must_use]
    pub fn trace(&self) -> Option<&str> {
        self.0.inside.as_ref().and_then(|inside| inside.trace.as_deref())
    }

    /// The response for this error, which stays with the caller (for the log).
    pub fn to_response(&self) -> ErrorResponse {
        ErrorResponse::from_public(self.0.public.clone()).with_w3c_trace(self.trace())
    }

    pub(super) fn from_public(public: PublicPart, trace: Option<String>) -> Self {
        let message = Cow::Owned(public.detail().to_owned());
        let inside = trace.map(|trace| {
            Box::new(Inside {
                trace: Some(trace),
                ..Inside::default()
            })
        });
        Self(Box::new(Inner {
            public,
            origin: Origin::Remote,
            message,
            contexts: Vec::new(),
            source: None,
            inside,
        }))
    }
}

impl From<RichError> for ErrorResponse {
    /// Keeps the public part and the trace; the rest is dropped here.
    fn from(error: RichError) -> Self {
        let trace = error.0.inside.and_then(|inside| inside.trace);
        Self::from_public(error.0.public).with_w3c_trace(trace.as_deref())
    }
}

impl From<ErrorResponse> for RichError {
    /// What was public is now also the internal message.
    fn from(response: ErrorResponse) -> Self {
        let (public, trace) = response.into_public();
        Self::from_public(public, trace)
    }
}

impl fmt::Display for RichError {
    /// The internal text: `outermost context: ...: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.contexts() {
            write!(f, "{context}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for RichError {
    /// The inside report, several lines: text, public part, fields, tenant, trace, causes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} [{}, {}]: {}",
            self.kind(),
            self.code(),
            self.status(),
            self.0.message
        )?;
        for context in &self.0.contexts {
            write!(f, "\n  in: {context}")?;
        }
        if let Some(public) = self.public_message() {
            write!(f, "\n  public: {public}")?;
        }
        for violation in self.violations() {
            write!(
                f,
                "\n  violation: {} {} ({})",
                violation.pointer, violation.code, violation.detail
            )?;
        }
        for (name, value) in self.0.public.extensions() {
            write!(f, "\n  public {name}: {value}")?;
        }
        for (key, value) in self.fields() {
            write!(f, "\n  {key}: {value}")?;
        }
        if let Some(tenant) = self.tenant() {
            write!(f, "\n  tenant: {tenant}")?;
        }
        if let Some(trace) = self.trace() {
            write!(f, "\n  trace: {trace}")?;
        }
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
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
    use uuid::Uuid;

    const CANARY: &str = "CANARY-postgres://root:hunter2@db/SELECT * FROM orders";

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{CANARY} outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn full(kind: ErrorKind) -> RichError {
        RichError::new(kind, CANARY)
            .with_source(Outer(io::Error::other(CANARY)))
            .with_field("dsn", CANARY)
            .with_tenant(Uuid::from_u128(0xCA11A2))
            .with_trace(CANARY)
            .context(CANARY)
            .with_context(|| format!("{CANARY} again"))
    }

    #[test]
    fn no_kind_lets_the_inside_out() {
        for kind in ErrorKind::ALL {
            let by_reference = serde_json::to_string(&full(kind).to_response()).unwrap();
            let by_value = serde_json::to_string(&ErrorResponse::from(full(kind))).unwrap();
            for wire in [by_reference, by_value] {
                assert!(!wire.contains("CANARY") && !wire.contains("hunter2"), "{wire}");
                assert!(!wire.to_lowercase().contains("ca11a2"), "{wire}");
                assert!(wire.contains(kind.public_sentence()), "{wire}");
            }
        }
    }

    #[test]
    fn the_log_has_everything() {
        let report = format!(
            "{:?}",
            full(ErrorKind::Internal)
                .with_public("Sorry.")
                .with_code("db_gone")
        );
        for part in [
            "internal [db_gone, 500]",
            "in: CANARY",
            "public: Sorry.",
            "dsn: ",
            "tenant: ",
            "trace: ",
        ] {
            assert!(report.contains(part), "{part} is missing in {report}");
        }
        assert_eq!(report.matches("caused by: ").count(), 2);
    }

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
        for bad in ["", "4bf9", &"0".repeat(32), &good.to_uppercase(), CANARY] {
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
