//! Copies a product.

use super::create::{Clash, insert};
use super::draft::check;
use super::{currency, product_not_found, refused};
use crate::context::Ctx;
use crate::work::{Begun, Done, IdempotencyKey};
use rustok_auth::Action;
use rustok_commerce::ids::ProductId;
use rustok_commerce::product::{Product, ProductInput, ProductStatus};
use rustok_core::error::RichError;
use rustok_storage::inventory::MovementReason;
use rustok_storage::products;

/// Copies a product.
pub struct DuplicateProduct {
    /// The product to copy.
    pub id: ProductId,
    /// The title of the copy, from which its handle is made.
    pub title: String,
}

/// Creates a draft that has everything of another product but its handle and its stock: where pieces are counted, the
/// copy starts with none. Its variants keep their SKUs and all their prices.
///
/// # Errors
/// `product_not_found`; `validation_failed` at `#/title`.
pub async fn duplicate(
    ctx: &Ctx,
    DuplicateProduct { id, title }: DuplicateProduct,
    key: IdempotencyKey<'_, Product>,
) -> Result<Done<Product>, RichError> {
    ctx.authorize(Action::CreateProduct)?;
    ctx.authorize(Action::ReadCatalog)?;
    let currency = currency(ctx)?;
    let source = products::find_product(ctx.read().await?.last(), id).await?;
    let source = source.ok_or_else(|| product_not_found(id))?;
    let mut input = ProductInput {
        title,
        handle: None,
        status: Some(ProductStatus::Draft.as_str().to_owned()),
        ..ProductInput::from_product(&source, currency)
    };
    for (variant, of) in input.variants.iter_mut().zip(&source.variants) {
        variant.available = of.available.map(|_| 0);
    }
    // Checked with the ids of the source, because one of its variants may have no price, which a new one needs.
    let mut checked = check(input).map_err(refused)?;
    for image in &mut checked.draft.images {
        image.id = None;
    }
    for (variant, of) in checked.draft.variants.iter_mut().zip(&source.variants) {
        variant.id = None;
        variant.prices = of.prices.clone();
    }
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let product = insert(&mut work.tx, ctx, checked, Clash::Number, MovementReason::Set).await?;
    work.finish(product).await
}
