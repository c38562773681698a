//! The tracer: decides which requests are recorded, and queues finished ones for export.

use super::export;
use super::otlp;
use super::queue::{Finished, Queue, TraceCounts};
use super::root::RootSpan;
use super::sink::Sink;
use super::span::{Attribute, SpanEnd};
use crate::propagation::{Incoming, SpanId, TraceContext, TraceId, rng};
use http::{HeaderMap, HeaderName, HeaderValue};
use rand::RngExt as _;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The protocol of the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// OTLP/gRPC; the default port is 4317.
    Grpc,
    /// OTLP/HTTP with protobuf; the default port is 4318.
    HttpProtobuf,
}

impl FromStr for OtlpProtocol {
    type Err = TraceSettingsError;

    /// Parses `grpc` or `http/protobuf`, the values of `OTEL_EXPORTER_OTLP_PROTOCOL`.
    fn from_str(name: &str) -> Result<Self, TraceSettingsError> {
        match name {
            "grpc" => Ok(Self::Grpc),
            "http/protobuf" => Ok(Self::HttpProtobuf),
            _ => Err(TraceSettingsError::Protocol),
        }
    }
}

/// Settings of the trace export.
#[derive(Clone)]
pub struct TraceSettings {
    /// The collector: `http://host:port`; for HTTP `/v1/traces` is appended.
    pub endpoint: String,
    /// The protocol.
    pub protocol: OtlpProtocol,
    /// Headers of requests to the collector. They may contain secrets and are never shown.
    pub headers: HeaderMap,
    /// `service.name`.
    pub service_name: String,
    /// `service.version`.
    pub service_version: &'static str,
    /// The share of requests that is recorded, from 0 to 1, unless our proxy has decided.
    pub sample_ratio: f64,
    /// A request that takes at least this long exports its root span, even if it is not recorded.
    pub slow: Duration,
}

impl fmt::Debug for TraceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceSettings")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl TraceSettings {
    /// Parses headers in the format of `OTEL_EXPORTER_OTLP_HEADERS`: `name=value,name=value`.
    ///
    /// # Errors
    /// [`TraceSettingsError::Headers`], without the text, which may be a secret.
    pub fn parse_headers(text: &str) -> Result<HeaderMap, TraceSettingsError> {
        let mut headers = HeaderMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(TraceSettingsError::Headers)?;
            let name: HeaderName = name.trim().parse().map_err(|_| TraceSettingsError::Headers)?;
            let value = HeaderValue::from_str(value.trim());
            let mut value = value.map_err(|_| TraceSettingsError::Headers)?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(headers)
    }
}

/// Why the settings are invalid.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TraceSettingsError {
    /// The endpoint is unusable.
    #[error("the endpoint of traces cannot be used: {0}")]
    Endpoint(&'static str),
    /// The protocol is unknown.
    #[error("the protocol of traces is one of: grpc, http/protobuf")]
    Protocol,
    /// The headers are not `name=value,name=value`.
    #[error("the headers for traces are not name=value,name=value")]
    Headers,
    /// The share is not between 0 and 1.
    #[error("the share of requests that is traced is a number from 0 to 1")]
    SampleRatio,
}

/// Decides what is recorded and queues finished spans. Cheap to clone; [`Tracer::off`] records nothing.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Running>>);

#[derive(Debug)]
struct Running {
    queue: Arc<Queue>,
    sample_ratio: f64,
    slow: Duration,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Tracer {
    /// A tracer that records nothing. Requests still have trace ids.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Starts exporting to the collector, in a task of the current runtime. The collector may be unreachable.
    ///
    /// # Errors
    /// [`TraceSettingsError`].
    pub fn start(settings: &TraceSettings) -> Result<Self, TraceSettingsError> {
        if !(0.0..=1.0).contains(&settings.sample_ratio) {
            return Err(TraceSettingsError::SampleRatio);
        }
        let sink = Sink::new(settings)?;
        let queue = Arc::new(Queue::default());
        let instance = Uuid::from_u128(rng().random());
        let resource = otlp::resource(&[
            Attribute::text("service.name", settings.service_name.clone()),
            Attribute::text("service.version", settings.service_version),
            Attribute::text("service.instance.id", instance.to_string()),
        ]);
        let task = tokio::spawn(export::run(Arc::clone(&queue), sink, resource));
        Ok(Self(Some(Arc::new(Running {
            queue,
            sample_ratio: settings.sample_ratio,
            slow: settings.slow,
            task: Mutex::new(Some(task)),
        }))))
    }

    /// Begins the root span of a request or of background work that a request caused. `request_id` is the one that
    /// our proxy assigned.
    #[must_use]
    pub fn root(&self, incoming: Incoming, request_id: Option<Box<str>>) -> RootSpan {
        let Incoming {
            parent,
            state,
            trusted,
        } = incoming;
        let mut rng = rng();
        let sampled = self.0.as_ref().is_some_and(|running| match parent {
            Some(parent) if trusted => parent.sampled,
            // Not derived from the trace id: a client could choose one that is always sampled.
            _ => running.sample_ratio > 0.0 && rng.random::<f64>() < running.sample_ratio,
        });
        let new_trace = || TraceId(rng.random_range(1..=u128::MAX));
        let context = TraceContext {
            trace_id: parent.map_or_else(new_trace, |parent| parent.trace_id),
            span_id: SpanId(rng.random_range(1..=u64::MAX)),
            sampled,
        };
        RootSpan::new(context, parent.map(|parent| parent.span_id), state, request_id)
    }

    /// Whether a root that ends now is exported: it was recorded, it failed, or it was slow.
    #[must_use]
    pub fn wants(&self, root: &RootSpan, failed: bool) -> bool {
        self.0
            .as_ref()
            .is_some_and(|running| root.is_recorded() || failed || root.elapsed() >= running.slow)
    }

    /// Whether the trace id of this root can be looked up: it is exported, or there is no collector and the log is
    /// the only place.
    #[must_use]
    pub fn can_be_looked_up(&self, root: &RootSpan, failed: bool) -> bool {
        self.0.is_none() || self.wants(root, failed)
    }

    /// Ends the root with all its open spans, and queues it for export.
    pub fn finish(&self, root: &RootSpan, end: SpanEnd) {
        if let Some(running) = &self.0 {
            running.queue.put(Finished::of(root, end));
        }
    }

    /// Numbers of spans by outcome; `None` when traces are off.
    #[must_use]
    pub fn counts(&self) -> Option<TraceCounts> {
        self.0.as_ref().map(|running| running.queue.counts())
    }

    /// Exports the queued spans for at most `limit`, and stops. Later spans are dropped.
    pub async fn shut_down(&self, limit: Duration) {
        let Some(running) = &self.0 else { return };
        running.queue.close();
        let task = running.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        if tokio::time::timeout(limit, &mut task).await.is_err() {
            task.abort();
            let waiting = running.queue.counts().waiting;
            tracing::warn!(waiting, "spans were left when the time was over");
        }
    }
}
