//! Nodes: their rows, revisions, addresses, terms and history.
//!
//! [`details`] reads any node for the administration, [`public`] what readers may see, [`save`] is the only way to change
//! one. No function here decides what a node may do next: rows become `rustok-content`'s types, or are refused.

pub mod details;
mod filed;
pub mod history;
#[cfg(test)]
mod plans;
pub mod public;
pub mod save;
pub mod slugs;
pub mod texts;

use crate::error::StoreError;
use crate::row::Row;
use rustok_content::{AnyContentNode, Author, DeletedNode, InvalidNodeRow, NodeRow, Revision, Term};
use rustok_core::clock::Timestamp;
use rustok_text::{Locale, Slug};
use texts::TextBody;

const NODES: &str = "nodes";
const REVISIONS: &str = "node_revisions";
const TRANSLATIONS: &str = "node_translations";
const NODE_TERMS: &str = "node_terms";
const HISTORY: &str = "node_history";

/// A node as it is stored: in use, or thrown away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredNode {
    /// In use.
    InUse(AnyContentNode),
    /// Deleted softly.
    Deleted(DeletedNode),
}

impl StoredNode {
    /// The node; of a deleted one, what it was.
    #[must_use]
    pub const fn any(&self) -> &AnyContentNode {
        match self {
            Self::InUse(node) => node,
            Self::Deleted(deleted) => deleted.node(),
        }
    }

    /// When it was deleted, if it was.
    #[must_use]
    pub const fn deleted_at(&self) -> Option<Timestamp> {
        match self {
            Self::InUse(_) => None,
            Self::Deleted(deleted) => Some(deleted.deleted_at()),
        }
    }

    /// Its columns.
    #[must_use]
    pub fn to_row(&self) -> NodeRow {
        match self {
            Self::InUse(node) => node.into(),
            Self::Deleted(deleted) => deleted.into(),
        }
    }
}

impl TryFrom<NodeRow> for StoredNode {
    type Error = InvalidNodeRow;

    fn try_from(row: NodeRow) -> Result<Self, InvalidNodeRow> {
        match row.deleted_at {
            None => AnyContentNode::try_from(row).map(Self::InUse),
            Some(_) => DeletedNode::try_from(row).map(Self::Deleted),
        }
    }
}

/// Which saves of a node are worked on and live in one locale, and at which addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslationState {
    /// The locale.
    pub locale: Locale,
    /// The address of the working revision; none while the node is deleted.
    pub slug: Option<Slug>,
    /// The save that is worked on.
    pub working_revision: i64,
    /// The address of the live revision.
    pub published_slug: Option<Slug>,
    /// The save that is live.
    pub published_revision: Option<i64>,
    /// Whether the node was written in this locale first.
    pub is_original: bool,
    /// Whether the text is taken away with the next publish. It is only live then: nobody works on it.
    pub is_removed: bool,
}

/// A term that a node is filed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiledTerm {
    /// The term.
    pub term: Term,
    /// The slug of the category above it.
    pub parent_slug: Option<Slug>,
}

/// All that the administration shows of a node, in one locale; `T` is what it shows of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDetail<T = Revision> {
    /// The node.
    pub node: StoredNode,
    /// Who wrote it.
    pub author: Author,
    /// Its locales, in their order.
    pub translations: Vec<TranslationState>,
    /// The working revision of the locale that is shown.
    pub shown: T,
    /// What it is filed under: categories before tags, by slug.
    pub terms: Vec<FiledTerm>,
}

impl<T> NodeDetail<T> {
    /// The state of one locale in which it has a text that is worked on.
    #[must_use]
    pub fn translation(&self, locale: Locale) -> Option<&TranslationState> {
        self.translations
            .iter()
            .find(|translation| translation.locale == locale && !translation.is_removed)
    }

    /// The address in the locale that is shown; while the node is deleted that of the `saved` text.
    fn address<'a>(&'a self, locale: Locale, saved: &'a Slug) -> &'a Slug {
        let address = self
            .translation(locale)
            .and_then(|translation| translation.slug.as_ref());
        address.unwrap_or(saved)
    }
}

/// The text of a working revision, as far as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedText {
    /// The locale.
    pub locale: Locale,
    /// Plain text of one line.
    pub title: String,
    /// The address that it was saved with.
    pub slug: Slug,
    /// Plain text.
    pub excerpt: String,
    /// The body, if it was asked for.
    pub body: Option<TextBody>,
}

impl NodeDetail<ListedText> {
    /// The address of what is shown: the saved one while the node is deleted.
    #[must_use]
    pub fn slug(&self) -> &Slug {
        self.address(self.shown.locale, &self.shown.slug)
    }
}

impl NodeDetail {
    /// The address of what is shown: the saved one while the node is deleted.
    #[must_use]
    pub fn slug(&self) -> &Slug {
        self.address(self.shown.locale, &self.shown.translation.slug)
    }
}

/// The columns of a node, as `n`.
const NODE_COLUMNS: &str = "n.id, n.tenant_id, n.author_id, n.kind, n.status, n.created_at, n.updated_at, \
     n.published_at, n.scheduled, n.archived_at, n.archive_reason, n.deleted_at, n.working_revision, n.published_revision, n.version";

fn node_row(row: &Row<'_>) -> Result<StoredNode, StoreError> {
    let columns = NodeRow {
        id: row.get("id")?,
        tenant_id: row.get("tenant_id")?,
        author_id: row.get("author_id")?,
        kind: row.get("kind")?,
        status: row.get("status")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        published_at: row.get("published_at")?,
        scheduled: row.get("scheduled")?,
        archived_at: row.get("archived_at")?,
        archive_reason: row.get("archive_reason")?,
        deleted_at: row.get("deleted_at")?,
        working_revision: row.get("working_revision")?,
        published_revision: row.get("published_revision")?,
        version: row.get("version")?,
    };
    columns
        .try_into()
        .map_err(|error: InvalidNodeRow| row.inconsistent(error.column, &error.to_string()))
}

/// A column that holds text of a known form.
fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: &'static str) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|_| row.inconsistent(column, "the text breaks the rules of its type"))
}

/// The same for a column that may be NULL.
fn parsed_optional<T: std::str::FromStr>(
    row: &Row<'_>,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| {
        text.parse()
            .map_err(|_| row.inconsistent(column, "the text breaks the rules of its type"))
    })
    .transpose()
}
