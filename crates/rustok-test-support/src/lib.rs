//! Shared test fixtures: a database per test, the real server beside it, a network path between the two that breaks
//! on purpose, a pooler, and a collector that stores the traces it receives.
//!
//! For dev-dependencies only. Its public API must never expose a type of `rustok-db` or `rustok-storage`: unit tests of
//! those crates use this one, and would see two versions of the same type.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod cluster;
pub mod database;
pub mod fault_proxy;
pub mod lateness;
pub mod otlp;
pub mod pgbouncer;
mod plans;
pub mod server;
pub mod waiting;
pub mod wall;

pub use database::{OpenTransaction, TestDatabase, hold_sqlite_writer};
pub use fault_proxy::{Direction, Fault, FaultProxy, Traffic};
pub use lateness::Lateness;
pub use otlp::{OtlpReceiver, ReceivedSpan};
pub use pgbouncer::PgBouncer;
pub use server::{Finished, ServerCommand, TestServer};
pub use waiting::{TIMEOUT, all_pages, eventually, eventually_is};
pub use wall::FilterProxy;
