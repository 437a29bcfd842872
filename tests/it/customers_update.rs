//! Changing customers over the wire: what is masked, and nothing else.

use prost_types::value::Kind;
use prost_types::{Struct, Value};
use purser::api::{self, BillingAddress, Business, Customer, CustomerStatus, CustomerType};
use tonic::Code;

use crate::harness::{bad_fields, on_each_database};
use crate::wire::{Acme, aliased, is, refusal, updating, whole, with_status};

on_each_database!(Acme:
    what_is_masked_changes_and_nothing_else,
    a_field_that_is_masked_and_empty_is_cleared,
    business_and_billing_address_change_whole_or_by_part,
    metadata_changes_whole_or_by_key,
    what_is_not_masked_is_not_even_looked_at,
    a_mask_must_name_fields_that_can_change,
    a_status_goes_between_enabled_and_disabled_only,
    an_alias_can_be_set_once,
    an_update_that_changes_nothing_leaves_the_version_as_it_is,
    a_stale_etag_changes_nothing,
    a_customer_is_changed_by_each_key,
    names_that_are_given_up_are_free,
    every_writer_s_field_is_there_in_the_end,
);

fn number(it: f64) -> Value {
    Value { kind: Some(Kind::NumberValue(it)) }
}

fn metadata(pairs: &[(&str, f64)]) -> Option<Struct> {
    Some(Struct { fields: pairs.iter().map(|(key, it)| ((*key).to_owned(), number(*it))).collect() })
}

async fn what_is_masked_changes_and_nothing_else(mut it: Acme) {
    let before = it.client.create(whole("ada", "acme")).await.unwrap();
    let asked = Customer {
        r#type: CustomerType::Business.into(),
        name: " A ".to_owned(),
        first_name: "Not this".to_owned(),
        email: "NEW@mail.example".to_owned(),
        phone: "+1234567".to_owned(),
        ..Default::default()
    };
    let after = it.client.update(&before.id, &["type", "name", "email", "phone"], asked).await.unwrap();
    let expected = Customer {
        r#type: CustomerType::Business.into(),
        name: "A".to_owned(),
        email: "new@mail.example".to_owned(),
        phone: "+1234567".to_owned(),
        etag: after.etag.clone(),
        sequence: before.sequence + 1,
        update_time: after.update_time,
        ..before.clone()
    };
    assert_eq!(after, expected);
    assert_ne!(after.etag, before.etag);
    let time = |it: &Customer| it.update_time.map(|it| (it.seconds, it.nanos));
    assert!(time(&after) > time(&before));
    assert_eq!(it.client.get(&before.id).await.unwrap(), after);
}

async fn a_field_that_is_masked_and_empty_is_cleared(mut it: Acme) {
    let all = Customer {
        r#type: CustomerType::Business.into(),
        name: "A".to_owned(),
        middle_name: "B".to_owned(),
        last_name: "C".to_owned(),
        nick_name: "D".to_owned(),
        phone: "+1234567".to_owned(),
        business: Some(Business {
            trade_name: "T".to_owned(),
            industry: "6012".to_owned(),
            ..Default::default()
        }),
        billing_address: Some(BillingAddress {
            city: "X".to_owned(),
            country: "GB".to_owned(),
            ..Default::default()
        }),
        metadata: metadata(&[("a", 1.0)]),
        payment_address: String::new(),
        ..whole("ada", "acme")
    };
    let made = it.client.create(all).await.unwrap();
    let paths = [
        "type",
        "name",
        "first_name",
        "middle_name",
        "last_name",
        "nick_name",
        "phone",
        "email",
        "external_id",
        "business",
        "billing_address",
        "metadata",
    ];
    let cleared = it.client.update(&made.id, &paths, Customer::default()).await.unwrap();
    let expected = Customer {
        id: made.id.clone(),
        domain_id: made.domain_id.clone(),
        r#type: CustomerType::Individual.into(),
        status: made.status,
        kyc_status: made.kyc_status,
        can_receive: true,
        etag: cleared.etag.clone(),
        sequence: made.sequence + 1,
        create_time: made.create_time,
        update_time: cleared.update_time,
        ..Default::default()
    };
    assert_eq!(cleared, expected);
    // No customer at all is one in which everything is empty.
    let mut request = updating(&made.id, &["name"], Customer::default());
    request.customer = None;
    assert_eq!(it.client.update_as(request).await.unwrap(), cleared);
}

async fn business_and_billing_address_change_whole_or_by_part(mut it: Acme) {
    let address = |line1: &str, city: &str| {
        Some(BillingAddress { line1: line1.to_owned(), city: city.to_owned(), ..Default::default() })
    };
    let business = |legal_name: &str, trade_name: &str| {
        Some(Business {
            legal_name: legal_name.to_owned(),
            trade_name: trade_name.to_owned(),
            ..Default::default()
        })
    };
    let customer = |business, billing_address| Customer { business, billing_address, ..Default::default() };
    let made = it.client.create(customer(business("L", "T"), address("1 Street", "X"))).await.unwrap();
    let paths = ["billing_address.city", "business.legal_name"];
    let asked = customer(business("L2", "not read"), address("not read", ""));
    let by_part = it.client.update(&made.id, &paths, asked).await.unwrap();
    assert_eq!((by_part.business, by_part.billing_address), (business("L2", "T"), address("1 Street", "")));
    let asked = customer(business("", "T3"), address("", "Z"));
    let replaced = it.client.update(&made.id, &["business", "billing_address"], asked).await.unwrap();
    assert_eq!((replaced.business, replaced.billing_address), (business("", "T3"), address("", "Z")));
    let last = ["business.trade_name", "billing_address.city"];
    let gone = it.client.update(&made.id, &last, Customer::default()).await.unwrap();
    assert_eq!((gone.business, gone.billing_address), (None, None));
}

async fn metadata_changes_whole_or_by_key(mut it: Acme) {
    let customer = |metadata| Customer { metadata, ..Default::default() };
    let made = it
        .client
        .create(customer(metadata(&[("color", 1.0), ("size_2", 2.0), ("Odd Key.x", 3.0)])))
        .await
        .unwrap();
    let asked = customer(metadata(&[("color", 5.0), ("size_2", 6.0), ("other", 7.0)]));
    let by_key = it.client.update(&made.id, &["metadata.color"], asked).await.unwrap();
    assert_eq!(by_key.metadata, metadata(&[("color", 5.0), ("size_2", 2.0), ("Odd Key.x", 3.0)]));
    let removed = it.client.update(&made.id, &["metadata.size_2"], Customer::default()).await.unwrap();
    assert_eq!(removed.metadata, metadata(&[("color", 5.0), ("Odd Key.x", 3.0)]));
    for path in
        ["metadata.Odd Key.x", "metadata.Color", "metadata.color.deep", "metadata.", "metadata.\u{e9}"]
    {
        let refused = it.client.update(&made.id, &[path], Customer::default()).await.unwrap_err();
        assert_eq!(bad_fields(&refused), ["update_mask"], "{path}");
    }
    let asked = customer(metadata(&[("Odd Key.x", 4.0)]));
    let replaced = it.client.update(&made.id, &["metadata"], asked.clone()).await.unwrap();
    assert_eq!(replaced.metadata, asked.metadata);
}

async fn what_is_not_masked_is_not_even_looked_at(mut it: Acme) {
    let made = it.client.create(whole("ada", "acme")).await.unwrap();
    let garbage = Customer {
        r#type: 77,
        name: "A".to_owned(),
        first_name: "\u{0}".to_owned(),
        email: "no email".to_owned(),
        phone: "no phone".to_owned(),
        payment_address: "no alias".to_owned(),
        external_id: " ".to_owned(),
        status: 3,
        kyc_status: 77,
        business: Some(Business { industry: "x".to_owned(), ..Default::default() }),
        billing_address: Some(BillingAddress { country: "x".to_owned(), ..Default::default() }),
        metadata: metadata(&[("a", f64::NAN)]),
        ..Default::default()
    };
    let after = it.client.update(&made.id, &["name"], garbage.clone()).await.unwrap();
    assert_eq!((after.name.as_str(), after.email.as_str()), ("A", made.email.as_str()));
    // Once it is masked, it is.
    let paths = ["name", "email", "billing_address", "business.industry", "metadata.a", "status"];
    let mut bad = bad_fields(&it.client.update(&made.id, &paths, garbage).await.unwrap_err());
    bad.sort();
    assert_eq!(
        bad,
        [
            "customer.billing_address.country",
            "customer.business.industry",
            "customer.email",
            "customer.metadata",
            "customer.status"
        ]
    );
}

async fn a_mask_must_name_fields_that_can_change(mut it: Acme) {
    let made = it.client.create(whole("ada", "acme")).await.unwrap();
    for path in [
        "",
        "*",
        "nick",
        "Name",
        "name.first",
        "business.x",
        "billing_address.",
        "id",
        "domain_id",
        "kyc_status",
        "can_receive",
        "block_reasons",
        "etag",
        "sequence",
        "create_time",
        "update_time",
        "delete_time",
        "customer.name",
    ] {
        let asked = Customer { name: "A".to_owned(), ..Default::default() };
        let refused = it.client.update(&made.id, &["name", path], asked).await.unwrap_err();
        assert_eq!(
            (refused.code(), bad_fields(&refused)),
            (Code::InvalidArgument, vec!["update_mask".to_owned()]),
            "{path}"
        );
    }
    let mut without = updating(&made.id, &[], Customer::default());
    assert_eq!(bad_fields(&it.client.update_as(without.clone()).await.unwrap_err()), ["update_mask"]);
    without.update_mask = None;
    assert_eq!(bad_fields(&it.client.update_as(without).await.unwrap_err()), ["update_mask"]);
    assert_eq!(it.client.get(&made.id).await.unwrap(), made);
}

async fn a_status_goes_between_enabled_and_disabled_only(mut it: Acme) {
    use CustomerStatus::{Deleted, Disabled, Enabled, None};
    let made = it.client.create(Customer::default()).await.unwrap();
    for status in [None, Deleted] {
        let refused = it.client.update(&made.id, &["status"], with_status(status)).await.unwrap_err();
        assert_eq!(
            (refused.code(), bad_fields(&refused)),
            (Code::InvalidArgument, vec!["customer.status".to_owned()])
        );
    }
    for status in [Disabled, Enabled] {
        let after = it.client.update(&made.id, &["status"], with_status(status)).await.unwrap();
        assert_eq!(after.status(), status);
    }
}

async fn an_alias_can_be_set_once(mut it: Acme) {
    let made = it.client.create(Customer::default()).await.unwrap();
    let set = it.client.update(&made.id, &["payment_address"], aliased("Ada@ACME")).await.unwrap();
    assert_eq!(set.payment_address, "ada@acme");
    for alias in ["bob@acme", ""] {
        let refused = it.client.update(&made.id, &["payment_address"], aliased(alias)).await.unwrap_err();
        assert_eq!(bad_fields(&refused), ["customer.payment_address"]);
    }
    // As it is, in any case, it may be said again.
    assert_eq!(it.client.update(&made.id, &["payment_address"], aliased("ADA@acme")).await.unwrap(), set);
}

async fn an_update_that_changes_nothing_leaves_the_version_as_it_is(mut it: Acme) {
    let made = it.client.create(whole("ada", "acme")).await.unwrap();
    let paths = ["first_name", "email", "payment_address", "external_id", "last_name", "metadata.x", "type"];
    let same = it.client.update(&made.id, &paths, whole("ada", "acme")).await.unwrap();
    assert_eq!(same, made);
    let next = it.client.create(Customer::default()).await.unwrap();
    assert_eq!(next.sequence, made.sequence + 1);
}

async fn a_stale_etag_changes_nothing(mut it: Acme) {
    let first = it.client.create(whole("ada", "acme")).await.unwrap();
    let named = |name: &str| Customer { name: name.to_owned(), ..Default::default() };
    let with = |etag: &str, name: &str| {
        let mut request = updating(&first.id, &["name"], named(name));
        request.etag = etag.to_owned();
        request
    };
    let second = it.client.update_as(with(&first.etag, "A")).await.unwrap();
    for etag in [first.etag.as_str(), "v0", "anything else", "é"] {
        let mismatch = is(Code::Aborted, "ETAG_MISMATCH");
        assert_eq!(refusal(it.client.update_as(with(etag, "B")).await), mismatch);
        let mut delete = crate::wire::deleting(&first.id);
        delete.etag = etag.to_owned();
        assert_eq!(refusal(it.client.delete_as(delete).await), mismatch);
        // Not even a change of nothing.
        assert_eq!(refusal(it.client.update_as(with(etag, "A")).await), mismatch);
    }
    assert_eq!(it.client.get(&first.id).await.unwrap(), second);
    it.client.update_as(with("", "C")).await.unwrap();
}

async fn a_customer_is_changed_by_each_key(mut it: Acme) {
    use api::update_customer_request::Key;
    let made = it.client.create(whole("ada", "acme")).await.unwrap();
    for (key, name) in [
        (Key::Id(made.id.clone()), "1"),
        (Key::PaymentAddress("ADA@acme".to_owned()), "2"),
        (Key::ExternalId("ext-ada".to_owned()), "3"),
        (Key::Email("Ada@mail.example".to_owned()), "4"),
    ] {
        let mut request = updating("", &["name"], Customer { name: name.to_owned(), ..Default::default() });
        request.key = Some(key);
        let after = it.client.update_as(request).await.unwrap();
        assert_eq!((after.id.as_str(), after.name.as_str()), (made.id.as_str(), name));
    }
    let mut nobody = updating("", &["name"], Customer::default());
    nobody.key = None;
    assert_eq!(bad_fields(&it.client.update_as(nobody).await.unwrap_err()), ["key"]);
}

async fn names_that_are_given_up_are_free(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let asked = Customer { email: "new@mail.example".to_owned(), ..Default::default() };
    it.client.update(&ada.id, &["email", "external_id"], asked).await.unwrap();
    let bob = Customer { payment_address: String::new(), ..whole("ada", "acme") };
    it.client.create(bob).await.unwrap();
}

/// CON-4 in small. Sabotage: do not compare versions when committing.
async fn every_writer_s_field_is_there_in_the_end(mut it: Acme) {
    let made = it.client.create(Customer::default()).await.unwrap();
    let key = |n: usize| format!("k{n}");
    let writers = (0..24).map(|n| {
        let (mut client, id, key) = (it.client.clone(), made.id.clone(), key(n));
        tokio::spawn(async move {
            let asked = Customer { metadata: metadata(&[(&key, 1.0)]), ..Default::default() };
            client.update(&id, &[&format!("metadata.{key}")], asked).await.unwrap();
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let after = it.client.get(&made.id).await.unwrap();
    assert_eq!(after.metadata.unwrap().fields.len(), 24);
    assert_eq!(after.sequence, made.sequence + 24);
}
