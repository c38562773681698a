//! Lists of authors by their logins, each with the number of nodes that it has.

use super::{COLUMNS, TABLE, author};
use crate::counted::{Counted, UP_TO_IN_LISTS};
use rustok_content::Author;
use rustok_content::ids::AuthorId;
use rustok_core::page::{Limit, Page};
use rustok_db::walk::{EXAMINED, EXAMINED_PLUS_ONE, Entry, page_of_fitting};
use rustok_db::{Row, StoreError, TenantTx, Value, pad, params, placeholders};
use rustok_text::plain::folded;

/// An author in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAuthor {
    /// The author.
    pub author: Author,
    /// The nodes that name it, deleted ones included.
    pub nodes: Counted,
}

/// A page of authors in the order of their ids, the newest first: those whose login or name begins with `prefix`, folded as
/// names are compared. With a prefix only a bounded number of authors is examined: the page may be shorter than `limit` and
/// still have a next one.
///
/// # Errors
/// Those of the database.
pub async fn list_page(
    tx: &mut TenantTx,
    prefix: Option<&str>,
    after: Option<AuthorId>,
    limit: Limit,
) -> Result<Page<ListedAuthor>, StoreError> {
    let before = if after.is_some() { " AND a.id < $2" } else { "" };
    let sql = format!(
        "SELECT {COLUMNS}, a.retired_at FROM authors a WHERE a.tenant_id = $1{before} ORDER BY a.id DESC \
         LIMIT {EXAMINED_PLUS_ONE}"
    );
    let mut values = params![tx.tenant()].to_vec();
    values.extend(after.map(Value::from));
    let seen = |row: &Row<'_>| {
        let retired_at: Option<rustok_core::clock::Timestamp> = row.get("retired_at")?;
        Ok((author(row)?, retired_at.is_some()))
    };
    let seen = tx.db.fetch_first(TABLE, &sql, &values, seen).await?;
    let fits = |text: &str| prefix.is_none_or(|prefix| folded(text).starts_with(prefix));
    let entry = |(author, is_retired): &(Author, bool)| Entry {
        key: author.id,
        fits: !is_retired && (fits(&author.login) || fits(&author.display_name)),
    };
    let page = page_of_fitting(seen.iter().map(entry).collect(), EXAMINED, limit);
    let counts = count_nodes(tx, &page.items).await?;
    let listed = |id: &AuthorId| {
        let (author, _) = seen.iter().find(|(author, _)| author.id == *id)?;
        let counted = counts.iter().find(|(counted, _)| counted == id);
        Some(ListedAuthor {
            author: author.clone(),
            nodes: counted.map(|(_, nodes)| *nodes).unwrap_or_default(),
        })
    };
    Ok(Page {
        items: page.items.iter().filter_map(listed).collect(),
        next_cursor: page.next_cursor,
    })
}

/// How many nodes name each of these authors.
async fn count_nodes(tx: &mut TenantTx, ids: &[AuthorId]) -> Result<Vec<(AuthorId, Counted)>, StoreError> {
    let mut list: Vec<Value<'_>> = ids.iter().map(|id| (*id).into()).collect();
    if list.is_empty() {
        list.push(Value::Null);
    }
    pad(&mut list);
    let sql = format!(
        "SELECT a.id, (SELECT count(*) FROM (SELECT 1 FROM nodes n WHERE n.tenant_id = $1 AND n.author_id = a.id \
         LIMIT $2) AS counted) AS nodes FROM authors a WHERE a.tenant_id = $1 AND a.id IN ({})",
        placeholders(3, list.len())
    );
    let mut values = params![tx.tenant(), UP_TO_IN_LISTS + 1].to_vec();
    values.append(&mut list);
    let counted = |row: &Row<'_>| {
        let nodes = Counted::up_to(UP_TO_IN_LISTS, row.get("nodes")?);
        Ok((row.get("id")?, nodes))
    };
    tx.db.fetch(TABLE, &sql, &values, counted).await
}

/// One author as lists show it; `None` if there is none, or it is retired.
///
/// # Errors
/// Those of the database.
pub async fn find_listed(tx: &mut TenantTx, id: AuthorId) -> Result<Option<ListedAuthor>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, (SELECT count(*) FROM (SELECT 1 FROM nodes n WHERE n.tenant_id = $1 AND n.author_id = a.id \
         LIMIT $3) AS counted) AS nodes FROM authors a \
         WHERE a.tenant_id = $1 AND a.id = $2 AND a.retired_at IS NULL"
    );
    let values = params![tx.tenant(), id, UP_TO_IN_LISTS + 1];
    let listed = |row: &Row<'_>| {
        Ok(ListedAuthor {
            author: author(row)?,
            nodes: Counted::up_to(UP_TO_IN_LISTS, row.get("nodes")?),
        })
    };
    tx.db.fetch_optional(TABLE, &sql, values, listed).await
}
