//! Whose customers a key reaches, over the wire, and what a domain's state does to them.

use purser::api::get_customer_request::Key;
use purser::api::{self, BlockReason, Customer, CustomerStatus, KycStatus};
use purser::domain::{Environment, Scopes};
use serde_json::json;
use tonic::Code;

use crate::harness::{bad_fields, on_each_database};
use crate::wire::{Acme, is, refusal, whole, with_status};

on_each_database!(Acme:
    an_organization_key_says_which_domain,
    another_tenant_s_customer_looks_like_none,
    who_can_receive_and_why_not,
    a_suspended_domain_may_be_read_and_not_changed,
);

async fn an_organization_key_says_which_domain(mut it: Acme) {
    let second = it.domain_of(&it.tenant.organization, "second", Environment::Sandbox).await;
    let live = it.domain_of(&it.tenant.organization, "live", Environment::Live).await;
    let (other, _) = it.other("other").await;
    let key = it.server.organization_key(&it.tenant.organization, Environment::Sandbox, Scopes::all()).await;
    let mut client = it.client_of(&key).await;
    let create = |domain_id: String| api::CreateCustomerRequest {
        customer: Some(Customer { external_id: "1".to_owned(), ..Default::default() }),
        domain_id,
        ..Default::default()
    };
    let refused = client.0.create_customer(create(String::new())).await.unwrap_err();
    assert_eq!((refused.code(), bad_fields(&refused)), (Code::InvalidArgument, vec!["domain_id".to_owned()]));
    for domain in [&it.tenant.domain, &second] {
        let made = client
            .0
            .create_customer(create(domain.id.to_string()))
            .await
            .unwrap()
            .into_inner()
            .customer
            .unwrap();
        assert_eq!(made.domain_id, domain.id.to_string());
        let key = Some(Key::ExternalId("1".to_owned()));
        let get = api::GetCustomerRequest { key, domain_id: made.domain_id.clone() };
        assert_eq!(client.0.get_customer(get).await.unwrap().into_inner().customer.unwrap(), made);
        assert_eq!(client.get(&made.id).await.unwrap(), made);
    }
    let absent = "dom_01h455vb4pex5vsknk084sn02q".to_owned();
    for id in [live.id.to_string(), other.domain.id.to_string(), absent.clone()] {
        let refused = client.0.create_customer(create(id)).await;
        assert_eq!(refusal(refused), is(Code::NotFound, "DOMAIN_NOT_FOUND"));
    }
    // A domain key need not say, and must not say another.
    let own = it.tenant.domain.id.to_string();
    let refused = it.client.0.create_customer(create(own)).await;
    assert_eq!(refusal(refused), is(Code::AlreadyExists, "EXTERNAL_ID_TAKEN"));
    for id in [second.id.to_string(), absent] {
        let refused = it.client.0.create_customer(create(id)).await;
        assert_eq!(refusal(refused), is(Code::NotFound, "DOMAIN_NOT_FOUND"));
    }
}

async fn another_tenant_s_customer_looks_like_none(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let (_, mut globex) = it.other("globex").await;
    let absent = "cust_01h455vb4pex5vsknk084sn02q";
    for id in [ada.id.as_str(), absent] {
        let not_found = is(Code::NotFound, "CUSTOMER_NOT_FOUND");
        assert_eq!(refusal(globex.get(id).await), not_found);
        assert_eq!(refusal(globex.update(id, &["name"], Customer::default()).await), not_found);
        assert_eq!(refusal(globex.delete(id).await), not_found);
        assert_eq!(refusal(globex.restore(id).await), not_found);
        assert_eq!(refusal(globex.set_kyc(id, KycStatus::Pending).await), not_found);
    }
    let by_alias = globex.get_by(Key::PaymentAddress("ada@acme".to_owned())).await;
    assert_eq!(refusal(by_alias), is(Code::NotFound, "CUSTOMER_NOT_FOUND"));
    assert_eq!(it.client.get(&ada.id).await.unwrap(), ada);
}

async fn who_can_receive_and_why_not(mut it: Acme) {
    use BlockReason::{CustomerDeleted, CustomerDisabled, DomainSuspended, KycInReview, KycPending};
    let reasons = |customer: &Customer| {
        assert_eq!(customer.can_receive, customer.block_reasons.is_empty());
        customer.block_reasons().collect::<Vec<_>>()
    };
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    assert_eq!(reasons(&ada), []);
    let ada = it.client.update(&ada.id, &["status"], with_status(CustomerStatus::Disabled)).await.unwrap();
    assert_eq!(reasons(&ada), [CustomerDisabled]);
    it.client.set_kyc(&ada.id, KycStatus::Pending).await.unwrap();
    let ada = it.client.set_kyc(&ada.id, KycStatus::InReview).await.unwrap();
    assert_eq!(reasons(&ada), [CustomerDisabled, KycInReview]);
    it.suspend(&it.tenant.domain).await;
    assert_eq!(
        reasons(&it.client.get(&ada.id).await.unwrap()),
        [DomainSuspended, CustomerDisabled, KycInReview]
    );
    let resolved = it.client.resolve("ada@acme").await.unwrap();
    assert_eq!(
        resolved.block_reasons().collect::<Vec<_>>(),
        [DomainSuspended, CustomerDisabled, KycInReview]
    );
    it.reinstate(&it.tenant.domain).await;
    let gone = it.client.delete(&ada.id).await.unwrap();
    assert_eq!(reasons(&gone), [CustomerDeleted, KycInReview]);

    let (_, mut strict) = it.with("strict", json!({"kyc_required": true})).await;
    let bob = strict.create(Customer::default()).await.unwrap();
    assert_eq!((bob.kyc_status(), reasons(&bob)), (KycStatus::Pending, vec![KycPending]));
    let bob = strict.set_kyc(&bob.id, KycStatus::Approved).await.unwrap();
    assert_eq!(reasons(&bob), []);
}

async fn a_suspended_domain_may_be_read_and_not_changed(mut it: Acme) {
    let ada = it.client.create(whole("ada", "acme")).await.unwrap();
    let gone = it.client.create(Customer::default()).await.unwrap();
    it.client.delete(&gone.id).await.unwrap();
    it.suspend(&it.tenant.domain).await;
    let suspended = is(Code::FailedPrecondition, "DOMAIN_SUSPENDED");
    assert_eq!(refusal(it.client.create(Customer::default()).await), suspended);
    assert_eq!(refusal(it.client.update(&ada.id, &["name"], Customer::default()).await), suspended);
    assert_eq!(refusal(it.client.delete(&ada.id).await), suspended);
    assert_eq!(refusal(it.client.restore(&gone.id).await), suspended);
    assert_eq!(refusal(it.client.set_kyc(&ada.id, KycStatus::Pending).await), suspended);
    it.client.get(&ada.id).await.unwrap();
    it.client.resolve("ada@acme").await.unwrap();
    assert_eq!(it.client.list(api::ListCustomersRequest::default()).await.unwrap().customers.len(), 1);
    it.reinstate(&it.tenant.domain).await;
    assert_eq!(it.client.get(&ada.id).await.unwrap(), ada);
    it.client.create(Customer::default()).await.unwrap();
}
