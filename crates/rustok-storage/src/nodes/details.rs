//! Nodes in any status, for the administration: the working revision of one locale, with author, translations and
//! terms.
//!
//! One node or a page of nodes takes the same four statements. Never use this for public reads: see
//! [`super::public`].

use super::texts::{Part, TextKey, chosen, chosen_sql, find_sizes};
use super::{
    FiledTerm, ListedText, NODE_COLUMNS, NODES, NodeDetail, REVISIONS, StoredNode, TRANSLATIONS,
    TranslationState, node_row, parsed, parsed_optional,
};
use crate::authors;
use crate::search::{self, Kind};
use crate::terms;
use rustok_content::ids::{NodeId, TermId};
use rustok_content::{Author, NodeKind, NodeStatus, Revision, Translation};
use rustok_core::clock::Timestamp;
use rustok_core::page::{Limit, ListKey, Page, fitting};
use rustok_db::walk::{RowReader, Walk, key_values, standing, times};
use rustok_db::{Row, StoreError, TenantTx, Value, pad, params, placeholders};
use rustok_text::Locale;
use rustok_text::locale::{Candidate, Preference};
use rustok_text::words::Query;
use serde::Serialize;
use std::collections::HashMap;

/// The filter of a list of nodes.
#[derive(Debug, Clone, Default)]
pub struct NodeFilter {
    /// Only nodes in this status.
    pub status: Option<NodeStatus>,
    /// Only nodes of this kind.
    pub kind: Option<NodeKind>,
    /// Only nodes with these words in a working title.
    pub query: Option<Query>,
    /// Only nodes changed at or after this time.
    pub updated_after: Option<Timestamp>,
    /// Only nodes changed before this time.
    pub updated_before: Option<Timestamp>,
    /// Deleted nodes instead of those in use.
    pub deleted: bool,
}

impl NodeFilter {
    /// Whether the list is sorted by time of change, latest first: when it is filtered by that time and has no search
    /// query.
    #[must_use]
    pub const fn by_change(&self) -> bool {
        self.query.is_none() && (self.updated_after.is_some() || self.updated_before.is_some())
    }
}

/// Which locale of a node to show.
#[derive(Debug, Clone, Copy)]
pub enum ShownLocale<'a> {
    /// The nearest available locale.
    Nearest(Preference<'a>),
    /// Exactly this locale; a node without it is not found.
    Exactly(Locale),
}

impl ShownLocale<'_> {
    fn choose(self, translations: &[TranslationState]) -> Option<&TranslationState> {
        let mut worked_on = translations.iter().filter(|translation| !translation.is_removed);
        match self {
            Self::Exactly(locale) => worked_on.find(|translation| translation.locale == locale),
            Self::Nearest(preference) => {
                let worked_on: Vec<&TranslationState> = worked_on.collect();
                let place = preference.nearest(&worked_on, |translation| Candidate {
                    locale: translation.locale,
                    is_original: translation.is_original,
                });
                worked_on.get(place?).copied()
            }
        }
    }
}

/// A node (deleted or not) and its author.
type Head = (StoredNode, Author);

fn head(row: &Row<'_>) -> Result<Head, StoreError> {
    Ok((node_row(row)?, authors::author(row)?))
}

/// Finds a node by id, deleted or not. `None` also if it has no translation for `shown`.
///
/// # Errors
/// Database errors, and an inconsistent row.
pub async fn find_node(
    tx: &mut TenantTx,
    id: NodeId,
    shown: ShownLocale<'_>,
) -> Result<Option<NodeDetail>, StoreError> {
    let sql = format!(
        "SELECT {} FROM nodes n {AUTHORS} WHERE n.tenant_id = $1 AND n.id = $2",
        columns()
    );
    let heads = tx.db.fetch(NODES, &sql, params![tx.tenant(), id], head).await?;
    Ok(complete(tx, heads, shown, &WHOLE).await?.pop())
}

/// Whether the node exists and is not deleted.
///
/// # Errors
/// Database errors.
pub async fn is_in_use(tx: &mut TenantTx, id: NodeId) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM nodes WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL";
    Ok(!tx
        .db
        .fetch(NODES, sql, params![tx.tenant(), id], |_| Ok(()))
        .await?
        .is_empty())
}

/// A page of nodes: newest first, or latest change first with [`NodeFilter::by_change`]. A page may be shorter than
/// `limit` and still have a next one: with bodies it ends at the size limit of a page, and with several filters only
/// a bounded number of nodes is examined.
///
/// # Errors
/// Database errors, and an inconsistent row.
pub async fn list_nodes(
    tx: &mut TenantTx,
    filter: &NodeFilter,
    preference: Preference<'_>,
    part: Part,
    after: Option<ListKey<NodeId>>,
    limit: Limit,
) -> Result<Page<NodeDetail<ListedText>>, StoreError> {
    let by_change = filter.by_change();
    let key = |head: &Head| key_of(head, by_change);
    let walk = walk(filter);
    let columns = columns();
    let reader = reader(&columns);
    let mut page = if filter.query.is_none() && walk.rest.is_empty() {
        let heads = reader.along(tx, &walk, after.map(key_values), limit).await?;
        Page::cut(heads, limit, key)
    } else {
        let query = filter.query.as_ref();
        let keys = search::list_keys(tx, Kind::Node, query, &walk, after, limit).await?;
        let ids: Vec<NodeId> = keys.items.iter().map(|key| key.id()).collect();
        Page {
            items: reader.with_ids(tx, &ids, head_id).await?,
            next_cursor: keys.next_cursor,
        }
    };
    let texts = match part {
        Part::Summary => &SUMMARY,
        Part::Whole => &WITH_BODY,
    };
    let details = complete_page(tx, &mut page, ShownLocale::Nearest(preference), texts, key).await?;
    Ok(Page {
        items: details,
        next_cursor: page.next_cursor,
    })
}

fn head_id((node, _): &Head) -> NodeId {
    node.any().id()
}

fn key_of(head: &Head, by_change: bool) -> ListKey<NodeId> {
    match by_change {
        true => ListKey::Timed(head.0.to_row().updated_at, head_id(head)),
        false => ListKey::Id(head_id(head)),
    }
}

/// The index that a list walks along, and the conditions that are checked per entry.
fn walk(filter: &NodeFilter) -> Walk<'_> {
    let status = filter.status.map(|status| ("status =", status.as_str().into()));
    let kind = filter.kind.as_ref().map(|kind| ("kind =", kind.as_str().into()));
    let in_use = match (&status, &kind) {
        (Some(_), Some(_)) => "nodes_kind_status_idx",
        (Some(_), None) => "nodes_status_idx",
        (None, Some(_)) => "nodes_kind_idx",
        (None, None) => "nodes_in_use_idx",
    };
    let equal: Vec<_> = status.into_iter().chain(kind).collect();
    let changed = times(
        ["updated_at >=", "updated_at <"],
        filter.updated_after,
        filter.updated_before,
    );
    let by_change = filter.by_change();
    let (index, within, rest) = match (filter.deleted, by_change) {
        (true, true) => ("nodes_deleted_changed_idx", changed, equal),
        (false, true) => ("nodes_changed_idx", changed, equal),
        (true, false) => ("nodes_deleted_idx", Vec::new(), [equal, changed].concat()),
        (false, false) => (in_use, equal, changed),
    };
    Walk {
        table: NODES,
        index,
        standing: Some(standing(filter.deleted)),
        within,
        rest,
        time: by_change.then_some("updated_at"),
    }
}

/// Reads heads of nodes `n`, with their authors.
fn reader(columns: &str) -> RowReader<'_, Head> {
    RowReader {
        table: NODES,
        alias: "n",
        columns,
        joins: AUTHORS,
        read: head,
    }
}

/// The columns of [`head`].
fn columns() -> String {
    format!("{NODE_COLUMNS}, {}", authors::COLUMNS)
}

const AUTHORS: &str = "JOIN authors a ON a.tenant_id = n.tenant_id AND a.id = n.author_id";

/// What to read of a node's text.
struct Texts<T> {
    /// The columns, with the revision as `r`; must include `node_id`.
    columns: &'static str,
    read: fn(&Row<'_>) -> Result<T, StoreError>,
    /// Whether the columns include bodies, which may be large.
    has_body: bool,
}

const WHOLE: Texts<Revision> = Texts {
    columns: "r.tenant_id, r.node_id, r.revision, r.locale, r.title, r.slug, r.excerpt, r.body, r.format, \
              r.body_html, r.actor, r.created_at",
    read: revision,
    has_body: true,
};

const SUMMARY: Texts<ListedText> = Texts {
    columns: "r.node_id, r.locale, r.title, r.slug, r.excerpt",
    read: |row| listed(row, Part::Summary),
    has_body: false,
};

const WITH_BODY: Texts<ListedText> = Texts {
    columns: "r.node_id, r.locale, r.title, r.slug, r.excerpt, r.body, r.format, r.body_html",
    read: |row| listed(row, Part::Whole),
    has_body: true,
};

fn listed(row: &Row<'_>, part: Part) -> Result<ListedText, StoreError> {
    Ok(ListedText {
        locale: parsed(row, "locale")?,
        title: row.get("title")?,
        slug: parsed(row, "slug")?,
        excerpt: row.get("excerpt")?,
        body: part.body(row)?,
    })
}

/// Reads texts, translations and terms of the nodes: three statements for all of them.
async fn complete<T>(
    tx: &mut TenantTx,
    heads: Vec<Head>,
    shown: ShownLocale<'_>,
    texts: &Texts<T>,
) -> Result<Vec<NodeDetail<T>>, StoreError> {
    let mut page = Page {
        items: heads,
        next_cursor: None,
    };
    complete_page(tx, &mut page, shown, texts, head_id).await
}

/// As [`complete`], for a page: it is cut where its bodies exceed the size limit, which takes one more statement.
async fn complete_page<T, K: Serialize>(
    tx: &mut TenantTx,
    page: &mut Page<Head>,
    shown: ShownLocale<'_>,
    texts: &Texts<T>,
    key: impl FnOnce(&Head) -> K,
) -> Result<Vec<NodeDetail<T>>, StoreError> {
    if page.items.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<NodeId> = page.items.iter().map(head_id).collect();
    let mut translations = translations(tx, &ids).await?;
    let mut chosen = HashMap::with_capacity(ids.len());
    for id in &ids {
        let translations = translations.get(id).map_or(&[][..], Vec::as_slice);
        if let Some(state) = shown.choose(translations) {
            let key = TextKey {
                node: *id,
                locale: state.locale,
                revision: state.working_revision,
            };
            chosen.insert(*id, key);
        }
    }
    if texts.has_body && ids.len() > 1 {
        let keys: Vec<TextKey> = chosen.values().copied().collect();
        let sizes: HashMap<TextKey, usize> = find_sizes(tx, &keys).await?.into_iter().collect();
        let size = |id| chosen.get(id).and_then(|key| sizes.get(key)).copied();
        page.shorten(fitting(ids.iter().map(|id| size(id).unwrap_or_default())), key);
    }
    let keys: Vec<TextKey> = page
        .items
        .iter()
        .filter_map(|head| chosen.get(&head_id(head)).copied())
        .collect();
    let mut shown_texts = read_texts(tx, &keys, texts).await?;
    let mut terms = filed_terms(tx, &ids).await?;
    let mut details = Vec::with_capacity(page.items.len());
    for (node, author) in std::mem::take(&mut page.items) {
        let id = node.any().id();
        // Without a translation in the wanted locale the node is left out.
        if let Some(shown) = shown_texts.remove(&id) {
            details.push(NodeDetail {
                node,
                author,
                translations: translations.remove(&id).unwrap_or_default(),
                shown,
                terms: terms.remove(&id).unwrap_or_default(),
            });
        }
    }
    Ok(details)
}

fn id_list(ids: &[NodeId]) -> Vec<Value<'static>> {
    let mut values: Vec<Value<'_>> = ids.iter().map(|id| (*id).into()).collect();
    pad(&mut values);
    values
}

fn grouped<T>(rows: Vec<(NodeId, T)>) -> HashMap<NodeId, Vec<T>> {
    let mut groups: HashMap<NodeId, Vec<T>> = HashMap::new();
    for (id, item) in rows {
        groups.entry(id).or_default().push(item);
    }
    groups
}

async fn translations(
    tx: &mut TenantTx,
    ids: &[NodeId],
) -> Result<HashMap<NodeId, Vec<TranslationState>>, StoreError> {
    let mut list = id_list(ids);
    let sql = format!(
        "SELECT node_id, locale, slug, working_revision, published_slug, published_revision, is_original, is_removed FROM node_translations \
         WHERE tenant_id = $1 AND node_id IN ({}) ORDER BY node_id, locale",
        placeholders(2, list.len())
    );
    let mut values = params![tx.tenant()].to_vec();
    values.append(&mut list);
    let rows = tx
        .db
        .fetch(TRANSLATIONS, &sql, &values, |row| {
            let state = TranslationState {
                locale: parsed(row, "locale")?,
                slug: parsed_optional(row, "slug")?,
                working_revision: row.get("working_revision")?,
                published_slug: parsed_optional(row, "published_slug")?,
                published_revision: row.get("published_revision")?,
                is_original: row.get("is_original")?,
                is_removed: row.get("is_removed")?,
            };
            Ok((row.get::<NodeId>("node_id")?, state))
        })
        .await?;
    Ok(grouped(rows))
}

/// Reads the chosen texts, at most one per node.
async fn read_texts<T>(
    tx: &mut TenantTx,
    keys: &[TextKey],
    texts: &Texts<T>,
) -> Result<HashMap<NodeId, T>, StoreError> {
    let Some((list, values)) = chosen(tx, keys) else {
        return Ok(HashMap::new());
    };
    let read = |row: &Row<'_>| Ok((row.get("node_id")?, (texts.read)(row)?));
    let rows = tx
        .db
        .fetch(REVISIONS, &chosen_sql(&list, texts.columns), &values, read)
        .await?;
    Ok(rows.into_iter().collect())
}

fn revision(row: &Row<'_>) -> Result<Revision, StoreError> {
    Ok(Revision {
        tenant_id: row.get("tenant_id")?,
        node_id: row.get("node_id")?,
        revision: row.get("revision")?,
        locale: parsed(row, "locale")?,
        actor: row.get("actor")?,
        created_at: row.get("created_at")?,
        translation: Translation {
            title: row.get("title")?,
            slug: parsed(row, "slug")?,
            excerpt: row.get("excerpt")?,
            body: row.get("body")?,
            format: parsed(row, "format")?,
            body_html: row.get("body_html")?,
        },
    })
}

async fn filed_terms(
    tx: &mut TenantTx,
    ids: &[NodeId],
) -> Result<HashMap<NodeId, Vec<FiledTerm>>, StoreError> {
    let mut list = id_list(ids);
    // CROSS JOIN: otherwise SQLite scans all terms of the tenant in the requested order.
    let sql = format!(
        "SELECT f.node_id, {}, p.slug AS parent_slug FROM node_terms f CROSS JOIN terms m \
         LEFT JOIN terms p ON p.tenant_id = m.tenant_id AND p.id = m.parent_id \
         WHERE f.tenant_id = $1 AND f.node_id IN ({}) AND m.tenant_id = f.tenant_id AND m.id = f.term_id \
         ORDER BY m.taxonomy, m.slug",
        terms::COLUMNS,
        placeholders(2, list.len())
    );
    let mut values = params![tx.tenant()].to_vec();
    values.append(&mut list);
    let rows = tx
        .db
        .fetch("terms", &sql, &values, |row| {
            let term = FiledTerm {
                term: terms::term(row)?,
                parent_slug: parsed_optional(row, "parent_slug")?,
            };
            Ok((row.get::<NodeId>("node_id")?, term))
        })
        .await?;
    Ok(grouped(rows))
}

/// The ids of the assigned terms, in their order.
#[must_use]
pub fn term_ids(terms: &[FiledTerm]) -> Vec<TermId> {
    let mut ids: Vec<TermId> = terms.iter().map(|filed| filed.term.id).collect();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saves_are_looked_up_by_their_whole_keys() {
        let list = "($2::uuid, $3::text, $4::bigint), ($5::uuid, $6::text, $7::bigint)";
        let sql = chosen_sql(list, WHOLE.columns);
        let steps = crate::tests::plans::plan(&sql);
        let whole_key = "(tenant_id=? AND node_id=? AND locale=? AND revision=?)";
        assert!(
            steps
                .iter()
                .any(|step| step.starts_with("SEARCH r") && step.ends_with(whole_key)),
            "{steps:#?}"
        );
    }

    #[test]
    fn the_nearest_locale_is_shown_or_the_one_that_was_named() {
        let of = |tag: &str| Locale::parse(tag).unwrap();
        let state = |tag, is_original| TranslationState {
            locale: of(tag),
            slug: None,
            working_revision: 1,
            published_slug: None,
            published_revision: None,
            is_original,
            is_removed: false,
        };
        let removed = TranslationState {
            is_removed: true,
            ..state("en", false)
        };
        let states = [removed, state("de", false), state("ru", false), state("uk", true)];
        let chosen = |shown: ShownLocale<'_>| shown.choose(&states).map(|state| state.locale.to_string());
        let nearest = |wanted: &[Locale], default| {
            let preference = Preference { wanted, default };
            chosen(ShownLocale::Nearest(preference))
        };
        assert_eq!(nearest(&[of("en"), of("ru-KZ")], of("de")).as_deref(), Some("ru"));
        assert_eq!(nearest(&[of("en")], of("de")).as_deref(), Some("de"));
        assert_eq!(nearest(&[], of("en")).as_deref(), Some("uk"));
        assert_eq!(chosen(ShownLocale::Exactly(of("en"))), None);
        assert_eq!(chosen(ShownLocale::Exactly(of("de"))).as_deref(), Some("de"));
    }
}
