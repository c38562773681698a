//! Answers that were given to a request with an `Idempotency-Key`, kept beside the effect they belong to.

use crate::error::StoreError;
use crate::row::Json;
use crate::tx::TenantTx;
use crate::value::params;
use jiff::Timestamp;

const TABLE: &str = "idempotency_records";

/// What makes two requests the same one: who sent them, where to, and the key they chose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyScope {
    /// The actor's stable text form.
    pub actor: String,
    /// Method and path.
    pub route: String,
    /// The client's key.
    pub key: String,
}

/// An answer, byte for byte as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// The HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A kept answer and the hash of the request body that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// SHA-256 of the request body.
    pub body_hash: [u8; 32],
    /// The answer.
    pub reply: StoredReply,
}

/// The answer kept for a scope, unless it is older than `not_before`.
///
/// On PostgreSQL this also takes the scope's lock for the transaction; `None` of the outer option means that somebody
/// else has it: the first request is still running.
///
/// # Errors
/// Those of the database.
pub async fn claim(
    tx: &mut TenantTx,
    scope: &IdempotencyScope,
    lock_key: i64,
    not_before: Timestamp,
) -> Result<Option<Option<IdempotencyRecord>>, StoreError> {
    if tx.db.is_postgres() {
        let sql = "SELECT pg_try_advisory_xact_lock($1) AS free";
        let free = tx
            .db
            .fetch_optional(TABLE, sql, params![lock_key], |row| row.get::<bool>("free"))
            .await?;
        if free != Some(true) {
            return Ok(None);
        }
    }
    let sql = "SELECT body_hash, status, headers, body FROM idempotency_records \
               WHERE tenant_id = $1 AND actor = $2 AND route = $3 AND key = $4 AND created_at >= $5";
    let scope = params![tx.tenant, &scope.actor, &scope.route, &scope.key, not_before];
    tx.db
        .fetch_optional(TABLE, sql, scope, |row| {
            let status: i64 = row.get("status")?;
            let status =
                u16::try_from(status).map_err(|_| row.inconsistent("status", "not an HTTP status"))?;
            let reply = StoredReply {
                status,
                headers: row.get::<Json<_>>("headers")?.0,
                body: row.get("body")?,
            };
            Ok(IdempotencyRecord {
                body_hash: row.get("body_hash")?,
                reply,
            })
        })
        .await
        .map(Some)
}

/// Keeps an answer, in the transaction of its effect.
///
/// # Errors
/// Those of the database.
pub async fn insert_record(
    tx: &mut TenantTx,
    scope: &IdempotencyScope,
    body_hash: &[u8; 32],
    reply: &StoredReply,
    now: Timestamp,
) -> Result<(), StoreError> {
    let headers = serde_json::json!(reply.headers);
    tx.db
        .execute_one(
            TABLE,
            "INSERT INTO idempotency_records \
             (tenant_id, actor, route, key, body_hash, status, headers, body, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (tenant_id, actor, route, key) DO UPDATE SET body_hash = excluded.body_hash, \
             status = excluded.status, headers = excluded.headers, body = excluded.body, \
             created_at = excluded.created_at",
            params![
                tx.tenant,
                &scope.actor,
                &scope.route,
                &scope.key,
                body_hash,
                i64::from(reply.status),
                &headers,
                reply.body.as_slice(),
                now
            ],
        )
        .await
}

/// Forgets answers older than `before`.
///
/// # Errors
/// Those of the database.
pub async fn delete_records_before(tx: &mut TenantTx, before: Timestamp) -> Result<u64, StoreError> {
    let sql = "DELETE FROM idempotency_records WHERE tenant_id = $1 AND created_at < $2";
    tx.db.execute(TABLE, sql, params![tx.tenant, before]).await
}
