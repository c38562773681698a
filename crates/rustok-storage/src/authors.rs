//! Authors: the names under which nodes are published. They are not accounts.

pub mod list;
pub mod retire;

use rustok_content::Author;
use rustok_core::clock::Timestamp;
use rustok_db::{Row, StoreError, TenantTx, params};

const TABLE: &str = "authors";

/// The columns of an author, as `a`, for a query that joins them.
pub(crate) const COLUMNS: &str = "a.id AS author_id, a.login AS author_login, a.display_name AS author_name";

pub(crate) fn author(row: &Row<'_>) -> Result<Author, StoreError> {
    Ok(Author {
        id: row.get("author_id")?,
        login: row.get("author_login")?,
        display_name: row.get("author_name")?,
    })
}

/// The author with this login.
///
/// # Errors
/// Those of the database.
pub async fn find_author(tx: &mut TenantTx, login: &str) -> Result<Option<Author>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM authors a WHERE a.tenant_id = $1 AND a.login = $2");
    tx.db
        .fetch_optional(TABLE, &sql, params![tx.tenant(), login], author)
        .await
}

/// Adds an author, unless the login exists; true if it was added.
///
/// # Errors
/// Those of the database.
pub async fn insert_author(tx: &mut TenantTx, author: &Author, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "INSERT INTO authors (tenant_id, id, login, display_name, created_at) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (tenant_id, login) DO NOTHING";
    let values = params![tx.tenant(), author.id, &author.login, &author.display_name, now];
    Ok(tx.db.execute(TABLE, sql, values).await? == 1)
}

/// Changes an author's display name.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such author.
pub async fn rename_author(tx: &mut TenantTx, author: &Author) -> Result<(), StoreError> {
    let sql = "UPDATE authors SET display_name = $3 WHERE tenant_id = $1 AND id = $2";
    tx.db
        .execute_one(TABLE, sql, params![tx.tenant(), author.id, &author.display_name])
        .await
}
