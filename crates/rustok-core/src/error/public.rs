//! The public half of an error: the only data a response is made of.
//!
//! It must not contain text that was not written for clients. [`super::RichError`] keeps its internal message, fields
//! and sources elsewhere, and [`super::ErrorResponse`] takes only a [`PublicPart`], so internal text has no path into
//! a response.

use super::ErrorKind;
use super::pointer::{MAX_POINTER_BYTES, cut, pointer, pointer_to};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;

// Everything whose length untrusted input controls has a limit here, even if no earlier check applied one.

/// Maximum number of violations in a problem; further ones are dropped.
pub const MAX_VIOLATIONS: usize = 100;
/// Maximum length of a human-readable text, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 1024;
/// Maximum length of a code, in bytes.
const MAX_CODE_BYTES: usize = 64;
/// Maximum size of a text, list or object as an extension, in bytes of JSON.
pub(super) const MAX_EXTENSION_BYTES: usize = 8 * 1024;
/// Maximum wait, in seconds: a value that every parser of `Retry-After` can represent (RFC 9111, 1.2.2).
const MAX_RETRY_AFTER: Duration = Duration::from_secs(2_147_483_647);

/// One broken rule of one field of the request.
///
/// Limits: 100 violations per problem; pointer 512 bytes (a longer one is cut after a whole segment), code 64 bytes
/// (a longer one becomes `invalid`), detail 1,024 bytes (a longer one ends with `…`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldViolation {
    /// The location: a JSON pointer in its URI fragment form (RFC 6901, section 6), such as `#/lines/0/quantity`;
    /// `?limit` for a query parameter.
    pub pointer: String,
    /// Machine-readable code: snake_case, stable.
    pub code: Cow<'static, str>,
    /// Human-readable explanation.
    pub detail: Cow<'static, str>,
}

impl FieldViolation {
    /// A violation at `field`: a name, a dotted path (`lines.0.quantity`), a JSON pointer (`/lines/0`, `#/lines/0`)
    /// or a `?parameter`. Characters that are invalid in a URI fragment are percent-encoded. For a key that may
    /// contain a dot use [`FieldViolation::at`].
    #[must_use]
    pub fn new(
        field: impl AsRef<str>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            pointer: pointer(field.as_ref()),
            code: code.into(),
            detail: detail.into(),
        }
    }

    /// A violation at a path of keys and indexes, whatever characters the keys contain.
    ///
    /// ```
    /// use rustok_core::error::FieldViolation;
    ///
    /// let violation = FieldViolation::at(["sizes", "EU 38/40", "0.5"], "unknown", "is no size of ours");
    /// assert_eq!(violation.pointer, "#/sizes/EU%2038~140/0.5");
    /// ```
    #[must_use]
    pub fn at<S: AsRef<str>>(
        segments: impl IntoIterator<Item = S>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            pointer: pointer_to(segments),
            code: code.into(),
            detail: detail.into(),
        }
    }

    /// A violation from a single text. A snake_case word (`required`) becomes its code as well; with any other text
    /// (`> 0`) the code is `invalid`.
    #[must_use]
    pub fn from_message(field: impl AsRef<str>, message: impl Into<Cow<'static, str>>) -> Self {
        let detail = message.into();
        let code = if is_code(&detail) {
            detail.clone()
        } else {
            Cow::Borrowed("invalid")
        };
        Self {
            pointer: pointer(field.as_ref()),
            code,
            detail,
        }
    }

    /// Applies the limits, also to a violation whose fields were set directly.
    fn limit(&mut self) {
        if self.pointer.len() > MAX_POINTER_BYTES {
            self.pointer = cut(std::mem::take(&mut self.pointer));
        }
        if self.code.len() > MAX_CODE_BYTES || self.code.is_empty() {
            self.code = Cow::Borrowed("invalid");
        }
        if self.detail.is_empty() {
            self.detail = Cow::Borrowed("is not valid");
        }
        cut_text(&mut self.detail);
    }
}

/// Whether `text` is a valid code: 1 to [`MAX_CODE_BYTES`] characters of `[a-z0-9_]`, a letter first.
fn is_code(text: &str) -> bool {
    text.len() <= MAX_CODE_BYTES
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Cuts to [`MAX_TEXT_BYTES`]; a cut text ends with `…`.
fn cut_text(text: &mut Cow<'static, str>) {
    if text.len() > MAX_TEXT_BYTES {
        let end = text.floor_char_boundary(MAX_TEXT_BYTES - '…'.len_utf8());
        *text = Cow::Owned(format!("{}…", &text[..end]));
    }
}

/// The public data of an error. Small, since most errors have neither violations nor extensions.
#[derive(Debug, Clone)]
pub(super) struct PublicPart {
    pub(super) kind: ErrorKind,
    status: u16,
    code: Option<&'static str>,
    message: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    more: Option<Box<More>>,
}

#[derive(Debug, Clone, Default)]
struct More {
    violations: Vec<FieldViolation>,
    extensions: Vec<(&'static str, Value)>,
}

/// Standard members of every problem; an extension cannot replace them.
const RESERVED: [&str; 10] = [
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "kind",
    "trace_id",
    "retryable",
    "errors",
];

impl PublicPart {
    pub(super) const fn new(kind: ErrorKind) -> Self {
        Self {
            kind,
            status: kind.status(),
            code: None,
            message: None,
            retry_after: None,
            more: None,
        }
    }

    pub(super) fn code(&self) -> &'static str {
        self.code.unwrap_or_else(|| self.kind.default_code())
    }

    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    /// The title belongs to the problem type (RFC 9457, 3.1.3), so it follows from the code alone.
    pub(super) fn title(&self) -> Cow<'static, str> {
        let code = self.code();
        if code == self.kind.default_code() {
            return Cow::Borrowed(self.kind.title());
        }
        let words = code.replace('_', " ");
        let mut chars = words.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        Cow::Owned(first.into_iter().chain(chars).collect())
    }

    pub(super) fn detail(&self) -> &str {
        self.message
            .as_deref()
            .unwrap_or_else(|| self.kind.public_sentence())
    }

    pub(super) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// A blank text counts as none.
    pub(super) fn set_message(&mut self, message: impl Into<Cow<'static, str>>) {
        let mut message = message.into();
        cut_text(&mut message);
        self.message = Some(message).filter(|message| !message.trim().is_empty());
    }

    pub(super) const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    pub(super) fn set_retry_after(&mut self, after: Duration) {
        self.retry_after = Some(after.min(MAX_RETRY_AFTER));
    }

    /// 429 and 503 always carry a `Retry-After`, one second by default.
    pub(super) fn retry_after_or_default(&self) -> Option<Duration> {
        self.retry_after.or(match self.kind {
            ErrorKind::RateLimited | ErrorKind::Unavailable => Some(Duration::from_secs(1)),
            _ => None,
        })
    }

    pub(super) fn violations(&self) -> &[FieldViolation] {
        self.more.as_deref().map_or(&[], |more| &more.violations)
    }

    pub(super) fn extensions(&self) -> &[(&'static str, Value)] {
        self.more.as_deref().map_or(&[], |more| &more.extensions)
    }

    pub(super) const fn set_code(&mut self, code: &'static str) {
        self.code = Some(code);
    }

    pub(super) const fn set_status(&mut self, status: u16) {
        if self.kind.allows_status(status) {
            self.status = status;
        }
    }

    pub(super) fn add_violations(&mut self, violations: impl IntoIterator<Item = FieldViolation>) {
        let all = &mut self.more.get_or_insert_default().violations;
        let room = MAX_VIOLATIONS.saturating_sub(all.len());
        all.extend(violations.into_iter().take(room).map(|mut violation| {
            violation.limit();
            violation
        }));
    }

    /// The last value of a name wins; a reserved name, a value that is not JSON and one that is too large are
    /// dropped.
    pub(super) fn set_extension(&mut self, name: &'static str, value: impl Serialize) {
        if RESERVED.contains(&name) {
            return;
        }
        let Ok(value) = serde_json::to_value(value) else {
            return;
        };
        let bytes = match &value {
            Value::String(text) => text.len(),
            Value::Array(_) | Value::Object(_) => value.to_string().len(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        };
        if bytes > MAX_EXTENSION_BYTES {
            return;
        }
        let all = &mut self.more.get_or_insert_default().extensions;
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => all.push((name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_its_own_code_and_a_sentence_is_not() {
        assert_eq!(FieldViolation::from_message("email", "required").code, "required");
        for text in ["> 0", "must be positive", "", "Required", "0"] {
            assert_eq!(
                FieldViolation::from_message("age", text).code,
                "invalid",
                "{text}"
            );
        }
    }

    #[test]
    fn a_status_of_another_kind_is_ignored() {
        let mut part = PublicPart::new(ErrorKind::Validation);
        part.set_status(500);
        assert_eq!(part.status(), 422);
        part.set_status(413);
        assert_eq!(part.status(), 413);
    }

    #[test]
    fn no_kind_takes_a_status_that_is_not_its_own() {
        for kind in ErrorKind::ALL {
            for status in 0..=u16::MAX {
                let mut part = PublicPart::new(kind);
                part.set_status(status);
                let class = part.status() / 100;
                assert_eq!(class, kind.status() / 100, "{kind} {status}");
                assert!(kind.allows_status(part.status()), "{kind} {status}");
            }
        }
    }

    #[test]
    fn a_hundred_violations_are_listed_and_the_rest_left_out() {
        let mut part = PublicPart::new(ErrorKind::Validation);
        let many = |from: usize| (from..from + 70).map(|at| FieldViolation::at([at.to_string()], "x", "y"));
        part.add_violations(many(0));
        part.add_violations(many(70));
        assert_eq!(part.violations().len(), MAX_VIOLATIONS);
        assert_eq!(part.violations()[99].pointer, "#/99");
    }

    #[test]
    fn long_and_empty_texts_of_a_violation_are_mended() {
        let mut part = PublicPart::new(ErrorKind::Validation);
        let long = "名".repeat(1 << 20);
        let by_hand = FieldViolation {
            pointer: format!("#/{}", "x/".repeat(1 << 20)),
            code: Cow::Owned(long.clone()),
            detail: Cow::Owned(long.clone()),
        };
        let foreign = FieldViolation {
            pointer: long,
            ..by_hand.clone()
        };
        part.add_violations([by_hand, foreign, FieldViolation::from_message("a", "")]);
        let [long, foreign, empty] = part.violations() else {
            panic!("{part:?}")
        };
        assert!(long.pointer.len() <= MAX_POINTER_BYTES && long.pointer.ends_with("/x"));
        assert!(foreign.pointer.len() <= MAX_POINTER_BYTES);
        assert!(long.detail.len() <= MAX_TEXT_BYTES && long.detail.ends_with("名…"));
        assert_eq!(long.code, "invalid");
        assert_eq!((&*empty.code, &*empty.detail), ("invalid", "is not valid"));
    }

    #[test]
    fn a_message_that_says_nothing_is_none_and_a_long_one_is_cut() {
        let mut part = PublicPart::new(ErrorKind::Forbidden);
        for blank in ["", " ", "\n\t"] {
            part.set_message(blank);
            assert_eq!(part.detail(), ErrorKind::Forbidden.public_sentence());
        }
        part.set_message("x".repeat(MAX_TEXT_BYTES));
        assert_eq!(part.detail().len(), MAX_TEXT_BYTES);
        assert!(!part.detail().ends_with('…'));
        part.set_message("x".repeat(1 << 20));
        assert_eq!(part.detail().len(), MAX_TEXT_BYTES);
        assert!(part.detail().ends_with('…'));
    }

    #[test]
    fn large_extensions_are_left_out() {
        let mut part = PublicPart::new(ErrorKind::BusinessRule);
        part.set_extension("text", "x".repeat(MAX_EXTENSION_BYTES + 1));
        part.set_extension("list", vec!["x"; MAX_EXTENSION_BYTES]);
        part.set_extension("no_json", std::collections::BTreeMap::from([((1, 2), 3)]));
        assert!(part.extensions().is_empty());
        part.set_extension("fits", "x".repeat(MAX_EXTENSION_BYTES));
        assert_eq!(part.extensions().len(), 1);
    }

    #[test]
    fn extensions_replace_but_never_shadow() {
        let mut part = PublicPart::new(ErrorKind::BusinessRule);
        part.set_extension("status", 200);
        part.set_extension("available", 1);
        part.set_extension("available", 2);
        assert_eq!(part.extensions(), [("available", serde_json::json!(2))]);
    }

    #[test]
    fn titles_follow_from_the_code() {
        let mut part = PublicPart::new(ErrorKind::BusinessRule);
        assert_eq!(part.title(), "Business rule violated");
        part.set_code("insufficient_stock");
        assert_eq!(part.title(), "Insufficient stock");
    }
}
