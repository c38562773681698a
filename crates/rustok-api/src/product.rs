//! How a product looks: in the store, and to those who manage it.
//!
//! Views borrow from the product; they decide nothing.

mod fields;
pub mod rendered;
mod variant;

pub use fields::{AdjustmentFields, ProductFields, StockFields};
pub use variant::{PriceView, StoreVariantView, VariantDetailView, VariantPatch, VariantView};

use super::removed::RemovalView;
use rustok_app::catalog::ShownPrice;
use rustok_commerce::product::{Image, Product};
use rustok_core::page::Page;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// An option that variants differ in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductOption)]
pub struct OptionView<'a> {
    #[schema(example = "Size")]
    name: &'a str,
    /// Each value that a variant has.
    #[schema(example = json!(["S", "M"]))]
    values: Vec<&'a str>,
}

/// A picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProductImage)]
pub struct ImageView<'a> {
    id: Uuid,
    url: &'a str,
    /// What it shows, for those who cannot see it.
    alt: Option<&'a str>,
}

/// An active product as the store shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoreProduct)]
pub struct StoreProductView<'a> {
    id: Uuid,
    /// Names it in addresses.
    #[schema(example = "green-tea")]
    handle: &'a str,
    /// `active`.
    status: &'static str,
    title: &'a str,
    /// Sanitised HTML.
    description_html: &'a str,
    vendor: Option<&'a str>,
    r#type: Option<&'a str>,
    tags: &'a [String],
    options: Vec<OptionView<'a>>,
    images: Vec<ImageView<'a>>,
    variants: Vec<StoreVariantView<'a>>,
    version: i64,
}

impl<'a> StoreProductView<'a> {
    /// The product with these prices, as if no variant were counted.
    #[must_use]
    pub fn without_stock(product: &'a Product, shown: ShownPrice) -> Self {
        let variants = product.variants.iter();
        Self {
            id: product.id.as_uuid(),
            handle: product.handle.as_str(),
            status: product.status.as_str(),
            title: &product.title,
            description_html: &product.description_html,
            vendor: product.vendor.as_deref(),
            r#type: product.product_type.as_deref(),
            tags: &product.tags,
            options: options(product),
            images: product.images.iter().map(image).collect(),
            variants: variants
                .map(|variant| StoreVariantView::without_stock(variant, shown))
                .collect(),
            version: product.version,
        }
    }
}

fn options(product: &Product) -> Vec<OptionView<'_>> {
    let names = product.options.iter().enumerate();
    names
        .map(|(index, name)| OptionView {
            name,
            values: product.option_values(index),
        })
        .collect()
}

fn image(image: &Image) -> ImageView<'_> {
    ImageView {
        id: image.id.as_uuid(),
        url: &image.url,
        alt: image.alt.as_deref(),
    }
}

/// A page of active products.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema of an answer that is put together from parts")]
pub struct StoreProductPage<'a> {
    items: Vec<StoreProductView<'a>>,
    /// What to send as `after` for the next page; `null` on the last one.
    next_cursor: Option<&'a str>,
}

/// A product as those see it who manage it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub struct ProductView<'a> {
    id: Uuid,
    /// Names it in addresses.
    #[schema(example = "green-tea")]
    handle: &'a str,
    /// `draft`, `active` or `archived`.
    status: &'static str,
    title: &'a str,
    /// Sanitised HTML.
    description_html: &'a str,
    vendor: Option<&'a str>,
    r#type: Option<&'a str>,
    tags: &'a [String],
    options: Vec<OptionView<'a>>,
    images: Vec<ImageView<'a>>,
    variants: Vec<VariantView<'a>>,
    /// RFC 3339, UTC.
    created_at: String,
    /// RFC 3339, UTC.
    updated_at: String,
    /// RFC 3339, UTC; `null` while it is in use.
    deleted_at: Option<String>,
    version: i64,
}

impl<'a> ProductView<'a> {
    /// The product with these prices.
    #[must_use]
    pub fn new(product: &'a Product, shown: ShownPrice) -> Self {
        Self {
            id: product.id.as_uuid(),
            handle: product.handle.as_str(),
            status: product.status.as_str(),
            title: &product.title,
            description_html: &product.description_html,
            vendor: product.vendor.as_deref(),
            r#type: product.product_type.as_deref(),
            tags: &product.tags,
            options: options(product),
            images: product.images.iter().map(image).collect(),
            variants: product
                .variants
                .iter()
                .map(|variant| VariantView::new(variant, shown))
                .collect(),
            created_at: product.created_at.to_string(),
            updated_at: product.updated_at.to_string(),
            deleted_at: product.deleted_at.map(|at| at.to_string()),
            version: product.version,
        }
    }
}

/// A product that was written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WrittenProduct)]
pub struct WrittenProductView<'a> {
    #[serde(flatten)]
    pub(super) product: &'a ProductView<'a>,
    /// What was taken out of the description. Not there if nothing was, or if it was not changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(super) removed: Vec<RemovalView<'a>>,
}

/// A page of products.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductPage<'a> {
    items: Vec<ProductView<'a>>,
    /// What to send as `after` for the next page; `null` on the last one.
    next_cursor: Option<&'a str>,
}

impl<'a> ProductPage<'a> {
    /// The page with these prices.
    #[must_use]
    pub fn new(page: &'a Page<Product>, shown: ShownPrice) -> Self {
        Self {
            items: page
                .items
                .iter()
                .map(|product| ProductView::new(product, shown))
                .collect(),
            next_cursor: page.next_cursor.as_deref(),
        }
    }
}
