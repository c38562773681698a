//! Creates nodes: a draft with its first translation.

use super::addresses::{IfTaken, settle};
use super::authors::{self, AuthorRef};
use super::change::{Change, Verb};
use super::locales::{check_listed, default_locale, parse_locale};
use super::terms::{self, TermRef};
use crate::context::Ctx;
use crate::heavy::heavy;
use crate::work::{Begun, Done, IdempotencyKey};
use rustok_auth::Action;
use rustok_content::ids::NodeId;
use rustok_content::translation::Source;
use rustok_content::{
    AnyContentNode, ContentError, ContentNode, FieldError, NodeKind, Revision, TranslationDraft,
    TranslationInput,
};
use rustok_core::error::RichError;
use rustok_storage::TenantTx;
use rustok_storage::nodes::details::term_ids;
use rustok_storage::nodes::{NodeDetail, StoredNode, TranslationState};
use rustok_text::Locale;
use rustok_text::body::Removed;

/// A node to create; not validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewContent {
    /// The kind of content.
    pub kind: String,
    /// The locale of the text; the tenant's default if `None`.
    pub locale: Option<String>,
    /// The text.
    pub text: TranslationInput,
    /// The author; if `None`, the one that represents the actor.
    pub author: Option<AuthorRef>,
    /// The terms to assign.
    pub terms: Vec<TermRef>,
}

/// Kind, locale and text, validated together.
pub(super) struct Checked {
    pub(super) kind: NodeKind,
    pub(super) locale: Locale,
    pub(super) text: TranslationDraft,
}

fn check(ctx: &Ctx, kind: &str, locale: Option<&str>, text: TranslationInput) -> Result<Checked, RichError> {
    let mut errors = Vec::new();
    let checked = NodeKind::parse(kind);
    let kind = checked
        .map_err(|error| errors.extend(violations(error)))
        .unwrap_or_else(|()| NodeKind::from_lossy(kind));
    let locale = match locale {
        None => Some(default_locale(ctx)?),
        Some(tag) => parse_locale("locale", tag)
            .and_then(|locale| check_listed(ctx, "locale", locale).map(|()| locale))
            .map_err(|error| errors.push(error))
            .ok(),
    };
    let text = validated(text, &kind, Source::Editor)
        .map_err(|error| errors.extend(violations(error)))
        .ok();
    match (locale, text) {
        (Some(locale), Some(text)) if errors.is_empty() => Ok(Checked { kind, locale, text }),
        _ => Err(ContentError::ValidationFailed(errors).into()),
    }
}

/// Validates a text and renders its body, which may take a while.
pub(super) fn validated(
    text: TranslationInput,
    kind: &NodeKind,
    source: Source,
) -> Result<TranslationDraft, ContentError> {
    heavy(text.body.len(), || text.validate(kind, source))
}

/// The violations of a validation error.
pub(super) fn violations(error: ContentError) -> Vec<FieldError> {
    match error {
        ContentError::ValidationFailed(errors) => errors,
        other => vec![FieldError::new("", "invalid", other.to_string())],
    }
}

/// A node after a change of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenNode {
    /// The node.
    pub detail: NodeDetail,
    /// What the sanitiser removed from the text.
    pub removed: Removed,
}

/// Creates a draft.
///
/// # Errors
/// `validation_failed` with all fields at once, `slug_taken` for a requested slug, authorization and database errors.
pub async fn create(
    ctx: &Ctx,
    new: NewContent,
    key: IdempotencyKey<'_, WrittenNode>,
) -> Result<Done<WrittenNode>, RichError> {
    ctx.authorize(Action::CreateNode)?;
    let checked = check(ctx, &new.kind, new.locale.as_deref(), new.text)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let removed = checked.text.removed().clone();
    let detail = insert(ctx, &mut work.tx, checked, new.author.as_ref(), &new.terms).await?;
    let done = work.finish(WrittenNode { detail, removed }).await?;
    ctx.services.counts.node_transitions.count(Verb::Create.name());
    Ok(done)
}

/// Inserts a draft with its first text.
pub(super) async fn insert(
    ctx: &Ctx,
    tx: &mut TenantTx,
    checked: Checked,
    author: Option<&AuthorRef>,
    terms: &[TermRef],
) -> Result<NodeDetail, RichError> {
    let Checked { kind, locale, text } = checked;
    let id: NodeId = ctx.id();
    let author = authors::resolve(tx, ctx, author).await?;
    let terms = if terms.is_empty() {
        Vec::new()
    } else {
        terms::resolve(tx, ctx, terms).await?
    };
    let text = settle(tx, locale, id, text, IfTaken::Refuse).await?;
    let node = ContentNode::new_draft_at(id, ctx.tenant.id, author.id, kind, ctx.now());
    let node = AnyContentNode::from(node);
    let revision = Revision::of(&node, locale, text, ctx.actor.to_string());
    let mut change = Change::new(ctx);
    change.step(Verb::Create, &node);
    let node = StoredNode::InUse(node);
    change
        .save(tx, &node, Some(&revision), &[], Some(&term_ids(&terms)))
        .await?;
    let state = TranslationState {
        locale,
        slug: Some(revision.translation.slug.clone()),
        working_revision: revision.revision,
        published_slug: None,
        published_revision: None,
        is_original: true,
        is_removed: false,
    };
    Ok(NodeDetail {
        node,
        author,
        translations: vec![state],
        shown: revision,
        terms,
    })
}
