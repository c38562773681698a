//! The connection to the collector: OTLP over gRPC, or as protobuf over HTTP. Without TLS: a collector outside this
//! machine or network belongs behind a local one.

use super::otlp;
use super::tracer::{OtlpProtocol, TraceSettings, TraceSettingsError};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::time::Duration;
use tokio::net::TcpStream;

/// Timeout for one message.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of its response, in bytes.
const MAX_ANSWER: usize = 64 << 10;
const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const HTTP_PATH: &str = "/v1/traces";

/// Why a message was not delivered.
#[derive(Debug)]
pub(super) enum Undelivered {
    /// The message may be retried, not before the time that the collector asked for.
    Later(String, Option<Duration>),
    /// The collector will never accept it.
    Refused(String),
}

/// A collector and the connection to it.
#[derive(Debug)]
pub(super) struct Sink {
    authority: String,
    uri: Uri,
    protocol: OtlpProtocol,
    headers: HeaderMap,
    line: Option<Line>,
}

#[derive(Debug)]
enum Line {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Sink {
    pub(super) fn new(settings: &TraceSettings) -> Result<Self, TraceSettingsError> {
        let wrong = |reason| TraceSettingsError::Endpoint(reason);
        let endpoint: Uri = settings.endpoint.parse().map_err(|_| wrong("it is no URL"))?;
        if endpoint.scheme_str() != Some("http") {
            return Err(wrong(
                "it must start with http://: TLS is left to a collector beside",
            ));
        }
        let authority = endpoint.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a password belongs into the headers"));
        }
        let path = match settings.protocol {
            OtlpProtocol::Grpc => GRPC_PATH.to_owned(),
            OtlpProtocol::HttpProtobuf => format!("{}{HTTP_PATH}", endpoint.path().trim_end_matches('/')),
        };
        let uri = format!("http://{authority}{path}");
        Ok(Self {
            authority: format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80)),
            uri: uri.parse().map_err(|_| wrong("it is no URL"))?,
            protocol: settings.protocol,
            headers: settings.headers.clone(),
            line: None,
        })
    }

    /// Sends one message; returns how many spans were rejected. After a failure the next call reconnects.
    pub(super) async fn send(&mut self, message: &[u8]) -> Result<u64, Undelivered> {
        let sent = tokio::time::timeout(TIMEOUT, self.exchange(message)).await;
        let sent = sent.unwrap_or_else(|_| Err(Undelivered::Later("no answer in time".to_owned(), None)));
        if sent.is_err() {
            self.line = None;
        }
        sent
    }

    async fn exchange(&mut self, message: &[u8]) -> Result<u64, Undelivered> {
        let request = self.request(message);
        let line = match self.line.take() {
            Some(line) if !line.is_closed() => line,
            _ => Line::open(&self.authority, self.protocol).await?,
        };
        let line = self.line.insert(line);
        let response = line.send(request).await.map_err(later)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| Undelivered::Later(error.to_string(), None))?;
        let trailers = body.trailers().cloned();
        let body = body.to_bytes();
        match self.protocol {
            OtlpProtocol::HttpProtobuf => judge_http(&head, &body),
            OtlpProtocol::Grpc => judge_grpc(&head, trailers.as_ref(), &body),
        }
    }

    fn request(&self, message: &[u8]) -> Request<Full<Bytes>> {
        let (body, content_type) = match self.protocol {
            OtlpProtocol::HttpProtobuf => (Bytes::copy_from_slice(message), "application/x-protobuf"),
            OtlpProtocol::Grpc => (framed(message), "application/grpc"),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(http::header::USER_AGENT, HeaderValue::from_static("rustok"));
        match self.protocol {
            OtlpProtocol::Grpc => {
                headers.insert(TE, HeaderValue::from_static("trailers"));
                *request.version_mut() = Version::HTTP_2;
            }
            OtlpProtocol::HttpProtobuf => {
                if let Ok(host) = HeaderValue::from_str(&self.authority) {
                    request.headers_mut().insert(http::header::HOST, host);
                }
            }
        }
        request
    }
}

impl Line {
    async fn open(authority: &str, protocol: OtlpProtocol) -> Result<Self, Undelivered> {
        let stream = TcpStream::connect(authority)
            .await
            .map_err(|error| Undelivered::Later(error.to_string(), None))?;
        let stream = TokioIo::new(stream);
        Ok(match protocol {
            OtlpProtocol::HttpProtobuf => {
                let (line, connection) = http1::handshake(stream).await.map_err(later)?;
                tokio::spawn(connection);
                Self::Http1(line)
            }
            OtlpProtocol::Grpc => {
                let handshake = http2::handshake(TokioExecutor::new(), stream);
                let (line, connection) = handshake.await.map_err(later)?;
                tokio::spawn(connection);
                Self::Http2(line)
            }
        })
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Http1(line) => line.is_closed(),
            Self::Http2(line) => line.is_closed(),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(line) => {
                line.ready().await?;
                // HTTP/1.1 needs the path alone as the request target.
                let (mut head, body) = request.into_parts();
                if let Some(path) = head.uri.path_and_query() {
                    head.uri = Uri::from(path.clone());
                }
                line.send_request(Request::from_parts(head, body)).await
            }
            Self::Http2(line) => {
                line.ready().await?;
                line.send_request(request).await
            }
        }
    }
}

fn later(error: hyper::Error) -> Undelivered {
    Undelivered::Later(error.to_string(), None)
}

/// A gRPC frame: uncompressed flag and length prefix.
fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// <https://opentelemetry.io/docs/specs/otlp/#failures-1>
fn judge_http(head: &http::response::Parts, body: &[u8]) -> Result<u64, Undelivered> {
    if head.status.is_success() {
        return Ok(otlp::rejected(body));
    }
    let why = format!("status {}", head.status.as_u16());
    match head.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let wait = head.headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
            let wait = wait.and_then(|wait| wait.parse().ok()).map(Duration::from_secs);
            Err(Undelivered::Later(why, wait))
        }
        _ => Err(Undelivered::Refused(why)),
    }
}

/// <https://opentelemetry.io/docs/specs/otlp/#failures>
fn judge_grpc(
    head: &http::response::Parts,
    trailers: Option<&HeaderMap>,
    body: &[u8],
) -> Result<u64, Undelivered> {
    if !head.status.is_success() {
        return Err(Undelivered::Later(
            format!("status {}", head.status.as_u16()),
            None,
        ));
    }
    // A response without a body carries it in its headers.
    let status = trailers.and_then(|trailers| trailers.get("grpc-status"));
    let status = status.or_else(|| head.headers.get("grpc-status"));
    match status.and_then(|status| status.to_str().ok()).unwrap_or("none") {
        "0" => Ok(otlp::rejected(body.get(5..).unwrap_or_default())),
        // Cancelled, deadline exceeded, resource exhausted, aborted, out of range, unavailable, data loss.
        code @ ("1" | "4" | "8" | "10" | "11" | "14" | "15" | "none") => {
            Err(Undelivered::Later(format!("gRPC status {code}"), None))
        }
        code => Err(Undelivered::Refused(format!("gRPC status {code}"))),
    }
}
