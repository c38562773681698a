//! Stored responses to requests with an `Idempotency-Key`, written in the transaction of the request's effect: a
//! tenant's in the tenant's table, those of the platform in their own.
//!
//! Neither a key nor a response is ever stored in clear: they arrive here hashed and sealed (docs/adr/0011).

use jiff::Timestamp;
use rustok_core::ids::TenantId;
use rustok_db::{Json, Owner, PlatformTx, Row, Statement, StoreError, TenantTx, Tx, Value, params};

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
    /// Another transaction has claimed its scope and did not end in time: the first request is still running. This
    /// transaction is of no further use. Only on PostgreSQL.
    Running,
    /// It was answered before.
    Answered(IdempotencyRecord),
}

/// The status of a claimed scope that has no response yet.
const UNANSWERED: i64 = 0;

/// Claims a scope for the transaction and finds its stored response, unless that is older than `not_before`.
///
/// On PostgreSQL the claim is a row without a response: its unique key makes another transaction that claims the scope,
/// from whichever server, wait until this one has ended, or until its own limit for locks. SQLite has a single writer,
/// which is the claim.
///
/// # Errors
/// Those of the database.
pub async fn claim<O: Owner>(
    tx: &mut Tx<O>,
    scope: &IdempotencyScope,
    not_before: Timestamp,
    now: Timestamp,
) -> Result<KeyState, StoreError> {
    let owner = tx.owner();
    let table = table_of(owner);
    let sql = match owner {
        Some(_) => {
            "SELECT body_hash, status, headers, sealed_body FROM idempotency_records \
             WHERE tenant_id = $5 AND actor = $1 AND route = $2 AND key_hash = $3 AND created_at >= $4"
        }
        None => {
            "SELECT body_hash, status, headers, sealed_body FROM platform_idempotency_records \
             WHERE actor = $1 AND route = $2 AND key_hash = $3 AND created_at >= $4"
        }
    };
    let find = Statement::any(table, sql, &scope_values(scope, not_before, owner));
    let claims = if tx.db.is_postgres() {
        vec![claim_write(scope, not_before, now, owner)]
    } else {
        Vec::new()
    };
    let found = tx.db.execute_all_and_fetch(&claims, &find, |row| {
        let is_answered = row.get::<i64>("status")? != UNANSWERED;
        Ok(if is_answered { Some(decode(row)?) } else { None })
    });
    match found.await {
        Ok(found) => Ok(found
            .into_iter()
            .flatten()
            .next()
            .map_or(KeyState::New, KeyState::Answered)),
        Err(StoreError::Locked(_)) => Ok(KeyState::Running),
        Err(error) => Err(error),
    }
}

/// Inserts a row without a response, or makes it of a response that is too old. Waits for another transaction that has
/// done so, and for one that has the row.
fn claim_write<'a>(
    scope: &'a IdempotencyScope,
    not_before: Timestamp,
    now: Timestamp,
    owner: Option<TenantId>,
) -> Statement<'a> {
    let sql = match owner {
        Some(_) => {
            "INSERT INTO idempotency_records AS r \
             (actor, route, key_hash, body_hash, status, headers, sealed_body, created_at, tenant_id) \
             VALUES ($1, $2, $3, '', 0, '[]', '', $6, $5) ON CONFLICT (tenant_id, actor, route, key_hash) \
             DO UPDATE SET status = 0, created_at = excluded.created_at WHERE r.created_at < $4"
        }
        None => {
            "INSERT INTO platform_idempotency_records AS r \
             (actor, route, key_hash, body_hash, status, headers, sealed_body, created_at) \
             VALUES ($1, $2, $3, '', 0, '[]', '', $5) ON CONFLICT (actor, route, key_hash) \
             DO UPDATE SET status = 0, created_at = excluded.created_at WHERE r.created_at < $4"
        }
    };
    let mut values = scope_values(scope, not_before, owner);
    values.push(now.into());
    Statement::any(table_of(owner), sql, &values)
}

fn scope_values(scope: &IdempotencyScope, not_before: Timestamp, owner: Option<TenantId>) -> Vec<Value<'_>> {
    let mut values = params![&scope.actor, &scope.route, &scope.key_hash, not_before].to_vec();
    values.extend(owner.map(Value::from));
    values
}

/// Takes back the claim of a request that was refused, whose transaction is committed without a change.
///
/// # Errors
/// Those of the database.
pub async fn unclaim<O: Owner>(tx: &mut Tx<O>, scope: &IdempotencyScope) -> Result<(), StoreError> {
    if !tx.db.is_postgres() {
        return Ok(());
    }
    let owner = tx.owner();
    let sql = match owner {
        Some(_) => {
            "DELETE FROM idempotency_records \
             WHERE tenant_id = $4 AND actor = $1 AND route = $2 AND key_hash = $3 AND status = 0"
        }
        None => {
            "DELETE FROM platform_idempotency_records \
             WHERE actor = $1 AND route = $2 AND key_hash = $3 AND status = 0"
        }
    };
    let mut values = params![&scope.actor, &scope.route, &scope.key_hash].to_vec();
    values.extend(owner.map(Value::from));
    tx.db.execute(table_of(owner), sql, &values).await.map(drop)
}

fn table_of(owner: Option<TenantId>) -> &'static str {
    owner.map_or(PLATFORM_TABLE, |_| TABLE)
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
