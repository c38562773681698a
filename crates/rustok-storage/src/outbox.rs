//! The outbox: committed events that await their distribution to consumers.
//!
//! An event is distributed once each consumer has had it or has a delivery (`deliveries.rs`). It is deleted when it was
//! distributed long ago and no delivery of it is left.

use jiff::Timestamp;
use rustok_core::ids::TenantId;
use rustok_db::{Json, PlatformTx, Row, Statement, StoreError, Value, params};
use rustok_events::lease::next_attempt;
use rustok_events::{Consumer, Event, Lease};
use uuid::Uuid;

const OUTBOX: &str = "outbox";

/// Length of a stored error, in characters.
pub(crate) const LAST_ERROR_CHARS: usize = 500;

/// The columns of an event in the outbox `o`.
pub(crate) const EVENT_COLUMNS: &str =
    "o.tenant_id, o.id, o.topic, o.subject_id, o.payload, o.traceparent, o.occurred_at";

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

/// What a SELECT of a claim ends with, so that no two workers claim the same row of `table`. SQLite has one writer.
pub(crate) fn skip_locked(tx: &PlatformTx, table: &str) -> String {
    if tx.db.is_postgres() {
        format!(" FOR UPDATE OF {table} SKIP LOCKED")
    } else {
        String::new()
    }
}

pub(crate) fn event(row: &Row<'_>) -> Result<Event, StoreError> {
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
}

/// Events that wait, oldest first, without a claim: for a worker that is the only one on its database.
///
/// # Errors
/// Those of the database.
pub async fn list_waiting(tx: &mut PlatformTx, limit: i64) -> Result<Vec<Event>, StoreError> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM outbox o WHERE o.distributed_at IS NULL ORDER BY o.occurred_at LIMIT $1"
    );
    tx.db.fetch(OUTBOX, &sql, params![limit], event).await
}

/// Claims up to `limit` events that wait, oldest first. On PostgreSQL those that another worker is about to claim are
/// skipped.
///
/// # Errors
/// Those of the database.
pub async fn claim(
    tx: &mut PlatformTx,
    lease: Lease,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM outbox o WHERE o.distributed_at IS NULL \
         AND (o.leased_until IS NULL OR o.leased_until <= $2) ORDER BY o.occurred_at LIMIT $1{}",
        skip_locked(tx, "o")
    );
    let events = tx.db.fetch(OUTBOX, &sql, params![limit, now], event).await?;
    let sql = "UPDATE outbox SET lease = $3, leased_until = $4 WHERE tenant_id = $1 AND id = $2";
    let mark = |event: &Event| {
        Statement::one(
            OUTBOX,
            sql,
            params![event.tenant_id, event.id, lease.id, lease.until],
        )
    };
    let marks: Vec<_> = events.iter().map(mark).collect();
    tx.db.execute_all(&marks).await?;
    Ok(events)
}

/// What came of the first attempt to deliver an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The event.
    pub event: Event,
    /// The consumers that did not take it, each with the reason.
    pub failed: Vec<(Consumer, String)>,
}

/// Marks events as distributed, all in one flight, with a delivery for each consumer that did not take one. `lease` is
/// that of the claim, `None` after [`list_waiting`].
///
/// # Errors
/// [`StoreError::Stale`] when the lease of one of them is lost; then nothing may be committed.
pub async fn distribute(
    tx: &mut PlatformTx,
    lease: Option<Uuid>,
    outcomes: &[Outcome],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut writes = Vec::with_capacity(outcomes.len());
    for Outcome { event, failed } in outcomes {
        // By key and lease alone: a condition on `distributed_at` would lead a planner to the index of all that waits.
        writes.push(Statement::one(
            OUTBOX,
            "UPDATE outbox SET distributed_at = $3, lease = NULL, leased_until = NULL \
             WHERE tenant_id = $1 AND id = $2 AND lease IS NOT DISTINCT FROM $4",
            params![event.tenant_id, event.id, now, lease],
        ));
        for (consumer, error) in failed {
            let error: String = error.chars().take(LAST_ERROR_CHARS).collect();
            let due_at = next_attempt(1, now).unwrap_or(now);
            writes.push(Statement::one(
                "deliveries",
                "INSERT INTO deliveries (tenant_id, event_id, consumer, due_at, attempts, last_error) \
                 VALUES ($1, $2, $3, $4, 1, $5)",
                params![event.tenant_id, event.id, consumer.as_str(), due_at, error],
            ));
        }
    }
    tx.db.execute_all(&writes).await
}

/// Gives back events that were claimed and not delivered.
///
/// # Errors
/// Those of the database.
pub async fn give_back(tx: &mut PlatformTx, lease: Uuid, events: &[Event]) -> Result<(), StoreError> {
    let sql =
        "UPDATE outbox SET lease = NULL, leased_until = NULL WHERE tenant_id = $1 AND id = $2 AND lease = $3";
    let back = |event: &Event| Statement::any(OUTBOX, sql, params![event.tenant_id, event.id, lease]);
    let back: Vec<_> = events.iter().map(back).collect();
    tx.db.execute_all(&back).await
}

/// What waits, and what is dead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Events that wait and deliveries that are tried again; each counted up to the caller's limit.
    pub depth: u64,
    /// When the oldest of them occurred.
    pub oldest: Option<Timestamp>,
    /// Dead deliveries, counted up to the limit.
    pub dead_deliveries: u64,
    /// Dead jobs, counted up to the limit.
    pub dead_jobs: u64,
}

/// The part of an index that a count goes through.
fn counted(table: &str, condition: &str) -> String {
    format!("(SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT $1) AS counted)")
}

/// Counts what waits and what is dead, each up to `limit`, and finds the time of the oldest. Of more deliveries than
/// that, those that are due first count.
///
/// # Errors
/// Those of the database.
pub async fn backlog(tx: &mut PlatformTx, limit: i64) -> Result<Backlog, StoreError> {
    let sql = format!(
        "SELECT {} AS waiting, {} AS deliveries, {} AS dead_deliveries, {} AS dead_jobs, \
         (SELECT min(occurred_at) FROM outbox WHERE distributed_at IS NULL) AS oldest, \
         (SELECT min(o.occurred_at) FROM (SELECT tenant_id, event_id FROM deliveries WHERE dead_at IS NULL \
         ORDER BY due_at LIMIT $1) AS d JOIN outbox o ON o.tenant_id = d.tenant_id AND o.id = d.event_id) AS oldest_delivery",
        counted("outbox", "distributed_at IS NULL"),
        counted("deliveries", "dead_at IS NULL"),
        counted("deliveries", "dead_at IS NOT NULL"),
        counted("jobs", "dead_at IS NOT NULL"),
    );
    let limit = params![limit];
    let found = tx.db.fetch_optional(OUTBOX, &sql, limit, |row| {
        let count = |column| Ok::<_, StoreError>(u64::try_from(row.get::<i64>(column)?).unwrap_or_default());
        let times = [
            row.get::<Option<Timestamp>>("oldest")?,
            row.get("oldest_delivery")?,
        ];
        Ok(Backlog {
            depth: count("waiting")? + count("deliveries")?,
            oldest: times.into_iter().flatten().min(),
            dead_deliveries: count("dead_deliveries")?,
            dead_jobs: count("dead_jobs")?,
        })
    });
    Ok(found.await?.unwrap_or_default())
}

/// The events that were distributed first, and whether deliveries of them are left.
fn distributed_first(deliveries: &str) -> String {
    format!(
        "(tenant_id, id) IN (SELECT e.tenant_id, e.id FROM (SELECT o.tenant_id, o.id FROM outbox o \
         WHERE o.distributed_at < $1 ORDER BY o.distributed_at LIMIT $2) AS e \
         WHERE {deliveries} (SELECT 1 FROM deliveries d WHERE d.tenant_id = e.tenant_id AND d.event_id = e.id))"
    )
}

/// Deletes up to `most` events that were distributed before `before`, the oldest first. Those that a consumer may still
/// get are set to `now`, as many at once, so that a consumer that takes nothing stands in no other event's way. Returns
/// how many were deleted, and whether there may be more.
///
/// # Errors
/// Those of the database.
pub async fn purge(
    tx: &mut PlatformTx,
    before: Timestamp,
    now: Timestamp,
    most: i64,
) -> Result<(u64, bool), StoreError> {
    let keep = format!(
        "UPDATE outbox SET distributed_at = $3 WHERE {}",
        distributed_first("EXISTS")
    );
    let kept = tx.db.execute(OUTBOX, &keep, params![before, most, now]).await?;
    let delete = format!("DELETE FROM outbox WHERE {}", distributed_first("NOT EXISTS"));
    let deleted = tx.db.execute(OUTBOX, &delete, params![before, most]).await?;
    Ok((
        deleted,
        i64::try_from(kept.saturating_add(deleted)).is_ok_and(|looked| looked >= most),
    ))
}
