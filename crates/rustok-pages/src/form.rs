//! Forms: what was typed, and what is wrong with it.
//!
//! A refused form is shown again with every value as typed. Each error of the problem stands at its field; those without a
//! field are in the note above the form.

use crate::words::Words;
use rustok_core::error::{FieldViolation, RichError};

/// The maximum number of fields of a form.
const MAX_FIELDS: usize = 5_000;

/// The fields of a form that was sent, in order; a name may occur more than once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`; `None` if there are too many fields.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if fields.len() == MAX_FIELDS {
                return None;
            }
            // Browsers send line ends as CR LF.
            fields.push((name.into_owned(), value.replace("\r\n", "\n")));
        }
        Some(Self(fields))
    }

    /// Fields that were read elsewhere.
    pub(crate) const fn read(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// Fields with these values, as a form shows a thing that exists.
    pub(crate) fn of<const N: usize>(values: [(&str, String); N]) -> Self {
        Self(values.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The value of a field as typed; empty if it was not sent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// The value of a field without white space around it; `None` if nothing remains.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// The key under which this form is sent once: what was typed, and the field `once` that each form has for itself.
    pub(crate) fn once(&self) -> String {
        let sent = self.0.iter().filter(|(name, _)| name != "form_token");
        let pairs = sent.map(|(name, value)| format!("{name}\u{0}{value}\u{0}"));
        pairs.collect()
    }

    /// All values of a name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// One error, at its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// The id of the field: `f-` and the pointer with dashes for slashes.
    pub(crate) id: String,
    /// What to do, in the language of the page.
    pub(crate) message: String,
}

/// A form as it is shown: values, and errors if it was refused.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    /// The values.
    pub(crate) fields: Fields,
    /// What is wrong.
    pub(crate) errors: Vec<FieldError>,
    /// What went wrong with the whole, if no field is to blame.
    pub(crate) problem: Option<String>,
}

impl Form {
    /// A form that nobody has sent yet.
    pub(crate) const fn new(fields: Fields) -> Self {
        Self {
            fields,
            errors: Vec::new(),
            problem: None,
        }
    }

    /// A form that was refused.
    pub(crate) fn refused(words: Words, fields: Fields, refusal: &RichError) -> Self {
        let errors: Vec<_> = refusal
            .violations()
            .iter()
            .map(|violation| FieldError {
                id: id_of(violation),
                message: words.violation(violation).into_owned(),
            })
            .collect();
        let problem = errors
            .is_empty()
            .then(|| words.problem(&refusal.to_response()).into_owned());
        Self {
            fields,
            errors,
            problem,
        }
    }

    /// Whether it was refused.
    pub(crate) fn is_refused(&self) -> bool {
        !self.errors.is_empty() || self.problem.is_some()
    }

    /// Puts the errors of single items of a list at its field, each with the item that it is about.
    pub(crate) fn name_items(&mut self, field: &str, items: &[String]) {
        let prefix = format!("f-{field}-");
        for error in &mut self.errors {
            let index = error.id.strip_prefix(&prefix).map(str::parse::<usize>);
            if let Some(Ok(index)) = index
                && let Some(item) = items.get(index)
            {
                error.message = format!("{item}: {}", error.message);
                error.id.truncate(prefix.len() - 1);
            }
        }
    }

    /// The value of a field.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.fields.text(name)
    }

    /// What is wrong with the field whose pointer is `/name`.
    pub(crate) fn error(&self, name: &str) -> Option<&str> {
        let mut found = self
            .errors
            .iter()
            .filter(|error| error.id.strip_prefix("f-") == Some(name));
        found.next().map(|error| error.message.as_str())
    }
}

/// The id of the field that a violation is about.
fn id_of(violation: &FieldViolation) -> String {
    let pointer = violation.pointer.trim_start_matches(['#', '?']);
    format!("f-{}", pointer.trim_start_matches('/').replace('/', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_what_was_typed() {
        let fields = Fields::parse(b"id=1&id=2&text=a%0D%0Ab+c&empty=").unwrap();
        assert_eq!(fields.all("id").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((fields.text("text"), fields.filled("empty")), ("a\nb c", None));
        let many = "a=1&".repeat(MAX_FIELDS + 1);
        assert!(Fields::parse(many.as_bytes()).is_none());
    }

    #[test]
    fn an_error_of_an_item_names_it() {
        let error = |id: &str| FieldError {
            id: id.to_owned(),
            message: "wrong".to_owned(),
        };
        let mut form = Form {
            errors: vec![
                error("f-list-1"),
                error("f-list"),
                error("f-other-0"),
                error("f-list-9"),
            ],
            ..Form::default()
        };
        form.name_items("list", &["a".to_owned(), "b".to_owned()]);
        let shown: Vec<_> = form
            .errors
            .iter()
            .map(|e| (e.id.as_str(), e.message.as_str()))
            .collect();
        let expected = [
            ("f-list", "b: wrong"),
            ("f-list", "wrong"),
            ("f-other-0", "wrong"),
            ("f-list-9", "wrong"),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_error_stands_at_its_field() {
        for (pointer, id) in [
            ("#/lines/0/quantity", "f-lines-0-quantity"),
            ("?q", "f-q"),
            ("#", "f-"),
        ] {
            let violation = FieldViolation {
                pointer: pointer.to_owned(),
                code: "x".into(),
                detail: "y".into(),
            };
            assert_eq!(id_of(&violation), id);
        }
    }
}
