//! What readers see: published nodes whose date has come, in their live revision, and nothing else.
//!
//! Both queries state that rule themselves. No column of a working revision may be named here.

use super::texts::TextKey;
use super::{NODES, parsed, rank};
use crate::error::StoreError;
use crate::row::Row;
use crate::tx::TenantTx;
use crate::value::{Value, pad, params};
use rustok_core::clock::Timestamp;
use rustok_core::ids::NodeId;
use rustok_core::page::{Limit, Page};
use rustok_text::{Locale, Slug};
use std::cmp::Reverse;

/// Between the parts of a term, and between terms, inside one column. Names and slugs have no control characters.
const PART: &str = "\u{1f}";
const RECORD: &str = "\u{1e}";

/// A node as readers see it, in one locale, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicHead {
    /// The node.
    pub id: NodeId,
    /// What sort of content it is.
    pub kind: String,
    /// The locale that is shown.
    pub locale: Locale,
    /// Its address.
    pub slug: String,
    /// What it is filed under: categories before tags, by slug.
    pub terms: Vec<PublicTerm>,
    /// The name of who wrote it.
    pub author_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is public.
    pub published_at: Timestamp,
    /// The number of the node's save that is live.
    pub revision: i64,
    /// The number of the save that has the text of the locale.
    text_revision: i64,
}

impl PublicHead {
    /// Where its text is.
    #[must_use]
    pub const fn text(&self) -> TextKey {
        TextKey {
            node: self.id,
            locale: self.locale,
            revision: self.text_revision,
        }
    }
}

/// A term as readers see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// The columns of what is shown: of the node as `c`, the author as `a` and the locale as `t`.
const SHOWN: &str = "c.id, c.kind, c.created_at, c.published_at, c.published_revision, a.display_name, t.locale, \
     t.published_slug, t.published_revision AS text_revision, c.terms";

/// The terms of the node `n` in one column; `$2` and `$3` are [`PART`] and [`RECORD`].
const TERMS: &str = "(SELECT string_agg(m.taxonomy || $2::text || m.slug || $2::text || m.name || $2::text || \
     COALESCE(p.slug, ''), $3::text) FROM node_terms f \
     JOIN terms m ON m.tenant_id = f.tenant_id AND m.id = f.term_id \
     LEFT JOIN terms p ON p.tenant_id = m.tenant_id AND p.id = m.parent_id \
     WHERE f.tenant_id = $1 AND f.node_id = n.id) AS terms";

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

fn head(row: &Row<'_>) -> Result<PublicHead, StoreError> {
    let terms: Option<String> = row.get("terms")?;
    Ok(PublicHead {
        id: row.get("id")?,
        kind: row.get("kind")?,
        locale: parsed(row, "locale")?,
        slug: row.get("published_slug")?,
        terms: terms_of(terms.as_deref().unwrap_or_default())
            .ok_or_else(|| row.inconsistent("terms", "has no form"))?,
        author_name: row.get("display_name")?,
        created_at: row.get("created_at")?,
        published_at: row.get("published_at")?,
        revision: row.get("published_revision")?,
        text_revision: row.get("text_revision")?,
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

/// The node that has this address in any locale, in the first locale of `chain` that it has. When several nodes
/// have the address, the one that has it in the most wanted locale.
///
/// # Errors
/// Those of the database.
pub async fn find_public(
    tx: &mut TenantTx,
    slug: &Slug,
    chain: &[Locale],
    now: Timestamp,
) -> Result<Option<PublicHead>, StoreError> {
    let mut values = first_values(tx, now);
    values.push(slug.as_str().into());
    let (start, count) = add_chain(chain, &mut values);
    let sql = find_sql(start, count);
    tx.db.fetch_optional(NODES, &sql, &values, head).await
}

fn find_sql(start: usize, count: usize) -> String {
    // CROSS JOIN keeps SQLite from looking through all published nodes for those with the address.
    format!(
        "SELECT c.*, a.display_name FROM (\
           SELECT n.id, n.kind, n.created_at, n.published_at, n.published_revision, n.author_id, {TERMS}, \
             o.locale, o.published_slug, o.published_revision AS text_revision \
           FROM node_translations s CROSS JOIN nodes n CROSS JOIN node_translations o \
           WHERE s.tenant_id = $1 AND s.published_slug = $5 AND n.id = s.node_id AND {VISIBLE} \
             AND o.tenant_id = $1 AND o.node_id = n.id AND o.published_revision IS NOT NULL \
           ORDER BY {}, s.locale, {}, o.locale LIMIT 1) c \
         JOIN authors a ON a.tenant_id = $1 AND a.id = c.author_id",
        rank("s.locale", start, count),
        rank("o.locale", start, count)
    )
}

/// A page of nodes, newest first, each in the first locale of `chain` that it has, or else its first one.
///
/// Their texts are by far the most of them and never change: [`super::texts::find_texts`] reads those that the caller
/// has not got already.
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
) -> Result<Page<PublicHead>, StoreError> {
    // What is not newer than the page before is where an index can start; the rest of the condition is for equal times.
    let newest = after.map_or(now, |(published_at, _)| published_at.min(now));
    let mut values = first_values(tx, newest);
    values.push(limit.plus_one().into());
    let sql = list_sql(filter, after, &mut values);
    let heads = tx.db.fetch(NODES, &sql, &values, head).await?;
    Ok(Page::cut(in_one_locale(heads, chain), limit, |node| {
        (node.published_at, node.id)
    }))
}

/// One head for each node out of one for each of its locales, newest first. The order of the statement is only for its
/// limit; the joins around it may change it.
fn in_one_locale(mut heads: Vec<PublicHead>, chain: &[Locale]) -> Vec<PublicHead> {
    let rank = |locale| {
        let place = chain.iter().position(|wanted| *wanted == locale);
        place.unwrap_or(chain.len())
    };
    heads.sort_unstable_by_key(|node| {
        (
            Reverse((node.published_at, node.id)),
            rank(node.locale),
            node.locale,
        )
    });
    heads.dedup_by_key(|node| node.id);
    heads
}

fn list_sql<'a>(
    filter: &'a PublicFilter,
    after: Option<(Timestamp, NodeId)>,
    values: &mut Vec<Value<'a>>,
) -> String {
    let (with, conditions) = conditions(filter, after, values);
    format!(
        "{with}SELECT {SHOWN} FROM (\
           SELECT n.id, n.kind, n.created_at, n.published_at, n.published_revision, n.author_id, {TERMS} \
           FROM nodes n WHERE {VISIBLE}{conditions} \
           ORDER BY n.published_at DESC, n.id DESC LIMIT $5) c \
         JOIN node_translations t ON t.tenant_id = $1 AND t.node_id = c.id AND t.published_revision IS NOT NULL \
         JOIN authors a ON a.tenant_id = $1 AND a.id = c.author_id"
    )
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
    fn a_node_is_shown_in_the_first_locale_that_is_wanted() {
        let head = |number: u128, locale: &str, second: i64| PublicHead {
            id: NodeId::from_uuid(Uuid::from_u128(number)),
            kind: String::new(),
            locale: locale.parse().unwrap(),
            slug: String::new(),
            terms: Vec::new(),
            author_name: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            published_at: Timestamp::from_second(second).unwrap(),
            revision: 1,
            text_revision: 1,
        };
        let heads = [
            (1, "en", 1),
            (2, "de", 2),
            (1, "ru", 1),
            (3, "en", 2),
            (2, "en", 2),
        ];
        let shown = |chain: &[&str]| {
            let heads = heads
                .map(|(id, locale, second)| head(id, locale, second))
                .to_vec();
            let chain: Vec<Locale> = chain.iter().map(|locale| locale.parse().unwrap()).collect();
            let told = |node: &PublicHead| format!("{}{}", node.id.as_uuid().as_u128(), node.locale.as_str());
            in_one_locale(heads, &chain).iter().map(told).collect::<Vec<_>>()
        };
        assert_eq!(shown(&["ru", "en"]), ["3en", "2en", "1ru"]);
        assert_eq!(shown(&[]), ["3en", "2de", "1en"]);
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
            let mut values = vec![Value::Null; 5];
            let plan = plan(&list_sql(&filter, after, &mut values));
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
