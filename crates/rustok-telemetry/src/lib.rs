//! Logs, metrics and traces. Nobody else imports their libraries.

mod log;
mod metrics;
mod propagation;

pub use log::{LogFormat, init_log};
pub use metrics::write_gauge;
pub use propagation::{TraceContext, TraceId};
