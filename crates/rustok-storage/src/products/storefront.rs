//! What the storefront shows: the version of each active product, its stock, and the full products that the caller
//! has not cached.
//!
//! A version of a product never changes except for its stock. A cached product therefore needs only a check of its
//! version, and the current stock.

use super::page::{reader, walk};
use super::{Lifecycle, PRODUCTS, ProductFilter, VARIANTS};
use jiff::Timestamp;
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_commerce::product::ProductStatus;
use rustok_core::page::{Limit, ListKey, Page};
use rustok_db::walk::key_values;
use rustok_db::{Row, StoreError, TenantTx, Value, pad, placeholders};
use std::collections::HashMap;

const COLUMNS: &str = "p.id, p.version, p.updated_at";

/// The version of a product. The time is part of it: version numbers may be reused after a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProductVersion {
    /// The product.
    pub id: ProductId,
    /// The version number.
    pub version: i64,
    /// The save time of the version.
    pub updated_at: Timestamp,
}

/// Available pieces of each tracked variant.
pub type Stock = HashMap<VariantId, i64>;

fn version(row: &Row<'_>) -> Result<ProductVersion, StoreError> {
    Ok(ProductVersion {
        id: row.get("id")?,
        version: row.get("version")?,
        updated_at: row.get("updated_at")?,
    })
}

/// The versions of a page of active products, newest first. Must not be the last query of its transaction.
///
/// # Errors
/// Database errors.
pub async fn list_active(
    tx: &mut TenantTx,
    after: Option<ProductId>,
    limit: Limit,
) -> Result<Page<ProductVersion>, StoreError> {
    let filter = ProductFilter {
        status: Some(ProductStatus::Active),
        ..ProductFilter::default()
    };
    let after = after.map(|id| key_values(ListKey::Id(id)));
    let reader = reader(COLUMNS, version);
    let found = reader.along(tx, &walk(&filter), after, limit).await?;
    Ok(Page::cut(found, limit, |found| ListKey::Id(found.id)))
}

/// The version of the active product with this handle. Must not be the last query of its transaction.
///
/// # Errors
/// Database errors.
pub async fn find_active(tx: &mut TenantTx, handle: &str) -> Result<Option<ProductVersion>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM products p \
         WHERE p.tenant_id = $1 AND p.handle = $2 AND p.status = 'active' AND p.{}",
        Lifecycle::InUse.of_rows()
    );
    let values = [tx.tenant().into(), handle.into()];
    let found = tx.db.fetch_first(PRODUCTS, &sql, &values, version).await?;
    Ok(found.into_iter().next())
}

/// The stock of all variants of these products; may include deleted variants.
///
/// # Errors
/// Database errors.
pub async fn find_stock(tx: &mut TenantTx, products: &[ProductId]) -> Result<Stock, StoreError> {
    let mut values: Vec<Value<'_>> = products.iter().map(|id| (*id).into()).collect();
    pad(&mut values);
    let sql = format!(
        "SELECT s.variant_id, s.available FROM variants v \
         JOIN stock_levels s ON s.tenant_id = v.tenant_id AND s.variant_id = v.id \
         WHERE v.tenant_id = $1 AND v.product_id IN ({})",
        placeholders(2, values.len())
    );
    values.insert(0, tx.tenant().into());
    let level = |row: &Row<'_>| Ok((row.get("variant_id")?, row.get("available")?));
    let levels = tx.db.fetch(VARIANTS, &sql, &values, level).await?;
    Ok(levels.into_iter().collect())
}
