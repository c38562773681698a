//! One element of a WXR file with its relevant child texts: an item, an author or a term. Must never keep other
//! children, nor more of a field than its limit.

use crate::error::{Fault, quoted};
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
    /// Comments of an item; counted but not read.
    pub(super) comments: u64,
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
            comments: 0,
            fault: None,
        };
        loop {
            match xml.next()? {
                Piece::Start(element) => record.child(xml, &element, scope)?,
                Piece::End | Piece::Eof => return Ok(record),
                Piece::Text(_) | Piece::Bad(_) => {}
            }
        }
    }

    fn child<R: Read>(&mut self, xml: &mut Xml<R>, element: &Element, scope: Scope) -> Result<(), Fault> {
        if let Some(key) = Key::of(scope, element).filter(|key| self.field(*key).is_none()) {
            let text = read_text(xml, element, key.max_bytes())?;
            self.fields.push(Field {
                key,
                at: element.at,
                text,
            });
            return Ok(());
        }
        if scope == Scope::Item && element.is(Family::Plain, "category") {
            return self.term(xml, element);
        }
        if scope == Scope::Item && element.is(Family::Wp, "comment") {
            self.comments += 1;
        }
        skip(xml)
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

    /// Returns the first fault, in file order, that makes this record unusable.
    ///
    /// # Errors
    /// That fault.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let faults = self
            .fields
            .iter()
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

/// The text of an element up to its end; the inner error invalidates only this text.
pub(super) fn read_text<R: Read>(
    xml: &mut Xml<R>,
    element: &Element,
    max_bytes: usize,
) -> Result<Result<String, Fault>, Fault> {
    let mut text = String::new();
    let mut fault: Option<Fault> = None;
    loop {
        match xml.next()? {
            Piece::Text(piece) if fault.is_none() && text.len() + piece.len() > max_bytes => {
                let reason = format!(
                    "{} is larger than {} KiB",
                    quoted(&element.local),
                    max_bytes / 1024
                );
                fault = Some(Fault::new(element.at, reason));
                text = String::new();
            }
            Piece::Text(piece) if fault.is_none() => {
                if text.is_empty() {
                    text = piece;
                } else {
                    text.push_str(&piece);
                }
            }
            Piece::Text(_) => {}
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

/// Skips an element whose start tag was read.
pub(super) fn skip<R: Read>(xml: &mut Xml<R>) -> Result<(), Fault> {
    let mut depth = 1_usize;
    loop {
        match xml.next()? {
            Piece::Start(_) => depth += 1,
            Piece::End => depth -= 1,
            Piece::Eof => return Ok(()),
            Piece::Text(_) | Piece::Bad(_) => {}
        }
        if depth == 0 {
            return Ok(());
        }
    }
}
