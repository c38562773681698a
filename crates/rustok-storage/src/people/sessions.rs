//! Sessions of a tenant's members, and the links that open one. A session of another tenant is not found.

use super::{LINKS, SESSIONS, role};
use jiff::Timestamp;
use rustok_auth::account::MAX_SESSIONS;
use rustok_auth::ids::{SessionId, UserId};
use rustok_auth::{Role, Session, TokenHash};
use rustok_db::{Row, StoreError, TenantTx, params};

const COLUMNS: &str = "s.id, s.user_id, s.host, s.device, s.address, s.created_at, s.seen_at, s.expires_at";

fn decode(row: &Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.get("id")?,
        user_id: row.get("user_id")?,
        host: row.get("host")?,
        device: row.get("device")?,
        address: row.get("address")?,
        created_at: row.get("created_at")?,
        seen_at: row.get("seen_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// A session to open.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// The user.
    pub user: UserId,
    /// The hash of its secret.
    pub hash: TokenHash,
    /// The host at which it is opened.
    pub host: String,
    /// What the browser called itself.
    pub device: String,
    /// The address of the client.
    pub address: Option<String>,
    /// When it is opened.
    pub now: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// The version of the account whose password was checked: the session is not opened if it changed meanwhile.
    pub account_version: Option<i64>,
    /// Whether the second factor was shown, for an account that has one.
    pub second_factor: bool,
    /// The session that the same browser had before: it ends.
    pub replaces: Option<TokenHash>,
}

/// Opens a session of a member whose account can be used; says whether it did. Without the second factor it opens none of an
/// account that has one. The member's oldest sessions end, above
/// [`MAX_SESSIONS`].
///
/// # Errors
/// Those of the database.
pub async fn open_session(tx: &mut TenantTx, new: &NewSession) -> Result<bool, StoreError> {
    // The account must not be disabled, nor its password or the role be changed, before the commit. SQLite has a single
    // writer.
    let lock = if tx.db.is_postgres() {
        " FOR SHARE OF m"
    } else {
        ""
    };
    let sql = format!(
        "INSERT INTO sessions (tenant_id, id, user_id, hash, host, device, address, created_at, seen_at, expires_at) \
         SELECT m.tenant_id, $2::uuid, m.user_id, $4::bytea, $5::text, $6::text, $7::text, $8::timestamptz, \
         $8::timestamptz, $9::timestamptz FROM memberships m WHERE m.tenant_id = $1 AND m.user_id = $3 \
         AND m.disabled_at IS NULL AND ($10::bigint IS NULL OR m.account_version = $10::bigint) \
         AND ($11::bool OR m.second_factor_at IS NULL){lock}"
    );
    let values = params![
        tx.tenant(),
        new.id,
        new.user,
        new.hash.as_bytes(),
        &new.host,
        &new.device,
        new.address.as_deref(),
        new.now,
        new.expires_at,
        new.account_version,
        new.second_factor
    ]
    .to_vec();
    if tx.db.execute(SESSIONS, &sql, &values).await? == 0 {
        return Ok(false);
    }
    if let Some(replaced) = &new.replaces {
        let sql = "DELETE FROM sessions WHERE tenant_id = $1 AND hash = $2";
        let values = params![tx.tenant(), replaced.as_bytes()].to_vec();
        tx.db.execute(SESSIONS, sql, &values).await?;
    }
    let most = i64::try_from(MAX_SESSIONS).unwrap_or(i64::MAX);
    let sql = "DELETE FROM sessions WHERE tenant_id = $1 AND id IN (\
               SELECT s.id FROM sessions s WHERE s.tenant_id = $1 AND s.user_id = $2 \
               ORDER BY s.created_at DESC, s.id DESC LIMIT 100 OFFSET $3)";
    let values = params![tx.tenant(), new.user, most].to_vec();
    tx.db.execute(SESSIONS, sql, &values).await?;
    Ok(true)
}

/// A session as it is looked up for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSession {
    /// The session, whether or not it is still valid.
    pub session: Session,
    /// The role of its member.
    pub role: Role,
    /// Whether the account has a second factor.
    pub has_second_factor: bool,
}

/// The session with this hash, and what its member is.
///
/// # Errors
/// Those of the database.
pub async fn find_session(tx: &mut TenantTx, hash: &TokenHash) -> Result<Option<FoundSession>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, m.role, m.second_factor_at FROM sessions s \
         JOIN memberships m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id \
         WHERE s.tenant_id = $1 AND s.hash = $2"
    );
    let values = params![tx.tenant(), hash.as_bytes()];
    tx.db
        .fetch_optional(SESSIONS, &sql, values, |row| {
            let since: Option<Timestamp> = row.get("second_factor_at")?;
            Ok(FoundSession {
                session: decode(row)?,
                role: role(row)?,
                has_second_factor: since.is_some(),
            })
        })
        .await
}

/// Stores that a session was used.
///
/// # Errors
/// Those of the database.
pub async fn touch_session(tx: &mut TenantTx, id: SessionId, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE sessions SET seen_at = $3 WHERE tenant_id = $1 AND id = $2 AND seen_at < $3";
    tx.db.execute(SESSIONS, sql, params![tx.tenant(), id, now]).await
}

/// The session of a member with this id.
///
/// # Errors
/// Those of the database.
pub async fn find_session_by_id(
    tx: &mut TenantTx,
    user: UserId,
    id: SessionId,
) -> Result<Option<Session>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM sessions s WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.id = $3");
    tx.db
        .fetch_optional(SESSIONS, &sql, params![tx.tenant(), user, id], decode)
        .await
}

/// The sessions of a member, the newest first.
///
/// # Errors
/// Those of the database.
pub async fn list_sessions(tx: &mut TenantTx, user: UserId) -> Result<Vec<Session>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sessions s WHERE s.tenant_id = $1 AND s.user_id = $2 \
         ORDER BY s.created_at DESC, s.id DESC LIMIT $3"
    );
    let most = i64::try_from(MAX_SESSIONS).unwrap_or(i64::MAX);
    tx.db
        .fetch(SESSIONS, &sql, params![tx.tenant(), user, most], decode)
        .await
}

/// Ends one session of a member.
///
/// # Errors
/// [`StoreError::Stale`] when they have no such session.
pub async fn delete_session(tx: &mut TenantTx, user: UserId, id: SessionId) -> Result<(), StoreError> {
    let sql = "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND id = $3";
    tx.db
        .execute_one(SESSIONS, sql, params![tx.tenant(), user, id])
        .await
}

/// Ends all sessions of a member; returns how many.
///
/// # Errors
/// Those of the database.
pub async fn delete_sessions(tx: &mut TenantTx, user: UserId) -> Result<u64, StoreError> {
    let sql = "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2";
    tx.db.execute(SESSIONS, sql, params![tx.tenant(), user]).await
}

/// Ends all sessions of a member but one; returns how many.
///
/// # Errors
/// Those of the database.
pub async fn delete_other_sessions(
    tx: &mut TenantTx,
    user: UserId,
    kept: SessionId,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND id <> $3";
    tx.db
        .execute(SESSIONS, sql, params![tx.tenant(), user, kept])
        .await
}

/// Adds a link that opens a session of a member, once.
///
/// # Errors
/// Those of the database.
pub async fn insert_link(
    tx: &mut TenantTx,
    user: UserId,
    hash: &TokenHash,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO sign_in_links (tenant_id, hash, user_id, expires_at) VALUES ($1, $2, $3, $4)";
    let values = params![tx.tenant(), hash.as_bytes(), user, expires_at];
    tx.db.execute_one(LINKS, sql, values).await
}

/// Uses up a link; answers whose it was.
///
/// # Errors
/// Those of the database.
pub async fn take_link(
    tx: &mut TenantTx,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<UserId>, StoreError> {
    let sql =
        "DELETE FROM sign_in_links WHERE tenant_id = $1 AND hash = $2 AND expires_at > $3 RETURNING user_id";
    let values = params![tx.tenant(), hash.as_bytes(), now];
    tx.db
        .fetch_optional(LINKS, sql, values, |row| row.get("user_id"))
        .await
}
