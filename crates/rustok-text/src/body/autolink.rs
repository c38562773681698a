//! Bare URLs and e-mail addresses in text, as in "Autolinks (extension)" of GitHub Flavored Markdown: `http://`,
//! `https://`, `www.` and e-mail addresses. In addition, quotation marks of all languages end a URL.
//!
//! The work is linear in the length of the text: a part that was searched without success is not searched again.

use std::ops::Range;

/// A URL or e-mail address in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its byte range.
    pub(super) place: Range<usize>,
    /// The prefix for the link's target.
    pub(super) before: &'static str,
}

/// The result of a search: a match, or the offset at which to resume.
type Search = Result<Found, usize>;

/// All matches in `text`, which follows the character `previous`.
pub(super) fn find(text: &str, previous: Option<char>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut done = 0;
    for (at, c) in text.char_indices() {
        if at < done {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let before = || {
            text.get(..at)
                .unwrap_or_default()
                .chars()
                .next_back()
                .or(previous)
        };
        let search = match c {
            'h' | 'H' => match scheme(rest) {
                Some(len) if !before().is_some_and(char::is_alphanumeric) => url(rest, len, ""),
                _ => continue,
            },
            'w' if rest.starts_with("www.") && !before().is_some_and(binds) => url(rest, 0, "http://"),
            '@' => {
                let last = found.last().map_or(0, |found| found.place.end);
                match email(text, at, last.max(done)) {
                    Some(address) => {
                        done = address.place.end;
                        found.push(address);
                    }
                    None => done = at + 1,
                }
                continue;
            }
            _ => continue,
        };
        match search {
            Ok(address) => {
                done = at + address.place.end;
                found.push(Found {
                    place: at..done,
                    ..address
                });
            }
            // This part may still contain an e-mail address, so only searches for hosts skip it.
            Err(looked_at) => done = at + looked_at,
        }
    }
    found
}

/// The length of a link's scheme at the start of `text`.
fn scheme(text: &str) -> Option<usize> {
    ["https://", "http://"]
        .iter()
        .find(|scheme| {
            text.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .map(|scheme| scheme.len())
}

/// Whether the text after `c` continues a longer word.
fn binds(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '/' | '.' | ':' | '@' | '-' | '=' | '&' | '?')
}

/// Whether a quotation mark ends a URL.
fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '»' | '«' | '”' | '“' | '’' | '›' | '」' | '』' | '）'
    )
}

/// The URL at the start of `text`, whose host starts at `host`.
fn url(text: &str, host: usize, before: &'static str) -> Search {
    let after_scheme = text.get(host..).unwrap_or_default();
    let in_host = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '-' | '_' | '.')
            || (!c.is_ascii() && !c.is_whitespace() && !is_quote(c))
    };
    let host_len = after_scheme.find(|c| !in_host(c)).unwrap_or(after_scheme.len());
    let name = after_scheme
        .get(..host_len)
        .unwrap_or_default()
        .trim_end_matches('.');
    if !is_host(name, host > 0) {
        return Err(host + host_len.max(1));
    }
    let least = host + name.len();
    let all = text
        .find(|c: char| c.is_whitespace() || c.is_control() || c == '<')
        .unwrap_or(text.len());
    let len = without_trailing(text.get(..all).unwrap_or_default());
    if len < least {
        return Err(least);
    }
    Ok(Found {
        place: 0..len,
        before,
    })
}

/// Whether the last two labels have no underscore and no label is empty. Without a scheme at least two are required.
fn is_host(name: &str, has_scheme: bool) -> bool {
    let mut labels = name.rsplit('.');
    let fits = |label: &str| !label.is_empty() && !label.contains('_');
    match (labels.next(), labels.next()) {
        (Some(last), Some(other)) => fits(last) && fits(other),
        (Some(only), None) => has_scheme && fits(only),
        _ => false,
    }
}

/// The length of a URL without the punctuation of the surrounding sentence.
fn without_trailing(url: &str) -> usize {
    let count = |wanted: char| url.chars().filter(|c| *c == wanted).count();
    let mut surplus = count(')').saturating_sub(count('('));
    let mut rest = url;
    while let Some(last) = rest.chars().next_back() {
        rest = match last {
            ')' if surplus > 0 => {
                surplus -= 1;
                rest.strip_suffix(')').unwrap_or_default()
            }
            ';' => without_entity(rest),
            '?' | '!' | '.' | ',' | ':' | '*' | '_' | '~' | '…' | '。' | '、' | '，' => {
                rest.strip_suffix(last).unwrap_or_default()
            }
            quote if is_quote(quote) => rest.strip_suffix(quote).unwrap_or_default(),
            _ => break,
        };
    }
    rest.len()
}

/// Removes a trailing `&name;`, or else only a trailing semicolon.
fn without_entity(url: &str) -> &str {
    let without = url.strip_suffix(';').unwrap_or(url);
    let name = without.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
    match name.strip_suffix('&') {
        Some(before) if name.len() < without.len() => before,
        _ => without,
    }
}

/// The e-mail address around the `@` at `at`, which starts no earlier than `from`.
fn email(text: &str, at: usize, from: usize) -> Option<Found> {
    let before = text.get(from..at)?;
    let local =
        before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'));
    let start = from + local.len();
    let after = text.get(at + 1..)?;
    let in_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let len = after.find(|c| !in_domain(c)).unwrap_or(after.len());
    let domain = after.get(..len)?.trim_end_matches('.');
    let is_domain = domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && domain.ends_with(|c: char| c.is_ascii_alphanumeric());
    if start == at || !is_domain || after.get(len..)?.starts_with('@') {
        return None;
    }
    let end = at + 1 + domain.len();
    Some(match local.strip_suffix("mailto:") {
        Some(_) => Found {
            place: start - "mailto:".len()..end,
            before: "",
        },
        None => Found {
            place: start..end,
            before: "mailto:",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str) -> Vec<String> {
        let found = find(text, None);
        found
            .iter()
            .map(|found| format!("{}{}", found.before, &text[found.place.clone()]))
            .collect()
    }

    #[test]
    fn addresses_are_found_as_gfm_says() {
        for (text, expected) in [
            ("www.commonmark.org", &["http://www.commonmark.org"][..]),
            (
                "Visit www.commonmark.org/help for",
                &["http://www.commonmark.org/help"],
            ),
            ("Visit www.commonmark.org.", &["http://www.commonmark.org"]),
            (
                "www.google.com/search?q=Markup+(business)",
                &["http://www.google.com/search?q=Markup+(business)"],
            ),
            (
                "www.google.com/search?q=Markup+(business)))",
                &["http://www.google.com/search?q=Markup+(business)"],
            ),
            (
                "(www.google.com/search?q=Markup+(business))",
                &["http://www.google.com/search?q=Markup+(business)"],
            ),
            (
                "www.google.com/search?q=(business))+ok",
                &["http://www.google.com/search?q=(business))+ok"],
            ),
            (
                "www.google.com/search?q=commonmark&hl=en",
                &["http://www.google.com/search?q=commonmark&hl=en"],
            ),
            (
                "www.google.com/search?q=commonmark&hl;",
                &["http://www.google.com/search?q=commonmark"],
            ),
            ("www.commonmark.org/he<lp", &["http://www.commonmark.org/he"]),
            ("http://commonmark.org", &["http://commonmark.org"]),
            (
                "(Visit https://encrypted.google.com/search?q=Markup+(business))",
                &["https://encrypted.google.com/search?q=Markup+(business)"],
            ),
            ("HTTP://localhost:8080/x", &["HTTP://localhost:8080/x"]),
            ("foo@bar.baz", &["mailto:foo@bar.baz"]),
            (
                "hello@mail+xyz.example isn't valid, but hello+xyz@mail.example is.",
                &["mailto:hello+xyz@mail.example"],
            ),
            ("a.b-c_d@a.b", &["mailto:a.b-c_d@a.b"]),
            ("a.b-c_d@a.b.", &["mailto:a.b-c_d@a.b"]),
            ("a.b-c_d@a.b-", &[]),
            ("a.b-c_d@a.b_", &[]),
            ("mailto:foo@bar.baz", &["mailto:foo@bar.baz"]),
            ("a@b.c@d.e", &["mailto:b.c@d.e"]),
            (
                "„https://example.com“, ‘www.example.com’",
                &["https://example.com", "http://www.example.com"],
            ),
            (
                "xhttp://a.b ahttps://a.b 1www.a.b http:// www. www.. https://_ @ a@ @b",
                &[],
            ),
            (
                "http://a_b.c.d http://a.b_c.d http://a.b.c_d",
                &["http://a_b.c.d"],
            ),
            ("https://a https://b", &["https://a", "https://b"]),
            ("éhttps://é.é/é", &[]),
            ("", &[]),
        ] {
            assert_eq!(links(text), expected, "{text}");
        }
    }

    #[test]
    fn what_stands_before_counts() {
        assert!(find("www.example.com", Some('x')).is_empty());
        assert!(find("https://example.com", Some('é')).is_empty());
        assert_eq!(find("www.example.com", Some('*')).len(), 1);
    }

    /// A search that restarted at every position would take minutes for these.
    #[test]
    fn no_text_makes_this_slow() {
        for part in [
            "www._",
            "a@",
            "a.",
            "http://_",
            "w.",
            "(",
            "www.a.b)",
            "&a;",
            "a@a.",
            "https://a@",
        ] {
            let start = std::time::Instant::now();
            find(&part.repeat((1 << 20) / part.len()), None);
            assert!(start.elapsed().as_secs() < 5, "{part}");
        }
    }
}
