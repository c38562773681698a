//! Accounts, which no tenant's transaction can read.

use super::{INVITATIONS, LINKS, MEMBERSHIPS, SESSIONS, USERS};
use jiff::Timestamp;
use rustok_auth::ids::{SessionId, UserId};
use rustok_auth::{PasswordHash, Person};
use rustok_core::page::{Limit, Page};
use rustok_db::{PlatformTx, Row, StoreError, params};
use rustok_text::CanonicalEmail;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Its address, canonical.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// The password's hash, once one was set.
    pub password_hash: Option<PasswordHash>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Since when it cannot be used, if it cannot.
    pub disabled_at: Option<Timestamp>,
    /// When the operator said that the account is that person's; `None` for one that was made by accepting an invitation.
    pub vouched_at: Option<Timestamp>,
    /// Since when it has a second factor, if it has one.
    pub second_factor_at: Option<Timestamp>,
    /// Grows with each change.
    pub version: i64,
}

const COLUMNS: &str =
    "id, email, name, password_hash, created_at, disabled_at, vouched_at, second_factor_at, version";

fn decode(row: &Row<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.get("id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        password_hash: row
            .get::<Option<String>>("password_hash")?
            .map(PasswordHash::stored),
        created_at: row.get("created_at")?,
        disabled_at: row.get("disabled_at")?,
        vouched_at: row.get("vouched_at")?,
        second_factor_at: row.get("second_factor_at")?,
        version: row.get("version")?,
    })
}

/// The account with this address.
///
/// # Errors
/// Those of the database.
pub async fn find_account(
    tx: &mut PlatformTx,
    email: &CanonicalEmail,
) -> Result<Option<Account>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE email = $1");
    tx.db
        .fetch_optional(USERS, &sql, params![email.as_str()], decode)
        .await
}

/// The account with this id.
///
/// # Errors
/// Those of the database.
pub async fn find_account_by_id(tx: &mut PlatformTx, id: UserId) -> Result<Option<Account>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE id = $1");
    tx.db.fetch_optional(USERS, &sql, params![id], decode).await
}

/// A page of accounts, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn list_accounts(
    tx: &mut PlatformTx,
    after: Option<UserId>,
    limit: Limit,
) -> Result<Page<Account>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM users WHERE $1::uuid IS NULL OR id > $1::uuid ORDER BY id LIMIT $2");
    let values = params![after, limit.plus_one()];
    let found = tx.db.fetch(USERS, &sql, values, decode).await?;
    Ok(Page::cut(found, limit, |account| account.id))
}

/// Adds an account.
///
/// # Errors
/// [`StoreError::Taken`] with `users(email)`.
pub async fn insert_account(
    tx: &mut PlatformTx,
    id: UserId,
    person: &Person,
    password: Option<&PasswordHash>,
    now: Timestamp,
    vouched_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO users (id, email, name, password_hash, created_at, vouched_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, 1)";
    let password = password.map(PasswordHash::as_str);
    let values = params![id, person.email.as_str(), &person.name, password, now, vouched_at];
    tx.db.execute_one(USERS, sql, values).await
}

/// Notes that the operator says that the account is that person's.
///
/// # Errors
/// Those of the database.
pub async fn vouch(tx: &mut PlatformTx, id: UserId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE users SET vouched_at = $2 WHERE id = $1";
    tx.db.execute_one(USERS, sql, params![id, now]).await
}

/// Replaces the password of an account that can be used, and ends its sessions and links but for one session.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such account, it is disabled, or it is not in `version` (if given) any more;
/// [`StoreError::SessionEnded`] when there is no session `kept`.
pub async fn set_password(
    tx: &mut PlatformTx,
    id: UserId,
    password: &PasswordHash,
    version: Option<i64>,
    kept: Option<SessionId>,
) -> Result<(), StoreError> {
    let sql = "UPDATE users SET password_hash = $2, version = version + 1 WHERE id = $1 AND disabled_at IS NULL \
               AND ($3::bigint IS NULL OR version = $3::bigint)";
    tx.db
        .execute_one(USERS, sql, params![id, password.as_str(), version])
        .await?;
    copy_to_memberships(tx, id).await?;
    end_sessions(tx, id, kept).await?;
    match kept {
        Some(kept) => require_session(tx, id, kept).await,
        None => Ok(()),
    }
}

/// Refuses a change by a session that ended meanwhile (docs/adr/0021).
async fn require_session(tx: &mut PlatformTx, user: UserId, id: SessionId) -> Result<(), StoreError> {
    let sql = "SELECT id FROM sessions WHERE user_id = $1 AND id = $2";
    let found = tx
        .db
        .fetch_optional(SESSIONS, sql, params![user, id], |_| Ok(()))
        .await?;
    found.ok_or(StoreError::SessionEnded)
}

/// Disables an account and ends its sessions and links, or enables it again.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such account.
pub async fn set_disabled(
    tx: &mut PlatformTx,
    id: UserId,
    disabled_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let sql = "UPDATE users SET disabled_at = $2, version = version + 1 WHERE id = $1";
    tx.db.execute_one(USERS, sql, params![id, disabled_at]).await?;
    copy_to_memberships(tx, id).await?;
    end_sessions(tx, id, None).await
}

/// Repeats an account as it is now in its memberships. Where sessions are being opened, it waits for them.
///
/// # Errors
/// Those of the database.
pub async fn copy_to_memberships(tx: &mut PlatformTx, id: UserId) -> Result<(), StoreError> {
    let sql = "UPDATE memberships SET email = u.email, name = u.name, disabled_at = u.disabled_at, \
               second_factor_at = u.second_factor_at, account_version = u.version FROM users u WHERE u.id = memberships.user_id AND u.id = $1";
    tx.db.execute(MEMBERSHIPS, sql, params![id]).await.map(drop)
}

async fn end_sessions(tx: &mut PlatformTx, id: UserId, kept: Option<SessionId>) -> Result<(), StoreError> {
    let sql = "DELETE FROM sessions WHERE user_id = $1 AND ($2::uuid IS NULL OR id <> $2::uuid)";
    tx.db.execute(SESSIONS, sql, params![id, kept]).await?;
    let sql = "DELETE FROM sign_in_links WHERE user_id = $1";
    tx.db.execute(LINKS, sql, params![id]).await?;
    // What was mailed before opens nothing any more, and still counts.
    let sql = "UPDATE mail_proofs SET expires_at = created_at WHERE user_id = $1";
    tx.db.execute("mail_proofs", sql, params![id]).await?;
    Ok(())
}

/// Deletes sessions, links and invitations that ended before `now`, at most `most` of each; returns how many.
///
/// # Errors
/// Those of the database.
pub async fn delete_ended(tx: &mut PlatformTx, now: Timestamp, most: i64) -> Result<u64, StoreError> {
    let mut deleted = 0;
    for (table, key) in [(SESSIONS, "id"), (LINKS, "hash"), (INVITATIONS, "id")] {
        let sql = format!(
            "DELETE FROM {table} WHERE (tenant_id, {key}) IN (\
             SELECT d.tenant_id, d.{key} FROM {table} d WHERE d.expires_at <= $1 ORDER BY d.expires_at LIMIT $2)"
        );
        deleted += tx.db.execute(table, &sql, params![now, most]).await?;
    }
    Ok(deleted)
}
