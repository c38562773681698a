//! Translations: the text of a node in one locale, from the request or the import to its stored form.
//!
//! [`TranslationInput::validate`] is the only way to a [`TranslationDraft`], and only a draft can become a revision:
//! no text is stored unchecked, and no body without its sanitised HTML.

use crate::error::{ContentError, FieldError};
use crate::node::NodeKind;
use rustok_text::body::{BodyFormat, Removed, Sanitised, render_html};
use rustok_text::plain::{
    TextFault, checked_line, checked_text, clean_name, has_forbidden_control, one_line, plain_text,
};
use rustok_text::slug::{Slug, SlugError};
use std::borrow::Cow;

/// The source of the text, which determines how strict the rules are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A person, who can correct the input. A title is required, an invalid slug is an error.
    Editor,
    /// An export of another system, which is accepted whenever possible: an empty title is allowed, markup in title
    /// and excerpt is reduced to its text, an invalid slug is replaced by the nearest valid one, control characters
    /// are removed.
    Import,
}

impl Source {
    /// The text as a single line. An editor's text is plain already, and a line break in it is a fault; other systems keep
    /// markup and line breaks in names and titles.
    pub(crate) fn line(self, text: &str) -> String {
        match self {
            Self::Editor => clean_name(text),
            Self::Import => one_line(&clean_name(&plain_text(text))),
        }
    }
}

/// The text of a node in one locale as sent, not yet validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslationInput {
    /// Plain text in a single line, 1 to [`TranslationInput::MAX_TITLE_CHARS`] characters.
    pub title: String,
    /// The requested slug; if missing or blank, it is derived from the title.
    pub slug: Option<String>,
    /// Plain text, at most [`TranslationInput::MAX_EXCERPT_CHARS`] characters; may be empty.
    pub excerpt: String,
    /// The source of the body, at most [`rustok_text::body::MAX_BODY_BYTES`]; may be empty.
    pub body: String,
    /// The format of the body.
    pub format: BodyFormat,
}

impl TranslationInput {
    /// The maximum length of a title, in characters. WordPress has no limit; its longest real titles have a few
    /// hundred characters.
    pub const MAX_TITLE_CHARS: usize = 1_000;
    /// The maximum length of an excerpt, in characters.
    pub const MAX_EXCERPT_CHARS: usize = 10_000;

    /// Validates all fields and renders the body. The slug is derived from `kind` if neither slug nor title has a
    /// usable character.
    ///
    /// # Errors
    /// [`ContentError::ValidationFailed`] with all violations at once, in the order title, slug, excerpt, body; the
    /// pointers are `#/title` and so on.
    pub fn validate(self, kind: &NodeKind, source: Source) -> Result<TranslationDraft, ContentError> {
        let mut errors = Vec::new();
        let title = title(&self.title, source, &mut errors);
        let (slug, slug_is_given) = slug(self.slug.as_deref(), &title, kind, source, &mut errors);
        let excerpt = excerpt(&self.excerpt, source, &mut errors);
        let body = match source {
            Source::Import if has_forbidden_control(&self.body) => without_forbidden_control(&self.body),
            _ => self.body,
        };
        let Sanitised { html, removed } = render_html(self.format, &body).unwrap_or_else(|error| {
            errors.push(FieldError::new("body", error.code(), error.to_string()));
            Sanitised::default()
        });
        if !errors.is_empty() {
            return Err(ContentError::ValidationFailed(errors));
        }
        let translation = Translation {
            title,
            slug,
            excerpt,
            body,
            format: self.format,
            body_html: html,
        };
        Ok(TranslationDraft {
            translation,
            removed,
            slug_is_given,
        })
    }
}

fn title(title: &str, source: Source, errors: &mut Vec<FieldError>) -> String {
    let (title, mut faults) = checked_line(&source.line(title), TranslationInput::MAX_TITLE_CHARS);
    if source == Source::Import {
        faults.retain(|fault| *fault != TextFault::Blank);
    }
    refuse("title", faults, errors);
    title
}

fn excerpt(excerpt: &str, source: Source, errors: &mut Vec<FieldError>) -> String {
    let read = match source {
        Source::Editor => Cow::Borrowed(excerpt),
        Source::Import => Cow::Owned(without_forbidden_control(&plain_text(excerpt))),
    };
    let (excerpt, mut faults) = checked_text(&read, TranslationInput::MAX_EXCERPT_CHARS);
    faults.retain(|fault| *fault != TextFault::Blank);
    refuse("excerpt", faults, errors);
    excerpt
}

/// Adds the rules that a text breaks.
pub(crate) fn refuse(field: &str, faults: Vec<TextFault>, errors: &mut Vec<FieldError>) {
    let found = faults
        .into_iter()
        .map(|fault| FieldError::new(field, fault.code(), fault.to_string()));
    errors.extend(found);
}

fn without_forbidden_control(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
        .collect()
}

/// The slug, and whether it was requested.
fn slug(
    given: Option<&str>,
    title: &str,
    kind: &NodeKind,
    source: Source,
    errors: &mut Vec<FieldError>,
) -> (Slug, bool) {
    let from_title = || Slug::from_title(title).unwrap_or_else(|| kind.as_slug());
    let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else {
        return (from_title(), false);
    };
    match (Slug::parse(given), source) {
        (Ok(slug), _) => (slug, true),
        (Err(_), Source::Import) => match Slug::from_title(given) {
            Some(slug) => (slug, true),
            None => (from_title(), false),
        },
        (Err(error), Source::Editor) => {
            errors.push(slug_violation("slug", error));
            (from_title(), false)
        }
    }
}

/// The violation for an invalid slug in `field`.
pub(crate) fn slug_violation(field: &str, error: SlugError) -> FieldError {
    FieldError::new(field, error.code(), error.to_string())
}

/// The text of a node in one locale, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// Plain text: templates must escape it. Empty only if an import had none.
    pub title: String,
    /// The slug, unique in the tenant for its locale.
    pub slug: Slug,
    /// Plain text, may be empty.
    pub excerpt: String,
    /// The source of the body.
    pub body: String,
    /// The format of the body.
    pub format: BodyFormat,
    /// The rendered and sanitised HTML of the body.
    pub body_html: String,
}

/// A validated translation, ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslationDraft {
    translation: Translation,
    removed: Removed,
    slug_is_given: bool,
}

impl TranslationDraft {
    /// The translation.
    #[must_use]
    pub const fn translation(&self) -> &Translation {
        &self.translation
    }

    /// The translation, owned.
    #[must_use]
    pub fn into_translation(self) -> Translation {
        self.translation
    }

    /// What the sanitiser removed from the body.
    #[must_use]
    pub const fn removed(&self) -> &Removed {
        &self.removed
    }

    /// Whether the slug was requested explicitly. A requested slug that is taken is a conflict; a derived one gets a
    /// number appended instead.
    #[must_use]
    pub const fn slug_is_given(&self) -> bool {
        self.slug_is_given
    }

    /// The same text with the title of `other`.
    #[must_use]
    pub fn with_title_of(mut self, other: &Translation) -> Self {
        self.translation.title.clone_from(&other.title);
        self
    }

    /// The same text with the excerpt of `other`.
    #[must_use]
    pub fn with_excerpt_of(mut self, other: &Translation) -> Self {
        self.translation.excerpt.clone_from(&other.excerpt);
        self
    }

    /// The same text with the body of `other`, of which nothing was removed now.
    #[must_use]
    pub fn with_body_of(mut self, other: &Translation) -> Self {
        self.translation.body.clone_from(&other.body);
        self.translation.format = other.format;
        self.translation.body_html.clone_from(&other.body_html);
        self.removed = Removed::default();
        self
    }

    /// The same text with another slug: a numbered one, or the one that the node already has.
    #[must_use]
    pub fn with_slug(mut self, slug: Slug) -> Self {
        self.translation.slug = slug;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(title: &str) -> TranslationInput {
        TranslationInput {
            title: title.into(),
            slug: None,
            excerpt: String::new(),
            body: "<p>x</p>".into(),
            format: BodyFormat::Html,
        }
    }

    fn validate(input: TranslationInput, source: Source) -> Result<TranslationDraft, Vec<(String, String)>> {
        input
            .validate(&NodeKind::parse("post").unwrap(), source)
            .map_err(|error| match error {
                ContentError::ValidationFailed(errors) => errors
                    .into_iter()
                    .map(|e| (e.pointer, e.code.into_owned()))
                    .collect(),
                other => panic!("{other:?}"),
            })
    }

    fn slug_of(input: TranslationInput, source: Source) -> (String, bool) {
        let draft = validate(input, source).unwrap();
        (draft.translation().slug.to_string(), draft.slug_is_given())
    }

    #[test]
    fn all_errors_come_at_once() {
        let bad = TranslationInput {
            title: " \t".into(),
            slug: Some("Not A Slug".into()),
            excerpt: format!("{}\u{0}", "x".repeat(10_001)),
            body: "\u{0}".into(),
            format: BodyFormat::Markdown,
        };
        let expected = [
            ("#/title", "required"),
            ("#/slug", "invalid_slug"),
            ("#/excerpt", "control_character"),
            ("#/excerpt", "too_long"),
            ("#/body", "control_character"),
        ];
        let errors = validate(bad, Source::Editor).unwrap_err();
        assert_eq!(
            errors,
            expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
        );
    }

    #[test]
    fn a_title_is_one_line_of_at_most_1000_characters() {
        assert!(validate(input(&"ж".repeat(1_000)), Source::Editor).is_ok());
        assert_eq!(
            validate(input(&"ж".repeat(1_001)), Source::Editor).unwrap_err()[0].1,
            "too_long"
        );
        assert_eq!(
            validate(input("a\nb"), Source::Editor).unwrap_err()[0].1,
            "control_character"
        );
        let draft = validate(input("  How to use <b>  "), Source::Editor).unwrap();
        assert_eq!(draft.translation().title, "How to use <b>");
    }

    #[test]
    fn an_editor_gets_the_slug_that_was_asked_for_or_one_from_the_title() {
        let with = |slug: &str| TranslationInput {
            slug: Some(slug.into()),
            ..input("Hello, World")
        };
        assert_eq!(slug_of(with("my-slug"), Source::Editor), ("my-slug".into(), true));
        assert_eq!(slug_of(with("  "), Source::Editor), ("hello-world".into(), false));
        assert_eq!(slug_of(input("!!!"), Source::Editor), ("post".into(), false));
    }

    #[test]
    fn an_import_takes_what_it_gets() {
        let import = TranslationInput {
            title: "A <em>title</em>\r\nin &amp; lines".into(),
            slug: Some("Ünï 🎉 Slug".into()),
            excerpt: " <p>Short\u{1} &lt;text&gt;</p> ".into(),
            body: "<p>a\u{b}b</p><script>x</script>".into(),
            format: BodyFormat::Html,
        };
        let draft = validate(import, Source::Import).unwrap();
        let expected = Translation {
            title: "A title in & lines".into(),
            slug: Slug::parse("ünï-slug").unwrap(),
            excerpt: "Short <text>".into(),
            body: "<p>ab</p><script>x</script>".into(),
            format: BodyFormat::Html,
            body_html: "<p>ab</p>".into(),
        };
        assert_eq!(draft.translation(), &expected);
        assert!(draft.slug_is_given());
        let removed: Vec<String> = draft
            .removed()
            .entries()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(removed, ["element script with its content"]);
        let nothing = TranslationInput {
            slug: Some("🎉".into()),
            ..input("")
        };
        assert_eq!(slug_of(nothing, Source::Import), ("post".into(), false));
    }

    #[test]
    fn a_slug_can_be_exchanged() {
        let draft = validate(input("A"), Source::Editor).unwrap();
        let next = draft.translation().slug.numbered(2);
        assert_eq!(draft.with_slug(next).into_translation().slug.as_str(), "a-2");
    }
}
