//! Jobs: scheduled in the transaction that makes them necessary, claimed by lease.
//!
//! A claim commits before the work begins. Each statement that ends a claim has its lease in the
//! condition: it changes nothing once another worker has claimed the job, or a change of its subject has set it anew.

use crate::outbox::{LAST_ERROR_CHARS, skip_locked};
use jiff::Timestamp;
use rustok_core::ids::TenantId;
use rustok_db::{PlatformTx, Statement, StoreError, TenantTx, Value, params};
use rustok_events::lease::next_attempt;
use rustok_events::{ClaimedJob, Job, JobKind, Lease};
use uuid::Uuid;

const TABLE: &str = "jobs";

/// The write that schedules a job.
pub(crate) fn insert_job(tenant: TenantId, job: &Job) -> Statement<'static> {
    Statement::one(
        TABLE,
        "INSERT INTO jobs (tenant_id, id, kind, subject_id, due_at) VALUES ($1, $2, $3, $4, $5)",
        &values(tenant, job),
    )
}

/// The write that schedules a job in place of that of its kind and subject, if there is one.
pub(crate) fn replace_job(tenant: TenantId, job: &Job) -> Statement<'static> {
    Statement::one(
        TABLE,
        "INSERT INTO jobs (tenant_id, id, kind, subject_id, due_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, kind, subject_id) DO UPDATE SET due_at = excluded.due_at, lease = NULL, attempts = 0, \
         last_error = NULL, dead_at = NULL",
        &values(tenant, job),
    )
}

fn values(tenant: TenantId, job: &Job) -> [Value<'static>; 5] {
    [
        tenant.into(),
        job.id.into(),
        job.kind.as_str().into(),
        job.subject_id.into(),
        job.due_at.into(),
    ]
}

/// The write that deletes a job that is no longer needed, if there is one.
pub(crate) fn delete_write(tenant: TenantId, kind: JobKind, subject: Uuid) -> Statement<'static> {
    Statement::any(
        TABLE,
        "DELETE FROM jobs WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3",
        &[tenant.into(), kind.as_str().into(), subject.into()],
    )
}

/// Schedules a job in place of that of its kind and subject, if there is one.
///
/// # Errors
/// Those of the database.
pub async fn schedule(tx: &mut TenantTx, job: &Job) -> Result<(), StoreError> {
    let insert = replace_job(tx.tenant(), job);
    tx.db.execute_all(&[insert]).await
}

/// Deletes a job that is no longer needed; true if there was one.
///
/// # Errors
/// Those of the database.
pub async fn delete_job(tx: &mut TenantTx, kind: JobKind, subject: Uuid) -> Result<bool, StoreError> {
    let delete = delete_write(tx.tenant(), kind, subject);
    Ok(tx.db.execute(TABLE, &delete.sql, &delete.params).await? > 0)
}

/// Postpones a job, and takes it from a worker that has claimed it; true if there was one.
///
/// # Errors
/// Those of the database.
pub async fn postpone_job(
    tx: &mut TenantTx,
    kind: JobKind,
    subject: Uuid,
    to: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE jobs SET due_at = $4, lease = NULL, attempts = 0, last_error = NULL, dead_at = NULL \
               WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3";
    let values = params![tx.tenant(), kind.as_str(), subject, to];
    Ok(tx.db.execute(TABLE, sql, values).await? > 0)
}

/// Claims up to `limit` jobs of these kinds that are due at `now`, the longest due first. On PostgreSQL those that
/// another worker is about to claim are skipped.
///
/// # Errors
/// Those of the database.
pub async fn claim(
    tx: &mut PlatformTx,
    kinds: &[JobKind],
    lease: Lease,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<ClaimedJob>, StoreError> {
    let kinds: Vec<_> = kinds.iter().map(|kind| format!("'{kind}'")).collect();
    let sql = format!(
        "SELECT tenant_id, id, kind, subject_id, due_at, attempts FROM jobs \
         WHERE dead_at IS NULL AND due_at <= $1 AND kind IN ({}) ORDER BY due_at LIMIT $2{}",
        kinds.join(", "),
        skip_locked(tx, "jobs")
    );
    let values = params![now, limit];
    let claimed = tx.db.fetch(TABLE, &sql, values, |row| {
        let kind: String = row.get("kind")?;
        let job = Job {
            id: row.get("id")?,
            tenant_id: row.get("tenant_id")?,
            kind: kind.parse().map_err(|_| row.inconsistent("kind", &kind))?,
            subject_id: row.get("subject_id")?,
            due_at: row.get("due_at")?,
        };
        let attempts = u32::try_from(row.get::<i64>("attempts")?).unwrap_or(u32::MAX);
        Ok(ClaimedJob {
            job,
            lease: lease.id,
            attempts: attempts.saturating_add(1),
        })
    });
    let claimed = claimed.await?;
    let sql = "UPDATE jobs SET lease = $3, due_at = $4, attempts = $5 WHERE tenant_id = $1 AND id = $2";
    let mark = |claimed: &ClaimedJob| {
        let (job, attempts) = (&claimed.job, i64::from(claimed.attempts));
        Statement::one(
            TABLE,
            sql,
            params![job.tenant_id, job.id, lease.id, lease.until, attempts],
        )
    };
    let marks: Vec<_> = claimed.iter().map(mark).collect();
    tx.db.execute_all(&marks).await?;
    Ok(claimed)
}

/// Deletes a claimed job in the transaction that does its work; false if the lease is lost, and the work must not be
/// done.
///
/// # Errors
/// Those of the database.
pub async fn finish(tx: &mut TenantTx, claimed: &ClaimedJob) -> Result<bool, StoreError> {
    let sql = "DELETE FROM jobs WHERE tenant_id = $1 AND id = $2 AND lease = $3";
    let values = params![tx.tenant(), claimed.job.id, claimed.lease];
    Ok(tx.db.execute(TABLE, sql, values).await? > 0)
}

/// Sets a claimed job to a later time, since its work is not due yet; false if the lease is lost.
///
/// # Errors
/// Those of the database.
pub async fn reschedule(tx: &mut TenantTx, claimed: &ClaimedJob, to: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE jobs SET due_at = $4, lease = NULL, attempts = 0, last_error = NULL \
               WHERE tenant_id = $1 AND id = $2 AND lease = $3";
    let values = params![tx.tenant(), claimed.job.id, claimed.lease, to];
    Ok(tx.db.execute(TABLE, sql, values).await? > 0)
}

/// Ends the claim of a job that failed: it is due again after a pause, or dead after too many attempts. Returns whether
/// it is dead. Changes nothing if the lease is lost.
///
/// # Errors
/// Those of the database.
pub async fn fail(
    tx: &mut PlatformTx,
    claimed: &ClaimedJob,
    error: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let next = next_attempt(claimed.attempts, now);
    let error: String = error.chars().take(LAST_ERROR_CHARS).collect();
    let dead_at = next.is_none().then_some(now);
    let sql = "UPDATE jobs SET lease = NULL, due_at = $4, last_error = $5, dead_at = $6 \
               WHERE tenant_id = $1 AND id = $2 AND lease = $3";
    let job = &claimed.job;
    let values = params![
        job.tenant_id,
        job.id,
        claimed.lease,
        next.unwrap_or(now),
        error,
        dead_at
    ];
    let changed = tx.db.execute(TABLE, sql, values).await?;
    Ok(changed > 0 && dead_at.is_some())
}

/// Gives back jobs that were claimed and not begun: they are due as before, and no attempt was made.
///
/// # Errors
/// Those of the database.
pub async fn give_back(tx: &mut PlatformTx, claimed: &[ClaimedJob]) -> Result<(), StoreError> {
    let sql = "UPDATE jobs SET lease = NULL, due_at = $4, attempts = $5 \
               WHERE tenant_id = $1 AND id = $2 AND lease = $3";
    let back = |claimed: &ClaimedJob| {
        let (job, attempts) = (&claimed.job, i64::from(claimed.attempts) - 1);
        Statement::any(
            TABLE,
            sql,
            params![job.tenant_id, job.id, claimed.lease, job.due_at, attempts],
        )
    };
    let back: Vec<_> = claimed.iter().map(back).collect();
    tx.db.execute_all(&back).await
}
