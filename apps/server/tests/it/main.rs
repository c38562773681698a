//! The server as its users see it: over HTTP, by its command line, on both databases.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod canary;
mod attacks;
mod catalog;
mod cli;
mod content;
mod demo;
mod faults;
mod durability;
mod import;
mod limits;
mod isolation;
mod orders;
mod platform;
mod tenant_cache_flood;
mod tenant_cache_outage;
mod shutdown;
#[path = "../tenant_cache_v2_test.rs"]
mod tenant_cache_v2_test;
mod tenant_directory;
mod tenant_door;
mod workers;
