//! A repeated request is answered as it was the first time, whatever has become of the customer and the domain since.

use prost::Message;
use purser::api::{self, Customer, KycStatus};
use tonic::Code;

use crate::customers_requests::{Call, create, delete, restore, set_kyc, update};
use crate::harness::on_each_database;
use crate::wire::{Acme, deleting, is, refusal, updating, whole};

on_each_database!(Acme:
    the_first_answer_stays_the_answer_once_the_customer_has_changed,
    a_repeated_request_is_found_before_any_etag_or_state_is_looked_at,
    a_repeated_request_is_found_though_its_key_names_nobody_any_more,
    a_repeated_request_is_answered_as_it_was_though_the_domain_has_changed,
    an_update_of_nothing_is_remembered_too,
);

async fn the_first_answer_stays_the_answer_once_the_customer_has_changed(mut it: Acme) {
    let first = create("r1", whole("ada", "acme"));
    let (bytes, _) = first.send(&mut it.client).await.unwrap();
    let ada = api::CreateCustomerResponse::decode(&*bytes).unwrap().customer.unwrap();
    let changes = Customer { email: "new@mail.example".to_owned(), ..Default::default() };
    it.client.update(&ada.id, &["email", "first_name", "external_id"], changes).await.unwrap();
    assert_eq!(first.send(&mut it.client).await.unwrap(), (bytes.clone(), true));
    it.client.delete(&ada.id).await.unwrap();
    assert_eq!(first.send(&mut it.client).await.unwrap(), (bytes, true));
}

async fn a_repeated_request_is_found_before_any_etag_or_state_is_looked_at(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let renaming = update("r1", &ada.etag, &ada.id, "A");
    let renamed = renaming.send(&mut it.client).await.unwrap().0;
    // Its etag is old by its own doing.
    assert_eq!(renaming.send(&mut it.client).await.unwrap(), (renamed.clone(), true));
    let checking = set_kyc("r2", &ada.id, KycStatus::Pending, "");
    let checked = checking.send(&mut it.client).await.unwrap().0;
    // From PENDING there is no edge to PENDING.
    assert_eq!(checking.send(&mut it.client).await.unwrap(), (checked.clone(), true));
    let deleting = delete("r3", "", &ada.id);
    let deleted = deleting.send(&mut it.client).await.unwrap().0;
    for (call, answer) in [(deleting, deleted), (renaming, renamed), (checking, checked)] {
        assert_eq!(call.send(&mut it.client).await.unwrap(), (answer, true));
    }
    let restoring = restore("r4", &ada.id);
    let restored = restoring.send(&mut it.client).await.unwrap().0;
    assert_eq!(restoring.send(&mut it.client).await.unwrap(), (restored, true));
}

/// A deleted customer has no alias, and one whose email was changed has another; their requests are theirs all the same.
async fn a_repeated_request_is_found_though_its_key_names_nobody_any_more(mut it: Acme) {
    use api::soft_delete_customer_request::Key as DeleteKey;
    use api::update_customer_request::Key as UpdateKey;
    it.set(&it.tenant.domain, serde_json::json!({"alias_quarantine_us": 0})).await;
    for (n, key) in [
        DeleteKey::PaymentAddress("c0@acme".to_owned()),
        DeleteKey::ExternalId("ext-c1".to_owned()),
        DeleteKey::Email("c2@mail.example".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        it.client.create(whole(&format!("c{n}"), "acme")).await.unwrap();
        let mut request = deleting("");
        (request.key, request.request_id) = (Some(key), format!("delete{n}"));
        let call = Call::Delete(request);
        let first = call.send(&mut it.client).await.unwrap().0;
        assert_eq!(call.send(&mut it.client).await.unwrap(), (first, true), "{call:?}");
    }
    for (key, path) in [
        (UpdateKey::Email("ada@mail.example".to_owned()), "email"),
        (UpdateKey::ExternalId("ext-ada".to_owned()), "external_id"),
    ] {
        let ada = it.client.create(whole("ada", "acme")).await.unwrap();
        let asked = Customer {
            email: "x@mail.example".to_owned(),
            external_id: "x".to_owned(),
            ..Default::default()
        };
        let mut request = updating("", &[path], asked);
        (request.key, request.request_id) = (Some(key), format!("update {path}"));
        let call = Call::Update(request);
        let first = call.send(&mut it.client).await.unwrap().0;
        assert_eq!(call.send(&mut it.client).await.unwrap(), (first.clone(), true), "{call:?}");
        // Nor may it be carried out on whoever has the name now.
        let other = Customer { payment_address: String::new(), ..whole("ada", "acme") };
        let other =
            Customer { email: if path == "email" { other.email.clone() } else { String::new() }, ..other };
        let other = Customer {
            external_id: if path == "email" { String::new() } else { other.external_id.clone() },
            ..other
        };
        let other = it.client.create(other).await.unwrap();
        assert_eq!(call.send(&mut it.client).await.unwrap(), (first, true), "{call:?}");
        assert_eq!(it.client.get(&other.id).await.unwrap(), other);
        for gone in [ada.id, other.id] {
            it.client.delete(&gone).await.unwrap();
        }
    }
}

async fn a_repeated_request_is_answered_as_it_was_though_the_domain_has_changed(mut it: Acme) {
    let first = create("r1", whole("ada", "acme"));
    let bytes = first.send(&mut it.client).await.unwrap().0;
    it.set(&it.tenant.domain, serde_json::json!({"required_fields": ["phone"], "kyc_required": true})).await;
    assert_eq!(first.send(&mut it.client).await.unwrap(), (bytes.clone(), true));
    it.suspend(&it.tenant.domain).await;
    assert_eq!(first.send(&mut it.client).await.unwrap(), (bytes.clone(), true));
    it.reinstate(&it.tenant.domain).await;
    assert_eq!(first.send(&mut it.client).await.unwrap(), (bytes, true));
}

async fn an_update_of_nothing_is_remembered_too(mut it: Acme) {
    let ada = it.client.create(Customer { name: "A".to_owned(), ..Default::default() }).await.unwrap();
    let same = update("r1", "", &ada.id, "A");
    let first = same.send(&mut it.client).await.unwrap();
    assert!(!first.1);
    update("r2", "", &ada.id, "B").send(&mut it.client).await.unwrap();
    assert_eq!(same.send(&mut it.client).await.unwrap(), (first.0, true));
    assert_eq!(it.client.get(&ada.id).await.unwrap().name, "B");
    assert_eq!(
        refusal(update("r1", "", &ada.id, "C").send(&mut it.client).await),
        is(Code::InvalidArgument, "REQUEST_ID_REUSED")
    );
}
