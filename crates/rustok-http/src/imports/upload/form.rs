//! The form fields of an import, validated before the file is received; all violations are reported at once.

use crate::session::form_expired;
use rustok_app::Ctx;
use rustok_app::import::{self, ImportOptions, ImportSource};
use rustok_auth::FormToken;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_core::money::Currency;
use rustok_text::Locale;
use rustok_text::plain::clean_name;
use std::collections::BTreeMap;

/// The fields that must precede the file.
const FIELDS: [&str; 7] = [
    "source",
    "currency",
    "locale",
    "dry_run",
    "overwrite",
    "zero_when_missing",
    "source_name",
];
/// The maximum length of a stored file name, in characters.
const MAX_NAME_CHARS: usize = 255;

/// The last path segment of the client's file name, for the report.
pub(super) fn file_name(given: Option<&str>) -> String {
    let name = given
        .unwrap_or_default()
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    let name: String = clean_name(name)
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME_CHARS)
        .collect();
    match clean_name(&name) {
        nothing if nothing.is_empty() => "upload".to_owned(),
        name => name,
    }
}

/// The fields as received, and their violations.
#[derive(Debug, Default)]
pub(super) struct Form {
    values: BTreeMap<String, String>,
    found: Vec<FieldViolation>,
    origin: Origin,
}

/// Where a form comes from.
#[derive(Debug, Default)]
enum Origin {
    /// From a program, which sends what it means.
    #[default]
    Program,
    /// From a page, whose token must be the first field.
    Page(FormToken),
    /// From a page, whose token was right.
    CheckedPage,
}

impl Form {
    /// The form of a page with this token.
    pub(super) fn of_page(token: FormToken) -> Self {
        Self {
            origin: Origin::Page(token),
            ..Self::default()
        }
    }

    /// The fields as typed.
    pub(super) fn into_values(self) -> Vec<(String, String)> {
        self.values.into_iter().collect()
    }

    /// Refuses the form of a page whose token has not come.
    ///
    /// # Errors
    /// `form_expired`.
    pub(super) fn check_token(&self) -> Result<(), RichError> {
        match self.origin {
            Origin::Program | Origin::CheckedPage => Ok(()),
            Origin::Page(_) => Err(form_expired()),
        }
    }

    /// Records a field; the value is `None` if it is too long or not text.
    ///
    /// # Errors
    /// `form_expired` if it should have been the token of a page's form, and is not.
    pub(super) fn note(&mut self, name: String, value: Option<String>) -> Result<(), RichError> {
        if let Origin::Page(token) = &self.origin {
            if name != "form_token" || !token.matches(value.as_deref().unwrap_or_default()) {
                return Err(form_expired());
            }
            self.origin = Origin::CheckedPage;
            return Ok(());
        }
        if matches!(self.origin, Origin::CheckedPage) && value.as_deref() == Some("") {
            return Ok(());
        }
        self.note_field(name, value);
        Ok(())
    }

    fn note_field(&mut self, name: String, value: Option<String>) {
        let mut wrong = |code: &'static str, why: &'static str| {
            let at = format!("#/{}", file_name(Some(&name)));
            self.found.push(FieldViolation::new(at, code, why));
        };
        if !FIELDS.contains(&name.as_str()) {
            return wrong("unknown", "is not a field of this form");
        }
        let Some(value) = value else {
            return wrong("too_long", "must be text of at most 255 bytes");
        };
        if self.values.contains_key(&name) {
            return wrong("duplicate", "stands twice");
        }
        self.values.insert(name, value);
    }

    /// What the import may do, as far as the fields are valid.
    fn options(&mut self) -> ImportOptions {
        const FLAG: &str = "must be `true` or `false`";
        let overwrite = self.read("overwrite", |text| text.parse::<bool>().ok(), FLAG);
        let zero_when_missing = self.read("zero_when_missing", |text| text.parse::<bool>().ok(), FLAG);
        ImportOptions {
            overwrite: overwrite.unwrap_or(false),
            zero_when_missing: zero_when_missing.unwrap_or(false),
            source_name: self.read("source_name", import::source_name, import::SOURCE_NAME_RULE),
        }
    }

    /// The import's source, whether it is a dry run, and its options, if all fields are valid and the file follows.
    ///
    /// # Errors
    /// `validation_failed` with all violations.
    pub(super) fn checked(
        &mut self,
        ctx: &Ctx,
        has_file: bool,
    ) -> Result<(ImportSource, bool, ImportOptions), RichError> {
        let currency = self.read(
            "currency",
            |text| Currency::parse(text).ok(),
            "must be an ISO 4217 code",
        );
        let locale = self.read(
            "locale",
            |text| Locale::parse(text).ok(),
            "must be a language tag",
        );
        let dry_run = self.read(
            "dry_run",
            |text| text.parse::<bool>().ok(),
            "must be `true` or `false`",
        );
        let options = self.options();
        let source = match self.values.get("source").map(String::as_str) {
            Some("shopify") => Some(import::shopify_source(ctx, currency)?),
            Some("wordpress") => Some(import::wordpress_source(ctx, locale)?),
            given => {
                let code = if given.is_some() { "invalid" } else { "required" };
                self.found.push(FieldViolation::new(
                    "#/source",
                    code,
                    "must be `shopify` or `wordpress`",
                ));
                None
            }
        };
        let of_the_other = match self.values.get("source").map(String::as_str) {
            Some("shopify") if locale.is_some() => {
                Some(("locale", "is not for products: a product CSV has no language"))
            }
            Some("wordpress") if currency.is_some() => {
                Some(("currency", "is not for an export of WordPress: it has no prices"))
            }
            _ => None,
        };
        if let Some((name, rule)) = of_the_other {
            let pointer = format!("#/{name}");
            self.found.push(FieldViolation::new(pointer, "not_allowed", rule));
        }
        if !has_file {
            self.found
                .push(FieldViolation::new("#/file", "required", "is required"));
        }
        match source {
            Some(source) if self.found.is_empty() => Ok((source, dry_run.unwrap_or(false), options)),
            _ => Err(RichError::new(ErrorKind::Validation, "form refused")
                .with_violations(std::mem::take(&mut self.found))),
        }
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
        rule: &'static str,
    ) -> Option<T> {
        let value = parse(self.values.get(name)?);
        if value.is_none() {
            self.found
                .push(FieldViolation::new(format!("#/{name}"), "invalid", rule));
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_form() -> (Form, String) {
        let secret = rustok_auth::TokenSecret::from_random_bytes(rustok_auth::SecretKind::Session, [7; 32]);
        let token = secret.form_token();
        let sent = token.expose().to_owned();
        (Form::of_page(token), sent)
    }

    #[test]
    fn the_first_field_of_a_pages_form_is_its_token() {
        let (mut form, token) = page_form();
        form.note("form_token".to_owned(), Some(token.clone())).unwrap();
        form.note("source".to_owned(), Some("shopify".to_owned()))
            .unwrap();
        form.check_token().unwrap();
        assert_eq!(form.into_values(), [("source".to_owned(), "shopify".to_owned())]);
        for (name, value) in [
            ("source", Some("shopify".to_owned())),
            ("form_token", Some(format!("{token}x"))),
            ("form_token", None),
            ("token", Some(token)),
        ] {
            let (mut form, _) = page_form();
            let refused = form.note(name.to_owned(), value).unwrap_err();
            assert_eq!((refused.status(), refused.code()), (403, "form_expired"));
        }
        // A file that comes before anything else.
        assert!(page_form().0.check_token().is_err() && Form::default().check_token().is_ok());
    }

    #[test]
    fn an_empty_field_is_missing_on_a_page_and_a_value_of_a_program() {
        let (mut page, token) = page_form();
        page.note("form_token".to_owned(), Some(token)).unwrap();
        let mut program = Form::default();
        for form in [&mut page, &mut program] {
            form.note("currency".to_owned(), Some(String::new())).unwrap();
        }
        assert_eq!((page.values.len(), program.values.len()), (0, 1));
    }

    #[test]
    fn a_name_is_the_last_part_of_a_path_and_can_be_shown() {
        for (given, name) in [
            (Some("shop.csv"), "shop.csv"),
            (Some("/etc/../shop.csv"), "shop.csv"),
            (Some("C:\\data\\shop.csv"), "shop.csv"),
            (Some("a\u{0}b\n.csv"), "ab.csv"),
            (Some("x/"), "upload"),
            (Some("  "), "upload"),
            (Some(" shop\u{202e}vsc.csv "), "shopvsc.csv"),
            (Some("\u{200b}\u{1} "), "upload"),
            (None, "upload"),
        ] {
            assert_eq!(file_name(given), name);
        }
        assert_eq!(file_name(Some(&"ж".repeat(999))).chars().count(), MAX_NAME_CHARS);
    }
}
