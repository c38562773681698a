//! Ends terms: merged into another one, or deleted. A term with many nodes loses them in parts, each in a transaction of
//! its own.
//!
//! A retired term gets no new nodes: a node is filed under a term only if it is not retired, by a statement that locks it.

use super::TABLE;
use rustok_content::Term;
use rustok_content::ids::TermId;
use rustok_core::clock::Timestamp;
use rustok_db::{Row, Statement, StoreError, TenantTx, params};
use rustok_text::plain::folded;

/// Nodes, and categories, that one call of [`move_some`] moves.
pub const MOVED: i64 = 500;

/// A term that is locked until the end of the transaction; `None` if there is none, or it is retired.
///
/// # Errors
/// Those of the database.
pub async fn lock_term(tx: &mut TenantTx, id: TermId) -> Result<Option<Term>, StoreError> {
    let lock = if tx.db.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT {} FROM terms m WHERE m.tenant_id = $1 AND m.id = $2 AND m.retired_at IS NULL{lock}",
        super::COLUMNS
    );
    tx.db
        .fetch_optional(TABLE, &sql, params![tx.tenant(), id], super::term)
        .await
}

/// Another term with this name below the same category.
///
/// # Errors
/// Those of the database.
pub async fn find_namesake(tx: &mut TenantTx, term: &Term) -> Result<Option<TermId>, StoreError> {
    let parent = match term.parent_id {
        None => "m.parent_id IS NULL",
        Some(_) => "m.parent_id = $5",
    };
    let sql = format!(
        "SELECT m.id FROM terms m WHERE m.tenant_id = $1 AND m.taxonomy = $2 AND m.name_folded = $3 AND m.id <> $4 \
         AND {parent} ORDER BY m.id LIMIT 1"
    );
    let name = folded(&term.name);
    let mut values = params![tx.tenant(), term.taxonomy.as_str(), name, term.id].to_vec();
    values.extend(term.parent_id.map(Into::into));
    tx.db
        .fetch_optional(TABLE, &sql, &values, |row| row.get("id"))
        .await
}

/// Changes a term's name, slug and parent category; false if its slug is taken in its taxonomy.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such term.
pub async fn rename_term(tx: &mut TenantTx, term: &Term) -> Result<bool, StoreError> {
    let found = super::find_term(tx, term.taxonomy, &term.slug).await?;
    if found.is_some_and(|found| found.id != term.id) {
        return Ok(false);
    }
    let sql = "UPDATE terms SET name = $3, parent_id = $4, name_folded = $5, slug = $6 \
               WHERE tenant_id = $1 AND id = $2 AND retired_at IS NULL";
    let name = folded(&term.name);
    let values = params![
        tx.tenant(),
        term.id,
        &term.name,
        term.parent_id,
        name,
        term.slug.as_str()
    ];
    match tx.db.execute_one(TABLE, sql, values).await {
        Err(StoreError::Taken { .. }) => Ok(false),
        renamed => renamed.map(|()| true),
    }
}

/// Retires a locked term. Its nodes are to get the term `into`, or none; the categories below it are to stand below `into`,
/// or below its own parent. Terms that are being merged into it are to be merged into `into`.
///
/// # Errors
/// [`StoreError::Stale`] when it is retired already.
pub async fn retire_term(
    tx: &mut TenantTx,
    id: TermId,
    into: Option<TermId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let slug = format!("retired-{id}");
    let retire = "UPDATE terms SET retired_at = $3, merged_into = $4, slug = $5, name_folded = '' \
                  WHERE tenant_id = $1 AND id = $2 AND retired_at IS NULL";
    let lead_on = "UPDATE terms SET merged_into = $3 WHERE tenant_id = $1 AND merged_into = $2";
    let writes = [
        Statement::one(TABLE, retire, params![tenant, id, now, into, slug]),
        Statement::any(TABLE, lead_on, params![tenant, id, into]),
    ];
    tx.db.execute_all(&writes).await
}

/// Moves up to [`MOVED`] nodes and as many categories of a retired term to where they are to be, and deletes the term when
/// nothing is left; true then. The same if there is no such retired term.
///
/// # Errors
/// Those of the database.
pub async fn move_some(tx: &mut TenantTx, id: TermId) -> Result<bool, StoreError> {
    let lock = if tx.db.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT merged_into, parent_id FROM terms WHERE tenant_id = $1 AND id = $2 AND retired_at IS NOT NULL{lock}"
    );
    let targets = |row: &Row<'_>| -> Result<(Option<TermId>, Option<TermId>), StoreError> {
        Ok((row.get("merged_into")?, row.get("parent_id")?))
    };
    let values = params![tx.tenant(), id];
    let Some((into, parent)) = tx.db.fetch_optional(TABLE, &sql, values, targets).await? else {
        return Ok(true);
    };
    let categories = move_categories(tx, id, into.or(parent)).await?;
    let nodes = move_nodes(tx, id, into).await?;
    if categories.max(nodes) >= MOVED.unsigned_abs() {
        return Ok(false);
    }
    let delete = "DELETE FROM terms WHERE tenant_id = $1 AND id = $2";
    tx.db.execute_one(TABLE, delete, params![tx.tenant(), id]).await?;
    Ok(true)
}

async fn move_categories(tx: &mut TenantTx, id: TermId, to: Option<TermId>) -> Result<u64, StoreError> {
    let sql = "UPDATE terms SET parent_id = $3 WHERE tenant_id = $1 AND id IN \
               (SELECT c.id FROM terms c WHERE c.tenant_id = $1 AND c.parent_id = $2 LIMIT $4)";
    tx.db
        .execute(TABLE, sql, params![tx.tenant(), id, to, MOVED])
        .await
}

/// Takes the term from nodes; the number of them.
async fn move_nodes(tx: &mut TenantTx, id: TermId, into: Option<TermId>) -> Result<u64, StoreError> {
    const NODE_TERMS: &str = "node_terms";
    const SOME: &str = "SELECT f.node_id FROM node_terms f WHERE f.tenant_id = $1 AND f.term_id = $2 \
                        ORDER BY f.node_id LIMIT $3";
    const INSERT: &str = "INSERT INTO node_terms (tenant_id, node_id, term_id, published_at)";
    let delete =
        format!("DELETE FROM node_terms WHERE tenant_id = $1 AND term_id = $2 AND node_id IN ({SOME})");
    let tenant = tx.tenant();
    let Some(into) = into else {
        return tx
            .db
            .execute(NODE_TERMS, &delete, params![tenant, id, MOVED])
            .await;
    };
    if tx.db.is_postgres() {
        // In one statement: what it takes from nodes is what it gives them.
        let sql = format!(
            "WITH taken AS ({delete} RETURNING node_id, published_at), given AS ({INSERT} \
             SELECT $1::uuid, t.node_id, $4::uuid, t.published_at FROM taken t ON CONFLICT DO NOTHING) \
             SELECT count(*) AS moved FROM taken"
        );
        let values = params![tenant, id, MOVED, into];
        let moved = tx
            .db
            .fetch_optional(NODE_TERMS, &sql, values, |row| row.get::<i64>("moved"))
            .await?;
        return Ok(moved.unwrap_or_default().unsigned_abs());
    }
    let give = format!(
        "{INSERT} SELECT f.tenant_id, f.node_id, $4::uuid, f.published_at FROM node_terms f WHERE f.tenant_id = $1 \
         AND f.term_id = $2 AND f.node_id IN ({SOME}) ON CONFLICT DO NOTHING"
    );
    tx.db
        .execute(NODE_TERMS, &give, params![tenant, id, MOVED, into])
        .await?;
    tx.db
        .execute(NODE_TERMS, &delete, params![tenant, id, MOVED])
        .await
}
