//! The words of all pages, in each language: Fluent files below `locales`, one folder for each.
//!
//! No sentence is written in a template or in code: both name a message by its key. The tests of this file find keys that
//! a language lacks, and messages that nothing names.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use http::{HeaderMap, header};
use rustok_core::error::{ErrorResponse, FieldViolation};
use std::borrow::Cow;
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

/// A language that the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// English.
    English,
    /// Russian.
    Russian,
}

impl Language {
    /// All of them, in the order in which people choose.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::Russian];

    /// The BCP 47 tag.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
        }
    }

    /// Its own name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Russian => "Русский",
        }
    }

    pub(crate) fn parse(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?;
        Self::ALL
            .into_iter()
            .find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }

    /// The language that a browser prefers (RFC 9110, 12.5.4); English if it names none that there is.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT_LANGUAGE).iter();
        let ranges = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','));
        let mut best = None;
        for range in ranges {
            let mut parts = range.split(';').map(str::trim);
            let Some(language) = parts.next().and_then(Self::parse) else {
                continue;
            };
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            let quality = quality.map_or(1000, thousandths);
            if quality > best.map_or(0, |(_, quality)| quality) {
                best = Some((language, quality));
            }
        }
        best.map_or(Self::English, |(language, _)| language)
    }

    /// The words in this language.
    pub(crate) fn words(self) -> Words {
        let bundle = match self {
            Self::English => &*ENGLISH,
            Self::Russian => &*RUSSIAN,
        };
        Words {
            language: self,
            bundle,
        }
    }
}

/// A quality value such as `0.8`, in thousandths.
fn thousandths(quality: &str) -> u32 {
    let (whole, part) = quality.split_once('.').unwrap_or((quality, ""));
    let digits = part.chars().chain("000".chars()).take(3);
    let part = digits.fold(0, |sum, digit| sum * 10 + digit.to_digit(10).unwrap_or(0));
    whole.parse::<u32>().unwrap_or(0).min(1) * 1000 + part
}

const ENGLISH_TEXT: &str = include_str!("../locales/en/admin.ftl");
const RUSSIAN_TEXT: &str = include_str!("../locales/ru/admin.ftl");

static ENGLISH: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| bundle("en", ENGLISH_TEXT));
static RUSSIAN: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| bundle("ru", RUSSIAN_TEXT));

fn bundle(tag: &str, text: &str) -> FluentBundle<FluentResource> {
    // A test parses each file; a message that cannot be read is shown by its key.
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(resource, _)| resource);
    let language: LanguageIdentifier = tag.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // The marks around inserted text would be part of page titles and of what people copy.
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    bundle
}

/// The words in one language.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    language: Language,
    bundle: &'static FluentBundle<FluentResource>,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Words").field(&self.language).finish()
    }
}

impl Words {
    /// The language.
    pub(crate) const fn language(self) -> Language {
        self.language
    }

    /// A message without arguments.
    pub(crate) fn t(self, key: &str) -> Cow<'static, str> {
        self.find(key, None).unwrap_or_else(|| key.to_owned().into())
    }

    /// A message about `n` things.
    pub(crate) fn n(self, key: &str, n: i64) -> Cow<'static, str> {
        let mut args = FluentArgs::with_capacity(1);
        args.set("n", FluentValue::from(n));
        self.find(key, Some(&args))
            .unwrap_or_else(|| key.to_owned().into())
    }

    /// A message with texts in it.
    pub(crate) fn with(self, key: &str, texts: &[(&str, &str)]) -> Cow<'static, str> {
        let mut args = FluentArgs::with_capacity(texts.len());
        for (name, text) in texts {
            args.set(*name, FluentValue::from((*text).to_owned()));
        }
        self.find(key, Some(&args))
            .unwrap_or_else(|| key.to_owned().into())
    }

    /// What is wrong with one field, in this language if it has words for the code: those for this field, or for any.
    pub(crate) fn violation(self, violation: &FieldViolation) -> Cow<'static, str> {
        let code = violation.code.replace('_', "-");
        let field = violation
            .pointer
            .rsplit(['/', '#', '?'])
            .next()
            .unwrap_or_default();
        let field = field.replace('_', "-");
        self.find(&format!("field-{field}-{code}"), None)
            .or_else(|| self.find(&format!("field-{code}"), None))
            .unwrap_or_else(|| violation.detail.clone())
    }

    /// What went wrong, in this language if it has words for the code.
    pub(crate) fn problem(self, problem: &ErrorResponse) -> Cow<'static, str> {
        self.find(&format!("problem-{}", problem.code().replace('_', "-")), None)
            .unwrap_or_else(|| problem.detail().to_owned().into())
    }

    fn find(self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<Cow<'static, str>> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        Some(match self.bundle.format_pattern(pattern, args, &mut errors) {
            Cow::Borrowed(text) => Cow::Owned(text.to_owned()),
            Cow::Owned(text) => Cow::Owned(text),
        })
    }
}

#[cfg(test)]
mod tests;
