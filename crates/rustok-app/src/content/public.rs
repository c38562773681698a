//! Public reads: the published revision of published nodes whose publication time has come.

use super::locales::{listed_locales, preference};
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_content::ContentError;
use rustok_content::ids::NodeId;
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::{Limit, Page, fitting};
use rustok_storage::nodes::public::{self, PublicFilter, PublicHead, ShownLocales};
use rustok_storage::nodes::texts::{Part, PublicText, TextKey, find_sizes, find_texts};
use rustok_text::{Locale, Slug};
use std::collections::HashMap;

fn shown_locales<'a>(ctx: &Ctx, wanted: &'a [Locale]) -> Result<ShownLocales<'a>, RichError> {
    Ok(ShownLocales {
        preference: preference(ctx, wanted)?,
        listed: listed_locales(ctx),
    })
}

/// The node with this slug in any locale of the tenant, shown in the nearest wanted locale.
///
/// # Errors
/// `node_not_found`, and database errors.
pub async fn find_public(ctx: &Ctx, slug: &str, wanted: &[Locale]) -> Result<PublicHead, RichError> {
    ctx.authorize(Action::ReadNode)?;
    let locales = shown_locales(ctx, wanted)?;
    let not_found = || ContentError::NotFound(slug.to_owned());
    let slug = Slug::parse(slug).map_err(|_| not_found())?;
    let head = public::find_public(ctx.read().await?.last(), &slug, locales, ctx.now()).await?;
    head.ok_or_else(|| not_found().into())
}

/// A page of nodes, newest first, each in the nearest wanted locale. A node without any of the tenant's locales is
/// left out, so a page may be shorter than `limit` and still have a next one.
///
/// # Errors
/// Database errors.
pub async fn list_public(
    ctx: &Ctx,
    filter: &PublicFilter,
    wanted: &[Locale],
    after: Option<(Timestamp, NodeId)>,
    limit: Limit,
) -> Result<Page<PublicHead>, RichError> {
    ctx.authorize(Action::ListNodes)?;
    let locales = shown_locales(ctx, wanted)?;
    Ok(public::list_public(ctx.read().await?.last(), filter, locales, ctx.now(), after, limit).await?)
}

/// The texts of these nodes, in the given order; with bodies only as many as fit on a page, at least one. A text
/// never changes, so callers may cache it.
///
/// # Errors
/// Database errors.
pub async fn public_texts(
    ctx: &Ctx,
    heads: &[&PublicHead],
    part: Part,
) -> Result<Vec<PublicText>, RichError> {
    ctx.authorize(Action::ReadNode)?;
    if heads.is_empty() {
        return Ok(Vec::new());
    }
    let mut keys: Vec<TextKey> = heads.iter().map(|head| head.text()).collect();
    let mut tx = ctx.read().await?;
    if part == Part::Whole && keys.len() > 1 {
        let sizes: HashMap<TextKey, usize> = find_sizes(&mut tx, &keys).await?.into_iter().collect();
        keys.truncate(fitting(
            keys.iter().map(|key| sizes.get(key).copied().unwrap_or_default()),
        ));
    }
    let mut found: HashMap<TextKey, PublicText> =
        find_texts(tx.last(), &keys, part).await?.into_iter().collect();
    let texts: Option<Vec<PublicText>> = keys.iter().map(|key| found.remove(key)).collect();
    texts.ok_or_else(|| RichError::new(ErrorKind::Internal, "a live node without its text"))
}
