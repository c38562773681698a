//! Statements that are sent together, and what must come of each.

use crate::error::StoreError;
use crate::row::Row;
use crate::value::Value;
use std::borrow::Cow;
use std::fmt;

/// How many rows a write must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Any number, none included.
    Any,
    /// This number; any other is [`StoreError::Stale`].
    Exactly(u64),
}

impl Expect {
    pub(crate) fn check(self, table: &'static str, changed: u64) -> Result<(), StoreError> {
        match self {
            Self::Exactly(expected) if changed != expected => Err(StoreError::Stale {
                table,
                expected,
                changed,
            }),
            _ => Ok(()),
        }
    }
}

/// One of several statements sent together.
#[derive(Debug, Clone)]
pub struct Statement<'a> {
    /// The table that errors, times and spans name.
    pub table: &'static str,
    /// Its text, with `$1`, `$2` and so on for the parameters.
    pub sql: Cow<'static, str>,
    /// The parameters, in the order of their numbers.
    pub params: Vec<Value<'a>>,
    /// How many rows it must change.
    pub expect: Expect,
}

impl<'a> Statement<'a> {
    /// A write that must change exactly one row.
    pub fn one(table: &'static str, sql: impl Into<Cow<'static, str>>, params: &[Value<'a>]) -> Self {
        Self {
            table,
            sql: sql.into(),
            params: params.to_vec(),
            expect: Expect::Exactly(1),
        }
    }

    /// A statement that may change any number of rows, none included.
    pub fn any(table: &'static str, sql: impl Into<Cow<'static, str>>, params: &[Value<'a>]) -> Self {
        Self {
            expect: Expect::Any,
            ..Self::one(table, sql, params)
        }
    }
}

/// A question that a transaction asks as the last step before its COMMIT: whether it may still be committed.
///
/// Its statement is a query for one row with one column `stands`, which divides by zero where the answer is no:
/// `SELECT 1 / count(*) AS stands FROM ..`. On PostgreSQL it is sent in one flight with the COMMIT, before its answer
/// could be read: the division fails the transaction, and the COMMIT behind it keeps nothing. SQLite returns NULL for
/// the division.
#[derive(Clone)]
pub struct CommitCheck {
    /// The question.
    pub statement: Statement<'static>,
    /// The error of the commit if the answer is no.
    pub refusal: fn() -> StoreError,
}

impl fmt::Debug for CommitCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CommitCheck").field(&self.statement).finish()
    }
}

/// PostgreSQL's error code for a division by zero.
pub(crate) const DIVISION_BY_ZERO: &str = "22012";

/// The answer to a [`CommitCheck`].
pub(crate) fn stands(row: &Row<'_>) -> Result<bool, StoreError> {
    Ok(row.get::<Option<i64>>("stands")?.is_some())
}
