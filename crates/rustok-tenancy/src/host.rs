//! Hostnames in one canonical spelling, so that two spellings of a name can never be two keys.
//!
//! It must never guess: a text that is not surely one hostname is refused, never repaired.

use crate::error::IdentifierError;
use arrayvec::ArrayString;
use idna::uts46::{AsciiDenyList, ErrorPolicy, Hyphens, ProcessingSuccess, Uts46};
use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest text that is looked at: it bounds the work on what a stranger sends. A canonical name has at most 253
/// bytes; the rest is room for spellings with four bytes a character, and for a port.
pub const MAX_RAW_BYTES: usize = 1_024;

/// The longest canonical name, without the root's dot (RFC 1035, 2.3.4: 255 octets on the wire).
pub const MAX_HOST_BYTES: usize = 253;

/// The longest label (RFC 1035, 2.3.4).
pub const MAX_LABEL_BYTES: usize = 63;

const TOO_LONG: IdentifierError = IdentifierError::TooLong {
    max_bytes: MAX_HOST_BYTES,
};

/// A hostname in canonical form: lower-case A-labels (RFC 5890), no port, no trailing dot.
///
/// Where IP literals are configured it may also be `127.0.0.1` or `[::1]`. The text lies in the value itself, so that
/// reading the host of a request allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hostname(HostText);

/// Has room for the root's dot, which is there while the name is read.
type HostText = ArrayString<{ MAX_HOST_BYTES + 1 }>;

impl Hostname {
    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a hostname, with or without a port, as it stands in a `Host` header (RFC 9110, 7.2).
    #[inline]
    pub(crate) fn parse(raw: &str, allow_ip_literals: bool) -> Result<Self, IdentifierError> {
        let mut host = HostText::new();
        if plain(raw, &mut host) {
            return Ok(Self(host));
        }
        let (name, _port) = split_port(raw)?;
        Self::parse_without_port(name, allow_ip_literals)
    }

    /// Reads the part that [`split_port`] gives back as the name.
    pub(crate) fn parse_without_port(name: &str, allow_ip_literals: bool) -> Result<Self, IdentifierError> {
        match name.strip_prefix('[') {
            Some(rest) => ipv6(rest, allow_ip_literals),
            None => domain_or_ipv4(name, allow_ip_literals),
        }
        .map(Self)
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Hostname {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The short way for what nearly all requests send: ASCII, no A-label, surely no address, with or without a port. False
/// says nothing about `raw`, only that it takes the long way, which gives all of the short way the same form. Writes
/// where the key will lie, since moving a text costs more than reading it.
fn plain(raw: &str, host: &mut HostText) -> bool {
    let bytes = raw.as_bytes();
    let (mut label_start, mut end) = (0, bytes.len());
    for (index, byte) in bytes.iter().enumerate() {
        // Apart, since nearly all bytes are that.
        if byte.is_ascii_lowercase() {
            continue;
        }
        match byte {
            b'A'..=b'Z' | b'0'..=b'9' | b'-' => {}
            b'.' if is_plain_label(&bytes[label_start..index]) => label_start = index + 1,
            b':' if parse_port(&raw[index + 1..]).is_ok() => {
                end = index;
                break;
            }
            _ => return false,
        }
    }
    let last = &bytes[label_start..end];
    let is_plain = end <= MAX_HOST_BYTES && is_plain_label(last) && last[0].is_ascii_alphabetic();
    if is_plain && host.try_push_str(&raw[..end]).is_ok() {
        host.make_ascii_lowercase();
        return true;
    }
    false
}

/// For letters, digits and hyphens.
fn is_plain_label(label: &[u8]) -> bool {
    let edges = [label.first(), label.last()];
    let prefix = label.get(..4);
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && !edges.contains(&Some(&b'-'))
        && !prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"))
}

/// Takes `name[:port]` apart. An empty port is allowed and means none (RFC 3986, 3.2.3).
pub(crate) fn split_port(raw: &str) -> Result<(&str, Option<u16>), IdentifierError> {
    if raw.is_empty() {
        return Err(IdentifierError::Empty);
    }
    if raw.len() > MAX_RAW_BYTES {
        return Err(IdentifierError::TooLong {
            max_bytes: MAX_RAW_BYTES,
        });
    }
    let (name, port) = if raw.starts_with('[') {
        // An IPv6 address has colons of its own: the port can only follow the bracket.
        let end = raw.find(']').ok_or(IdentifierError::InvalidHost)? + 1;
        match raw[end..].strip_prefix(':') {
            Some(port) => (&raw[..end], port),
            None if raw.len() == end => (raw, ""),
            None => return Err(IdentifierError::InvalidHost),
        }
    } else {
        raw.split_once(':').unwrap_or((raw, ""))
    };
    Ok((name, parse_port(port)?))
}

fn parse_port(port: &str) -> Result<Option<u16>, IdentifierError> {
    // `u16::from_str` alone would let a sign through.
    match port {
        "" => Ok(None),
        _ if port.bytes().all(|b| b.is_ascii_digit()) => {
            port.parse().map(Some).map_err(|_| IdentifierError::InvalidPort)
        }
        _ => Err(IdentifierError::InvalidPort),
    }
}

fn ipv6(rest: &str, allow_ip_literals: bool) -> Result<HostText, IdentifierError> {
    let address: Ipv6Addr = rest
        .strip_suffix(']')
        .and_then(|inner| inner.parse().ok())
        .ok_or(IdentifierError::InvalidHost)?;
    if !allow_ip_literals {
        return Err(IdentifierError::IpLiteral);
    }
    let mut text = HostText::new();
    write!(text, "[{address}]").map_err(|_| TOO_LONG)?;
    Ok(text)
}

fn domain_or_ipv4(name: &str, allow_ip_literals: bool) -> Result<HostText, IdentifierError> {
    let mut host = to_a_labels(name)?;
    if host.ends_with('.') {
        host.pop();
    }
    if host.is_empty() {
        return Err(IdentifierError::Empty);
    }
    if host.len() > MAX_HOST_BYTES {
        return Err(TOO_LONG);
    }
    // The mapping lets an A-label through that stands for another label with that prefix, and refuses what it stands
    // for (UTS 46, 4.1, V4): it would be a name with one spelling too few.
    let plain = |label: &str| is_label(label) && !label.starts_with("xn--xn--");
    if !host.split('.').all(plain) {
        return Err(IdentifierError::InvalidHost);
    }
    if ends_in_a_number(&host) {
        // Only the plain dotted form is an address; `127.1` or `0x7f000001` is neither a name nor a usable address.
        host.parse::<Ipv4Addr>()
            .map_err(|_| IdentifierError::InvalidHost)?;
        if !allow_ip_literals {
            return Err(IdentifierError::IpLiteral);
        }
    }
    Ok(host)
}

/// The mapping of UTS 46, with the root's dot where there was one. It comes first: it also turns full-width digits and
/// ideographic dots into ASCII, and what they spell has to meet the same rules.
///
/// Bidi and joiner rules are always on; the third-and-fourth hyphen rule is off since such names exist
/// (`r3---sn.example`). Lengths are the caller's.
fn to_a_labels(name: &str) -> Result<HostText, IdentifierError> {
    let mut sink = Sink::default();
    let mapped = Uts46::new().process(
        name.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        ErrorPolicy::FailFast,
        |_, _, _| false,
        &mut sink,
        None,
    );
    match mapped {
        Ok(ProcessingSuccess::WroteToSink) if sink.is_full => Err(TOO_LONG),
        Ok(ProcessingSuccess::WroteToSink) => Ok(sink.text),
        // It is ASCII and canonical already; nothing was written then.
        Ok(ProcessingSuccess::Passthrough) => HostText::from(name).map_err(|_| TOO_LONG),
        Err(_) => Err(IdentifierError::InvalidHost),
    }
}

/// Takes what fits and remembers whether that was all. It must never fail: idna 1.1 panics when a sink does that
/// inside an A-label.
#[derive(Default)]
struct Sink {
    text: HostText,
    is_full: bool,
}

impl fmt::Write for Sink {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.is_full |= self.text.try_push_str(part).is_err();
        Ok(())
    }
}

/// Whether `label` is 1 to 63 lower-case letters, digits and hyphens without a hyphen at an edge (RFC 1123, 2.1).
pub(crate) fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether a resolver could take `host` for an IPv4 address (WHATWG URL, 3.5 "ends in a number checker").
fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    last.bytes().all(|b| b.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests;
