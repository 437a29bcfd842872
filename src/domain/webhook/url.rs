//! Where a webhook endpoint is, in the one spelling that is dialled.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::domain::{Fault, is_public};

/// An `https` URL, or an `http` one, of at most 2048 characters, without user information and fragment.
///
/// It is read as a browser reads it (the URL standard), so that every way to write an address comes out as the address:
/// what is judged is what is dialled. Its path may be secret: `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    const MAX: usize = 2048;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> HostName {
        // Both schemes have one.
        HostName(self.0.host_str().unwrap_or_default().to_owned())
    }

    /// Judges it by what is known of its host: whether the operator allows it by name, and its addresses, none if the
    /// name has none now.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn judge(&self, is_allowed: bool, addresses: &[IpAddr]) -> Result<(), Fault> {
        if is_allowed {
            Ok(())
        } else if self.0.scheme() != "https" {
            Err(Fault::new("must be https"))
        } else if addresses.iter().all(|it| is_public(*it)) {
            Ok(())
        } else {
            Err(Fault::new("must be of a host that is public: this one has another address"))
        }
    }
}

impl TryFrom<String> for WebhookUrl {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        if text.is_empty() {
            return Err(Fault::new("is required"));
        }
        // The standard drops some of these without a word.
        if text.chars().any(|it| it.is_control() || it.is_whitespace()) {
            return Err(Fault::new("must not hold blanks or control characters"));
        }
        let url = Url::parse(&text).map_err(|_| Fault::new("must be a URL"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
            return Err(Fault::new("must be https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Fault::new("must not hold a user or a password"));
        }
        if url.fragment().is_some() {
            return Err(Fault::new("must not have a fragment"));
        }
        if text.len() > Self::MAX || url.as_str().len() > Self::MAX {
            return Err(Fault::new("must be at most 2048 characters"));
        }
        Ok(Self(url))
    }
}

impl From<WebhookUrl> for String {
    fn from(url: WebhookUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/…", self.0.scheme(), self.host())
    }
}

/// The name of a host, or its address, as a URL has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

impl HostName {
    /// The text; an IPv6 address is in brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address that it is, if it is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match Host::parse(&self.0).ok()? {
            Host::Domain(_) => None,
            Host::Ipv4(it) => Some(it.into()),
            Host::Ipv6(it) => Some(it.into()),
        }
    }
}

impl FromStr for HostName {
    type Err = Fault;

    /// Reads a name, an IPv4 address, or an IPv6 address with or without brackets.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let bare_v6 = text.parse().map(Host::<String>::Ipv6);
        let host = bare_v6.or_else(|_| Host::parse(text)).map_err(|_| Fault::new("is not a host's name"))?;
        Ok(Self(host.to_string()))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
