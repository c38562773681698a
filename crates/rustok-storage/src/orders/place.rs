//! Saves a new order.
//!
//! Placing an order takes these round trips on PostgreSQL; the budget is four:
//!
//! 1. `BEGIN` with [`read_shelf`](crate::reservations::read_shelf);
//! 2. [`upsert_customer`](crate::customers::upsert_customer), only for an email address that is new to the shop;
//! 3. [`insert_order`]: all writes in one pipelined batch (an order with more than eight tracked lines takes one more
//!    round trip per ten lines);
//! 4. `COMMIT`.
//!
//! Stock is written last, to hold its row locks only until the commit. A request with an `Idempotency-Key` takes
//! three more round trips: lock the key, look up the stored response, store the new one.

use super::ORDERS;
use super::history;
use crate::error::StoreError;
use crate::outbox::{insert_event, insert_job};
use crate::reservations::{Movement, Mover};
use crate::tx::{Statement, TenantTx};
use crate::value::Value;
use rustok_auth::TokenHash;
use rustok_commerce::{OrderColumns, OrderLine};
use rustok_core::ids::{OrderId, TenantId};
use rustok_events::{Event, Job};

/// A new order with everything that is written with it.
#[derive(Debug, Clone, Copy)]
pub struct NewOrder<'a> {
    /// The order, in status pending.
    pub order: OrderColumns<'a>,
    /// The hash of the buyer's order secret.
    pub secret_hash: &'a TokenHash,
    /// The network of the client.
    pub placed_from: Option<&'a [u8; 16]>,
    /// The actor in its stable text form.
    pub actor: &'a str,
    /// Pieces to take from tracked stock, sorted by variant.
    pub taken: &'a [Movement],
    /// The event for the outbox.
    pub event: &'a Event,
    /// The job that cancels the order if it is not confirmed in time.
    pub expiry: &'a Job,
}

/// Saves a new order with its lines, history, event and expiry job, and takes its stock.
///
/// # Errors
/// [`StoreError::Stale`] of [`STOCK_LEVELS`](crate::reservations::STOCK_LEVELS) if a concurrent transaction left too
/// little stock. Nothing is saved then.
pub async fn insert_order(tx: &mut TenantTx, new: &NewOrder<'_>) -> Result<(), StoreError> {
    let tenant = tx.tenant;
    let NewOrder { order, actor, .. } = *new;
    let mover = Mover {
        tenant,
        order: order.id,
        actor,
        now: order.created_at,
    };
    let mut writes = Vec::with_capacity(4 + order.lines.len() * 3);
    writes.push(insert_head(new));
    for (position, line) in (0..).zip(order.lines) {
        writes.push(insert_line(tenant, order.id, position, line));
    }
    writes.extend(mover.reserved(new.taken));
    writes.push(history::insert_step(tenant, order, "place", None, actor));
    writes.push(insert_event(tenant, new.event));
    writes.push(insert_job(tenant, new.expiry));
    writes.extend(mover.take(new.taken));
    tx.db.execute_all(&writes).await
}

fn insert_head<'a>(new: &NewOrder<'a>) -> Statement<'a> {
    let order = new.order;
    Statement::one(
        ORDERS,
        "INSERT INTO orders (tenant_id, id, customer_id, email, status, currency, total_minor, secret_hash, \
         created_at, updated_at, expires_at, version, placed_from) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12)",
        &[
            order.tenant_id.into(),
            order.id.into(),
            order.customer_id.into(),
            order.email.into(),
            order.status.as_str().into(),
            order.currency.into(),
            order.total_minor.into(),
            Value::from(new.secret_hash.as_bytes()),
            order.created_at.into(),
            order.expires_at.into(),
            order.version.into(),
            new.placed_from.map(|network| &network[..]).into(),
        ],
    )
}

fn insert_line(tenant: TenantId, order: OrderId, position: i64, line: &OrderLine) -> Statement<'_> {
    Statement::one(
        "order_lines",
        "INSERT INTO order_lines (tenant_id, order_id, position, variant_id, product_id, title, variant_title, sku, \
         quantity, unit_price_minor, stock_taken) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &[
            tenant.into(),
            order.into(),
            position.into(),
            line.variant_id.into(),
            line.product_id.into(),
            Value::from(&line.title),
            Value::from(&line.variant_title),
            line.sku.as_ref().into(),
            line.quantity.into(),
            line.unit_price_minor.into(),
            line.stock_taken.into(),
        ],
    )
}
