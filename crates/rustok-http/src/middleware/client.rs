//! The address of a request's client: that of the connection's peer, or the one that a trusted proxy reports.
//!
//! `X-Forwarded-For` grows to the right, one address per proxy. So it is read from the right, as long as the author
//! of the entry is trusted; anything to the left of the first untrusted address may be forged. `Forwarded` (RFC 7239)
//! grows in the same way, and is read if there is no `X-Forwarded-For`.

mod proxies;

pub(crate) use proxies::contain as contains;

use crate::middleware::forwarded;
use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, HeaderName};
use ipnet::IpNet;
use proxies::contain;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address; `None` when the request did not come over a connection.
pub(crate) fn address(proxies: &[IpNet], extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let mut client = peer.ip().to_canonical();
    if proxies.is_empty() {
        return Some(client);
    }
    if !contain(proxies, client) {
        return Some(client);
    }
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let elements = match headers.contains_key(X_FORWARDED_FOR) {
        true => Vec::new(),
        // A malformed field was refused before.
        false => forwarded::elements(headers).unwrap_or_default(),
    };
    let standard = elements.iter().rev().map(|element| element.client);
    for before in entries.map(parse).chain(standard) {
        match before {
            Some(before) if contain(proxies, client) => client = before,
            _ => break,
        }
    }
    Some(client)
}

/// Whether the peer is a trusted proxy.
pub(crate) fn is_proxy(proxies: &[IpNet], extensions: &Extensions) -> bool {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|ConnectInfo(peer)| contain(proxies, peer.ip()))
}

/// The address of a peer on this machine or in a private network (RFC 1918, RFC 4193) that is no trusted proxy.
pub(crate) fn untrusted_neighbour(proxies: &[IpNet], extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let peer = peer.ip().to_canonical();
    let is_private = match peer {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    };
    ((peer.is_loopback() || is_private) && !contain(proxies, peer)).then_some(peer)
}

/// Parses `203.0.113.7`, `2001:db8::1`, and both with a port.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim();
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = entry.parse::<IpAddr>().ok().or_else(with_port)?;
    Some(address.to_canonical())
}

/// The unit that limits apply to: an IPv4 address in either notation, or the /64 of an IPv6 address, which is the
/// least that a subscriber has (RFC 6177).
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address of a client whose connection comes from `peer`; 10.0.0.0/8 and fd00::/8 are trusted proxies.
    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let lines: Vec<_> = forwarded.iter().map(|line| ("x-forwarded-for", *line)).collect();
        seen_with(peer, &lines)
    }

    fn seen_with(peer: &str, fields: &[(&'static str, &str)]) -> String {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let peer: IpAddr = peer.parse().unwrap();
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::from((peer, 1))));
        address(&proxies, &extensions, &headers).unwrap().to_string()
    }

    #[test]
    fn a_neighbour_that_is_not_trusted_is_on_this_machine_or_in_a_private_network() {
        let proxies = ["10.1.0.0/16".parse().unwrap(), "fd00::/16".parse().unwrap()];
        for (peer, expected) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("10.0.0.1", true),
            ("172.16.0.1", true),
            ("172.31.255.255", true),
            ("192.168.7.7", true),
            ("::ffff:192.168.7.7", true),
            ("fc00::1", true),
            ("fd01::1", true),
            ("10.1.0.1", false),
            ("fd00::1", false),
            ("172.32.0.1", false),
            ("203.0.113.7", false),
            ("fe80::1", false),
            ("2001:db8::1", false),
        ] {
            let peer: IpAddr = peer.parse().unwrap();
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(SocketAddr::from((peer, 1))));
            let found = untrusted_neighbour(&proxies, &extensions);
            assert_eq!(found, expected.then(|| peer.to_canonical()), "{peer}");
        }
    }

    #[test]
    fn a_stranger_is_who_the_connection_says() {
        assert_eq!(seen("203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(seen("::ffff:203.0.113.7", &[]), "203.0.113.7");
    }

    #[test]
    fn a_proxy_is_believed_and_what_its_client_made_up_is_not() {
        assert_eq!(seen("10.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1", "203.0.113.7"]), "203.0.113.7");
        assert_eq!(
            seen("10.0.0.1", &["198.51.100.1, 203.0.113.7 ,10.2.3.4"]),
            "203.0.113.7"
        );
        assert_eq!(seen("fd00::1", &["2001:db8::9"]), "2001:db8::9");
        assert_eq!(seen("::ffff:10.0.0.1", &["[2001:db8::9]:443"]), "2001:db8::9");
        assert_eq!(seen("10.0.0.1", &["203.0.113.7:1234"]), "203.0.113.7");
    }

    #[test]
    fn a_proxy_that_says_nothing_readable_is_the_client_itself() {
        for unreadable in [
            &[][..],
            &["unknown"],
            &["203.0.113.7, _hidden"],
            &[""],
            &["203.0.113.7,"],
        ] {
            assert_eq!(seen("10.0.0.1", unreadable), "10.0.0.1", "{unreadable:?}");
        }
        assert_eq!(seen("10.0.0.1", &["junk, 10.9.9.9"]), "10.9.9.9");
    }

    #[test]
    fn the_standard_field_is_read_in_the_same_way() {
        let seen = |value: &str| seen_with("10.0.0.1", &[("forwarded", value)]);
        assert_eq!(seen("for=203.0.113.7"), "203.0.113.7");
        assert_eq!(
            seen("for=198.51.100.1, for=203.0.113.7;proto=https"),
            "203.0.113.7"
        );
        assert_eq!(seen("for=203.0.113.7, for=\"10.2.3.4:80\""), "203.0.113.7");
        assert_eq!(seen("for=\"[2001:db8::9]:443\""), "2001:db8::9");
        for unreadable in [
            "for=unknown",
            "for=203.0.113.7, for=_hidden",
            "proto=https",
            "for=",
        ] {
            assert_eq!(seen(unreadable), "10.0.0.1", "{unreadable}");
        }
        let both = [
            ("forwarded", "for=198.51.100.1"),
            ("x-forwarded-for", "203.0.113.7"),
        ];
        assert_eq!(seen_with("10.0.0.1", &both), "203.0.113.7");
        assert_eq!(seen_with("203.0.113.9", &both), "203.0.113.9");
    }

    #[test]
    fn without_a_connection_there_is_no_address() {
        assert_eq!(address(&[], &Extensions::new(), &HeaderMap::new()), None);
    }

    #[test]
    fn a_host_cannot_change_its_address_inside_its_network() {
        let network = |address: &str| network(address.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
    }
}
