//! Invitations to become a member of a tenant.

use super::{INVITATIONS, role};
use jiff::Timestamp;
use rustok_auth::account::MAX_MEMBERS;
use rustok_auth::ids::InvitationId;
use rustok_auth::{Role, TokenHash};
use rustok_db::{Row, StoreError, TenantTx, params};

/// An invitation, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The address of who is invited, canonical.
    pub email: String,
    /// The role that they will have.
    pub role: Role,
    /// Who invited, as the actor's stable text.
    pub actor: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
}

fn decode(row: &Row<'_>) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        id: row.get("id")?,
        email: row.get("email")?,
        role: role(row)?,
        actor: row.get("actor")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// Adds an invitation; an earlier one of the same address is replaced.
///
/// # Errors
/// Those of the database.
pub async fn insert_invitation(
    tx: &mut TenantTx,
    invitation: &Invitation,
    hash: &TokenHash,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO invitations (tenant_id, id, email, role, hash, actor, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
               ON CONFLICT (tenant_id, email) DO UPDATE SET id = excluded.id, role = excluded.role, \
               hash = excluded.hash, actor = excluded.actor, created_at = excluded.created_at, \
               expires_at = excluded.expires_at";
    let values = params![
        tx.tenant(),
        invitation.id,
        &invitation.email,
        invitation.role.as_str(),
        hash.as_bytes(),
        &invitation.actor,
        invitation.created_at,
        invitation.expires_at
    ];
    tx.db.execute_one(INVITATIONS, sql, values).await
}

/// The invitations that can be accepted at `now`, the oldest first; at most [`MAX_MEMBERS`].
///
/// # Errors
/// Those of the database.
pub async fn list_invitations(tx: &mut TenantTx, now: Timestamp) -> Result<Vec<Invitation>, StoreError> {
    let sql = "SELECT id, email, role, actor, created_at, expires_at FROM invitations \
               WHERE tenant_id = $1 AND expires_at > $2 ORDER BY id LIMIT $3";
    let most = i64::try_from(MAX_MEMBERS).unwrap_or(i64::MAX);
    tx.db
        .fetch(INVITATIONS, sql, params![tx.tenant(), now, most], decode)
        .await
}

/// The invitation with this hash, if it can be accepted at `now`.
///
/// # Errors
/// Those of the database.
pub async fn find_invitation(
    tx: &mut TenantTx,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<Invitation>, StoreError> {
    let sql = "SELECT id, email, role, actor, created_at, expires_at FROM invitations \
               WHERE tenant_id = $1 AND hash = $2 AND expires_at > $3";
    let values = params![tx.tenant(), hash.as_bytes(), now];
    tx.db.fetch_optional(INVITATIONS, sql, values, decode).await
}

/// The invitation with this id, even if it is too old.
///
/// # Errors
/// Those of the database.
pub async fn find_invitation_by_id(
    tx: &mut TenantTx,
    id: InvitationId,
) -> Result<Option<Invitation>, StoreError> {
    let sql = "SELECT id, email, role, actor, created_at, expires_at FROM invitations \
               WHERE tenant_id = $1 AND id = $2";
    tx.db
        .fetch_optional(INVITATIONS, sql, params![tx.tenant(), id], decode)
        .await
}

/// Uses up an invitation, or takes it back.
///
/// # Errors
/// [`StoreError::Stale`] when there is none.
pub async fn delete_invitation(tx: &mut TenantTx, id: InvitationId) -> Result<(), StoreError> {
    let sql = "DELETE FROM invitations WHERE tenant_id = $1 AND id = $2";
    tx.db
        .execute_one(INVITATIONS, sql, params![tx.tenant(), id])
        .await
}
