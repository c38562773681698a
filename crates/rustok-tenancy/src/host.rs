//! Hostnames in one canonical form, so that two spellings of a name are never two keys.
//!
//! Parsing never guesses: a text that is not certainly a single hostname is refused, not corrected.

use crate::error::IdentifierError;
use arrayvec::ArrayString;
use idna::uts46::{AsciiDenyList, ErrorPolicy, Hyphens, ProcessingSuccess, Uts46};
use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The maximum length of input, in bytes: it bounds the work for untrusted input. A canonical name has at most 253
/// bytes; the rest allows for Unicode spellings with four bytes per character, and for a port.
pub const MAX_RAW_BYTES: usize = 1_024;

/// The maximum length of a canonical name, without the trailing dot of the root (RFC 1035, 2.3.4: 255 octets on the
/// wire).
pub const MAX_HOST_BYTES: usize = 253;

/// The maximum length of a label (RFC 1035, 2.3.4).
pub const MAX_LABEL_BYTES: usize = 63;

const TOO_LONG: IdentifierError = IdentifierError::TooLong {
    max_bytes: MAX_HOST_BYTES,
};

/// A hostname in canonical form: lower-case A-labels (RFC 5890), no port, no trailing dot.
///
/// Where IP literals are enabled, it can also be `127.0.0.1` or `[::1]`. The text is stored inline, so that parsing
/// the host of a request allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hostname(HostText);

/// Includes room for the trailing dot of the root, which is present during parsing.
type HostText = ArrayString<{ MAX_HOST_BYTES + 1 }>;

impl Hostname {
    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses a hostname, with or without a port, as in a `Host` header (RFC 9110, 7.2).
    #[inline]
    pub(crate) fn parse(raw: &str, allow_ip_literals: bool) -> Result<Self, IdentifierError> {
        let mut host = HostText::new();
        if plain(raw, &mut host) {
            return Ok(Self(host));
        }
        let (name, _port) = split_port(raw)?;
        Self::parse_without_port(name, allow_ip_literals)
    }

    /// Parses the name that [`split_port`] returns.
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

/// The fast path for nearly all requests: ASCII, no A-label, certainly no IP address, with or without a port. `false`
/// does not mean that `raw` is invalid, only that it needs the slow path, which gives the same result for all input
/// of the fast path. Writes directly to the key's storage, since moving a text costs more than parsing it.
fn plain(raw: &str, host: &mut HostText) -> bool {
    let bytes = raw.as_bytes();
    let (mut label_start, mut end) = (0, bytes.len());
    for (index, byte) in bytes.iter().enumerate() {
        // A separate check first, since it applies to nearly all bytes.
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

/// Checks a label of letters, digits and hyphens.
fn is_plain_label(label: &[u8]) -> bool {
    let edges = [label.first(), label.last()];
    let prefix = label.get(..4);
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && !edges.contains(&Some(&b'-'))
        && !prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"))
}

/// Splits `name[:port]`. An empty port is allowed and means none (RFC 3986, 3.2.3).
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
        // An IPv6 address contains colons: a port can only follow the bracket.
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
    // `u16::from_str` alone would accept a sign.
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
    // The mapping accepts an A-label that decodes to another label with the prefix `xn--`, but refuses the decoded
    // label itself (UTS 46, 4.1, V4): only one of the two spellings of the name would be accepted.
    let plain = |label: &str| is_label(label) && !label.starts_with("xn--xn--");
    if !host.split('.').all(plain) {
        return Err(IdentifierError::InvalidHost);
    }
    if ends_in_a_number(&host) {
        // Only the plain dotted form is an address; `127.1` and `0x7f000001` are neither names nor usable addresses.
        host.parse::<Ipv4Addr>()
            .map_err(|_| IdentifierError::InvalidHost)?;
        if !allow_ip_literals {
            return Err(IdentifierError::IpLiteral);
        }
    }
    Ok(host)
}

/// The mapping of UTS 46; keeps the trailing dot of the root. It comes first, because it also maps full-width digits
/// and ideographic dots to ASCII, and the result has to meet the same rules.
///
/// Bidi and joiner rules are always on; the rule about hyphens in the third and fourth place is off, since such names
/// exist (`r3---sn.example`). The caller checks lengths.
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
        // The name is canonical ASCII already, and nothing was written.
        Ok(ProcessingSuccess::Passthrough) => HostText::from(name).map_err(|_| TOO_LONG),
        Err(_) => Err(IdentifierError::InvalidHost),
    }
}

/// Stores what fits and records an overflow. It must never return an error: idna 1.1 panics if a sink fails inside an
/// A-label.
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
