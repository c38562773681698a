//! Who decides which requests are recorded, and hands them on to be sent.

use super::export;
use super::otlp;
use super::queue::{Finished, Queue, TraceCounts};
use super::root::RootSpan;
use super::sink::Sink;
use super::span::{Attribute, Told};
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

/// What the collector speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// OTLP/gRPC; collectors listen on port 4317.
    Grpc,
    /// OTLP/HTTP with protobuf; collectors listen on port 4318.
    HttpProtobuf,
}

impl FromStr for OtlpProtocol {
    type Err = TraceSettingsError;

    /// `grpc` or `http/protobuf`, as `OTEL_EXPORTER_OTLP_PROTOCOL` has them.
    fn from_str(name: &str) -> Result<Self, TraceSettingsError> {
        match name {
            "grpc" => Ok(Self::Grpc),
            "http/protobuf" => Ok(Self::HttpProtobuf),
            _ => Err(TraceSettingsError::Protocol),
        }
    }
}

/// Where traces go, and which.
#[derive(Clone)]
pub struct TraceSettings {
    /// The collector: `http://host:port`; for HTTP `/v1/traces` is added.
    pub endpoint: String,
    /// What it speaks.
    pub protocol: OtlpProtocol,
    /// Header fields for the collector. They may hold secrets: never shown.
    pub headers: HeaderMap,
    /// `service.name`.
    pub service_name: String,
    /// `service.version`.
    pub service_version: &'static str,
    /// The share of requests that is recorded, from 0 to 1, where no proxy of ours has decided it.
    pub sample_ratio: f64,
    /// A request that takes so long gets its span, recorded or not.
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
    /// Reads header fields as `OTEL_EXPORTER_OTLP_HEADERS` has them: `name=value,name=value`.
    ///
    /// # Errors
    /// [`TraceSettingsError::Headers`], which does not repeat what may be a secret.
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

/// Why traces cannot be sent as configured.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TraceSettingsError {
    /// The endpoint cannot be used.
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

/// Decides what is recorded and takes what is complete. Cheap to clone; [`Tracer::off`] records nothing.
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
    /// One that records nothing. Requests have trace ids all the same.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Starts sending to the collector, in a task of the current runtime. The collector need not be there.
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

    /// Begins the outermost span of a request or of work that a request has left behind. `request_id` is what a proxy of
    /// ours calls it.
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
            // Not by the trace id: a stranger could choose one that is always recorded.
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

    /// Whether this root is to be told now that it ends: it was recorded, it failed, or it was slow.
    #[must_use]
    pub fn wants(&self, root: &RootSpan, failed: bool) -> bool {
        self.0
            .as_ref()
            .is_some_and(|running| root.is_recorded() || failed || root.elapsed() >= running.slow)
    }

    /// Whether somebody who looks for the trace of this root will find something: the collector has it, or there is no
    /// collector, and the log is all there is.
    #[must_use]
    pub fn leads_somewhere(&self, root: &RootSpan, failed: bool) -> bool {
        self.0.is_none() || self.wants(root, failed)
    }

    /// Ends the root with all that is still open in it, and puts it where it waits to be sent.
    pub fn tell(&self, root: &RootSpan, told: Told) {
        if let Some(running) = &self.0 {
            running.queue.put(Finished::of(root, told));
        }
    }

    /// How many spans went where; `None` when traces are off.
    #[must_use]
    pub fn counts(&self) -> Option<TraceCounts> {
        self.0.as_ref().map(|running| running.queue.counts())
    }

    /// Sends what waits, for as long as that may take, and ends. What comes later is dropped.
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
