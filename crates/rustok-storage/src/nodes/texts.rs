//! The texts of saves, by their whole keys. A save never changes, so whoever has read one may keep it
//! by its key and its time.
//!
//! Whether somebody may see a text is not decided here: only ask for what a query of [`super::public`] named.

use super::{REVISIONS, parsed};
use crate::error::StoreError;
use crate::row::Row;
use crate::tx::TenantTx;
use crate::value::{Value, params};
use rustok_core::clock::Timestamp;
use rustok_core::ids::NodeId;
use rustok_text::{BodyFormat, Locale};

/// Which save of a node in which locale. After a restore, or where another server took over, a number may be given again:
/// who keeps a text keeps it with the time of its save.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextKey {
    /// The node.
    pub node: NodeId,
    /// The locale.
    pub locale: Locale,
    /// The number of the save.
    pub revision: i64,
}

/// The text of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicText {
    /// Plain text of one line.
    pub title: String,
    /// Plain text.
    pub excerpt: String,
    /// As it was written.
    pub body: String,
    /// How it was written.
    pub format: BodyFormat,
    /// Safe HTML.
    pub body_html: String,
    /// When it was saved.
    pub saved_at: Timestamp,
}

/// The columns of a text, of the save as `r`.
const COLUMNS: &str = "r.title, r.excerpt, r.body, r.format, r.body_html, r.created_at AS saved_at";

fn text(row: &Row<'_>) -> Result<PublicText, StoreError> {
    Ok(PublicText {
        title: row.get("title")?,
        excerpt: row.get("excerpt")?,
        body: row.get("body")?,
        format: parsed(row, "format")?,
        body_html: row.get("body_html")?,
        saved_at: row.get("saved_at")?,
    })
}

/// The texts of some saves, in whatever sequence.
///
/// # Errors
/// Those of the database.
pub async fn find_texts(
    tx: &mut TenantTx,
    keys: &[TextKey],
) -> Result<Vec<(TextKey, PublicText)>, StoreError> {
    let Some((chosen, values)) = chosen(tx, keys) else {
        return Ok(Vec::new());
    };
    let sql = chosen_sql(&chosen, &format!("r.node_id, r.locale, r.revision, {COLUMNS}"));
    let keyed = |row: &Row<'_>| {
        let key = TextKey {
            node: row.get("node_id")?,
            locale: parsed(row, "locale")?,
            revision: row.get("revision")?,
        };
        Ok((key, text(row)?))
    };
    tx.db.fetch(REVISIONS, &sql, &values, keyed).await
}

/// A list of rows for VALUES that names the saves, padded to a power of two so that few different statements are
/// prepared, and the values of its statement: `$1` is the tenant.
pub(super) fn chosen<'a>(tx: &TenantTx, keys: &'a [TextKey]) -> Option<(String, Vec<Value<'a>>)> {
    let last = keys.last()?;
    let mut values = params![tx.tenant].to_vec();
    let mut list = String::new();
    let padding = std::iter::repeat_n(last, keys.len().next_power_of_two() - keys.len());
    for key in keys.iter().chain(padding) {
        let start = values.len();
        let comma = if list.is_empty() { "" } else { ", " };
        list.push_str(&format!(
            "{comma}(${}::uuid, ${}::text, ${}::bigint)",
            start + 1,
            start + 2,
            start + 3
        ));
        values.extend([
            key.node.into(),
            Value::from(key.locale.as_str()),
            key.revision.into(),
        ]);
    }
    Some((list, values))
}

/// The saves that `list` names, by their whole keys. SQLite would look through all of the tenant's for an IN of rows.
pub(super) fn chosen_sql(list: &str, columns: &str) -> String {
    format!(
        "WITH chosen (node_id, locale, revision) AS (SELECT DISTINCT * FROM (VALUES {list}) AS named) SELECT {columns} \
         FROM chosen c CROSS JOIN node_revisions r WHERE r.tenant_id = $1 \
         AND r.node_id = c.node_id AND r.locale = c.locale AND r.revision = c.revision"
    )
}
