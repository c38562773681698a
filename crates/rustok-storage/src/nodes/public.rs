//! What readers see: published nodes whose date has come, in their live revision, and nothing else.
//!
//! Both queries state that rule themselves. No column of a working revision may be named here.

use super::{NODES, parsed, rank};
use crate::error::StoreError;
use crate::row::Row;
use crate::tx::TenantTx;
use crate::value::{Value, pad, params};
use rustok_content::{BodyFormat, Locale, Slug};
use rustok_core::clock::Timestamp;
use rustok_core::ids::NodeId;
use rustok_core::page::{Limit, Page};

/// Between the parts of a term, and between terms, inside one column. Names and slugs have no control characters.
const PART: &str = "\u{1f}";
const RECORD: &str = "\u{1e}";

/// A node as readers see it, in one locale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicNode {
    /// The node.
    pub id: NodeId,
    /// What sort of content it is.
    pub kind: String,
    /// The locale of what follows.
    pub locale: Locale,
    /// Plain text of one line.
    pub title: String,
    /// Its address.
    pub slug: String,
    /// Plain text.
    pub excerpt: String,
    /// As it was written.
    pub body: String,
    /// How it was written.
    pub format: BodyFormat,
    /// Safe HTML.
    pub body_html: String,
    /// What it is filed under: categories before tags, by slug.
    pub terms: Vec<PublicTerm>,
    /// The name of who wrote it.
    pub author_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is public.
    pub published_at: Timestamp,
    /// When the live text was saved.
    pub saved_at: Timestamp,
    /// The number of the node's save that is live.
    pub revision: i64,
}

/// A term as readers see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicTerm {
    /// `category` or `tag`.
    pub taxonomy: String,
    /// Its address.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The address of the category above it.
    pub parent: Option<String>,
}

/// Which nodes a list has.
#[derive(Debug, Clone, Default)]
pub struct PublicFilter {
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those in this category or in one below it.
    pub category: Option<Slug>,
    /// Only those with this tag.
    pub tag: Option<Slug>,
}

/// The columns of what is shown: of the node as `c`, the author as `a` and the live revision as `r`.
const SHOWN: &str = "c.id, c.kind, c.created_at, c.published_at, c.published_revision, a.display_name, t.locale, \
     t.published_slug, r.title, r.excerpt, r.body, r.format, r.body_html, r.created_at AS saved_at";

/// The terms of the node `c` in one column; `$2` and `$3` are [`PART`] and [`RECORD`].
const TERMS: &str = "(SELECT string_agg(m.taxonomy || $2::text || m.slug || $2::text || m.name || $2::text || \
     COALESCE(p.slug, ''), $3::text) FROM node_terms f \
     JOIN terms m ON m.tenant_id = f.tenant_id AND m.id = f.term_id \
     LEFT JOIN terms p ON p.tenant_id = m.tenant_id AND p.id = m.parent_id \
     WHERE f.tenant_id = $1 AND f.node_id = c.id) AS terms";

/// What belongs to the node `c` and its locale.
const BELONGINGS: &str = "JOIN node_translations t ON t.tenant_id = $1 AND t.node_id = c.id AND t.locale = c.locale \
     JOIN node_revisions r ON r.tenant_id = $1 AND r.node_id = c.id AND r.locale = c.locale \
     AND r.revision = t.published_revision \
     JOIN authors a ON a.tenant_id = $1 AND a.id = c.author_id";

/// The rule, for the node `n`; `$4` is the time now.
const VISIBLE: &str =
    "n.tenant_id = $1 AND n.status = 'published' AND n.published_at <= $4 AND n.deleted_at IS NULL";

/// The values `$1` to `$4`.
fn first_values(tx: &TenantTx, now: Timestamp) -> Vec<Value<'static>> {
    params![tx.tenant, PART, RECORD, now].to_vec()
}

/// Appends the chain to the values; answers where it starts and how long it is.
fn add_chain<'a>(chain: &'a [Locale], values: &mut Vec<Value<'a>>) -> (usize, usize) {
    let mut locales: Vec<Value<'a>> = chain.iter().map(|locale| locale.as_str().into()).collect();
    pad(&mut locales);
    let place = (values.len() + 1, locales.len());
    values.append(&mut locales);
    place
}

fn decode(row: &Row<'_>) -> Result<PublicNode, StoreError> {
    let terms: Option<String> = row.get("terms")?;
    Ok(PublicNode {
        id: row.get("id")?,
        kind: row.get("kind")?,
        locale: parsed(row, "locale")?,
        title: row.get("title")?,
        slug: row.get("published_slug")?,
        excerpt: row.get("excerpt")?,
        body: row.get("body")?,
        format: parsed(row, "format")?,
        body_html: row.get("body_html")?,
        terms: terms_of(terms.as_deref().unwrap_or_default())
            .ok_or_else(|| row.inconsistent("terms", "has no form"))?,
        author_name: row.get("display_name")?,
        created_at: row.get("created_at")?,
        published_at: row.get("published_at")?,
        saved_at: row.get("saved_at")?,
        revision: row.get("published_revision")?,
    })
}

fn terms_of(column: &str) -> Option<Vec<PublicTerm>> {
    let mut terms = Vec::new();
    for record in column.split(RECORD).filter(|record| !record.is_empty()) {
        let mut parts = record.split(PART).map(str::to_owned);
        let (taxonomy, slug, name, parent) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        terms.push(PublicTerm {
            taxonomy,
            slug,
            name,
            parent: Some(parent).filter(|slug| !slug.is_empty()),
        });
    }
    terms.sort_unstable();
    Some(terms)
}

/// The node that has this address in any locale, shown in the first locale of `chain` that it has. When several nodes
/// have the address, the one that has it in the most wanted locale.
///
/// # Errors
/// Those of the database.
pub async fn find_public(
    tx: &mut TenantTx,
    slug: &Slug,
    chain: &[Locale],
    now: Timestamp,
) -> Result<Option<PublicNode>, StoreError> {
    let mut values = first_values(tx, now);
    values.push(slug.as_str().into());
    let (start, count) = add_chain(chain, &mut values);
    let sql = find_sql(start, count);
    tx.db.fetch_optional(NODES, &sql, &values, decode).await
}

fn find_sql(start: usize, count: usize) -> String {
    // CROSS JOIN keeps SQLite from looking through all published nodes for those with the address.
    format!(
        "SELECT {SHOWN}, {TERMS} FROM (\
           SELECT n.id, n.kind, n.created_at, n.published_at, n.published_revision, n.author_id, o.locale \
           FROM node_translations s CROSS JOIN nodes n CROSS JOIN node_translations o \
           WHERE s.tenant_id = $1 AND s.published_slug = $5 AND n.id = s.node_id AND {VISIBLE} \
             AND o.tenant_id = $1 AND o.node_id = n.id AND o.published_revision IS NOT NULL \
           ORDER BY {}, s.locale, {}, o.locale LIMIT 1) c {BELONGINGS}",
        rank("s.locale", start, count),
        rank("o.locale", start, count)
    )
}

/// A page of nodes, newest first, each shown in the first locale of `chain` that it has.
///
/// # Errors
/// Those of the database.
pub async fn list_public(
    tx: &mut TenantTx,
    filter: &PublicFilter,
    chain: &[Locale],
    now: Timestamp,
    after: Option<(Timestamp, NodeId)>,
    limit: Limit,
) -> Result<Page<PublicNode>, StoreError> {
    // What is not newer than the page before is where an index can start; the rest of the condition is for equal times.
    let newest = after.map_or(now, |(published_at, _)| published_at.min(now));
    let mut values = first_values(tx, newest);
    values.push(limit.plus_one().into());
    let chain = add_chain(chain, &mut values);
    let sql = list_sql(filter, after, chain, &mut values);
    let mut nodes = tx.db.fetch(NODES, &sql, &values, decode).await?;
    // The order inside is only for the limit; the joins around it may change it.
    nodes.sort_unstable_by_key(|node| std::cmp::Reverse((node.published_at, node.id)));
    Ok(Page::cut(nodes, limit, |node| (node.published_at, node.id)))
}

fn list_sql<'a>(
    filter: &'a PublicFilter,
    after: Option<(Timestamp, NodeId)>,
    (start, count): (usize, usize),
    values: &mut Vec<Value<'a>>,
) -> String {
    let (with, conditions) = conditions(filter, after, values);
    format!(
        "{with}SELECT {SHOWN}, {TERMS} FROM (\
           SELECT n.id, n.kind, n.created_at, n.published_at, n.published_revision, n.author_id, \
             {} AS locale \
           FROM nodes n WHERE {VISIBLE}{conditions} \
           ORDER BY n.published_at DESC, n.id DESC LIMIT $5) c {BELONGINGS}",
        first_locale(start, count)
    )
}

/// The first locale of the chain that the node `n` has live, or else its first one. Lookups one after the other: sorting
/// a node's locales by the chain costs several times as much.
fn first_locale(start: usize, count: usize) -> String {
    let live = "FROM node_translations o WHERE o.tenant_id = $1 AND o.node_id = n.id AND o.published_revision IS NOT NULL";
    let mut sql = String::from("COALESCE(");
    for place in start..start + count {
        sql.push_str(&format!("(SELECT o.locale {live} AND o.locale = ${place}), "));
    }
    sql.push_str(&format!("(SELECT min(o.locale) {live}))"));
    sql
}

/// What stands before the statement, and the conditions on the node `n`.
fn conditions<'a>(
    filter: &'a PublicFilter,
    after: Option<(Timestamp, NodeId)>,
    values: &mut Vec<Value<'a>>,
) -> (String, String) {
    let (mut with, mut sql) = (String::new(), String::new());
    if let Some(kind) = &filter.kind {
        values.push(kind.into());
        sql.push_str(&format!(" AND n.kind = ${}", values.len()));
    }
    if let Some(category) = &filter.category {
        values.push(category.as_str().into());
        // UNION, not UNION ALL: it ends even if the categories should stand in a circle.
        with = format!(
            "WITH RECURSIVE wanted (id) AS (\
               SELECT m.id FROM terms m WHERE m.tenant_id = $1 AND m.taxonomy = 'category' AND m.slug = ${} \
               UNION SELECT m.id FROM terms m JOIN wanted w ON m.parent_id = w.id WHERE m.tenant_id = $1) ",
            values.len()
        );
        sql.push_str(
            " AND EXISTS (SELECT 1 FROM node_terms f WHERE f.tenant_id = $1 AND f.node_id = n.id \
             AND f.term_id IN (SELECT id FROM wanted))",
        );
    }
    if let Some(tag) = &filter.tag {
        values.push(tag.as_str().into());
        sql.push_str(&format!(
            " AND EXISTS (SELECT 1 FROM node_terms f JOIN terms m ON m.tenant_id = f.tenant_id AND m.id = f.term_id \
             WHERE f.tenant_id = $1 AND f.node_id = n.id AND m.taxonomy = 'tag' AND m.slug = ${})",
            values.len()
        ));
    }
    if let Some((published_at, id)) = after {
        values.extend([published_at.into(), id.into()]);
        sql.push_str(&format!(
            " AND (n.published_at, n.id) < (${}, ${})",
            values.len() - 1,
            values.len()
        ));
    }
    (with, sql)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::plans::plan;
    use uuid::Uuid;

    #[test]
    fn terms_travel_in_one_column() {
        let column = "tag\u{1f}b\u{1f}B\u{1f}\u{1e}category\u{1f}a\u{1f}A, b\u{1f}up";
        let terms = terms_of(column).unwrap();
        let told: Vec<_> = terms
            .iter()
            .map(|t| (&*t.taxonomy, &*t.slug, &*t.name, t.parent.as_deref()))
            .collect();
        assert_eq!(
            told,
            [("category", "a", "A, b", Some("up")), ("tag", "b", "B", None)]
        );
        assert_eq!(terms_of(""), Some(Vec::new()));
        assert_eq!(terms_of("tag"), None);
    }

    #[test]
    fn an_address_is_looked_up_in_its_index() {
        let plan = plan(&find_sql(6, 2));
        assert!(
            plan[0].starts_with("SEARCH s USING") && plan[0].ends_with("(tenant_id=? AND published_slug=?)"),
            "{plan:#?}"
        );
        assert!(
            plan[1].starts_with("SEARCH n USING") && plan[1].ends_with("(tenant_id=? AND id=?)"),
            "{plan:#?}"
        );
        let whole_key = "(tenant_id=? AND node_id=? AND locale=? AND revision=?)";
        assert!(
            plan.iter()
                .any(|step| step.starts_with("SEARCH r USING") && step.ends_with(whole_key)),
            "{plan:#?}"
        );
    }

    #[test]
    fn lists_go_along_the_index_of_their_order() {
        for (kind, index) in [
            (None, "nodes_published_idx"),
            (Some("post".to_owned()), "nodes_kind_idx"),
        ] {
            let filter = PublicFilter {
                kind,
                ..PublicFilter::default()
            };
            let after = Some((Timestamp::UNIX_EPOCH, NodeId::from_uuid(Uuid::nil())));
            let mut values = vec![Value::Null; 7];
            let plan = plan(&list_sql(&filter, after, (6, 2), &mut values));
            assert!(
                plan[0].contains(index) && plan[0].contains("published_at<?"),
                "{plan:#?}"
            );
            assert!(
                !plan.iter().any(|step| step.contains("SCAN") && step != "SCAN c"),
                "{plan:#?}"
            );
        }
    }
}
