//! The members of a tenant.

use super::accounts::Account;
use super::{LINKS, MEMBERSHIPS, SESSIONS, role};
use jiff::Timestamp;
use rustok_auth::account::MAX_MEMBERS;
use rustok_auth::ids::UserId;
use rustok_auth::{Member, Role};
use rustok_db::{Row, StoreError, TenantTx, params};

const COLUMNS: &str =
    "user_id, email, name, role, created_at, updated_at, disabled_at, second_factor_at, version";

fn decode(row: &Row<'_>) -> Result<Member, StoreError> {
    Ok(Member {
        user_id: row.get("user_id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        role: role(row)?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        disabled_at: row.get("disabled_at")?,
        second_factor_at: row.get("second_factor_at")?,
        version: row.get("version")?,
    })
}

/// The members, the oldest account first; at most [`MAX_MEMBERS`].
///
/// # Errors
/// Those of the database.
pub async fn list_members(tx: &mut TenantTx) -> Result<Vec<Member>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM memberships WHERE tenant_id = $1 ORDER BY user_id LIMIT $2");
    let most = i64::try_from(MAX_MEMBERS).unwrap_or(i64::MAX);
    tx.db
        .fetch(MEMBERSHIPS, &sql, params![tx.tenant(), most], decode)
        .await
}

/// Makes an account a member, as it is known to the caller.
///
/// # Errors
/// [`StoreError::Taken`] with `memberships(user_id)`.
pub async fn insert_member(
    tx: &mut TenantTx,
    account: &Account,
    role: Role,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO memberships (tenant_id, user_id, email, name, role, created_at, updated_at, \
               disabled_at, second_factor_at, account_version, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, 1)";
    let values = params![
        tx.tenant(),
        account.id,
        &account.email,
        &account.name,
        role.as_str(),
        now,
        account.disabled_at,
        account.second_factor_at,
        account.version
    ];
    tx.db.execute_one(MEMBERSHIPS, sql, values).await
}

/// How many members there are.
///
/// # Errors
/// Those of the database.
pub async fn count_members(tx: &mut TenantTx) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) AS members FROM memberships WHERE tenant_id = $1";
    let count = tx
        .db
        .fetch_optional(MEMBERSHIPS, sql, params![tx.tenant()], |row| row.get("members"))
        .await?;
    Ok(count.unwrap_or(0))
}

/// The member with this account.
///
/// # Errors
/// Those of the database.
pub async fn find_member(tx: &mut TenantTx, user: UserId) -> Result<Option<Member>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM memberships WHERE tenant_id = $1 AND user_id = $2");
    tx.db
        .fetch_optional(MEMBERSHIPS, &sql, params![tx.tenant(), user], decode)
        .await
}

/// The owners whose accounts can be used, locked until the commit: two owners who leave at once wait for each other.
///
/// # Errors
/// Those of the database.
pub async fn lock_owners(tx: &mut TenantTx) -> Result<Vec<UserId>, StoreError> {
    // SQLite has a single writer: no lock is needed.
    let lock = if tx.db.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT user_id FROM memberships WHERE tenant_id = $1 AND role = 'owner' AND disabled_at IS NULL \
         ORDER BY user_id{lock}"
    );
    tx.db
        .fetch(MEMBERSHIPS, &sql, params![tx.tenant()], |row| row.get("user_id"))
        .await
}

/// Changes a member's role and ends their sessions here: the next one has the rights of the new role.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such member, or in another version.
pub async fn set_role(
    tx: &mut TenantTx,
    user: UserId,
    version: i64,
    role: Role,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE memberships SET role = $3, version = version + 1, updated_at = $5 \
               WHERE tenant_id = $1 AND user_id = $2 AND version = $4";
    let values = params![tx.tenant(), user, role.as_str(), version, now];
    tx.db.execute_one(MEMBERSHIPS, sql, values).await?;
    end_sessions(tx, user).await
}

/// Removes a member with their sessions. The account remains.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such member, or in another version.
pub async fn delete_member(tx: &mut TenantTx, user: UserId, version: i64) -> Result<(), StoreError> {
    lock(tx, user).await?;
    end_sessions(tx, user).await?;
    for table in ["mail_proofs", "known_devices"] {
        let sql = format!("DELETE FROM {table} WHERE tenant_id = $1 AND user_id = $2");
        tx.db.execute(table, &sql, params![tx.tenant(), user]).await?;
    }
    let sql = "DELETE FROM memberships WHERE tenant_id = $1 AND user_id = $2 AND version = $3";
    tx.db
        .execute_one(MEMBERSHIPS, sql, params![tx.tenant(), user, version])
        .await
}

/// Keeps sessions from being opened meanwhile.
pub(super) async fn lock(tx: &mut TenantTx, user: UserId) -> Result<(), StoreError> {
    if !tx.db.is_postgres() {
        return Ok(());
    }
    let sql = "SELECT user_id FROM memberships WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE";
    let values = params![tx.tenant(), user];
    let held = tx.db.fetch_optional(MEMBERSHIPS, sql, values, |_| Ok(()));
    held.await.map(drop)
}

/// Keeps a member from being removed or given another role before the commit.
///
/// # Errors
/// Those of the database.
pub async fn hold_member(tx: &mut TenantTx, user: UserId) -> Result<(), StoreError> {
    // SQLite has a single writer.
    if !tx.db.is_postgres() {
        return Ok(());
    }
    let sql = "SELECT user_id FROM memberships WHERE tenant_id = $1 AND user_id = $2 FOR SHARE";
    let values = params![tx.tenant(), user];
    let held = tx.db.fetch_optional(MEMBERSHIPS, sql, values, |_| Ok(()));
    held.await.map(drop)
}

async fn end_sessions(tx: &mut TenantTx, user: UserId) -> Result<(), StoreError> {
    let values = params![tx.tenant(), user];
    let sql = "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2";
    tx.db.execute(SESSIONS, sql, values).await?;
    let sql = "DELETE FROM sign_in_links WHERE tenant_id = $1 AND user_id = $2";
    tx.db.execute(LINKS, sql, values).await?;
    Ok(())
}
