//! What browsers and caches are told about every answer: read it as what it says it is, tell nobody where a reader came
//! from, keep nothing that is not for everybody, and come by TLS where there is TLS.
//!
//! It must never depend on how a request was answered: a refusal is marked like the answer that it stands for.

use crate::config::Config;
use crate::middleware::tenant::client;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

/// What is for everybody: the storefront without its orders, and the documents. Whatever else there is, and whatever is
/// added, is for who asked.
const PUBLIC: [&str; 5] = [
    "/api/store/v1/nodes",
    "/api/store/v1/products",
    "/api/openapi.json",
    "/api/docs",
    "/problems",
];
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// A year, for this name alone: what lies below it may be other people's.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What will be said about the answer to one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guarded {
    is_public: bool,
    is_https: bool,
}

impl Guarded {
    pub(super) fn of(config: &Config, request: &Request) -> Self {
        Self {
            is_public: is_public(request.uri().path()),
            is_https: is_https(config, request),
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

/// The same for the management listener, which has nothing for everybody.
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

fn is_public(path: &str) -> bool {
    PUBLIC.iter().any(|public| {
        path.strip_prefix(public)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether clients come by TLS: the operator says so, or the proxy that the request came from.
fn is_https(config: &Config, request: &Request) -> bool {
    let by_url = config.base_url.as_deref().and_then(|url| url.get(..8));
    if by_url.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
        return true;
    }
    if !client::is_proxy(&config.trusted_proxies, request.extensions()) {
        return false;
    }
    // Each proxy on the way may have added one: none of them may have been without TLS.
    let mut lines = request.headers().get_all("x-forwarded-proto").iter().peekable();
    let is_said = lines.peek().is_some();
    let is_https = |part: &[u8]| part.trim_ascii().eq_ignore_ascii_case(b"https");
    is_said && lines.all(|line| line.as_bytes().split(|byte| *byte == b',').all(is_https))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::extract::ConnectInfo;
    use std::net::SocketAddr;

    #[test]
    fn only_what_is_for_everybody_may_be_kept() {
        for public in [
            "/api/store/v1/nodes",
            "/api/store/v1/nodes/hello",
            "/api/store/v1/products",
            "/api/docs/start.js",
            "/problems/forbidden",
        ] {
            assert!(is_public(public), "{public}");
        }
        for own in [
            "/api/store/v1/orders",
            "/api/store/v1/orders/x",
            "/api/store/v1/nodesx",
            "/api/store/v1",
            "/api/admin/v1/products",
            "/api/platform/v1/tenants",
            "/livez",
            "/",
            "*",
            "//api/store/v1/nodes",
        ] {
            assert!(!is_public(own), "{own}");
        }
    }

    #[test]
    fn tls_is_what_the_operator_or_a_proxy_says() {
        let config = |base_url: Option<&str>| Config {
            base_url: base_url.map(str::to_owned),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..Config::default()
        };
        let told = |base_url: Option<&str>, peer: [u8; 4], lines: &[&'static str]| {
            let mut request = Request::new(Body::empty());
            for line in lines {
                let line = HeaderValue::from_static(line);
                request.headers_mut().append("x-forwarded-proto", line);
            }
            let peer = ConnectInfo(SocketAddr::from((peer, 1)));
            request.extensions_mut().insert(peer);
            is_https(&config(base_url), &request)
        };
        let (proxy, stranger) = ([10, 0, 0, 1], [203, 0, 113, 7]);
        assert!(told(Some("HTTPS://api.example"), stranger, &[]));
        assert!(!told(Some("http://api.example"), stranger, &["https"]));
        assert!(!told(None, stranger, &["https"]));
        for (lines, expected) in [
            (&[][..], false),
            (&["https"], true),
            (&["HTTPS"], true),
            (&["http"], false),
            (&["https, https"], true),
            (&["https", "http"], false),
            (&["https,"], false),
            (&["httpsx"], false),
        ] {
            assert_eq!(told(None, proxy, lines), expected, "{lines:?}");
        }
    }
}
