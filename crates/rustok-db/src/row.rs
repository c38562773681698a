//! Result rows: columns are read by name and decoded, or refused.
//!
//! A name is looked up among the columns once per query, not once per row.

use crate::error::StoreError;
use crate::value::POSTGRES_EPOCH_MICROS;
use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rustok_core::ids::Id;
use rustok_core::money::Currency;
use serde::de::DeserializeOwned;
use std::cell::{Cell, RefCell};
use std::error::Error;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

/// A column's value, borrowed from the driver.
#[derive(Debug, Clone, Copy)]
pub enum Column<'a> {
    /// NULL.
    Null,
    /// `boolean` of PostgreSQL.
    Bool(bool),
    /// `bigint` or `integer`; on SQLite also a boolean, or a time in microseconds.
    Int(i64),
    /// `text` or JSON.
    Text(&'a str),
    /// `bytea`; on SQLite also a UUID.
    Bytes(&'a [u8]),
    /// `uuid` of PostgreSQL.
    Uuid(Uuid),
    /// `timestamptz` of PostgreSQL.
    Time(Timestamp),
}

/// Column positions found so far for a query, in the order in which they were read.
///
/// The same code reads all rows of one query, so the k-th read of a row nearly always wants the column of the k-th
/// read of the row before it: the very same literal.
#[derive(Default)]
pub(crate) struct Places(RefCell<Vec<(&'static str, usize)>>);

impl Places {
    fn find(&self, read: usize, column: &'static str) -> Option<usize> {
        let known = self.0.borrow();
        let (name, place) = known.get(read)?;
        std::ptr::eq(*name, column).then_some(*place)
    }

    fn keep(&self, read: usize, column: &'static str, place: usize) {
        let mut known = self.0.borrow_mut();
        if known.len() == read {
            known.push((column, place));
        }
    }
}

/// A row of either database.
pub struct Row<'a> {
    table: &'static str,
    places: &'a Places,
    /// How many columns have been read from it.
    reads: Cell<usize>,
    inner: Inner<'a>,
}

enum Inner<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl<'a> Row<'a> {
    /// `places` belong to the query that returned the row.
    pub(crate) fn sqlite(table: &'static str, row: &'a rusqlite::Row<'a>, places: &'a Places) -> Self {
        Self::new(table, Inner::Sqlite(row), places)
    }

    /// As [`Row::sqlite`].
    pub(crate) fn postgres(table: &'static str, row: &'a tokio_postgres::Row, places: &'a Places) -> Self {
        Self::new(table, Inner::Postgres(row), places)
    }

    fn new(table: &'static str, inner: Inner<'a>, places: &'a Places) -> Self {
        Self {
            table,
            places,
            reads: Cell::new(0),
            inner,
        }
    }

    /// The column as `T`.
    ///
    /// # Errors
    /// [`StoreError::InconsistentRow`] if the statement has no such column, or its value does not decode into `T`.
    pub fn get<T: FromColumn>(&self, column: &'static str) -> Result<T, StoreError> {
        self.place(column)
            .and_then(|place| self.value(place))
            .and_then(|value| T::from_column(value).ok_or_else(|| format!("{value:?} does not decode")))
            .map_err(|reason| self.inconsistent(column, &reason))
    }

    fn place(&self, column: &'static str) -> Result<usize, String> {
        let read = self.reads.replace(self.reads.get() + 1);
        if let Some(place) = self.places.find(read, column) {
            return Ok(place);
        }
        let place = match &self.inner {
            Inner::Sqlite(row) => row.as_ref().column_index(column).ok(),
            Inner::Postgres(row) => row.columns().iter().position(|known| known.name() == column),
        };
        let place = place.ok_or("the statement has no such column")?;
        self.places.keep(read, column, place);
        Ok(place)
    }

    fn value(&self, place: usize) -> Result<Column<'a>, String> {
        match self.inner {
            Inner::Sqlite(row) => row
                .get_ref(place)
                .map_err(|error| error.to_string())
                .and_then(sqlite_column),
            Inner::Postgres(row) => row
                .try_get::<_, Option<PostgresColumn<'_>>>(place)
                .map(|value| value.map_or(Column::Null, |column| column.0))
                .map_err(|error| {
                    error
                        .source()
                        .map_or_else(|| error.to_string(), ToString::to_string)
                }),
        }
    }

    /// The error for a row that breaks the rules of its type.
    #[must_use]
    pub fn inconsistent(&self, column: &str, reason: &str) -> StoreError {
        StoreError::inconsistent(self.table, column, reason)
    }
}

fn sqlite_column(value: ValueRef<'_>) -> Result<Column<'_>, String> {
    Ok(match value {
        ValueRef::Null => Column::Null,
        ValueRef::Integer(value) => Column::Int(value),
        ValueRef::Text(text) => Column::Text(std::str::from_utf8(text).map_err(|error| error.to_string())?),
        ValueRef::Blob(bytes) => Column::Bytes(bytes),
        ValueRef::Real(_) => return Err("a float, which no column holds".to_owned()),
    })
}

struct PostgresColumn<'a>(Column<'a>);

impl<'a> FromSql<'a> for PostgresColumn<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::BOOL => Column::Bool(bool::from_sql(ty, raw)?),
            Type::INT8 => Column::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Column::Int(i32::from_sql(ty, raw)?.into()),
            Type::TEXT | Type::VARCHAR => Column::Text(std::str::from_utf8(raw)?),
            Type::BYTEA => Column::Bytes(raw),
            Type::UUID => Column::Uuid(Uuid::from_slice(raw)?),
            Type::TIMESTAMPTZ => {
                let micros = i64::from_be_bytes(raw.try_into()?);
                let micros = micros
                    .checked_add(POSTGRES_EPOCH_MICROS)
                    .ok_or("time out of range")?;
                Column::Time(Timestamp::from_microsecond(micros)?)
            }
            Type::JSONB => match raw.split_first() {
                Some((1, json)) => Column::Text(std::str::from_utf8(json)?),
                _ => return Err("unknown jsonb version".into()),
            },
            _ => return Err(format!("columns of type {ty} are not read").into()),
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A type that a column decodes into.
pub trait FromColumn: Sized {
    /// The value of a column; `None` when it does not fit.
    fn from_column(column: Column<'_>) -> Option<Self>;
}

impl FromColumn for i64 {
    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Int(value) = column {
            Some(value)
        } else {
            None
        }
    }
}

impl FromColumn for bool {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Bool(value) => Some(value),
            Column::Int(0) => Some(false),
            Column::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl FromColumn for String {
    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Text(text) = column {
            Some(text.to_owned())
        } else {
            None
        }
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Bytes(bytes) = column {
            Some(bytes.to_vec())
        } else {
            None
        }
    }
}

impl FromColumn for [u8; 32] {
    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Bytes(bytes) = column {
            bytes.try_into().ok()
        } else {
            None
        }
    }
}

impl FromColumn for Uuid {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Uuid(id) => Some(id),
            Column::Bytes(bytes) => Self::from_slice(bytes).ok(),
            _ => None,
        }
    }
}

impl FromColumn for Timestamp {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Time(time) => Some(time),
            Column::Int(micros) => Self::from_microsecond(micros).ok(),
            _ => None,
        }
    }
}

impl FromColumn for Currency {
    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Text(code) = column {
            Self::parse(code).ok()
        } else {
            None
        }
    }
}

/// A decoded JSON column.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromColumn for Json<T> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Text(json) = column {
            serde_json::from_str(json).ok().map(Self)
        } else {
            None
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        if let Column::Null = column {
            Some(None)
        } else {
            T::from_column(column).map(Some)
        }
    }
}

impl<K> FromColumn for Id<K> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        Uuid::from_column(column).map(Self::from_uuid)
    }
}
