//! The URLs that a body may contain, including those in a `srcset`.
//!
//! A URL is parsed as in the URL standard: surrounding white space and control characters, and tabs and line breaks
//! within it, are ignored. They are removed from the output, so that no later parser can read it differently.

use super::removed::{Removed, What};

/// How a URL is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The target of a link.
    Link,
    /// A resource that the browser loads, or the URL of a source.
    Resource,
}

const LINK_SCHEMES: [&str; 5] = ["http", "https", "mailto", "tel", "sms"];
const RESOURCE_SCHEMES: [&str; 2] = ["http", "https"];

/// The URL in its output form.
///
/// # Errors
/// The text before the first colon, if it is not an allowed scheme.
pub(super) fn judge(url: &str, used: Use) -> Result<String, String> {
    let kept = url
        .trim_matches(|c: char| c.is_control() || c.is_whitespace())
        .chars()
        .filter(|c| !c.is_control());
    let kept: String = kept.collect();
    let before_path = kept.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let Some((scheme, _)) = before_path.split_once(':') else {
        return Ok(kept);
    };
    let allowed = match used {
        Use::Link => &LINK_SCHEMES[..],
        Use::Resource => &RESOURCE_SCHEMES[..],
    };
    if allowed.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        Ok(kept)
    } else {
        Err(format!("{}:", scheme.to_lowercase()))
    }
}

/// The allowed candidates of a `srcset`, each checked separately; empty if there is none. Parsed as in "parsing a
/// srcset attribute" of the HTML standard.
pub(super) fn srcset(value: &str, element: &str, removed: &mut Removed) -> String {
    let mut kept = String::with_capacity(value.len());
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            return kept;
        }
        let (candidate, after) =
            rest.split_at(rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len()));
        let url = candidate.trim_end_matches(',');
        let (descriptors, after) = if url.len() < candidate.len() {
            ("", after)
        } else {
            split_descriptors(after)
        };
        rest = after;
        match (judge(url, Use::Resource), descriptor(descriptors)) {
            (Err(scheme), _) => removed.note(What::Url, &scheme, Some((element, Some("srcset")))),
            (Ok(_), None) => removed.note(What::Attribute, "srcset", Some((element, None))),
            (Ok(url), Some(descriptor)) => {
                if !kept.is_empty() {
                    kept.push_str(", ");
                }
                kept.push_str(&url);
                kept.push_str(&descriptor);
            }
        }
    }
}

/// Splits off the descriptors, up to the comma that ends a candidate; commas in parentheses do not count.
fn split_descriptors(text: &str) -> (&str, &str) {
    let mut is_inside = false;
    for (at, c) in text.char_indices() {
        match c {
            '(' => is_inside = true,
            ')' => is_inside = false,
            ',' if !is_inside => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}

/// The descriptors, each preceded by a space, if they are valid in the standard: a width with or without a height, a
/// density, or none.
fn descriptor(text: &str) -> Option<String> {
    let mut words = text.split_ascii_whitespace();
    let (first, second) = (words.next(), words.next());
    let is_positive = |word: &str, unit| {
        let number = word.strip_suffix(unit).unwrap_or_default();
        number.len() <= 9
            && number.bytes().all(|b| b.is_ascii_digit())
            && number.parse().is_ok_and(|n: u32| n > 0)
    };
    let is_density = |word: &str| {
        let number = word.strip_suffix('x').unwrap_or_default();
        let is_number = number.len() <= 9 && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        is_number && number.parse::<f32>().is_ok()
    };
    match (first, second, words.next()) {
        (None, ..) => Some(String::new()),
        (Some(word), None, _) if is_positive(word, 'w') || is_density(word) => Some(format!(" {word}")),
        (Some(width), Some(height), None) if is_positive(width, 'w') && is_positive(height, 'h') => {
            Some(format!(" {width} {height}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_read_as_browsers_read_them() {
        for (url, kept) in [
            ("https://example.com/a:b", "https://example.com/a:b"),
            ("HTTPS://example.com", "HTTPS://example.com"),
            ("/a:b", "/a:b"),
            ("?a:b", "?a:b"),
            ("#a:b", "#a:b"),
            ("./a:b", "./a:b"),
            ("", ""),
            ("\u{1}\t /x\n", "/x"),
            ("ht\ntps://example.com", "https://example.com"),
        ] {
            assert_eq!(judge(url, Use::Link), Ok(kept.to_owned()), "{url:?}");
        }
        for (url, scheme) in [
            ("javascript:x", "javascript:"),
            ("\u{1}\u{a0} JAVA\tscript\r\n:x", "javascript:"),
            ("java\u{200b}script:x", "java\u{200b}script:"),
            ("java%73cript:x", "java%73cript:"),
            (":x", ":"),
            ("12:30", "12:"),
            ("blob:https://example.com/x", "blob:"),
            ("view-source:https://example.com", "view-source:"),
        ] {
            assert_eq!(judge(url, Use::Link), Err(scheme.to_owned()), "{url:?}");
        }
        assert!(judge("mailto:a@example.com", Use::Link).is_ok());
        assert!(judge("mailto:a@example.com", Use::Resource).is_err());
    }

    #[test]
    fn candidates_are_read_as_the_standard_says() {
        for (value, kept) in [
            ("", ""),
            (" , ,", ""),
            ("a", "a"),
            ("a,b", "a,b"),
            ("a, b", "a, b"),
            ("a,, b 2x,", "a, b 2x"),
            (",a 1x\n,\tb 2.5x", "a 1x, b 2.5x"),
            ("a 100w 50h,b 200w", "a 100w 50h, b 200w"),
            ("a (,1x), b 2x", "b 2x"),
            ("a 1x b 2x", ""),
            ("a 1.2.3x, b x, c .x", ""),
            ("a 50h, b +1w, c w", ""),
        ] {
            assert_eq!(srcset(value, "img", &mut Removed::default()), kept, "{value:?}");
        }
    }
}
