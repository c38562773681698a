//! Traces: the spans of requests, exported to a collector over OTLP.
//!
//! A request that is not sampled costs only the generation of a few ids. A request must never wait for the collector,
//! and memory for unsent spans is limited: further ones are dropped and counted.

mod export;
mod otlp;
mod protobuf;
mod queue;
mod root;
mod sink;
mod span;
mod tracer;

pub use queue::TraceCounts;
pub use root::RootSpan;
pub use span::{Attribute, SpanEnd, SpanKind};
pub use tracer::{OtlpProtocol, TraceSettings, TraceSettingsError, Tracer};

#[cfg(test)]
mod tests;

pub(crate) use root::{Child, with_current};
pub(crate) use span::Value;
