//! Addresses: any valid spelling to canonical bytes and the form that is shown, and the exact fault of what is none.
//!
//! The canonical bytes are what an address is looked up by and what is unique; the text is for people. All spellings of
//! one address have the same bytes, and no two addresses of one network have.

pub use crate::domain::ChainAddress as Address;
use crate::domain::{Family, Fault, Network, Scheme};

mod base58;
mod bitcoin;
mod evm;
mod solana;
mod tron;

#[cfg(test)]
mod tests;

/// No address of any family is longer; what is longer is refused before any work on it.
const MAX_CHARACTERS: usize = 128;

/// The public half of a key, in its short form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// A point of secp256k1, compressed (SEC 1).
    Secp256k1([u8; 33]),
    /// A point of ed25519, compressed (RFC 8032).
    Ed25519([u8; 32]),
}

/// Reads an address of `network`, in any spelling that its standards allow. Nothing is trimmed.
///
/// # Errors
///
/// What is wrong with the text, or which other network or family it is an address of.
pub fn parse(network: Network, text: &str) -> Result<Address, Fault> {
    plain(text)?;
    let family = network.info().family;
    read(family, network.info().is_test, text).map_err(|fault| elsewhere(family, text).unwrap_or(fault))
}

/// Reads an address of whichever networks it is one of.
///
/// # Errors
///
/// What is wrong with the text, taken for what it looks like.
pub fn parse_any(text: &str) -> Result<Vec<(Network, Address)>, Fault> {
    plain(text)?;
    let mut found = Vec::new();
    // Only Bitcoin's test network has addresses of its own.
    for (family, is_test) in Family::ALL.iter().map(|it| (*it, false)).chain([(Family::Bitcoin, true)]) {
        if let Ok(address) = read(family, is_test, text) {
            let networks = Network::ALL.iter().filter(|it| {
                it.info().family == family && (family != Family::Bitcoin || it.info().is_test == is_test)
            });
            found.extend(networks.map(|it| (*it, address.clone())));
        }
    }
    if found.is_empty() { Err(fault_of(text)) } else { Ok(found) }
}

fn read(family: Family, is_test: bool, text: &str) -> Result<Address, Fault> {
    match family {
        Family::Evm => evm::parse(text),
        Family::Bitcoin => bitcoin::parse(is_test, text),
        Family::Solana => solana::parse(text),
        Family::Tron => tron::parse(text),
    }
}

/// What is wrong with what is an address of no network.
fn fault_of(text: &str) -> Fault {
    let family = match text.get(..2) {
        Some("0x") => Family::Evm,
        _ if bitcoin::is_bech32(text) => Family::Bitcoin,
        _ if text.starts_with('T') => Family::Tron,
        _ => return Fault::new("is not an address of any network"),
    };
    read(family, false, text).err().unwrap_or(Fault::new("is not an address of any network"))
}

/// The address that a key of `scheme` receives at.
///
/// # Errors
///
/// Where the key is on another curve than the scheme's, or is no point of its curve.
pub fn of_public_key(scheme: Scheme, key: &PublicKey) -> Result<Address, Fault> {
    match (scheme, key) {
        (Scheme::Evm, PublicKey::Secp256k1(key)) => evm::of_public_key(key),
        (Scheme::Tron, PublicKey::Secp256k1(key)) => tron::of_public_key(key),
        (Scheme::Bitcoin, PublicKey::Secp256k1(key)) => bitcoin::of_public_key(false, key),
        (Scheme::BitcoinTestnet, PublicKey::Secp256k1(key)) => bitcoin::of_public_key(true, key),
        (Scheme::Solana, PublicKey::Ed25519(key)) => Ok(solana::of_bytes(*key)),
        (Scheme::Solana, PublicKey::Secp256k1(_)) => Err(Fault::new("must be an ed25519 key")),
        (_, PublicKey::Ed25519(_)) => Err(Fault::new("must be a secp256k1 key")),
    }
}

/// What is wrong with a text whatever it is meant to be.
fn plain(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::new("must not be empty"));
    }
    // Bytes are looked at first: counting characters of a long text is already work.
    if text.len() > 4 * MAX_CHARACTERS || text.chars().count() > MAX_CHARACTERS {
        return Err(Fault::because(format!("must be at most {MAX_CHARACTERS} characters")));
    }
    if text.chars().any(|it| it.is_whitespace() || it.is_control()) {
        return Err(Fault::new("must not hold blanks or control characters"));
    }
    if text.is_ascii() { Ok(()) } else { Err(Fault::new("must hold ASCII characters only")) }
}

/// Says so where what is no address of `family` is a well-formed one of another.
fn elsewhere(family: Family, text: &str) -> Option<Fault> {
    let other = *Family::ALL.iter().find(|it| **it != family && is_of(**it, text))?;
    Some(Fault::because(format!("is {} address, not {} one", with_article(other), with_article(family))))
}

/// Whether a text is meant as an address of `family` and is one.
fn is_of(family: Family, text: &str) -> bool {
    match family {
        Family::Evm => evm::parse(text).is_ok(),
        Family::Bitcoin => bitcoin::parse(false, text).is_ok() || bitcoin::parse(true, text).is_ok(),
        // Base58 of 32 bytes has no mark of its own: a mistyped bech32 address could pass for it.
        Family::Solana => !bitcoin::is_bech32(text) && solana::parse(text).is_ok(),
        // The hexadecimal form has no checksum, so it is taken only where a Tron address is asked for.
        Family::Tron => text.starts_with('T') && tron::parse(text).is_ok(),
    }
}

const fn with_article(family: Family) -> &'static str {
    match family {
        Family::Evm => "an EVM",
        Family::Bitcoin => "a Bitcoin",
        Family::Solana => "a Solana",
        Family::Tron => "a Tron",
    }
}

/// A point of secp256k1 from its compressed form.
fn point(key: &[u8; 33]) -> Result<::bitcoin::secp256k1::PublicKey, Fault> {
    ::bitcoin::secp256k1::PublicKey::from_slice(key).map_err(|_| Fault::new("must be a point of secp256k1"))
}
