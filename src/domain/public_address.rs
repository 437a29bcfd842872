//! Which addresses lead to somebody on the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one that anybody on the internet may have: not of this machine, this network, a translation
/// into such addresses, or a range that is set aside.
///
/// What is not known to be public is not: of IPv6 that is everything outside the one range that is given out, `2000::/3`,
/// with it IPv4-mapped and -compatible addresses, NAT64 in both forms, unique local, link-local and site-local ones.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => !PRIVATE_V4.iter().any(|range| range.has(it)),
        IpAddr::V6(it) => GLOBAL_V6.has(it) && !PRIVATE_V6.iter().any(|range| range.has(it)),
    }
}

/// An IPv4 range: its first address and how many bits are common.
struct V4(Ipv4Addr, u32);

impl V4 {
    const fn has(&self, address: Ipv4Addr) -> bool {
        (address.to_bits() ^ self.0.to_bits()) >> (32 - self.1) == 0
    }
}

/// An IPv6 range.
struct V6(Ipv6Addr, u32);

impl V6 {
    const fn has(&self, address: Ipv6Addr) -> bool {
        (address.to_bits() ^ self.0.to_bits()) >> (128 - self.1) == 0
    }
}

/// IANA's special-purpose registry of IPv4, but for the anycast ranges that anybody may be served from.
const PRIVATE_V4: &[V4] = &[
    // This network, and 0.0.0.0.
    V4(Ipv4Addr::UNSPECIFIED, 8),
    // Private.
    V4(Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared by a provider's customers (carrier-grade NAT).
    V4(Ipv4Addr::new(100, 64, 0, 0), 10),
    // Loopback.
    V4(Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, with the metadata services of clouds.
    V4(Ipv4Addr::new(169, 254, 0, 0), 16),
    // Private.
    V4(Ipv4Addr::new(172, 16, 0, 0), 12),
    // IETF protocol assignments.
    V4(Ipv4Addr::new(192, 0, 0, 0), 24),
    // Documentation.
    V4(Ipv4Addr::new(192, 0, 2, 0), 24),
    // Relays of 6to4.
    V4(Ipv4Addr::new(192, 88, 99, 0), 24),
    // Private.
    V4(Ipv4Addr::new(192, 168, 0, 0), 16),
    // Measuring of networks.
    V4(Ipv4Addr::new(198, 18, 0, 0), 15),
    // Documentation.
    V4(Ipv4Addr::new(198, 51, 100, 0), 24),
    V4(Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast.
    V4(Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved, and broadcast.
    V4(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// What is given out of IPv6.
const GLOBAL_V6: V6 = V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What of that is set aside.
const PRIVATE_V6: &[V6] = &[
    // IETF protocol assignments: Teredo, measuring of networks, ORCHID.
    V6(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation.
    V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, which holds an IPv4 address.
    V6(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    // The 6bone, given back.
    V6(Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16),
    // Documentation.
    V6(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_internet_are_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "3ffd:ffff::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn both_ends_of_every_range_that_is_set_aside_are_not_public() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.0",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.255",
            "192.0.2.0",
            "192.0.2.255",
            "192.88.99.0",
            "192.88.99.255",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.0",
            "198.51.100.255",
            "203.0.113.0",
            "203.0.113.255",
            "224.0.0.0",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "::2",
            "::7f00:1",
            "::808:808",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "1fff:ffff::1",
            "2001::1",
            "2001:0:53aa:64c::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "2002::1",
            "2002:7f00:1::1",
            "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "3ffe::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff:ffff::1",
            "fe80::1",
            "febf:ffff::1",
            "fec0::1",
            "feff:ffff::1",
            "ff00::1",
            "ff02::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }
}
