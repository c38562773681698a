//! Lists with several filters: one filter has an index to go along, the others are looked at, for so many of its entries.
//!
//! However much data there is, a page costs no more than that. Where few entries fit it is shorter than was asked for,
//! and the next one goes on behind the last entry that was looked at.

use crate::value::Value;
use rustok_core::page::{Cursor, Limit, ListKey, Page};
use serde::Serialize;

/// How many entries of an index one page looks at.
pub(crate) const EXAMINED: usize = 500;
/// What a statement takes: one more tells whether there are more.
pub(crate) const EXAMINED_PLUS_ONE: i64 = 501;

/// How a list goes through a table: along an index, newest first or by the last change.
pub(crate) struct Walk<'a> {
    pub(crate) table: &'static str,
    /// SQLite is told which one; PostgreSQL finds it.
    pub(crate) index: &'static str,
    /// The condition that a partial index has, on a column without an alias.
    pub(crate) standing: Option<&'static str>,
    /// What the index ends the walk by: columns with their operators, and values.
    pub(crate) within: Vec<(&'static str, Value<'a>)>,
    /// What is looked at in each entry.
    pub(crate) rest: Vec<(&'static str, Value<'a>)>,
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
                // What is not later is where an index can start; the rest is for equal times.
                Some(time) => format!(
                    " AND {alias}.{time} <= ${first} AND ({alias}.{time}, {alias}.id) < (${first}, ${})",
                    first + 1
                ),
            });
        }
        let order = self
            .time
            .map_or_else(String::new, |time| format!("{alias}.{time} DESC, "));
        sql.push_str(&format!(" ORDER BY {order}{alias}.id DESC"));
        sql
    }

    /// Whether the row `alias` has what is looked at in each entry.
    pub(crate) fn fits(&self, alias: &str, values: &mut Vec<Value<'a>>) -> String {
        let mut conditions: Vec<String> = self
            .standing
            .iter()
            .map(|standing| format!("{alias}.{standing}"))
            .collect();
        for (column, value) in self.within.iter().chain(&self.rest) {
            values.push(value.clone());
            conditions.push(format!("{alias}.{column} ${}", values.len()));
        }
        format!("CASE WHEN {} THEN true ELSE false END", conditions.join(" AND "))
    }

    /// As many entries as a page looks at, each with its place and whether it fits.
    pub(crate) fn entries(
        &self,
        after: Option<Vec<Value<'static>>>,
        values: &mut Vec<Value<'a>>,
        is_postgres: bool,
    ) -> String {
        let from = self.from("x", is_postgres);
        let fits = self.fits("x", values);
        let along = self.along("x", after, values);
        let time = self.time.map_or_else(String::new, |time| format!("x.{time}, "));
        format!("SELECT {time}x.id, {fits} AS fits FROM {from} WHERE {along} LIMIT {EXAMINED_PLUS_ONE}")
    }
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
