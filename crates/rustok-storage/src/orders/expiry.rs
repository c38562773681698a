//! Expiry jobs of orders: deleted when done or obsolete, postponed when they cannot run yet.

use crate::outbox;
use jiff::Timestamp;
use rustok_core::ids::{OrderId, TenantId};
use rustok_db::{Statement, StoreError, TenantTx, params};
use rustok_events::{Job, JobKind};

const DUE_WORK: &str = "due_work";

/// The statement that deletes the job in the transaction that makes it obsolete. The job may be gone: a worker took
/// it.
pub(super) fn delete_expiry_write(tenant: TenantId, order: OrderId) -> Statement<'static> {
    Statement::any(
        DUE_WORK,
        "DELETE FROM due_work WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3",
        params![tenant, JobKind::ExpireOrder.as_str(), order],
    )
}

/// The statement that replaces the order's expiry job, if any, by `job`.
pub(super) fn replace_expiry_write(tenant: TenantId, job: &Job) -> Statement<'static> {
    Statement::one(
        DUE_WORK,
        "INSERT INTO due_work (tenant_id, id, kind, subject_id, due_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, kind, subject_id) DO UPDATE SET due_at = excluded.due_at",
        params![tenant, job.id, job.kind.as_str(), job.subject_id, job.due_at],
    )
}

/// Deletes the expiry job of an order. Returns whether there was one.
///
/// # Errors
/// Database errors.
pub async fn delete_expiry(tx: &mut TenantTx, order: OrderId) -> Result<bool, StoreError> {
    outbox::delete_job(tx, JobKind::ExpireOrder, order.as_uuid()).await
}

/// Postpones the expiry job of an order. Returns whether there was one.
///
/// # Errors
/// Database errors.
pub async fn postpone_expiry(tx: &mut TenantTx, order: OrderId, to: Timestamp) -> Result<bool, StoreError> {
    outbox::postpone_job(tx, JobKind::ExpireOrder, order.as_uuid(), to).await
}
