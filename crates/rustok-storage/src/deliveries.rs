//! Deliveries: what single consumers have not taken yet of events that were distributed. Claimed by lease.

use crate::outbox::{EVENT_COLUMNS, LAST_ERROR_CHARS, event, skip_locked};
use jiff::Timestamp;
use rustok_db::{PlatformTx, Statement, StoreError, Value, params};
use rustok_events::lease::next_attempt;
use rustok_events::{Delivery, Lease};

const TABLE: &str = "deliveries";

/// Claims up to `limit` deliveries that are due at `now`, the longest due first. On PostgreSQL those that another worker
/// is about to claim are skipped.
///
/// # Errors
/// Those of the database.
pub async fn claim(
    tx: &mut PlatformTx,
    lease: Lease,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, d.consumer, d.attempts FROM deliveries d \
         JOIN outbox o ON o.tenant_id = d.tenant_id AND o.id = d.event_id \
         WHERE d.dead_at IS NULL AND d.due_at <= $1 ORDER BY d.due_at LIMIT $2{}",
        skip_locked(tx, "d")
    );
    let values = params![now, limit];
    let claimed = tx.db.fetch(TABLE, &sql, values, |row| {
        let consumer: String = row.get("consumer")?;
        let attempts = u32::try_from(row.get::<i64>("attempts")?).unwrap_or(u32::MAX);
        Ok(Delivery {
            event: event(row)?,
            consumer: consumer
                .parse()
                .map_err(|_| row.inconsistent("consumer", &consumer))?,
            lease: lease.id,
            attempts: attempts.saturating_add(1),
        })
    });
    let claimed = claimed.await?;
    let mark = |delivery: &Delivery| {
        let set = [
            Value::from(lease.until),
            i64::from(delivery.attempts).into(),
            lease.id.into(),
        ];
        Statement::one(
            TABLE,
            "UPDATE deliveries SET due_at = $4, attempts = $5, lease = $6 \
             WHERE tenant_id = $1 AND event_id = $2 AND consumer = $3",
            &[&key(delivery)[..], &set].concat(),
        )
    };
    let marks: Vec<_> = claimed.iter().map(mark).collect();
    tx.db.execute_all(&marks).await?;
    Ok(claimed)
}

fn key(delivery: &Delivery) -> [Value<'static>; 3] {
    [
        delivery.event.tenant_id.into(),
        delivery.event.id.into(),
        delivery.consumer.as_str().into(),
    ]
}

/// What came of claimed deliveries.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// The consumer has the event.
    pub delivered: Vec<Delivery>,
    /// The consumer did not take it, for this reason.
    pub failed: Vec<(Delivery, String)>,
    /// Not tried.
    pub given_back: Vec<Delivery>,
}

/// Ends claims, all in one flight: what was delivered is deleted, what failed is due again after a pause, or dead after
/// too many attempts. What another worker has claimed meanwhile stays as it is. Returns how many are dead now.
///
/// # Errors
/// Those of the database.
pub async fn settle(tx: &mut PlatformTx, outcomes: &Outcomes, now: Timestamp) -> Result<usize, StoreError> {
    let mut dead = 0;
    let mut writes = Vec::new();
    let write = |sql: &'static str, delivery: &Delivery, set: &[Value<'static>]| {
        let lease = [delivery.lease.into()];
        Statement::any(TABLE, sql, &[&key(delivery)[..], &lease, set].concat())
    };
    for delivery in &outcomes.delivered {
        let sql =
            "DELETE FROM deliveries WHERE tenant_id = $1 AND event_id = $2 AND consumer = $3 AND lease = $4";
        writes.push(write(sql, delivery, &[]));
    }
    for (delivery, error) in &outcomes.failed {
        let next = next_attempt(delivery.attempts, now);
        dead += usize::from(next.is_none());
        let error: String = error.chars().take(LAST_ERROR_CHARS).collect();
        let dead_at = next.is_none().then_some(now);
        let sql = "UPDATE deliveries SET lease = NULL, due_at = $5, last_error = $6, dead_at = $7 \
                   WHERE tenant_id = $1 AND event_id = $2 AND consumer = $3 AND lease = $4";
        writes.push(write(
            sql,
            delivery,
            &[next.unwrap_or(now).into(), error.into(), dead_at.into()],
        ));
    }
    for delivery in &outcomes.given_back {
        let sql = "UPDATE deliveries SET lease = NULL, due_at = $5, attempts = $6 \
                   WHERE tenant_id = $1 AND event_id = $2 AND consumer = $3 AND lease = $4";
        writes.push(write(
            sql,
            delivery,
            &[now.into(), (i64::from(delivery.attempts) - 1).into()],
        ));
    }
    tx.db.execute_all(&writes).await?;
    Ok(dead)
}
