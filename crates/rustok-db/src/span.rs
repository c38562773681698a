//! Trace spans of database calls, with the names and numbers of the semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/db/database-spans/>).
//!
//! Spans of this target exist only while the request is recorded; otherwise nothing here is evaluated. Neither the
//! text of a statement nor a value may get into a span.

use crate::error::StoreError;
use crate::statement::Statement;
use std::borrow::Cow;
use std::fmt::Display;
use tracing::field::Empty;
use tracing::{Level, Span};

/// Maximum length of a summary in bytes; the conventions ask for 255.
const MAX_SUMMARY: usize = 255;

macro_rules! db_span {
    ($name:expr, $kind:literal, $($fields:tt)*) => {
        tracing::info_span!(
            target: "rustok.trace",
            "database",
            otel.name = $name,
            otel.kind = $kind,
            db.response.status_code = Empty,
            error.type = Empty,
            $($fields)*
        )
    };
}

/// One statement on a table. With an empty table it only controls the transaction.
pub(crate) fn statement(system: &'static str, table: &'static str, sql: &str) -> Span {
    db_span!(
        summary(&[(sql, table)]).as_str(),
        "client",
        db.system.name = system,
        db.operation.name = operation(sql),
        db.collection.name = (!table.is_empty()).then_some(table),
        db.query.summary = summary(&[(sql, table)]).as_str()
    )
}

/// Several statements sent together.
pub(crate) fn batch(system: &'static str, statements: &[Cow<'_, Statement<'_>>]) -> Span {
    let summary = || {
        let parts = statements
            .iter()
            .map(|statement| (&*statement.sql, statement.table));
        summary(&parts.collect::<Vec<_>>())
    };
    db_span!(
        summary().as_str(),
        "client",
        db.system.name = system,
        db.operation.name = "BATCH",
        db.operation.batch.size = statements.len(),
        db.query.summary = summary().as_str()
    )
}

/// Waiting for a connection, or for the turn to write.
pub(crate) fn acquire(system: &'static str) -> Span {
    db_span!("acquire connection", "internal", db.system.name = system)
}

/// Records the result. Losing a race against another writer is no failure of the database.
pub(crate) fn ended<T>(span: &Span, answer: &Result<T, StoreError>) {
    let failure = match answer {
        Ok(_)
        | Err(
            StoreError::Stale { .. }
            | StoreError::TokenRevoked
            | StoreError::SessionEnded
            | StoreError::TenantSuspended,
        ) => {
            return;
        }
        Err(StoreError::Unavailable(_)) => "unavailable",
        Err(StoreError::Trouble(_)) => "trouble",
        Err(StoreError::DiskFull(_)) => "disk_full",
        Err(StoreError::SchemaMissing(_)) => "schema_missing",
        Err(StoreError::Damaged(_)) => "damaged",
        Err(StoreError::ReadOnly(_)) => "read_only",
        Err(StoreError::Unfit(_)) => "unfit",
        Err(StoreError::Locked(_)) => "locked",
        Err(StoreError::Timeout(_)) => "timeout",
        Err(StoreError::InDoubt(_)) => "in_doubt",
        Err(StoreError::Rejected { .. }) => "rejected",
        Err(StoreError::Overloaded) => "overloaded",
        Err(StoreError::Taken { .. }) => "taken",
        Err(StoreError::Serialization(_)) => "serialization",
        Err(StoreError::InconsistentRow { .. }) => "inconsistent_row",
        Err(StoreError::Refused { .. }) => "refused",
        Err(StoreError::Setup(_)) => "setup",
    };
    span.record("error.type", failure);
}

/// Records the code with which the database refused the current request.
pub(crate) fn refused(code: impl Display) {
    tracing::event!(target: "rustok.trace", Level::INFO, db.response.status_code = %code);
}

/// The verb of a statement.
fn operation(sql: &str) -> &str {
    let mut words = sql.split_whitespace();
    match words.next().unwrap_or_default() {
        "WITH" => words
            .find(|word| matches!(*word, "INSERT" | "UPDATE" | "DELETE"))
            .unwrap_or("SELECT"),
        verb => verb,
    }
}

/// `INSERT orders INSERT outbox`: few different values, whatever the statements hold. Repeats are listed once.
fn summary(statements: &[(&str, &'static str)]) -> String {
    let mut summary = String::new();
    let mut last = None;
    for (sql, table) in statements {
        let part = (operation(sql), *table);
        if last.replace(part) == Some(part) {
            continue;
        }
        if summary.len() + part.0.len() + table.len() + 2 > MAX_SUMMARY {
            break;
        }
        for word in [part.0, part.1] {
            if !summary.is_empty() && !word.is_empty() {
                summary.push(' ');
            }
            summary.push_str(word);
        }
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_verbs_and_tables_and_no_values() {
        assert_eq!(summary(&[("SELECT a FROM b WHERE c = $1", "b")]), "SELECT b");
        assert_eq!(summary(&[("COMMIT", "")]), "COMMIT");
        let with = "WITH x AS (VALUES ($1)) UPDATE t SET a = b FROM x";
        assert_eq!(operation(with), "UPDATE");
        assert_eq!(
            operation("WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x"),
            "SELECT"
        );
        let many = [
            ("INSERT INTO orders", "orders"),
            ("INSERT INTO lines", "lines"),
            ("INSERT INTO lines", "lines"),
            ("UPDATE stock", "stock"),
        ];
        assert_eq!(summary(&many), "INSERT orders INSERT lines UPDATE stock");
        let long: Vec<_> = (0..100).map(|n| many[n % 2]).collect();
        assert!(summary(&long).len() <= MAX_SUMMARY);
    }
}
