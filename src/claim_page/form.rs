//! What somebody put into the form.

use sha2::{Digest, Sha256};

use crate::clock;
use crate::domain::{Error, Fault, Faults, Network, NewClaim, RequestId};

/// The fields as they were sent, to be shown again where one of them is wrong. The first of a name counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pub(super) network: String,
    pub(super) token: String,
    pub(super) amount: String,
    pub(super) tx_hash: String,
    pub(super) note: String,
    /// What tells one time that the form was opened from another.
    pub(super) attempt: String,
}

impl Form {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self { attempt: hex::encode(clock::random::<16>()), ..Self::default() }
    }

    /// Reads what a browser sends. What is not of the form is not looked at.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let field = match &*name {
                "network" => &mut form.network,
                "token" => &mut form.token,
                "amount" => &mut form.amount,
                "tx_hash" => &mut form.tx_hash,
                "note" => &mut form.note,
                "attempt" => &mut form.attempt,
                _ => continue,
            };
            if field.is_empty() {
                *field = value.into_owned();
            }
        }
        form
    }

    /// The request that it is: the same form sent again, as browsers do when a page is loaded again, is the same one.
    pub(super) fn request(&self) -> Option<RequestId> {
        let Self { network, token, amount, tx_hash, note, attempt } = self;
        let mut digest = Sha256::new();
        for field in [attempt, network, token, amount, tx_hash, note] {
            // No field runs into the next.
            digest.update(Sha256::digest(field));
        }
        if attempt.is_empty() { None } else { hex::encode(digest.finalize()).try_into().ok() }
    }

    /// What is claimed. People paste with blanks around, and write on several lines.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with every field that is wrong.
    pub(super) fn claim(&self) -> Result<NewClaim, Error> {
        let mut faults = Faults::default();
        let network = match self.network.as_str() {
            "" => Err(Fault::new("is required")),
            key => key.parse::<Network>().map_err(|_| Fault::new("must be one of those listed")),
        };
        let network = faults.keep("network", network);
        let note = self.note.split_whitespace().collect::<Vec<_>>().join(" ");
        let (amount, hash) = (self.amount.trim().to_owned(), self.tx_hash.trim());
        let new = NewClaim::parse(network, &self.token, amount, hash, note, &mut faults);
        faults.finish(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TxHash;

    #[test]
    fn a_form_is_read_as_browsers_send_it() {
        let hash = "ab".repeat(32);
        let body = format!(
            "network=bitcoin&token=BTC&amount=+0.5%0D%0A&tx_hash=%20{hash}%20&note=for%0D%0Atea&else=x&amount=7"
        );
        let form = Form::read(body.as_bytes());
        let new = form.claim().unwrap();
        assert_eq!((new.network, new.token.symbol), (Network::Bitcoin, "BTC"));
        assert_eq!(new.amount.to_string(), "50000000");
        assert_eq!(new.tx_hash, TxHash::parse(Network::Bitcoin.info().family, &hash).unwrap());
        assert_eq!(new.note.as_str(), "for tea");
    }

    #[test]
    fn a_form_is_the_same_request_while_nothing_in_it_changes() {
        let request = |body: &str| Form::read(body.as_bytes()).request();
        let first = request("attempt=1&amount=12&note=3");
        assert!(first.is_some());
        assert_eq!(request("note=3&amount=12&attempt=1&else=x"), first);
        for other in
            ["attempt=2&amount=12&note=3", "attempt=1&amount=1&note=23", "attempt=11&amount=2&note=3"]
        {
            assert_ne!(request(other), first, "{other}");
        }
        assert_eq!(request("amount=12&note=3"), None);
    }

    #[test]
    fn every_field_that_is_wrong_is_named_at_once() {
        for (body, fields) in [
            ("", &["network", "token", "amount", "tx_hash"][..]),
            ("network=nowhere&token=X&amount=1&tx_hash=x", &["network"]),
            ("network=bitcoin&token=ETH&amount=1,5&tx_hash=x", &["token", "amount", "tx_hash"]),
            ("\u{0}&&=&%ff%fe=%00&network=%ff", &["network", "token", "amount", "tx_hash"]),
        ] {
            let Err(Error::Invalid(faults)) = Form::read(body.as_bytes()).claim() else { panic!("{body}") };
            let named: Vec<_> = faults.iter().map(|it| &*it.field).collect();
            assert_eq!(named, fields, "{body}");
        }
    }
}
