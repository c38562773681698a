//! Reading nodes in any status, for those who have a token.

use super::locales::preference;
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_content::{AnyContentNode, ContentError};
use rustok_core::error::RichError;
use rustok_core::ids::NodeId;
use rustok_core::page::{Limit, ListKey, Page};
use rustok_storage::TenantTx;
use rustok_storage::nodes::details::{NodeFilter, ShownLocale, find_node, is_in_use, list_nodes};
use rustok_storage::nodes::history::{NodeHistoryEntry, list_history};
use rustok_storage::nodes::texts::Part;
use rustok_storage::nodes::{ListedText, NodeDetail, StoredNode};
use rustok_text::Locale;

/// A node in use with a locale of its own choice, or in the one that was named.
///
/// # Errors
/// `node_not_found`, `translation_not_found`, those of the policy and of the database.
pub async fn get(ctx: &Ctx, id: NodeId, locale: Option<Locale>) -> Result<NodeDetail, RichError> {
    ctx.authorize(Action::ReadContent)?;
    let mut tx = ctx.read().await?;
    Ok(load(ctx, &mut tx, id, locale).await?.0)
}

/// The same inside a transaction, with the node taken out for its next step.
pub(super) async fn load(
    ctx: &Ctx,
    tx: &mut TenantTx,
    id: NodeId,
    locale: Option<Locale>,
) -> Result<(NodeDetail, AnyContentNode), RichError> {
    let detail = find(ctx, tx, id, locale).await?;
    match detail {
        Some(detail) => match detail.node.clone() {
            StoredNode::InUse(node) => Ok((detail, node)),
            StoredNode::Deleted(_) => Err(ContentError::NotFound(id.to_string()).into()),
        },
        None => match locale {
            Some(locale) if is_in_use(tx, id).await? => {
                Err(ContentError::TranslationNotFound { locale }.into())
            }
            _ => Err(ContentError::NotFound(id.to_string()).into()),
        },
    }
}

/// A node, deleted or not, in the locale that was named, or in the nearest to the tenant's default one, or else in its
/// original.
pub(super) async fn find(
    ctx: &Ctx,
    tx: &mut TenantTx,
    id: NodeId,
    locale: Option<Locale>,
) -> Result<Option<NodeDetail>, RichError> {
    let shown = match locale {
        Some(locale) => ShownLocale::Exactly(locale),
        None => ShownLocale::Nearest(preference(ctx, &[])?),
    };
    Ok(find_node(tx, id, shown).await?)
}

/// A page of nodes, in `locale` where there is one; the tenant's default comes next.
///
/// # Errors
/// Those of the policy and of the database.
pub async fn list(
    ctx: &Ctx,
    filter: &NodeFilter,
    locale: Option<Locale>,
    part: Part,
    after: Option<ListKey<NodeId>>,
    limit: Limit,
) -> Result<Page<NodeDetail<ListedText>>, RichError> {
    ctx.authorize(Action::ReadContent)?;
    let preference = preference(ctx, locale.as_slice())?;
    let mut tx = ctx.read().await?;
    Ok(list_nodes(&mut tx, filter, preference, part, after, limit).await?)
}

/// A page of what happened to a node, oldest first, behind the entry with the version `after`; of a deleted one too.
///
/// # Errors
/// `node_not_found`, those of the policy and of the database.
pub async fn history(
    ctx: &Ctx,
    id: NodeId,
    after: Option<i64>,
    limit: Limit,
) -> Result<Page<NodeHistoryEntry>, RichError> {
    ctx.authorize(Action::ReadHistory)?;
    let mut tx = ctx.read().await?;
    let page = list_history(&mut tx, id, after, limit).await?;
    // Making a node is the first entry: no entry, no node.
    let known = match (page.items.is_empty(), after) {
        (false, _) => true,
        (true, None) => false,
        (true, Some(_)) => !list_history(&mut tx, id, None, Limit::default())
            .await?
            .items
            .is_empty(),
    };
    if known {
        Ok(page)
    } else {
        Err(ContentError::NotFound(id.to_string()).into())
    }
}
