//! Wallets, what moves in them, and how their customers are paid.

use purser::api::TransactionType;
use serde_json::{Value, json};

use super::{customer, customer_id};
use crate::dialects::Town;
use crate::harness::on_each_database;
use crate::wallets_wire::{booked, moved};

on_each_database!(Town:
    a_wallet_is_one_of_its_currency,
    a_wallet_is_frozen_thawed_and_then_deleted,
    transactions_are_credits_and_debits,
    a_step_that_is_repeated_is_answered_as_the_first_time,
    a_wallet_shows_how_its_customer_is_paid,
);

const NOBODY: &str = "550e8400-e29b-41d4-a716-446655440000";

async fn a_wallet_is_one_of_its_currency(town: Town) {
    let desk = town.desk("juicyway");
    let id = customer(&desk, "a@mail.example").await;
    let made =
        desk.ok("POST", "/wallets", json!({"customer_id": id, "currency": "USD"})).await["data"].clone();
    assert_eq!(
        (&made["customer_id"], &made["account_id"]),
        (&json!(id), &json!(town.tenant().domain.id.as_uuid().to_string()))
    );
    for (body, status) in [
        (json!({"customer_id": id, "currency": "USD"}), 409),
        (json!({"customer_id": id, "currency": "XXX1"}), 400),
        (json!({"customer_id": id}), 400),
        (json!({"currency": "USD"}), 400),
        (json!({"customer_id": NOBODY, "currency": "USD"}), 404),
        (json!({"customer_id": "x", "currency": "USD"}), 422),
    ] {
        let (got, answer) = desk.post("/wallets", body.clone()).await;
        assert_eq!(got, status, "{body}: {answer}");
    }
    desk.ok("POST", "/wallets", json!({"customer_id": customer_id(&id), "currency": "EUR"})).await;
    assert_eq!(desk.get(&format!("/wallets/{NOBODY}")).await.0, 404);
    // A wallet on a chain is none of these.
    let chain = town.purse.keeper.clone().create(&customer_id(&id), &["ethereum"]).await.unwrap().id;
    assert_eq!(desk.get(&format!("/wallets/{chain}")).await.0, 404);
    // An amount is exact, however large.
    let wallet = made["id"].as_str().unwrap();
    let wallet_id = purser::domain::WalletId::of_either_form(wallet).unwrap().to_string();
    town.purse
        .keeper
        .clone()
        .record(booked(TransactionType::Credit, &wallet_id, "12345678901234567890.12"))
        .await
        .unwrap();
    let answer = desk.raw("GET", &format!("/wallets/{wallet}"), "").await;
    assert!(
        String::from_utf8_lossy(&answer.body).contains(r#""amount":12345678901234567890.12,"#),
        "{answer:?}"
    );
    let method = json!({"type": "bank_account", "account_name": "A", "account_number": "1"});
    for (change, status) in [
        (json!({}), 200),
        (json!({"type": "card"}), 422),
        (json!({"type": null}), 400),
        (json!({"account_number": ""}), 400),
    ] {
        let mut body = method.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(desk.post(&format!("/wallets/{wallet}/payment-method"), body).await.0, status, "{change}");
    }
}

async fn a_wallet_is_frozen_thawed_and_then_deleted(town: Town) {
    let desk = town.desk("juicyway");
    let id = customer(&desk, "a@mail.example").await;
    let made = desk.ok("POST", "/wallets", json!({"customer_id": id, "currency": "USD"})).await;
    let path = format!("/wallets/{}", made["data"]["id"].as_str().unwrap());
    for (to, status) in [
        ("active", 422),
        ("deleted", 422),
        ("frozen", 200),
        ("frozen", 422),
        ("active", 200),
        ("frozen", 200),
        ("gone", 422),
        ("deleted", 200),
        ("active", 422),
        ("frozen", 422),
        ("deleted", 422),
    ] {
        let body = json!({"status": to, "reason": "because"});
        let (got, answer) = desk.send("PATCH", &format!("{path}/status"), &body).await;
        assert_eq!(got, status, "{to}: {answer}");
        if status == 200 {
            assert_eq!(
                (&answer["data"]["status"], &desk.ok("GET", &path, Value::Null).await),
                (&json!(to), &answer)
            );
        }
    }
    assert_eq!(desk.send("PATCH", &format!("{path}/status"), &json!({})).await.0, 400);
    assert_eq!(
        desk.send("PATCH", &format!("/wallets/{NOBODY}/status"), &json!({"status": "frozen"})).await.0,
        404
    );
    // There may be another by then.
    desk.ok("POST", "/wallets", json!({"customer_id": id, "currency": "USD"})).await;
}

async fn transactions_are_credits_and_debits(town: Town) {
    let desk = town.desk("juicyway");
    let id = customer(&desk, "a@mail.example").await;
    let mut keeper = town.purse.keeper.clone();
    let mut wallets = Vec::new();
    for currency in ["USD", "EUR"] {
        let made = desk.ok("POST", "/wallets", json!({"customer_id": id, "currency": currency})).await;
        let wallet = made["data"]["id"].as_str().unwrap().to_owned();
        let own = purser::domain::WalletId::of_either_form(&wallet).unwrap().to_string();
        // Whatever adds is a credit, whatever takes a debit.
        let [credit, debit] = match currency {
            "USD" => [TransactionType::Credit, TransactionType::Debit],
            _ => [TransactionType::Deposit, TransactionType::Withdrawal],
        };
        keeper.record(booked(credit, &own, "5")).await.unwrap();
        keeper.record(booked(debit, &own, "1.5")).await.unwrap();
        wallets.push(wallet);
    }
    let list = |query: String| {
        let desk = desk.clone();
        async move {
            let it = desk.ok("GET", &format!("/wallets/transactions?{query}"), Value::Null).await;
            let shown = |it: &Value| {
                format!(
                    "{} {} {}",
                    it["type"].as_str().unwrap(),
                    it["amount"],
                    it["currency"].as_str().unwrap()
                )
            };
            it["data"].as_array().unwrap().iter().map(shown).collect::<Vec<_>>()
        }
    };
    // What is on a chain is in no list here, and whatever moves a balance is.
    let wallet = keeper.create(&customer_id(&id), &["sepolia"]).await.unwrap();
    keeper.record(moved(TransactionType::Credit, &wallet.id, "sepolia", "ETH", "2")).await.unwrap();
    assert_eq!(list(String::new()).await, ["debit 1.5 EUR", "credit 5 EUR", "debit 1.5 USD", "credit 5 USD"]);
    assert_eq!(list("type=credit".to_owned()).await, ["credit 5 EUR", "credit 5 USD"]);
    assert_eq!(list(format!("wallet_id={}&type=debit", wallets[0])).await, ["debit 1.5 USD"]);
    let page = desk.ok("GET", "/wallets/transactions?limit=3", Value::Null).await;
    let after = page["pagination"]["after"].as_str().unwrap().to_owned();
    assert_eq!(list(format!("limit=3&after={after}")).await, ["credit 5 USD"]);
    let first = page["data"][0]["id"].as_str().unwrap();
    assert_eq!(
        desk.ok("GET", &format!("/wallets/transactions/{first}"), Value::Null).await["data"],
        page["data"][0]
    );
    assert_eq!(desk.get(&format!("/wallets/transactions/{NOBODY}")).await.0, 404);
    assert_eq!(desk.get(&format!("/wallets/transactions?wallet_id={NOBODY}")).await.0, 404);
    for query in ["type=deposit", "wallet_id=x", "limit=0", "after=x"] {
        assert_eq!(desk.get(&format!("/wallets/transactions?{query}")).await.0, 400, "{query}");
    }
}

async fn a_step_that_is_repeated_is_answered_as_the_first_time(town: Town) {
    let desk = town.desk("juicyway");
    let id = customer(&desk, "a@mail.example").await;
    let made = desk.ok("POST", "/wallets", json!({"customer_id": id, "currency": "USD"})).await;
    let path = format!("/wallets/{}/status", made["data"]["id"].as_str().unwrap());
    let freezing = desk.with("idempotency-key", "freeze");
    let body = json!({"status": "frozen", "reason": "x"});
    let first = freezing.raw("PATCH", &path, &body.to_string()).await;
    assert_eq!(first.value()["data"]["status"], "frozen");
    desk.send("PATCH", &path, &json!({"status": "active", "reason": "x"})).await;
    let again = freezing.raw("PATCH", &path, &body.to_string()).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
}

async fn a_wallet_shows_how_its_customer_is_paid(town: Town) {
    let desk = town.desk("juicyway");
    let id = customer(&desk, "a@mail.example").await;
    let mut wallets = Vec::new();
    for currency in ["USD", "EUR"] {
        let made = desk.ok("POST", "/wallets", json!({"customer_id": id, "currency": currency})).await;
        wallets.push(format!("/wallets/{}", made["data"]["id"].as_str().unwrap()));
    }
    let add = |wallet: &str, number: &str, key: &str| {
        let (desk, path) = (desk.with("idempotency-key", key), format!("{wallet}/payment-method"));
        let body = json!({"type": "bank_account", "account_name": "A", "account_number": number});
        async move { desk.post(&path, body).await }
    };
    let numbers = |it: &Value| {
        let methods = it["data"]["payment_methods"].as_array().cloned().unwrap_or_default();
        methods.iter().map(|it| it["account_number"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&add(&wallets[0], "1", "one").await.1), ["1"]);
    let second = add(&wallets[0], "2", "two").await;
    assert_eq!((second.0, numbers(&second.1)), (200, vec!["2".to_owned(), "1".to_owned()]));
    assert_eq!(add(&wallets[0], "2", "two").await, second);
    assert_eq!(desk.ok("GET", &wallets[0], Value::Null).await, second.1);
    // The same for another wallet is another request.
    assert_eq!(add(&wallets[1], "2", "two").await.0, 400);
    // Who may not see bills sees no account.
    let narrow: purser::domain::Scopes = [purser::domain::Scope::WalletsRead].into_iter().collect();
    let key = town.purse.acme.server.domain_key(&town.tenant().domain, narrow).await;
    let shown = town.desk_with("juicyway", &key).ok("GET", &wallets[0], Value::Null).await;
    assert!(numbers(&shown).is_empty(), "{shown}");
    // Where the wallet is gone there is nothing to add to, and what was added before is still the answer.
    for to in ["frozen", "deleted"] {
        desk.ok("PATCH", &format!("{}/status", wallets[0]), json!({"status": to})).await;
    }
    assert_eq!(add(&wallets[0], "3", "three").await.0, 404);
    assert_eq!(numbers(&desk.ok("GET", &wallets[1], Value::Null).await), ["2", "1"]);
    assert_eq!(add(&wallets[0], "2", "two").await.0, 200);
}
