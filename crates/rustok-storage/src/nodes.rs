//! Nodes: rows, revisions, slugs, terms and history.
//!
//! [`details`] reads any node for the administration, [`public`] only published ones; [`save`] is the only way to
//! change a node. The state machine is in `rustok-content`: a row is converted to its types, or refused.

mod by_term;
pub mod details;
pub mod history;
pub mod public;
pub mod save;
pub mod slugs;
pub mod texts;

use rustok_content::{AnyContentNode, Author, DeletedNode, InvalidNodeRow, NodeRow, Revision, Term};
use rustok_core::clock::Timestamp;
use rustok_db::{Row, StoreError};
use rustok_text::{Locale, Slug};
use texts::TextBody;

const NODES: &str = "nodes";
const REVISIONS: &str = "node_revisions";
const TRANSLATIONS: &str = "node_translations";
const NODE_TERMS: &str = "node_terms";
const HISTORY: &str = "node_history";

/// A stored node: in use or soft-deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredNode {
    /// In use.
    InUse(AnyContentNode),
    /// Soft-deleted.
    Deleted(DeletedNode),
}

impl StoredNode {
    /// The node; if it is deleted, its state before the deletion.
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

    /// The database columns of the node.
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

/// The state of a node in one locale: working revision, published revision and their slugs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslationState {
    /// The locale.
    pub locale: Locale,
    /// The slug of the working revision; `None` while the node is deleted.
    pub slug: Option<Slug>,
    /// The number of the working revision.
    pub working_revision: i64,
    /// The slug of the published revision.
    pub published_slug: Option<Slug>,
    /// The number of the published revision.
    pub published_revision: Option<i64>,
    /// Whether this is the node's original locale.
    pub is_original: bool,
    /// Whether the next publish removes this translation. Until then it has a published revision only, no working
    /// one.
    pub is_removed: bool,
}

/// A term assigned to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiledTerm {
    /// The term.
    pub term: Term,
    /// The slug of the parent category.
    pub parent_slug: Option<Slug>,
}

/// Everything that the administration shows of a node in one locale. `T` is the type of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDetail<T = Revision> {
    /// The node.
    pub node: StoredNode,
    /// The author.
    pub author: Author,
    /// All locales of the node, sorted.
    pub translations: Vec<TranslationState>,
    /// The working revision in the shown locale.
    pub shown: T,
    /// The assigned terms: categories before tags, sorted by slug.
    pub terms: Vec<FiledTerm>,
}

impl<T> NodeDetail<T> {
    /// The state of `locale`; `None` if the node has no working revision there.
    #[must_use]
    pub fn translation(&self, locale: Locale) -> Option<&TranslationState> {
        self.translations
            .iter()
            .find(|translation| translation.locale == locale && !translation.is_removed)
    }

    /// The slug in the shown locale; for a deleted node, the slug in `saved`.
    fn address<'a>(&'a self, locale: Locale, saved: &'a Slug) -> &'a Slug {
        let address = self
            .translation(locale)
            .and_then(|translation| translation.slug.as_ref());
        address.unwrap_or(saved)
    }
}

/// The part of a working revision that a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedText {
    /// The locale.
    pub locale: Locale,
    /// Plain text, one line.
    pub title: String,
    /// The slug at the time of the save.
    pub slug: Slug,
    /// Plain text.
    pub excerpt: String,
    /// The body, if it was requested.
    pub body: Option<TextBody>,
}

impl NodeDetail<ListedText> {
    /// The slug of the shown locale; for a deleted node, the one it was saved with.
    #[must_use]
    pub fn slug(&self) -> &Slug {
        self.address(self.shown.locale, &self.shown.slug)
    }
}

impl NodeDetail {
    /// The slug of the shown locale; for a deleted node, the one it was saved with.
    #[must_use]
    pub fn slug(&self) -> &Slug {
        self.address(self.shown.locale, &self.shown.translation.slug)
    }
}

/// The columns of a node, with the table alias `n`.
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

/// Reads and parses a text column.
fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: &'static str) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|_| row.inconsistent(column, "the text breaks the rules of its type"))
}

/// Like [`parsed`], for a nullable column.
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
