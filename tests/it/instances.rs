//! Two instances over one database: what one has cached must not make it decide or answer otherwise than is true.

use std::time::Duration;

use purser::api::{self, BlockReason, Customer, KycStatus};
use purser::app::App;
use purser::domain::Scopes;
use tonic::Code;

use crate::harness::{TestServer, connect, customers, on_each_database, reason};
use crate::wire::{Acme, Client, is, refusal, whole};

on_each_database!(Acme:
    a_domain_that_another_instance_suspended_cannot_be_changed_here,
    an_answer_knows_what_another_instance_has_just_done_to_the_domain,
    what_another_instance_wrote_is_read_at_once,
);

/// A client of another instance over the same database.
async fn elsewhere(it: &Acme, key: &str) -> Client {
    let app = App::start(it.server.app.store().clone(), crate::harness::chains());
    app.open();
    Client(customers(connect(TestServer::listen(&app).await).await, key))
}

/// Sabotage: drop what a Change expects of the domain.
async fn a_domain_that_another_instance_suspended_cannot_be_changed_here(it: Acme) {
    let mut client = elsewhere(&it, &it.tenant.key).await;
    let gone = client.create(whole("gone", "acme")).await.unwrap();
    client.delete(&gone.id).await.unwrap();
    for method in ["create", "update", "delete", "restore", "set_kyc"] {
        // Whatever it knows of the domain, it knew a moment ago. It may be a second late in hearing of good news.
        let ada = loop {
            match client.create(whole(method, "acme")).await {
                Ok(ada) => break ada,
                Err(refused) => assert_eq!(reason(&refused), "DOMAIN_SUSPENDED"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        it.suspend(&it.tenant.domain).await;
        let named = Customer { name: "A".to_owned(), ..Default::default() };
        let refused = match method {
            "create" => client.create(Customer::default()).await,
            "update" => client.update(&ada.id, &["name"], named).await,
            "delete" => client.delete(&ada.id).await,
            "restore" => client.restore(&gone.id).await,
            _ => client.set_kyc(&ada.id, KycStatus::Pending).await,
        };
        assert_eq!(refusal(refused), is(Code::FailedPrecondition, "DOMAIN_SUSPENDED"), "{method}");
        it.reinstate(&it.tenant.domain).await;
    }
}

async fn an_answer_knows_what_another_instance_has_just_done_to_the_domain(it: Acme) {
    let key = it.server.operator_key(Scopes::all()).await;
    let mut client = elsewhere(&it, &key).await;
    let create = |word: &str| api::CreateCustomerRequest {
        customer: Some(whole(word, "acme")),
        domain_id: it.tenant.domain.id.to_string(),
        request_id: word.to_owned(),
    };
    let ada = client.0.create_customer(create("ada")).await.unwrap().into_inner().customer.unwrap();
    it.suspend(&it.tenant.domain).await;
    // An operator may change what a suspended domain has.
    let bob = client.0.create_customer(create("bob")).await.unwrap().into_inner().customer.unwrap();
    assert_eq!(bob.block_reasons().collect::<Vec<_>>(), [BlockReason::DomainSuspended]);
    it.reinstate(&it.tenant.domain).await;
    let named = Customer { name: "A".to_owned(), ..Default::default() };
    let ada = client.update(&ada.id, &["name"], named).await.unwrap();
    assert!(ada.can_receive);
    // Asked again, it says what it said.
    assert_eq!(client.0.create_customer(create("bob")).await.unwrap().into_inner().customer.unwrap(), bob);
}

async fn what_another_instance_wrote_is_read_at_once(mut it: Acme) {
    use api::get_customer_request::Key;
    let mut client = elsewhere(&it, &it.tenant.key).await;
    for n in 0..20 {
        let made = it.client.create(whole(&format!("c{n}"), "acme")).await.unwrap();
        assert_eq!(client.get(&made.id).await.unwrap(), made);
        let named = Customer { name: "A".to_owned(), ..Default::default() };
        let renamed = client.update(&made.id, &["name"], named).await.unwrap();
        assert_eq!(it.client.get_by(Key::PaymentAddress(made.payment_address)).await.unwrap(), renamed);
        it.client.delete(&made.id).await.unwrap();
        assert_eq!(
            refusal(client.resolve(&renamed.payment_address).await),
            is(Code::NotFound, "ALIAS_NOT_FOUND")
        );
    }
}
