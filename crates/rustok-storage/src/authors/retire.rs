//! Ends authors: merged into another one, or deleted without nodes. One with many nodes gives them over in parts, each in a
//! transaction of its own.
//!
//! Giving over a node does not make a new version of it: its text and its history stay as they are.

use super::{COLUMNS, TABLE, author};
use rustok_content::Author;
use rustok_content::ids::AuthorId;
use rustok_core::clock::Timestamp;
use rustok_db::{Row, Statement, StoreError, TenantTx, params};

/// Nodes that one call of [`move_some`] gives over.
pub const MOVED: i64 = 500;

/// An author that is locked until the end of the transaction; `None` if there is none, or it is retired.
///
/// # Errors
/// Those of the database.
pub async fn lock_author(tx: &mut TenantTx, id: AuthorId) -> Result<Option<Author>, StoreError> {
    let lock = if tx.db.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT {COLUMNS} FROM authors a WHERE a.tenant_id = $1 AND a.id = $2 AND a.retired_at IS NULL{lock}"
    );
    tx.db
        .fetch_optional(TABLE, &sql, params![tx.tenant(), id], author)
        .await
}

/// Changes the login and the display name of an author; false if another one has the login.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such author.
pub async fn change_author(tx: &mut TenantTx, author: &Author) -> Result<bool, StoreError> {
    let found = super::find_author(tx, &author.login).await?;
    if found.is_some_and(|found| found.id != author.id) {
        return Ok(false);
    }
    let sql = "UPDATE authors SET login = $3, display_name = $4 \
               WHERE tenant_id = $1 AND id = $2 AND retired_at IS NULL";
    let values = params![tx.tenant(), author.id, &author.login, &author.display_name];
    match tx.db.execute_one(TABLE, sql, values).await {
        Err(StoreError::Taken { .. }) => Ok(false),
        changed => changed.map(|()| true),
    }
}

/// Deletes an author; false if there is none, a node names it, or another author is still being merged into it.
///
/// # Errors
/// Those of the database.
pub async fn delete_author(tx: &mut TenantTx, id: AuthorId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM authors WHERE tenant_id = $1 AND id = $2 AND NOT EXISTS \
               (SELECT 1 FROM nodes n WHERE n.tenant_id = $1 AND n.author_id = $2) AND NOT EXISTS \
               (SELECT 1 FROM authors a WHERE a.tenant_id = $1 AND a.merged_into = $2)";
    Ok(tx.db.execute(TABLE, sql, params![tx.tenant(), id]).await? == 1)
}

/// Retires a locked author, whose nodes are to be those of `into`, as are those of authors that are being merged into it.
///
/// # Errors
/// [`StoreError::Stale`] when it is retired already.
pub async fn retire_author(
    tx: &mut TenantTx,
    id: AuthorId,
    into: AuthorId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let login = format!("retired:{id}");
    let retire = "UPDATE authors SET retired_at = $3, merged_into = $4, login = $5 \
                  WHERE tenant_id = $1 AND id = $2 AND retired_at IS NULL";
    let lead_on = "UPDATE authors SET merged_into = $3 WHERE tenant_id = $1 AND merged_into = $2";
    let writes = [
        Statement::one(TABLE, retire, params![tenant, id, now, into, login]),
        Statement::any(TABLE, lead_on, params![tenant, id, into]),
    ];
    tx.db.execute_all(&writes).await
}

/// Gives over up to [`MOVED`] nodes of a retired author, and deletes the author when nothing is left; true then. The same if
/// there is no such retired author.
///
/// # Errors
/// Those of the database.
pub async fn move_some(tx: &mut TenantTx, id: AuthorId) -> Result<bool, StoreError> {
    let lock = if tx.db.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT merged_into FROM authors WHERE tenant_id = $1 AND id = $2 AND merged_into IS NOT NULL{lock}"
    );
    let into = |row: &Row<'_>| row.get::<AuthorId>("merged_into");
    let values = params![tx.tenant(), id];
    let Some(into) = tx.db.fetch_optional(TABLE, &sql, values, into).await? else {
        return Ok(true);
    };
    let give = "UPDATE nodes SET author_id = $3 WHERE tenant_id = $1 AND id IN \
                (SELECT n.id FROM nodes n WHERE n.tenant_id = $1 AND n.author_id = $2 ORDER BY n.id LIMIT $4)";
    let values = params![tx.tenant(), id, into, MOVED];
    if tx.db.execute("nodes", give, values).await? >= MOVED.unsigned_abs() {
        return Ok(false);
    }
    delete_author(tx, id).await
}
