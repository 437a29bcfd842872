//! Payment claim links and claims.

use serde_json::{Value, json};

use super::errors;
use crate::claims::desk::raced;
use crate::dialects::{Town, shown};
use crate::harness::on_each_database;

on_each_database!(Town:
    a_claim_is_submitted_by_a_link_and_decided_on,
    what_was_issued_to_whoever_is_deleted_ends_with_them,
    a_link_that_is_made_meanwhile_ends_as_well,
);

/// Submits a claim by the link that a URL ends with; answers its id.
pub async fn submitted(town: &Town, url: &str, hash: &str) -> String {
    let token = url.rsplit('/').next().unwrap();
    let body =
        json!({"link_token": token, "network": "sepolia", "token": "ETH", "amount": "1.50", "tx_hash": hash});
    let made = town.purse.keeper.say("SubmitClaim", &body).await;
    made["claim"]["id"].as_str().unwrap().to_owned()
}

async fn a_claim_is_submitted_by_a_link_and_decided_on(town: Town) {
    let desk = town.desk("trxn");
    let ada = desk.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
    let body = json!({"customer_id": ada["id"], "max_uses": 3, "metadata": "Payment for Invoice #123"});
    let link = desk.ok("POST", "/v1/payment_claim_links", body).await;
    let members: Vec<_> = link.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = [
        "created_at",
        "customer_id",
        "expired",
        "expires_at",
        "id",
        "link",
        "max_uses",
        "metadata",
        "object",
        "status",
        "usable",
        "use_count",
    ];
    assert_eq!(members, documented);
    assert_eq!((&link["object"], &link["status"]), (&json!("payment_claim_link"), &json!("active")));
    assert_eq!(
        (&link["max_uses"], &link["usable"], &link["expired"]),
        (&json!(3), &json!(true), &json!(false))
    );
    assert_eq!(link["metadata"], "Payment for Invoice #123");
    let path = format!("/v1/payment_claim_links/{}", link["id"].as_str().unwrap());
    assert_eq!(desk.ok("GET", &path, Value::Null).await, link);
    let list = desk.ok("GET", "/v1/payment_claim_links", Value::Null).await;
    assert_eq!(
        list,
        json!({"payment_claim_links": [link], "pagination": {"page": 1, "pages": 1, "count": 1}})
    );

    let url = link["link"].as_str().unwrap();
    let mut ids = Vec::new();
    for byte in ["01", "02"] {
        ids.push(submitted(&town, url, &format!("0x{}", byte.repeat(32))).await);
    }
    let list = |query: &'static str| {
        let desk = desk.clone();
        async move {
            let it = desk.ok("GET", &format!("/v1/crypto_payment_claims{query}"), Value::Null).await;
            let ids = it["crypto_payment_claims"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["id"].as_str().unwrap().to_owned());
            (ids.collect::<Vec<_>>(), it["pagination"]["count"].clone())
        }
    };
    assert_eq!(list("").await, (vec![ids[1].clone(), ids[0].clone()], json!(2)));
    let claim = |n: usize| format!("/v1/crypto_payment_claims/{}", ids[n]);
    let pending = desk.ok("GET", &claim(0), Value::Null).await;
    assert_eq!(
        (&pending["object"], &pending["status"], &pending["amount"]),
        (&json!("payment_claim"), &json!("pending"), &json!("1.5"))
    );
    assert_eq!((&pending["currency"], &pending["customer_id"]), (&json!("ETH"), &ada["id"]));
    // Where it is to be paid is known from the beginning; who decides on it, and when, is not.
    let wallet = desk.ok("GET", "/v1/wallets", Value::Null).await["wallets"][0].clone();
    let to = town.purse.keeper.clone().next_address(wallet["id"].as_str().unwrap(), "sepolia").await.unwrap();
    let eth = &wallet["crypto_addresses"][1];
    assert_eq!((&pending["to_address_id"], &pending["to_address"]), (&eth["id"], &eth["address"]));
    assert_ne!(json!(to.address), eth["address"]);
    for none in ["rejection_reason", "approved_at", "approved_by_id", "crypto_transaction_id"] {
        assert_eq!(pending.get(none), Some(&Value::Null), "{none}");
    }
    // Nothing that is said beside it is taken for granted.
    for (said, status) in [(r#"{"amount": "0.5"}"#, 422), ("{broken", 400), ("[]", 400)] {
        assert_eq!(desk.raw("POST", &format!("{}/approve", claim(0)), said).await.status, status, "{said}");
    }
    let approved = desk.ok("POST", &format!("{}/approve", claim(0)), json!({})).await;
    assert_eq!(approved["status"], "approved");
    assert_eq!((&approved["to_address_id"], &approved["to_address"]), (&eth["id"], &eth["address"]));
    assert_eq!(approved.get("rejection_reason"), Some(&Value::Null));
    let by = approved["approved_by_id"].as_str().unwrap().to_owned();
    assert!(town.tenant().key.contains(&by) || by.starts_with("key_"), "{by}");
    assert!(approved["crypto_transaction_id"].as_str().unwrap().starts_with("txn_"), "{approved}");
    let rejected = desk.ok("POST", &format!("{}/reject", claim(1)), json!({"reason": "not there"})).await;
    assert_eq!(
        (&rejected["status"], &rejected["rejection_reason"]),
        (&json!("rejected"), &json!("not there"))
    );
    assert_eq!((&rejected["approved_by_id"], &rejected["to_address"]), (&json!(by), &Value::Null));
    assert_eq!(desk.ok("GET", &claim(1), Value::Null).await, rejected);
    assert_eq!(list("?status=approved").await, (vec![ids[0].clone()], json!(1)));
    assert_eq!(list("?status=pending").await.1, json!(0));
    for (method, path, status) in [
        ("POST", format!("{}/approve", claim(0)), 422),
        ("POST", format!("{}/reject", claim(1)), 422),
        ("GET", "/v1/crypto_payment_claims?status=open".to_owned(), 400),
        ("GET", "/v1/crypto_payment_claims?page=0".to_owned(), 400),
        ("GET", "/v1/payment_claim_links?page=402".to_owned(), 400),
        ("GET", "/v1/crypto_payment_claims/claim_x".to_owned(), 404),
        ("GET", "/v1/payment_claim_links/pcl_x".to_owned(), 404),
        ("POST", "/v1/crypto_payment_claims/claim_x/approve".to_owned(), 404),
    ] {
        let (got, body) = shown(&desk.raw(method, &path, "").await);
        assert_eq!(
            (got, &body["error"]["type"]),
            (status, &json!("invalid_request_error")),
            "{method} {path}: {body}"
        );
    }
    for (body, status) in [
        (json!({}), 422),
        (json!({"customer_id": "x"}), 422),
        (json!({"customer_id": ada["id"], "max_uses": 1001}), 422),
        (json!({"customer_id": ada["id"], "max_uses": 0}), 422),
        (json!({"customer_id": ada["id"], "metadata": {"a": 1}}), 422),
        (json!({"customer_id": ada["id"], "metadata": "x".repeat(16_384)}), 422),
        (json!({"customer_id": ada["id"], "expires_at": "soon"}), 422),
        (json!({"customer_id": "550e8400-e29b-41d4-a716-446655440000"}), 404),
    ] {
        assert_eq!(desk.post("/v1/payment_claim_links", body.clone()).await.0, status, "{body}");
    }
    // What is wrong has the name that it was sent with.
    let late = json!({"customer_id": ada["id"], "expires_at": "2020-01-01T00:00:00+01:00"});
    let answer = desk.post("/v1/payment_claim_links", late).await;
    assert_eq!(errors(&answer), (422, &json!({"expires_at": ["is invalid"]})));
    // A link that is used up is not usable.
    submitted(&town, url, &format!("0x{}", "03".repeat(32))).await;
    let used = desk.ok("GET", &path, Value::Null).await;
    assert_eq!(
        (&used["status"], &used["usable"], &used["use_count"]),
        (&json!("used"), &json!(false), &json!(3))
    );
}

async fn what_was_issued_to_whoever_is_deleted_ends_with_them(town: Town) {
    let desk = town.desk("trxn");
    let ada = desk.ok("POST", "/v1/customers", json!({"email": "a@mail.example"})).await;
    let link = desk.ok("POST", "/v1/payment_claim_links", json!({"customer_id": ada["id"]})).await;
    let path = format!("/v1/customers/{}", ada["id"].as_str().unwrap());
    assert_eq!(desk.raw("DELETE", &path, "").await.status, 204);
    let path = format!("/v1/payment_claim_links/{}", link["id"].as_str().unwrap());
    let ended = desk.ok("GET", &path, Value::Null).await;
    assert_eq!((&ended["status"], &ended["usable"]), (&json!("revoked"), &json!(false)));
}

async fn a_link_that_is_made_meanwhile_ends_as_well(town: Town) {
    let desk = town.desk("trxn");
    let mut made = 0;
    for n in 0..16 {
        let ada = desk.ok("POST", "/v1/customers", json!({"email": format!("a{n}@mail.example")})).await;
        let (body, path) =
            (json!({"customer_id": ada["id"]}), format!("/v1/customers/{}", ada["id"].as_str().unwrap()));
        let (deleted, link) =
            raced(n, desk.raw("DELETE", &path, ""), desk.post("/v1/payment_claim_links", body)).await;
        assert_eq!(deleted.status, 204);
        assert!(matches!(link.0, 201 | 404), "{link:?}");
        if link.0 == 201 {
            made += 1;
            let path = format!("/v1/payment_claim_links/{}", link.1["id"].as_str().unwrap());
            assert_eq!(desk.ok("GET", &path, Value::Null).await["status"], "revoked");
        }
    }
    assert!(made > 0, "no link was ever made in time");
}
