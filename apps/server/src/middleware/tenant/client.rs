//! The address a request comes from: that of the connection, or what a trusted proxy says it is.
//!
//! `X-Forwarded-For` grows to the right, one address by each proxy. So it is read from the right, as long as the one
//! who wrote the entry is trusted; anything to the left of the first stranger is the stranger's own invention.

use super::proxies::contain;
pub(crate) use super::proxies::contain as contains;
use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, HeaderName};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address; `None` when the request did not come over a connection.
pub(crate) fn address(proxies: &[IpNet], extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let mut client = peer.ip().to_canonical();
    if proxies.is_empty() {
        return Some(client);
    }
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let mut entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    while contain(proxies, client) {
        match entries.next().and_then(parse) {
            Some(before) => client = before,
            None => break,
        }
    }
    Some(client)
}

/// Whether the request comes from a proxy of ours.
pub(crate) fn is_proxy(proxies: &[IpNet], extensions: &Extensions) -> bool {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|ConnectInfo(peer)| contain(proxies, peer.ip()))
}

/// `203.0.113.7`, `2001:db8::1`, and both with a port.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim();
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = entry.parse::<IpAddr>().ok().or_else(with_port)?;
    Some(address.to_canonical())
}

/// What is limited as one: an IPv4 address, however it is written, and of IPv6 the /64 that a subscriber has at least
/// (RFC 6177).
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

    /// The address of a client whose connection comes from `peer`; 10.0.0.0/8 and fd00::/8 are our proxies.
    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let peer: IpAddr = peer.parse().unwrap();
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::from((peer, 1))));
        address(&proxies, &extensions, &headers).unwrap().to_string()
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
