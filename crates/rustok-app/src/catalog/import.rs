//! Imports products: creates a product once, and updates it in place afterwards. The caller knows which product an
//! item of the file became, and whether the item changed.
//!
//! Runs inside the caller's transaction and never commits.

use super::assemble::Assembler;
use super::create::{Clash, insert};
use super::draft::CheckedDraft;
use super::handle::free_handle;
use super::merge::{self, WrittenFields};
use super::{first_movements, movement, product_event, refused, stock_event};
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_commerce::inventory::MAX_STOCK;
use rustok_commerce::product::{Handle, MAX_IMAGES, Product, ProductStatus};
use rustok_commerce::variant::{Variant, VariantDraft};
use rustok_core::error::{FieldViolation, RichError};
use rustok_core::money::{Currency, Money};
use rustok_events::Topic;
use rustok_import::{Field, Fields};
use rustok_storage::inventory::{MovementReason, NewLevel, lock_level, set_level};
use rustok_storage::{TenantTx, products};

/// The stock of one variant in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportedStock {
    /// Whether the variant is tracked. A variant that is already tracked stays so, with its level: a column missing
    /// in a file must not make stock unlimited.
    pub tracked: bool,
    /// The number of pieces. Without it a tracked variant keeps its level; one without a level stays untracked, since
    /// it is not sold out. A negative number counts as zero unless backorders are allowed.
    pub quantity: Option<i64>,
    /// The number of pieces of a tracked variant that has no level yet, if the file states none.
    pub initial: Option<i64>,
    /// Whether backorders are allowed; `None` leaves it as it is. Ignored for an untracked variant.
    pub allow_backorder: Option<bool>,
}

impl ImportedStock {
    fn counted(self) -> Option<i64> {
        let least = if self.allow_backorder == Some(true) {
            -MAX_STOCK
        } else {
            0
        };
        Some(self.quantity.or(self.initial)?.clamp(least, MAX_STOCK))
    }
}

/// What a file says of one variant besides its draft.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportedVariant {
    /// Its stock.
    pub stock: ImportedStock,
    /// Fields that the file states, but not for this variant.
    pub unread: Fields,
    /// The compare-at price, also without a price.
    pub compare_at: Option<Money>,
}

/// A product in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedProduct {
    /// The result of [`check`](super::check). Ids in it are ignored: variants are matched by option values, else by a
    /// unique SKU. `available` is ignored too. If the file does not state options, theirs are made up: see `named`.
    pub checked: CheckedDraft,
    /// One for each variant of the draft, in the same order.
    pub variants: Vec<ImportedVariant>,
    /// The fields that the file states; an update leaves all others as they are.
    pub stated: Fields,
    /// Whether the file has the option values of variants, even if it does not name the options.
    pub named: bool,
    /// Whether the file states anything of variants; without it the only variant of the draft stands for none.
    pub states_variants: bool,
    /// Of the prices.
    pub currency: Currency,
    /// Whether variants missing here are kept: a part of the product was unreadable, or the file is no whole export.
    pub keep_missing: bool,
    /// Whether images missing here are kept: a part of them was unreadable.
    pub keep_images: bool,
    /// URLs of the images whose alternative texts were unreadable.
    pub unread_alts: Vec<String>,
    /// Whether the status follows from `Published` alone, which does not say whether a product is a draft or archived.
    pub published_alone: bool,
    /// Whether fields that were changed here since the last import are overwritten.
    pub overwrite: bool,
    /// What earlier imports wrote.
    pub written: WrittenFields,
}

/// What became of a product, and what a later import must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedAs {
    /// The product.
    pub upserted: Upserted,
    /// What imports wrote of it so far.
    pub written: WrittenFields,
    /// Fields that stayed as they were changed here, or were overwritten.
    pub changed_here: Fields,
    /// How many compare-at prices of the file belong to variants that have no price.
    pub lost_compare_at: usize,
    /// The file says that the product is published, and it is not active.
    pub stays_hidden: bool,
    /// The options stayed, because the file has others for a part of the variants.
    pub options_kept: bool,
    /// The handle that it got.
    pub handle: Handle,
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

/// Creates or updates a product. `known` is the product of the previous import; a new one is created if there is none
/// or it was deleted. If another product has the handle, a new product gets a number, and an existing one keeps its
/// own handle.
///
/// # Errors
/// Authorization and database errors; `validation_failed` for a product that the file does not state enough of to
/// create it, or a variant that it does not name.
pub async fn upsert(
    tx: &mut TenantTx,
    ctx: &Ctx,
    known: Option<ProductId>,
    mut item: ImportedProduct,
) -> Result<ImportedAs, RichError> {
    ctx.authorize(Action::ImportData)?;
    let before = match known {
        // Locked from here on: a concurrent edit would fail the whole batch.
        Some(id) if products::lock_product(tx, id).await? => products::find_product(tx, id).await?,
        _ => None,
    };
    for (variant, imported) in item.checked.draft.variants.iter_mut().zip(&item.variants) {
        let stock = imported.stock;
        variant.id = None;
        variant.available = stock.counted().filter(|_| stock.tracked);
        variant.allow_backorder = stock.allow_backorder.unwrap_or(false) && variant.available.is_some();
    }
    let Some(before) = before else {
        return create(tx, ctx, item).await;
    };
    if item.published_alone && before.status == ProductStatus::Archived {
        item.stated = item.stated.without(Fields::default().with(Field::Status));
    }
    let stays_hidden = item.published_alone
        && before.status != ProductStatus::Active
        && item.checked.draft.status == ProductStatus::Active;
    let changed_here = item.written.changed_here(&before, item.stated, item.currency);
    let applied = match item.overwrite {
        true => item.stated,
        false => item.stated.without(changed_here),
    };
    if !item.states_variants {
        item.checked.draft.variants.clear();
        item.variants.clear();
    }
    let same = same_variants(&before, &item.checked.draft.variants, applied, item.named);
    let options_kept = applied.has(Field::Options) && has_partial_options(&item, &before, &same);
    let (applied, same) = match options_kept {
        true => {
            let applied = applied.without(Fields::default().with(Field::Options));
            let same = same_variants(&before, &item.checked.draft.variants, applied, item.named);
            (applied, same)
        }
        false => (applied, same),
    };
    if !applied.has(Field::Options) && same.contains(&None) {
        return Err(unnamed(&same));
    }
    let lost_compare_at = merge::merge(&mut item, &before, &same, applied);
    let stays = same
        .into_iter()
        .zip(item.variants.iter().map(|variant| variant.stock));
    let stays: Vec<(VariantId, ImportedStock)> = stays.filter_map(|(id, stock)| Some((id?, stock))).collect();
    let (currency, written) = (item.currency, std::mem::take(&mut item.written));
    let after = update(tx, ctx, &before, item, applied).await?;
    let changed = !is_same(&before, &after);
    let levels = set_levels(tx, ctx, before.id, stays).await?;
    if levels.backorders && !changed {
        let after = Product {
            version: before.version + 1,
            ..before.clone()
        };
        let event = product_event(ctx, Topic::ProductUpdated, &after);
        products::advance_product(tx, before.id, before.version, ctx.now(), &event).await?;
    }
    Ok(ImportedAs {
        upserted: match changed || levels.moved {
            true => Upserted::Updated(before.id),
            false => Upserted::Unchanged(before.id),
        },
        written: written.with(&after, applied, currency),
        changed_here,
        lost_compare_at,
        stays_hidden,
        options_kept,
        handle: after.handle,
    })
}

/// Whether the options of the file fit only a part of the variants that the product has afterwards: it has fewer options,
/// or other ones, and is no whole export.
fn has_partial_options(item: &ImportedProduct, before: &Product, same: &[Option<VariantId>]) -> bool {
    let folded =
        |options: &[String]| -> Vec<String> { options.iter().map(|name| name.to_lowercase()).collect() };
    let options = &item.checked.draft.options;
    let keeps_some = before.variants.iter().any(|old| !same.contains(&Some(old.id)));
    item.keep_missing
        && (options.len() < before.options.len()
            || (keeps_some && folded(options) != folded(&before.options)))
}

/// Creates the product. One without any price is a draft: it could not be ordered.
async fn create(tx: &mut TenantTx, ctx: &Ctx, mut item: ImportedProduct) -> Result<ImportedAs, RichError> {
    let mut missing = Vec::new();
    if !item.stated.has(Field::Title) {
        let detail = "is missing: the file has no column for it, and the product is new";
        missing.push(FieldViolation::new("#/title", "required", detail));
    }
    if !item.stated.has(Field::Options) && item.named {
        let detail = "have no names: the file has no column for them, and the product is new";
        missing.push(FieldViolation::new("#/options", "required", detail));
    }
    if !missing.is_empty() {
        return Err(refused(missing));
    }
    let draft = &mut item.checked.draft;
    if draft.status == ProductStatus::Active
        && draft
            .variants
            .iter()
            .all(|variant| variant.prices.as_slice().is_empty())
    {
        draft.status = ProductStatus::Draft;
    }
    let unpriced = draft
        .variants
        .iter()
        .map(|variant| variant.prices.as_slice().is_empty());
    let lost = unpriced
        .zip(&item.variants)
        .filter(|(unpriced, imported)| *unpriced && imported.compare_at.is_some());
    let lost_compare_at = lost.count();
    let (stated, currency) = (item.stated, item.currency);
    let product = insert(tx, ctx, item.checked, Clash::Number, MovementReason::Imported).await?;
    Ok(ImportedAs {
        upserted: Upserted::Created(product.id),
        written: WrittenFields::default().with(&product, stated, currency),
        changed_here: Fields::default(),
        lost_compare_at,
        stays_hidden: false,
        options_kept: false,
        handle: product.handle,
    })
}

fn unnamed(same: &[Option<VariantId>]) -> RichError {
    let each = same.iter().enumerate().filter(|(_, same)| same.is_none());
    let violation = |(at, _): (usize, _)| {
        let detail = "is no variant of the product: neither its options nor its SKU tell which one is meant";
        FieldViolation::new(format!("#/variants/{at}/options"), "unknown_variant", detail)
    };
    refused(each.map(violation).collect())
}

/// Updates everything except the levels of existing variants. Returns the product as it is then, which is `before` but
/// for version and time if nothing changed.
async fn update(
    tx: &mut TenantTx,
    ctx: &Ctx,
    before: &Product,
    item: ImportedProduct,
    applied: Fields,
) -> Result<Product, RichError> {
    let ImportedProduct {
        checked: CheckedDraft { mut draft, .. },
        keep_missing,
        keep_images,
        overwrite,
        currency,
        ..
    } = item;
    for variant in &mut draft.variants {
        if let Some(old) = before.variants.iter().find(|old| Some(old.id) == variant.id) {
            // Changed together with the level afterwards.
            variant.allow_backorder = old.allow_backorder;
        }
    }
    if !overwrite {
        // The address may have been changed here, and links lead to it.
        draft.handle = before.handle.clone();
    } else if draft.handle != before.handle {
        let free = free_handle(tx, &draft.handle, Some(before.id)).await?;
        if free != draft.handle {
            draft.handle = before.handle.clone();
        }
    }
    let missing = before
        .variants
        .iter()
        .filter(|old| draft.variants.iter().all(|new| new.id != Some(old.id)));
    // Variants that were added here belong to options that were changed here.
    let keep_missing = keep_missing || !applied.has(Field::Options);
    let missing: Vec<Variant> = missing.filter(|_| keep_missing).cloned().collect();
    let assembler = Assembler {
        ids: &ctx.services.ids,
        now: ctx.now(),
        currency,
    };
    let mut after = assembler.product(draft, Some(before));
    if !applied.has(Field::Images) {
        after.images.clone_from(&before.images);
    } else if keep_images {
        let urls: Vec<&str> = after.images.iter().map(|image| image.url.as_str()).collect();
        let kept = before
            .images
            .iter()
            .filter(|old| !urls.contains(&old.url.as_str()));
        let room = MAX_IMAGES.saturating_sub(after.images.len());
        let kept: Vec<_> = kept.take(room).cloned().collect();
        after.images.extend(kept);
    }
    after.variants.extend(missing);
    if !applied.has(Field::Options) {
        // The file does not order them.
        let place = |variant: &Variant| before.variants.iter().position(|old| old.id == variant.id);
        after.variants.sort_by_key(place);
    }
    for (position, variant) in (0..).zip(&mut after.variants) {
        variant.position = position;
    }
    if is_same(before, &after) {
        return Ok(after);
    }
    let movements = first_movements(ctx, Some(before), &after, MovementReason::Imported);
    let event = product_event(ctx, Topic::ProductUpdated, &after);
    products::update_product(tx, before, &after, &movements, &event).await?;
    Ok(after)
}

/// The stock of one variant in a file that states nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedStock {
    /// Its SKU.
    pub sku: Option<String>,
    /// Its option values.
    pub options: Vec<String>,
    /// The pieces for sale.
    pub available: i64,
}

/// Sets the stock of variants of the product `known`, and starts to track those that were not. Returns those that the
/// product does not have.
///
/// # Errors
/// `validation_failed` if there is no such product; database errors.
pub async fn set_stock(
    tx: &mut TenantTx,
    ctx: &Ctx,
    known: Option<ProductId>,
    handle: &str,
    stated: &[StatedStock],
) -> Result<(Upserted, Vec<StatedStock>), RichError> {
    ctx.authorize(Action::ImportData)?;
    let before = match known {
        Some(id) if products::lock_product(tx, id).await? => products::find_product(tx, id).await?,
        _ => None,
    };
    let Some(before) = before else {
        let detail = format!("no product was imported under {handle:?}; import the product CSV first");
        return Err(refused(vec![FieldViolation::new(
            "#/handle",
            "unknown_product",
            detail,
        )]));
    };
    let (mut stays, mut unknown) = (Vec::new(), Vec::new());
    for stock in stated {
        let mut by_options = before
            .variants
            .iter()
            .filter(|variant| variant.options == stock.options);
        let mut by_sku = before
            .variants
            .iter()
            .filter(|variant| stock.sku.is_some() && variant.sku == stock.sku);
        let same = match (by_sku.next(), by_sku.next()) {
            (Some(only), None) => Some(only),
            _ => by_options.next(),
        };
        match same {
            Some(variant) => stays.push((
                variant.id,
                ImportedStock {
                    tracked: true,
                    quantity: Some(stock.available),
                    initial: None,
                    allow_backorder: None,
                },
            )),
            None => unknown.push(stock.clone()),
        }
    }
    let levels = set_levels(tx, ctx, before.id, stays).await?;
    let upserted = match levels.moved {
        true => Upserted::Updated(before.id),
        false => Upserted::Unchanged(before.id),
    };
    Ok((upserted, unknown))
}

/// Matches each of `drafts` with a variant of `before`: by option values, else by SKU if it is unique on both sides.
/// A variant with renamed options thus keeps its stock. If the file does not name variants, the only one is meant.
fn same_variants(
    before: &Product,
    drafts: &[VariantDraft],
    applied: Fields,
    named: bool,
) -> Vec<Option<VariantId>> {
    if let ([draft], [only]) = (drafts, before.variants.as_slice())
        && !applied.has(Field::Options)
        && !named
        && (draft.sku.is_none() || only.sku.is_none() || draft.sku == only.sku)
    {
        return vec![Some(only.id)];
    }
    let by_options = |draft: &VariantDraft| {
        let mut same = before.variants.iter();
        let same = same.find(|old| (named || applied.has(Field::Options)) && old.options == draft.options);
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
    let says = |stock: &ImportedStock| stock.tracked || stock.allow_backorder.is_some();
    for (id, stock) in stays.into_iter().filter(|(_, stock)| says(stock)) {
        // Read under the lock: pieces that orders took since the product was read stay taken.
        let before = lock_level(tx, id).await?;
        let kept = before.map(|before| before.available);
        let backorder = stock
            .allow_backorder
            .or(before.map(|before| before.allow_backorder));
        let least = if backorder == Some(true) { -MAX_STOCK } else { 0 };
        let counted = stock.quantity.filter(|_| stock.tracked);
        let initial = stock.initial.filter(|_| stock.tracked);
        // Not sold out: nothing is known of its pieces.
        let Some(available) = counted.or(kept).or(initial) else {
            continue;
        };
        let available = available.clamp(least, MAX_STOCK);
        let level = NewLevel {
            available,
            allow_backorder: backorder,
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
