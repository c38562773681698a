//! Rules for plain text: what a single line may contain, invisible characters, the form in which names are compared,
//! and the text of imported markup.
//!
//! It must never be used to make HTML safe: [`crate::body`] does that. The results are plain text, which templates
//! must escape.

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, EmojiModifier, ExtendedPictographic, JoiningType,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use std::borrow::Cow;
use std::fmt;
use unicode_normalization::UnicodeNormalization;

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
/// Selects the colour presentation of the preceding emoji.
const EMOJI_SELECTOR: char = '\u{fe0f}';
/// Turns the preceding digit into a keycap.
const KEYCAP: char = '\u{20e3}';

/// The named character references that exports use in titles and excerpts; any other is kept as written.
const ENTITIES: [(&str, &str); 7] = [
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#039;", "'"),
    ("&#39;", "'"),
    ("&nbsp;", " "),
];

/// The text of a piece of markup: tags and comments are removed, the common character references are decoded.
///
/// A `<` that does not open a tag is kept (`a < b`), and so is one that is never closed.
#[must_use]
pub fn plain_text(markup: &str) -> String {
    let mut text = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        if let Some(after) = after_tag(from) {
            rest = after;
        } else if let Some((entity, stands_for)) =
            ENTITIES.iter().find(|(entity, _)| from.starts_with(entity))
        {
            text.push_str(stands_for);
            rest = &from[entity.len()..];
        } else {
            text.push_str(&from[..1]);
            rest = &from[1..];
        }
    }
    text.push_str(rest);
    text
}

/// The text after the tag or comment at the start of `from`.
fn after_tag(from: &str) -> Option<&str> {
    let inside = from.strip_prefix('<')?;
    if let Some(comment) = inside.strip_prefix("!--") {
        return comment.find("-->").map(|end| &comment[end + 3..]);
    }
    let name = inside.strip_prefix('/').unwrap_or(inside);
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        .then_some(())?;
    inside.find('>').map(|end| &inside[end + 1..])
}

/// Whether the character has no visible form of its own: Unicode's property `Default_Ignorable_Code_Point` (UAX #44).
/// Zero width spaces and joiners, soft hyphens, direction marks, fillers, variation selectors.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Removes invisible characters, except those that change what is displayed: joiners between letters that would join
/// differently (RFC 5892, appendix A.1 and A.2: Persian and Indic spelling needs them), and those inside an emoji.
#[must_use]
pub fn without_invisible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let next = rest.clone().find(|next| !is_invisible(*next));
        if !is_invisible(c) || changes_its_neighbours(before, c, next) {
            kept.push(c);
            before = Some(c);
        }
    }
    Cow::Owned(kept)
}

fn changes_its_neighbours(before: Option<char>, c: char, next: Option<char>) -> bool {
    let Some(before) = before else { return false };
    let pictures = CodePointSetData::new::<ExtendedPictographic>();
    let is_picture = |c: char| pictures.contains(c);
    let joining = CodePointMapData::<JoiningType>::new();
    match c {
        ZERO_WIDTH_NON_JOINER | ZERO_WIDTH_JOINER if is_virama(before) => next.is_some(),
        ZERO_WIDTH_NON_JOINER => {
            matches!(
                joining.get(before),
                JoiningType::LeftJoining | JoiningType::DualJoining
            ) && next.is_some_and(|next| {
                matches!(
                    joining.get(next),
                    JoiningType::RightJoining | JoiningType::DualJoining
                )
            })
        }
        ZERO_WIDTH_JOINER => {
            let modifier = CodePointSetData::new::<EmojiModifier>().contains(before);
            (is_picture(before) || before == EMOJI_SELECTOR || modifier) && next.is_some_and(is_picture)
        }
        EMOJI_SELECTOR => {
            is_picture(before) || (next == Some(KEYCAP) && matches!(before, '0'..='9' | '#' | '*'))
        }
        _ => false,
    }
}

fn is_virama(c: char) -> bool {
    CodePointMapData::<CanonicalCombiningClass>::new().get(c) == CanonicalCombiningClass::Virama
}

/// The stored form of a title or a name: without invisible characters, composed (UAX #15, form C), trimmed. A line or
/// paragraph separator (U+2028, U+2029) becomes a space.
#[must_use]
pub fn clean_name(text: &str) -> String {
    if text.is_ascii() {
        return text.trim().to_owned();
    }
    clean(text, ' ')
}

/// The stored form of a plain text of several lines: without invisible characters, composed, trimmed. A line or
/// paragraph separator becomes a line feed.
#[must_use]
pub fn clean_text(text: &str) -> String {
    if text.is_ascii() {
        return text.trim().to_owned();
    }
    clean(text, '\n')
}

/// `separator` takes the place of U+2028 and U+2029, which are neither white space of a line nor control characters.
fn clean(text: &str, separator: char) -> String {
    let seen = without_invisible(text);
    let replaced = seen.chars().map(|c| match c {
        '\u{2028}' | '\u{2029}' => separator,
        c => c,
    });
    replaced.collect::<String>().trim().nfc().collect()
}

/// The text itself if `clean` would not change it, which ASCII without white space at its ends shows without a copy.
fn kept(text: String, clean: impl FnOnce(&str) -> String) -> String {
    if text.is_ascii() && text.trim().len() == text.len() {
        return text;
    }
    clean(&text)
}

/// [`clean_name`] of an owned text; allocates nothing for plain ASCII.
#[must_use]
pub fn into_clean_name(text: String) -> String {
    kept(text, clean_name)
}

/// [`clean_text`] of an owned text; allocates nothing for plain ASCII.
#[must_use]
pub fn into_clean_text(text: String) -> String {
    kept(text, clean_text)
}

/// A rule that a plain text breaks in its stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFault {
    /// Nothing of it is visible.
    Blank,
    /// It has a control character that it may not have.
    ControlCharacter,
    /// It has more than this number of characters.
    TooLong(usize),
}

impl TextFault {
    /// The code of the violation.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Blank => "required",
            Self::ControlCharacter => "control_character",
            Self::TooLong(_) => "too_long",
        }
    }
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("is required"),
            Self::ControlCharacter => f.write_str("must not have control characters"),
            Self::TooLong(max) => write!(f, "must have at most {max} characters"),
        }
    }
}

/// The stored form of a single line of at most `max` characters, and the rules that it breaks.
#[must_use]
pub fn checked_line(text: &str, max: usize) -> (String, Vec<TextFault>) {
    let line = clean_name(text);
    let faults = faults(&line, has_control(&line), max);
    (line, faults)
}

/// The stored form of a text of several lines and at most `max` characters, and the rules that it breaks. Tabs and
/// line breaks are the only control characters that it may have.
#[must_use]
pub fn checked_text(text: &str, max: usize) -> (String, Vec<TextFault>) {
    let text = clean_text(text);
    let faults = faults(&text, has_forbidden_control(&text), max);
    (text, faults)
}

fn faults(text: &str, has_control: bool, max: usize) -> Vec<TextFault> {
    let rules = [
        (text.is_empty(), TextFault::Blank),
        (has_control, TextFault::ControlCharacter),
        (is_longer_than(text, max), TextFault::TooLong(max)),
    ];
    let broken = rules.into_iter().filter(|(is_broken, _)| *is_broken);
    broken.map(|(_, fault)| fault).collect()
}

/// Whether a text in its stored form is a single line of 1 to `max` characters.
#[must_use]
pub fn is_line(text: &str, max: usize) -> bool {
    faults(text, has_control(text), max).is_empty()
}

/// The form in which names are compared and titles are searched: without invisible characters, composed, in lower
/// case, each run of white space replaced by one space.
#[must_use]
pub fn folded(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).nfc().collect();
    // U+0130 is lower-cased to `i` and a combining dot above, which `i` has anyway.
    one_line(&seen.to_lowercase().replace("i\u{307}", "i"))
}

/// Converts a text to a single line: runs of white space and control characters become one space, and the ends are
/// trimmed.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Whether `text` contains a control character. PostgreSQL cannot store NUL, and no other one belongs in a single
/// line.
#[must_use]
pub fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// Whether a multi-line text contains a control character other than tab, line feed and carriage return.
///
/// PostgreSQL refuses NUL in text; the others are never intended.
#[must_use]
pub fn has_forbidden_control(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// Whether the text has more than `max` characters; counts only as far as necessary.
#[must_use]
pub fn is_longer_than(text: &str, max: usize) -> bool {
    text.len() > max && text.chars().nth(max).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_leaves_its_text() {
        let title = "Markup: Title <em>With</em> <b class=\"x\">Mark<sup>up</sup></b>";
        assert_eq!(plain_text(title), "Markup: Title With Markup");
        assert_eq!(plain_text("a<!-- <b> -->b"), "ab");
        assert_eq!(
            plain_text("Tom &amp; Jerry&nbsp;&#8217; &unknown;"),
            "Tom & Jerry &#8217; &unknown;"
        );
        assert_eq!(plain_text("<script>alert(1)</script>"), "alert(1)");
    }

    #[test]
    fn what_is_no_tag_stays() {
        for text in [
            "a < b > c",
            "1<2",
            "<",
            "a <b",
            "<!-- open",
            "R&D",
            "",
            "&",
            "日本<3",
        ] {
            assert_eq!(plain_text(text), text);
        }
    }

    #[test]
    fn lines_are_squashed() {
        assert_eq!(one_line("  a\r\n\tb\u{0}c\u{a0}d  "), "a b c d");
        assert_eq!(one_line("\n"), "");
    }

    #[test]
    fn invisible_characters_vanish() {
        for (written, stored) in [
            ("Te\u{ad}a\u{200b}", "Tea"),
            ("\u{feff}\u{202e}Tea\u{2066}\u{2069} \u{3164}", "Tea"),
            ("a\u{200d}b\u{200c}c\u{fe0f}d\u{e0041}", "abcd"),
            ("e\u{200d}\u{301}", "\u{e9}"),
            ("\u{34f}\u{115f}\u{17b4}\u{180e}\u{2060}", ""),
            ("\u{2028}green\u{2029}tea\u{200b} \u{2028}", "green tea"),
        ] {
            assert_eq!(clean_name(written), stored, "{written:?}");
        }
    }

    #[test]
    fn invisible_characters_that_are_seen_stay() {
        for text in [
            "می\u{200c}خواهم",
            "ക്\u{200d}",
            "क्\u{200d}ष",
            "👩\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}",
            "👩🏽\u{200d}🚀",
            "🏳\u{fe0f}\u{200d}🌈",
            "1\u{fe0f}\u{20e3}",
        ] {
            let whole = format!("{text}x");
            assert_eq!(clean_name(&whole), whole.nfc().collect::<String>());
        }
        assert_eq!(clean_name("سلام\u{200c}"), "سلام");
    }

    #[test]
    fn names_are_compared_folded() {
        for (one, other) in [
            ("ПриВЕТ", "привет"),
            ("Cafe\u{301}", "CAFÉ"),
            ("İstanbul", "istanbul"),
            ("a \u{a0} b\u{200b}", "A B"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("C"), folded("C++"));
        assert_ne!(folded("resume"), folded("résumé"));
    }

    #[test]
    fn all_broken_rules_of_a_text_are_told_in_its_stored_form() {
        use TextFault::{Blank, ControlCharacter, TooLong};
        for (text, line, faults) in [
            (" Tea\u{202e}\u{200b} ", "Tea", vec![]),
            ("\u{feff} \u{3164}", "", vec![Blank]),
            ("e\u{301}\u{301}", "\u{e9}\u{301}", vec![]),
            ("abc\u{200b}d", "abcd", vec![TooLong(3)]),
            ("a\nb\0c", "a\nb\0c", vec![ControlCharacter, TooLong(3)]),
            ("\u{85}", "", vec![Blank]),
        ] {
            assert_eq!(checked_line(text, 3), (line.to_owned(), faults), "{text:?}");
        }
        assert_eq!(
            checked_text(" a\r\n\u{202e}b\t ", 4),
            ("a\r\nb".to_owned(), vec![])
        );
        assert_eq!(checked_text("a\u{2029}b", 4), ("a\nb".to_owned(), vec![]));
        assert_eq!(
            checked_text("a\u{b}b", 2),
            ("a\u{b}b".to_owned(), vec![ControlCharacter, TooLong(2)])
        );
    }

    #[test]
    fn controls_and_lengths() {
        assert!(has_forbidden_control("a\u{0}") && has_forbidden_control("\u{7f}"));
        assert!(!has_forbidden_control("a\r\n\tb"));
        assert!(!is_longer_than("жжж", 3));
        assert!(is_longer_than("жжжж", 3));
    }
}
