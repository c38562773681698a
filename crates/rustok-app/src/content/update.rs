//! Edits nodes: each save of a text is a new revision; what is public changes with the next publish only.
//!
//! Kind, author and terms belong to the node, not to a revision: a change of them is public at once.

use super::addresses::{IfTaken, settle};
use super::authors::{self, AuthorRef};
use super::change::{Change, Verb, show_addresses, show_text};
use super::create::{WrittenNode, validated, violations};
use super::locales::check_listed;
use super::read::load;
use super::terms::{self, TermRef};
use crate::context::Ctx;
use crate::precondition::Target;
use rustok_auth::Action;
use rustok_content::ids::NodeId;
use rustok_content::translation::Source;
use rustok_content::{
    AnyContentNode, Author, ContentError, NodeChange, NodeKind, Revision, TranslationDraft, TranslationInput,
};
use rustok_core::error::{ErrorKind, RichError};
use rustok_storage::TenantTx;
use rustok_storage::nodes::details::term_ids;
use rustok_storage::nodes::save::SlugChange;
use rustok_storage::nodes::{FiledTerm, NodeDetail, StoredNode};
use rustok_text::Locale;

/// The complete wanted state of a node; unchanged parts must be included. Not validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEdit {
    /// The kind of content.
    pub kind: String,
    /// The author; if `None`, the one that represents the actor.
    pub author: Option<AuthorRef>,
    /// The terms to assign.
    pub terms: Vec<TermRef>,
    /// The text in the edited locale; without a slug, one is made from the title.
    pub text: TranslationInput,
}

/// Changes a node and its text in one locale.
pub struct UpdateNode<'a> {
    /// The node.
    pub node: Target<NodeId>,
    /// The locale of the text; if `None`, the one nearest to the tenant's default.
    pub locale: Option<Locale>,
    /// Turns the current state into the wanted one.
    pub edit: &'a (dyn Fn(&NodeDetail) -> Result<NodeEdit, RichError> + Sync),
}

/// Changes a node and its text in one locale.
///
/// # Errors
/// `node_not_found`, `translation_not_found`, `version_conflict`, those of the edit, `validation_failed`,
/// `slug_taken`, `node_not_editable`, authorization and database errors.
pub async fn update(ctx: &Ctx, update: UpdateNode<'_>) -> Result<WrittenNode, RichError> {
    ctx.authorize(Action::UpdateNode)?;
    let (mut detail, node) = read(ctx, update.node.id, update.locale).await?;
    update.node.if_match.check(&node)?;
    let edit = (update.edit)(&detail)?;
    let checked = check(ctx, &detail, &edit.kind, edit.text)?;
    let removed = checked
        .1
        .as_ref()
        .map(|text| text.removed().clone())
        .unwrap_or_default();
    let mut tx = ctx.write().await?;
    let found = find_changes(ctx, &mut tx, &detail, checked, edit.author, &edit.terms).await?;
    let changed = found.is_some();
    if changed {
        apply(ctx, &mut tx, &mut detail, node, found).await?;
    }
    tx.commit().await?;
    if changed {
        ctx.services.counts.node_transitions.count(Verb::Update.name());
    }
    Ok(WrittenNode { detail, removed })
}

/// Reads the node before the write transaction: sanitising a large text would block other writers for too long. The
/// write is refused if the node changed since.
async fn read(
    ctx: &Ctx,
    id: NodeId,
    locale: Option<Locale>,
) -> Result<(NodeDetail, AnyContentNode), RichError> {
    let mut tx = ctx.read().await?;
    load(ctx, &mut tx, id, locale).await
}

/// The validated changes; `None` means unchanged.
#[derive(Default)]
pub(super) struct Found {
    kind: Option<NodeKind>,
    author: Option<Author>,
    terms: Option<Vec<FiledTerm>>,
    text: Option<(Locale, TranslationDraft)>,
}

impl Found {
    /// A change of one text only.
    pub(super) fn of_text(locale: Locale, text: TranslationDraft) -> Self {
        Self {
            text: Some((locale, text)),
            ..Self::default()
        }
    }

    fn is_some(&self) -> bool {
        self.kind.is_some() || self.author.is_some() || self.terms.is_some() || self.text.is_some()
    }
}

async fn find_changes(
    ctx: &Ctx,
    tx: &mut TenantTx,
    detail: &NodeDetail,
    (kind, text): (NodeKind, Option<TranslationDraft>),
    author: Option<AuthorRef>,
    terms: &[TermRef],
) -> Result<Found, RichError> {
    let author = match &author {
        Some(named) if named.login == detail.author.login && named.name.is_none() => None,
        named => Some(authors::resolve(tx, ctx, named.as_ref()).await?),
    };
    let terms = match terms {
        [] => Vec::new(),
        terms => terms::resolve(tx, ctx, terms).await?,
    };
    let locale = detail.shown.locale;
    let text = match text {
        None => None,
        Some(text) => Some((locale, address(tx, detail, locale, text).await?)),
    };
    Ok(Found {
        kind: Some(kind).filter(|kind| kind != detail.node.any().kind()),
        author: author.filter(|author| author.id != detail.author.id),
        terms: Some(terms).filter(|terms| term_ids(terms) != term_ids(&detail.terms)),
        text,
    })
}

/// Validates kind and text together. An unchanged text is not validated: an import may have stored one that an editor
/// may not write.
fn check(
    ctx: &Ctx,
    detail: &NodeDetail,
    kind: &str,
    text: TranslationInput,
) -> Result<(NodeKind, Option<TranslationDraft>), RichError> {
    let mut errors = Vec::new();
    let checked = NodeKind::parse(kind);
    let kind = checked
        .map_err(|error| errors.extend(violations(error)))
        .unwrap_or_else(|()| NodeKind::from_lossy(kind));
    let text = match is_shown(detail, &text) {
        true => None,
        false => {
            errors.extend(check_listed(ctx, "locale", detail.shown.locale).err());
            validated(text, &kind, Source::Editor)
                .map_err(|error| errors.extend(violations(error)))
                .ok()
        }
    };
    if errors.is_empty() {
        Ok((kind, text))
    } else {
        Err(ContentError::ValidationFailed(errors).into())
    }
}

fn is_shown(detail: &NodeDetail, text: &TranslationInput) -> bool {
    let shown = &detail.shown.translation;
    text.title == shown.title
        && text.slug.as_deref() == Some(detail.slug().as_str())
        && text.excerpt == shown.excerpt
        && text.body == shown.body
        && text.format == shown.format
}

/// The draft with a permitted slug; the node's own slug needs no check against others.
async fn address(
    tx: &mut TenantTx,
    detail: &NodeDetail,
    locale: Locale,
    text: TranslationDraft,
) -> Result<TranslationDraft, RichError> {
    let own = detail.translation(locale).and_then(|state| state.slug.as_ref());
    if own == Some(&text.translation().slug) {
        return Ok(text);
    }
    settle(tx, locale, detail.node.any().id(), text, IfTaken::Refuse).await
}

/// Saves the changes that were found, and shows them in `detail`.
pub(super) async fn apply(
    ctx: &Ctx,
    tx: &mut TenantTx,
    detail: &mut NodeDetail,
    node: AnyContentNode,
    found: Found,
) -> Result<(), RichError> {
    let mut change = Change::of(ctx, &detail.node);
    let of_node = NodeChange {
        kind: found.kind,
        author_id: found.author.as_ref().map(|author| author.id),
        adds_revision: found.text.is_some(),
    };
    let node = node.change_at(of_node, ctx.now())?;
    let revision = found
        .text
        .map(|(locale, text)| Revision::of(&node, locale, text, ctx.actor.to_string()));
    change.step(Verb::Update, &node);
    let node = StoredNode::InUse(node);
    let terms = found.terms.as_deref().map(term_ids);
    change
        .save(tx, &node, revision.as_ref(), &[], terms.as_deref())
        .await?;
    detail.node = node;
    detail.author = found.author.unwrap_or_else(|| detail.author.clone());
    detail.terms = found.terms.unwrap_or_else(|| std::mem::take(&mut detail.terms));
    if let Some(revision) = revision {
        show_text(detail, revision);
    }
    Ok(())
}

/// Writes the whole text of a node in one locale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutTranslation {
    /// The node. The condition is required if the translation exists.
    pub node: Target<NodeId>,
    /// The locale.
    pub locale: Locale,
    /// The text.
    pub text: TranslationInput,
}

/// Creates or replaces a translation; returns the node and whether the translation is new. Without a slug an existing
/// translation keeps its own.
///
/// # Errors
/// `node_not_found`, `precondition_required`, `version_conflict`, `validation_failed`, `slug_taken`,
/// `node_not_editable`, authorization and database errors.
pub async fn put_translation(ctx: &Ctx, put: PutTranslation) -> Result<(WrittenNode, bool), RichError> {
    ctx.authorize(Action::UpdateNode)?;
    let PutTranslation { node, locale, text } = put;
    let Target { id, if_match } = node;
    let (mut detail, node) = read(ctx, id, None).await?;
    check_listed(ctx, "locale", locale).map_err(|error| ContentError::ValidationFailed(vec![error]))?;
    let own = detail.translation(locale).and_then(|state| state.slug.clone());
    let is_new = own.is_none();
    if !is_new {
        if_match.required()?;
    }
    if_match.check(&node)?;
    let draft = validated(text, node.kind(), Source::Editor)?;
    let removed = draft.removed().clone();
    let mut tx = ctx.write().await?;
    let draft = match own {
        Some(own) if !draft.slug_is_given() => draft.with_slug(own),
        _ => address(&mut tx, &detail, locale, draft).await?,
    };
    let found = Found::of_text(locale, draft);
    apply(ctx, &mut tx, &mut detail, node, found).await?;
    tx.commit().await?;
    ctx.services.counts.node_transitions.count(Verb::Update.name());
    Ok((WrittenNode { detail, removed }, is_new))
}

/// Removes a translation. A published text stays public until the next publish.
///
/// # Errors
/// `node_not_found`, `translation_not_found`, `version_conflict`, `original_translation` for the node's original
/// locale, `node_not_editable`, authorization and database errors.
pub async fn delete_translation(
    ctx: &Ctx,
    Target { id, if_match }: Target<NodeId>,
    locale: Locale,
) -> Result<NodeDetail, RichError> {
    ctx.authorize(Action::UpdateNode)?;
    let mut tx = ctx.write().await?;
    let (mut detail, node) = load(ctx, &mut tx, id, None).await?;
    if_match.check(&node)?;
    let is_original = match detail.translation(locale) {
        None => return Err(ContentError::TranslationNotFound { locale }.into()),
        Some(translation) => translation.is_original,
    };
    if is_original {
        return Err(original_translation());
    }
    let node = node.revise_at(ctx.now())?;
    let mut change = Change::of(ctx, &detail.node);
    change.step(Verb::RemoveTranslation, &node);
    let node = StoredNode::InUse(node);
    let removed = SlugChange::Remove(locale);
    change.save(&mut tx, &node, None, &[removed], None).await?;
    detail.node = node;
    show_addresses(&mut detail, removed);
    if detail.shown.locale == locale {
        // The removed text cannot be shown; the response shows another locale.
        detail = load(ctx, &mut tx, id, None).await?.0;
    }
    tx.commit().await?;
    ctx.services
        .counts
        .node_transitions
        .count(Verb::RemoveTranslation.name());
    Ok(detail)
}

fn original_translation() -> RichError {
    RichError::new(ErrorKind::BusinessRule, "the original translation stays")
        .with_code("original_translation")
        .with_public("The node was written in this locale first; this text goes with the node only.")
}
