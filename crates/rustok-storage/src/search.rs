//! The word index that nodes and products are searched by: one row for each word, or beginning of a word, of their
//! titles.
//!
//! Queries use only `=` and ranges: LIKE, `@@` and the operators of pg_trgm are not leakproof, so PostgreSQL uses no
//! index for them under row security.

use rustok_core::ids::TenantId;
use rustok_core::page::{Limit, ListKey, Page};
use rustok_db::walk::{
    EXAMINED, EXAMINED_PLUS_ONE, Entry, Walk, key_values, list_fitting, list_key, page_of_fitting,
};
use rustok_db::{FromColumn, Row, Statement, StoreError, TenantTx, Value, params};
use rustok_text::words::{self, Lookup, Query};
use serde::Serialize;
use uuid::Uuid;

const TABLE: &str = "search_terms";
const TERMS: &str = "SELECT DISTINCT subject_id FROM search_terms WHERE tenant_id = $1";
/// Sorts above every term that begins with the text it is appended to.
const END: char = char::MAX;

/// The kind of thing that a search finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Node,
    Product,
    Customer,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Product => "product",
            Self::Customer => "customer",
        }
    }

    /// For the row `x`: the column of its folded text, the join that this needs, and the join's condition.
    const fn text(self) -> [&'static str; 3] {
        match self {
            Self::Node => [
                "t.title_search",
                "CROSS JOIN node_translations t",
                "AND t.tenant_id = $1 AND t.node_id = x.id",
            ],
            Self::Product => ["x.search_text", "", ""],
            Self::Customer => ["x.email", "", ""],
        }
    }
}

/// The rows that a search examines further.
enum Candidates<'a> {
    /// No row: some word of the query occurs nowhere, or it has no word.
    None,
    /// All that have the rarest word.
    Few(Lookup<'a>),
    /// The newest with this term, up to the limit of a page.
    Along(&'a str),
    /// The newest of all, up to the limit of a page.
    All,
}

/// The positions of a page of the list of `walk`; with a query only of things that match its words, newest first.
pub(crate) async fn list_keys<I>(
    tx: &mut TenantTx,
    kind: Kind,
    query: Option<&Query>,
    walk: &Walk<'_>,
    after: Option<ListKey<I>>,
    limit: Limit,
) -> Result<Page<ListKey<I>>, StoreError>
where
    I: FromColumn + Into<Uuid> + Copy + PartialEq + Serialize,
    Value<'static>: From<I>,
{
    match query {
        Some(query) => list_matching(tx, kind, query, walk, after, limit).await,
        None => {
            let key = |row: &Row<'_>| list_key(row, walk.time.is_some());
            list_fitting(tx, walk, key, after.map(key_values), limit).await
        }
    }
}

async fn list_matching<I>(
    tx: &mut TenantTx,
    kind: Kind,
    query: &Query,
    walk: &Walk<'_>,
    after: Option<ListKey<I>>,
    limit: Limit,
) -> Result<Page<ListKey<I>>, StoreError>
where
    I: FromColumn + Into<Uuid> + Copy + PartialEq + Serialize,
{
    let candidates = candidates(tx, kind, query).await?;
    let mut values = params![tx.tenant()].to_vec();
    let after = after.and_then(ListKey::only_id).map(Into::into);
    let Some(candidates) = candidates.sql(kind, walk, after, &mut values) else {
        return Ok(page_of_fitting(Vec::new(), EXAMINED, limit));
    };
    let [text, joined, on] = kind.text();
    let sql = format!(
        "SELECT x.id, {text} AS folded, {} AS fits FROM ({candidates}) c CROSS JOIN {} x {joined} \
         WHERE x.tenant_id = $1 AND x.id = c.subject_id {on} ORDER BY c.subject_id DESC",
        walk.belongs("x", &mut values),
        walk.table
    );
    let entry = |row: &Row<'_>| {
        let matches = query.matches(&row.get::<String>("folded")?);
        Ok(Entry {
            key: list_key::<I>(row, false)?,
            fits: matches && row.get("fits")?,
        })
    };
    let mut entries = tx.db.fetch_first(walk.table, &sql, &values, entry).await?;
    // So far there is one entry per text: a thing matches if any of its texts does.
    entries.dedup_by(|next, kept| {
        let same = next.key == kept.key;
        kept.fits |= same && next.fits;
        same
    });
    Ok(page_of_fitting(entries, EXAMINED, limit))
}

fn range(lookup: Lookup<'_>) -> [Value<'_>; 2] {
    match lookup {
        Lookup::Exactly(term) => [term.into(), term.into()],
        Lookup::Beginning(term) => [term.into(), format!("{term}{END}").into()],
    }
}

/// Counts the matches of each query word, up to the limit of a page, and chooses the candidates.
async fn candidates<'a>(
    tx: &mut TenantTx,
    kind: Kind,
    query: &'a Query,
) -> Result<Candidates<'a>, StoreError> {
    let lookups = query.lookups();
    if lookups.is_empty() {
        return Ok(Candidates::None);
    }
    let mut values = params![tx.tenant(), kind.as_str()].to_vec();
    let mut counts = Vec::new();
    for (place, lookup) in lookups.iter().enumerate() {
        values.extend(range(*lookup));
        let (from, to) = (values.len() - 1, values.len());
        counts.push(format!(
            "SELECT CAST({place} AS bigint) AS place, count(*) AS terms FROM (SELECT 1 FROM search_terms \
             WHERE tenant_id = $1 AND kind = $2 AND term >= ${from} AND term <= ${to} \
             LIMIT {EXAMINED_PLUS_ONE}) AS counted"
        ));
    }
    let count = |row: &Row<'_>| Ok((row.get::<i64>("terms")?, row.get::<i64>("place")?));
    let counts = tx
        .db
        .fetch_first(TABLE, &counts.join(" UNION ALL "), &values, count)
        .await?;
    let rarest = counts.into_iter().min();
    let most = i64::try_from(EXAMINED).unwrap_or(i64::MAX);
    Ok(match rarest {
        Some((0, _)) => Candidates::None,
        Some((terms, place)) if terms <= most => {
            let lookup = usize::try_from(place).ok().and_then(|place| lookups.get(place));
            lookup.map_or(Candidates::All, |lookup| Candidates::Few(*lookup))
        }
        _ => query.broad_term().map_or(Candidates::All, Candidates::Along),
    })
}

impl<'a> Candidates<'a> {
    /// A query for their ids as `subject_id`, newest first, up to the limit of a page; `None` if there are none.
    fn sql(
        &self,
        kind: Kind,
        walk: &Walk<'_>,
        after: Option<Uuid>,
        values: &mut Vec<Value<'a>>,
    ) -> Option<String> {
        let mut bind = |value: Value<'a>| {
            values.push(value);
            values.len()
        };
        let (id, mut sql) = match self {
            Self::None => return None,
            Self::All => {
                let standing = walk
                    .standing
                    .map_or_else(String::new, |standing| format!(" AND {standing}"));
                (
                    "id",
                    format!(
                        "SELECT id AS subject_id FROM {} WHERE tenant_id = $1{standing}",
                        walk.table
                    ),
                )
            }
            Self::Few(lookup) => {
                let [from, to] = range(*lookup).map(&mut bind);
                let kind = bind(kind.as_str().into());
                (
                    "subject_id",
                    format!("{TERMS} AND kind = ${kind} AND term >= ${from} AND term <= ${to}"),
                )
            }
            Self::Along(term) => {
                let (kind, term) = (bind(kind.as_str().into()), bind((*term).into()));
                (
                    "subject_id",
                    format!("{TERMS} AND kind = ${kind} AND term = ${term}"),
                )
            }
        };
        if let Some(after) = after {
            sql.push_str(&format!(" AND {id} < ${}", bind(after.into())));
        }
        sql.push_str(&format!(" ORDER BY subject_id DESC LIMIT {EXAMINED_PLUS_ONE}"));
        Some(sql)
    }
}

/// The writes that turn the indexed words of `before` into those of `after`; both texts are folded.
pub(crate) fn write<'a>(
    tenant: TenantId,
    kind: Kind,
    subject: Uuid,
    locale: &'a str,
    (before, after): (&str, &str),
    is_postgres: bool,
) -> Vec<Statement<'a>> {
    let (before, after) = (words::terms(before), words::terms(after));
    let list = |terms: Vec<&&str>| Value::from(&serde_json::json!(terms));
    let gone: Vec<_> = before.difference(&after).collect();
    let new: Vec<_> = after.difference(&before).collect();
    let mut statements = Vec::new();
    let mut push = |terms: Vec<&&str>, [sqlite, postgres]: [&'static str; 2]| {
        if !terms.is_empty() {
            let sql = if is_postgres { postgres } else { sqlite };
            let params = params![tenant, kind.as_str(), subject, locale, list(terms)];
            statements.push(Statement::any(TABLE, sql, params));
        }
    };
    push(
        gone,
        [
            "DELETE FROM search_terms WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3 AND locale = $4 \
             AND term IN (SELECT value FROM json_each($5))",
            "DELETE FROM search_terms WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3 AND locale = $4 \
             AND term = ANY (ARRAY(SELECT jsonb_array_elements_text($5)))",
        ],
    );
    push(
        new,
        [
            "INSERT INTO search_terms (tenant_id, kind, term, subject_id, locale) \
             SELECT $1, $2, value, $3, $4 FROM json_each($5) WHERE true ON CONFLICT DO NOTHING",
            "INSERT INTO search_terms (tenant_id, kind, term, subject_id, locale) \
             SELECT $1, $2, value, $3, $4 FROM jsonb_array_elements_text($5) AS list (value) ON CONFLICT DO NOTHING",
        ],
    );
    statements
}
