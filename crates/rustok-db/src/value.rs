//! Statement parameters: one value type that both drivers bind.

use bytes::{BufMut, BytesMut};
use jiff::Timestamp;
use rustok_core::ids::Id;
use std::borrow::Cow;
use std::error::Error;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// Microseconds between the Unix epoch and PostgreSQL's, 2000-01-01.
pub(crate) const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// NULL, of any type.
    Null,
    /// `boolean` on PostgreSQL, 0 or 1 on SQLite.
    Bool(bool),
    /// `bigint` or `integer`.
    Int(i64),
    /// `text`.
    Text(Cow<'a, str>),
    /// `bytea` on PostgreSQL, BLOB on SQLite.
    Bytes(Cow<'a, [u8]>),
    /// `uuid` on PostgreSQL, its 16 bytes on SQLite.
    Uuid(Uuid),
    /// `timestamptz` on PostgreSQL, microseconds since the Unix epoch on SQLite.
    Time(Timestamp),
    /// JSON text: `jsonb` on PostgreSQL, TEXT on SQLite.
    Json(String),
}

/// `a = $3, b = $4`, and so on, for the SET of an UPDATE.
#[must_use]
pub fn assignments(columns: &[&str], first: usize) -> String {
    let numbered = columns.iter().zip(first..);
    let each: Vec<_> = numbered
        .map(|(column, number)| format!("{column} = ${number}"))
        .collect();
    each.join(", ")
}

/// `params![a, b]` is `&[Value::from(a), Value::from(b)]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::Value::from($value)),*][..] };
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a> From<&'a [u8; 32]> for Value<'a> {
    fn from(bytes: &'a [u8; 32]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Time(value)
    }
}

impl From<&serde_json::Value> for Value<'_> {
    fn from(value: &serde_json::Value) -> Self {
        Self::Json(value.to_string())
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<K> From<Id<K>> for Value<'_> {
    fn from(id: Id<K>) -> Self {
        Self::Uuid(id.as_uuid())
    }
}

impl From<Uuid> for Value<'_> {
    fn from(id: Uuid) -> Self {
        Self::Uuid(id)
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Uuid(id) => ValueRef::Blob(id.as_bytes()),
            Self::Time(time) => ValueRef::Integer(time.as_microsecond()),
            Self::Json(json) => ValueRef::Text(json.as_bytes()),
        }))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self, ty) {
            (Self::Null, _) => return Ok(IsNull::Yes),
            (Self::Bool(value), &Type::BOOL) => out.put_u8(u8::from(*value)),
            (Self::Int(value), &Type::INT8) => out.put_i64(*value),
            (Self::Int(value), &Type::INT4) => out.put_i32(i32::try_from(*value)?),
            (Self::Text(text), &Type::TEXT | &Type::VARCHAR) => out.put_slice(text.as_bytes()),
            (Self::Bytes(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (Self::Uuid(id), &Type::UUID) => out.put_slice(id.as_bytes()),
            (Self::Time(time), &Type::TIMESTAMPTZ) => {
                out.put_i64(time.as_microsecond() - POSTGRES_EPOCH_MICROS);
            }
            (Self::Json(json), &Type::JSONB) => {
                out.put_u8(1);
                out.put_slice(json.as_bytes());
            }
            (value, ty) => {
                return Err(format!("a {value:?} cannot be bound to a parameter of type {ty}").into());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// `$start, $start+1, ...` for an IN list of `count` values. The caller pads the list to a power of two with [`pad`],
/// so that few different statements are prepared.
#[must_use]
pub fn placeholders(start: usize, count: usize) -> String {
    (start..start + count)
        .map(|n| format!("${n}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Repeats the last value until the length is a power of two.
pub fn pad(values: &mut Vec<Value<'_>>) {
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_padded_with_their_last_value() {
        let mut values = vec![Value::Int(1), Value::Int(2), Value::Int(3)];
        pad(&mut values);
        assert_eq!(
            values,
            [Value::Int(1), Value::Int(2), Value::Int(3), Value::Int(3)]
        );
        assert_eq!(placeholders(2, values.len()), "$2, $3, $4, $5");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_by_postgres_binding() {
        let bound = ToSql::to_sql(&Value::Int(1), &Type::TEXT, &mut BytesMut::new());
        assert!(bound.is_err());
    }
}
