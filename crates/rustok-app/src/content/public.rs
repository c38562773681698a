//! What the public reads: the live revision of nodes that are published and whose date has come.

use super::locales::default_locale;
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_content::{ContentError, Locale, Slug};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_core::ids::NodeId;
use rustok_core::page::{Limit, Page};
use rustok_storage::nodes::public::{self, PublicFilter, PublicNode};

/// The node with this slug in any of its locales, shown in the most wanted locale that it has.
///
/// # Errors
/// `node_not_found`, and those of the database.
pub async fn find_public(ctx: &Ctx, slug: &str, wanted: &[Locale]) -> Result<PublicNode, RichError> {
    ctx.authorize(Action::ReadNode)?;
    let chain = Locale::chain(wanted, default_locale(ctx)?);
    let not_found = || ContentError::NotFound(slug.to_owned());
    let slug = Slug::parse(slug).map_err(|_| not_found())?;
    let mut tx = ctx.read().await?;
    let node = public::find_public(&mut tx, &slug, &chain, ctx.now()).await?;
    node.ok_or_else(|| not_found().into())
}

/// A page of nodes, newest first, each in the most wanted locale that it has.
///
/// # Errors
/// Those of the database.
pub async fn list_public(
    ctx: &Ctx,
    filter: &PublicFilter,
    wanted: &[Locale],
    after: Option<(Timestamp, NodeId)>,
    limit: Limit,
) -> Result<Page<PublicNode>, RichError> {
    ctx.authorize(Action::ListNodes)?;
    let chain = Locale::chain(wanted, default_locale(ctx)?);
    let mut tx = ctx.read().await?;
    Ok(public::list_public(&mut tx, filter, &chain, ctx.now(), after, limit).await?)
}
