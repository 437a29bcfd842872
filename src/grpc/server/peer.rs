//! Who calls, as far as that limits those who show no key.

use std::net::IpAddr;

use http::HeaderMap;

use super::admission::network_of;

/// An IPv4 address or an IPv6 /64; nobody where they speak for many, and do not say for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

impl Peer {
    /// Whoever is at an address.
    pub(crate) fn of(address: IpAddr, trusted: &[IpAddr]) -> Self {
        let address = address.to_canonical();
        let speaks_for_many = trusted.iter().any(|it| it.to_canonical() == address);
        Self((!speaks_for_many).then(|| network_of(address)))
    }

    /// Whoever a trusted proxy speaks for: the last that the proxies name, each of which adds whom it heard from. What is
    /// named before may be anybody's word.
    pub(crate) fn behind(self, headers: &HeaderMap, trusted: &[IpAddr]) -> Self {
        if self.0.is_some() {
            return self;
        }
        let lines = headers.get_all("x-forwarded-for").into_iter().rev();
        let named = lines.flat_map(|it| it.to_str().unwrap_or_default().rsplit(','));
        let mut named = named.map_while(|it| it.trim().parse().ok()).map(|it| Self::of(it, trusted));
        named.find(|it| it.0.is_some()).unwrap_or(self)
    }
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
            Peer::of(address(from), &trusted).behind(&headers, &trusted).0.map(|it| it.to_string())
        };
        let is = |it: &str| Some(it.to_owned());
        assert_eq!(told("9.9.9.9", &["1.1.1.1"]), is("9.9.9.9"));
        assert_eq!(told("10.0.0.1", &[]), None);
        assert_eq!(told("10.0.0.1", &["1.1.1.1"]), is("1.1.1.1"));
        assert_eq!(told("::ffff:10.0.0.1", &["8.8.8.8, 1.1.1.1"]), is("1.1.1.1"));
        assert_eq!(told("10.0.0.1", &["8.8.8.8", "1.1.1.1 , 10.0.0.2"]), is("1.1.1.1"));
        assert_eq!(told("10.0.0.1", &["2001:db8::1:2:3:4:5"]), is("2001:db8:0:1::"));
        // What is no address ends it: nobody is believed beyond that.
        assert_eq!(told("10.0.0.1", &["8.8.8.8, unknown"]), None);
        assert_eq!(told("10.0.0.1", &["8.8.8.8,"]), None);
    }
}
