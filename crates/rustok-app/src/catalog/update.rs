//! Changes a product or one of its variants: read, edit, check, compare-and-swap.
//!
//! Editing and sanitising happen between two transactions, so that other writers on SQLite need not wait for it. Only
//! after a lost race is it repeated with the product locked, which ends the race.

use super::assemble::Assembler;
use super::create::WrittenProduct;
use super::draft::{CheckedDraft, check_against};
use super::handle::free_handle;
use super::read::ShownPrice;
use super::stock::VariantOfProduct;
use super::{
    currency, first_movements, handle_taken, product_event, product_not_found, refused, variant_not_found,
};
use crate::context::Ctx;
use crate::precondition::{Precondition, Target};
use rustok_auth::Action;
use rustok_commerce::CommerceError;
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_commerce::product::{Product, ProductInput};
use rustok_commerce::variant::{Variant, VariantInput};
use rustok_core::error::{FieldViolation, RichError};
use rustok_core::money::Currency;
use rustok_events::Topic;
use rustok_storage::inventory::MovementReason;
use rustok_storage::{StoreError, TenantTx, products};
use rustok_text::body::Removed;
use uuid::Uuid;

/// Turns the input that would leave a thing of a product unchanged into the wanted one. It may be called again after a
/// concurrent change.
pub type Edit<'a, T> = dyn Fn(&Product, T) -> Result<T, RichError> + Sync + 'a;

/// Changes a product.
pub struct UpdateProduct<'a> {
    /// The product.
    pub product: Target<ProductId>,
    /// The change.
    pub edit: &'a Edit<'a, ProductInput>,
}

/// Changes one variant.
pub struct UpdateVariant<'a> {
    /// The variant. The condition is on the version of its product.
    pub variant: Target<VariantId>,
    /// The change.
    pub edit: &'a Edit<'a, VariantInput>,
}

/// Changes a product. An edit without changes makes no new version.
///
/// # Errors
/// `product_not_found`, `validation_failed` with all fields at once, `variant_in_use` if tracked variants are left
/// out, `handle_taken`, `version_conflict`, and the error of the edit.
pub async fn update(ctx: &Ctx, update: UpdateProduct<'_>) -> Result<WrittenProduct, RichError> {
    ctx.authorize(Action::UpdateProduct)?;
    let Target { id, if_match } = update.product;
    change(ctx, Edited::Product(id), &if_match, update.edit).await
}

/// Changes one variant, like [`update`]. Its options can be changed through the product only.
///
/// # Errors
/// As [`update`], and `variant_not_found`. Pointers start at the variant.
pub async fn update_variant(ctx: &Ctx, update: UpdateVariant<'_>) -> Result<VariantOfProduct, RichError> {
    ctx.authorize(Action::UpdateProduct)?;
    let Target { id, if_match } = update.variant;
    let edit = |product: &Product, mut input: ProductInput| {
        let variant = input.variants.iter_mut().find(|variant| variant.id == Some(id));
        let variant = variant.ok_or_else(|| variant_not_found(id))?;
        *variant = (update.edit)(product, std::mem::take(variant))?;
        Ok(input)
    };
    let WrittenProduct { product, .. } = change(ctx, Edited::Variant(id), &if_match, &edit).await?;
    let variant = product.variants.iter().find(|variant| variant.id == id).cloned();
    let variant = variant.ok_or_else(|| variant_not_found(id))?;
    Ok(VariantOfProduct { product, variant })
}

#[derive(Clone, Copy)]
enum Edited {
    Product(ProductId),
    Variant(VariantId),
}

/// The result of an edit without changes.
fn unchanged(product: Product) -> WrittenProduct {
    WrittenProduct {
        product,
        removed: Removed::default(),
    }
}

/// Tries without a lock first; after a lost race, once more with the product locked. The second read is inside the
/// write transaction, because on SQLite only a writer sees what another writer has just written.
async fn change(
    ctx: &Ctx,
    what: Edited,
    if_match: &Precondition,
    edit: &Edit<'_, ProductInput>,
) -> Result<WrittenProduct, RichError> {
    let product = find(&mut ctx.read().await?, what).await?;
    if_match.check(&product)?;
    let Some(mut draft) = edited(ctx, &product, what, edit)? else {
        return Ok(unchanged(product));
    };
    let mut tx = ctx.write().await?;
    let removed = std::mem::take(&mut draft.removed);
    if let Ok(product) = save(&mut tx, ctx, &product, draft).await? {
        tx.commit().await?;
        return Ok(WrittenProduct { product, removed });
    }
    drop(tx);
    let mut tx = ctx.write().await?;
    let product = find(&mut tx, what).await?;
    products::lock_product(&mut tx, product.id).await?;
    let product = find(&mut tx, what).await?;
    if_match.check(&product)?;
    let Some(mut draft) = edited(ctx, &product, what, edit)? else {
        return Ok(unchanged(product));
    };
    let removed = std::mem::take(&mut draft.removed);
    let product = save(&mut tx, ctx, &product, draft).await??;
    tx.commit().await?;
    Ok(WrittenProduct { product, removed })
}

async fn find(tx: &mut TenantTx, what: Edited) -> Result<Product, RichError> {
    match what {
        Edited::Product(id) => products::find_product(tx, id)
            .await?
            .ok_or_else(|| product_not_found(id)),
        Edited::Variant(id) => {
            let found = products::find_product_of_variant(tx, id).await?;
            found.ok_or_else(|| variant_not_found(id))
        }
    }
}

/// The validated result of the edit; `None` without changes.
fn edited(
    ctx: &Ctx,
    before: &Product,
    what: Edited,
    edit: &Edit<'_, ProductInput>,
) -> Result<Option<CheckedDraft>, RichError> {
    let shown = shown_input(before, currency(ctx)?);
    let input = edit(before, shown.clone())?;
    if input == shown {
        return Ok(None);
    }
    let left_out = tracked_and_left_out(before, &input);
    let checked = check_against(input, Some(before));
    let checked = checked.map_err(|found| refused(relative(found, before, what)))?;
    if left_out.is_empty() {
        Ok(Some(checked))
    } else {
        Err(CommerceError::VariantInUse(left_out).into())
    }
}

/// The tracked variants that the input does not mention, not even to delete them.
fn tracked_and_left_out(before: &Product, input: &ProductInput) -> Vec<Uuid> {
    let tracked = before.variants.iter().filter(|old| old.available.is_some());
    tracked
        .filter(|old| input.variants.iter().all(|variant| variant.id != Some(old.id)))
        .map(|old| old.id.as_uuid())
        .collect()
}

/// Writes the change and returns the new product. The inner error is a lost race; the transaction is unusable then.
async fn save(
    tx: &mut TenantTx,
    ctx: &Ctx,
    before: &Product,
    mut checked: CheckedDraft,
) -> Result<Result<Product, StoreError>, RichError> {
    if checked.draft.handle != before.handle {
        let free = free_handle(tx, &checked.draft.handle, Some(before.id)).await?;
        if free != checked.draft.handle && checked.handle_given {
            return Err(handle_taken());
        }
        checked.draft.handle = free;
    }
    let assembler = Assembler {
        ids: &ctx.services.ids,
        now: ctx.now(),
        currency: currency(ctx)?,
    };
    let after = assembler.product(checked.draft, Some(before));
    let movements = first_movements(ctx, Some(before), &after, MovementReason::Set);
    let event = product_event(ctx, Topic::ProductUpdated, &after);
    match products::update_product(tx, before, &after, &movements, &event).await {
        Ok(()) => {}
        Err(stale @ StoreError::Stale { .. }) => return Ok(Err(stale)),
        Err(error) if error.is_taken("products(handle)") => return Err(handle_taken()),
        Err(error) => return Err(error.into()),
    }
    // Stock may have changed since it was read, and the response shows it.
    let product = products::find_product(tx, before.id).await?;
    Ok(Ok(product.ok_or_else(|| product_not_found(before.id))?))
}

/// The input that would leave the product unchanged: each variant with its shown price, preferably in this currency.
#[must_use]
pub fn shown_input(product: &Product, currency: Currency) -> ProductInput {
    let shown = |variant: &Variant| {
        let price = ShownPrice::Preferably(currency).of(&variant.prices);
        VariantInput::from_variant(variant, price.map_or(currency, |price| price.amount.currency()))
    };
    ProductInput {
        variants: product.variants.iter().map(shown).collect(),
        ..ProductInput::from_product(product, currency)
    }
}

/// Makes pointers relative to the variant, if a variant is being changed.
fn relative(mut found: Vec<FieldViolation>, product: &Product, what: Edited) -> Vec<FieldViolation> {
    let Edited::Variant(id) = what else { return found };
    let at = product
        .variants
        .iter()
        .position(|variant| variant.id == id)
        .unwrap_or_default();
    let base = format!("#/variants/{at}/");
    for violation in &mut found {
        if let Some(member) = violation.pointer.strip_prefix(&base) {
            violation.pointer = format!("#/{member}");
        }
    }
    found
}
