//! What is wrong with a request about wallets is said, all of it at once, and changes nothing.

use serde_json::json;

use crate::harness::on_each_database;
use crate::wallets_wire::{Purse, faults};

on_each_database!(Purse:
    every_bad_field_is_named_at_once,
    what_is_not_there_is_not_found,
    networks_that_are_none_are_unknown,
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
