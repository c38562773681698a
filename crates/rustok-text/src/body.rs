//! Bodies: what an author wrote, and the safe HTML that a reader's browser gets.
//!
//! Every body is turned into HTML and sanitised when it is written, never when it is read. No script, no style sheet,
//! no frame, no form and no event handler may pass, whoever the author is.

mod complexity;

use crate::plain::has_forbidden_control;
use ammonia::Builder;
use pulldown_cmark::{Options, Parser, html};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use thiserror::Error;

/// The largest body, in bytes, as it was written.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// The largest HTML that a body may become, in bytes: escaping and Markdown make it longer.
pub const MAX_HTML_BYTES: usize = 2 * MAX_BODY_BYTES;

/// Stands before every `id` of a body, so that no content takes a name that the page around it relies on.
const ID_PREFIX: &str = "content-";

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyFormat {
    /// A fragment of HTML.
    Html,
    /// CommonMark with tables and strikethrough; HTML in it is allowed and sanitised.
    Markdown,
}

impl BodyFormat {
    /// The name in rows and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "markdown",
        }
    }
}

impl fmt::Display for BodyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BodyFormat {
    type Err = BodyError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "html" => Ok(Self::Html),
            "markdown" => Ok(Self::Markdown),
            _ => Err(BodyError::UnknownFormat),
        }
    }
}

/// Why a body cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyError {
    /// More than [`MAX_BODY_BYTES`], or more than [`MAX_HTML_BYTES`] as HTML.
    #[error("must be at most {MAX_BODY_BYTES} bytes long, and at most {MAX_HTML_BYTES} bytes as HTML")]
    TooLong,
    /// Markup that would cost far more to read than its length: too many tags, attributes,
    /// escapes or unclosed formatting.
    #[error("has too much markup")]
    TooComplex,
    /// A control character other than tab and line ends.
    #[error("must not have control characters")]
    ControlCharacter,
    /// Neither `html` nor `markdown`.
    #[error("must be html or markdown")]
    UnknownFormat,
}

impl BodyError {
    /// The stable code in a problem's `errors`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::TooComplex => "too_complex",
            Self::ControlCharacter => "control_character",
            Self::UnknownFormat => "unknown_format",
        }
    }
}

/// The safe HTML of a body.
///
/// # Errors
/// A [`BodyError`]; the work that an input can cause is bounded.
///
/// ```
/// use rustok_text::body::{BodyFormat, render_html};
///
/// let html = render_html(BodyFormat::Markdown, "**Hi** <script>alert(1)</script>")?;
/// assert_eq!(html, "<p><strong>Hi</strong> </p>\n");
/// # Ok::<(), rustok_text::body::BodyError>(())
/// ```
pub fn render_html(format: BodyFormat, source: &str) -> Result<String, BodyError> {
    if source.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLong);
    }
    if has_forbidden_control(source) {
        return Err(BodyError::ControlCharacter);
    }
    match format {
        BodyFormat::Html => sanitise_html(source),
        BodyFormat::Markdown => {
            let parser = Parser::new_ext(source, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
            let mut out = String::with_capacity(source.len() + source.len() / 4);
            html::push_html(&mut out, parser);
            sanitise_html(&out)
        }
    }
}

/// A fragment of HTML without anything that acts: for bodies, and for descriptions of products.
///
/// Kept are headings, paragraphs, lists, tables, figures, images, audio, video, links and code, with the classes that
/// themes and highlighters know (`align…`, `wp-…`, `has-…`, `is-…`, `size-…`, `gallery…`, `language-…`), and `id`s and
/// the links to them, both with `content-` before the name. URLs are http, https, mailto, tel or relative. Links get
/// `rel="noopener"`.
///
/// # Errors
/// [`BodyError::TooLong`] over [`MAX_HTML_BYTES`] before or after, [`BodyError::TooComplex`].
pub fn sanitise_html(source: &str) -> Result<String, BodyError> {
    if source.len() > MAX_HTML_BYTES {
        return Err(BodyError::TooLong);
    }
    complexity::check(source)?;
    let html = SANITISER.clean(source).to_string();
    if html.len() > MAX_HTML_BYTES {
        Err(BodyError::TooLong)
    } else {
        Ok(html)
    }
}

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .add_tags([
            "address", "audio", "big", "main", "section", "source", "tfoot", "video",
        ])
        // Their content is not text for a reader, so it goes with the tag.
        .clean_content_tags(HashSet::from([
            "script", "style", "iframe", "object", "noembed", "noframes", "noscript", "template", "textarea",
            "title", "xmp", "svg", "math", "select",
        ]))
        .add_generic_attributes(["class", "dir", "id"])
        .add_tag_attributes("audio", ["controls", "loop", "preload", "src"])
        .add_tag_attributes(
            "video",
            [
                "controls", "height", "loop", "muted", "poster", "preload", "src", "width",
            ],
        )
        .add_tag_attributes("source", ["src", "type"])
        .add_tag_attributes("img", ["loading"])
        .add_tag_attributes("ol", ["reversed", "type"])
        .add_tag_attributes("li", ["value"])
        .add_tag_attributes("details", ["open"])
        .add_tag_attributes("time", ["datetime"])
        .add_tag_attributes("data", ["value"])
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        .link_rel(Some("noopener"))
        .id_prefix(Some(ID_PREFIX))
        .attribute_filter(filter_attribute);
    for aligned in [
        "p",
        "td",
        "th",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "div",
        "figure",
        "figcaption",
    ] {
        builder.add_tag_attributes(aligned, ["style"]);
    }
    builder.tag_attribute_values(HashMap::from([(
        "a",
        HashMap::from([("target", HashSet::from(["_blank", "_self"]))]),
    )]));
    builder
});

/// The last word on an attribute that the lists above let pass; `None` drops it.
fn filter_attribute<'v>(element: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    match (element, attribute) {
        (_, "class") => classes(value),
        (_, "style") => text_align(value).map(Cow::Borrowed),
        ("a", "href") => Some(match value.strip_prefix('#') {
            Some(name) if !name.is_empty() && !name.starts_with(ID_PREFIX) => {
                Cow::Owned(format!("#{ID_PREFIX}{name}"))
            }
            _ => Cow::Borrowed(value),
        }),
        _ => Some(Cow::Borrowed(value)),
    }
}

/// The classes with a known beginning. Free classes would let a text dress up as a part of the page around it.
fn classes(value: &str) -> Option<Cow<'_, str>> {
    const KNOWN: [&str; 7] = ["align", "wp-", "has-", "is-", "size-", "gallery", "language-"];
    let kept = value
        .split_ascii_whitespace()
        .filter(|class| KNOWN.iter().any(|known| class.starts_with(known)));
    let kept = kept.collect::<Vec<_>>().join(" ");
    (!kept.is_empty()).then_some(Cow::Owned(kept))
}

/// The one style that an author may set: a single declaration of the text's alignment.
fn text_align(style: &str) -> Option<&'static str> {
    let (property, value) = style.trim().trim_end_matches(';').split_once(':')?;
    if !property.trim().eq_ignore_ascii_case("text-align") {
        return None;
    }
    const ALLOWED: [(&str, &str); 4] = [
        ("left", "text-align: left"),
        ("center", "text-align: center"),
        ("right", "text-align: right"),
        ("justify", "text-align: justify"),
    ];
    let value = value.trim();
    ALLOWED
        .iter()
        .find(|(name, _)| value.eq_ignore_ascii_case(name))
        .map(|(_, style)| *style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(html: &str) -> String {
        render_html(BodyFormat::Html, html).unwrap()
    }

    #[test]
    fn nothing_that_acts_passes() {
        for attack in [
            "<script>alert(1)</script>",
            "<SCRIPT SRC=//evil></SCRIPT>",
            "<img src=x onerror=alert(1)>",
            "<svg onload=alert(1)><a xlink:href=javascript:alert(1)>x</a></svg>",
            "<math><mi xlink:href=\"javascript:alert(1)\">x",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\" java\nscript:alert(1)\">x</a>",
            "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
            "<a href=vbscript:alert(1)>x</a>",
            "<iframe src=//evil></iframe>",
            "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
            "<object data=javascript:alert(1)></object><embed src=javascript:alert(1)>",
            "<form action=javascript:alert(1)><input onfocus=alert(1) autofocus><button formaction=javascript:alert(1)>",
            "<style>body{background:url(javascript:alert(1))}</style>",
            "<p style=\"background:url(javascript:alert(1))\">x</p>",
            "<p style=\"text-align:left;position:fixed\">x</p>",
            "<link rel=stylesheet href=//evil><meta http-equiv=refresh content=0;url=javascript:alert(1)><base href=//evil>",
            "<video src=javascript:alert(1) poster=javascript:alert(1) onplay=alert(1)>",
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
            "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
            "<div class=\"fixed modal overlay\">x</div>",
            "<!--[if IE]><script>alert(1)</script><![endif]-->",
            "<template><script>alert(1)</script></template><textarea><script>alert(1)</script>",
        ] {
            let html = clean(attack).to_lowercase();
            for evil in [
                "<script",
                "javascript:",
                "vbscript:",
                "data:",
                "onerror",
                "onload",
                "onplay",
                "onfocus",
                "<iframe",
                "<object",
                "<embed",
                "<form",
                "<input",
                "<button",
                "<style",
                "style=",
                "<link",
                "<meta",
                "<base",
                "<svg",
                "<math",
                "class=",
                "<!--",
                "<template",
                "<textarea",
            ] {
                assert!(!html.contains(evil), "{evil} in {html} from {attack}");
            }
        }
    }

    #[test]
    fn what_a_blog_needs_stays() {
        for kept in [
            "<h2 class=\"wp-block-heading\">Title</h2>",
            "<figure class=\"wp-block-image size-large\"><img src=\"/a.jpg\" alt=\"A\" width=\"10\" height=\"20\"></figure>",
            "<table><thead><tr><th scope=\"col\">a</th></tr></thead><tbody><tr><td colspan=\"2\">b</td></tr></tbody></table>",
            "<pre><code class=\"language-rust\">fn main() {}</code></pre>",
            "<p style=\"text-align: center\">x</p>",
            "<video src=\"https://example.com/a.mp4\" controls=\"\"></video>",
            "<blockquote><p>q</p><cite>c</cite></blockquote>",
            "<p dir=\"rtl\" lang=\"he\">שלום 👋</p>",
            "<ol start=\"3\" reversed=\"\"><li value=\"7\">x</li></ol>",
            "a &lt; b &amp; c",
        ] {
            assert_eq!(clean(kept), kept);
        }
    }

    #[test]
    fn links_are_made_safe() {
        assert_eq!(
            clean("<a href=\"https://example.com\" target=\"_blank\">x</a>"),
            "<a href=\"https://example.com\" target=\"_blank\" rel=\"noopener\">x</a>"
        );
        assert_eq!(
            clean("<a href=/x target=evil>x</a>"),
            "<a href=\"/x\" rel=\"noopener\">x</a>"
        );
    }

    #[test]
    fn names_get_a_prefix_and_links_to_them_still_work() {
        let html = clean("<h2 id=\"body\">x</h2><a href=\"#body\">up</a>");
        assert_eq!(
            html,
            "<h2 id=\"content-body\">x</h2><a href=\"#content-body\" rel=\"noopener\">up</a>"
        );
        assert_eq!(clean(&html), html);
    }

    #[test]
    fn markdown_has_tables_and_strikethrough() {
        let source = "# T\n\n| a | b |\n|:-:|---|\n| 1 | ~~2~~ |\n\n```rust\nlet x = 1 < 2;\n```\n";
        let html = render_html(BodyFormat::Markdown, source).unwrap();
        for part in [
            "<h1>T</h1>",
            "<th style=\"text-align: center\">a</th>",
            "<del>2</del>",
            "<code class=\"language-rust\">let x = 1 &lt; 2;",
        ] {
            assert!(html.contains(part), "{part} is missing in {html}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(clean(&"a".repeat(MAX_BODY_BYTES)).len(), MAX_BODY_BYTES);
        let too_long = "a".repeat(MAX_BODY_BYTES + 1);
        assert_eq!(render_html(BodyFormat::Html, &too_long), Err(BodyError::TooLong));
        assert_eq!(
            render_html(BodyFormat::Html, &"&".repeat(MAX_BODY_BYTES)),
            Err(BodyError::TooComplex)
        );
        assert_eq!(
            sanitise_html(&"a".repeat(MAX_HTML_BYTES + 1)),
            Err(BodyError::TooLong)
        );
        assert_eq!(
            render_html(BodyFormat::Html, "a\u{0}b"),
            Err(BodyError::ControlCharacter)
        );
    }

    #[test]
    fn deep_nesting_needs_no_deep_stack() {
        let deep = format!("{}x", "<div>".repeat(2_000));
        let thread = std::thread::Builder::new().stack_size(256 << 10);
        let html = thread.spawn(move || clean(&deep)).unwrap().join().unwrap();
        assert!(html.ends_with(&format!("x{}", "</div>".repeat(2_000))));
    }

    #[test]
    fn formats_have_names() {
        for format in [BodyFormat::Html, BodyFormat::Markdown] {
            assert_eq!(format.as_str().parse(), Ok(format));
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
        }
        assert_eq!("HTML".parse::<BodyFormat>(), Err(BodyError::UnknownFormat));
    }

    proptest! {
        #[test]
        fn no_soup_of_tags_lets_one_through(
            soup in "(<(p|b|i|a|table|tr|td|div|svg|math|mtext|style|title|select|script|noscript|textarea)( onclick=x| id=q| href=#q)?>|</(p|b|table|svg|a|style|title|math)>|x|&lt;|<!--|-->){0,24}"
        ) {
            let once = sanitise_html(&soup).unwrap();
            // What a browser makes of our output must be safe too, whatever it moves around (mutation XSS).
            for html in [sanitise_html(&once).unwrap(), once] {
                for evil in ["<s", "<m", "<no", "<te", "<ti", "<!", "onclick"] {
                    prop_assert!(!html.contains(evil), "{} in {}", evil, html);
                }
            }
        }
    }
}
