//! Stock as somebody counted it.

use super::read::with_variant;
use super::{movement, stock_event, variant_not_found};
use crate::context::Ctx;
use crate::work::{Begun, Reply};
use rustok_auth::Action;
use rustok_commerce::inventory::counted_quantity;
use rustok_commerce::product::Product;
use rustok_commerce::variant::Variant;
use rustok_core::error::RichError;
use rustok_core::ids::VariantId;
use rustok_storage::idempotency::StoredReply;
use rustok_storage::inventory::{MovementReason, NewLevel, set_level};
use rustok_storage::products;

/// Sets how many pieces of a variant there are; from then on they are counted. `allow_backorder` of `None` leaves it
/// as it is. Setting what is already so changes nothing. `precondition` gets the version, which is the product's and
/// does not count stock.
///
/// # Errors
/// `validation_failed` outside 0 to 1,000,000,000; `variant_not_found`; what `precondition` says of the version.
pub async fn set_stock(
    ctx: &Ctx,
    id: VariantId,
    quantity: i64,
    allow_backorder: Option<bool>,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&Product, &Variant) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::SetStock)?;
    let available = counted_quantity(quantity)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    let product = products::find_product_of_variant(&mut work.tx, id).await?;
    let found = product.and_then(|product| with_variant(product, id));
    let (product, mut variant) = found.ok_or_else(|| variant_not_found(id))?;
    precondition(product.version)?;
    let level = NewLevel {
        available,
        allow_backorder,
    };
    let event = stock_event(ctx, product.id, id, Some(available));
    let line = movement(ctx, id, 0, MovementReason::Set);
    let before = set_level(&mut work.tx, &level, line, &event).await?;
    let unchanged = before.is_some_and(|before| before.allow_backorder);
    variant.available = Some(available);
    variant.allow_backorder = allow_backorder.unwrap_or(unchanged);
    work.finish(render(&product, &variant)).await
}
