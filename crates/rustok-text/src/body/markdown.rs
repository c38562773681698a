//! Renders Markdown to HTML, which must be sanitised afterwards.
//!
//! CommonMark with the extensions of GitHub's dialect (tables, strikethrough, task lists, footnotes, autolinks,
//! alerts), and with definition lists and `{#names}` of headings. Formulas are rendered as text.

use super::autolink;
use super::{BodyError, MAX_HTML_BYTES};
use pulldown_cmark::{BlockQuoteKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_HEADING_ATTRIBUTES)
    .union(Options::ENABLE_DEFINITION_LIST)
    .union(Options::ENABLE_GFM);

/// The maximum number of footnote references. The HTML of each is twenty times as long as its source.
const MAX_REFERENCES: usize = 4_000;

/// Elements in whose text URLs are not linked.
const NO_LINKS_WITHIN: [&str; 8] = ["a", "code", "kbd", "pre", "samp", "script", "style", "textarea"];

/// Renders `source` to HTML.
///
/// # Errors
/// [`BodyError::TooLong`] over [`MAX_HTML_BYTES`], [`BodyError::TooComplex`] for too many footnote references.
pub(super) fn to_html(source: &str) -> Result<String, BodyError> {
    let mut reader = Reader::new(source);
    for (event, range) in Parser::new_ext(source, OPTIONS).into_offset_iter() {
        reader.read(event, range);
    }
    let events = Footnotes::place(reader.finish())?;
    let mut html = Bounded(String::with_capacity(source.len() + source.len() / 4));
    html::write_html_fmt(&mut html, events.into_iter()).map_err(|_| BodyError::TooLong)?;
    Ok(html.0)
}

/// A buffer with the size limit of a body's HTML.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_HTML_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// A footnote: its label, normalised for comparison, and its content.
struct Note<'a> {
    label: String,
    events: Vec<Event<'a>>,
}

/// A part of the document whose events are collected: the document itself, or a footnote in it.
#[derive(Default)]
struct Part<'a> {
    label: String,
    events: Vec<Event<'a>>,
    /// The indices of the events that open the enclosing lists, and their items.
    lists: Vec<(usize, usize)>,
}

/// Processes the parser's events in one pass.
struct Reader<'a> {
    source: &'a str,
    text: Part<'a>,
    notes: Vec<Note<'a>>,
    /// The enclosing footnotes, innermost last.
    open_notes: Vec<Part<'a>>,
    /// Text that the next event may continue.
    pending: Option<(String, Range<usize>)>,
    /// The number of enclosing links, images and code blocks.
    unlinkable: usize,
    images: usize,
    /// The number of open elements of [`NO_LINKS_WITHIN`] written as HTML in this block, and of links in HTML blocks.
    inline_html: usize,
    block_links: usize,
    /// The source range of the enclosing heading's text.
    heading: Option<Heading>,
}

struct Heading {
    end: usize,
    has_attributes: bool,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            text: Part::default(),
            notes: Vec::new(),
            open_notes: Vec::new(),
            pending: None,
            unlinkable: 0,
            images: 0,
            inline_html: 0,
            block_links: 0,
            heading: None,
        }
    }

    fn finish(mut self) -> (Vec<Event<'a>>, Vec<Note<'a>>) {
        self.flush();
        (self.text.events, self.notes)
    }

    fn part(&mut self) -> &mut Part<'a> {
        self.open_notes.last_mut().unwrap_or(&mut self.text)
    }

    fn push(&mut self, event: Event<'a>) {
        self.part().events.push(event);
    }

    fn html(&mut self, html: impl Into<CowStr<'a>>) {
        self.push(Event::Html(html.into()));
    }

    fn read(&mut self, event: Event<'a>, range: Range<usize>) {
        if let Event::Text(text) = &event {
            self.inside_heading(&range);
            return self.read_text(text, range);
        }
        self.flush();
        match event {
            Event::Start(tag) => self.open(tag, &range),
            Event::End(tag) => self.close(tag, range),
            Event::TaskListMarker(_) => {
                self.mark_task();
                self.push(event);
            }
            Event::InlineHtml(ref html) => {
                self.inside_heading(&range);
                match tag_name(html) {
                    Some((name, is_end)) if NO_LINKS_WITHIN.contains(&name.as_str()) => {
                        self.inline_html = stepped(self.inline_html, is_end);
                    }
                    _ => {}
                }
                self.push(event);
            }
            Event::Html(ref html) => {
                self.count_block_links(html);
                self.push(event);
            }
            other => {
                self.inside_heading(&range);
                self.push(other);
            }
        }
    }

    /// Merges text events that are adjacent in the source.
    fn read_text(&mut self, text: &str, range: Range<usize>) {
        if let Some((pending, place)) = &mut self.pending {
            if place.end == range.start {
                pending.push_str(text);
                place.end = range.end;
                return;
            }
            self.flush();
        }
        self.pending = Some((text.to_owned(), range));
    }

    fn flush(&mut self) {
        let Some((text, range)) = self.pending.take() else {
            return;
        };
        let is_linkable =
            self.unlinkable == 0 && self.images == 0 && self.inline_html == 0 && self.block_links == 0;
        if !is_linkable {
            return self.push(Event::Text(text.into()));
        }
        let previous = self
            .source
            .get(..range.start)
            .and_then(|before| before.chars().next_back());
        let mut from = 0;
        for found in autolink::find(&text, previous) {
            let (Some(before), Some(shown)) =
                (text.get(from..found.place.start), text.get(found.place.clone()))
            else {
                continue;
            };
            from = found.place.end;
            if !before.is_empty() {
                self.push(Event::Text(before.to_owned().into()));
            }
            self.push(Event::Start(Tag::Link {
                link_type: LinkType::Autolink,
                dest_url: format!("{}{shown}", found.before).into(),
                title: "".into(),
                id: "".into(),
            }));
            self.push(Event::Text(shown.to_owned().into()));
            self.push(Event::End(TagEnd::Link));
        }
        match text.get(from..) {
            Some(rest) if from > 0 && !rest.is_empty() => self.push(Event::Text(rest.to_owned().into())),
            _ if from == 0 => self.push(Event::Text(text.into())),
            _ => {}
        }
    }

    fn open(&mut self, tag: Tag<'a>, range: &Range<usize>) {
        match &tag {
            Tag::Paragraph | Tag::TableCell | Tag::Item | Tag::HtmlBlock => self.inline_html = 0,
            Tag::Heading {
                id, classes, attrs, ..
            } => {
                self.inline_html = 0;
                self.heading = Some(Heading {
                    end: range.start,
                    has_attributes: attrs.is_empty() && (id.is_some() || !classes.is_empty()),
                });
            }
            Tag::Link { .. } | Tag::CodeBlock(_) => self.unlinkable += 1,
            Tag::Image { .. } => self.images += 1,
            _ => {}
        }
        match tag {
            Tag::FootnoteDefinition(label) => self.open_notes.push(Part {
                label: comparable(&label),
                ..Part::default()
            }),
            Tag::BlockQuote(Some(kind)) => self.html(alert(kind)),
            Tag::Heading {
                level, id, classes, ..
            } => {
                let has_attributes = self
                    .heading
                    .as_ref()
                    .is_some_and(|heading| heading.has_attributes);
                self.push(Event::Start(Tag::Heading {
                    level,
                    id: id.filter(|_| has_attributes),
                    classes: if has_attributes { classes } else { Vec::new() },
                    attrs: Vec::new(),
                }));
            }
            tag => {
                let part = self.part();
                let place = part.events.len();
                match (&tag, part.lists.last_mut()) {
                    (Tag::List(_), _) => part.lists.push((place, place)),
                    (Tag::Item, Some((_, item))) => *item = place,
                    _ => {}
                }
                self.push(Event::Start(tag));
            }
        }
    }

    fn close(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Link | TagEnd::CodeBlock => self.unlinkable = self.unlinkable.saturating_sub(1),
            TagEnd::Image => self.images = self.images.saturating_sub(1),
            TagEnd::List(_) => {
                self.part().lists.pop();
            }
            TagEnd::Heading(_) => self.restore_braces(range.end),
            TagEnd::FootnoteDefinition => {
                if let Some(Part { label, events, .. }) = self.open_notes.pop() {
                    self.notes.push(Note { label, events });
                }
                return;
            }
            _ => self.inside_heading(&range),
        }
        self.push(Event::End(tag));
    }

    fn inside_heading(&mut self, range: &Range<usize>) {
        if let Some(heading) = &mut self.heading {
            heading.end = heading.end.max(range.end);
        }
    }

    /// Braces at the end of a heading are attributes only if they contain nothing but a name or classes. The parser
    /// treats all of them as attributes.
    fn restore_braces(&mut self, end: usize) {
        let Some(heading) = self.heading.take().filter(|heading| !heading.has_attributes) else {
            return;
        };
        let rest = self.source.get(heading.end..end).unwrap_or_default();
        if let (Some(open), Some(close)) = (rest.find('{'), rest.rfind('}')) {
            let before = if open > 0 { " " } else { "" };
            let braces = rest.get(open..=close).unwrap_or_default();
            self.push(Event::Text(format!("{before}{braces}").into()));
        }
    }

    /// Marks the enclosing item as a task, and its list as a task list.
    fn mark_task(&mut self) {
        let part = self.part();
        let Some(&(list, item)) = part.lists.last() else {
            return;
        };
        let before = list.checked_sub(1).and_then(|before| part.events.get(before));
        let is_within_line = matches!(
            before,
            Some(Event::Text(_) | Event::Code(_) | Event::InlineHtml(_))
        );
        let line = if is_within_line { "\n" } else { "" };
        if let Some(event @ Event::Start(Tag::List(_))) = part.events.get_mut(list) {
            *event = Event::Html(match event {
                Event::Start(Tag::List(Some(first))) => {
                    format!("{line}<ol class=\"contains-task-list\" start=\"{first}\">\n").into()
                }
                _ => format!("{line}<ul class=\"contains-task-list\">\n").into(),
            });
        }
        if let Some(event @ Event::Start(Tag::Item)) = part.events.get_mut(item) {
            *event = Event::Html("<li class=\"task-list-item\">".into());
        }
    }

    fn count_block_links(&mut self, html: &str) {
        for (at, _) in html.match_indices('<') {
            match html.get(at..).and_then(tag_name) {
                Some((name, is_end)) if name == "a" => {
                    self.block_links = stepped(self.block_links, is_end);
                }
                _ => {}
            }
        }
    }
}

/// The number of open elements after one more tag.
fn stepped(open: usize, is_end: bool) -> usize {
    if is_end { open.saturating_sub(1) } else { open + 1 }
}

/// The name of the tag at the start of `html`, and whether it is an end tag.
fn tag_name(html: &str) -> Option<(String, bool)> {
    let inside = html.strip_prefix('<')?;
    let (inside, is_end) = inside
        .strip_prefix('/')
        .map_or((inside, false), |inside| (inside, true));
    let name: String = inside
        .chars()
        .take(16)
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    (!name.is_empty()).then(|| (name.to_ascii_lowercase(), is_end))
}

/// Labels are compared case-insensitively.
fn comparable(label: &str) -> String {
    label.to_lowercase()
}

fn alert(kind: BlockQuoteKind) -> String {
    let (class, title) = match kind {
        BlockQuoteKind::Note => ("note", "Note"),
        BlockQuoteKind::Tip => ("tip", "Tip"),
        BlockQuoteKind::Important => ("important", "Important"),
        BlockQuoteKind::Warning => ("warning", "Warning"),
        BlockQuoteKind::Caution => ("caution", "Caution"),
    };
    format!(
        "<blockquote class=\"markdown-alert markdown-alert-{class}\">\n<p class=\"markdown-alert-title\">{title}</p>\n"
    )
}

/// Numbers footnotes by their first reference, and moves them to the end.
struct Footnotes {
    known: HashSet<String>,
    numbers: HashMap<String, usize>,
    /// The labels, indexed by number minus one.
    labels: Vec<String>,
    /// The number of references to each, indexed by number minus one.
    references: Vec<usize>,
    total: usize,
}

impl Footnotes {
    fn place<'a>((text, notes): (Vec<Event<'a>>, Vec<Note<'a>>)) -> Result<Vec<Event<'a>>, BodyError> {
        if notes.is_empty() {
            return Ok(text);
        }
        let mut footnotes = Self {
            known: notes.iter().map(|note| note.label.clone()).collect(),
            numbers: HashMap::new(),
            labels: Vec::new(),
            references: Vec::new(),
            total: 0,
        };
        let mut events = footnotes.number(text)?;
        let mut waiting: HashMap<String, Vec<Event<'a>>> = HashMap::new();
        let mut unreachable = Vec::new();
        let mut order = Vec::new();
        for note in notes {
            match waiting.entry(note.label) {
                Entry::Occupied(_) => {
                    // Only the first of several footnotes with the same label can be referenced; the others are kept
                    // as well, so that no text is lost.
                    unreachable.push(note.events);
                }
                Entry::Vacant(free) => {
                    order.push(free.key().clone());
                    free.insert(note.events);
                }
            }
        }
        // Footnotes may refer to each other, so all references are numbered before the first back-reference is
        // written.
        let mut numbered: Vec<Vec<Event<'a>>> = Vec::new();
        let mut order = order.into_iter();
        loop {
            let next = footnotes.labels.get(numbered.len()).cloned();
            let Some(label) = next.or_else(|| order.find(|label| waiting.contains_key(label))) else {
                break;
            };
            let note = waiting.remove(&label).unwrap_or_default();
            if !footnotes.numbers.contains_key(&label) {
                footnotes.add(label);
            }
            numbered.push(footnotes.number(note)?);
        }
        for note in unreachable {
            footnotes.references.push(0);
            numbered.push(footnotes.number(note)?);
        }
        events.push(Event::Html(
            "<section class=\"footnotes\" role=\"doc-endnotes\">\n<ol>\n".into(),
        ));
        for (at, note) in numbered.into_iter().enumerate() {
            footnotes.write(at, note, &mut events);
        }
        events.push(Event::Html("</ol>\n</section>\n".into()));
        Ok(events)
    }

    fn add(&mut self, label: String) -> usize {
        self.references.push(0);
        self.labels.push(label.clone());
        self.numbers.insert(label, self.references.len());
        self.references.len()
    }

    /// Writes the references in a list of events.
    fn number<'a>(&mut self, events: Vec<Event<'a>>) -> Result<Vec<Event<'a>>, BodyError> {
        let written = events.into_iter().map(|event| match event {
            Event::FootnoteReference(label) => self.reference(&label),
            other => Ok(other),
        });
        written.collect()
    }

    fn reference<'a>(&mut self, label: &str) -> Result<Event<'a>, BodyError> {
        let key = comparable(label);
        if !self.known.contains(&key) {
            return Ok(Event::Text(format!("[^{label}]").into()));
        }
        self.total += 1;
        if self.total > MAX_REFERENCES {
            return Err(BodyError::TooComplex);
        }
        let number = match self.numbers.get(&key) {
            Some(number) => *number,
            None => self.add(key),
        };
        let count = self.references.get_mut(number - 1).map_or(1, |count| {
            *count += 1;
            *count
        });
        let name = reference_name(number, count);
        Ok(Event::InlineHtml(
            format!(
                "<sup class=\"footnote-ref\"><a href=\"#fn-{number}\" id=\"fnref-{name}\" \
                 role=\"doc-noteref\">{number}</a></sup>"
            )
            .into(),
        ))
    }

    /// Writes a footnote with its back-references.
    fn write<'a>(&self, at: usize, mut note: Vec<Event<'a>>, events: &mut Vec<Event<'a>>) {
        let number = at + 1;
        let count = self.references.get(at).copied().unwrap_or_default();
        let end = match note.last() {
            Some(Event::End(TagEnd::Paragraph)) => note.pop(),
            _ => None,
        };
        events.push(Event::Html(format!("<li id=\"fn-{number}\">\n").into()));
        events.append(&mut note);
        for nth in 1..=count {
            let name = reference_name(number, nth);
            let which = if nth > 1 {
                format!("<sup>{nth}</sup>")
            } else {
                String::new()
            };
            events.push(Event::InlineHtml(
                format!(
                    " <a href=\"#fnref-{name}\" class=\"footnote-backref\" role=\"doc-backlink\" \
                     aria-label=\"{name}\">↩{which}</a>"
                )
                .into(),
            ));
        }
        events.extend(end);
        events.push(Event::Html("</li>\n".into()));
    }
}

/// The suffix that distinguishes several references to one footnote.
fn reference_name(number: usize, nth: usize) -> String {
    match nth {
        0 | 1 => number.to_string(),
        nth => format!("{number}-{nth}"),
    }
}
