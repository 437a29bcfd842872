//! What the document of TRXN leaves open, and what it refuses.

mod addresses;
mod claims;

use purser::domain::{DomainSettings, Environment};
use serde_json::{Value, json};

pub use claims::submitted;

use super::{Desk, Town, shown};
use crate::harness::on_each_database;
use crate::wallets_wire::{auto, wallets_of};
use crate::wire::refusal;

on_each_database!(Town:
    an_email_is_wrong_in_the_words_of_the_document,
    customers_are_listed_oldest_first_by_twenty_five,
    a_customer_has_a_wallet_from_the_beginning,
    whoever_is_deleted_is_gone_for_good_with_their_wallets,
    a_wallet_that_is_made_meanwhile_goes_as_well,
    whoever_has_very_many_wallets_loses_them_all,
    whoever_waits_for_kyc_gets_their_wallet_with_it,
    a_key_sees_its_own_sandbox_only,
);

pub fn errors(answer: &(u16, Value)) -> (u16, &Value) {
    (answer.0, &answer.1["errors"])
}

async fn an_email_is_wrong_in_the_words_of_the_document(town: Town) {
    let desk = town.desk("trxn");
    let made = desk.ok("POST", "/v1/customers", json!({"email": "Taken@Mail.example"})).await;
    assert_eq!((&made["email"], &made["first_name"]), (&json!("taken@mail.example"), &json!("")));
    let other =
        desk.ok("POST", "/v1/customers", json!({"email": "other@mail.example", "last_name": "O"})).await;
    let path = format!("/v1/customers/{}", other["id"].as_str().unwrap());
    for (email, problem) in [
        (Value::Null, "can't be blank"),
        (json!(""), "can't be blank"),
        (json!("  "), "can't be blank"),
        (json!("no"), "is invalid"),
        (json!(7), "is invalid"),
        (json!("TAKEN@mail.example"), "has already been taken"),
    ] {
        let body = json!({"email": email});
        for answer in [desk.post("/v1/customers", body.clone()).await, desk.send("PATCH", &path, &body).await]
        {
            assert_eq!(errors(&answer), (422, &json!({"email": [problem]})), "{body}");
        }
    }
    let answer = desk.post("/v1/customers", json!({"first_name": 1, "no": 1})).await;
    assert_eq!(
        errors(&answer),
        (422, &json!({"email": ["can't be blank"], "first_name": ["is invalid"], "no": ["is unknown"]}))
    );
    assert_eq!(desk.ok("PATCH", &path, json!({})).await, other);
    let cleared = desk.ok("PATCH", &path, json!({"last_name": ""})).await;
    assert_eq!(cleared["last_name"], "");
}

async fn customers_are_listed_oldest_first_by_twenty_five(town: Town) {
    let desk = town.desk("trxn");
    let none = desk.ok("GET", "/v1/customers", Value::Null).await;
    assert_eq!(none, json!({"customers": [], "pagination": {"page": 1, "pages": 0, "count": 0}}));
    for n in 0..26 {
        town.purse
            .acme
            .client
            .clone()
            .create(purser::api::Customer { email: format!("c{n}@mail.example"), ..Default::default() })
            .await
            .unwrap();
    }
    let first = desk.ok("GET", "/v1/customers", Value::Null).await;
    assert_eq!(first["customers"].as_array().unwrap().len(), 25);
    assert_eq!(first["customers"][0]["email"], "c0@mail.example");
    let last = desk.ok("GET", "/v1/customers?page=2", Value::Null).await;
    assert_eq!(last["pagination"], json!({"page": 2, "pages": 2, "count": 26}));
    assert_eq!(
        (last["customers"].as_array().unwrap().len(), &last["customers"][0]["email"]),
        (1, &json!("c25@mail.example"))
    );
    assert_eq!(desk.ok("GET", "/v1/customers?page=401", Value::Null).await["customers"], json!([]));
    for path in ["/v1/customers", "/v1/wallets", "/v1/crypto_addresses"] {
        for page in ["0", "402", "x", "-1", ""] {
            let (status, body) = desk.get(&format!("{path}?page={page}")).await;
            assert_eq!(
                (status, &body["error"]["type"]),
                (400, &json!("invalid_request_error")),
                "{path} {page}"
            );
        }
    }
}

/// The one wallet of a customer.
pub async fn wallet_of(desk: &Desk, customer: &Value) -> Value {
    let list = desk.ok("GET", "/v1/wallets", Value::Null).await;
    let own: Vec<_> =
        list["wallets"].as_array().unwrap().iter().filter(|it| it["owner_id"] == customer["id"]).collect();
    assert_eq!(own.len(), 1, "{list}");
    own[0].clone()
}

fn currencies(wallet: &Value) -> Vec<&str> {
    wallet["crypto_addresses"].as_array().unwrap().iter().map(|it| it["currency"].as_str().unwrap()).collect()
}

async fn a_customer_has_a_wallet_from_the_beginning(town: Town) {
    let desk = town.desk("trxn");
    let ada = desk.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
    let wallet = wallet_of(&desk, &ada).await;
    assert_eq!((currencies(&wallet), &wallet["crypto_address_count"]), (vec!["BTC", "ETH"], &json!(2)));
    assert_eq!((&wallet["object"], &wallet["owner_type"]), (&json!("wallet"), &json!("customer")));
    assert!(wallet["crypto_addresses"][0]["address"].as_str().unwrap().starts_with("tb1"));
    assert_eq!(
        desk.ok("GET", &format!("/v1/wallets/{}", wallet["id"].as_str().unwrap()), Value::Null).await,
        wallet
    );
    // Where the domain says which networks, those.
    let (tron, ..) = town.purse.with("tron", auto(&["tron"])).await;
    let desk = town.desk_of("trxn", &tron);
    let bob = desk.ok("POST", "/v1/customers", json!({"email": "b@mail.example"})).await;
    assert_eq!(currencies(&wallet_of(&desk, &bob).await), ["TRX"]);
    // With real money, real networks.
    let (live, ..) = town.purse.tenant("live", Environment::Live, DomainSettings::default()).await;
    let desk = town.desk_of("trxn", &live);
    let cy = desk.ok("POST", "/v1/customers", json!({"email": "c@mail.example"})).await;
    assert!(
        wallet_of(&desk, &cy).await["crypto_addresses"][0]["address"].as_str().unwrap().starts_with("bc1")
    );
    // Where KYC comes first there is none yet.
    let (kyc, ..) = town.purse.with("kyc", json!({"kyc_required": true})).await;
    let desk = town.desk_of("trxn", &kyc);
    desk.ok("POST", "/v1/customers", json!({"email": "d@mail.example"})).await;
    assert_eq!(desk.ok("GET", "/v1/wallets", Value::Null).await["pagination"]["count"], 0);
}

async fn whoever_is_deleted_is_gone_for_good_with_their_wallets(mut town: Town) {
    let desk = town.desk("trxn");
    let ada = desk.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
    let id = ada["id"].as_str().unwrap().to_owned();
    let wallet = wallet_of(&desk, &ada).await;
    let (wallet_id, address) =
        (wallet["id"].as_str().unwrap(), wallet["crypto_addresses"][0]["id"].as_str().unwrap());
    let mut keeper = town.purse.keeper.clone();
    keeper.link(&id, "ethereum", "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045").await.unwrap();
    keeper.link(&id, "base", "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045").await.unwrap();
    let paths = [
        format!("/v1/customers/{id}"),
        format!("/v1/wallets/{wallet_id}"),
        format!("/v1/crypto_addresses/{address}"),
    ];
    for path in &paths {
        desk.ok("GET", path, Value::Null).await;
    }
    let gone = desk.raw("DELETE", &paths[0], "").await;
    assert_eq!((gone.status.as_u16(), gone.body.len()), (204, 0));
    for path in &paths {
        let (status, body) = desk.get(path).await;
        assert_eq!((status, &body["error"]["code"]), (404, &json!("resource_not_found")), "{path}");
    }
    for method in ["DELETE", "PATCH"] {
        assert_eq!(shown(&desk.raw(method, &paths[0], "{}").await).0, 404);
    }
    for list in ["/v1/customers", "/v1/wallets", "/v1/crypto_addresses"] {
        assert_eq!(desk.ok("GET", list, Value::Null).await["pagination"]["count"], 0, "{list}");
    }
    // Nobody brings them back, in whatever words.
    let restored = town.purse.acme.client.restore(&id).await;
    assert_eq!(refusal(restored).1, "CUSTOMER_DELETED");
    let wallets = keeper.list(wallets_of(&id, 100, "")).await.unwrap().wallets;
    assert!(wallets.is_empty(), "{wallets:?}");
    // What was theirs and not ours is free: the email, and the address they had linked on two networks.
    let bob = desk.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
    keeper
        .link(bob["id"].as_str().unwrap(), "base", "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045")
        .await
        .unwrap();

    let found = town.purse.acme.server.app.store().check().await.unwrap();
    assert_eq!(found.into_iter().filter(|it| it.1 != 0).collect::<Vec<_>>(), []);
}

async fn a_wallet_that_is_made_meanwhile_goes_as_well(town: Town) {
    let desk = town.desk("trxn");
    for n in 0..8 {
        let ada = desk.ok("POST", "/v1/customers", json!({"email": format!("a{n}@mail.example")})).await;
        let id = ada["id"].as_str().unwrap().to_owned();
        let (deleting, path) = (desk.clone(), format!("/v1/customers/{id}"));
        let deleted = tokio::spawn(async move { deleting.raw("DELETE", &path, "").await.status.as_u16() });
        let mut keeper = town.purse.keeper.clone();
        let made = keeper.create(&id, &["ethereum"]).await;
        assert_eq!(deleted.await.unwrap(), 204);
        let left = keeper.list(wallets_of(&id, 100, "")).await.unwrap().wallets;
        assert!(left.is_empty(), "{made:?} {left:?}");
    }
}

async fn whoever_has_very_many_wallets_loses_them_all(town: Town) {
    const WALLETS: usize = 1_003;
    let desk = town.desk("trxn");
    let ada = desk.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
    let id = ada["id"].as_str().unwrap().to_owned();
    let mut linking = tokio::task::JoinSet::new();
    for n in 0..50 {
        let (mut keeper, id) = (town.purse.keeper.clone(), id.clone());
        linking.spawn(async move {
            for number in (n..WALLETS).step_by(50) {
                keeper.link(&id, "ethereum", &format!("0x{number:040x}")).await.unwrap();
            }
        });
    }
    linking.join_all().await;
    let count = desk.ok("GET", "/v1/wallets", Value::Null).await["pagination"]["count"].clone();
    assert_eq!(count, WALLETS + 1);
    let deleting = desk.with("idempotency-key", "once");
    for _ in 0..2 {
        assert_eq!(deleting.raw("DELETE", &format!("/v1/customers/{id}"), "").await.status, 204);
    }
    assert_eq!(desk.ok("GET", "/v1/wallets", Value::Null).await["pagination"]["count"], 0);
    // All in one: from the customer's own event on, one for each.
    let version = |etag: &str| etag.trim_start_matches('v').parse::<usize>().unwrap();
    let gone = version(&town.purse.acme.client.clone().get(&id).await.unwrap().etag);
    let mut keeper = town.purse.keeper.clone();
    let removed = keeper.wallets_of(&id).await;
    assert!(!removed.is_empty());
    for it in removed {
        assert!((gone + 1..=gone + WALLETS + 1).contains(&version(&it.etag)), "{gone} {it:?}");
    }
}

async fn a_key_sees_its_own_sandbox_only(town: Town) {
    let organization = town.tenant().organization.clone();
    let domain = town.purse.acme.domain_of(&organization, "second", Environment::Sandbox).await;
    let key = town.purse.acme.server.domain_key(&domain, purser::domain::Scopes::all()).await;
    let (one, other) = (town.desk("trxn"), town.desk_with("trxn", &key));
    let made = one.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
    let path = format!("/v1/customers/{}", made["id"].as_str().unwrap());
    assert_eq!(other.get(&path).await.0, 404);
    assert_eq!(other.ok("GET", "/v1/customers", Value::Null).await["pagination"]["count"], 0);
    // An email is taken within a sandbox, and not beyond.
    other.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
}

async fn whoever_waits_for_kyc_gets_their_wallet_with_it(town: Town) {
    for (name, networks, coins) in [("some", &["tron"][..], &["TRX"][..]), ("none", &[], &["BTC", "ETH"])] {
        let settings = json!({"kyc_required": true, "auto_wallet_networks": networks});
        let (tenant, mut client, _) = town.purse.with(name, settings).await;
        let desk = town.desk_of("trxn", &tenant);
        let ada = desk.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
        // Nobody has promised one to somebody who was made otherwise.
        let other = client.create(purser::api::Customer::default()).await.unwrap();
        assert_eq!(desk.ok("GET", "/v1/wallets", Value::Null).await["pagination"]["count"], 0);
        for id in [ada["id"].as_str().unwrap(), &other.id] {
            client.set_kyc(id, purser::api::KycStatus::InReview).await.unwrap();
            client.set_kyc(id, purser::api::KycStatus::Approved).await.unwrap();
        }
        assert_eq!(currencies(&wallet_of(&desk, &ada).await), coins);
        let count = if networks.is_empty() { 1 } else { 2 };
        assert_eq!(desk.ok("GET", "/v1/wallets", Value::Null).await["pagination"]["count"], count);
    }
}
