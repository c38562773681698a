//! Reads products: in any status for the administration, active ones for the storefront.

use super::{currency, product_not_found, variant_not_found};
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_commerce::price::{Price, PriceList};
use rustok_commerce::product::{Handle, Product};
use rustok_commerce::variant::Variant;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::money::Currency;
use rustok_core::page::{Limit, ListKey, Page};
use rustok_storage::products::storefront::{self, ProductVersion, Stock};
use rustok_storage::{TenantTx, products};

pub use rustok_storage::products::ProductFilter;

/// Which price of a variant to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShownPrice {
    /// The price in this currency, or none.
    Exactly(Currency),
    /// The price in this currency, else the variant's first price.
    Preferably(Currency),
}

impl ShownPrice {
    /// The default: preferably the tenant's own currency.
    ///
    /// # Errors
    /// If the tenant's settings name no valid currency, which is a defect.
    pub fn of_tenant(ctx: &Ctx) -> Result<Self, RichError> {
        currency(ctx).map(Self::Preferably)
    }

    /// The price to show.
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

/// The product with this id, in any status.
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

/// The products in use with these ids, in this order: as many as fit on a page, at least one.
///
/// # Errors
/// Database errors.
pub async fn get_many(ctx: &Ctx, ids: &[ProductId]) -> Result<Vec<Product>, RichError> {
    ctx.authorize(Action::ReadCatalog)?;
    let mut tx = ctx.read().await?;
    Ok(products::find_products(tx.last(), ids).await?)
}

/// A page of products in any status, newest first.
///
/// # Errors
/// Database errors.
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

/// The variant with this id and its product.
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

/// The snapshot from which the storefront shows active products, some of them from a cache.
pub struct StorefrontSnapshot(TenantTx);

/// The part of a response that does not come from the cache.
pub struct Uncached {
    /// The stock of the cached products.
    pub stock: Stock,
    /// The products that are not cached, with their stock; as many as fit on a page, at least one.
    pub products: Vec<Product>,
}

impl StorefrontSnapshot {
    /// Reads the stock of the products in `kept` (cached), and the full products in `missing`.
    ///
    /// # Errors
    /// Database errors.
    pub async fn uncached(
        mut self,
        kept: &[ProductId],
        missing: &[ProductId],
    ) -> Result<Uncached, RichError> {
        let stock = match (kept.is_empty(), missing.is_empty()) {
            (true, _) => Stock::new(),
            (false, true) => storefront::find_stock(self.0.last(), kept).await?,
            (false, false) => storefront::find_stock(&mut self.0, kept).await?,
        };
        let products = if missing.is_empty() {
            Vec::new()
        } else {
            products::find_products(self.0.last(), missing).await?
        };
        Ok(Uncached { stock, products })
    }
}

/// Storefront: the current version of the active product with this handle.
///
/// # Errors
/// `product_not_found`, also for a draft or archived product.
pub async fn get_active(ctx: &Ctx, handle: &str) -> Result<(ProductVersion, StorefrontSnapshot), RichError> {
    ctx.authorize(Action::ReadProduct)?;
    let not_found = || {
        RichError::new(ErrorKind::NotFound, "no active product with this handle")
            .with_code("product_not_found")
            .with_public("There is no such product.")
    };
    let handle = Handle::parse(handle).ok_or_else(not_found)?;
    let mut tx = ctx.read().await?;
    let found = storefront::find_active(&mut tx, handle.as_str()).await?;
    Ok((found.ok_or_else(not_found)?, StorefrontSnapshot(tx)))
}

/// Storefront: the current versions of a page of active products, newest first.
///
/// # Errors
/// Database errors.
pub async fn list_active(
    ctx: &Ctx,
    after: Option<ProductId>,
    limit: Limit,
) -> Result<(Page<ProductVersion>, StorefrontSnapshot), RichError> {
    ctx.authorize(Action::ListProducts)?;
    let mut tx = ctx.read().await?;
    let page = storefront::list_active(&mut tx, after, limit).await?;
    Ok((page, StorefrontSnapshot(tx)))
}
