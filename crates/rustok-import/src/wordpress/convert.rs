//! Converts the texts of a WXR element to items. Pure functions; must never publish what WordPress would hide: every
//! status that is not certainly public becomes a draft.

use super::date::{self, Offset};
use super::record::{Key, RawTerm, Record};
use super::text::{plain, plain_of_text, slug, slug_of_name};
use crate::digest::Digest;
use crate::error::{Fault, quoted};
use crate::item::{
    AuthorItem, NodeField, NodeFields, NodeItem, NodeKind, NodeStatus, Taxonomy, TermItem, TermRef,
};
use crate::skipped::Skipped;
use jiff::Timestamp;

const MAX_ID_BYTES: usize = 255;
const MAX_ADDRESS_BYTES: usize = 2_048;

/// The result of converting an item.
#[derive(Debug)]
pub(super) enum Converted {
    /// With the faults that cost one value each.
    Node(Box<NodeItem>, Vec<Fault>),
    /// Skipped on purpose, with the reason to count.
    Skipped(String),
}

/// # Errors
/// When a post or page is unusable.
pub(super) fn node(mut record: Record, site: Option<&str>, offset: &mut Offset) -> Result<Converted, Fault> {
    let kind = match record.text(Key::PostType) {
        "post" => NodeKind::Post,
        "page" => NodeKind::Page,
        "" => {
            record.check()?;
            return Err(Fault::new(record.at, "the item has no wp:post_type"));
        }
        other => return Ok(Converted::Skipped(other.to_owned())),
    };
    let source_status = record.text(Key::Status).to_owned();
    if matches!(source_status.as_str(), "trash" | "inherit") {
        return Ok(Converted::Skipped(format!("status {source_status}")));
    }
    record.check()?;
    let external_id = record
        .given(Key::PostId)
        .or_else(|| record.given(Key::Guid))
        .filter(|id| id.len() <= MAX_ID_BYTES)
        .ok_or_else(|| Fault::new(record.at, "the item has neither a usable wp:post_id nor a guid"))?
        .to_owned();
    let external_id = match site {
        Some(site) => format!("{site}#{external_id}"),
        None => external_id,
    };
    let mut faults = record.minor_faults();
    let date = post_date(&record, offset, &mut faults);
    // Exports that are indented have white space in it.
    let password_protected = !record.text(Key::PostPassword).is_empty();
    let status = match source_status.as_str() {
        _ if password_protected => NodeStatus::Draft,
        "publish" => NodeStatus::Published,
        "future" if date.is_some() => NodeStatus::Published,
        _ => NodeStatus::Draft,
    };
    let title = match record.is_cdata(Key::Title) {
        true => plain(record.text(Key::Title)),
        false => plain_of_text(record.text(Key::Title)),
    };
    let stated = NodeFields::default()
        .with_if(record.has(Key::Title), NodeField::Title)
        .with_if(record.has(Key::PostName), NodeField::Slug)
        .with_if(record.has(Key::Excerpt), NodeField::Excerpt)
        .with_if(record.has(Key::Body), NodeField::Body)
        .with_if(record.given(Key::Creator).is_some(), NodeField::Author)
        .with_if(!source_status.is_empty() || password_protected, NodeField::Status)
        .with_if(!record.terms.is_empty(), NodeField::Terms);
    let mut node = NodeItem {
        external_id,
        source_hash: [0; 32],
        line: record.at.line,
        column: record.at.column,
        kind,
        stated,
        title,
        slug: slug(record.text(Key::PostName)),
        excerpt: record.take(Key::Excerpt),
        body: record.take(Key::Body),
        author_login: record.given(Key::Creator).map(str::to_owned),
        status,
        password_protected,
        published_at: date.filter(|_| status == NodeStatus::Published),
        created_at: date.filter(|_| source_status != "future"),
        sticky: record.text(Key::Sticky) == "1",
        parent_external_id: record
            .given(Key::PostParent)
            .filter(|id| *id != "0")
            .map(str::to_owned),
        menu_order: menu_order(&record, &mut faults),
        terms: terms(&record.terms),
        source_status,
        changed_at: date::from_mysql(record.text(Key::PostModifiedGmt)).filter(|at| !date::is_made_up(*at)),
        address: record
            .given(Key::Link)
            .filter(|link| link.starts_with("http") && link.len() <= MAX_ADDRESS_BYTES)
            .map(str::to_owned),
    };
    node.source_hash = node_hash(&node);
    Ok(Converted::Node(Box::new(node), faults))
}

fn menu_order(record: &Record, faults: &mut Vec<Fault>) -> i64 {
    let text = record.text(Key::MenuOrder);
    text.parse().unwrap_or_else(|_| {
        if !text.is_empty() {
            let reason = format!("{} is not a place in a menu; the item has none", quoted(text));
            faults.push(Fault::new(record.place(Key::MenuOrder), reason));
        }
        0
    })
}

/// Counts the elements that identify or date an item and were not needed for it.
pub(super) fn count_unneeded(record: &Record, skipped: &mut Skipped) {
    let has = |key| record.given(key).is_some();
    skipped.add_many("element guid", u64::from(has(Key::Guid) && has(Key::PostId)));
    let dated = has(Key::PostDateGmt) || has(Key::PostDate);
    skipped.add_many("element pubDate", u64::from(has(Key::PublishedRss) && dated));
    let is_unusable = |term: &&RawTerm| {
        let is_blank = term.nicename.trim().is_empty() && term.name.trim().is_empty();
        !is_blank && slug(&term.nicename).is_none() && slug_of_name(&plain(&term.name)).is_none()
    };
    let unusable = record.terms.iter().filter(is_unusable).count();
    skipped.add_many(
        "term of a post without a usable slug or name",
        u64::try_from(unusable).unwrap_or(u64::MAX),
    );
}

/// Counts what of a node has no place yet or was changed.
pub(super) fn count_changes(node: &NodeItem, skipped: &mut Skipped) {
    let mut count = |has: bool, kind: &str| skipped.add_many(kind, u64::from(has));
    count(node.sticky, "sticky post");
    count(node.parent_external_id.is_some(), "parent of a page");
    count(
        node.menu_order != 0,
        "order of a page among its siblings (menu_order)",
    );
    count(
        node.password_protected,
        "post with a password, which became a draft",
    );
    let kept =
        matches!(node.source_status.as_str(), "publish" | "future" | "draft") || node.password_protected;
    if node.status == NodeStatus::Draft && !kept {
        skipped.add(&format!("status {} became draft", node.source_status));
    }
    let others = node.terms.iter().filter_map(|term| match &term.taxonomy {
        Taxonomy::Other(name) => Some(name),
        Taxonomy::Category | Taxonomy::Tag => None,
    });
    for name in others {
        skipped.add(&format!("{name} of a post"));
    }
}

/// UTC first; else local time with the offset that other items of the file have; the date of the feed is made of the
/// first and is the last resort.
fn post_date(record: &Record, offset: &mut Offset, faults: &mut Vec<Fault>) -> Option<Timestamp> {
    let real = |at: &Timestamp| !date::is_made_up(*at);
    let utc = date::from_mysql(record.text(Key::PostDateGmt)).filter(real);
    let local = date::from_mysql(record.text(Key::PostDate)).filter(real);
    offset.learn(local, utc);
    let found = utc
        .or_else(|| offset.to_utc(local?))
        .or_else(|| date::from_rss(record.text(Key::PublishedRss)).filter(real));
    if found.is_none() {
        // Either the date is absent, or it cannot be parsed.
        let mut keys = [Key::PostDateGmt, Key::PostDate].into_iter();
        if let Some(key) = keys.find(|key| !date::is_none(record.text(*key))) {
            let reason = format!("{} is not a date; the item has none", quoted(record.text(key)));
            faults.push(Fault::new(record.place(key), reason));
        }
    }
    found
}

/// WXR 1.0 lists every term twice, once without its slug; the one with the slug is kept.
fn terms(raw: &[RawTerm]) -> Vec<TermRef> {
    let mut terms: Vec<TermRef> = Vec::with_capacity(raw.len());
    let mut unnamed: Vec<TermRef> = Vec::new();
    for term in raw {
        let name = plain(&term.name);
        let taxonomy = taxonomy(term.domain.trim());
        let stored = slug(&term.nicename);
        let list = if stored.is_some() {
            &mut terms
        } else {
            &mut unnamed
        };
        let Some(slug) = stored.or_else(|| slug_of_name(&name)) else {
            continue;
        };
        let name = if name.is_empty() { slug.clone() } else { name };
        if !list
            .iter()
            .any(|known| known.taxonomy == taxonomy && known.slug == slug)
        {
            list.push(TermRef { taxonomy, slug, name });
        }
    }
    for term in unnamed {
        let known = |other: &TermRef| {
            other.taxonomy == term.taxonomy && (other.name == term.name || other.slug == term.slug)
        };
        if !terms.iter().any(known) {
            terms.push(term);
        }
    }
    terms
}

/// The taxonomy by its WordPress name; an empty name is a category, as in plain RSS.
pub(super) fn taxonomy(name: &str) -> Taxonomy {
    match name {
        "" | "category" => Taxonomy::Category,
        "post_tag" | "tag" => Taxonomy::Tag,
        other => Taxonomy::Other(other.to_owned()),
    }
}

/// # Errors
/// When the author has no login.
pub(super) fn author(record: &Record) -> Result<AuthorItem, Fault> {
    record.check()?;
    let login = record
        .given(Key::Login)
        .filter(|login| login.len() <= MAX_ID_BYTES);
    let login = login
        .ok_or_else(|| Fault::new(record.at, "the author has no usable wp:author_login"))?
        .to_owned();
    let display_name = Some(plain(record.text(Key::DisplayName))).filter(|name| !name.is_empty());
    let mut author = AuthorItem {
        source_hash: [0; 32],
        line: record.at.line,
        column: record.at.column,
        email: record.given(Key::Email).map(str::to_owned),
        display_name: display_name.unwrap_or_else(|| login.clone()),
        login,
    };
    let mut digest = Digest::new("wordpress-author:1");
    digest.text(&author.login);
    digest.optional(author.email.as_deref());
    digest.text(&author.display_name);
    author.source_hash = digest.finish();
    Ok(author)
}

/// # Errors
/// When the term has neither a slug nor a name to derive one from.
pub(super) fn term(record: &Record) -> Result<TermItem, Fault> {
    record.check()?;
    let name = plain(record.text(Key::Name));
    let slug_of_term = slug(record.text(Key::Slug)).or_else(|| slug_of_name(&name));
    let slug_of_term =
        slug_of_term.ok_or_else(|| Fault::new(record.at, "the term has neither a slug nor a name"))?;
    let mut term = TermItem {
        source_hash: [0; 32],
        line: record.at.line,
        column: record.at.column,
        name: if name.is_empty() {
            slug_of_term.clone()
        } else {
            name
        },
        parent_slug: slug(record.text(Key::Parent)).filter(|parent| *parent != slug_of_term),
        slug: slug_of_term,
        description: record.given(Key::Description).map(str::to_owned),
    };
    let mut digest = Digest::new("wordpress-term:1");
    digest.text(&term.slug);
    digest.text(&term.name);
    digest.optional(term.parent_slug.as_deref());
    digest.optional(term.description.as_deref());
    term.source_hash = digest.finish();
    Ok(term)
}

fn node_hash(node: &NodeItem) -> [u8; 32] {
    let mut digest = Digest::new("wordpress-node:2");
    digest.text(match node.kind {
        NodeKind::Post => "post",
        NodeKind::Page => "page",
    });
    for text in [
        &node.external_id,
        &node.title,
        &node.excerpt,
        &node.body,
        &node.source_status,
    ] {
        digest.text(text);
    }
    for text in [&node.slug, &node.author_login, &node.parent_external_id] {
        digest.optional(text.as_deref());
    }
    digest.flag(node.status == NodeStatus::Published);
    digest.number(node.stated.bits().into());
    digest.flag(node.password_protected);
    digest.flag(node.sticky);
    digest.signed(node.menu_order);
    for date in [node.published_at, node.created_at] {
        digest.flag(date.is_some());
        digest.signed(date.map_or(0, Timestamp::as_second));
    }
    digest.list(node.terms.len());
    for term in &node.terms {
        digest.text(match &term.taxonomy {
            Taxonomy::Category => "category",
            Taxonomy::Tag => "post_tag",
            Taxonomy::Other(name) => name,
        });
        digest.text(&term.slug);
        digest.text(&term.name);
    }
    digest.finish()
}
