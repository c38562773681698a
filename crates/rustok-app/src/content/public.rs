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

/// The node with this slug in any of its locales, shown in the most wanted locale that it has.
///
/// # Errors
/// `node_not_found`, and those of the database.
pub async fn find_public(
    ctx: &Ctx,
    slug: &str,
    wanted: &[Locale],
) -> Result<(PublicHead, PublicText), RichError> {
    ctx.authorize(Action::ReadNode)?;
    let chain = Locale::chain(wanted, default_locale(ctx)?);
    let not_found = || ContentError::NotFound(slug.to_owned());
    let slug = Slug::parse(slug).map_err(|_| not_found())?;
    let mut tx = ctx.read().await?;
    let node = public::find_public(&mut tx, &slug, &chain, ctx.now()).await?;
    node.ok_or_else(|| not_found().into())
}

/// A page of nodes, newest first, each in the most wanted locale that it has, and its text.
///
/// `show` puts a text into the form in which the caller wants it. A text never changes, so he may keep it: he is asked
/// without the text first, and the database is asked for what he has not got.
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
        public::list_public(&mut tx, filter, &chain, ctx.now(), after, limit).await?;
    let mut texts: Vec<_> = items.iter().map(|head| show(head.text(), None)).collect();
    let missing = items.iter().zip(&texts).filter(|(_, text)| text.is_none());
    let missing: Vec<_> = missing.map(|(head, _)| head.text()).collect();
    for (key, text) in find_texts(&mut tx, &missing).await? {
        let place = items.iter().position(|head| head.text() == key);
        if let Some(place) = place.and_then(|place| texts.get_mut(place)) {
            *place = show(key, Some(&text));
        }
    }
    let texts = texts.into_iter().collect::<Option<Vec<_>>>();
    let texts = texts.ok_or_else(|| RichError::new(ErrorKind::Internal, "a live node without its text"))?;
    Ok(Page {
        items: items.into_iter().zip(texts).collect(),
        next_cursor,
    })
}
