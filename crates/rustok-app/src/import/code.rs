//! Code in texts of WordPress: what stands in `[code]` and its like is text, whatever it looks like, and so is in `<pre>`
//! and `<code>` what is no markup of text. Both would otherwise be taken for elements and removed.

use super::paragraphs::{end_of_element, end_of_tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// Shortcodes of code, those of the highlighters included; the others name the language.
#[rustfmt::skip]
const SHORTCODES: [&str; 29] = [
    "code", "sourcecode", "source", "bash", "c", "cpp", "csharp", "css", "diff", "go", "groovy", "html", "java",
    "javascript", "js", "json", "objc", "perl", "php", "plain", "powershell", "python", "ruby", "rust", "scala", "shell",
    "sql", "text", "xml",
];

/// Elements that mark text up and may stand in code.
#[rustfmt::skip]
const INLINE: [&str; 32] = [
    "a", "abbr", "b", "bdi", "big", "br", "cite", "code", "del", "dfn", "div", "em", "font", "i", "img", "ins", "kbd",
    "mark", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var",
];

/// The body with its code escaped.
pub(super) fn keep_code(body: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut done, mut from) = (0, 0);
    let lower = body.to_ascii_lowercase();
    let mut ends = Ends::default();
    while let Some(at) = body
        .get(from..)
        .and_then(|rest| rest.find(['[', '<']))
        .map(|at| from + at)
    {
        let rest = body.get(at..).unwrap_or_default();
        from = at + 1;
        let code = shortcode(rest, |name, start| {
            Some(ends.after(&lower, name, at + start)? - at)
        });
        let Some((html, length)) = code.or_else(|| element(rest)) else {
            continue;
        };
        out.push_str(body.get(done..at).unwrap_or_default());
        out.push_str(&html);
        done = at + length;
        from = done;
    }
    if done == 0 {
        return Cow::Borrowed(body);
    }
    out.push_str(body.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// Where the closing tags of shortcodes stand, by name: each part of the text is looked at once for each.
#[derive(Default)]
struct Ends(HashMap<&'static str, Option<usize>>);

impl Ends {
    /// The offset of the first `[/name]` at or behind `from`, which never decreases; `lower` is in lower case.
    fn after(&mut self, lower: &str, name: &'static str, from: usize) -> Option<usize> {
        match self.0.get(name) {
            Some(None) => return None,
            Some(Some(at)) if *at >= from => return Some(*at),
            Some(Some(_)) | None => {}
        }
        let found = lower.get(from..)?.find(&format!("[/{name}]")).map(|at| from + at);
        self.0.insert(name, found);
        found
    }
}

/// A shortcode of code at the start of `text`, as HTML, and its length. `end_of` finds the closing tag of a name at or
/// behind an offset in the text.
fn shortcode(
    text: &str,
    end_of: impl FnOnce(&'static str, usize) -> Option<usize>,
) -> Option<(String, usize)> {
    const MAX_TAG_BYTES: usize = 512;
    let inner = text.strip_prefix('[')?;
    let name_end = inner.find(|c: char| !c.is_ascii_alphanumeric())?;
    let name = inner.get(..name_end)?;
    let name = SHORTCODES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))?;
    let tag_end = inner.bytes().take(MAX_TAG_BYTES).position(|byte| byte == b']')?;
    let attributes = inner.get(name_end..tag_end)?;
    if !attributes.is_empty() && !attributes.starts_with([' ', '\t', '\n', '=']) {
        return None;
    }
    let content_start = 1 + tag_end + 1;
    let end = end_of(name, content_start)?;
    let content = text.get(content_start..end)?;
    let language = match name {
        "code" | "sourcecode" | "source" => language_of(attributes),
        language => Some(language.to_owned()),
    };
    let class = language.map_or_else(String::new, |language| format!(" class=\"language-{language}\""));
    let escaped = escaped(content.trim_matches(['\r', '\n']));
    Some((
        format!("<pre><code{class}>{escaped}</code></pre>"),
        end + "[/]".len() + name.len(),
    ))
}

fn language_of(attributes: &str) -> Option<String> {
    let after = ["language=", "lang="]
        .iter()
        .find_map(|name| attributes.split_once(name))?
        .1;
    let value: String = after
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '#'))
        .collect();
    (!value.is_empty()).then(|| value.to_ascii_lowercase())
}

/// A `pre` or `code` element at the start of `text` with its content escaped, and its length.
fn element(text: &str) -> Option<(String, usize)> {
    let name = ["pre", "code"].into_iter().find(|name| {
        let after = text.get(1..1 + name.len());
        after.is_some_and(|found| found.eq_ignore_ascii_case(name))
            && text
                .get(1 + name.len()..)
                .is_some_and(|rest| rest.starts_with(['>', ' ', '\n', '\t', '\r']))
    })?;
    let tag_bytes = end_of_tag(text);
    let (tag, rest) = text.split_at_checked(tag_bytes)?;
    let length = end_of_element(rest, name);
    let whole = rest.get(..length)?;
    let content_end = whole
        .rfind("</")
        .filter(|_| length < rest.len() || whole.ends_with('>'))
        .unwrap_or(length);
    let (content, close) = whole.split_at_checked(content_end)?;
    let mut out = tag.to_owned();
    let mut left = content;
    let last_end = content.rfind('>').unwrap_or(0);
    while let Some(at) = left.find('<') {
        let (before, here) = left.split_at_checked(at)?;
        out.push_str(before);
        let name = here.get(1..).unwrap_or_default();
        let name = name.strip_prefix('/').unwrap_or(name);
        let name = name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        // Generic types look like elements: `Vec<b>` is spelt so by nobody, `Vec<String>` by many.
        let is_markup = INLINE.contains(&name) && content.len() - here.len() < last_end;
        out.push_str(if is_markup { "<" } else { "&lt;" });
        left = here.get(1..).unwrap_or_default();
    }
    out.push_str(left);
    out.push_str(close);
    Some((out, tag_bytes + length))
}

/// Text as HTML. What is escaped already stays so.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&']) {
        out.push_str(rest.get(..at).unwrap_or_default());
        let here = rest.get(at..).unwrap_or_default();
        out.push_str(match here.as_bytes().first() {
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            _ if is_entity(here) => "&",
            _ => "&amp;",
        });
        rest = here.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

fn is_entity(text: &str) -> bool {
    const MAX_NAME_BYTES: usize = 10;
    let name = text.get(1..).unwrap_or_default();
    let end = name.bytes().take(MAX_NAME_BYTES).position(|byte| byte == b';');
    end.is_some_and(|end| {
        end > 0
            && name
                .bytes()
                .take(end)
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'#')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_take_linear_time() {
        for piece in [
            "[code]",
            "[js][code]",
            "<pre>",
            "<code><b",
            "<<",
            "<pre><",
            "[code]a[/js]",
            "[/code]",
        ] {
            crate::import::paragraphs::assert_linear(piece, |body| keep_code(body).len());
        }
        crate::import::paragraphs::assert_linear("<b ", |body| keep_code(&format!("<pre>{body}")).len());
    }

    #[test]
    fn code_is_text() {
        for (body, expected) in [
            (
                "a [sourcecode language=\"php\"]\n<?php echo \"hi\"; ?>\n<Button>Go</Button>\n\nList<String> n && m;\n[/sourcecode] b",
                "a <pre><code class=\"language-php\">&lt;?php echo \"hi\"; ?&gt;\n&lt;Button&gt;Go&lt;/Button&gt;\n\nList&lt;String&gt; \
                 n &amp;&amp; m;</code></pre> b",
            ),
            (
                "[code]a &lt;b&gt; &amp;[/code]",
                "<pre><code>a &lt;b&gt; &amp;</code></pre>",
            ),
            ("[JS]x[/js]", "<pre><code class=\"language-js\">x</code></pre>"),
            (
                "<pre lang=\"xml\">\n<config><item name=\"a\"/></config>\n</pre>x",
                "<pre lang=\"xml\">\n&lt;config>&lt;item name=\"a\"/>&lt;/config>\n</pre>x",
            ),
            (
                "<pre><code>if (a &lt; b) <b>x</b> Vec<String> <?php <!-- c --></code></pre>",
                "<pre><code>if (a &lt; b) <b>x</b> Vec&lt;String> &lt;?php &lt;!-- c --></code></pre>",
            ),
            (
                "use <code>Vec<String></code> now",
                "use <code>Vec&lt;String></code> now",
            ),
        ] {
            assert_eq!(keep_code(body), expected);
        }
        for body in [
            "[codex]a[/codex]",
            "[code]never closed",
            "a [sic] <b>c</b>",
            "<prefix>",
            "[gallery ids=\"1\"]",
        ] {
            assert_eq!(keep_code(body), body);
        }
    }
}
