//! The server as its users see it: over HTTP, by its command line, on both databases.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod attacks;
mod behind_proxy;
mod canary;
mod cli;
mod coded;
mod contract;
mod demo;
mod durability;
mod faults;
mod import;
mod imports;
mod isolation;
mod limits;
mod metrics;
mod orders;
mod platform;
mod pooler;
mod settings;
mod shutdown;
mod standing;
mod statements;
mod switched;
mod tenant_cache_flood;
mod tenant_cache_outage;
#[path = "../tenant_cache_v2_test.rs"]
mod tenant_cache_v2_test;
mod tenant_directory;
mod tenant_door;
mod traces;
mod workers;
