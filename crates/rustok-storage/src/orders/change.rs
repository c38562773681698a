//! Saves a transition: compare-and-swap on status and version, with all related writes in one pipelined batch.

use super::ORDERS;
use super::{history, sales};
use crate::jobs::{delete_write, replace_job};
use crate::outbox::insert_event;
use crate::reservations::{Movement, Mover};
use rustok_commerce::ids::OrderRecordId;
use rustok_commerce::{OrderColumns, OrderStatus};
use rustok_core::ids::TenantId;
use rustok_db::{Statement, StoreError, TenantTx, Value};
use rustok_events::{Event, Job, JobKind};

/// Unique key: within a tenant, a payment pays one order only.
pub const PAYMENT_REFERENCE: &str = "payments(reference)";
/// Unique key: within a tenant, a refund belongs to one order only.
pub const REFUND_REFERENCE: &str = "refunds(reference)";

/// A transition to save.
#[derive(Debug, Clone, Copy)]
pub struct OrderChange<'a> {
    /// The status before the transition.
    pub from: OrderStatus,
    /// The transition's name.
    pub transition: &'static str,
    /// The order after the transition; its version is one higher.
    pub after: OrderColumns<'a>,
    /// The id of the payment, refund or fulfilment that the transition records, if it records one.
    pub record: OrderRecordId,
    /// The actor in its stable text form.
    pub actor: &'a str,
    /// Pieces to return to tracked stock, sorted by variant.
    pub returned: &'a [Movement],
    /// The expiry job of the new state; `None` if that state does not expire.
    pub expiry: Option<&'a Job>,
    /// The event for the outbox.
    pub event: &'a Event,
}

/// Saves a transition with its payment, refund or fulfilment, its history and its event; returns stock; and replaces
/// the expiry job of the old state by that of the new one.
///
/// # Errors
/// [`StoreError::Stale`] if the order was changed concurrently since it was read, [`StoreError::Taken`] with
/// [`PAYMENT_REFERENCE`] or [`REFUND_REFERENCE`] if another order has this payment or refund. Nothing is saved then.
pub async fn save_change(tx: &mut TenantTx, change: &OrderChange<'_>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let OrderChange {
        from,
        transition,
        after,
        actor,
        ..
    } = *change;
    let mover = Mover {
        tenant,
        order: after.id,
        actor,
        now: after.updated_at,
    };
    let mut writes = Vec::with_capacity(6 + change.returned.len() * 2);
    // Comes first, because the order's row refers to it. A lost race leaves no trace of it either.
    writes.extend(insert_record(tenant, change, tx.db.is_postgres()));
    writes.push(swap(tenant, change));
    writes.push(history::insert_step(tenant, after, transition, Some(from), actor));
    match change.expiry {
        Some(job) => writes.push(replace_job(tenant, job)),
        None if matches!(from, OrderStatus::Pending | OrderStatus::Confirmed) => {
            writes.push(delete_write(tenant, JobKind::ExpireOrder, after.id.as_uuid()));
        }
        None => {}
    }
    writes.push(insert_event(tenant, change.event));
    if after.status == OrderStatus::Cancelled {
        writes.push(sales::take_off(tenant, after.id));
    }
    writes.extend(mover.give_back(change.returned));
    tx.db.execute_all(&writes).await
}

/// Every column of an order is named here: a new one is stored, or left out on purpose.
fn swap<'a>(tenant: TenantId, change: &OrderChange<'a>) -> Statement<'a> {
    let OrderColumns {
        id,
        tenant_id: _,
        number: _,
        source: _,
        customer_id: _,
        email: _,
        status,
        currency: _,
        total: _,
        created_at: _,
        updated_at,
        expires_at,
        confirmed_at,
        payment: _,
        fulfilment,
        refund,
        cancel_reason,
        cancelled_at,
        version,
        lines: _,
        adjustments: _,
    } = change.after;
    let record = |is_new: bool| is_new.then_some(change.record);
    Statement::one(
        ORDERS,
        "UPDATE orders SET status = $5, updated_at = $6, expires_at = $7, confirmed_at = $8, delivered_at = $9, \
         cancelled_at = $10, cancel_reason = $11, payment_id = coalesce(payment_id, $12), \
         fulfilment_id = coalesce(fulfilment_id, $13), refund_id = coalesce(refund_id, $14), \
         placed_from = NULL, version = version + 1 WHERE tenant_id = $1 AND id = $2 AND status = $3 AND version = $4",
        &[
            tenant.into(),
            id.into(),
            change.from.as_str().into(),
            (version - 1).into(),
            status.as_str().into(),
            updated_at.into(),
            expires_at.into(),
            confirmed_at.into(),
            fulfilment.and_then(|fulfilment| fulfilment.delivered_at).into(),
            cancelled_at.into(),
            cancel_reason.into(),
            record(status == OrderStatus::Paid).into(),
            record(status == OrderStatus::Shipped).into(),
            record(refund.is_some()).into(),
        ],
    )
}

/// Inserts the payment, refund or fulfilment that this status brings, only while the order is as it was read: for the
/// second of two concurrent transitions no row is inserted, which the check reports. On PostgreSQL the second waits for
/// the first.
fn insert_record<'a>(tenant: TenantId, change: &OrderChange<'a>, is_postgres: bool) -> Option<Statement<'a>> {
    let after = change.after;
    let lock = if is_postgres { " FOR UPDATE" } else { "" };
    let insert = |table: &'static str, columns: &str, values: &str, of_record: &[Value<'a>]| {
        let sql = format!(
            "INSERT INTO {table} (tenant_id, order_id, id, {columns}) SELECT o.tenant_id, o.id, $5::uuid, {values} \
             FROM orders o WHERE o.tenant_id = $1 AND o.id = $2 AND o.status = $3 AND o.version = $4{lock}"
        );
        let mut params = vec![
            tenant.into(),
            after.id.into(),
            change.from.as_str().into(),
            (after.version - 1).into(),
            change.record.into(),
        ];
        params.extend_from_slice(of_record);
        Statement::one(table, sql, &params)
    };
    match (after.status, after.payment, after.fulfilment, after.refund) {
        (OrderStatus::Paid, Some(payment), ..) => Some(insert(
            "payments",
            "external_id, method, reference, amount_minor, currency, paid_at",
            "$6::text, $7::text, $8::text, o.total_minor, o.currency, $9::timestamptz",
            &[
                Value::from(&payment.payment_id),
                Value::from(&payment.method),
                payment.reference().into(),
                payment.paid_at.into(),
            ],
        )),
        (OrderStatus::Shipped, _, Some(fulfilment), _) => Some(insert(
            "fulfilments",
            "tracking, carrier, shipped_at",
            "$6::text, $7::text, $8::timestamptz",
            &[
                fulfilment.tracking.into(),
                fulfilment.carrier.into(),
                fulfilment.shipped_at.into(),
            ],
        )),
        (OrderStatus::Delivered, _, Some(fulfilment), _) => fulfilment.signature.map(|signature| {
            Statement::one(
                "fulfilments",
                "UPDATE fulfilments SET signature = $3 WHERE tenant_id = $1 AND order_id = $2 AND signature IS NULL \
                 AND id = (SELECT o.fulfilment_id FROM orders o WHERE o.tenant_id = $1 AND o.id = $2)",
                &[tenant.into(), after.id.into(), signature.into()],
            )
        }),
        (OrderStatus::Cancelled, Some(payment), _, Some(refund)) => Some(insert(
            "refunds",
            "payment_id, external_id, reference, amount_minor, currency, refunded_at",
            "o.payment_id, $6::text, $7::text, o.total_minor, o.currency, $8::timestamptz",
            &[
                Value::from(&refund.refund_id),
                payment.reference_of(refund).into(),
                refund.refunded_at.into(),
            ],
        )),
        _ => None,
    }
}
