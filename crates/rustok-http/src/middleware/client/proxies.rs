//! Which peers are trusted proxies.

use ipnet::{IpNet, Ipv4Net};
use std::net::IpAddr;

/// Number of bits of an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) before the IPv4 address.
const MAPPED_PREFIX: u8 = 96;

/// Whether `peer` is in one of the networks. An IPv4-mapped address equals its IPv4 address, on both sides; `::/0` is
/// IPv6 only.
pub(crate) fn contain(networks: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    networks.iter().any(|network| unmapped(*network).contains(&peer))
}

fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(wide) = network else { return network };
    let address = wide.addr().to_ipv4_mapped();
    let bits = wide.prefix_len().checked_sub(MAPPED_PREFIX);
    match address
        .zip(bits)
        .map(|(address, bits)| Ipv4Net::new(address, bits))
    {
        Some(Ok(narrow)) => IpNet::V4(narrow),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_its_addresses_in_either_form() {
        for (network, peer, expected) in [
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.4", false),
            ("10.1.2.3/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.9.9.9", true),
            ("10.0.0.0/8", "::ffff:11.9.9.9", false),
            ("10.0.0.0/8", "::10.9.9.9", false),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("::ffff:10.0.0.0/104", "::ffff:10.9.9.9", true),
            ("::ffff:10.0.0.0/104", "11.0.0.0", false),
            ("::ffff:0.0.0.0/96", "203.0.113.7", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("0.0.0.0/0", "203.0.113.7", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.7", false),
            ("::/0", "::ffff:203.0.113.7", false),
            ("::1/128", "::1", true),
            ("::1/128", "127.0.0.1", false),
        ] {
            let networks = ["192.0.2.0/24".parse().unwrap(), network.parse().unwrap()];
            assert_eq!(
                contain(&networks, peer.parse().unwrap()),
                expected,
                "{peer} in {network}"
            );
        }
        assert!(!contain(&[], "127.0.0.1".parse().unwrap()));
    }
}
