//! A tenant's bearer tokens. They are read in the tenant's own transaction: a token of another tenant is not found.

use jiff::Timestamp;
use rustok_auth::ids::{TokenId, UserId};
use rustok_auth::{Role, Scopes, TokenHash};
use rustok_db::{StoreError, TenantTx, params};

const TABLE: &str = "api_tokens";

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: TokenId,
    /// Its name, for people.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// To what its role is limited.
    pub scopes: Scopes,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to within some time.
    pub used_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Who made it, as the text of an actor; `None` for one that is older than this field.
    pub actor: Option<String>,
    /// The member on whose behalf it was made: it ends when they may not make it any more.
    pub member: Option<UserId>,
}

impl ApiToken {
    /// A new token without limits and without a maker.
    #[must_use]
    pub fn new(id: TokenId, name: &str, role: Role, now: Timestamp) -> Self {
        Self {
            id,
            name: name.to_owned(),
            role,
            scopes: Scopes::ALL,
            created_at: now,
            expires_at: None,
            used_at: None,
            revoked_at: None,
            actor: None,
            member: None,
        }
    }
}

/// A token that was found by its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundToken {
    /// Its id.
    pub id: TokenId,
    /// Its role.
    pub role: Role,
    /// To what its role is limited.
    pub scopes: Scopes,
    /// When it was last used, as far as it is stored.
    pub used_at: Option<Timestamp>,
}

/// Adds a token.
///
/// # Errors
/// Those of the database.
pub async fn insert_token(tx: &mut TenantTx, token: &ApiToken, hash: &TokenHash) -> Result<(), StoreError> {
    let sql = "INSERT INTO api_tokens (tenant_id, id, name, role, scopes, hash, created_at, expires_at, actor, member_id) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let scopes = token.scopes.to_text();
    let values = params![
        tx.tenant(),
        token.id,
        &token.name,
        token.role.as_str(),
        scopes.as_deref(),
        hash.as_bytes(),
        token.created_at,
        token.expires_at,
        token.actor.as_deref(),
        token.member
    ];
    tx.db.execute_one(TABLE, sql, values).await
}

/// The token with this hash, if it can be used: neither revoked nor expired, nor made by a member whose account is
/// disabled.
///
/// # Errors
/// Those of the database.
pub async fn find_token(
    tx: &mut TenantTx,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<FoundToken>, StoreError> {
    let sql = "SELECT id, role, scopes, used_at FROM api_tokens t WHERE tenant_id = $1 AND hash = $2 \
               AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3) \
               AND (member_id IS NULL OR EXISTS (SELECT 1 FROM memberships m WHERE m.tenant_id = t.tenant_id \
               AND m.user_id = t.member_id AND m.disabled_at IS NULL))";
    let values = params![tx.tenant(), hash.as_bytes(), now];
    let found = tx.db.fetch_optional(TABLE, sql, values, |row| {
        Ok(FoundToken {
            id: row.get("id")?,
            role: role(row)?,
            scopes: scopes(row)?,
            used_at: row.get("used_at")?,
        })
    });
    found.await
}

const COLUMNS: &str = "id, name, role, scopes, created_at, expires_at, used_at, revoked_at, actor, member_id";

/// All tokens of the tenant, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn list_tokens(tx: &mut TenantTx) -> Result<Vec<ApiToken>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM api_tokens WHERE tenant_id = $1 ORDER BY id");
    tx.db.fetch(TABLE, &sql, params![tx.tenant()], decode).await
}

/// The maximum number of tokens of one tenant that can be used: a list of them is one page.
pub const MAX_TOKENS: usize = 500;

/// The tokens that were not revoked, oldest first, those that expired included; at most [`MAX_TOKENS`].
///
/// # Errors
/// Those of the database.
pub async fn list_valid_tokens(tx: &mut TenantTx) -> Result<Vec<ApiToken>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM api_tokens WHERE tenant_id = $1 AND revoked_at IS NULL ORDER BY id LIMIT $2"
    );
    let most = i64::try_from(MAX_TOKENS).unwrap_or(i64::MAX);
    tx.db.fetch(TABLE, &sql, params![tx.tenant(), most], decode).await
}

/// The token with this id, whether or not it can be used.
///
/// # Errors
/// Those of the database.
pub async fn find_token_by_id(tx: &mut TenantTx, id: TokenId) -> Result<Option<ApiToken>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM api_tokens WHERE tenant_id = $1 AND id = $2");
    tx.db
        .fetch_optional(TABLE, &sql, params![tx.tenant(), id], decode)
        .await
}

fn decode(row: &rustok_db::Row<'_>) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        id: row.get("id")?,
        name: row.get("name")?,
        role: role(row)?,
        scopes: scopes(row)?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        used_at: row.get("used_at")?,
        revoked_at: row.get("revoked_at")?,
        actor: row.get("actor")?,
        member: row.get("member_id")?,
    })
}

fn role(row: &rustok_db::Row<'_>) -> Result<Role, StoreError> {
    let role: String = row.get("role")?;
    role.parse().map_err(|_| row.inconsistent("role", &role))
}

fn scopes(row: &rustok_db::Row<'_>) -> Result<Scopes, StoreError> {
    Ok(Scopes::from_text(row.get::<Option<String>>("scopes")?.as_deref()))
}

/// Revokes a token.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such token or it was revoked before.
pub async fn revoke_token(tx: &mut TenantTx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE api_tokens SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
    tx.db.execute_one(TABLE, sql, params![tx.tenant(), id, now]).await
}

/// Revokes the tokens that were made on a member's behalf; returns how many.
///
/// # Errors
/// Those of the database.
pub async fn revoke_tokens_of(tx: &mut TenantTx, member: UserId, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE api_tokens SET revoked_at = $3 WHERE tenant_id = $1 AND member_id = $2 AND revoked_at IS NULL";
    tx.db.execute(TABLE, sql, params![tx.tenant(), member, now]).await
}

/// Notes that expired tokens are over, which makes room for new ones.
///
/// # Errors
/// Those of the database.
pub async fn revoke_expired_tokens(tx: &mut TenantTx, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE api_tokens SET revoked_at = expires_at \
               WHERE tenant_id = $1 AND revoked_at IS NULL AND expires_at <= $2";
    tx.db.execute(TABLE, sql, params![tx.tenant(), now]).await
}

/// Lets a token end at `ends_at`, which is not after the end that it has.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such token or it was revoked before.
pub async fn expire_token(tx: &mut TenantTx, id: TokenId, ends_at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE api_tokens SET expires_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
    tx.db
        .execute_one(TABLE, sql, params![tx.tenant(), id, ends_at])
        .await
}

/// Stores when a token was last used.
///
/// # Errors
/// Those of the database.
pub async fn touch_token(tx: &mut TenantTx, id: TokenId, used_at: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE api_tokens SET used_at = $3 \
               WHERE tenant_id = $1 AND id = $2 AND (used_at IS NULL OR used_at < $3)";
    tx.db.execute(TABLE, sql, params![tx.tenant(), id, used_at]).await
}
