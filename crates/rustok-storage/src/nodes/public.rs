//! Public reads: the published revision of published nodes whose publication time has come.
//!
//! Both queries contain this rule themselves. Never select a column of a working revision here.

use super::by_term::list_by_term;
use super::texts::TextKey;
use super::{NODES, parsed};
use rustok_content::ids::NodeId;
use rustok_core::clock::Timestamp;
use rustok_core::page::{Cursor, Limit, Page};
use rustok_db::walk::{behind, indexed_by};
use rustok_db::{Row, StoreError, TenantTx, Value, pad, params, placeholders};
use rustok_text::locale::{Candidate, Preference};
use rustok_text::{Locale, Slug};
use std::cmp::Reverse;
use std::sync::LazyLock;

/// Separators inside one column: between the fields of a term, and between terms. Names and slugs have no control
/// characters.
const PART: &str = "\u{1f}";
const RECORD: &str = "\u{1e}";

/// A public node in one locale, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicHead {
    /// The node.
    pub id: NodeId,
    /// The kind of content.
    pub kind: String,
    /// The shown locale.
    pub locale: Locale,
    /// The slug.
    pub slug: String,
    /// The assigned terms: categories before tags, sorted by slug.
    pub terms: Vec<PublicTerm>,
    /// The author's display name.
    pub author_name: String,
    /// The creation time.
    pub created_at: Timestamp,
    /// The publication time.
    pub published_at: Timestamp,
    /// The number of the node's published revision.
    pub revision: i64,
    /// The number of the revision with the text in this locale.
    text_revision: i64,
    /// The save time of that revision; distinguishes revisions with a reused number.
    pub text_saved_at: Timestamp,
    /// Whether this is the node's original locale.
    is_original: bool,
}

impl PublicHead {
    /// The list cursor that continues after this node.
    #[must_use]
    pub fn cursor(&self) -> String {
        Cursor::encode(&(self.published_at, self.id)).into_string()
    }

    /// The key of its text.
    #[must_use]
    pub const fn text(&self) -> TextKey {
        TextKey {
            node: self.id,
            locale: self.locale,
            revision: self.text_revision,
        }
    }
}

/// A term, as shown to the public.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicTerm {
    /// `category` or `tag`.
    pub taxonomy: String,
    /// The slug.
    pub slug: String,
    /// The name.
    pub name: String,
    /// The slug of the parent category.
    pub parent: Option<String>,
}

/// Which locales may be shown.
#[derive(Debug, Clone)]
pub struct ShownLocales<'a> {
    /// The locales that the reader prefers.
    pub preference: Preference<'a>,
    /// The locales of the tenant; empty means all.
    pub listed: Vec<Locale>,
}

impl ShownLocales<'_> {
    fn allow(&self, locale: Locale) -> bool {
        self.listed.is_empty() || self.listed.contains(&locale)
    }

    /// The index of the head in the nearest locale.
    fn nearest(&self, heads: &[PublicHead]) -> Option<usize> {
        self.preference.nearest(heads, |head| Candidate {
            locale: head.locale,
            is_original: head.is_original,
        })
    }
}

/// The filter of a public list.
#[derive(Debug, Clone, Default)]
pub struct PublicFilter {
    /// Only nodes of this kind.
    pub kind: Option<String>,
    /// Only nodes in this category or its descendants.
    pub category: Option<Slug>,
    /// Only nodes with this tag.
    pub tag: Option<Slug>,
}

/// The columns of a head except [`saved_at`]: the node is `c`, the author `a`, the translation `t`.
const SHOWN: &str = "c.id, c.kind, c.created_at, c.published_at, c.published_revision, a.display_name, t.locale, \
     t.published_slug, t.published_revision AS text_revision, t.is_original, c.terms";

/// The save time of the published revision of translation `of`. SQLite reads a row up to the wanted column, and this
/// one comes after the text; the index contains it. The index must be named, because the planner prefers the unique
/// key.
fn saved_at(of: &str, postgres: bool) -> String {
    let indexed = indexed_by("node_revisions_saved_idx", postgres);
    format!(
        "(SELECT r.created_at FROM node_revisions r{indexed} WHERE r.tenant_id = $1 AND r.node_id = {of}.node_id \
         AND r.locale = {of}.locale AND r.revision = {of}.published_revision) AS text_saved_at"
    )
}

/// The terms of the node `n` in one column; `$3` and `$4` are [`PART`] and [`RECORD`].
const TERMS: &str = "(SELECT string_agg(m.taxonomy || $3::text || m.slug || $3::text || m.name || $3::text || \
     COALESCE(p.slug, ''), $4::text) FROM node_terms f \
     JOIN terms m ON m.tenant_id = f.tenant_id AND m.id = f.term_id \
     LEFT JOIN terms p ON p.tenant_id = m.tenant_id AND p.id = m.parent_id \
     WHERE f.tenant_id = $1 AND f.node_id = n.id)";

/// The visibility rule for the node `n`; `$2` is the current time.
pub(super) const VISIBLE: &str = "n.tenant_id = $1 AND n.status = 'published' AND (n.published_at <= $2 OR NOT n.scheduled) AND n.deleted_at IS NULL";

/// Where the first page starts, so that the index skips scheduled nodes: at the current time, or at the newest node
/// that was published immediately, in case another server's clock was ahead.
const NEWEST_TIME: &str = "(SELECT CASE WHEN b.newest > $2 THEN b.newest ELSE $2 END FROM (\
     SELECT max(x.published_at) AS newest FROM nodes x \
     WHERE x.tenant_id = $1 AND x.status = 'published' AND NOT x.scheduled) b)";

/// The parameters `$1` to `$4`.
fn first_values(tx: &TenantTx, now: Timestamp) -> Vec<Value<'static>> {
    params![tx.tenant(), now, PART, RECORD].to_vec()
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
        text_saved_at: row.get("text_saved_at")?,
        is_original: row.get("is_original")?,
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

/// Finds the node with this slug in any shown locale, and returns it in the nearest wanted locale. If several nodes
/// have the slug, the one that has it in the nearest locale wins.
///
/// # Errors
/// Database errors.
pub async fn find_public(
    tx: &mut TenantTx,
    slug: &Slug,
    locales: ShownLocales<'_>,
    now: Timestamp,
) -> Result<Option<PublicHead>, StoreError> {
    let mut values = first_values(tx, now);
    values.push(slug.as_str().into());
    let find = if tx.db.is_postgres() {
        &FIND_POSTGRES
    } else {
        &FIND_SQLITE
    };
    let mut heads = tx.db.fetch(NODES, find, &values, head).await?;
    heads.retain(|head| locales.allow(head.locale));
    let (mut addressed, mut others): (Vec<PublicHead>, _) =
        heads.into_iter().partition(|head| head.slug == slug.as_str());
    // Within one locale a slug belongs to one node.
    let Some(place) = locales.nearest(&addressed) else {
        return Ok(None);
    };
    let (id, terms) = match addressed.get_mut(place) {
        Some(head) => (head.id, std::mem::take(&mut head.terms)),
        None => return Ok(None),
    };
    others.append(&mut addressed);
    others.retain(|head| head.id == id);
    let shown = locales.nearest(&others).map(|place| others.swap_remove(place));
    Ok(shown.map(|head| PublicHead { terms, ..head }))
}

/// One row per published locale of each node with the slug `$5`; the terms are filled in only in rows with that slug.
/// CROSS JOIN keeps SQLite from scanning all published nodes. NOT EXISTS keeps one row per node that has the slug in
/// several locales: with SELECT DISTINCT, SQLite walked through all translations of the tenant to get them in order.
static FIND_SQLITE: LazyLock<String> = LazyLock::new(|| find_sql(false));
static FIND_POSTGRES: LazyLock<String> = LazyLock::new(|| find_sql(true));

fn find_sql(postgres: bool) -> String {
    let saved_at = saved_at("o", postgres);
    format!(
        "SELECT n.id, n.kind, n.created_at, n.published_at, n.published_revision, a.display_name, o.locale, \
           o.published_slug, o.published_revision AS text_revision, o.is_original, {saved_at}, \
           CASE WHEN o.published_slug = $5 THEN {TERMS} END AS terms \
         FROM node_translations s CROSS JOIN nodes n CROSS JOIN authors a CROSS JOIN node_translations o \
         WHERE s.tenant_id = $1 AND s.published_slug = $5 AND NOT EXISTS (\
             SELECT 1 FROM node_translations e WHERE e.tenant_id = $1 AND e.published_slug = $5 \
               AND e.node_id = s.node_id AND e.locale < s.locale) \
           AND n.id = s.node_id AND {VISIBLE} AND a.tenant_id = $1 AND a.id = n.author_id \
           AND o.tenant_id = $1 AND o.node_id = n.id AND o.published_revision IS NOT NULL \
         ORDER BY o.locale"
    )
}

/// A page of nodes, newest first, each in the nearest wanted locale. The page may be shorter than `limit` and still
/// have a next one: nodes without a shown locale are dropped after the page is cut, and a second filter is checked on
/// a bounded number of nodes only.
///
/// The texts are most of the data and never change: [`super::texts::find_texts`] reads those that the caller has not
/// cached.
///
/// # Errors
/// Database errors.
pub async fn list_public(
    tx: &mut TenantTx,
    filter: &PublicFilter,
    locales: ShownLocales<'_>,
    now: Timestamp,
    after: Option<(Timestamp, NodeId)>,
    limit: Limit,
) -> Result<Page<PublicHead>, StoreError> {
    let Page { items, next_cursor } = if filter.category.is_some() || filter.tag.is_some() {
        let Page { items, next_cursor } = list_by_term(tx, filter, now, after, limit).await?;
        Page {
            items: find_heads(tx, &items, now).await?,
            next_cursor,
        }
    } else {
        let mut values = first_values(tx, now);
        let sql = list_sql(
            filter.kind.as_ref(),
            after,
            limit,
            &mut values,
            tx.db.is_postgres(),
        );
        let heads = tx.db.fetch(NODES, &sql, &values, head).await?;
        Page::cut(by_node(heads), limit, |(key, _)| *key)
    };
    let shown = items.into_iter().filter_map(|(_, mut node)| {
        node.retain(|head| locales.allow(head.locale));
        locales.nearest(&node).map(|place| node.swap_remove(place))
    });
    Ok(Page {
        items: shown.collect(),
        next_cursor,
    })
}

/// The sort key of a node in a public list, newest first.
pub(super) type PublicPlace = (Timestamp, NodeId);

/// Groups the heads by node, newest node first. Sorts again, because the joins around the limited subquery may lose
/// its order.
fn by_node(mut heads: Vec<PublicHead>) -> Vec<(PublicPlace, Vec<PublicHead>)> {
    heads.sort_unstable_by_key(|node| (Reverse((node.published_at, node.id)), node.locale));
    let mut nodes: Vec<(PublicPlace, Vec<PublicHead>)> = Vec::with_capacity(heads.len());
    for head in heads {
        let key = (head.published_at, head.id);
        match nodes.last_mut() {
            Some((last, node)) if *last == key => node.push(head),
            _ => nodes.push((key, vec![head])),
        }
    }
    nodes
}

/// The heads of the nodes with these sort keys, in their order.
async fn find_heads(
    tx: &mut TenantTx,
    places: &[PublicPlace],
    now: Timestamp,
) -> Result<Vec<(PublicPlace, Vec<PublicHead>)>, StoreError> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut values = first_values(tx, now);
    let mut ids: Vec<Value<'_>> = places.iter().map(|(_, id)| (*id).into()).collect();
    pad(&mut ids);
    let list = placeholders(values.len() + 1, ids.len());
    values.append(&mut ids);
    let chosen = format!("FROM nodes n WHERE {VISIBLE} AND n.id IN ({list})");
    let sql = heads_sql(&chosen, tx.db.is_postgres());
    Ok(by_node(tx.db.fetch(NODES, &sql, &values, head).await?))
}

/// The heads of the nodes `n` of `chosen`, a clause that begins with `FROM`.
fn heads_sql(chosen: &str, postgres: bool) -> String {
    let saved_at = saved_at("t", postgres);
    format!(
        "SELECT {SHOWN}, {saved_at} FROM (\
           SELECT n.id, n.kind, n.created_at, n.published_at, n.published_revision, n.author_id, {TERMS} AS terms \
           {chosen}) c \
         JOIN node_translations t ON t.tenant_id = $1 AND t.node_id = c.id AND t.published_revision IS NOT NULL \
         JOIN authors a ON a.tenant_id = $1 AND a.id = c.author_id"
    )
}

/// The condition that a node comes after `after`; without a cursor, that it is not before the start of the first page.
pub(super) fn start<'a>(
    time: &str,
    id: &str,
    after: Option<PublicPlace>,
    bind: &mut impl FnMut(Value<'a>) -> usize,
) -> String {
    match after {
        Some((at, last)) => behind(time, id, [bind(at.into()), bind(last.into())]),
        None => format!("{time} <= {NEWEST_TIME}"),
    }
}

fn list_sql<'a>(
    kind: Option<&'a String>,
    after: Option<PublicPlace>,
    limit: Limit,
    values: &mut Vec<Value<'a>>,
    postgres: bool,
) -> String {
    let mut bind = |value: Value<'a>| {
        values.push(value);
        values.len()
    };
    let most = bind(limit.plus_one().into());
    let index = match kind {
        None => "nodes_published_idx",
        Some(_) => "nodes_published_kind_idx",
    };
    let mut chosen = format!("FROM nodes n{} WHERE {VISIBLE}", indexed_by(index, postgres));
    if let Some(kind) = kind {
        chosen.push_str(&format!(" AND n.kind = ${}", bind(kind.into())));
    }
    let start = start("n.published_at", "n.id", after, &mut bind);
    chosen.push_str(&format!(
        " AND {start} ORDER BY n.published_at DESC, n.id DESC LIMIT ${most}"
    ));
    heads_sql(&chosen, postgres)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plans::plan;
    use uuid::Uuid;

    #[test]
    fn terms_travel_in_one_column() {
        let column = "tag\u{1f}b\u{1f}B\u{1f}\u{1e}category\u{1f}a\u{1f}A, b\u{1f}up";
        let terms = terms_of(column).unwrap();
        let reported: Vec<_> = terms
            .iter()
            .map(|t| (&*t.taxonomy, &*t.slug, &*t.name, t.parent.as_deref()))
            .collect();
        assert_eq!(
            reported,
            [("category", "a", "A, b", Some("up")), ("tag", "b", "B", None)]
        );
        assert_eq!(terms_of(""), Some(Vec::new()));
        assert_eq!(terms_of("tag"), None);
    }

    #[test]
    fn heads_of_one_node_stand_together_newest_first() {
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
            text_saved_at: Timestamp::UNIX_EPOCH,
            is_original: false,
        };
        let heads = [
            (1, "en", 1),
            (2, "de", 2),
            (1, "ru", 1),
            (3, "en", 2),
            (2, "en", 2),
        ];
        let heads = heads
            .map(|(id, locale, second)| head(id, locale, second))
            .to_vec();
        let reported = |node: &PublicHead| format!("{}{}", node.id.as_uuid().as_u128(), node.locale.as_str());
        let groups: Vec<Vec<String>> = by_node(heads)
            .iter()
            .map(|(_, node)| node.iter().map(reported).collect())
            .collect();
        assert_eq!(groups, [vec!["3en"], vec!["2de", "2en"], vec!["1en", "1ru"]]);
    }

    #[test]
    fn an_address_is_looked_up_in_its_index() {
        let plan = plan(&FIND_SQLITE);
        let looked_up = |table: &str, key: &str| {
            let found = plan
                .iter()
                .any(|step| step.starts_with(&format!("SEARCH {table} USING")) && step.ends_with(key));
            assert!(found, "{plan:#?}");
        };
        looked_up("s", "(tenant_id=? AND published_slug=?)");
        looked_up("n", "(tenant_id=? AND status=? AND id=?)");
        looked_up("o", "(tenant_id=? AND node_id=?)");
        assert!(
            plan.iter()
                .any(|step| step.starts_with("SEARCH r USING COVERING INDEX")),
            "{plan:#?}"
        );
    }

    #[test]
    fn lists_go_along_the_index_of_their_order() {
        for (kind, index) in [
            (None, "nodes_published_idx"),
            (Some("post".to_owned()), "nodes_published_kind_idx"),
        ] {
            let after = Some((Timestamp::UNIX_EPOCH, NodeId::from_uuid(Uuid::nil())));
            let mut values = vec![Value::Null; 4];
            let plan = plan(&list_sql(
                kind.as_ref(),
                after,
                Limit::default(),
                &mut values,
                false,
            ));
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
