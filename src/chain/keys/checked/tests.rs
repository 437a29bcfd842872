use std::collections::HashSet;

use super::*;
use crate::chain::keys::tests::addresses;

#[test]
fn the_known_addresses_come_of_it() {
    let mut count = 0;
    for vector in addresses() {
        let scheme = match vector.coin.as_str() {
            "ethereum" => Scheme::Evm,
            "tron" => Scheme::Tron,
            "bitcoin" => Scheme::Bitcoin,
            "solana" => Scheme::Solana,
            _ => continue,
        };
        let Some(index) = (0..=100).find(|it| scheme.path(*it) == vector.path) else { continue };
        let seed = vector.seed();
        let key = derive_checked(scheme, Source::Seed(&seed), index).unwrap();
        assert_eq!(vector.write(&key), vector.address, "{}", vector.path);
        count += 1;
    }
    assert_eq!(count, 9);
}

#[test]
fn both_derivations_agree_on_200_random_seeds_for_every_scheme() {
    let mut all = HashSet::new();
    for _ in 0..200 {
        let seed = Seed::generate().unwrap();
        let random = seed.to_bytes();
        let index = u32::from_be_bytes([random[0], random[1], random[2], random[3]]) >> 1;
        for scheme in Scheme::ALL.iter().copied() {
            let key = derive_checked(scheme, Source::Seed(&seed), index).unwrap();
            if scheme != Scheme::Solana {
                let account = AccountKey::from_seed(scheme, &seed).unwrap();
                assert_eq!(derive_checked(scheme, Source::Account(&account), index).unwrap(), key);
            }
            assert!(all.insert(format!("{key:?}")), "no two are the same");
        }
    }
    assert_eq!(all.len(), 200 * Scheme::ALL.len());
}

#[test]
fn an_account_has_keys_for_its_own_scheme_only() {
    let seed = Seed::generate().unwrap();
    for own in Scheme::ALL.iter().copied().filter(|it| *it != Scheme::Solana) {
        let account = AccountKey::from_seed(own, &seed).unwrap();
        for scheme in Scheme::ALL.iter().copied() {
            let derived = derive_checked(scheme, Source::Account(&account), 0);
            assert_eq!(derived.is_ok(), scheme == own);
            assert!(scheme == own || matches!(derived, Err(KeyError::WrongSource(it)) if it == scheme));
        }
    }
}

#[test]
fn an_index_of_2_to_the_31_or_more_has_no_key_of_any_scheme() {
    let seed = Seed::generate().unwrap();
    for scheme in Scheme::ALL.iter().copied() {
        for index in [1 << 31, u32::MAX] {
            assert!(matches!(derive_checked(scheme, Source::Seed(&seed), index), Err(KeyError::NoKey)));
        }
    }
}
