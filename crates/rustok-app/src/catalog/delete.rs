//! Soft-deletes and undeletes products. The rows stay, because orders refer to them.

use super::handle::free_handle;
use super::{handle_taken, product_event, product_not_found};
use crate::context::Ctx;
use crate::precondition::Target;
use crate::work::{Begun, Done, IdempotencyKey};
use rustok_auth::Action;
use rustok_commerce::ids::ProductId;
use rustok_commerce::product::Product;
use rustok_core::error::RichError;
use rustok_events::Topic;
use rustok_storage::products;

/// Soft-deletes a product with its variants, and frees its handle.
///
/// # Errors
/// `product_not_found`; `version_conflict`.
pub async fn delete(ctx: &Ctx, Target { id, if_match }: Target<ProductId>) -> Result<(), RichError> {
    ctx.authorize(Action::DeleteProduct)?;
    let mut tx = ctx.write().await?;
    let mut product = products::find_product(&mut tx, id)
        .await?
        .ok_or_else(|| product_not_found(id))?;
    let version = product.version;
    if_match.check(&product)?;
    product.version += 1;
    let event = product_event(ctx, Topic::ProductDeleted, &product);
    products::delete_product(&mut tx, id, version, ctx.now(), &event).await?;
    Ok(tx.commit().await?)
}

/// Restores a deleted product with the variants that it had. A handle that was taken meanwhile is numbered.
///
/// # Errors
/// `product_not_found`, also if it is not deleted; `version_conflict`; `handle_taken` after a concurrent change.
pub async fn undelete(
    ctx: &Ctx,
    Target { id, if_match }: Target<ProductId>,
    key: IdempotencyKey<'_, Product>,
) -> Result<Done<Product>, RichError> {
    ctx.authorize(Action::UndeleteProduct)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let before = products::find_deleted_product(&mut work.tx, id)
        .await?
        .ok_or_else(|| product_not_found(id))?;
    if_match.check(&before)?;
    let now = ctx.now();
    let after = Product {
        handle: free_handle(&mut work.tx, &before.handle, Some(id)).await?,
        version: before.version + 1,
        updated_at: now,
        deleted_at: None,
        ..before.clone()
    };
    let event = product_event(ctx, Topic::ProductUndeleted, &after);
    match products::undelete_product(&mut work.tx, &before, &after.handle, now, &event).await {
        Ok(()) => work.finish(after).await,
        Err(error) if error.is_taken("products(handle)") => Err(handle_taken()),
        Err(error) => Err(error.into()),
    }
}
