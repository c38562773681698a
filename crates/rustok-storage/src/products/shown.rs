//! What the store shows: which version of each active product, its stock, and the whole products of those that somebody
//! has not kept.
//!
//! A version of a product never changes but for its stock. So whoever kept one needs to know only that it is still the
//! one to show, and how many pieces are left.

use super::page::{list_statement, walk, whole};
use super::{PRODUCTS, ProductFilter, Standing, VARIANTS};
use crate::error::StoreError;
use crate::row::Row;
use crate::tx::TenantTx;
use crate::value::{Value, pad, placeholders};
use jiff::Timestamp;
use rustok_commerce::product::{Product, ProductStatus};
use rustok_core::ids::{ProductId, VariantId};
use rustok_core::page::{Limit, ListKey, Page};
use std::collections::HashMap;

const COLUMNS: &str = "p.id, p.version, p.updated_at";

/// Which version of a product is shown. The time belongs to it: a number that was lost in a restore is given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProductVersion {
    /// The product.
    pub id: ProductId,
    /// The number of its version.
    pub version: i64,
    /// When that was saved.
    pub updated_at: Timestamp,
}

/// How many pieces are left, of each variant that is counted.
pub type Stock = HashMap<VariantId, i64>;

fn version(row: &Row<'_>) -> Result<ProductVersion, StoreError> {
    Ok(ProductVersion {
        id: row.get("id")?,
        version: row.get("version")?,
        updated_at: row.get("updated_at")?,
    })
}

/// Which versions a page of active products has, newest first. More is asked for afterwards.
///
/// # Errors
/// Those of the database.
pub async fn list_active(
    tx: &mut TenantTx,
    after: Option<ProductId>,
    limit: Limit,
) -> Result<Page<ProductVersion>, StoreError> {
    let filter = ProductFilter {
        status: Some(ProductStatus::Active),
        ..ProductFilter::default()
    };
    let after = after.map(ListKey::Id);
    let (sql, values) = list_statement(
        tx.tenant,
        COLUMNS,
        &walk(&filter),
        after,
        limit,
        tx.db.is_postgres(),
    );
    let found = tx.db.fetch_first(PRODUCTS, &sql, &values, version).await?;
    Ok(Page::cut(found, limit, |found| ListKey::Id(found.id)))
}

/// Which version is shown of the active product with this handle. More is asked for afterwards.
///
/// # Errors
/// Those of the database.
pub async fn find_active(tx: &mut TenantTx, handle: &str) -> Result<Option<ProductVersion>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM products p \
         WHERE p.tenant_id = $1 AND p.handle = $2 AND p.status = 'active' AND p.{}",
        Standing::InUse.of_rows()
    );
    let values = [tx.tenant.into(), handle.into()];
    let found = tx.db.fetch_first(PRODUCTS, &sql, &values, version).await?;
    Ok(found.into_iter().next())
}

/// The stock of all variants of these products. A variant that was deleted may be among them.
///
/// # Errors
/// Those of the database.
pub async fn find_stock(tx: &mut TenantTx, products: &[ProductId]) -> Result<Stock, StoreError> {
    let mut values: Vec<Value<'_>> = products.iter().map(|id| (*id).into()).collect();
    pad(&mut values);
    let sql = format!(
        "SELECT s.variant_id, s.available FROM variants v \
         JOIN stock_levels s ON s.tenant_id = v.tenant_id AND s.variant_id = v.id \
         WHERE v.tenant_id = $1 AND v.product_id IN ({})",
        placeholders(2, values.len())
    );
    values.insert(0, tx.tenant.into());
    let level = |row: &Row<'_>| Ok((row.get("variant_id")?, row.get("available")?));
    let levels = tx.db.fetch(VARIANTS, &sql, &values, level).await?;
    Ok(levels.into_iter().collect())
}

/// These products in this sequence, as many as fit on a page, one at least.
///
/// # Errors
/// Those of the database.
pub async fn find_products(tx: &mut TenantTx, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
    whole(tx, ids, Standing::InUse).await
}
