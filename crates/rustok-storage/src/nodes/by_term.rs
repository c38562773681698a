//! Published nodes that have a term, newest first: the part of a public list that filters by term.
//!
//! First the terms of the filter are resolved. Then the entries of one index are examined in list order: that of the
//! filter which fewest nodes match. The other filters are checked on each entry by its key.

use super::public::{PublicFilter, PublicPlace, VISIBLE, start};
use super::{NODE_TERMS, NODES};
use rustok_content::ids::TermId;
use rustok_core::clock::Timestamp;
use rustok_core::page::{Limit, Page};
use rustok_db::walk::{EXAMINED, EXAMINED_PLUS_ONE, Entry, indexed_by, page_of_fitting};
use rustok_db::{Row, StoreError, TenantTx, Value, pad, params, placeholders};
use std::cmp::Reverse;

/// The largest number of categories whose lists are merged.
const MERGED: usize = 64;
/// The LIMIT of their statement: one more shows that there are too many.
const MERGED_PLUS_ONE: usize = MERGED + 1;
/// How many levels above the category of a node a larger category is looked for.
const LEVELS: usize = 64;

/// A condition on the terms of a node.
enum Filed {
    /// It has one of these.
    OneOf(Vec<TermId>),
    /// It has this category or one below it. Those are too many to merge their lists.
    Below(TermId),
}

/// Where the entries of a page are read.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// The lists of these terms.
    Terms(&'a [TermId]),
    /// All published nodes, or those of the kind of the filter.
    Published,
}

/// A page of nodes that match the terms of `filter`. Only a bounded number of nodes is examined: the page may be
/// shorter than `limit` and still have a next one.
pub(super) async fn list_by_term(
    tx: &mut TenantTx,
    filter: &PublicFilter,
    now: Timestamp,
    after: Option<PublicPlace>,
    limit: Limit,
) -> Result<Page<PublicPlace>, StoreError> {
    let Some(wanted) = resolve(tx, filter).await? else {
        return Ok(page_of_fitting(Vec::new(), EXAMINED, limit));
    };
    let source = rarest(tx, filter, &wanted).await?;
    let examined = match (source, &*wanted, &filter.kind) {
        (Source::Terms([_]), [_], None) => limit.get(),
        // A node may be in several of the categories.
        (Source::Terms(_), [_], None) => EXAMINED.min(2 * limit.get()),
        _ => EXAMINED,
    };
    let entries = Entries {
        filter,
        wanted: &wanted,
        source,
        after,
        examined,
    };
    let mut values = params![tx.tenant(), now].to_vec();
    let sql = entries.sql(&mut values, tx.db.is_postgres());
    let entry = |row: &Row<'_>| {
        Ok(Entry {
            key: (row.get("published_at")?, row.get("id")?),
            fits: row.get("fits")?,
        })
    };
    let mut entries = tx.db.fetch_first(NODE_TERMS, &sql, &values, entry).await?;
    entries.sort_unstable_by_key(|entry| Reverse(entry.key));
    // A node with several of the terms is shown once.
    let mut before = None;
    for entry in &mut entries {
        entry.fits &= before.replace(entry.key) != Some(entry.key);
    }
    Ok(page_of_fitting(entries, examined, limit))
}

/// Resolves the terms of a filter; `None` if one of them does not exist.
async fn resolve(tx: &mut TenantTx, filter: &PublicFilter) -> Result<Option<Vec<Filed>>, StoreError> {
    let mut wanted = Vec::new();
    if let Some(tag) = &filter.tag {
        let sql = "SELECT m.id FROM terms m WHERE m.tenant_id = $1 AND m.taxonomy = 'tag' AND m.slug = $2";
        match find_terms(tx, sql, tag.as_str()).await? {
            none if none.is_empty() => return Ok(None),
            tag => wanted.push(Filed::OneOf(tag)),
        }
    }
    if let Some(category) = &filter.category {
        let sql = categories_sql(tx.db.is_postgres());
        let found = find_terms(tx, &sql, category.as_str()).await?;
        match found.first() {
            None => return Ok(None),
            Some(top) if found.len() > MERGED => wanted.push(Filed::Below(*top)),
            Some(_) => wanted.push(Filed::OneOf(found)),
        }
    }
    Ok(Some(wanted))
}

/// A category and its descendants, as many as are merged and one more. The category itself is the first. UNION instead
/// of UNION ALL: the recursion ends even if the categories form a cycle.
///
/// SQLite reads all children of a category before it looks at the LIMIT, so they have one of their own.
fn categories_sql(is_postgres: bool) -> String {
    let children = if is_postgres {
        "m.parent_id = w.id".to_owned()
    } else {
        format!(
            "m.id IN (SELECT c.id FROM terms c WHERE c.tenant_id = $1 AND c.parent_id = w.id LIMIT {MERGED_PLUS_ONE})"
        )
    };
    format!(
        "WITH RECURSIVE wanted (id) AS (\
           SELECT m.id FROM terms m WHERE m.tenant_id = $1 AND m.taxonomy = 'category' AND m.slug = $2 \
           UNION SELECT m.id FROM wanted w CROSS JOIN terms m WHERE m.tenant_id = $1 AND {children}) \
         SELECT id FROM wanted LIMIT {MERGED_PLUS_ONE}"
    )
}

async fn find_terms(tx: &mut TenantTx, sql: &str, slug: &str) -> Result<Vec<TermId>, StoreError> {
    tx.db
        .fetch_first("terms", sql, params![tx.tenant(), slug], |row| row.get("id"))
        .await
}

/// The source with the fewest entries, each counted up to the limit of a page.
async fn rarest<'a>(
    tx: &mut TenantTx,
    filter: &PublicFilter,
    wanted: &'a [Filed],
) -> Result<Source<'a>, StoreError> {
    let mut sources: Vec<Source<'a>> = wanted
        .iter()
        .filter_map(|filed| match filed {
            Filed::OneOf(terms) => Some(Source::Terms(terms)),
            Filed::Below(_) => None,
        })
        .collect();
    if filter.kind.is_some() {
        sources.push(Source::Published);
    }
    if let [] | [_] = *sources {
        return Ok(sources.pop().unwrap_or(Source::Published));
    }
    let mut values = params![tx.tenant()].to_vec();
    let is_postgres = tx.db.is_postgres();
    let counts: Vec<String> = sources
        .iter()
        .enumerate()
        .map(|(place, source)| {
            let entries = source.count_sql(filter, &mut values, is_postgres);
            format!(
                "SELECT CAST({place} AS bigint) AS place, count(*) AS entries \
                 FROM ({entries} LIMIT {EXAMINED_PLUS_ONE}) AS counted"
            )
        })
        .collect();
    let count = |row: &Row<'_>| Ok((row.get::<i64>("entries")?, row.get::<i64>("place")?));
    let counts = tx
        .db
        .fetch_first(NODE_TERMS, &counts.join(" UNION ALL "), &values, count)
        .await?;
    let place = counts.into_iter().min().map_or(0, |(_, place)| place);
    let rarest = usize::try_from(place).ok().and_then(|place| sources.get(place));
    Ok(rarest.copied().unwrap_or(Source::Published))
}

impl Source<'_> {
    /// A query for its entries, which are only counted. `$1` is the tenant.
    fn count_sql<'v>(
        self,
        filter: &'v PublicFilter,
        values: &mut Vec<Value<'v>>,
        is_postgres: bool,
    ) -> String {
        match self {
            Self::Terms(terms) => format!(
                "SELECT 1 FROM node_terms f{} WHERE f.tenant_id = $1 AND f.published_at IS NOT NULL AND f.term_id {}",
                indexed_by(FILED_IDX, is_postgres),
                one_of(terms, values)
            ),
            Self::Published => {
                values.push(filter.kind.as_ref().map_or(Value::Null, Value::from));
                format!(
                    "SELECT 1 FROM nodes n{} WHERE n.tenant_id = $1 AND n.status = 'published' AND n.kind = ${}",
                    indexed_by(KIND_IDX, is_postgres),
                    values.len()
                )
            }
        }
    }
}

const FILED_IDX: &str = "node_terms_published_idx";
const KIND_IDX: &str = "nodes_published_kind_idx";

/// A condition that a term is one of these.
fn one_of<'v>(terms: &[TermId], values: &mut Vec<Value<'v>>) -> String {
    let mut list: Vec<Value<'v>> = terms.iter().map(|term| (*term).into()).collect();
    pad(&mut list);
    let condition = format!("IN ({})", placeholders(values.len() + 1, list.len()));
    values.append(&mut list);
    condition
}

/// What one page examines.
struct Entries<'a> {
    filter: &'a PublicFilter,
    wanted: &'a [Filed],
    source: Source<'a>,
    after: Option<PublicPlace>,
    examined: usize,
}

impl<'a> Entries<'a> {
    /// The query for the entries, each with whether it matches. `$1` is the tenant, `$2` the current time.
    fn sql(&self, values: &mut Vec<Value<'a>>, is_postgres: bool) -> String {
        let most = bind(
            values,
            i64::try_from(self.examined + 1).unwrap_or(i64::MAX).into(),
        );
        let fits = format!("CASE WHEN {} THEN true ELSE false END AS fits", self.fits(values));
        match self.source {
            Source::Terms(terms) => {
                let place = start("f.published_at", "f.node_id", self.after, &mut |value| {
                    bind(values, value)
                });
                let index = indexed_by(FILED_IDX, is_postgres);
                let lists: Vec<String> = terms
                    .iter()
                    .map(|term| {
                        let term = bind(values, (*term).into());
                        let list = format!(
                            "SELECT f.published_at, f.node_id FROM node_terms f{index} WHERE f.tenant_id = $1 \
                             AND f.term_id = ${term} AND f.published_at IS NOT NULL AND {place}"
                        );
                        match is_postgres {
                            true => format!(
                                "SELECT * FROM ({list} ORDER BY f.published_at DESC, f.node_id DESC LIMIT ${most}) AS filed"
                            ),
                            false => list,
                        }
                    })
                    .collect();
                // Both databases merge the lists, and read no further than to the limit. PostgreSQL takes a list for
                // sorted only if it says so, SQLite only if it does not.
                format!(
                    "SELECT c.published_at, c.node_id AS id, {fits} \
                     FROM ({} ORDER BY published_at DESC, node_id DESC LIMIT ${most}) c \
                     CROSS JOIN {NODES} n WHERE n.tenant_id = $1 AND n.id = c.node_id",
                    lists.join(" UNION ALL ")
                )
            }
            Source::Published => {
                let place = start("n.published_at", "n.id", self.after, &mut |value| {
                    bind(values, value)
                });
                let (index, kind) = match &self.filter.kind {
                    None => ("nodes_published_idx", String::new()),
                    Some(kind) => (KIND_IDX, format!(" AND n.kind = ${}", bind(values, kind.into()))),
                };
                format!(
                    "SELECT n.published_at, n.id, {fits} FROM {NODES} n{} WHERE n.tenant_id = $1 \
                     AND n.status = 'published'{kind} AND {place} \
                     ORDER BY n.published_at DESC, n.id DESC LIMIT ${most}",
                    indexed_by(index, is_postgres)
                )
            }
        }
    }

    /// The conditions that are checked on the node `n` of each entry.
    fn fits(&self, values: &mut Vec<Value<'a>>) -> String {
        let mut fits = VISIBLE.to_owned();
        if let (Source::Terms(_), Some(kind)) = (self.source, &self.filter.kind) {
            fits.push_str(&format!(" AND n.kind = ${}", bind(values, kind.into())));
        }
        for filed in self.wanted {
            match (filed, self.source) {
                (Filed::OneOf(terms), Source::Terms(read)) if terms == read => {}
                // Not EXISTS: PostgreSQL might turn it into a join that reads all nodes of the terms.
                (Filed::OneOf(terms), _) => fits.push_str(&format!(
                    " AND (SELECT b.node_id FROM node_terms b WHERE b.tenant_id = $1 AND b.node_id = n.id \
                     AND b.term_id {} LIMIT 1) IS NOT NULL",
                    one_of(terms, values)
                )),
                (Filed::Below(top), _) => fits.push_str(&format!(
                    " AND (WITH RECURSIVE above (id, level) AS (\
                       SELECT b.term_id, 0 FROM node_terms b WHERE b.tenant_id = $1 AND b.node_id = n.id \
                       UNION SELECT m.parent_id, a.level + 1 FROM above a CROSS JOIN terms m WHERE m.tenant_id = $1 \
                         AND m.id = a.id AND m.parent_id IS NOT NULL AND a.level < {LEVELS}) \
                     SELECT 1 FROM above WHERE id = ${} LIMIT 1) IS NOT NULL",
                    bind(values, (*top).into())
                )),
            }
        }
        fits
    }
}

/// Adds a value, and returns the number of its placeholder.
fn bind<'v>(values: &mut Vec<Value<'v>>, value: Value<'v>) -> usize {
    values.push(value);
    values.len()
}
