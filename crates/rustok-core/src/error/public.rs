//! The public half of an error: the only data a response can be made of.
//!
//! Nothing in here may hold text that was not written for the outside. [`super::RichError`] keeps its internal message,
//! fields and sources elsewhere, and [`super::ErrorResponse`] takes nothing but a [`PublicPart`], so there is no path
//! from the one to the other.

use super::ErrorKind;
use serde::Serialize;
use std::borrow::Cow;
use std::time::Duration;

/// One broken rule of one field of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldViolation {
    /// Where: a JSON pointer in its URI fragment form (RFC 6901, section 6), such as `#/lines/0/quantity`;
    /// `?limit` for a parameter of the query.
    pub pointer: String,
    /// What, for programs: snake_case, stable.
    pub code: Cow<'static, str>,
    /// What, for people.
    pub detail: Cow<'static, str>,
}

impl FieldViolation {
    /// A violation at `field`: a name, a dotted path (`lines.0.quantity`), or a pointer or
    /// `?parameter` that is taken as it is.
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

    /// A violation that is told by one text. A text that is a snake_case word (`required`) is its code as well; of any
    /// other text (`> 0`) the code is `invalid`.
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
}

/// Whether `text` is fit to be a code: 1 to 64 of `[a-z0-9_]`, a letter first.
fn is_code(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `email` → `#/email`, `lines.0.quantity` → `#/lines/0/quantity`, `/a/b` → `#/a/b`, `#/a` and `` (the whole
/// document, `#`) as they are.
fn pointer(field: &str) -> String {
    if field.starts_with(['#', '?']) {
        return field.to_owned();
    }
    let mut out = String::with_capacity(field.len() + 2);
    out.push('#');
    if field.starts_with('/') {
        out.push_str(field);
    } else if !field.is_empty() {
        for segment in field.split('.') {
            out.push('/');
            out.push_str(&segment.replace('~', "~0").replace('/', "~1"));
        }
    }
    out
}

/// What the outside may know of an error. Small, since most errors have neither violations nor extensions.
#[derive(Debug, Clone)]
pub(super) struct PublicPart {
    pub(super) kind: ErrorKind,
    status: u16,
    code: Option<&'static str>,
    pub(super) message: Option<Cow<'static, str>>,
    pub(super) retry_after: Option<Duration>,
    more: Option<Box<More>>,
}

#[derive(Debug, Clone, Default)]
struct More {
    violations: Vec<FieldViolation>,
    extensions: Vec<(&'static str, serde_json::Value)>,
}

/// Members that belong to every problem; an extension cannot take their place.
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

    /// 429 and 503 always say when to come back, after one second if nobody knows better.
    pub(super) fn retry_after_or_default(&self) -> Option<Duration> {
        self.retry_after.or(match self.kind {
            ErrorKind::RateLimited | ErrorKind::Unavailable => Some(Duration::from_secs(1)),
            _ => None,
        })
    }

    pub(super) fn violations(&self) -> &[FieldViolation] {
        self.more.as_deref().map_or(&[], |more| &more.violations)
    }

    pub(super) fn extensions(&self) -> &[(&'static str, serde_json::Value)] {
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

    pub(super) fn add_violations(&mut self, violations: Vec<FieldViolation>) {
        let all = &mut self.more.get_or_insert_default().violations;
        if all.is_empty() {
            *all = violations;
        } else {
            all.extend(violations);
        }
    }

    /// The last value of a name wins; a reserved name and a value that is no JSON are left out.
    pub(super) fn set_extension(&mut self, name: &'static str, value: impl Serialize) {
        if RESERVED.contains(&name) {
            return;
        }
        let Ok(value) = serde_json::to_value(value) else {
            return;
        };
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
    fn fields_become_json_pointers() {
        for (field, expected) in [
            ("email", "#/email"),
            ("lines.0.quantity", "#/lines/0/quantity"),
            ("/lines/0", "#/lines/0"),
            ("#/lines/0", "#/lines/0"),
            ("", "#"),
            ("a/b~c", "#/a~1b~0c"),
            ("?limit", "?limit"),
        ] {
            assert_eq!(pointer(field), expected);
        }
    }

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
