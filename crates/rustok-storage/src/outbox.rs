//! The outbox of committed events that await delivery, and work that falls due later.

use jiff::Timestamp;
use rustok_core::ids::TenantId;
use rustok_db::{Json, PlatformTx, Statement, StoreError, TenantTx, Value, params};
use rustok_events::{Event, Job, JobKind};
use uuid::Uuid;

const OUTBOX: &str = "outbox";
const DUE_WORK: &str = "due_work";

/// The write that adds an event to the outbox, in the transaction that the event reports.
pub(crate) fn insert_event(tenant: TenantId, event: &Event) -> Statement<'static> {
    Statement::one(
        OUTBOX,
        "INSERT INTO outbox (tenant_id, id, topic, subject_id, payload, traceparent, occurred_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            tenant.into(),
            event.id.into(),
            event.topic.as_str().into(),
            event.subject_id.into(),
            Value::from(&event.payload),
            event.traceparent.clone().into(),
            event.occurred_at.into(),
        ],
    )
}

/// Pending events, oldest first. On PostgreSQL those locked by another worker are skipped.
///
/// # Errors
/// Those of the database.
pub async fn claim_events(tx: &mut PlatformTx, limit: i64) -> Result<Vec<Event>, StoreError> {
    let lock = if tx.db.is_postgres() {
        "FOR UPDATE SKIP LOCKED"
    } else {
        ""
    };
    let sql = format!(
        "SELECT tenant_id, id, topic, subject_id, payload, traceparent, occurred_at FROM outbox \
         WHERE delivered_at IS NULL ORDER BY occurred_at LIMIT $1 {lock}"
    );
    tx.db
        .fetch(OUTBOX, &sql, params![limit], |row| {
            let topic: String = row.get("topic")?;
            Ok(Event {
                id: row.get("id")?,
                tenant_id: row.get("tenant_id")?,
                topic: topic.parse().map_err(|_| row.inconsistent("topic", &topic))?,
                subject_id: row.get("subject_id")?,
                payload: row.get::<Json<_>>("payload")?.0,
                occurred_at: row.get("occurred_at")?,
                traceparent: row.get("traceparent")?,
            })
        })
        .await
}

/// Marks events as delivered, all in one flight.
///
/// # Errors
/// [`StoreError::Stale`] when one of them no longer exists.
pub async fn mark_delivered(tx: &mut PlatformTx, events: &[Event], now: Timestamp) -> Result<(), StoreError> {
    // By key alone: the worker holds the lock since its claim, and a condition on `delivered_at` would lead a planner
    // to the index of all pending events.
    let sql = "UPDATE outbox SET delivered_at = $3 WHERE tenant_id = $1 AND id = $2";
    let mark = |event: &Event| Statement::one(OUTBOX, sql, params![event.tenant_id, event.id, now]);
    let marks: Vec<_> = events.iter().map(mark).collect();
    tx.db.execute_all(&marks).await
}

/// The backlog of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Pending events, counted up to the caller's limit.
    pub depth: u64,
    /// When the oldest of them occurred.
    pub oldest: Option<Timestamp>,
}

/// Counts pending events, up to `limit`, and finds the time of the oldest.
///
/// # Errors
/// Those of the database.
pub async fn backlog(tx: &mut PlatformTx, limit: i64) -> Result<Backlog, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE delivered_at IS NULL LIMIT $1) AS waiting) AS depth, \
               (SELECT min(occurred_at) FROM outbox WHERE delivered_at IS NULL) AS oldest";
    let found = tx
        .db
        .fetch_optional(OUTBOX, sql, params![limit], |row| {
            Ok(Backlog {
                depth: u64::try_from(row.get::<i64>("depth")?).unwrap_or_default(),
                oldest: row.get("oldest")?,
            })
        })
        .await?;
    Ok(found.unwrap_or(Backlog {
        depth: 0,
        oldest: None,
    }))
}

/// Deletes events that were delivered before `before`, the oldest first and at most `most` of them; returns how many.
///
/// # Errors
/// Those of the database.
pub async fn delete_delivered_before(
    tx: &mut PlatformTx,
    before: Timestamp,
    most: i64,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM outbox WHERE (tenant_id, id) IN (SELECT d.tenant_id, d.id FROM outbox d \
               WHERE d.delivered_at < $1 ORDER BY d.delivered_at LIMIT $2)";
    tx.db.execute(OUTBOX, sql, params![before, most]).await
}

/// The write that schedules work, in the transaction that makes it necessary.
pub(crate) fn insert_job(tenant: TenantId, job: &Job) -> Statement<'static> {
    Statement::one(
        DUE_WORK,
        "INSERT INTO due_work (tenant_id, id, kind, subject_id, due_at) VALUES ($1, $2, $3, $4, $5)",
        &[
            tenant.into(),
            job.id.into(),
            job.kind.as_str().into(),
            job.subject_id.into(),
            job.due_at.into(),
        ],
    )
}

/// Due work of one kind, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn list_due(
    tx: &mut PlatformTx,
    kind: JobKind,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Job>, StoreError> {
    let sql = "SELECT tenant_id, id, subject_id, due_at FROM due_work \
               WHERE kind = $1 AND due_at <= $2 ORDER BY due_at LIMIT $3";
    tx.db
        .fetch(DUE_WORK, sql, params![kind.as_str(), now, limit], |row| {
            Ok(Job {
                id: row.get("id")?,
                tenant_id: row.get("tenant_id")?,
                kind,
                subject_id: row.get("subject_id")?,
                due_at: row.get("due_at")?,
            })
        })
        .await
}

/// Deletes scheduled work that is done or no longer needed; true if there was any.
///
/// # Errors
/// Those of the database.
pub async fn delete_job(tx: &mut TenantTx, kind: JobKind, subject: Uuid) -> Result<bool, StoreError> {
    let sql = "DELETE FROM due_work WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3";
    let deleted = tx
        .db
        .execute(DUE_WORK, sql, params![tx.tenant(), kind.as_str(), subject])
        .await?;
    Ok(deleted > 0)
}

/// Postpones scheduled work; true if there was any.
///
/// # Errors
/// Those of the database.
pub async fn postpone_job(
    tx: &mut TenantTx,
    kind: JobKind,
    subject: Uuid,
    to: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE due_work SET due_at = $4 WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3";
    let postponed = tx
        .db
        .execute(DUE_WORK, sql, params![tx.tenant(), kind.as_str(), subject, to])
        .await?;
    Ok(postponed > 0)
}

/// Claims work that is due at `now` for the same transaction that does it; false if another worker has done or
/// postponed it since it was listed.
///
/// # Errors
/// Those of the database.
pub async fn take_due_job(
    tx: &mut TenantTx,
    kind: JobKind,
    subject: Uuid,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM due_work WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3 AND due_at <= $4";
    let taken = tx
        .db
        .execute(DUE_WORK, sql, params![tx.tenant(), kind.as_str(), subject, now])
        .await?;
    Ok(taken > 0)
}
