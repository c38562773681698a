//! The only way to change a node: row (compare-and-swap), new revision, slugs, terms, history and events, sent as one
//! pipelined batch.

use super::history::{self, NodeHistoryEntry};
use super::{NODE_TERMS, NODES, REVISIONS, StoredNode, TRANSLATIONS};
use crate::outbox;
use crate::search::{self, Kind};
use rustok_content::ids::{NodeId, TermId};
use rustok_content::{NodeRow, NodeStatus, Revision, Translation};
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use rustok_db::{Expect, Statement, StoreError, TenantTx, Value, assignments, pad, params, placeholders};
use rustok_events::Event;
use rustok_text::{Locale, Slug};

/// A new revision, with its title normalised for search.
#[derive(Debug, Clone, Copy)]
pub struct SavedText<'a> {
    /// The revision.
    pub revision: &'a Revision,
    /// See `node_translations.title_search`.
    pub title_search: &'a str,
}

/// A change of a node's slugs in all locales.
#[derive(Debug, Clone, Copy)]
pub enum SlugChange<'a> {
    /// Publishes all working revisions and their slugs.
    Publish,
    /// Unpublishes all revisions.
    Unpublish,
    /// Frees all slugs: the node is deleted.
    Release,
    /// Takes these slugs for an undeleted node.
    Take(&'a [(Locale, Slug)]),
    /// Removes the translation in this locale: at once if it is not published, else with [`SlugChange::DropRemoved`].
    Remove(Locale),
    /// Deletes the translations marked as removed. Must come before [`SlugChange::Publish`] and
    /// [`SlugChange::Unpublish`].
    DropRemoved,
}

/// Everything that one change of a node writes.
#[derive(Debug, Clone, Copy)]
pub struct NodeSave<'a> {
    /// The status and version that the change is based on; `None` for a new node.
    pub before: Option<(NodeStatus, i64)>,
    /// The node after the change.
    pub after: &'a StoredNode,
    /// The new revision, if the text changed.
    pub text: Option<SavedText<'a>>,
    /// Slug changes, applied in this order after the text.
    pub addresses: &'a [SlugChange<'a>],
    /// The node's new terms, if they change.
    pub terms: Option<&'a [TermId]>,
    /// History entries, one for each new version.
    pub history: &'a [NodeHistoryEntry],
    /// Events for the outbox.
    pub events: &'a [Event],
}

/// Writes a change as part of the transaction.
///
/// # Errors
/// [`StoreError::Stale`] if the node was changed concurrently, [`StoreError::Taken`] with
/// `node_translations(slug,locale)` or `node_translations(published_slug,locale)`.
pub async fn save(tx: &mut TenantTx, save: NodeSave<'_>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let row = save.after.to_row();
    let words = words(tx, &save).await?;
    let mut statements = vec![match save.before {
        None => insert_node(tenant, &row),
        Some((status, version)) => update_node(tenant, &row, status, version),
    }];
    if let Some(text) = save.text {
        statements.push(insert_revision(tenant, text.revision));
        statements.push(point_to_revision(tenant, text));
    }
    for addresses in save.addresses {
        move_addresses(tenant, row.id, *addresses, &mut statements);
    }
    statements.extend(words);
    let public_since = row
        .published_at
        .filter(|_| row.status == NodeStatus::Published.as_str());
    if let Some(terms) = save.terms {
        if save.before.is_some() {
            let sql = "DELETE FROM node_terms WHERE tenant_id = $1 AND node_id = $2";
            statements.push(Statement::any(NODE_TERMS, sql, params![tenant, row.id]));
        }
        statements.extend(file_under(
            tenant,
            row.id,
            terms,
            public_since,
            tx.db.is_postgres(),
        ));
    } else if save
        .addresses
        .iter()
        .any(|addresses| addresses.changes_what_is_public())
    {
        statements.push(Statement::any(
            NODE_TERMS,
            "UPDATE node_terms SET published_at = $3 WHERE tenant_id = $1 AND node_id = $2",
            params![tenant, row.id, public_since],
        ));
    }
    statements.extend(
        save.history
            .iter()
            .map(|entry| history::insert(tenant, row.id, entry)),
    );
    statements.extend(
        save.events
            .iter()
            .map(|event| outbox::insert_event(tenant, event)),
    );
    tx.db.execute_all(&statements).await
}

/// Files a node under terms, but not under one that was merged or deleted meanwhile: the lock waits for such a change.
fn file_under<'a>(
    tenant: TenantId,
    node: NodeId,
    terms: &[TermId],
    public_since: Option<Timestamp>,
    is_postgres: bool,
) -> Option<Statement<'a>> {
    let mut ids: Vec<Value<'a>> = terms.iter().map(|term| (*term).into()).collect();
    if ids.is_empty() {
        return None;
    }
    pad(&mut ids);
    let lock = if is_postgres { " FOR KEY SHARE" } else { "" };
    let sql = format!(
        "INSERT INTO node_terms (tenant_id, node_id, term_id, published_at) \
         SELECT $1::uuid, $2::uuid, m.id, $3::timestamptz FROM terms m \
         WHERE m.tenant_id = $1 AND m.id IN ({}) AND m.retired_at IS NULL ORDER BY m.id{lock}",
        placeholders(4, ids.len())
    );
    let mut params = params![tenant, node, public_since].to_vec();
    params.append(&mut ids);
    Some(Statement {
        expect: Expect::Exactly(u64::try_from(terms.len()).unwrap_or(u64::MAX)),
        ..Statement::one(NODE_TERMS, sql, &params)
    })
}

impl SlugChange<'_> {
    const fn changes_what_is_public(&self) -> bool {
        matches!(self, Self::Publish | Self::Unpublish | Self::Release)
    }
}

/// The statements that update the search words of the node after a change of its titles.
async fn words<'a>(tx: &mut TenantTx, save: &NodeSave<'a>) -> Result<Vec<Statement<'a>>, StoreError> {
    let id = save.after.any().id();
    let is_postgres = tx.db.is_postgres();
    let mut titles: Vec<(&'a Locale, &'a str)> = Vec::new();
    if let Some(text) = save.text {
        titles.push((&text.revision.locale, text.title_search));
    }
    for addresses in save.addresses {
        if let SlugChange::Remove(locale) = addresses {
            titles.push((locale, ""));
        }
    }
    let mut statements = Vec::new();
    for (locale, title) in titles {
        let before = match save.before {
            Some(_) => find_title(tx, id, *locale).await?,
            None => None,
        };
        let change = (before.as_deref().unwrap_or_default(), title);
        let write = search::write(
            tx.tenant(),
            Kind::Node,
            id.as_uuid(),
            locale.as_str(),
            change,
            is_postgres,
        );
        statements.extend(write);
    }
    Ok(statements)
}

/// The title of a node, normalised as in `node_translations.title_search`.
async fn find_title(tx: &mut TenantTx, id: NodeId, locale: Locale) -> Result<Option<String>, StoreError> {
    let sql =
        "SELECT title_search FROM node_translations WHERE tenant_id = $1 AND node_id = $2 AND locale = $3";
    tx.db
        .fetch_optional(
            TRANSLATIONS,
            sql,
            params![tx.tenant(), id, locale.as_str()],
            |row| row.get("title_search"),
        )
        .await
}

/// The columns of a node that a change can write.
const NODE_COLUMNS: [&str; 12] = [
    "kind",
    "status",
    "author_id",
    "updated_at",
    "published_at",
    "scheduled",
    "archived_at",
    "archive_reason",
    "deleted_at",
    "working_revision",
    "published_revision",
    "version",
];

/// The values of [`NODE_COLUMNS`]. Every field of the row is named here: a new one is stored, or left out on purpose.
fn node_values(row: &NodeRow) -> [Value<'_>; 12] {
    let NodeRow {
        id: _,
        tenant_id: _,
        author_id,
        kind,
        status,
        created_at: _,
        updated_at,
        published_at,
        scheduled,
        archived_at,
        archive_reason,
        deleted_at,
        working_revision,
        published_revision,
        version,
    } = row;
    [
        Value::from(kind),
        Value::from(status),
        (*author_id).into(),
        (*updated_at).into(),
        (*published_at).into(),
        (*scheduled).into(),
        (*archived_at).into(),
        archive_reason.as_deref().into(),
        (*deleted_at).into(),
        (*working_revision).into(),
        (*published_revision).into(),
        (*version).into(),
    ]
}

fn insert_node(tenant: TenantId, row: &NodeRow) -> Statement<'_> {
    let sql = format!(
        "INSERT INTO nodes (tenant_id, id, created_at, {}) VALUES ({})",
        NODE_COLUMNS.join(", "),
        placeholders(1, 3 + NODE_COLUMNS.len())
    );
    let mut values = params![tenant, row.id, row.created_at].to_vec();
    values.extend(node_values(row));
    Statement::one(NODES, sql, &values)
}

fn update_node(tenant: TenantId, row: &NodeRow, status: NodeStatus, version: i64) -> Statement<'_> {
    let sql = format!(
        "UPDATE nodes SET {} WHERE tenant_id = $1 AND id = $2 AND status = $3 AND version = $4",
        assignments(&NODE_COLUMNS, 5)
    );
    let mut values = params![tenant, row.id, status.as_str(), version].to_vec();
    values.extend(node_values(row));
    Statement::one(NODES, sql, &values)
}

/// Every field of a revision and its text is named here: a new one is stored, or left out on purpose.
fn insert_revision(tenant: TenantId, saved: &Revision) -> Statement<'_> {
    let Revision {
        tenant_id: _,
        node_id,
        revision,
        locale,
        actor,
        created_at,
        translation,
    } = saved;
    let Translation {
        title,
        slug,
        excerpt,
        body,
        format,
        body_html,
    } = translation;
    Statement::one(
        REVISIONS,
        "INSERT INTO node_revisions (tenant_id, node_id, revision, locale, title, slug, excerpt, body, format, \
         body_html, actor, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        params![
            tenant,
            *node_id,
            *revision,
            locale.as_str(),
            title,
            slug.as_str(),
            excerpt,
            body,
            format.as_str(),
            body_html,
            actor,
            *created_at
        ],
    )
}

fn point_to_revision<'a>(tenant: TenantId, text: SavedText<'a>) -> Statement<'a> {
    let revision = text.revision;
    Statement::one(
        TRANSLATIONS,
        "INSERT INTO node_translations (tenant_id, node_id, locale, slug, title_search, working_revision, is_original) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (tenant_id, node_id, locale) DO UPDATE SET slug = excluded.slug, \
         title_search = excluded.title_search, working_revision = excluded.working_revision, \
         is_removed = false",
        params![
            tenant,
            revision.node_id,
            revision.locale.as_str(),
            revision.translation.slug.as_str(),
            text.title_search,
            revision.revision,
            // Revision 1 of a node is in its original locale.
            revision.revision == 1
        ],
    )
}

fn move_addresses<'a>(
    tenant: TenantId,
    node: NodeId,
    addresses: SlugChange<'a>,
    statements: &mut Vec<Statement<'a>>,
) {
    let sql = match addresses {
        SlugChange::Publish => {
            "UPDATE node_translations SET published_slug = slug, published_revision = working_revision \
             WHERE tenant_id = $1 AND node_id = $2"
        }
        SlugChange::Unpublish => {
            "UPDATE node_translations SET published_slug = NULL, published_revision = NULL \
             WHERE tenant_id = $1 AND node_id = $2"
        }
        SlugChange::DropRemoved => {
            "DELETE FROM node_translations WHERE tenant_id = $1 AND node_id = $2 AND is_removed"
        }
        SlugChange::Release => {
            "UPDATE node_translations SET slug = NULL, published_slug = NULL, published_revision = NULL \
             WHERE tenant_id = $1 AND node_id = $2"
        }
        SlugChange::Take(slugs) => {
            let sql = "UPDATE node_translations SET slug = $4 WHERE tenant_id = $1 AND node_id = $2 AND locale = $3";
            statements.extend(slugs.iter().map(|(locale, slug)| {
                Statement::one(
                    TRANSLATIONS,
                    sql,
                    params![tenant, node, locale.as_str(), slug.as_str()],
                )
            }));
            return;
        }
        SlugChange::Remove(locale) => {
            for sql in [
                "DELETE FROM node_translations \
                 WHERE tenant_id = $1 AND node_id = $2 AND locale = $3 AND published_revision IS NULL",
                "UPDATE node_translations SET is_removed = true, slug = NULL, title_search = '' \
                 WHERE tenant_id = $1 AND node_id = $2 AND locale = $3 AND published_revision IS NOT NULL",
            ] {
                let params = params![tenant, node, locale.to_string()];
                statements.push(Statement::any(TRANSLATIONS, sql, params));
            }
            return;
        }
    };
    statements.push(Statement::any(TRANSLATIONS, sql, params![tenant, node]));
}
