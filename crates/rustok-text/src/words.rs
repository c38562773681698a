//! Search matching: words by prefix, and substrings of text that is written without spaces.
//!
//! Texts and queries are in the form of [`crate::plain::folded`]. [`terms`] are the index entries of a text,
//! [`Query::lookups`] the index lookups of a query, and [`Query::matches`] makes the final decision.

use icu_properties::props::{GeneralCategory, Script};
use icu_properties::script::ScriptWithExtensions;
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed};
use std::collections::BTreeSet;

/// The number of characters of a word that are indexed.
const INDEXED_CHARS: usize = 32;
/// The maximum number of index lookups of a query; its other words are only compared.
const MAX_LOOKUPS: usize = 8;
/// Scripts that are written without spaces between words.
const WITHOUT_SPACES: [Script; 8] = [
    Script::Han,
    Script::Hiragana,
    Script::Katakana,
    Script::Bopomofo,
    Script::Thai,
    Script::Lao,
    Script::Khmer,
    Script::Myanmar,
];

/// A run of letters, digits and their combining marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run<'a> {
    text: &'a str,
    /// Whether it is a single word; otherwise it is written without spaces, and the word boundaries are unknown.
    is_word: bool,
}

fn runs(text: &str) -> Vec<Run<'_>> {
    let scripts = ScriptWithExtensions::new();
    let categories = CodePointMapData::<GeneralCategory>::new();
    let (mut runs, mut open): (Vec<Run<'_>>, Option<(usize, bool)>) = (Vec::new(), None);
    for (at, c) in text.char_indices() {
        let kind = match open {
            Some((_, is_word)) if is_mark(categories, c) => Some(is_word),
            _ if !c.is_alphanumeric() => None,
            _ if c.is_ascii() => Some(true),
            _ => Some(!WITHOUT_SPACES.iter().any(|script| scripts.has_script(c, *script))),
        };
        if let Some((from, is_word)) = open.filter(|(_, is_word)| kind != Some(*is_word)) {
            runs.push(Run {
                text: &text[from..at],
                is_word,
            });
            open = None;
        }
        open = open.or(kind.map(|is_word| (at, is_word)));
    }
    if let Some((from, is_word)) = open {
        runs.push(Run {
            text: &text[from..],
            is_word,
        });
    }
    runs
}

fn is_mark(categories: CodePointMapDataBorrowed<'_, GeneralCategory>, c: char) -> bool {
    !c.is_ascii()
        && matches!(
            categories.get(c),
            GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark | GeneralCategory::EnclosingMark
        )
}

/// The first `count` characters of a text; all of it if it has no more.
fn first(text: &str, count: usize) -> &str {
    text.char_indices()
        .nth(count)
        .map_or(text, |(end, _)| &text[..end])
}

/// All pairs of adjacent characters.
fn pairs(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices()
        .map(|(at, _)| first(&text[at..], 2))
        .filter(|pair| pair.chars().nth(1).is_some())
}

/// The index entries of a text: each word and its first two characters; for text without spaces, each character and
/// each pair of adjacent ones.
#[must_use]
pub fn terms(folded: &str) -> BTreeSet<&str> {
    let mut terms = BTreeSet::new();
    for Run { text, is_word } in runs(folded) {
        if is_word {
            terms.extend([first(text, INDEXED_CHARS), first(text, 2)]);
        } else {
            terms.extend(text.char_indices().map(|(at, _)| first(&text[at..], 1)));
            terms.extend(pairs(text));
        }
    }
    terms
}

/// One index lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// Matches exactly this term.
    Exactly(&'a str),
    /// Matches the terms with this prefix.
    Beginning(&'a str),
}

/// A search query: words that must all occur. Without a letter or a digit it matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Each run, and whether it is a single word; see [`Run`].
    runs: Vec<(String, bool)>,
}

impl Query {
    /// A query for the words of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let folded = crate::plain::folded(text);
        let runs = runs(&folded).into_iter();
        Self {
            runs: runs.map(|run| (run.text.to_owned(), run.is_word)).collect(),
        }
    }

    /// The index lookups: every matching text satisfies all of them. Empty if nothing can match.
    #[must_use]
    pub fn lookups(&self) -> Vec<Lookup<'_>> {
        let mut lookups = Vec::new();
        for (text, is_word) in &self.runs {
            match (is_word, text.chars().count()) {
                (true, 2) | (false, 1) => lookups.push(Lookup::Exactly(text)),
                (true, _) => lookups.push(Lookup::Beginning(first(text, INDEXED_CHARS))),
                (false, _) => lookups.extend(pairs(text).map(Lookup::Exactly)),
            }
        }
        lookups.truncate(MAX_LOOKUPS);
        lookups
    }

    /// An exact term that every matching text has too, from the longest run. `None` if that run is a single letter.
    #[must_use]
    pub fn broad_term(&self) -> Option<&str> {
        let (text, is_word) = self.runs.iter().max_by_key(|(text, _)| text.len())?;
        let term = first(text, 2);
        (!is_word || term.chars().nth(1).is_some()).then_some(term)
    }

    /// Whether the text has, for each word of the query, a word with that prefix, and contains each run without
    /// spaces.
    #[must_use]
    pub fn matches(&self, folded: &str) -> bool {
        let there = runs(folded);
        !self.runs.is_empty()
            && self.runs.iter().all(|(wanted, is_word)| {
                let alike = there.iter().filter(|run| run.is_word == *is_word);
                match is_word {
                    true => alike.map(|run| run.text).any(|text| text.starts_with(wanted)),
                    false => alike.map(|run| run.text).any(|text| text.contains(wanted)),
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plain::folded;
    use proptest::prelude::*;

    fn found(query: &str, text: &str) -> bool {
        Query::of(query).matches(&folded(text))
    }

    #[test]
    fn words_are_found_by_their_beginnings_and_all_must_be_there() {
        for (query, text) in [
            ("wool", "Wool_Socks"),
            ("SOCK", "Wool_Socks"),
            ("so wo", "Wool_Socks"),
            ("100%", "100% cotton"),
            ("зелёный ч", "Чай Зелёный"),
            ("t-shirt", "T-Shirts for men"),
            ("s", "Wool socks"),
            ("茶", "日本の緑茶です"),
            ("緑茶", "日本の緑茶です"),
            ("本の緑", "日本の緑茶です"),
            ("ラーメン", "味噌ラーメン 2024"),
            ("ไหม", "ผ้าไหมไทย"),
            ("iphone手机", "手机 iPhone 15"),
            ("cafe\u{301}", "Café"),
        ] {
            assert!(found(query, text), "{query} in {text}");
        }
        for (query, text) in [
            ("ocks", "Wool socks"),
            ("wool hats", "Wool socks"),
            ("本緑", "日本の緑茶です"),
            ("чаё", "Чай"),
        ] {
            assert!(!found(query, text), "{query} in {text}");
        }
        for nothing in ["", " ", "%", "_ - !", "\u{200b}"] {
            assert!(
                !found(nothing, "a_%-") && Query::of(nothing).lookups().is_empty(),
                "{nothing:?}"
            );
        }
    }

    #[test]
    fn an_index_holds_words_their_beginnings_and_pairs() {
        let of = |text: &'static str| terms(text).into_iter().collect::<Vec<_>>();
        assert_eq!(of("a shirt, men's"), ["a", "me", "men", "s", "sh", "shirt"]);
        assert_eq!(of("緑茶x"), ["x", "緑", "緑茶", "茶"]);
        assert_eq!(
            terms(&"x".repeat(300)).into_iter().map(str::len).max(),
            Some(INDEXED_CHARS)
        );
    }

    proptest! {
        /// Every matching text is found by each of the lookups.
        #[test]
        fn no_lookup_misses_what_matches(text in "[a-cж緑茶ーไ้ \\-é0-9]{1,12}", from in 0..12_usize, length in 1..6_usize) {
            let text = folded(&text);
            let query: String = text.chars().skip(from).take(length).collect();
            let query = Query::of(&query);
            if !query.matches(&text) {
                return Ok(());
            }
            let terms = terms(&text);
            for lookup in query.lookups() {
                let there = match lookup {
                    Lookup::Exactly(term) => terms.contains(term),
                    Lookup::Beginning(from) => terms.iter().any(|term| term.starts_with(from)),
                };
                prop_assert!(there, "{lookup:?} in {terms:?}");
            }
            if let Some(term) = query.broad_term() {
                prop_assert!(terms.contains(term), "{term} in {terms:?}");
            }
        }
    }
}
