//! Addresses of wallets.

use serde_json::{Value, json};

use super::wallet_of;
use crate::dialects::{Town, shown};
use crate::harness::on_each_database;

on_each_database!(Town:
    a_wallet_gets_more_addresses,
    an_address_that_is_asked_for_again_is_the_first_whatever_became_of_its_wallet,
    all_addresses_of_a_wallet_are_counted,
);

async fn a_wallet_gets_more_addresses(town: Town) {
    let desk = town.desk("trxn");
    let ada = desk.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
    let wallet = wallet_of(&desk, &ada).await;
    let made =
        desk.ok("POST", "/v1/crypto_addresses", json!({"wallet_id": wallet["id"], "currency": "eth"})).await;
    assert_eq!(
        (&made["object"], &made["currency"], &made["wallet_id"]),
        (&json!("crypto_address"), &json!("ETH"), &wallet["id"])
    );
    assert_eq!(made["explorer"]["name"], "sepolia.etherscan.io");
    assert!(made["explorer"]["url"].as_str().unwrap().ends_with(made["address"].as_str().unwrap()));
    assert_eq!(
        desk.ok("GET", &format!("/v1/crypto_addresses/{}", made["id"].as_str().unwrap()), Value::Null).await,
        made
    );
    let list = desk.ok("GET", "/v1/crypto_addresses", Value::Null).await;
    assert_eq!((&list["crypto_addresses"][0], &list["pagination"]["count"]), (&made, &json!(3)));
    assert_eq!(wallet_of(&desk, &ada).await["crypto_address_count"], 3);
    for (body, status) in [
        (json!({"currency": "BTC"}), 422),
        (json!({"wallet_id": wallet["id"]}), 422),
        (json!({"wallet_id": wallet["id"], "currency": "DOGE"}), 422),
        (json!({"wallet_id": "x", "currency": "BTC"}), 422),
        (json!({"wallet_id": "550e8400-e29b-41d4-a716-446655440000", "currency": "BTC"}), 404),
    ] {
        assert_eq!(desk.post("/v1/crypto_addresses", body.clone()).await.0, status, "{body}");
    }
}

async fn an_address_that_is_asked_for_again_is_the_first_whatever_became_of_its_wallet(town: Town) {
    let desk = town.desk("trxn");
    let ada = desk.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
    let wallet = wallet_of(&desk, &ada).await;
    let asking = desk.with("idempotency-key", "once");
    let body = |coin: &str| json!({"wallet_id": wallet["id"], "currency": coin}).to_string();
    let first = asking.raw("POST", "/v1/crypto_addresses", &body("ETH")).await;
    assert_eq!(first.status, 201);
    let other = asking.raw("POST", "/v1/crypto_addresses", &body("BTC")).await;
    assert_eq!(other.status, 400);
    town.purse.keeper.clone().remove(wallet["id"].as_str().unwrap()).await.unwrap();
    let again = asking.raw("POST", "/v1/crypto_addresses", &body("eth")).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(shown(&desk.raw("POST", "/v1/crypto_addresses", &body("ETH")).await).0, 404);
}

async fn all_addresses_of_a_wallet_are_counted(town: Town) {
    let desk = town.desk("trxn");
    let ada = desk.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
    let id = wallet_of(&desk, &ada).await["id"].as_str().unwrap().to_owned();
    let mut keeper = town.purse.keeper.clone();
    for _ in 0..99 {
        keeper.next_address(&id, "sepolia").await.unwrap();
    }
    for shown in
        [wallet_of(&desk, &ada).await, desk.ok("GET", &format!("/v1/wallets/{id}"), Value::Null).await]
    {
        assert_eq!(shown["crypto_address_count"], 101);
        assert_eq!(shown["crypto_addresses"].as_array().unwrap().len(), 100);
    }
}
