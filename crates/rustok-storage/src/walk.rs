//! Lists with several filters: one filter has an index to go along, the others are looked at, for so many of its entries.
//!
//! However much data there is, a page costs no more than that. Where few entries fit it is shorter than was asked for,
//! and the next one goes on behind the last entry that was looked at.

use crate::error::StoreError;
use crate::row::{FromColumn, Row};
use crate::tx::TenantTx;
use crate::value::{Value, params};
use rustok_core::clock::Timestamp;
use rustok_core::page::{Cursor, Limit, ListKey, Page};
use serde::Serialize;

/// How many entries of an index one page looks at.
pub(crate) const EXAMINED: usize = 500;
/// What a statement takes: one more tells whether there are more.
pub(crate) const EXAMINED_PLUS_ONE: i64 = 501;

/// A column with an operator, and the value behind it.
pub(crate) type Condition<'a> = (&'static str, Value<'a>);

/// That the time of a column is not before the one and before the other; `columns` have their operators.
pub(crate) fn times<'a>(
    [from, to]: [&'static str; 2],
    after: Option<Timestamp>,
    before: Option<Timestamp>,
) -> Vec<Condition<'a>> {
    let from = after.map(|after| (from, after.into()));
    let to = before.map(|before| (to, before.into()));
    from.into_iter().chain(to).collect()
}

/// The condition on the rows of a table with things that may be deleted.
pub(crate) const fn standing(deleted: bool) -> &'static str {
    if deleted {
        "deleted_at IS NOT NULL"
    } else {
        "deleted_at IS NULL"
    }
}

/// That a row comes behind a place in a list that is in the order of a time, and then of an id; the highest first. What is
/// not later is where an index can start; the rest is for equal times.
pub(crate) fn behind(time: &str, id: &str, [at, last]: [usize; 2]) -> String {
    format!("{time} <= ${at} AND ({time}, {id}) < (${at}, ${last})")
}

/// Puts what was found into the order in which its ids were asked for.
pub(crate) fn in_order<T, I: PartialEq>(mut found: Vec<T>, ids: &[I], id: impl Fn(&T) -> I) -> Vec<T> {
    found.sort_by_key(|item| ids.iter().position(|asked| *asked == id(item)));
    found
}

/// How a list goes through a table: along an index, newest first or by the last change.
pub(crate) struct Walk<'a> {
    pub(crate) table: &'static str,
    /// SQLite is told which one; PostgreSQL finds it.
    pub(crate) index: &'static str,
    /// The condition that a partial index has, on a column without an alias.
    pub(crate) standing: Option<&'static str>,
    /// What the index ends the walk by: columns with their operators, and values.
    pub(crate) within: Vec<Condition<'a>>,
    /// What is looked at in each entry.
    pub(crate) rest: Vec<Condition<'a>>,
    /// The column of a time that the list is ordered by, and then by `id`; else only by `id`. The highest first.
    pub(crate) time: Option<&'static str>,
}

/// The values of a place: of its time, if it has one, and its id.
pub(crate) fn key_values<Id>(key: ListKey<Id>) -> Vec<Value<'static>>
where
    Value<'static>: From<Id>,
{
    match key {
        ListKey::Id(id) => vec![id.into()],
        ListKey::Timed(at, id) => vec![at.into(), id.into()],
    }
}

impl<'a> Walk<'a> {
    /// The table as `alias`.
    pub(crate) fn from(&self, alias: &str, is_postgres: bool) -> String {
        let Self { table, index, .. } = self;
        if is_postgres {
            format!("{table} {alias}")
        } else {
            format!("{table} {alias} INDEXED BY {index}")
        }
    }

    /// The conditions on `alias` that the index ends the walk by, behind `WHERE`, and the order. `$1` is the tenant.
    pub(crate) fn along(
        &self,
        alias: &str,
        after: Option<Vec<Value<'static>>>,
        values: &mut Vec<Value<'a>>,
    ) -> String {
        let mut sql = format!("{alias}.tenant_id = $1");
        if let Some(standing) = self.standing {
            sql.push_str(&format!(" AND {alias}.{standing}"));
        }
        for (column, value) in &self.within {
            values.push(value.clone());
            sql.push_str(&format!(" AND {alias}.{column} ${}", values.len()));
        }
        if let Some(mut after) = after {
            let first = values.len() + 1;
            values.append(&mut after);
            sql.push_str(&match self.time {
                None => format!(" AND {alias}.id < ${first}"),
                Some(time) => {
                    let (time, id) = (format!("{alias}.{time}"), format!("{alias}.id"));
                    format!(" AND {}", behind(&time, &id, [first, first + 1]))
                }
            });
        }
        let order = self
            .time
            .map_or_else(String::new, |time| format!("{alias}.{time} DESC, "));
        sql.push_str(&format!(" ORDER BY {order}{alias}.id DESC"));
        sql
    }

    /// Whether the row `alias` is one of the list, however it was come by.
    pub(crate) fn belongs(&self, alias: &str, values: &mut Vec<Value<'a>>) -> String {
        let standing = self.standing.map(|standing| format!("{alias}.{standing}"));
        fits(alias, standing, self.within.iter().chain(&self.rest), values)
    }

    /// As many entries as a page looks at, each with its place and whether it fits.
    fn entries(
        &self,
        after: Option<Vec<Value<'static>>>,
        values: &mut Vec<Value<'a>>,
        is_postgres: bool,
    ) -> String {
        let from = self.from("x", is_postgres);
        let fits = fits("x", None, self.rest.iter(), values);
        let along = self.along("x", after, values);
        let time = self.time.map_or_else(String::new, |time| format!("x.{time}, "));
        format!("SELECT {time}x.id, {fits} AS fits FROM {from} WHERE {along} LIMIT {EXAMINED_PLUS_ONE}")
    }
}

/// Whether the row `alias` meets all conditions: true or false, also where a column is NULL.
fn fits<'c, 'a: 'c>(
    alias: &str,
    first: Option<String>,
    conditions: impl Iterator<Item = &'c Condition<'a>>,
    values: &mut Vec<Value<'a>>,
) -> String {
    let others = conditions.map(|(column, value)| {
        values.push(value.clone());
        format!("{alias}.{column} ${}", values.len())
    });
    let all: Vec<String> = first.into_iter().chain(others).collect();
    format!("CASE WHEN {} THEN true ELSE false END", all.join(" AND "))
}

/// The place of a row in a list that may be in the order of its last change.
pub(crate) fn list_key<I: FromColumn>(row: &Row<'_>, by_change: bool) -> Result<ListKey<I>, StoreError> {
    let id = row.get("id")?;
    Ok(match by_change {
        true => ListKey::Timed(row.get("updated_at")?, id),
        false => ListKey::Id(id),
    })
}

/// The places of a page of rows that have all that is looked for, among those that one page looks at.
pub(crate) async fn list_fitting<K: Copy + Serialize>(
    tx: &mut TenantTx,
    walk: &Walk<'_>,
    key: impl Fn(&Row<'_>) -> Result<K, StoreError>,
    after: Option<Vec<Value<'static>>>,
    limit: Limit,
) -> Result<Page<K>, StoreError> {
    let mut values = params![tx.tenant].to_vec();
    let sql = walk.entries(after, &mut values, tx.db.is_postgres());
    let entry = |row: &Row<'_>| {
        Ok(Entry {
            key: key(row)?,
            fits: row.get("fits")?,
        })
    };
    let entries = tx.db.fetch_first(walk.table, &sql, &values, entry).await?;
    Ok(page_of_fitting(entries, EXAMINED, limit))
}

/// An entry of an index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<K> {
    /// Its place in the list.
    pub(crate) key: K,
    /// Whether it is what is looked for.
    pub(crate) fits: bool,
}

/// A page of those of the entries that fit. `entries` are in the order of the list; if there are more than `examined`, there
/// are more in the list.
pub(crate) fn page_of_fitting<K: Copy + Serialize>(
    mut entries: Vec<Entry<K>>,
    examined: usize,
    limit: Limit,
) -> Page<K> {
    let more = entries.len() > examined;
    entries.truncate(examined);
    let last_examined = entries.last().map(|entry| entry.key).filter(|_| more);
    let fitting = entries.iter().filter(|entry| entry.fits).map(|entry| entry.key);
    let mut page = Page::cut(fitting.take(limit.get() + 1).collect(), limit, |key| *key);
    if page.next_cursor.is_none() {
        page.next_cursor = last_examined.map(|key| Cursor::encode(&key).into_string());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: usize, fits: impl Fn(usize) -> bool) -> Vec<Entry<usize>> {
        let entry = |key| Entry { key, fits: fits(key) };
        (0..count).map(entry).collect()
    }

    fn page(entries: Vec<Entry<usize>>, limit: i64) -> (Vec<usize>, Option<usize>) {
        let page = page_of_fitting(entries, EXAMINED, Limit::new(limit).unwrap());
        let next = page.next_cursor.map(|cursor| Cursor::decode(&cursor).unwrap());
        (page.items, next)
    }

    #[test]
    fn a_page_goes_on_behind_what_was_shown_or_looked_at() {
        assert_eq!(page(entries(9, |_| true), 3), (vec![0, 1, 2], Some(2)));
        assert_eq!(page(entries(3, |_| true), 3), (vec![0, 1, 2], None));
        assert_eq!(page(entries(500, |key| key == 400), 3), (vec![400], None));
        assert_eq!(page(entries(501, |key| key == 400), 3), (vec![400], Some(499)));
        assert_eq!(page(entries(501, |key| key == 500), 3), (vec![], Some(499)));
        assert_eq!(page(Vec::new(), 3), (vec![], None));
    }
}
