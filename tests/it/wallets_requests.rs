//! Requests about wallets that are sent twice: the first answer, byte for byte, and never a second effect.

use serde_json::{Value, json};

use crate::harness::on_each_database;
use crate::wallets_wire::{Keeper, Purse, told};

on_each_database!(Purse:
    each_method_answers_a_repeated_request_as_it_did_the_first_time,
    a_request_id_that_is_used_for_anything_else_is_refused_and_changes_nothing,
    a_repeated_request_is_found_before_any_state_is_looked_at,
    what_means_the_same_is_the_same_request,
    of_many_that_are_sent_at_once_one_takes_effect,
);

const EVM: &str = "0x52908400098527886E0F7030069857D2E4169EE7";
const HASH: &str = "0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Things to change, and one call of each method that changes something, each under a request id of its own.
async fn calls(it: &mut Purse) -> Vec<(&'static str, Value)> {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap();
    let grows = it.keeper.create(&customer, &["sepolia"]).await.unwrap().id;
    let external = it.keeper.link(&customer, "polygon", EVM).await.unwrap().id;
    let ledger = it.keeper.ledger(&customer, "USD").await.unwrap().id;
    let mut credit = crate::wallets_wire::booked(purser::api::TransactionType::Credit, &ledger, "5");
    credit.status = 0;
    let pending = it.keeper.record(credit).await.unwrap().id;
    let transaction = json!({"wallet_id": wallet.id, "type": 1, "status": 2, "network": "ethereum", "token": "ETH",
                             "amount": "1.5", "tx_hash": HASH, "log_index": 1, "description": "for tea"});
    let (id, etag) = (wallet.id, wallet.etag);
    let calls = [
        ("CreateWallet", json!({"customer_id": customer, "networks": ["solana", "tron"]})),
        ("CreateLedgerWallet", json!({"customer_id": customer, "currency": "EUR"})),
        ("LinkWallet", json!({"customer_id": customer, "network": "base", "address": EVM})),
        ("CreateAddress", json!({"wallet_id": grows, "network": "bitcoin"})),
        ("RecordAuthorization", json!({"wallet_id": external, "authorization": {"type": 2}})),
        ("RecordTransaction", json!({"transaction": transaction})),
        ("UpdateTransactionStatus", json!({"id": pending, "status": 2})),
        ("FreezeWallet", json!({"id": id, "reason": "a court said so", "etag": etag})),
        ("UnfreezeWallet", json!({"id": id, "reason": "so did another"})),
        ("RemoveWallet", json!({"id": id, "reason": "asked for"})),
    ];
    let with_id = |(name, mut request): (&'static str, Value)| {
        request["request_id"] = format!("r-{name}").into();
        (name, request)
    };
    calls.map(with_id).to_vec()
}

async fn each_method_answers_a_repeated_request_as_it_did_the_first_time(mut it: Purse) {
    let calls = calls(&mut it).await;
    let mut first = Vec::new();
    for (name, request) in &calls {
        let told = it.told(name, request).await;
        assert_eq!(told.outcome(), "OK", "{name}");
        assert!(!told.metadata.contains_key("idempotent-replayed"), "{name}");
        first.push(told.body);
    }
    // By now the wallet is removed, and its etag is another.
    let after = it.picture().await;
    for ((name, request), body) in calls.iter().zip(first) {
        for _ in 0..2 {
            let told = it.told(name, request).await;
            assert_eq!((told.outcome().as_str(), *name), ("OK", *name));
            assert_eq!(
                told.metadata.get("idempotent-replayed").map(Vec::as_slice),
                Some(&b"true"[..]),
                "{name}"
            );
            assert_eq!(told.body, body, "{name}");
        }
    }
    assert_eq!(it.picture().await, after);
}

/// IDE-2 for wallets.
async fn a_request_id_that_is_used_for_anything_else_is_refused_and_changes_nothing(mut it: Purse) {
    let calls = calls(&mut it).await;
    for (name, request) in &calls {
        assert_eq!(it.told(name, request).await.outcome(), "OK", "{name}");
    }
    let (other, after) = (it.customer().await, it.picture().await);
    let others = json!({"customer_id": other, "networks": ["tron", "solana"], "currency": "USD", "network": "tron",
        "address": "0x8617E340B3D01FA5F11F306F4090FD50E238070D", "reason": "", "etag": "v1", "status": 3,
        "block_height": "1", "authorization": {"type": 1}});
    let of_transaction = json!({"type": 2, "status": 1, "token": "USDC", "amount": "1.6", "log_index": 2,
        "reference": "r", "block_height": "1", "description": "", "from_address": EVM, "to_address": EVM,
        "tx_hash": HASH.replace('a', "b")});
    for (name, request) in &calls {
        let mut changed = Vec::new();
        for (field, value) in others.as_object().unwrap() {
            if request.get(field).is_some() && !(*name == "LinkWallet" && field == "network") {
                let mut other = request.clone();
                other[field] = value.clone();
                changed.push(other);
            }
        }
        if request.get("transaction").is_some() {
            for (field, value) in of_transaction.as_object().unwrap() {
                let mut other = request.clone();
                other["transaction"][field] = value.clone();
                changed.push(other);
            }
        }
        if *name == "UpdateTransactionStatus" {
            changed.iter_mut().for_each(|it| it["block_height"] = "0".into());
        }
        assert!(!changed.is_empty(), "{name}");
        for changed in changed {
            let told = it.told(name, &changed).await;
            assert_eq!(told.outcome(), "INVALID_ARGUMENT REQUEST_ID_REUSED", "{name} {changed}");
        }
        // Any other method.
        for (other, request_of_other) in calls.iter().filter(|other| other.0 != *name) {
            let mut request_of_other = request_of_other.clone();
            request_of_other["request_id"] = request["request_id"].clone();
            let told = it.told(other, &request_of_other).await;
            assert_eq!(told.outcome(), "INVALID_ARGUMENT REQUEST_ID_REUSED", "{other} under that of {name}");
        }
    }
    assert_eq!(it.picture().await, after);
}

async fn a_repeated_request_is_found_before_any_state_is_looked_at(mut it: Purse) {
    let calls = calls(&mut it).await;
    let mut first = Vec::new();
    for (name, request) in &calls {
        first.push(it.told(name, request).await.body);
    }
    let mut customers = Vec::new();
    for wallet in it.keeper.list(purser::api::ListWalletsRequest::default()).await.unwrap().wallets {
        customers.push(wallet.customer_id);
    }
    it.acme.client.delete(&customers[0]).await.unwrap();
    it.acme.suspend(&it.acme.tenant.domain).await;
    for ((name, request), body) in calls.iter().zip(first) {
        let told = it.told(name, request).await;
        assert_eq!((told.outcome().as_str(), told.body), ("OK", body), "{name}");
    }
}

async fn what_means_the_same_is_the_same_request(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap();
    let own = wallet.addresses[0].address.clone();
    let link = |chain: (&str, Value), address: &str| {
        let mut request = json!({"customer_id": customer, "address": address, "request_id": "link"});
        request[chain.0] = chain.1;
        request
    };
    let record = |amount: &str, hash: &str, address: &str, description: &str| {
        json!({"request_id": "record", "transaction": {"wallet_id": wallet.id, "type": 1, "network": "ethereum",
               "token": "ETH", "amount": amount, "tx_hash": hash, "address": address, "description": description}})
    };
    let upper = HASH.to_uppercase().replace("0X", "0x");
    let authorize = json!({"type": 1});
    it.keeper.link(&customer, "bsc", EVM).await.unwrap();
    let external = it.keeper.get_at("bsc", EVM).await.unwrap().id;
    let authorize = json!({"wallet_id": external, "authorization": authorize, "request_id": "authorize"});
    for (name, first, again) in [
        (
            "LinkWallet",
            link(("network", "base".into()), EVM),
            link(("chain_id", 8453.into()), &EVM.to_lowercase()),
        ),
        (
            "RecordTransaction",
            record("1.50", HASH, &own, " for tea "),
            record("1.5", &upper, &own.to_lowercase(), "for tea"),
        ),
        // No time means now, which is later each time.
        ("RecordAuthorization", authorize.clone(), authorize),
    ] {
        let told = it.told(name, &first).await;
        assert_eq!(told.outcome(), "OK", "{name}");
        let replayed = it.told(name, &again).await;
        assert_eq!((replayed.outcome().as_str(), replayed.body), ("OK", told.body), "{name}");
    }
}

/// Sabotage: remember the request in a second transaction.
async fn of_many_that_are_sent_at_once_one_takes_effect(mut it: Purse) {
    for (name, request) in calls(&mut it).await {
        let sent: Vec<_> = (0..16)
            .map(|_| {
                let (keeper, request): (Keeper, _) = (it.keeper.clone(), request.clone());
                tokio::spawn(async move { told(&keeper, name, &request).await })
            })
            .collect();
        let mut bodies = Vec::new();
        let mut first_times = 0;
        for sent in sent {
            let told = sent.await.unwrap();
            assert_eq!(told.outcome(), "OK", "{name}");
            first_times += usize::from(!told.metadata.contains_key("idempotent-replayed"));
            bodies.push(told.body);
        }
        assert!(bodies.iter().all(|it| *it == bodies[0]), "{name}");
        assert_eq!(first_times, 1, "{name}");
    }
    crate::concurrency::assert_sound(it.acme.server.app.store()).await;
}
