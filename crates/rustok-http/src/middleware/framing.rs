//! Message framing: refuses a request whose end two parsers could see in different places, so that no second request
//! can be smuggled inside it past an inspecting proxy (RFC 9112, 6.3 and 11.2).
//!
//! The HTTP library refuses most of these before a request gets here. This covers what it lets through.

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Version, header};
use rustok_core::error::{ErrorKind, RichError};

/// Whether the connection must end after this request, because its body has no declared length: what follows on the
/// connection is never parsed as another request.
#[must_use]
pub fn ends_connection(request: &Request) -> bool {
    request.version() < Version::HTTP_2 && request.headers().contains_key(header::TRANSFER_ENCODING)
}

/// Refuses an ambiguous length.
///
/// # Errors
/// `ambiguous_length`.
pub fn check_length(request: &Request) -> Result<(), RichError> {
    if !ends_connection(request) || is_plainly_chunked(request.headers()) {
        return Ok(());
    }
    Err(RichError::new(ErrorKind::Validation, "ambiguous length")
        .with_status(400)
        .with_code("ambiguous_length")
        .with_public("Send either a Content-Length or `Transfer-Encoding: chunked`, once."))
}

/// Asks the client to send no further request on the connection.
pub fn end_connection(response: &mut Response) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
}

/// Whether `chunked` is the only statement of the length.
fn is_plainly_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let chunked = codings
        .next()
        .is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    chunked && codings.next().is_none() && !headers.contains_key(header::CONTENT_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunked_stands_once_and_alone() {
        for (headers, plain) in [
            (&[("transfer-encoding", "chunked")][..], true),
            (&[("transfer-encoding", "Chunked")], true),
            (&[("transfer-encoding", "gzip, chunked")], false),
            (&[("transfer-encoding", "chunked, identity")], false),
            (
                &[
                    ("transfer-encoding", "identity"),
                    ("transfer-encoding", "chunked"),
                ],
                false,
            ),
            (
                &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
                false,
            ),
            (
                &[("transfer-encoding", "chunked"), ("content-length", "0")],
                false,
            ),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_plainly_chunked(&map), plain, "{headers:?}");
        }
    }
}
