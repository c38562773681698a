//! Ids and anchors: kept as written, so that existing links still work, except those that could shadow names used by
//! scripts or by the page around (DOM clobbering).
//!
//! See `docs/adr/0016-ids-stay-as-they-are-written.md`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

/// The prefix of a name that cannot be kept as written.
const PREFIX: &str = "content-";

/// Prefixes that the pages around a body use for their own names.
const RESERVED_PREFIXES: [&str; 2] = ["rk-", "__"];

/// The members of `document`, of a form and of every object, and those members of `window` that are not ordinary
/// words.
static RESERVED: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("reserved.txt").split_ascii_whitespace().collect());

/// The name to write for `name`; `None` if it is invalid. Equal names give equal results, so references stay valid.
pub(super) fn name(name: &str) -> Option<Cow<'_, str>> {
    let fits = |c: char| match c {
        '"' | '\'' | '<' | '>' | '&' | '`' => false,
        c => !c.is_whitespace() && !c.is_control(),
    };
    if name.is_empty() || !name.chars().all(fits) {
        return None;
    }
    Some(match is_reserved(name) {
        true => Cow::Owned(format!("{PREFIX}{name}")),
        false => Cow::Borrowed(name),
    })
}

fn is_reserved(name: &str) -> bool {
    RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || RESERVED.contains(name)
}

/// A list of names, as in `headers` and `aria-labelledby`; `None` if none is left.
pub(super) fn references(value: &str) -> Option<String> {
    let names: Vec<_> = value.split_ascii_whitespace().filter_map(name).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// Rewrites the fragment of a URL to the name that its target gets. Only URLs without a host are changed: their
/// targets are on the same site.
pub(super) fn linked(url: String) -> String {
    let Some((page, fragment)) = url.split_once('#') else {
        return url;
    };
    let has_host = page.starts_with("//") || page.contains(':') || page.contains('\\');
    match is_reserved(fragment) {
        true if !has_host => format!("{page}#{PREFIX}{fragment}"),
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_listed_once_and_in_order() {
        let names: Vec<&str> = include_str!("reserved.txt").split_ascii_whitespace().collect();
        assert!(names.is_sorted() && names.len() == RESERVED.len());
        for attacked in [
            "attributes",
            "body",
            "cookie",
            "currentScript",
            "defaultView",
            "forms",
            "getElementById",
            "head",
            "location",
            "constructor",
            "parentNode",
            "querySelector",
            "self",
            "submit",
            "toString",
            "window",
        ] {
            assert!(is_reserved(attacked), "{attacked}");
        }
        assert!(!names.iter().any(|name| name.starts_with(PREFIX)));
    }

    #[test]
    fn a_link_follows_its_target() {
        for (url, linked_to) in [
            ("#cookie", "#content-cookie"),
            ("/a?b#cookie", "/a?b#content-cookie"),
            ("a#rk-x", "a#content-rk-x"),
            ("#team", "#team"),
            ("#", "#"),
            ("#content-cookie", "#content-cookie"),
            ("https://example.com/#cookie", "https://example.com/#cookie"),
            ("//example.com/#cookie", "//example.com/#cookie"),
        ] {
            assert_eq!(linked(url.to_owned()), linked_to);
        }
    }
}
