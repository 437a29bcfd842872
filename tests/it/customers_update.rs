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

pub fn metadata(pairs: &[(&str, f64)]) -> Option<Struct> {
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
