//! The life cycle of nodes: all transitions of the state machine, delete and undelete.

use super::addresses::free_slug;
use super::change::{Change, Verb, show_addresses, with_removed};
use super::read::{find, load};
use crate::context::Ctx;
use crate::precondition::Target;
use crate::work::{Begun, Done, IdempotencyKey};
use rustok_auth::Action;
use rustok_content::ids::NodeId;
use rustok_content::{AnyContentNode, ContentError};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_storage::TenantTx;
use rustok_storage::nodes::save::SlugChange;
use rustok_storage::nodes::slugs::list_saved;
use rustok_storage::nodes::{NodeDetail, StoredNode};
use rustok_text::{Locale, Slug};

/// A transition: the required right, its name, and its effect on slugs.
struct NodeTransition {
    action: Action,
    verb: Verb,
    addresses: Option<SlugChange<'static>>,
}

/// Publishes the working revisions of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishNode {
    /// The node.
    pub node: Target<NodeId>,
    /// When it becomes public: now, if `None`.
    pub published_at: Option<Timestamp>,
}

/// Archives a published node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveNode {
    /// The node.
    pub node: Target<NodeId>,
    /// Why.
    pub reason: String,
}

/// The key of a transition, whose outcome is the node after it.
type Key<'a> = IdempotencyKey<'a, NodeDetail>;

/// Publishes the working revisions: a draft at `published_at` if that is given, else now.
///
/// # Errors
/// `node_not_found`, `version_conflict`, `illegal_transition`, authorization and database errors.
pub async fn publish(ctx: &Ctx, publish: PublishNode, key: Key<'_>) -> Result<Done<NodeDetail>, RichError> {
    let transition = NodeTransition {
        action: Action::PublishNode,
        verb: Verb::Publish,
        addresses: Some(SlugChange::Publish),
    };
    let PublishNode { node, published_at } = publish;
    let apply = |node: AnyContentNode, now| match published_at {
        Some(published_at) => node.schedule_at(published_at, now),
        None => node.publish_at(now),
    };
    pass(ctx, node, &transition, apply, key).await
}

/// Turns a published node into a draft.
///
/// # Errors
/// As [`publish`].
pub async fn unpublish(ctx: &Ctx, node: Target<NodeId>, key: Key<'_>) -> Result<Done<NodeDetail>, RichError> {
    let transition = NodeTransition {
        action: Action::UnpublishNode,
        verb: Verb::Unpublish,
        addresses: Some(SlugChange::Unpublish),
    };
    pass(ctx, node, &transition, AnyContentNode::unpublish_at, key).await
}

/// Archives a published node, with a reason. It is not public any more.
///
/// # Errors
/// As [`publish`], and `validation_failed` at `#/reason`.
pub async fn archive(ctx: &Ctx, archive: ArchiveNode, key: Key<'_>) -> Result<Done<NodeDetail>, RichError> {
    let transition = NodeTransition {
        action: Action::ArchiveNode,
        verb: Verb::Archive,
        addresses: Some(SlugChange::Unpublish),
    };
    let ArchiveNode { node, reason } = archive;
    let apply = |node: AnyContentNode, now| node.archive_at(reason, now);
    pass(ctx, node, &transition, apply, key).await
}

/// Turns an archived node into a draft.
///
/// # Errors
/// As [`publish`].
pub async fn restore(ctx: &Ctx, node: Target<NodeId>, key: Key<'_>) -> Result<Done<NodeDetail>, RichError> {
    let transition = NodeTransition {
        action: Action::RestoreNode,
        verb: Verb::Restore,
        addresses: None,
    };
    pass(ctx, node, &transition, AnyContentNode::restore_at, key).await
}

async fn pass(
    ctx: &Ctx,
    Target { id, if_match }: Target<NodeId>,
    transition: &NodeTransition,
    apply: impl FnOnce(AnyContentNode, Timestamp) -> Result<AnyContentNode, ContentError>,
    key: Key<'_>,
) -> Result<Done<NodeDetail>, RichError> {
    ctx.authorize(transition.action)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let (detail, node) = load(ctx, &mut work.tx, id, None).await?;
    if_match.check(&node)?;
    // The history stores this name permanently, so it must be in the state machine's table.
    node.check(transition.verb.name())?;
    let node = apply(node, ctx.now())?;
    let after = StoredNode::InUse(node);
    let detail = save(
        ctx,
        &mut work.tx,
        detail,
        after,
        transition.verb,
        transition.addresses,
    )
    .await?;
    let done = work.finish(detail).await?;
    count(ctx, transition.verb);
    Ok(done)
}

fn count(ctx: &Ctx, verb: Verb) {
    ctx.services.counts.node_transitions.count(verb.name());
}

/// Soft-deletes a draft or an archived node; it can be undeleted for a while. Its slugs become free.
///
/// # Errors
/// `node_not_found`, `version_conflict`, `node_still_published`, authorization and database errors.
pub async fn delete(ctx: &Ctx, Target { id, if_match }: Target<NodeId>) -> Result<(), RichError> {
    ctx.authorize(Action::DeleteNode)?;
    let mut tx = ctx.write().await?;
    let (detail, node) = load(ctx, &mut tx, id, None).await?;
    if_match.check(&node)?;
    let after = StoredNode::Deleted(node.delete_at(ctx.now())?);
    save(
        ctx,
        &mut tx,
        detail,
        after,
        Verb::Delete,
        Some(SlugChange::Release),
    )
    .await?;
    tx.commit().await?;
    count(ctx, Verb::Delete);
    Ok(())
}

/// Restores a deleted node in its former status. A slug that was taken meanwhile is numbered.
///
/// # Errors
/// `node_not_found`, also if it is not deleted; `version_conflict`; authorization and database errors.
pub async fn undelete(
    ctx: &Ctx,
    Target { id, if_match }: Target<NodeId>,
    key: Key<'_>,
) -> Result<Done<NodeDetail>, RichError> {
    ctx.authorize(Action::UndeleteNode)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let detail = find(ctx, &mut work.tx, id, None).await?;
    let detail = detail.ok_or_else(|| ContentError::NotFound(id.to_string()))?;
    if_match.check(detail.node.any())?;
    let after = match &detail.node {
        StoredNode::Deleted(deleted) => StoredNode::InUse(deleted.clone().undelete_at(ctx.now())),
        StoredNode::InUse(_) => return Err(ContentError::NotFound(id.to_string()).into()),
    };
    let slugs = free_slugs(&mut work.tx, id).await?;
    let taken = Some(SlugChange::Take(&slugs));
    let detail = save(ctx, &mut work.tx, detail, after, Verb::Undelete, taken).await?;
    let done = work.finish(detail).await?;
    count(ctx, Verb::Undelete);
    Ok(done)
}

/// Free slugs for a node that released its own.
pub(super) async fn free_slugs(tx: &mut TenantTx, id: NodeId) -> Result<Vec<(Locale, Slug)>, RichError> {
    let mut slugs = Vec::new();
    for (locale, saved) in list_saved(tx, id).await? {
        slugs.push((locale, free_slug(tx, locale, id, saved).await?));
    }
    Ok(slugs)
}

/// Saves the node as `after`; returns the node to show.
async fn save(
    ctx: &Ctx,
    tx: &mut TenantTx,
    mut detail: NodeDetail,
    after: StoredNode,
    verb: Verb,
    addresses: Option<SlugChange<'_>>,
) -> Result<NodeDetail, RichError> {
    let mut change = Change::of(ctx, &detail.node);
    change.step(verb, after.any());
    let addresses = addresses.map_or(Vec::new(), |last| with_removed(&detail.translations, last));
    change.save(tx, &after, None, &addresses, None).await?;
    detail.node = after;
    for addresses in addresses {
        show_addresses(&mut detail, addresses);
    }
    Ok(detail)
}
