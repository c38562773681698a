//! Lists with several filters: one filter has an index, the others are checked on a limited number of its entries.
//!
//! This bounds the cost of a page, whatever the amount of data. Where few entries match, a page is shorter than its
//! limit, and the next one continues behind the last entry examined.

use crate::error::StoreError;
use crate::params;
use crate::row::{FromColumn, Row};
use crate::tx::TenantTx;
use crate::value::{Value, pad, placeholders};
use rustok_core::clock::Timestamp;
use rustok_core::page::{Cursor, Limit, ListKey, Page};
use serde::Serialize;

/// Index entries examined per page: twice the largest page, so that a page is seldom short, and few enough that a small
/// tenant's page costs as much as a large one's.
pub const EXAMINED: usize = 200;
/// The LIMIT of a statement: one more entry shows whether there are more.
pub const EXAMINED_PLUS_ONE: i64 = 201;

/// A column with an operator, and the value to compare with.
pub type Condition<'a> = (&'static str, Value<'a>);

/// Conditions that a time column is not before `after` and is before `before`; `columns` have their operators.
#[must_use]
pub fn times<'a>(
    [from, to]: [&'static str; 2],
    after: Option<Timestamp>,
    before: Option<Timestamp>,
) -> Vec<Condition<'a>> {
    let from = after.map(|after| (from, after.into()));
    let to = before.map(|before| (to, before.into()));
    from.into_iter().chain(to).collect()
}

/// The condition on the rows of a table with soft deletion.
#[must_use]
pub const fn standing(deleted: bool) -> &'static str {
    if deleted {
        "deleted_at IS NOT NULL"
    } else {
        "deleted_at IS NULL"
    }
}

/// The condition that a row follows a position in a list ordered by a time and then by an id, both descending. The
/// first part gives an index its start; the second handles equal times.
#[must_use]
pub fn behind(time: &str, id: &str, [at, last]: [usize; 2]) -> String {
    format!("{time} <= ${at} AND ({time}, {id}) < (${at}, ${last})")
}

/// Sorts the found items into the order in which their ids were requested.
fn in_order<T, I: PartialEq>(mut found: Vec<T>, ids: &[I], id: impl Fn(&T) -> I) -> Vec<T> {
    found.sort_by_key(|item| ids.iter().position(|asked| *asked == id(item)));
    found
}

/// The clause behind a table and its alias that makes SQLite use this index; empty for PostgreSQL, which chooses by
/// its statistics.
#[must_use]
pub fn indexed_by(index: &str, is_postgres: bool) -> String {
    if is_postgres {
        String::new()
    } else {
        format!(" INDEXED BY {index}")
    }
}

/// How a list traverses a table: along an index, newest first or by the last change.
pub struct Walk<'a> {
    /// The table, which has the columns `tenant_id` and `id`.
    pub table: &'static str,
    /// The index. SQLite is forced to use it; PostgreSQL chooses it itself.
    pub index: &'static str,
    /// The condition of a partial index, on a column without an alias.
    pub standing: Option<&'static str>,
    /// Conditions that bound the index range: columns with their operators, and values.
    pub within: Vec<Condition<'a>>,
    /// Conditions checked on each entry.
    pub rest: Vec<Condition<'a>>,
    /// The time column of the order, with `id` as second key; `None` orders by `id` alone. Descending.
    pub time: Option<&'static str>,
}

/// The values of a list position: its time, if any, and its id.
#[must_use]
pub fn key_values<Id>(key: ListKey<Id>) -> Vec<Value<'static>>
where
    Value<'static>: From<Id>,
{
    match key {
        ListKey::Id(id) => vec![id.into()],
        ListKey::Timed(at, id) => vec![at.into(), id.into()],
    }
}

impl<'a> Walk<'a> {
    /// The FROM clause, with the table as `alias`.
    #[must_use]
    pub fn from(&self, alias: &str, is_postgres: bool) -> String {
        let Self { table, index, .. } = self;
        format!("{table} {alias}{}", indexed_by(index, is_postgres))
    }

    /// The text behind `WHERE`: the conditions on `alias` that bound the index range, and the order. `$1` is the
    /// tenant.
    pub fn along(
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

    /// An expression that is true if the row `alias` is in the list, from whatever source it was read.
    pub fn belongs(&self, alias: &str, values: &mut Vec<Value<'a>>) -> String {
        let standing = self.standing.map(|standing| format!("{alias}.{standing}"));
        fits(alias, standing, self.within.iter().chain(&self.rest), values)
    }

    /// A query for the entries that one page examines, each with its position and whether it matches.
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

/// How a list reads its rows, in whichever way they were found.
pub struct RowReader<'s, T> {
    /// The table.
    pub table: &'static str,
    /// Its alias.
    pub alias: &'static str,
    /// The columns that `read` needs.
    pub columns: &'s str,
    /// The joins that the columns need.
    pub joins: &'static str,
    /// Decodes a row.
    pub read: fn(&Row<'_>) -> Result<T, StoreError>,
}

impl<T> RowReader<'_, T> {
    /// The rows along the index, behind a position: one more than a page has. Not the last query of its transaction.
    ///
    /// # Errors
    /// Those of the database, and those of `read`.
    pub async fn along(
        &self,
        tx: &mut TenantTx,
        walk: &Walk<'_>,
        after: Option<Vec<Value<'static>>>,
        limit: Limit,
    ) -> Result<Vec<T>, StoreError> {
        let mut values = params![tx.tenant].to_vec();
        let sql = self.along_sql(walk, after, limit, &mut values, tx.db.is_postgres());
        tx.db.fetch_first(self.table, &sql, &values, self.read).await
    }

    /// The statement of [`RowReader::along`]. It has only the conditions of the list's filter, so each combination of
    /// filters gets its own query plan. `values` has the tenant.
    pub fn along_sql<'a>(
        &self,
        walk: &Walk<'a>,
        after: Option<Vec<Value<'static>>>,
        limit: Limit,
        values: &mut Vec<Value<'a>>,
        is_postgres: bool,
    ) -> String {
        let Self {
            alias,
            columns,
            joins,
            ..
        } = self;
        let from = walk.from(alias, is_postgres);
        let along = walk.along(alias, after, values);
        values.push(limit.plus_one().into());
        format!(
            "SELECT {columns} FROM {from} {joins} WHERE {along} LIMIT ${}",
            values.len()
        )
    }

    /// The rows with these ids, in the given order. Not the last query of its transaction.
    ///
    /// # Errors
    /// Those of the database, and those of `read`.
    pub async fn with_ids<I>(
        &self,
        tx: &mut TenantTx,
        ids: &[I],
        id: impl Fn(&T) -> I,
    ) -> Result<Vec<T>, StoreError>
    where
        I: Copy + PartialEq,
        Value<'static>: From<I>,
    {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut values: Vec<Value<'static>> = ids.iter().map(|id| (*id).into()).collect();
        pad(&mut values);
        let Self {
            table,
            alias,
            columns,
            joins,
            ..
        } = self;
        let sql = format!(
            "SELECT {columns} FROM {table} {alias} {joins} WHERE {alias}.tenant_id = $1 AND {alias}.id IN ({})",
            placeholders(2, values.len())
        );
        values.insert(0, tx.tenant.into());
        let found = tx.db.fetch_first(table, &sql, &values, self.read).await?;
        Ok(in_order(found, ids, id))
    }
}

/// An expression for whether the row `alias` meets all conditions: true or false, even where a column is NULL.
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

/// The list position of a row, in a list that may be ordered by the last change.
///
/// # Errors
/// [`StoreError::InconsistentRow`] if its columns `id` or `updated_at` do not decode.
pub fn list_key<I: FromColumn>(row: &Row<'_>, by_change: bool) -> Result<ListKey<I>, StoreError> {
    let id = row.get("id")?;
    Ok(match by_change {
        true => ListKey::Timed(row.get("updated_at")?, id),
        false => ListKey::Id(id),
    })
}

/// The positions of a page of matching rows, among the entries that one page examines.
///
/// # Errors
/// Those of the database, and those of `key`.
pub async fn list_fitting<K: Copy + Serialize>(
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

/// An index entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<K> {
    /// Its position in the list.
    pub key: K,
    /// Whether it matches the filters.
    pub fits: bool,
}

/// A page of the matching entries. `entries` are in list order; more than `examined` of them means that the list
/// continues.
#[must_use]
pub fn page_of_fitting<K: Copy + Serialize>(
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
        assert_eq!(page(entries(200, |key| key == 150), 3), (vec![150], None));
        assert_eq!(page(entries(201, |key| key == 150), 3), (vec![150], Some(199)));
        assert_eq!(page(entries(201, |key| key == 200), 3), (vec![], Some(199)));
        assert_eq!(page(Vec::new(), 3), (vec![], None));
    }
}
