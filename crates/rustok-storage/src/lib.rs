//! The schema and one function per query: the only crate that knows tables.
//!
//! Tenant data is accessed through a [`TenantTx`], which is made only from a `TenantHandle`; the tenant directory and
//! the tables that workers claim from across tenants through a [`PlatformTx`]. There is no other access. The databases
//! themselves are behind the seam, `rustok-db`; other crates name its types by this one.

pub mod authors;
pub mod counted;
pub mod customers;
pub mod deliveries;
pub mod home;
pub mod idempotency;
pub mod import_references;
pub mod imports;
pub mod inspect;
pub mod inventory;
pub mod jobs;
pub mod mails;
pub mod nodes;
pub mod orders;
pub mod outbox;
pub mod people;
pub mod products;
pub mod reservations;
mod schema;
mod search;
pub mod standing;
pub mod tenants;
pub mod terms;
pub mod tokens;

pub use rustok_db::{
    Connections, DatabaseState, DatabaseUrl, Durations, Opener, OperationTimes, Owner, Platform, PlatformTx,
    PostgresUrl, Store, StoreConfig, StoreError, StoreTimes, TenantTx, Tx, files,
};
pub use schema::{latest_schema, open, restore};

#[cfg(test)]
mod tests;
