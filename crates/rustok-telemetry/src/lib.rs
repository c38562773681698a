//! Logs, metrics and traces. Nobody else knows how they are written and sent.

mod log;
pub mod metrics;
mod propagation;
mod trace;

pub use log::{LogFormat, init_log, log_lines};
pub use propagation::{Incoming, SpanId, TraceContext, TraceId};
pub use trace::{
    Attribute, OtlpProtocol, RootSpan, SpanKind, Told, TraceCounts, TraceSettings, TraceSettingsError, Tracer,
};
