//! Converts columns to an [`OrderRow`]: the columns that all queries of orders select, and how they are read.

use super::ORDERS;
use rustok_auth::TokenHash;
use rustok_commerce::payment::{Payment, Refund};
use rustok_commerce::state_machine::Fulfilment;
use rustok_commerce::{OrderAdjustment, OrderLine, OrderRow};
use rustok_core::money::{Currency, Money};
use rustok_db::{Row, StoreError};

/// A stored order with the hash of the buyer's secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOrder {
    /// The columns.
    pub row: OrderRow,
    /// The hash of the buyer's secret; compare in constant time.
    pub secret_hash: TokenHash,
}

/// The columns of [`head`]; needs the table alias `o` for orders, and [`JOINS`].
pub(super) const HEAD: &str = "o.id, o.tenant_id, o.number, o.source, o.customer_id, o.email, o.status, o.currency, \
    o.total_minor, o.secret_hash, o.created_at, o.updated_at, o.expires_at, o.confirmed_at, o.delivered_at, \
    o.cancelled_at, o.cancel_reason, o.version, p.external_id AS payment_id, p.method, p.paid_at, \
    r.external_id AS refund_id, r.refunded_at, f.tracking, f.carrier, f.shipped_at, f.signature";

/// The joins that [`HEAD`] needs besides orders `o`.
pub(super) const JOINS: &str = "LEFT JOIN payments p ON p.tenant_id = o.tenant_id AND p.id = o.payment_id \
    LEFT JOIN refunds r ON r.tenant_id = o.tenant_id AND r.id = o.refund_id \
    LEFT JOIN fulfilments f ON f.tenant_id = o.tenant_id AND f.id = o.fulfilment_id";

/// A query for the columns of [`part`], with `order_id` and `position`, of the orders that meet the condition: lines are
/// part 0, adjustments part 1.
pub(super) fn parts(condition: &str) -> String {
    format!(
        "SELECT order_id, CAST(0 AS bigint) AS part, position, variant_id, product_id, title, variant_title, sku, \
         quantity, unit_price_minor AS amount_minor, stock_taken, CAST(NULL AS text) AS kind \
         FROM order_lines WHERE {condition} UNION ALL \
         SELECT order_id, CAST(1 AS bigint), position, CAST(NULL AS uuid), CAST(NULL AS uuid), title, \
         CAST(NULL AS text), CAST(NULL AS text), CAST(NULL AS bigint), amount_minor, CAST(NULL AS boolean), kind \
         FROM order_adjustments WHERE {condition}"
    )
}

/// One of the parts that an order consists of.
pub(super) enum Part {
    Line(OrderLine),
    Adjustment(OrderAdjustment),
}

impl Part {
    pub(super) fn add_to(self, order: &mut OrderRow) {
        match self {
            Self::Line(line) => order.lines.push(line),
            Self::Adjustment(adjustment) => order.adjustments.push(adjustment),
        }
    }
}

/// Reads the columns of [`HEAD`], without the parts.
pub(super) fn head(row: &Row<'_>) -> Result<StoredOrder, StoreError> {
    let payment = match row.get::<Option<String>>("payment_id")? {
        Some(payment_id) => Some(Payment {
            payment_id,
            method: row.get("method")?,
            paid_at: row.get("paid_at")?,
        }),
        None => None,
    };
    let refund = match row.get::<Option<String>>("refund_id")? {
        Some(refund_id) => Some(Refund {
            refund_id,
            refunded_at: row.get("refunded_at")?,
        }),
        None => None,
    };
    let order = OrderRow {
        id: row.get("id")?,
        tenant_id: row.get("tenant_id")?,
        number: row.get("number")?,
        source: row.get("source")?,
        customer_id: row.get("customer_id")?,
        email: row.get("email")?,
        status: row.get("status")?,
        total: Money::from_minor(row.get("total_minor")?, currency(row)?),
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        expires_at: row.get("expires_at")?,
        confirmed_at: row.get("confirmed_at")?,
        payment,
        fulfilment: fulfilment(row)?,
        refund,
        cancel_reason: row.get("cancel_reason")?,
        cancelled_at: row.get("cancelled_at")?,
        version: row.get("version")?,
        lines: Vec::new(),
        adjustments: Vec::new(),
    };
    let hash: [u8; 32] = row.get("secret_hash")?;
    Ok(StoredOrder {
        row: order,
        secret_hash: TokenHash::from_bytes(hash),
    })
}

fn fulfilment(row: &Row<'_>) -> Result<Option<Fulfilment>, StoreError> {
    let delivered_at = row.get("delivered_at")?;
    match (row.get::<Option<String>>("tracking")?, delivered_at) {
        (Some(tracking), delivered_at) => Ok(Some(Fulfilment {
            tracking,
            carrier: row.get("carrier")?,
            shipped_at: row.get("shipped_at")?,
            signature: row.get("signature")?,
            delivered_at,
        })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(StoreError::inconsistent(
            ORDERS,
            "delivered_at",
            "delivered without a fulfilment",
        )),
    }
}

/// The currency of an order, from the columns of [`HEAD`].
pub(super) fn currency(row: &Row<'_>) -> Result<Currency, StoreError> {
    let code: String = row.get("currency")?;
    Currency::parse(&code).map_err(|_| StoreError::inconsistent(ORDERS, "currency", "unknown currency"))
}

/// Reads a row of [`parts`]; `None` where an outer join found none.
pub(super) fn part(row: &Row<'_>, currency: Currency) -> Result<Option<Part>, StoreError> {
    let Some(part) = row.get::<Option<i64>>("part")? else {
        return Ok(None);
    };
    let title = row.get("title")?;
    let amount = Money::from_minor(row.get("amount_minor")?, currency);
    if part == 0 {
        return Ok(Some(Part::Line(OrderLine {
            variant_id: row.get("variant_id")?,
            product_id: row.get("product_id")?,
            title,
            variant_title: row.get("variant_title")?,
            sku: row.get("sku")?,
            quantity: row.get("quantity")?,
            unit_price: amount,
            stock_taken: row.get("stock_taken")?,
        })));
    }
    let kind: String = row.get("kind")?;
    let kind = kind
        .parse()
        .map_err(|_| StoreError::inconsistent("order_adjustments", "kind", "unknown kind"))?;
    Ok(Some(Part::Adjustment(OrderAdjustment { kind, title, amount })))
}
