//! Changes a product or one of its variants: read, edit, check, compare-and-swap.
//!
//! Editing and sanitising happen between two transactions, so that other writers on SQLite need not wait for it. Only
//! after a lost race is it repeated with the product locked, which ends the race.

use super::assemble::Assembler;
use super::draft::{CheckedDraft, check_against};
use super::handle::free_handle;
use super::read::ShownPrice;
use super::{
    currency, first_movements, handle_taken, product_event, product_not_found, refused, variant_not_found,
};
use crate::context::Ctx;
use crate::work::Reply;
use rustok_auth::Action;
use rustok_commerce::CommerceError;
use rustok_commerce::product::{Product, ProductInput};
use rustok_commerce::variant::{Variant, VariantInput};
use rustok_core::error::{FieldViolation, RichError};
use rustok_core::ids::{ProductId, VariantId};
use rustok_core::money::Currency;
use rustok_events::Topic;
use rustok_storage::idempotency::StoredReply;
use rustok_storage::inventory::MovementReason;
use rustok_storage::{StoreError, TenantTx, products};
use rustok_text::body::Removed;
use uuid::Uuid;

/// Changes a product. `edit` gets the product and the input that would leave it unchanged, and returns the wanted
/// input. It may be called again after a concurrent change, so preconditions belong in it. An edit without changes
/// makes no new version. `render` also gets what the sanitiser removed from a new description.
///
/// # Errors
/// `product_not_found`, `validation_failed` with all fields at once, `variant_in_use` if tracked variants are left
/// out, `handle_taken`, `version_conflict`, and the error of `edit`.
pub async fn update(
    ctx: &Ctx,
    id: ProductId,
    edit: impl Fn(&Product, ProductInput) -> Result<ProductInput, RichError>,
    render: impl FnOnce(&Product, &Removed) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::UpdateProduct)?;
    let changed = change(ctx, Target::Product(id), &edit).await?;
    changed.finish(render).await
}

/// Changes one variant, like [`update`]. Its options can be changed through the product only.
///
/// # Errors
/// As [`update`], and `variant_not_found`. Pointers start at the variant.
pub async fn update_variant(
    ctx: &Ctx,
    id: VariantId,
    edit: impl Fn(&Product, VariantInput) -> Result<VariantInput, RichError>,
    render: impl FnOnce(&Product, &Variant) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::UpdateProduct)?;
    let edit_product = |product: &Product, mut input: ProductInput| {
        let variant = input.variants.iter_mut().find(|variant| variant.id == Some(id));
        let variant = variant.ok_or_else(|| variant_not_found(id))?;
        *variant = edit(product, std::mem::take(variant))?;
        Ok(input)
    };
    let changed = change(ctx, Target::Variant(id), &edit_product).await?;
    let variant = changed
        .product
        .variants
        .iter()
        .find(|variant| variant.id == id)
        .cloned();
    let variant = variant.ok_or_else(|| variant_not_found(id))?;
    changed.finish(|product, _| render(product, &variant)).await
}

#[derive(Clone, Copy)]
enum Target {
    Product(ProductId),
    Variant(VariantId),
}

/// The product after the edit, and the transaction to commit, if there is one.
struct Changed {
    product: Product,
    tx: Option<TenantTx>,
    removed: Removed,
}

impl Changed {
    /// An unchanged product.
    fn not(product: Product) -> Self {
        Self {
            product,
            tx: None,
            removed: Removed::default(),
        }
    }

    async fn finish(
        self,
        render: impl FnOnce(&Product, &Removed) -> StoredReply,
    ) -> Result<Reply, RichError> {
        let stored = render(&self.product, &self.removed);
        if let Some(tx) = self.tx {
            tx.commit().await?;
        }
        Ok(stored.into())
    }
}

/// Tries without a lock first; after a lost race, once more with the product locked. The second read is inside the
/// write transaction, because on SQLite only a writer sees what another writer has just written.
async fn change(
    ctx: &Ctx,
    target: Target,
    edit: &impl Fn(&Product, ProductInput) -> Result<ProductInput, RichError>,
) -> Result<Changed, RichError> {
    let product = find(&mut ctx.read().await?, target).await?;
    let Some(mut draft) = edited(ctx, &product, target, edit)? else {
        return Ok(Changed::not(product));
    };
    // Not `begin`: only a POST can have an Idempotency-Key, and edits are not POSTs.
    let mut tx = ctx.write().await?;
    let removed = std::mem::take(&mut draft.removed);
    if let Ok(product) = save(&mut tx, ctx, &product, draft).await? {
        return Ok(Changed {
            product,
            tx: Some(tx),
            removed,
        });
    }
    drop(tx);
    let mut tx = ctx.write().await?;
    let product = find(&mut tx, target).await?;
    products::lock_product(&mut tx, product.id).await?;
    let product = find(&mut tx, target).await?;
    let Some(mut draft) = edited(ctx, &product, target, edit)? else {
        return Ok(Changed::not(product));
    };
    let removed = std::mem::take(&mut draft.removed);
    let product = save(&mut tx, ctx, &product, draft).await??;
    Ok(Changed {
        product,
        tx: Some(tx),
        removed,
    })
}

async fn find(tx: &mut TenantTx, target: Target) -> Result<Product, RichError> {
    match target {
        Target::Product(id) => products::find_product(tx, id)
            .await?
            .ok_or_else(|| product_not_found(id)),
        Target::Variant(id) => {
            let found = products::find_product_of_variant(tx, id).await?;
            found.ok_or_else(|| variant_not_found(id))
        }
    }
}

/// The validated result of the edit; `None` without changes.
fn edited(
    ctx: &Ctx,
    before: &Product,
    target: Target,
    edit: &impl Fn(&Product, ProductInput) -> Result<ProductInput, RichError>,
) -> Result<Option<CheckedDraft>, RichError> {
    let unchanged = shown_input(before, currency(ctx)?);
    let input = edit(before, unchanged.clone())?;
    if input == unchanged {
        return Ok(None);
    }
    let left_out = tracked_and_left_out(before, &input);
    let checked = check_against(input, Some(before));
    let checked = checked.map_err(|found| refused(relative(found, before, target)))?;
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

/// The input that would leave the product unchanged: each variant with its shown price.
fn shown_input(product: &Product, currency: Currency) -> ProductInput {
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
fn relative(mut found: Vec<FieldViolation>, product: &Product, target: Target) -> Vec<FieldViolation> {
    let Target::Variant(id) = target else { return found };
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
