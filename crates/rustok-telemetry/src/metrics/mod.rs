//! Metrics: what is counted while requests run, and how it is shown to Prometheus.
//!
//! `ops/prometheus/metrics.toml` is the catalogue and the only place where a metric's type, unit and help stand; nothing
//! that it does not name can be shown. A label must never take a value that a request brings. Recording
//! allocates only for the first exemplar of a bucket, and waits for whoever reads only while its one series is written.

mod accept;
mod catalogue;
mod expose;
mod http;
mod process;

pub use expose::{Bucketed, Family, Form, Number, Samples, expose};
pub use http::{HttpMetrics, Operation, UNMATCHED};
pub use process::process;
