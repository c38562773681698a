//! What nodes look like from outside: the views of the administration and of the store. What may be sent is in
//! [`input`].
//!
//! The store's view has nothing of a working revision in it, and no login: names of accounts are nobody's business there.

pub mod input;
pub mod texts;

use super::removed::RemovalView;
use jiff::Timestamp;
use rustok_app::content::{
    FiledTerm, ListedText, NodeDetail, NodeHistoryEntry, PublicHead, PublicText, TextBody,
};
use rustok_core::page::Page;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A node, in one locale.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeView<'a> {
    #[serde(flatten)]
    head: NodeHeadView<'a>,
    #[serde(flatten)]
    body: BodyView<'a>,
}

/// A node in a list, in one locale.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedNode)]
pub struct ListedNodeView<'a> {
    #[serde(flatten)]
    head: NodeHeadView<'a>,
    #[serde(flatten)]
    body: ListedBodyView<'a>,
}

/// All of a node but its body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodeHead)]
pub struct NodeHeadView<'a> {
    id: Uuid,
    #[schema(example = "post")]
    kind: &'a str,
    #[schema(example = "draft")]
    status: &'a str,
    /// The locale of title, slug, excerpt and body.
    #[schema(example = "en")]
    locale: &'a str,
    /// Plain text.
    title: &'a str,
    slug: &'a str,
    /// Plain text.
    excerpt: &'a str,
    terms: Vec<TermView<'a>>,
    author: AuthorView<'a>,
    /// From when on it is public, if it ever was or will be.
    #[schema(value_type = Option<String>, format = DateTime)]
    published_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    archived_at: Option<Timestamp>,
    archive_reason: Option<&'a str>,
    #[schema(value_type = Option<String>, format = DateTime)]
    deleted_at: Option<Timestamp>,
    /// The number of its newest save, in any locale.
    working_revision: i64,
    /// The number of the save that is public.
    published_revision: Option<i64>,
    /// The locales that it has.
    locales: Vec<TranslationView<'a>>,
    /// The POSTs that would not be refused now.
    allowed_transitions: Vec<&'static str>,
    /// Counts its changes, from 1.
    version: i64,
}

/// The body of a node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodeBody)]
pub struct BodyView<'a> {
    /// As it was written.
    body: &'a str,
    /// `html` or `markdown`.
    format: &'a str,
    /// The body as safe HTML.
    body_html: &'a str,
}

/// The body of a node in a list: only there with `include=body`.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ListedBody)]
pub struct ListedBodyView<'a> {
    /// As it was written; only there with `include=body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    body: Option<&'a str>,
    /// `html` or `markdown`; only there with `include=body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    format: Option<&'a str>,
    /// The body as safe HTML; only there with `include=body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    body_html: Option<&'a str>,
}

impl<'a> From<Option<&'a TextBody>> for ListedBodyView<'a> {
    fn from(body: Option<&'a TextBody>) -> Self {
        Self {
            body: body.map(|body| &*body.source),
            format: body.map(|body| body.format.as_str()),
            body_html: body.map(|body| &*body.html),
        }
    }
}

/// A node whose text was written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WrittenNode)]
pub struct WrittenNodeView<'a> {
    #[serde(flatten)]
    pub(super) node: &'a NodeView<'a>,
    /// What was taken out of the body before it became `body_html`. Not there if nothing was, or if no text was written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(super) removed: Vec<RemovalView<'a>>,
}

/// One locale of a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct TranslationView<'a> {
    locale: &'a str,
    /// The address of the working revision; none while the node is deleted.
    slug: Option<&'a str>,
    working_revision: i64,
    published_slug: Option<&'a str>,
    published_revision: Option<i64>,
    /// Whether the node was written in this locale first.
    is_original: bool,
    /// Whether the text is only live: it goes with the next publish.
    is_removed: bool,
}

/// A category or tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct TermView<'a> {
    /// `category` or `tag`.
    taxonomy: &'a str,
    slug: &'a str,
    name: &'a str,
    /// The slug of the category above it.
    parent: Option<&'a str>,
}

/// Who wrote a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuthorView<'a> {
    login: &'a str,
    name: &'a str,
}

/// A page of nodes.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodePage<'a> {
    pub(super) items: Vec<ListedNodeView<'a>>,
    pub(super) next_cursor: Option<String>,
}

impl<'a> From<&'a NodeDetail> for NodeView<'a> {
    fn from(detail: &'a NodeDetail) -> Self {
        let text = &detail.shown.translation;
        Self {
            head: NodeHeadView::new(
                detail,
                TextLine {
                    locale: detail.shown.locale.as_str(),
                    title: &text.title,
                    slug: detail.slug().as_str(),
                    excerpt: &text.excerpt,
                },
            ),
            body: BodyView {
                body: &text.body,
                format: text.format.as_str(),
                body_html: &text.body_html,
            },
        }
    }
}

impl<'a> From<&'a NodeDetail<ListedText>> for ListedNodeView<'a> {
    fn from(detail: &'a NodeDetail<ListedText>) -> Self {
        let text = &detail.shown;
        Self {
            head: NodeHeadView::new(
                detail,
                TextLine {
                    locale: text.locale.as_str(),
                    title: &text.title,
                    slug: detail.slug().as_str(),
                    excerpt: &text.excerpt,
                },
            ),
            body: text.body.as_ref().into(),
        }
    }
}

/// What a list shows of a text.
struct TextLine<'a> {
    locale: &'a str,
    title: &'a str,
    slug: &'a str,
    excerpt: &'a str,
}

impl<'a> NodeHeadView<'a> {
    fn new<T>(detail: &'a NodeDetail<T>, text: TextLine<'a>) -> Self {
        let node = detail.node.any();
        let archived = match node {
            rustok_content::AnyContentNode::Archived(archived) => Some(archived),
            _ => None,
        };
        let deleted_at = detail.node.deleted_at();
        Self {
            id: node.id().as_uuid(),
            kind: node.kind().as_str(),
            status: node.status().as_str(),
            locale: text.locale,
            title: text.title,
            slug: text.slug,
            excerpt: text.excerpt,
            terms: detail.terms.iter().map(TermView::from).collect(),
            author: AuthorView {
                login: &detail.author.login,
                name: &detail.author.display_name,
            },
            published_at: node.published_at(),
            created_at: node.created_at(),
            updated_at: node.updated_at(),
            archived_at: archived.map(|node| node.archived_at()),
            archive_reason: archived.map(|node| node.reason()),
            deleted_at,
            working_revision: node.working_revision(),
            published_revision: node.published_revision(),
            locales: detail.translations.iter().map(TranslationView::from).collect(),
            allowed_transitions: if deleted_at.is_some() {
                vec!["undelete"]
            } else {
                node.allowed_transitions()
            },
            version: node.version(),
        }
    }
}

impl<'a> From<&'a rustok_app::content::TranslationState> for TranslationView<'a> {
    fn from(state: &'a rustok_app::content::TranslationState) -> Self {
        Self {
            locale: state.locale.as_str(),
            slug: state.slug.as_ref().map(AsRef::as_ref),
            working_revision: state.working_revision,
            published_slug: state.published_slug.as_ref().map(AsRef::as_ref),
            published_revision: state.published_revision,
            is_original: state.is_original,
            is_removed: state.is_removed,
        }
    }
}

impl<'a> From<&'a FiledTerm> for TermView<'a> {
    fn from(filed: &'a FiledTerm) -> Self {
        Self {
            taxonomy: filed.term.taxonomy.as_str(),
            slug: filed.term.slug.as_str(),
            name: &filed.term.name,
            parent: filed.parent_slug.as_ref().map(AsRef::as_ref),
        }
    }
}

/// A published node as readers see it, in one locale.
// Only a schema: `texts` puts answers together from texts that are JSON already.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoreNodeView<'a> {
    #[serde(flatten)]
    head: StoreHeadView<'a>,
    #[serde(flatten)]
    text: StoreTextView<'a>,
}

/// All of a published node but its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoreNodeHead)]
pub(super) struct StoreHeadView<'a> {
    id: Uuid,
    #[schema(example = "post")]
    kind: &'a str,
    /// Always `published`.
    status: &'static str,
    /// The locale of title, slug, excerpt and body.
    #[schema(example = "en")]
    locale: &'a str,
    slug: &'a str,
    terms: Vec<TermView<'a>>,
    author: StoreAuthorView<'a>,
    #[schema(value_type = String, format = DateTime)]
    published_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The number of the save that is public.
    version: i64,
}

/// The text of a published node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoreNodeText)]
pub(super) struct StoreTextView<'a> {
    #[serde(flatten)]
    summary: StoreSummaryView<'a>,
    #[serde(flatten)]
    body: BodyView<'a>,
}

/// The text of a published node without its body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoreNodeSummary)]
pub(super) struct StoreSummaryView<'a> {
    /// Plain text.
    title: &'a str,
    /// Plain text.
    excerpt: &'a str,
    /// When the text that is shown was saved.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// The text of a published node, with its body if that was read.
#[derive(Debug, Serialize)]
pub(super) struct StorePartView<'a> {
    #[serde(flatten)]
    summary: StoreSummaryView<'a>,
    #[serde(flatten)]
    body: ListedBodyView<'a>,
}

/// A published node in a list, in one locale.
// Only a schema, as the one above.
#[derive(ToSchema)]
#[schema(as = ListedStoreNode)]
#[expect(dead_code, reason = "the schema of an answer that is put together from parts")]
pub struct ListedStoreNodeView<'a> {
    #[serde(flatten)]
    head: StoreHeadView<'a>,
    #[serde(flatten)]
    summary: StoreSummaryView<'a>,
    #[serde(flatten)]
    body: ListedBodyView<'a>,
}

/// Who wrote a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoreAuthorView<'a> {
    name: &'a str,
}

/// A page of published nodes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema of an answer that is put together from parts")]
pub struct StoreNodePage<'a> {
    items: Vec<ListedStoreNodeView<'a>>,
    next_cursor: Option<String>,
}

impl<'a> From<&'a PublicHead> for StoreHeadView<'a> {
    fn from(node: &'a PublicHead) -> Self {
        let term = |term: &'a rustok_app::content::PublicTerm| TermView {
            taxonomy: &term.taxonomy,
            slug: &term.slug,
            name: &term.name,
            parent: term.parent.as_deref(),
        };
        Self {
            id: node.id.as_uuid(),
            kind: &node.kind,
            status: "published",
            locale: node.locale.as_str(),
            slug: &node.slug,
            terms: node.terms.iter().map(term).collect(),
            author: StoreAuthorView {
                name: &node.author_name,
            },
            published_at: node.published_at,
            created_at: node.created_at,
            version: node.revision,
        }
    }
}

impl<'a> From<&'a PublicText> for StorePartView<'a> {
    fn from(text: &'a PublicText) -> Self {
        Self {
            summary: StoreSummaryView {
                title: &text.title,
                excerpt: &text.excerpt,
                updated_at: text.saved_at,
            },
            body: text.body.as_ref().into(),
        }
    }
}

/// What happened to a node, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeHistory<'a> {
    items: Vec<NodeHistoryView<'a>>,
    #[schema(required)]
    next_cursor: Option<&'a str>,
}

/// One change of a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeHistoryView<'a> {
    /// The version that it made.
    version: i64,
    #[schema(example = "publish")]
    transition: &'a str,
    /// None at the creation.
    from_status: Option<&'a str>,
    to_status: &'a str,
    /// Who did it.
    actor: &'a str,
    reason: Option<&'a str>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl<'a> From<&'a Page<NodeHistoryEntry>> for NodeHistory<'a> {
    fn from(page: &'a Page<NodeHistoryEntry>) -> Self {
        let view = |entry: &'a NodeHistoryEntry| NodeHistoryView {
            version: entry.version,
            transition: &entry.transition,
            from_status: entry.from_status.as_deref(),
            to_status: &entry.to_status,
            actor: &entry.actor,
            reason: entry.reason.as_deref(),
            at: entry.at,
        };
        Self {
            items: page.items.iter().map(view).collect(),
            next_cursor: page.next_cursor.as_deref(),
        }
    }
}
