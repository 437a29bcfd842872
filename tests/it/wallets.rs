//! Wallets over the wire: made with their customer or later, found, listed, frozen and removed.

use purser::api::{self, KycStatus, Wallet, WalletKind, WalletStatus};
use serde_json::json;
use tonic::Code;

use crate::customers_requests::create;
use crate::harness::on_each_database;
use crate::raw::Raw;
use crate::wallets_wire::{Keeper, Purse, auto, failed, new_customer, wallets_of};
use crate::wire::{is, refusal, told, whole};

on_each_database!(Purse:
    a_customer_of_a_domain_with_auto_networks_has_working_addresses_at_once,
    a_creation_that_is_repeated_gives_the_same_addresses,
    a_customer_who_needs_approval_has_a_wallet_once_approved_and_one_only,
    a_wallet_that_was_made_is_found_as_it_was_answered,
    the_evm_networks_of_a_customer_share_one_address,
    a_customer_has_one_ledger_wallet_in_each_currency,
    freezing_and_thawing_take_effect_once_and_have_their_events,
    a_stale_etag_changes_nothing,
    a_removed_wallet_stays_on_record_and_is_no_more_found_by_address,
    a_managed_address_is_never_issued_again,
    lists_hold_what_the_filters_say_and_pages_neither_skip_nor_repeat,
);

const FOUR: [&str; 4] = ["solana", "ethereum", "bitcoin", "tron"];

/// The one wallet of a customer, with four addresses that are valid in themselves.
async fn with_four_addresses(keeper: &mut Keeper, customer: &str, index: u32) -> Wallet {
    let wallet = <[Wallet; 1]>::try_from(keeper.wallets_of(customer).await).unwrap();
    let [wallet] = wallet;
    assert_eq!((wallet.kind(), wallet.status()), (WalletKind::Managed, WalletStatus::Active));
    let networks: Vec<_> = wallet.addresses.iter().map(|it| it.network.as_str()).collect();
    assert_eq!(networks, FOUR);
    let paths: Vec<_> = wallet.addresses.iter().map(|it| it.derivation_path.clone()).collect();
    assert_eq!(
        paths,
        [
            format!("m/44'/501'/{index}'/0'"),
            format!("m/44'/60'/0'/0/{index}"),
            format!("m/84'/0'/0'/0/{index}"),
            format!("m/44'/195'/0'/0/{index}"),
        ]
    );
    for it in &wallet.addresses {
        let (network, address) = (it.network.clone(), it.address.clone());
        let request = api::ValidateAddressRequest { network, address };
        let valid = keeper.wallets.validate_address(request).await.unwrap().into_inner();
        assert_eq!((&valid.address, &valid.caip10), (&it.address, &it.caip10));
        assert_eq!(it.wallet_id, wallet.id);
    }
    wallet
}

async fn a_customer_of_a_domain_with_auto_networks_has_working_addresses_at_once(it: Purse) {
    let (_, mut client, mut keeper) = it.with("auto", auto(&FOUR)).await;
    for index in 0..3 {
        let made = client.create(whole(&format!("c{index}"), "auto")).await.unwrap();
        let wallet = with_four_addresses(&mut keeper, &made.id, index).await;
        // One transaction: their events are neighbours, and of one time.
        assert_eq!((wallet.sequence, wallet.create_time), (made.sequence + 1, made.create_time));
    }
}

async fn a_creation_that_is_repeated_gives_the_same_addresses(it: Purse) {
    let (_, mut client, mut keeper) = it.with("auto", auto(&FOUR)).await;
    let call = create("r1", whole("ada", "auto"));
    let (bytes, _) = call.send(&mut client).await.unwrap();
    let id = client.resolve("ada@auto").await.unwrap().customer_id;
    let wallet = with_four_addresses(&mut keeper, &id, 0).await;
    for _ in 0..2 {
        assert_eq!(call.send(&mut client).await.unwrap(), (bytes.clone(), true));
    }
    assert_eq!(with_four_addresses(&mut keeper, &id, 0).await, wallet);
    let bob = client.create(whole("bob", "auto")).await.unwrap();
    // What the repetitions had in hand went back: no index is lost.
    with_four_addresses(&mut keeper, &bob.id, 1).await;
}

async fn a_customer_who_needs_approval_has_a_wallet_once_approved_and_one_only(it: Purse) {
    let settings = json!({"auto_wallet_networks": FOUR, "kyc_required": true});
    let (tenant, mut client, mut keeper) = it.with("kyc", settings).await;
    let ada = client.create(whole("ada", "kyc")).await.unwrap();
    assert_eq!((ada.kyc_status(), keeper.wallets_of(&ada.id).await.len()), (KycStatus::Pending, 0));
    client.set_kyc(&ada.id, KycStatus::InReview).await.unwrap();
    assert_eq!(keeper.wallets_of(&ada.id).await, []);
    let approved = client.set_kyc(&ada.id, KycStatus::Approved).await.unwrap();
    let wallet = with_four_addresses(&mut keeper, &ada.id, 0).await;
    assert_eq!(wallet.sequence, approved.sequence + 1);

    client.set_kyc(&ada.id, KycStatus::InReview).await.unwrap();
    client.set_kyc(&ada.id, KycStatus::Approved).await.unwrap();
    assert_eq!(with_four_addresses(&mut keeper, &ada.id, 0).await, wallet);

    let mut raw = Raw::open(it.database()).await;
    let types: Vec<(String,)> =
        raw.rows("SELECT type FROM events WHERE customer_id IS NOT NULL ORDER BY sequence").await;
    let types: Vec<_> = types.iter().map(|it| it.0.as_str()).collect();
    const UPDATED: &str = "customer.kyc_updated";
    assert_eq!(types, ["customer.created", UPDATED, UPDATED, "wallet.created", UPDATED, UPDATED]);
    drop(tenant);
}

async fn a_wallet_that_was_made_is_found_as_it_was_answered(mut it: Purse) {
    let customer = it.customer().await;
    let made = it.keeper.create(&customer, &FOUR).await.unwrap();
    assert_eq!(made.customer_id, customer);
    assert_eq!(made.domain_id, it.acme.tenant.domain.id.to_string());
    assert!(made.id.starts_with("wal_") && made.sequence > 0 && !made.etag.is_empty());
    assert!(made.create_time.is_some() && made.create_time == made.update_time);
    assert!(made.currency.is_empty() && made.authorization.is_none());
    assert_eq!(it.keeper.get(&made.id).await.unwrap(), made);
    assert_eq!(it.keeper.wallets_of(&customer).await, std::slice::from_ref(&made));
    for at in &made.addresses {
        assert_eq!(it.keeper.get_at(&at.network, &at.address).await.unwrap(), made);
    }
    let [caip2, ..] = ["solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"];
    assert_eq!(made.addresses[0].caip10, format!("{caip2}:{}", made.addresses[0].address));
}

async fn the_evm_networks_of_a_customer_share_one_address(mut it: Purse) {
    let (ada, bob) = (it.customer().await, it.customer().await);
    let first = it.keeper.create(&ada, &["ethereum", "polygon", "sepolia"]).await.unwrap();
    let address = &first.addresses[0].address;
    assert!(first.addresses.iter().all(|it| it.address == *address));
    // On a network where they have none yet it is the same one again.
    let second = it.keeper.create(&ada, &["base"]).await.unwrap();
    assert_eq!(&second.addresses[0].address, address);
    let other = it.keeper.create(&bob, &["base"]).await.unwrap();
    assert_ne!(&other.addresses[0].address, address);
    assert_eq!(other.addresses[0].derivation_path, "m/44'/60'/0'/0/1");
    // Where they have it already, another wallet has another.
    let third = it.keeper.create(&ada, &["ethereum"]).await.unwrap();
    assert_eq!(third.addresses[0].derivation_path, "m/44'/60'/0'/0/2");
}

async fn a_customer_has_one_ledger_wallet_in_each_currency(mut it: Purse) {
    let (ada, bob) = (it.customer().await, it.customer().await);
    for (currency, decimals) in [("EUR", 2), ("JPY", 0), ("USDC", 6), ("BTC", 8)] {
        let made = it.keeper.ledger(&ada, currency).await.unwrap();
        assert_eq!((made.kind(), made.currency.as_str()), (WalletKind::Ledger, currency));
        assert_eq!(made.addresses, []);
        let again = it.keeper.ledger(&ada, currency).await.unwrap_err();
        assert_eq!(told(&again, "wallet_id"), made.id);
        assert_eq!(refusal::<()>(Err(again)), is(Code::AlreadyExists, "WALLET_EXISTS"));
        it.keeper.ledger(&bob, currency).await.unwrap();
        let smallest = match decimals {
            0 => "1".to_owned(),
            _ => format!("0.{:0>decimals$}", 1),
        };
        let booked = crate::wallets_wire::booked(api::TransactionType::Credit, &made.id, &smallest);
        it.keeper.record(booked).await.unwrap();
        assert_eq!(it.keeper.balances(&made.id).await, [["", currency, smallest.as_str(), "1"]]);
        it.keeper.remove(&made.id).await.unwrap();
        it.keeper.ledger(&ada, currency).await.unwrap();
    }
    for wrong in ["", "eur", "EURO", "XXY", "usdc", " EUR"] {
        let refused = it.keeper.ledger(&ada, wrong).await.unwrap_err();
        assert_eq!(crate::harness::bad_fields(&refused), ["currency"], "{wrong}");
    }
}

async fn freezing_and_thawing_take_effect_once_and_have_their_events(mut it: Purse) {
    let customer = it.customer().await;
    let made = it.keeper.create(&customer, &["ethereum"]).await.unwrap();
    let frozen = it.keeper.freeze(&made.id).await.unwrap();
    assert_eq!((frozen.status(), frozen.sequence), (WalletStatus::Frozen, made.sequence + 1));
    assert!(frozen.etag != made.etag && frozen.update_time != made.update_time);
    assert_eq!(it.keeper.freeze(&made.id).await.unwrap(), frozen);
    let thawed = it.keeper.unfreeze(&made.id).await.unwrap();
    assert_eq!((thawed.status(), thawed.sequence), (WalletStatus::Active, frozen.sequence + 1));
    assert_eq!(it.keeper.unfreeze(&made.id).await.unwrap(), thawed);
    it.keeper.freeze(&made.id).await.unwrap();
    let removed = it.keeper.remove(&made.id).await.unwrap();
    assert_eq!(removed.status(), WalletStatus::Removed);
    for again in [
        it.keeper.freeze(&made.id).await,
        it.keeper.unfreeze(&made.id).await,
        it.keeper.remove(&made.id).await,
    ] {
        let status = again.unwrap_err();
        assert_eq!(told(&status, "wallet_id"), made.id);
        assert_eq!(refusal::<()>(Err(status)), failed("WALLET_REMOVED"));
    }
    let mut raw = Raw::open(it.database()).await;
    let types: Vec<(String,)> =
        raw.rows("SELECT type FROM events WHERE type LIKE 'wallet%' ORDER BY sequence").await;
    let types: Vec<_> = types.iter().map(|it| it.0.trim_start_matches("wallet.")).collect();
    assert_eq!(types, ["created", "updated", "updated", "updated", "removed"]);
}

async fn a_stale_etag_changes_nothing(mut it: Purse) {
    let customer = it.customer().await;
    let made = it.keeper.create(&customer, &["ethereum"]).await.unwrap();
    let frozen = it.keeper.freeze(&made.id).await.unwrap();
    let before = it.picture().await;
    for name in ["FreezeWallet", "UnfreezeWallet", "RemoveWallet"] {
        for etag in [&made.etag, "v0", "x"] {
            let told = it.told(name, &json!({"id": made.id, "etag": etag})).await;
            assert_eq!(told.outcome(), "ABORTED ETAG_MISMATCH", "{name} {etag}");
        }
    }
    assert_eq!(it.picture().await, before);
    // Transactions do not change it.
    it.keeper.record(crate::wallets_wire::deposit(&made.id, "ethereum", "ETH", "1")).await.unwrap();
    let told = it.told("RemoveWallet", &json!({"id": made.id, "etag": frozen.etag})).await;
    assert_eq!(told.outcome(), "OK");
}

async fn a_removed_wallet_stays_on_record_and_is_no_more_found_by_address(mut it: Purse) {
    let customer = it.customer().await;
    let made = it.keeper.create(&customer, &["ethereum"]).await.unwrap();
    let later = it.keeper.next_address(&made.id, "polygon").await.unwrap();
    let removed = it.keeper.remove(&made.id).await.unwrap();
    assert_eq!(it.keeper.get(&made.id).await.unwrap(), removed);
    assert_eq!(it.keeper.addresses(&made.id).await.len(), 2);
    for (network, address) in [("ethereum", &made.addresses[0].address), ("polygon", &later.address)] {
        let found = it.keeper.get_at(network, address).await;
        assert_eq!(refusal(found), is(Code::NotFound, "WALLET_NOT_FOUND"));
        assert_eq!(refusal(it.keeper.lookup(address).await), is(Code::NotFound, "ADDRESS_NOT_FOUND"));
    }
    assert_eq!(it.keeper.list(wallets_of(&customer, 0, "")).await.unwrap().wallets, []);
}

async fn a_managed_address_is_never_issued_again(mut it: Purse) {
    let (ada, bob) = (it.customer().await, it.customer().await);
    let kept = it.keeper.create(&ada, &["ethereum"]).await.unwrap();
    let mut issued = vec![kept.addresses[0].address.clone()];
    let polygon = it.keeper.create(&ada, &["polygon"]).await.unwrap();
    assert_eq!(polygon.addresses[0].address, issued[0]);
    it.keeper.remove(&polygon.id).await.unwrap();
    for customer in [&ada, &ada, &bob] {
        let next = it.keeper.create(customer, &["polygon"]).await.unwrap();
        let address = next.addresses[0].address.clone();
        assert!(!issued.contains(&address), "{address} was issued on polygon before, and removed");
        issued.push(address);
        it.keeper.remove(&next.id).await.unwrap();
    }
    // Nor may it be linked by somebody else: it is Ada's for good.
    let linked = it.keeper.link(&bob, "polygon", &issued[0]).await;
    assert_eq!(refusal(linked), is(Code::AlreadyExists, "ADDRESS_TAKEN"));
}

async fn lists_hold_what_the_filters_say_and_pages_neither_skip_nor_repeat(mut it: Purse) {
    let (ada, bob) = (it.customer().await, it.customer().await);
    let mut made = Vec::new();
    for network in ["ethereum", "solana", "bitcoin", "tron", "sepolia"] {
        made.push(it.keeper.create(&ada, &[network]).await.unwrap());
    }
    made.push(it.keeper.ledger(&ada, "EUR").await.unwrap());
    made.push(it.keeper.ledger(&ada, "USDC").await.unwrap());
    it.keeper.create(&bob, &["ethereum"]).await.unwrap();
    made[0] = it.keeper.freeze(&made[0].id).await.unwrap();
    it.keeper.remove(&made[1].id).await.unwrap();
    let base = wallets_of(&ada, 100, "");
    for (what, filter, expected) in [
        ("default", base.clone(), &[6, 5, 4, 3, 2, 0][..]),
        ("removed", api::ListWalletsRequest { statuses: vec![3], ..base.clone() }, &[1]),
        ("frozen", api::ListWalletsRequest { statuses: vec![2], ..base.clone() }, &[0]),
        ("ledger", api::ListWalletsRequest { kinds: vec![3], ..base.clone() }, &[6, 5]),
        ("euro", api::ListWalletsRequest { currency: "EUR".to_owned(), ..base.clone() }, &[5]),
        (
            "networks",
            api::ListWalletsRequest { networks: vec!["tron".to_owned(), "ethereum".to_owned()], ..base },
            &[3, 0],
        ),
    ] {
        let found = it.keeper.list(filter).await.unwrap().wallets;
        let found: Vec<_> = found.iter().map(|it| made.iter().position(|made| made.id == it.id)).collect();
        assert_eq!(found, expected.iter().map(|it| Some(*it)).collect::<Vec<_>>(), "{what}");
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = it.keeper.list(wallets_of(&ada, 2, &token)).await.unwrap();
        seen.extend(page.wallets.into_iter().map(|it| it.id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        let other = it.keeper.list(wallets_of(&bob, 2, &token)).await;
        assert_eq!(refusal(other), is(Code::InvalidArgument, "BAD_PAGE_TOKEN"));
    }
    assert_eq!(seen, [6, 5, 4, 3, 2, 0].map(|at: usize| made[at].id.clone()));
    // Another tenant sees none of them.
    let (_, mut client, mut keeper) = it.with("globex", json!({})).await;
    let own = new_customer(&mut client).await;
    let all = keeper.list(api::ListWalletsRequest::default()).await.unwrap().wallets;
    assert_eq!(all, keeper.wallets_of(&own).await);
    let refused = keeper.list(wallets_of(&ada, 0, "")).await;
    assert_eq!(refusal(refused), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
}
