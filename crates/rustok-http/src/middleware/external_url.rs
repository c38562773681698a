//! How clients reach this server: scheme, host and path prefix. The sources are the operator (`RUSTOK_BASE_URL`), a
//! trusted proxy, and finally the request itself.
//!
//! Used for URLs in responses, for HSTS, and for what a browser may do with a session (`session.rs`); never to authorize a
//! token.

use super::forwarded::{self, Malformed, X_FORWARDED_HOST};
use crate::middleware::client;
use crate::settings::{HttpSettings, is_prefix};
use axum::extract::Request;
use axum::response::Response;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, header};
use rustok_core::error::{ErrorKind, RichError};
use std::sync::Arc;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

const BAD_PREFIX: Malformed = Malformed(
    "X-Forwarded-Prefix stands once and is a path such as /shops or /eu/shops: segments of letters, digits and `-._~`, 200 \
     characters at most, without a slash at the end.",
);

/// How a client reached this server with one request.
#[derive(Debug, Clone, Default)]
pub struct ExternalUrl {
    /// Whether it used TLS.
    pub(crate) is_https: bool,
    /// The host that the client asked the first proxy for, if a proxy reports it.
    host: Option<Arc<str>>,
    /// The external path prefix, of the form `/one/two`, if there is one.
    prefix: Option<Arc<str>>,
}

impl ExternalUrl {
    /// Determines it from the settings, and from the headers of a trusted proxy.
    ///
    /// # Errors
    /// `invalid_forwarded`, when a trusted proxy sends a malformed header.
    pub(crate) fn of(settings: &HttpSettings, request: &Request) -> Result<Self, RichError> {
        Self::of_head(settings, request.extensions(), request.headers())
    }

    /// As [`Self::of`], from the parts of a request that it depends on.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) fn of_head(
        settings: &HttpSettings,
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> Result<Self, RichError> {
        let said = Self::said(settings);
        if !client::is_proxy(&settings.trusted_proxies, extensions) {
            return Ok(said);
        }
        let by_proxy = Self::by_proxy(headers).map_err(|Malformed(why)| {
            RichError::new(ErrorKind::Validation, why)
                .with_status(400)
                .with_code("invalid_forwarded")
                .with_public(why)
        })?;
        Ok(Self {
            is_https: said.is_https || by_proxy.is_https,
            host: by_proxy.host,
            prefix: by_proxy.prefix.or(said.prefix),
        })
    }

    /// What the operator has configured.
    pub(crate) fn said(settings: &HttpSettings) -> Self {
        let base = settings.base_url.as_ref();
        Self {
            is_https: base.is_some_and(|base| base.is_https()),
            host: None,
            prefix: base.and_then(|base| base.prefix()),
        }
    }

    fn by_proxy(headers: &HeaderMap) -> Result<Self, Malformed> {
        let elements = forwarded::elements(headers)?;
        let host = match first(headers, &X_FORWARDED_HOST) {
            Some(host) => Some(host),
            None => elements.iter().find_map(|element| element.host.as_deref()),
        };
        Ok(Self {
            is_https: is_https(headers, &elements),
            host: host.filter(|host| is_plain_host(host)).map(Arc::from),
            prefix: prefix(headers)?.map(Arc::from),
        })
    }

    /// The base URL of this server for the client, without a trailing slash; `None` when no source gives a host that
    /// is valid in a URL. `host` is the request's own.
    pub(crate) fn base(&self, settings: &HttpSettings, host: Option<&HeaderValue>) -> Option<String> {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        if let Some(base) = &settings.base_url {
            return Some(format!("{}{prefix}", base.origin()));
        }
        let host = match &self.host {
            Some(host) => host,
            None => host?.to_str().ok().filter(|host| is_plain_host(host))?,
        };
        let scheme = if self.is_https { "https" } else { "http" };
        Some(format!("{scheme}://{host}{prefix}"))
    }

    /// The host that the client asked a trusted proxy for.
    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The path by which clients must request `path`, if it is a different one.
    pub(crate) fn path(&self, path: &str) -> Option<String> {
        self.prefix.as_ref().map(|prefix| format!("{prefix}{path}"))
    }

    /// The external path prefix.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// Adds the prefix to `Location`. Replies that are stored for repetition do not contain it.
    pub(crate) fn mark(&self, response: &mut Response) {
        let Some(location) = response.headers().get(header::LOCATION) else {
            return;
        };
        let path = location.to_str().ok().filter(|path| path.starts_with('/'));
        if let Some(Ok(external_url)) = path.and_then(|path| self.path(path)).map(HeaderValue::try_from) {
            response.headers_mut().insert(header::LOCATION, external_url);
        }
    }
}

/// The first value of a list, which is from the proxy nearest to the client.
fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let line = headers.get(name)?.to_str().ok()?;
    line.split(',').next().map(str::trim)
}

/// Whether it is valid in a URL as it is.
fn is_plain_host(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    !host.is_empty() && host.bytes().all(plain)
}

/// Every proxy on the way may have reported a scheme: none of them may be other than `https`.
fn is_https(headers: &HeaderMap, elements: &[forwarded::Element<'_>]) -> bool {
    let lines = headers.get_all(&X_FORWARDED_PROTO).iter();
    let mut said = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .chain(
            elements
                .iter()
                .filter_map(|element| element.scheme.as_deref().map(str::as_bytes)),
        )
        .peekable();
    said.peek().is_some() && said.all(|scheme| scheme.trim_ascii().eq_ignore_ascii_case(b"https"))
}

fn prefix(headers: &HeaderMap) -> Result<Option<&str>, Malformed> {
    let mut lines = headers.get_all(&X_FORWARDED_PREFIX).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let prefix = line
        .to_str()
        .ok()
        .filter(|prefix| is_prefix(prefix))
        .ok_or(BAD_PREFIX)?;
    if lines.next().is_some() {
        return Err(BAD_PREFIX);
    }
    Ok(Some(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::extract::ConnectInfo;
    use std::net::SocketAddr;

    /// The maximum length of a prefix, in bytes.
    const MAX_PREFIX: usize = 200;
    const PROXY: [u8; 4] = [10, 0, 0, 1];
    const STRANGER: [u8; 4] = [203, 0, 113, 7];

    fn settings(base_url: Option<&str>) -> HttpSettings {
        HttpSettings {
            base_url: base_url.map(|url| url.parse().unwrap()),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..HttpSettings::default()
        }
    }

    fn external_url(
        settings: &HttpSettings,
        peer: [u8; 4],
        fields: &[(&'static str, &str)],
    ) -> Result<ExternalUrl, String> {
        let mut request = Request::new(Body::empty());
        for (name, value) in fields {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request.headers_mut().append(*name, value);
        }
        let peer = ConnectInfo(SocketAddr::from((peer, 1)));
        request.extensions_mut().insert(peer);
        ExternalUrl::of(settings, &request).map_err(|error| error.code().to_owned())
    }

    #[test]
    fn tls_is_what_the_operator_or_a_proxy_says() {
        let reported = |base_url: Option<&str>, peer: [u8; 4], fields: &[(&'static str, &str)]| {
            external_url(&settings(base_url), peer, fields).unwrap().is_https
        };
        let proto = "x-forwarded-proto";
        assert!(reported(Some("HTTPS://api.example"), STRANGER, &[]));
        assert!(!reported(
            Some("http://api.example"),
            STRANGER,
            &[(proto, "https")]
        ));
        assert!(!reported(
            None,
            STRANGER,
            &[(proto, "https"), ("forwarded", "proto=https")]
        ));
        for (fields, expected) in [
            (&[][..], false),
            (&[(proto, "https")], true),
            (&[(proto, "HTTPS")], true),
            (&[(proto, "http")], false),
            (&[(proto, "https, https")], true),
            (&[(proto, "https"), (proto, "http")], false),
            (&[(proto, "https,")], false),
            (&[(proto, "httpsx")], false),
            (&[("forwarded", "for=unknown")], false),
            (&[("forwarded", "proto=https, for=unknown")], true),
            (&[("forwarded", "proto=https, proto=http")], false),
            (&[("forwarded", "proto=https"), (proto, "http")], false),
            (&[("forwarded", "proto=http"), (proto, "https")], false),
        ] {
            assert_eq!(reported(None, PROXY, fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn an_address_begins_where_clients_come_from() {
        let host = HeaderValue::from_static("rustok.internal:8080");
        let base = |base_url: Option<&str>, peer: [u8; 4], fields: &[(&'static str, &str)]| {
            let settings = settings(base_url);
            external_url(&settings, peer, fields)
                .unwrap()
                .base(&settings, Some(&host))
                .unwrap()
        };
        let proxied = [
            ("x-forwarded-host", "shop.example:8443, shop.example"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/eu/shops"),
        ];
        assert_eq!(base(None, PROXY, &[]), "http://rustok.internal:8080");
        assert_eq!(base(None, PROXY, &proxied), "https://shop.example:8443/eu/shops");
        assert_eq!(base(None, STRANGER, &proxied), "http://rustok.internal:8080");
        let standard = [(
            "forwarded",
            "host=\"shop.example:8443\";proto=https, host=shop.example",
        )];
        assert_eq!(base(None, PROXY, &standard), "https://shop.example:8443");
        let unsafe_host = [("forwarded", "host=\"shop.example/<b>\"")];
        assert_eq!(base(None, PROXY, &unsafe_host), "http://rustok.internal:8080");
        let url = Some("https://api.example/base/");
        assert_eq!(base(url, STRANGER, &[]), "https://api.example/base");
        assert_eq!(base(url, PROXY, &proxied), "https://api.example/eu/shops");
    }

    #[test]
    fn a_prefix_is_a_plain_path() {
        let prefix = |fields: &[(&'static str, &str)]| {
            let external_url = external_url(&settings(None), PROXY, fields)?;
            Ok::<_, String>(external_url.path("/x"))
        };
        let name = "x-forwarded-prefix";
        let longest = format!("/{}", "a".repeat(MAX_PREFIX - 1));
        for good in ["/a", "/A-1._~/b", "/a/..b", longest.as_str()] {
            assert_eq!(prefix(&[(name, good)]), Ok(Some(format!("{good}/x"))), "{good}");
        }
        let long = format!("{longest}a");
        for bad in [
            "",
            "/",
            "a",
            "a/b",
            "/a/",
            "//a",
            "/a//b",
            "/.",
            "/a/..",
            "/a?b",
            "/a#b",
            "/a%2f",
            "/a b",
            "/a,/b",
            "/a\\b",
            "https://evil.test",
            "//evil.test",
            "/a:b",
            "/ä",
            long.as_str(),
        ] {
            assert_eq!(
                prefix(&[(name, bad)]),
                Err("invalid_forwarded".to_owned()),
                "{bad}"
            );
        }
        assert!(prefix(&[(name, "/a"), (name, "/a")]).is_err());
        let stranger = external_url(&settings(None), STRANGER, &[(name, "/a")]).unwrap();
        assert_eq!(stranger.path("/x"), None);
    }

    #[test]
    fn where_something_is_stands_below_the_prefix() {
        let below = external_url(&settings(Some("https://api.example/base")), STRANGER, &[]).unwrap();
        for (location, expected) in [
            ("/api/x", "/base/api/x"),
            ("https://other.example/x", "https://other.example/x"),
        ] {
            let mut response = Response::new(Body::empty());
            response
                .headers_mut()
                .insert(header::LOCATION, HeaderValue::from_static(location));
            below.mark(&mut response);
            assert_eq!(response.headers()[header::LOCATION], expected);
        }
    }
}
