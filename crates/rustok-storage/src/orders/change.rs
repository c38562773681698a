//! Saves a transition: compare-and-swap on status and version, with all related writes in one pipelined batch.

use super::ORDERS;
use super::expiry::{delete_expiry_write, replace_expiry_write};
use super::history;
use crate::error::StoreError;
use crate::outbox::insert_event;
use crate::reservations::{Movement, Mover};
use crate::tx::{Statement, TenantTx};
use crate::value::Value;
use rustok_commerce::{OrderColumns, OrderStatus};
use rustok_core::ids::TenantId;
use rustok_events::{Event, Job};

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
    let tenant = tx.tenant;
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
    writes.extend(insert_side(tenant, after));
    writes.push(swap(tenant, from, after));
    writes.push(history::insert_step(tenant, after, transition, Some(from), actor));
    match change.expiry {
        Some(job) => writes.push(replace_expiry_write(tenant, job)),
        None if matches!(from, OrderStatus::Pending | OrderStatus::Confirmed) => {
            writes.push(delete_expiry_write(tenant, after.id));
        }
        None => {}
    }
    writes.push(insert_event(tenant, change.event));
    writes.extend(mover.give_back(change.returned));
    tx.db.execute_all(&writes).await
}

/// Every column of an order is named here: a new one is stored, or left out on purpose.
fn swap(tenant: TenantId, from: OrderStatus, after: OrderColumns<'_>) -> Statement<'_> {
    let OrderColumns {
        id,
        tenant_id: _,
        customer_id: _,
        email: _,
        status,
        currency: _,
        total_minor: _,
        created_at: _,
        updated_at,
        expires_at,
        confirmed_at,
        payment,
        fulfilment,
        refund,
        cancel_reason,
        cancelled_at,
        version,
        lines: _,
    } = after;
    Statement::one(
        ORDERS,
        "UPDATE orders SET status = $5, updated_at = $6, expires_at = $7, confirmed_at = $8, payment_id = $9, \
         tracking = $10, delivered_at = $11, cancelled_at = $12, cancel_reason = $13, refund_id = $14, \
         placed_from = NULL, version = version + 1 WHERE tenant_id = $1 AND id = $2 AND status = $3 AND version = $4",
        &[
            tenant.into(),
            id.into(),
            from.as_str().into(),
            (version - 1).into(),
            status.as_str().into(),
            updated_at.into(),
            expires_at.into(),
            confirmed_at.into(),
            payment.map(|payment| payment.payment_id.as_str()).into(),
            fulfilment.map(|fulfilment| fulfilment.tracking).into(),
            fulfilment.and_then(|fulfilment| fulfilment.delivered_at).into(),
            cancelled_at.into(),
            cancel_reason.into(),
            refund.map(|refund| refund.refund_id.as_str()).into(),
        ],
    )
}

/// Inserts the payment, refund or fulfilment that this status brings. An order has at most one of each: for the
/// second of two concurrent transactions no row is inserted, which the check reports.
fn insert_side(tenant: TenantId, after: OrderColumns<'_>) -> Option<Statement<'_>> {
    match (after.status, after.payment, after.fulfilment, after.refund) {
        (OrderStatus::Paid, Some(payment), ..) => Some(Statement::one(
            "payments",
            "INSERT INTO payments (tenant_id, order_id, payment_id, method, amount_minor, currency, paid_at, reference) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, order_id) DO NOTHING",
            &[
                tenant.into(),
                after.id.into(),
                Value::from(&payment.payment_id),
                Value::from(&payment.method),
                after.total_minor.into(),
                after.currency.into(),
                payment.paid_at.into(),
                payment.reference().into(),
            ],
        )),
        (OrderStatus::Shipped, _, Some(fulfilment), _) => Some(Statement::one(
            "fulfilments",
            "INSERT INTO fulfilments (tenant_id, order_id, tracking, carrier, shipped_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, order_id) DO NOTHING",
            &[
                tenant.into(),
                after.id.into(),
                fulfilment.tracking.into(),
                fulfilment.carrier.into(),
                fulfilment.shipped_at.into(),
            ],
        )),
        (OrderStatus::Delivered, _, Some(fulfilment), _) => fulfilment.signature.map(|signature| {
            Statement::one(
                "fulfilments",
                "UPDATE fulfilments SET signature = $3 WHERE tenant_id = $1 AND order_id = $2 AND signature IS NULL",
                &[tenant.into(), after.id.into(), signature.into()],
            )
        }),
        (OrderStatus::Cancelled, Some(payment), _, Some(refund)) => Some(Statement::one(
            "refunds",
            "INSERT INTO refunds (tenant_id, order_id, refund_id, amount_minor, currency, refunded_at, reference) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, order_id) DO NOTHING",
            &[
                tenant.into(),
                after.id.into(),
                Value::from(&refund.refund_id),
                after.total_minor.into(),
                after.currency.into(),
                refund.refunded_at.into(),
                payment.reference_of(refund).into(),
            ],
        )),
        _ => None,
    }
}
