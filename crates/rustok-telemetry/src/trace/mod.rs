//! Traces: what happened in one request, sent to a collector over OTLP.
//!
//! A request that is not sampled costs a few ids and nothing else. It must never wait for the collector, and never
//! keep more than a fixed amount of memory for it: what cannot be sent is dropped, and counted.

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
pub use span::{Attribute, SpanKind, Told};
pub use tracer::{OtlpProtocol, TraceSettings, TraceSettingsError, Tracer};

#[cfg(test)]
mod tests;

pub(crate) use root::{Child, with_current};
pub(crate) use span::Value;
