use super::*;
use crate::chain::keys::AccountKey;
use crate::chain::keys::tests::bip32;

/// The account `m/0'/1/2'` of the first vector of BIP-32.
const XPUB: &str = "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5";

fn fault(scheme: Scheme, text: &str) -> String {
    AccountKey::parse(scheme, text).unwrap_err().problem().to_owned()
}

fn bytes() -> Vec<u8> {
    base58::decode_check(XPUB).unwrap()
}

/// The key with a part of it changed, and with the right checksum.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = bytes();
    change(&mut bytes);
    base58::encode_check(&bytes)
}

fn with_version(version: [u8; 4]) -> String {
    changed(|it| it[..4].copy_from_slice(&version))
}

#[test]
fn each_scheme_takes_its_own_prefixes_and_no_others() {
    use Scheme::{Bitcoin, BitcoinTestnet, Evm, Tron};
    for it in PREFIXES {
        let text = with_version(it.version);
        assert!(text.starts_with(it.word), "{text}");
        for scheme in [Evm, Tron, Bitcoin, BitcoinTestnet] {
            let takes = match it.word {
                "xpub" => scheme != BitcoinTestnet,
                "zpub" => scheme == Bitcoin,
                "tpub" | "vpub" => scheme == BitcoinTestnet,
                _ => false,
            };
            assert_eq!(AccountKey::parse(scheme, &text).is_ok(), takes, "{scheme} {}", it.word);
        }
    }
    let tpub = with_version(TPUB.version);
    assert_eq!(fault(Evm, &tpub), "must be for a main network and begin with xpub");
    assert_eq!(fault(Bitcoin, &tpub), "must be for a main network and begin with xpub or zpub");
    assert_eq!(fault(BitcoinTestnet, XPUB), "must be for a test network and begin with tpub or vpub");
    assert_eq!(fault(Tron, &with_version(PREFIXES[2].version)), "must begin with xpub");
    assert_eq!(
        fault(Bitcoin, &with_version(PREFIXES[1].version)),
        "must begin with xpub or zpub: the addresses below another prefix are of P2SH or of many signers"
    );
    assert_eq!(fault(Bitcoin, &with_version([1, 2, 3, 4])), "must begin with xpub or zpub");
}

#[test]
fn an_extended_private_key_is_refused_as_one_whatever_else_is_wrong_with_it() {
    for first in ["x", "y", "z", "Y", "Z", "t", "u", "v", "U", "V"] {
        for text in [format!("{first}prv{}", &XPUB[4..]), format!("{first}prv")] {
            for scheme in [Scheme::Evm, Scheme::Bitcoin, Scheme::BitcoinTestnet] {
                assert_eq!(fault(scheme, &text), PRIVATE.problem());
            }
        }
    }
    // Also one that goes by the prefix of a public key.
    assert_eq!(fault(Scheme::Evm, &changed(|it| it[KEY_AT] = 0)), PRIVATE.problem());
    for vector in bip32().valid {
        assert_eq!(fault(Scheme::Bitcoin, &vector.xprv), PRIVATE.problem());
    }
}

#[test]
fn only_the_key_of_an_account_is_taken() {
    let mut taken = 0;
    for vector in bip32().valid {
        let depth = vector.path().len();
        match AccountKey::parse(Scheme::Bitcoin, &vector.xpub) {
            Ok(key) => {
                assert_eq!((depth, key.to_string()), (3, vector.xpub));
                taken += 1;
            }
            Err(fault) => assert!(fault.problem().ends_with(&format!("this one has depth {depth}"))),
        }
    }
    assert_eq!(taken, 2);
    for depth in [0, 1, 2, 4, 255] {
        assert!(
            fault(Scheme::Evm, &changed(|it| it[4] = depth))
                .ends_with(&format!("this one has depth {depth}"))
        );
    }
}

#[test]
fn every_invalid_key_of_bip_32_is_refused_for_its_own_reason() {
    let vectors = bip32().invalid;
    assert_eq!(vectors.len(), 16);
    let private = PRIVATE;
    for vector in vectors {
        let fault = fault(Scheme::Bitcoin, &vector.key);
        let expected = match vector.reason.as_str() {
            _ if vector.key.starts_with("xprv") => private.problem(),
            "pubkey version / prvkey mismatch" => private.problem(),
            "unknown extended key version" => "must begin with xpub or zpub",
            it if it.starts_with("invalid pubkey") => {
                "must hold a public key, which is a point of secp256k1 in 33 bytes"
            }
            it if it.starts_with("zero depth") => {
                "must be the key of an account, which has depth 3 (as m/84'/0'/0'): this one has depth 0"
            }
            it => panic!("no expectation for {it}"),
        };
        assert_eq!(fault, expected, "{}", vector.reason);
    }
}

#[test]
fn what_is_mistyped_cut_short_or_too_long_is_told_apart() {
    let checksum = "must be typed rightly: its checksum is wrong";
    let base58 = "must be base58: letters and digits but 0, O, I and l, with no space";
    for at in 0..XPUB.len() {
        let mut text = XPUB.to_owned();
        let other = if text.as_bytes()[at] == b'7' { "8" } else { "7" };
        text.replace_range(at..=at, other);
        // A first character that is too great makes one byte more of it.
        assert!([checksum, NOT_WHOLE.problem()].contains(&fault(Scheme::Evm, &text).as_str()), "{text}");
        text.replace_range(at..=at, ["0", "O", "I", "l", " ", "é"][at % 6]);
        assert_eq!(fault(Scheme::Evm, &text), base58, "{text}");
    }
    for text in [format!(" {XPUB}"), format!("{XPUB}\n")] {
        assert_eq!(fault(Scheme::Evm, &text), base58);
    }
    for length in 0..XPUB.len() {
        let fault = fault(Scheme::Evm, &XPUB[..length]);
        assert!([checksum, NOT_WHOLE.problem()].contains(&fault.as_str()), "{length}: {fault}");
    }
    for length in [0, 4, 77] {
        assert_eq!(fault(Scheme::Evm, &changed(|it| it.resize(length, 0))), NOT_WHOLE.problem(), "{length}");
    }
    for text in [format!("{XPUB}11"), "x".repeat(1 << 20)] {
        assert_eq!(fault(Scheme::Evm, &text), "must be at most 112 characters");
    }
}
