//! `base_url`: the server's public URL.

use http::Uri;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

/// Maximum length of a path prefix, in bytes.
const MAX_PREFIX: usize = 200;

/// An absolute `http` or `https` URL, optionally with a path prefix below which the server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl {
    origin: String,
    prefix: Option<Arc<str>>,
}

/// Why a text is not a base URL. No message repeats the text: it may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BaseUrlError {
    /// No scheme, another scheme, or no host.
    #[error("must be an absolute URL such as https://shops.example or https://example.com/shops")]
    NotAbsolute,
    /// It contains a user name or password.
    #[error("must have no user or password before its host")]
    WithUser,
    /// It contains a `?` or a `#`.
    #[error("must have neither a query nor a fragment")]
    WithQuery,
    /// The path cannot be a prefix of other paths.
    #[error(
        "must have a path of plain segments such as /shops: letters, digits and -._~, 200 characters at most"
    )]
    BadPath,
}

impl BaseUrl {
    /// Whether clients connect over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The path prefix, if any, without a trailing slash.
    pub(crate) fn prefix(&self) -> Option<Arc<str>> {
        self.prefix.clone()
    }
}

/// `/seg(/seg)*`, of characters that need no escape in a URL (RFC 3986, 2.3). Dot segments are refused: URL
/// resolution would remove them.
pub(crate) fn is_prefix(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain);
    text.len() <= MAX_PREFIX
        && text
            .strip_prefix('/')
            .is_some_and(|path| path.split('/').all(is_segment))
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        // The URI parser drops a fragment, so it is checked here.
        if text.contains(['?', '#']) {
            return Err(BaseUrlError::WithQuery);
        }
        let uri: Uri = text.parse().map_err(|_| BaseUrlError::NotAbsolute)?;
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().ok_or(BaseUrlError::NotAbsolute)?;
        if !matches!(scheme, "http" | "https") {
            return Err(BaseUrlError::NotAbsolute);
        }
        if authority.as_str().contains('@') {
            return Err(BaseUrlError::WithUser);
        }
        let port = authority.as_str().strip_prefix(authority.host());
        let is_port = |port: &str| port.is_empty() || authority.port_u16().is_some();
        if authority.host().is_empty() || !port.is_some_and(is_port) {
            return Err(BaseUrlError::NotAbsolute);
        }
        let path = uri.path().strip_suffix('/').unwrap_or(uri.path());
        if !path.is_empty() && !is_prefix(path) {
            return Err(BaseUrlError::BadPath);
        }
        Ok(Self {
            origin: format!("{scheme}://{authority}"),
            prefix: (!path.is_empty()).then(|| Arc::from(path)),
        })
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = BaseUrlError;

    fn try_from(text: String) -> Result<Self, BaseUrlError> {
        text.parse()
    }
}

impl From<BaseUrl> for String {
    fn from(base: BaseUrl) -> Self {
        format!("{}{}", base.origin, base.prefix.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_absolute_and_plain() {
        for (text, canonical) in [
            ("https://shops.example", "https://shops.example"),
            ("HTTP://shops.example:8080/", "http://shops.example:8080"),
            ("https://[::1]:8443/a/b/", "https://[::1]:8443/a/b"),
        ] {
            let base: BaseUrl = text.parse().unwrap();
            assert_eq!(String::from(base), canonical, "{text}");
        }
        for (text, why) in [
            ("", BaseUrlError::NotAbsolute),
            ("shops.example", BaseUrlError::NotAbsolute),
            ("/shops", BaseUrlError::NotAbsolute),
            ("//shops.example", BaseUrlError::NotAbsolute),
            ("ftp://shops.example", BaseUrlError::NotAbsolute),
            ("https://", BaseUrlError::NotAbsolute),
            ("https:///shops", BaseUrlError::NotAbsolute),
            ("https://:8080", BaseUrlError::NotAbsolute),
            ("https://shops.example:port", BaseUrlError::NotAbsolute),
            ("https://a b", BaseUrlError::NotAbsolute),
            ("https://me@shops.example", BaseUrlError::WithUser),
            ("https://me:hunter2@shops.example", BaseUrlError::WithUser),
            ("https://shops.example?x", BaseUrlError::WithQuery),
            ("https://shops.example/#x", BaseUrlError::WithQuery),
            ("https://shops.example//x", BaseUrlError::BadPath),
            ("https://shops.example/x//", BaseUrlError::BadPath),
            ("https://shops.example/../x", BaseUrlError::BadPath),
            ("https://shops.example/a%20b", BaseUrlError::BadPath),
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(why), "{text}");
        }
    }
}
