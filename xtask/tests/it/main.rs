//! What stands under ops/, tried: files for containers as they are, rules and dashboards with a real Prometheus that
//! scrapes a real server, and faults that make real alerts fire.
//!
//! What needs `prometheus` and a built server takes minutes, and is ignored unless `scripts/prometheus` runs it. It must
//! never wait for days: all windows of the rules are divided by [`prometheus::SHRINK`].
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod alerts;
mod compose;
mod deployed;
mod panels;
mod prometheus;
mod shop;
