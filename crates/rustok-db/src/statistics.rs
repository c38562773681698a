//! Refreshes the statistics that PostgreSQL's planner has of fast-growing tables.
//!
//! A generic plan is kept until its table is analysed again. Planned while the table was empty it may scan all rows,
//! or use an index on which only the tenant is fixed: both are cheap then and cost more with each row. PostgreSQL's
//! autovacuum checks such tables once a minute (`autovacuum_naptime`), while a new shop or an import fills thousands
//! of rows in that time. Hence a more frequent check.

use crate::error::StoreError;
use crate::params;
use crate::postgres::{Mode, Role};
use crate::store::Store;
use rustok_core::deadline::Deadline;

/// Minimum size of a table, in bytes, for its statistics to matter.
const WORTHWHILE: i64 = 32 << 10;
/// A table is analysed when it is this many times larger than the planner assumes.
const GROWTH: i64 = 3;

/// Tables of the current role that have grown by that factor.
const GROWN: &str = "SELECT quote_ident(c.relname) AS name \
     FROM pg_class c CROSS JOIN LATERAL (SELECT pg_relation_size(c.oid) AS bytes) s \
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' \
     AND s.bytes >= $1 AND s.bytes >= $2 * c.relpages * current_setting('block_size')::bigint \
     AND pg_has_role(c.relowner, 'USAGE')";

impl Store {
    /// Analyses the tables that have grown to a multiple of the size that the planner assumes, except locked ones;
    /// returns how many were found. Always 0 on SQLite, which needs no statistics to use a key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Timeout`], [`StoreError::Rejected`] and [`StoreError::Overloaded`].
    pub async fn analyse_grown_tables(&self, deadline: Deadline) -> Result<usize, StoreError> {
        if self.sqlite_path().is_some() {
            return Ok(0);
        }
        let mut tx = self.begin(Role::Owner, Mode::Read, deadline).await?;
        tx.last = true;
        let names = tx
            .fetch("pg_class", GROWN, params![WORTHWHILE, GROWTH], |row| {
                row.get::<String>("name")
            })
            .await?;
        drop(tx);
        // Each in its own transaction. Locked tables are skipped: the holder may be analysing them, or must not be
        // delayed. The next run sees them again.
        for name in &names {
            let mut tx = self.begin(Role::Owner, Mode::Write, deadline).await?;
            let analyse = format!("ANALYZE (SKIP_LOCKED) {name}");
            tx.execute("pg_class", &analyse, &[]).await?;
            tx.commit(&[]).await?;
        }
        Ok(names.len())
    }
}
