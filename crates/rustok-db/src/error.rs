//! Errors of the database layer, distinguished by what the caller can do about them.
//!
//! No text of a driver, no SQL and no connection string may reach a public message from here.

mod sqlstate;

use crate::span;
use rustok_auth::AuthError;
use rustok_core::error::{BreakerOutcome, ErrorContext, ErrorKind, Origin, RichError};
use rustok_core::resilience::circuit_breaker::Rejection;
use rustok_tenancy::TenantError;
use std::time::Duration;
use thiserror::Error;

/// An error of the database layer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database cannot be reached, refuses the connection or is shutting down; a retry may work. Nothing was
    /// committed.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The database answers but cannot do this: out of memory, an error of its disk, an internal error.
    #[error("database is in trouble: {0}")]
    Trouble(String),
    /// The disk of the database is full. Nothing was committed.
    #[error("database has no disk space left: {0}")]
    DiskFull(String),
    /// A schema, table, column, function or role that the migrations create is missing, as after a restore of
    /// something else. Nothing was committed.
    #[error("database lacks a part of its schema: {0}")]
    SchemaMissing(String),
    /// The database file is damaged or unreadable.
    #[error("database is damaged: {0}")]
    Damaged(String),
    /// The server takes no writes: a standby, or one that was made read-only. Another server, or a later retry, may
    /// work. Nothing was committed.
    #[error("database takes no writes: {0}")]
    ReadOnly(String),
    /// The session is not the one that was prepared: a pooler exchanged it, or the schema changed under it. A retry
    /// on another connection may work. Nothing was committed.
    #[error("database session is of no use: {0}")]
    Unfit(String),
    /// The deadline passed before the database answered. Nothing was committed.
    #[error("database deadline passed while {0}")]
    Timeout(&'static str),
    /// No answer to a commit arrived: whether it happened is unknown.
    #[error("whether it was committed is not known: {0}")]
    InDoubt(String),
    /// The circuit breaker is open after earlier failures: the database was not asked.
    #[error("database circuit breaker is open, retry after {retry_after:?}")]
    Rejected {
        /// When to retry.
        retry_after: Duration,
    },
    /// Too many transactions already wait for a connection: the database was not asked.
    #[error("too many wait for a database connection")]
    Overloaded,
    /// The token that the transaction writes for was revoked meanwhile. Nothing was committed.
    #[error("the token was revoked meanwhile")]
    TokenRevoked,
    /// The session that the transaction writes for ended meanwhile, or its user is no member any more. Nothing was
    /// committed.
    #[error("the session ended meanwhile")]
    SessionEnded,
    /// The tenant that the transaction writes for was suspended meanwhile. Nothing was committed.
    #[error("the tenant was suspended meanwhile")]
    TenantSuspended,
    /// A unique key is taken; `key` is `table(column,...)` without the tenant.
    #[error("unique key {key} is taken")]
    Taken {
        /// The key, for example `products(handle)`.
        key: String,
    },
    /// A compare-and-swap found another version, or no row.
    #[error("{table}: expected {expected} rows to change, but {changed} did")]
    Stale {
        /// The table.
        table: &'static str,
        /// How many rows should have changed.
        expected: u64,
        /// How many did.
        changed: u64,
    },
    /// The transaction conflicted with another one and can be retried.
    #[error("transaction conflict: {0}")]
    Serialization(String),
    /// Another transaction or process held a lock for too long. Nothing was committed; a later retry may work.
    #[error("held by another transaction: {0}")]
    Locked(String),
    /// A stored row breaks the rules of its type: refused when it was read.
    #[error("inconsistent row in {table}, column {column}: {reason}")]
    InconsistentRow {
        /// The table.
        table: &'static str,
        /// The column, or the rule it breaks.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A CHECK or foreign key refused a write, or a statement is invalid: a defect in this program.
    #[error("database refused a statement on {table}: {reason}")]
    Refused {
        /// The table.
        table: &'static str,
        /// The driver's words.
        reason: String,
    },
    /// The database cannot be opened as configured.
    #[error("{0}")]
    Setup(String),
}

/// How long a caller should wait before a retry when the database is unavailable.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl StoreError {
    /// A row that breaks the rules of its type: `column` is the column, or the rule that it breaks.
    #[must_use]
    pub fn inconsistent(table: &'static str, column: &str, reason: &str) -> Self {
        Self::InconsistentRow {
            table,
            column: column.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// Whether the unique key `key` (as `products(handle)`) was taken.
    #[must_use]
    pub fn is_taken(&self, wanted: &str) -> bool {
        matches!(self, Self::Taken { key } if key == wanted)
    }

    /// Whether the database gave no usable answer, whatever the cause; a later retry may work.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::Trouble(_)
                | Self::DiskFull(_)
                | Self::SchemaMissing(_)
                | Self::Damaged(_)
                | Self::ReadOnly(_)
                | Self::Unfit(_)
                | Self::Locked(_)
                | Self::Timeout(_)
                | Self::InDoubt(_)
                | Self::Rejected { .. }
                | Self::Overloaded
        )
    }

    /// The outcome for a circuit breaker: only failed connections and missing answers count as failures. Any answer
    /// of the database shows that it is up, and what this program refuses itself shows nothing.
    #[must_use]
    pub fn breaker_outcome(&self) -> BreakerOutcome {
        match self {
            Self::Unavailable(_) | Self::Timeout(_) | Self::InDoubt(_) => BreakerOutcome::Failure,
            Self::Rejected { .. } | Self::Overloaded => BreakerOutcome::Ignored,
            Self::Trouble(_)
            | Self::DiskFull(_)
            | Self::SchemaMissing(_)
            | Self::Damaged(_)
            | Self::ReadOnly(_)
            | Self::Unfit(_)
            | Self::Locked(_)
            | Self::TokenRevoked
            | Self::SessionEnded
            | Self::TenantSuspended
            | Self::Taken { .. }
            | Self::Stale { .. }
            | Self::Serialization(_)
            | Self::InconsistentRow { .. }
            | Self::Refused { .. }
            | Self::Setup(_) => BreakerOutcome::Success,
        }
    }

    /// Maps the error of a failed COMMIT: unless the database itself answered, the commit may have happened.
    pub(crate) fn of_commit(self) -> Self {
        match self {
            // A pooler reports the loss of its server as a breach of the protocol.
            Self::Unavailable(reason) | Self::Unfit(reason) => Self::InDoubt(reason),
            Self::Timeout(doing) => Self::InDoubt(format!("deadline passed while {doing}")),
            other => other,
        }
    }

    pub(crate) fn from_sqlite(table: &'static str, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let text = error.to_string();
        if let Some(failure) = error.sqlite_error() {
            span::refused(failure.extended_code);
        }
        // An error with a place in the statement has no code here.
        match error.sqlite_error_code().unwrap_or(Code::Unknown) {
            Code::ConstraintViolation => match text.strip_prefix("UNIQUE constraint failed: ") {
                Some(columns) => Self::Taken {
                    key: sqlite_key(columns),
                },
                None => Self::Refused { table, reason: text },
            },
            Code::DatabaseBusy
            | Code::DatabaseLocked
            | Code::CannotOpen
            | Code::FileLockingProtocolFailed => Self::Unavailable(text),
            Code::SystemIoFailure if is_unreadable(error) => Self::Damaged(text),
            Code::DiskFull => Self::DiskFull(text),
            Code::SystemIoFailure | Code::OutOfMemory | Code::ReadOnly => Self::Trouble(text),
            Code::Unknown if lacks_schema(&text) => Self::SchemaMissing(text),
            Code::DatabaseCorrupt | Code::NotADatabase => Self::Damaged(text),
            Code::OperationInterrupted => Self::Timeout("a statement ran"),
            _ => Self::Refused { table, reason: text },
        }
    }

    /// The driver's message and that of its source.
    pub(crate) fn driver_text(error: &tokio_postgres::Error) -> String {
        std::error::Error::source(error)
            .map_or_else(|| error.to_string(), |below| format!("{error}: {below}"))
    }

    pub(crate) fn from_postgres(table: &'static str, error: &tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let text = Self::driver_text(error);
            let encoding = text.starts_with("error serializing") || text.starts_with("error deserializing");
            return if encoding {
                Self::Refused { table, reason: text }
            } else {
                Self::Unavailable(text)
            };
        };
        span::refused(db.code().code());
        sqlstate::error(table, db)
    }
}

/// Whether SQLite's message says that a table or column is missing; it has no code for that.
fn lacks_schema(text: &str) -> bool {
    ["no such table: ", "no such column: "]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        || text.contains(" has no column named ")
}

/// Whether a page of the file could not be read. A failed write is not damage: another disk may be all it needs.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi;
    error.sqlite_error().is_some_and(|failure| {
        matches!(
            failure.extended_code,
            ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS
        )
    })
}

/// `products.tenant_id, products.handle` → `products(handle)`.
fn sqlite_key(columns: &str) -> String {
    let mut parts = columns
        .split(", ")
        .filter_map(|part| part.split_once('.'))
        .peekable();
    let table = parts.peek().map_or("", |(table, _)| table);
    let columns: Vec<_> = parts
        .map(|(_, column)| column)
        .filter(|c| *c != "tenant_id")
        .collect();
    format!("{table}({})", columns.join(","))
}

impl From<Rejection> for StoreError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected {
            retry_after: rejection.retry_after,
        }
    }
}

impl From<StoreError> for RichError {
    #[track_caller]
    fn from(error: StoreError) -> Self {
        let (kind, message) = match &error {
            // As in authentication: to the client it is a token that is not known.
            StoreError::TokenRevoked => return Self::from(AuthError::UnknownToken).with_source(error),
            StoreError::SessionEnded => return Self::from(AuthError::UnknownSession).with_source(error),
            StoreError::TenantSuspended => return Self::from(TenantError::Suspended).with_source(error),
            StoreError::Unavailable(_)
            | StoreError::Trouble(_)
            | StoreError::DiskFull(_)
            | StoreError::SchemaMissing(_)
            | StoreError::Damaged(_)
            | StoreError::ReadOnly(_)
            | StoreError::Unfit(_)
            | StoreError::Timeout(_)
            | StoreError::Rejected { .. } => (ErrorKind::Unavailable, "database unavailable"),
            StoreError::Overloaded => (ErrorKind::Unavailable, "too many wait for the database"),
            StoreError::Serialization(_) => (ErrorKind::Unavailable, "transaction conflict"),
            StoreError::Locked(_) => (ErrorKind::Unavailable, "locked by another transaction"),
            StoreError::InDoubt(_) => (ErrorKind::Timeout, "commit in doubt"),
            StoreError::Taken { .. } => (ErrorKind::Conflict, "unique key taken"),
            StoreError::Stale { .. } => (ErrorKind::Conflict, "stale write"),
            StoreError::InconsistentRow { .. } | StoreError::Refused { .. } | StoreError::Setup(_) => {
                (ErrorKind::Internal, "storage defect")
            }
        };
        let rich = Self::new(kind, message);
        match &error {
            StoreError::Unavailable(_)
            | StoreError::Trouble(_)
            | StoreError::DiskFull(_)
            | StoreError::SchemaMissing(_)
            | StoreError::Damaged(_)
            | StoreError::ReadOnly(_)
            | StoreError::Unfit(_)
            | StoreError::Timeout(_) => rich
                .with_code("database_unavailable")
                .with_retry_after(RETRY_AFTER),
            StoreError::Serialization(_) | StoreError::Locked(_) => rich.with_retry_after(RETRY_AFTER),
            StoreError::Rejected { retry_after } => rich
                .with_code("circuit_open")
                .with_origin(Origin::Local)
                .with_retry_after(*retry_after),
            StoreError::Overloaded => rich
                .with_code("overloaded")
                .with_origin(Origin::Local)
                .with_retry_after(RETRY_AFTER),
            StoreError::InDoubt(_) => rich.with_code("outcome_unknown").with_public(
                "The database did not tell whether the change was made. Read before you repeat the request, or repeat \
                 it with the same Idempotency-Key.",
            ),
            StoreError::Stale { .. } => rich.with_code("version_conflict").with_public(
                "It was changed by somebody else meanwhile. Read it again and repeat the request.",
            ),
            _ => rich,
        }
        .with_source(error)
    }
}

impl ErrorContext for StoreError {
    type Output = RichError;

    fn map_rich(self, add: impl FnOnce(RichError) -> RichError) -> RichError {
        add(self.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "canary-postgres://root:hunter2@db/SELECT * FROM orders";

    /// Every variant with all of its texts poisoned, and what it must become: kind, code, public text.
    fn expected() -> [(StoreError, ErrorKind, &'static str, &'static str); 21] {
        use ErrorKind as K;
        use StoreError as E;
        let text = || CANARY.to_owned();
        let stale = E::Stale {
            table: CANARY,
            expected: 1,
            changed: 0,
        };
        let row = E::InconsistentRow {
            table: CANARY,
            column: text(),
            reason: text(),
        };
        let refused = E::Refused {
            table: CANARY,
            reason: text(),
        };
        let rejected = E::Rejected {
            retry_after: Duration::from_secs(2),
        };
        let away = "The service is not available at the moment. Try again later.";
        let doubt = "The database did not tell whether the change was made. Read before you repeat the request, or \
                     repeat it with the same Idempotency-Key.";
        let changed = "The resource was changed by somebody else. Read it again and repeat.";
        let reread = "It was changed by somebody else meanwhile. Read it again and repeat the request.";
        let ours = "Something went wrong on our side.";
        [
            (
                E::Unavailable(text()),
                K::Unavailable,
                "database_unavailable",
                away,
            ),
            (E::Timeout(CANARY), K::Unavailable, "database_unavailable", away),
            (E::Taken { key: text() }, K::Conflict, "conflict", changed),
            (stale, K::Conflict, "version_conflict", reread),
            (E::Serialization(text()), K::Unavailable, "unavailable", away),
            (row, K::Internal, "internal", ours),
            (refused, K::Internal, "internal", ours),
            (E::Setup(text()), K::Internal, "internal", ours),
            (E::Trouble(text()), K::Unavailable, "database_unavailable", away),
            (E::DiskFull(text()), K::Unavailable, "database_unavailable", away),
            (
                E::SchemaMissing(text()),
                K::Unavailable,
                "database_unavailable",
                away,
            ),
            (E::Damaged(text()), K::Unavailable, "database_unavailable", away),
            (E::ReadOnly(text()), K::Unavailable, "database_unavailable", away),
            (E::Unfit(text()), K::Unavailable, "database_unavailable", away),
            (E::Locked(text()), K::Unavailable, "unavailable", away),
            (E::InDoubt(text()), K::Timeout, "outcome_unknown", doubt),
            (rejected, K::Unavailable, "circuit_open", away),
            (E::Overloaded, K::Unavailable, "overloaded", away),
            (
                E::TokenRevoked,
                K::Unauthenticated,
                "unauthenticated",
                "The bearer token is not valid here.",
            ),
            (
                E::SessionEnded,
                K::Unauthenticated,
                "unauthenticated",
                "The session is over. Sign in again.",
            ),
            (
                E::TenantSuspended,
                K::Forbidden,
                "tenant_suspended",
                "This shop or site is suspended.",
            ),
        ]
    }

    /// Stops compiling when a variant is added, so that the table above grows with the enum.
    fn place(error: &StoreError) -> usize {
        match error {
            StoreError::Unavailable(_) => 0,
            StoreError::Timeout(_) => 1,
            StoreError::Taken { .. } => 2,
            StoreError::Stale { .. } => 3,
            StoreError::Serialization(_) => 4,
            StoreError::InconsistentRow { .. } => 5,
            StoreError::Refused { .. } => 6,
            StoreError::Setup(_) => 7,
            StoreError::Trouble(_) => 8,
            StoreError::DiskFull(_) => 9,
            StoreError::SchemaMissing(_) => 10,
            StoreError::Damaged(_) => 11,
            StoreError::ReadOnly(_) => 12,
            StoreError::Unfit(_) => 13,
            StoreError::Locked(_) => 14,
            StoreError::InDoubt(_) => 15,
            StoreError::Rejected { .. } => 16,
            StoreError::Overloaded => 17,
            StoreError::TokenRevoked => 18,
            StoreError::SessionEnded => 19,
            StoreError::TenantSuspended => 20,
        }
    }

    #[test]
    fn each_variant_has_its_kind_code_and_public_text_and_keeps_its_own_inside() {
        for (index, (error, kind, code, public)) in expected().into_iter().enumerate() {
            assert_eq!(place(&error), index);
            let rich = RichError::from(error);
            assert_eq!((rich.kind(), rich.code()), (kind, code));
            let response = rich.to_response();
            assert_eq!(response.detail(), public, "{code}");
            assert_eq!(response.retry_after().is_some(), kind == ErrorKind::Unavailable);
            let outside = format!("{}{response:?}", String::from_utf8_lossy(&response.to_json()));
            assert!(
                !outside.contains("canary") && !outside.contains("SELECT"),
                "{outside}"
            );
            // The last five have no text of their own.
            assert_eq!(format!("{rich:?}").contains(CANARY), index < 16, "{rich:?}");
        }
    }

    #[test]
    fn a_key_of_sqlite_is_named_by_its_columns_without_the_tenant() {
        let key = sqlite_key("node_translations.tenant_id, node_translations.slug, node_translations.locale");
        assert_eq!(key, "node_translations(slug,locale)");
        assert_eq!(sqlite_key("tenants.slug"), "tenants(slug)");
    }
}
