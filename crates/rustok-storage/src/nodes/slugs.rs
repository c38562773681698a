//! Slugs: uniqueness checks, numbering, and a lock for generated slugs.
//!
//! A slug is taken by working and by published revisions alike, so publishing never meets a conflict.

use super::{TRANSLATIONS, parsed};
use rustok_content::ids::NodeId;
use rustok_db::{StoreError, TenantTx, params};
use rustok_text::{Locale, Slug};

/// The upper bound of the search for a free number: at most this many nodes share a title.
const LAST_NUMBER: u32 = 1 << 20;

/// Whether a node other than `except` has this slug in `locale`.
///
/// # Errors
/// Database errors.
pub async fn is_taken(
    tx: &mut TenantTx,
    locale: Locale,
    except: NodeId,
    slug: &Slug,
) -> Result<bool, StoreError> {
    let sql = "SELECT node_id FROM node_translations \
               WHERE tenant_id = $1 AND slug = $4 AND locale = $2 AND node_id <> $3 \
               UNION ALL SELECT node_id FROM node_translations \
               WHERE tenant_id = $1 AND published_slug = $4 AND locale = $2 AND node_id <> $3";
    let values = params![tx.tenant(), locale.as_str(), except, slug.as_str()];
    Ok(!tx
        .db
        .fetch(TRANSLATIONS, sql, values, |_| Ok(()))
        .await?
        .is_empty())
}

/// Finds a free number: doubles it while it is taken, then bisects between a taken and a free number; about 30 steps
/// for thousands of nodes with one title. `low` is taken; once `known` is 1, `high` is free; `probe` is tested next.
/// The joins find at most one row each, since both keys are unique.
const SEARCH: &str = "WITH RECURSIVE search (low, high, known, probe) AS (\
       SELECT CAST(1 AS bigint), CAST(2 AS bigint), 0, CAST(2 AS bigint) \
       UNION ALL SELECT \
         CASE WHEN w.node_id IS NULL AND l.node_id IS NULL THEN s.low ELSE s.probe END, \
         CASE WHEN w.node_id IS NULL AND l.node_id IS NULL THEN s.probe WHEN s.known = 0 THEN s.probe * 2 \
           ELSE s.high END, \
         CASE WHEN w.node_id IS NULL AND l.node_id IS NULL THEN 1 ELSE s.known END, \
         CASE WHEN w.node_id IS NULL AND l.node_id IS NULL THEN (s.low + s.probe) / 2 \
           WHEN s.known = 0 THEN s.probe * 2 ELSE (s.probe + s.high) / 2 END \
       FROM search s \
       LEFT JOIN node_translations w ON w.tenant_id = $1 AND w.slug = $4::text || CAST(s.probe AS text) \
         AND w.locale = $2 AND w.node_id <> $3 \
       LEFT JOIN node_translations l ON l.tenant_id = $1 AND l.published_slug = $4::text || CAST(s.probe AS text) \
         AND l.locale = $2 AND l.node_id <> $3 \
       WHERE s.probe <= $5 AND (s.known = 0 OR s.high - s.low > 1)) \
     SELECT high FROM search WHERE known = 1 AND high - low = 1";

/// `base-2`, or the first of `base-3`, `base-4`, ... that no node other than `except` has in `locale`. It is the
/// first only if the taken numbers have no gaps. `None` if a million numbers are taken.
///
/// # Errors
/// Database errors.
pub async fn find_free_number(
    tx: &mut TenantTx,
    locale: Locale,
    except: NodeId,
    base: &Slug,
) -> Result<Option<Slug>, StoreError> {
    // One prefix for all numbers, short enough for the longest number.
    let last = base.numbered(LAST_NUMBER);
    let prefix = last.as_str().trim_end_matches(|c: char| c.is_ascii_digit());
    let values = params![
        tx.tenant(),
        locale.as_str(),
        except,
        prefix,
        i64::from(LAST_NUMBER)
    ];
    let number = tx
        .db
        .fetch_optional(TRANSLATIONS, SEARCH, values, |row| row.get::<i64>("high"))
        .await?;
    let slug = number.map(|number| Slug::parse(&format!("{prefix}{number}")));
    slug.transpose()
        .map_err(|error| StoreError::inconsistent(TRANSLATIONS, "slug", &error.to_string()))
}

/// Serialises the generation of slugs from `base`: other transactions wait until this one ends. A no-op on SQLite,
/// which has a single writer.
///
/// # Errors
/// Database errors.
pub async fn lock(tx: &mut TenantTx, locale: Locale, base: &Slug) -> Result<(), StoreError> {
    if tx.db.is_postgres() {
        let name = format!("slug {} {locale} {base}", tx.tenant());
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        tx.db.fetch(TRANSLATIONS, sql, params![name], |_| Ok(())).await?;
    }
    Ok(())
}

/// The slugs that the working revisions of a node were saved with, for an undelete.
///
/// # Errors
/// Database errors.
pub async fn list_saved(tx: &mut TenantTx, node: NodeId) -> Result<Vec<(Locale, Slug)>, StoreError> {
    let sql = "SELECT t.locale, r.slug FROM node_translations t JOIN node_revisions r ON r.tenant_id = t.tenant_id \
               AND r.node_id = t.node_id AND r.locale = t.locale AND r.revision = t.working_revision \
               WHERE t.tenant_id = $1 AND t.node_id = $2 ORDER BY t.locale";
    tx.db
        .fetch(TRANSLATIONS, sql, params![tx.tenant(), node], |row| {
            Ok((parsed(row, "locale")?, parsed(row, "slug")?))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plans::plan;

    #[test]
    fn each_step_of_the_search_is_two_lookups() {
        let plan = plan(SEARCH);
        for (table, column) in [("w", "slug"), ("l", "published_slug")] {
            let lookup = format!("SEARCH {table} USING");
            let key = format!("(tenant_id=? AND {column}=? AND locale=?)");
            let found = plan
                .iter()
                .any(|step| step.starts_with(&lookup) && step.contains(&key));
            assert!(found, "{plan:#?}");
        }
    }
}
