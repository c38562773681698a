//! Published nodes that have a term, newest first: the part of a public list that filters by term.
//!
//! First the terms of the filter are resolved; then the index of each term yields its published nodes in list order.

use super::NODE_TERMS;
use super::public::{PublicFilter, PublicPlace, VISIBLE, start};
use rustok_core::clock::Timestamp;
use rustok_core::ids::TermId;
use rustok_core::page::{Limit, Page};
use rustok_db::walk::{EXAMINED, Entry, indexed_by, page_of_fitting};
use rustok_db::{Row, StoreError, TenantTx, Value, pad, params, placeholders};
use std::cmp::Reverse;

/// Terms per statement; SQLite allows at most 500 parts of a compound SELECT.
const TERMS_AT_ONCE: usize = 64;

/// The resolved terms of a filter.
struct Terms {
    /// A node must have one of these.
    one_of: Vec<TermId>,
    /// And one of these, unless the list is empty.
    and_one_of: Vec<TermId>,
}

/// A page of nodes that match the terms of `filter`. With a second filter only a bounded number of nodes is examined:
/// the page may be shorter than `limit` and still have a next one.
pub(super) async fn list_by_term(
    tx: &mut TenantTx,
    filter: &PublicFilter,
    now: Timestamp,
    after: Option<PublicPlace>,
    limit: Limit,
) -> Result<Page<PublicPlace>, StoreError> {
    let Some(terms) = resolve(tx, filter).await? else {
        return Ok(page_of_fitting(Vec::new(), EXAMINED, limit));
    };
    let examined = match (&filter.kind, terms.and_one_of.is_empty()) {
        (None, true) => limit.get(),
        _ => EXAMINED,
    };
    let mut entries: Vec<Entry<PublicPlace>> = Vec::new();
    for some in terms.one_of.chunks(TERMS_AT_ONCE) {
        let mut values = params![tx.tenant(), now].to_vec();
        let sql = entries_sql(
            filter,
            some,
            &terms.and_one_of,
            after,
            examined,
            &mut values,
            tx.db.is_postgres(),
        );
        let entry = |row: &Row<'_>| {
            Ok(Entry {
                key: (row.get("published_at")?, row.get("id")?),
                fits: row.get("fits")?,
            })
        };
        entries.extend(tx.db.fetch_first(NODE_TERMS, &sql, &values, entry).await?);
    }
    entries.sort_unstable_by_key(|entry| Reverse(entry.key));
    // A node may have several of the terms.
    entries.dedup_by_key(|entry| entry.key);
    Ok(page_of_fitting(entries, examined, limit))
}

/// Resolves the terms of a filter; `None` if one of them does not exist.
async fn resolve(tx: &mut TenantTx, filter: &PublicFilter) -> Result<Option<Terms>, StoreError> {
    let mut lists = Vec::new();
    if let Some(tag) = &filter.tag {
        let sql = "SELECT m.id FROM terms m WHERE m.tenant_id = $1 AND m.taxonomy = 'tag' AND m.slug = $2";
        lists.push(find_terms(tx, sql, tag.as_str()).await?);
    }
    if let Some(category) = &filter.category {
        lists.push(find_terms(tx, CATEGORIES, category.as_str()).await?);
    }
    if lists.iter().any(Vec::is_empty) {
        return Ok(None);
    }
    let mut lists = lists.into_iter();
    Ok(lists.next().map(|one_of| Terms {
        one_of,
        and_one_of: lists.next().unwrap_or_default(),
    }))
}

/// A category and all its descendants. UNION instead of UNION ALL: the recursion ends even if the categories form a
/// cycle.
const CATEGORIES: &str = "WITH RECURSIVE wanted (id) AS (\
       SELECT m.id FROM terms m WHERE m.tenant_id = $1 AND m.taxonomy = 'category' AND m.slug = $2 \
       UNION SELECT m.id FROM wanted w CROSS JOIN terms m WHERE m.tenant_id = $1 AND m.parent_id = w.id) \
     SELECT id FROM wanted";

async fn find_terms(tx: &mut TenantTx, sql: &str, slug: &str) -> Result<Vec<TermId>, StoreError> {
    tx.db
        .fetch_first("terms", sql, params![tx.tenant(), slug], |row| row.get("id"))
        .await
}

fn entries_sql<'a>(
    filter: &'a PublicFilter,
    one_of: &[TermId],
    and_one_of: &[TermId],
    after: Option<PublicPlace>,
    examined: usize,
    values: &mut Vec<Value<'a>>,
    is_postgres: bool,
) -> String {
    let mut bind = |value: Value<'a>| {
        values.push(value);
        values.len()
    };
    let most = bind(i64::try_from(examined + 1).unwrap_or(i64::MAX).into());
    let place = start("f.published_at", "f.node_id", after, &mut bind);
    let index = indexed_by("node_terms_published_idx", is_postgres);
    let lists: Vec<String> = one_of
        .iter()
        .map(|term| {
            let term = bind((*term).into());
            format!(
                "SELECT * FROM (SELECT f.published_at, f.node_id FROM node_terms f{index} WHERE f.tenant_id = $1 \
                 AND f.term_id = ${term} AND f.published_at IS NOT NULL AND {place} \
                 ORDER BY f.published_at DESC, f.node_id DESC LIMIT ${most}) AS filed"
            )
        })
        .collect();
    let mut fits = VISIBLE.to_owned();
    if let Some(kind) = &filter.kind {
        fits.push_str(&format!(" AND n.kind = ${}", bind(kind.into())));
    }
    if !and_one_of.is_empty() {
        let mut also: Vec<Value<'_>> = and_one_of.iter().map(|term| (*term).into()).collect();
        pad(&mut also);
        let list = placeholders(values.len() + 1, also.len());
        values.append(&mut also);
        // Not EXISTS: PostgreSQL might turn it into a join that reads all nodes of the terms.
        fits.push_str(&format!(
            " AND (SELECT b.node_id FROM node_terms b WHERE b.tenant_id = $1 AND b.node_id = n.id \
             AND b.term_id IN ({list}) LIMIT 1) IS NOT NULL"
        ));
    }
    format!(
        "SELECT c.published_at, c.node_id AS id, CASE WHEN {fits} THEN true ELSE false END AS fits \
         FROM ({}) c CROSS JOIN nodes n WHERE n.tenant_id = $1 AND n.id = c.node_id",
        lists.join(" UNION ALL ")
    )
}
