//! The session cookie: where it may be set, how it is read, and from which pages a request with it may come.
//!
//! A cookie is sent by the browser on its own, so a request that changes something must say that it comes from a page of
//! this very host (`Sec-Fetch-Site`, or else `Origin`); `SameSite=Lax` is the second barrier. Hosts below one domain belong
//! to different tenants: `same-site` is as foreign as any other site. Over plain HTTP a session is opened only on a
//! loopback name, where no network can read it.

use crate::extract::ctx::context;
use crate::middleware::client;
use crate::middleware::external_url::ExternalUrl;
use crate::state::HttpState;
use axum::extract::{FromRef, FromRequestParts};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use rustok_app::Ctx;
use rustok_app::people::{self, AuthenticatedSession, Browser, OpenedSession, PendingSignIn};
use rustok_auth::account::{CODE_LIFE, SESSION_LIFE};
use rustok_auth::second_factor::PENDING_LIFE;
use rustok_auth::{Actor, AuthError, FormToken, TokenSecret};
use rustok_core::error::{ErrorKind, RichError};
use rustok_text::plain::{has_control, one_line};
use std::net::IpAddr;

/// Only over TLS, only for this host, for all paths: the browser enforces the prefix (RFC 6265bis, 4.1.3.2).
const SECURE_NAME: &str = "__Host-session";
/// On a loopback name.
const LOOPBACK_NAME: &str = "session";

/// The cookie of a browser that asked for a code: the same rules, and another name.
const SECURE_CODE_NAME: &str = "__Host-code";
const LOOPBACK_CODE_NAME: &str = "code";
/// The cookie of a sign-in that waits for the second factor.
const SECURE_PENDING_NAME: &str = "__Host-second";
const LOOPBACK_PENDING_NAME: &str = "second";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The maximum length of what a browser calls itself, in characters.
const MAX_DEVICE_CHARS: usize = 200;

/// How a browser reaches this server with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browsing {
    /// The name of the cookie here; `None` where no session may be opened.
    cookie: Option<&'static str>,
    /// The host, canonical and without a port.
    host: String,
    /// What `Origin` says on pages of this host.
    origin: String,
    /// The path prefix below which clients reach the server.
    prefix: Option<String>,
}

impl Browsing {
    fn of(http: &HttpState, parts: &Parts) -> Result<Self, RichError> {
        let settings = http.settings();
        let external = ExternalUrl::of_head(settings, &parts.extensions, &parts.headers)?;
        let own = match parts.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => parts
                .headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok()),
        };
        let authority = external.host().or(own).unwrap_or_default().to_ascii_lowercase();
        let host = match http.services().validator.hostname(&authority) {
            Ok(host) => host.as_str().to_owned(),
            Err(_) => without_port(&authority).to_owned(),
        };
        let scheme = if external.is_https { "https" } else { "http" };
        Ok(Self {
            cookie: match (external.is_https, is_loopback(&host)) {
                (true, _) => Some(SECURE_NAME),
                (false, true) => Some(LOOPBACK_NAME),
                (false, false) => None,
            },
            host,
            origin: format!("{scheme}://{authority}"),
            prefix: external.prefix().map(str::to_owned),
        })
    }

    /// The beginning of links to this host, for mails. It is the host of the tenant, not that of the whole server: a link
    /// leads where its secret works.
    fn link(&self) -> Option<String> {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        is_plain(&self.origin).then(|| format!("{}{prefix}", self.origin))
    }

    /// Whether a page of this host made the request; `None` when the client does not say, as no browser does with a
    /// request that changes something.
    fn is_own_page(&self, headers: &HeaderMap) -> Option<bool> {
        let single = |name: &HeaderName| {
            let mut values = headers.get_all(name).iter();
            let first = values.next()?;
            // Two values are as good as a foreign one.
            Some(if values.next().is_some() {
                ""
            } else {
                first.to_str().unwrap_or_default()
            })
        };
        if let Some(site) = single(&SEC_FETCH_SITE) {
            return Some(site == "same-origin");
        }
        let origin = single(&header::ORIGIN)?.to_ascii_lowercase();
        Some(origin == self.origin)
    }

    /// The name of the cookie of a browser that asked for a code.
    fn code_cookie(&self) -> Option<&'static str> {
        self.cookie.map(|name| {
            if name == SECURE_NAME {
                SECURE_CODE_NAME
            } else {
                LOOPBACK_CODE_NAME
            }
        })
    }

    /// The name of the cookie of a sign-in that waits for the second factor.
    fn pending_cookie(&self) -> Option<&'static str> {
        self.cookie.map(|name| {
            if name == SECURE_NAME {
                SECURE_PENDING_NAME
            } else {
                LOOPBACK_PENDING_NAME
            }
        })
    }

    fn set(&self, value: &str, seconds: i64) -> Option<HeaderValue> {
        self.set_named(self.cookie?, value, seconds)
    }

    fn set_named(&self, name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
        let secure = if self.cookie == Some(SECURE_NAME) {
            "; Secure"
        } else {
            ""
        };
        let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}{secure}; HttpOnly; SameSite=Lax");
        let mut cookie = HeaderValue::try_from(cookie).ok()?;
        cookie.set_sensitive(true);
        Some(cookie)
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Whether a name or address always means the machine itself (RFC 6761, 6.3).
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The value of a cookie; `None` if it is not sent, or more than once.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(sent, _)| *sent == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

/// The secret of a session as it is sent, valid or not.
pub(crate) fn sent(headers: &HeaderMap) -> Option<&str> {
    if !headers.contains_key(header::COOKIE) {
        return None;
    }
    cookie(headers, SECURE_NAME).or_else(|| cookie(headers, LOOPBACK_NAME))
}

/// The session that a request without a token sends along.
///
/// # Errors
/// `unauthenticated`, `cross_site_request`, database errors.
pub(crate) async fn authenticate(
    parts: &Parts,
    http: &HttpState,
    ctx: &Ctx,
) -> Result<AuthenticatedSession, RichError> {
    Ok(authenticate_with_secret(parts, http, ctx).await?.0)
}

async fn authenticate_with_secret(
    parts: &Parts,
    http: &HttpState,
    ctx: &Ctx,
) -> Result<(AuthenticatedSession, TokenSecret), RichError> {
    if !parts.headers.contains_key(header::COOKIE) {
        return Err(AuthError::Unauthenticated.into());
    }
    let browsing = Browsing::of(http, parts)?;
    let sent = browsing.cookie.and_then(|name| cookie(&parts.headers, name));
    let secret = sent.ok_or(AuthError::Unauthenticated)?;
    if !parts.method.is_safe() && browsing.is_own_page(&parts.headers) != Some(true) {
        return Err(cross_site());
    }
    let secret = TokenSecret::parse(secret).map_err(|_| AuthError::UnknownSession)?;
    let session = people::authenticate_session(
        http.services(),
        &ctx.tenant,
        &secret,
        &browsing.host,
        ctx.deadline,
    )
    .await?;
    Ok((session, secret))
}

/// A request of a page: authenticated by the session of a member, never by a token.
#[derive(Debug)]
pub struct MemberCtx {
    /// The context.
    pub ctx: Ctx,
    /// What forms of this session's pages carry.
    pub form_token: FormToken,
}

impl<S> FromRequestParts<S> for MemberCtx
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RichError> {
        let http = HttpState::from_ref(state);
        let mut ctx = context(parts, &http, Actor::Anonymous)?;
        let (session, secret) = authenticate_with_secret(parts, &http, &ctx).await?;
        ctx.actor = session.actor;
        ctx.lacks_second_factor = session.lacks_second_factor;
        Ok(Self {
            ctx,
            form_token: secret.form_token(),
        })
    }
}

fn cross_site() -> RichError {
    RichError::new(ErrorKind::Forbidden, "a request with a session from another page")
        .with_code("cross_site_request")
        .with_public(
            "A request with a session that changes something must come from a page of this host: it needs `Sec-Fetch-Site: \
             same-origin`, or this host as its `Origin`.",
        )
}

/// The refusal of a form that does not carry the token of its session.
pub fn form_expired() -> RichError {
    RichError::new(ErrorKind::Forbidden, "a form without the token of its session")
        .with_code("form_expired")
        .with_public(
            "This form was opened in an earlier session. Go back, load the page again, and send it once more: nothing was changed.",
        )
}

/// A request that opens a session: nobody yet, in a tenant, over a connection that may carry the cookie, and not made by
/// a page of another host.
#[derive(Debug)]
pub struct SignInCtx {
    /// The context.
    pub ctx: Ctx,
    /// What asks for the session.
    pub browser: Browser,
    /// What the browser got when it asked for a code.
    pub asked_for_code: Option<TokenSecret>,
    /// What the browser got for a right password, link or code of a mail.
    pub pending: Option<String>,
    browsing: Browsing,
}

impl<S> FromRequestParts<S> for SignInCtx
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RichError> {
        let http = HttpState::from_ref(state);
        let browsing = Browsing::of(&http, parts)?;
        let ctx = Ctx {
            origin: browsing.link(),
            ..context(parts, &http, Actor::Anonymous)?
        };
        let Some(name) = browsing.cookie else {
            return Err(tls_required());
        };
        // A program that is no browser has no session that a foreign page could replace.
        // Looking at the page of the sign-in, by a link from anywhere, changes nothing.
        if !parts.method.is_safe() && browsing.is_own_page(&parts.headers) == Some(false) {
            return Err(cross_site());
        }
        let sent = cookie(&parts.headers, name).and_then(|value| TokenSecret::parse(value).ok());
        let address = client::address(
            &http.settings().trusted_proxies,
            &parts.extensions,
            &parts.headers,
        );
        let browser = Browser {
            host: browsing.host.clone(),
            device: device(&parts.headers),
            address: address.map(|address| address.to_string()),
            session: sent.map(|secret| secret.hash()),
        };
        let code = browsing
            .code_cookie()
            .and_then(|name| cookie(&parts.headers, name));
        let pending = browsing
            .pending_cookie()
            .and_then(|name| cookie(&parts.headers, name));
        Ok(Self {
            ctx,
            browser,
            pending: pending.map(str::to_owned),
            asked_for_code: code.and_then(|value| TokenSecret::parse(value).ok()),
            browsing,
        })
    }
}

impl SignInCtx {
    /// Gives the session to the browser.
    pub fn give(&self, mut response: Response, opened: &OpenedSession) -> Response {
        let cookie = self.browsing.set(&opened.secret.expose(), SESSION_LIFE.as_secs());
        if let Some(cookie) = cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// Gives the browser what it has to show together with the second factor.
    pub fn give_pending(&self, mut response: Response, pending: &PendingSignIn) -> Response {
        let name = self.browsing.pending_cookie();
        let cookie = name.and_then(|name| {
            let seconds = PENDING_LIFE.as_secs();
            self.browsing.set_named(name, pending.expose(), seconds)
        });
        if let Some(cookie) = cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// Gives the browser what it has to show together with the code.
    pub fn give_code_secret(&self, mut response: Response, secret: &TokenSecret) -> Response {
        let name = self.browsing.code_cookie();
        let cookie = name.and_then(|name| {
            let seconds = CODE_LIFE.as_secs();
            self.browsing.set_named(name, &secret.expose(), seconds)
        });
        if let Some(cookie) = cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// The URL by which a client reaches this host, without a slash at its end, for links in mails; `None` when the request
/// names no host that is valid in a URL.
#[derive(Debug)]
pub struct Origin(pub Option<String>);

impl Origin {
    fn of(http: &HttpState, parts: &Parts) -> Result<Self, RichError> {
        Ok(Self(Browsing::of(http, parts)?.link()))
    }
}

impl<S> FromRequestParts<S> for Origin
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RichError> {
        Self::of(&HttpState::from_ref(state), parts)
    }
}

/// Whether an origin has a host, and nothing that a URL must not have there.
fn is_plain(origin: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    !host.is_empty() && host.bytes().all(plain)
}

/// How to take the cookie of a session that ended out of its browser.
#[derive(Debug)]
pub struct EndedSession(Browsing);

impl<S> FromRequestParts<S> for EndedSession
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RichError> {
        Browsing::of(&HttpState::from_ref(state), parts).map(Self)
    }
}

impl EndedSession {
    /// Takes the cookie out of the browser.
    pub fn take(&self, mut response: Response) -> Response {
        if let Some(cookie) = self.0.set("", 0) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

fn device(headers: &HeaderMap) -> String {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    let agent = agent.filter(|agent| !has_control(agent)).unwrap_or_default();
    one_line(agent).chars().take(MAX_DEVICE_CHARS).collect()
}

fn tls_required() -> RichError {
    RichError::new(ErrorKind::Forbidden, "a session over plain HTTP")
        .with_code("tls_required")
        .with_public(
            "This server was reached over plain HTTP, where others can read a password. Put a proxy with TLS in front of it, \
             and set RUSTOK_BASE_URL to its https URL, or RUSTOK_TRUSTED_PROXIES so that its X-Forwarded-Proto counts. On \
             this machine a name below localhost works.",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::HttpSettings;
    use axum::extract::ConnectInfo;
    use http::Request;
    use std::net::SocketAddr;

    /// How a browser with these headers reaches a server, over a connection from `peer`.
    async fn browsing(
        base_url: Option<&str>,
        peer: &str,
        fields: &[(&'static str, &str)],
    ) -> (Browsing, Parts) {
        let settings = HttpSettings {
            base_url: base_url.map(|url| url.parse().unwrap()),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..HttpSettings::default()
        };
        let (http, _database) = HttpState::for_test(settings).await;
        let (mut parts, ()) = Request::new(()).into_parts();
        for (name, value) in fields {
            parts.headers.append(*name, value.parse().unwrap());
        }
        let peer: IpAddr = peer.parse().unwrap();
        parts.extensions.insert(ConnectInfo(SocketAddr::from((peer, 1))));
        (Browsing::of(&http, &parts).unwrap(), parts)
    }

    #[tokio::test]
    async fn a_cookie_is_set_over_tls_and_on_loopback_names_only() {
        let proto = ("x-forwarded-proto", "https");
        for (base_url, peer, fields, cookie) in [
            (None, "203.0.113.7", &[("host", "shop.example")][..], None),
            (None, "203.0.113.7", &[("host", "shop.example"), proto], None),
            (
                None,
                "10.0.0.1",
                &[("host", "shop.example"), proto],
                Some(SECURE_NAME),
            ),
            (
                Some("https://shop.example"),
                "203.0.113.7",
                &[("host", "shop.example")],
                Some(SECURE_NAME),
            ),
            (
                None,
                "127.0.0.1",
                &[("host", "localhost:8080")],
                Some(LOOPBACK_NAME),
            ),
            (
                None,
                "127.0.0.1",
                &[("host", "Demo.localhost:8080")],
                Some(LOOPBACK_NAME),
            ),
            (
                None,
                "127.0.0.1",
                &[("host", "127.0.0.1:8080")],
                Some(LOOPBACK_NAME),
            ),
            (None, "127.0.0.1", &[("host", "[::1]:8080")], Some(LOOPBACK_NAME)),
            (None, "127.0.0.1", &[("host", "localhost.example")], None),
            (None, "127.0.0.1", &[("host", "notlocalhost")], None),
            (None, "127.0.0.1", &[("host", "192.0.2.1")], None),
        ] {
            let (browsing, _) = browsing(base_url, peer, fields).await;
            assert_eq!(browsing.cookie, cookie, "{fields:?}");
        }
        let (secure, _) = browsing(
            Some("https://shop.example"),
            "203.0.113.7",
            &[("host", "shop.example")],
        )
        .await;
        let expected = "__Host-session=x; Path=/; Max-Age=9; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(secure.set("x", 9).unwrap(), expected);
        let (loopback, _) = browsing(None, "127.0.0.1", &[("host", "localhost")]).await;
        assert_eq!(
            loopback.set("x", 9).unwrap(),
            "session=x; Path=/; Max-Age=9; HttpOnly; SameSite=Lax"
        );
    }

    #[tokio::test]
    async fn links_lead_to_the_host_of_the_request() {
        let proxied = [
            ("host", "inside:8080"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "shop.example"),
        ];
        for (base_url, peer, fields, expected) in [
            (
                None,
                "127.0.0.1",
                &[("host", "Demo.localhost:8080")][..],
                Some("http://demo.localhost:8080"),
            ),
            (None, "10.0.0.1", &proxied, Some("https://shop.example")),
            (None, "203.0.113.7", &proxied, Some("http://inside:8080")),
            (
                Some("https://x.example/shops"),
                "203.0.113.7",
                &[("host", "a.x.example")],
                Some("https://a.x.example/shops"),
            ),
            (None, "127.0.0.1", &[("host", "a.example/@b.example")], None),
            (None, "127.0.0.1", &[], None),
        ] {
            let (_, parts) = browsing(base_url, peer, fields).await;
            let settings = HttpSettings {
                base_url: base_url.map(|url| url.parse().unwrap()),
                trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
                ..HttpSettings::default()
            };
            let (http, _database) = HttpState::for_test(settings).await;
            assert_eq!(
                Origin::of(&http, &parts).unwrap().0.as_deref(),
                expected,
                "{fields:?}"
            );
        }
    }

    #[tokio::test]
    async fn only_pages_of_this_very_host_are_its_own() {
        let host = ("host", "shop1.localhost:8080");
        for (fields, own) in [
            (&[host][..], None),
            (&[host, ("sec-fetch-site", "same-origin")], Some(true)),
            (&[host, ("sec-fetch-site", "same-site")], Some(false)),
            (&[host, ("sec-fetch-site", "cross-site")], Some(false)),
            (&[host, ("sec-fetch-site", "none")], Some(false)),
            (
                &[
                    host,
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "same-origin"),
                ],
                Some(false),
            ),
            (&[host, ("origin", "http://shop1.localhost:8080")], Some(true)),
            (&[host, ("origin", "http://SHOP1.localhost:8080")], Some(true)),
            (&[host, ("origin", "http://shop1.localhost")], Some(false)),
            (&[host, ("origin", "https://shop1.localhost:8080")], Some(false)),
            (&[host, ("origin", "http://shop2.localhost:8080")], Some(false)),
            (&[host, ("origin", "null")], Some(false)),
            (
                &[
                    host,
                    ("origin", "http://shop1.localhost:8080"),
                    ("sec-fetch-site", "cross-site"),
                ],
                Some(false),
            ),
        ] {
            let (browsing, parts) = browsing(None, "127.0.0.1", fields).await;
            assert_eq!(browsing.is_own_page(&parts.headers), own, "{fields:?}");
        }
        let proxied = [
            ("host", "inside:8080"),
            ("x-forwarded-host", "shop.example"),
            ("x-forwarded-proto", "https"),
            ("origin", "https://shop.example"),
        ];
        let (browsing, parts) = browsing(None, "10.0.0.1", &proxied).await;
        assert_eq!(browsing.is_own_page(&parts.headers), Some(true));
        assert_eq!(browsing.host, "shop.example");
    }

    #[test]
    fn a_cookie_that_is_sent_twice_is_none() {
        for (lines, expected) in [
            (&["session=a"][..], Some("a")),
            (&["x=1; session=a; y=2"], Some("a")),
            (&["x=1", " session=a"], Some("a")),
            (&["session=a; session=b"], None),
            (&["session=a", "session=a"], None),
            (&["xsession=a; session"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            assert_eq!(cookie(&headers, "session"), expected, "{lines:?}");
        }
    }
}
