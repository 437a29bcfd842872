//! Who calls, as far as that limits those who show no key.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use super::admission::network_of;

/// An IPv4 address or an IPv6 /64, and whether whoever is there speaks for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Where they are.
    pub(crate) address: IpAddr,
    /// Whether they name others.
    pub(crate) is_proxy: bool,
}

impl Peer {
    /// Whoever is at an address.
    pub(crate) fn of(address: IpAddr, trusted: &[IpAddr]) -> Self {
        let address = address.to_canonical();
        let is_proxy = trusted.iter().any(|it| it.to_canonical() == address);
        Self { address: network_of(address), is_proxy }
    }

    /// Whoever a trusted proxy speaks for: the last that the proxies name, each of which adds whom it heard from. What is
    /// named before may be anybody's word. A proxy that names nobody speaks for itself.
    pub(crate) fn behind(self, headers: &HeaderMap, trusted: &[IpAddr]) -> Self {
        if !self.is_proxy {
            return self;
        }
        let lines = headers.get_all("x-forwarded-for").into_iter().rev();
        let named = lines.flat_map(|it| it.to_str().unwrap_or_default().rsplit(','));
        let mut named = named.map_while(address_in).map(|it| Self::of(it, trusted));
        named.find(|it| !it.is_proxy).unwrap_or(self)
    }
}

/// The address that a proxy writes: with a port, or in brackets, as some do.
fn address_in(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    text.parse().ok().or_else(with_port).or_else(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_is_believed_about_whom_it_speaks_for_and_only_its_last_word() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let trusted = [address("10.0.0.1"), address("10.0.0.2")];
        let told = |from: &str, lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", http::HeaderValue::from_static(line));
            }
            Peer::of(address(from), &trusted).behind(&headers, &trusted).address.to_string()
        };
        for (from, lines, peer) in [
            ("9.9.9.9", &["1.1.1.1"][..], "9.9.9.9"),
            ("10.0.0.1", &["1.1.1.1"], "1.1.1.1"),
            ("::ffff:10.0.0.1", &["8.8.8.8, 1.1.1.1"], "1.1.1.1"),
            ("10.0.0.1", &["8.8.8.8", "1.1.1.1 , 10.0.0.2"], "1.1.1.1"),
            ("10.0.0.1", &["2001:db8::1:2:3:4:5"], "2001:db8:0:1::"),
            // As proxies write it that name the port, too.
            ("10.0.0.1", &["8.8.8.8, 1.1.1.1:443, 10.0.0.2:80"], "1.1.1.1"),
            ("10.0.0.1", &["[2001:db8::1:2:3:4:5]"], "2001:db8:0:1::"),
            ("10.0.0.1", &["[2001:db8::1:2:3:4:5]:443"], "2001:db8:0:1::"),
            ("10.0.0.1", &["[::ffff:1.1.1.1]:443"], "1.1.1.1"),
            // Where nobody is named, the proxy is who is counted. Nobody is believed beyond what is no address.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", &["8.8.8.8, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["8.8.8.8, [1.1.1.1]"], "10.0.0.1"),
            ("10.0.0.1", &["8.8.8.8,"], "10.0.0.1"),
        ] {
            assert_eq!(told(from, lines), peer, "{from} {lines:?}");
        }
    }
}
