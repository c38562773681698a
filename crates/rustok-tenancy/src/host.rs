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
    pub(crate) fn parse(raw: &str, allow_ip_literals: bool) -> Result<Self, IdentifierError> {
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
mod tests {
    use super::*;
    use IdentifierError::{Empty, InvalidHost, InvalidPort, IpLiteral};

    fn host(raw: &str) -> Result<String, IdentifierError> {
        Hostname::parse(raw, false).map(|host| host.to_string())
    }

    #[test]
    fn spellings_of_one_name_meet_in_one_text() {
        for raw in [
            "bücher.example",
            "BÜCHER.Example",
            "bu\u{308}cher.example",
            "xn--bcher-kva.example",
            "XN--BCHER-KVA.EXAMPLE",
            "bücher\u{3002}example",
            "bücher.example.",
            "bücher.example\u{3002}",
            "bücher.example:443",
            "bücher.example.:443",
            "bücher.example:",
        ] {
            assert_eq!(host(raw).as_deref(), Ok("xn--bcher-kva.example"), "{raw}");
        }
    }

    #[test]
    fn sharp_s_is_not_folded_into_ss() {
        assert_eq!(host("straße.example").as_deref(), Ok("xn--strae-oqa.example"));
    }

    #[test]
    fn plain_names_pass() {
        for raw in [
            "localhost",
            "a.b",
            "r3---sn.example",
            "1.example",
            "0x.example",
            "x1",
        ] {
            assert_eq!(host(raw).as_deref(), Ok(raw));
        }
    }

    #[test]
    fn ports_are_checked_not_ignored() {
        for raw in ["a.example:0", "a.example:65535", "a.example:", "a.example:00080"] {
            assert_eq!(host(raw).as_deref(), Ok("a.example"), "{raw}");
        }
        for raw in [
            "a.example:65536",
            "a.example:+80",
            "a.example:-1",
            "a.example: 80",
            "a.example:８０",
            "user:secret@a.example",
            "a.example:x",
            "a.example:80:80",
            "::1",
            "a:80.",
        ] {
            assert_eq!(host(raw), Err(InvalidPort), "{raw}");
        }
        assert_eq!(split_port("a.example:0443"), Ok(("a.example", Some(443))));
        assert_eq!(split_port("[::1]:80"), Ok(("[::1]", Some(80))));
    }

    #[test]
    fn bad_names_are_refused() {
        for raw in ["", ".", ":80"] {
            assert_eq!(host(raw), Err(Empty), "{raw:?}");
        }
        for raw in [
            "a..b",
            "a.b..",
            ".a",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a b.c",
            " a.b",
            "a.b\r\nx",
            "a.b\0",
            "user@a.b",
            "a.b/c",
            "a%2eb",
            "a\u{ff05}2eb",
            "*.a.b",
            "a,b",
            "a\u{7f}.b",
            "a\tb",
            "a\u{ff1a}80",
            "\u{ad}.example",
            "xn--a.example",
            "xn--.example",
            "xn--abc-.example",
            "xn--xn---epa.example",
            "\u{200d}a.example",
            "a\u{200c}b.example",
            "אa.example",
            "1א.example",
            "\u{202e}a.example",
            "\u{301}a.example",
            "\u{fffd}.example",
            "[::1",
            "[::1]x",
            "[::1].",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "[v1.x]",
            "[1:2:3:4:5:6:7:8:9]",
            "[127.0.0.1]",
            "[]",
        ] {
            assert_eq!(host(raw), Err(InvalidHost), "{raw:?}");
        }
    }

    #[test]
    fn lengths_are_bounded_on_both_sides() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(longest.len(), 253);
        assert_eq!(host(&longest).as_deref(), Ok(&*longest));
        assert_eq!(host(&format!("{longest}.:80")).as_deref(), Ok(&*longest));
        assert_eq!(
            host(&format!("{longest}a")),
            Err(IdentifierError::TooLong { max_bytes: 253 })
        );
        assert_eq!(host(&format!("a{label}.b")), Err(InvalidHost));
        assert_eq!(
            host(&"a".repeat(1_025)),
            Err(IdentifierError::TooLong { max_bytes: 1_024 })
        );
    }

    #[test]
    fn a_label_is_measured_in_its_ascii_form() {
        let label = |letters: usize| Hostname::parse(&format!("{}ü.example", "a".repeat(letters)), false);
        let longest = (0..MAX_LABEL_BYTES).rfind(|letters| label(*letters).is_ok());
        let longest = longest.expect("some label fits");
        let text = label(longest).unwrap();
        assert_eq!(text.as_str().find('.'), Some(MAX_LABEL_BYTES));
        // The next one would fit as it was typed, in characters and in bytes.
        assert!(longest + 1 + 'ü'.len_utf8() < MAX_LABEL_BYTES);
        assert_eq!(label(longest + 1), Err(InvalidHost));
    }

    #[test]
    fn a_name_is_measured_in_its_ascii_form() {
        // Four bytes a letter: 1,012 bytes for 253 of them.
        let label = "\u{1d41a}".repeat(63);
        let name = |last: usize| format!("{label}.{label}.{label}.{}", "\u{1d41a}".repeat(last));
        let plain = "a".repeat(63);
        let longest = format!("{plain}.{plain}.{plain}.{}", "a".repeat(61));
        assert_eq!(
            host(&format!("{}.:65535", name(61))).as_deref(),
            Ok(longest.as_str())
        );
        assert_eq!(host(&name(62)), Err(TOO_LONG));
        // Shorter than the limit as it was typed.
        let grows = format!("{}example", "ü.".repeat(60));
        assert!(grows.len() < MAX_HOST_BYTES);
        assert_eq!(host(&grows), Err(TOO_LONG));
    }

    #[test]
    fn ip_literals_only_when_configured() {
        for raw in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "１２７.0.0.1",
            "127.0.0.1.",
            "[::1]",
            "[0:0::1]:80",
        ] {
            assert_eq!(host(raw), Err(IpLiteral), "{raw}");
        }
        for (raw, canonical) in [
            ("127.0.0.1:8080", "127.0.0.1"),
            ("１２７.0.0.1", "127.0.0.1"),
            ("[0:0::1]:80", "[::1]"),
            ("[2001:DB8::A]", "[2001:db8::a]"),
        ] {
            assert_eq!(Hostname::parse(raw, true).unwrap().as_str(), canonical);
            assert_eq!(Hostname::parse(canonical, true).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn half_addresses_are_never_names() {
        for raw in [
            "127.1",
            "127.1.",
            "0x7f.1",
            "0X7F.0.0.1",
            "0177.0.0.1",
            "１２７．１",
            "a.0x",
            "2130706433",
            "0x7f000001",
            "a.0x1",
            "a.1",
            "1.2.3.4.5",
            "127.0.0.01",
            "256.0.0.1",
        ] {
            assert_eq!(Hostname::parse(raw, true), Err(InvalidHost), "{raw}");
        }
    }
}
