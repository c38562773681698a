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

/// How much of a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Without its body.
    Summary,
    /// All of it.
    Whole,
}

/// The text of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicText {
    /// Plain text of one line.
    pub title: String,
    /// Plain text.
    pub excerpt: String,
    /// The body, if the whole text was read.
    pub body: Option<TextBody>,
    /// When it was saved.
    pub saved_at: Timestamp,
}

/// The body of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextBody {
    /// As it was written.
    pub source: String,
    /// How it was written.
    pub format: BodyFormat,
    /// Safe HTML.
    pub html: String,
}

impl Part {
    /// Its columns of the save as `r`.
    const fn columns(self) -> &'static str {
        match self {
            Self::Summary => SUMMARY,
            Self::Whole => WHOLE,
        }
    }

    /// Reads the body, if it is a part of this.
    pub(super) fn body(self, row: &Row<'_>) -> Result<Option<TextBody>, StoreError> {
        if self == Self::Summary {
            return Ok(None);
        }
        Ok(Some(TextBody {
            source: row.get("body")?,
            format: parsed(row, "format")?,
            html: row.get("body_html")?,
        }))
    }
}

/// The columns of a text, of the save as `r`.
const SUMMARY: &str = "r.title, r.excerpt, r.created_at AS saved_at";
const WHOLE: &str = "r.title, r.excerpt, r.body, r.format, r.body_html, r.created_at AS saved_at";

fn text(row: &Row<'_>, part: Part) -> Result<PublicText, StoreError> {
    Ok(PublicText {
        title: row.get("title")?,
        excerpt: row.get("excerpt")?,
        body: part.body(row)?,
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
    part: Part,
) -> Result<Vec<(TextKey, PublicText)>, StoreError> {
    let Some((chosen, values)) = chosen(tx, keys) else {
        return Ok(Vec::new());
    };
    let columns = format!("r.node_id, r.locale, r.revision, {}", part.columns());
    let sql = chosen_sql(&chosen, &columns);
    let keyed = |row: &Row<'_>| Ok((key(row)?, text(row, part)?));
    tx.db.fetch(REVISIONS, &sql, &values, keyed).await
}

/// How many bytes the bodies of some saves have, in whatever sequence. This is not the last query of its transaction.
///
/// # Errors
/// Those of the database.
pub async fn find_sizes(tx: &mut TenantTx, keys: &[TextKey]) -> Result<Vec<(TextKey, usize)>, StoreError> {
    let Some((chosen, values)) = chosen(tx, keys) else {
        return Ok(Vec::new());
    };
    // Not read for it: both databases know the length of a text without its pages.
    let columns = "r.node_id, r.locale, r.revision, CAST(octet_length(r.body) AS bigint) AS body_bytes, \
                   CAST(octet_length(r.body_html) AS bigint) AS html_bytes";
    let size = |row: &Row<'_>| {
        let bytes =
            |column| Ok::<_, StoreError>(usize::try_from(row.get::<i64>(column)?).unwrap_or_default());
        Ok((key(row)?, bytes("body_bytes")? + bytes("html_bytes")?))
    };
    let sql = chosen_sql(&chosen, columns);
    tx.db.fetch_first(REVISIONS, &sql, &values, size).await
}

fn key(row: &Row<'_>) -> Result<TextKey, StoreError> {
    Ok(TextKey {
        node: row.get("node_id")?,
        locale: parsed(row, "locale")?,
        revision: row.get("revision")?,
    })
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
