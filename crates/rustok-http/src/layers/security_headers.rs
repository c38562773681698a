//! Security and cache headers of every response: no content sniffing, no referrer, no caching of what is not public,
//! and HSTS where there is TLS.
//!
//! They must never depend on how a request was answered: an error gets the same headers as the response that it
//! replaces.

use crate::surface::Surface;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
/// Browsers send `Origin: null` with forms of a page that allows no referrer at all.
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
/// Nothing inline, nothing from other hosts but pictures, and no frame around the page.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data: https:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// One year, for this host only: its subdomains may belong to others.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What determines these headers for one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecurityHeaders {
    is_public: bool,
    is_page: bool,
    is_https: bool,
}

impl SecurityHeaders {
    pub(super) const fn of(surface: Surface, is_page: bool, is_https: bool) -> Self {
        Self {
            is_public: surface.is_public(),
            is_page,
            is_https,
        }
    }

    pub(super) fn mark(self, response: &mut Response) {
        mark(response.headers_mut(), self.is_public);
        if self.is_page {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
            headers.insert(header::REFERRER_POLICY, SAME_ORIGIN);
            headers.insert(CROSS_ORIGIN_OPENER_POLICY, SAME_ORIGIN);
        }
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
