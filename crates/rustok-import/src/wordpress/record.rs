//! One element of a WXR file with its relevant child texts: an item, an author or a term. Must never keep other
//! children, nor more of a field than its limit.

use crate::error::{Fault, quoted};
use crate::skipped::Skipped;
use crate::source::Position;
use crate::xml::{Element, Family, Piece, Xml};
use std::io::Read;

const MAX_SHORT_BYTES: usize = 4 * 1024;
const MAX_LONG_BYTES: usize = 1024 * 1024;
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
const MAX_TERMS: usize = 1_000;

/// The element being read: it decides which children are relevant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Item,
    Author,
    Category,
    Tag,
    Term,
}

/// A relevant child text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Title,
    Guid,
    PublishedRss,
    Creator,
    Body,
    Excerpt,
    PostId,
    PostType,
    PostName,
    PostParent,
    PostDate,
    PostDateGmt,
    PostPassword,
    PostModifiedGmt,
    Link,
    Status,
    Sticky,
    MenuOrder,
    Login,
    Email,
    DisplayName,
    Slug,
    Name,
    Parent,
    Description,
    Taxonomy,
}

impl Key {
    fn of(scope: Scope, element: &Element) -> Option<Self> {
        use Family::{Content, Dc, Excerpt, Plain, Wp};
        Some(match (scope, element.family, element.local.as_str()) {
            (Scope::Item, Plain, "title") => Self::Title,
            (Scope::Item, Plain, "guid") => Self::Guid,
            (Scope::Item, Plain, "pubDate") => Self::PublishedRss,
            (Scope::Item, Dc, "creator") => Self::Creator,
            (Scope::Item, Content, "encoded") => Self::Body,
            (Scope::Item, Excerpt, "encoded") => Self::Excerpt,
            (Scope::Item, Wp, "post_id") => Self::PostId,
            (Scope::Item, Wp, "post_type") => Self::PostType,
            (Scope::Item, Wp, "post_name") => Self::PostName,
            (Scope::Item, Wp, "post_parent") => Self::PostParent,
            (Scope::Item, Wp, "post_date") => Self::PostDate,
            (Scope::Item, Wp, "post_date_gmt") => Self::PostDateGmt,
            (Scope::Item, Wp, "post_password") => Self::PostPassword,
            (Scope::Item, Wp, "post_modified_gmt") => Self::PostModifiedGmt,
            (Scope::Item, Plain, "link") => Self::Link,
            (Scope::Item, Wp, "status") => Self::Status,
            (Scope::Item, Wp, "is_sticky") => Self::Sticky,
            (Scope::Item, Wp, "menu_order") => Self::MenuOrder,
            (Scope::Author, Wp, "author_login") => Self::Login,
            (Scope::Author, Wp, "author_email") => Self::Email,
            (Scope::Author, Wp, "author_display_name") => Self::DisplayName,
            (Scope::Category, Wp, "category_nicename")
            | (Scope::Tag, Wp, "tag_slug")
            | (Scope::Term, Wp, "term_slug") => Self::Slug,
            (Scope::Category, Wp, "cat_name")
            | (Scope::Tag, Wp, "tag_name")
            | (Scope::Term, Wp, "term_name") => Self::Name,
            (Scope::Category, Wp, "category_parent") | (Scope::Term, Wp, "term_parent") => Self::Parent,
            (Scope::Category, Wp, "category_description")
            | (Scope::Tag, Wp, "tag_description")
            | (Scope::Term, Wp, "term_description") => Self::Description,
            (Scope::Term, Wp, "term_taxonomy") => Self::Taxonomy,
            _ => return None,
        })
    }

    /// Whether a record is of use without it.
    fn is_minor(self) -> bool {
        matches!(
            self,
            Self::PublishedRss
                | Self::PostDate
                | Self::PostDateGmt
                | Self::PostModifiedGmt
                | Self::Link
                | Self::Excerpt
                | Self::Creator
                | Self::Sticky
                | Self::MenuOrder
                | Self::PostParent
                | Self::Email
                | Self::Description
        )
    }

    fn max_bytes(self) -> usize {
        match self {
            Self::Body => MAX_BODY_BYTES,
            Self::Excerpt | Self::Description => MAX_LONG_BYTES,
            _ => MAX_SHORT_BYTES,
        }
    }
}

/// A text, or why there is none.
#[derive(Debug)]
struct Field {
    key: Key,
    at: Position,
    text: Result<String, Fault>,
    in_cdata: bool,
}

/// A term as an item references it.
#[derive(Debug)]
pub(super) struct RawTerm {
    pub(super) domain: String,
    pub(super) nicename: String,
    pub(super) name: String,
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) at: Position,
    fields: Vec<Field>,
    pub(super) terms: Vec<RawTerm>,
    /// What was not read, by name.
    pub(super) skipped: Skipped,
    fault: Option<Fault>,
}

impl Record {
    /// Reads to the end of the element that `start` opened.
    ///
    /// # Errors
    /// Faults that prevent further reading. A fault that only invalidates this record is kept for [`Self::check`].
    pub(super) fn read<R: Read>(xml: &mut Xml<R>, start: &Element, scope: Scope) -> Result<Self, Fault> {
        let mut record = Self {
            at: start.at,
            fields: Vec::new(),
            terms: Vec::new(),
            skipped: Skipped::default(),
            fault: None,
        };
        loop {
            match xml.next()? {
                Piece::Start(element) => record.child(xml, &element, scope)?,
                Piece::End | Piece::Eof => return Ok(record),
                Piece::Text(text) | Piece::Cdata(text) => count_loose(&text, &mut record.skipped),
                Piece::Bad(_) => record.skipped.add(LOOSE_TEXT),
            }
        }
    }

    fn child<R: Read>(&mut self, xml: &mut Xml<R>, element: &Element, scope: Scope) -> Result<(), Fault> {
        if let Some(key) = Key::of(scope, element).filter(|key| self.field(*key).is_none()) {
            let mut in_cdata = false;
            let text = read_pieces(xml, element, key.max_bytes(), &mut in_cdata)?;
            self.fields.push(Field {
                key,
                at: element.at,
                text,
                in_cdata,
            });
            return Ok(());
        }
        if scope == Scope::Item && element.is(Family::Plain, "category") {
            return self.term(xml, element);
        }
        if scope == Scope::Item && element.is(Family::Wp, "comment") {
            self.skipped.add("comment");
            return skip(xml);
        }
        let kind = match scope {
            Scope::Item => "element",
            Scope::Author => "element of an author",
            Scope::Category | Scope::Tag | Scope::Term => "element of a term",
        };
        count_unread(xml, element, kind, &mut self.skipped)
    }

    fn term<R: Read>(&mut self, xml: &mut Xml<R>, element: &Element) -> Result<(), Fault> {
        let name = read_text(xml, element, MAX_SHORT_BYTES)?;
        let full = self.terms.len() >= MAX_TERMS;
        match (element.term.clone(), name) {
            (Ok(_), Ok(_)) if full => {
                let reason = format!("the item has more than {MAX_TERMS} terms");
                self.fault.get_or_insert(Fault::new(element.at, reason));
            }
            (Ok(attributes), Ok(name)) => self.terms.push(RawTerm {
                domain: attributes.domain.unwrap_or_default(),
                nicename: attributes.nicename.unwrap_or_default(),
                name,
            }),
            (Err(fault), _) | (_, Err(fault)) => {
                self.fault.get_or_insert(fault);
            }
        }
        Ok(())
    }

    fn field(&self, key: Key) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// Whether there is such an element and its text could be read, blank or not.
    pub(super) fn has(&self, key: Key) -> bool {
        self.field(key).is_some_and(|field| field.text.is_ok())
    }

    /// Whether a text stands in a CDATA section.
    pub(super) fn is_cdata(&self, key: Key) -> bool {
        self.field(key).is_some_and(|field| field.in_cdata)
    }

    /// Faults that cost only the value of their field, in file order.
    pub(super) fn minor_faults(&self) -> Vec<Fault> {
        let minor = self.fields.iter().filter(|field| field.key.is_minor());
        minor
            .filter_map(|field| field.text.as_ref().err().cloned())
            .collect()
    }

    /// Returns the first fault, in file order, that makes this record unusable.
    ///
    /// # Errors
    /// That fault.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let faults = self
            .fields
            .iter()
            .filter(|field| !field.key.is_minor())
            .filter_map(|field| field.text.as_ref().err())
            .chain(&self.fault);
        match faults.min_by_key(|fault| (fault.at.line, fault.at.column)) {
            Some(fault) => Err(fault.clone()),
            None => Ok(()),
        }
    }

    /// The unmodified text; empty when absent or unusable.
    pub(super) fn raw(&self, key: Key) -> &str {
        self.field(key)
            .and_then(|field| field.text.as_deref().ok())
            .unwrap_or("")
    }

    /// The trimmed text.
    pub(super) fn text(&self, key: Key) -> &str {
        self.raw(key).trim()
    }

    /// As [`Self::text`], `None` when blank.
    pub(super) fn given(&self, key: Key) -> Option<&str> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    /// As [`Self::raw`], moved out.
    pub(super) fn take(&mut self, key: Key) -> String {
        let field = self.fields.iter_mut().find(|field| field.key == key);
        field
            .and_then(|field| field.text.as_mut().ok())
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// The position of a field, or of the record when the field is absent.
    pub(super) fn place(&self, key: Key) -> Position {
        self.field(key).map_or(self.at, |field| field.at)
    }
}

/// What text between elements is counted as.
pub(super) const LOOSE_TEXT: &str = "text between elements";

/// Counts text that stands in no element of its own, unless it is blank.
pub(super) fn count_loose(text: &str, skipped: &mut Skipped) {
    skipped.add_many(LOOSE_TEXT, u64::from(!text.trim().is_empty()));
}

/// The text of an element up to its end; the inner error invalidates only this text.
pub(super) fn read_text<R: Read>(
    xml: &mut Xml<R>,
    element: &Element,
    max_bytes: usize,
) -> Result<Result<String, Fault>, Fault> {
    read_pieces(xml, element, max_bytes, &mut false)
}

fn read_pieces<R: Read>(
    xml: &mut Xml<R>,
    element: &Element,
    max_bytes: usize,
    in_cdata: &mut bool,
) -> Result<Result<String, Fault>, Fault> {
    let mut text = String::new();
    let mut fault: Option<Fault> = None;
    loop {
        let piece = xml.next()?;
        *in_cdata |= matches!(piece, Piece::Cdata(_));
        match piece {
            Piece::Text(piece) | Piece::Cdata(piece)
                if fault.is_none() && text.len() + piece.len() > max_bytes =>
            {
                let reason = format!(
                    "{} is larger than {} KiB",
                    quoted(&element.local),
                    max_bytes / 1024
                );
                fault = Some(Fault::new(element.at, reason));
                text = String::new();
            }
            Piece::Text(piece) | Piece::Cdata(piece) if fault.is_none() => {
                if text.is_empty() {
                    text = piece;
                } else {
                    text.push_str(&piece);
                }
            }
            Piece::Text(_) | Piece::Cdata(_) => {}
            Piece::Bad(bad) => {
                fault.get_or_insert(bad);
            }
            Piece::Start(inner) => {
                let reason = format!(
                    "{} holds an element where text was expected",
                    quoted(&element.local)
                );
                fault.get_or_insert(Fault::new(inner.at, reason));
                skip(xml)?;
            }
            Piece::End | Piece::Eof => return Ok(fault.map_or(Ok(text), Err)),
        }
    }
}

/// Skips an element whose start tag was read, and counts it if it has text: metadata by its key.
pub(super) fn count_unread<R: Read>(
    xml: &mut Xml<R>,
    element: &Element,
    kind: &str,
    skipped: &mut Skipped,
) -> Result<(), Fault> {
    const MAX_KEY_BYTES: usize = 64;
    let is_meta = element.local.ends_with("meta");
    let (mut depth, mut has_text, mut in_key, mut key) = (1_usize, false, false, String::new());
    while depth > 0 {
        match xml.next()? {
            Piece::Start(inner) => {
                depth += 1;
                in_key = is_meta && inner.local == "meta_key";
            }
            Piece::End => {
                depth -= 1;
                in_key = false;
            }
            Piece::Eof => break,
            Piece::Text(text) | Piece::Cdata(text) => {
                has_text |= !text.trim().is_empty();
                if in_key && key.len() + text.len() <= MAX_KEY_BYTES {
                    key.push_str(text.trim());
                }
            }
            Piece::Bad(_) => has_text = true,
        }
    }
    if has_text {
        let name = if is_meta {
            format!("meta {key}")
        } else {
            format!("{kind} {}", element.local)
        };
        skipped.add(name.trim_end());
    }
    Ok(())
}

/// Skips an element whose start tag was read.
pub(super) fn skip<R: Read>(xml: &mut Xml<R>) -> Result<(), Fault> {
    let mut depth = 1_usize;
    loop {
        match xml.next()? {
            Piece::Start(_) => depth += 1,
            Piece::End => depth -= 1,
            Piece::Eof => return Ok(()),
            Piece::Text(_) | Piece::Cdata(_) | Piece::Bad(_) => {}
        }
        if depth == 0 {
            return Ok(());
        }
    }
}
