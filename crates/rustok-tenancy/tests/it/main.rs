//! The identifiers as those see them who look tenants up: one key for one name, whatever is sent.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod allocations;
mod corpus;
mod laws;
mod properties;
