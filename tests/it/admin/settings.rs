//! The settings of a domain, changed one by one.

use purser::api;
use tonic::{Code, Status};

use super::defaults;
use crate::harness::{Admin, TestServer, bad_fields, on_each_database, reason};

on_each_database!(TestServer:
    every_setting_is_changed_by_its_path_and_by_no_other,
    a_setting_that_is_masked_and_empty_goes_back_to_its_default,
    only_masked_settings_are_read,
    a_mask_names_settings_that_there_are,
    a_value_that_cannot_be_is_refused,
    every_bad_field_of_an_update_is_named,
    a_domain_makes_wallets_on_networks_of_its_environment_only,
    emails_cannot_be_made_unique_while_customers_share_one,
    a_setting_holds_for_what_comes_after_it,
);

/// Every setting with a value that is not its default.
fn changed() -> api::DomainSettings {
    api::DomainSettings {
        default_customer_status: api::CustomerStatus::Disabled.into(),
        required_fields: vec!["email".to_owned(), "billing_address.country".to_owned()],
        unique_email: Some(false),
        kyc_required: true,
        alias_quarantine: Some(prost_types::Duration { seconds: 0, nanos: 1_000 }),
        auto_wallet_networks: Vec::new(),
        allow_mainnet_in_sandbox: true,
        disclosure: api::Disclosure::StatusOnly.into(),
    }
}

/// One with what `from` says at that path.
fn with(mut it: api::DomainSettings, path: &str, from: api::DomainSettings) -> api::DomainSettings {
    match path {
        "default_customer_status" => it.default_customer_status = from.default_customer_status,
        "required_fields" => it.required_fields = from.required_fields,
        "unique_email" => it.unique_email = from.unique_email,
        "kyc_required" => it.kyc_required = from.kyc_required,
        "alias_quarantine" => it.alias_quarantine = from.alias_quarantine,
        "auto_wallet_networks" => it.auto_wallet_networks = from.auto_wallet_networks,
        "allow_mainnet_in_sandbox" => it.allow_mainnet_in_sandbox = from.allow_mainnet_in_sandbox,
        "disclosure" => it.disclosure = from.disclosure,
        other => panic!("{other} is a setting that this test does not know"),
    }
    it
}

fn paths() -> Vec<String> {
    let settings = purser::grpc::API.get_message_by_name("purser.v1.DomainSettings").unwrap();
    settings.fields().map(|it| it.name().to_owned()).collect()
}

async fn every_setting_is_changed_by_its_path_and_by_no_other(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let (mut admin, id) = (server.admin(&tenant.key).await, tenant.domain.id.to_string());
    let mut expected = defaults();
    for path in paths() {
        expected = with(expected, &path, changed());
        assert_eq!(update(&mut admin, &id, changed(), &[&path]).await.unwrap(), expected, "{path}");
        assert_eq!(settings(&mut admin, &id).await, expected, "{path}");
    }
    assert_eq!(expected, changed());
}

async fn a_setting_that_is_masked_and_empty_goes_back_to_its_default(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let (mut admin, id) = (server.admin(&tenant.key).await, tenant.domain.id.to_string());
    let paths = paths();
    let all: Vec<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(update(&mut admin, &id, changed(), &all).await.unwrap(), changed());
    let mut expected = changed();
    for path in all {
        expected = with(expected, path, defaults());
        let empty = api::DomainSettings::default();
        assert_eq!(update(&mut admin, &id, empty, &[path]).await.unwrap(), expected, "{path}");
    }
    assert_eq!(expected, defaults());
}

/// What is not masked may hold anything: it is not looked at.
async fn only_masked_settings_are_read(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let (mut admin, id) = (server.admin(&tenant.key).await, tenant.domain.id.to_string());
    let wild = api::DomainSettings {
        default_customer_status: api::CustomerStatus::Deleted.into(),
        required_fields: vec!["shoe_size".to_owned()],
        alias_quarantine: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
        auto_wallet_networks: vec!["sepolia".to_owned()],
        disclosure: 99,
        kyc_required: true,
        ..Default::default()
    };
    let expected = api::DomainSettings { kyc_required: true, ..defaults() };
    assert_eq!(update(&mut admin, &id, wild, &["kyc_required"]).await.unwrap(), expected);
}

async fn a_mask_names_settings_that_there_are(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let (mut admin, id) = (server.admin(&tenant.key).await, tenant.domain.id.to_string());
    for mask in [&[][..], &["name"], &["*"], &[""], &["settings.kyc_required"], &["kyc_required", "status"]] {
        let refused = update(&mut admin, &id, changed(), mask).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{mask:?}");
        assert_eq!(bad_fields(&refused), ["update_mask"], "{mask:?}");
    }
    assert_eq!(settings(&mut admin, &id).await, defaults());
}

async fn a_value_that_cannot_be_is_refused(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let (mut admin, id) = (server.admin(&tenant.key).await, tenant.domain.id.to_string());
    let quarantine = |seconds, nanos| api::DomainSettings {
        alias_quarantine: Some(prost_types::Duration { seconds, nanos }),
        ..Default::default()
    };
    let required =
        |path: &str| api::DomainSettings { required_fields: vec![path.to_owned()], ..Default::default() };
    let status = |number| api::DomainSettings { default_customer_status: number, ..Default::default() };
    let cases = [
        ("alias_quarantine", quarantine(-1, 0)),
        ("alias_quarantine", quarantine(0, -1)),
        ("alias_quarantine", quarantine(0, 1_000_000_000)),
        ("alias_quarantine", quarantine(11 * 366 * 24 * 60 * 60, 0)),
        ("alias_quarantine", quarantine(i64::MAX, 0)),
        ("required_fields", required("shoe_size")),
        ("required_fields", required("")),
        ("required_fields", required("customer.email")),
        ("required_fields", required("kyc_status")),
        ("required_fields", required("billing_address.planet")),
        ("default_customer_status", status(api::CustomerStatus::Deleted.into())),
        ("default_customer_status", status(17)),
        ("disclosure", api::DomainSettings { disclosure: -1, ..Default::default() }),
    ];
    for (path, bad) in cases {
        let refused = update(&mut admin, &id, bad.clone(), &[path]).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "INVALID_FIELD"),
            "{bad:?}"
        );
        assert_eq!(bad_fields(&refused), [format!("settings.{path}")], "{bad:?}");
    }
    assert_eq!(settings(&mut admin, &id).await, defaults());
}

async fn every_bad_field_of_an_update_is_named(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&tenant.key).await;
    let bad =
        api::DomainSettings { disclosure: 99, required_fields: vec!["x".to_owned()], ..Default::default() };
    let refused =
        update(&mut admin, "dom_1", bad, &["disclosure", "required_fields", "name"]).await.unwrap_err();
    let mut fields = bad_fields(&refused);
    fields.sort_unstable();
    assert_eq!(fields, ["id", "settings.disclosure", "settings.required_fields", "update_mask"]);
}

async fn a_domain_makes_wallets_on_networks_of_its_environment_only(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&tenant.key).await;
    let on = |network: &str| api::DomainSettings {
        auto_wallet_networks: vec![network.to_owned()],
        ..Default::default()
    };
    let id = tenant.domain.id.to_string();
    let settings = update(&mut admin, &id, on("sepolia"), &["auto_wallet_networks"]).await.unwrap();
    assert_eq!(settings.auto_wallet_networks, ["sepolia"]);
    for (network, code, expected) in [
        ("ethereum", Code::FailedPrecondition, "NETWORK_NOT_ALLOWED"),
        ("nowhere", Code::InvalidArgument, "UNKNOWN_NETWORK"),
    ] {
        let refused = update(&mut admin, &id, on(network), &["auto_wallet_networks"]).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (code, expected));
        let domain = api::Domain {
            organization_id: tenant.organization.id.to_string(),
            name: "other".to_owned(),
            environment: api::Environment::Sandbox.into(),
            settings: Some(on(network)),
            ..Default::default()
        };
        let request = api::CreateDomainRequest { domain: Some(domain), request_id: String::new() };
        let refused = super::operator(&server).await.create_domain(request).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (code, expected));
    }
}

async fn emails_cannot_be_made_unique_while_customers_share_one(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let (mut admin, id) = (server.admin(&tenant.key).await, tenant.domain.id.to_string());
    let mut customers = server.customers(&tenant.key).await;
    let unique = |it| api::DomainSettings { unique_email: Some(it), ..Default::default() };
    update(&mut admin, &id, unique(false), &["unique_email"]).await.unwrap();
    let mut twins = Vec::new();
    for _ in 0..2 {
        let customer = Some(api::Customer { email: "a@example.com".to_owned(), ..Default::default() });
        let request = api::CreateCustomerRequest { customer, ..Default::default() };
        twins.push(customers.create_customer(request).await.unwrap().into_inner().customer.unwrap().id);
    }
    let refused = update(&mut admin, &id, unique(true), &["unique_email"]).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "EMAILS_NOT_UNIQUE_YET")
    );
    assert_eq!(settings(&mut admin, &id).await.unique_email, Some(false));

    // One of the two goes: then it can be.
    let key = Some(api::soft_delete_customer_request::Key::Id(twins.remove(0)));
    customers
        .soft_delete_customer(api::SoftDeleteCustomerRequest { key, ..Default::default() })
        .await
        .unwrap();
    update(&mut admin, &id, unique(true), &["unique_email"]).await.unwrap();
    let key = Some(api::get_customer_request::Key::Email("a@example.com".to_owned()));
    let found = customers.get_customer(api::GetCustomerRequest { key, ..Default::default() }).await.unwrap();
    assert_eq!(found.into_inner().customer.unwrap().id, twins[0]);
}

async fn a_setting_holds_for_what_comes_after_it(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let (mut admin, id) = (server.admin(&tenant.key).await, tenant.domain.id.to_string());
    let mut customers = server.customers(&tenant.key).await;
    let create = |email: &str| api::CreateCustomerRequest {
        customer: Some(api::Customer { email: email.to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let before = customers.create_customer(create("")).await.unwrap().into_inner().customer.unwrap();
    assert_eq!(
        (before.status(), before.kyc_status()),
        (api::CustomerStatus::Enabled, api::KycStatus::NotRequired)
    );
    let all = ["default_customer_status", "required_fields", "kyc_required"];
    let wanted = api::DomainSettings { required_fields: vec!["email".to_owned()], ..changed() };
    update(&mut admin, &id, wanted, &all).await.unwrap();
    let after =
        customers.create_customer(create("a@example.com")).await.unwrap().into_inner().customer.unwrap();
    assert_eq!(
        (after.status(), after.kyc_status()),
        (api::CustomerStatus::Disabled, api::KycStatus::Pending)
    );
    let refused = customers.create_customer(create("")).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["customer.email"]);
}

async fn update(
    admin: &mut Admin,
    id: &str,
    settings: api::DomainSettings,
    paths: &[&str],
) -> Result<api::DomainSettings, Status> {
    let paths = paths.iter().map(|it| (*it).to_owned()).collect();
    let request = api::UpdateDomainSettingsRequest {
        id: id.to_owned(),
        settings: Some(settings),
        update_mask: Some(prost_types::FieldMask { paths }),
        request_id: String::new(),
    };
    Ok(admin.update_domain_settings(request).await?.into_inner().domain.unwrap().settings.unwrap())
}

async fn settings(admin: &mut Admin, id: &str) -> api::DomainSettings {
    let key = Some(api::get_domain_request::Key::Id(id.to_owned()));
    let domain = admin.get_domain(api::GetDomainRequest { key }).await.unwrap().into_inner().domain.unwrap();
    domain.settings.unwrap()
}
