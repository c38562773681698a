//! Converts text as WordPress stores it: slugs and plain titles. Pure functions; must never fail.

use super::entities::{MAX_NAME_BYTES, character};
use percent_encoding::percent_decode_str;
use rustok_text::Slug;
use unicode_normalization::UnicodeNormalization as _;

/// A slug in readable form: percent-decoded (WordPress stores non-Latin scripts encoded) and NFC; `None` when empty.
pub(super) fn slug(stored: &str) -> Option<String> {
    let decoded = percent_decode_str(stored.trim()).decode_utf8_lossy();
    // WordPress truncates long slugs by bytes, sometimes inside a character.
    let slug: String = decoded
        .chars()
        .filter(|c| *c != char::REPLACEMENT_CHARACTER && !c.is_control())
        .nfc()
        .collect();
    let slug = slug.trim();
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// A slug derived from the name of a term.
pub(super) fn slug_of_name(name: &str) -> Option<String> {
    Slug::from_title(name).map(Slug::into_string)
}

/// A title or name without markup. WordPress stores these as HTML (`Arts &amp; Crafts`, `<em>New</em>`), here they
/// are plain text. Tags are removed, entities decoded once; a `<` that starts no tag is kept. White space is
/// collapsed, as in a browser.
pub(super) fn plain(html: &str) -> String {
    decoded(html, true)
}

/// As [`plain`], of a title that its exporter wrote as text: what looks like a tag is no tag.
pub(super) fn plain_of_text(text: &str) -> String {
    decoded(text, false)
}

fn decoded(html: &str, has_tags: bool) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(place) = rest.find(['<', '&']) {
        out.push_str(&rest[..place]);
        rest = &rest[place..];
        if let Some((character, length)) = entity(rest) {
            out.push(character);
            rest = &rest[length..];
        } else if let Some(length) = tag(rest).filter(|_| has_tags) {
            rest = &rest[length..];
        } else {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The length of a tag or comment at the start of `text`.
fn tag(text: &str) -> Option<usize> {
    /// A longer tag is not recognised, so that a text full of `<` does not take quadratic time.
    const MAX_TAG_BYTES: usize = 1024;
    let next = text.strip_prefix('<')?.chars().next()?;
    if !(next.is_ascii_alphabetic() || next == '/' || next == '!') {
        return None;
    }
    text.bytes()
        .take(MAX_TAG_BYTES)
        .position(|byte| byte == b'>')
        .map(|end| end + 1)
}

/// The character of an entity at the start of `text`, and the entity's length.
fn entity(text: &str) -> Option<(char, usize)> {
    let body = text.strip_prefix('&')?;
    let end = body
        .bytes()
        .take(MAX_NAME_BYTES + 1)
        .position(|byte| byte == b';')?;
    let name = &body[..end];
    let character = match character(name) {
        Some(character) => character,
        None => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control())?
        }
    };
    Some((character, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_decoded_and_composed() {
        assert_eq!(slug("%ce%b5%cf%80%ce%af-2").as_deref(), Some("επί-2"));
        assert_eq!(slug("cafe%CC%81").as_deref(), Some("café"));
        // Truncated inside a character.
        assert_eq!(slug("%d0%b6%d0").as_deref(), Some("ж"));
        assert_eq!(slug("100%").as_deref(), Some("100%"));
        assert_eq!(slug("a%00b").as_deref(), Some("ab"));
        assert_eq!(slug("  "), None);
    }

    #[test]
    fn slugs_are_made_of_names() {
        assert_eq!(slug_of_name("Arts & Crafts!").as_deref(), Some("arts-crafts"));
        assert_eq!(slug_of_name("Новости 2").as_deref(), Some("новости-2"));
        assert_eq!(slug_of_name("!!"), None);
    }

    #[test]
    fn titles_become_plain() {
        for (html, expected) in [
            (
                "Title <em>With</em> <b>Mark<sup>up</sup></b>",
                "Title With Markup",
            ),
            ("Arts &amp; Crafts", "Arts & Crafts"),
            ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
            ("1 < 2 && 3 > 2", "1 < 2 && 3 > 2"),
            ("a <b", "a <b"),
            ("&#8220;x&#x201D; &unknown; &", "“x” &unknown; &"),
            ("&#0;&#xFFFFFFFFF;", "&#0;&#xFFFFFFFFF;"),
            ("  日本 &\n\t&nbsp;ж ", "日本 & ж"),
            ("<!-- c -->x", "x"),
        ] {
            assert_eq!(plain(html), expected);
        }
    }
}
