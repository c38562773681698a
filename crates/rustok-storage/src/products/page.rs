//! A page of products: the requested number, or as many as fit the size limit of a page.
//!
//! Most products are small: a page of them takes two statements. The first one leaves out large columns, which are
//! read separately and only for products on the page. Variants are read for a few products at a time, so that little
//! more is read than is returned.

use super::variant_row::bytes;
use super::{Large, Lifecycle, PRODUCTS, ProductFilter, SMALL_COLUMNS, add_variants, decode_with, large};
use crate::search::{self, Kind};
use rustok_commerce::ids::ProductId;
use rustok_commerce::product::Product;
use rustok_core::page::{Cursor, Limit, ListKey, MAX_PAGE_BYTES, Page, fitting};
use rustok_db::walk::{RowReader, Walk, key_values, standing, times};
use rustok_db::{Row, StoreError, TenantTx, Value, pad, placeholders};
use std::collections::HashMap;

/// Columns above this size in bytes are large; a hundred products with columns of this size fill about one page.
const SMALL_BYTES: usize = MAX_PAGE_BYTES / 128;
/// Approximate size of a product besides its texts, in bytes.
const PRODUCT_BYTES: usize = 512;
/// The number of products whose variants are read first. Later batches are sized by the average so far.
const FIRST_PRODUCTS: usize = 20;

/// A product without its variants, and without its large columns if `is_whole` is false.
struct Found {
    product: Product,
    is_whole: bool,
    bytes: usize,
}

fn found(row: &Row<'_>) -> Result<Found, StoreError> {
    let (mut bytes, mut is_whole) = (PRODUCT_BYTES, true);
    for column in ["description_html_bytes", "tags_bytes", "images_bytes"] {
        let size = usize::try_from(row.get::<i64>(column)?).unwrap_or_default();
        bytes += size;
        is_whole &= size <= SMALL_BYTES;
    }
    let large = if is_whole { large(row)? } else { Large::default() };
    Ok(Found {
        product: decode_with(row, large)?,
        is_whole,
        bytes,
    })
}

/// A page of products: newest first, or latest change first with [`ProductFilter::by_change`]. `after` is the key of
/// the last product of the previous page. With several filters only a bounded number of products is examined: the
/// page may be shorter than `limit` and still have a next one.
///
/// # Errors
/// Database errors.
pub async fn list_products(
    tx: &mut TenantTx,
    filter: &ProductFilter,
    after: Option<ListKey<ProductId>>,
    limit: Limit,
) -> Result<Page<Product>, StoreError> {
    let by_change = filter.by_change();
    let key = |product: &Product| match by_change {
        true => ListKey::Timed(product.updated_at, product.id),
        false => ListKey::Id(product.id),
    };
    let walk = walk(filter);
    let mut page = if filter.query.is_none() && walk.rest.is_empty() {
        let columns = columns(tx.db.is_postgres());
        let reader = reader(&columns, found);
        let found = reader.along(tx, &walk, after.map(key_values), limit).await?;
        Page::cut(found, limit, |found| key(&found.product))
    } else {
        let query = filter.query.as_ref();
        let keys = search::list_keys(tx, Kind::Product, query, &walk, after, limit).await?;
        let ids: Vec<ProductId> = keys.items.iter().map(|key| key.id()).collect();
        Page {
            items: find_all(tx, &ids).await?,
            next_cursor: keys.next_cursor,
        }
    };
    let next_cursor = page.next_cursor.take();
    let count = page.items.len();
    let items = complete(tx, page.items, filter.standing()).await?;
    let last = items.last().filter(|_| items.len() < count);
    Ok(Page {
        next_cursor: match last {
            Some(last) => Some(Cursor::encode(&key(last)).into_string()),
            None => next_cursor,
        },
        items,
    })
}

/// The products in use with these ids, in the given order: as many as fit on a page, at least one.
///
/// # Errors
/// Database errors.
pub async fn find_products(tx: &mut TenantTx, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
    let mut found = find_all(tx, ids).await?;
    found.retain(|found| found.product.deleted_at.is_none());
    complete(tx, found, Lifecycle::InUse).await
}

/// Reads large columns and variants of as many products as fit on a page.
async fn complete(
    tx: &mut TenantTx,
    mut found: Vec<Found>,
    standing: Lifecycle,
) -> Result<Vec<Product>, StoreError> {
    found.truncate(fitting(found.iter().map(|found| found.bytes)));
    add_large(tx, &mut found).await?;
    let mut sizes: Vec<usize> = found.iter().map(|found| found.bytes).collect();
    let mut products: Vec<Product> = found.into_iter().map(|found| found.product).collect();
    let count = add_all_variants(tx, &mut products, &mut sizes, standing).await?;
    products.truncate(count);
    Ok(products)
}

/// The index that a list walks along, and the conditions that are checked per entry.
pub(super) fn walk(filter: &ProductFilter) -> Walk<'_> {
    let status = filter.status.map(|status| ("status =", status.as_str().into()));
    let vendor = filter
        .vendor
        .as_deref()
        .map(|vendor| ("vendor_folded =", vendor.into()));
    let changed = times(
        ["updated_at >=", "updated_at <"],
        filter.updated_after,
        filter.updated_before,
    );
    // The index for products in use, and the number of leading conditions that it covers.
    let (in_use, ends) = match (&vendor, &status) {
        (Some(_), _) => ("products_vendor_idx", 1),
        (None, Some(_)) => ("products_status_idx", 1),
        (None, None) => ("products_in_use_idx", 0),
    };
    let mut equal: Vec<_> = vendor.into_iter().chain(status).collect();
    let by_change = filter.by_change();
    let (index, within, rest) = match (filter.deleted, by_change) {
        (true, true) => ("products_deleted_changed_idx", changed, equal),
        (false, true) => ("products_changed_idx", changed, equal),
        (true, false) => ("products_deleted_idx", Vec::new(), [equal, changed].concat()),
        (false, false) => {
            let others = equal.split_off(ends);
            (in_use, equal, [others, changed].concat())
        }
    };
    Walk {
        table: PRODUCTS,
        index,
        standing: Some(standing(filter.deleted)),
        within,
        rest,
        time: by_change.then_some("updated_at"),
    }
}

/// The products with these ids, in the given order.
async fn find_all(tx: &mut TenantTx, ids: &[ProductId]) -> Result<Vec<Found>, StoreError> {
    let columns = columns(tx.db.is_postgres());
    let reader = reader(&columns, found);
    reader.with_ids(tx, ids, |found| found.product.id).await
}

/// Reads the columns that the first statement left out.
async fn add_large(tx: &mut TenantTx, found: &mut [Found]) -> Result<(), StoreError> {
    let mut ids: Vec<Value<'_>> = found
        .iter()
        .filter(|found| !found.is_whole)
        .map(|found| found.product.id.into())
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    pad(&mut ids);
    let sql = format!(
        "SELECT p.id, p.description_html, p.tags, p.images FROM products p WHERE p.tenant_id = $1 AND p.id IN ({})",
        placeholders(2, ids.len())
    );
    ids.insert(0, tx.tenant().into());
    let read = |row: &Row<'_>| Ok((row.get::<ProductId>("id")?, large(row)?));
    let mut read: HashMap<ProductId, Large> = tx
        .db
        .fetch_first(PRODUCTS, &sql, &ids, read)
        .await?
        .into_iter()
        .collect();
    for Found { product, .. } in found {
        if let Some(large) = read.remove(&product.id) {
            product.description_html = large.description_html;
            product.tags = large.tags;
            product.images = large.images;
        }
    }
    Ok(())
}

/// Reads variants until the page is full; returns the number of products that fit. `sizes` are the sizes of the
/// products in bytes, to which those of the variants are added.
async fn add_all_variants(
    tx: &mut TenantTx,
    products: &mut [Product],
    sizes: &mut [usize],
    standing: Lifecycle,
) -> Result<usize, StoreError> {
    let (mut done, mut next) = (0, FIRST_PRODUCTS);
    while done < products.len() {
        let end = products.len().min(done + next);
        let last = end == products.len();
        let (Some(some), Some(sizes_of_some)) = (products.get_mut(done..end), sizes.get_mut(done..end))
        else {
            break;
        };
        add_variants(tx, some, standing, last).await?;
        for (product, size) in some.iter().zip(sizes_of_some) {
            *size += product.variants.iter().map(bytes).sum::<usize>();
        }
        done = end;
        let so_far = sizes.iter().take(done);
        let fits = fitting(so_far.clone().copied());
        if fits < done {
            return Ok(fits);
        }
        // Twice as many as would fill a page at the average size so far.
        let mean = (so_far.sum::<usize>() / done).max(1);
        next = (2 * MAX_PAGE_BYTES / mean).max(1);
    }
    Ok(done)
}

/// The columns of a product; columns that may be large only where they are small.
fn columns(is_postgres: bool) -> String {
    let large = ["description_html", "tags", "images"].map(|column| {
        let bytes = if is_postgres {
            format!("octet_length(p.{column}::text)::bigint")
        } else {
            format!("octet_length(p.{column})")
        };
        format!(
            "{bytes} AS {column}_bytes, CASE WHEN {bytes} <= {SMALL_BYTES} THEN p.{column} END AS {column}"
        )
    });
    format!("{SMALL_COLUMNS}, {}", large.join(", "))
}

/// Reads these columns of products `p`.
pub(super) const fn reader<T>(
    columns: &str,
    read: fn(&Row<'_>) -> Result<T, StoreError>,
) -> RowReader<'_, T> {
    RowReader {
        table: PRODUCTS,
        alias: "p",
        columns,
        joins: "",
        read,
    }
}
