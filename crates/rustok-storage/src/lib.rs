//! The only crate that knows SQL: one interface over SQLite and PostgreSQL, one function per query.
//!
//! Tenant data is accessed through a [`TenantTx`], which is made only from a `TenantHandle`; the tenant directory and
//! the tables that workers claim from across tenants through a [`PlatformTx`]. There is no other access.

pub mod authors;
mod backup;
pub mod customers;
mod error;
pub mod files;
mod guard;
pub mod idempotency;
pub mod import_references;
pub mod imports;
pub mod inspect;
pub mod inventory;
mod migrate;
pub mod nodes;
pub mod orders;
pub mod outbox;
mod postgres;
pub mod products;
pub mod reservations;
mod row;
mod rows;
mod search;
mod span;
mod sqlite;
pub mod standing;
mod statistics;
mod store;
pub mod tenants;
pub mod terms;
mod timings;
pub mod tokens;
mod tx;
mod value;
mod walk;

pub use backup::restore;
pub use error::StoreError;
pub use migrate::latest_schema;
pub use postgres::PostgresUrl;
pub use sqlite::DatabaseState;
pub use store::{Connections, DatabaseUrl, Opener, Store, StoreConfig};
pub use timings::{Durations, OperationTimes, StoreTimes};
pub use tx::{Owner, Platform, PlatformTx, TenantTx, Tx};

#[cfg(test)]
mod tests;
