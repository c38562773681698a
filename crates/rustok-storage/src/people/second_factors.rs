//! The second factors of accounts, which no tenant's transaction can read. A membership says only since when there is one.

use super::USERS;
use super::accounts::copy_to_memberships;
use jiff::Timestamp;
use rustok_auth::ids::UserId;
use rustok_db::{PlatformTx, StoreError, params};

const TABLE: &str = "second_factors";

/// The second factor of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The account.
    pub user: UserId,
    /// The seed, sealed.
    pub sealed_seed: Vec<u8>,
    /// The hashes of the recovery codes that are left.
    pub recovery_hashes: Vec<u8>,
    /// The newest step whose code was taken.
    pub last_step: i64,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Since when it counts.
    pub confirmed_at: Option<Timestamp>,
}

/// Without what is sealed or hashed.
impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecondFactor")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The second factor of an account, confirmed or not.
///
/// # Errors
/// Those of the database.
pub async fn find_second_factor(
    tx: &mut PlatformTx,
    user: UserId,
) -> Result<Option<SecondFactor>, StoreError> {
    let sql = "SELECT user_id, sealed_seed, recovery_hashes, last_step, created_at, confirmed_at FROM second_factors \
               WHERE user_id = $1";
    tx.db
        .fetch_optional(TABLE, sql, params![user], |row| {
            Ok(SecondFactor {
                user: row.get("user_id")?,
                sealed_seed: row.get("sealed_seed")?,
                recovery_hashes: row.get("recovery_hashes")?,
                last_step: row.get("last_step")?,
                created_at: row.get("created_at")?,
                confirmed_at: row.get("confirmed_at")?,
            })
        })
        .await
}

/// Stores a seed that counts once it is confirmed, in place of one that was not; false when there is a confirmed one.
///
/// # Errors
/// Those of the database.
pub async fn begin_second_factor(
    tx: &mut PlatformTx,
    user: UserId,
    sealed_seed: &[u8],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO second_factors (user_id, sealed_seed, recovery_hashes, last_step, tries, tries_since, created_at) \
               VALUES ($1, $2, $3, 0, 0, $4, $4) ON CONFLICT (user_id) DO UPDATE SET sealed_seed = excluded.sealed_seed, \
               last_step = 0, created_at = excluded.created_at WHERE second_factors.confirmed_at IS NULL";
    let none: &[u8] = &[];
    let values = params![user, sealed_seed, none, now];
    Ok(tx.db.execute(TABLE, sql, values).await? > 0)
}

/// Confirms a seed by the step of a code, with the hashes of new recovery codes; false when it is another seed or was confirmed
/// before.
///
/// # Errors
/// Those of the database.
pub async fn confirm_second_factor(
    tx: &mut PlatformTx,
    found: &SecondFactor,
    step: i64,
    recovery_hashes: &[u8],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE second_factors SET last_step = $3, recovery_hashes = $4, confirmed_at = $5 \
               WHERE user_id = $1 AND sealed_seed = $2 AND confirmed_at IS NULL";
    let sealed = found.sealed_seed.as_slice();
    let values = params![found.user, sealed, step, recovery_hashes, now];
    if tx.db.execute(TABLE, sql, values).await? == 0 {
        return Ok(false);
    }
    note(tx, found.user, Some(now)).await?;
    Ok(true)
}

/// Removes a second factor; false when there is none.
///
/// # Errors
/// Those of the database.
pub async fn remove_second_factor(tx: &mut PlatformTx, user: UserId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM second_factors WHERE user_id = $1";
    if tx.db.execute(TABLE, sql, params![user]).await? == 0 {
        return Ok(false);
    }
    note(tx, user, None).await?;
    Ok(true)
}

/// Says in the account and its memberships whether there is a second factor.
async fn note(tx: &mut PlatformTx, user: UserId, since: Option<Timestamp>) -> Result<(), StoreError> {
    let sql = "UPDATE users SET second_factor_at = $2, version = version + 1 WHERE id = $1";
    tx.db.execute_one(USERS, sql, params![user, since]).await?;
    copy_to_memberships(tx, user).await
}

/// Counts a code before it is compared; false when there were `most` since `since`.
///
/// # Errors
/// Those of the database.
pub async fn count_second_try(
    tx: &mut PlatformTx,
    user: UserId,
    since: Timestamp,
    most: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE second_factors SET tries = CASE WHEN tries_since > $2 THEN tries + 1 ELSE 1 END, \
               tries_since = CASE WHEN tries_since > $2 THEN tries_since ELSE $4::timestamptz END \
               WHERE user_id = $1 AND (tries < $3 OR tries_since <= $2)";
    let values = params![user, since, most, now];
    Ok(tx.db.execute(TABLE, sql, values).await? > 0)
}

/// Takes the code of a step, which does not count as a wrong one; false when it, or a later one, was taken before.
///
/// # Errors
/// Those of the database.
pub async fn take_step(tx: &mut PlatformTx, user: UserId, step: i64) -> Result<bool, StoreError> {
    let sql = "UPDATE second_factors SET last_step = $2, tries = CASE WHEN tries > 0 THEN tries - 1 ELSE 0 END \
               WHERE user_id = $1 AND last_step < $2 AND confirmed_at IS NOT NULL";
    Ok(tx.db.execute(TABLE, sql, params![user, step]).await? > 0)
}

/// Replaces the hashes of the recovery codes; false when they changed meanwhile.
///
/// # Errors
/// Those of the database.
pub async fn replace_recovery(
    tx: &mut PlatformTx,
    user: UserId,
    before: &[u8],
    after: &[u8],
) -> Result<bool, StoreError> {
    let sql = "UPDATE second_factors SET recovery_hashes = $3 \
               WHERE user_id = $1 AND recovery_hashes = $2 AND confirmed_at IS NOT NULL";
    Ok(tx.db.execute(TABLE, sql, params![user, before, after]).await? > 0)
}

/// Sealed seeds in the order of their accounts, at most `most` after one.
///
/// # Errors
/// Those of the database.
pub async fn list_seeds(
    tx: &mut PlatformTx,
    after: Option<UserId>,
    most: i64,
) -> Result<Vec<(UserId, Vec<u8>)>, StoreError> {
    let sql = "SELECT user_id, sealed_seed FROM second_factors WHERE $1::uuid IS NULL OR user_id > $1::uuid \
               ORDER BY user_id LIMIT $2";
    tx.db
        .fetch(TABLE, sql, params![after, most], |row| {
            Ok((row.get("user_id")?, row.get("sealed_seed")?))
        })
        .await
}

/// Replaces a sealed seed; false when it changed meanwhile.
///
/// # Errors
/// Those of the database.
pub async fn replace_seed(
    tx: &mut PlatformTx,
    user: UserId,
    before: &[u8],
    after: &[u8],
) -> Result<bool, StoreError> {
    let sql = "UPDATE second_factors SET sealed_seed = $3 WHERE user_id = $1 AND sealed_seed = $2";
    Ok(tx.db.execute(TABLE, sql, params![user, before, after]).await? > 0)
}
