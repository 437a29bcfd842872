//! Customers over the wire: making them, finding them, and whose they are.

use purser::api::get_customer_request::Key;
use purser::api::{self, Customer, CustomerStatus, CustomerType, KycStatus};
use serde_json::json;
use tonic::Code;

use crate::harness::{bad_fields, on_each_database};
use crate::wire::{Acme, aliased, is, refusal, told, updating, whole, with_status};

on_each_database!(Acme:
    a_customer_that_was_made_is_found_by_each_key,
    a_customer_that_asks_for_nothing_gets_the_defaults,
    what_is_output_only_is_not_read,
    a_status_of_none_means_the_domain_s_default,
    a_customer_cannot_be_made_deleted,
    nobody_is_found_by_a_key_that_is_nobody_s,
    a_key_that_means_nothing_is_refused,
    a_name_has_one_owner_in_its_domain,
    emails_that_need_not_be_unique_name_nobody,
    what_the_domain_requires_must_be_there_and_stay,
    an_alias_is_at_the_customer_s_own_domain,
);

async fn a_customer_that_was_made_is_found_by_each_key(mut it: Acme) {
    let ada = it.client.create(whole("Ada", "acme")).await.unwrap();
    assert_eq!((ada.payment_address.as_str(), ada.email.as_str()), ("ada@acme", "ada@mail.example"));
    assert_eq!(ada.external_id, "ext-Ada");
    for key in [
        Key::Id(ada.id.clone()),
        Key::PaymentAddress("ada@acme".to_owned()),
        Key::PaymentAddress("ADA@Acme".to_owned()),
        Key::ExternalId("ext-Ada".to_owned()),
        Key::Email("ada@mail.example".to_owned()),
        Key::Email("Ada@MAIL.example".to_owned()),
    ] {
        assert_eq!(it.client.get_by(key).await.unwrap(), ada);
    }
    // The caller's own id is compared as it stands.
    let other = it.client.get_by(Key::ExternalId("ext-ada".to_owned())).await;
    assert_eq!(refusal(other), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
}

async fn a_customer_that_asks_for_nothing_gets_the_defaults(mut it: Acme) {
    let made = it.client.create(Customer::default()).await.unwrap();
    let id = made.id.strip_prefix("cust_").unwrap();
    assert_eq!((id.len(), made.domain_id.as_str()), (26, it.tenant.domain.id.to_string().as_str()));
    assert!(made.sequence > 0 && !made.etag.is_empty());
    assert!(made.create_time.is_some() && made.create_time == made.update_time);
    let expected = Customer {
        id: made.id.clone(),
        domain_id: made.domain_id.clone(),
        r#type: CustomerType::Individual.into(),
        status: CustomerStatus::Enabled.into(),
        kyc_status: KycStatus::NotRequired.into(),
        can_receive: true,
        etag: made.etag.clone(),
        sequence: made.sequence,
        create_time: made.create_time,
        update_time: made.update_time,
        ..Default::default()
    };
    assert_eq!(made, expected);
    let next = it.client.create(Customer::default()).await.unwrap();
    assert!(next.id != made.id && next.sequence == made.sequence + 1);
}

async fn what_is_output_only_is_not_read(mut it: Acme) {
    let other = it.client.create(Customer::default()).await.unwrap();
    let asked = Customer {
        id: other.id.clone(),
        domain_id: "not an id".to_owned(),
        kyc_status: KycStatus::Approved.into(),
        can_receive: true,
        block_reasons: vec![99],
        etag: "etag".to_owned(),
        sequence: -1,
        create_time: Some(prost_types::Timestamp { seconds: 1, nanos: -1 }),
        delete_time: Some(prost_types::Timestamp::default()),
        ..Default::default()
    };
    let made = it.client.create(asked).await.unwrap();
    assert_ne!(made.id, other.id);
    assert_eq!(made.domain_id, other.domain_id);
    assert_eq!(made.kyc_status, i32::from(KycStatus::NotRequired));
    assert!(
        made.block_reasons.is_empty() && made.delete_time.is_none() && made.sequence == other.sequence + 1
    );
    assert!(made.create_time.unwrap().seconds > 1_000_000_000);
}

async fn a_status_of_none_means_the_domain_s_default(mut it: Acme) {
    use CustomerStatus::{Disabled, Enabled, None};
    let (_, mut careful) = it.with("careful", json!({"default_customer_status": "DISABLED"})).await;
    for (asked, got, got_with_care) in
        [(None, Enabled, Disabled), (Disabled, Disabled, Disabled), (Enabled, Enabled, Enabled)]
    {
        assert_eq!(it.client.create(with_status(asked)).await.unwrap().status(), got);
        assert_eq!(careful.create(with_status(asked)).await.unwrap().status(), got_with_care);
    }
}

async fn a_customer_cannot_be_made_deleted(mut it: Acme) {
    for status in [3, 4, -1] {
        let refused = it.client.create(Customer { status, ..Default::default() }).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(bad_fields(&refused), ["customer.status"]);
    }
}

async fn nobody_is_found_by_a_key_that_is_nobody_s(mut it: Acme) {
    for key in [
        Key::Id("cust_01h455vb4pex5vsknk084sn02q".to_owned()),
        Key::PaymentAddress("nobody@acme".to_owned()),
        Key::PaymentAddress("nobody@nowhere".to_owned()),
        Key::ExternalId("nobody".to_owned()),
        Key::Email("nobody@mail.example".to_owned()),
    ] {
        let refused = it.client.get_by(key).await;
        assert_eq!(refusal(refused), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
    }
}

async fn a_key_that_means_nothing_is_refused(mut it: Acme) {
    let domain_id = it.tenant.domain.id.to_string();
    for (key, field) in [
        (Key::Id(String::new()), "id"),
        (Key::Id("x".to_owned()), "id"),
        (Key::Id(domain_id), "id"),
        (Key::Id("cust_01H455VB4PEX5VSKNK084SN02Q".to_owned()), "id"),
        (Key::PaymentAddress(String::new()), "payment_address"),
        (Key::PaymentAddress("ada".to_owned()), "payment_address"),
        (Key::PaymentAddress(" ada@acme".to_owned()), "payment_address"),
        (Key::ExternalId(String::new()), "external_id"),
        (Key::Email("ada".to_owned()), "email"),
    ] {
        let refused = it.client.get_by(key).await.unwrap_err();
        assert_eq!((refused.code(), bad_fields(&refused)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    let refused = it.client.0.get_customer(api::GetCustomerRequest::default()).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["key"]);
}

async fn a_name_has_one_owner_in_its_domain(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let bob = it.client.create(Customer::default()).await.unwrap();
    for (path, customer, reason) in [
        ("payment_address", aliased("ADA@acme"), "ALIAS_TAKEN"),
        ("email", Customer { email: "ADA@mail.example".to_owned(), ..Default::default() }, "EMAIL_TAKEN"),
        (
            "external_id",
            Customer { external_id: "ext-ada".to_owned(), ..Default::default() },
            "EXTERNAL_ID_TAKEN",
        ),
    ] {
        for refused in [
            it.client.create(customer.clone()).await.unwrap_err(),
            it.client.update(&bob.id, &[path], customer.clone()).await.unwrap_err(),
        ] {
            assert_eq!(told(&refused, "customer_id"), ada.id);
            assert_eq!(refusal::<()>(Err(refused)), is(Code::AlreadyExists, reason));
        }
    }
    assert_eq!(it.client.get(&bob.id).await.unwrap(), bob);
    // Elsewhere the same names are free.
    let (_, mut globex) = it.other("globex").await;
    globex.create(whole("ada", "globex")).await.unwrap();
}

async fn emails_that_need_not_be_unique_name_nobody(it: Acme) {
    let (tenant, mut client) = it.with("globex", json!({"unique_email": false})).await;
    let shared = || Customer { email: "a@b.example".to_owned(), ..Default::default() };
    let one = client.create(shared()).await.unwrap();
    client.create(shared()).await.unwrap();
    let by_email = || "a@b.example".to_owned();
    let not_unique = is(Code::FailedPrecondition, "EMAIL_NOT_UNIQUE");
    assert_eq!(refusal(client.get_by(Key::Email(by_email())).await), not_unique);
    let mut update = updating("", &["name"], Customer::default());
    update.key = Some(api::update_customer_request::Key::Email(by_email()));
    assert_eq!(refusal(client.update_as(update).await), not_unique);
    let key = Some(api::soft_delete_customer_request::Key::Email(by_email()));
    let delete = api::SoftDeleteCustomerRequest { key, ..Default::default() };
    assert_eq!(refusal(client.delete_as(delete).await), not_unique);

    client.delete(&one.id).await.unwrap();
    it.set(&tenant.domain, json!({"unique_email": true})).await;
    assert_eq!(client.get_by(Key::Email(by_email())).await.unwrap().email, "a@b.example");
    assert_eq!(refusal(client.create(shared()).await), is(Code::AlreadyExists, "EMAIL_TAKEN"));
}

async fn what_the_domain_requires_must_be_there_and_stay(it: Acme) {
    let required = json!({"required_fields": ["email", "billing_address.country", "business"]});
    let (_, mut client) = it.with("strict", required).await;
    let refused = client.create(Customer::default()).await.unwrap_err();
    assert_eq!(
        bad_fields(&refused),
        ["customer.email", "customer.billing_address.country", "customer.business"]
    );
    let whole = Customer {
        email: "a@b.example".to_owned(),
        billing_address: Some(api::BillingAddress { country: "GB".to_owned(), ..Default::default() }),
        business: Some(api::Business { trade_name: "A".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let made = client.create(whole).await.unwrap();
    for (path, field) in [
        ("email", "customer.email"),
        ("billing_address", "customer.billing_address.country"),
        ("business.trade_name", "customer.business"),
    ] {
        let refused = client.update(&made.id, &[path], Customer::default()).await.unwrap_err();
        assert_eq!((refused.code(), bad_fields(&refused)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    let other = Customer { name: "A".to_owned(), ..Default::default() };
    client.update(&made.id, &["name"], other).await.unwrap();
}

async fn an_alias_is_at_the_customer_s_own_domain(mut it: Acme) {
    it.other("globex").await;
    let made = it.client.create(Customer::default()).await.unwrap();
    for alias in ["ada@globex", "ada@nowhere"] {
        for refused in [
            it.client.create(aliased(alias)).await.unwrap_err(),
            it.client.update(&made.id, &["payment_address"], aliased(alias)).await.unwrap_err(),
        ] {
            assert_eq!(bad_fields(&refused), ["customer.payment_address"]);
        }
    }
}
