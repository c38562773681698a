//! A trace collector: accepts OTLP over gRPC and over HTTP on one port, stores what it receives, and answers queries.
//!
//! It decodes with the `opentelemetry-proto` crate, so that our hand-written encoder is checked by an independent
//! decoder. It must never be more lenient than a real collector: malformed messages are rejected.

use crate::waiting::TIMEOUT;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// A received span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedSpan {
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// The parent's span id; empty for the first span of a trace.
    pub parent_id: String,
    /// Whether its parent is marked as remote.
    pub parent_is_remote: bool,
    /// The `tracestate`.
    pub state: String,
    /// The name.
    pub name: String,
    /// `internal`, `server`, `client`, `producer` or `consumer`.
    pub kind: &'static str,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
    /// The attributes as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether its status is an error.
    pub failed: bool,
    /// The attributes of the sender.
    pub resource: BTreeMap<String, String>,
}

impl ReceivedSpan {
    /// The value of an attribute; empty if it does not exist.
    #[must_use]
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// How to respond to messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Accept all spans.
    Taken,
    /// Reject all but the last span of each message, but store all of them.
    Partly,
    /// Respond with this HTTP status; over gRPC with `UNAVAILABLE` for 503 and `INVALID_ARGUMENT` for any other.
    Status(u16),
    /// Do not respond.
    Never,
}

#[derive(Debug)]
struct Kept {
    spans: Vec<ReceivedSpan>,
    /// Of every message, in order of arrival.
    heads: Vec<(String, HeaderMap)>,
    answer: Answer,
}

/// The collector. Dropped, it closes all connections.
#[derive(Debug)]
pub struct OtlpReceiver {
    url: String,
    kept: Arc<Mutex<Kept>>,
    arrived: watch::Receiver<()>,
    task: AbortHandle,
}

impl OtlpReceiver {
    /// Listens on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::new(Mutex::new(Kept {
            spans: Vec::new(),
            heads: Vec::new(),
            answer: Answer::Taken,
        }));
        let (reported, arrived) = watch::channel(());
        let task = tokio::spawn(accept(listener, Arc::clone(&kept), Arc::new(reported))).abort_handle();
        Self {
            url,
            kept,
            arrived,
            task,
        }
    }

    /// Its base URL, for both protocols: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets the response to further messages.
    pub fn answer(&self, answer: Answer) {
        lock(&self.kept).answer = answer;
    }

    /// All spans so far, in order of arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        lock(&self.kept).spans.clone()
    }

    /// The spans of one trace.
    #[must_use]
    pub fn trace(&self, trace_id: &str) -> Vec<ReceivedSpan> {
        let mut spans = self.spans();
        spans.retain(|span| span.trace_id == trace_id);
        spans
    }

    /// Path and headers of every message so far.
    #[must_use]
    pub fn heads(&self) -> Vec<(String, HeaderMap)> {
        lock(&self.kept).heads.clone()
    }

    /// Waits until `enough` returns true for the received spans, and returns all of them.
    ///
    /// # Panics
    /// After twenty seconds, with all received spans.
    pub async fn wait_until(&self, mut enough: impl FnMut(&[ReceivedSpan]) -> bool) -> Vec<ReceivedSpan> {
        let mut arrived = self.arrived.clone();
        let waited = timeout(TIMEOUT, async {
            loop {
                arrived.mark_unchanged();
                let spans = self.spans();
                if enough(&spans) {
                    return spans;
                }
                arrived.changed().await.unwrap();
            }
        });
        match waited.await {
            Ok(spans) => spans,
            Err(_) => {
                let names = self.spans().into_iter().map(|span| (span.trace_id, span.name));
                panic!("not within {TIMEOUT:?}: {:#?}", names.collect::<Vec<_>>())
            }
        }
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, kept: Arc<Mutex<Kept>>, reported: Arc<watch::Sender<()>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (kept, reported) = (Arc::clone(&kept), Arc::clone(&reported));
        connections.spawn(async move {
            let service = service_fn(move |request| take(Arc::clone(&kept), Arc::clone(&reported), request));
            let server = Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn take(
    kept: Arc<Mutex<Kept>>,
    reported: Arc<watch::Sender<()>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let grpc = match head.uri.path() {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => true,
        "/v1/traces" => false,
        _ => return Ok(plain(StatusCode::NOT_FOUND, Bytes::new())),
    };
    let body = body.collect().await?.to_bytes();
    let answer = lock(&kept).answer;
    lock(&kept)
        .heads
        .push((head.uri.path().to_owned(), head.headers.clone()));
    match answer {
        Answer::Never => std::future::pending().await,
        Answer::Status(status) if grpc => {
            return Ok(grpc_status(if status == 503 { "14" } else { "3" }, None));
        }
        Answer::Status(status) => return Ok(plain(StatusCode::from_u16(status).unwrap(), Bytes::new())),
        Answer::Taken | Answer::Partly => {}
    }
    let Some(spans) = read(&head.headers, grpc, &body) else {
        return Ok(plain(StatusCode::BAD_REQUEST, Bytes::new()));
    };
    let rejected = if answer == Answer::Partly {
        spans.len() - 1
    } else {
        0
    };
    lock(&kept).spans.extend(spans);
    reported.send_replace(());
    let response = ExportTraceServiceResponse {
        partial_success: (rejected > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: i64::try_from(rejected).unwrap(),
            error_message: "as told".to_owned(),
        }),
    };
    let message = response.encode_to_vec();
    Ok(if grpc {
        grpc_status("0", Some(&message))
    } else {
        plain(StatusCode::OK, message.into())
    })
}

fn plain(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body).boxed());
    *response.status_mut() = status;
    response
}

/// With a message the status follows as a trailer, without one it is in the headers, as gRPC requires.
fn grpc_status(status: &'static str, message: Option<&[u8]>) -> Response<Body> {
    let status = HeaderMap::from_iter([(
        header::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static(status),
    )]);
    let mut response = match message {
        None => {
            let mut response = plain(StatusCode::OK, Bytes::new());
            response.headers_mut().extend(status);
            response
        }
        Some(message) => {
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            let frame = [&[0], &length[..], message].concat();
            let body = Full::new(Bytes::from(frame)).with_trailers(async { Some(Ok(status)) });
            Response::new(body.boxed())
        }
    };
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// The spans of a message; `None` when it is malformed.
fn read(headers: &HeaderMap, grpc: bool, body: &[u8]) -> Option<Vec<ReceivedSpan>> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let message = if grpc {
        let (flag, rest) = body.split_first()?;
        let (length, message) = rest.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        let whole = *flag == 0 && usize::try_from(length).ok()? == message.len();
        let asked = headers.get(header::TE).is_some_and(|te| te == "trailers");
        (whole && asked && content_type == "application/grpc").then_some(message)?
    } else {
        (content_type == "application/x-protobuf").then_some(body)?
    };
    let message = ExportTraceServiceRequest::decode(message).ok()?;
    let mut spans = Vec::new();
    for sent in message.resource_spans {
        let resource = attributes(&sent.resource?.attributes);
        for scope in sent.scope_spans {
            spans.extend(scope.spans.iter().map(|span| received(span, &resource)));
        }
    }
    Some(spans)
}

fn received(span: &Span, resource: &BTreeMap<String, String>) -> ReceivedSpan {
    ReceivedSpan {
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        parent_is_remote: span.flags & 0x300 == 0x300,
        state: span.trace_state.clone(),
        name: span.name.clone(),
        kind: match span.kind {
            1 => "internal",
            2 => "server",
            3 => "client",
            4 => "producer",
            5 => "consumer",
            _ => "",
        },
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        attributes: attributes(&span.attributes),
        failed: span.status.as_ref().is_some_and(|status| status.code == 2),
        resource: resource.clone(),
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &AnyValue| match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        other => format!("{other:?}"),
    };
    let pairs = pairs.iter().map(|pair| {
        (
            pair.key.clone(),
            pair.value.as_ref().map(text).unwrap_or_default(),
        )
    });
    pairs.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
