//! Deleting customers and bringing them back, over the wire; and the identity check.

use prost_types::Timestamp;
use purser::api::get_customer_request::Key;
use purser::api::{self, Customer, CustomerStatus, KycStatus};
use serde_json::json;
use tonic::Code;

use crate::harness::{bad_fields, on_each_database};
use crate::wire::{Acme, aliased, is, refusal, told, whole, with_status};

on_each_database!(Acme:
    a_deleted_customer_is_found_by_id_only,
    a_deleted_customer_cannot_be_changed_or_deleted_again,
    a_customer_is_deleted_by_each_key,
    a_restored_customer_is_as_they_were,
    only_a_deleted_customer_can_be_restored,
    an_alias_is_on_hold_after_deletion_and_says_until_when,
    an_alias_without_a_hold_can_be_given_away,
    an_alias_is_held_as_long_as_was_the_rule_when_its_customer_was_deleted,
    an_email_or_external_id_given_away_stands_in_the_way_of_a_restore,
    kyc_goes_along_its_edges_and_no_others,
    a_kyc_status_has_to_be_one,
);

const DAYS_30: i64 = 30 * 24 * 60 * 60;

fn by_names(word: &str) -> [Key; 3] {
    [
        Key::PaymentAddress(format!("{word}@acme")),
        Key::ExternalId(format!("ext-{word}")),
        Key::Email(format!("{word}@mail.example")),
    ]
}

async fn a_deleted_customer_is_found_by_id_only(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let gone = it.client.delete(&ada.id).await.unwrap();
    let expected = Customer {
        status: CustomerStatus::Deleted.into(),
        can_receive: false,
        block_reasons: vec![api::BlockReason::CustomerDeleted.into()],
        etag: gone.etag.clone(),
        sequence: ada.sequence + 1,
        update_time: gone.update_time,
        delete_time: gone.update_time,
        ..ada.clone()
    };
    assert_eq!(gone, expected);
    assert_ne!(gone.etag, ada.etag);
    assert!(gone.delete_time.is_some());
    assert_eq!(it.client.get(&ada.id).await.unwrap(), gone);
    for key in by_names("ada") {
        assert_eq!(refusal(it.client.get_by(key).await), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
    }
    assert_eq!(refusal(it.client.resolve("ada@acme").await), is(Code::NotFound, "ALIAS_NOT_FOUND"));
}

async fn a_deleted_customer_cannot_be_changed_or_deleted_again(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let gone = it.client.delete(&ada.id).await.unwrap();
    let named = Customer { name: "A".to_owned(), ..Default::default() };
    for refused in [
        it.client.delete(&ada.id).await,
        it.client.update(&ada.id, &["name"], named).await,
        it.client.update(&ada.id, &["status"], with_status(CustomerStatus::Enabled)).await,
        // Nor by a change of nothing.
        it.client.update(&ada.id, &["first_name"], whole("ada", "acme")).await,
        it.client.set_kyc(&ada.id, KycStatus::Pending).await,
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(told(&refused, "customer_id"), ada.id);
        assert_eq!(refusal::<()>(Err(refused)), is(Code::FailedPrecondition, "CUSTOMER_DELETED"));
    }
    assert_eq!(it.client.get(&ada.id).await.unwrap(), gone);
}

async fn a_customer_is_deleted_by_each_key(mut it: Acme) {
    use api::soft_delete_customer_request::Key;
    let keys: [fn(&Customer) -> Key; 4] = [
        |it| Key::Id(it.id.clone()),
        |it| Key::PaymentAddress(it.payment_address.to_uppercase()),
        |it| Key::ExternalId(it.external_id.clone()),
        |it| Key::Email(it.email.to_uppercase()),
    ];
    for (n, key) in keys.into_iter().enumerate() {
        let made = it.client.create(whole(&format!("c{n}"), "acme")).await.unwrap();
        let request = api::SoftDeleteCustomerRequest {
            key: Some(key(&made)),
            etag: made.etag.clone(),
            ..Default::default()
        };
        let gone = it.client.delete_as(request).await.unwrap();
        assert_eq!((gone.id, gone.status), (made.id, CustomerStatus::Deleted.into()));
    }
    let nobody = it.client.delete_as(api::SoftDeleteCustomerRequest::default()).await.unwrap_err();
    assert_eq!(bad_fields(&nobody), ["key"]);
}

async fn a_restored_customer_is_as_they_were(mut it: Acme) {
    for (word, status) in [("ada", CustomerStatus::Enabled), ("bob", CustomerStatus::Disabled)] {
        let asked = Customer { status: status.into(), ..whole(word, "acme") };
        let before = it.client.create(asked).await.unwrap();
        it.client.delete(&before.id).await.unwrap();
        let after = it.client.restore(&before.id).await.unwrap();
        let expected = Customer {
            etag: after.etag.clone(),
            sequence: before.sequence + 2,
            update_time: after.update_time,
            ..before.clone()
        };
        assert_eq!(after, expected);
        assert!(after.etag != before.etag && after.delete_time.is_none());
        for key in by_names(word) {
            assert_eq!(it.client.get_by(key).await.unwrap(), after);
        }
        assert_eq!(it.client.resolve(&before.payment_address).await.unwrap().customer_id, before.id);
    }
}

async fn only_a_deleted_customer_can_be_restored(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let refused = it.client.restore(&ada.id).await.unwrap_err();
    assert_eq!(told(&refused, "customer_id"), ada.id);
    assert_eq!(refusal::<()>(Err(refused)), is(Code::FailedPrecondition, "CUSTOMER_NOT_DELETED"));
    assert_eq!(it.client.get(&ada.id).await.unwrap(), ada);
    for id in ["", "ada@acme", &it.tenant.domain.id.to_string()] {
        assert_eq!(bad_fields(&it.client.restore(id).await.unwrap_err()), ["id"]);
    }
    let nobody = it.client.restore("cust_01h455vb4pex5vsknk084sn02q").await;
    assert_eq!(refusal(nobody), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
}

async fn an_alias_is_on_hold_after_deletion_and_says_until_when(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let bob = it.client.create(Customer::default()).await.unwrap();
    let gone = it.client.delete(&ada.id).await.unwrap();
    let deleted = gone.delete_time.unwrap();
    let until = Timestamp { seconds: deleted.seconds + DAYS_30, ..deleted }.to_string();
    for refused in [
        it.client.create(aliased("Ada@acme")).await,
        it.client.update(&bob.id, &["payment_address"], aliased("ada@acme")).await,
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(told(&refused, "quarantine_end_time"), until);
        // Whose it was is nobody's business.
        assert_eq!(told(&refused, "customer_id"), "");
        assert_eq!(refusal::<()>(Err(refused)), is(Code::AlreadyExists, "ALIAS_QUARANTINED"));
    }
    it.client.restore(&ada.id).await.unwrap();
    assert_eq!(refusal(it.client.create(aliased("ada@acme")).await), is(Code::AlreadyExists, "ALIAS_TAKEN"));
}

async fn an_alias_without_a_hold_can_be_given_away(it: Acme) {
    let (_, mut client) = it.with("globex", json!({"alias_quarantine_us": 0})).await;
    let ada = client.create(aliased("ada@globex")).await.unwrap();
    client.delete(&ada.id).await.unwrap();
    let next = client.create(aliased("ada@globex")).await.unwrap();
    let refused = client.restore(&ada.id).await.unwrap_err();
    assert_eq!(told(&refused, "customer_id"), next.id);
    assert_eq!(refusal::<()>(Err(refused)), is(Code::AlreadyExists, "ALIAS_TAKEN"));
    assert_eq!(client.resolve("ada@globex").await.unwrap().customer_id, next.id);
    // Given back, it is theirs again.
    client.delete(&next.id).await.unwrap();
    client.restore(&ada.id).await.unwrap();
    assert_eq!(client.resolve("ada@globex").await.unwrap().customer_id, ada.id);
}

async fn an_alias_is_held_as_long_as_was_the_rule_when_its_customer_was_deleted(mut it: Acme) {
    let ada = it.client.create(aliased("ada@acme")).await.unwrap();
    let bob = it.client.create(aliased("bob@acme")).await.unwrap();
    it.client.delete(&ada.id).await.unwrap();
    it.set(&it.tenant.domain, json!({"alias_quarantine_us": 0})).await;
    it.client.delete(&bob.id).await.unwrap();
    assert_eq!(
        refusal(it.client.create(aliased("ada@acme")).await),
        is(Code::AlreadyExists, "ALIAS_QUARANTINED")
    );
    it.client.create(aliased("bob@acme")).await.unwrap();
}

async fn an_email_or_external_id_given_away_stands_in_the_way_of_a_restore(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let gone = it.client.delete(&ada.id).await.unwrap();
    for (customer, reason) in [
        (Customer { email: ada.email.clone(), ..Default::default() }, "EMAIL_TAKEN"),
        (Customer { external_id: ada.external_id.clone(), ..Default::default() }, "EXTERNAL_ID_TAKEN"),
    ] {
        let next = it.client.create(customer).await.unwrap();
        let refused = it.client.restore(&ada.id).await.unwrap_err();
        assert_eq!(told(&refused, "customer_id"), next.id);
        assert_eq!(refusal::<()>(Err(refused)), is(Code::AlreadyExists, reason));
        assert_eq!(it.client.get(&ada.id).await.unwrap(), gone);
        it.client.delete(&next.id).await.unwrap();
    }
    it.client.restore(&ada.id).await.unwrap();
}

/// CON-1's sabotage is one for this too: drop an edge.
async fn kyc_goes_along_its_edges_and_no_others(mut it: Acme) {
    use KycStatus::{Approved, Expired, InReview, NeedsInfo, NotRequired, Pending, Rejected};
    let all = [NotRequired, Pending, InReview, NeedsInfo, Approved, Rejected, Expired];
    // How to come to a status from the first, and where one may go from there.
    let table: [(KycStatus, &[KycStatus], &[KycStatus]); 7] = [
        (NotRequired, &[], &[Pending]),
        (Pending, &[Pending], &[InReview, Approved, Rejected]),
        (InReview, &[Pending, InReview], &[NeedsInfo, Approved, Rejected]),
        (NeedsInfo, &[Pending, InReview, NeedsInfo], &[InReview, Approved, Rejected]),
        (Approved, &[Pending, Approved], &[InReview, Expired, Rejected]),
        (Rejected, &[Pending, Rejected], &[InReview]),
        (Expired, &[Pending, Approved, Expired], &[InReview]),
    ];
    let word = |it: KycStatus| it.as_str_name().strip_prefix("KYC_STATUS_").unwrap();
    for (from, path, next) in table {
        for to in all {
            let mut customer = it.client.create(Customer::default()).await.unwrap();
            for step in path {
                customer = it.client.set_kyc(&customer.id, *step).await.unwrap();
            }
            assert_eq!(customer.kyc_status(), from);
            let answer = it.client.set_kyc(&customer.id, to).await;
            if next.contains(&to) {
                let after = answer.unwrap();
                assert_eq!((after.kyc_status(), after.sequence), (to, customer.sequence + 1));
                assert_eq!(after.can_receive, matches!(to, NotRequired | Approved));
            } else {
                let refused = answer.unwrap_err();
                assert_eq!(
                    (told(&refused, "from").as_str(), told(&refused, "to").as_str()),
                    (word(from), word(to))
                );
                assert_eq!(
                    refusal::<()>(Err(refused)),
                    is(Code::FailedPrecondition, "KYC_TRANSITION_NOT_ALLOWED")
                );
                assert_eq!(it.client.get(&customer.id).await.unwrap(), customer);
            }
        }
    }
}

async fn a_kyc_status_has_to_be_one(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    for (kyc_status, reason, field) in [
        (0, String::new(), "kyc_status"),
        (8, String::new(), "kyc_status"),
        (2, "x".repeat(256), "reason"),
        (2, "a\u{7}".to_owned(), "reason"),
    ] {
        let request =
            api::SetKycStatusRequest { id: ada.id.clone(), kyc_status, reason, ..Default::default() };
        let refused = it.client.0.set_kyc_status(request).await.unwrap_err();
        assert_eq!((refused.code(), bad_fields(&refused)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    let reason = "x".repeat(255);
    let request = api::SetKycStatusRequest { id: ada.id, kyc_status: 2, reason, ..Default::default() };
    it.client.0.set_kyc_status(request).await.unwrap();
}
