//! Slugs of nodes: the requested one, or the first free number for a generated one.

use rustok_content::ids::NodeId;
use rustok_content::{ContentError, TranslationDraft};
use rustok_core::error::{ErrorKind, RichError};
use rustok_storage::nodes::slugs;
use rustok_storage::{StoreError, TenantTx};
use rustok_text::{Locale, Slug};

/// What to do if another node has the slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfTaken {
    /// Report an error for a requested slug; a generated one is numbered in any case.
    Refuse,
    /// Number it.
    Number,
}

/// The draft with a slug that no other node has in this locale.
///
/// # Errors
/// `slug_taken`, and database errors.
pub(super) async fn settle(
    tx: &mut TenantTx,
    locale: Locale,
    node: NodeId,
    draft: TranslationDraft,
    if_taken: IfTaken,
) -> Result<TranslationDraft, RichError> {
    let slug = draft.translation().slug.clone();
    if !draft.slug_is_given() || if_taken == IfTaken::Number {
        let free = free_slug(tx, locale, node, slug).await?;
        return Ok(draft.with_slug(free));
    }
    if slugs::is_taken(tx, locale, node, &slug).await? {
        return Err(ContentError::SlugTaken { slug, locale }.into());
    }
    Ok(draft)
}

/// `base`, or the first of `base-2`, `base-3`, ... that no node but `node` has in this locale. It is the first only
/// if the taken numbers have no gaps.
///
/// # Errors
/// `slug_taken` if a million numbers are taken, and database errors.
pub(super) async fn free_slug(
    tx: &mut TenantTx,
    locale: Locale,
    node: NodeId,
    base: Slug,
) -> Result<Slug, RichError> {
    slugs::lock(tx, locale, &base).await?;
    if !slugs::is_taken(tx, locale, node, &base).await? {
        return Ok(base);
    }
    let free = slugs::find_free_number(tx, locale, node, &base).await?;
    free.ok_or_else(|| ContentError::SlugTaken { slug: base, locale }.into())
}

/// The error after a lost race for a slug.
pub(super) fn taken(error: StoreError) -> RichError {
    let keys = [
        "node_translations(slug,locale)",
        "node_translations(published_slug,locale)",
    ];
    if keys.iter().any(|key| error.is_taken(key)) {
        return RichError::new(ErrorKind::Conflict, "lost a race for a slug")
            .with_code("slug_taken")
            .with_public("Another node has this slug in this locale.")
            .with_violation("slug", "taken", "is taken")
            .with_source(error);
    }
    error.into()
}
