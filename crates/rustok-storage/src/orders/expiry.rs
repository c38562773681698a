//! The due work of pending orders: taken away when it is done or not needed, put off when it cannot be done yet.

use crate::error::StoreError;
use crate::outbox;
use crate::tx::{Expect, Statement, TenantTx};
use jiff::Timestamp;
use rustok_core::ids::{OrderId, TenantId};
use rustok_events::JobKind;

const DUE_WORK: &str = "due_work";

/// The write that takes it away in the transaction that makes it superfluous. There may be none: a worker took it.
pub(super) fn delete_expiry_write(tenant: TenantId, order: OrderId) -> Statement<'static> {
    Statement {
        table: DUE_WORK,
        sql: "DELETE FROM due_work WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3",
        params: vec![tenant.into(), JobKind::ExpireOrder.as_str().into(), order.into()],
        expect: Expect::Any,
    }
}

/// Takes the due work of an order away. Whether there was any.
///
/// # Errors
/// Those of the database.
pub async fn delete_expiry(tx: &mut TenantTx, order: OrderId) -> Result<bool, StoreError> {
    outbox::delete_job(tx, JobKind::ExpireOrder, order.as_uuid()).await
}

/// Puts the due work of an order off. Whether there was any.
///
/// # Errors
/// Those of the database.
pub async fn postpone_expiry(tx: &mut TenantTx, order: OrderId, to: Timestamp) -> Result<bool, StoreError> {
    outbox::postpone_job(tx, JobKind::ExpireOrder, order.as_uuid(), to).await
}
