//! Bodies: the author's source, and the safe HTML that is served to browsers.
//!
//! Every body is rendered to HTML and sanitised on write, never on read. No script, style sheet, frame, form or event
//! handler passes, whichever author wrote it. Everything removed is reported to the author. `docs/CONTENT_HTML.md`
//! documents what is kept.

mod allowed;
mod autolink;
mod complexity;
mod markdown;
mod names;
mod removed;
mod sanitise;
mod style;
mod tree;
mod url;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod fragments;

pub use removed::{MAX_REMOVALS, Removal, Removed, What};

use crate::plain::has_forbidden_control;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The maximum size of a body's source, in bytes.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// The maximum size of a body's HTML, in bytes: escaping and Markdown rendering expand the source.
pub const MAX_HTML_BYTES: usize = 2 * MAX_BODY_BYTES;

/// The maximum number of passes until a fragment is stable. Three are enough for all known input.
const MAX_READINGS: usize = 4;

/// The format of a body's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyFormat {
    /// A fragment of HTML.
    Html,
    /// GitHub Flavored Markdown with footnotes; HTML in it is allowed and sanitised.
    Markdown,
}

impl BodyFormat {
    /// The name in the database and in the API.
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

/// Why a body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyError {
    /// More than [`MAX_BODY_BYTES`], or more than [`MAX_HTML_BYTES`] as HTML.
    #[error("must be at most {MAX_BODY_BYTES} bytes long, and at most {MAX_HTML_BYTES} bytes as HTML")]
    TooLong,
    /// Markup that would be disproportionately expensive to parse: too many tags, attributes, escapes or unclosed
    /// formatting elements, or elements nested too deeply.
    #[error("has too much markup")]
    TooComplex,
    /// A control character other than tab and line breaks.
    #[error("must not have control characters")]
    ControlCharacter,
    /// Neither `html` nor `markdown`.
    #[error("must be html or markdown")]
    UnknownFormat,
}

impl BodyError {
    /// The stable code of a violation.
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

/// Safe HTML, and what was removed from the source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sanitised {
    /// The HTML. Sanitising it again does not change it.
    pub html: String,
    /// What was removed from the source.
    pub removed: Removed,
}

/// Renders a body to safe HTML.
///
/// # Errors
/// A [`BodyError`]; the work for any input is bounded.
///
/// ```
/// use rustok_text::body::{BodyFormat, render_html};
///
/// let rendered = render_html(BodyFormat::Markdown, "**Hi** <script>alert(1)</script>")?;
/// assert_eq!(rendered.html, "<p><strong>Hi</strong> </p>\n");
/// assert_eq!(rendered.removed.entries()[0].name, "script");
/// # Ok::<(), rustok_text::body::BodyError>(())
/// ```
pub fn render_html(format: BodyFormat, source: &str) -> Result<Sanitised, BodyError> {
    if source.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLong);
    }
    if has_forbidden_control(source) {
        return Err(BodyError::ControlCharacter);
    }
    match format {
        BodyFormat::Html => sanitise_html(source),
        BodyFormat::Markdown => sanitise_html(&markdown::to_html(source)?),
    }
}

/// Sanitises a fragment of HTML, for bodies and for product descriptions.
///
/// Keeps the elements, attributes, classes and styles of `docs/CONTENT_HTML.md`. Ids are kept, except those that
/// could shadow names used by scripts: these get the prefix `content-`, and so do links to them. Allowed URLs are
/// http, https, mailto, tel, sms and relative ones. A link that opens a new window gets `rel="noopener"`.
///
/// # Errors
/// [`BodyError::TooLong`] if the source or the result is larger than [`MAX_HTML_BYTES`], [`BodyError::TooComplex`].
pub fn sanitise_html(source: &str) -> Result<Sanitised, BodyError> {
    let mut removed = Removed::default();
    let mut pass = read(source, &mut removed)?;
    let mut readings = 1;
    // Misnested source may be parsed differently after it is written in order. Clients send back the HTML that they
    // received, and that must not change it again.
    while pass.is_unsettled {
        if readings == MAX_READINGS {
            return Err(BodyError::TooComplex);
        }
        readings += 1;
        let again = read(&pass.html, &mut Removed::default())?;
        if again.html == pass.html {
            break;
        }
        pass = sanitise::Pass {
            is_unsettled: true,
            ..again
        };
    }
    Ok(Sanitised {
        html: pass.html,
        removed,
    })
}

fn read(source: &str, removed: &mut Removed) -> Result<sanitise::Pass, BodyError> {
    if source.len() > MAX_HTML_BYTES {
        return Err(BodyError::TooLong);
    }
    complexity::check(source)?;
    let pass = sanitise::pass(source, removed).ok_or(BodyError::TooComplex)?;
    if pass.html.len() > MAX_HTML_BYTES {
        return Err(BodyError::TooLong);
    }
    Ok(pass)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(html: &str) -> String {
        render_html(BodyFormat::Html, html).unwrap().html
    }

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(clean(&"a".repeat(MAX_BODY_BYTES)).len(), MAX_BODY_BYTES);
        let too_long = "a".repeat(MAX_BODY_BYTES + 1);
        assert_eq!(render_html(BodyFormat::Html, &too_long), Err(BodyError::TooLong));
        let ampersands = "&".repeat(MAX_BODY_BYTES);
        assert_eq!(
            render_html(BodyFormat::Html, &ampersands),
            Err(BodyError::TooLong)
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
    fn markdown_cannot_grow_without_bounds() {
        let references = format!("{}\n\n[^1]: x", "[^1]".repeat(200_000));
        assert_eq!(
            render_html(BodyFormat::Markdown, &references),
            Err(BodyError::TooComplex)
        );
        let notes: String = (0..90_000).map(|at| format!("[^{at}]: x\n")).collect();
        assert_eq!(render_html(BodyFormat::Markdown, &notes), Err(BodyError::TooLong));
        let addresses = "www.a.b ".repeat(130_000);
        assert_eq!(
            render_html(BodyFormat::Markdown, &addresses),
            Err(BodyError::TooLong)
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}x", "<div>".repeat(depth));
        let thread = std::thread::Builder::new().stack_size(256 << 10);
        let html = thread.spawn(move || clean(&nested(256))).unwrap().join().unwrap();
        assert!(html.ends_with(&format!("x{}", "</div>".repeat(256))));
        for depth in [257, 2_000, 20_000] {
            let refused = render_html(BodyFormat::Html, &nested(depth));
            assert_eq!(refused, Err(BodyError::TooComplex), "{depth}");
        }
        let quoted = format!("{}x", ">".repeat(300));
        assert_eq!(
            render_html(BodyFormat::Markdown, &quoted),
            Err(BodyError::TooComplex)
        );
    }

    /// The parser walks the stack of open elements at every tag: deep nesting within the limits must cost little more
    /// than flat markup.
    #[test]
    fn deep_markup_costs_little_more_than_flat_markup() {
        let time = |html: &str| {
            let times = (0..3).map(|_| {
                let begun = std::time::Instant::now();
                let _ = std::hint::black_box(sanitise_html(html));
                begun.elapsed()
            });
            times.min().unwrap()
        };
        let flat = time(&"<p>x</p>".repeat(9_999));
        for nested in [
            "<ul><li>",
            "<div>",
            "<div><p>",
            "<dl><dd>",
            "<ol><li><p>",
            "<table><tr><td>",
            "<a><table>",
            "<blockquote></p>",
            "<section></span>",
            "<li><table></li>",
            "<font><div></font>",
            "<b><div></b>",
            "<svg><g>",
            "<ruby><rb>",
            "<select><div>",
            "<details><summary>",
            "<template><div>",
        ] {
            let tags = nested.matches('<').count();
            let deep = time(&nested.repeat(19_998 / tags));
            assert!(
                deep < 8 * flat,
                "{nested}: {deep:?}, and {flat:?} for as many tags side by side"
            );
        }
    }

    #[test]
    fn formats_have_names() {
        for format in [BodyFormat::Html, BodyFormat::Markdown] {
            assert_eq!(format.as_str().parse(), Ok(format));
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
        }
        assert_eq!("HTML".parse::<BodyFormat>(), Err(BodyError::UnknownFormat));
    }
}
