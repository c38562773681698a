//! Stock that orders take and give back: lookup of sellable variants, stock levels and their ledger.
//!
//! Stock must never change here without a ledger line, nor by anything but a conditional update: values read before
//! are advisory, the update decides.

use jiff::Timestamp;
use rustok_commerce::ids::{CustomerId, MovementId, OrderId, ProductId, VariantId};
use rustok_commerce::inventory::{Stock, StockMove};
use rustok_core::ids::TenantId;
use rustok_core::money::{Currency, Money};
use rustok_db::walk::indexed_by;
use rustok_db::{Row, Statement, StoreError, TenantTx, Value, pad, placeholders};
use rustok_text::CanonicalEmail;

const VARIANTS: &str = "variants";
/// The table whose [`StoreError::Stale`] means that another order took the pieces.
pub const STOCK_LEVELS: &str = "stock_levels";
const STOCK_MOVEMENTS: &str = "stock_movements";

/// A variant that can be bought: neither it nor its product is deleted, and the product is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sellable {
    /// The variant.
    pub variant_id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// The product's title.
    pub title: String,
    /// The variant's title.
    pub variant_title: String,
    /// The variant's SKU; several variants may have the same.
    pub sku: Option<String>,
    /// The price of one piece in the requested currency, if it has one.
    pub unit_price: Option<Money>,
    /// Its stock.
    pub stock: Stock,
}

/// What has to be known before an order is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    /// The requested variants that can be bought.
    pub variants: Vec<Sellable>,
    /// The customer with the buyer's address, if there is one. Not looked up when no requested variant can be bought.
    pub customer: Option<CustomerId>,
    /// Pieces of tracked stock held by pending orders of this buyer, or of this network: the larger of both.
    pub pending: i64,
    /// Whether the tenant has no order numbers yet: this is its first order.
    pub is_first_order: bool,
}

/// The buyer of an order.
#[derive(Debug, Clone, Copy)]
pub struct Buyer<'a> {
    /// The e-mail address.
    pub email: &'a CanonicalEmail,
    /// The network that the order was sent from.
    pub network: Option<&'a [u8; 16]>,
}

/// The indexes of pending orders by buyer and by network.
pub(crate) const BUYER_INDEX: &str = "orders_pending_customer_idx";
pub(crate) const NETWORK_INDEX: &str = "orders_placed_from_idx";

/// A subquery for the pieces of tracked stock held by orders `o` of the tenant that meet the condition. Without the
/// named index, SQLite reads all pending orders of the tenant; CROSS JOIN keeps it from starting at the lines.
/// PostgreSQL chooses by its statistics.
pub(crate) fn held_pieces(index: &str, condition: &str, is_postgres: bool) -> String {
    let by = indexed_by(index, is_postgres);
    format!(
        "(SELECT COALESCE(CAST(sum(l.quantity) AS bigint), 0) FROM orders o{by} \
         CROSS JOIN order_lines l WHERE o.tenant_id = $1 AND {condition} \
         AND l.tenant_id = $1 AND l.order_id = o.id AND l.stock_taken)"
    )
}

/// Finds variants by id or SKU, with their price in one currency and their stock, and the buyer: one statement,
/// because placing an order may take at most four round trips.
///
/// # Errors
/// Those of the database.
pub async fn read_shelf(
    tx: &mut TenantTx,
    ids: &[VariantId],
    skus: &[&str],
    currency: Currency,
    buyer: Buyer<'_>,
) -> Result<Shelf, StoreError> {
    let network = buyer.network.map(|network| &network[..]);
    let mut params: Vec<Value<'_>> = vec![
        tx.tenant().into(),
        currency.code().into(),
        buyer.email.as_str().into(),
        network.into(),
    ];
    let mut wanted = Vec::with_capacity(2);
    let ids: Vec<_> = ids.iter().copied().map(Value::from).collect();
    let skus: Vec<_> = skus.iter().copied().map(Value::from).collect();
    for (column, mut values) in [("id", ids), ("sku", skus)] {
        if !values.is_empty() {
            pad(&mut values);
            let list = placeholders(params.len() + 1, values.len());
            wanted.push(format!("{column} IN ({list})"));
            params.extend(values);
        }
    }
    if wanted.is_empty() {
        return Ok(Shelf {
            variants: Vec::new(),
            customer: None,
            pending: 0,
            is_first_order: false,
        });
    }
    let is_postgres = tx.db.is_postgres();
    let of_customer = held_pieces(
        BUYER_INDEX,
        "o.status = 'pending' \
         AND o.customer_id = (SELECT c.id FROM customers c WHERE c.tenant_id = $1 AND c.email = $3)",
        is_postgres,
    );
    // Only pending orders have a network: see the CHECK of `placed_from`.
    let of_network = held_pieces(NETWORK_INDEX, "o.placed_from = $4", is_postgres);
    let sql = format!(
        "SELECT v.id, v.product_id, p.title, v.title AS variant_title, v.sku, r.amount_minor, s.available, \
         s.allow_backorder, (SELECT c.id FROM customers c WHERE c.tenant_id = $1 AND c.email = $3) AS customer_id, \
         {of_customer} AS of_customer, {of_network} AS of_network, \
         NOT EXISTS (SELECT 1 FROM number_series n WHERE n.tenant_id = $1 AND n.series = 'order') AS is_first_order \
         FROM variants v \
         JOIN products p ON p.tenant_id = v.tenant_id AND p.id = v.product_id \
         LEFT JOIN prices r ON r.tenant_id = v.tenant_id AND r.variant_id = v.id AND r.currency = $2 \
         LEFT JOIN stock_levels s ON s.tenant_id = v.tenant_id AND s.variant_id = v.id \
         WHERE v.tenant_id = $1 AND v.{} AND v.deleted_at IS NULL AND p.deleted_at IS NULL AND p.status = 'active'",
        either(&wanted)
    );
    let rows = tx
        .db
        .fetch(VARIANTS, &sql, &params, |row| {
            let pending = row.get::<i64>("of_customer")?.max(row.get("of_network")?);
            let of_all = (row.get("customer_id")?, pending, row.get("is_first_order")?);
            Ok((sellable(row, currency)?, of_all))
        })
        .await?;
    let (customer, pending, is_first_order) = rows.first().map_or((None, 0, false), |(_, of_all)| *of_all);
    Ok(Shelf {
        variants: rows.into_iter().map(|(variant, _)| variant).collect(),
        customer,
        pending,
        is_first_order,
    })
}

/// The single condition on a variant, or a subquery for the variants of both: with OR, SQLite scans all variants of a
/// tenant.
fn either(wanted: &[String]) -> String {
    if let [condition] = wanted {
        return condition.clone();
    }
    let found: Vec<_> = wanted
        .iter()
        .map(|condition| format!("SELECT w.id FROM variants w WHERE w.tenant_id = $1 AND w.{condition}"))
        .collect();
    format!("id IN ({})", found.join(" UNION ALL "))
}

fn sellable(row: &Row<'_>, currency: Currency) -> Result<Sellable, StoreError> {
    let amount: Option<i64> = row.get("amount_minor")?;
    Ok(Sellable {
        variant_id: row.get("id")?,
        product_id: row.get("product_id")?,
        title: row.get("title")?,
        variant_title: row.get("variant_title")?,
        sku: row.get("sku")?,
        unit_price: amount.map(|minor| Money::from_minor(minor, currency)),
        stock: Stock {
            available: row.get("available")?,
            allow_backorder: row.get::<Option<bool>>("allow_backorder")?.unwrap_or(false),
        },
    })
}

/// A ledger line for one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// The ledger line's id.
    pub id: MovementId,
    /// The variant and quantity.
    pub stock: StockMove,
}

/// The order, actor and time of a stock movement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mover<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) order: OrderId,
    pub(crate) actor: &'a str,
    pub(crate) now: Timestamp,
}

impl<'a> Mover<'a> {
    /// The ledger lines for the stock that an order takes.
    pub(crate) fn reserved(self, movements: &'a [Movement]) -> impl Iterator<Item = Statement<'a>> {
        movements.iter().map(move |movement| {
            Statement::one(
                STOCK_MOVEMENTS,
                "INSERT INTO stock_movements (tenant_id, id, variant_id, order_id, delta, reason, actor, at) \
                 VALUES ($1, $2, $3, $4, $5, 'reserved', $6, $7)",
                &self.ledger_line(*movement, -movement.stock.quantity),
            )
        })
    }

    /// Takes stock. Each write must change its row, otherwise the order is not placed. Locks are taken in the order
    /// of `movements`, which is sorted by variant: otherwise two orders could deadlock.
    pub(crate) fn take(self, movements: &'a [Movement]) -> impl Iterator<Item = Statement<'a>> {
        movements.iter().map(move |movement| {
            Statement::one(
                STOCK_LEVELS,
                "UPDATE stock_levels SET available = available - $3, updated_at = $4 \
                 WHERE tenant_id = $1 AND variant_id = $2 AND (available >= $3 OR allow_backorder)",
                &self.level(*movement),
            )
        })
    }

    /// Gives stock back and writes its ledger lines. A variant that is not tracked any more gets neither: comparing
    /// the time ensures that the ledger line belongs to the level just written.
    pub(crate) fn give_back(self, movements: &'a [Movement]) -> impl Iterator<Item = Statement<'a>> {
        movements.iter().flat_map(move |movement| {
            [
                Statement::any(
                    STOCK_LEVELS,
                    "UPDATE stock_levels SET available = available + $3, updated_at = $4 \
                     WHERE tenant_id = $1 AND variant_id = $2",
                    &self.level(*movement),
                ),
                Statement::any(
                    STOCK_MOVEMENTS,
                    "INSERT INTO stock_movements (tenant_id, id, variant_id, order_id, delta, reason, actor, at) \
                     SELECT s.tenant_id, $2::uuid, s.variant_id, $4::uuid, $5::bigint, 'released', $6::text, \
                     $7::timestamptz FROM stock_levels s \
                     WHERE s.tenant_id = $1 AND s.variant_id = $3 AND s.updated_at = $7::timestamptz",
                    &self.ledger_line(*movement, movement.stock.quantity),
                ),
            ]
        })
    }

    fn level(self, movement: Movement) -> [Value<'a>; 4] {
        let StockMove {
            variant_id, quantity, ..
        } = movement.stock;
        [
            self.tenant.into(),
            variant_id.into(),
            quantity.into(),
            self.now.into(),
        ]
    }

    fn ledger_line(self, movement: Movement, delta: i64) -> [Value<'a>; 7] {
        [
            self.tenant.into(),
            movement.id.into(),
            movement.stock.variant_id.into(),
            self.order.into(),
            delta.into(),
            self.actor.into(),
            self.now.into(),
        ]
    }
}
