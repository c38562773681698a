//! Slugs: the last path segment of a URL, in any script.
//!
//! A [`Slug`] is always in Unicode normalisation form C (UAX #15), in lower case, and without invisible characters,
//! so that two slugs that look the same are the same row. It must never contain a character with a meaning in a URL
//! path. [`parse`], [`from_title`] and [`numbered`] define the rules; other names in URLs (a product's handle) use
//! the same three functions with another maximum length.

use crate::plain::{is_invisible, plain_text};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Why a text is not a slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SlugError {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// More than this number of characters.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// A character other than letters, digits, `-` and `_`.
    #[error("may have letters, digits, `-` and `_` only")]
    ForbiddenCharacter,
    /// An upper-case letter.
    #[error("must be in lower case")]
    NotLowerCase,
    /// A hyphen or a combining mark at the start of a word, or a hyphen at the end.
    #[error("must start and end with a letter, a digit or `_`")]
    Edge,
}

impl SlugError {
    /// The stable code of a violation.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "required",
            Self::TooLong(_) => "too_long",
            Self::ForbiddenCharacter | Self::Edge => "invalid_slug",
            Self::NotLowerCase => "not_lower_case",
        }
    }
}

/// Parses a slug of at most `max` characters: invisible characters are dropped, the rest is normalised to form C.
/// Upper case is refused, not converted: a URL that differs from the stored one does not exist.
///
/// # Errors
/// The [`SlugError`] for the first violated rule.
pub fn parse(text: &str, max: usize) -> Result<String, SlugError> {
    // No character of form C has more than this number of bytes before composition; this bounds the work below.
    if text.len() > max * 12 {
        return Err(SlugError::TooLong(max));
    }
    let slug = if text.is_ascii() {
        text.to_owned()
    } else {
        composed(text)
    };
    if slug.is_empty() {
        return Err(SlugError::Empty);
    }
    if slug.chars().count() > max {
        return Err(SlugError::TooLong(max));
    }
    if !slug.chars().all(|c| c == '-' || is_word(c)) {
        return Err(SlugError::ForbiddenCharacter);
    }
    if slug.chars().any(|c| c.to_lowercase().ne([c])) {
        return Err(SlugError::NotLowerCase);
    }
    if slug.starts_with(|c| c == '-' || is_combining_mark(c)) || slug.ends_with('-') {
        return Err(SlugError::Edge);
    }
    Ok(slug)
}

/// Derives a slug of at most `max` characters from a title or any other text: markup, invisible characters and
/// apostrophes are removed, everything else that is not a word character becomes one hyphen, and the result is
/// truncated. `None` if nothing is left.
#[must_use]
pub fn from_title(title: &str, max: usize) -> Option<String> {
    // Four times the length is enough for any real title, and bounds the work.
    let start: String = plain_text(title)
        .chars()
        .filter(|c| !is_invisible(*c))
        .take(max * 4)
        .nfc()
        .collect();
    let mut slug = String::with_capacity(start.len());
    let mut gap = false;
    for c in composed(&start.to_lowercase()).chars() {
        match c {
            '\'' | '\u{2019}' => {}
            _ if is_combining_mark(c) && (gap || slug.is_empty()) => {}
            _ if is_word(c) => {
                if gap && !slug.is_empty() {
                    slug.push('-');
                }
                gap = false;
                slug.push(c);
            }
            _ => gap = true,
        }
    }
    // Dropping characters may have made a letter and a mark adjacent, so the text is composed again.
    let slug = composed(&slug);
    let cut = cut(&slug, max);
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// The slug with the suffix `-n`; the slug is truncated before the suffix if the result would have more than `max`
/// characters.
#[must_use]
pub fn numbered(slug: &str, n: u32, max: usize) -> String {
    let number = format!("-{n}");
    let base = cut(slug, max.saturating_sub(number.len()));
    format!("{base}{number}")
}

/// Form C without invisible characters, and without the combining dot that lower-casing leaves on an `i` (`İ` becomes
/// `i` and U+0307): with it, `İstanbul` and `istanbul` would look the same but differ.
fn composed(text: &str) -> String {
    let mut before = None;
    let marks_only_once = text.chars().filter(|c| !is_invisible(*c)).nfd().filter(|c| {
        let doubled = *c == '\u{307}' && before == Some('i');
        if !doubled {
            before = Some(*c);
        }
        !doubled
    });
    marks_only_once.nfc().collect()
}

/// 1 to 200 characters: lower-case letters and digits of any script with their marks, `-` and `_`; no hyphen at the
/// start or end.
///
/// ```
/// use rustok_text::Slug;
///
/// assert_eq!(Slug::from_title("What's new, Ömer?").unwrap().as_str(), "whats-new-ömer");
/// assert_eq!(Slug::parse("επίπεδο-2").unwrap().numbered(3).as_str(), "επίπεδο-2-3");
/// assert!(Slug::parse("a/b").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// The maximum length, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 200;

    /// Parses a slug; see [`parse`].
    ///
    /// # Errors
    /// The [`SlugError`] for the first violated rule.
    pub fn parse(text: &str) -> Result<Self, SlugError> {
        parse(text, Self::MAX_CHARS).map(Self)
    }

    /// Derives a slug from a title; see [`from_title`].
    #[must_use]
    pub fn from_title(title: &str) -> Option<Self> {
        from_title(title, Self::MAX_CHARS).map(Self)
    }

    /// The slug of a text that is valid already: a kind or the name of a taxonomy.
    pub fn of_kind(kind: &str) -> Self {
        debug_assert!(Self::parse(kind).is_ok(), "{kind} is no slug");
        Self(kind.to_owned())
    }

    /// The same slug with the suffix `-n`, truncated before it if necessary: this way two nodes with the same title
    /// get different URLs.
    #[must_use]
    pub fn numbered(&self, n: u32) -> Self {
        Self(numbered(&self.0, n, Self::MAX_CHARS))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Letters, digits and `_`, and the marks that belong to letters; no enclosing marks, no variation selectors (used
/// with emoji).
fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    let of_emoji = matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{20d0}'..='\u{20ff}' | '\u{e0100}'..='\u{e01ef}');
    !of_emoji && (c.is_alphanumeric() || is_combining_mark(c))
}

/// At most `max` characters of `slug`, without a trailing hyphen.
fn cut(slug: &str, max: usize) -> &str {
    let end = slug.char_indices().nth(max).map_or(slug.len(), |(at, _)| at);
    slug[..end].trim_end_matches('-')
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Slug {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Slug {
    type Error = SlugError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn title(text: &str) -> Option<String> {
        Slug::from_title(text).map(Slug::into_string)
    }

    #[test]
    fn real_slugs_of_any_script_are_read() {
        for good in [
            "a",
            "1112",
            "dcp_2082",
            "επίπεδο-2",
            "你好-世界",
            "שלום",
            "привет-мир",
            "हिन्दी",
            "ไทย",
            "_x",
            "a--b",
        ] {
            assert_eq!(Slug::parse(good).unwrap().as_str(), good);
        }
        for (written, read) in [
            ("e\u{301}te\u{301}", "\u{e9}t\u{e9}"),
            ("\u{202e}a\u{fe0f}", "a"),
            ("i\u{307}stanbul", "istanbul"),
            ("чаи\u{306}", "ча\u{439}"),
        ] {
            assert_eq!(Slug::parse(written).unwrap().as_str(), read);
        }
    }

    #[test]
    fn wrong_slugs_say_what_is_wrong() {
        let long = "ж".repeat(201);
        let huge = "a".repeat(1 << 20);
        for (bad, why) in [
            ("", SlugError::Empty),
            (long.as_str(), SlugError::TooLong(200)),
            (huge.as_str(), SlugError::TooLong(200)),
            ("a b", SlugError::ForbiddenCharacter),
            ("a/b", SlugError::ForbiddenCharacter),
            (".", SlugError::ForbiddenCharacter),
            ("a%20b", SlugError::ForbiddenCharacter),
            ("a\u{0}", SlugError::ForbiddenCharacter),
            ("\u{200b}", SlugError::Empty),
            ("🎉", SlugError::ForbiddenCharacter),
            ("Hello", SlugError::NotLowerCase),
            ("Ж", SlugError::NotLowerCase),
            ("-a", SlugError::Edge),
            ("a-", SlugError::Edge),
            ("\u{301}a", SlugError::Edge),
        ] {
            assert_eq!(Slug::parse(bad), Err(why), "{bad:?}");
        }
        assert!(Slug::parse(&"ж".repeat(200)).is_ok());
    }

    #[test]
    fn titles_become_slugs() {
        for (from, to) in [
            ("Hello, World!", "hello-world"),
            ("  What's   new?  ", "whats-new"),
            ("Don’t—stop", "dont-stop"),
            (
                "Markup: Title <em>With</em> <b>Mark<sup>up</sup></b>",
                "markup-title-with-markup",
            ),
            ("Tom &amp; Jerry", "tom-jerry"),
            ("ΟΔΟΣ", "οδος"),
            ("İstanbul", "istanbul"),
            ("I\u{307}stanbul", "istanbul"),
            ("i\u{307}stanbul", "istanbul"),
            ("ผ้าไหม", "ผ้าไหม"),
            ("हिन्दी साड़ी", "हिन्दी-साड़ी"),
            ("u\u{ad}ber\u{200b}mut\u{feff}", "ubermut"),
            ("a\u{3164}b \u{202e}c", "ab-c"),
            ("cafe\u{200d}\u{301}", "caf\u{e9}"),
            ("Łódź 2030", "łódź-2030"),
            ("🎉 party ❤️ 2", "party-2"),
            ("image_alignment", "image_alignment"),
            ("a - b -- c", "a-b-c"),
        ] {
            assert_eq!(title(from).as_deref(), Some(to), "{from}");
        }
        for nothing in ["", "!!!", "🎉", "<br>", "\u{301}", "---"] {
            assert_eq!(title(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn long_titles_are_cut_between_words_at_most() {
        let slug = title(&format!("{} b", "a".repeat(199))).unwrap();
        assert_eq!(slug, "a".repeat(199));
        assert_eq!(title(&"ж ".repeat(500)).unwrap().chars().count(), 199);
    }

    #[test]
    fn numbers_never_make_it_too_long() {
        let slug = Slug::parse(&"ж".repeat(200)).unwrap().numbered(u32::MAX);
        assert_eq!(slug.as_str().chars().count(), 200);
        assert!(slug.as_str().ends_with("ж-4294967295"));
        assert_eq!(Slug::parse("a").unwrap().numbered(2).as_str(), "a-2");
    }

    #[test]
    fn json_is_checked_too() {
        assert_eq!(serde_json::from_str::<Slug>("\"a-b\"").unwrap().as_str(), "a-b");
        assert!(serde_json::from_str::<Slug>("\"A\"").is_err());
    }

    proptest! {
        #[test]
        fn what_is_made_of_a_title_is_a_slug(text in "\\PC{0,80}|[\\x00-\\u{2fff}]{0,80}", n in 2_u32..) {
            if let Some(slug) = Slug::from_title(&text) {
                prop_assert_eq!(&Slug::parse(slug.as_str()), &Ok(slug.clone()));
                prop_assert_eq!(Slug::from_title(slug.as_str()), Some(slug.clone()));
                let next = slug.numbered(n);
                prop_assert_eq!(&Slug::parse(next.as_str()), &Ok(next.clone()));
            }
        }

        #[test]
        fn reading_twice_changes_nothing(text in "\\PC{1,40}") {
            if let Ok(slug) = Slug::parse(&text) {
                prop_assert_eq!(Slug::parse(slug.as_str()), Ok(slug));
            }
        }
    }
}
