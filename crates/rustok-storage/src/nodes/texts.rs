//! Texts of revisions, by key. A revision never changes, so callers may cache its text by key and save time.
//!
//! No visibility check happens here: pass only keys that a query of [`super::public`] returned.

use super::{REVISIONS, parsed};
use rustok_content::ids::NodeId;
use rustok_core::clock::Timestamp;
use rustok_db::{Row, StoreError, TenantTx, Value, params};
use rustok_text::{BodyFormat, Locale};

/// The key of a revision. Revision numbers may be reused after a restore or a failover: a cache must also compare the
/// save time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextKey {
    /// The node.
    pub node: NodeId,
    /// The locale.
    pub locale: Locale,
    /// The revision number.
    pub revision: i64,
}

/// How much of a text to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Without the body.
    Summary,
    /// Including the body.
    Whole,
}

/// The text of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicText {
    /// Plain text, one line.
    pub title: String,
    /// Plain text.
    pub excerpt: String,
    /// The body, for [`Part::Whole`].
    pub body: Option<TextBody>,
    /// The time of the save.
    pub saved_at: Timestamp,
}

/// The body of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextBody {
    /// The source, as the author wrote it.
    pub source: String,
    /// The format of the source.
    pub format: BodyFormat,
    /// Sanitised HTML.
    pub html: String,
}

impl Part {
    /// The body columns to select, with the revision as `r`.
    const fn columns(self) -> &'static str {
        match self {
            Self::Summary => SUMMARY,
            Self::Whole => WHOLE,
        }
    }

    /// Reads the body, if it belongs to this part.
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

/// The columns of a text without its body, with the revision as `r`.
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

/// Reads the texts of these revisions, in no particular order.
///
/// # Errors
/// Database errors.
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

/// The body size of these revisions in bytes, in no particular order. Must not be the last query of its transaction.
///
/// # Errors
/// Database errors.
pub async fn find_sizes(tx: &mut TenantTx, keys: &[TextKey]) -> Result<Vec<(TextKey, usize)>, StoreError> {
    let Some((chosen, values)) = chosen(tx, keys) else {
        return Ok(Vec::new());
    };
    // Both databases know the length of a text without reading its overflow pages.
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

/// The rows of a VALUES list with the keys, and the parameters of the statement (`$1` is the tenant). Padded to a
/// power of two to keep the number of distinct prepared statements small.
pub(super) fn chosen<'a>(tx: &TenantTx, keys: &'a [TextKey]) -> Option<(String, Vec<Value<'a>>)> {
    let last = keys.last()?;
    let mut values = params![tx.tenant()].to_vec();
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

/// Selects the revisions in `list` by their full keys. A join, because SQLite scans all revisions of the tenant for a
/// row-value IN.
pub(super) fn chosen_sql(list: &str, columns: &str) -> String {
    format!(
        "WITH chosen (node_id, locale, revision) AS (SELECT DISTINCT * FROM (VALUES {list}) AS named) SELECT {columns} \
         FROM chosen c CROSS JOIN node_revisions r WHERE r.tenant_id = $1 \
         AND r.node_id = c.node_id AND r.locale = c.locale AND r.revision = c.revision"
    )
}
