use super::*;
use crate::chain::keys::tests::{addresses, bip32, slip10};
use crate::chain::keys::{Source, derive_checked};

/// The first account of `abandon … about` as BIP-84 prints it.
const ZPUB: &str = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";

fn seed() -> Seed {
    Seed::from_mnemonic(
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
    )
}

fn steps(path: &[u32]) -> Vec<ChildNumber> {
    path.iter().map(|it| ChildNumber::from(*it)).collect()
}

#[test]
fn the_vectors_of_bip_32_hold() {
    for vector in bip32().valid {
        let key = account_at(&vector.seed(), NetworkKind::Main, &vector.path()[..]).unwrap();
        assert_eq!(key.to_string(), vector.xpub);
    }
}

#[test]
fn the_vectors_of_slip_0010_hold() {
    for vector in slip10("secp256k1") {
        let key = account_at(&vector.seed(), NetworkKind::Main, &steps(&vector.path())).unwrap();
        assert_eq!(key.public_key.serialize()[..], vector.public());
        assert_eq!(key.chain_code[..], vector.chain_code());
    }
    for vector in slip10("ed25519") {
        let node = ed25519_node(&vector.seed(), &vector.path()).unwrap();
        assert_eq!(node[0][..], vector.private());
        assert_eq!(node[1][..], vector.chain_code());
        assert_eq!(ed25519_public(&node)[..], vector.public());
    }
}

#[test]
fn the_known_addresses_come_of_it() {
    for vector in addresses() {
        let seed = vector.seed();
        let key = if vector.coin == "solana" {
            PublicKey::Ed25519(ed25519_public(&ed25519_node(seed.as_seed(), &vector.steps()).unwrap()))
        } else {
            let key = account_at(seed.as_seed(), NetworkKind::Main, &steps(&vector.steps())).unwrap();
            PublicKey::Secp256k1(key.public_key.serialize())
        };
        assert_eq!(vector.write(&key), vector.address, "{} {}", vector.coin, vector.path);
    }
}

#[test]
fn the_account_of_bip_84_is_that_of_the_seed_and_is_written_as_xpub() {
    let ours = AccountKey::from_seed(Scheme::Bitcoin, &seed()).unwrap();
    let theirs = AccountKey::parse(Scheme::Bitcoin, ZPUB).unwrap();
    assert_eq!(ours.account, theirs.account);
    assert_eq!(
        theirs.to_string(),
        "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V"
    );
    assert_eq!(AccountKey::parse(Scheme::Bitcoin, &theirs.to_string()).unwrap().account, ours.account);
}

#[test]
fn a_registered_key_derives_what_its_seed_derives() {
    let seed = seed();
    for scheme in [Scheme::Evm, Scheme::Tron, Scheme::Bitcoin, Scheme::BitcoinTestnet] {
        let ours = AccountKey::from_seed(scheme, &seed).unwrap();
        let theirs = AccountKey::parse(scheme, &ours.to_string()).unwrap();
        assert_eq!((theirs.scheme(), theirs.account.depth), (scheme, 3));
        for index in [0, 1, 77, (1 << 31) - 1] {
            let of_seed = derive_checked(scheme, Source::Seed(&seed), index).unwrap();
            assert_eq!(derive_checked(scheme, Source::Account(&ours), index).unwrap(), of_seed);
            assert_eq!(derive_checked(scheme, Source::Account(&theirs), index).unwrap(), of_seed);
        }
    }
}

#[test]
fn an_account_of_the_seed_is_at_the_path_that_is_shown() {
    let seed = seed();
    for scheme in [Scheme::Evm, Scheme::Tron, Scheme::Bitcoin, Scheme::BitcoinTestnet] {
        for index in [0, 5] {
            let path: DerivationPath = scheme.path(index).parse().unwrap();
            let key = account_at(seed.as_seed(), NetworkKind::Main, &path[..]).unwrap();
            let derived = derive_checked(scheme, Source::Seed(&seed), index).unwrap();
            assert_eq!(derived, PublicKey::Secp256k1(key.public_key.serialize()));
        }
    }
}

#[test]
fn there_is_no_account_of_solana() {
    let none = AccountKey::from_seed(Scheme::Solana, &seed());
    assert!(matches!(none, Err(KeyError::WrongSource(Scheme::Solana))));
    let fault = AccountKey::parse(Scheme::Solana, ZPUB).unwrap_err();
    assert!(fault.problem().contains("upload a pool of addresses"));
}

#[test]
fn an_index_of_2_to_the_31_or_more_has_no_key() {
    let seed = seed();
    let account = AccountKey::from_seed(Scheme::Evm, &seed).unwrap();
    for index in [1 << 31, u32::MAX] {
        assert!(matches!(account.child(index), Err(KeyError::NoKey)));
        assert!(matches!(account.second_child(index), Err(KeyError::NoKey)));
        assert!(matches!(ed25519_at(&seed, index), Err(KeyError::NoKey)));
        assert!(matches!(second::ed25519_at(seed.as_seed(), index), Err(KeyError::NoKey)));
    }
    assert!(ed25519_at(&seed, (1 << 31) - 1).is_ok());
}

/// Sabotage: answer the first derivation without the comparison.
#[test]
fn where_the_two_derivations_differ_nothing_is_answered() {
    let good = AccountKey::from_seed(Scheme::Evm, &seed()).unwrap();
    let other = AccountKey::parse(Scheme::Bitcoin, ZPUB).unwrap();
    assert!(derive_checked(Scheme::Evm, Source::Account(&good), 0).is_ok());
    let mut flipped = good.clone();
    AsMut::<[u8; 32]>::as_mut(&mut flipped.receiving.chain_code)[31] ^= 1;
    for bad in [
        AccountKey { second: other.second, ..good.clone() },
        AccountKey { receiving: other.receiving, ..good.clone() },
        flipped,
    ] {
        let refused = derive_checked(Scheme::Evm, Source::Account(&bad), 0);
        assert!(matches!(refused, Err(KeyError::DerivationsDiffer)));
    }
}
