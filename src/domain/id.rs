//! Identifiers: `TypeID` 0.3, that is a prefix and 26 characters of Crockford base32 of a UUID.
//!
//! Each kind is its own type and says its kind when written down, so an id of one kind is never taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Fault;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LENGTH: usize = 26;

/// The value of each character; of those that are none, more than any has.
const VALUES: [u8; 256] = {
    let (mut values, mut value) = ([u8::MAX; 256], 0_u8);
    while (value as usize) < ALPHABET.len() {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// The 26 characters of a UUID: 130 bits, of which the first two are zero.
pub(crate) fn suffix(uuid: Uuid) -> [u8; SUFFIX_LENGTH] {
    let mut rest = uuid.as_u128();
    let mut text = [0; SUFFIX_LENGTH];
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    text
}

/// The UUID of 26 characters, if they are one: lower case only, as the specification has it.
pub(crate) fn parse_suffix(text: &str) -> Option<Uuid> {
    if text.len() != SUFFIX_LENGTH || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes()
        .try_fold(0_u128, |sum, byte| {
            let value = VALUES[usize::from(byte)];
            (value < 32).then_some((sum << 5) | u128::from(value))
        })
        .map(Uuid::from_u128)
}

/// Declares one kind of identifier.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// One made or stored as a UUID.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// One as it is written, or as a UUID with hyphens.
            ///
            /// # Errors
            ///
            /// Where the text is neither.
            pub fn of_either_form(text: &str) -> Result<Self, Fault> {
                let uuid = (text.len() == 36).then(|| Uuid::parse_str(text).ok()).flatten();
                uuid.map_or_else(|| text.parse(), |it| Ok(Self(it)))
            }

            /// As it is stored.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = Fault;

            fn from_str(text: &str) -> Result<Self, Fault> {
                text.strip_prefix(concat!($prefix, "_")).and_then(parse_suffix).map(Self).ok_or(Fault::new(
                    concat!("must be `", $prefix, "_` and 26 characters of lower-case base32"),
                ))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Fault;

            fn try_from(text: String) -> Result<Self, Fault> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                let mut text = Self::with_capacity($prefix.len() + 1 + SUFFIX_LENGTH);
                text.push_str(concat!($prefix, "_"));
                text.extend(suffix(id.0).map(char::from));
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&String::from(*self))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(
    /// Names an organization.
    OrganizationId, "org"
);
id!(
    /// Names a domain.
    DomainId, "dom"
);
id!(
    /// Names an API key.
    ApiKeyId, "key"
);
id!(
    /// Names a customer.
    CustomerId, "cust"
);
id!(
    /// Names a wallet.
    WalletId, "wal"
);
id!(
    /// Names an address of a wallet.
    AddressId, "addr"
);
id!(
    /// Names a transaction.
    TransactionId, "txn"
);
id!(
    /// Names a payment claim link.
    PaymentClaimLinkId, "pcl"
);
id!(
    /// Names a claim.
    ClaimId, "claim"
);
id!(
    /// Names where a domain's addresses come from. Never on the wire.
    KeySourceId, "src"
);
id!(
    /// Names a payment intent.
    PaymentIntentId, "pi"
);
id!(
    /// Names an invoice.
    InvoiceId, "inv"
);
id!(
    /// Names a subscription.
    SubscriptionId, "sub"
);
id!(
    /// Names a payment method.
    PaymentMethodId, "pm"
);
id!(
    /// Names an event.
    EventId, "evt"
);
id!(
    /// Names a webhook endpoint.
    WebhookEndpointId, "hook"
);
id!(
    /// Names a delivery of an event to a webhook endpoint.
    DeliveryId, "dlv"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_reads_both_ways() {
        let uuid = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        assert_eq!(CustomerId::from_uuid(uuid).to_string(), "cust_01h455vb4pex5vsknk084sn02q");
        assert_eq!("cust_01h455vb4pex5vsknk084sn02q".parse(), Ok(CustomerId::from_uuid(uuid)));
    }

    #[test]
    fn the_smallest_and_the_largest_uuid_are_ids() {
        for (uuid, text) in
            [(Uuid::nil(), "00000000000000000000000000"), (Uuid::max(), "7zzzzzzzzzzzzzzzzzzzzzzzzz")]
        {
            assert_eq!(suffix(uuid).map(char::from).iter().collect::<String>(), text);
            assert_eq!(parse_suffix(text), Some(uuid));
        }
    }

    #[test]
    fn what_is_not_an_id_of_the_kind_is_refused() {
        for text in [
            "",
            "cust",
            "cust_",
            "01h455vb4pex5vsknk084sn02q",
            "dom_01h455vb4pex5vsknk084sn02q",
            "cust_01H455VB4PEX5VSKNK084SN02Q",
            "cust_01h455vb4pex5vsknk084sn02",
            "cust_01h455vb4pex5vsknk084sn02qq",
            "cust_81h455vb4pex5vsknk084sn02q",
            "cust_01h455vb4pex5vsknk084sn02l",
            " cust_01h455vb4pex5vsknk084sn02q",
            "cust_01h455vb4pex5vsknk084sn0éé",
        ] {
            assert!(text.parse::<CustomerId>().is_err(), "{text}");
        }
    }
}
