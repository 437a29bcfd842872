//! Whose balances are asked for, in the form that a node of its family is asked in.

use ruint::aliases::U160;

use crate::domain::Family;

/// An address that can be put into a question as it is.
///
/// Its checksum was tested when the address was taken in; what is tested here is what a question depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    /// An account, by its 20 bytes.
    Evm(U160),
    /// An account, by the 20 bytes that its `T…` form wraps.
    Tron(U160),
    /// A public key in Base58.
    Solana(String),
    /// Any form.
    Bitcoin(String),
}

impl Holder {
    /// Reads the display form; nothing if it is no address of the family.
    pub(super) fn parse(family: Family, address: &str) -> Option<Self> {
        match family {
            Family::Evm => evm_account(address).map(Self::Evm),
            Family::Tron => tron_account(address).map(Self::Tron),
            Family::Solana => is_solana_key(address).then(|| Self::Solana(address.to_owned())),
            Family::Bitcoin => is_bitcoin(address).then(|| Self::Bitcoin(address.to_owned())),
        }
    }
}

/// The 20 bytes of `0x…`.
pub(super) fn evm_account(address: &str) -> Option<U160> {
    let digits = address.strip_prefix("0x")?;
    // The digits are tested by hand: the parser passes over underscores.
    let all_hex = digits.len() == 40 && digits.bytes().all(|it| it.is_ascii_hexdigit());
    all_hex.then(|| U160::from_str_radix(digits, 16).ok()).flatten()
}

/// The 20 bytes of `T…`.
pub(super) fn tron_account(address: &str) -> Option<U160> {
    // The version byte of Tron's main network and of its test networks.
    const VERSION: u8 = 0x41;
    let bytes = bs58::decode(address).with_check(Some(VERSION)).into_vec().ok()?;
    let account: [u8; 20] = bytes.get(1..)?.try_into().ok()?;
    Some(U160::from_be_bytes(account))
}

/// Whether it is 32 bytes in Base58.
pub(super) fn is_solana_key(address: &str) -> bool {
    let mut key = [0; 32];
    // 44 letters write 32 bytes; what is longer is not worth decoding.
    address.len() <= 44 && bs58::decode(address).onto(&mut key).is_ok_and(|it| it == key.len())
}

/// Whether it can stand in a path as it is, which every form of a Bitcoin address can.
fn is_bitcoin(address: &str) -> bool {
    (14..=90).contains(&address.len()) && address.bytes().all(|it| it.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Network;

    #[test]
    fn one_account_in_two_spellings_is_one_holder() {
        let one = Holder::parse(Family::Evm, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48");
        assert!(one.is_some());
        assert_eq!(one, Holder::parse(Family::Evm, "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"));
    }

    #[test]
    fn tron_wraps_twenty_bytes() {
        let account = tron_account("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t").unwrap();
        assert_eq!(format!("{account:040x}"), "a614f803b6fd780986a42c78ec9c7f77e6ded13c");
    }

    #[test]
    fn what_is_no_address_of_the_family_is_refused() {
        for (family, address) in [
            (Family::Evm, ""),
            (Family::Evm, "A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
            (Family::Evm, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB4"),
            (Family::Evm, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB4_"),
            (Family::Evm, "0x+0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
            (Family::Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6T"),
            (Family::Tron, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
            (Family::Tron, "0xa614f803b6fd780986a42c78ec9c7f77e6ded13c"),
            (Family::Solana, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTD"),
            (Family::Solana, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt0v"),
            (Family::Bitcoin, "../blocks/tip/height"),
            (Family::Bitcoin, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu?"),
            (Family::Bitcoin, ".."),
        ] {
            assert_eq!(Holder::parse(family, address), None, "{address}");
        }
    }

    #[test]
    fn every_contract_of_the_table_can_be_asked_for() {
        for network in Network::ALL {
            let info = network.info();
            assert!(info.tokens.first().is_some_and(|it| it.contract.is_none()), "{network}");
            for token in &info.tokens[1..] {
                let contract = token.contract.unwrap();
                assert!(Holder::parse(info.family, contract).is_some(), "{network} {contract}");
                assert_ne!(info.family, Family::Bitcoin);
            }
        }
    }
}
