//! Billing records over the wire: kept as they are told, known by their external ids, and listed.

use serde_json::{Value, json};

use crate::billing_wire::{KINDS, Kind, but};
use crate::concurrency::assert_sound;
use crate::events_wire::now;
use crate::harness::on_each_database;
use crate::wallets_wire::{Purse, faults, problems};

on_each_database!(Purse:
    what_was_told_is_answered_listed_and_in_the_log,
    the_same_again_changes_nothing_and_makes_no_event,
    what_is_left_out_is_empty_from_then_on,
    an_external_id_is_one_record_s_of_its_kind_in_its_domain,
    a_record_stays_its_customer_s,
    the_time_told_first_stays_and_is_at_most_a_day_ahead,
    an_etag_lets_through_only_who_has_seen_what_is_on_record,
    a_name_that_leads_to_nothing_is_our_fault_and_no_endless_try,
    every_bad_field_is_named_at_once,
    each_field_takes_what_its_form_allows_and_nothing_else,
    a_late_repetition_is_answered_and_does_not_take_effect,
    lists_hold_what_the_filters_say_newest_first,
    who_is_deleted_gets_nothing_new_and_a_suspended_domain_nothing_at_all,
);

const MADE: &str = "2026-01-02T03:04:05.678901Z";

/// One of a kind with something in every field.
fn whole(kind: &Kind, customer: &str) -> Value {
    let own = match kind.noun {
        "payment_intent" => json!({"crypto_amount": "0.000000000000000001", "crypto_token_key": "usdc-base",
            "authorization_chain_id": "8453", "capture_time": MADE}),
        "invoice" => json!({"invoice_number": "2026/7-B", "due_time": MADE, "paid_time": MADE}),
        _ => json!({"plan": "Gold", "interval": "MONTH", "current_period_start_time": MADE,
            "current_period_end_time": MADE, "cancel_time": MADE}),
    };
    let common = json!({"description": "Tea & \u{1f375}", "create_time": MADE});
    but(but(kind.of(customer, "order-7/Ä"), &common), &own)
}

async fn what_was_told_is_answered_listed_and_in_the_log(mut it: Purse) {
    let customer = it.customer().await;
    for kind in &KINDS {
        let asked = whole(kind, &customer);
        let ignored = json!({"id": "not read", "domain_id": "not read", "etag": "not read", "sequence": "7",
            "update_time": MADE, "description": "  Tea & \u{1f375} ", kind.amount: "9.50"});
        let made = it.keeper.upsert(kind, &but(asked.clone(), &ignored)).await;
        let given = json!({"id": made["id"], "domain_id": it.acme.tenant.domain.id.to_string(),
            "etag": made["etag"], "sequence": made["sequence"], "update_time": made["update_time"]});
        assert_eq!(made, but(asked, &given));
        assert!(made["id"].as_str().unwrap().starts_with(kind.prefix), "{made}");
        let listed = it.keeper.pages(kind, &json!({"customer_id": customer}), 25).await;
        assert_eq!(listed, std::slice::from_ref(&made));
        let asked = json!({"types": [format!("{}.created", kind.noun)], "customer_id": customer});
        let events = it.keeper.say("ListEvents", &asked).await;
        let event = &events["events"][0];
        assert_eq!((&event[kind.noun], &event["resource_id"]), (&made, &made["id"]));
        assert_eq!(event["customer_id"], customer.as_str());
    }
    assert_sound(it.acme.server.app.store()).await;
}

async fn the_same_again_changes_nothing_and_makes_no_event(mut it: Purse) {
    let customer = it.customer().await;
    for kind in &KINDS {
        let made = it.keeper.upsert(kind, &whole(kind, &customer)).await;
        let before = it.picture().await;
        let spelled = json!({kind.amount: "9.5000", "create_time": null});
        let later = json!({"create_time": "9999-12-31T23:59:59.999999Z"});
        for again in [
            whole(kind, &customer),
            but(whole(kind, &customer), &spelled),
            but(whole(kind, &customer), &later),
        ] {
            assert_eq!(it.keeper.upsert(kind, &again).await, made);
        }
        assert_eq!(it.picture().await, before);
        let changed = it.keeper.upsert(kind, &but(whole(kind, &customer), &json!({"status": "PAID"}))).await;
        assert_eq!((&changed["id"], &changed["status"]), (&made["id"], &json!("PAID")));
        assert_ne!(changed["etag"], made["etag"]);
        for (event, count) in [("created", 1), ("updated", 1)] {
            assert_eq!(it.events_of(&format!("{}.{event}", kind.noun)).await, count);
        }
        let asked = json!({"types": [format!("{}.updated", kind.noun)]});
        let events = it.keeper.say("ListEvents", &asked).await;
        assert_eq!(events["events"][0]["changed_fields"], json!(["status"]));
        assert_eq!(it.rows_of(kind.nouns).await, 1);
    }
    assert_sound(it.acme.server.app.store()).await;
}

async fn what_is_left_out_is_empty_from_then_on(mut it: Purse) {
    let customer = it.customer().await;
    for kind in &KINDS {
        let made = it.keeper.upsert(kind, &whole(kind, &customer)).await;
        let bare = kind.of(&customer, "order-7/Ä");
        let left = it.keeper.upsert(kind, &bare).await;
        let given = json!({"id": made["id"], "domain_id": made["domain_id"], "create_time": MADE,
            "etag": left["etag"], "sequence": left["sequence"], "update_time": left["update_time"]});
        assert_eq!(left, but(bare, &given));
    }
}

async fn an_external_id_is_one_record_s_of_its_kind_in_its_domain(mut it: Purse) {
    let customer = it.customer().await;
    let (_, mut client, keeper) = it.with("globex", json!({})).await;
    let theirs = crate::wallets_wire::new_customer(&mut client).await;
    let mut ids = std::collections::BTreeSet::new();
    for kind in &KINDS {
        // Case counts.
        for external_id in ["same", "Same"] {
            ids.insert(it.keeper.upsert(kind, &kind.of(&customer, external_id)).await["id"].to_string());
            ids.insert(keeper.upsert(kind, &kind.of(&theirs, external_id)).await["id"].to_string());
        }
        assert_eq!(it.keeper.pages(kind, &json!({}), 25).await.len(), 2);
    }
    assert_eq!(ids.len(), 12);
    assert_sound(it.acme.server.app.store()).await;
}

async fn a_record_stays_its_customer_s(mut it: Purse) {
    let (ada, bob) = (it.customer().await, it.customer().await);
    for kind in &KINDS {
        it.keeper.upsert(kind, &whole(kind, &ada)).await;
        let before = it.picture().await;
        let asked = json!({kind.noun: whole(kind, &bob)});
        let told = it.told(kind.upsert, &asked).await;
        assert_eq!(told.outcome(), "FAILED_PRECONDITION BILLING_RECORD_CUSTOMER_FIXED");
        assert_eq!(told.metadata_of_reason()["customer_id"], ada);
        assert_eq!(it.picture().await, before);
    }
}

async fn the_time_told_first_stays_and_is_at_most_a_day_ahead(mut it: Purse) {
    let customer = it.customer().await;
    let after = |seconds: i64| {
        let time = prost_types::Timestamp { seconds: now().seconds + seconds, nanos: 0 };
        json!({"create_time": time.to_string()})
    };
    for kind in &KINDS {
        let ahead = but(kind.of(&customer, "new"), &after(24 * 3_600 + 60));
        let told = it.told(kind.upsert, &json!({kind.noun: ahead})).await;
        assert_eq!(faults(&told), [format!("{}.create_time", kind.noun)]);
        let made = it.keeper.upsert(kind, &but(kind.of(&customer, "new"), &after(24 * 3_600 - 60))).await;
        let told = but(ahead, &json!({"status": "PAID"}));
        let changed = it.keeper.upsert(kind, &told).await;
        assert_eq!((&changed["create_time"], &changed["status"]), (&made["create_time"], &json!("PAID")));
    }
    assert_sound(it.acme.server.app.store()).await;
}

async fn an_etag_lets_through_only_who_has_seen_what_is_on_record(mut it: Purse) {
    let customer = it.customer().await;
    for kind in &KINDS {
        let asked = |etag: &Value, status: &str, id: &str| {
            let record = but(kind.of(&customer, "one"), &json!({"status": status}));
            json!({kind.noun: record, "etag": etag, "request_id": format!("{}{id}", kind.noun)})
        };
        let none = asked(&json!("v1"), "OPEN", "");
        assert_eq!(it.keeper.outcome(kind.upsert, &none).await, "ABORTED ETAG_MISMATCH");
        let made = it.keeper.upsert(kind, &kind.of(&customer, "one")).await;
        let paid = asked(&made["etag"], "PAID", "paid");
        let told = it.keeper.say(kind.upsert, &paid).await;
        let before = it.picture().await;
        // What took effect is answered again, whatever the etag is by now; with another etag it is another request.
        assert_eq!(it.keeper.say(kind.upsert, &paid).await, told);
        let other = asked(&told[kind.noun]["etag"], "PAID", "paid");
        assert_eq!(it.keeper.outcome(kind.upsert, &other).await, "INVALID_ARGUMENT REQUEST_ID_REUSED");
        for status in ["PAID", "VOID"] {
            let late = asked(&made["etag"], status, "late");
            assert_eq!(it.keeper.outcome(kind.upsert, &late).await, "ABORTED ETAG_MISMATCH");
        }
        assert_eq!(it.picture().await, before);
    }
}

/// Sabotage: let `App::write` decide again whenever a name of this kind is taken.
async fn a_name_that_leads_to_nothing_is_our_fault_and_no_endless_try(mut it: Purse) {
    let customer = it.customer().await;
    for kind in &KINDS {
        it.keeper.upsert(kind, &kind.of(&customer, "zqlost")).await;
        let mut raw = crate::raw::Raw::open(it.database()).await;
        raw.run(&format!("DELETE FROM {}", kind.nouns)).await;
        let told = it.told(kind.upsert, &json!({kind.noun: kind.of(&customer, "zqlost")})).await;
        assert_eq!(told.outcome(), "INTERNAL INTERNAL");
        assert!(!told.message.contains("zqlost"));
    }
}

async fn every_bad_field_is_named_at_once(mut it: Purse) {
    let customer = it.customer().await;
    let before = it.picture().await;
    for kind in &KINDS {
        let told = it.told(kind.upsert, &json!({"request_id": "é"})).await;
        let mut expected = [kind.noun, "request_id"];
        expected.sort_unstable();
        assert_eq!(faults(&told), expected);
        let mut required = ["currency", "customer_id", "external_id", "status", kind.amount];
        required.sort_unstable();
        let told = it.told(kind.upsert, &json!({kind.noun: {}})).await;
        assert_eq!(faults(&told), required.map(|it| format!("{}.{it}", kind.noun)));
        let listed = json!({"customer_id": "x", "domain_id": customer, "statuses": ["open"], "page_size": -1,
                "ids": [customer], "external_ids": ["a b"]});
        let expected = ["customer_id", "domain_id", "external_ids", "ids", "page_size", "statuses"];
        assert_eq!(faults(&it.told(kind.list, &listed).await), expected);
        let id = format!("{}01h455vb4pex5vsknk084sn02q", kind.prefix);
        for (filter, value) in [("statuses", "A"), ("ids", &id), ("external_ids", "A")] {
            let listed = json!({filter: vec![value; 101]});
            assert_eq!(faults(&it.told(kind.list, &listed).await), [filter]);
            assert_eq!(it.keeper.outcome(kind.list, &json!({filter: vec![value; 100]})).await, "OK");
        }
        let asked = json!({"page_token": "AAAA"});
        assert_eq!(it.keeper.outcome(kind.list, &asked).await, "INVALID_ARGUMENT BAD_PAGE_TOKEN");
    }
    assert_eq!(it.picture().await, before);
}

async fn each_field_takes_what_its_form_allows_and_nothing_else(mut it: Purse) {
    let customer = it.customer().await;
    let long = "x".repeat(255);
    let word = "W".repeat(64);
    let most = format!("{}.99", "9".repeat(60));
    let code = "c".repeat(64);
    let text = "é".repeat(500);
    let good: [(usize, Value); 19] = [
        (0, json!({"amount": most})),
        (0, json!({"external_id": long})),
        (0, json!({"status": word})),
        (0, json!({"amount": "0"})),
        (1, json!({"total": "0.00"})),
        (0, json!({"amount": "0.000000000000000001", "currency": "USDC"})),
        (2, json!({"amount": "1", "currency": "JPY"})),
        (0, json!({"crypto_amount": format!("1.{}", "1".repeat(30)), "crypto_token_key": code})),
        (0, json!({"crypto_amount": "0", "crypto_token_key": "x"})),
        (0, json!({"crypto_amount": "9".repeat(60), "crypto_token_key": "x"})),
        (0, json!({"crypto_token_key": "x"})),
        (0, json!({"authorization_chain_id": "9223372036854775807"})),
        (1, json!({"invoice_number": code})),
        (1, json!({"description": text})),
        (2, json!({"plan": long, "interval": word})),
        (2, json!({"current_period_end_time": MADE})),
        (1, json!({"create_time": "0001-01-01T00:00:00Z"})),
        (1, json!({"paid_time": "9999-12-31T23:59:59.999999Z"})),
        (1, json!({"due_time": "1969-12-31T23:59:59Z"})),
    ];
    for (n, (kind, fields)) in good.iter().enumerate() {
        let kind = &KINDS[*kind];
        let made = it.keeper.upsert(kind, &but(kind.of(&customer, &format!("good-{n}")), fields)).await;
        let again = it.keeper.upsert(kind, &but(kind.of(&customer, &format!("good-{n}")), fields)).await;
        assert_eq!(made, again, "{fields}");
    }
    let before = it.picture().await;
    for (kind, field, values) in [
        (0, "external_id", vec![json!(""), json!("a b"), json!(format!("{long}x")), json!("a\u{0}")]),
        (0, "status", vec![json!(""), json!("open"), json!("2A"), json!(" A"), json!(format!("{word}W"))]),
        (
            0,
            "amount",
            vec![json!(""), json!("-1"), json!("1e3"), json!("1."), json!("0.001"), json!("9".repeat(61))],
        ),
        (1, "total", vec![json!("01"), json!("1,5"), json!(" 1"), json!("9".repeat(61))]),
        (2, "amount", vec![json!(".5")]),
        (0, "currency", vec![json!(""), json!("eur"), json!("DOGE"), json!("EU")]),
        (0, "crypto_amount", vec![json!("-1"), json!(format!("1.{}", "1".repeat(31)))]),
        (0, "crypto_token_key", vec![json!("a b"), json!(format!("{code}c"))]),
        (0, "create_time", vec![json!("9999-12-31T23:59:59.999999Z")]),
        (0, "authorization_chain_id", vec![json!("9223372036854775808")]),
        (0, "description", vec![json!("a\nb"), json!(format!("{text}x"))]),
        (1, "invoice_number", vec![json!("a b"), json!("a\nb"), json!(format!("{code}c"))]),
        (2, "plan", vec![json!("a\tb"), json!(format!("{long}x"))]),
        (2, "interval", vec![json!("month"), json!("A-B")]),
        (2, "customer_id", vec![json!(""), json!("x"), json!("wal_01h455vb4pex5vsknk084sn02q")]),
    ] {
        let kind = &KINDS[kind];
        for value in values {
            let record = but(kind.of(&customer, "bad"), &json!({field: value}));
            let told = it.told(kind.upsert, &json!({kind.noun: record})).await;
            assert_eq!(faults(&told), [format!("{}.{field}", kind.noun)], "{value}");
        }
    }
    for (fields, field, problem) in [
        (json!({"crypto_amount": "1"}), "crypto_token_key", "required"),
        (json!({"amount": "0.001"}), "amount", "the 2 of the currency"),
        (
            json!({"amount": format!("0.{}1", "0".repeat(18)), "currency": "USDC"}),
            "amount",
            "the 18 of the currency",
        ),
    ] {
        let asked = json!({"payment_intent": but(KINDS[0].of(&customer, "bad"), &fields)});
        let told = it.told("UpsertPaymentIntent", &asked).await;
        let status =
            tonic::Status::with_details(told.code, told.message.clone(), told.details.clone().into());
        let found = problems(&status);
        assert_eq!((found.len(), found[0].0.as_str()), (1, format!("payment_intent.{field}").as_str()));
        assert!(found[0].1.contains(problem), "{found:?}");
    }
    let backwards =
        json!({"current_period_start_time": MADE, "current_period_end_time": "2026-01-01T00:00:00Z"});
    let asked = json!({"subscription": but(KINDS[2].of(&customer, "bad"), &backwards)});
    let told = it.told("UpsertSubscription", &asked).await;
    assert_eq!(faults(&told), ["subscription.current_period_end_time"]);
    assert_eq!(it.picture().await, before);
}

async fn a_late_repetition_is_answered_and_does_not_take_effect(mut it: Purse) {
    let customer = it.customer().await;
    for kind in &KINDS {
        let id = |text: &str| format!("{}-{text}", kind.noun);
        let first = json!({kind.noun: whole(kind, &customer), "request_id": id("first")});
        let made = it.keeper.say(kind.upsert, &first).await;
        let same = json!({kind.noun: whole(kind, &customer), "request_id": id("same")});
        assert_eq!(it.keeper.say(kind.upsert, &same).await, made);
        let paid = but(whole(kind, &customer), &json!({"status": "PAID"}));
        let changed = it.keeper.say(kind.upsert, &json!({kind.noun: paid, "request_id": id("second")})).await;
        let before = it.picture().await;
        for again in [&first, &same] {
            let told = it.told(kind.upsert, again).await;
            assert!(told.metadata.contains_key("idempotent-replayed"));
            assert_eq!(it.keeper.say(kind.upsert, again).await, made);
        }
        let other = json!({kind.noun: paid, "request_id": id("first")});
        assert_eq!(it.keeper.outcome(kind.upsert, &other).await, "INVALID_ARGUMENT REQUEST_ID_REUSED");
        assert_eq!(it.picture().await, before);
        let listed = it.keeper.pages(kind, &json!({}), 25).await;
        assert_eq!(listed, [changed[kind.noun].clone()]);
    }
    assert_sound(it.acme.server.app.store()).await;
}

async fn lists_hold_what_the_filters_say_newest_first(mut it: Purse) {
    let (ada, bob) = (it.customer().await, it.customer().await);
    let domain = it.acme.tenant.domain.id.to_string();
    let (globex, ..) = it.with("globex", json!({})).await;
    for kind in &KINDS {
        let mut made = Vec::new();
        // Two of each moment: told in another order than they were made in.
        for n in [5, 1, 3, 0, 4, 2] {
            let fields = json!({"create_time": format!("2026-01-01T00:00:0{}Z", n / 2),
                "status": if n % 3 == 0 { "OPEN" } else { "PAID" }});
            let customer = if n == 4 { &bob } else { &ada };
            let record = but(kind.of(customer, &format!("n{n}")), &fields);
            made.push(it.keeper.upsert(kind, &record).await);
        }
        // Those of one moment go by their ids.
        made.sort_by_key(|it| std::cmp::Reverse((it["create_time"].to_string(), it["id"].to_string())));
        let of = |wanted: &dyn Fn(&Value) -> bool| {
            made.iter().filter(|it| wanted(it)).cloned().collect::<Vec<_>>()
        };
        let all = of(&|_| true);
        for (filter, expected) in [
            (json!({}), all.clone()),
            (json!({"domain_id": domain}), all),
            (json!({"customer_id": ada}), of(&|it| it["customer_id"] == ada.as_str())),
            (json!({"customer_id": bob, "domain_id": domain}), of(&|it| it["customer_id"] == bob.as_str())),
            (json!({"statuses": ["OPEN"]}), of(&|it| it["status"] == "OPEN")),
            (json!({"statuses": ["OPEN", "PAID"]}), of(&|_| true)),
            (json!({"customer_id": bob, "statuses": ["OPEN"]}), vec![]),
            (json!({"statuses": ["VOID"]}), vec![]),
            (
                json!({"external_ids": ["n1", "n4", "none"]}),
                of(&|it| it["external_id"] == "n1" || it["external_id"] == "n4"),
            ),
            (json!({"external_ids": ["n1", "n4"], "customer_id": bob}), of(&|it| it["external_id"] == "n4")),
            (json!({"external_ids": ["N1"]}), vec![]),
            (json!({"ids": [made[0]["id"], made[3]["id"]]}), vec![made[0].clone(), made[3].clone()]),
            (json!({"ids": [made[0]["id"]], "external_ids": [made[1]["external_id"]]}), vec![]),
            (json!({"ids": [made[2]["id"]], "statuses": [made[2]["status"], "VOID"]}), vec![made[2].clone()]),
        ] {
            for size in [1, 2, 25] {
                assert_eq!(it.keeper.pages(kind, &filter, size).await, expected, "{filter} by {size}");
            }
        }
        let elsewhere = json!({"customer_id": ada, "domain_id": globex.domain.id.to_string()});
        assert_eq!(it.keeper.outcome(kind.list, &elsewhere).await, "NOT_FOUND DOMAIN_NOT_FOUND");
        // A token is of its filters and of its list.
        let first = it.keeper.say(kind.list, &json!({"page_size": 1})).await;
        let token = &first["next_page_token"];
        let other = KINDS.iter().find(|it| it.noun != kind.noun).unwrap();
        for (method, asked) in [
            (kind.list, json!({"page_token": token, "statuses": ["OPEN"]})),
            (other.list, json!({"page_token": token})),
        ] {
            assert_eq!(it.keeper.outcome(method, &asked).await, "INVALID_ARGUMENT BAD_PAGE_TOKEN");
        }
    }
    assert_sound(it.acme.server.app.store()).await;
}

async fn who_is_deleted_gets_nothing_new_and_a_suspended_domain_nothing_at_all(mut it: Purse) {
    let customer = it.customer().await;
    for kind in &KINDS {
        it.keeper.upsert(kind, &kind.of(&customer, "known")).await;
    }
    it.acme.client.delete(&customer).await.unwrap();
    for kind in &KINDS {
        let asked = json!({kind.noun: kind.of(&customer, "new")});
        assert_eq!(it.keeper.outcome(kind.upsert, &asked).await, "FAILED_PRECONDITION CUSTOMER_DELETED");
        let paid = but(kind.of(&customer, "known"), &json!({"status": "PAID"}));
        assert_eq!(it.keeper.upsert(kind, &paid).await["status"], "PAID");
    }
    it.acme.suspend(&it.acme.tenant.domain).await;
    for kind in &KINDS {
        let asked = json!({kind.noun: but(kind.of(&customer, "known"), &json!({"status": "VOID"}))});
        assert_eq!(it.keeper.outcome(kind.upsert, &asked).await, "FAILED_PRECONDITION DOMAIN_SUSPENDED");
        assert_eq!(it.keeper.pages(kind, &json!({}), 25).await.len(), 1);
    }
    assert_sound(it.acme.server.app.store()).await;
}
