//! The text of an extended public key: base58check of 78 bytes (BIP-32, and SLIP-0132 for the other prefixes).

use bitcoin::NetworkKind;
use bitcoin::base58::{self, Error};
use bitcoin::bip32::Xpub;

use crate::domain::{Fault, Scheme};

/// No text of 78 bytes and a checksum is longer.
const MOST_CHARACTERS: usize = 112;
const VERSION_BYTES: usize = 4;
/// Where the key stands, after version, depth, fingerprint of the parent, child number and chain code.
const KEY_AT: usize = 45;
/// How deep an account is: purpose, coin, account.
const ACCOUNT_DEPTH: u8 = 3;

pub(super) const NOT_EXTENDED: Fault = Fault::new(
    "cannot be had for solana, whose keys have no public derivation: upload a pool of addresses instead",
);
const PRIVATE: Fault = Fault::new(
    "must be an extended public key, not a private one: whoever saw this can take the funds, so move them",
);
const NOT_WHOLE: Fault = Fault::new("must be the whole key: 78 bytes in base58, which is 111 characters");

/// How the text of one kind of key begins, and what it is for.
struct Prefix {
    word: &'static str,
    version: [u8; 4],
    network: NetworkKind,
    /// Whether the addresses below it are those of one key each, hashed (P2PKH, P2WPKH): not P2SH, not multi-signature.
    plain: bool,
}

const fn prefix(word: &'static str, version: u32, network: NetworkKind, plain: bool) -> Prefix {
    Prefix { word, version: version.to_be_bytes(), network, plain }
}

const XPUB: Prefix = prefix("xpub", 0x0488_b21e, NetworkKind::Main, true);
const TPUB: Prefix = prefix("tpub", 0x0435_87cf, NetworkKind::Test, true);

const PREFIXES: [Prefix; 10] = [
    XPUB,
    prefix("ypub", 0x049d_7cb2, NetworkKind::Main, false),
    prefix("zpub", 0x04b2_4746, NetworkKind::Main, true),
    prefix("Ypub", 0x0295_b43f, NetworkKind::Main, false),
    prefix("Zpub", 0x02aa_7ed3, NetworkKind::Main, false),
    TPUB,
    prefix("upub", 0x044a_5262, NetworkKind::Test, false),
    prefix("vpub", 0x045f_1cf6, NetworkKind::Test, true),
    prefix("Upub", 0x0242_89ef, NetworkKind::Test, false),
    prefix("Vpub", 0x0257_5483, NetworkKind::Test, false),
];

/// Reads the extended public key of an account.
pub(super) fn parse(scheme: Scheme, network: NetworkKind, text: &str) -> Result<Xpub, Fault> {
    // Before all else, so that a private key that is mistyped too is known for what it is.
    if text.get(1..4) == Some("prv") {
        return Err(PRIVATE);
    }
    if text.len() > MOST_CHARACTERS {
        return Err(Fault::new("must be at most 112 characters"));
    }
    let bytes = base58::decode_check(text).map_err(|error| match error {
        Error::Decode(_) => Fault::new("must be base58: letters and digits but 0, O, I and l, with no space"),
        Error::IncorrectChecksum(_) => Fault::new("must be typed rightly: its checksum is wrong"),
        _ => NOT_WHOLE,
    })?;
    let mut bytes: [u8; 78] = bytes.try_into().map_err(|_| NOT_WHOLE)?;

    let words = match scheme {
        Scheme::Bitcoin => "xpub or zpub",
        Scheme::BitcoinTestnet => "tpub or vpub",
        Scheme::Evm | Scheme::Tron | Scheme::Solana => "xpub",
    };
    let wrong_word = || Fault::because(format!("must begin with {words}"));
    let prefix = PREFIXES.iter().find(|it| bytes.starts_with(&it.version)).ok_or_else(wrong_word)?;
    if prefix.network != network {
        return Err(Fault::because(match network {
            NetworkKind::Main => format!("must be for a main network and begin with {words}"),
            NetworkKind::Test => format!("must be for a test network and begin with {words}"),
        }));
    }
    if !prefix.plain {
        let problem = "the addresses below another prefix are of P2SH or of many signers";
        return Err(Fault::because(format!("must begin with {words}: {problem}")));
    }
    if !words.split(" or ").any(|it| it == prefix.word) {
        return Err(wrong_word());
    }
    // A private key is written as a zero and its 32 bytes.
    if bytes[KEY_AT] == 0 {
        return Err(PRIVATE);
    }
    // The prefix has told what it can; the library knows only the first of each network.
    bytes[..VERSION_BYTES].copy_from_slice(match network {
        NetworkKind::Main => &XPUB.version,
        NetworkKind::Test => &TPUB.version,
    });
    let account = Xpub::decode(&bytes)
        .map_err(|_| Fault::new("must hold a public key, which is a point of secp256k1 in 33 bytes"))?;
    if account.depth != ACCOUNT_DEPTH {
        return Err(Fault::because(format!(
            "must be the key of an account, which has depth 3 (as m/84'/0'/0'): this one has depth {}",
            account.depth
        )));
    }
    Ok(account)
}

#[cfg(test)]
mod tests;
