//! Payment methods over the wire: added, listed, removed, masked where many see them, and gone with who is erased.

use purser::api::WatchStart;
use purser::api::event::Payload;
use purser::api::payment_method::Details;
use serde_json::{Value, json};

use crate::billing_wire::{KINDS, but};
use crate::concurrency::assert_sound;
use crate::events_wire::{Reader, start};
use crate::harness::on_each_database;
use crate::rows::dump;
use crate::wallets_wire::{Purse, faults};

on_each_database!(Purse:
    a_method_is_listed_as_it_was_added_until_it_is_removed,
    an_account_number_is_whole_to_its_readers_and_masked_in_events,
    what_is_no_payment_method_is_refused,
    a_deleted_or_erased_customer_gets_no_method_and_can_lose_one,
    a_suspended_domain_s_methods_stay_as_they_are,
    an_etag_lets_through_only_who_has_seen_the_method_as_it_is,
    a_repeated_request_adds_and_removes_once,
    lists_go_on_where_they_ended,
    erasure_takes_the_details_and_the_words_and_nothing_else,
);

/// How the number of an account of these tests is seen in events.
const MASKED: &str = "******************2051";
const ADA: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

fn account(customer: &str) -> Value {
    json!({"customer_id": customer, "type": "PAYMENT_METHOD_TYPE_BANK_ACCOUNT", "bank_account": {
        "account_name": "Ada Lovelace", "account_number": "DE02120300000000202051", "account_type": "savings",
        "bank_name": "Byron & Söhne", "bank_code": "BYLADEM1001"}})
}

fn external(customer: &str) -> Value {
    json!({"customer_id": customer, "type": "PAYMENT_METHOD_TYPE_EXTERNAL_WALLET",
        "external_wallet": {"network": "ethereum", "address": ADA}})
}

impl Purse {
    async fn add(&self, method: &Value) -> Value {
        let request = json!({"payment_method": method});
        self.keeper.say("AddPaymentMethod", &request).await["payment_method"].clone()
    }

    /// The fields that the last event of a type says have changed.
    async fn changed_by(&self, kind: &str) -> Value {
        let events = self.keeper.say("ListEvents", &json!({"types": [kind]})).await;
        events["events"].as_array().unwrap().last().unwrap()["changed_fields"].clone()
    }

    async fn methods(&self, customer: &str) -> Vec<Value> {
        let listed = self.keeper.say("ListPaymentMethods", &json!({"customer_id": customer})).await;
        listed.get("payment_methods").map_or_else(Vec::new, |it| it.as_array().unwrap().clone())
    }
}

async fn a_method_is_listed_as_it_was_added_until_it_is_removed(mut it: Purse) {
    let customer = it.customer().await;
    let bank = it.add(&account(&customer)).await;
    let spelled = json!({"id": "not read", "type": 0, "external_wallet": {"network": "ethereum", "address": ADA.to_lowercase()}});
    let wallet = it.add(&but(external(&customer), &spelled)).await;
    for (made, asked) in [(&bank, account(&customer)), (&wallet, external(&customer))] {
        let given = json!({"id": made["id"], "domain_id": it.acme.tenant.domain.id.to_string(),
            "status": "PAYMENT_METHOD_STATUS_ACTIVE", "create_time": made["create_time"],
            "update_time": made["create_time"], "sequence": made["sequence"], "etag": made["etag"]});
        assert_eq!(*made, but(asked, &given));
        assert!(made["id"].as_str().unwrap().starts_with("pm_"));
    }
    // The same address again, of somebody else, and with what is no wallet of theirs.
    let other = it.customer().await;
    it.add(&external(&other)).await;
    assert_eq!(
        it.keeper.outcome("LookupAddress", &json!({"address": ADA})).await,
        "NOT_FOUND ADDRESS_NOT_FOUND"
    );
    assert_eq!(it.methods(&customer).await, [wallet.clone(), bank.clone()]);
    let id = json!({"id": bank["id"]});
    let removed = it.keeper.say("RemovePaymentMethod", &id).await["payment_method"].clone();
    let given = json!({"status": "PAYMENT_METHOD_STATUS_REMOVED", "update_time": removed["update_time"],
        "sequence": removed["sequence"], "etag": removed["etag"]});
    let mut expected = but(bank.clone(), &given);
    expected.as_object_mut().unwrap().remove("bank_account");
    assert_eq!(removed, expected);
    // Nor are they anywhere but in the event that added it.
    assert!(!dump(it.database(), "payment_methods").await.contains("DE0212030"));
    let events = dump(it.database(), "events").await;
    assert_eq!(events.matches("DE0212030").count(), 1);
    assert_eq!(it.changed_by("payment_method.removed").await, json!(["status", "details"]));
    assert_ne!(removed["etag"], bank["etag"]);
    assert_eq!(it.methods(&customer).await, [wallet]);
    let again = it.told("RemovePaymentMethod", &id).await;
    assert_eq!(again.outcome(), "FAILED_PRECONDITION PAYMENT_METHOD_REMOVED");
    assert_eq!(again.metadata_of_reason()["payment_method_id"], bank["id"].as_str().unwrap());
    let nothing = json!({"id": "pm_01h455vb4pex5vsknk084sn02q"});
    assert_eq!(
        it.keeper.outcome("RemovePaymentMethod", &nothing).await,
        "NOT_FOUND PAYMENT_METHOD_NOT_FOUND"
    );
    assert_sound(it.acme.server.app.store()).await;
}

async fn an_account_number_is_whole_to_its_readers_and_masked_in_events(mut it: Purse) {
    let customer = it.customer().await;
    let made = it.add(&account(&customer)).await;
    it.keeper.say("RemovePaymentMethod", &json!({"id": made["id"]})).await;
    let asked = json!({"types": ["payment_method.added", "payment_method.removed"]});
    let events = it.keeper.say("ListEvents", &asked).await;
    for event in events["events"].as_array().unwrap() {
        assert_eq!((&event["resource_id"], &event["customer_id"]), (&made["id"], &json!(customer)));
    }
    let told = &events["events"][0]["payment_method"]["bank_account"];
    assert_eq!((&told["account_number"], &told["bank_code"]), (&json!(MASKED), &json!("BYLADEM1001")));
    assert!(events["events"][1]["payment_method"].get("bank_account").is_none());
    assert!(!events.to_string().contains("DE0212030"), "{events}");
    // Whoever follows the log is told the same.
    let mut reader = Reader::at(it.keeper.channel.clone(), &it.keeper.key);
    let mut stream = reader.watch(start(WatchStart::Earliest), &["payment_method.added"]).await.unwrap();
    let Some(Payload::PaymentMethod(told)) = stream.event().await.payload else { panic!("a payment method") };
    let Some(Details::BankAccount(told)) = told.details else { panic!("a bank account") };
    assert_eq!((told.account_number.as_str(), told.bank_code.as_str()), (MASKED, "BYLADEM1001"));
}

async fn what_is_no_payment_method_is_refused(mut it: Purse) {
    let customer = it.customer().await;
    let (long, code) = ("x".repeat(255), "c".repeat(64));
    it.add(&json!({"customer_id": customer, "bank_account": {"account_name": long, "account_number": code,
        "account_type": long, "bank_name": long, "bank_code": code}}))
        .await;
    let before = it.picture().await;
    let bank = |fields: Value| {
        let base = json!({"account_name": "A", "account_number": "1"});
        json!({"customer_id": customer, "bank_account": but(base, &fields)})
    };
    let at = |fields: &str| fields.split(' ').map(|it| format!("payment_method.{it}")).collect::<Vec<_>>();
    for (method, expected) in [
        (json!({}), at("customer_id details")),
        (
            json!({"customer_id": "x", "bank_account": {}}),
            at("bank_account.account_name bank_account.account_number customer_id"),
        ),
        (bank(json!({"account_name": " "})), at("bank_account.account_name")),
        (bank(json!({"account_name": "a\nb"})), at("bank_account.account_name")),
        (bank(json!({"account_name": format!("{long}x")})), at("bank_account.account_name")),
        (bank(json!({"account_number": "DE02 1203"})), at("bank_account.account_number")),
        (bank(json!({"account_number": format!("{code}c")})), at("bank_account.account_number")),
        (bank(json!({"account_type": "a\u{0}"})), at("bank_account.account_type")),
        (bank(json!({"bank_name": format!("{long}x")})), at("bank_account.bank_name")),
        (bank(json!({"bank_code": " 1"})), at("bank_account.bank_code")),
        (but(bank(json!({})), &json!({"type": 2})), at("type")),
        (but(bank(json!({})), &json!({"type": 9})), at("type")),
        (but(external(&customer), &json!({"type": 1})), at("type")),
        (
            json!({"customer_id": customer, "external_wallet": {}}),
            at("external_wallet.address external_wallet.network"),
        ),
    ] {
        let told = it.told("AddPaymentMethod", &json!({"payment_method": method})).await;
        assert_eq!(faults(&told), expected, "{method}");
    }
    assert_eq!(
        faults(&it.told("AddPaymentMethod", &json!({"request_id": "é"})).await),
        ["payment_method", "request_id"]
    );
    assert_eq!(faults(&it.told("RemovePaymentMethod", &json!({"id": customer})).await), ["id"]);
    assert_eq!(
        faults(&it.told("ListPaymentMethods", &json!({"page_size": -1})).await),
        ["customer_id", "page_size"]
    );
    let on = |network: &str, address: &str| json!({"payment_method": {"customer_id": customer, "external_wallet": {"network": network, "address": address}}});
    for (request, expected) in [
        (on("nowhere", ADA), "INVALID_ARGUMENT UNKNOWN_NETWORK"),
        (on("ethereum", "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), "INVALID_ARGUMENT INVALID_ADDRESS"),
        (on("bitcoin", ADA), "INVALID_ARGUMENT INVALID_ADDRESS"),
    ] {
        assert_eq!(it.keeper.outcome("AddPaymentMethod", &request).await, expected);
    }
    assert_eq!(it.picture().await, before);
    let strict = it.acme.other("strict").await;
    let keeper = it.keeper_of(&strict.0.key).await;
    let theirs = crate::wallets_wire::new_customer(&mut it.acme.client_of(&strict.0.key).await).await;
    let before = it.picture().await;
    let request = json!({"payment_method": external(&theirs)});
    assert_eq!(keeper.outcome("AddPaymentMethod", &request).await, "FAILED_PRECONDITION NETWORK_NOT_ALLOWED");
    assert_eq!(it.picture().await, before);
}

async fn a_deleted_or_erased_customer_gets_no_method_and_can_lose_one(mut it: Purse) {
    let ada = it.customer().await;
    let (one, other) = (it.add(&account(&ada)).await, it.add(&external(&ada)).await);
    it.acme.client.delete(&ada).await.unwrap();
    let add = json!({"payment_method": account(&ada)});
    assert_eq!(it.keeper.outcome("AddPaymentMethod", &add).await, "FAILED_PRECONDITION CUSTOMER_DELETED");
    let removed = it.keeper.say("RemovePaymentMethod", &json!({"id": one["id"]})).await;
    assert_eq!(removed["payment_method"]["status"], "PAYMENT_METHOD_STATUS_REMOVED");
    assert_eq!(it.methods(&ada).await, std::slice::from_ref(&other));
    it.keeper.say("EraseCustomer", &json!({"id": ada})).await;
    assert_eq!(it.keeper.outcome("AddPaymentMethod", &add).await, "FAILED_PRECONDITION CUSTOMER_DELETED");
    it.keeper.say("RemovePaymentMethod", &json!({"id": other["id"]})).await;
    // The details were gone before.
    assert_eq!(it.changed_by("payment_method.removed").await, json!(["status"]));
    assert_eq!(it.methods(&ada).await, Vec::<Value>::new());
    assert_sound(it.acme.server.app.store()).await;
}

async fn a_suspended_domain_s_methods_stay_as_they_are(mut it: Purse) {
    let ada = it.customer().await;
    let method = it.add(&account(&ada)).await;
    it.acme.suspend(&it.acme.tenant.domain).await;
    let before = it.picture().await;
    let add = json!({"payment_method": account(&ada)});
    assert_eq!(it.keeper.outcome("AddPaymentMethod", &add).await, "FAILED_PRECONDITION DOMAIN_SUSPENDED");
    let remove = json!({"id": method["id"]});
    assert_eq!(
        it.keeper.outcome("RemovePaymentMethod", &remove).await,
        "FAILED_PRECONDITION DOMAIN_SUSPENDED"
    );
    assert_eq!(it.picture().await, before);
    assert_eq!(it.methods(&ada).await, [method]);
}

async fn an_etag_lets_through_only_who_has_seen_the_method_as_it_is(mut it: Purse) {
    let customer = it.customer().await;
    let method = it.add(&account(&customer)).await;
    let asked = |etag: &Value| json!({"id": method["id"], "etag": etag, "request_id": "remove"});
    let before = it.picture().await;
    assert_eq!(it.keeper.outcome("RemovePaymentMethod", &asked(&json!("v0"))).await, "ABORTED ETAG_MISMATCH");
    assert_eq!(it.picture().await, before);
    let removed = it.keeper.say("RemovePaymentMethod", &asked(&method["etag"])).await;
    assert_eq!(it.keeper.say("RemovePaymentMethod", &asked(&method["etag"])).await, removed);
    let other = asked(&removed["payment_method"]["etag"]);
    assert_eq!(it.keeper.outcome("RemovePaymentMethod", &other).await, "INVALID_ARGUMENT REQUEST_ID_REUSED");
}

async fn a_repeated_request_adds_and_removes_once(mut it: Purse) {
    let customer = it.customer().await;
    let add = json!({"payment_method": account(&customer), "request_id": "add"});
    let made = it.keeper.say("AddPaymentMethod", &add).await;
    let remove = json!({"id": made["payment_method"]["id"], "request_id": "remove"});
    let removed = it.keeper.say("RemovePaymentMethod", &remove).await;
    for (name, request, first) in
        [("AddPaymentMethod", &add, &made), ("RemovePaymentMethod", &remove, &removed)]
    {
        let told = it.told(name, request).await;
        assert!(told.metadata.contains_key("idempotent-replayed"));
        assert_eq!(it.keeper.say(name, request).await, *first);
    }
    let other = json!({"payment_method": external(&customer), "request_id": "add"});
    assert_eq!(it.keeper.outcome("AddPaymentMethod", &other).await, "INVALID_ARGUMENT REQUEST_ID_REUSED");
    assert_eq!(
        (it.events_of("payment_method.added").await, it.events_of("payment_method.removed").await),
        (1, 1)
    );
}

async fn lists_go_on_where_they_ended(mut it: Purse) {
    let customer = it.customer().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, it.add(&account(&customer)).await);
    }
    let (mut seen, mut token) = (Vec::new(), json!(""));
    loop {
        let asked = json!({"customer_id": customer, "page_size": 2, "page_token": token});
        let page = it.keeper.say("ListPaymentMethods", &asked).await;
        seen.extend(page["payment_methods"].as_array().unwrap().iter().cloned());
        match page.get("next_page_token") {
            Some(next) => token = next.clone(),
            None => break,
        }
    }
    assert_eq!(seen, made);
}

/// With words that look like the fields they are in, and with nothing in them at all.
async fn erasure_takes_the_details_and_the_words_and_nothing_else(mut it: Purse) {
    let (ada, bob) = (it.customer().await, it.customer().await);
    let words = [
        "zqcanary plain",
        r#"zqcanary ","details":{"description":"x"#,
        r#"zqcanary \",\"description\":\"} "#,
        r"zqcanary \",
        "",
    ];
    let mut records = Vec::new();
    for (n, text) in words.iter().enumerate() {
        for kind in &KINDS {
            let words = json!({"create_time": "2026-01-01T00:00:00Z"});
            let record = but(but(kind.of(&ada, &format!("order-{n}")), &words), &kind.words(text));
            records.push((kind, it.keeper.upsert(kind, &record).await));
        }
        let named = json!({"account_name": format!("zqcanary {text}"), "account_number": "zqcanary-12345", "bank_name": text});
        it.add(&json!({"customer_id": ada, "bank_account": named})).await;
    }
    it.add(&external(&ada)).await;
    let kept = it.add(&account(&bob)).await;
    for kind in &KINDS {
        it.keeper.upsert(kind, &but(kind.of(&bob, "bob's"), &json!({"description": "kept"}))).await;
    }
    it.acme.client.delete(&ada).await.unwrap();
    it.keeper.say("EraseCustomer", &json!({"id": ada})).await;
    assert!(!crate::rows::dump_all(it.database()).await.contains("zqcanary"), "something is left");
    for (kind, record) in &records {
        let listed = it.keeper.pages(kind, &json!({"customer_id": ada}), 100).await;
        let found = listed.iter().find(|it| it["id"] == record["id"]).unwrap();
        let mut expected = record.clone();
        for words in ["description", "plan"] {
            expected.as_object_mut().unwrap().remove(words);
        }
        assert_eq!(*found, expected);
    }
    let methods = it.methods(&ada).await;
    assert_eq!(methods.len(), words.len() + 1);
    assert!(methods.iter().all(|it| it.get("bank_account").is_none() && it.get("external_wallet").is_none()));
    assert_eq!(it.methods(&bob).await, [kept]);
    for kind in &KINDS {
        let listed = it.keeper.pages(kind, &json!({"customer_id": bob}), 100).await;
        assert_eq!(listed[0]["description"], "kept");
        // The books go on, without words.
        let told = but(kind.of(&ada, "order-0"), &kind.words("zqcanary again"));
        let told = but(told, &json!({"status": "REFUNDED"}));
        let refunded = it.keeper.upsert(kind, &told).await;
        assert_eq!((refunded["status"].as_str(), refunded.get("description")), (Some("REFUNDED"), None));
        assert_eq!(refunded.get("plan"), None);
    }
    assert!(!crate::rows::dump_all(it.database()).await.contains("zqcanary"), "something came back");
    assert_sound(it.acme.server.app.store()).await;
    let store = it.acme.server.app.store();
    assert!(store.audit_log().await.unwrap().is_empty() && store.audit_chain().await.unwrap().is_empty());
}
