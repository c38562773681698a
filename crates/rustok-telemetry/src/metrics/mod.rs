//! Metrics: counters updated by requests, and their exposition to Prometheus.
//!
//! `ops/prometheus/metrics.toml` is the catalogue and the single source of a metric's type, unit and help text;
//! metrics that it does not name cannot be exposed. A label must never take a value from a request. Recording
//! allocates only for the first exemplar of a bucket, and waits for a reader only while that writes the same series.

mod accept;
mod catalogue;
mod expose;
mod http;
mod process;

pub use expose::{Bucketed, Family, Form, Number, Samples, expose};
pub use http::{HttpMetrics, Operation, UNMATCHED};
pub use process::process;
