//! Logs, metrics and traces. Nobody else imports their libraries.

mod log;
pub mod metrics;
mod propagation;

pub use log::{LogFormat, init_log};
pub use propagation::{TraceContext, TraceId};
