//! Reads WordPress' export format WXR, versions 1.0 to 1.2. Elements are identified by local name and namespace
//! family, since the namespace URIs differ between versions and exporters. Must never hold more than one item.

mod convert;
mod date;
mod entities;
mod record;
mod text;

use crate::error::{Fault, RowError, quoted};
use crate::item::{Taxonomy, WordpressItem};
use crate::seen::{MAX_IDENTIFIERS, Seen, Sighting};
use crate::skipped::Skipped;
use crate::xml::{Element, Family, Piece, Xml};
use convert::Converted;
use date::Offset;
use record::{Key, LOOSE_TEXT, Record, Scope, count_loose, count_unread, read_text};
use std::collections::VecDeque;
use std::io::Read;

const VERSIONS: [&str; 3] = ["1.0", "1.1", "1.2"];
const MAX_VERSION_BYTES: usize = 64;
const MAX_SITE_BYTES: usize = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Channel,
    AfterChannel,
    Done,
}

/// Streams authors, terms, posts and pages out of a WordPress export.
///
/// An unusable item yields an error with its position, and reading continues; a date or the like that cannot be read
/// costs only that value. After broken XML inside the channel an error is yielded and reading continues at the next
/// item; [`Self::stopped_early`] is set. A document type, a missing or unknown `wp:wxr_version` and a truncated file end
/// the iteration with a final error, after everything before it was yielded.
///
/// Attachments, menu entries, revisions and all other post types are skipped and counted by type, comments under
/// `comment`, terms of other taxonomies under `<taxonomy> term`, items in the trash under `status trash`, metadata under
/// `meta <key>`, all other elements with text under their names.
///
/// Encodings, gzip and ZIP are recognised. Limits: body 2 MiB, excerpt 1 MiB, other texts 4 KiB, 1,000 terms per item
/// (exceeding one: an error for that item); a single text or tag 8 MiB, a start tag 64 KiB, depth 64 (exceeding one: as
/// broken XML); 2 million nodes.
#[derive(Debug)]
pub struct WordpressReader<R> {
    xml: Xml<R>,
    file: String,
    place: Place,
    has_version: bool,
    seen: Seen,
    skipped: Skipped,
    stopped_early: bool,
    /// The address of the site, without scheme.
    site: Option<String>,
    offset: Offset,
    /// What follows the item that was yielded last.
    ready: VecDeque<Result<WordpressItem, RowError>>,
}

impl<R: Read> WordpressReader<R> {
    /// Reads from `reader`, with internal buffering. `file_name` appears in errors.
    #[must_use]
    pub fn new(reader: R, file_name: impl Into<String>) -> Self {
        Self {
            xml: Xml::new(reader),
            file: file_name.into(),
            place: Place::Start,
            has_version: false,
            seen: Seen::default(),
            skipped: Skipped::default(),
            stopped_early: false,
            site: None,
            offset: Offset::default(),
            ready: VecDeque::new(),
        }
    }

    /// Bytes read so far, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.xml.bytes_read()
    }

    /// Bytes of text read so far, after unpacking and decoding, to bound how much is held at a time.
    #[must_use]
    pub fn text_bytes(&self) -> u64 {
        self.xml.text_bytes()
    }

    /// Input skipped on purpose.
    #[must_use]
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Whether the iteration ended before the end of the file, because the rest is unreadable.
    #[must_use]
    pub fn stopped_early(&self) -> bool {
        self.stopped_early
    }

    /// An error at a position in this file, for a caller that rejects an item for its own reason.
    #[must_use]
    pub fn error_at(&self, line: u64, column: u64, reason: impl Into<String>) -> RowError {
        RowError {
            file: self.file.clone(),
            line,
            column,
            reason: reason.into(),
        }
    }

    /// Reads until there is something to yield; `None` at the end of the file.
    ///
    /// The outer error ends the iteration, the inner one concerns one item.
    fn advance(&mut self) -> Result<Option<Result<WordpressItem, Fault>>, Fault> {
        loop {
            match self.place {
                Place::Start => self.enter_channel()?,
                Place::Channel => {
                    if let Some(item) = self.read_in_channel()? {
                        return Ok(Some(item));
                    }
                }
                Place::AfterChannel => self.leave()?,
                Place::Done => return Ok(None),
            }
        }
    }

    fn enter_channel(&mut self) -> Result<(), Fault> {
        self.xml.open()?;
        let mut inside = false;
        loop {
            let at = self.xml.position();
            match self.xml.next()? {
                Piece::Start(element) if !inside && element.is(Family::Plain, "rss") => inside = true,
                Piece::Start(element) if !inside => {
                    let reason = format!(
                        "this is not a WordPress export: it starts with {}, not rss",
                        quoted(&element.local)
                    );
                    return Err(Fault::new(element.at, reason));
                }
                Piece::Start(element) if element.is(Family::Plain, "channel") => {
                    self.place = Place::Channel;
                    return Ok(());
                }
                Piece::Start(element) => {
                    let kind = "element before the channel";
                    count_unread(&mut self.xml, &element, kind, &mut self.skipped)?;
                }
                Piece::End | Piece::Eof => {
                    return Err(Fault::new(
                        at,
                        "this is not a WordPress export: it has no channel",
                    ));
                }
                Piece::Text(text) | Piece::Cdata(text) => count_loose(&text, &mut self.skipped),
                Piece::Bad(_) => self.skipped.add(LOOSE_TEXT),
            }
        }
    }

    fn read_in_channel(&mut self) -> Result<Option<Result<WordpressItem, Fault>>, Fault> {
        match self.xml.next()? {
            Piece::Start(element) => self.read_element(&element),
            Piece::End | Piece::Eof => {
                self.place = Place::AfterChannel;
                Ok(None)
            }
            Piece::Text(text) | Piece::Cdata(text) => {
                count_loose(&text, &mut self.skipped);
                Ok(None)
            }
            Piece::Bad(_) => {
                self.skipped.add(LOOSE_TEXT);
                Ok(None)
            }
        }
    }

    fn read_element(&mut self, element: &Element) -> Result<Option<Result<WordpressItem, Fault>>, Fault> {
        let scope = match (element.family, element.local.as_str()) {
            (Family::Plain, "item") => {
                self.require_version(element)?;
                return self.read_item(element);
            }
            (Family::Wp, "wxr_version") => {
                self.read_version(element)?;
                return Ok(None);
            }
            (Family::Wp, "author") => Scope::Author,
            (Family::Wp, "category") => Scope::Category,
            (Family::Wp, "tag") => Scope::Tag,
            (Family::Wp, "term") => Scope::Term,
            (Family::Wp, "base_blog_url") => {
                self.read_site(element)?;
                return Ok(None);
            }
            _ => {
                count_unread(
                    &mut self.xml,
                    element,
                    "element of the channel",
                    &mut self.skipped,
                )?;
                return Ok(None);
            }
        };
        let record = Record::read(&mut self.xml, element, scope)?;
        self.skipped.merge(&record.skipped);
        if scope == Scope::Author && record.given(Key::Email).is_some() {
            self.skipped.add("e-mail of an author");
        }
        if scope != Scope::Author && record.given(Key::Description).is_some() {
            self.skipped.add("description of a term");
        }
        let taxonomy = match scope {
            Scope::Author | Scope::Item => {
                return Ok(Some(convert::author(&record).map(WordpressItem::Author)));
            }
            Scope::Category => Taxonomy::Category,
            Scope::Tag => Taxonomy::Tag,
            Scope::Term => convert::taxonomy(record.text(Key::Taxonomy)),
        };
        match taxonomy {
            Taxonomy::Category => Ok(Some(convert::term(&record).map(WordpressItem::Category))),
            Taxonomy::Tag => Ok(Some(convert::term(&record).map(WordpressItem::Tag))),
            Taxonomy::Other(name) => {
                self.skipped.add(&format!("{name} term"));
                Ok(None)
            }
        }
    }

    fn read_item(&mut self, element: &Element) -> Result<Option<Result<WordpressItem, Fault>>, Fault> {
        let record = Record::read(&mut self.xml, element, Scope::Item)?;
        let mut unread = record.skipped.clone();
        convert::count_unneeded(&record, &mut unread);
        match convert::node(record, self.site.as_deref(), &mut self.offset) {
            Ok(Converted::Skipped(reason)) => {
                self.skipped.add(&reason);
                self.skipped.add_many("comment", unread.count("comment"));
                Ok(None)
            }
            Ok(Converted::Node(node, faults)) => match self.seen.insert(&node.external_id, element.at.line) {
                Sighting::First => {
                    self.skipped.merge(&unread);
                    convert::count_changes(&node, &mut self.skipped);
                    let faults = faults.into_iter().map(|fault| Err(fault.in_file(&self.file)));
                    self.ready.extend(faults);
                    Ok(Some(Ok(WordpressItem::Node(node))))
                }
                Sighting::Again(line) => {
                    let id = quoted(&node.external_id);
                    let reason = format!("the item on line {line} has the same id {id}");
                    Ok(Some(Err(Fault::new(element.at, reason))))
                }
                Sighting::Full => Err(Fault::new(
                    element.at,
                    format!("the file has more than {MAX_IDENTIFIERS} items; split it"),
                )),
            },
            Err(fault) => Ok(Some(Err(fault))),
        }
    }

    /// Two addresses that differ in scheme or a slash at the end are one site.
    fn read_site(&mut self, element: &Element) -> Result<(), Fault> {
        let Ok(address) = read_text(&mut self.xml, element, MAX_SITE_BYTES)? else {
            return Ok(());
        };
        let address = address.trim().to_lowercase();
        let rest = address
            .strip_prefix("https://")
            .or_else(|| address.strip_prefix("http://"));
        let site = rest.unwrap_or(&address).trim_end_matches('/');
        self.site = (!site.is_empty()).then(|| site.to_owned());
        Ok(())
    }

    /// The end of the iteration.
    fn end(&mut self) {
        self.place = Place::Done;
        for (kind, count) in self.xml.changed() {
            self.skipped.add_many(kind, count);
        }
        let further = self.xml.further_files().join(", ");
        if !further.is_empty() {
            self.stopped_early = true;
            let at = self.xml.position();
            let reason = format!(
                "the archive holds further files, which were not read; send each by itself: {further}"
            );
            self.ready
                .push_back(Err(Fault::new(at, reason).in_file(&self.file)));
        }
    }

    fn read_version(&mut self, element: &Element) -> Result<(), Fault> {
        let version = read_text(&mut self.xml, element, MAX_VERSION_BYTES)??;
        if !VERSIONS.contains(&version.trim()) {
            let reason = format!(
                "WXR version {} is not known; 1.0, 1.1 and 1.2 are",
                quoted(version.trim())
            );
            return Err(Fault::new(element.at, reason));
        }
        self.has_version = true;
        Ok(())
    }

    fn require_version(&self, element: &Element) -> Result<(), Fault> {
        if self.has_version {
            return Ok(());
        }
        Err(Fault::new(
            element.at,
            "this is not a WordPress export: there is no wp:wxr_version before the first item",
        ))
    }

    /// Reads the input after the channel, so that a truncated or doubled document is reported. A further channel is read
    /// like the first, and is of its own site.
    fn leave(&mut self) -> Result<(), Fault> {
        let at = self.xml.position();
        match self.xml.next()? {
            Piece::Start(element) if element.is(Family::Plain, "channel") => {
                self.place = Place::Channel;
                self.site = None;
                self.offset = Offset::default();
                Ok(())
            }
            Piece::Start(element) => {
                let kind = "element after the channel";
                count_unread(&mut self.xml, &element, kind, &mut self.skipped)
            }
            Piece::Eof if !self.has_version => Err(Fault::new(
                at,
                "this is not a WordPress export: there is no wp:wxr_version",
            )),
            Piece::Eof => {
                self.end();
                Ok(())
            }
            Piece::Text(text) | Piece::Cdata(text) => {
                count_loose(&text, &mut self.skipped);
                Ok(())
            }
            Piece::Bad(_) => {
                self.skipped.add(LOOSE_TEXT);
                Ok(())
            }
            Piece::End => Ok(()),
        }
    }
}

impl<R: Read> Iterator for WordpressReader<R> {
    type Item = Result<WordpressItem, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(ready) = self.ready.pop_front() {
            return Some(ready);
        }
        match self.advance() {
            Ok(Some(item)) => Some(item.map_err(|fault| fault.in_file(&self.file))),
            Ok(None) => self.ready.pop_front(),
            Err(mut fault) => {
                self.stopped_early = true;
                let can_resume = self.place == Place::Channel && self.has_version;
                if can_resume && self.xml.resume() {
                    let next = self.xml.position();
                    fault.reason.push_str(&format!(
                        "; what stands between here and the next item, on line {}, was not read",
                        next.line
                    ));
                } else {
                    self.end();
                }
                Some(Err(fault.in_file(&self.file)))
            }
        }
    }
}
