//! Bitcoin addresses: an output script, in base58check, bech32 (BIP-173) or bech32m (BIP-350).
//!
//! The `bitcoin` crate alone decides what is an address. What it refuses is looked at once more, for the words.

use bitcoin::address::NetworkUnchecked;
use bitcoin::bech32::primitives::decode::{
    CharError, CheckedHrpstring, SegwitHrpstring, SegwitHrpstringError, UncheckedHrpstringError,
};
use bitcoin::bech32::{Bech32, Bech32m};
use bitcoin::{CompressedPublicKey, KnownHrp, Network};

use super::{Address, base58, point};
use crate::domain::{Family, Fault};

#[cfg(test)]
mod tests;

/// Characters of the checksum at the end of a bech32 text.
const CHECKSUM_CHARACTERS: usize = 6;

pub(super) fn parse(is_test: bool, text: &str) -> Result<Address, Fault> {
    let address: bitcoin::Address<NetworkUnchecked> = text.parse().map_err(|_| fault(is_test, text))?;
    if !address.is_valid_for_network(network(is_test)) {
        return Err(match (address.is_valid_for_network(network(!is_test)), is_test) {
            (true, false) => Fault::new("is of the testnet, not of the main network"),
            (true, true) => Fault::new("is of the main network, not of the testnet"),
            (false, _) => Fault::new("is of a private network (regtest)"),
        });
    }
    Ok(of(&address.assume_checked()))
}

/// The address of native segwit, which the paths of BIP-84 are for.
pub(super) fn of_public_key(is_test: bool, key: &[u8; 33]) -> Result<Address, Fault> {
    let hrp = if is_test { KnownHrp::Testnets } else { KnownHrp::Mainnet };
    Ok(of(&bitcoin::Address::p2wpkh(&CompressedPublicKey(point(key)?), hrp)))
}

/// Whether a text is meant as a bech32 address.
pub(super) fn is_bech32(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["bc1", "tb1", "bcrt1"].iter().any(|it| lower.starts_with(it))
}

fn of(address: &bitcoin::Address) -> Address {
    Address {
        family: Family::Bitcoin,
        bytes: address.script_pubkey().into_bytes(),
        text: address.to_string(),
    }
}

/// All test networks of Bitcoin write their addresses alike, so any of them stands for all.
const fn network(is_test: bool) -> Network {
    if is_test { Network::Testnet } else { Network::Bitcoin }
}

/// What is wrong with a text that is no address.
fn fault(is_test: bool, text: &str) -> Fault {
    // A text that is segwit all through was refused for its prefix: it belongs to another coin.
    if SegwitHrpstring::new(text).is_ok() {
        let begins = if is_test { "`tb1`, `m`, `n` or `2`" } else { "`bc1`, `1` or `3`" };
        return Fault::because(format!("has a prefix that is not of Bitcoin: it must begin with {begins}"));
    }
    if is_bech32(text) {
        return segwit_fault(text);
    }
    match base58::decode_address(text) {
        Ok(_) => Fault::new("has a version byte that is not of Bitcoin"),
        Err(fault) => fault,
    }
}

/// What is wrong with a text that begins like segwit.
fn segwit_fault(text: &str) -> Fault {
    use SegwitHrpstringError::{
        Checksum, InvalidWitnessVersion, NoData, Padding, TooLong, Unchecked, WitnessLength,
    };

    let data = text.rsplit_once('1').map_or("", |it| it.1);
    match SegwitHrpstring::new(text) {
        Err(Unchecked(UncheckedHrpstringError::Char(CharError::MixedCase))) => {
            Fault::new("must not mix upper and lower case")
        }
        Err(Unchecked(UncheckedHrpstringError::Char(CharError::InvalidChar(_)))) => {
            Fault::new("holds a character that is not bech32")
        }
        Err(NoData | Unchecked(UncheckedHrpstringError::Char(CharError::NothingAfterSeparator))) => {
            Fault::new("has nothing but its prefix")
        }
        Err(TooLong(_)) => Fault::new("must be at most 90 characters where it is bech32"),
        Err(InvalidWitnessVersion(_)) => Fault::new("has a witness version above 16"),
        // An empty data section is a matter of length, whichever checksum it has.
        Err(Checksum(_)) if data.len() <= CHECKSUM_CHARACTERS => {
            Fault::new("has no data between its prefix and its checksum")
        }
        Err(Checksum(_)) => checksum_fault(text),
        Err(Padding(_)) => Fault::new("has padding that is not zero or too long"),
        Err(WitnessLength(_)) => Fault::new("has a witness program of the wrong length"),
        Ok(_) | Err(_) => Fault::new("must be a segwit address"),
    }
}

/// Which of the two checksums is wrong, and whether it is the other one.
fn checksum_fault(text: &str) -> Fault {
    if CheckedHrpstring::new::<Bech32>(text).is_ok() {
        return Fault::new("has the checksum of bech32 where its witness version wants that of bech32m");
    }
    if CheckedHrpstring::new::<Bech32m>(text).is_ok() {
        return Fault::new("has the checksum of bech32m where its witness version wants that of bech32");
    }
    Fault::new("has a wrong bech32 checksum")
}
