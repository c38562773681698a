//! Small rules about plain text: what a person may type into one line, and what is left of imported markup.
//!
//! It must never be used to make HTML safe: that is [`crate::body`]'s work. What comes out of here is text, and whoever
//! shows it in a page escapes it.

/// The named character references that exports use in titles and excerpts; any other stays as it is written.
const ENTITIES: [(&str, &str); 7] = [
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#039;", "'"),
    ("&#39;", "'"),
    ("&nbsp;", " "),
];

/// The text of a piece of markup: tags and comments go, the common character references become what they stand for.
///
/// A `<` that opens no tag stays (`a < b`), and so does one that is never closed.
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

/// What follows the tag or comment that `from` starts with.
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

/// One line: runs of white space and control characters become one space, none at the edges.
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

/// Whether `text` has a control character. A NUL cannot be stored by PostgreSQL, and no other one belongs into a line.
#[must_use]
pub fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// Whether a text of several lines has a control character other than tab, line feed and carriage return.
///
/// PostgreSQL refuses NUL in text; the others are never meant.
#[must_use]
pub fn has_forbidden_control(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// Whether the text has more than `max` characters; it counts no further than it must.
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
    fn controls_and_lengths() {
        assert!(has_forbidden_control("a\u{0}") && has_forbidden_control("\u{7f}"));
        assert!(!has_forbidden_control("a\r\n\tb"));
        assert!(!is_longer_than("жжж", 3));
        assert!(is_longer_than("жжжж", 3));
    }
}
