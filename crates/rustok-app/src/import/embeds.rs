//! Players and maps that other sites embed: they are not kept, since they load foreign code, but a link to each is.

use super::paragraphs::{Closings, end_of_tag};
use std::borrow::Cow;

/// Elements that show something from elsewhere, and the attribute that says what.
const EMBEDS: [(&str, &str); 3] = [("iframe", "src"), ("embed", "src"), ("object", "data")];

/// Replaces each embed that has an address by a link, and returns how many.
pub(super) fn with_links(html: &str) -> (Cow<'_, str>, usize) {
    let mut out = String::new();
    let (mut count, mut done, mut from) = (0, 0, 0);
    let mut closings = EMBEDS.map(|(name, _)| Closings::new(name));
    while let Some(at) = html
        .get(from..)
        .and_then(|rest| rest.find('<'))
        .map(|at| from + at)
    {
        let rest = html.get(at..).unwrap_or_default();
        from = at + 1;
        let mut kinds = EMBEDS.into_iter().zip(&mut closings);
        let Some(((name, attribute), closings)) = kinds.find(|((name, _), _)| opens(rest, name)) else {
            continue;
        };
        let tag_end = at + end_of_tag(rest);
        let tag = html.get(at..tag_end).unwrap_or(rest);
        if !tag.ends_with('>') {
            // Everything that follows stands inside this tag.
            break;
        }
        let Some(address) = attribute_of(tag, attribute).and_then(|address| page_of(&address)) else {
            from = tag_end;
            continue;
        };
        let has_content = name != "embed" && !tag.ends_with("/>");
        // Without a closing tag the rest of the text is no content of it.
        let close = closings.after(html, tag_end).filter(|_| has_content);
        let end = close.map_or(tag_end, |close| close.end);
        out.push_str(html.get(done..at).unwrap_or_default());
        out.push_str(&format!("<a href=\"{address}\">{address}</a>"));
        (count, done, from) = (count + 1, end, end);
    }
    if count == 0 {
        return (Cow::Borrowed(html), 0);
    }
    out.push_str(html.get(done..).unwrap_or_default());
    (Cow::Owned(out), count)
}

/// Whether `text` starts with the start tag of this element.
fn opens(text: &str, name: &str) -> bool {
    let after = text.get(1..).unwrap_or_default();
    let found = after
        .get(..name.len())
        .is_some_and(|found| found.eq_ignore_ascii_case(name));
    found
        && after
            .get(name.len()..)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '>' | '/')))
}

/// The value of an attribute as it stands in the tag, fit for a double-quoted attribute.
fn attribute_of(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower
        .get(from..)
        .and_then(|rest| rest.find(name))
        .map(|at| from + at)
    {
        from = at + name.len();
        let is_name = lower
            .get(..at)
            .is_some_and(|before| before.ends_with(char::is_whitespace));
        let Some(value) = tag
            .get(from..)
            .map(str::trim_start)
            .and_then(|rest| rest.strip_prefix('='))
        else {
            continue;
        };
        if !is_name {
            continue;
        }
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let value = match quote {
            Some(quote) => value.get(1..)?.split(quote).next()?,
            None => value.split(|c: char| c.is_whitespace() || c == '>').next()?,
        };
        return Some(
            value
                .trim()
                .replace('"', "&quot;")
                .replace('<', "&lt;")
                .replace(['\n', '\r'], ""),
        );
    }
    None
}

/// The page that shows what the player shows, where that is known.
fn page_of(address: &str) -> Option<String> {
    let address = match address.strip_prefix("//") {
        Some(rest) => format!("https://{rest}"),
        None => address.to_owned(),
    };
    let rest = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"))?;
    let id_after = |prefix: &str| {
        let id = rest.strip_prefix(prefix)?.split(['?', '&', '/', '#']).next()?;
        (!id.is_empty()).then(|| id.to_owned())
    };
    for host in ["www.youtube.com", "youtube.com", "www.youtube-nocookie.com"] {
        if let Some(id) = id_after(&format!("{host}/embed/")) {
            return Some(format!("https://www.youtube.com/watch?v={id}"));
        }
    }
    match id_after("player.vimeo.com/video/") {
        Some(id) => Some(format!("https://vimeo.com/{id}")),
        None => Some(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeds_become_links() {
        for (html, expected) in [
            (
                "<p>a</p><iframe width=\"560\" src=\"https://www.youtube.com/embed/abc?rel=0\" allowfullscreen></iframe>b",
                "<p>a</p><a href=\"https://www.youtube.com/watch?v=abc\">https://www.youtube.com/watch?v=abc</a>b",
            ),
            (
                "<IFRAME data-src='x' src='//maps.example/e?a=1&amp;b=2'>no frames</IFRAME>",
                "<a href=\"https://maps.example/e?a=1&amp;b=2\">https://maps.example/e?a=1&amp;b=2</a>",
            ),
            (
                "<embed src=https://x.example/a.swf>c",
                "<a href=\"https://x.example/a.swf\">https://x.example/a.swf</a>c",
            ),
        ] {
            assert_eq!(with_links(html), (Cow::Borrowed(expected), 1), "{html}");
        }
        for html in [
            "<iframe></iframe>",
            "<iframes src='https://a'>",
            "<iframe src='javascript:x'></iframe>",
            "a < b",
        ] {
            assert_eq!(with_links(html), (Cow::Borrowed(html), 0));
        }
    }

    #[test]
    fn an_embed_that_is_never_closed_takes_nothing_with_it() {
        let link = "<a href=\"https://x.example/\">https://x.example/</a>";
        for name in ["iframe src", "object data"] {
            let html = format!("a<{name}='https://x.example/'><p>b</p>");
            assert_eq!(with_links(&html).0, format!("a{link}<p>b</p>"));
        }
        let html = "<iframe src='https://x.example/'>a<iframe src='https://x.example/'></iframe>b";
        assert_eq!(with_links(html).0, format!("{link}b"));
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        for piece in [
            "<iframe src='https://x.example/'>",
            "<object data=\"",
            "<iframe a='",
            "<iframe>",
            "</iframe",
        ] {
            crate::import::paragraphs::assert_linear(piece, |html| with_links(html).0.len());
        }
    }
}
