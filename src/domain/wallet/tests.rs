use std::sync::Arc;

use serde_json::{Value, json};

use uuid::Uuid;

use super::*;
use crate::domain::address::{derived_on, found_before, keys_of, known_indexes};
use crate::domain::fixtures::{
    BEFORE_US, NOW_US, address, answer, context, customer, customer_id, domain, domain_id, event, faulty,
    key, line, member, on_chain, organization_id, the_member, wallet, wallet_id,
};
use crate::domain::{AddressId, Derivation, Expect, Family, Resource, Scheme, SourceUse, key_source};

use Network::{Base, Bitcoin, BitcoinTestnet, Ethereum, Sepolia, Solana, SolanaDevnet, Tron};
use WalletKind::{External, Ledger, Managed};
use WalletStatus::{Active, Frozen, Removed};

const SEED: Uuid = Uuid::from_u128(0xd001);
const SOURCE: Uuid = Uuid::from_u128(0x50);
const EXTENDED_KEY: Uuid = Uuid::from_u128(0x51);

fn new_address_id() -> AddressId {
    AddressId::from_uuid(Uuid::from_u128(0xadd1))
}

/// Somebody's own address.
fn foreign(network: Network, byte: u8) -> Granted {
    Granted { id: new_address_id(), network, address: on_chain(network, byte), derivation: None }
}

/// One of our own, from the domain's seed.
fn own(network: Network, index: u32) -> Granted {
    let derivation = Derivation { scheme: network.info().scheme, index, pooled: false };
    let source = SourceUse { owner: SEED, extended_key: None, is_first: false };
    Granted { derivation: Some((derivation, source)), ..foreign(network, 1) }
}

/// The customer where something about them is otherwise.
fn who(change: impl FnOnce(&mut crate::domain::Customer)) -> Member {
    let mut member = member();
    change(&mut member.customer);
    member
}

fn in_domain(environment: Environment, settings: Value) -> Member {
    Member { domain: Arc::new(Domain { environment, ..domain(settings) }), ..member() }
}

fn deleted() -> Member {
    who(|it| it.status = CustomerStatus::Deleted)
}

fn as_status(status: WalletStatus, kind: WalletKind) -> Wallet {
    Wallet { status, ..wallet(kind) }
}

/// Wallet 1 with addresses of ours on some networks, each at its index.
fn derived(addresses: &[(Network, u32)]) -> Wallet {
    let one = |(network, index): &(Network, u32)| Address {
        derivation: Some(Derivation { scheme: network.info().scheme, index: *index, pooled: false }),
        ..address(*network, 1)
    };
    Wallet { addresses: addresses.iter().map(one).collect(), ..wallet(Managed) }
}

/// The name of twenty times `byte` on a network.
fn found_by(network: Network, byte: u8) -> UniqueKey {
    let text = format!("LIVE/{network}/{}", on_chain(network, byte).hex());
    UniqueKey { scope: organization_id(1).as_uuid(), kind: KeyKind::Address, text }
}

/// The name by which twenty times `byte` has an owner.
fn owned_as(network: Network, byte: u8) -> UniqueKey {
    let text = format!("LIVE/{}/{}", network.info().family, on_chain(network, byte).hex());
    UniqueKey { kind: KeyKind::AddressOwner, text, ..found_by(network, byte) }
}

/// What a wallet takes for any address.
fn names_of(network: Network, byte: u8) -> [KeyChange; 2] {
    [
        KeyChange::Share(owned_as(network, byte), customer_id(1).as_uuid()),
        KeyChange::TakeFor(found_by(network, byte), wallet_id(1).as_uuid()),
    ]
}

fn decided_on(change: &Change) -> Vec<Expect> {
    change.decided_on().collect()
}

fn refused<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}

mod allowing {
    use super::*;

    #[test]
    fn a_live_domain_has_main_networks_a_sandbox_test_networks_and_both_where_its_setting_says_so() {
        for network in Network::ALL {
            let is_test = matches!(network, Sepolia | SolanaDevnet | BitcoinTestnet);
            for (environment, setting, allowed) in [
                (Environment::Live, false, !is_test),
                // The setting is of sandboxes.
                (Environment::Live, true, !is_test),
                (Environment::Sandbox, false, is_test),
                (Environment::Sandbox, true, true),
            ] {
                let settings = json!({ "allow_mainnet_in_sandbox": setting });
                let result = allow(&in_domain(environment, settings).domain, *network);
                let expected = match &result {
                    Ok(()) => allowed,
                    Err(Error::NetworkNotAllowed(it, of)) => !allowed && it == network && *of == environment,
                    Err(_) => false,
                };
                assert!(expected, "{environment} {setting} {network}: {result:?}");
            }
        }
    }

    #[test]
    fn kyc_must_be_approved_or_not_required() {
        for kyc_status in KycStatus::ALL {
            let result = may_have(&who(|it| it.kyc_status = *kyc_status));
            let expected = match &result {
                Ok(()) => matches!(kyc_status, KycStatus::NotRequired | KycStatus::Approved),
                Err(Error::KycNotApproved(id, it)) => {
                    !matches!(kyc_status, KycStatus::NotRequired | KycStatus::Approved)
                        && (*id, it) == (customer_id(1), kyc_status)
                }
                Err(_) => false,
            };
            assert!(expected, "{kyc_status}: {result:?}");
        }
    }

    #[test]
    fn a_deleted_customer_gets_none_whatever_their_kyc() {
        for kyc_status in KycStatus::ALL {
            let result = may_have(&who(|it| {
                it.kyc_status = *kyc_status;
                it.status = CustomerStatus::Deleted;
            }));
            assert!(matches!(result, Err(Error::CustomerDeleted(id)) if id == customer_id(1)), "{result:?}");
        }
    }

    #[test]
    fn a_disabled_customer_may_have_one() {
        assert!(may_have(&who(|it| it.status = CustomerStatus::Disabled)).is_ok());
    }

    #[test]
    fn only_a_managed_wallet_in_use_may_grow_and_a_status_outranks_a_kind() {
        for kind in WalletKind::ALL {
            for status in WalletStatus::ALL {
                let result = may_grow(&as_status(*status, *kind));
                let expected = match (status, kind) {
                    (Removed, _) => matches!(result, Err(Error::WalletRemoved(id)) if id == wallet_id(1)),
                    (Frozen, _) => matches!(result, Err(Error::WalletFrozen(id)) if id == wallet_id(1)),
                    (Active, Managed) => result.is_ok(),
                    (Active, External | Ledger) => {
                        matches!(result, Err(Error::WalletKindMismatch(id, it)) if (id, it) == (wallet_id(1), *kind))
                    }
                };
                assert!(expected, "{kind} {status}: {result:?}");
            }
        }
    }

    #[test]
    fn a_new_customer_gets_the_wallets_of_the_domain_at_once_unless_kyc_comes_first() {
        let networks = json!(["ethereum", "solana"]);
        let plain = domain(json!({ "auto_wallet_networks": networks }));
        assert_eq!(at_once(&plain), [Ethereum, Solana]);
        let strict = domain(json!({ "auto_wallet_networks": networks, "kyc_required": true }));
        assert_eq!(at_once(&strict), []);
        assert_eq!(at_once(&domain(json!({}))), []);
    }
}

mod creating {
    use super::*;

    fn creating(member: &Member, granted: &[Granted]) -> Result<Change> {
        create(member, granted, wallet_id(1), context())
    }

    #[test]
    fn a_new_wallet_is_managed_in_use_and_has_an_address_on_each_network() {
        let change = creating(&member(), &[own(Ethereum, 7), own(Bitcoin, 9)]).unwrap();
        let at = |network: Network, index| Address {
            id: new_address_id(),
            sequence: 0,
            create_us: NOW_US,
            derivation: Some(Derivation { scheme: network.info().scheme, index, pooled: false }),
            ..address(network, 1)
        };
        let expected = Wallet {
            sequence: 0,
            addresses: vec![at(Ethereum, 7), at(Bitcoin, 9)],
            create_us: NOW_US,
            update_us: NOW_US,
            ..wallet(Managed)
        };
        assert_eq!(answer::<Wallet>(&change), expected);
        assert_eq!(event(&change), Some((EventType::WalletCreated, &[][..])));
    }

    #[test]
    fn it_is_decided_on_the_customer_and_on_the_domain() {
        assert_eq!(decided_on(&creating(&member(), &[own(Ethereum, 7)]).unwrap()), the_member());
    }

    #[test]
    fn an_address_of_the_seed_takes_its_names_its_index_and_the_source_of_its_scheme() {
        let change = creating(&member(), &[own(Ethereum, 7)]).unwrap();
        let of_scheme = [
            KeyChange::Share(key(KeyKind::Derivation, "evm/7"), customer_id(1).as_uuid()),
            KeyChange::Share(key(KeyKind::KeySource, "evm"), SEED),
        ];
        assert_eq!(change.keys, [&names_of(Ethereum, 1)[..], &of_scheme].concat());
    }

    #[test]
    fn an_address_of_an_extended_key_fixes_that_key_too() {
        let mut granted = own(Tron, 0);
        granted.derivation.as_mut().unwrap().1 =
            SourceUse { owner: SOURCE, extended_key: Some(EXTENDED_KEY), is_first: false };
        let change = creating(&member(), &[granted]).unwrap();
        let of_scheme = [
            KeyChange::Share(key(KeyKind::Derivation, "tron/0"), customer_id(1).as_uuid()),
            KeyChange::Share(key(KeyKind::KeySource, "tron"), SOURCE),
            KeyChange::Owned(key_source::extended_key(&domain(json!({})), EXTENDED_KEY), SOURCE),
            KeyChange::Share(key(KeyKind::UsedSource, "tron"), EXTENDED_KEY),
        ];
        assert_eq!(change.keys, [&names_of(Tron, 1)[..], &of_scheme].concat());
    }

    #[test]
    fn the_first_address_of_a_seed_wants_a_domain_that_registered_nothing() {
        let mut granted = own(Tron, 0);
        granted.derivation.as_mut().unwrap().1.is_first = true;
        let change = creating(&member(), &[granted]).unwrap();
        assert_eq!(change.keys.last(), Some(&KeyChange::Free(key(KeyKind::WatchOnly, ""))));
    }

    #[test]
    fn networks_of_one_family_share_the_owner_of_their_address_and_are_found_each_by_itself() {
        let change = creating(&member(), &[own(Ethereum, 7), own(Base, 7)]).unwrap();
        let owner = |it: &&KeyChange| it.key().kind == KeyKind::AddressOwner;
        let owners: Vec<_> = change.keys.iter().filter(owner).collect();
        assert_eq!(owners.len(), 2);
        assert_eq!(owners[0], owners[1]);
        for network in [Ethereum, Base] {
            assert!(change.keys.contains(&names_of(network, 1)[1]), "{network}");
        }
    }

    #[test]
    fn the_same_bytes_of_another_family_or_environment_are_another_address() {
        let names = |member: &Member, network| creating(member, &[own(network, 7)]).unwrap().keys;
        let sandbox = in_domain(Environment::Sandbox, json!({ "allow_mainnet_in_sandbox": true }));
        let evm = names(&member(), Ethereum);
        for other in [names(&member(), Tron), names(&sandbox, Ethereum)] {
            for (one, other) in evm.iter().zip(&other).take(2) {
                assert_eq!(one.key().kind, other.key().kind);
                assert_ne!(one.key(), other.key());
            }
        }
    }

    #[test]
    fn an_address_has_one_owner_in_all_domains_of_an_organization_and_others_are_not_asked() {
        let of = |organization, id| {
            let domain = Domain {
                id: domain_id(id),
                organization_id: organization_id(organization),
                ..domain(json!({}))
            };
            let member = Member { domain: Arc::new(domain), ..member() };
            creating(&member, &[own(Ethereum, 7)]).unwrap().keys
        };
        for at in 0..2 {
            assert_eq!(of(1, 1)[at].key(), of(1, 2)[at].key());
            assert_ne!(of(1, 1)[at].key(), of(2, 2)[at].key());
        }
        // Indexes and sources are a domain's own.
        for at in 2..4 {
            assert_ne!(of(1, 1)[at].key(), of(1, 2)[at].key());
        }
    }

    #[test]
    fn one_network_that_is_not_allowed_refuses_them_all() {
        let result = creating(&member(), &[own(Ethereum, 7), own(Sepolia, 7)]);
        assert!(matches!(result, Err(Error::NetworkNotAllowed(Sepolia, Environment::Live))), "{result:?}");
    }

    #[test]
    fn it_wants_a_customer_who_may_have_one() {
        assert_eq!(refused(creating(&deleted(), &[own(Ethereum, 7)])), refused(may_have(&deleted())));
        let pending = who(|it| it.kyc_status = KycStatus::Pending);
        assert_eq!(refused(creating(&pending, &[own(Ethereum, 7)])), refused(may_have(&pending)));
    }

    #[test]
    fn one_that_is_added_keeps_what_the_change_does_already_and_stands_behind_it() {
        let taken = KeyChange::Take(key(KeyKind::Alias, "ada"));
        let born = crate::domain::Customer { sequence: 0, ..customer(json!({})) };
        let change = Change::new(context()).keys(vec![taken.clone()]);
        let change = change.writes(born.clone(), EventType::CustomerCreated, &[]);
        let member = Member { customer: born.clone(), ..member() };
        let change = adding(change, &member, &[own(Ethereum, 7)], wallet_id(1)).unwrap();

        assert_eq!(change.keys[0], taken);
        assert_eq!(change.keys[1..3], names_of(Ethereum, 1));
        assert_eq!(change.writes[0].resource, Resource::Customer(born));
        assert_eq!(change.writes[1].event, Some((EventType::WalletCreated, Vec::new())));
        // The customer is not there yet: only the domain is as it was read.
        assert_eq!(decided_on(&change), [the_member()[1]]);
    }

    #[test]
    fn one_that_cannot_be_added_takes_the_whole_change_with_it() {
        let pending = who(|it| it.kyc_status = KycStatus::InReview);
        let result = adding(Change::new(context()), &pending, &[own(Ethereum, 7)], wallet_id(1));
        assert!(matches!(result, Err(Error::KycNotApproved(..))), "{result:?}");
    }
}

mod ledgers {
    use super::*;

    fn currency(text: &str) -> Currency {
        text.to_owned().try_into().unwrap()
    }

    fn creating(member: &Member, text: &str) -> Result<Change> {
        create_ledger(member, currency(text), wallet_id(1), context())
    }

    #[test]
    fn a_new_one_holds_its_currency_and_no_address() {
        let change = creating(&member(), "USD").unwrap();
        let expected = Wallet { sequence: 0, create_us: NOW_US, update_us: NOW_US, ..wallet(Ledger) };
        assert_eq!(answer::<Wallet>(&change), expected);
        assert_eq!(event(&change), Some((EventType::WalletCreated, &[][..])));
        assert_eq!(decided_on(&change), the_member());
    }

    #[test]
    fn a_customer_has_one_for_each_currency() {
        let name = |number, text: &str| {
            let keys = creating(&who(|it| it.id = customer_id(number)), text).unwrap().keys;
            assert!(matches!(&keys[..], [KeyChange::TakeFor(it, owner)]
                if it.kind == KeyKind::LedgerWallet && it.scope == domain_id(1).as_uuid() && *owner == wallet_id(1).as_uuid()));
            keys[0].key().clone()
        };
        assert_eq!(name(1, "USD"), name(1, "USD"));
        assert_ne!(name(1, "USD"), name(1, "EUR"));
        assert_ne!(name(1, "USD"), name(2, "USD"));
    }

    #[test]
    fn it_wants_a_customer_who_may_have_one() {
        assert_eq!(refused(creating(&deleted(), "USD")), refused(may_have(&deleted())));
        let expired = who(|it| it.kyc_status = KycStatus::Expired);
        assert_eq!(refused(creating(&expired, "USD")), refused(may_have(&expired)));
    }
}

mod linking {
    use super::*;

    fn linking(member: &Member, network: Network) -> Result<Change> {
        link(member, &foreign(network, 2), wallet_id(1), context())
    }

    #[test]
    fn a_linked_wallet_is_external_and_has_that_address_which_nobody_derived() {
        let change = linking(&member(), Ethereum).unwrap();
        let linked = Address { id: new_address_id(), sequence: 0, create_us: NOW_US, ..address(Ethereum, 2) };
        let expected = Wallet {
            sequence: 0,
            addresses: vec![linked],
            create_us: NOW_US,
            update_us: NOW_US,
            ..wallet(External)
        };
        assert_eq!(answer::<Wallet>(&change), expected);
        assert_eq!(event(&change), Some((EventType::WalletCreated, &[][..])));
        assert_eq!(decided_on(&change), the_member());
    }

    #[test]
    fn it_takes_the_names_of_the_address_and_no_index() {
        assert_eq!(linking(&member(), Ethereum).unwrap().keys, names_of(Ethereum, 2));
    }

    #[test]
    fn no_kyc_is_asked_for() {
        for kyc_status in KycStatus::ALL {
            assert!(linking(&who(|it| it.kyc_status = *kyc_status), Ethereum).is_ok(), "{kyc_status}");
        }
    }

    #[test]
    fn a_deleted_customer_links_nothing_nor_anybody_a_network_that_is_not_allowed() {
        assert!(matches!(linking(&deleted(), Ethereum), Err(Error::CustomerDeleted(_))));
        let result = linking(&member(), Sepolia);
        assert!(matches!(result, Err(Error::NetworkNotAllowed(Sepolia, Environment::Live))), "{result:?}");
    }
}

mod growing {
    use super::*;

    fn growing(wallet: &Wallet, member: &Member) -> Result<Change> {
        add_address(wallet, member, &own(Ethereum, 7), context())
    }

    /// The address that comes.
    fn next() -> Address {
        Address {
            id: new_address_id(),
            sequence: 0,
            create_us: NOW_US,
            derivation: Some(Derivation { scheme: Scheme::Evm, index: 7, pooled: false }),
            ..address(Ethereum, 1)
        }
    }

    fn with_addresses(count: usize) -> Wallet {
        Wallet { addresses: vec![address(Ethereum, 9); count], ..wallet(Managed) }
    }

    #[test]
    fn a_new_address_is_the_answer_and_the_wallet_shows_it_last() {
        let change = growing(&with_addresses(2), &member()).unwrap();
        assert_eq!(answer::<Address>(&change), next());
        assert_eq!(change.writes[0].event, Some((EventType::AddressCreated, Vec::new())));

        let shown = vec![address(Ethereum, 9), address(Ethereum, 9), next()];
        let grown = Wallet { addresses: shown, update_us: NOW_US, ..wallet(Managed) };
        assert_eq!(change.writes[1].resource, Resource::Wallet(grown));
        assert_eq!(change.writes[1].event, Some((EventType::WalletUpdated, vec!["addresses"])));
        assert_eq!(change.writes.len(), 2);
    }

    #[test]
    fn it_takes_the_names_of_the_address() {
        assert_eq!(growing(&with_addresses(2), &member()).unwrap().keys[..2], names_of(Ethereum, 1));
    }

    #[test]
    fn a_wallet_shows_its_first_hundred_addresses_and_stays_as_it_is_beyond() {
        for (count, shown) in [(99, Some(100)), (100, None), (101, None)] {
            let change = growing(&with_addresses(count), &member()).unwrap();
            assert_eq!(answer::<Address>(&change), next());
            let after = change.writes.get(1).map(|it| match &it.resource {
                Resource::Wallet(it) => it.addresses.len(),
                other => panic!("{other:?}"),
            });
            assert_eq!(after, shown, "{count}");
        }
    }

    #[test]
    fn it_is_decided_on_the_wallet_too_whether_that_shows_the_address_or_not() {
        for count in [0, 99, 100] {
            let change = growing(&with_addresses(count), &member()).unwrap();
            let [customer, domain] = the_member();
            assert_eq!(decided_on(&change), [customer, domain, (&wallet(Managed)).into()], "{count}");
        }
    }

    #[test]
    fn a_wallet_that_may_not_grow_does_not() {
        for wallet in
            [as_status(Frozen, Managed), as_status(Removed, Managed), wallet(External), wallet(Ledger)]
        {
            assert_eq!(refused(growing(&wallet, &member())), refused(may_grow(&wallet)));
        }
    }

    #[test]
    fn it_wants_a_customer_who_may_have_it_and_a_network_that_is_allowed() {
        assert_eq!(refused(growing(&wallet(Managed), &deleted())), refused(may_have(&deleted())));
        let rejected = who(|it| it.kyc_status = KycStatus::Rejected);
        assert_eq!(refused(growing(&wallet(Managed), &rejected)), refused(may_have(&rejected)));
        let sandbox = in_domain(Environment::Sandbox, json!({}));
        assert_eq!(refused(growing(&wallet(Managed), &sandbox)), refused(allow(&sandbox.domain, Ethereum)));
    }
}

mod indexes {
    use super::*;

    #[test]
    fn the_index_of_a_scheme_serves_its_other_networks() {
        let wallets = [derived(&[(Ethereum, 7), (Solana, 3)])];
        assert_eq!(known_indexes(&wallets, &[Base]), [(Scheme::Evm, 7), (Scheme::Solana, 3)]);
    }

    #[test]
    fn an_index_is_not_known_where_one_of_its_addresses_is_on_a_network_asked_for() {
        let wallets = [derived(&[(Ethereum, 7), (Base, 7), (Solana, 3)])];
        for asked in [Ethereum, Base] {
            assert_eq!(known_indexes(&wallets, &[Network::Polygon, asked]), [(Scheme::Solana, 3)], "{asked}");
        }
    }

    #[test]
    fn the_address_on_a_network_asked_for_may_be_another_wallets() {
        let wallets = [derived(&[(Ethereum, 7)]), derived(&[(Base, 7)])];
        assert_eq!(known_indexes(&wallets, &[Base]), []);
    }

    #[test]
    fn an_index_of_a_removed_wallet_is_never_known_again_not_even_where_another_wallet_has_it() {
        let removed = Wallet { status: Removed, ..derived(&[(Ethereum, 7)]) };
        assert_eq!(known_indexes(std::slice::from_ref(&removed), &[Base]), []);
        let wallets = [derived(&[(Base, 7)]), removed];
        assert_eq!(known_indexes(&wallets, &[Network::Polygon]), []);
    }

    #[test]
    fn an_index_of_a_frozen_wallet_is_known() {
        let frozen = Wallet { status: Frozen, ..derived(&[(Ethereum, 7)]) };
        assert_eq!(known_indexes(&[frozen], &[Base]), [(Scheme::Evm, 7)]);
    }

    #[test]
    fn of_several_indexes_of_a_scheme_the_first_that_is_not_used_up_is_known() {
        let wallets = [derived(&[(Base, 7)]), derived(&[(Ethereum, 8), (Ethereum, 9)])];
        assert_eq!(known_indexes(&wallets, &[Network::Polygon]), [(Scheme::Evm, 7)]);
        assert_eq!(known_indexes(&wallets, &[Base]), [(Scheme::Evm, 8)]);
    }

    #[test]
    fn the_same_index_of_another_scheme_is_another() {
        let wallets = [derived(&[(Bitcoin, 7), (Ethereum, 7)])];
        assert_eq!(known_indexes(&wallets, &[Bitcoin]), [(Scheme::Evm, 7)]);
    }

    #[test]
    fn somebodys_own_address_has_no_index() {
        let linked = Wallet { addresses: vec![address(Ethereum, 1)], ..wallet(External) };
        assert_eq!(known_indexes(&[linked, wallet(Ledger)], &[Base]), []);
    }

    #[test]
    fn the_addresses_on_a_network_come_with_their_indexes_but_not_those_of_a_pool() {
        let mut addresses = derived(&[(Ethereum, 7), (Solana, 3), (Base, 7), (Ethereum, 2)]).addresses;
        addresses.push(address(Ethereum, 1));
        let found = |network, addresses: &[Address]| -> Vec<_> {
            derived_on(addresses, network).map(|(index, _)| index).collect()
        };
        assert_eq!(found(Ethereum, &addresses), [7, 2]);
        assert_eq!(found(Base, &addresses), [7]);
        assert_eq!(found(Solana, &addresses), [3]);
        assert_eq!(found(Tron, &addresses), [0; 0]);
        addresses[1].derivation.as_mut().unwrap().pooled = true;
        assert_eq!(found(Solana, &addresses), [0; 0]);
    }

    #[test]
    fn only_what_was_derived_here_has_a_path() {
        let mut address = derived(&[(Tron, 5)]).addresses.remove(0);
        assert_eq!(address.derivation_path().as_deref(), Some("m/44'/195'/0'/0/5"));
        address.derivation.as_mut().unwrap().pooled = true;
        assert_eq!(address.derivation_path(), None);
        assert_eq!(super::address(Tron, 1).derivation_path(), None);
    }

    #[test]
    fn a_standard_wallet_goes_on_from_each_index_it_finds_and_gives_up_after_the_gap() {
        for (used, gap_limit, expected) in [
            // Nothing is used: it looks at the first few and stops.
            (&[][..], 20, 20),
            (&[0], 20, 21),
            (&[0, 1, 2], 20, 23),
            // The last it looks at, and the first it does not.
            (&[19], 20, 40),
            (&[20], 20, 20),
            (&[0, 20], 20, 41),
            (&[0, 21], 20, 21),
            (&[19, 39, 59], 20, 80),
            (&[19, 40, 41], 20, 40),
            // Nothing after a gap is found, however dense.
            (&[0, 30, 31, 32], 20, 21),
            (&[0, 1, 3], 1, 3),
            (&[0, 1], 0, 0),
            (&[], 0, 0),
            (&[0], u32::MAX, u32::MAX),
            (&[u32::MAX - 1], u32::MAX, u32::MAX),
        ] {
            assert_eq!(found_before(used, gap_limit), expected, "{used:?} {gap_limit}");
        }
    }
}

mod statuses {
    use super::*;

    #[test]
    fn a_wallet_is_frozen_and_thawed_and_the_reason_is_kept_with_the_event() {
        for (from, to) in [(Active, Frozen), (Frozen, Active)] {
            for kind in WalletKind::ALL {
                let change =
                    set_status(&as_status(from, *kind), &member(), to, line("asked for"), context()).unwrap();
                let expected = Wallet { status: to, update_us: NOW_US, ..wallet(*kind) };
                assert_eq!(answer::<Wallet>(&change), expected);
                assert_eq!(event(&change), Some((EventType::WalletUpdated, &["status"][..])));
                assert_eq!(change.reason, line("asked for"));
                assert!(change.keys.is_empty());
            }
        }
    }

    #[test]
    fn of_an_erased_customer_no_reason_is_kept_and_it_holds_only_while_they_are_as_they_were() {
        let erased = who(|it| it.erase_us = Some(NOW_US));
        for (member, reason) in [(member(), line("asked for")), (erased, Line::default())] {
            let wallet = as_status(Active, Managed);
            let freeze = set_status(&wallet, &member, Frozen, line("asked for"), context()).unwrap();
            for change in [freeze, remove(&wallet, &member, line("asked for"), context()).unwrap()] {
                assert_eq!(change.reason, reason);
                assert_eq!(change.expects, [Expect::from(&member.customer)]);
            }
        }
    }

    #[test]
    fn one_that_is_so_already_stays_as_it_is() {
        for status in [Active, Frozen] {
            let change =
                set_status(&as_status(status, Managed), &member(), status, line("again"), context()).unwrap();
            assert_eq!(answer::<Wallet>(&change), as_status(status, Managed));
            assert_eq!(event(&change), None);
        }
    }

    #[test]
    fn a_removed_wallet_never_comes_back_nor_goes_again() {
        for kind in WalletKind::ALL {
            let removed = as_status(Removed, *kind);
            for result in [
                set_status(&removed, &member(), Active, Line::default(), context()),
                set_status(&removed, &member(), Frozen, Line::default(), context()),
                remove(&removed, &member(), Line::default(), context()),
                authorizing(&removed, authorization(AuthorizationType::Native)),
            ] {
                assert!(matches!(result, Err(Error::WalletRemoved(id)) if id == wallet_id(1)), "{result:?}");
            }
        }
    }
}

mod removing {
    use super::*;

    fn removing(wallet: &Wallet) -> Change {
        remove(wallet, &member(), line("closed"), context()).unwrap()
    }

    #[test]
    fn a_removed_wallet_stays_on_record_whatever_it_was() {
        for kind in WalletKind::ALL {
            for status in [Active, Frozen] {
                let before = Wallet { addresses: vec![address(Ethereum, 2)], ..as_status(status, *kind) };
                let change = removing(&before);
                assert_eq!(
                    answer::<Wallet>(&change),
                    Wallet { status: Removed, update_us: NOW_US, ..before.clone() }
                );
                assert_eq!(event(&change), Some((EventType::WalletRemoved, &["status"][..])));
                assert_eq!(change.reason, line("closed"));
                let customer = Expect::from(&member().customer);
                assert_eq!(decided_on(&change), [customer, Expect::from(&before)]);
            }
        }
    }

    #[test]
    fn a_managed_wallet_keeps_its_names_so_that_no_address_is_issued_again() {
        assert_eq!(removing(&derived(&[(Ethereum, 7), (Solana, 3)])).keys, []);
    }

    #[test]
    fn an_external_address_is_free_and_so_is_its_owner_unless_they_have_it_on_another_network_of_the_family()
    {
        for network in Network::ALL {
            let linked = Wallet { addresses: vec![address(*network, 2)], ..wallet(External) };
            let family = network.info().family;
            let elsewhere = Network::ALL.iter().filter(|it| *it != network && it.info().family == family);
            assert_eq!(
                removing(&linked).keys,
                [
                    KeyChange::Release(found_by(*network, 2)),
                    KeyChange::ReleaseUnless(
                        owned_as(*network, 2),
                        elsewhere.map(|it| found_by(*it, 2)).collect()
                    ),
                ],
                "{network}"
            );
        }
    }

    #[test]
    fn what_a_link_takes_its_removal_gives_up() {
        let linked = link(&member(), &foreign(Ethereum, 2), wallet_id(1), context()).unwrap();
        let names = |change: &Change| {
            let mut names: Vec<_> = change.keys.iter().map(|it| it.key().clone()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&removing(&answer(&linked))), names(&linked));
    }

    #[test]
    fn what_a_ledger_wallet_takes_its_removal_gives_up() {
        let currency = wallet(Ledger).currency.unwrap();
        let made = create_ledger(&member(), currency, wallet_id(1), context()).unwrap();
        let expected = [KeyChange::Release(made.keys[0].key().clone())];
        assert_eq!(removing(&answer(&made)).keys, expected);
    }
}

/// That the wallet may be used in this way.
fn authorization(kind: AuthorizationType) -> Authorization {
    Authorization { kind, tx_hash: None, authorize_us: BEFORE_US }
}

/// Records it for the customer of the wallet.
fn authorizing(wallet: &Wallet, authorization: Authorization) -> Result<Change> {
    authorize(wallet, &member(), authorization, context())
}

mod authorizations {
    use super::*;

    #[test]
    fn an_external_wallet_keeps_how_it_may_be_used_also_while_it_is_frozen() {
        for kind in AuthorizationType::ALL {
            for status in [Active, Frozen] {
                let before = as_status(status, External);
                let change = authorizing(&before, authorization(*kind)).unwrap();
                let expected =
                    Wallet { authorization: Some(authorization(*kind)), update_us: NOW_US, ..before };
                assert_eq!(answer::<Wallet>(&change), expected);
                assert_eq!(event(&change), Some((EventType::WalletUpdated, &["authorization"][..])));
            }
        }
    }

    #[test]
    fn another_authorization_takes_the_place_of_the_first_and_the_same_changes_nothing() {
        let permit = authorization(AuthorizationType::Permit);
        let before = Wallet { authorization: Some(permit.clone()), ..wallet(External) };
        let change = authorizing(&before, permit).unwrap();
        assert_eq!((event(&change), answer::<Wallet>(&change)), (None, before.clone()));

        let native = authorization(AuthorizationType::Native);
        let change = authorizing(&before, native.clone()).unwrap();
        assert_eq!(answer::<Wallet>(&change).authorization, Some(native));
    }

    #[test]
    fn it_is_decided_on_the_wallet_and_on_the_customer() {
        let before = wallet(External);
        let change = authorizing(&before, authorization(AuthorizationType::Native)).unwrap();
        assert_eq!(decided_on(&change), [the_member()[0], Expect::from(&before)]);
    }

    #[test]
    fn the_wallet_of_a_deleted_customer_is_not_authorized_whatever_it_is() {
        for kind in WalletKind::ALL {
            for status in WalletStatus::ALL {
                let native = authorization(AuthorizationType::Native);
                let result = authorize(&as_status(*status, *kind), &deleted(), native, context());
                assert!(
                    matches!(result, Err(Error::CustomerDeleted(id)) if id == customer_id(1)),
                    "{result:?}"
                );
            }
        }
    }

    #[test]
    fn only_an_external_wallet_is_authorized() {
        for kind in [Managed, Ledger] {
            let result = authorizing(&wallet(kind), authorization(AuthorizationType::Native));
            let expected =
                matches!(result, Err(Error::WalletKindMismatch(id, it)) if (id, it) == (wallet_id(1), kind));
            assert!(expected, "{result:?}");
        }
    }

    fn hash(family: Family, digit: &str) -> TxHash {
        let prefix = if family == Family::Evm { "0x" } else { "" };
        TxHash::parse(family, &format!("{prefix}{}", digit.repeat(64))).unwrap()
    }

    #[test]
    fn it_was_now_unless_another_time_is_said() {
        for (said, expected) in [(None, NOW_US), (Some(BEFORE_US), BEFORE_US), (Some(0), 0)] {
            let new = NewAuthorization { kind: AuthorizationType::Permit, tx_hash: None, authorize_us: said };
            let expected =
                Authorization { authorize_us: expected, ..authorization(AuthorizationType::Permit) };
            assert_eq!(new.of(&wallet(External), NOW_US).unwrap(), expected);
        }
    }

    #[test]
    fn its_hash_is_one_of_the_network_of_the_wallet() {
        for (network, family, fits) in [
            (Ethereum, Family::Evm, true),
            (Ethereum, Family::Bitcoin, false),
            (Bitcoin, Family::Bitcoin, true),
            (Tron, Family::Bitcoin, true),
            (Bitcoin, Family::Evm, false),
            (Solana, Family::Evm, false),
        ] {
            let linked = Wallet { addresses: vec![address(network, 2)], ..wallet(External) };
            let tx_hash = Some(hash(family, "a"));
            let new = NewAuthorization {
                kind: AuthorizationType::Native,
                tx_hash: tx_hash.clone(),
                authorize_us: None,
            };
            let result = new.of(&linked, NOW_US);
            if fits {
                assert_eq!(result.unwrap().tx_hash, tx_hash, "{network} {family}");
            } else {
                assert_eq!(faulty(result), ["authorization.tx_hash"], "{network} {family}");
            }
        }
    }
}

#[test]
fn the_owner_of_an_address_is_found_by_its_names_on_every_network_of_the_family() {
    for network in Network::ALL {
        let family = network.info().family;
        let all = Network::ALL.iter().filter(|it| it.info().family == family);
        let all: Vec<_> = all.map(|it| found_by(*it, 2)).collect();
        assert_eq!(keys_of(owned_as(*network, 2)), all, "{network}");
        // Any other name finds what it names.
        assert_eq!(keys_of(found_by(*network, 2)), [found_by(*network, 2)]);
    }
}

#[test]
fn a_stored_address_is_what_its_codec_read() {
    assert_eq!(address(Tron, 2).on_chain().unwrap(), on_chain(Tron, 2));
    let spoilt = Address { canonical: "0x".to_owned(), ..address(Tron, 2) };
    assert!(matches!(spoilt.on_chain(), Err(Error::Internal(_))));
}

mod at_once {
    use super::*;

    #[test]
    fn who_was_promised_a_wallet_has_it_on_approval_whatever_the_domain_gives_to_others() {
        for (settings, asked, promised) in [
            (json!({"kyc_required": true}), &[][..], &[BitcoinTestnet, Sepolia][..]),
            (json!({"kyc_required": true, "auto_wallet_networks": ["tron"]}), &[Tron], &[Tron]),
        ] {
            let mut member = in_domain(Environment::Sandbox, settings);
            assert_eq!(on_approval(&member), asked);
            member.customer.is_promised_wallet = true;
            assert_eq!(on_approval(&member), promised);
        }
    }

    #[test]
    fn who_is_promised_a_wallet_has_it_where_the_domain_says_or_else_on_bitcoin_and_ethereum() {
        for (environment, settings, asked, promised) in [
            (Environment::Live, json!({}), &[][..], &[Bitcoin, Ethereum][..]),
            (Environment::Sandbox, json!({}), &[], &[BitcoinTestnet, Sepolia]),
            (Environment::Live, json!({"auto_wallet_networks": ["tron"]}), &[Tron], &[Tron]),
            (Environment::Live, json!({"kyc_required": true}), &[], &[]),
            (Environment::Live, json!({"kyc_required": true, "auto_wallet_networks": ["tron"]}), &[], &[]),
        ] {
            let domain = in_domain(environment, settings).domain;
            assert_eq!((at_once(&domain), at_once_in_any_case(&domain)), (asked, promised));
        }
    }
}

mod choosing {
    use super::*;

    #[test]
    fn an_address_for_a_coin_is_on_a_network_the_wallet_has_or_the_first_that_is_allowed() {
        let on = |networks: &[Network]| derived(&networks.iter().map(|it| (*it, 1)).collect::<Vec<_>>());
        let live = in_domain(Environment::Live, json!({})).domain;
        let sandbox = in_domain(Environment::Sandbox, json!({})).domain;
        let mixed = in_domain(Environment::Sandbox, json!({"allow_mainnet_in_sandbox": true})).domain;
        for (wallet, domain, coin, network) in [
            (on(&[]), &live, "ETH", Some(Ethereum)),
            (on(&[Base]), &live, "ETH", Some(Base)),
            (on(&[Base]), &live, "BTC", Some(Bitcoin)),
            (on(&[]), &sandbox, "ETH", Some(Sepolia)),
            (on(&[]), &sandbox, "BTC", Some(BitcoinTestnet)),
            (on(&[Sepolia]), &mixed, "ETH", Some(Sepolia)),
            (on(&[]), &sandbox, "TRX", None),
            (on(&[]), &live, "USDC", None),
        ] {
            assert_eq!(network_for(&wallet, domain, coin), network, "{coin}");
        }
    }
}

mod sole {
    use super::*;

    #[test]
    fn a_second_wallet_on_a_network_is_refused_and_a_first_knows_what_there_was() {
        let granted = [own(Ethereum, 3)];
        let made = create_sole(&member(), None, 4, &granted, wallet_id(1), context()).unwrap();
        assert_eq!(made.all_of, [(Table::Wallets, customer_id(1), 4)]);
        assert_eq!(answer::<Wallet>(&made).addresses.len(), 1);
        let there = wallet(Managed);
        let second = create_sole(&member(), Some(&there), 4, &granted, wallet_id(2), context());
        assert!(matches!(second, Err(Error::WalletExists(it)) if it == wallet_id(1)));
    }
}

mod stepping {
    use super::*;

    #[test]
    fn a_wallet_is_frozen_and_thawed_and_removed_once_it_is_frozen_and_nothing_else() {
        for from in [Active, Frozen, Removed] {
            for to in [Active, Frozen, Removed] {
                let stepped = step(&as_status(from, Ledger), &member(), to, line("why"), context());
                let is_step = matches!((from, to), (Active, Frozen) | (Frozen, Active | Removed));
                match stepped {
                    Ok(change) => assert!(is_step && answer::<Wallet>(&change).status == to),
                    Err(Error::WalletTransitionNotAllowed { from: was, to: asked }) => {
                        assert!(!is_step && was == from && asked == to);
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}

mod removing_all {
    use super::*;
    use crate::domain::customer::{Belongings, delete_for_good, restore};

    #[test]
    fn who_is_deleted_for_good_takes_their_wallets_along_and_is_not_restored() {
        let ledger = Wallet { id: wallet_id(2), ..wallet(Ledger) };
        let wallets = vec![derived(&[(Ethereum, 1)]), ledger];
        let theirs = Belongings { wallets, wallets_ever: 7, links_ever: 3, ..Belongings::default() };
        let change = delete_for_good(&member(), &theirs, context()).unwrap();
        let all = [(Table::Wallets, customer_id(1), 7), (Table::ClaimLinks, customer_id(1), 3)];
        assert_eq!(change.all_of, all);
        let gone: crate::domain::Customer = answer(&change);
        assert!(gone.status == CustomerStatus::Deleted && gone.is_beyond_restore);
        assert!(matches!(restore(&gone, &member().domain, context()), Err(Error::CustomerDeleted(_))));
        let removed = |at: usize| Wallet::try_from(change.writes[at].resource.clone()).unwrap();
        assert_eq!(
            [removed(1), removed(2)].map(|it| (it.id, it.status)),
            [(wallet_id(1), Removed), (wallet_id(2), Removed)]
        );
        let events: Vec<_> = change.writes.iter().map(|it| it.event.as_ref().unwrap().0).collect();
        assert_eq!(events, [EventType::CustomerDeleted, EventType::WalletRemoved, EventType::WalletRemoved]);
        // Our own address is never given back, and the place for a wallet in dollars is.
        let names: Vec<_> = change.keys.iter().map(|it| it.key().kind).collect();
        assert_eq!(names, [KeyKind::LedgerWallet]);
    }

    #[test]
    fn an_address_linked_on_two_networks_is_nobodys_once_both_wallets_go_together() {
        let linked = |number, network| Wallet {
            id: wallet_id(number),
            addresses: vec![address(network, 9)],
            ..wallet(External)
        };
        let gone = |wallets: &[Wallet]| removing(Change::new(context()), wallets, &member().domain).keys;
        let keeps = |keys: &[KeyChange], network| {
            let kept = |it: &KeyChange| matches!(it, KeyChange::ReleaseUnless(_, others) if others.contains(&found_by(network, 9)));
            keys.iter().any(kept)
        };
        let (one, both) = (gone(&[linked(1, Ethereum)]), gone(&[linked(1, Ethereum), linked(2, Base)]));
        assert!(keeps(&one, Base) && !keeps(&both, Base) && !keeps(&both, Ethereum));
        assert!(keeps(&both, Network::Polygon));
    }
}
