//! Saves a new order.
//!
//! Placing an order takes these round trips on PostgreSQL; the budget is four:
//!
//! 1. `BEGIN` with [`read_shelf`](crate::reservations::read_shelf);
//! 2. [`upsert_customer`](crate::customers::upsert_customer), only for an email address that is new to the shop;
//! 3. [`insert_order`]: all writes, and the question for the order's number, in one pipelined batch (a further round
//!    trip for each thirty statements; the lines and their ledger entries are one statement each for up to 64 lines);
//! 4. `COMMIT`.
//!
//! On PostgreSQL the batch begins with locks of the buyer and the network if the tenant limits their pending pieces.
//! Stock is written last, to hold its row locks only until the commit. The order's number waits for no other order (see
//! [`SLOTS`]). A request with an `Idempotency-Key` takes three more round trips: lock the key, look up the stored
//! response, store the new one.

use super::ORDERS;
use super::{history, sales};
use crate::customers::write_words;
use crate::jobs::insert_job;
use crate::outbox::insert_event;
use crate::reservations::{BUYER_INDEX, Movement, Mover, NETWORK_INDEX, held_pieces};
use rustok_auth::TokenHash;
use rustok_commerce::ids::OrderId;
use rustok_commerce::{OrderAdjustment, OrderColumns, OrderLine, OrderNumber};
use rustok_core::ids::TenantId;
use rustok_core::money::Money;
use rustok_db::{Statement, StoreError, TenantTx, Value, params};
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
    /// The day of the placement in the tenant's time zone, in days since 1970-01-01.
    pub placed_on: i64,
    /// The actor in its stable text form.
    pub actor: &'a str,
    /// Pieces to take from tracked stock, sorted by variant.
    pub taken: &'a [Movement],
    /// The event for the outbox.
    pub event: &'a Event,
    /// The job that cancels the order if it is not confirmed in time.
    pub expiry: &'a Job,
    /// The limit of pieces in pending orders, if the order takes tracked pieces and there is a limit.
    pub limit: Option<PendingLimit>,
    /// Whether the tenant's order numbers must be created first; that they exist already is no fault.
    pub is_first: bool,
    /// Whether it is the first order of its buyer, who can then be searched for.
    pub is_new_customer: bool,
}

/// A limit of the pieces of tracked stock that pending orders of one buyer, or of one network, may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingLimit {
    /// The pieces that the new order takes.
    pub pieces: i64,
    /// The most that all pending orders may hold together.
    pub most: i64,
}

/// Saves a new order with its lines, adjustments, history, event and expiry job, and takes its stock. Returns the
/// order's number.
///
/// # Errors
/// [`StoreError::Stale`] of [`STOCK_LEVELS`](crate::reservations::STOCK_LEVELS) if a concurrent transaction left too
/// little stock, and of [`ORDERS`] if one used up the limit of pending pieces. Nothing is saved then.
pub async fn insert_order(tx: &mut TenantTx, new: &NewOrder<'_>) -> Result<OrderNumber, StoreError> {
    let tenant = tx.tenant();
    let NewOrder { order, actor, .. } = *new;
    let mover = Mover {
        tenant,
        order: order.id,
        actor,
        now: order.created_at,
    };
    let mut writes = Vec::with_capacity(8 + order.lines.len() * 3);
    if new.is_first {
        writes.push(make_slots(tenant));
    }
    if tx.db.is_postgres() {
        // Two transactions at once may each have found room for their pieces.
        if new.limit.is_some() {
            writes.extend(lock_holders(new));
        }
        writes.push(insert_head_among_others(new));
    } else {
        writes.push(insert_head(new));
        writes.push(advance_slot(tenant, order.id));
    }
    for (position, line) in (0..).zip(order.lines) {
        writes.push(insert_line(tenant, order.id, position, line));
    }
    for (position, adjustment) in (0..).zip(order.adjustments) {
        writes.push(insert_adjustment(tenant, order.id, position, adjustment));
    }
    writes.extend(mover.reserved(new.taken));
    writes.push(history::insert_step(tenant, order, "place", None, actor));
    writes.push(insert_event(tenant, new.event));
    writes.push(insert_job(tenant, new.expiry));
    writes.push(sales::add(tenant, order.id));
    if new.is_new_customer {
        let is_postgres = tx.db.is_postgres();
        writes.extend(write_words(tenant, order.customer_id, order.email, is_postgres));
    }
    writes.extend(mover.take(new.taken));
    let number = "SELECT number FROM orders WHERE tenant_id = $1 AND id = $2";
    let number = Statement::one(ORDERS, number, &[tenant.into(), order.id.into()]);
    let found = tx
        .db
        .execute_all_and_fetch(&writes, &number, |row| row.get("number"));
    let number = found.await?.into_iter().next().and_then(OrderNumber::new);
    number.ok_or_else(|| StoreError::inconsistent(ORDERS, "number", "a new order has none"))
}

/// The slots of a tenant's series of order numbers: so many orders of one tenant can be under way at once without one
/// waiting for another. More than a server has connections.
pub(super) const SLOTS: i64 = 64;

/// Creates the slots, unless another order did so meanwhile.
fn make_slots<'a>(tenant: TenantId) -> Statement<'a> {
    Statement::any(
        "number_series",
        "WITH RECURSIVE slots (slot) AS (SELECT CAST(0 AS bigint) UNION ALL SELECT slot + 1 FROM slots WHERE slot < $2 - 1) \
         INSERT INTO number_series (tenant_id, series, slot, next_number) \
         SELECT $1::uuid, 'order', slot, $3::bigint + slot FROM slots WHERE true ON CONFLICT DO NOTHING",
        params![tenant, SLOTS, OrderNumber::FIRST.get()],
    )
}

/// On SQLite: moves on the slot whose number the order has.
fn advance_slot<'a>(tenant: TenantId, order: OrderId) -> Statement<'a> {
    Statement::one(
        "number_series",
        "UPDATE number_series SET next_number = next_number + $3 WHERE tenant_id = $1 AND series = 'order' \
         AND next_number = (SELECT o.number FROM orders o WHERE o.tenant_id = $1 AND o.id = $2)",
        &[tenant.into(), order.into(), SLOTS.into()],
    )
}

/// Locks the buyer and then the network until the end of the transaction, against other orders of theirs. All
/// transactions lock in this order: the row of a new customer, the buyer, the network, stock. Orders of tracked stock
/// from one network thus commit one after the other.
fn lock_holders<'a>(new: &NewOrder<'a>) -> impl Iterator<Item = Statement<'a>> {
    let order = new.order;
    let lock = |sql, holder| Statement::any(ORDERS, sql, &[order.tenant_id.into(), holder]);
    let buyer = lock(
        "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || $2::uuid::text, 0))",
        order.customer_id.into(),
    );
    let network = new.placed_from.map(|network| {
        lock(
            "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || encode($2::bytea, 'hex'), 0))",
            Value::from(&network[..]),
        )
    });
    [buyer].into_iter().chain(network)
}

const INSERT_HEAD: &str = "INSERT INTO orders (tenant_id, id, customer_id, email, status, currency, total_minor, \
     secret_hash, created_at, updated_at, expires_at, version, placed_from, source, placed_on, number)";

/// On PostgreSQL: inserts the order with the lowest number of the slots that no other transaction has locked, and moves
/// that slot on. If all are locked, the order is not inserted.
///
/// With a limit, nor is it if the pending orders of its buyer or network then held more pieces than they may. That needs
/// the locks of [`lock_holders`], and a snapshot taken after them, which each statement has.
fn insert_head_among_others<'a>(new: &NewOrder<'a>) -> Statement<'a> {
    let mut sql = format!(
        "WITH taken AS (UPDATE number_series SET next_number = next_number + $15::bigint \
         WHERE tenant_id = $1 AND series = 'order' AND slot = (SELECT s.slot FROM number_series s \
         WHERE s.tenant_id = $1 AND s.series = 'order' ORDER BY s.next_number LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING next_number - $15::bigint AS number) {INSERT_HEAD} \
         SELECT $1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::text, $7::bigint, $8::bytea, $9::timestamptz, \
         $9::timestamptz, $10::timestamptz, $11::bigint, $12::bytea, $13::text, $14::bigint, taken.number FROM taken"
    );
    let mut params = head_params(new).to_vec();
    params.push(SLOTS.into());
    if let Some(limit) = new.limit {
        let of_buyer = held_pieces(BUYER_INDEX, "o.status = 'pending' AND o.customer_id = $3", true);
        let of_network = held_pieces(NETWORK_INDEX, "o.placed_from = $12", true);
        sql += &format!(" WHERE GREATEST({of_buyer}, {of_network}) + $16::bigint <= $17::bigint");
        params.extend([limit.pieces.into(), limit.most.into()]);
    }
    Statement::one(ORDERS, sql, &params)
}

/// On SQLite, with its single writer: inserts the order with the lowest number of the slots.
fn insert_head<'a>(new: &NewOrder<'a>) -> Statement<'a> {
    let sql = format!(
        "{INSERT_HEAD} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12, $13, $14, \
         (SELECT min(s.next_number) FROM number_series s WHERE s.tenant_id = $1 AND s.series = 'order'))"
    );
    Statement::one(ORDERS, sql, &head_params(new))
}

/// The values of `$1` to `$14` of all inserts. Every column of an order is named here: a new one is stored, or left
/// out on purpose.
fn head_params<'a>(new: &NewOrder<'a>) -> [Value<'a>; 14] {
    let OrderColumns {
        id,
        tenant_id,
        number: _,
        source,
        customer_id,
        email,
        status,
        currency,
        total,
        created_at,
        updated_at: _,
        expires_at,
        confirmed_at: _,
        payment: _,
        fulfilment: _,
        refund: _,
        cancel_reason: _,
        cancelled_at: _,
        version,
        lines: _,
        adjustments: _,
    } = new.order;
    [
        tenant_id.into(),
        id.into(),
        customer_id.into(),
        email.into(),
        status.as_str().into(),
        currency.into(),
        // A total that is not valid is refused by the database.
        total.map_or(-1, Money::minor).into(),
        Value::from(new.secret_hash.as_bytes()),
        created_at.into(),
        expires_at.into(),
        version.into(),
        new.placed_from.map(|network| &network[..]).into(),
        source.as_str().into(),
        new.placed_on.into(),
    ]
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
            line.unit_price.minor().into(),
            line.stock_taken.into(),
        ],
    )
}

fn insert_adjustment(
    tenant: TenantId,
    order: OrderId,
    position: i64,
    adjustment: &OrderAdjustment,
) -> Statement<'_> {
    Statement::one(
        "order_adjustments",
        "INSERT INTO order_adjustments (tenant_id, order_id, position, kind, title, amount_minor) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            tenant.into(),
            order.into(),
            position.into(),
            adjustment.kind.as_str().into(),
            Value::from(&adjustment.title),
            adjustment.amount.minor().into(),
        ],
    )
}
