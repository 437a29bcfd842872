//! What another tenant has looks exactly like what nobody has, in every dialect, whatever is asked about it.

use purser::api::TransactionType;
use purser::domain::{CustomerId, TransactionId, WalletId};
use serde_json::{Value, json};

use super::everywhere::is_in_shape;
use super::{Desk, Town, juicy};
use crate::harness::on_each_database;
use crate::rest::client::Answer;
use crate::wallets_wire::{booked, deposit};

on_each_database!(Town:
    what_another_tenant_has_looks_like_what_nobody_has,
    what_another_tenant_has_is_in_no_list,
);

/// What a tenant has, by the names that the calls below have for it.
pub struct Things(Vec<(&'static str, String)>);

impl Things {
    /// A call about these.
    pub fn put(&self, template: &str) -> String {
        self.0.iter().fold(template.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }

    /// The same of which there is none: each differs from what there is in its end.
    fn of_nobody(&self) -> Self {
        let other = |name: &str, id: &str| match name {
            "alias" => "nobody@acme".to_owned(),
            "address" => "0x52908400098527886E0F7030069857D2E4169EE7".to_owned(),
            _ => {
                let (rest, end) = id.split_at(id.len() - 4);
                format!("{rest}{}", if end == "0000" { "1111" } else { "0000" })
            }
        };
        Self(self.0.iter().map(|(name, id)| (*name, other(name, id))).collect())
    }

    /// The same with ids as UUIDs.
    fn as_uuids(&self) -> Self {
        let plain = |name: &str, id: &str| match name {
            "customer" => CustomerId::of_either_form(id).unwrap().as_uuid().to_string(),
            "wallet" | "ledger" => WalletId::of_either_form(id).unwrap().as_uuid().to_string(),
            "transaction" | "booked" => TransactionId::of_either_form(id).unwrap().as_uuid().to_string(),
            _ => id.to_owned(),
        };
        Self(self.0.iter().map(|(name, id)| (*name, plain(name, id))).collect())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// One of everything.
pub async fn things(town: &Town) -> Things {
    let juicyway = town.desk("juicyway");
    let trxn = town.desk("trxn");
    let made = juicyway.ok("POST", "/customers", juicy("ada@mail.example")).await;
    let uuid = text(&made["data"]["id"]);
    let customer = CustomerId::of_either_form(&uuid).unwrap().to_string();
    let alias = json!({"paymentAddress": "ada@acme"});
    town.desk("canonical")
        .ok("PATCH", &format!("/v1/customers/{customer}?updateMask=paymentAddress"), alias)
        .await;
    let wallet = json!({"network": "sepolia", "customerId": customer});
    let wallet = town.desk("fossapay").ok("POST", "/v1/wallets/crypto/create", wallet).await["data"].clone();
    let (wallet, address) = (text(&wallet["walletId"]), text(&wallet["address"]));
    let link = json!({"walletAddress": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "chainId": 1});
    let linked = town.desk("noderails").ok("POST", &format!("/customers/{uuid}/wallets"), link).await;
    let ledger = juicyway.ok("POST", "/wallets", json!({"customer_id": uuid, "currency": "USD"})).await;
    let ledger = text(&ledger["data"]["id"]);
    let own = WalletId::of_either_form(&ledger).unwrap().to_string();
    let mut keeper = town.purse.keeper.clone();
    let transaction = keeper.record(deposit(&wallet, "sepolia", "ETH", "1")).await.unwrap().id;
    let booked = keeper.record(booked(TransactionType::Credit, &own, "5")).await.unwrap().id;
    let body = json!({"wallet_id": wallet, "currency": "ETH"});
    let crypto_address = trxn.ok("POST", "/v1/crypto_addresses", body).await;
    let body = json!({"customer_id": customer, "max_uses": 2});
    let link = trxn.ok("POST", "/v1/payment_claim_links", body).await;
    let claim =
        super::trxn::submitted(town, link["link"].as_str().unwrap(), &format!("0x{}", "01".repeat(32))).await;
    Things(vec![
        ("customer", customer),
        ("alias", "ada@acme".to_owned()),
        ("wallet", wallet),
        ("address", address),
        ("linked", text(&linked["data"]["id"])),
        ("ledger", ledger),
        ("transaction", transaction),
        ("booked", booked),
        ("crypto_address", text(&crypto_address["id"])),
        ("link", text(&link["id"])),
        ("claim", claim),
    ])
}

/// Every call about something that is named, and what it sends.
pub fn calls() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let paylias = "/csp/api/v1/csp/customer/{alias}";
    let link = json!({"walletAddress": "0x52908400098527886E0F7030069857D2E4169EE7", "chainId": 1});
    let bank = json!({"type": "bank_account", "account_name": "A", "account_number": "1"});
    let none = Value::Null;
    vec![
        ("fossapay", "GET", "/api/v1/customers/{customer}", none.clone()),
        (
            "fossapay",
            "POST",
            "/v1/wallets/crypto/create",
            json!({"network": "base", "customerId": "{customer}"}),
        ),
        (
            "fossapay",
            "POST",
            "/api/v1/wallets/crypto/create",
            json!({"network": "base", "customerId": "{customer}"}),
        ),
        ("fossapay", "GET", "/v1/wallets/crypto/{wallet}", none.clone()),
        ("fossapay", "GET", "/api/v1/wallets/crypto/{wallet}", none.clone()),
        ("fossapay", "GET", "/v1/wallets/crypto/address/{address}", none.clone()),
        ("fossapay", "GET", "/v1/wallets/crypto/{wallet}/transactions", none.clone()),
        ("fossapay", "GET", "/v1/wallets/crypto/transactions/{transaction}", none.clone()),
        ("paylias", "GET", paylias, none.clone()),
        ("paylias", "PATCH", paylias, json!({"nick_name": "x"})),
        ("paylias", "DELETE", paylias, none.clone()),
        ("paylias", "GET", "/api/v1/csp/customer/{alias}", none.clone()),
        ("noderails", "GET", "/customers/{customer}", none.clone()),
        ("noderails", "PUT", "/customers/{customer}", json!({"name": "x"})),
        ("noderails", "POST", "/customers/{customer}/wallets", link),
        ("noderails", "DELETE", "/customers/{customer}/wallets/{linked}", none.clone()),
        ("trxn", "GET", "/v1/customers/{customer}", none.clone()),
        ("trxn", "PATCH", "/v1/customers/{customer}", json!({"first_name": "x"})),
        ("trxn", "DELETE", "/v1/customers/{customer}", none.clone()),
        ("trxn", "GET", "/v1/wallets/{wallet}", none.clone()),
        ("trxn", "POST", "/v1/crypto_addresses", json!({"wallet_id": "{wallet}", "currency": "ETH"})),
        ("trxn", "GET", "/v1/crypto_addresses/{crypto_address}", none.clone()),
        ("trxn", "POST", "/v1/payment_claim_links", json!({"customer_id": "{customer}"})),
        ("trxn", "GET", "/v1/payment_claim_links/{link}", none.clone()),
        ("trxn", "GET", "/v1/crypto_payment_claims/{claim}", none.clone()),
        ("trxn", "POST", "/v1/crypto_payment_claims/{claim}/approve", none.clone()),
        ("trxn", "POST", "/v1/crypto_payment_claims/{claim}/reject", json!({"reason": "x"})),
        ("juicyway", "GET", "/customers/{customer}", none.clone()),
        ("juicyway", "PATCH", "/customers/{customer}", json!({"first_name": "x"})),
        ("juicyway", "DELETE", "/customers/{customer}", none.clone()),
        ("juicyway", "POST", "/wallets", json!({"customer_id": "{customer}", "currency": "EUR"})),
        ("juicyway", "GET", "/wallets/{ledger}", none.clone()),
        ("juicyway", "PATCH", "/wallets/{ledger}/status", json!({"status": "frozen"})),
        ("juicyway", "POST", "/wallets/{ledger}/payment-method", bank),
        ("juicyway", "GET", "/wallets/transactions?wallet_id={ledger}", none.clone()),
        ("juicyway", "GET", "/wallets/transactions/{booked}", none),
    ]
}

/// What is compared of an answer.
fn said(answer: &Answer) -> (u16, Vec<(String, String)>, Vec<u8>) {
    // Which call it was is another each time.
    let heads = answer.headers.iter().filter(|it| !matches!(it.0.as_str(), "x-request-id" | "date"));
    let heads = heads.map(|(name, it)| (name.to_string(), it.to_str().unwrap().to_owned())).collect();
    (answer.status.as_u16(), heads, answer.body.to_vec())
}

async fn what_another_tenant_has_looks_like_what_nobody_has(town: Town) {
    let (other, ..) = town.purse.with("other", json!({})).await;
    let theirs = things(&town).await;
    let own = town.desk_of("noderails", &other).ok("POST", "/customers", json!({})).await;
    let own = text(&own["data"]["id"]);
    let before = town.purse.picture().await;
    let of_own = [("noderails", "DELETE", "/customers/{own}/wallets/{linked}", Value::Null)];
    for theirs in [theirs.as_uuids(), theirs] {
        let nobodys = theirs.of_nobody();
        for (face, method, path, body) in calls().into_iter().chain(of_own.clone()) {
            let stranger = town.desk_of(face, &other);
            let ask = async |desk: &Desk, of: &Things| {
                let body = if body.is_null() { String::new() } else { of.put(&body.to_string()) };
                desk.raw(method, &of.put(path).replace("{own}", &own), &body).await
            };
            let told = ask(&stranger, &theirs).await;
            assert_eq!(told.status, 404, "{face} {method} {path}: {told:?}");
            assert!(is_in_shape(face, &told), "{face} {method} {path}: {told:?}");
            let of_nobody = ask(&stranger, &nobodys).await;
            assert_eq!(said(&told), said(&of_nobody), "{face} {method} {path}");
            // Whoever has it is told the same of what nobody has.
            let owner = ask(&town.desk(face), &nobodys).await;
            assert!(
                path.contains("{own}") || said(&told) == said(&owner),
                "{face} {method} {path}: {owner:?}"
            );
        }
    }
    assert_eq!(town.purse.picture().await, before, "nothing was done");
}

async fn what_another_tenant_has_is_in_no_list(town: Town) {
    let (other, ..) = town.purse.with("other", json!({})).await;
    let theirs = things(&town).await;
    let paylias = "/csp/api/v1/csp/customer?limit=10&page=1";
    let partner = town.tenant().domain.id.to_string();
    for (face, path, at) in [
        ("fossapay", "/api/v1/customers".to_owned(), ""),
        ("paylias", paylias.to_owned(), "/data/customers"),
        ("paylias", format!("{paylias}&tokens={{customer}}"), "/data/customers"),
        ("paylias", format!("{paylias}&payment_addresses={{alias}}"), "/data/customers"),
        ("paylias", format!("{paylias}&partner_ids={partner}"), "/data/customers"),
        ("noderails", "/customers".to_owned(), "/data"),
        ("noderails", "/customers?search=ada@mail".to_owned(), "/data"),
        ("trxn", "/v1/customers".to_owned(), "/customers"),
        ("trxn", "/v1/wallets".to_owned(), "/wallets"),
        ("trxn", "/v1/crypto_addresses".to_owned(), "/crypto_addresses"),
        ("trxn", "/v1/payment_claim_links".to_owned(), "/payment_claim_links"),
        ("trxn", "/v1/crypto_payment_claims".to_owned(), "/crypto_payment_claims"),
        ("juicyway", "/customers".to_owned(), "/data"),
        ("juicyway", "/customers?email=ada@mail.example".to_owned(), "/data"),
        ("juicyway", "/wallets/transactions".to_owned(), "/data"),
    ] {
        let path = theirs.put(&path);
        let many = |answer: Value| answer.pointer(at).and_then(Value::as_array).map(Vec::len);
        let shown = town.desk(face).ok("GET", &path, Value::Null).await;
        assert!(many(shown).is_some_and(|it| it > 0), "{face} {path}: whoever has it sees it");
        let shown = town.desk_of(face, &other).ok("GET", &path, Value::Null).await;
        assert_eq!(many(shown), Some(0), "{face} {path}");
    }
}
