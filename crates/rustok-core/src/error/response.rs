//! [`ErrorResponse`]: an error as clients receive it, a problem document (RFC 9457).
//!
//! It can be built from public data only: by its constructors, or from the public part of a `RichError`. It must
//! never take an internal message, a source or a field.

use super::public::PublicPart;
use super::{ErrorKind, FieldViolation};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;

/// The media type of a problem document (RFC 9457, section 6.1).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A problem document.
///
/// Members: `type`, `title`, `status`, `detail`, `instance`, and the extensions `code`, `kind`, `trace_id`,
/// `retryable`, `errors`, then those of [`ErrorResponse::with_extension`]. `type` is `/problems/{code}` until
/// [`ErrorResponse::set_base_url`] makes it absolute.
///
/// ```
/// use rustok_core::error::ErrorResponse;
///
/// let problem = serde_json::to_value(ErrorResponse::not_found("User")).unwrap();
/// assert_eq!(problem["status"], 404);
/// assert_eq!(problem["detail"], "User not found");
/// assert_eq!(problem["type"], "/problems/not_found");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ErrorResponse(Box<Problem>);

#[derive(Debug, Clone)]
struct Problem {
    public: PublicPart,
    base_url: Option<String>,
    instance: Option<String>,
    trace_id: Option<String>,
}

impl ErrorResponse {
    /// A problem of this kind with the kind's fixed sentence.
    pub fn new(kind: ErrorKind) -> Self {
        Self::from_public(PublicPart::new(kind))
    }

    /// 422 without violations; see [`ErrorResponse::with_field_error`].
    pub fn validation() -> Self {
        Self::new(ErrorKind::Validation)
    }

    /// 401, with `WWW-Authenticate: Bearer`.
    pub fn unauthenticated() -> Self {
        Self::new(ErrorKind::Unauthenticated)
    }

    /// 403.
    pub fn forbidden() -> Self {
        Self::new(ErrorKind::Forbidden)
    }

    /// 404: "`what` not found". `what` is public text: name the type of resource, not another tenant's data.
    pub fn not_found(what: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::NotFound).with_detail(format!("{} not found", what.as_ref()))
    }

    /// 409: a concurrent request won.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Conflict).with_detail(detail)
    }

    /// 409: the rules forbid it in the current state.
    pub fn business_rule(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::BusinessRule).with_detail(detail)
    }

    /// 429 with `Retry-After`.
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::new(ErrorKind::RateLimited).with_retry_after(retry_after)
    }

    /// 504.
    pub fn timeout() -> Self {
        Self::new(ErrorKind::Timeout)
    }

    /// 503 with `Retry-After`.
    pub fn unavailable(retry_after: Duration) -> Self {
        Self::new(ErrorKind::Unavailable).with_retry_after(retry_after)
    }

    /// 502.
    pub fn external_service() -> Self {
        Self::new(ErrorKind::ExternalService)
    }

    /// 500.
    pub fn internal() -> Self {
        Self::new(ErrorKind::Internal)
    }

    pub(super) fn from_public(public: PublicPart) -> Self {
        Self(Box::new(Problem {
            public,
            base_url: None,
            instance: None,
            trace_id: None,
        }))
    }

    pub(super) fn into_public(self) -> (PublicPart, Option<String>) {
        (self.0.public, self.0.trace_id)
    }

    /// Takes the trace of an error if it is a W3C trace id; any other text may be internal.
    pub(super) fn with_w3c_trace(mut self, trace: Option<&str>) -> Self {
        self.0.trace_id = trace.filter(|trace| is_w3c_trace_id(trace)).map(str::to_owned);
        self
    }

    /// Sets the stable, snake_case code; title and `type` follow it.
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.public.set_code(code);
        self
    }

    /// Sets a more specific status of the kind; another one is ignored ([`ErrorKind::allows_status`]).
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.public.set_status(status);
        self
    }

    /// Sets the human-readable detail. A blank text keeps the kind's sentence; a text longer than 1,024 bytes is cut.
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.public.set_message(detail);
        self
    }

    /// Adds a violation from a single text; see [`FieldViolation::from_message`]. Violations keep their order.
    pub fn with_field_error(self, field: impl AsRef<str>, message: impl Into<Cow<'static, str>>) -> Self {
        self.with_violation(FieldViolation::from_message(field, message))
    }

    /// Adds one violation.
    pub fn with_violation(self, violation: FieldViolation) -> Self {
        self.with_violations([violation])
    }

    /// Appends violations. The first 100 are listed.
    pub fn with_violations(mut self, violations: impl IntoIterator<Item = FieldViolation>) -> Self {
        self.0.public.add_violations(violations);
        self
    }

    /// Adds an extension member; the standard members cannot be replaced. A value that is not JSON, or whose JSON is
    /// larger than 8 KiB, is dropped.
    pub fn with_extension(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.0.public.set_extension(name, value);
        self
    }

    /// Sets `Retry-After`, at most 2,147,483,647 seconds.
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.public.set_retry_after(after);
        self
    }

    /// Sets the trace id; see [`ErrorResponse::set_trace_id`].
    pub fn with_trace_id(mut self, trace_id: impl Into<String>) -> Self {
        self.set_trace_id(trace_id);
        self
    }

    /// Makes `type` absolute: `{base_url}/problems/{code}`. A trailing slash of `base_url` is ignored.
    pub fn set_base_url(&mut self, base_url: &str) {
        self.0.base_url = Some(base_url.trim_end_matches('/').to_owned());
    }

    /// Sets the `instance`, a URI reference that identifies the request; the server uses the request path.
    pub fn set_instance(&mut self, instance: impl Into<String>) {
        self.0.instance = Some(instance.into());
    }

    /// Sets the trace id of W3C Trace Context (section 3.2.2.3): 32 lower-case hex digits, not all zero. Any other
    /// text may be internal and is ignored.
    pub fn set_trace_id(&mut self, trace_id: impl Into<String>) {
        let trace_id = trace_id.into();
        if is_w3c_trace_id(&trace_id) {
            self.0.trace_id = Some(trace_id);
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.public.status()
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.public.kind
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.public.code()
    }

    /// The human-readable detail.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.0.public.detail()
    }

    /// The `Retry-After` duration; one second for RateLimited and Unavailable without a value of their own.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.public.retry_after_or_default()
    }

    /// The value of the `Retry-After` header: whole seconds, rounded up, at least 1.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let after = self.retry_after()?;
        Some(
            after
                .as_secs()
                .saturating_add(u64::from(after.subsec_nanos() > 0))
                .max(1),
        )
    }

    /// The trace id, if one is set.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.0.trace_id.as_deref()
    }

    /// The violations.
    #[must_use]
    pub fn violations(&self) -> &[FieldViolation] {
        self.0.public.violations()
    }

    /// The document as JSON, for code that writes the body itself.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and finished JSON values under string keys: serialisation cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn is_w3c_trace_id(text: &str) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 32 && text.bytes().all(hex) && text.bytes().any(|digit| digit != b'0')
}

impl Serialize for ErrorResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Problem {
            public,
            base_url,
            instance,
            trace_id,
        } = &*self.0;
        let mut map = serializer.serialize_map(None)?;
        let base = base_url.as_deref().unwrap_or_default();
        map.serialize_entry("type", &format!("{base}/problems/{}", public.code()))?;
        map.serialize_entry("title", &public.title())?;
        map.serialize_entry("status", &public.status())?;
        map.serialize_entry("detail", public.detail())?;
        if let Some(instance) = instance {
            map.serialize_entry("instance", instance)?;
        }
        map.serialize_entry("code", public.code())?;
        map.serialize_entry("kind", &public.kind)?;
        if let Some(trace_id) = trace_id {
            map.serialize_entry("trace_id", trace_id)?;
        }
        map.serialize_entry("retryable", &public.kind.retryable())?;
        if !public.violations().is_empty() {
            map.serialize_entry("errors", public.violations())?;
        }
        for (name, value) in public.extensions() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::RichError;
    use serde_json::{Value, json};

    fn wire(response: &ErrorResponse) -> Value {
        serde_json::to_value(response).unwrap()
    }

    #[test]
    fn a_bare_problem_has_exactly_the_standard_members() {
        assert_eq!(
            wire(&ErrorResponse::forbidden()),
            json!({
                "type": "/problems/forbidden",
                "title": "Forbidden",
                "status": 403,
                "detail": "You are not allowed to do this.",
                "code": "forbidden",
                "kind": "forbidden",
                "retryable": false,
            })
        );
    }

    #[test]
    fn a_full_problem_has_all_members_in_order() {
        let error = RichError::new(ErrorKind::BusinessRule, "inside")
            .with_code("illegal_transition")
            .with_public("A shipped order cannot be cancelled.")
            .with_extension("current_state", "shipped")
            .with_extension("allowed_transitions", ["deliver"]);
        let mut response = ErrorResponse::from(error);
        response.set_base_url("https://shop.example/");
        response.set_instance("/api/admin/v1/orders/1/cancel");
        response.set_trace_id("4bf92f3577b34da6a3ce929d0e0e4736");
        let text = String::from_utf8(response.to_json()).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"type":"https://shop.example/problems/illegal_transition","title":"Illegal transition","#,
                r#""status":409,"detail":"A shipped order cannot be cancelled.","#,
                r#""instance":"/api/admin/v1/orders/1/cancel","code":"illegal_transition","#,
                r#""kind":"business_rule","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","retryable":false,"#,
                r#""current_state":"shipped","allowed_transitions":["deliver"]}"#,
            )
        );
    }

    #[test]
    fn only_a_trace_id_is_sent_as_one() {
        let good = "4bf92f3577b34da6a3ce929d0e0e4736";
        let sent = |trace: &str| wire(&ErrorResponse::internal().with_trace_id(trace))["trace_id"].clone();
        assert_eq!(sent(good), good);
        for bad in ["", "SELECT", &good[1..], &good.to_uppercase(), &"0".repeat(32)] {
            assert_eq!(sent(bad), Value::Null, "{bad}");
        }
    }

    #[test]
    fn constructors_have_the_status_of_their_kind() {
        let second = Duration::from_secs(1);
        for (response, status) in [
            (ErrorResponse::validation(), 422),
            (ErrorResponse::unauthenticated(), 401),
            (ErrorResponse::forbidden(), 403),
            (ErrorResponse::not_found("User"), 404),
            (ErrorResponse::conflict("taken"), 409),
            (ErrorResponse::business_rule("no"), 409),
            (ErrorResponse::rate_limited(second), 429),
            (ErrorResponse::timeout(), 504),
            (ErrorResponse::unavailable(second), 503),
            (ErrorResponse::external_service(), 502),
            (ErrorResponse::internal(), 500),
        ] {
            assert_eq!(response.status(), status);
        }
    }

    #[test]
    fn retry_after_is_whole_seconds_rounded_up() {
        let seconds = |ms| ErrorResponse::rate_limited(Duration::from_millis(ms)).retry_after_seconds();
        assert_eq!(seconds(1500), Some(2));
        assert_eq!(seconds(2000), Some(2));
        assert_eq!(seconds(0), Some(1));
        assert_eq!(
            ErrorResponse::unavailable(Duration::MAX).retry_after_seconds(),
            Some(2_147_483_647)
        );
        assert_eq!(
            ErrorResponse::new(ErrorKind::RateLimited).retry_after_seconds(),
            Some(1)
        );
        assert_eq!(ErrorResponse::internal().retry_after_seconds(), None);
    }
}
