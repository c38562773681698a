//! What proves that a member reads their mailbox: the secret of a link, or a code with the secret of the browser that asked.

use super::members::lock;
use jiff::Timestamp;
use rustok_auth::TokenHash;
use rustok_auth::ids::{ProofId, UserId};
use rustok_db::{PlatformTx, StoreError, TenantTx, params};

const TABLE: &str = "mail_proofs";
const DEVICES: &str = "known_devices";

/// A proof to store.
#[derive(Debug, Clone)]
pub struct NewProof {
    /// Its id.
    pub id: ProofId,
    /// The member.
    pub user: UserId,
    /// The hash of the secret of the link, or of the browser that asked for a code.
    pub hash: TokenHash,
    /// The hash of the code with that secret; `None` for a link that sets a password.
    pub code_hash: Option<TokenHash>,
    /// When it is made.
    pub now: Timestamp,
    /// Until when it is taken.
    pub expires_at: Timestamp,
}

impl NewProof {
    const fn purpose(&self) -> &'static str {
        purpose(self.code_hash.is_some())
    }
}

const fn purpose(is_code: bool) -> &'static str {
    if is_code { "sign_in_code" } else { "password_reset" }
}

/// A proof that can be taken.
#[derive(Debug, Clone)]
pub struct MailProof {
    /// Its id.
    pub id: ProofId,
    /// The member.
    pub user: UserId,
    /// The hash of the code, if it is one.
    pub code_hash: Option<TokenHash>,
}

/// Adds a proof, unless the member had `most` of its purpose since `since`; says whether it did. Requests for one member wait
/// for one another.
///
/// # Errors
/// Those of the database.
pub async fn insert_proof(
    tx: &mut TenantTx,
    new: &NewProof,
    since: Timestamp,
    most: i64,
) -> Result<bool, StoreError> {
    lock(tx, new.user).await?;
    let sql = "INSERT INTO mail_proofs (tenant_id, id, purpose, user_id, hash, code_hash, created_at, expires_at) \
               SELECT m.tenant_id, $2::uuid, $3::text, m.user_id, $5::bytea, $6::bytea, $7::timestamptz, $8::timestamptz \
               FROM memberships m WHERE m.tenant_id = $1 AND m.user_id = $4 AND m.disabled_at IS NULL \
               AND (SELECT count(*) FROM mail_proofs p WHERE p.tenant_id = $1 AND p.user_id = $4 AND p.purpose = $3::text \
               AND p.created_at > $9) < $10";
    let values = params![
        tx.tenant(),
        new.id,
        new.purpose(),
        new.user,
        new.hash.as_bytes(),
        new.code_hash.as_ref().map(|hash| hash.as_bytes().as_slice()),
        new.now,
        new.expires_at,
        since,
        most
    ];
    Ok(tx.db.execute(TABLE, sql, values).await? > 0)
}

/// The proof with this hash, if it can be taken at `now`.
///
/// # Errors
/// Those of the database.
pub async fn find_proof(
    tx: &mut TenantTx,
    hash: &TokenHash,
    is_code: bool,
    now: Timestamp,
) -> Result<Option<MailProof>, StoreError> {
    let sql = "SELECT id, user_id, code_hash FROM mail_proofs \
               WHERE tenant_id = $1 AND hash = $2 AND purpose = $3 AND expires_at > $4";
    let values = params![tx.tenant(), hash.as_bytes(), purpose(is_code), now];
    tx.db
        .fetch_optional(TABLE, sql, values, |row| {
            let code_hash: Option<Vec<u8>> = row.get("code_hash")?;
            let code_hash = code_hash.map(|hash| {
                let hash = <[u8; 32]>::try_from(hash);
                hash.map(TokenHash::from_bytes)
                    .map_err(|_| row.inconsistent("code_hash", "another length"))
            });
            Ok(MailProof {
                id: row.get("id")?,
                user: row.get("user_id")?,
                code_hash: code_hash.transpose()?,
            })
        })
        .await
}

/// Counts an attempt to enter a code; false when there were `most` before.
///
/// # Errors
/// Those of the database.
pub async fn count_try(tx: &mut TenantTx, id: ProofId, most: i64) -> Result<bool, StoreError> {
    let sql = "UPDATE mail_proofs SET tries = tries + 1 WHERE tenant_id = $1 AND id = $2 AND tries < $3";
    Ok(tx.db.execute(TABLE, sql, params![tx.tenant(), id, most]).await? > 0)
}

/// Uses a proof up; false when that was done before.
///
/// # Errors
/// Those of the database.
pub async fn take_proof(tx: &mut TenantTx, id: ProofId, now: Timestamp) -> Result<bool, StoreError> {
    let sql =
        "UPDATE mail_proofs SET expires_at = created_at WHERE tenant_id = $1 AND id = $2 AND expires_at > $3";
    Ok(tx.db.execute(TABLE, sql, params![tx.tenant(), id, now]).await? > 0)
}

/// Notes that a member signs in with a device; says whether it is a new one.
///
/// # Errors
/// Those of the database.
pub async fn note_device(
    tx: &mut TenantTx,
    user: UserId,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = params![tx.tenant(), user, hash.as_bytes(), now];
    let sql = "UPDATE known_devices SET seen_at = $4 WHERE tenant_id = $1 AND user_id = $2 AND hash = $3";
    if tx.db.execute(DEVICES, sql, values).await? > 0 {
        return Ok(false);
    }
    let sql = "INSERT INTO known_devices (tenant_id, user_id, hash, seen_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT DO NOTHING";
    Ok(tx.db.execute(DEVICES, sql, values).await? > 0)
}

/// Deletes proofs that were made before `proofs` and devices that were last seen before `devices`, at most `most` of each;
/// returns how many of what there was more of.
///
/// # Errors
/// Those of the database.
pub async fn delete_old(
    tx: &mut PlatformTx,
    proofs: Timestamp,
    devices: Timestamp,
    most: i64,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM mail_proofs WHERE (tenant_id, id) IN (SELECT d.tenant_id, d.id FROM mail_proofs d \
               WHERE d.created_at < $1 ORDER BY d.created_at LIMIT $2)";
    let deleted = tx.db.execute(TABLE, sql, params![proofs, most]).await?;
    let sql = "DELETE FROM known_devices WHERE (tenant_id, user_id, hash) IN (\
               SELECT d.tenant_id, d.user_id, d.hash FROM known_devices d \
               WHERE d.seen_at < $1 ORDER BY d.seen_at LIMIT $2)";
    Ok(deleted.max(tx.db.execute(DEVICES, sql, params![devices, most]).await?))
}
