//! Addresses: the one that was asked for, or the first free number behind one that was made up.

use rustok_content::{ContentError, TranslationDraft};
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::NodeId;
use rustok_storage::nodes::slugs;
use rustok_storage::{StoreError, TenantTx};
use rustok_text::{Locale, Slug};

/// What happens when somebody else has the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfTaken {
    /// Whoever asked for it is told. One that was made up is numbered in any case.
    Refuse,
    /// It is numbered.
    Number,
}

/// The draft with an address that no other node has in this locale.
///
/// # Errors
/// `slug_taken`, and those of the database.
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

/// `base`, or the first of `base-2`, `base-3`, ... that no node but `node` has in this locale (the first as far as the
/// taken ones have no gaps).
///
/// # Errors
/// `slug_taken` when a million are taken, and those of the database.
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

/// The problem that a race for an address ends with.
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
