//! Limits on a request's head. The HTTP library itself refuses heads far beyond them, with a bare status: there is no
//! request yet that a problem could describe.

use crate::settings::HttpSettings;
use axum::extract::Request;
use rustok_core::error::{ErrorKind, RichError};

/// Maximum number of header fields. The HTTP library reads at most 100.
const MAX_FIELDS: usize = 64;
/// Bytes per field in addition to its name and value: `: ` and the line end.
const FIELD_OVERHEAD: usize = 4;

/// Why the head makes the request unacceptable; `None` if it does not.
pub(super) fn refusal(request: &Request, settings: &HttpSettings) -> Option<RichError> {
    let target = request
        .uri()
        .path_and_query()
        .map_or("", |target| target.as_str());
    if target.len() > settings.max_url_bytes {
        let most = settings.max_url_bytes;
        let refused = refused(414, format!("Path and query may have at most {most} bytes."));
        return Some(refused.with_code("url_too_long"));
    }
    let headers = request.headers();
    let size = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + FIELD_OVERHEAD
    };
    if headers.len() > MAX_FIELDS || headers.iter().map(size).sum::<usize>() > settings.max_header_bytes {
        let most = settings.max_header_bytes;
        let refused = refused(
            431,
            format!("The header may have at most {MAX_FIELDS} fields and {most} bytes."),
        );
        return Some(refused.with_code("header_too_large"));
    }
    // No name contains U+0000, and PostgreSQL cannot even search for it.
    target.contains("%00").then(|| {
        refused(400, "The address must not hold the character U+0000.".to_owned()).with_code("invalid_query")
    })
}

fn refused(status: u16, why: String) -> RichError {
    RichError::new(ErrorKind::Validation, "head refused")
        .with_status(status)
        .with_public(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::request::Builder;

    fn reported(request: Builder) -> Option<(u16, String)> {
        let request = request.body(Body::empty()).unwrap();
        let refused = refusal(&request, &HttpSettings::default())?;
        Some((refused.status(), refused.code().to_owned()))
    }

    #[test]
    fn a_head_may_be_as_large_as_its_limits_and_no_larger() {
        let limits = HttpSettings::default();
        let get = |length: usize| Builder::new().uri(format!("/{}", "a".repeat(length - 1)));
        assert_eq!(reported(get(limits.max_url_bytes)), None);
        assert_eq!(
            reported(get(limits.max_url_bytes + 1)),
            Some((414, "url_too_long".to_owned()))
        );
        let with = |length: usize| {
            Builder::new()
                .uri("/")
                .header("x", "a".repeat(length - 1 - FIELD_OVERHEAD))
        };
        let large = Some((431, "header_too_large".to_owned()));
        assert_eq!(reported(with(limits.max_header_bytes)), None);
        assert_eq!(reported(with(limits.max_header_bytes + 1)), large);
        let fields = |count| (0..count).fold(Builder::new().uri("/"), |request, _| request.header("x", "a"));
        assert_eq!(reported(fields(MAX_FIELDS)), None);
        assert_eq!(reported(fields(MAX_FIELDS + 1)), large);
        let nul = Some((400, "invalid_query".to_owned()));
        assert_eq!(reported(Builder::new().uri("/a%00b")), nul);
        assert_eq!(reported(Builder::new().uri("/a?b=%00")), nul);
    }
}
