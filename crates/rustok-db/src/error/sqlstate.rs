//! What an error code of PostgreSQL means for the caller and for the circuit breaker: one table over all classes.
//!
//! The codes are those of <https://www.postgresql.org/docs/current/errcodes-appendix.html>. No code may be mapped
//! anywhere else.

use super::StoreError;
use tokio_postgres::error::DbError;

/// What a code means; each leads to one variant of [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Taken,
    Serialization,
    Locked,
    ReadOnly,
    Unfit,
    Timeout,
    Overloaded,
    Unavailable,
    DiskFull,
    Trouble,
    Damaged,
    SchemaMissing,
    Refused,
}

use Meaning::*;

/// A code of five characters, or a class of two for all its other codes. A class that is not here is [`Refused`]: the
/// statement is a defect of this program. For the breaker only [`Unavailable`] and [`Timeout`] are failures
/// ([`StoreError::breaker_outcome`]).
const MEANINGS: &[(&str, Meaning)] = &[
    ("08", Unavailable),
    // The protocol was not kept: a pooler exchanged the session.
    ("08P01", Unfit),
    // This session does not know a statement or cannot run it any more, has lost its role, or is not in the expected
    // transaction.
    ("0A000", Unfit),
    ("25P01", Unfit),
    ("25P02", Unfit),
    ("26000", Unfit),
    ("42P05", Unfit),
    ("23505", Taken),
    ("25006", ReadOnly),
    // The server ended a transaction that was idle or took for too long, for example in a stopped process: it can be
    // retried.
    ("25P03", Serialization),
    ("25P04", Serialization),
    // The rights of the login role, and its database, are examined when a session begins.
    ("28", Unavailable),
    ("3D000", Unavailable),
    // A schema, column, function, object or table is missing, or a unique key that an upsert relies on.
    ("3F000", SchemaMissing),
    ("42703", SchemaMissing),
    ("42704", SchemaMissing),
    ("42883", SchemaMissing),
    ("42P01", SchemaMissing),
    ("42P10", SchemaMissing),
    ("40001", Serialization),
    ("40P01", Serialization),
    ("53", Trouble),
    ("53100", DiskFull),
    // All connections of the server are in use: the server itself is healthy.
    ("53300", Overloaded),
    ("55P03", Locked),
    ("57", Unavailable),
    ("57014", Timeout),
    ("58", Trouble),
    ("F0", Trouble),
    ("XX", Trouble),
    ("XX001", Damaged),
    ("XX002", Damaged),
];

/// The routine of the server that refuses `SET ROLE`, for a role that is missing or not granted. The code alone (22023,
/// 42501) does not say so, and the message is in the server's language.
const SET_ROLE: &str = "call_string_check_hook";

fn meaning(code: &str, routine: Option<&str>) -> Meaning {
    if matches!(code, "22023" | "42501") && routine == Some(SET_ROLE) {
        return SchemaMissing;
    }
    let of = |wanted: &str| MEANINGS.iter().find(|(known, _)| *known == wanted);
    of(code)
        .or_else(|| of(code.get(..2)?))
        .map_or(Refused, |(_, meaning)| *meaning)
}

/// The error for an answer of the server to a statement on `table`.
pub(super) fn error(table: &'static str, answer: &DbError) -> StoreError {
    let text = answer.message().to_owned();
    match meaning(answer.code().code(), answer.routine()) {
        // Each unique constraint is named after its columns: under row security the server reports nothing else
        // about it.
        Taken => StoreError::Taken {
            key: answer.constraint().unwrap_or(table).to_owned(),
        },
        Serialization => StoreError::Serialization(text),
        Locked => StoreError::Locked(text),
        ReadOnly => StoreError::ReadOnly(text),
        Unfit => StoreError::Unfit(text),
        Timeout => StoreError::Timeout("a statement ran"),
        Overloaded => StoreError::Overloaded,
        Unavailable => StoreError::Unavailable(text),
        DiskFull => StoreError::DiskFull(text),
        Trouble => StoreError::Trouble(text),
        Damaged => StoreError::Damaged(text),
        SchemaMissing => StoreError::SchemaMissing(text),
        Refused => StoreError::Refused {
            table,
            reason: format!("{text} ({})", answer.code().code()),
        },
    }
}
