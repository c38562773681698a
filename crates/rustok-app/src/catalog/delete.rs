//! Taking a product away. Its rows stay: orders refer to them.

use super::{product_event, product_not_found};
use crate::context::Ctx;
use crate::work::{Begun, Reply};
use rustok_auth::Action;
use rustok_core::error::RichError;
use rustok_core::ids::ProductId;
use rustok_events::Topic;
use rustok_storage::idempotency::StoredReply;
use rustok_storage::products;

/// Deletes a product with its variants, softly; its handle is free for another one.
///
/// # Errors
/// `product_not_found`; what `precondition` says of the version; `version_conflict` when it is being changed in this moment.
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
