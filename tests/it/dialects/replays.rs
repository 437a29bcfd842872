//! A request that is repeated has its first answer, in every dialect, whatever happened in between.

use purser::api::TransactionType;
use purser::domain::{CustomerId, WalletId};
use serde_json::{Value, json};

use super::everywhere::is_in_shape;
use super::{Desk, Town, juicy, makers, trxn};
use crate::harness::on_each_database;
use crate::wallets_wire::booked;

on_each_database!(Town:
    whoever_is_made_once_is_made_once,
    what_fossapay_is_asked_twice_is_done_once,
    what_paylias_is_asked_twice_is_done_once,
    what_noderails_is_asked_twice_is_done_once,
    what_trxn_is_asked_twice_is_done_once,
    what_trxn_is_asked_twice_of_claims_is_done_once,
    what_juicyway_is_asked_twice_is_done_once,
);

/// A call: in which words, how, where, and what is sent.
type Call<'a> = (&'static str, &'a str, &'a str, Value);

/// Whoever makes the call that was made before.
fn again(town: &Town, face: &'static str, method: &str, path: &str) -> Desk {
    town.desk(face).with(Desk::once(face), &format!("{face} {method} {path}"))
}

/// Makes a call by an id of its own, lets something happen, and makes it again: it is answered the same. The id is for nothing
/// else. Answers what it was answered with.
async fn twice(town: &Town, call: Call<'_>, between: &[Call<'_>], other: (&str, Value)) -> Value {
    let (face, method, path, body) = call;
    let desk = again(town, face, method, path);
    let sent = |body: &Value| if body.is_null() { String::new() } else { body.to_string() };
    let first = desk.raw(method, path, &sent(&body)).await;
    assert!(first.status.is_success(), "{face} {method} {path}: {first:?}");
    for (face, method, path, body) in between {
        town.desk(face).ok(method, path, body.clone()).await;
    }
    let second = desk.raw(method, path, &sent(&body)).await;
    assert_eq!((first.status, &first.body), (second.status, &second.body), "{face} {method} {path}");
    let refused = desk.raw(method, other.0, &sent(&other.1)).await;
    assert_eq!(refused.status, 400, "{face} {method} {}: {refused:?}", other.0);
    assert!(is_in_shape(face, &refused), "{refused:?}");
    if first.body.is_empty() { Value::Null } else { first.value() }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// A customer whom every dialect knows, by their id and as a UUID.
async fn customer(town: &Town, alias: &str) -> (String, String) {
    let made = town.desk("juicyway").ok("POST", "/customers", juicy(&format!("{alias}@mail.example"))).await;
    let uuid = text(&made["data"]["id"]).to_owned();
    let id = CustomerId::of_either_form(&uuid).unwrap().to_string();
    let path = format!("/v1/customers/{id}?updateMask=paymentAddress");
    town.desk("canonical").ok("PATCH", &path, json!({"paymentAddress": format!("{alias}@acme")})).await;
    (id, uuid)
}

async fn whoever_is_made_once_is_made_once(town: Town) {
    for (face, path, body) in makers() {
        let mut other = body.clone();
        let field = if matches!(face, "noderails" | "fossapay") { "name" } else { "first_name" };
        other[field] = json!("Other");
        let made = twice(&town, (face, "POST", path, body.clone()), &[], (path, other)).await;
        // Whatever became of them since.
        let id = match face {
            "paylias" => text(&made["data"]["token"]),
            "fossapay" | "trxn" => text(&made["id"]),
            _ => text(&made["data"]["id"]),
        };
        let id = CustomerId::of_either_form(id).unwrap().to_string();
        let own = format!("/v1/customers/{id}");
        let change = json!({"firstName": "New", "name": "New", "metadata": {"n": 1}});
        let canonical = town.desk("canonical");
        canonical.ok("PATCH", &format!("{own}?updateMask=firstName,name,metadata"), change).await;
        let desk = again(&town, face, "POST", path);
        assert_eq!(desk.raw("POST", path, &body.to_string()).await.value(), made, "{face}");
        canonical.ok("DELETE", &own, Value::Null).await;
        assert_eq!(desk.raw("POST", path, &body.to_string()).await.value(), made, "{face}");
        // An id that is too long is none; and without one it is another request.
        let long = town.desk(face).with(Desk::once(face), &"x".repeat(256));
        let long = long.raw("POST", path, &body.to_string()).await;
        assert!(long.status == 400 && is_in_shape(face, &long), "{face}: {long:?}");
        canonical.ok("POST", &format!("{own}:restore"), json!({})).await;
        let without = town.desk(face).raw("POST", path, &body.to_string()).await;
        let taken = if face == "trxn" { 422 } else { 409 };
        assert_eq!(without.status, taken, "{face}: {without:?}");
        assert!(is_in_shape(face, &without));
    }
}

async fn what_fossapay_is_asked_twice_is_done_once(town: Town) {
    let (id, _) = customer(&town, "ada").await;
    let path = "/v1/wallets/crypto/create";
    let on = |network: &str| json!({"network": network, "customerId": id});
    let made = twice(&town, ("fossapay", "POST", path, on("ethereum")), &[], (path, on("base"))).await;
    let wallet = text(&made["data"]["walletId"]).to_owned();
    town.purse.keeper.clone().next_address(&wallet, "ethereum").await.unwrap();
    town.purse.keeper.clone().remove(&wallet).await.unwrap();
    let desk = again(&town, "fossapay", "POST", path);
    assert_eq!(desk.ok("POST", path, on("ethereum")).await, made);
    // Under the other prefix it is the same request.
    assert_eq!(desk.ok("POST", "/api/v1/wallets/crypto/create", on("ethereum")).await, made);
}

async fn what_paylias_is_asked_twice_is_done_once(town: Town) {
    let (id, _) = customer(&town, "ada").await;
    customer(&town, "bob").await;
    let path = "/csp/api/v1/csp/customer/ada@acme";
    let other = "/csp/api/v1/csp/customer/bob@acme";
    let named = |nick: &str| json!({"nick_name": nick});
    let between = [("paylias", "PATCH", path, named("later"))];
    twice(&town, ("paylias", "PATCH", path, named("first")), &between, (path, named("other"))).await;
    let now = town.desk("paylias").ok("GET", path, Value::Null).await;
    assert_eq!(now["data"]["nick_name"], "later");
    let restore = format!("/v1/customers/{id}:restore");
    let between = [("canonical", "POST", restore.as_str(), json!({}))];
    twice(&town, ("paylias", "DELETE", path, Value::Null), &between, (other, Value::Null)).await;
    town.desk("paylias").ok("GET", path, Value::Null).await;
    town.desk("paylias").ok("GET", other, Value::Null).await;
}

async fn what_noderails_is_asked_twice_is_done_once(town: Town) {
    let (id, uuid) = customer(&town, "ada").await;
    let path = format!("/customers/{uuid}");
    let wallets = format!("{path}/wallets");
    let link = |address: &str| json!({"walletAddress": address, "chainId": 1});
    let (first, second) =
        ("0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "0x52908400098527886E0F7030069857D2E4169EE7");
    let call = ("noderails", "POST", wallets.as_str(), link(first));
    let between = [("noderails", "PUT", path.as_str(), json!({"city": "X"}))];
    let linked = twice(&town, call.clone(), &between, (&wallets, link(second))).await;
    let wallet = text(&linked["data"]["id"]).to_owned();
    let call_update = ("noderails", "PUT", path.as_str(), json!({"name": "First"}));
    let between = [
        ("noderails", "POST", wallets.as_str(), link(second)),
        ("noderails", "PUT", path.as_str(), json!({"name": "Later"})),
    ];
    twice(&town, call_update, &between, (&path, json!({"name": "Other"}))).await;
    let own = format!("{wallets}/{wallet}");
    let others: Value = town.desk("noderails").ok("GET", &path, Value::Null).await["data"]["wallets"].clone();
    let other = others.as_array().unwrap().iter().find(|it| it["id"] != json!(wallet)).unwrap();
    let other = format!("{wallets}/{}", text(&other["id"]));
    let between = [("noderails", "POST", wallets.as_str(), link(first))];
    twice(&town, ("noderails", "DELETE", &own, Value::Null), &between, (&other, Value::Null)).await;
    // It is linked again, as another wallet; and what linked it first has its first answer still.
    let desk = again(&town, "noderails", "POST", &wallets);
    assert_eq!(desk.ok("POST", &wallets, link(first)).await, linked);
    let own = format!("/v1/customers/{id}");
    let shown = town.desk("canonical").ok("GET", &own, Value::Null).await;
    assert_eq!(shown["customer"]["name"], "Later");
}

async fn what_trxn_is_asked_twice_is_done_once(town: Town) {
    let desk = town.desk("trxn");
    let ada = desk.ok("POST", "/v1/customers", json!({"email": "ada@mail.example"})).await;
    let bob = desk.ok("POST", "/v1/customers", json!({"email": "bob@mail.example"})).await;
    let path = format!("/v1/customers/{}", text(&ada["id"]));
    let named = |name: &str| json!({"first_name": name});
    let between = [("trxn", "PATCH", path.as_str(), named("Later"))];
    twice(&town, ("trxn", "PATCH", &path, named("First")), &between, (&path, named("Other"))).await;
    let wallets = desk.ok("GET", "/v1/wallets", Value::Null).await;
    let wallet =
        wallets["wallets"].as_array().unwrap().iter().find(|it| it["owner_id"] == ada["id"]).unwrap();
    let body = |coin: &str| json!({"wallet_id": wallet["id"], "currency": coin});
    let between = [("trxn", "POST", "/v1/crypto_addresses", body("ETH"))];
    let call = ("trxn", "POST", "/v1/crypto_addresses", body("ETH"));
    twice(&town, call, &between, ("/v1/crypto_addresses", body("BTC"))).await;
    let other = format!("/v1/customers/{}", text(&bob["id"]));
    let between = [("trxn", "POST", "/v1/customers", json!({"email": "ada@mail.example"}))];
    twice(&town, ("trxn", "DELETE", &path, Value::Null), &between, (&other, Value::Null)).await;
    desk.ok("GET", &other, Value::Null).await;
}

async fn what_trxn_is_asked_twice_of_claims_is_done_once(town: Town) {
    let desk = town.desk("trxn");
    let ada = desk.ok("POST", "/v1/customers", json!({"email": "ada@mail.example"})).await;
    let body = |note: &str| json!({"customer_id": ada["id"], "max_uses": 2, "metadata": note});
    let path = "/v1/payment_claim_links";
    let link = twice(&town, ("trxn", "POST", path, body("one")), &[], (path, body("two"))).await;
    let mut claims = Vec::new();
    for byte in ["01", "02"] {
        let claim = trxn::submitted(&town, text(&link["link"]), &format!("0x{}", byte.repeat(32))).await;
        claims.push(format!("/v1/crypto_payment_claims/{claim}"));
    }
    // The link is used up by now, and was not when it was made.
    let making = again(&town, "trxn", "POST", path);
    assert_eq!(making.ok("POST", path, body("one")).await, link);
    let (approve, reject) = (format!("{}/approve", claims[0]), format!("{}/reject", claims[1]));
    let other = format!("{}/approve", claims[1]);
    let wallets = desk.ok("GET", "/v1/wallets", Value::Null).await;
    let removal = format!("/v1/wallets/{}", text(&wallets["wallets"][0]["id"]));
    twice(&town, ("trxn", "POST", &approve, Value::Null), &[], (&other, Value::Null)).await;
    let why = |reason: &str| json!({"reason": reason});
    let between = [("canonical", "DELETE", removal.as_str(), Value::Null)];
    twice(&town, ("trxn", "POST", &reject, why("no")), &between, (&reject, why("other"))).await;
    let approved = again(&town, "trxn", "POST", &approve).raw("POST", &approve, "").await;
    assert_eq!(approved.value(), desk.ok("GET", &claims[0], Value::Null).await);
}

async fn what_juicyway_is_asked_twice_is_done_once(town: Town) {
    let (_, uuid) = customer(&town, "ada").await;
    let (_, bob) = customer(&town, "bob").await;
    let path = format!("/customers/{uuid}");
    let named = |name: &str| json!({"first_name": name});
    let between = [("juicyway", "PATCH", path.as_str(), named("Later"))];
    twice(&town, ("juicyway", "PATCH", &path, named("First")), &between, (&path, named("Other"))).await;
    let body = |currency: &str| json!({"customer_id": uuid, "currency": currency});
    let made =
        twice(&town, ("juicyway", "POST", "/wallets", body("USD")), &[], ("/wallets", body("EUR"))).await;
    let id = text(&made["data"]["id"]);
    let own = WalletId::of_either_form(id).unwrap().to_string();
    let mut keeper = town.purse.keeper.clone();
    keeper.record(booked(TransactionType::Credit, &own, "5")).await.unwrap();
    let making = again(&town, "juicyway", "POST", "/wallets");
    assert_eq!(making.ok("POST", "/wallets", body("USD")).await, made);

    let methods = format!("/wallets/{id}/payment-method");
    let bank = |number: &str| json!({"type": "bank_account", "account_name": "A", "account_number": number});
    let status = format!("/wallets/{id}/status");
    let to = |status: &str| json!({"status": status});
    let earlier = town.desk("juicyway").ok("POST", &methods, bank("0")).await;
    let gone = text(&earlier["data"]["payment_methods"][0]["id"]).to_owned();
    let gone = purser::domain::PaymentMethodId::of_either_form(&gone).unwrap();
    let removal = format!("/v1/paymentMethods/{gone}");
    let between = [
        ("juicyway", "POST", methods.as_str(), bank("2")),
        ("canonical", "DELETE", removal.as_str(), Value::Null),
    ];
    let added =
        twice(&town, ("juicyway", "POST", &methods, bank("1")), &between, (&methods, bank("3"))).await;
    assert_eq!(added["data"]["payment_methods"].as_array().unwrap().len(), 2);
    let between = [("juicyway", "PATCH", status.as_str(), to("active"))];
    let frozen =
        twice(&town, ("juicyway", "PATCH", &status, to("frozen")), &between, (&status, to("deleted"))).await;
    assert_eq!(frozen["data"]["balance"]["amount"], 5);
    // What it holds now is not what it held then.
    keeper.record(booked(TransactionType::Debit, &own, "1.5")).await.unwrap();
    for (method, path, body, first) in
        [("PATCH", &status, to("frozen"), &frozen), ("POST", &methods, bank("1"), &added)]
    {
        let desk = again(&town, "juicyway", method, path);
        assert_eq!(&desk.ok(method, path, body).await, first, "{path}");
    }
    let other = format!("/customers/{bob}");
    twice(&town, ("juicyway", "DELETE", &path, Value::Null), &[], (&other, Value::Null)).await;
    town.desk("juicyway").ok("GET", &other, Value::Null).await;
}
