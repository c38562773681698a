//! Estimates the cost of parsing a fragment of HTML with a conforming parser, in one pass before parsing.
//!
//! The tree construction of the HTML standard is not linear: it walks the stack of open elements at every tag,
//! compares every attribute of a tag with those before it, and reopens unclosed formatting elements in every block
//! (the standard's 13.2.4.2 and 13.2.4.3). This way 17 kB can become 250 MB, and 250 kB can take nine seconds. The
//! estimate may refuse what a parser could handle; it must never pass what a parser could not. It does not decide
//! what is safe.

use super::BodyError;

/// The maximum number of start and end tags.
pub(super) const MAX_TAGS: usize = 20_000;

/// The maximum number of attributes of one tag.
pub(super) const MAX_ATTRIBUTES: usize = 1_024;

/// The maximum number of elements created by reopening formatting elements.
pub(super) const MAX_REOPENED: usize = 1_000_000;

/// The number of bytes that may be scanned repeatedly in any text, however short.
const FREE_WALKS: usize = 1 << 20;

/// The formatting elements of the standard, except `a` and `nobr`, which close themselves.
const FORMATTING: [&str; 12] = [
    "b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u",
];

/// The standard keeps at most three equal ones (its "Noah's Ark clause").
const MOST_EQUAL: usize = 3;

/// Examines every position where a tag could start, also in comments and scripts: only the parser knows which tags
/// are real, and none may be missed.
pub(super) fn check(html: &str) -> Result<(), BodyError> {
    let bytes = html.as_bytes();
    // Tags do not overlap, so ordinary markup is scanned once. Quotes that contain tags are scanned repeatedly, which
    // is negligible in a short text.
    let mut walks_left = bytes.len().saturating_mul(4).saturating_add(FREE_WALKS);
    let mut tags = 0_usize;
    let mut plain = [0_usize; FORMATTING.len()];
    let mut with_attributes = 0_usize;
    for (at, _) in html.match_indices('<') {
        let Some(tag) = Tag::read(bytes.get(at + 1..).unwrap_or_default()) else {
            continue;
        };
        tags += 1;
        walks_left = walks_left.checked_sub(tag.walked).ok_or(BodyError::TooComplex)?;
        if tags > MAX_TAGS || tag.attributes > MAX_ATTRIBUTES {
            return Err(BodyError::TooComplex);
        }
        let known = FORMATTING
            .iter()
            .position(|name| name.as_bytes().eq_ignore_ascii_case(tag.name));
        match known.and_then(|which| plain.get_mut(which)) {
            Some(_) if tag.is_end => {}
            Some(count) if tag.attributes == 0 => *count = (*count + 1).min(MOST_EQUAL),
            Some(_) => with_attributes += 1,
            None => {}
        }
    }
    let open_at_most = plain.iter().sum::<usize>() + with_attributes;
    if open_at_most.saturating_mul(tags) > MAX_REOPENED {
        Err(BodyError::TooComplex)
    } else {
        Ok(())
    }
}

/// A tag, tokenised from its name on as in the standard (13.2.5).
struct Tag<'a> {
    name: &'a [u8],
    is_end: bool,
    attributes: usize,
    /// The number of bytes scanned.
    walked: usize,
}

/// The tokeniser's state between a tag's name and its `>`.
enum Place {
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Unquoted,
    Quoted(u8),
}

impl<'a> Tag<'a> {
    /// `None` if no tag starts here.
    fn read(after_angle: &'a [u8]) -> Option<Self> {
        let is_end = after_angle.first() == Some(&b'/');
        let text = after_angle.get(usize::from(is_end)..).unwrap_or_default();
        if !text.first().is_some_and(u8::is_ascii_alphabetic) {
            return None;
        }
        let name_len = text
            .iter()
            .position(|b| is_space(*b) || matches!(b, b'/' | b'>'))
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(name_len);
        let (attributes, len) = count_attributes(rest);
        Some(Self {
            name,
            is_end,
            attributes,
            walked: name_len + len,
        })
    }
}

/// The number of attributes up to the `>` (or up to one more than allowed), and the number of bytes scanned.
fn count_attributes(text: &[u8]) -> (usize, usize) {
    let mut count = 0;
    let mut place = Place::BeforeName;
    for (at, &byte) in text.iter().enumerate() {
        place = match place {
            Place::Quoted(quote) if byte == quote => Place::BeforeName,
            Place::Quoted(quote) => Place::Quoted(quote),
            _ if byte == b'>' => return (count, at),
            Place::BeforeValue if is_space(byte) => Place::BeforeValue,
            Place::BeforeValue if matches!(byte, b'"' | b'\'') => Place::Quoted(byte),
            Place::BeforeValue | Place::Unquoted if !is_space(byte) => Place::Unquoted,
            Place::BeforeValue | Place::Unquoted => Place::BeforeName,
            Place::Name | Place::AfterName if byte == b'=' => Place::BeforeValue,
            Place::Name if !is_space(byte) && byte != b'/' => Place::Name,
            Place::Name if byte == b'/' => Place::BeforeName,
            Place::Name | Place::AfterName if is_space(byte) => Place::AfterName,
            Place::BeforeName if is_space(byte) || byte == b'/' => Place::BeforeName,
            Place::AfterName if byte == b'/' => Place::BeforeName,
            Place::BeforeName | Place::AfterName | Place::Name => {
                count += 1;
                Place::Name
            }
        };
        if count > MAX_ATTRIBUTES {
            return (count, at);
        }
    }
    (count, text.len())
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(tag: &str) -> usize {
        Tag::read(&tag.as_bytes()[1..]).unwrap().attributes
    }

    #[test]
    fn attributes_are_counted_as_a_tokeniser_counts_them() {
        for (tag, expected) in [
            ("<a>", 0),
            ("<br/>", 0),
            ("<br / >", 0),
            ("<a b>", 1),
            ("<a b=c d>", 2),
            ("<a b = c d>", 2),
            ("<a b=\"1 2>3\" c>", 2),
            ("<a b='\"' c>", 2),
            ("<a b' c=\"' >\" d>", 3),
            ("<a b==\" c=\"> 1\">", 2),
            ("<a =b c>", 2),
            ("<a b/c/d>", 3),
            ("<a b='1'c>", 2),
            ("<a b=>", 1),
            ("<a b c", 2),
            ("</a b>", 1),
        ] {
            assert_eq!(attributes(tag), expected, "{tag}");
        }
    }

    #[test]
    fn honest_markup_passes() {
        let rows = "<tr><td>1</td><td><code class=\"x\">a</code></td></tr>".repeat(20);
        let article = "<p>Some <b>bold</b> and <em>soft</em> words, 1 < 2.</p>".repeat(3_000);
        assert_eq!(check(&format!("<table>{rows}</table>{article}")), Ok(()));
        assert_eq!(check(&"a < b <3 <- ".repeat(50_000)), Ok(()));
        assert_eq!(check(&"a <b c <d e <f".repeat(50)), Ok(()));
    }

    #[test]
    fn tags_are_bounded() {
        assert_eq!(check(&"<div>".repeat(MAX_TAGS)), Ok(()));
        assert_eq!(check(&"<div>".repeat(MAX_TAGS + 1)), Err(BodyError::TooComplex));
    }

    #[test]
    fn attributes_are_bounded() {
        let many = |n: usize| {
            format!(
                "<a x=\">\" {}>",
                (1..n).map(|i| format!("a{i} ")).collect::<String>()
            )
        };
        assert_eq!(check(&many(MAX_ATTRIBUTES)), Ok(()));
        assert_eq!(check(&many(MAX_ATTRIBUTES + 1)), Err(BodyError::TooComplex));
    }

    #[test]
    fn formatting_that_is_opened_again_is_bounded() {
        let unclosed: String = (0..1_000).map(|i| format!("<b class=\"{i}\">")).collect();
        assert_eq!(
            check(&format!("<p>{unclosed}{}", "<p>x".repeat(1_000))),
            Err(BodyError::TooComplex)
        );
        // An end tag in a comment closes nothing.
        let hidden: String = (0..1_000)
            .map(|i| format!("<b class=\"{i}\"><!--</b>-->"))
            .collect();
        assert_eq!(
            check(&format!("<p>{hidden}{}", "<p>x".repeat(1_000))),
            Err(BodyError::TooComplex)
        );
    }

    #[test]
    fn quotes_that_swallow_tags_do_not_make_this_slow() {
        assert_eq!(
            check(&"<a b=\"".repeat(2 * MAX_TAGS / 3)),
            Err(BodyError::TooComplex)
        );
    }
}
