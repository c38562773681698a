//! The catalogue: products with their variants, prices and stock.
//!
//! Every write of a product goes through [`check`], which sanitises its HTML and reports all errors at once.

mod assemble;
mod create;
mod delete;
mod draft;
mod duplicate;
pub(crate) mod handle;
pub mod import;
pub(crate) mod merge;
mod read;
mod stock;
#[cfg(test)]
mod tests;
mod update;

pub use create::{WrittenProduct, create};
pub use delete::{delete, undelete};
pub use draft::{CheckedDraft, check};
pub use duplicate::{DuplicateProduct, duplicate};
pub use read::{
    ProductFilter, ShownPrice, StorefrontSnapshot, Uncached, get, get_active, get_many, get_variant, list,
    list_active,
};
pub use rustok_storage::inventory::StockMovement;
pub use rustok_storage::products::storefront::{ProductVersion, Stock};
pub use stock::{
    AdjustStock, SetStock, StockCondition, VariantOfProduct, adjust_stock, list_movements, set_stock,
};
pub use update::{Edit, UpdateProduct, UpdateVariant, shown_input, update, update_variant};

use crate::context::Ctx;
use rustok_commerce::CommerceError;
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_commerce::product::Product;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_core::money::Currency;
use rustok_events::{Event, Topic};
use rustok_storage::inventory::{LevelChange, MovementReason};
use serde_json::json;

fn product_not_found(id: ProductId) -> RichError {
    CommerceError::ProductNotFound(id.as_uuid()).into()
}

fn variant_not_found(id: VariantId) -> RichError {
    CommerceError::VariantNotFound(id.to_string()).into()
}

fn refused(violations: Vec<FieldViolation>) -> RichError {
    CommerceError::ValidationFailed(violations).into()
}

fn handle_taken() -> RichError {
    RichError::new(ErrorKind::Conflict, "handle taken")
        .with_code("handle_taken")
        .with_public("Another product has this handle.")
        .with_violation("#/handle", "taken", "is taken by another product")
}

/// The default currency for showing and accepting prices.
///
/// # Errors
/// If the tenant's settings name no valid currency, which is a defect.
pub fn currency(ctx: &Ctx) -> Result<Currency, RichError> {
    ctx.tenant.settings.currency().map_err(|error| {
        RichError::new(ErrorKind::Internal, "the tenant's currency is none").with_source(error)
    })
}

fn product_event(ctx: &Ctx, topic: Topic, product: &Product) -> Event {
    let payload = json!({
        "handle": product.handle.as_str(),
        "status": product.status.as_str(),
        "version": product.version,
    });
    ctx.event(topic, product.id.as_uuid(), payload)
}

/// `available` is `None` for a variant that is not tracked any more.
fn stock_event(ctx: &Ctx, product: ProductId, variant: VariantId, available: Option<i64>) -> Event {
    let payload = json!({ "variant_id": variant, "available": available });
    ctx.event(Topic::StockChanged, product.as_uuid(), payload)
}

/// A ledger entry by this actor, now.
fn movement(ctx: &Ctx, variant_id: VariantId, delta: i64, reason: MovementReason) -> LevelChange {
    LevelChange {
        id: ctx.id(),
        variant_id,
        delta,
        reason,
        note: None,
        actor: ctx.actor.to_string(),
        at: ctx.now(),
    }
}

/// The first ledger entries of tracked variants that `after` has and `before` has not.
fn first_movements(
    ctx: &Ctx,
    before: Option<&Product>,
    after: &Product,
    reason: MovementReason,
) -> Vec<LevelChange> {
    let known = |id| before.is_some_and(|before| before.variants.iter().any(|variant| variant.id == id));
    let new = after.variants.iter().filter(|variant| !known(variant.id));
    new.filter_map(|variant| Some(movement(ctx, variant.id, variant.available?, reason)))
        .collect()
}
