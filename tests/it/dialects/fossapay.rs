//! What `FossaPay`'s document leaves open, and what it refuses.

use purser::api::TransactionStatus;
use serde_json::{Value, json};

use super::{Town, shown};
use crate::harness::on_each_database;
use crate::wallets_wire::deposit;

on_each_database!(Town:
    lists_are_paged_with_a_link_to_the_next,
    fields_that_are_wrong_are_named_at_once,
    a_customer_has_one_wallet_on_a_network_however_many_ask,
    a_wallet_shows_what_it_holds_and_what_happened,
    links_lead_through_a_list_to_its_end,
    an_address_shows_every_wallet_that_has_it,
    what_stands_at_an_address_is_what_the_wallet_holds_on_the_network,
    what_happened_in_a_wallet_leaves_with_it,
    wallets_are_found_under_both_prefixes,
);

async fn lists_are_paged_with_a_link_to_the_next(town: Town) {
    let desk = town.desk("fossapay");
    let mut ids = Vec::new();
    for n in 0..3 {
        let body = json!({"name": format!("C {n}"), "email": format!("c{n}@mail.example")});
        ids.push(desk.ok("POST", "/api/v1/customers", body).await["id"].clone());
    }
    ids.reverse();
    let first = desk.raw("GET", "/api/v1/customers?page=1&limit=2", "").await;
    let of = |it: Value| it.as_array().unwrap().iter().map(|it| it["id"].clone()).collect::<Vec<_>>();
    assert_eq!(of(first.value()), ids[..2]);
    let second = desk.raw("GET", "/api/v1/customers?page=2&limit=2", "").await;
    assert_eq!((of(second.value()), second.header("link")), (ids[2..].to_vec(), None));
    assert_eq!(of(desk.ok("GET", "/api/v1/customers", Value::Null).await), ids);
    assert_eq!(desk.get("/api/v1/customers?page=101&limit=100").await, (200, json!([])));
    for query in
        ["page=0", "limit=0", "limit=101", "page=102&limit=100", "page=x", "limit=-1", "page=99999999999"]
    {
        let (status, body) = desk.get(&format!("/api/v1/customers?{query}")).await;
        assert_eq!((status, &body["code"]), (400, &json!("VALIDATION_ERROR")), "{query}: {body}");
    }
}

async fn fields_that_are_wrong_are_named_at_once(town: Town) {
    let desk = town.desk("fossapay");
    let body = json!({"name": " ", "email": "no", "phone": 5, "metadata": {"n": 9_007_199_254_740_993_i64}});
    let (status, body) = desk.post("/api/v1/customers", body).await;
    let message = body["message"].as_str().unwrap();
    assert_eq!(status, 400);
    for field in ["`name`", "`email`", "`phone`", "`metadata`"] {
        assert!(message.contains(field), "{message}");
    }
    for (body, status) in [
        (json!({"network": "solana"}), 400),
        (json!({"network": "no-such", "customerId": "550e8400-e29b-41d4-a716-446655440000"}), 400),
        (json!({"network": "solana", "customerId": "x"}), 400),
        (json!({"network": "solana", "customerId": "550e8400-e29b-41d4-a716-446655440000"}), 404),
    ] {
        assert_eq!(desk.post("/v1/wallets/crypto/create", body.clone()).await.0, status, "{body}");
    }
    // A network that the domain may not use.
    let (plain, ..) =
        town.purse.tenant("plain", purser::domain::Environment::Sandbox, Default::default()).await;
    let plain = town.desk_of("fossapay", &plain);
    let made = plain.ok("POST", "/api/v1/customers", json!({"name": "A", "email": "a@mail.example"})).await;
    let (status, _) =
        plain.post("/v1/wallets/crypto/create", json!({"network": "solana", "customerId": made["id"]})).await;
    assert_eq!(status, 422);
    for path in [
        "/v1/wallets/crypto/user:u3d",
        "/v1/wallets/crypto/address/x",
        "/v1/wallets/crypto/transactions/x",
        "/v1/wallets/crypto/user:u3d/transactions",
        "/api/v1/customers/cust_1",
    ] {
        assert_eq!(desk.get(path).await.0, 404, "{path}");
    }
}

async fn a_customer_has_one_wallet_on_a_network_however_many_ask(town: Town) {
    let desk = town.desk("fossapay");
    let made = desk.ok("POST", "/api/v1/customers", json!({"name": "A", "email": "a@mail.example"})).await;
    let body = json!({"network": "ethereum", "customerId": made["id"]});
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (desk, body) = (desk.clone(), body.clone());
        asking.spawn(async move { desk.post("/v1/wallets/crypto/create", body).await });
    }
    let answers = asking.join_all().await;
    let created: Vec<_> = answers.iter().filter(|it| it.0 == 201).collect();
    assert_eq!(created.len(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|it| it.0 == 201 || (it.0 == 409 && it.1["code"] == "CONFLICT")),
        "{answers:?}"
    );
    // Another network is another wallet, under both prefixes.
    let other = json!({"network": "base", "customerId": made["id"]});
    let (status, base) = desk.post("/api/v1/wallets/crypto/create", other).await;
    assert_eq!((status, &base["data"]["address"]), (201, &created[0].1["data"]["address"]));
    // One that was removed is in nobody's way, and is not there.
    let id = created[0].1["data"]["walletId"].as_str().unwrap().to_owned();
    town.purse.keeper.clone().remove(&id).await.unwrap();
    assert_eq!(desk.get(&format!("/v1/wallets/crypto/{id}")).await.0, 404);
    assert_eq!(desk.get(&format!("/v1/wallets/crypto/{id}/transactions")).await.0, 404);
    assert_eq!(desk.post("/v1/wallets/crypto/create", body).await.0, 201);
}

async fn a_wallet_shows_what_it_holds_and_what_happened(town: Town) {
    let desk = town.desk("fossapay");
    let made = desk.ok("POST", "/api/v1/customers", json!({"name": "A", "email": "a@mail.example"})).await;
    let body = json!({"network": "ethereum", "customerId": made["id"]});
    let wallet = desk.ok("POST", "/v1/wallets/crypto/create", body).await["data"].clone();
    let id = wallet["walletId"].as_str().unwrap().to_owned();
    let mut keeper = town.purse.keeper.clone();
    for amount in ["1.123456", "2"] {
        keeper.record(deposit(&id, "ethereum", "USDC", amount)).await.unwrap();
    }
    let dust = keeper.record(deposit(&id, "ethereum", "ETH", "0.0000000001")).await.unwrap();
    keeper.move_on(&dust.id, TransactionStatus::Failed).await.unwrap();
    let lower = wallet["address"].as_str().unwrap().to_lowercase();
    let (_, shown_wallet) = desk.get(&format!("/v1/wallets/crypto/address/{lower}")).await;
    let expected = json!([{"address": wallet["address"], "network": "ethereum", "tokens": {
        "usdc": {"amount": "3.123456", "rawAmount": "3123456"}, "usdt": {"amount": "0", "rawAmount": "0"}}}]);
    assert_eq!(shown_wallet["data"], expected);
    let (_, page) = desk.get(&format!("/v1/wallets/crypto/{id}/transactions?page=1&limit=2")).await;
    let expected = json!({"currentPage": 1, "totalPages": 2, "totalItems": 3, "itemsPerPage": 2});
    assert_eq!(page["data"]["pagination"], expected);
    let newest = &page["data"]["transactions"][0];
    assert_eq!(
        (&newest["status"], &newest["amountInCrypto"], &newest["tokenSymbol"], &newest["blockchain"]),
        (&json!("failed"), &json!("0.0000000001"), &json!("eth"), &json!("ethereum"))
    );
    let second = &page["data"]["transactions"][1];
    assert_eq!((&second["status"], &second["amountInCrypto"]), (&json!("completed"), &json!("2.00000000")));
    assert!(second["createdAt"].as_str().unwrap().ends_with("+00:00"));
    for query in ["page=0", "limit=0", "limit=101", "page=102&limit=100"] {
        let answer = desk.raw("GET", &format!("/v1/wallets/crypto/{id}/transactions?{query}"), "").await;
        assert_eq!(shown(&answer).0, 400, "{query}");
    }
}

async fn links_lead_through_a_list_to_its_end(town: Town) {
    let desk = town.desk("fossapay");
    let mut ids = Vec::new();
    for n in 0..5 {
        let body = json!({"name": format!("C {n}"), "email": format!("c{n}@mail.example")});
        ids.push(desk.ok("POST", "/api/v1/customers", body).await["id"].clone());
    }
    ids.reverse();
    let (mut seen, mut query) = (Vec::new(), "?page=2&limit=1".to_owned());
    loop {
        let answer = desk.raw("GET", &format!("/api/v1/customers{query}"), "").await;
        assert_eq!(answer.status, 200, "{query}");
        seen.push(answer.value()[0]["id"].clone());
        let Some(link) = answer.header("link") else { break };
        let next = link.strip_prefix('<').and_then(|it| it.strip_suffix(">; rel=\"next\"")).unwrap();
        // By a place, which has no end before the list has.
        assert!(next.starts_with("?after=") && next.ends_with("&limit=1"), "{link}");
        query = next.to_owned();
    }
    assert_eq!(seen, ids[1..]);
    for query in ["after=x".to_owned(), format!("{}&page=1", &query[1..])] {
        let (status, body) = desk.get(&format!("/api/v1/customers?{query}")).await;
        assert_eq!((status, &body["code"]), (400, &json!("VALIDATION_ERROR")), "{query}: {body}");
    }
}

fn held(address: &Value, network: &str, usdc: &str, raw: &str) -> Value {
    json!({"address": address, "network": network, "tokens": {
        "usdc": {"amount": usdc, "rawAmount": raw}, "usdt": {"amount": "0", "rawAmount": "0"}}})
}

async fn an_address_shows_every_wallet_that_has_it(town: Town) {
    let desk = town.desk("fossapay");
    let made = desk.ok("POST", "/api/v1/customers", json!({"name": "A", "email": "a@mail.example"})).await;
    let mut ids = Vec::new();
    let mut keeper = town.purse.keeper.clone();
    for (network, amount) in [("ethereum", "1"), ("base", "2")] {
        let body = json!({"network": network, "customerId": made["id"]});
        let wallet = desk.ok("POST", "/v1/wallets/crypto/create", body).await["data"].clone();
        let id = wallet["walletId"].as_str().unwrap().to_owned();
        keeper.record(deposit(&id, network, "USDC", amount)).await.unwrap();
        ids.push((id, wallet["address"].clone()));
    }
    let address = &ids[0].1;
    assert_eq!(address, &ids[1].1);
    let path = format!("/v1/wallets/crypto/address/{}", address.as_str().unwrap());
    let (on_ethereum, on_base) =
        (held(address, "ethereum", "1", "1000000"), held(address, "base", "2", "2000000"));
    let shown = desk.ok("GET", &path, Value::Null).await;
    assert_eq!(shown["data"], json!([on_ethereum, on_base]));
    keeper.remove(&ids[0].0).await.unwrap();
    assert_eq!(desk.ok("GET", &path, Value::Null).await["data"], json!([on_base]));
    keeper.remove(&ids[1].0).await.unwrap();
    assert_eq!(desk.get(&path).await.0, 404);
}

async fn what_stands_at_an_address_is_what_the_wallet_holds_on_the_network(town: Town) {
    let desk = town.desk("fossapay");
    let made = desk.ok("POST", "/api/v1/customers", json!({"name": "A", "email": "a@mail.example"})).await;
    let body = json!({"network": "ethereum", "customerId": made["id"]});
    let wallet = desk.ok("POST", "/v1/wallets/crypto/create", body).await["data"].clone();
    let id = wallet["walletId"].as_str().unwrap();
    let mut keeper = town.purse.keeper.clone();
    keeper.record(deposit(id, "ethereum", "USDC", "3")).await.unwrap();
    let second = json!(keeper.next_address(id, "ethereum").await.unwrap().address);
    let path = format!("/v1/wallets/crypto/address/{}", second.as_str().unwrap());
    let shown = desk.ok("GET", &path, Value::Null).await;
    assert_eq!(shown["data"], json!([held(&second, "ethereum", "3", "3000000")]));
    // Where both are shown, it adds up.
    let both = desk.ok("GET", &format!("/v1/wallets/crypto/{id}"), Value::Null).await;
    let first = held(&wallet["address"], "ethereum", "3", "3000000");
    assert_eq!(both["data"], json!([first, held(&second, "ethereum", "0", "0")]));
}

async fn what_happened_in_a_wallet_leaves_with_it(town: Town) {
    let desk = town.desk("fossapay");
    let made = desk.ok("POST", "/api/v1/customers", json!({"name": "A", "email": "a@mail.example"})).await;
    let body = json!({"network": "ethereum", "customerId": made["id"]});
    let wallet = desk.ok("POST", "/v1/wallets/crypto/create", body).await["data"].clone();
    let id = wallet["walletId"].as_str().unwrap();
    let mut keeper = town.purse.keeper.clone();
    let recorded = keeper.record(deposit(id, "ethereum", "USDC", "3")).await.unwrap();
    let path = format!("/v1/wallets/crypto/transactions/{}", recorded.id);
    desk.ok("GET", &path, Value::Null).await;
    keeper.remove(id).await.unwrap();
    assert_eq!(desk.get(&path).await.0, 404);
}

async fn wallets_are_found_under_both_prefixes(town: Town) {
    let desk = town.desk("fossapay");
    let made = desk.ok("POST", "/api/v1/customers", json!({"name": "A", "email": "a@mail.example"})).await;
    let body = json!({"network": "ethereum", "customerId": made["id"]});
    let wallet = desk.ok("POST", "/api/v1/wallets/crypto/create", body).await["data"].clone();
    let (id, address) = (wallet["walletId"].as_str().unwrap(), wallet["address"].as_str().unwrap());
    let recorded = town.purse.keeper.clone().record(deposit(id, "ethereum", "USDC", "3")).await.unwrap();
    for path in [
        format!("/{id}"),
        format!("/address/{address}"),
        format!("/{id}/transactions"),
        format!("/transactions/{}", recorded.id),
    ] {
        let one = desk.ok("GET", &format!("/v1/wallets/crypto{path}"), Value::Null).await;
        let other = desk.ok("GET", &format!("/api/v1/wallets/crypto{path}"), Value::Null).await;
        assert_eq!((&one["statusCode"], &one), (&json!(200), &other), "{path}");
    }
}
