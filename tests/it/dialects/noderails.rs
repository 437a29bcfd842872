//! What `NodeRails`' document leaves open, and what it refuses.

use serde_json::{Value, json};

use super::{Town, shown};
use crate::harness::on_each_database;

on_each_database!(Town:
    an_app_that_is_foreign_is_refused_like_one_that_is_not_there,
    an_update_changes_what_is_sent,
    addresses_are_lower_case_where_case_means_nothing,
    a_wallet_that_was_removed_is_not_shown,
    lists_are_paged_searched_and_counted,
    what_is_repeated_is_answered_as_the_first_time_whatever_was_linked_since,
    what_was_linked_is_shown_beside_many_wallets_of_our_own,
);

const NOBODY: &str = "550e8400-e29b-41d4-a716-446655440000";

async fn customer(town: &Town, email: &str) -> String {
    let made = town.desk("noderails").ok("POST", "/customers", json!({"email": email})).await;
    made["data"]["id"].as_str().unwrap().to_owned()
}

async fn an_app_that_is_foreign_is_refused_like_one_that_is_not_there(town: Town) {
    let (other, ..) = town.purse.with("other", json!({})).await;
    let desk = town.desk("noderails");
    let foreign = other.domain.id.as_uuid().to_string();
    let answer = |app: String| {
        let desk = desk.clone();
        async move {
            let made = desk
                .raw("POST", "/customers", &json!({"appId": app, "email": "a@mail.example"}).to_string())
                .await;
            let listed = desk.raw("GET", &format!("/customers?appId={app}"), "").await;
            [(made.status, made.body), (listed.status, listed.body)]
        }
    };
    let theirs = answer(foreign).await;
    assert!(theirs.iter().all(|it| it.0 == 403), "{theirs:?}");
    assert_eq!(theirs, answer(NOBODY.to_owned()).await);
    let malformed = answer("x".to_owned()).await;
    assert!(malformed.iter().all(|it| it.0 == 400), "{malformed:?}");
    let own = answer(town.tenant().domain.id.to_string()).await;
    assert_eq!([own[0].0.as_u16(), own[1].0.as_u16()], [201, 200]);
}

async fn an_update_changes_what_is_sent(town: Town) {
    let desk = town.desk("noderails");
    let body = json!({"email": "A@mail.example", "name": "A", "externalId": "u-1", "city": "X", "country": "US",
                      "postalCode": "1", "address": "1 Street", "state": "S", "metadata": {"n": 1, "l": [true]}});
    let made = desk.ok("POST", "/customers", body.clone()).await["data"].clone();
    assert_eq!(
        (&made["email"], &made["metadata"]),
        (&json!("a@mail.example"), &json!({"n": 1, "l": [true]}))
    );
    let path = format!("/customers/{}", made["id"].as_str().unwrap());
    // Each of our faces shows a number as it was given, or it is not taken.
    let id = purser::domain::CustomerId::of_either_form(made["id"].as_str().unwrap()).unwrap().to_string();
    let number = json!({"customer": {"metadata": {"n": 7}}, "id": id, "update_mask": "metadata"});
    town.purse.keeper.say("UpdateCustomer", &number).await;
    let seen = desk.ok("GET", &path, Value::Null).await["data"]["metadata"].clone();
    assert_eq!(seen.to_string(), r#"{"n":7}"#);
    let updated =
        desk.ok("PUT", &path, json!({"city": null, "metadata": {}, "externalId": "u-2"})).await["data"]
            .clone();
    assert_eq!(
        (&updated["city"], &updated["metadata"], &updated["externalId"]),
        (&Value::Null, &json!({}), &json!("u-2"))
    );
    for same in ["email", "name", "country", "postalCode", "address", "state", "createdAt", "id", "appId"] {
        assert_eq!(made[same], updated[same], "{same}");
    }
    let other = desk.ok("POST", "/customers", json!({"externalId": "u-1"})).await["data"].clone();
    assert_eq!((&other["email"], &other["name"]), (&Value::Null, &Value::Null));
    let theirs = format!("/customers/{}", other["id"].as_str().unwrap());
    for (wrong, status) in [
        (json!({"externalId": "u-2"}), 409),
        (json!({"email": "a@mail.example"}), 409),
        (json!({"email": "no"}), 400),
        (json!({"country": "Atlantis"}), 400),
        (json!({"metadata": "x"}), 400),
        (json!({"metadata": {"account": 9_007_199_254_740_993_i64}}), 400),
        (json!({"postalCode": 5}), 400),
        (json!({"appId": NOBODY}), 400),
    ] {
        let (got, body) = desk.send("PUT", &theirs, &wrong).await;
        let code = if status == 409 { "CONFLICT" } else { "VALIDATION_ERROR" };
        assert_eq!((got, &body["error"]["code"]), (status, &json!(code)), "{wrong}");
    }
    let (_, body) = desk.send("PUT", &theirs, &json!({"country": "x", "postalCode": "\u{1}"})).await;
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("`country`") && message.contains("`postalCode`"), "{message}");
}

async fn addresses_are_lower_case_where_case_means_nothing(town: Town) {
    let desk = town.desk("noderails");
    let path = format!("/customers/{}/wallets", customer(&town, "a@mail.example").await);
    for (chain, address, shown) in [
        (1, "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "0xd8da6bf26964af9d7eed9e03e53415d37aa96045"),
        (8453, "0xd8da6bf26964af9d7eed9e03e53415d37aa96045", "0xd8da6bf26964af9d7eed9e03e53415d37aa96045"),
        (103, "YcnysYh3YnSTuCn3h5qKrrkkRn26BFXU8DuJSQkMFoR", "YcnysYh3YnSTuCn3h5qKrrkkRn26BFXU8DuJSQkMFoR"),
        (103, "So11111111111111111111111111111111111111112", "So11111111111111111111111111111111111111112"),
    ] {
        let (status, body) = desk.post(&path, json!({"walletAddress": address, "chainId": chain})).await;
        assert_eq!((status, &body["data"]["walletAddress"]), (201, &json!(shown)), "{chain} {body}");
        assert_eq!(body["data"]["chain"]["chainId"], chain);
    }
    for (body, status) in [
        (json!({"walletAddress": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "chainId": 1}), 409),
        (json!({"walletAddress": "0x12", "chainId": 1}), 400),
        (json!({"walletAddress": "0xD8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "chainId": 1}), 400),
        (json!({"walletAddress": "So11111111111111111111111111111111111111112", "chainId": 101}), 400),
        (json!({"walletAddress": "x", "chainId": "1"}), 400),
        (json!({"chainId": 1}), 400),
        (json!({"walletAddress": "0x"}), 400),
    ] {
        let (got, answer) = desk.post(&path, body.clone()).await;
        assert_eq!(got, status, "{body}: {answer}");
    }
    // A network that the domain may not use is a wrong value, too.
    let (plain, ..) =
        town.purse.tenant("plain", purser::domain::Environment::Sandbox, Default::default()).await;
    let plain = town.desk_of("noderails", &plain);
    let id = plain.ok("POST", "/customers", json!({})).await["data"]["id"].as_str().unwrap().to_owned();
    let body = json!({"walletAddress": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "chainId": 1});
    let (status, body) = plain.post(&format!("/customers/{id}/wallets"), body).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!("VALIDATION_ERROR")));
    assert_eq!(
        desk.post(
            &format!("/customers/{NOBODY}/wallets"),
            json!({"walletAddress": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "chainId": 10})
        )
        .await
        .0,
        404
    );
}

async fn a_wallet_that_was_removed_is_not_shown(town: Town) {
    let desk = town.desk("noderails");
    let (own, other) = (customer(&town, "a@mail.example").await, customer(&town, "b@mail.example").await);
    let body = json!({"walletAddress": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "chainId": 1});
    let wallet =
        desk.ok("POST", &format!("/customers/{own}/wallets"), body.clone()).await["data"]["id"].clone();
    let wallet = wallet.as_str().unwrap();
    let wallets = |it: &Value| it["data"]["wallets"].as_array().unwrap().len();
    assert_eq!(wallets(&desk.ok("GET", &format!("/customers/{own}"), Value::Null).await), 1);
    let theirs = desk.raw("DELETE", &format!("/customers/{other}/wallets/{wallet}"), "").await;
    assert_eq!(theirs.status, 404);
    let gone = desk.raw("DELETE", &format!("/customers/{own}/wallets/{wallet}"), "").await;
    assert_eq!((gone.status.as_u16(), gone.body.len()), (204, 0));
    let (status, _) = shown(&desk.raw("DELETE", &format!("/customers/{own}/wallets/{wallet}"), "").await);
    assert_eq!(status, 404);
    assert_eq!(wallets(&desk.ok("GET", &format!("/customers/{own}"), Value::Null).await), 0);
    let list = desk.ok("GET", "/customers", Value::Null).await;
    assert!(list["data"].as_array().unwrap().iter().all(|it| it["wallets"] == json!([])));
    // And is free for somebody else.
    desk.ok("POST", &format!("/customers/{other}/wallets"), body).await;
}

async fn lists_are_paged_searched_and_counted(town: Town) {
    let desk = town.desk("noderails");
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(customer(&town, &format!("person{n}@mail.example")).await);
    }
    let body = json!({"walletAddress": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "chainId": 1});
    desk.ok("POST", &format!("/customers/{}/wallets", ids[0]), body).await;
    let first: purser::domain::CustomerId = purser::domain::CustomerId::of_either_form(&ids[0]).unwrap();
    for (method, noun, count) in [
        ("UpsertPaymentIntent", "payment_intent", 3),
        ("UpsertInvoice", "invoice", 2),
        ("UpsertSubscription", "subscription", 1),
    ] {
        for n in 0..count {
            let amount = if noun == "invoice" { "total" } else { "amount" };
            let record = json!({"customer_id": first.to_string(), "external_id": format!("e{n}"), "status": "OPEN",
                                amount: "1", "currency": "EUR"});
            town.purse.keeper.say(method, &json!({noun: record})).await;
        }
    }
    let page = desk.ok("GET", "/customers?pageSize=2&page=2", Value::Null).await;
    assert_eq!(page["pagination"], json!({"total": 3, "page": 2, "pageSize": 2, "totalPages": 2}));
    let one = &page["data"][0];
    assert_eq!((page["data"].as_array().unwrap().len(), &one["id"]), (1, &json!(ids[0])));
    assert_eq!(one["_count"], json!({"paymentIntents": 3, "subscriptions": 1, "invoices": 2}));
    assert_eq!(one["wallets"][0]["customerAccountId"], ids[0]);
    assert!(one["wallets"][0].get("chain").is_none() && one.get("app").is_none());
    let found = desk.ok("GET", "/customers?search=PERSON1", Value::Null).await;
    assert_eq!((&found["pagination"]["total"], &found["data"][0]["id"]), (&json!(1), &json!(ids[1])));
    assert_eq!(found["data"][0]["_count"], json!({"paymentIntents": 0, "subscriptions": 0, "invoices": 0}));
    assert_eq!(
        desk.ok("GET", "/customers?search=nobody", Value::Null).await["pagination"],
        json!({"total": 0, "page": 1, "pageSize": 20, "totalPages": 0})
    );
    for query in ["page=0", "pageSize=0", "pageSize=101", "page=102&pageSize=100", "search=ab", "page=x"] {
        let (status, body) = desk.get(&format!("/customers?{query}")).await;
        assert_eq!((status, &body["error"]["code"]), (400, &json!("VALIDATION_ERROR")), "{query}");
    }
    assert_eq!(desk.get("/customers?page=101&pageSize=100").await.0, 200);
}

async fn what_is_repeated_is_answered_as_the_first_time_whatever_was_linked_since(town: Town) {
    const ADDRESSES: [&str; 2] =
        ["0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "0x52908400098527886E0F7030069857D2E4169EE7"];
    let desk = town.desk("noderails");
    let (creating, updating) =
        (desk.with("idempotency-key", "create"), desk.with("idempotency-key", "update"));
    let body = json!({"email": "a@mail.example"}).to_string();
    let made = creating.raw("POST", "/customers", &body).await;
    assert_eq!(made.value()["data"]["wallets"], json!([]));
    let path = format!("/customers/{}", made.value()["data"]["id"].as_str().unwrap());
    let link = |address: &'static str| {
        let (desk, path) = (desk.clone(), format!("{path}/wallets"));
        async move {
            let body = json!({"walletAddress": address, "chainId": 1});
            desk.ok("POST", &path, body).await["data"]["id"].as_str().unwrap().to_owned()
        }
    };
    let first = link(ADDRESSES[0]).await;
    let again = creating.raw("POST", "/customers", &body).await;
    assert_eq!((again.status, &again.body), (made.status, &made.body));
    let body = json!({"name": "Ada"}).to_string();
    let updated = updating.raw("PUT", &path, &body).await;
    assert_eq!(updated.value()["data"]["wallets"][0]["id"], json!(first));
    link(ADDRESSES[1]).await;
    assert_eq!(desk.raw("DELETE", &format!("{path}/wallets/{first}"), "").await.status, 204);
    let again = updating.raw("PUT", &path, &body).await;
    assert_eq!((again.status, &again.body), (updated.status, &updated.body));
}

async fn what_was_linked_is_shown_beside_many_wallets_of_our_own(town: Town) {
    let desk = town.desk("noderails");
    let id = customer(&town, "a@mail.example").await;
    let body = json!({"walletAddress": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "chainId": 1});
    let linked = desk.ok("POST", &format!("/customers/{id}/wallets"), body).await["data"]["id"].clone();
    let own = purser::domain::CustomerId::of_either_form(&id).unwrap().to_string();
    let mut making = tokio::task::JoinSet::new();
    for _ in 0..102 {
        let (mut keeper, own) = (town.purse.keeper.clone(), own.clone());
        making.spawn(async move { drop(keeper.create(&own, &["solana"]).await.unwrap()) });
    }
    making.join_all().await;
    let ids =
        |it: &Value| it["wallets"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect::<Vec<_>>();
    let shown = desk.ok("GET", &format!("/customers/{id}"), Value::Null).await;
    assert_eq!(ids(&shown["data"]), std::slice::from_ref(&linked));
    let list = desk.ok("GET", "/customers", Value::Null).await;
    assert_eq!(ids(&list["data"][0]), std::slice::from_ref(&linked));
    let updated = desk.ok("PUT", &format!("/customers/{id}"), json!({"name": "Ada"})).await;
    assert_eq!(ids(&updated["data"]), [linked]);
}
