//! What a shop's people look at first: orders that wait for them, stock that runs low, and what was done lately.
//!
//! Each function is one statement with a bound, whatever the amount of data.

use crate::counted::{Counted, UP_TO};
use jiff::Timestamp;
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_core::page::{Limit, Page};
use rustok_db::walk::{EXAMINED, EXAMINED_PLUS_ONE, Entry, indexed_by, page_of_fitting};
use rustok_db::{Row, StoreError, TenantTx, params};
use uuid::Uuid;

/// The numbers of orders that wait for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToHandle {
    /// Orders to confirm.
    pub pending: Counted,
    /// Orders that wait for their payment.
    pub confirmed: Counted,
    /// Orders to ship.
    pub paid: Counted,
}

/// Counts the orders that wait for a person.
///
/// # Errors
/// Those of the database.
pub async fn count_to_handle(tx: &mut TenantTx) -> Result<ToHandle, StoreError> {
    let index = indexed_by("orders_status_idx", tx.db.is_postgres());
    let count = |status: &str| {
        format!(
            "(SELECT count(*) FROM (SELECT 1 FROM orders o{index} WHERE o.tenant_id = $1 AND o.status = '{status}' \
             LIMIT $2) AS counted) AS {status}"
        )
    };
    let counts = ["pending", "confirmed", "paid"].map(count).join(", ");
    let sql = format!("SELECT {counts}");
    let read = |row: &Row<'_>| {
        let counted = |name| Ok::<_, StoreError>(Counted::up_to(UP_TO, row.get(name)?));
        Ok(ToHandle {
            pending: counted("pending")?,
            confirmed: counted("confirmed")?,
            paid: counted("paid")?,
        })
    };
    let values = params![tx.tenant(), UP_TO + 1];
    Ok(tx
        .db
        .fetch_optional("orders", &sql, values, read)
        .await?
        .unwrap_or_default())
}

/// A variant of which few pieces are left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LowStock {
    /// The variant.
    pub variant_id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// The title of its product.
    pub title: String,
    /// Its own title.
    pub variant_title: String,
    /// Its SKU.
    pub sku: Option<String>,
    /// Pieces left; below zero with backorders.
    pub available: i64,
}

/// The position in a list of low stock: pieces and variant.
pub type LowStockPlace = (i64, VariantId);

/// A page of variants with `threshold` pieces or fewer, the fewest first; those of deleted and archived products are not
/// listed. Only a bounded number of levels is examined: the page may be shorter than `limit` and still have a next one.
///
/// # Errors
/// Those of the database.
pub async fn list_low_stock(
    tx: &mut TenantTx,
    threshold: u32,
    after: Option<LowStockPlace>,
    limit: Limit,
) -> Result<Page<LowStock>, StoreError> {
    let index = indexed_by("stock_levels_low_idx", tx.db.is_postgres());
    let mut values = params![tx.tenant(), i64::from(threshold)].to_vec();
    let mut behind = "";
    if let Some((available, variant)) = after {
        values.extend([available.into(), variant.into()]);
        behind = " AND (s.available, s.variant_id) > ($3, $4)";
    }
    let sql = format!(
        "SELECT s.available, s.variant_id, v.product_id, v.title AS variant_title, v.sku, p.title, \
         v.deleted_at IS NULL AND p.deleted_at IS NULL AND p.status <> 'archived' AS fits FROM stock_levels s{index} \
         JOIN variants v ON v.tenant_id = $1 AND v.id = s.variant_id \
         JOIN products p ON p.tenant_id = $1 AND p.id = v.product_id \
         WHERE s.tenant_id = $1 AND s.available < 100 AND s.available <= $2{behind} \
         ORDER BY s.available, s.variant_id LIMIT {EXAMINED_PLUS_ONE}"
    );
    let read = |row: &Row<'_>| {
        let low = LowStock {
            variant_id: row.get("variant_id")?,
            product_id: row.get("product_id")?,
            title: row.get("title")?,
            variant_title: row.get("variant_title")?,
            sku: row.get("sku")?,
            available: row.get("available")?,
        };
        Ok((low, row.get::<bool>("fits")?))
    };
    let seen = tx.db.fetch("stock_levels", &sql, &values, read).await?;
    let place = |low: &LowStock| -> LowStockPlace { (low.available, low.variant_id) };
    let entry = |(low, fits): &(LowStock, bool)| Entry {
        key: place(low),
        fits: *fits,
    };
    let page = page_of_fitting(seen.iter().map(entry).collect(), EXAMINED, limit);
    let found = |key: &LowStockPlace| seen.iter().find(|(low, _)| place(low) == *key);
    Ok(Page {
        items: page
            .items
            .iter()
            .filter_map(found)
            .map(|(low, _)| low.clone())
            .collect(),
        next_cursor: page.next_cursor,
    })
}

/// Something that was done lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// `order`, `node` or `product`.
    pub kind: String,
    /// The id of the order, node or product.
    pub id: Uuid,
    /// The number of the order, or the title of the node or product.
    pub title: String,
    /// The last transition: of an order `place`, of a node its last one, of a product `save`.
    pub transition: String,
    /// The actor in its stable text form, if it is known.
    pub actor: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// The `count` newest of: orders as they were placed, nodes and products as they were last saved.
///
/// # Errors
/// Those of the database.
pub async fn list_activity(tx: &mut TenantTx, count: i64) -> Result<Vec<Activity>, StoreError> {
    let is_postgres = tx.db.is_postgres();
    let [placed, nodes, products] = ["orders_placed_idx", "nodes_changed_idx", "products_changed_idx"]
        .map(|index| indexed_by(index, is_postgres));
    let sql = format!(
        "SELECT * FROM (SELECT 'order' AS kind, o.id, CAST(o.number AS text) AS title, 'place' AS transition, \
           CAST(NULL AS text) AS actor, o.created_at AS at FROM orders o{placed} WHERE o.tenant_id = $1 \
           ORDER BY o.created_at DESC, o.id DESC LIMIT $2) AS placed \
         UNION ALL SELECT * FROM (SELECT 'node' AS kind, n.id, r.title, h.transition, h.actor, n.updated_at AS at \
           FROM nodes n{nodes} \
           JOIN node_translations t ON t.tenant_id = $1 AND t.node_id = n.id AND t.is_original \
           JOIN node_revisions r ON r.tenant_id = $1 AND r.node_id = n.id AND r.locale = t.locale \
             AND r.revision = t.working_revision \
           JOIN node_history h ON h.tenant_id = $1 AND h.node_id = n.id AND h.version = n.version \
           WHERE n.tenant_id = $1 AND n.deleted_at IS NULL ORDER BY n.updated_at DESC, n.id DESC LIMIT $2) AS written \
         UNION ALL SELECT * FROM (SELECT 'product' AS kind, p.id, p.title, 'save' AS transition, \
           CAST(NULL AS text) AS actor, p.updated_at AS at FROM products p{products} WHERE p.tenant_id = $1 \
           AND p.deleted_at IS NULL ORDER BY p.updated_at DESC, p.id DESC LIMIT $2) AS saved \
         ORDER BY at DESC, id DESC LIMIT $2"
    );
    let read = |row: &Row<'_>| {
        Ok(Activity {
            kind: row.get("kind")?,
            id: row.get("id")?,
            title: row.get("title")?,
            transition: row.get("transition")?,
            actor: row.get("actor")?,
            at: row.get("at")?,
        })
    };
    tx.db
        .fetch("orders", &sql, params![tx.tenant(), count], read)
        .await
}
