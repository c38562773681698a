//! Content coding of responses: `zstd`, `br` or `gzip`, as the client accepts (RFC 9110, 8.4 and 12.5.3; RFC 9659). Of
//! codings that it likes equally the first of these is taken, which costs the least time.
//!
//! Only responses to GET and HEAD are coded. A coded response that contains a secret next to client input would
//! reveal by its length how similar the two are (the BREACH attack). A secret is sent only once, in response to the
//! POST that created it, so no coded response contains one.
//!
//! A response is coded completely before it is sent: its length is known, the bytes counted are the bytes sent, and
//! the original is freed. Coding uses at most half of the processors. When all permits are taken, a response is sent
//! uncoded, so that requests for large pages cannot take the whole machine. An entity tag identifies the bytes that
//! are sent, so it gets the coding's name as a suffix (`"7.c0ffee-gzip"`), which is removed before any other code
//! reads `If-Match` and `If-None-Match` (ADR 0007).

use crate::settings::HttpSettings;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use rustok_core::error::{ErrorKind, RichError};
use std::convert::Infallible;
use std::future::ready;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::available_parallelism;
use tokio::sync::Semaphore;
use tower::{Layer as _, ServiceExt as _};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

/// Minimum size to code, in bytes: anything smaller fits into one packet anyway.
const LEAST: u64 = 1_024;
/// Bytes coded before the task yields: a few milliseconds at most.
const PIECE: usize = 32 << 10;
/// Compression level, on each coding's own scale: a higher one costs more time than it saves in bytes.
const LEVEL: CompressionLevel = CompressionLevel::Precise(3);
/// The suffixes of coded entity tags.
const ENDS: [&str; 3] = ["-br\"", "-gzip\"", "-zstd\""];
const PRECONDITIONS: [HeaderName; 2] = [header::IF_MATCH, header::IF_NONE_MATCH];

/// Permits for coding a response: half as many as processors.
#[derive(Debug)]
pub(crate) struct Places(Semaphore);

impl Default for Places {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, NonZeroUsize::get);
        Self(Semaphore::new((processors / 2).max(1)))
    }
}

/// The headers of a request that concern content coding.
#[derive(Debug, Default)]
pub(super) struct Coding {
    /// Whether the response may be coded.
    is_read: bool,
    accepts: Vec<HeaderValue>,
    /// The original `If-None-Match`, if it contains the tag of a coded response.
    known: Vec<HeaderValue>,
}

impl Coding {
    /// Reads the headers, and removes coding suffixes from the tags in the preconditions.
    pub(super) fn of(settings: &HttpSettings, request: &mut Request) -> Self {
        let is_read = settings.compression && matches!(*request.method(), Method::GET | Method::HEAD);
        let headers = request.headers_mut();
        let accepts = match is_read {
            true => headers.get_all(header::ACCEPT_ENCODING).iter().cloned().collect(),
            false => Vec::new(),
        };
        Self {
            is_read,
            accepts,
            known: plain_tags(headers),
        }
    }

    /// Returns the response as it is sent.
    pub(super) async fn apply(&self, places: &Places, mut response: Response) -> Response {
        if response.status() == StatusCode::NOT_MODIFIED {
            self.name_again(&mut response);
            return response;
        }
        if !self.is_read || !is_worth_it(&response) {
            return response;
        }
        vary(&mut response);
        if self.accepts.is_empty() {
            return response;
        }
        match places.0.try_acquire() {
            Ok(_place) => coded(&self.accepts, response).await,
            Err(_) => response,
        }
    }

    /// On a 304, sets the tag by which the client knows its stored response.
    fn name_again(&self, response: &mut Response) {
        if self.is_read {
            vary(response);
        }
        let tag = response.headers().get(header::ETAG);
        let Some(plain) = tag.and_then(|tag| tag.to_str().ok()?.strip_suffix('"')) else {
            return;
        };
        let known = self.known.iter().filter_map(|value| value.to_str().ok());
        let mut tags = known
            .flat_map(|value| value.split(','))
            .map(|tag| tag.trim().trim_start_matches("W/"));
        let sent = tags.find(|tag| tag.strip_prefix(plain).is_some_and(|end| ENDS.contains(&end)));
        if let Some(Ok(sent)) = sent.map(HeaderValue::from_str) {
            response.headers_mut().insert(header::ETAG, sent);
        }
    }
}

/// Removes coding suffixes. Returns the original `If-None-Match` values if any had one.
fn plain_tags(headers: &mut HeaderMap) -> Vec<HeaderValue> {
    let mut known = Vec::new();
    for name in PRECONDITIONS {
        let sent: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
        if !sent.iter().any(|value| plain_tag(value).is_some()) {
            continue;
        }
        headers.remove(&name);
        for value in &sent {
            headers.append(&name, plain_tag(value).unwrap_or_else(|| value.clone()));
        }
        if name == header::IF_NONE_MATCH {
            known = sent;
        }
    }
    known
}

/// The value without coding suffixes; `None` if it has none.
fn plain_tag(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value
        .to_str()
        .ok()
        .filter(|text| ENDS.iter().any(|end| text.contains(end)))?;
    let plain = ENDS
        .iter()
        .fold(text.to_owned(), |text, end| text.replace(end, "\""));
    HeaderValue::try_from(plain).ok()
}

/// Whether the response is text, long enough, and not coded yet.
fn is_worth_it(response: &Response) -> bool {
    let headers = response.headers();
    let is_long = response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|bytes| bytes >= LEAST);
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    is_long && !headers.contains_key(header::CONTENT_ENCODING) && kind.is_some_and(is_text)
}

fn is_text(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || matches!(
            essence,
            "application/json" | "application/javascript" | "application/xml" | "image/svg+xml"
        )
        || (essence.starts_with("application/") && (essence.ends_with("+json") || essence.ends_with("+xml")))
}

/// A cache must not reuse a response for a request with another `Accept-Encoding`.
fn vary(response: &mut Response) {
    let accept_encoding = HeaderValue::from_static("accept-encoding");
    response.headers_mut().append(header::VARY, accept_encoding);
}

/// Codes the response with the coding that `accepts` prefers; returns it unchanged if none is acceptable or the
/// result is not shorter.
async fn coded(accepts: &[HeaderValue], response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // The whole body is in memory: `is_worth_it` saw its exact length. A single chunk is not copied.
    let whole = match body.collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) => return RichError::new(ErrorKind::Internal, error.to_string()).into_response(),
    };
    match code(accepts, &whole).await {
        Some((coding, bytes)) if bytes.len() < whole.len() => {
            parts
                .headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            name(&mut parts.headers, &coding);
            parts.headers.insert(header::CONTENT_ENCODING, coding);
            Response::from_parts(parts, Body::from(bytes))
        }
        _ => Response::from_parts(parts, Body::from(whole)),
    }
}

/// Appends the coding's name to a strong tag; a weak one is valid for all codings.
fn name(headers: &mut HeaderMap, coding: &HeaderValue) {
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let plain = tag
        .filter(|tag| tag.starts_with('"'))
        .and_then(|tag| tag.strip_suffix('"'));
    if let (Some(plain), Ok(coding)) = (plain, coding.to_str())
        && let Ok(tag) = HeaderValue::try_from(format!("{plain}-{coding}\""))
    {
        headers.insert(header::ETAG, tag);
    }
}

/// Chooses the preferred coding and codes `whole` with it.
async fn code(accepts: &[HeaderValue], whole: &Bytes) -> Option<(HeaderValue, Vec<u8>)> {
    let mut request = http::Request::new(());
    for accepted in accepts {
        request
            .headers_mut()
            .append(header::ACCEPT_ENCODING, accepted.clone());
    }
    let answer = http::Response::new(Pieces {
        rest: whole.clone(),
        pause: false,
    });
    let service = tower::service_fn(|_| ready(Ok::<_, Infallible>(answer.clone())));
    let service = CompressionLayer::new().quality(LEVEL).layer(service);
    let Ok(answer) = service.oneshot(request).await;
    let (mut parts, mut body) = answer.into_parts();
    let coding = parts.headers.remove(header::CONTENT_ENCODING)?;
    let mut coded = Vec::with_capacity(whole.len() / 4);
    while let Some(frame) = body.frame().await {
        coded.extend_from_slice(&frame.ok()?.into_data().ok()?);
        tokio::task::yield_now().await;
    }
    Some((coding, coded))
}

/// A body in chunks that pauses between them, so that no poll of the encoder takes longer than one chunk does.
#[derive(Debug, Clone)]
struct Pieces {
    rest: Bytes,
    pause: bool,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        self.pause = !self.pause;
        if !self.pause {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let bytes = PIECE.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(bytes)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(fields: &[(&'static str, &str)], method: Method, response: Response) -> Response {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        for (name, value) in fields {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request.headers_mut().append(*name, value);
        }
        let coding = Coding::of(&HttpSettings::default(), &mut request);
        coding.apply(&Places::default(), response).await
    }

    fn answer(kind: &str, body: &str) -> Response {
        let mut response = Response::new(Body::from(body.to_owned()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        headers.insert(header::ETAG, HeaderValue::from_static("\"7.c0ffee\""));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        response
    }

    fn field<'a>(response: &'a Response, name: &HeaderName) -> &'a str {
        response
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn json(bytes: usize) -> String {
        format!("[{}]", "\"tea\",".repeat(bytes / 6))
    }

    #[tokio::test]
    async fn the_coding_is_the_one_that_is_wanted_most() {
        for (accepts, coding) in [
            ("gzip", "gzip"),
            ("br", "br"),
            ("zstd", "zstd"),
            ("gzip, deflate, br", "br"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("zstd, gzip", "zstd"),
            ("GZIP;q=0.5, br;q=0.9", "br"),
            ("gzip;q=1.0, br;q=0.9, zstd;q=0.9", "gzip"),
            ("zstd;q=0, br;q=0.1", "br"),
            ("gzip;q=0, br;q=0.001", "br"),
            ("gzip;q=0", ""),
            ("identity", ""),
            ("identity;q=1, gzip;q=0.5", ""),
            ("deflate", ""),
            ("", ""),
            ("gzip;q=2", ""),
            ("\u{e9}", ""),
        ] {
            let response = sent(
                &[("accept-encoding", accepts)],
                Method::GET,
                answer("application/json", &json(3_000)),
            )
            .await;
            assert_eq!(field(&response, &header::CONTENT_ENCODING), coding, "{accepts}");
            assert_eq!(field(&response, &header::VARY), "accept-encoding");
            let tag = match coding {
                "" => "\"7.c0ffee\"".to_owned(),
                coding => format!("\"7.c0ffee-{coding}\""),
            };
            assert_eq!(field(&response, &header::ETAG), tag);
            let said = field(&response, &header::CONTENT_LENGTH).to_owned();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(said, bytes.len().to_string());
            assert_eq!(bytes.len() < 1_000, !coding.is_empty());
        }
    }

    #[tokio::test]
    async fn only_long_texts_that_are_read_are_coded() {
        let asks = [("accept-encoding", "gzip")];
        for (kind, is_coded) in [
            ("application/json", true),
            ("application/problem+json", true),
            ("text/html; charset=utf-8", true),
            ("text/javascript; charset=utf-8", true),
            ("text/css", true),
            ("image/png", false),
            ("application/octet-stream", false),
        ] {
            let response = sent(&asks, Method::GET, answer(kind, &json(3_000))).await;
            assert_eq!(
                response.headers().contains_key(header::CONTENT_ENCODING),
                is_coded,
                "{kind}"
            );
            assert_eq!(response.headers().contains_key(header::VARY), is_coded, "{kind}");
        }
        let json = json(3_000);
        for method in [
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            let response = sent(&asks, method.clone(), answer("application/json", &json)).await;
            assert_eq!(field(&response, &header::CONTENT_ENCODING), "", "{method}");
        }
        let short = sent(&asks, Method::GET, answer("application/json", &json[..1_023])).await;
        assert_eq!(
            (
                field(&short, &header::CONTENT_ENCODING),
                field(&short, &header::VARY)
            ),
            ("", "")
        );
        let mut packed = answer("text/css", &json);
        packed
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let packed = sent(&[("accept-encoding", "br")], Method::GET, packed).await;
        assert_eq!(field(&packed, &header::CONTENT_ENCODING), "gzip");
        let places = Places(Semaphore::new(0));
        let mut request = Request::new(Body::empty());
        request
            .headers_mut()
            .insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let full = Coding::of(&HttpSettings::default(), &mut request)
            .apply(&places, answer("text/css", &json))
            .await;
        assert_eq!(
            (
                field(&full, &header::CONTENT_ENCODING),
                field(&full, &header::VARY)
            ),
            ("", "accept-encoding")
        );
    }

    #[tokio::test]
    async fn tags_are_plain_inside_and_the_clients_own_outside() {
        let mut request = Request::new(Body::empty());
        for value in ["\"7.a-gzip\", W/\"8.b-br\"", "\"9.c\", \"6.d-zstd\""] {
            request
                .headers_mut()
                .append(header::IF_NONE_MATCH, value.parse().unwrap());
        }
        request
            .headers_mut()
            .insert(header::IF_MATCH, HeaderValue::from_static("\"7.a-br\""));
        let coding = Coding::of(&HttpSettings::default(), &mut request);
        let inside: Vec<_> = request.headers().get_all(header::IF_NONE_MATCH).iter().collect();
        assert_eq!(inside, ["\"7.a\", W/\"8.b\"", "\"9.c\", \"6.d\""]);
        assert_eq!(request.headers()[header::IF_MATCH], "\"7.a\"");
        for (tag, reported) in [
            ("\"7.a\"", "\"7.a-gzip\""),
            ("\"8.b\"", "\"8.b-br\""),
            ("\"9.c\"", "\"9.c\""),
            ("\"6.d\"", "\"6.d-zstd\""),
        ] {
            let mut fresh = Response::new(Body::empty());
            *fresh.status_mut() = StatusCode::NOT_MODIFIED;
            fresh.headers_mut().insert(header::ETAG, tag.parse().unwrap());
            let fresh = coding.apply(&Places::default(), fresh).await;
            assert_eq!(field(&fresh, &header::ETAG), reported);
            assert_eq!(field(&fresh, &header::VARY), "accept-encoding");
        }
    }

    /// No single poll codes more than 64 KiB.
    #[tokio::test]
    async fn a_large_page_is_coded_piece_by_piece() {
        let whole = Bytes::from(json(2 << 20));
        for accepts in ["br", "gzip", "zstd"] {
            let accepts = [HeaderValue::from_static(accepts)];
            let mut coding = std::pin::pin!(code(&accepts, &whole));
            let mut polls = 0;
            let coded = std::future::poll_fn(|cx| {
                polls += 1;
                coding.as_mut().poll(cx)
            })
            .await;
            assert!(coded.unwrap().1.len() < whole.len() / 50);
            assert!(polls >= whole.len() / (64 << 10), "{polls}");
        }
    }
}
