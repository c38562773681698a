//! The seam over two databases, SQLite and PostgreSQL: values go in, rows come out, inside transactions that belong to a
//! tenant or to the platform.
//!
//! Here are the drivers, TLS, the guard in front of PostgreSQL, the migration runner and backups. No statement here
//! names a table but `schema_migrations`: the tables, and one function per query, are in `rustok-storage`, which gives
//! its [`Schema`] to [`Store::open`]. Only that crate depends on this one.

mod backup;
mod config;
mod counts;
mod error;
mod fault;
pub mod files;
mod guard;
mod inspect;
mod migrate;
mod postgres;
mod row;
mod rows;
mod schema;
mod span;
mod sqlite;
mod statement;
mod statistics;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod timings;
mod tx;
mod value;
pub mod walk;

pub use backup::restore;
pub use config::{DatabaseUrl, Opener, StoreConfig};
pub use counts::Connections;
pub use error::StoreError;
pub use inspect::{FoundSchema, find_schema};
pub use postgres::PostgresUrl;
pub use row::{Column, FromColumn, Json, Row};
pub use schema::{Migration, Schema};
pub use sqlite::DatabaseState;
pub use statement::{CommitCheck, Expect, Statement};
pub use store::Store;
pub use timings::{Durations, OperationTimes, StoreTimes};
pub use tx::{Db, Owner, Platform, PlatformTx, TenantTx, Tx};
pub use value::{Value, assignments, pad, placeholders};

#[cfg(test)]
mod tests;
