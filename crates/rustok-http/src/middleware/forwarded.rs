//! `Forwarded` (RFC 7239): what each proxy reports about the request that it received, the first proxy first.
//!
//! It must never be read from any peer but a trusted proxy, and never be repaired: anything malformed is refused,
//! since two parsers could read it differently.

use http::{HeaderMap, HeaderName};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
/// The host that the proxy was asked for. Older than `Forwarded`, and more common.
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The report of one proxy.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// `for`: the client of the proxy; `None` also for `unknown` and for an obfuscated identifier.
    pub(crate) client: Option<IpAddr>,
    /// `host`: the host that the proxy was asked for.
    pub(crate) host: Option<Cow<'a, str>>,
    /// `proto`: the scheme that the proxy was asked with.
    pub(crate) scheme: Option<Cow<'a, str>>,
}

/// Why a field is refused; the sentence may be shown to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

const NOT_ITS_FORM: Malformed = Malformed(
    "Forwarded has not the form of RFC 7239, as in `for=\"[2001:db8::1]:443\";proto=https;host=shop.example`.",
);
const TWICE: Malformed = Malformed("Forwarded has a parameter twice for one proxy.");
const BAD_NODE: Malformed = Malformed(
    "`for` and `by` of Forwarded are an IPv4 address, \"[an IPv6 address]\", `unknown` or `_` and a name, each with or \
     without a port.",
);
const BAD_SCHEME: Malformed = Malformed("`proto` of Forwarded is no scheme.");

/// The reports of all proxies, the first proxy first; empty if there is no such field.
pub(crate) fn elements(headers: &HeaderMap) -> Result<Vec<Element<'_>>, Malformed> {
    let mut found = Vec::new();
    for line in headers.get_all(FORWARDED) {
        let line = std::str::from_utf8(line.as_bytes()).map_err(|_| NOT_ITS_FORM)?;
        read_line(line, &mut found)?;
    }
    if found.is_empty() && headers.contains_key(FORWARDED) {
        return Err(NOT_ITS_FORM);
    }
    Ok(found)
}

fn read_line<'a>(line: &'a str, found: &mut Vec<Element<'a>>) -> Result<(), Malformed> {
    let mut rest = trimmed(line);
    loop {
        let (element, after) = read_element(rest)?;
        found.extend(element);
        match after.strip_prefix(',') {
            Some(after) => rest = trimmed(after),
            None if after.is_empty() => return Ok(()),
            None => return Err(NOT_ITS_FORM),
        }
    }
}

/// Parses one element. Returns it with the remaining text; `None` for an empty one, which a list may have (RFC 9110,
/// 5.6.1.2).
fn read_element(text: &str) -> Result<(Option<Element<'_>>, &str), Malformed> {
    let mut element = Element::default();
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        if !rest.is_empty() && !rest.starts_with([';', ',']) {
            let (name, value, after) = read_pair(rest)?;
            let name = name.to_ascii_lowercase();
            if names.contains(&name) {
                return Err(TWICE);
            }
            match name.as_str() {
                "for" => element.client = node(&value)?,
                "by" => drop(node(&value)?),
                "host" => element.host = Some(value),
                "proto" if is_scheme(&value) => element.scheme = Some(value),
                "proto" => return Err(BAD_SCHEME),
                // Extensions are ignored.
                _ => {}
            }
            names.push(name);
            rest = trimmed(after);
        }
        match rest.strip_prefix(';') {
            Some(after) => rest = trimmed(after),
            None => return Ok(((!names.is_empty()).then_some(element), rest)),
        }
    }
}

/// Parses `name=value`. Returns both with the remaining text.
fn read_pair(text: &str) -> Result<(&str, Cow<'_, str>, &str), Malformed> {
    let (name, rest) = token(text)?;
    let rest = rest.strip_prefix('=').ok_or(NOT_ITS_FORM)?;
    match rest.strip_prefix('"') {
        Some(quoted) => unquoted(quoted).map(|(value, rest)| (name, value, rest)),
        None => token(rest).map(|(value, rest)| (name, Cow::Borrowed(value), rest)),
    }
}

/// Parses a token (RFC 9110, 5.6.2). Returns it with the remaining text.
fn token(text: &str) -> Result<(&str, &str), Malformed> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let end = text.bytes().position(|b| !is_token(b)).unwrap_or(text.len());
    if end == 0 {
        return Err(NOT_ITS_FORM);
    }
    Ok(text.split_at(end))
}

/// Parses a quoted string after its opening quotation mark (RFC 9110, 5.6.4). Returns its value with the remaining
/// text.
fn unquoted(text: &str) -> Result<(Cow<'_, str>, &str), Malformed> {
    let end = text.find(['"', '\\']).ok_or(NOT_ITS_FORM)?;
    if text[end..].starts_with('"') {
        return Ok((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Cow::Owned(value), &text[at + 1..])),
            '\\' => value.push(chars.next().ok_or(NOT_ITS_FORM)?.1),
            plain => value.push(plain),
        }
    }
    Err(NOT_ITS_FORM)
}

/// The IP address of a node (RFC 7239, 6), if it has one.
fn node(text: &str) -> Result<Option<IpAddr>, Malformed> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or(BAD_NODE)?;
            let address: Ipv6Addr = address.parse().map_err(|_| BAD_NODE)?;
            let port = match after.strip_prefix(':') {
                None if after.is_empty() => None,
                None => return Err(BAD_NODE),
                port => port,
            };
            (Some(IpAddr::from(address)), port)
        }
        None => {
            let (name, port) = match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            };
            let address = name.parse::<Ipv4Addr>().ok().map(IpAddr::from);
            if address.is_none() && !name.eq_ignore_ascii_case("unknown") && !is_obfuscated(name) {
                return Err(BAD_NODE);
            }
            (address, port)
        }
    };
    let is_port = |port: &str| {
        is_obfuscated(port) || ((1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()))
    };
    if port.is_some_and(|port| !is_port(port)) {
        return Err(BAD_NODE);
    }
    Ok(name.map(|address| address.to_canonical()))
}

/// An identifier or port that the proxy made up (RFC 7239, 6.3).
fn is_obfuscated(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.strip_prefix('_')
        .is_some_and(|name| !name.is_empty() && name.bytes().all(plain))
}

/// A URI scheme (RFC 3986, 3.1).
fn is_scheme(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(plain)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each element as `client host scheme`, `-` for a missing part.
    fn read(lines: &[&'static str]) -> Result<Vec<String>, Malformed> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED, http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let shown = |element: Element<'_>| {
            let client = element.client.map_or("-".to_owned(), |client| client.to_string());
            let text = |text: Option<Cow<'_, str>>| text.map_or("-".to_owned(), Cow::into_owned);
            format!("{client} {} {}", text(element.host), text(element.scheme))
        };
        elements(&headers).map(|all| all.into_iter().map(shown).collect())
    }

    #[test]
    fn what_each_proxy_says_is_read() {
        for (lines, expected) in [
            (&[][..], &[][..]),
            (
                &["for=192.0.2.60;proto=http;by=203.0.113.43"],
                &["192.0.2.60 - http"],
            ),
            (&["For=\"[2001:db8:cafe::17]:4711\""], &["2001:db8:cafe::17 - -"]),
            (&["for=\"[::ffff:192.0.2.1]\""], &["192.0.2.1 - -"]),
            (&["for=\"192.0.2.43:47011\""], &["192.0.2.43 - -"]),
            (&["for=\"192.0.2.43:_port\""], &["192.0.2.43 - -"]),
            (&["for=_mdn;PROTO=HTTPS"], &["- - HTTPS"]),
            (&["for=\"_gazonk\", for=unknown"], &["- - -", "- - -"]),
            (
                &["for=192.0.2.43, for=198.51.100.17", "host=shop.example"],
                &["192.0.2.43 - -", "198.51.100.17 - -", "- shop.example -"],
            ),
            (
                &["host=\"shop.example:8080\";secret=_x"],
                &["- shop.example:8080 -"],
            ),
            (&[r#"host="a\"b\\c,d;e=f""#], &[r#"- a"b\c,d;e=f -"#]),
            (&[" for=192.0.2.1 ; proto=https ,, "], &["192.0.2.1 - https"]),
            (&["for=192.0.2.1;;proto=https;"], &["192.0.2.1 - https"]),
        ] {
            assert_eq!(read(lines).unwrap(), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_is_not_of_its_form_is_refused() {
        for (line, why) in [
            ("", NOT_ITS_FORM),
            (",", NOT_ITS_FORM),
            (";", NOT_ITS_FORM),
            ("for", NOT_ITS_FORM),
            ("for=", NOT_ITS_FORM),
            ("for =192.0.2.1", NOT_ITS_FORM),
            ("for= 192.0.2.1", NOT_ITS_FORM),
            ("=192.0.2.1", NOT_ITS_FORM),
            ("for=192.0.2.1 proto=https", NOT_ITS_FORM),
            ("for=[2001:db8::1]", NOT_ITS_FORM),
            ("for=192.0.2.1:80", NOT_ITS_FORM),
            ("host=shop.example:80", NOT_ITS_FORM),
            ("host=\"shop.example", NOT_ITS_FORM),
            ("host=\"shop.example\\", NOT_ITS_FORM),
            ("host=\"a\"b", NOT_ITS_FORM),
            ("host=ä", NOT_ITS_FORM),
            ("192.0.2.1", NOT_ITS_FORM),
            ("for=192.0.2.1;for=192.0.2.2", TWICE),
            ("proto=http;Proto=https", TWICE),
            ("for=shop.example", BAD_NODE),
            ("for=192.0.2", BAD_NODE),
            ("for=\"2001:db8::1\"", BAD_NODE),
            ("for=\"[2001:db8::1\"", BAD_NODE),
            ("for=\"[192.0.2.1]\"", BAD_NODE),
            ("for=\"[::1]80\"", BAD_NODE),
            ("for=\"192.0.2.1:\"", BAD_NODE),
            ("for=\"192.0.2.1:123456\"", BAD_NODE),
            ("for=\"_\"", BAD_NODE),
            ("for=\"_a b\"", BAD_NODE),
            ("by=me", BAD_NODE),
            ("proto=\"\"", BAD_SCHEME),
            ("proto=\"ht tp\"", BAD_SCHEME),
            ("proto=1http", BAD_SCHEME),
        ] {
            assert_eq!(read(&[line]), Err(why), "{line:?}");
            assert!(read(&["for=192.0.2.1", line]).is_err() || line.trim_matches([',', ';']).is_empty());
        }
    }
}
