//! Soft-deletes and undeletes products. The rows stay, because orders refer to them.

use super::handle::free_handle;
use super::{handle_taken, product_event, product_not_found};
use crate::context::Ctx;
use crate::work::{Begun, Reply};
use rustok_auth::Action;
use rustok_commerce::product::Product;
use rustok_core::error::RichError;
use rustok_core::ids::ProductId;
use rustok_events::Topic;
use rustok_storage::idempotency::StoredReply;
use rustok_storage::products;

/// Soft-deletes a product with its variants, and frees its handle.
///
/// # Errors
/// `product_not_found`; the error of `precondition`; `version_conflict` after a concurrent change.
pub async fn delete(
    ctx: &Ctx,
    id: ProductId,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce() -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::DeleteProduct)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    let mut product = products::find_product(&mut work.tx, id)
        .await?
        .ok_or_else(|| product_not_found(id))?;
    let version = product.version;
    precondition(version)?;
    product.version += 1;
    let event = product_event(ctx, Topic::ProductDeleted, &product);
    products::delete_product(&mut work.tx, id, version, ctx.now(), &event).await?;
    work.finish(render()).await
}

/// Restores a deleted product with the variants that it had. A handle that was taken meanwhile is numbered.
///
/// # Errors
/// `product_not_found`, also if it is not deleted; the error of `precondition`; `version_conflict` and `handle_taken`
/// after a concurrent change.
pub async fn undelete(
    ctx: &Ctx,
    id: ProductId,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&Product) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::UndeleteProduct)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    let before = products::find_deleted_product(&mut work.tx, id)
        .await?
        .ok_or_else(|| product_not_found(id))?;
    precondition(before.version)?;
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
        Ok(()) => work.finish(render(&after)).await,
        Err(error) if error.is_taken("products(handle)") => Err(handle_taken()),
        Err(error) => Err(error.into()),
    }
}
