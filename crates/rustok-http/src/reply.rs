//! Builds responses from views: JSON, `ETag`, `Location`, 304.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rustok_app::{Done, Idempotency, IdempotencyKey, Saved, StoredReply};
use serde::Serialize;
use std::hash::{DefaultHasher, Hasher};

const JSON: &str = "application/json";

/// A strong entity tag of the representation (RFC 9110, 8.8.3): the version, the time of its save, and a digest of the
/// bytes. See [`read_tag`].
#[must_use]
pub fn etag(saved: Saved, body: &[u8]) -> String {
    let Saved { version, at_micros } = saved;
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("\"{version}-{at_micros:x}.{:016x}\"", hasher.finish())
}

/// The save that a tag of [`etag`] names; `None` if it has another form.
#[must_use]
pub fn read_tag(tag: &str) -> Option<Saved> {
    let inside = tag.strip_prefix('"')?.strip_suffix('"')?;
    let (version, at_micros) = inside.split_once('.')?.0.split_once('-')?;
    Some(Saved {
        version: version.parse().ok()?,
        at_micros: i64::from_str_radix(at_micros, 16).ok()?,
    })
}

/// The entity tag of a view.
#[must_use]
pub fn tag_of<T: Serialize>(saved: Saved, view: &T) -> String {
    etag(saved, &json(view))
}

/// A view as JSON.
#[must_use]
pub fn json<T: Serialize>(view: &T) -> Vec<u8> {
    // Views are strings, numbers and lists under string keys, which serde_json never refuses.
    serde_json::to_vec(view).unwrap_or_default()
}

/// The reply to a write: the resource in its new state.
#[must_use]
pub fn stored<T: Serialize>(
    status: StatusCode,
    view: &T,
    saved: Saved,
    location: Option<String>,
) -> StoredReply {
    stored_with_more(status, view, None::<&()>, saved, location)
}

/// The reply to a write that may return more than the resource in its new state: the body is `answer`, if given, and
/// the tag is that of `view`, which is what a read returns.
#[must_use]
pub fn stored_with_more<T: Serialize, A: Serialize>(
    status: StatusCode,
    view: &T,
    answer: Option<&A>,
    saved: Saved,
    location: Option<String>,
) -> StoredReply {
    let shown = json(view);
    let mut headers = vec![
        (header::CONTENT_TYPE.to_string(), JSON.to_owned()),
        (header::ETAG.to_string(), etag(saved, &shown)),
    ];
    headers.extend(location.map(|to| (header::LOCATION.to_string(), to)));
    StoredReply {
        status: status.as_u16(),
        headers,
        body: answer.map_or(shown, json),
    }
}

/// The response to a write that has nothing to return.
#[must_use]
pub fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The response to work that is accepted and done later; `location` is where to read its progress.
#[must_use]
pub fn accepted<T: Serialize>(view: &T, location: &str) -> Response {
    let mut response = list(view);
    *response.status_mut() = StatusCode::ACCEPTED;
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// How a request that can be repeated with an `Idempotency-Key` is replied to. The outcome is rendered in one way: for
/// the response and, if there is a key, for the reply that is stored.
#[derive(Debug)]
pub struct Repeatable<F> {
    idempotency: Option<Idempotency>,
    render: F,
}

impl<F> Repeatable<F> {
    /// The request's key, if it has one, and the rendering.
    pub fn new(idempotency: Option<Idempotency>, render: F) -> Self {
        Self { idempotency, render }
    }

    /// The key for the use case.
    pub fn key<T>(&self) -> IdempotencyKey<'_, T>
    where
        F: Fn(&T) -> StoredReply + Send + Sync,
    {
        IdempotencyKey::new(self.idempotency.as_ref(), &self.render)
    }

    /// The response, or the repetition of an earlier one.
    pub fn response<T>(&self, done: Done<T>) -> Response
    where
        F: Fn(&T) -> StoredReply,
    {
        match done {
            Done::Made(outcome) => send((self.render)(&outcome)),
            Done::Repeated(reply) => {
                let mut response = send(reply);
                response
                    .headers_mut()
                    .insert("idempotent-replayed", HeaderValue::from_static("true"));
                response
            }
        }
    }
}

/// The response with this status, these headers and this body.
#[must_use]
pub fn send(reply: StoredReply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// One resource, or 304 if the client has it already.
#[must_use]
pub fn resource<T: Serialize>(request: &HeaderMap, view: &T, saved: Saved) -> Response {
    let body = json(view);
    let tag = etag(saved, &body);
    tagged(request, body, tag)
}

/// One resource that is JSON already, or 304 if the client has the tagged version.
#[must_use]
pub fn tagged(request: &HeaderMap, body: Vec<u8>, tag: String) -> Response {
    let fresh = matches_tag(request, &tag);
    let mut response = Response::new(if fresh { Body::empty() } else { Body::from(body) });
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// `If-None-Match` compares weakly (RFC 9110, 13.1.2).
fn matches_tag(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .split(',')
                .map(str::trim)
                .any(|wanted| wanted == "*" || wanted.trim_start_matches("W/") == tag)
        })
}

/// A list as JSON.
#[must_use]
pub fn list<T: Serialize>(view: &T) -> Response {
    json_bytes(json(view).into())
}

/// A list that is JSON already.
#[must_use]
pub fn json_bytes(json: Bytes) -> Response {
    let mut response = Response::new(Body::from(json));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_covers_what_is_shown_and_answers_304() {
        let saved = |version, at_micros| Saved { version, at_micros };
        let first = resource(&HeaderMap::new(), &"a", saved(1, 10));
        let tag = first.headers()[header::ETAG].clone();
        let mut request = HeaderMap::new();
        request.insert(header::IF_NONE_MATCH, tag);
        let status = |view: &str, saved| resource(&request, &view, saved).status();
        assert_eq!(status("a", saved(1, 10)), StatusCode::NOT_MODIFIED);
        assert_eq!(status("b", saved(1, 10)), StatusCode::OK);
        assert_eq!(status("a", saved(2, 10)), StatusCode::OK);
        assert_eq!(status("a", saved(1, 11)), StatusCode::OK);
    }

    #[test]
    fn a_tag_names_its_save() {
        for (version, at_micros) in [(1, 0), (i64::MAX, i64::MAX), (7, 1_767_322_985_678_901)] {
            let saved = Saved { version, at_micros };
            assert_eq!(read_tag(&etag(saved, b"x")), Some(saved));
        }
        for other in [
            "",
            "\"1.a\"",
            "\"1-a\"",
            "1-a.b",
            "W/\"1-a.b\"",
            "\"1-.b\"",
            "\"1-x.b\"",
        ] {
            assert_eq!(read_tag(other), None, "{other}");
        }
    }
}
