//! What a database is opened with, and what can be read of its connections.

use crate::error::StoreError;
use crate::postgres::PostgresUrl;
use std::path::PathBuf;
use std::time::Duration;

/// Address of the database: `sqlite://path` or `postgres://...`.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL connection string (its password never shows in `Debug`). Defaults for unset time-outs: 5 s to
    /// connect, 10 s until sent data is acknowledged, 30 s idle before keepalive probes. Of several hosts the first
    /// one that takes writes is used; while none does, reads go to the first that answers, unless
    /// `target_session_attrs` is `read-write`. With `read-only` the database is never written.
    Postgres(Box<PostgresUrl>),
}

impl DatabaseUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// [`StoreError::Setup`], which does not repeat the URL, since it may hold a password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            if path.is_empty() || path.contains('?') {
                return Err(StoreError::Setup(
                    "a SQLite URL is sqlite:// and the path of a file".to_owned(),
                ));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if Self::names_postgres(url) {
            return url.parse().map(|url| Self::Postgres(Box::new(url)));
        }
        Err(StoreError::Setup(
            "a database URL starts with sqlite:// or postgres://".to_owned(),
        ))
    }

    /// Whether a URL has a scheme of PostgreSQL; the rest of it is not checked.
    #[must_use]
    pub fn names_postgres(url: &str) -> bool {
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    }

    /// `sqlite` or `postgresql`.
    #[must_use]
    pub fn system(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgresql",
        }
    }
}

/// What opens the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// The server: migrates the schema; on SQLite it also locks out other servers for its lifetime.
    Server,
    /// A command-line tool beside a server: creates the schema of an empty database and refuses an outdated one.
    Command,
}

/// Options for opening a database.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Address of the database.
    pub url: DatabaseUrl,
    /// Maximum number of PostgreSQL connections.
    pub postgres_connections: usize,
    /// Transactions that may wait for a PostgreSQL connection; any further one is refused at once.
    pub postgres_waiting: usize,
    /// Time for one answer of PostgreSQL to the server, whatever the caller's deadline. Commands have no such limit:
    /// a person waits in front of them.
    pub postgres_answer_timeout: Duration,
    /// Maximum number of SQLite readers.
    pub sqlite_readers: usize,
    /// Bytes of a SQLite file that each reader maps into memory. Reading mapped memory of a file that another program
    /// truncates ends the process (SIGBUS); without it the read fails.
    pub sqlite_mmap_bytes: i64,
    /// Whether durations are counted for [`Store::times`](crate::Store::times).
    pub timed: bool,
}

impl StoreConfig {
    /// The defaults: 16 connections, 256 waiting transactions, 10 s for an answer, 8 readers,
    /// nothing mapped,
    /// durations counted.
    #[must_use]
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            postgres_connections: 16,
            postgres_waiting: 256,
            postgres_answer_timeout: Duration::from_secs(10),
            sqlite_readers: 8,
            sqlite_mmap_bytes: 0,
            timed: true,
        }
    }
}
