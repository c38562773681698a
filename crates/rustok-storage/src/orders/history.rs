//! The history of orders: one immutable row per version, written together with the change.

use jiff::Timestamp;
use rustok_commerce::ids::OrderId;
use rustok_commerce::{OrderColumns, OrderStatus};
use rustok_core::ids::TenantId;
use rustok_db::{Statement, StoreError, TenantTx, params};

const ORDER_HISTORY: &str = "order_history";

/// One step in the history of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderHistory {
    /// The order's version after the step.
    pub version: i64,
    /// `place`, or the transition's name.
    pub transition: String,
    /// The status before; `None` for a new order.
    pub from: Option<String>,
    /// The status after.
    pub to: String,
    /// The actor in its stable text form.
    pub actor: String,
    /// The reason, if one was given.
    pub reason: Option<String>,
    /// The time of the step.
    pub at: Timestamp,
}

/// The statement that inserts the step to `after`, the order after the step.
pub(super) fn insert_step<'a>(
    tenant: TenantId,
    after: OrderColumns<'a>,
    transition: &'static str,
    from: Option<OrderStatus>,
    actor: &'a str,
) -> Statement<'a> {
    Statement::one(
        ORDER_HISTORY,
        "INSERT INTO order_history (tenant_id, order_id, version, transition, from_status, to_status, actor, reason, \
         at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            tenant.into(),
            after.id.into(),
            after.version.into(),
            transition.into(),
            from.map(OrderStatus::as_str).into(),
            after.status.as_str().into(),
            actor.into(),
            after.cancel_reason.into(),
            after.updated_at.into(),
        ],
    )
}

/// All steps of an order, oldest first; empty if the order does not exist. An order has at most five steps.
///
/// # Errors
/// Database errors.
pub async fn list_history(tx: &mut TenantTx, id: OrderId) -> Result<Vec<OrderHistory>, StoreError> {
    let sql = "SELECT version, transition, from_status, to_status, actor, reason, at FROM order_history \
               WHERE tenant_id = $1 AND order_id = $2 ORDER BY version";
    tx.db
        .fetch(ORDER_HISTORY, sql, params![tx.tenant(), id], |row| {
            Ok(OrderHistory {
                version: row.get("version")?,
                transition: row.get("transition")?,
                from: row.get("from_status")?,
                to: row.get("to_status")?,
                actor: row.get("actor")?,
                reason: row.get("reason")?,
                at: row.get("at")?,
            })
        })
        .await
}
