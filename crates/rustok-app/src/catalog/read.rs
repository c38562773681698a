//! Reading products: all of them for those who manage them, the active ones for the store.

use super::{currency, product_not_found, variant_not_found};
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_commerce::price::{Price, PriceList};
use rustok_commerce::product::{Handle, Product, ProductStatus};
use rustok_commerce::variant::Variant;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::{ProductId, VariantId};
use rustok_core::money::Currency;
use rustok_core::page::{Limit, ListKey, Page};
use rustok_storage::products;

pub use rustok_storage::products::ProductFilter;

/// Which of a variant's prices is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownPrice {
    /// The one in this currency, which was asked for, or none.
    Exactly(Currency),
    /// The one in this currency, else the first of those it has.
    Preferably(Currency),
}

impl ShownPrice {
    /// What is shown where no currency is named: preferably the tenant's own.
    ///
    /// # Errors
    /// The tenant's settings name no currency: a defect of ours.
    pub fn of_tenant(ctx: &Ctx) -> Result<Self, RichError> {
        currency(ctx).map(Self::Preferably)
    }

    /// The price that is shown of `prices`.
    #[must_use]
    pub fn of(self, prices: &PriceList) -> Option<Price> {
        match self {
            Self::Exactly(currency) => prices.find(currency),
            Self::Preferably(currency) => prices
                .find(currency)
                .or_else(|| prices.as_slice().first().copied()),
        }
    }
}

/// The product with this id, in every status.
///
/// # Errors
/// `product_not_found`.
pub async fn get(ctx: &Ctx, id: ProductId) -> Result<Product, RichError> {
    ctx.authorize(Action::ReadCatalog)?;
    let mut tx = ctx.read().await?;
    products::find_product(tx.last(), id)
        .await?
        .ok_or_else(|| product_not_found(id))
}

/// A page of products in every status, newest first.
///
/// # Errors
/// Those of the database.
pub async fn list(
    ctx: &Ctx,
    filter: &ProductFilter,
    after: Option<ListKey<ProductId>>,
    limit: Limit,
) -> Result<Page<Product>, RichError> {
    ctx.authorize(Action::ReadCatalog)?;
    let mut tx = ctx.read().await?;
    Ok(products::list_products(tx.last(), filter, after, limit).await?)
}

/// The variant with this id and the product it belongs to.
///
/// # Errors
/// `variant_not_found`.
pub async fn get_variant(ctx: &Ctx, id: VariantId) -> Result<(Product, Variant), RichError> {
    ctx.authorize(Action::ReadCatalog)?;
    let mut tx = ctx.read().await?;
    let product = products::find_product_of_variant(tx.last(), id).await?;
    product
        .and_then(|product| with_variant(product, id))
        .ok_or_else(|| variant_not_found(id))
}

pub(super) fn with_variant(product: Product, id: VariantId) -> Option<(Product, Variant)> {
    let variant = product.variants.iter().find(|variant| variant.id == id)?.clone();
    Some((product, variant))
}

/// Store: the active product with this handle.
///
/// # Errors
/// `product_not_found`, also for a draft and an archived one.
pub async fn get_active(ctx: &Ctx, handle: &str) -> Result<Product, RichError> {
    ctx.authorize(Action::ReadProduct)?;
    let not_found = || {
        RichError::new(ErrorKind::NotFound, "no active product with this handle")
            .with_code("product_not_found")
            .with_public("There is no such product.")
    };
    let handle = Handle::parse(handle).ok_or_else(not_found)?;
    let mut tx = ctx.read().await?;
    let found = products::find_active_product(tx.last(), handle.as_str()).await?;
    found.ok_or_else(not_found)
}

/// Store: a page of active products, newest first.
///
/// # Errors
/// Those of the database.
pub async fn list_active(
    ctx: &Ctx,
    after: Option<ProductId>,
    limit: Limit,
) -> Result<Page<Product>, RichError> {
    ctx.authorize(Action::ListProducts)?;
    let filter = ProductFilter {
        status: Some(ProductStatus::Active),
        ..ProductFilter::default()
    };
    let mut tx = ctx.read().await?;
    Ok(products::list_products(tx.last(), &filter, after.map(ListKey::Id), limit).await?)
}
