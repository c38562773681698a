//! What the public reads: the live revision of nodes that are published and whose date has come.

use super::locales::default_locale;
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_content::{ContentError, Locale, Slug};
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::NodeId;
use rustok_core::page::{Limit, Page};
use rustok_storage::nodes::public::{self, PublicFilter, PublicHead};
use rustok_storage::nodes::texts::{PublicText, TextKey, find_texts};

/// The node with this slug in any of its locales, in the most wanted locale that it has, and its text.
///
/// `show` puts a text into the form in which the caller wants it. A text never changes, so he may keep it: he is asked
/// without the text first, and the database is asked for what he has not got.
///
/// # Errors
/// `node_not_found`, and those of the database.
pub async fn find_public<T: Send>(
    ctx: &Ctx,
    slug: &str,
    wanted: &[Locale],
    show: impl Fn(TextKey, Option<&PublicText>) -> Option<T> + Sync,
) -> Result<(PublicHead, T), RichError> {
    ctx.authorize(Action::ReadNode)?;
    let chain = Locale::chain(wanted, default_locale(ctx)?);
    let not_found = || ContentError::NotFound(slug.to_owned());
    let slug = Slug::parse(slug).map_err(|_| not_found())?;
    let head = public::find_public(ctx.read().await?.last(), &slug, &chain, ctx.now()).await?;
    let found = with_texts(ctx, head.into_iter().collect(), show).await?.pop();
    found.ok_or_else(|| not_found().into())
}

/// A page of nodes, newest first, each in the most wanted locale that it has, and their texts as [`find_public`] has
/// them.
///
/// # Errors
/// Those of the database.
pub async fn list_public<T: Send>(
    ctx: &Ctx,
    filter: &PublicFilter,
    wanted: &[Locale],
    after: Option<(Timestamp, NodeId)>,
    limit: Limit,
    show: impl Fn(TextKey, Option<&PublicText>) -> Option<T> + Sync,
) -> Result<Page<(PublicHead, T)>, RichError> {
    ctx.authorize(Action::ListNodes)?;
    let chain = Locale::chain(wanted, default_locale(ctx)?);
    let mut tx = ctx.read().await?;
    let Page { items, next_cursor } =
        public::list_public(tx.last(), filter, &chain, ctx.now(), after, limit).await?;
    drop(tx);
    Ok(Page {
        items: with_texts(ctx, items, show).await?,
        next_cursor,
    })
}

/// Each head with its text; those that `show` has not got are read in one statement, in a transaction of its own: a save
/// never changes.
async fn with_texts<T: Send>(
    ctx: &Ctx,
    heads: Vec<PublicHead>,
    show: impl Fn(TextKey, Option<&PublicText>) -> Option<T> + Sync,
) -> Result<Vec<(PublicHead, T)>, RichError> {
    let mut texts: Vec<_> = heads.iter().map(|head| show(head.text(), None)).collect();
    let missing = heads.iter().zip(&texts).filter(|(_, text)| text.is_none());
    let missing: Vec<_> = missing.map(|(head, _)| head.text()).collect();
    if !missing.is_empty() {
        for (key, text) in find_texts(ctx.read().await?.last(), &missing).await? {
            let place = heads.iter().position(|head| head.text() == key);
            if let Some(place) = place.and_then(|place| texts.get_mut(place)) {
                *place = show(key, Some(&text));
            }
        }
    }
    let texts = texts.into_iter().collect::<Option<Vec<_>>>();
    let texts = texts.ok_or_else(|| RichError::new(ErrorKind::Internal, "a live node without its text"))?;
    Ok(heads.into_iter().zip(texts).collect())
}
