//! What the state of a domain, a customer or a wallet does not allow is refused for its own reason, and changes nothing.

use purser::api::{self, KycStatus, TransactionType};
use purser::domain::{DomainSettings, Environment};
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::on_each_database;
use crate::wallets_wire::{Purse, booked, deposit, failed, new_customer};
use crate::wire::{is, refusal, told};

on_each_database!(Purse:
    a_live_domain_has_main_networks_only_and_a_sandbox_test_networks_only,
    nobody_whose_kyc_does_not_allow_it_is_given_a_wallet,
    a_deleted_customer_s_wallets_are_left_as_they_are,
    a_suspended_domain_s_key_only_reads,
    what_is_not_for_wallets_of_a_kind_is_refused,
);

async fn a_live_domain_has_main_networks_only_and_a_sandbox_test_networks_only(it: Purse) {
    const EVM: &str = "0x52908400098527886E0F7030069857D2E4169EE7";
    const MAIN: [(&str, &str); 2] =
        [("ethereum", EVM), ("bitcoin", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")];
    const TEST: [(&str, &str); 2] =
        [("sepolia", EVM), ("bitcoin-testnet", "tb1q6rz28mcfaxtmd6v789l9rrlrusdprr9pqcpvkl")];
    for (name, environment, allowed, refused) in
        [("alive", Environment::Live, MAIN, TEST), ("toys", Environment::Sandbox, TEST, MAIN)]
    {
        let (_, mut client, mut keeper) = it.tenant(name, environment, DomainSettings::default()).await;
        let customer = new_customer(&mut client).await;
        let wallet = keeper.create(&customer, &[allowed[0].0]).await.unwrap();
        let before = it.picture().await;
        for (network, address) in refused {
            for refused in [
                keeper.create(&customer, &[allowed[0].0, network]).await.map(drop),
                keeper.link(&customer, network, address).await.map(drop),
                keeper.next_address(&wallet.id, network).await.map(drop),
            ] {
                let status = refused.unwrap_err();
                assert_eq!(told(&status, "network"), network);
                assert_eq!(told(&status, "environment"), environment.to_string());
                assert_eq!(refusal::<()>(Err(status)), failed("NETWORK_NOT_ALLOWED"));
            }
        }
        // An address says itself that it is of the other network.
        let refused = keeper.link(&customer, allowed[1].0, refused[1].1).await;
        assert_eq!(refusal(refused), is(Code::InvalidArgument, "INVALID_ADDRESS"));
        assert_eq!(it.picture().await, before);
        for (network, address) in allowed {
            keeper.link(&customer, network, address).await.unwrap();
        }
    }
}

async fn nobody_whose_kyc_does_not_allow_it_is_given_a_wallet(it: Purse) {
    let (_, mut client, mut keeper) = it.with("kyc", json!({"kyc_required": true})).await;
    let customer = new_customer(&mut client).await;
    client.set_kyc(&customer, KycStatus::Approved).await.unwrap();
    let wallet = keeper.create(&customer, &["ethereum"]).await.unwrap();
    client.set_kyc(&customer, KycStatus::InReview).await.unwrap();
    let before = it.picture().await;
    for refused in [
        keeper.create(&customer, &["ethereum"]).await.map(drop),
        keeper.ledger(&customer, "EUR").await.map(drop),
        keeper.next_address(&wallet.id, "ethereum").await.map(drop),
    ] {
        let status = refused.unwrap_err();
        assert_eq!(
            (told(&status, "customer_id"), told(&status, "kyc_status")),
            (customer.clone(), "IN_REVIEW".to_owned())
        );
        assert_eq!(refusal::<()>(Err(status)), failed("KYC_NOT_APPROVED"));
    }
    assert_eq!(it.picture().await, before);
    keeper.link(&customer, "ethereum", "0x52908400098527886E0F7030069857D2E4169EE7").await.unwrap();
}

async fn a_deleted_customer_s_wallets_are_left_as_they_are(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap();
    let address = "0x52908400098527886E0F7030069857D2E4169EE7";
    let external = it.keeper.link(&customer, "base", address).await.unwrap();
    it.acme.client.delete(&customer).await.unwrap();
    let before = it.picture().await;
    let authorize = json!({"wallet_id": external.id, "authorization": {"type": 1}});
    let mut refused = vec![
        it.keeper.create(&customer, &["ethereum"]).await.map(drop),
        it.keeper.ledger(&customer, "EUR").await.map(drop),
        it.keeper.link(&customer, "polygon", address).await.map(drop),
        it.keeper.next_address(&wallet.id, "ethereum").await.map(drop),
        it.keeper.record(deposit(&wallet.id, "ethereum", "ETH", "1")).await.map(drop),
    ];
    for refused in refused.drain(..) {
        assert_eq!(refusal(refused), failed("CUSTOMER_DELETED"));
    }
    let told = it.told("RecordAuthorization", &authorize).await;
    assert_eq!(told.outcome(), "FAILED_PRECONDITION CUSTOMER_DELETED");
    assert_eq!(it.picture().await, before);
    // They stay on record, and are still found.
    assert_eq!(it.keeper.wallets_of(&customer).await, [external.clone(), wallet]);
    let found = it.keeper.lookup(address).await.unwrap();
    assert_eq!(
        (found.customer_id.as_str(), found.status()),
        (customer.as_str(), api::CustomerStatus::Deleted)
    );
    assert_eq!(found.wallet, Some(external));
}

async fn a_suspended_domain_s_key_only_reads(mut it: Purse) {
    let customer = it.customer().await;
    let address = "0x52908400098527886E0F7030069857D2E4169EE7";
    let wallet = it.keeper.link(&customer, "base", address).await.unwrap().id;
    let ledger = it.keeper.ledger(&customer, "EUR").await.unwrap().id;
    let mut booked = booked(TransactionType::Credit, &ledger, "1");
    booked.status = api::TransactionStatus::Pending.into();
    let transaction = it.keeper.record(booked).await.unwrap().id;
    it.acme.suspend(&it.acme.tenant.domain).await;
    let before = it.picture().await;
    let credit = json!({"wallet_id": ledger, "type": "TRANSACTION_TYPE_CREDIT", "amount": "1"});
    for (name, request) in [
        ("CreateWallet", json!({"customer_id": customer, "networks": ["ethereum"]})),
        ("CreateLedgerWallet", json!({"customer_id": customer, "currency": "USD"})),
        ("LinkWallet", json!({"customer_id": customer, "chain_id": 1, "address": address})),
        ("CreateAddress", json!({"wallet_id": wallet, "network": "ethereum"})),
        ("FreezeWallet", json!({"id": wallet})),
        ("UnfreezeWallet", json!({"id": wallet})),
        ("RemoveWallet", json!({"id": wallet})),
        ("RecordAuthorization", json!({"wallet_id": wallet, "authorization": {"type": 1}})),
        ("RecordTransaction", json!({"transaction": credit})),
        ("UpdateTransactionStatus", json!({"id": transaction, "status": 2})),
    ] {
        let told = it.told(name, &request).await;
        assert_eq!(told.outcome(), "FAILED_PRECONDITION DOMAIN_SUSPENDED", "{name}");
    }
    assert_eq!(it.picture().await, before);
    assert_eq!(it.keeper.wallets_of(&customer).await.len(), 2);
}

async fn what_is_not_for_wallets_of_a_kind_is_refused(mut it: Purse) {
    let customer = it.customer().await;
    let managed = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let ledger = it.keeper.ledger(&customer, "EUR").await.unwrap().id;
    let address = "0x52908400098527886E0F7030069857D2E4169EE7";
    let external = it.keeper.link(&customer, "base", address).await.unwrap().id;
    let before = it.picture().await;
    let calls: [(&str, &str, &[&str], Value); 4] = [
        ("CreateAddress", "wallet_id", &["LEDGER", "EXTERNAL"], json!({"network": "ethereum"})),
        ("CheckRecoverability", "wallet_id", &["LEDGER", "EXTERNAL"], json!({})),
        ("RecordAuthorization", "wallet_id", &["LEDGER", "MANAGED"], json!({"authorization": {"type": 1}})),
        ("GetBalances", "wallet_id", &["LEDGER"], json!({"source": "BALANCE_SOURCE_CHAIN"})),
    ];
    for (name, field, kinds, request) in calls {
        for kind in kinds {
            let id = match *kind {
                "LEDGER" => &ledger,
                "MANAGED" => &managed,
                _ => &external,
            };
            let mut request = request.clone();
            request[field] = id.as_str().into();
            let told = it.told(name, &request).await;
            assert_eq!(told.outcome(), "FAILED_PRECONDITION WALLET_KIND_MISMATCH", "{name} {kind}");
            let metadata = told.metadata_of_reason();
            assert_eq!((metadata["wallet_id"].as_str(), metadata["kind"].as_str()), (id.as_str(), *kind));
        }
    }
    assert_eq!(it.picture().await, before);
}
