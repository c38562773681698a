//! Security and cache headers of every response: no content sniffing, no referrer, no caching of what is not public,
//! and HSTS where there is TLS.
//!
//! They must never depend on how a request was answered: an error gets the same headers as the response that it
//! replaces.

use crate::surface::Surface;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// One year, for this host only: its subdomains may belong to others.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What determines these headers for one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecurityHeaders {
    is_public: bool,
    is_https: bool,
}

impl SecurityHeaders {
    pub(super) const fn of(surface: Surface, is_https: bool) -> Self {
        Self {
            is_public: surface.is_public(),
            is_https,
        }
    }

    pub(super) fn mark(self, response: &mut Response) {
        mark(response.headers_mut(), self.is_public);
        if self.is_https {
            response
                .headers_mut()
                .insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
    }
}

/// The same for the management listener, which serves nothing public.
pub async fn of_management(mut response: Response) -> Response {
    mark(response.headers_mut(), false);
    response
}

fn mark(headers: &mut HeaderMap, is_public: bool) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    if !is_public {
        headers.insert(header::CACHE_CONTROL, NO_STORE);
    }
}
