//! What this crate must know of the schema: its migrations and the names of its tables.
//!
//! No table is named here: the caller that opens a store provides this value.

/// One migration, in both SQL dialects.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its name, which its row in `schema_migrations` has.
    pub name: &'static str,
    /// The SQL for SQLite.
    pub sqlite: &'static str,
    /// The SQL for PostgreSQL.
    pub postgres: &'static str,
}

/// The schema of a store.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// All migrations, in order; the number of a migration is its position, from 1.
    pub migrations: &'static [Migration],
    /// The names of all tables but `schema_migrations`, sorted by their bytes. Times are counted by them, and a backup
    /// has the rows of each.
    pub tables: &'static [&'static str],
    /// The tables whose first rows come from migrations: these rows do not make a database one with data, and a
    /// restore replaces them.
    pub filled: &'static [&'static str],
}

impl Schema {
    /// The number of the newest migration.
    #[must_use]
    pub fn latest(&self) -> i64 {
        number_of(self.migrations.len())
    }
}

/// How many migrations, as the number of the last one.
pub(crate) fn number_of(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
