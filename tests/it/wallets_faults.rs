//! What is wrong with a request about wallets is said, all of it at once, and changes nothing.

use purser::api::{self, KycStatus, TransactionType};
use purser::domain::{DomainSettings, Environment};
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::on_each_database;
use crate::wallets_wire::{Purse, booked, deposit, failed, faults, new_customer};
use crate::wire::{is, refusal, told};

on_each_database!(Purse:
    every_bad_field_is_named_at_once,
    what_is_not_there_is_not_found,
    networks_that_are_none_are_unknown,
    a_live_domain_has_main_networks_only_and_a_sandbox_test_networks_only,
    nobody_whose_kyc_does_not_allow_it_is_given_a_wallet,
    a_deleted_customer_s_wallets_are_left_as_they_are,
    a_suspended_domain_s_key_only_reads,
    what_is_not_for_wallets_of_a_kind_is_refused,
);

const NOBODY: &str = "cust_01h455vb4pex5vsknk084sn02q";
const NOWHERE: &str = "wal_01h455vb4pex5vsknk084sn02q";
const NOTHING: &str = "txn_01h455vb4pex5vsknk084sn02q";
const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

async fn every_bad_field_is_named_at_once(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let external =
        it.keeper.link(&customer, "ethereum", "0x52908400098527886E0F7030069857D2E4169EE7").await.unwrap().id;
    let before = it.picture().await;
    let reason = LONG.repeat(4);
    let id_reason_request = json!({"id": "x", "reason": reason, "request_id": "é"});
    let listed = json!({"customer_id": "x", "domain_id": "y", "kinds": [99], "statuses": [99], "currency": "doge",
                        "page_size": -1});
    let whole = json!({"wallet_id": wallet, "network": "ethereum", "type": 99, "status": 99, "token": "DOGE",
        "amount": "1e3", "reference": "a b", "tx_hash": "0x1", "block_height": "9223372036854775808",
        "description": "x".repeat(501)});
    let fields = ["amount", "block_height", "description", "reference", "status", "token", "tx_hash", "type"];
    let of_transaction = fields.map(|it| format!("transaction.{it}")).join(" ");
    let authorization = json!({"type": 0, "tx_hash": "x", "authorize_time": "9999-12-31T23:59:59Z"});
    for (name, request, expected) in [
        ("CreateWallet", json!({"request_id": "é"}), "customer_id networks request_id"),
        (
            "CreateWallet",
            json!({"customer_id": wallet, "networks": ["tron", "tron"]}),
            "customer_id networks",
        ),
        ("CreateWallet", json!({"customer_id": customer, "networks": vec!["tron"; 101]}), "networks"),
        ("CreateWallet", json!({"customer_id": customer, "networks": [""]}), "networks"),
        (
            "CreateLedgerWallet",
            json!({"customer_id": "x", "request_id": "é"}),
            "currency customer_id request_id",
        ),
        ("LinkWallet", json!({"request_id": "é"}), "address chain customer_id request_id"),
        ("LinkWallet", json!({"customer_id": customer, "network": ""}), "address network"),
        ("GetWallet", json!({}), "key"),
        ("GetWallet", json!({"id": customer, "domain_id": "x"}), "domain_id id"),
        ("GetWallet", json!({"address": {}, "domain_id": "x"}), "address.address address.network domain_id"),
        ("ListWallets", listed, "currency customer_id domain_id kinds page_size statuses"),
        ("LookupAddress", json!({"domain_id": "x"}), "address domain_id"),
        ("CreateAddress", json!({"request_id": "é"}), "network request_id wallet_id"),
        ("ListAddresses", json!({"page_size": -1}), "page_size wallet_id"),
        ("FreezeWallet", id_reason_request.clone(), "id reason request_id"),
        ("UnfreezeWallet", id_reason_request.clone(), "id reason request_id"),
        ("RemoveWallet", id_reason_request, "id reason request_id"),
        ("RecordAuthorization", json!({"request_id": "é"}), "authorization request_id wallet_id"),
        ("RecordAuthorization", json!({"wallet_id": external}), "authorization"),
        (
            "RecordAuthorization",
            json!({"wallet_id": external, "authorization": authorization}),
            "authorization.tx_hash authorization.type",
        ),
        ("ValidateAddress", json!({}), "address network"),
        ("GetBalances", json!({"wallet_id": "x", "source": 9}), "source wallet_id"),
        ("RecordTransaction", json!({"transaction": whole}), &of_transaction),
        (
            "RecordTransaction",
            json!({"transaction": {"amount": "-1"}, "request_id": "é"}),
            "request_id transaction.amount transaction.type transaction.wallet_id",
        ),
        (
            "UpdateTransactionStatus",
            json!({"id": "x", "block_height": "9223372036854775808", "request_id": "é"}),
            "block_height id request_id status",
        ),
        ("GetTransaction", json!({}), "key"),
        ("GetTransaction", json!({"id": wallet, "domain_id": "x"}), "domain_id id"),
        ("GetTransaction", json!({"reference": ""}), "reference"),
        ("ListTransactions", json!({}), "owner"),
        (
            "ListTransactions",
            json!({"wallet_id": "x", "types": [9], "statuses": [0], "tokens": ["A".repeat(65)], "page_size": -1}),
            "page_size statuses tokens types wallet_id",
        ),
        ("CheckRecoverability", json!({"gap_limit": -1}), "gap_limit wallet_id"),
    ] {
        let told = it.told(name, &request).await;
        assert_eq!(told.outcome(), "INVALID_ARGUMENT INVALID_FIELD", "{name} {request}");
        assert_eq!(faults(&told).join(" "), expected, "{name} {request}");
    }
    assert_eq!(it.picture().await, before);
}

async fn what_is_not_there_is_not_found(it: Purse) {
    let before = it.picture().await;
    let transaction =
        json!({"wallet_id": NOWHERE, "type": 1, "network": "ethereum", "token": "ETH", "amount": "1"});
    let authorization = json!({"type": 1});
    let address = "0x52908400098527886E0F7030069857D2E4169EE7";
    for (name, request, expected) in [
        ("CreateWallet", json!({"customer_id": NOBODY, "networks": ["ethereum"]}), "CUSTOMER"),
        ("CreateLedgerWallet", json!({"customer_id": NOBODY, "currency": "EUR"}), "CUSTOMER"),
        ("LinkWallet", json!({"customer_id": NOBODY, "chain_id": 1, "address": address}), "CUSTOMER"),
        ("ListWallets", json!({"customer_id": NOBODY}), "CUSTOMER"),
        ("ListWallets", json!({"domain_id": "dom_01h455vb4pex5vsknk084sn02q"}), "DOMAIN"),
        ("GetWallet", json!({"id": NOWHERE}), "WALLET"),
        ("GetWallet", json!({"address": {"network": "base", "address": address}}), "WALLET"),
        ("LookupAddress", json!({"address": address}), "ADDRESS"),
        ("LookupAddress", json!({"address": address, "network": "base"}), "ADDRESS"),
        (
            "LookupAddress",
            json!({"address": address, "domain_id": "dom_01h455vb4pex5vsknk084sn02q"}),
            "DOMAIN",
        ),
        ("CreateAddress", json!({"wallet_id": NOWHERE, "network": "ethereum"}), "WALLET"),
        ("ListAddresses", json!({"wallet_id": NOWHERE}), "WALLET"),
        ("FreezeWallet", json!({"id": NOWHERE}), "WALLET"),
        ("UnfreezeWallet", json!({"id": NOWHERE}), "WALLET"),
        ("RemoveWallet", json!({"id": NOWHERE}), "WALLET"),
        ("RecordAuthorization", json!({"wallet_id": NOWHERE, "authorization": authorization}), "WALLET"),
        ("GetBalances", json!({"wallet_id": NOWHERE}), "WALLET"),
        ("GetBalances", json!({"wallet_id": NOWHERE, "source": "BALANCE_SOURCE_CHAIN"}), "WALLET"),
        ("RecordTransaction", json!({"transaction": transaction}), "WALLET"),
        ("UpdateTransactionStatus", json!({"id": NOTHING, "status": 2}), "TRANSACTION"),
        ("GetTransaction", json!({"id": NOTHING}), "TRANSACTION"),
        ("GetTransaction", json!({"reference": "none"}), "TRANSACTION"),
        ("ListTransactions", json!({"wallet_id": NOWHERE}), "WALLET"),
        ("ListTransactions", json!({"customer_id": NOBODY}), "CUSTOMER"),
        ("CheckRecoverability", json!({"wallet_id": NOWHERE}), "WALLET"),
    ] {
        let told = it.told(name, &request).await;
        assert_eq!(told.outcome(), format!("NOT_FOUND {expected}_NOT_FOUND"), "{name} {request}");
    }
    assert_eq!(it.picture().await, before);
}

async fn networks_that_are_none_are_unknown(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let before = it.picture().await;
    for network in ["Ethereum", "eth", "eip155:1", " ethereum", "dogecoin"] {
        let transaction =
            json!({"wallet_id": wallet, "type": 1, "network": network, "token": "ETH", "amount": "1"});
        for (name, request) in [
            ("CreateWallet", json!({"customer_id": customer, "networks": ["tron", network]})),
            ("LinkWallet", json!({"customer_id": customer, "network": network, "address": "x"})),
            ("GetWallet", json!({"address": {"network": network, "address": "x"}})),
            ("ListWallets", json!({"networks": [network]})),
            ("LookupAddress", json!({"network": network, "address": "x"})),
            ("CreateAddress", json!({"wallet_id": wallet, "network": network})),
            ("ListAddresses", json!({"wallet_id": wallet, "networks": [network]})),
            ("ValidateAddress", json!({"network": network, "address": "x"})),
            ("RecordTransaction", json!({"transaction": transaction})),
            ("ListTransactions", json!({"wallet_id": wallet, "networks": [network]})),
        ] {
            let told = it.told(name, &request).await;
            assert_eq!(told.outcome(), "INVALID_ARGUMENT UNKNOWN_NETWORK", "{name} {network}");
            let named = told.metadata_of_reason().remove("network");
            assert_eq!(named.as_deref(), Some(if network.starts_with(' ') { "" } else { network }));
        }
    }
    let request = json!({"customer_id": customer, "chain_id": 5, "address": "x"});
    let told = it.told("LinkWallet", &request).await;
    assert_eq!(told.outcome(), "INVALID_ARGUMENT UNKNOWN_NETWORK");
    assert_eq!(told.metadata_of_reason()["network"], "5");
    assert_eq!(it.picture().await, before);
}

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
