//! What an update's mask may name, over the wire, and what of the request is read for it.

use purser::api::{BillingAddress, Business, Customer};
use tonic::Code;

use crate::customers_update::metadata;
use crate::harness::{bad_fields, on_each_database};
use crate::wire::{Acme, updating, whole};

on_each_database!(Acme:
    business_and_billing_address_change_whole_or_by_part,
    metadata_changes_whole_or_by_key,
    what_is_not_masked_is_not_even_looked_at,
    a_mask_must_name_fields_that_can_change,
);

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
