//! Imports products: creates a product once, and updates it in place afterwards. The caller knows which product an
//! item of the file became, and whether the item changed.
//!
//! Runs inside the caller's transaction and never commits.

use super::assemble::Assembler;
use super::create::{Clash, insert};
use super::draft::CheckedDraft;
use super::handle::free_handle;
use super::{currency, first_movements, movement, product_event, stock_event};
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_commerce::inventory::MAX_STOCK;
use rustok_commerce::product::Product;
use rustok_commerce::variant::{Variant, VariantDraft, VariantFacts};
use rustok_core::error::RichError;
use rustok_core::ids::{ProductId, VariantId};
use rustok_events::Topic;
use rustok_storage::inventory::{MovementReason, NewLevel, lock_level, set_level};
use rustok_storage::{TenantTx, products};

/// The stock of one variant in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportedStock {
    /// Whether the variant is tracked. A variant that is already tracked stays so, with its level: a column missing
    /// in a file must not make stock unlimited.
    pub tracked: bool,
    /// The number of pieces. Without it a tracked variant keeps its level, or starts with zero. A negative number
    /// counts as zero unless backorders are allowed.
    pub quantity: Option<i64>,
    /// Whether backorders are allowed. Ignored for an untracked variant.
    pub allow_backorder: bool,
}

impl ImportedStock {
    fn counted(self) -> Option<i64> {
        let least = if self.allow_backorder { -MAX_STOCK } else { 0 };
        Some(self.quantity?.clamp(least, MAX_STOCK))
    }
}

/// A product in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedProduct {
    /// The result of [`check`](super::check). Ids in it are ignored: variants are matched by option values, else by a
    /// unique SKU. `available` is ignored too.
    pub checked: CheckedDraft,
    /// The stock of each variant, in the same order. A variant without an entry is not tracked.
    pub stock: Vec<ImportedStock>,
    /// Whether a part of the product was unreadable: variants missing here are kept then.
    pub keep_missing: bool,
}

/// The result of an import of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upserted {
    /// A new product.
    Created(ProductId),
    /// An existing product was changed.
    Updated(ProductId),
    /// The existing product was already like this.
    Unchanged(ProductId),
}

impl Upserted {
    /// The id of the product.
    #[must_use]
    pub const fn id(self) -> ProductId {
        match self {
            Self::Created(id) | Self::Updated(id) | Self::Unchanged(id) => id,
        }
    }
}

/// Gives the facts of an imported variant those of the stored one that the kind of file cannot state.
pub type KeepUnstated = fn(imported: &mut VariantFacts, stored: &VariantFacts);

/// Creates or updates a product. `known` is the product of the previous import; a new one is created if there is none
/// or it was deleted. If another product has the handle, a new product gets a number, and an existing one keeps its
/// own handle.
///
/// # Errors
/// Authorization and database errors.
pub async fn upsert(
    tx: &mut TenantTx,
    ctx: &Ctx,
    known: Option<ProductId>,
    mut item: ImportedProduct,
    keep_unstated: KeepUnstated,
) -> Result<Upserted, RichError> {
    ctx.authorize(Action::ImportData)?;
    let before = match known {
        // Locked from here on: a concurrent edit would fail the whole batch.
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
        if let Some(old) = before.variants.iter().find(|old| Some(old.id) == *same) {
            keep_unstated(&mut variant.facts, &old.facts);
        }
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

/// Updates everything except the levels of existing variants. Returns whether anything changed.
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
            // Changed together with the level afterwards.
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

/// Matches each of `drafts` with a variant of `before`: by option values, else by SKU if it is unique on both sides.
/// A variant with renamed options thus keeps its stock.
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

/// What the import changed in stock levels.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    /// Whether any level changed.
    moved: bool,
    /// Whether any `allow_backorder` changed; the product's version covers it.
    backorders: bool,
}

/// Sets the levels of existing variants.
async fn set_levels(
    tx: &mut TenantTx,
    ctx: &Ctx,
    product: ProductId,
    mut stays: Vec<(VariantId, ImportedStock)>,
) -> Result<Levels, RichError> {
    // The lock order that all transactions use.
    stays.sort_by_key(|(id, _)| *id);
    let mut levels = Levels::default();
    for (id, stock) in stays.into_iter().filter(|(_, stock)| stock.tracked) {
        // Read under the lock: pieces that orders took since the product was read stay taken.
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

/// Whether the two differ only in version and time.
fn is_same(before: &Product, after: &Product) -> bool {
    let after = Product {
        version: before.version,
        updated_at: before.updated_at,
        ..after.clone()
    };
    *before == after
}
