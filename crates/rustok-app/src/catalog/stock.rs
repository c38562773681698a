//! Sets and adjusts stock.
//!
//! The stock level is locked from before the check of the precondition until the commit, so no order and no other
//! adjustment intervenes. Lock order: product, then level.

use super::read::with_variant;
use super::{movement, product_event, stock_event, variant_not_found};
use crate::context::Ctx;
use crate::work::{Begun, Reply};
use rustok_auth::Action;
use rustok_commerce::inventory::{Adjustment, MAX_STOCK, counted_quantity};
use rustok_commerce::product::Product;
use rustok_commerce::variant::Variant;
use rustok_core::error::RichError;
use rustok_core::ids::{ProductId, VariantId};
use rustok_events::Topic;
use rustok_storage::idempotency::StoredReply;
use rustok_storage::inventory::{Movement, MovementReason, NewLevel, adjust_level, lock_level, set_level};
use rustok_storage::{TenantTx, products};

/// Sets the number of pieces of a variant, which is tracked from then on. `allow_backorder` of `None` keeps its
/// value. Without a difference nothing is changed. `precondition` gets the variant and its product with their stock,
/// while both are locked.
///
/// The product's version does not cover stock, but it covers `allow_backorder`, which an editor may change too.
///
/// # Errors
/// `validation_failed` outside 0 to 1,000,000,000; `variant_not_found`; the error of `precondition`.
pub async fn set_stock(
    ctx: &Ctx,
    id: VariantId,
    quantity: i64,
    allow_backorder: Option<bool>,
    precondition: impl FnOnce(&Product, &Variant) -> Result<(), RichError>,
    render: impl FnOnce(&Product, &Variant) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::SetStock)?;
    let available = counted_quantity(quantity)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    let owner = products::lock_product_of_variant(&mut work.tx, id).await?;
    let owner = owner.ok_or_else(|| variant_not_found(id))?;
    let before = lock_level(&mut work.tx, id).await?;
    let (mut product, mut variant) = find_in(&mut work.tx, owner, id).await?;
    if let Err(refusal) = precondition(&product, &variant) {
        return Err(work.refuse(refusal).await);
    }
    let level = NewLevel {
        available,
        allow_backorder,
    };
    let event = stock_event(ctx, product.id, id, Some(available));
    let line = movement(ctx, id, 0, MovementReason::Set);
    let after = set_level(&mut work.tx, before, &level, line, &event).await?;
    if variant.allow_backorder != after.allow_backorder {
        let version = product.version;
        product.version += 1;
        product.updated_at = ctx.now();
        let event = product_event(ctx, Topic::ProductUpdated, &product);
        products::advance_product(&mut work.tx, owner, version, product.updated_at, &event).await?;
    }
    variant.available = Some(after.available);
    variant.allow_backorder = after.allow_backorder;
    work.finish(render(&product, &variant)).await
}

/// Changes the stock of a variant by a number of pieces, for deliveries, losses and returns. Concurrent changes add
/// up. `precondition` gets the variant and its product, while the level is locked.
///
/// # Errors
/// `variant_not_found`; `stock_not_tracked`; `insufficient_stock` if the level would fall below zero without
/// backorders; `validation_failed` beyond 1,000,000,000 pieces; the error of `precondition`.
pub async fn adjust_stock(
    ctx: &Ctx,
    id: VariantId,
    adjustment: Adjustment,
    precondition: impl FnOnce(&Product, &Variant) -> Result<(), RichError>,
    render: impl FnOnce(&Product, &Variant) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::AdjustStock)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    lock_level(&mut work.tx, id).await?;
    let product = products::find_product_of_variant(&mut work.tx, id).await?;
    let found = product.and_then(|product| with_variant(product, id));
    let (product, mut variant) = found.ok_or_else(|| variant_not_found(id))?;
    let adjusted = precondition(&product, &variant).and_then(|()| {
        let adjusted = variant.stock().adjusted(product.id, &adjustment);
        adjusted.map_err(|refused| RichError::from(refused).with_extension("variant_id", id))
    });
    let available = match adjusted {
        Ok(available) => available,
        Err(refusal) => return Err(work.refuse(refusal).await),
    };
    let line = Movement {
        note: Some(adjustment.reason().to_owned()),
        ..movement(ctx, id, adjustment.delta(), MovementReason::Adjusted)
    };
    let event = stock_event(ctx, product.id, id, Some(available));
    adjust_level(&mut work.tx, &line, -MAX_STOCK..=MAX_STOCK, &event).await?;
    variant.available = Some(available);
    work.finish(render(&product, &variant)).await
}

async fn find_in(
    tx: &mut TenantTx,
    owner: ProductId,
    id: VariantId,
) -> Result<(Product, Variant), RichError> {
    let product = products::find_product(tx, owner).await?;
    let found = product.and_then(|product| with_variant(product, id));
    found.ok_or_else(|| variant_not_found(id))
}
