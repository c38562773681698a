//! What PostgreSQL's planner knows of tables that grow fast.
//!
//! A plan, once made, is kept until the table is analysed again. Made while the table was empty it may go through all
//! rows, or take an index on which all that is named is the tenant: both cost nothing then, and more with each row. By
//! itself PostgreSQL looks for such tables once a minute (`autovacuum_naptime`), and a shop that opens, or a file that is
//! imported, fills thousands of rows in that time. So somebody must look more often.

use crate::error::StoreError;
use crate::postgres::{Mode, Role};
use crate::store::Store;
use crate::value::params;
use rustok_core::deadline::Deadline;

/// What a table must hold before its statistics tell anything, in bytes.
const WORTHWHILE: i64 = 32 << 10;
/// How many times larger than the planner believes a table must be to be analysed.
const GROWTH: i64 = 3;

/// Tables of whoever asks that have grown so much.
const GROWN: &str = "SELECT quote_ident(c.relname) AS name \
     FROM pg_class c CROSS JOIN LATERAL (SELECT pg_relation_size(c.oid) AS bytes) s \
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' \
     AND s.bytes >= $1 AND s.bytes >= $2 * c.relpages * current_setting('block_size')::bigint \
     AND pg_has_role(c.relowner, 'USAGE')";

impl Store {
    /// Analyses the tables that have grown to a multiple of what the planner knows, but for those that are locked; answers
    /// how many it found. SQLite needs no statistics to find a key, and there are never any.
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
        // Each by itself, and none that somebody else holds: he is at it, or must not be kept waiting. It comes again.
        for name in &names {
            let mut tx = self.begin(Role::Owner, Mode::Write, deadline).await?;
            let analyse = format!("ANALYZE (SKIP_LOCKED) {name}");
            tx.execute("pg_class", &analyse, &[]).await?;
            tx.commit(&[]).await?;
        }
        Ok(names.len())
    }
}
