//! The history of nodes: one immutable row per version.

use super::HISTORY;
use rustok_content::ids::NodeId;
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use rustok_core::page::{Limit, Page};
use rustok_db::{Row, Statement, StoreError, TenantTx, params};

/// One change of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeHistoryEntry {
    /// The version after the change.
    pub version: i64,
    /// The transition: `create`, `update`, `publish`, ...
    pub transition: String,
    /// The status before; `None` for the creation.
    pub from_status: Option<String>,
    /// The status after.
    pub to_status: String,
    /// The actor.
    pub actor: String,
    /// The reason, if one was given.
    pub reason: Option<String>,
    /// The time of the change.
    pub at: Timestamp,
}

/// The statement that inserts one entry.
pub(super) fn insert<'a>(tenant: TenantId, node: NodeId, entry: &'a NodeHistoryEntry) -> Statement<'a> {
    Statement::one(
        HISTORY,
        "INSERT INTO node_history (tenant_id, node_id, version, transition, from_status, to_status, actor, reason, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            tenant,
            node,
            entry.version,
            &entry.transition,
            entry.from_status.as_deref(),
            &entry.to_status,
            &entry.actor,
            entry.reason.as_deref(),
            entry.at
        ],
    )
}

/// Who created a node: the actor of its oldest entry.
///
/// # Errors
/// Database errors.
pub async fn find_creator(tx: &mut TenantTx, node: NodeId) -> Result<Option<String>, StoreError> {
    let sql = "SELECT actor FROM node_history WHERE tenant_id = $1 AND node_id = $2 ORDER BY version LIMIT 1";
    tx.db
        .fetch_optional(HISTORY, sql, params![tx.tenant(), node], |row| row.get("actor"))
        .await
}

/// A page of the history of a node, oldest first, starting after the version `after`. Empty if the node does not
/// exist.
///
/// # Errors
/// Database errors.
pub async fn list_history(
    tx: &mut TenantTx,
    node: NodeId,
    after: Option<i64>,
    limit: Limit,
) -> Result<Page<NodeHistoryEntry>, StoreError> {
    let sql = "SELECT version, transition, from_status, to_status, actor, reason, at FROM node_history \
               WHERE tenant_id = $1 AND node_id = $2 AND version > $3 ORDER BY version LIMIT $4";
    let values = params![tx.tenant(), node, after.unwrap_or_default(), limit.plus_one()];
    let entry = |row: &Row<'_>| {
        Ok(NodeHistoryEntry {
            version: row.get("version")?,
            transition: row.get("transition")?,
            from_status: row.get("from_status")?,
            to_status: row.get("to_status")?,
            actor: row.get("actor")?,
            reason: row.get("reason")?,
            at: row.get("at")?,
        })
    };
    let entries = tx.db.fetch(HISTORY, sql, values, entry).await?;
    Ok(Page::cut(entries, limit, |entry| entry.version))
}
