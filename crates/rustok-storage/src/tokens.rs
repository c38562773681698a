//! A tenant's bearer tokens. They are read in the tenant's own transaction: a token of another tenant is not found.

use jiff::Timestamp;
use rustok_auth::ids::TokenId;
use rustok_auth::{Role, TokenHash};
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
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// Adds a token.
///
/// # Errors
/// Those of the database.
pub async fn insert_token(
    tx: &mut TenantTx,
    id: TokenId,
    name: &str,
    role: Role,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.db
        .execute_one(
            TABLE,
            "INSERT INTO api_tokens (tenant_id, id, name, role, hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
            params![tx.tenant(), id, name, role.as_str(), hash.as_bytes(), now],
        )
        .await
}

/// The token with this hash, unless it was revoked.
///
/// # Errors
/// Those of the database.
pub async fn find_token(tx: &mut TenantTx, hash: &TokenHash) -> Result<Option<(TokenId, Role)>, StoreError> {
    let sql = "SELECT id, role FROM api_tokens WHERE tenant_id = $1 AND hash = $2 AND revoked_at IS NULL";
    tx.db
        .fetch_optional(TABLE, sql, params![tx.tenant(), hash.as_bytes()], |row| {
            Ok((row.get("id")?, role(row)?))
        })
        .await
}

/// All tokens of the tenant, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn list_tokens(tx: &mut TenantTx) -> Result<Vec<ApiToken>, StoreError> {
    let sql =
        "SELECT id, name, role, created_at, revoked_at FROM api_tokens WHERE tenant_id = $1 ORDER BY id";
    tx.db.fetch(TABLE, sql, params![tx.tenant()], decode).await
}

/// The maximum number of tokens of one tenant that can be used: a list of them is one page.
pub const MAX_TOKENS: usize = 500;

/// The tokens that were not revoked, oldest first; at most [`MAX_TOKENS`].
///
/// # Errors
/// Those of the database.
pub async fn list_valid_tokens(tx: &mut TenantTx) -> Result<Vec<ApiToken>, StoreError> {
    let sql = "SELECT id, name, role, created_at, revoked_at FROM api_tokens \
               WHERE tenant_id = $1 AND revoked_at IS NULL ORDER BY id LIMIT $2";
    let most = i64::try_from(MAX_TOKENS).unwrap_or(i64::MAX);
    tx.db.fetch(TABLE, sql, params![tx.tenant(), most], decode).await
}

fn decode(row: &rustok_db::Row<'_>) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        id: row.get("id")?,
        name: row.get("name")?,
        role: role(row)?,
        created_at: row.get("created_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}

fn role(row: &rustok_db::Row<'_>) -> Result<Role, StoreError> {
    let role: String = row.get("role")?;
    role.parse().map_err(|_| row.inconsistent("role", &role))
}

/// Revokes a token.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such token or it was revoked before.
pub async fn revoke_token(tx: &mut TenantTx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE api_tokens SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
    tx.db.execute_one(TABLE, sql, params![tx.tenant(), id, now]).await
}
