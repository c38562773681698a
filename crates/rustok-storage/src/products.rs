//! Products with their variants, prices and stock. A page takes two statements regardless of its size, more if
//! products are large.
//!
//! A product is read completely or not at all, and an inconsistent row is an error. Deleted products are returned
//! only on request.

mod page;
pub mod storefront;
mod variant_row;
mod write;

pub use page::{find_products, list_products};
pub use write::{
    advance_product, delete_product, find_taken_handles, insert_product, lock_product,
    lock_product_of_variant, undelete_product, update_product,
};

use jiff::Timestamp;
use rustok_commerce::ids::{ImageId, ProductId, VariantId};
use rustok_commerce::price::Price;
use rustok_commerce::product::{Handle, Image, Product, ProductStatus};
use rustok_commerce::variant::Variant;
use rustok_core::money::{Currency, Money};
use rustok_db::walk::standing;
use rustok_db::{Json, Row, StoreError, TenantTx, Value, pad, placeholders};
use rustok_text::words::Query;
use serde::{Deserialize, Serialize};

const PRODUCTS: &str = "products";
const VARIANTS: &str = "variants";
/// The columns of a product except those that may be large.
const SMALL_COLUMNS: &str = "p.id, p.handle, p.status, p.title, p.vendor, p.product_type, p.options, p.created_at, \
                             p.updated_at, p.deleted_at, p.version";

/// The filter of a list of products; `None` means no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductFilter {
    /// Products in this status.
    pub status: Option<ProductStatus>,
    /// Products with these words in title or vendor.
    pub query: Option<Query>,
    /// Products of this vendor, as `rustok_text::plain::folded` makes names equal.
    pub vendor: Option<String>,
    /// Products changed at or after this time.
    pub updated_after: Option<Timestamp>,
    /// Products changed before this time.
    pub updated_before: Option<Timestamp>,
    /// Deleted products instead of those in use.
    pub deleted: bool,
}

/// The columns of a product that may be large.
#[derive(Default)]
struct Large {
    description_html: String,
    tags: Vec<String>,
    images: Vec<Image>,
}

/// An image in the JSON column.
#[derive(Serialize, Deserialize)]
struct ImageRow {
    id: ImageId,
    url: String,
    alt: Option<String>,
}

fn decode(row: &Row<'_>) -> Result<Product, StoreError> {
    decode_with(row, large(row)?)
}

fn large(row: &Row<'_>) -> Result<Large, StoreError> {
    let images: Vec<ImageRow> = row.get::<Json<_>>("images")?.0;
    let image = |(position, image): (i64, ImageRow)| Image {
        id: image.id,
        url: image.url,
        alt: image.alt,
        position,
    };
    Ok(Large {
        description_html: row.get("description_html")?,
        tags: row.get::<Json<_>>("tags")?.0,
        images: (0..).zip(images).map(image).collect(),
    })
}

fn decode_with(row: &Row<'_>, large: Large) -> Result<Product, StoreError> {
    let handle: String = row.get("handle")?;
    let status: String = row.get("status")?;
    Ok(Product {
        id: row.get("id")?,
        handle: Handle::parse(&handle).ok_or_else(|| row.inconsistent("handle", "not a handle"))?,
        status: status.parse().map_err(|_| row.inconsistent("status", &status))?,
        title: row.get("title")?,
        description_html: large.description_html,
        vendor: row.get("vendor")?,
        product_type: row.get("product_type")?,
        tags: large.tags,
        options: row.get::<Json<_>>("options")?.0,
        images: large.images,
        variants: Vec::new(),
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        deleted_at: row.get("deleted_at")?,
    })
}

/// Finds a product by id.
///
/// # Errors
/// Database errors.
pub async fn find_product(tx: &mut TenantTx, id: ProductId) -> Result<Option<Product>, StoreError> {
    find(tx, "p.id = $2", id.into(), Lifecycle::InUse).await
}

/// Finds the product that has this variant.
///
/// # Errors
/// Database errors.
pub async fn find_product_of_variant(
    tx: &mut TenantTx,
    id: VariantId,
) -> Result<Option<Product>, StoreError> {
    let condition = "p.id = (SELECT product_id FROM variants v \
                     WHERE v.tenant_id = $1 AND v.id = $2 AND v.deleted_at IS NULL)";
    find(tx, condition, id.into(), Lifecycle::InUse).await
}

/// Finds a deleted product, with the variants that it had when it was deleted.
///
/// # Errors
/// Database errors.
pub async fn find_deleted_product(tx: &mut TenantTx, id: ProductId) -> Result<Option<Product>, StoreError> {
    find(tx, "p.id = $2", id.into(), Lifecycle::Deleted).await
}

impl ProductFilter {
    /// Whether the list is sorted by time of change, latest first: when it is filtered by that time and has no search
    /// query.
    #[must_use]
    pub const fn by_change(&self) -> bool {
        self.query.is_none() && (self.updated_after.is_some() || self.updated_before.is_some())
    }

    const fn standing(&self) -> Lifecycle {
        if self.deleted {
            Lifecycle::Deleted
        } else {
            Lifecycle::InUse
        }
    }
}

/// Whether to find products in use or deleted ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifecycle {
    InUse,
    Deleted,
}

impl Lifecycle {
    /// The condition on the row of the product.
    const fn of_rows(self) -> &'static str {
        standing(matches!(self, Self::Deleted))
    }

    /// The condition on the variant `v`. A product and its current variants get the same deletion time.
    const fn of_variants(self) -> &'static str {
        match self {
            Self::InUse => "v.deleted_at IS NULL",
            Self::Deleted => {
                "v.deleted_at = (SELECT p.deleted_at FROM products p \
                 WHERE p.tenant_id = v.tenant_id AND p.id = v.product_id)"
            }
        }
    }
}

async fn find(
    tx: &mut TenantTx,
    condition: &str,
    value: Value<'_>,
    standing: Lifecycle,
) -> Result<Option<Product>, StoreError> {
    let sql = format!(
        "SELECT {SMALL_COLUMNS}, p.description_html, p.tags, p.images FROM products p \
         WHERE p.tenant_id = $1 AND {condition} AND p.{}",
        standing.of_rows()
    );
    let mut found = tx
        .db
        .fetch_first(PRODUCTS, &sql, &[tx.tenant().into(), value], decode)
        .await?;
    add_variants(tx, &mut found, standing, true).await?;
    Ok(found.pop())
}

/// One row per variant and currency, joined with its stock.
struct VariantRow {
    product_id: ProductId,
    variant: Variant,
    price: Option<Price>,
}

fn decode_variant(row: &Row<'_>) -> Result<VariantRow, StoreError> {
    Ok(VariantRow {
        product_id: row.get("product_id")?,
        variant: variant_row::decode(row)?,
        price: decode_price(row)?,
    })
}

fn decode_price(row: &Row<'_>) -> Result<Option<Price>, StoreError> {
    let Some(currency) = row.get::<Option<Currency>>("currency")? else {
        return Ok(None);
    };
    Ok(Some(Price {
        amount: Money::from_minor(row.get("amount_minor")?, currency),
        compare_at: row
            .get::<Option<i64>>("compare_at_minor")?
            .map(|minor| Money::from_minor(minor, currency)),
    }))
}

/// Selects the variants of `count` products with stock and prices, unsorted: sorting so few rows is cheaper here than
/// in the database.
fn variants_statement(count: usize, standing: Lifecycle) -> String {
    format!(
        "SELECT v.product_id, v.id, {}, s.available, s.allow_backorder, r.currency, r.amount_minor, r.compare_at_minor \
         FROM variants v \
         LEFT JOIN stock_levels s ON s.tenant_id = v.tenant_id AND s.variant_id = v.id \
         LEFT JOIN prices r ON r.tenant_id = v.tenant_id AND r.variant_id = v.id \
         WHERE v.tenant_id = $1 AND v.product_id IN ({}) AND {}",
        variant_row::selected("v"),
        placeholders(2, count),
        standing.of_variants()
    )
}

/// Reads the variants of all these products in one statement. `last` marks the last query of the transaction.
async fn add_variants(
    tx: &mut TenantTx,
    products: &mut [Product],
    standing: Lifecycle,
    last: bool,
) -> Result<(), StoreError> {
    if products.is_empty() {
        return Ok(());
    }
    let mut values: Vec<Value<'_>> = products.iter().map(|product| product.id.into()).collect();
    pad(&mut values);
    let sql = variants_statement(values.len(), standing);
    values.insert(0, tx.tenant().into());
    let rows = if last {
        tx.db.fetch(VARIANTS, &sql, &values, decode_variant).await
    } else {
        tx.db.fetch_first(VARIANTS, &sql, &values, decode_variant).await
    };
    let mut rows = rows?;
    rows.sort_by_key(|row| (row.product_id, row.variant.position, row.variant.id));
    let mut current = 0;
    for row in rows {
        // Rows are sorted by product, so this is nearly always the product of the previous row.
        if products[current].id != row.product_id {
            let found = products.iter().position(|product| product.id == row.product_id);
            let Some(at) = found else { continue };
            current = at;
        }
        let variants = &mut products[current].variants;
        if variants.last().is_none_or(|last| last.id != row.variant.id) {
            variants.push(row.variant);
        }
        if let (Some(variant), Some(price)) = (variants.last_mut(), row.price) {
            variant.prices.set(price);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
