//! What the tests of this module share, and that none of its types shows a secret.

use std::fmt::{Debug, Write};
use std::path::PathBuf;

use bitcoin::bip32::DerivationPath;
use bitcoin::hex::FromHex;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Address, CompressedPublicKey, KnownHrp, base58};
use serde::Deserialize;
use sha3::{Digest, Keccak256};

use super::{AccountKey, KeyError, KeyRing, MasterKeys, Place, Seed, Source, derive_checked};
use crate::chain::address::PublicKey;
use crate::domain::Scheme;

macro_rules! vectors {
    ($name:literal) => {
        serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/", $name)))
            .unwrap()
    };
}

/// The vectors of BIP-32.
#[derive(Deserialize)]
pub(super) struct Bip32 {
    pub(super) valid: Vec<Bip32Vector>,
    pub(super) invalid: Vec<Bip32Fault>,
}

#[derive(Deserialize)]
pub(super) struct Bip32Vector {
    seed: String,
    path: String,
    pub(super) xpub: String,
    pub(super) xprv: String,
}

impl Bip32Vector {
    pub(super) fn seed(&self) -> Vec<u8> {
        hex(&self.seed)
    }

    pub(super) fn path(&self) -> DerivationPath {
        self.path.parse().unwrap()
    }
}

#[derive(Deserialize)]
pub(super) struct Bip32Fault {
    pub(super) key: String,
    pub(super) reason: String,
}

pub(super) fn bip32() -> Bip32 {
    vectors!("bip32.json")
}

/// A vector of BIP-39, whose passphrase is `TREZOR`.
#[derive(Deserialize)]
pub(super) struct Bip39Vector {
    entropy: String,
    pub(super) mnemonic: String,
    seed: String,
    pub(super) xprv: String,
}

impl Bip39Vector {
    pub(super) fn entropy(&self) -> Vec<u8> {
        hex(&self.entropy)
    }

    pub(super) fn seed(&self) -> Vec<u8> {
        hex(&self.seed)
    }
}

pub(super) fn bip39() -> Vec<Bip39Vector> {
    #[derive(Deserialize)]
    struct File {
        vectors: Vec<Bip39Vector>,
    }
    let file: File = vectors!("bip39_english.json");
    file.vectors
}

/// A vector of SLIP-0010.
#[derive(Deserialize)]
pub(super) struct Slip10Vector {
    curve: String,
    seed: String,
    path: String,
    chain_code: String,
    private: String,
    public: String,
}

impl Slip10Vector {
    pub(super) fn seed(&self) -> Vec<u8> {
        hex(&self.seed)
    }

    pub(super) fn path(&self) -> Vec<u32> {
        steps(&self.path)
    }

    pub(super) fn private(&self) -> Vec<u8> {
        hex(&self.private)
    }

    pub(super) fn chain_code(&self) -> Vec<u8> {
        hex(&self.chain_code)
    }

    /// Without the zero that the standard writes before an ed25519 key.
    pub(super) fn public(&self) -> Vec<u8> {
        let public = hex(&self.public);
        if self.curve == "ed25519" { public[1..].to_vec() } else { public }
    }
}

pub(super) fn slip10(curve: &str) -> Vec<Slip10Vector> {
    #[derive(Deserialize)]
    struct File {
        vectors: Vec<Slip10Vector>,
    }
    let file: File = vectors!("slip10.json");
    file.vectors.into_iter().filter(|it| it.curve == curve).collect()
}

/// An address of a known mnemonic.
#[derive(Deserialize)]
pub(super) struct AddressVector {
    pub(super) coin: String,
    mnemonic: String,
    pub(super) path: String,
    pub(super) address: String,
}

impl AddressVector {
    pub(super) fn seed(&self) -> Seed {
        Seed::from_mnemonic(&self.mnemonic)
    }

    pub(super) fn steps(&self) -> Vec<u32> {
        steps(&self.path)
    }

    /// How a public key is written as an address of this coin.
    pub(super) fn write(&self, key: &PublicKey) -> String {
        match (self.coin.as_str(), key) {
            ("solana", PublicKey::Ed25519(key)) => base58::encode(key),
            ("tron", PublicKey::Secp256k1(key)) => {
                base58::encode_check(&[&[0x41], &*account_of(key)].concat())
            }
            ("ethereum" | "ETC", PublicKey::Secp256k1(key)) => eip55(&account_of(key)),
            ("bitcoin", PublicKey::Secp256k1(key)) => {
                let key = CompressedPublicKey::from_slice(key).unwrap();
                let address = if self.path.starts_with("m/86'") {
                    Address::p2tr(&Secp256k1::verification_only(), key.0.into(), None, KnownHrp::Mainnet)
                } else {
                    Address::p2wpkh(&key, KnownHrp::Mainnet)
                };
                address.to_string()
            }
            (coin, _) => panic!("no such coin: {coin}"),
        }
    }
}

pub(super) fn addresses() -> Vec<AddressVector> {
    #[derive(Deserialize)]
    struct File {
        vectors: Vec<AddressVector>,
    }
    let file: File = vectors!("addresses.json");
    file.vectors
}

fn steps(path: &str) -> Vec<u32> {
    path.parse::<DerivationPath>().unwrap().into_iter().map(|it| u32::from(*it)).collect()
}

fn hex(text: &str) -> Vec<u8> {
    Vec::from_hex(text).unwrap()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, it| {
        write!(text, "{it:02x}").unwrap();
        text
    })
}

/// The last 20 bytes of the Keccak-256 of the point.
fn account_of(key: &[u8; 33]) -> Vec<u8> {
    let point = bitcoin::secp256k1::PublicKey::from_slice(key).unwrap().serialize_uncompressed();
    Keccak256::digest(&point[1..])[12..].to_vec()
}

fn eip55(account: &[u8]) -> String {
    let text = hex_of(account);
    let hash = hex_of(&Keccak256::digest(&text));
    let cased =
        text.chars().zip(hash.chars()).map(|(it, by)| if by >= '8' { it.to_ascii_uppercase() } else { it });
    format!("0x{}", cased.collect::<String>())
}

/// A master key file with one key, in a folder that goes with the first of the pair.
pub(super) fn key_file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("purser-master.key");
    MasterKeys::create(&path).unwrap();
    (folder, path)
}

/// The canaries: every way in which bytes might be written.
fn assert_hides(secret: &[u8], shown: &dyn Debug) {
    let texts = [format!("{shown:?}"), format!("{shown:#?}")];
    let decimal = secret.iter().map(u8::to_string).collect::<Vec<_>>();
    for part in [hex_of(secret), decimal.join(", "), decimal.join(",\n    "), base58::encode(secret)] {
        assert!(
            texts.iter().all(|it| !it.to_lowercase().contains(&part.to_lowercase())),
            "{part} in {texts:?}"
        );
    }
}

/// Sabotage: derive `Debug` for `Seed`, `MasterKeys` or `Sealed`.
#[test]
fn no_type_shows_a_secret_in_debug() {
    let (_folder, path) = key_file();
    let file = std::fs::read_to_string(&path).unwrap();
    let (_, base64) = file.trim().split_once(':').unwrap();
    let master = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64).unwrap();
    let keys = MasterKeys::read(&path).unwrap();
    let ring = KeyRing::read(&path).unwrap();
    for shown in [&keys as &dyn Debug, &ring] {
        assert_hides(&master[..8], shown);
        assert!(!format!("{shown:?}").contains(&base64[..8]));
    }

    let seed = Seed::generate().unwrap();
    let bytes = seed.to_bytes();
    let account = AccountKey::from_seed(Scheme::Evm, &seed).unwrap();
    let place = Place { table: "domain_seeds", row: &[7; 16], column: "sealed" };
    let mut sealed = ring.seal(place, &bytes).unwrap();
    sealed.bytes[20] ^= 1;
    let errors: [KeyError; 3] = [
        ring.open(place, &sealed).unwrap_err(),
        Seed::from_bytes(bytes[1..].to_vec().into()).unwrap_err(),
        derive_checked(Scheme::Tron, Source::Account(&account), 0).unwrap_err(),
    ];
    let sources = [Source::Seed(&seed), Source::Account(&account)];
    let mut shown: Vec<&dyn Debug> = vec![&seed, &account, &sealed, &place];
    shown.extend(errors.iter().map(|it| it as &dyn Debug));
    shown.extend(sources.iter().map(|it| it as &dyn Debug));
    for it in shown {
        for part in [&bytes[..8], &bytes[32..40], &bytes[88..], &master[..8]] {
            assert_hides(part, it);
        }
        assert!(!format!("{it:?}").contains(&account.to_string()[20..40]));
    }
    assert_eq!(format!("{seed:?}"), "Seed(…)");
    assert_eq!(format!("{keys:?}"), "MasterKeys { versions: [1], .. }");
    assert_eq!(format!("{account:?}"), "AccountKey { scheme: Evm, .. }");
    assert_eq!(format!("{sealed:?}"), "Sealed { version: 1, .. }");
}
