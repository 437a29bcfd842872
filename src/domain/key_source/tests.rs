use serde_json::json;

use super::*;
use crate::domain::fixtures::{
    BEFORE_US, NOW_US, answer, context, domain, domain_id, event, key, on_chain, organization_id,
};
use crate::domain::{Expect, Network};

const OLD: Uuid = Uuid::from_u128(0x51);
const NEW: Uuid = Uuid::from_u128(0x52);

/// From now on the domain has registered something.
fn watch_only() -> KeyChange {
    KeyChange::Share(key(KeyKind::WatchOnly, ""), domain_id(1).as_uuid())
}

const fn source_id(number: u128) -> KeySourceId {
    KeySourceId::from_uuid(Uuid::from_u128(0x5000 + number))
}

/// Source 1 of a scheme, as of event 4; nothing is registered for it yet.
fn source(scheme: Scheme) -> KeySource {
    KeySource {
        id: source_id(1),
        sequence: 4,
        domain_id: domain_id(1),
        scheme,
        extended_key: None,
        identity: None,
        pool_size: 0,
        added: 0,
        available: 0,
        create_us: BEFORE_US,
        update_us: BEFORE_US,
    }
}

/// The same with an extended key.
fn registered() -> KeySource {
    KeySource { extended_key: Some("xpub-old".to_owned()), identity: Some(OLD), ..source(Scheme::Evm) }
}

/// What a decision about a source of the domain expects, and about one that is there.
fn decided_on(source: Option<&KeySource>) -> Vec<Expect> {
    [(&domain(json!({}))).into()].into_iter().chain(source.map(Expect::from)).collect()
}

mod registering {
    use super::*;

    fn registering(registered: Option<&KeySource>, text: &str, identity: Uuid) -> Change {
        let wanted = NewExtendedKey { scheme: Scheme::Evm, text: text.to_owned(), identity };
        register(&domain(json!({})), registered, &wanted, source_id(9), context())
    }

    /// The name by which an extended key has an owner in the organization.
    fn shared(identity: Uuid) -> UniqueKey {
        let text = identity.to_string();
        UniqueKey { scope: organization_id(1).as_uuid(), kind: KeyKind::ExtendedKey, text }
    }

    #[test]
    fn the_first_key_of_a_scheme_is_its_source_from_now_on() {
        let change = registering(None, "xpub-new", NEW);
        let expected = KeySource {
            id: source_id(9),
            sequence: 0,
            extended_key: Some("xpub-new".to_owned()),
            identity: Some(NEW),
            create_us: NOW_US,
            update_us: NOW_US,
            ..source(Scheme::Evm)
        };
        assert_eq!(answer::<KeySource>(&change), expected);
        assert_eq!(event(&change), Some((EventType::ExtendedKeyRegistered, &["extended_key"][..])));
        assert_eq!(change.decided_on().collect::<Vec<_>>(), decided_on(None));
    }

    #[test]
    fn the_first_key_takes_the_scheme_which_the_seed_may_have_and_itself_which_another_domain_may_have() {
        let own = source_id(9).as_uuid();
        assert_eq!(
            registering(None, "xpub-new", NEW).keys,
            [
                watch_only(),
                KeyChange::TakeFor(key(KeyKind::KeySource, "evm"), own),
                KeyChange::TakeFor(shared(NEW), own)
            ]
        );
    }

    #[test]
    fn the_same_key_again_changes_nothing_however_it_is_written() {
        for text in ["xpub-old", "zpub-old"] {
            let change = registering(Some(&registered()), text, OLD);
            assert_eq!((event(&change), answer::<KeySource>(&change)), (None, registered()), "{text}");
            assert!(change.keys.is_empty(), "{text}");
        }
    }

    #[test]
    fn another_key_takes_the_place_of_one_and_the_source_stays_the_same() {
        let change = registering(Some(&registered()), "xpub-new", NEW);
        let expected = KeySource {
            extended_key: Some("xpub-new".to_owned()),
            identity: Some(NEW),
            create_us: NOW_US,
            update_us: NOW_US,
            ..registered()
        };
        assert_eq!(answer::<KeySource>(&change), expected);
        assert_eq!(event(&change), Some((EventType::ExtendedKeyRegistered, &["extended_key"][..])));
        assert_eq!(change.decided_on().collect::<Vec<_>>(), decided_on(Some(&registered())));
    }

    #[test]
    fn another_key_takes_the_place_of_one_only_before_the_first_address() {
        assert_eq!(
            registering(Some(&registered()), "xpub-new", NEW).keys,
            [
                watch_only(),
                KeyChange::Free(key(KeyKind::UsedSource, "evm")),
                KeyChange::Release(shared(OLD)),
                KeyChange::TakeFor(shared(NEW), source_id(1).as_uuid()),
            ]
        );
    }

    #[test]
    fn a_key_with_the_text_of_the_old_one_and_another_identity_is_another() {
        assert!(event(&registering(Some(&registered()), "xpub-old", NEW)).is_some());
    }

    #[test]
    fn the_first_address_by_a_key_takes_the_name_that_another_key_needs_free() {
        let change = registering(Some(&registered()), "xpub-new", NEW);
        let KeyChange::Free(needed) = &change.keys[1] else { panic!("{:?}", change.keys) };
        let derivation = crate::domain::Derivation { scheme: Scheme::Evm, index: 0, pooled: false };
        let used = crate::domain::SourceUse {
            owner: source_id(1).as_uuid(),
            extended_key: Some(OLD),
            is_first: false,
        };
        let granted = crate::domain::Granted {
            id: crate::domain::AddressId::from_uuid(NEW),
            network: Network::Ethereum,
            address: on_chain(Network::Ethereum, 1),
            derivation: Some((derivation, used)),
        };
        let member = crate::domain::fixtures::member();
        let made = crate::domain::wallet::create(
            &member,
            &[granted],
            crate::domain::fixtures::wallet_id(1),
            context(),
        )
        .unwrap();
        assert!(made.keys.contains(&KeyChange::Share(needed.clone(), OLD)), "{:?}", made.keys);
    }
}

mod uploading {
    use super::*;

    fn uploading(pool: Option<&KeySource>, bytes: &[u8], given_out: u32) -> Result<Change> {
        let addresses = bytes.iter().map(|it| on_chain(Network::Solana, *it)).collect();
        let wanted = NewAddresses { scheme: Scheme::Solana, addresses, given_out };
        upload(&domain(json!({})), pool, &wanted, source_id(9), context())
    }

    /// A pool of five, of which two were added last.
    fn pool() -> KeySource {
        KeySource { pool_size: 5, added: 2, available: 4, ..source(Scheme::Solana) }
    }

    /// What an address does that goes into the pool of a source.
    fn pooled(byte: u8, source: KeySourceId) -> [KeyChange; 2] {
        let text = format!("LIVE/SOLANA/{}", on_chain(Network::Solana, byte).hex());
        let owner = UniqueKey { scope: organization_id(1).as_uuid(), kind: KeyKind::AddressOwner, text };
        let text = format!("LIVE/{byte:02X}-shown");
        let place = UniqueKey { kind: KeyKind::PooledAddress, text, ..owner.clone() };
        [KeyChange::Free(owner), KeyChange::TakeFor(place, source.as_uuid())]
    }

    /// In which pool the addresses are put, from which place on.
    fn placed(change: &Change) -> (KeySourceId, u32, Vec<&str>) {
        let (id, first, texts) = change.pool.as_ref().unwrap();
        (*id, *first, texts.iter().map(String::as_str).collect())
    }

    #[test]
    fn the_first_addresses_begin_the_pool() {
        let change = uploading(None, &[1, 2], 0).unwrap();
        let expected = KeySource {
            id: source_id(9),
            sequence: 0,
            pool_size: 2,
            added: 2,
            available: 2,
            create_us: NOW_US,
            update_us: NOW_US,
            ..source(Scheme::Solana)
        };
        assert_eq!(answer::<KeySource>(&change), expected);
        assert_eq!(event(&change), Some((EventType::AddressPoolUploaded, &["pool_size"][..])));
        assert_eq!(placed(&change), (source_id(9), 0, vec!["01-shown", "02-shown"]));
        assert_eq!(change.decided_on().collect::<Vec<_>>(), decided_on(None));
    }

    #[test]
    fn the_first_addresses_take_the_scheme_which_the_seed_may_have() {
        let own = source_id(9);
        let scheme = [watch_only(), KeyChange::TakeFor(key(KeyKind::KeySource, "solana"), own.as_uuid())];
        let expected = [&scheme[..], &pooled(1, own), &pooled(2, own)].concat();
        assert_eq!(uploading(None, &[1, 2], 0).unwrap().keys, expected);
    }

    #[test]
    fn more_addresses_come_after_those_that_are_there() {
        let change = uploading(Some(&pool()), &[6, 7, 8], 1).unwrap();
        let expected = KeySource { pool_size: 8, added: 3, available: 7, update_us: NOW_US, ..pool() };
        assert_eq!(answer::<KeySource>(&change), expected);
        assert_eq!(placed(&change), (source_id(1), 5, vec!["06-shown", "07-shown", "08-shown"]));
        assert_eq!(change.decided_on().collect::<Vec<_>>(), decided_on(Some(&pool())));
    }

    #[test]
    fn each_is_nobodys_yet_and_in_no_other_pool() {
        let own = source_id(1);
        let expected = [&[watch_only()][..], &pooled(6, own), &pooled(7, own)].concat();
        assert_eq!(uploading(Some(&pool()), &[6, 7], 0).unwrap().keys, expected);
    }

    #[test]
    fn where_all_are_there_already_none_is_added() {
        let change = uploading(Some(&pool()), &[], 3).unwrap();
        let after: KeySource = answer(&change);
        assert_eq!((after.pool_size, after.added, after.available), (5, 0, 2));
        assert_eq!(change.keys, [watch_only()]);
        assert_eq!(placed(&change), (source_id(1), 5, vec![]));
    }

    #[test]
    fn what_is_available_is_what_was_not_given_out() {
        for (given_out, available) in [(0, 6), (5, 1), (6, 0), (7, 0)] {
            let after: KeySource = answer(&uploading(Some(&pool()), &[6], given_out).unwrap());
            assert_eq!(after.available, available, "{given_out}");
        }
    }

    #[test]
    fn a_pool_holds_no_more_than_it_can_count() {
        let almost = KeySource { pool_size: u32::MAX - 2, ..pool() };
        let full: KeySource = answer(&uploading(Some(&almost), &[1, 2], 0).unwrap());
        assert_eq!(full.pool_size, u32::MAX);
        let refused = uploading(Some(&almost), &[1, 2, 3], 0);
        assert_eq!(crate::domain::fixtures::faulty(refused), ["addresses"]);
    }

    #[test]
    fn a_scheme_with_an_extended_key_takes_no_pool() {
        let keyed = KeySource { scheme: Scheme::Solana, ..registered() };
        for bytes in [&[1, 2][..], &[]] {
            let result = uploading(Some(&keyed), bytes, 0);
            assert!(matches!(result, Err(Error::KeySourceFixed(Scheme::Solana))), "{result:?}");
        }
    }
}
