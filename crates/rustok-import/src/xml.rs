//! XML pieces with their position and namespace family, on top of quick-xml. The size of a piece, of a start tag and
//! the depth are limited. Document types are rejected, so there is no entity to expand and none to fetch.

use crate::error::{Fault, quoted};
use crate::source::{NOT_UTF8, Position, Source};
use quick_xml::XmlVersion;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use std::io::Read;

/// Maximum size of a text, CDATA section, comment or tag. Larger than the largest field that is kept, so that a field
/// above its own limit rejects only its item; a piece above this limit ends the file.
const MAX_PIECE_BYTES: u64 = 8 * 1024 * 1024;
const MAX_START_TAG_BYTES: usize = 64 * 1024;
pub(crate) const MAX_DEPTH: usize = 64;
/// A piece buffer that grew beyond this is freed.
const KEPT_BUFFER_BYTES: usize = 256 * 1024;

/// The purpose of a namespace, independent of its version and spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// No prefix: the elements of RSS itself.
    Plain,
    /// `wordpress.org/export/1.x/`
    Wp,
    /// `wordpress.org/export/1.x/excerpt/`
    Excerpt,
    /// `purl.org/rss/1.0/modules/content/`
    Content,
    /// Dublin Core.
    Dc,
    Other,
}

impl Family {
    fn of_uri(uri: &str) -> Self {
        let uri = uri.trim();
        let uri = uri
            .strip_prefix("https://")
            .or_else(|| uri.strip_prefix("http://"))
            .unwrap_or(uri);
        let uri = uri.strip_prefix("www.").unwrap_or(uri).trim_end_matches('/');
        if let Some(rest) = uri.strip_prefix("wordpress.org/export") {
            if rest.ends_with("/excerpt") {
                Self::Excerpt
            } else {
                Self::Wp
            }
        } else if uri.starts_with("purl.org/rss/1.0/modules/content") {
            Self::Content
        } else if uri.starts_with("purl.org/dc/") {
            Self::Dc
        } else {
            Self::Other
        }
    }

    /// For an undeclared prefix.
    fn of_prefix(prefix: &str) -> Self {
        match prefix {
            "wp" => Self::Wp,
            "excerpt" => Self::Excerpt,
            "content" => Self::Content,
            "dc" => Self::Dc,
            _ => Self::Other,
        }
    }
}

/// A start tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) at: Position,
    pub(crate) family: Family,
    pub(crate) local: String,
    /// The unprefixed attributes that WXR uses; `Err` when they are malformed.
    pub(crate) term: Result<TermAttributes, Fault>,
}

/// Attributes of an item's `<category>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TermAttributes {
    pub(crate) domain: Option<String>,
    pub(crate) nicename: Option<String>,
}

impl Element {
    pub(crate) fn is(&self, family: Family, local: &str) -> bool {
        self.family == family && self.local == local
    }
}

/// One piece of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Start(Element),
    Text(String),
    /// Text of a CDATA section: as its exporter stores it, not escaped.
    Cdata(String),
    End,
    /// Unusable text (broken encoding, an undeclared entity); reading can continue.
    Bad(Fault),
    /// The end of a complete document.
    Eof,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Xml<R> {
    reader: NsReader<Source<R>>,
    buffer: Vec<u8>,
    /// Names and positions of the open elements.
    open: Vec<(String, Position)>,
    /// A piece that follows a [`Piece::Bad`].
    waiting: Option<Piece>,
    seen_root: bool,
}

impl<R: Read> Xml<R> {
    pub(crate) fn new(reader: R) -> Self {
        let mut reader = NsReader::from_reader(Source::new(reader));
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            open: Vec::new(),
            waiting: None,
            seen_root: false,
        }
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.reader.get_ref().bytes_read()
    }

    pub(crate) fn position(&self) -> Position {
        self.reader.get_ref().position()
    }

    /// Bytes of text consumed so far, after unpacking and decoding.
    pub(crate) fn text_bytes(&self) -> u64 {
        self.reader.get_ref().text_bytes()
    }

    /// How many characters were changed, by kind.
    pub(crate) fn changed(&self) -> [(&'static str, u64); 2] {
        self.reader.get_ref().changed()
    }

    /// Files of an archive that are not read.
    pub(crate) fn further_files(&self) -> &[String] {
        self.reader.get_ref().further_files()
    }

    /// After a fault that prevents reading on: goes to the next `item` of the channel; false if there is none. From then
    /// on prefixes mean what they mean in all exports, since their declarations are behind.
    pub(crate) fn resume(&mut self) -> bool {
        let broken = std::mem::replace(&mut self.reader, NsReader::from_reader(Source::empty()));
        let mut source = broken.into_inner();
        let found = source.seek(b"<item", b"> \t\r\n").unwrap_or(false);
        self.reader = NsReader::from_reader(source);
        let config = self.reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_unmatched_ends = true;
        self.waiting = None;
        let at = self.position();
        self.open = ["rss", "channel"].map(|name| (name.to_owned(), at)).to_vec();
        found
    }

    /// Checks that the file is text.
    ///
    /// # Errors
    /// A fault at the start of the file.
    pub(crate) fn open(&mut self) -> Result<(), Fault> {
        match self.reader.get_mut().sniff() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(Fault::new(Position::start(), reason)),
            Err(error) => Err(Fault::new(
                Position::start(),
                format!("the file cannot be read: {error}"),
            )),
        }
    }

    /// The next piece; comments and processing instructions are skipped.
    ///
    /// # Errors
    /// Faults that prevent further reading: broken XML, a document type, a limit, an unreadable or truncated file.
    pub(crate) fn next(&mut self) -> Result<Piece, Fault> {
        if let Some(piece) = self.waiting.take() {
            return Ok(piece);
        }
        loop {
            let Some(piece) = self.read_piece()? else { continue };
            return match self.reader.get_mut().take_bad() {
                Some(at) => {
                    self.waiting = Some(piece);
                    Ok(Piece::Bad(Fault::new(at, NOT_UTF8)))
                }
                None => Ok(piece),
            };
        }
    }

    fn read_piece(&mut self) -> Result<Option<Piece>, Fault> {
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BUFFER_BYTES);
        let at = self.position();
        self.reader.get_mut().open_window(MAX_PIECE_BYTES);
        let (namespace, event) = match self.reader.read_resolved_event_into(&mut self.buffer) {
            Ok(read) => read,
            Err(error) => return self.refuse(at, &error).map(Some),
        };
        match event {
            Event::Start(tag) | Event::Empty(tag) => {
                check_start(at, &tag, self.open.len(), self.seen_root)?;
                self.seen_root = true;
                self.open.push((tag.name().as_ref().to_owned(), at));
                Ok(Some(Piece::Start(element(at, &namespace, &tag))))
            }
            Event::End(_) => {
                self.open.pop();
                Ok(Some(Piece::End))
            }
            Event::Text(text) => {
                let text = text.xml10_content().into_owned();
                self.text(at, text)
            }
            Event::CData(text) => {
                let text = text.xml10_content().into_owned();
                let piece = self.text(at, text)?;
                Ok(piece.map(|piece| match piece {
                    Piece::Text(text) => Piece::Cdata(text),
                    other => other,
                }))
            }
            Event::GeneralRef(reference) => match resolve(&reference) {
                Ok(character) => self.text(at, character.to_string()),
                Err(reason) => Ok(Some(Piece::Bad(Fault::new(at, reason)))),
            },
            // Its encoding was applied before.
            Event::Decl(_) => Ok(None),
            Event::DocType(_) => Err(Fault::new(
                at,
                "a document type (DOCTYPE) is not allowed in an export",
            )),
            Event::Comment(_) | Event::PI(_) => Ok(None),
            Event::Eof => self.end().map(Some),
        }
    }

    /// The end of the file: valid only when no element is open.
    fn end(&self) -> Result<Piece, Fault> {
        let Some((name, start)) = self.open.last() else {
            return Ok(Piece::Eof);
        };
        let reason = format!(
            "the file ends inside {}, which starts at line {}, column {}",
            quoted(name),
            start.line,
            start.column
        );
        Err(Fault::new(self.position(), reason))
    }

    /// Text outside the document may only be white space.
    fn text(&self, at: Position, text: String) -> Result<Option<Piece>, Fault> {
        if !self.open.is_empty() {
            return Ok(Some(Piece::Text(text)));
        }
        if text.trim().is_empty() {
            return Ok(None);
        }
        let place = if self.seen_root {
            "after the end"
        } else {
            "before the start"
        };
        Err(Fault::new(at, format!("there is text {place} of the document")))
    }

    fn refuse(&self, at: Position, error: &Error) -> Result<Piece, Fault> {
        let source = self.reader.get_ref();
        if source.window_exceeded() {
            let limit = MAX_PIECE_BYTES / (1024 * 1024);
            return Err(Fault::new(
                at,
                format!("a single text or tag is larger than {limit} MiB"),
            ));
        }
        match error {
            Error::Io(error) => Err(Fault::new(
                source.position(),
                format!("the file cannot be read: {error}"),
            )),
            // A lone `&`: quick-xml has already moved past it and can continue.
            Error::IllFormed(IllFormedError::UnclosedReference) if !self.open.is_empty() => Ok(Piece::Bad(
                Fault::new(at, "`&` starts an entity that does not end; write `&amp;`"),
            )),
            error => Err(Fault::new(at, format!("broken XML: {error}"))),
        }
    }
}

fn check_start(at: Position, tag: &BytesStart<'_>, depth: usize, seen_root: bool) -> Result<(), Fault> {
    if depth == 0 && seen_root {
        return Err(Fault::new(at, "there is something after the end of the document"));
    }
    if depth >= MAX_DEPTH {
        return Err(Fault::new(
            at,
            format!("elements are nested deeper than {MAX_DEPTH}"),
        ));
    }
    if tag.len() > MAX_START_TAG_BYTES {
        return Err(Fault::new(
            at,
            format!("a start tag is larger than {} KiB", MAX_START_TAG_BYTES / 1024),
        ));
    }
    Ok(())
}

fn element(at: Position, namespace: &ResolveResult<'_>, tag: &BytesStart<'_>) -> Element {
    let family = match namespace {
        // Without a prefix it is RSS, even under a default namespace.
        _ if tag.name().prefix().is_none() => Family::Plain,
        ResolveResult::Bound(uri) => Family::of_uri(uri.as_ref()),
        ResolveResult::Unknown(prefix) => Family::of_prefix(prefix),
        ResolveResult::Unbound => Family::Plain,
    };
    let local = tag.local_name().as_ref().to_owned();
    let is_term = family == Family::Plain && local == "category";
    let term = if is_term {
        term_attributes(at, tag)
    } else {
        Ok(TermAttributes::default())
    };
    Element {
        at,
        family,
        local,
        term,
    }
}

fn term_attributes(at: Position, tag: &BytesStart<'_>) -> Result<TermAttributes, Fault> {
    let broken = |error: &dyn std::fmt::Display| Fault::new(at, format!("broken attribute: {error}"));
    let mut found = TermAttributes::default();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| broken(&error))?;
        let place = match attribute.key.as_ref() {
            "domain" => &mut found.domain,
            "nicename" => &mut found.nicename,
            _ => continue,
        };
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| broken(&error))?;
        *place = Some(value.into_owned());
    }
    Ok(found)
}

/// Resolves the five predefined entities of XML and character references; without a document type there are no
/// others.
fn resolve(reference: &BytesRef<'_>) -> Result<char, String> {
    let name: &str = reference;
    match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => {}
    }
    match reference.resolve_char_ref() {
        Ok(Some(c @ ('\t' | '\n' | '\r'))) => Ok(c),
        Ok(Some(c)) if u32::from(c) < 0x20 => Ok(' '),
        Ok(Some(c)) => Ok(c),
        Ok(None) => Err(format!("the entity {} is not defined", quoted(name))),
        Err(_) => Err(format!(
            "the character reference {} is not a character",
            quoted(name)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> (Vec<Piece>, Option<Fault>) {
        let mut xml = Xml::new(text.as_bytes());
        xml.open().unwrap();
        let mut out = Vec::new();
        loop {
            match xml.next() {
                Ok(Piece::Eof) => return (out, None),
                Ok(piece) => out.push(piece),
                Err(fault) => return (out, Some(fault)),
            }
        }
    }

    fn text(text: &str) -> String {
        pieces(text)
            .0
            .into_iter()
            .filter_map(|piece| {
                if let Piece::Text(text) | Piece::Cdata(text) = piece {
                    Some(text)
                } else {
                    None
                }
            })
            .collect()
    }

    #[test]
    fn families_go_by_meaning_not_by_spelling() {
        for (uri, family) in [
            ("http://wordpress.org/export/1.0/", Family::Wp),
            ("https://wordpress.org/export/1.2/", Family::Wp),
            ("https://www.wordpress.org/export/1.1", Family::Wp),
            ("http://wordpress.org/export/1.2/excerpt/", Family::Excerpt),
            ("http://purl.org/rss/1.0/modules/content/", Family::Content),
            ("http://purl.org/dc/elements/1.1/", Family::Dc),
            ("http://example.org/export/1.2/", Family::Other),
        ] {
            assert_eq!(Family::of_uri(uri), family, "{uri}");
        }
    }

    #[test]
    fn a_prefix_means_what_it_is_bound_to() {
        let (got, fault) = pieces(
            r#"<a xmlns:x="http://wordpress.org/export/1.2/" xmlns:wp="urn:o"><x:b/><wp:b/><dc:c/><zz:d/></a>"#,
        );
        assert_eq!(fault, None);
        let families: Vec<_> = got
            .iter()
            .filter_map(|piece| {
                if let Piece::Start(element) = piece {
                    Some(element.family)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(
            families,
            [
                Family::Plain,
                Family::Wp,
                Family::Other,
                Family::Dc,
                Family::Other
            ]
        );
    }

    #[test]
    fn text_is_put_together_from_all_its_spellings() {
        assert_eq!(
            text("<a>x &amp;&#233;&#xE9;<!-- no --><![CDATA[<b>&amp;]]>&lt;\r\ny</a>"),
            "x &éé<b>&amp;<\ny"
        );
        assert_eq!(text("<a>\u{b}|&#8;|</a>"), " | |");
    }

    #[test]
    fn entities_are_never_made_up_and_document_types_refused() {
        let (got, fault) = pieces("<a>x&nbsp;y</a>");
        assert_eq!(fault, None);
        assert!(
            matches!(&got[2], Piece::Bad(fault) if fault.at.column == 5 && fault.reason.contains("nbsp"))
        );
        let (got, fault) =
            pieces("<?xml version=\"1.0\"?>\n <!DOCTYPE lolz [<!ENTITY lol \"lol\">]><a>&lol;</a>");
        assert!(got.is_empty());
        let fault = fault.unwrap();
        assert_eq!((fault.at.line, fault.at.column), (2, 2));
        assert!(fault.reason.contains("DOCTYPE"));
    }

    #[test]
    fn a_lone_ampersand_spoils_only_its_text() {
        let (got, fault) = pieces("<a><b>AT&T</b><c>d & e</c></a>");
        assert_eq!(fault, None, "{got:?}");
        assert_eq!(
            got.iter().filter(|piece| matches!(piece, Piece::Bad(_))).count(),
            2
        );
        assert_eq!(got.iter().filter(|piece| matches!(piece, Piece::End)).count(), 3);
    }

    #[test]
    fn what_cannot_be_read_past_has_its_place() {
        for (text, line, column, word) in [
            ("<a>\n <b></c>", 2, 5, "</b>"),
            ("<a>\n<b>x", 2, 5, "\"b\""),
            ("<a><![CDATA[x", 1, 4, "CDATA"),
            ("<a/>x", 1, 5, "after the end"),
            ("<a/><b/>", 1, 5, "after the end"),
            ("x<a/>", 1, 1, "before the start"),
            ("<a>\n<b c=\"", 2, 1, "attribute"),
        ] {
            let fault = pieces(text).1.unwrap();
            assert_eq!(
                (fault.at.line, fault.at.column),
                (line, column),
                "{text}: {}",
                fault.reason
            );
            assert!(fault.reason.contains(word), "{text}: {}", fault.reason);
        }
    }

    #[test]
    fn depth_tag_size_and_piece_size_are_bounded() {
        let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert_eq!(pieces(&deep(MAX_DEPTH)).1, None);
        assert!(pieces(&deep(MAX_DEPTH + 1)).1.unwrap().reason.contains("nested"));

        let tag = format!("<a b=\"{}\"/>", "x".repeat(MAX_START_TAG_BYTES));
        assert!(pieces(&tag).1.unwrap().reason.contains("start tag"));

        let start: &[u8] = b"<a>";
        let mut large = Xml::new(start.chain(std::io::repeat(b'x').take(4 * MAX_PIECE_BYTES)));
        assert!(matches!(large.next(), Ok(Piece::Start(_))));
        let fault = large.next().unwrap_err();
        assert!(fault.reason.contains("8 MiB"), "{}", fault.reason);
        assert!(large.buffer.capacity() < 40 * 1024 * 1024);
    }
}
