//! Paragraphs of WordPress' classic editor, which stores blank lines and turns them into paragraphs when it displays
//! the post (its function `wpautop`). A body of the block editor already has paragraphs and is not changed.
//!
//! The result is sanitised like any other body, which also closes tags that a malformed body leaves open.

use std::borrow::Cow;
use std::ops::Range;

/// The beginning of every block of the block editor.
const BLOCK_COMMENT: &str = "<!-- wp:";

/// Block-level elements.
#[rustfmt::skip]
const BLOCKS: [&str; 49] = [
    "address", "article", "aside", "blockquote", "body", "canvas", "caption", "center", "col", "colgroup",
    "dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html", "legend", "li", "main",
    "menu", "nav", "ol", "p", "section", "summary", "table", "tbody", "td", "tfoot", "thead", "th", "tr",
    "ul",
];
/// Elements whose content is copied verbatim.
const VERBATIM: [&str; 4] = ["pre", "script", "style", "textarea"];
/// Blocks that hold only text: no paragraph may be inside.
const TEXT_ONLY: [&str; 9] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "summary", "caption"];

/// Makes a paragraph of each part between blank lines, and a line break of each line end inside a part.
pub(super) fn with_paragraphs(body: &str) -> Cow<'_, str> {
    if body.contains(BLOCK_COMMENT) || body.trim().is_empty() {
        return Cow::Borrowed(body);
    }
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    let mut writer = Writer {
        out: String::with_capacity(body.len() + 64),
        run: String::new(),
        open: Open {
            stack: Vec::new(),
            counts: [0; BLOCKS.len()],
        },
    };
    let mut rest = body.as_str();
    while let Some(token) = Token::read(&mut rest) {
        writer.take(token);
    }
    writer.end_run();
    Cow::Owned(writer.out)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// Text, comments and inline tags.
    Inline(&'a str),
    /// An element that is copied verbatim; `pre` is a block.
    Verbatim {
        text: &'a str,
        is_block: bool,
    },
    Open {
        text: &'a str,
        name: &'a str,
    },
    Close {
        text: &'a str,
        name: &'a str,
    },
}

impl<'a> Token<'a> {
    /// The next token of `rest`, which is advanced behind it.
    fn read(rest: &mut &'a str) -> Option<Self> {
        let all = *rest;
        let first = all.chars().next()?;
        if first != '<' {
            let end = all.find('<').unwrap_or(all.len());
            return Some(Self::Inline(cut(rest, end)));
        }
        if all.starts_with("<!--") {
            let end = all.find("-->").map_or(all.len(), |at| at + 3);
            return Some(Self::Inline(cut(rest, end)));
        }
        let closes = all.starts_with("</");
        let from = if closes { 2 } else { 1 };
        let name = all.get(from..).unwrap_or_default();
        let name = name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        if name.is_empty() {
            return Some(Self::Inline(cut(rest, 1)));
        }
        let text = cut(rest, end_of_tag(all));
        if closes {
            return Some(if is_block_tag(name) {
                Self::Close { text, name }
            } else {
                Self::Inline(text)
            });
        }
        if let Some(kept) = VERBATIM.into_iter().find(|kept| kept.eq_ignore_ascii_case(name)) {
            let inside = end_of_element(rest, kept);
            cut(rest, inside);
            let text = all.get(..text.len() + inside).unwrap_or(all);
            return Some(Self::Verbatim {
                text,
                is_block: kept == "pre",
            });
        }
        Some(if is_block_tag(name) {
            Self::Open { text, name }
        } else {
            Self::Inline(text)
        })
    }
}

fn is_block_tag(name: &str) -> bool {
    BLOCKS.iter().any(|block| block.eq_ignore_ascii_case(name))
}

/// Splits the first `len` bytes off `rest`.
fn cut<'a>(rest: &mut &'a str, len: usize) -> &'a str {
    let (taken, left) = rest.split_at_checked(len).unwrap_or((*rest, ""));
    *rest = left;
    taken
}

/// The length of the tag at the start of `text`; a `>` inside quotes does not end it.
pub(super) fn end_of_tag(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// The length from the content of a `name` element to the end of its closing tag, or of the text without one.
pub(super) fn end_of_element(content: &str, name: &str) -> usize {
    closing_tag(content, name).map_or(content.len(), |tag| tag.end)
}

/// The first closing tag of this name.
fn closing_tag(content: &str, name: &str) -> Option<Range<usize>> {
    let mut from = 0;
    while let Some(at) = content
        .get(from..)
        .and_then(|rest| rest.find("</"))
        .map(|at| from + at)
    {
        let tag = content.get(at + 2..).unwrap_or_default();
        if tag
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name))
        {
            return Some(at..at + end_of_tag(content.get(at..).unwrap_or_default()));
        }
        from = at + 2;
    }
    None
}

/// Finds the closing tags of an element, from left to right: each part of the text is looked at once.
pub(super) struct Closings {
    name: &'static str,
    /// The next one, as far as was looked; `None` inside: there is none to the end.
    next: Option<Option<Range<usize>>>,
}

impl Closings {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, next: None }
    }

    /// The first closing tag at or behind `from`, which never decreases from call to call.
    pub(super) fn after(&mut self, html: &str, from: usize) -> Option<Range<usize>> {
        let is_known = match &self.next {
            Some(Some(next)) => next.start >= from,
            Some(None) => true,
            None => false,
        };
        if !is_known {
            let content = html.get(from..).unwrap_or_default();
            let found = closing_tag(content, self.name);
            self.next = Some(found.map(|tag| tag.start + from..tag.end + from));
        }
        self.next.clone().flatten()
    }
}

/// The open blocks; how many of each is known without a look at all of them.
struct Open {
    /// Indexes in [`BLOCKS`].
    stack: Vec<usize>,
    counts: [usize; BLOCKS.len()],
}

impl Open {
    fn index(name: &str) -> Option<usize> {
        BLOCKS.iter().position(|block| block.eq_ignore_ascii_case(name))
    }

    fn push(&mut self, name: &str) {
        if let Some(block) = Self::index(name) {
            self.stack.push(block);
            self.counts[block] += 1;
        }
    }

    /// Closes the innermost block of this name and all inside it; none if there is none.
    fn close(&mut self, name: &str) {
        let Some(block) = Self::index(name).filter(|block| self.counts[*block] > 0) else {
            return;
        };
        while let Some(inner) = self.stack.pop() {
            self.counts[inner] -= 1;
            if inner == block {
                return;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }

    /// Whether a block is open that holds only text.
    fn is_text_only(&self) -> bool {
        let open = BLOCKS.iter().zip(self.counts).filter(|(_, count)| *count > 0);
        let mut names = open.map(|(name, _)| name);
        names.any(|name| TEXT_ONLY.contains(name))
    }
}

struct Writer {
    out: String,
    /// Text and inline tags since the last block.
    run: String,
    open: Open,
}

impl Writer {
    fn take(&mut self, token: Token<'_>) {
        match token {
            // A line end inside a tag or comment is no line end of the text.
            Token::Inline(text) if text.starts_with('<') && text.contains('\n') => {
                self.run.push_str(&text.replace('\n', " "));
            }
            Token::Inline(text)
            | Token::Verbatim {
                text,
                is_block: false,
            } => self.run.push_str(text),
            Token::Verbatim { text, is_block: true } => {
                self.end_run();
                self.out.push_str(text);
            }
            Token::Open { text, name } => {
                self.end_run();
                self.out.push_str(text);
                let is_void = ["hr", "col"].iter().any(|void| void.eq_ignore_ascii_case(name));
                if !is_void && !text.ends_with("/>") {
                    self.open.push(name);
                }
            }
            Token::Close { text, name } => {
                self.end_run();
                self.out.push_str(text);
                self.open.close(name);
            }
        }
    }

    /// Writes text with a break for each line end that has none; a blank line inside gets none.
    fn break_lines(&mut self, text: &str) {
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            self.out.push_str(line);
            if let Some(next) = lines.peek() {
                let blank = line.trim().is_empty() || next.trim().is_empty();
                self.out
                    .push_str(if blank || is_broken(line) { "\n" } else { "<br>\n" });
            }
        }
    }

    /// Writes the collected run: as paragraphs outside of all blocks; inside a block only if it has blank lines.
    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        let text_only = self.open.is_text_only();
        let parts: Vec<&str> = parts(&run).collect();
        if parts.is_empty() {
            self.out.push_str(&run);
            return;
        }
        if text_only || (!self.open.is_empty() && parts.len() < 2) {
            let text = run.trim();
            let (before, after) = run.split_once(text).unwrap_or_default();
            self.out.push_str(before);
            self.break_lines(text);
            self.out.push_str(after);
            return;
        }
        for part in parts {
            if is_comment(part) {
                self.out.push_str(part);
            } else {
                self.out.push_str("<p>");
                self.break_lines(part);
                self.out.push_str("</p>");
            }
            self.out.push('\n');
        }
    }
}

/// Whether a line ends with a break already.
fn is_broken(line: &str) -> bool {
    let line = line.trim_end();
    let tag = line.rfind('<').and_then(|at| line.get(at..)).unwrap_or_default();
    let name = tag.get(1..3).is_some_and(|name| name.eq_ignore_ascii_case("br"));
    name && tag.ends_with('>') && tag.get(3..).is_some_and(|rest| rest.starts_with([' ', '/', '>']))
}

/// The parts between blank lines.
fn parts(run: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(run);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut from = 0;
        while let Some(at) = text
            .get(from..)
            .and_then(|tail| tail.find('\n'))
            .map(|at| from + at)
        {
            let after = text.get(at + 1..).unwrap_or_default();
            let line = after.split('\n').next().unwrap_or_default();
            if line.trim().is_empty() && after.len() > line.len() {
                rest = after.get(line.len() + 1..);
                return text.get(..at);
            }
            from = at + 1;
        }
        rest = None;
        Some(text)
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

/// Whether the part is a single comment, such as WordPress' `more` marker.
fn is_comment(part: &str) -> bool {
    part.starts_with("<!--") && part.find("-->") == Some(part.len().saturating_sub(3))
}

/// Fails if the work for a text of many `piece`s grows faster than the text.
#[cfg(test)]
pub(super) fn assert_linear(piece: &str, work: impl Fn(&str) -> usize) {
    let time = |bytes: usize| {
        let text = piece.repeat(bytes / piece.len());
        let once = || {
            let start = std::time::Instant::now();
            std::hint::black_box(work(&text));
            start.elapsed()
        };
        (0..3).map(|_| once()).min().unwrap_or_default()
    };
    // 64 times the text: linear work takes 64 times as long, quadratic work 4,096 times.
    let (small, large) = (time(8 << 10), time(512 << 10));
    let floor = std::time::Duration::from_micros(100);
    assert!(
        large < small.max(floor) * 640,
        "{piece:?}: {small:?} and {large:?}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_take_linear_time() {
        for piece in [
            "<div>",
            "<div>a",
            "</p>a",
            "<p",
            "<!-- a",
            "<pre>",
            "<div>a</p>",
            "a\n\n",
            "<td a='",
        ] {
            assert_linear(piece, |body| with_paragraphs(body).len());
        }
    }

    /// On one line, for readability.
    fn made(body: &str) -> String {
        with_paragraphs(body).replace('\n', "")
    }

    #[test]
    fn blank_lines_part_paragraphs_and_line_ends_break_lines() {
        assert_eq!(
            made("One\r\ntwo\r\n \t\r\nthree\n\n\n\nfour\n"),
            "<p>One<br>two</p><p>three</p><p>four</p>"
        );
        assert_eq!(made("only <em>one</em>"), "<p>only <em>one</em></p>");
    }

    #[test]
    fn blocks_stand_for_themselves() {
        assert_eq!(
            made("A\n<h2>T\n\nx</h2>\nB\n<hr>\nC"),
            "<p>A</p><h2>Tx</h2><p>B</p><hr><p>C</p>"
        );
        let list = "<ul>\n\t<li>a</li>\n\n\t<li>b</li>\n</ul>";
        assert_eq!(
            made(&format!("A\n\n{list}\n\nB")),
            format!("<p>A</p>{}<p>B</p>", list.replace('\n', ""))
        );
        assert_eq!(
            made("<TABLE><TR><TD>a</TD></TR></TABLE>b"),
            "<TABLE><TR><TD>a</TD></TR></TABLE><p>b</p>"
        );
        assert_eq!(made("<p>is one</p>\n\nno more"), "<p>is one</p><p>no more</p>");
    }

    #[test]
    fn blocks_with_blank_lines_get_paragraphs_too() {
        assert_eq!(
            made("<blockquote>a\n\nb</blockquote>"),
            "<blockquote><p>a</p><p>b</p></blockquote>"
        );
        assert_eq!(made("<div>a</div>"), "<div>a</div>");
    }

    #[test]
    fn what_is_preformatted_stays() {
        let pre = "<pre class=\"a>b\">x\n\n  <b>y</b>\n</pre>";
        assert_eq!(
            with_paragraphs(&format!("A\n\n{pre}\n\nB")),
            format!("<p>A</p>\n{pre}<p>B</p>\n")
        );
        assert_eq!(
            made("a <script>\n\n</div></script> b"),
            "<p>a <script></p><p></div></script> b</p>"
        );
        assert_eq!(with_paragraphs("<PRE>\n\n"), "<PRE>\n\n");
    }

    #[test]
    fn comments_are_no_paragraphs() {
        assert_eq!(made("A\n\n<!--more-->\n\nB"), "<p>A</p><!--more--><p>B</p>");
        assert_eq!(made("A <!-- x\n\ny --> B"), "<p>A <!-- x  y --> B</p>");
    }

    #[test]
    fn line_ends_inside_tags_break_nothing() {
        assert_eq!(
            made("See <a class=\"x\"\nhref=\"b\">this\npage</a>"),
            "<p>See <a class=\"x\" href=\"b\">this<br>page</a></p>"
        );
        assert_eq!(
            made("<span\n\nclass=\"y\">word</span>"),
            "<p><span  class=\"y\">word</span></p>"
        );
        assert_eq!(
            made("<p>a</p>\n<img\n  src=\"a.jpg\"\n alt=\"A\">\n<p>b</p>"),
            "<p>a</p><p><img   src=\"a.jpg\"  alt=\"A\"></p><p>b</p>"
        );
    }

    #[test]
    fn a_line_gets_one_break_also_inside_blocks() {
        assert_eq!(made("a<br>\nb<br />\nc<BR/> \nd"), "<p>a<br>b<br />c<BR/> d</p>");
        assert_eq!(made("<div>\na\nb\n</div>"), "<div>a<br>b</div>");
        assert_eq!(made("<p>a\nb</p>"), "<p>a<br>b</p>");
    }

    #[test]
    fn blocks_of_the_block_editor_are_left_alone() {
        let body = "<!-- wp:paragraph -->\n<p>a</p>\n<!-- /wp:paragraph -->\n\nb";
        assert_eq!(with_paragraphs(body), body);
        assert_eq!(with_paragraphs(" \n "), " \n ");
    }

    #[test]
    fn anything_is_taken() {
        let pieces = [
            "<", ">", "</", "<p", "</p>", "<pre", "\n\n", "é", "\"", "<!--", "-->", "<div>", "a < b",
            "</pre>",
        ];
        // All sequences of three pieces, at the start and at the end of the input.
        for one in pieces {
            for two in pieces {
                for three in pieces {
                    let text = format!("{one}{two}{three}");
                    let out = with_paragraphs(&text);
                    let kept: Vec<char> = out
                        .replace("<p>", "")
                        .replace("<br>", "")
                        .replace("</p>", "")
                        .chars()
                        .collect();
                    let there = |c: char| kept.contains(&c);
                    assert!(text.contains('é') == there('é'), "{text:?} became {out:?}");
                }
            }
        }
    }
}
