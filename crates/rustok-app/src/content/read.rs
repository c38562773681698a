//! Reads nodes in any status, for clients with a token.

use super::locales::preference;
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_content::ids::NodeId;
use rustok_content::{AnyContentNode, ContentError};
use rustok_core::error::RichError;
use rustok_core::page::{Limit, ListKey, Page};
use rustok_storage::TenantTx;
use rustok_storage::nodes::details::{NodeFilter, ShownLocale, find_node, is_in_use, list_nodes};
use rustok_storage::nodes::history::{NodeHistoryEntry, list_history};
use rustok_storage::nodes::texts::Part;
use rustok_storage::nodes::{ListedText, NodeDetail, StoredNode};
use rustok_text::Locale;

/// A node in use: in `locale`, or in the nearest locale if `None`.
///
/// # Errors
/// `node_not_found`, `translation_not_found`, authorization and database errors.
pub async fn get(ctx: &Ctx, id: NodeId, locale: Option<Locale>) -> Result<NodeDetail, RichError> {
    ctx.authorize(Action::ReadContent)?;
    let mut tx = ctx.read().await?;
    Ok(load(ctx, &mut tx, id, locale).await?.0)
}

/// As [`get`], inside a transaction; also returns the node for its next transition.
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

/// A node, deleted or not: in `locale`; if `None`, in the locale nearest to the tenant's default, else in its
/// original locale.
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

/// A page of nodes, each in `locale` if available, else in the nearest to the tenant's default.
///
/// # Errors
/// Authorization and database errors.
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

/// A page of the history of a node, deleted or not, oldest first, starting after the version `after`.
///
/// # Errors
/// `node_not_found`, authorization and database errors.
pub async fn history(
    ctx: &Ctx,
    id: NodeId,
    after: Option<i64>,
    limit: Limit,
) -> Result<Page<NodeHistoryEntry>, RichError> {
    ctx.authorize(Action::ReadHistory)?;
    let mut tx = ctx.read().await?;
    let page = list_history(&mut tx, id, after, limit).await?;
    // The creation is always the first entry: no entry means no node.
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
