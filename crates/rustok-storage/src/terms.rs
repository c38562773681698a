//! Terms: categories, which form a hierarchy, and tags.

pub mod list;
pub mod retire;

use rustok_content::ids::TermId;
use rustok_content::{Taxonomy, Term};
use rustok_core::clock::Timestamp;
use rustok_db::walk::indexed_by;
use rustok_db::{Row, StoreError, TenantTx, Value, pad, params, placeholders};
use rustok_text::Slug;
use rustok_text::plain::folded;

const TABLE: &str = "terms";

/// The columns of a term, as `m`.
pub(crate) const COLUMNS: &str = "m.id, m.taxonomy, m.slug, m.name, m.parent_id";

pub(crate) fn term(row: &Row<'_>) -> Result<Term, StoreError> {
    let (taxonomy, slug): (String, String) = (row.get("taxonomy")?, row.get("slug")?);
    Ok(Term {
        id: row.get("id")?,
        taxonomy: Taxonomy::find(&taxonomy).ok_or_else(|| row.inconsistent("taxonomy", &taxonomy))?,
        slug: Slug::parse(&slug).map_err(|error| row.inconsistent("slug", &error.to_string()))?,
        name: row.get("name")?,
        parent_id: row.get("parent_id")?,
    })
}

/// Finds terms in any taxonomy by slug or by name, folded as names are compared. At most 512 of each, to bound the
/// length of the statement.
///
/// # Errors
/// Those of the database.
pub async fn list_terms_known_by(
    tx: &mut TenantTx,
    slugs: &[&Slug],
    names_folded: &[String],
) -> Result<Vec<Term>, StoreError> {
    let mut values = params![tx.tenant()].to_vec();
    let mut either = Vec::new();
    let slugs: Vec<Value<'_>> = slugs.iter().map(|slug| slug.as_str().into()).collect();
    let names: Vec<Value<'_>> = names_folded.iter().map(|name| name.into()).collect();
    let by_name = indexed_by("terms_name_idx", tx.db.is_postgres());
    for (column, mut list, index) in [("slug", slugs, ""), ("name_folded", names, by_name.as_str())] {
        if list.is_empty() {
            continue;
        }
        pad(&mut list);
        either.push(format!(
            "SELECT {COLUMNS} FROM terms m{index} WHERE m.tenant_id = $1 AND m.taxonomy IN ('category', 'tag') \
             AND m.{column} IN ({})",
            placeholders(values.len() + 1, list.len())
        ));
        values.append(&mut list);
    }
    if either.is_empty() {
        return Ok(Vec::new());
    }
    tx.db.fetch(TABLE, &either.join(" UNION "), &values, term).await
}

/// The terms with these ids. At most 256, to bound the length of the statement.
///
/// # Errors
/// Those of the database.
pub async fn list_terms(tx: &mut TenantTx, ids: &[TermId]) -> Result<Vec<Term>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut list: Vec<Value<'_>> = ids.iter().map(|id| (*id).into()).collect();
    pad(&mut list);
    let sql = format!(
        "SELECT {COLUMNS} FROM terms m WHERE m.tenant_id = $1 AND m.id IN ({})",
        placeholders(2, list.len())
    );
    let mut values = params![tx.tenant()].to_vec();
    values.append(&mut list);
    tx.db.fetch(TABLE, &sql, &values, term).await
}

/// The term with this slug.
///
/// # Errors
/// Those of the database.
pub async fn find_term(
    tx: &mut TenantTx,
    taxonomy: Taxonomy,
    slug: &Slug,
) -> Result<Option<Term>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM terms m WHERE m.tenant_id = $1 AND m.taxonomy = $2 AND m.slug = $3");
    tx.db
        .fetch_optional(
            TABLE,
            &sql,
            params![tx.tenant(), taxonomy.as_str(), slug.as_str()],
            term,
        )
        .await
}

/// Adds a term, unless its slug is taken in its taxonomy; true if it was added.
///
/// # Errors
/// Those of the database.
pub async fn insert_term(tx: &mut TenantTx, term: &Term, now: Timestamp) -> Result<bool, StoreError> {
    let name_folded = folded(&term.name);
    let sql = "INSERT INTO terms (tenant_id, id, taxonomy, slug, name, parent_id, created_at, name_folded) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, taxonomy, slug) DO NOTHING";
    let values = params![
        tx.tenant(),
        term.id,
        term.taxonomy.as_str(),
        term.slug.as_str(),
        &term.name,
        term.parent_id,
        now,
        &name_folded
    ];
    Ok(tx.db.execute(TABLE, sql, values).await? == 1)
}

/// Changes a term's name and its parent category.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such term.
pub async fn update_term(tx: &mut TenantTx, term: &Term) -> Result<(), StoreError> {
    let sql = "UPDATE terms SET name = $3, parent_id = $4, name_folded = $5 WHERE tenant_id = $1 AND id = $2";
    tx.db
        .execute_one(
            TABLE,
            sql,
            params![
                tx.tenant(),
                term.id,
                &term.name,
                term.parent_id,
                &folded(&term.name)
            ],
        )
        .await
}

/// A category and all its ancestors.
///
/// # Errors
/// Those of the database.
pub async fn list_lineage(tx: &mut TenantTx, id: TermId) -> Result<Vec<TermId>, StoreError> {
    // UNION, not UNION ALL: it terminates even if categories form a cycle.
    let sql = "WITH RECURSIVE lineage (id) AS (\
                 SELECT m.id FROM terms m WHERE m.tenant_id = $1 AND m.id = $2 \
                 UNION SELECT m.parent_id FROM terms m JOIN lineage l ON m.id = l.id \
                 WHERE m.tenant_id = $1 AND m.parent_id IS NOT NULL) \
               SELECT id FROM lineage";
    tx.db
        .fetch(TABLE, sql, params![tx.tenant(), id], |row| row.get("id"))
        .await
}
