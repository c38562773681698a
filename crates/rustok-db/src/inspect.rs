//! Inspects a database from the outside: whether it exists, which schema it has, whether its file is whole, and whether
//! its clock is right.
//!
//! Nothing here makes changes: a missing database is not created, an old one not migrated.

use crate::config::DatabaseUrl;
use crate::error::StoreError;
use crate::migrate;
use crate::schema::{Schema, number_of};
use crate::store::Store;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use rustok_core::deadline::Deadline;

/// The schema found at a database URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundSchema {
    /// The file does not exist.
    Missing,
    /// The database can be reached and is empty.
    Empty,
    /// The schema has this number.
    Number(i64),
    /// The schema is that of a development version, and cannot be upgraded.
    Unreleased,
}

/// Finds the schema number of a database.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Setup`] when it cannot be reached or is not a database.
pub async fn find_schema(url: &DatabaseUrl, schema: &Schema) -> Result<FoundSchema, StoreError> {
    let applied = match url {
        DatabaseUrl::Sqlite(path) => {
            if !path.exists() {
                return Ok(FoundSchema::Missing);
            }
            let setup = |error: rusqlite::Error| {
                StoreError::Setup(format!("cannot read {}: {error}", path.display()))
            };
            let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(setup)?;
            let history = "SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'";
            let history = conn
                .query_row(history, [], |_| Ok(()))
                .optional()
                .map_err(setup)?;
            match history {
                Some(()) => migrate::applied_sqlite(&conn).map_err(setup)?,
                None => Vec::new(),
            }
        }
        DatabaseUrl::Postgres(config) => migrate::find_postgres_schema(config).await?,
    };
    if applied.is_empty() {
        return Ok(FoundSchema::Empty);
    }
    if !migrate::is_known(schema.migrations, &applied) {
        return Ok(FoundSchema::Unreleased);
    }
    Ok(FoundSchema::Number(number_of(applied.len())))
}

impl Store {
    /// The current time of the database's clock.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn database_time(&self, deadline: Deadline) -> Result<Timestamp, StoreError> {
        let mut tx = self.platform_read(deadline).await?;
        let sql = if tx.db.is_postgres() {
            "SELECT clock_timestamp() AS now"
        } else {
            // In microseconds, the unit in which all times are stored.
            "SELECT CAST(unixepoch('subsec') * 1000000 AS integer) AS now"
        };
        let now = tx
            .db
            .fetch_optional("clock", sql, &[], |row| row.get("now"))
            .await?;
        now.ok_or_else(|| StoreError::inconsistent("clock", "now", "no answer"))
    }

    /// Damage that SQLite finds in its file, at most ten items; always empty on PostgreSQL, which verifies pages as
    /// it reads.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find_damage(&self, deadline: Deadline) -> Result<Vec<String>, StoreError> {
        let mut tx = self.platform_read(deadline).await?;
        if tx.db.is_postgres() {
            return Ok(Vec::new());
        }
        let check =
            "SELECT quick_check AS finding FROM pragma_quick_check WHERE quick_check <> 'ok' LIMIT 10";
        let mut damage = tx
            .db
            .fetch("sqlite", check, &[], |row| row.get::<String>("finding"))
            .await?;
        let keys = "SELECT DISTINCT \"table\" AS name FROM pragma_foreign_key_check LIMIT 10";
        let keys = tx
            .db
            .fetch("sqlite", keys, &[], |row| row.get::<String>("name"))
            .await?;
        damage.extend(
            keys.into_iter()
                .map(|table| format!("rows of {table} point to rows that are not there")),
        );
        Ok(damage)
    }
}
