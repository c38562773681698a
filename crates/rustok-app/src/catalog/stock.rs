//! Sets and adjusts stock, and shows what changed it.
//!
//! The stock level is locked from before the check of the precondition until the commit, so no order and no other
//! adjustment intervenes. Lock order: product, then level.

use super::read::with_variant;
use super::{movement, product_event, stock_event, variant_not_found};
use crate::context::Ctx;
use crate::work::{Begun, Done, IdempotencyKey, refuse};
use rustok_auth::Action;
use rustok_commerce::ids::{MovementId, ProductId, VariantId};
use rustok_commerce::inventory::{Adjustment, MAX_STOCK, counted_quantity};
use rustok_commerce::product::Product;
use rustok_commerce::variant::Variant;
use rustok_core::error::RichError;
use rustok_core::page::{Limit, Page};
use rustok_events::Topic;
use rustok_storage::inventory::{
    self, LevelChange, MovementReason, NewLevel, StockMovement, adjust_level, lock_level, set_level,
};
use rustok_storage::{TenantTx, products};

/// The condition for a change of stock: it gets the product and the variant with their stock, while the level is
/// locked. Not a [`Precondition`](crate::Precondition), because a product's version does not cover its stock.
pub type StockCondition<'a> = dyn Fn(&Product, &Variant) -> Result<(), RichError> + Sync + 'a;

/// Sets the number of pieces of a variant.
pub struct SetStock<'a> {
    /// The variant.
    pub id: VariantId,
    /// The condition on its stock.
    pub condition: &'a StockCondition<'a>,
    /// The pieces that were counted.
    pub quantity: i64,
    /// Whether it may be sold without stock; `None` keeps the present value.
    pub allow_backorder: Option<bool>,
}

/// Changes the stock of a variant by a number of pieces.
pub struct AdjustStock<'a> {
    /// The variant.
    pub id: VariantId,
    /// The condition on its stock.
    pub condition: &'a StockCondition<'a>,
    /// The number of pieces, with the reason.
    pub adjustment: Adjustment,
}

/// A variant after a change, with its product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantOfProduct {
    /// The product.
    pub product: Product,
    /// The variant, with its current stock.
    pub variant: Variant,
}

/// Sets the number of pieces of a variant, which is tracked from then on. Without a difference nothing is changed.
///
/// The product's version does not cover stock, but it covers `allow_backorder`, which an editor may change too.
///
/// # Errors
/// `validation_failed` outside 0 to 1,000,000,000; `variant_not_found`; the error of the condition.
pub async fn set_stock(ctx: &Ctx, set: SetStock<'_>) -> Result<VariantOfProduct, RichError> {
    ctx.authorize(Action::SetStock)?;
    let available = counted_quantity(set.quantity)?;
    let id = set.id;
    let mut tx = ctx.write().await?;
    let owner = products::lock_product_of_variant(&mut tx, id).await?;
    let owner = owner.ok_or_else(|| variant_not_found(id))?;
    let before = lock_level(&mut tx, id).await?;
    let (mut product, mut variant) = find_in(&mut tx, owner, id).await?;
    if let Err(refusal) = (set.condition)(&product, &variant) {
        return Err(refuse(tx, refusal).await);
    }
    let level = NewLevel {
        available,
        allow_backorder: set.allow_backorder,
    };
    let event = stock_event(ctx, product.id, id, Some(available));
    let line = movement(ctx, id, 0, MovementReason::Set);
    let after = set_level(&mut tx, before, &level, line, &event).await?;
    if variant.allow_backorder != after.allow_backorder {
        let version = product.version;
        product.version += 1;
        product.updated_at = ctx.now();
        let event = product_event(ctx, Topic::ProductUpdated, &product);
        products::advance_product(&mut tx, owner, version, product.updated_at, &event).await?;
    }
    variant.available = Some(after.available);
    variant.allow_backorder = after.allow_backorder;
    tx.commit().await?;
    Ok(VariantOfProduct { product, variant })
}

/// Changes the stock of a variant by a number of pieces, for deliveries, losses and returns. Concurrent changes add
/// up.
///
/// # Errors
/// `variant_not_found`; `stock_not_tracked`; `insufficient_stock` if the level would fall below zero without
/// backorders; `validation_failed` beyond 1,000,000,000 pieces; the error of the condition.
pub async fn adjust_stock(
    ctx: &Ctx,
    adjust: AdjustStock<'_>,
    key: IdempotencyKey<'_, VariantOfProduct>,
) -> Result<Done<VariantOfProduct>, RichError> {
    ctx.authorize(Action::AdjustStock)?;
    let AdjustStock {
        id,
        condition,
        adjustment,
    } = adjust;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    lock_level(&mut work.tx, id).await?;
    let product = products::find_product_of_variant(&mut work.tx, id).await?;
    let found = product.and_then(|product| with_variant(product, id));
    let (product, mut variant) = found.ok_or_else(|| variant_not_found(id))?;
    let adjusted = condition(&product, &variant).and_then(|()| {
        let adjusted = variant.stock().adjusted(product.id, &adjustment);
        adjusted.map_err(|refused| RichError::from(refused).with_extension("variant_id", id))
    });
    let available = match adjusted {
        Ok(available) => available,
        Err(refusal) => return Err(work.refuse(refusal).await),
    };
    let line = LevelChange {
        note: Some(adjustment.reason().to_owned()),
        ..movement(ctx, id, adjustment.delta(), MovementReason::Adjusted)
    };
    let event = stock_event(ctx, product.id, id, Some(available));
    adjust_level(&mut work.tx, &line, -MAX_STOCK..=MAX_STOCK, &event).await?;
    variant.available = Some(available);
    work.finish(VariantOfProduct { product, variant }).await
}

/// A page of the ledger of a variant's stock, newest first: who changed it, by how much and why. Empty if it is not tracked.
///
/// # Errors
/// Authorization and database errors.
pub async fn list_movements(
    ctx: &Ctx,
    id: VariantId,
    after: Option<MovementId>,
    limit: Limit,
) -> Result<Page<StockMovement>, RichError> {
    ctx.authorize(Action::ReadHistory)?;
    Ok(inventory::list_movements(ctx.read().await?.last(), id, after, limit).await?)
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
