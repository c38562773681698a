//! Products from a file: created once, changed in place ever after. The caller knows which product a thing in the
//! file became, and whether the file changed at all; here it is only written.
//!
//! It runs inside the caller's transaction and must never commit.

use super::assemble::Assembler;
use super::create::{Clash, insert};
use super::draft::CheckedDraft;
use super::handle::free_handle;
use super::{currency, first_movements, movement, product_event, stock_event};
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_commerce::inventory::MAX_STOCK;
use rustok_commerce::product::Product;
use rustok_commerce::variant::{Variant, VariantDraft};
use rustok_core::error::RichError;
use rustok_core::ids::{ProductId, VariantId};
use rustok_events::Topic;
use rustok_storage::inventory::{MovementReason, NewLevel, lock_level, set_level};
use rustok_storage::{TenantTx, products};

/// The stock of one variant, as a file has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportedStock {
    /// Whether its pieces are counted. A variant that is counted here already stays so, with its level, whatever the
    /// file says: nothing that a file leaves out may make stock endless.
    pub tracked: bool,
    /// How many there are. A tracked variant without a number keeps the level that it has, and starts with none. A
    /// number below zero counts as none unless it may be sold beyond zero.
    pub quantity: Option<i64>,
    /// Whether it is sold beyond zero. Means nothing for a variant that is not tracked.
    pub allow_backorder: bool,
}

impl ImportedStock {
    fn counted(self) -> Option<i64> {
        let least = if self.allow_backorder { -MAX_STOCK } else { 0 };
        Some(self.quantity?.clamp(least, MAX_STOCK))
    }
}

/// A product from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedProduct {
    /// What [`check`](super::check) made of it. Ids in it are not looked at: variants are known by the values of
    /// their options, else by a SKU that no other has. Nor is `available`.
    pub checked: CheckedDraft,
    /// The stock of each variant, in the same sequence. A variant without is not tracked.
    pub stock: Vec<ImportedStock>,
    /// A part of it could not be read: variants that are missing here stay.
    pub keep_missing: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upserted {
    /// A new product.
    Created(ProductId),
    /// A product that was there is another one now.
    Updated(ProductId),
    /// The product that was there is like this already.
    Unchanged(ProductId),
}

impl Upserted {
    /// Which product it is.
    #[must_use]
    pub const fn id(self) -> ProductId {
        match self {
            Self::Created(id) | Self::Updated(id) | Self::Unchanged(id) => id,
        }
    }
}

/// Writes a product from a file. `known` is the product that it became the last time; a new one is made when there is
/// none, or when that was deleted since. A handle that another product has gives way: a new product gets it with a
/// number, an old one keeps its own.
///
/// # Errors
/// Those of the policy and the database.
pub async fn upsert(
    tx: &mut TenantTx,
    ctx: &Ctx,
    known: Option<ProductId>,
    mut item: ImportedProduct,
) -> Result<Upserted, RichError> {
    ctx.authorize(Action::ImportData)?;
    let before = match known {
        // Held from here on: an administrator's edit in between would fail the whole batch.
        Some(id) if products::lock_product(tx, id).await? => products::find_product(tx, id).await?,
        _ => None,
    };
    let counted = item
        .stock
        .iter()
        .copied()
        .chain(std::iter::repeat(ImportedStock::default()));
    let counted: Vec<ImportedStock> = counted.take(item.checked.draft.variants.len()).collect();
    for (variant, stock) in item.checked.draft.variants.iter_mut().zip(&counted) {
        variant.id = None;
        variant.available = stock.tracked.then(|| stock.counted().unwrap_or(0));
        variant.allow_backorder = stock.allow_backorder;
    }
    let Some(before) = before else {
        let product = insert(tx, ctx, item.checked, Clash::Number, MovementReason::Imported).await?;
        return Ok(Upserted::Created(product.id));
    };
    let same = same_variants(&before, &item.checked.draft.variants);
    for (variant, same) in item.checked.draft.variants.iter_mut().zip(&same) {
        variant.id = *same;
    }
    let stays = same.into_iter().zip(counted);
    let stays: Vec<(VariantId, ImportedStock)> = stays.filter_map(|(id, stock)| Some((id?, stock))).collect();
    let changed = update(tx, ctx, &before, item).await?;
    let levels = set_levels(tx, ctx, before.id, stays).await?;
    if levels.backorders && !changed {
        let after = Product {
            version: before.version + 1,
            ..before.clone()
        };
        let event = product_event(ctx, Topic::ProductUpdated, &after);
        products::advance_product(tx, before.id, before.version, ctx.now(), &event).await?;
    }
    Ok(if changed || levels.moved {
        Upserted::Updated(before.id)
    } else {
        Upserted::Unchanged(before.id)
    })
}

/// Everything but the levels of variants that are there. Whether anything changed.
async fn update(
    tx: &mut TenantTx,
    ctx: &Ctx,
    before: &Product,
    item: ImportedProduct,
) -> Result<bool, RichError> {
    let ImportedProduct {
        checked: CheckedDraft { mut draft, .. },
        keep_missing,
        ..
    } = item;
    for variant in &mut draft.variants {
        if let Some(old) = before.variants.iter().find(|old| Some(old.id) == variant.id) {
            // Goes together with the level, which is set afterwards.
            variant.allow_backorder = old.allow_backorder;
        }
    }
    if draft.handle != before.handle {
        let free = free_handle(tx, &draft.handle, Some(before.id)).await?;
        if free != draft.handle {
            draft.handle = before.handle.clone();
        }
    }
    let missing = before
        .variants
        .iter()
        .filter(|old| draft.variants.iter().all(|new| new.id != Some(old.id)));
    let missing: Vec<Variant> = missing.filter(|_| keep_missing).cloned().collect();
    let assembler = Assembler {
        ids: &ctx.services.ids,
        now: ctx.now(),
        currency: currency(ctx)?,
    };
    let mut after = assembler.product(draft, Some(before));
    after.variants.extend(missing);
    for (position, variant) in (0..).zip(&mut after.variants) {
        variant.position = position;
    }
    if is_same(before, &after) {
        return Ok(false);
    }
    let movements = first_movements(ctx, Some(before), &after, MovementReason::Imported);
    let event = product_event(ctx, Topic::ProductUpdated, &after);
    products::update_product(tx, before, &after, &movements, &event).await?;
    Ok(true)
}

/// Which variant of `before` each of `drafts` is: the one with the same option values, else the one with the same SKU
/// where each side has it once. A variant whose options were renamed keeps its stock that way.
fn same_variants(before: &Product, drafts: &[VariantDraft]) -> Vec<Option<VariantId>> {
    let by_options = |draft: &VariantDraft| {
        let same = before.variants.iter().find(|old| old.options == draft.options);
        same.map(|old| old.id)
    };
    let found: Vec<Option<VariantId>> = drafts.iter().map(by_options).collect();
    let by_sku = |draft: &VariantDraft| {
        let sku = draft.sku.as_ref()?;
        let mut same = before
            .variants
            .iter()
            .filter(|old| old.sku.as_ref() == Some(sku) && !found.contains(&Some(old.id)));
        let is_only = drafts
            .iter()
            .filter(|other| other.sku.as_ref() == Some(sku))
            .count()
            == 1;
        match (same.next(), same.next()) {
            (Some(old), None) if is_only => Some(old.id),
            _ => None,
        }
    };
    let each = drafts.iter().zip(&found);
    each.map(|(draft, id)| id.or_else(|| by_sku(draft))).collect()
}

/// What a file did to levels.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    /// Any changed.
    moved: bool,
    /// Whether some variant is sold beyond zero changed, which the product's version counts.
    backorders: bool,
}

/// The levels of variants that were there before.
async fn set_levels(
    tx: &mut TenantTx,
    ctx: &Ctx,
    product: ProductId,
    mut stays: Vec<(VariantId, ImportedStock)>,
) -> Result<Levels, RichError> {
    // In the sequence in which everybody locks levels.
    stays.sort_by_key(|(id, _)| *id);
    let mut levels = Levels::default();
    for (id, stock) in stays.into_iter().filter(|(_, stock)| stock.tracked) {
        // Read now that it is held: what an order took since the product was read stays taken.
        let before = lock_level(tx, id).await?;
        let least = if stock.allow_backorder { i64::MIN } else { 0 };
        let kept = before.map(|before| before.available);
        let available = stock.counted().or(kept).unwrap_or(0).max(least);
        let level = NewLevel {
            available,
            allow_backorder: Some(stock.allow_backorder),
        };
        let event = stock_event(ctx, product, id, Some(available));
        let line = movement(ctx, id, 0, MovementReason::Imported);
        let after = set_level(tx, before, &level, line, &event).await?;
        levels.moved |= before != Some(after);
        levels.backorders |= before.is_some_and(|before| before.allow_backorder) != after.allow_backorder;
    }
    Ok(levels)
}

/// Whether the two differ in nothing but version and time.
fn is_same(before: &Product, after: &Product) -> bool {
    let after = Product {
        version: before.version,
        updated_at: before.updated_at,
        ..after.clone()
    };
    *before == after
}
