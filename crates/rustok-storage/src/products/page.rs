//! A page of products: as many as were asked for, or as many as fit.
//!
//! Most products are small, and a page of them is two statements. A column that is large is left out by the first one
//! and read by itself, only for products that are on the page; and variants come for some products at a time, so that
//! never much more is read than is shown.

use super::{Large, PRODUCTS, ProductFilter, SMALL_COLUMNS, Standing, add_variants, decode_with, large};
use crate::error::StoreError;
use crate::row::Row;
use crate::tx::TenantTx;
use crate::value::{Value, pad, placeholders};
use rustok_commerce::product::Product;
use rustok_commerce::variant::Variant;
use rustok_core::ids::{ProductId, TenantId};
use rustok_core::page::{Limit, MAX_PAGE_BYTES, Page, fitting};
use rustok_text::plain::folded;
use std::collections::HashMap;

/// From here on a column is large, in bytes: so many of a hundred products are a page.
const SMALL_BYTES: usize = MAX_PAGE_BYTES / 128;
/// What a product and a variant take beside their texts, for most of them.
const PRODUCT_BYTES: usize = 512;
const VARIANT_BYTES: usize = 256;
/// For how many products variants are read at first. How many more at once, those tell.
const FIRST_PRODUCTS: usize = 20;

/// A product without its variants, and perhaps without its large columns.
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

/// A page of products, newest first; `after` is the last one of the page before.
///
/// # Errors
/// Those of the database.
pub async fn list_products(
    tx: &mut TenantTx,
    filter: &ProductFilter,
    after: Option<ProductId>,
    limit: Limit,
) -> Result<Page<Product>, StoreError> {
    let (sql, values) = list_statement(tx.tenant, filter, after, limit, tx.db.is_postgres());
    let found = tx.db.fetch_first(PRODUCTS, &sql, &values, found).await?;
    let key = |found: &Found| found.product.id;
    let mut page = Page::cut(found, limit, key);
    page.shorten(fitting(page.items.iter().map(|found| found.bytes)), key);
    add_large(tx, &mut page.items).await?;
    let mut sizes: Vec<usize> = page.items.iter().map(|found| found.bytes).collect();
    let mut page = page.map(|found| found.product);
    let count = add_all_variants(tx, &mut page.items, &mut sizes, filter.standing()).await?;
    page.shorten(count, |product| product.id);
    Ok(page)
}

/// Reads what the first statement left out.
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
    ids.insert(0, tx.tenant.into());
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

/// Gives the products their variants, as long as the page has room: for how many of them. `sizes` are those of the
/// products before.
async fn add_all_variants(
    tx: &mut TenantTx,
    products: &mut [Product],
    sizes: &mut [usize],
    standing: Standing,
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
        // Twice as many as would fit if they are like these.
        let mean = (so_far.sum::<usize>() / done).max(1);
        next = (2 * MAX_PAGE_BYTES / mean).max(1);
    }
    Ok(done)
}

/// About how many bytes a variant takes on a page.
fn bytes(variant: &Variant) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let options: usize = variant.options.iter().map(String::len).sum();
    VARIANT_BYTES + variant.title.len() + text(&variant.sku) + text(&variant.barcode) + options
}

/// Only the conditions that were asked for stand in the statement, so that each combination has a plan of its own.
pub(super) fn list_statement(
    tenant: TenantId,
    filter: &ProductFilter,
    after: Option<ProductId>,
    limit: Limit,
    is_postgres: bool,
) -> (String, Vec<Value<'static>>) {
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
    let mut sql = format!(
        "SELECT {SMALL_COLUMNS}, {} FROM products p WHERE p.tenant_id = $1 AND {}",
        large.join(", "),
        filter.standing().of_products()
    );
    let mut values = vec![Value::from(tenant)];
    let mut add = |before: &str, value: Option<Value<'static>>, behind: &str| {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" {before} ${}{behind}", values.len()));
        }
    };
    add(
        "AND p.status =",
        filter.status.map(|status| status.as_str().into()),
        "",
    );
    add("AND p.vendor =", filter.vendor.clone().map(Value::from), "");
    add("AND p.updated_at >=", filter.updated_after.map(Value::from), "");
    add("AND p.updated_at <", filter.updated_before.map(Value::from), "");
    let pattern = filter.text.as_deref().map(|text| Value::from(pattern(text)));
    add("AND p.search_text LIKE", pattern, " ESCAPE '!'");
    add("AND p.id <", after.map(Value::from), "");
    add("ORDER BY p.id DESC LIMIT", Some(limit.plus_one().into()), "");
    (sql, values)
}

/// "Contains `text`" for `LIKE ... ESCAPE '!'`.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in folded(text).chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
