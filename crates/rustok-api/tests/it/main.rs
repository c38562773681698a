//! The REST surface as its clients see it: over HTTP, on both databases, served by the test's own process.
//!
//! What needs the program goes to `apps/server/tests/it`: its command line, workers, log, health checks, settings by
//! name, and its end.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod catalog;
mod content;
mod contract;
mod orders;
mod people;
mod platform;
mod shop;
mod tenant_hosts;
