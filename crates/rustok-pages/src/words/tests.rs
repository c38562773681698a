//! Each language has all messages, and each message is used.

use super::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn keys(text: &str) -> BTreeSet<String> {
    let key = |line: &str| {
        let (key, _) = line.split_once(" =")?;
        let is_key = key.starts_with(|c: char| c.is_ascii_lowercase());
        is_key.then(|| key.to_owned())
    };
    text.lines().filter_map(key).collect()
}

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// Everything in code and templates that is between quotes.
fn quoted() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    sources(&root.join("src"), &mut text);
    sources(&root.join("templates"), &mut text);
    text.split('"').map(str::to_owned).collect()
}

#[test]
fn files_parse_and_have_the_same_messages() {
    for (language, text) in [("en", ENGLISH_TEXT), ("ru", RUSSIAN_TEXT)] {
        let errors = FluentResource::try_new(text.to_owned())
            .err()
            .map(|(_, errors)| errors);
        assert!(errors.is_none(), "{language}: {errors:?}");
        assert_eq!(
            keys(text).len(),
            text.lines()
                .filter(|line| { line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(" =") })
                .count(),
            "{language}: a message is there twice"
        );
    }
    let (english, russian) = (keys(ENGLISH_TEXT), keys(RUSSIAN_TEXT));
    let missing: Vec<_> = english.symmetric_difference(&russian).collect();
    assert!(missing.is_empty(), "only in one language: {missing:?}");
}

#[test]
fn each_message_is_used_and_each_key_has_a_message() {
    let (known, quoted) = (keys(ENGLISH_TEXT), quoted());
    // Messages of problems and fields are named by the codes of problems.
    let by_code = |key: &str| key.starts_with("problem-") || key.starts_with("field-");
    let unused: Vec<_> = known
        .iter()
        .filter(|key| !by_code(key) && !quoted.contains(*key))
        .collect();
    assert!(unused.is_empty(), "not used: {unused:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    sources(&root.join("src"), &mut text);
    sources(&root.join("templates"), &mut text);
    for call in [".t(\"", ".n(\"", ".with(\""] {
        for rest in text.split(call).skip(1) {
            let key = rest.split('"').next().unwrap();
            assert!(known.contains(key), "no message for {key}");
        }
    }
}

#[test]
fn a_browser_gets_the_language_that_it_prefers() {
    for (line, language) in [
        ("ru-RU,ru;q=0.9,en;q=0.8", Language::Russian),
        ("en-GB, ru;q=0.5", Language::English),
        ("de, ru;q=0.3, en;q=0.2", Language::Russian),
        ("de", Language::English),
        ("ru;q=0, en;q=0.1", Language::English),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, line.parse().unwrap());
        assert_eq!(Language::preferred(&headers), language, "{line}");
    }
}
