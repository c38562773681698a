//! Converts columns to an [`OrderRow`]: the columns that all queries of orders select, and how they are read.

use super::ORDERS;
use crate::error::StoreError;
use crate::row::Row;
use rustok_auth::TokenHash;
use rustok_commerce::payment::{Payment, Refund};
use rustok_commerce::state_machine::Fulfilment;
use rustok_commerce::{OrderLine, OrderRow};

/// A stored order with the hash of the buyer's secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOrder {
    /// The columns.
    pub row: OrderRow,
    /// The hash of the buyer's secret; compare in constant time.
    pub secret_hash: TokenHash,
}

/// The columns of [`head`]; needs the table alias `o` for orders, and [`JOINS`].
pub(super) const HEAD: &str = "o.id, o.tenant_id, o.customer_id, o.email, o.status, o.currency, o.total_minor, \
    o.secret_hash, o.created_at, o.updated_at, o.expires_at, o.confirmed_at, o.delivered_at, o.cancelled_at, \
    o.cancel_reason, o.version, p.payment_id, p.method, p.paid_at, r.refund_id, r.refunded_at, f.tracking, f.carrier, \
    f.shipped_at, f.signature";

/// The joins that [`HEAD`] needs besides orders `o`.
pub(super) const JOINS: &str = "LEFT JOIN payments p ON p.tenant_id = o.tenant_id AND p.order_id = o.id \
    LEFT JOIN refunds r ON r.tenant_id = o.tenant_id AND r.order_id = o.id \
    LEFT JOIN fulfilments f ON f.tenant_id = o.tenant_id AND f.order_id = o.id";

/// The columns of [`line`], with order lines as `l`.
pub(super) const LINE: &str = "l.position, l.variant_id, l.product_id, l.title, l.variant_title, l.sku, l.quantity, \
    l.unit_price_minor, l.stock_taken";

/// Reads the columns of [`HEAD`], without the lines.
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
        customer_id: row.get("customer_id")?,
        email: row.get("email")?,
        status: row.get("status")?,
        currency: row.get("currency")?,
        total_minor: row.get("total_minor")?,
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

/// Reads the columns of [`LINE`]: position and line, or `None` where an outer join found no line.
pub(super) fn line(row: &Row<'_>) -> Result<Option<(i64, OrderLine)>, StoreError> {
    let Some(position) = row.get::<Option<i64>>("position")? else {
        return Ok(None);
    };
    let line = OrderLine {
        variant_id: row.get("variant_id")?,
        product_id: row.get("product_id")?,
        title: row.get("title")?,
        variant_title: row.get("variant_title")?,
        sku: row.get("sku")?,
        quantity: row.get("quantity")?,
        unit_price_minor: row.get("unit_price_minor")?,
        stock_taken: row.get("stock_taken")?,
    };
    Ok(Some((position, line)))
}
