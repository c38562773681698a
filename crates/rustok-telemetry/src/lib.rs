//! Logs, metrics and traces. Other crates do not depend on their formats or protocols.

mod log;
pub mod metrics;
mod propagation;
mod trace;

pub use log::{LogFormat, init_log, log_lines};
pub use propagation::{Incoming, SpanId, TraceContext, TraceId};
pub use trace::{
    Attribute, OtlpProtocol, RootSpan, SpanEnd, SpanKind, TraceCounts, TraceSettings, TraceSettingsError,
    Tracer,
};
