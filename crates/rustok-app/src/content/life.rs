//! The life cycle of nodes: all transitions of the state machine, delete and undelete.

use super::addresses::free_slug;
use super::change::{Change, Verb, show_addresses, with_removed};
use super::read::{find, load};
use crate::context::Ctx;
use crate::work::{Begun, Reply, Work};
use rustok_auth::Action;
use rustok_content::{AnyContentNode, ContentError};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_core::ids::NodeId;
use rustok_storage::TenantTx;
use rustok_storage::idempotency::StoredReply;
use rustok_storage::nodes::save::Addresses;
use rustok_storage::nodes::slugs::list_saved;
use rustok_storage::nodes::{NodeDetail, StoredNode};
use rustok_text::{Locale, Slug};

/// A transition: the required right, its name, and its effect on slugs.
struct Transition {
    action: Action,
    verb: Verb,
    addresses: Option<Addresses<'static>>,
}

/// Publishes the working revisions: a draft at `published_at` if that is given, else now.
///
/// # Errors
/// `node_not_found`, the error of `precondition`, `illegal_transition`, authorization and database errors.
pub async fn publish(
    ctx: &Ctx,
    id: NodeId,
    published_at: Option<Timestamp>,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&NodeDetail) -> StoredReply,
) -> Result<Reply, RichError> {
    let transition = Transition {
        action: Action::PublishNode,
        verb: Verb::Publish,
        addresses: Some(Addresses::Publish),
    };
    let publish = |node: AnyContentNode, now| match published_at {
        Some(published_at) => node.schedule_at(published_at, now),
        None => node.publish_at(now),
    };
    pass(ctx, id, &transition, precondition, publish, render).await
}

/// Turns a published node into a draft.
///
/// # Errors
/// As [`publish`].
pub async fn unpublish(
    ctx: &Ctx,
    id: NodeId,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&NodeDetail) -> StoredReply,
) -> Result<Reply, RichError> {
    let transition = Transition {
        action: Action::UnpublishNode,
        verb: Verb::Unpublish,
        addresses: Some(Addresses::Unpublish),
    };
    pass(
        ctx,
        id,
        &transition,
        precondition,
        AnyContentNode::unpublish_at,
        render,
    )
    .await
}

/// Archives a published node, with a reason. It is not public any more.
///
/// # Errors
/// As [`publish`], and `validation_failed` at `#/reason`.
pub async fn archive(
    ctx: &Ctx,
    id: NodeId,
    reason: String,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&NodeDetail) -> StoredReply,
) -> Result<Reply, RichError> {
    let transition = Transition {
        action: Action::ArchiveNode,
        verb: Verb::Archive,
        addresses: Some(Addresses::Unpublish),
    };
    pass(
        ctx,
        id,
        &transition,
        precondition,
        |node, now| node.archive_at(reason, now),
        render,
    )
    .await
}

/// Turns an archived node into a draft.
///
/// # Errors
/// As [`publish`].
pub async fn restore(
    ctx: &Ctx,
    id: NodeId,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&NodeDetail) -> StoredReply,
) -> Result<Reply, RichError> {
    let transition = Transition {
        action: Action::RestoreNode,
        verb: Verb::Restore,
        addresses: None,
    };
    pass(
        ctx,
        id,
        &transition,
        precondition,
        AnyContentNode::restore_at,
        render,
    )
    .await
}

async fn pass(
    ctx: &Ctx,
    id: NodeId,
    transition: &Transition,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    apply: impl FnOnce(AnyContentNode, Timestamp) -> Result<AnyContentNode, ContentError>,
    render: impl FnOnce(&NodeDetail) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(transition.action)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    let (detail, node) = load(ctx, &mut work.tx, id, None).await?;
    precondition(node.version())?;
    // The history stores this name permanently, so it must be in the state machine's table.
    node.check(transition.verb.name())?;
    let node = apply(node, ctx.now())?;
    let after = StoredNode::InUse(node);
    finish(
        ctx,
        work,
        detail,
        after,
        transition.verb,
        transition.addresses,
        render,
    )
    .await
}

/// Soft-deletes a draft or an archived node; it can be undeleted for a while. Its slugs become free.
///
/// # Errors
/// `node_not_found`, the error of `precondition`, `node_still_published`, authorization and database errors.
pub async fn delete(
    ctx: &Ctx,
    id: NodeId,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&NodeDetail) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::DeleteNode)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    let (detail, node) = load(ctx, &mut work.tx, id, None).await?;
    precondition(node.version())?;
    let after = StoredNode::Deleted(node.delete_at(ctx.now())?);
    finish(
        ctx,
        work,
        detail,
        after,
        Verb::Delete,
        Some(Addresses::Release),
        render,
    )
    .await
}

/// Restores a deleted node in its former status. A slug that was taken meanwhile is numbered.
///
/// # Errors
/// `node_not_found`, also if it is not deleted; the error of `precondition`; authorization and database errors.
pub async fn undelete(
    ctx: &Ctx,
    id: NodeId,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&NodeDetail) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::UndeleteNode)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    let detail = find(ctx, &mut work.tx, id, None).await?;
    let detail = detail.ok_or_else(|| ContentError::NotFound(id.to_string()))?;
    precondition(detail.node.any().version())?;
    let after = match &detail.node {
        StoredNode::Deleted(deleted) => StoredNode::InUse(deleted.clone().undelete_at(ctx.now())),
        StoredNode::InUse(_) => return Err(ContentError::NotFound(id.to_string()).into()),
    };
    let slugs = free_slugs(&mut work.tx, id).await?;
    finish(
        ctx,
        work,
        detail,
        after,
        Verb::Undelete,
        Some(Addresses::Take(&slugs)),
        render,
    )
    .await
}

/// Free slugs for a node that released its own.
pub(super) async fn free_slugs(tx: &mut TenantTx, id: NodeId) -> Result<Vec<(Locale, Slug)>, RichError> {
    let mut slugs = Vec::new();
    for (locale, saved) in list_saved(tx, id).await? {
        slugs.push((locale, free_slug(tx, locale, id, saved).await?));
    }
    Ok(slugs)
}

async fn finish(
    ctx: &Ctx,
    mut work: Work,
    mut detail: NodeDetail,
    after: StoredNode,
    verb: Verb,
    addresses: Option<Addresses<'_>>,
    render: impl FnOnce(&NodeDetail) -> StoredReply,
) -> Result<Reply, RichError> {
    let mut change = Change::of(ctx, &detail.node);
    change.step(verb, after.any());
    let addresses = addresses.map_or(Vec::new(), |last| with_removed(&detail.translations, last));
    change.save(&mut work.tx, &after, None, &addresses, None).await?;
    detail.node = after;
    for addresses in addresses {
        show_addresses(&mut detail, addresses);
    }
    let reply = work.finish(render(&detail)).await?;
    ctx.services.counts.node_transitions.count(verb.name());
    Ok(reply)
}
