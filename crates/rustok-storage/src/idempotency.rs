//! Stored responses to requests with an `Idempotency-Key`, written in the transaction of the request's effect: a
//! tenant's in the tenant's table, those of the platform in their own.
//!
//! Neither a key nor a response is ever stored in clear: they arrive here hashed and sealed (docs/adr/0011).

use jiff::Timestamp;
use rustok_core::ids::TenantId;
use rustok_db::{Db, Json, Owner, PlatformTx, Row, StoreError, TenantTx, Tx, params};

const TABLE: &str = "idempotency_records";
const PLATFORM_TABLE: &str = "platform_idempotency_records";

/// Identifies a request for its repetition: sender, route and the key that the client chose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyScope {
    /// The actor's stable text form.
    pub actor: String,
    /// Method and path.
    pub route: String,
    /// A hash of the client's key.
    pub key_hash: [u8; 32],
}

/// A response, byte for byte as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// The HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A response as it is stored: its body can be read only with the client's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedReply {
    /// The HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body, sealed.
    pub sealed_body: Vec<u8>,
}

/// A stored response and the hash of the request body that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// SHA-256 of the request body.
    pub body_hash: [u8; 32],
    /// The response.
    pub reply: SealedReply,
}

/// What is known of a request with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// It is new, and no other transaction can claim its scope before the end of this one.
    New,
    /// Another transaction has claimed its scope: the first request is still running. Only on PostgreSQL.
    Running,
    /// It was answered before.
    Answered(IdempotencyRecord),
}

/// Claims a scope for the transaction and finds its stored response, unless that is older than `not_before`.
///
/// # Errors
/// Those of the database.
pub async fn claim<O: Owner>(
    tx: &mut Tx<O>,
    scope: &IdempotencyScope,
    lock_key: i64,
    not_before: Timestamp,
) -> Result<KeyState, StoreError> {
    let owner = tx.owner();
    let table = table_of(owner);
    if !try_lock(&mut tx.db, table, lock_key).await? {
        return Ok(KeyState::Running);
    }
    let mut values = params![&scope.actor, &scope.route, &scope.key_hash, not_before].to_vec();
    let sql = match owner {
        Some(tenant) => {
            values.push(tenant.into());
            "SELECT body_hash, status, headers, sealed_body FROM idempotency_records \
             WHERE tenant_id = $5 AND actor = $1 AND route = $2 AND key_hash = $3 AND created_at >= $4"
        }
        None => {
            "SELECT body_hash, status, headers, sealed_body FROM platform_idempotency_records \
             WHERE actor = $1 AND route = $2 AND key_hash = $3 AND created_at >= $4"
        }
    };
    let found = tx.db.fetch_optional(table, sql, &values, decode).await?;
    Ok(found.map_or(KeyState::New, KeyState::Answered))
}

fn table_of(owner: Option<TenantId>) -> &'static str {
    owner.map_or(PLATFORM_TABLE, |_| TABLE)
}

/// Tries to take the lock. SQLite has a single writer, which holds it implicitly.
async fn try_lock(db: &mut Db, table: &'static str, lock_key: i64) -> Result<bool, StoreError> {
    if !db.is_postgres() {
        return Ok(true);
    }
    let sql = "SELECT pg_try_advisory_xact_lock($1) AS free";
    let free = db
        .fetch_optional(table, sql, params![lock_key], |row| row.get::<bool>("free"))
        .await?;
    Ok(free == Some(true))
}

fn decode(row: &Row<'_>) -> Result<IdempotencyRecord, StoreError> {
    let status: i64 = row.get("status")?;
    let status = u16::try_from(status).map_err(|_| row.inconsistent("status", "not an HTTP status"))?;
    Ok(IdempotencyRecord {
        body_hash: row.get("body_hash")?,
        reply: SealedReply {
            status,
            headers: row.get::<Json<_>>("headers")?.0,
            sealed_body: row.get("sealed_body")?,
        },
    })
}

/// Stores a response, in the transaction of its effect.
///
/// # Errors
/// Those of the database.
pub async fn insert_record<O: Owner>(
    tx: &mut Tx<O>,
    scope: &IdempotencyScope,
    record: &IdempotencyRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let headers = serde_json::json!(record.reply.headers);
    let mut values = params![
        &scope.actor,
        &scope.route,
        &scope.key_hash,
        &record.body_hash,
        i64::from(record.reply.status),
        &headers,
        record.reply.sealed_body.as_slice(),
        now
    ]
    .to_vec();
    let owner = tx.owner();
    let sql = match owner {
        Some(tenant) => {
            values.push(tenant.into());
            "INSERT INTO idempotency_records \
             (actor, route, key_hash, body_hash, status, headers, sealed_body, created_at, tenant_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (tenant_id, actor, route, key_hash) DO UPDATE SET body_hash = excluded.body_hash, \
             status = excluded.status, headers = excluded.headers, sealed_body = excluded.sealed_body, \
             created_at = excluded.created_at"
        }
        None => {
            "INSERT INTO platform_idempotency_records \
             (actor, route, key_hash, body_hash, status, headers, sealed_body, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (actor, route, key_hash) DO UPDATE SET body_hash = excluded.body_hash, \
             status = excluded.status, headers = excluded.headers, sealed_body = excluded.sealed_body, \
             created_at = excluded.created_at"
        }
    };
    tx.db.execute_one(table_of(owner), sql, &values).await
}

/// How many of the responses older than `before` one transaction may delete: at most `most`, and no more than have
/// [`DELETED_BYTES`] together, but one if there is any. 0 if there is none.
///
/// # Errors
/// Those of the database.
pub async fn count_records_before(
    tx: &mut TenantTx,
    before: Timestamp,
    most: u32,
) -> Result<u32, StoreError> {
    let sql = "SELECT CAST(octet_length(d.sealed_body) AS bigint) AS bytes FROM idempotency_records d \
               WHERE d.tenant_id = $1 AND d.created_at < $2 ORDER BY d.created_at LIMIT $3";
    let values = params![tx.tenant(), before, i64::from(most)];
    let sizes = tx.db.fetch(TABLE, sql, values, |row| row.get("bytes")).await?;
    Ok(deletable(&sizes))
}

/// As [`count_records_before`], for responses to platform requests.
///
/// # Errors
/// Those of the database.
pub async fn count_platform_records_before(
    tx: &mut PlatformTx,
    before: Timestamp,
    most: u32,
) -> Result<u32, StoreError> {
    let sql = "SELECT CAST(octet_length(d.sealed_body) AS bigint) AS bytes FROM platform_idempotency_records d \
               WHERE d.created_at < $1 ORDER BY d.created_at LIMIT $2";
    let values = params![before, i64::from(most)];
    let sizes = tx.db.fetch(PLATFORM_TABLE, sql, values, |row| row.get("bytes"));
    Ok(deletable(&sizes.await?))
}

/// The size of the bodies that one transaction deletes, in bytes: SQLite takes each page of a body out of its file, which
/// holds its only writer for some milliseconds.
pub const DELETED_BYTES: i64 = 4 << 20;

fn deletable(sizes: &[i64]) -> u32 {
    let (mut bytes, mut count) = (0, 0);
    for size in sizes {
        bytes += size;
        if count > 0 && bytes > DELETED_BYTES {
            break;
        }
        count += 1;
    }
    count
}

pub(crate) const DELETE_OLD: &str = "DELETE FROM idempotency_records WHERE tenant_id = $1 AND (actor, route, key_hash) IN (\
     SELECT d.actor, d.route, d.key_hash FROM idempotency_records d \
     WHERE d.tenant_id = $1 AND d.created_at < $2 ORDER BY d.created_at LIMIT $3)";

/// Deletes responses older than `before`, the oldest first and at most `most` of them; returns how many.
///
/// # Errors
/// Those of the database.
pub async fn delete_records_before(
    tx: &mut TenantTx,
    before: Timestamp,
    most: u32,
) -> Result<u64, StoreError> {
    tx.db
        .execute(TABLE, DELETE_OLD, params![tx.tenant(), before, i64::from(most)])
        .await
}

/// As [`delete_records_before`], for responses to platform requests.
///
/// # Errors
/// Those of the database.
pub async fn delete_platform_records_before(
    tx: &mut PlatformTx,
    before: Timestamp,
    most: u32,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM platform_idempotency_records WHERE (actor, route, key_hash) IN (\
               SELECT d.actor, d.route, d.key_hash FROM platform_idempotency_records d \
               WHERE d.created_at < $1 ORDER BY d.created_at LIMIT $2)";
    tx.db
        .execute(PLATFORM_TABLE, sql, params![before, i64::from(most)])
        .await
}
