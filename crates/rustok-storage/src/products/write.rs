//! Writes products: takes the whole product and writes only the differences.
//!
//! Every change of a product checks its version first. Stock levels are never changed here, except that a new variant
//! may start with one.

use super::variant_row::{self, VariantColumns};
use super::{ImageRow, PRODUCTS, VARIANTS};
use crate::inventory::{self, LevelChange, StockLevel};
use crate::outbox::insert_event;
use crate::search::{self, Kind};
use jiff::Timestamp;
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_commerce::price::Price;
use rustok_commerce::product::{Handle, Image, Product};
use rustok_commerce::variant::Variant;
use rustok_core::ids::TenantId;
use rustok_db::{Statement, StoreError, TenantTx, Value, assignments, params, placeholders};
use rustok_events::Event;
use rustok_text::plain::folded;

const PRICES: &str = "prices";

/// Which of these handles belong to a product other than `except`.
///
/// # Errors
/// Database errors.
pub async fn find_taken_handles(
    tx: &mut TenantTx,
    handles: &[Handle],
    except: Option<ProductId>,
) -> Result<Vec<String>, StoreError> {
    let mut values = vec![Value::from(tx.tenant()), Value::from(except)];
    values.extend(handles.iter().map(|handle| Value::from(handle.as_str())));
    let sql = format!(
        "SELECT handle FROM products WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id <> $2::uuid) \
         AND handle IN ({}) AND deleted_at IS NULL",
        placeholders(3, handles.len())
    );
    tx.db
        .fetch(PRODUCTS, &sql, &values, |row| row.get("handle"))
        .await
}

/// Locks a product until the end of the transaction: nobody else can change it or start to track its variants; orders
/// are not blocked. Returns whether it exists.
///
/// # Errors
/// Database errors.
pub async fn lock_product(tx: &mut TenantTx, id: ProductId) -> Result<bool, StoreError> {
    let found = lock(tx, "p.id = $2", id.into()).await?;
    Ok(found.is_some())
}

/// As [`lock_product`], by one of the product's variants. Returns the id of the product.
///
/// # Errors
/// Database errors.
pub async fn lock_product_of_variant(
    tx: &mut TenantTx,
    id: VariantId,
) -> Result<Option<ProductId>, StoreError> {
    let condition = "p.id = (SELECT v.product_id FROM variants v \
                     WHERE v.tenant_id = $1 AND v.id = $2 AND v.deleted_at IS NULL)";
    lock(tx, condition, id.into()).await
}

async fn lock(tx: &mut TenantTx, condition: &str, value: Value<'_>) -> Result<Option<ProductId>, StoreError> {
    // SQLite needs no row lock: it has a single writer. NO KEY allows foreign key references by orders meanwhile.
    let lock = if tx.db.is_postgres() {
        "FOR NO KEY UPDATE OF p"
    } else {
        ""
    };
    let sql = format!(
        "SELECT p.id FROM products p WHERE p.tenant_id = $1 AND {condition} AND p.deleted_at IS NULL {lock}"
    );
    let values = [tx.tenant().into(), value];
    tx.db
        .fetch_optional(PRODUCTS, &sql, &values, |row| row.get("id"))
        .await
}

/// Increments the version of a locked product, for a change that is written elsewhere. `version` is the current one.
///
/// # Errors
/// [`StoreError::Stale`] if the product has another version.
pub async fn advance_product(
    tx: &mut TenantTx,
    id: ProductId,
    version: i64,
    now: Timestamp,
    event: &Event,
) -> Result<(), StoreError> {
    let advance = Statement::one(
        PRODUCTS,
        "UPDATE products SET version = version + 1, updated_at = $4 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL",
        params![tx.tenant(), id, version, now],
    );
    tx.db
        .execute_all(&[advance, insert_event(tx.tenant(), event)])
        .await
}

/// Inserts a product with everything that belongs to it. `movements` are the first ledger entries of its tracked
/// variants. Returns `false`, and writes nothing, if another product has the handle.
///
/// # Errors
/// Database errors.
pub async fn insert_product(
    tx: &mut TenantTx,
    product: &Product,
    movements: &[LevelChange],
    event: &Event,
) -> Result<bool, StoreError> {
    let search_text = search_text(product);
    let words = words(tx, product.id, "", &search_text);
    let sql = format!(
        "INSERT INTO products (tenant_id, id, created_at, updated_at, version, {}) VALUES ($1, $2, $3, $3, 1, {}) \
         ON CONFLICT (tenant_id, handle) WHERE deleted_at IS NULL DO NOTHING",
        PRODUCT_COLUMNS.join(", "),
        placeholders(4, PRODUCT_COLUMNS.len())
    );
    let mut values = params![tx.tenant(), product.id, product.created_at].to_vec();
    values.extend(product_values(product, &search_text));
    let inserted = tx.db.execute(PRODUCTS, &sql, &values).await?;
    if inserted == 0 {
        return Ok(false);
    }
    let mut statements = words;
    add_variants(
        tx.tenant(),
        product,
        &product.variants.iter().collect::<Vec<_>>(),
        &mut statements,
    );
    statements.extend(
        movements
            .iter()
            .map(|movement| inventory::insert_movement(tx.tenant(), movement)),
    );
    statements.push(insert_event(tx.tenant(), event));
    tx.db.execute_all(&statements).await?;
    Ok(true)
}

/// Changes the product `before` into `after`, which has the next version. `movements` are the first ledger entries of
/// new tracked variants; the stock levels of remaining variants do not change.
///
/// # Errors
/// [`StoreError::Stale`] if the product was changed concurrently since `before` was read, if backorders are to end
/// for a variant that owes pieces, or if a variant to delete was untracked and is tracked now; [`StoreError::Taken`]
/// with `products(handle)`.
pub async fn update_product(
    tx: &mut TenantTx,
    before: &Product,
    after: &Product,
    movements: &[LevelChange],
    event: &Event,
) -> Result<(), StoreError> {
    let search_text_after = search_text(after);
    let mut statements = vec![update_row(tx.tenant(), before.version, after, &search_text_after)];
    statements.extend(words(tx, after.id, &search_text(before), &search_text_after));
    let (mut new, mut stays): (Vec<&Variant>, Vec<(&Variant, &Variant)>) = Default::default();
    for variant in &after.variants {
        match before.variants.iter().find(|old| old.id == variant.id) {
            None => new.push(variant),
            Some(old) => stays.push((old, variant)),
        }
    }
    add_variants(tx.tenant(), after, &new, &mut statements);
    for gone in before
        .variants
        .iter()
        .filter(|old| after.variants.iter().all(|variant| variant.id != old.id))
    {
        statements.push(delete_variant(tx.tenant(), gone, after.updated_at));
    }
    // Stock levels are locked in order of variant id everywhere, which prevents deadlocks.
    stays.sort_by_key(|(_, variant)| variant.id);
    for (old, variant) in stays {
        change_variant(tx.tenant(), old, variant, after.updated_at, &mut statements);
    }
    statements.extend(
        movements
            .iter()
            .map(|movement| inventory::insert_movement(tx.tenant(), movement)),
    );
    statements.push(insert_event(tx.tenant(), event));
    tx.db.execute_all(&statements).await
}

/// Soft-deletes a product and its variants; frees its handle.
///
/// # Errors
/// [`StoreError::Stale`] if the product was changed since this version.
pub async fn delete_product(
    tx: &mut TenantTx,
    id: ProductId,
    version: i64,
    now: Timestamp,
    event: &Event,
) -> Result<(), StoreError> {
    let product = Statement::one(
        PRODUCTS,
        "UPDATE products SET deleted_at = $4, updated_at = $4, version = version + 1 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL",
        params![tx.tenant(), id, version, now],
    );
    let variants = Statement::any(
        VARIANTS,
        "UPDATE variants SET deleted_at = $3 WHERE tenant_id = $1 AND product_id = $2 AND deleted_at IS NULL",
        params![tx.tenant(), id, now],
    );
    tx.db
        .execute_all(&[product, variants, insert_event(tx.tenant(), event)])
        .await
}

/// Restores a deleted product with the variants that it had, under this handle.
///
/// # Errors
/// [`StoreError::Stale`] if the product was changed since `before` was read; [`StoreError::Taken`] with
/// `products(handle)`.
pub async fn undelete_product(
    tx: &mut TenantTx,
    before: &Product,
    handle: &Handle,
    now: Timestamp,
    event: &Event,
) -> Result<(), StoreError> {
    // Variants first: they are recognised by the deletion time of the product, which the second statement clears.
    let variants = Statement::any(
        VARIANTS,
        "UPDATE variants SET deleted_at = NULL WHERE tenant_id = $1 AND product_id = $2 AND deleted_at = $3",
        params![tx.tenant(), before.id, before.deleted_at],
    );
    let product = Statement::one(
        PRODUCTS,
        "UPDATE products SET deleted_at = NULL, handle = $4, updated_at = $5, version = version + 1 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NOT NULL",
        params![tx.tenant(), before.id, before.version, handle.as_str(), now],
    );
    tx.db
        .execute_all(&[variants, product, insert_event(tx.tenant(), event)])
        .await
}

fn update_row<'a>(tenant: TenantId, version: i64, after: &'a Product, search_text: &'a str) -> Statement<'a> {
    let sql = format!(
        "UPDATE products SET updated_at = $4, version = version + 1, {} \
         WHERE tenant_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL",
        assignments(&PRODUCT_COLUMNS, 5)
    );
    let mut values = params![tenant, after.id, version, after.updated_at].to_vec();
    values.extend(product_values(after, search_text));
    Statement::one(PRODUCTS, sql, &values)
}

/// The columns of a product's own row that an edit can change.
const PRODUCT_COLUMNS: [&str; 11] = [
    "handle",
    "status",
    "title",
    "description_html",
    "vendor",
    "product_type",
    "tags",
    "options",
    "images",
    "search_text",
    "vendor_folded",
];

/// The values of [`PRODUCT_COLUMNS`]. Every field of a product is named here: a new one is stored, or left out on
/// purpose.
fn product_values<'a>(product: &'a Product, search_text: &'a str) -> [Value<'a>; 11] {
    let Product {
        id: _,
        handle,
        status,
        title,
        description_html,
        vendor,
        product_type,
        tags,
        options,
        images,
        variants: _,
        version: _,
        created_at: _,
        updated_at: _,
        deleted_at: _,
    } = product;
    let image = |image: &Image| ImageRow {
        id: image.id,
        url: image.url.clone(),
        alt: image.alt.clone(),
    };
    let images: Vec<ImageRow> = images.iter().map(image).collect();
    [
        handle.as_str().into(),
        status.as_str().into(),
        Value::from(title),
        Value::from(description_html),
        vendor.as_deref().into(),
        product_type.as_deref().into(),
        Value::from(&serde_json::json!(tags)),
        Value::from(&serde_json::json!(options)),
        Value::from(&serde_json::json!(images)),
        search_text.into(),
        search_text.split_once('\n').map(|(_, vendor)| vendor).into(),
    ]
}

/// Title and vendor on separate lines, so that no search text matches across both; the second one by itself is
/// `vendor_folded`.
fn search_text(product: &Product) -> String {
    let mut text = folded(&product.title);
    if let Some(vendor) = &product.vendor {
        text.push('\n');
        text.push_str(&folded(vendor));
    }
    text
}

/// The statements that update the search words of the product.
fn words(tx: &TenantTx, id: ProductId, before: &str, after: &str) -> Vec<Statement<'static>> {
    let change = (before, after);
    search::write(
        tx.tenant(),
        Kind::Product,
        id.as_uuid(),
        "",
        change,
        tx.db.is_postgres(),
    )
}

/// Grouped by table, which keeps the number of statements small.
fn add_variants<'a>(
    tenant: TenantId,
    product: &'a Product,
    variants: &[&'a Variant],
    statements: &mut Vec<Statement<'a>>,
) {
    statements.extend(
        variants
            .iter()
            .map(|variant| insert_variant(tenant, product.id, variant)),
    );
    for variant in variants {
        let prices = variant.prices.as_slice().iter();
        statements.extend(prices.map(|price| insert_price(tenant, variant.id, price)));
    }
    for variant in variants {
        let Some(available) = variant.available else {
            continue;
        };
        let level = StockLevel {
            available,
            allow_backorder: variant.allow_backorder,
        };
        statements.push(inventory::insert_level(
            tenant,
            variant.id,
            level,
            product.updated_at,
        ));
    }
}

fn insert_variant(tenant: TenantId, product: ProductId, variant: &Variant) -> Statement<'_> {
    let sql = format!(
        "INSERT INTO variants (tenant_id, id, product_id, {}) VALUES ({})",
        variant_row::COLUMNS.join(", "),
        placeholders(1, 3 + variant_row::COLUMNS.len())
    );
    let mut values = params![tenant, variant.id, product].to_vec();
    values.extend(VariantColumns::from(variant).values());
    Statement::one(VARIANTS, sql, &values)
}

fn change_variant<'a>(
    tenant: TenantId,
    old: &Variant,
    variant: &'a Variant,
    now: Timestamp,
    statements: &mut Vec<Statement<'a>>,
) {
    let columns = VariantColumns::from(variant);
    if columns != VariantColumns::from(old) {
        let sql = format!(
            "UPDATE variants SET {} WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
            assignments(&variant_row::COLUMNS, 3)
        );
        let mut params = params![tenant, variant.id].to_vec();
        params.extend(columns.values());
        statements.push(Statement::one(VARIANTS, sql, &params));
    }
    let (before, after) = (old.prices.as_slice(), variant.prices.as_slice());
    for price in after.iter().filter(|price| !before.contains(price)) {
        statements.push(set_price(tenant, variant.id, price));
    }
    for gone in before
        .iter()
        .filter(|price| variant.prices.find(price.amount.currency()).is_none())
    {
        statements.push(Statement::one(
            PRICES,
            "DELETE FROM prices WHERE tenant_id = $1 AND variant_id = $2 AND currency = $3",
            params![tenant, variant.id, gone.amount.currency().code()],
        ));
    }
    if old.available.is_some() && old.allow_backorder != variant.allow_backorder {
        statements.push(inventory::update_backorder(
            tenant,
            variant.id,
            variant.allow_backorder,
            now,
        ));
    }
}

/// Inserts the price of a variant that has none in this currency.
fn insert_price(tenant: TenantId, variant: VariantId, price: &Price) -> Statement<'static> {
    Statement::one(
        PRICES,
        "INSERT INTO prices (tenant_id, variant_id, currency, amount_minor, compare_at_minor) \
         VALUES ($1, $2, $3, $4, $5)",
        &price_values(tenant, variant, price),
    )
}

fn set_price(tenant: TenantId, variant: VariantId, price: &Price) -> Statement<'static> {
    Statement::one(
        PRICES,
        "INSERT INTO prices (tenant_id, variant_id, currency, amount_minor, compare_at_minor) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, variant_id, currency) DO UPDATE \
         SET amount_minor = excluded.amount_minor, compare_at_minor = excluded.compare_at_minor",
        &price_values(tenant, variant, price),
    )
}

fn price_values(
    tenant: TenantId,
    variant: VariantId,
    Price { amount, compare_at }: &Price,
) -> [Value<'static>; 5] {
    [
        tenant.into(),
        variant.into(),
        amount.currency().code().into(),
        amount.minor().into(),
        compare_at.map(|money| money.minor()).into(),
    ]
}

/// If the variant was untracked when it was read, it must still be: otherwise its stock level would be lost silently.
fn delete_variant(tenant: TenantId, variant: &Variant, now: Timestamp) -> Statement<'static> {
    let sql = if variant.available.is_some() {
        "UPDATE variants SET deleted_at = $3 WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL"
    } else {
        "UPDATE variants SET deleted_at = $3 WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM stock_levels s WHERE s.tenant_id = $1 AND s.variant_id = $2)"
    };
    Statement::one(VARIANTS, sql, params![tenant, variant.id, now])
}
