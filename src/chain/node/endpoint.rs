//! Where a node is, as an operator says it.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use crate::domain::{Fault, Network};

/// A network and the URL of a node of it, written `ethereum=https://node.example/key`.
///
/// EVM networks, Tron and Solana want a JSON-RPC endpoint (Tron's ends in `/jsonrpc`), Bitcoin the base of an Esplora
/// API. The URL may hold an API key, so it is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(super) network: Network,
    pub(super) url: Url,
}

impl Endpoint {
    /// The node of `network` at `url`.
    ///
    /// # Errors
    ///
    /// If that is no URL, or not one of HTTP.
    pub fn new(network: Network, url: &str) -> Result<Self, Fault> {
        // What the parser says is wrong with it may quote it.
        let mut url = Url::parse(url).map_err(|_| Fault::new("must hold a whole URL after the `=`"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Fault::new("must hold a URL that begins with https:// or http://"));
        }
        url.set_fragment(None);
        Ok(Self { network, url })
    }

    /// The network.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.network
    }
}

impl FromStr for Endpoint {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        const FORM: Fault =
            Fault::new("must be a network, `=` and a URL, as in ethereum=https://node.example");
        let (network, url) = text.split_once('=').ok_or(FORM)?;
        let network = network.parse::<Network>().map_err(|fault| {
            Fault::because(format!("must begin with the key of a network, which {}", fault.problem()))
        })?;
        Self::new(network, url)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("network", &self.network).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_network_and_a_url() {
        let endpoint: Endpoint = "ethereum=https://node.example/v3?key=a=b#part".parse().unwrap();
        assert_eq!(endpoint.network(), Network::Ethereum);
        assert_eq!(endpoint.url.as_str(), "https://node.example/v3?key=a=b");
        assert_eq!(endpoint, Endpoint::new(Network::Ethereum, "https://node.example/v3?key=a=b").unwrap());
        "bitcoin=http://127.0.0.1:3002/api/".parse::<Endpoint>().unwrap();
    }

    #[test]
    fn what_is_wrong_is_said_without_the_text() {
        for (text, said) in [
            ("https://node.example/sesame", "must be a network, `=` and a URL"),
            ("", "must be a network, `=` and a URL"),
            (
                "sesame=https://node.example",
                "must begin with the key of a network, which must be one of ethereum",
            ),
            ("Ethereum=https://node.example", "must begin with the key of a network"),
            (" ethereum=https://node.example/sesame", "must begin with the key of a network"),
            ("ethereum=", "must hold a whole URL"),
            ("ethereum=node.example/sesame", "must hold a whole URL"),
            ("ethereum=https://", "must hold a whole URL"),
            ("ethereum=https://:sesame@:99999/", "must hold a whole URL"),
            ("ethereum=sesame:8545", "must hold a URL that begins with https://"),
            ("ethereum=wss://node.example/sesame", "must hold a URL that begins with https://"),
            ("ethereum=file:///sesame", "must hold a URL that begins with https://"),
        ] {
            let fault = text.parse::<Endpoint>().unwrap_err();
            assert!(fault.problem().starts_with(said), "{text}: {fault}");
            assert!(!fault.problem().contains("sesame"), "{fault}");
        }
    }

    #[test]
    fn debug_does_not_show_the_url() {
        let endpoint: Endpoint = "tron=https://user:sesame@sesame.example/sesame?key=sesame".parse().unwrap();
        assert_eq!(format!("{endpoint:?}"), "Endpoint { network: Tron, .. }");
    }
}
