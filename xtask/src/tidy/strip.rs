//! Splits Rust source into code, string contents and comments, so that a rule searches only the relevant part.
//!
//! A minimal lexer: it must never fail on source that compiles, and it keeps every line's number.

use std::ops::RangeInclusive;

/// Three views of one source with identical line numbers; text outside a view is blank there.
#[derive(Debug)]
pub(crate) struct Views {
    /// Everything but comments and the contents of literals.
    pub(crate) code: String,
    /// The contents of string literals.
    pub(crate) strings: String,
    /// Comments, doc comments included.
    pub(crate) comments: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Text,
    Comment,
}

/// The views of `source`, with the lines of its test modules blank in `code` and `strings`.
pub(crate) fn without_tests(source: &str) -> Views {
    let mut views = views(source);
    while let Some(lines) = test_module(&views.code) {
        views.code = blank(&views.code, &lines);
        views.strings = blank(&views.strings, &lines);
    }
    views
}

/// The views of the whole of `source`.
pub(crate) fn views(source: &str) -> Views {
    let chars: Vec<char> = source.chars().collect();
    let mut parts = vec![Part::Code; chars.len()];
    let mut at = 0;
    while at < chars.len() {
        let (part, end) = next_part(&chars, at);
        parts[at..end].fill(part);
        at = end;
    }
    let view = |wanted| {
        let keep = |(c, part): (&char, &Part)| if *part == wanted || *c == '\n' { *c } else { ' ' };
        chars.iter().zip(&parts).map(keep).collect()
    };
    Views {
        code: view(Part::Code),
        strings: view(Part::Text),
        comments: view(Part::Comment),
    }
}

/// The part that begins at `at`, and its end.
fn next_part(chars: &[char], at: usize) -> (Part, usize) {
    let rest = &chars[at..];
    match rest {
        ['/', '/', ..] => (
            Part::Comment,
            at + rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ),
        ['/', '*', ..] => (Part::Comment, at + block_comment(rest)),
        ['"', ..] => (Part::Text, at + quoted(rest, '"')),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => (Part::Text, at + quoted(rest, '\'')),
        ['r', '"' | '#', ..] if !in_word(chars, at) => match raw_string(rest) {
            Some(length) => (Part::Text, at + length),
            None => (Part::Code, at + 1),
        },
        _ => (Part::Code, at + 1),
    }
}

/// Whether the `r` at `at` ends a longer name (and is not part of a prefix as in `br"`).
fn in_word(chars: &[char], at: usize) -> bool {
    let word: String = chars[..at]
        .iter()
        .rev()
        .take_while(|c| c.is_alphanumeric() || **c == '_')
        .collect();
    !matches!(word.as_str(), "" | "b" | "c")
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a raw string that begins at `r`; `None` for a raw identifier.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let body = 2 + hashes;
    let ends = |at: &usize| {
        rest[*at] == '"' && rest[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    Some(
        (body..rest.len())
            .find(ends)
            .map_or(rest.len(), |at| at + 1 + hashes),
    )
}

/// The lines of the first `#[cfg(test)] mod name { .. }` in a code view, counted from 0.
fn test_module(code: &str) -> Option<RangeInclusive<usize>> {
    const MARK: &str = "#[cfg(test)]";
    let line_of = |at: usize| code[..at].matches('\n').count();
    for (start, _) in code.match_indices(MARK) {
        if !code[start + MARK.len()..].trim_start().starts_with("mod ") {
            continue;
        }
        let Some(open) = code[start..].find(['{', ';']).map(|at| start + at) else {
            continue;
        };
        if code[open..].starts_with(';') {
            continue; // `mod tests;`: a file of its own
        }
        let mut depth = 0_usize;
        for (at, c) in code[open..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 1 => return Some(line_of(start)..=line_of(open + at)),
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    None
}

fn blank(text: &str, lines: &RangeInclusive<usize>) -> String {
    let kept = |(number, line)| if lines.contains(&number) { "" } else { line };
    text.split('\n')
        .enumerate()
        .map(kept)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_code_strings_and_comments_apart() {
        let source = "let a = \"in // string\"; // in \"comment\"\n/* x /* y */ \"z\" */ let b = r#\"raw \"q\" //\"#;\n";
        let views = views(source);
        assert_eq!(
            views.code.split_whitespace().collect::<Vec<_>>(),
            ["let", "a", "=", ";", "let", "b", "=", ";"]
        );
        assert!(views.strings.contains("in // string") && views.strings.contains("raw \"q\" //"));
        assert!(views.comments.contains("in \"comment\"") && views.comments.contains("y */ \"z\""));
    }

    #[test]
    fn is_not_confused_by_chars_lifetimes_escapes_and_raw_names() {
        let views = views(
            "fn f<'a>(x: &'a str) -> char { '\"' } let y = '\\''; let r#type = \"\\\"SELECT\"; br\"\\\"; end",
        );
        assert!(views.code.contains("fn f<'a>(x: &'a str)"), "{}", views.code);
        assert!(
            views.code.contains("let r#type") && views.code.contains("end"),
            "{}",
            views.code
        );
        assert!(views.strings.contains("SELECT"), "{}", views.strings);
    }

    #[test]
    fn cuts_test_modules_out_and_keeps_line_numbers() {
        let source = "fn a() {} // \u{416}\n#[cfg(test)]\nmod tests {\n    const Q: &str = \"SELECT }\";\n}\nfn b() { \"\u{416}\" }\n";
        let views = without_tests(source);
        assert!(!views.strings.contains("SELECT"));
        assert!(
            views
                .code
                .lines()
                .nth(5)
                .is_some_and(|line| line.starts_with("fn b()")),
            "{}",
            views.code
        );
        assert!(
            views
                .strings
                .lines()
                .nth(5)
                .is_some_and(|line| line.contains('\u{416}')),
            "{}",
            views.strings
        );
    }

    #[test]
    fn a_test_item_that_is_no_module_stays() {
        let source = "#[cfg(test)]\nuse x;\n#[cfg(test)]\nmod tests;\nfn kept() {}\n";
        assert!(without_tests(source).code.contains("fn kept()"));
    }
}
