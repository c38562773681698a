//! Imports nodes from another system, inside the import's own transaction.
//!
//! All rules of the domain apply: bodies are sanitised, each save is a revision, each step is in the history. The
//! caller decides whether an item changed at all; this module writes it.

use super::addresses::{IfTaken, settle};
use super::authors::{self, IfNamed};
use super::change::{Change, Verb, with_removed};
use super::create::validated;
use super::life::free_slugs;
use super::locales::preference;
use super::terms;
use crate::context::Ctx;
use rustok_content::ids::{AuthorId, NodeId, TermId};
use rustok_content::translation::Source;
use rustok_content::{
    AnyContentNode, ContentNode, NewNode, NodeChange, NodeKind, NodeStatus, Revision, Taxonomy,
    TranslationDraft, TranslationInput,
};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
pub use rustok_import::{NodeField, NodeFields};
use rustok_storage::TenantTx;
use rustok_storage::nodes::details::{ShownLocale, find_node};
use rustok_storage::nodes::save::SlugChange;
use rustok_storage::nodes::{NodeDetail, StoredNode};
use rustok_text::body::Removed;
use rustok_text::{Locale, Slug};

/// A node of another system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedNode {
    /// The kind of content.
    pub kind: NodeKind,
    /// The locale of its text.
    pub locale: Locale,
    /// The fields that its source states; an update leaves all others as they are.
    pub stated: NodeFields,
    /// Its text. A taken slug is numbered.
    pub text: TranslationInput,
    /// Whether and since when it is public.
    pub publication: Publication,
    /// The creation time; now if `None`.
    pub created_at: Option<Timestamp>,
    /// The login of its author; if `None`, the author that represents the import, or the one that it has.
    pub author_login: Option<String>,
    /// Its terms; missing ones are created.
    pub terms: Vec<ImportedTerm>,
}

/// Whether an imported node is public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// Not public.
    Draft,
    /// Public since this time, which may be in the future; if `None`, since the node's creation time.
    Published(Option<Timestamp>),
    /// As it is; a new node is not public.
    Kept,
}

/// A term of an imported node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedTerm {
    /// Category or tag.
    pub taxonomy: Taxonomy,
    /// The slug, in any form.
    pub slug: String,
    /// The name; if blank, the slug is used.
    pub name: String,
}

/// The prepared parts of an item besides the node itself.
struct Prepared {
    kind: NodeKind,
    locale: Locale,
    text: TranslationDraft,
    publication: Publication,
    created_at: Timestamp,
    author: AuthorId,
    /// `None` keeps those that the node has.
    terms: Option<Vec<TermId>>,
}

/// The node of an earlier import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Existing {
    /// Its id.
    pub id: NodeId,
    /// Its version after that import; `None` if that is not known.
    pub version: Option<i64>,
    /// Whether it is brought to the state of the source although it was changed here since.
    pub overwrite: bool,
}

/// What became of an imported node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedAs {
    /// The node.
    pub id: NodeId,
    /// Its version now.
    pub version: i64,
    /// Its slug.
    pub slug: Slug,
    /// The slug that its source asks for, if it got another one.
    pub wanted: Option<Slug>,
    /// What the sanitiser removed from the body.
    pub removed: Removed,
    /// Whether it was changed here since the last import. Without `overwrite` it stays as it is then.
    pub changed_here: bool,
}

/// Creates the node, or brings the node `existing` of an earlier import to the current state of the source: text,
/// kind, author, terms and status. A node that was changed, deleted or archived here since stays as it is, unless the
/// import overwrites.
///
/// # Errors
/// `validation_failed` for an unacceptable item (a body or title that is too long, another publication date for a node
/// that was public before), and database errors. After a
/// database error the transaction is unusable.
pub async fn upsert(
    tx: &mut TenantTx,
    ctx: &Ctx,
    existing: Option<Existing>,
    node: ImportedNode,
) -> Result<ImportedAs, RichError> {
    let locale = node.locale;
    let found = match existing {
        Some(Existing { id, .. }) => {
            find_node(tx, id, ShownLocale::Nearest(preference(ctx, &[locale])?)).await?
        }
        None => None,
    };
    let changed_here = match (&found, existing) {
        (
            Some(detail),
            Some(Existing {
                version: Some(version),
                ..
            }),
        ) => detail.node.any().version() != version,
        _ => false,
    };
    if let (Some(detail), Some(Existing { overwrite: false, .. }), true) = (&found, existing, changed_here) {
        return Ok(ImportedAs {
            id: detail.node.any().id(),
            version: detail.node.any().version(),
            slug: detail.shown.translation.slug.clone(),
            wanted: None,
            removed: Removed::default(),
            changed_here,
        });
    }
    if let Some(detail) = &found {
        check_date(detail.node.any(), node.publication, ctx.now())?;
    }
    let prepared = prepare(tx, ctx, node, found.as_ref()).await?;
    let (wanted, removed) = (
        prepared.text.translation().slug.clone(),
        prepared.text.removed().clone(),
    );
    let (id, version, slug) = match found {
        Some(detail) => update(tx, ctx, detail, prepared).await,
        None => create(tx, ctx, prepared).await,
    }?;
    Ok(ImportedAs {
        id,
        version,
        wanted: Some(wanted).filter(|wanted| *wanted != slug),
        slug,
        removed,
        changed_here,
    })
}

/// Refuses another publication date for a node that is or was public; before anything of the item is written.
fn check_date(node: &AnyContentNode, publication: Publication, now: Timestamp) -> Result<(), RichError> {
    let Publication::Published(Some(published_at)) = publication else {
        return Ok(());
    };
    let draft = match node.clone() {
        AnyContentNode::Draft(node) => node,
        AnyContentNode::Published(node) => node.unpublish_at(now),
        AnyContentNode::Archived(node) => node.restore_at(now),
    };
    AnyContentNode::from(draft).schedule_at(published_at, now)?;
    Ok(())
}

async fn prepare(
    tx: &mut TenantTx,
    ctx: &Ctx,
    node: ImportedNode,
    before: Option<&NodeDetail>,
) -> Result<Prepared, RichError> {
    // Validate before anything is written.
    let has_slug = node.text.slug.is_some();
    let mut text = validated(node.text, &node.kind, Source::Import)?;
    if let Some(shown) = before
        .map(|before| &before.shown)
        .filter(|shown| shown.locale == node.locale)
    {
        let (stated, stored) = (node.stated, &shown.translation);
        if !stated.has(NodeField::Title) {
            text = text.with_title_of(stored);
        }
        // A slug that is blank follows from the title.
        if !stated.has(NodeField::Slug) || (!has_slug && !stated.has(NodeField::Title)) {
            text = text.with_slug(stored.slug.clone());
        }
        if !stated.has(NodeField::Excerpt) {
            text = text.with_excerpt_of(stored);
        }
        if !stated.has(NodeField::Body) {
            text = text.with_body_of(stored);
        }
    }
    let author = match (&node.author_login, before) {
        (Some(login), _) => authors::upsert(tx, ctx, login, None, IfNamed::Keep).await?,
        (None, Some(before)) => before.author.clone(),
        (None, None) => authors::resolve(tx, ctx, None).await?,
    };
    let mut filed = Vec::with_capacity(node.terms.len());
    for term in &node.terms {
        filed.push(
            terms::ensure(tx, ctx, term.taxonomy, &term.slug, &term.name)
                .await?
                .id,
        );
    }
    Ok(Prepared {
        kind: node.kind,
        locale: node.locale,
        text,
        publication: node.publication,
        created_at: node.created_at.unwrap_or_else(|| ctx.now()),
        author: author.id,
        terms: match before {
            Some(_) if !node.stated.has(NodeField::Terms) => None,
            _ => Some(NewNode::check_terms(filed)?),
        },
    })
}

/// Id, version and slug of the node.
type Saved = (NodeId, i64, Slug);

async fn create(tx: &mut TenantTx, ctx: &Ctx, new: Prepared) -> Result<Saved, RichError> {
    let id: NodeId = ctx.id();
    let text = settle(tx, new.locale, id, new.text, IfTaken::Number).await?;
    let node = ContentNode::new_draft_at(id, ctx.tenant.id, new.author, new.kind, new.created_at);
    let node = AnyContentNode::from(node);
    let revision = Revision::of(&node, new.locale, text, ctx.actor.to_string());
    let mut change = Change::new(ctx);
    change.step(Verb::Create, &node);
    let node = publish(ctx, &mut change, node, new.publication)?;
    let addresses: &[SlugChange<'_>] = match node.status() {
        NodeStatus::Published => &[SlugChange::Publish],
        _ => &[],
    };
    let (version, slug) = (node.version(), revision.translation.slug.clone());
    change
        .save(
            tx,
            &StoredNode::InUse(node),
            Some(&revision),
            addresses,
            new.terms.as_deref(),
        )
        .await?;
    Ok((id, version, slug))
}

/// Gives a node that is neither deleted nor archived the status of the source.
fn publish(
    ctx: &Ctx,
    change: &mut Change<'_>,
    mut node: AnyContentNode,
    publication: Publication,
) -> Result<AnyContentNode, RichError> {
    let now = ctx.now();
    let published_at = match publication {
        Publication::Kept if node.status() == NodeStatus::Published => node.published_at(),
        Publication::Draft | Publication::Kept => None,
        Publication::Published(at) => Some(at.unwrap_or_else(|| node.created_at())),
    };
    // A publication time in the future can still be changed; the node becomes a draft for that first.
    let moved = |node: &AnyContentNode| {
        node.published_at()
            .is_some_and(|at| at > now && Some(at) != published_at)
    };
    if node.status() == NodeStatus::Published && (published_at.is_none() || moved(&node)) {
        node = node.unpublish_at(now)?;
        change.step(Verb::Unpublish, &node);
    }
    if let Some(published_at) = published_at {
        node = match node {
            // A node that was public keeps its first publication time; `check_date` has refused another one.
            AnyContentNode::Draft(draft) if draft.first_published_at().is_none() => {
                AnyContentNode::Draft(draft).schedule_at(published_at, now)?
            }
            other => other.publish_at(now)?,
        };
        change.step(Verb::Publish, &node);
    }
    Ok(node)
}

async fn update(tx: &mut TenantTx, ctx: &Ctx, before: NodeDetail, new: Prepared) -> Result<Saved, RichError> {
    let now = ctx.now();
    let id = before.node.any().id();
    let mut change = Change::of(ctx, &before.node);
    let mut taken: Vec<(Locale, Slug)> = Vec::new();
    let mut node = match &before.node {
        StoredNode::InUse(node) => node.clone(),
        StoredNode::Deleted(deleted) => {
            taken = free_slugs(tx, id).await?;
            let node = deleted.clone().undelete_at(now);
            change.step(Verb::Undelete, &node);
            node
        }
    };
    if node.status() == NodeStatus::Archived {
        node = node.restore_at(now)?;
        change.step(Verb::Restore, &node);
    }
    let text = settle(tx, new.locale, id, new.text, IfTaken::Number).await?;
    let of_node = NodeChange {
        kind: Some(new.kind),
        author_id: Some(new.author),
        adds_revision: true,
    };
    node = node.change_at(of_node, now)?;
    change.step(Verb::Update, &node);
    let revision = Revision::of(&node, new.locale, text, ctx.actor.to_string());
    // The slug of the new text replaces the old one.
    taken.retain(|(locale, _)| *locale != new.locale);
    let node = publish(ctx, &mut change, node, new.publication)?;
    let live = match node.status() {
        NodeStatus::Published => SlugChange::Publish,
        NodeStatus::Draft | NodeStatus::Archived => SlugChange::Unpublish,
    };
    let mut addresses = vec![SlugChange::Take(&taken)];
    addresses.extend(with_removed(&before.translations, live));
    let (version, slug) = (node.version(), revision.translation.slug.clone());
    change
        .save(
            tx,
            &StoredNode::InUse(node),
            Some(&revision),
            &addresses,
            new.terms.as_deref(),
        )
        .await?;
    Ok((id, version, slug))
}
