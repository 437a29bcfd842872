//! The documents: each of their curl lines, run as it stands, is answered in the shape they show.

use std::collections::BTreeSet;
use std::sync::Mutex;

use purser::api::TransactionType;
use purser::domain::CustomerId;
use serde_json::{Value, json};

use super::Town;
use super::scripts::{Places, documented, steps};
use super::shapes::differences;
use crate::harness::{On, on_each_database};
use crate::wallets_wire::{booked, deposit};

/// The database that a document's town is to be on.
struct Named(On);

impl Named {
    async fn new(on: On) -> Self {
        Self(on)
    }
}

on_each_database!(Named: fossapay, paylias, noderails, trxn, juicyway);

/// A document's script, and what is put into it.
struct Run {
    town: Town,
    document: &'static str,
    places: Places,
    ran: Mutex<BTreeSet<String>>,
}

impl Run {
    async fn new(on: On, document: &'static str, host: &str) -> Self {
        let town = Town::new(on).await;
        let mut places = Places::default();
        places.put(host, &format!("http://{}/{document}", town.http));
        Self { town, document, places, ran: Mutex::default() }
    }

    /// Runs a step of the script. Its answer is to have the shape that the document shows after the same curl line.
    async fn step(&self, name: &str) -> Value {
        let step = steps(self.document).into_iter().find(|it| it.name == name).unwrap();
        self.ran.lock().unwrap().insert(name.to_owned());
        let (answer, _) = self.places.run(&step).await;
        let shown = documented(self.document).into_iter().find(|it| it.0 == step.command);
        if let Some((_, Some(shown))) = shown {
            assert_eq!(differences(self.document, &shown, &answer), Vec::<String>::new(), "{name}: {answer}");
        }
        answer
    }

    /// Every step of the script has been run.
    fn end(self) {
        let all: BTreeSet<_> = steps(self.document).into_iter().map(|it| it.name).collect();
        assert_eq!(self.ran.into_inner().unwrap(), all);
    }

    /// The same with the shape given.
    async fn shaped(&self, name: &str, shown: &Value) -> Value {
        let answer = self.step(name).await;
        assert_eq!(differences(self.document, shown, &answer), Vec::<String>::new(), "{name}: {answer}");
        answer
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

async fn fossapay(Named(on): Named) {
    let mut run = Run::new(on, "fossapay", "https://api-production.fossapay.com").await;
    run.places.put("YOUR_API_KEY", &run.town.tenant().key);
    let made = run.step("create_a_customer").await;
    assert_eq!(made["email"], "john.doe@example.com");
    let id = text(&made["id"]);
    run.places.put("cust_123456789", id);
    run.places.put(
        "550e8400-e29b-41d4-a716-446655440000",
        &id.parse::<CustomerId>().unwrap().as_uuid().to_string(),
    );
    assert_eq!(run.step("get_all_customers").await, json!([made]));
    assert_eq!(run.step("get_a_customer").await, made);
    let wallet = run.step("create_a_crypto_wallet").await;
    let (wallet_id, address) = (text(&wallet["data"]["walletId"]), text(&wallet["data"]["address"]));
    run.places.put("user:u3d", wallet_id);
    run.places.put("YcnysYh3Y***PxkazFyiTx76Upv12iP4sNGeHA2H4z2", address);
    let shown = run.step("get_a_crypto_wallet_by_id").await;
    assert_eq!(run.step("get_a_crypto_wallet_by_address").await, shown);
    let mut keeper = run.town.purse.keeper.clone();
    keeper.record(deposit(wallet_id, "solana", "USDC", "10")).await.unwrap();
    let list = run.step("get_transactions_of_a_crypto_wallet").await;
    let first = &list["data"]["transactions"][0];
    run.places.put("85503565-cb04-4ba7-abfb-b75193553086", text(&first["id"]));
    assert_eq!(run.step("get_a_single_transaction").await["data"], *first);
    let after = run.step("get_a_crypto_wallet_by_id").await;
    assert_eq!(after["data"][0]["tokens"]["usdc"], json!({"amount": "10", "rawAmount": "10000000"}));
    run.end();
}

async fn paylias(Named(on): Named) {
    let mut run = Run::new(on, "paylias", "https://production.oysterapi.net").await;
    let settings = purser::domain::DomainSettings::default();
    let environment = purser::domain::Environment::Sandbox;
    let tenant = run.town.purse.acme.server.tenant_with("safepay-platinum", environment, settings).await;
    run.places.put("org_ct239n420or249k5bo90", &tenant.organization.id.to_string());
    run.places.put("part_ct23b6420or249k5boag", &tenant.domain.id.to_string());
    run.places.put("<api_key>", &tenant.key);
    let made = run.step("create_a_customer").await;
    assert_eq!(made["data"]["partner_id"], tenant.domain.id.to_string());
    let updated = run.step("update_a_customer").await;
    assert_eq!(
        (&updated["data"]["nick_name"], &updated["data"]["middle_name"]),
        (&json!("ziyadparekh"), &json!("Zubair"))
    );
    assert_eq!(run.step("retrieve_a_customer").await, updated);
    assert_eq!(run.step("find_customers").await["data"], json!({"count": 1, "customers": [updated["data"]]}));
    assert_eq!(run.step("resolve_a_customer").await, updated);
    assert_eq!(run.step("delete_a_customer").await, json!({"ok": true}));
    run.end();
}

/// The fields that the document of `NodeRails` names, as it types them.
fn rails_customer() -> Value {
    json!({
        "id": UUID, "appId": UUID, "externalId": null, "email": null, "name": null, "address": null, "city": null,
        "state": null, "country": null, "postalCode": null, "metadata": {"plan": "x"}, "createdAt": MILLIS,
        "updatedAt": MILLIS, "wallets": [rails_wallet()]
    })
}

fn rails_wallet() -> Value {
    json!({
        "id": UUID, "customerAccountId": UUID, "chainId": 1, "walletAddress": "0x", "hasActiveAuthorization": true,
        "authorizationType": null, "authorizationTxHash": null, "authorizedAt": null, "createdAt": MILLIS,
        "updatedAt": MILLIS
    })
}

const UUID: &str = "9495d974-4807-4c44-bd01-f5a69283aecc";
const MILLIS: &str = "2023-01-01T00:00:00.000Z";
const SECONDS: &str = "2023-01-01T00:00:00Z";

fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

async fn noderails(Named(on): Named) {
    let mut run = Run::new(on, "noderails", "https://api.noderails.com").await;
    run.places.put("YOUR_API_KEY", &run.town.tenant().key);
    run.places.put("YOUR_APP_ID", &run.town.tenant().domain.id.as_uuid().to_string());
    let in_data = |it: Value| json!({"success": true, "data": it});
    let created = run.shaped("create", &in_data(with(rails_customer(), json!({"wallets": []})))).await;
    let id = text(&created["data"]["id"]).to_owned();
    run.places.put("CUSTOMER_ID", &id);
    let chain = json!({"chainId": 1, "name": "Ethereum"});
    let added =
        json!({"id": UUID, "customerAccountId": UUID, "chainId": 1, "walletAddress": "0x", "chain": chain});
    let added = run.shaped("add_wallet", &in_data(added)).await;
    assert_eq!(added["data"]["walletAddress"], "0xd8da6bf26964af9d7eed9e03e53415d37aa96045");
    run.places.put("WALLET_ID", text(&added["data"]["id"]));
    let customer: CustomerId = CustomerId::of_either_form(&id).unwrap();
    for (method, noun, more) in [
        ("UpsertPaymentIntent", "payment_intent", json!({"amount": "9.5"})),
        ("UpsertInvoice", "invoice", json!({"total": "9.5"})),
    ] {
        let record = json!({"customer_id": customer.to_string(), "external_id": "e-1", "status": "OPEN", "currency": "EUR"});
        run.town.purse.keeper.say(method, &json!({noun: with(record, more)})).await;
    }
    let app = json!({"id": UUID, "name": "x", "organizationId": UUID, "environment": "x", "status": "x", "createdAt": MILLIS});
    let intent = json!({"id": UUID, "status": "x", "amount": "x", "currency": "x", "cryptoAmount": null,
        "cryptoTokenKey": null, "authorizationChainId": null, "createdAt": MILLIS, "capturedAt": null});
    let invoice = json!({"id": UUID, "invoiceNumber": null, "status": "x", "total": "x", "currency": "x",
        "dueDate": null, "paidAt": null, "createdAt": MILLIS});
    let more = json!({"app": app, "wallets": [with(rails_wallet(), json!({"chain": chain}))],
        "paymentIntents": [intent], "invoices": [invoice]});
    run.shaped("retrieve", &in_data(with(rails_customer(), more))).await;
    let updated = run.shaped("update", &in_data(rails_customer())).await;
    assert_eq!(
        (&updated["data"]["name"], &updated["data"]["city"]),
        (&json!("Robert"), &json!("Springfield"))
    );
    let count = json!({"paymentIntents": 1, "subscriptions": 0, "invoices": 1});
    let listed = json!({"success": true, "data": [with(rails_customer(), json!({"_count": count}))],
        "pagination": {"total": 1, "page": 1, "pageSize": 50, "totalPages": 1}});
    let list = run.shaped("list", &listed).await;
    assert_eq!((&list["data"][0]["_count"], &list["pagination"]), (&count, &listed["pagination"]));
    assert_eq!(run.step("remove_wallet").await, Value::Null);
    run.end();
}

async fn trxn(Named(on): Named) {
    let mut run = Run::new(on, "trxn", "https://api.gettrxn.com").await;
    run.places.put("$TRXN_TOKEN", &run.town.tenant().key);
    run.places.put("[email protected]", "New@Mail.example");
    let made = run.step("create_a_customer").await;
    assert_eq!(made["email"], "new@mail.example");
    run.places.put("cust_abc123def456", text(&made["id"]));
    assert_eq!(run.step("get_a_customer").await, made);
    let list = run.step("list_customers").await;
    assert_eq!(list, json!({"customers": [made], "pagination": {"page": 1, "pages": 1, "count": 1}}));
    run.places.put("[email protected]", "updated@mail.example");
    let updated = run.step("update_a_customer").await;
    assert_eq!((&updated["first_name"], &updated["last_name"]), (&json!("Updated"), &json!("Customer")));
    assert_eq!(run.step("delete_a_customer").await, Value::Null);
    run.places.put("[email protected]", "john@mail.example");
    let integrated = run.step("integrate_a_customer").await;
    run.places.put("cust_abc123def456", text(&integrated["id"]));
    let link = json!({"id": "x", "object": "payment_claim_link", "metadata": null, "status": "active", "customer_id": "cust_x", "link": "x",
        "expires_at": SECONDS, "max_uses": 1, "use_count": 0, "usable": true, "expired": false, "created_at": SECONDS});
    assert_eq!(run.shaped("integrate_a_claim_link", &link).await["customer_id"], integrated["id"]);
    run.end();
}

async fn juicyway(Named(on): Named) {
    let mut run = Run::new(on, "juicyway", "https://api.spendjuice.com").await;
    run.places.put("YOUR_API_KEY", &run.town.tenant().key);
    let in_data = |it: Value| json!({"data": it});
    let made = json!({"id": UUID, "status": "active", "created_at": SECONDS});
    let created = run.shaped("create_a_customer", &in_data(made.clone())).await;
    run.places.put("CUSTOMER_ID", text(&created["data"]["id"]));
    let address =
        json!({"line1": "x", "line2": "x", "city": "x", "state": "x", "zip_code": "x", "country": "NG"});
    let whole = with(
        made,
        json!({"first_name": "x", "last_name": "x", "email": "x", "phone": "x",
        "type": "individual", "billing_address": address, "updated_at": SECONDS}),
    );
    let got = run.shaped("get_a_customer", &in_data(whole.clone())).await;
    let listed = json!({"data": [whole], "pagination": {"after": null, "before": null, "limit": 10}});
    assert_eq!(run.shaped("list_customers", &listed).await["data"], json!([got["data"]]));
    let updated = run.shaped("update_a_customer", &in_data(whole)).await;
    assert_eq!(updated["data"]["billing_address"]["line1"], "2 Broad Street");
    assert_eq!(updated["data"]["billing_address"]["city"], "Lagos");
    let wallet = json!({"id": UUID, "account_id": UUID, "customer_id": UUID, "balance": {"amount": 0.5, "currency": "NGN"},
        "status": "active"});
    let made = run.shaped("create_a_wallet", &in_data(wallet.clone())).await;
    assert_eq!(made["data"]["balance"], json!({"amount": 0, "currency": "NGN"}));
    let id = purser::domain::WalletId::of_either_form(text(&made["data"]["id"])).unwrap();
    run.places.put("WALLET_ID", text(&made["data"]["id"]));
    let mut keeper = run.town.purse.keeper.clone();
    keeper.record(booked(TransactionType::Credit, &id.to_string(), "1500.5")).await.unwrap();
    let got = run.shaped("get_a_wallet", &in_data(wallet.clone())).await;
    assert_eq!(got["data"]["balance"], json!({"amount": 1500.5, "currency": "NGN"}));
    let method = json!({"id": UUID, "type": "bank_account", "account_name": "x", "account_number": "x",
        "account_type": null, "bank_name": "x", "bank_code": "x"});
    run.shaped("add_a_payment_method", &in_data(with(wallet.clone(), json!({"payment_methods": [method]}))))
        .await;
    let moved = json!({"id": UUID, "wallet_id": UUID, "customer_id": UUID, "type": "credit", "amount": 1500.5,
        "currency": "NGN", "status": "confirmed", "reference": "x", "description": null, "created_at": SECONDS});
    let listed = json!({"data": [moved], "pagination": {"after": null, "before": null, "limit": 15}});
    let list = run.shaped("list_transactions", &listed).await;
    run.places.put("TRANSACTION_ID", text(&list["data"][0]["id"]));
    assert_eq!(run.shaped("get_a_transaction", &in_data(moved)).await["data"], list["data"][0]);
    let frozen = run.shaped("set_the_status_of_a_wallet", &in_data(wallet)).await;
    assert_eq!(frozen["data"]["status"], "frozen");
    assert_eq!(run.step("delete_a_customer").await, Value::Null);
    run.end();
}

#[test]
fn every_curl_line_of_a_document_is_in_its_script_as_it_stands() {
    for (document, count) in [("fossapay", 8), ("paylias", 6), ("noderails", 0), ("trxn", 7), ("juicyway", 0)]
    {
        let (lines, steps) = (documented(document), steps(document));
        assert_eq!(lines.len(), count, "{document}");
        for (line, _) in lines {
            assert!(steps.iter().any(|it| it.command == line), "{document}: {line}");
        }
    }
}
