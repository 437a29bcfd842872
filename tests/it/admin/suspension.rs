//! A suspended domain: its customers cannot receive, and its keys may only read.

use purser::api;
use purser::domain::Scopes;
use tonic::{Code, Status};

use crate::harness::{Admin, Customers, Tenant, TestServer, on_each_database, reason, with_alias};
use crate::rows::dump;

on_each_database!(TestServer:
    a_suspended_domains_customers_cannot_receive_until_it_is_reinstated,
    a_suspended_domains_customers_are_not_written_but_by_an_operator,
    a_suspended_domain_is_read_as_before,
    a_suspended_domain_is_not_administered_with_its_own_key,
    suspending_twice_changes_nothing,
    a_suspension_says_why_in_a_line,
);

async fn a_suspended_domains_customers_cannot_receive_until_it_is_reinstated(server: TestServer) {
    let Scene { tenant, mut customers, mut operator, .. } = scene(&server).await;
    let id = tenant.domain.id.to_string();
    let resolve = api::ResolveCustomerRequest { payment_address: "ada@acme".to_owned() };
    let standing = async |customers: &mut Customers| {
        let resolved =
            customers.resolve_customer(resolve.clone()).await.unwrap().into_inner().resolution.unwrap();
        let key = Some(api::get_customer_request::Key::PaymentAddress("ada@acme".to_owned()));
        let got =
            customers.get_customer(api::GetCustomerRequest { key, ..Default::default() }).await.unwrap();
        let got = got.into_inner().customer.unwrap();
        assert_eq!((resolved.can_receive, &resolved.block_reasons), (got.can_receive, &got.block_reasons));
        (got.can_receive, got.block_reasons)
    };
    assert_eq!(standing(&mut customers).await, (true, Vec::new()));
    assert_eq!(suspend(&mut operator, &id, "fraud").await.unwrap(), api::DomainStatus::Suspended);
    let blocked = vec![i32::from(api::BlockReason::DomainSuspended)];
    assert_eq!(standing(&mut customers).await, (false, blocked));
    assert_eq!(reinstate(&mut operator, &id).await.unwrap(), api::DomainStatus::Active);
    assert_eq!(standing(&mut customers).await, (true, Vec::new()));
}

/// Sabotage: leave `may_change` out of one of the decisions in `src/app/customers.rs`.
async fn a_suspended_domains_customers_are_not_written_but_by_an_operator(server: TestServer) {
    let Scene { tenant, customers, mut operator, .. } = scene(&server).await;
    let id = tenant.domain.id.to_string();
    let environment = tenant.domain.environment;
    let whole = server.organization_key(&tenant.organization, environment, Scopes::all()).await;
    let mut own = [customers, server.customers(&whole).await];
    let mut theirs = server.customers(&server.operator_key(Scopes::all()).await).await;
    suspend(&mut operator, &id, "").await.unwrap();
    for customers in &mut own {
        for refused in write_everything(customers, &id).await.into_iter().map(Result::unwrap_err) {
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::FailedPrecondition, "DOMAIN_SUSPENDED")
            );
        }
    }
    for done in write_everything(&mut theirs, &id).await {
        done.unwrap();
    }
    reinstate(&mut operator, &id).await.unwrap();
    for customers in &mut own {
        for done in write_everything(customers, &id).await {
            done.unwrap();
        }
    }
}

/// One of each write to customers: the customer `ada@acme` is as before at the end, if all of them worked.
async fn write_everything(customers: &mut Customers, domain_id: &str) -> Vec<Result<(), Status>> {
    let id = ada(customers, domain_id).await;
    let create = api::CreateCustomerRequest { domain_id: domain_id.to_owned(), ..Default::default() };
    let update = api::UpdateCustomerRequest {
        key: Some(api::update_customer_request::Key::Id(id.clone())),
        customer: Some(api::Customer {
            nick_name: purser::clock::new_uuid(0).to_string(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["nick_name".to_owned()] }),
        ..Default::default()
    };
    let delete = api::SoftDeleteCustomerRequest {
        key: Some(api::soft_delete_customer_request::Key::Id(id.clone())),
        ..Default::default()
    };
    let kyc = kyc_step(customers, &id).await;
    let restore = api::RestoreCustomerRequest { id: id.clone(), ..Default::default() };
    vec![
        customers.create_customer(create).await.map(drop),
        customers.update_customer(update).await.map(drop),
        customers.soft_delete_customer(delete).await.map(drop),
        customers.restore_customer(restore).await.map(drop),
        customers.set_kyc_status(kyc).await.map(drop),
    ]
}

/// The next edge of the KYC graph from where the customer is.
async fn kyc_step(customers: &mut Customers, id: &str) -> api::SetKycStatusRequest {
    let key = Some(api::get_customer_request::Key::Id(id.to_owned()));
    let customer =
        customers.get_customer(api::GetCustomerRequest { key, ..Default::default() }).await.unwrap();
    let next = match customer.into_inner().customer.unwrap().kyc_status() {
        api::KycStatus::NotRequired => api::KycStatus::Pending,
        api::KycStatus::InReview => api::KycStatus::Approved,
        _ => api::KycStatus::InReview,
    };
    api::SetKycStatusRequest { id: id.to_owned(), kyc_status: next.into(), ..Default::default() }
}

async fn ada(customers: &mut Customers, domain_id: &str) -> String {
    let key = Some(api::get_customer_request::Key::PaymentAddress("ada@acme".to_owned()));
    let request = api::GetCustomerRequest { key, domain_id: domain_id.to_owned() };
    customers.get_customer(request).await.unwrap().into_inner().customer.unwrap().id
}

async fn a_suspended_domain_is_read_as_before(server: TestServer) {
    let Scene { tenant, mut customers, mut operator, mut own } = scene(&server).await;
    let id = tenant.domain.id.to_string();
    suspend(&mut operator, &id, "").await.unwrap();
    let ada = ada(&mut customers, "").await;
    let listed = customers.list_customers(api::ListCustomersRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.customers.len(), 1);
    let batch = api::BatchGetCustomersRequest { ids: vec![ada] };
    assert_eq!(customers.batch_get_customers(batch).await.unwrap().into_inner().results.len(), 1);
    let payee = api::VerifyPayeeRequest { payment_address: "ada@acme".to_owned(), name: "Ada".to_owned() };
    customers.verify_payee(payee).await.unwrap();
    let key = Some(api::get_domain_request::Key::Id(id));
    let domain = own.get_domain(api::GetDomainRequest { key }).await.unwrap().into_inner().domain.unwrap();
    assert_eq!(domain.status(), api::DomainStatus::Suspended);
    own.list_api_keys(api::ListApiKeysRequest::default()).await.unwrap();
    own.list_domains(api::ListDomainsRequest::default()).await.unwrap();
}

async fn a_suspended_domain_is_not_administered_with_its_own_key(server: TestServer) {
    let Scene { tenant, mut operator, mut own, .. } = scene(&server).await;
    let id = tenant.domain.id.to_string();
    let environment = tenant.domain.environment;
    let whole = server.organization_key(&tenant.organization, environment, Scopes::all()).await;
    let mut whole = server.admin(&whole).await;
    // A domain may suspend itself, and only somebody above it can take that back.
    suspend(&mut own, &id, "").await.unwrap();
    for refused in administer(&mut own, &id).await.into_iter().map(Result::unwrap_err) {
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "DOMAIN_SUSPENDED")
        );
    }
    for admin in [&mut whole, &mut operator] {
        for done in administer(admin, &id).await {
            done.unwrap();
        }
    }
    assert_eq!(reinstate(&mut whole, &id).await.unwrap(), api::DomainStatus::Active);
    for done in administer(&mut own, &id).await {
        done.unwrap();
    }
}

/// One of each change to a domain and its keys, none of which changes who may do what.
async fn administer(admin: &mut Admin, id: &str) -> Vec<Result<(), Status>> {
    let keys =
        admin.list_api_keys(api::ListApiKeysRequest { domain_id: id.to_owned(), ..Default::default() });
    let spare = keys
        .await
        .unwrap()
        .into_inner()
        .api_keys
        .into_iter()
        .find(|it| it.display_name == "spare")
        .unwrap()
        .id;
    let settings = api::UpdateDomainSettingsRequest {
        id: id.to_owned(),
        settings: Some(api::DomainSettings { kyc_required: true, ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["kyc_required".to_owned()] }),
        ..Default::default()
    };
    let key =
        api::ApiKey { domain_id: id.to_owned(), scopes: vec!["admin".to_owned()], ..Default::default() };
    let create = api::CreateApiKeyRequest { api_key: Some(key), ..Default::default() };
    let rotate = api::RotateApiKeyRequest { id: spare.clone(), ..Default::default() };
    let mut done = vec![
        admin.update_domain_settings(settings).await.map(drop),
        admin.create_api_key(create).await.map(drop),
        admin.rotate_api_key(rotate).await.map(drop),
    ];
    let key = Some(api::get_domain_request::Key::Id(id.to_owned()));
    let domain = admin.get_domain(api::GetDomainRequest { key }).await.unwrap().into_inner().domain.unwrap();
    if domain.status() == api::DomainStatus::Suspended {
        done.push(suspend(admin, id, "").await.map(drop));
    }
    // A key that is not there is not there, whatever the domain's state.
    let revoke =
        api::RevokeApiKeyRequest { id: "key_00000000000000000000000000".to_owned(), ..Default::default() };
    assert_eq!(reason(&admin.revoke_api_key(revoke).await.unwrap_err()), "API_KEY_NOT_FOUND");
    done
}

async fn suspending_twice_changes_nothing(server: TestServer) {
    let Scene { tenant, mut operator, .. } = scene(&server).await;
    let id = tenant.domain.id.to_string();
    assert_eq!(reinstate(&mut operator, &id).await.unwrap(), api::DomainStatus::Active);
    suspend(&mut operator, &id, "once").await.unwrap();
    let before = dump(&server.database, "events").await.matches("domain.updated").count();
    assert_eq!(suspend(&mut operator, &id, "twice").await.unwrap(), api::DomainStatus::Suspended);
    assert_eq!(dump(&server.database, "events").await.matches("domain.updated").count(), before);
    assert_eq!(before, 1, "the first reinstatement had nothing to change either");
}

async fn a_suspension_says_why_in_a_line(server: TestServer) {
    let Scene { tenant, mut operator, .. } = scene(&server).await;
    let id = tenant.domain.id.to_string();
    for why in ["two\nlines", &"x".repeat(256)] {
        let refused = suspend(&mut operator, &id, why).await.unwrap_err();
        assert_eq!(crate::harness::bad_fields(&refused), ["reason"], "{why}");
    }
    let (bad_id, why) = ("dom_1".to_owned(), "two\nlines".to_owned());
    let request = api::SuspendDomainRequest { id: bad_id, reason: why, request_id: "é".to_owned() };
    let refused = operator.suspend_domain(request).await.unwrap_err();
    assert_eq!(crate::harness::bad_fields(&refused), ["request_id", "id", "reason"]);
    suspend(&mut operator, &id, " because we say so ").await.unwrap();
    assert!(dump(&server.database, "events").await.contains("because we say so"));
}

struct Scene {
    tenant: Tenant,
    /// With the domain's own key.
    customers: Customers,
    operator: Admin,
    /// With the domain's own key.
    own: Admin,
}

/// A domain `acme` with a customer `ada@acme` and a key that is called `spare`.
async fn scene(server: &TestServer) -> Scene {
    let tenant = server.tenant("acme").await;
    let mut customers = server.customers(&tenant.key).await;
    customers.create_customer(with_alias("ada@acme")).await.unwrap();
    let mut own = server.admin(&tenant.key).await;
    let key = api::ApiKey {
        domain_id: tenant.domain.id.to_string(),
        scopes: vec!["admin".to_owned()],
        display_name: "spare".to_owned(),
        ..Default::default()
    };
    own.create_api_key(api::CreateApiKeyRequest { api_key: Some(key), ..Default::default() }).await.unwrap();
    let operator = super::operator(server).await;
    Scene { tenant, customers, operator, own }
}

async fn suspend(admin: &mut Admin, id: &str, why: &str) -> Result<api::DomainStatus, Status> {
    let (id, reason) = (id.to_owned(), why.to_owned());
    let request = api::SuspendDomainRequest { id, reason, request_id: String::new() };
    Ok(admin.suspend_domain(request).await?.into_inner().domain.unwrap().status())
}

async fn reinstate(admin: &mut Admin, id: &str) -> Result<api::DomainStatus, Status> {
    let request = api::ReinstateDomainRequest { id: id.to_owned(), ..Default::default() };
    Ok(admin.reinstate_domain(request).await?.into_inner().domain.unwrap().status())
}
