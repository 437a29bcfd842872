//! `AdminService` over the wire: organizations, domains and their settings, suspension, lists. Keys are in `keys.rs`.

mod lists;
mod replays;
mod settings;
mod suspension;

use purser::api;
use purser::domain::Scopes;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Admin, TestServer, bad_fields, on_each_database, reason};

on_each_database!(TestServer:
    an_organization_is_made_and_found,
    an_organization_has_a_name_that_people_can_read,
    a_domain_is_made_active_with_every_default,
    a_domain_is_found_by_id_and_by_name,
    a_domains_name_is_a_label,
    a_taken_name_tells_whose_it_is,
    a_domain_belongs_to_an_organization_that_is_there,
    every_bad_field_of_a_new_domain_is_named,
    what_only_operators_may_do_is_refused_to_others,
);

async fn an_organization_is_made_and_found(server: TestServer) {
    let mut admin = operator(&server).await;
    let made = organization(&mut admin, " Acme ").await;
    assert_eq!(made.display_name, "Acme");
    assert!(made.id.starts_with("org_") && made.create_time.is_some());
    let request = api::GetOrganizationRequest { id: made.id.clone() };
    let found = admin.get_organization(request).await.unwrap().into_inner().organization;
    assert_eq!(found, Some(made));
}

async fn an_organization_has_a_name_that_people_can_read(server: TestServer) {
    let mut admin = operator(&server).await;
    for name in ["", "   ", "a\u{7}", &"x".repeat(256)] {
        let organization = Some(api::Organization { display_name: name.to_owned(), ..Default::default() });
        let request = api::CreateOrganizationRequest { organization, request_id: String::new() };
        let refused = admin.create_organization(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "INVALID_FIELD"),
            "{name:?}"
        );
        assert_eq!(bad_fields(&refused), ["organization.display_name"], "{name:?}");
    }
}

async fn a_domain_is_made_active_with_every_default(server: TestServer) {
    let mut admin = operator(&server).await;
    let organization = organization(&mut admin, "Acme").await;
    let domain = domain(&mut admin, &organization.id, "acme").await.unwrap();
    assert!(domain.id.starts_with("dom_") && domain.create_time.is_some());
    assert_eq!((domain.organization_id.as_str(), domain.name.as_str()), (organization.id.as_str(), "acme"));
    assert_eq!(domain.environment(), api::Environment::Sandbox);
    assert_eq!(domain.status(), api::DomainStatus::Active);
    assert_eq!(domain.settings, Some(defaults()));
}

async fn a_domain_is_found_by_id_and_by_name(server: TestServer) {
    use api::get_domain_request::Key;
    let mut admin = operator(&server).await;
    let organization = organization(&mut admin, "Acme").await;
    let made = domain(&mut admin, &organization.id, "acme").await.unwrap();
    for key in [Key::Id(made.id.clone()), Key::Name("acme".to_owned())] {
        let request = api::GetDomainRequest { key: Some(key) };
        assert_eq!(admin.get_domain(request).await.unwrap().into_inner().domain.as_ref(), Some(&made));
    }
    let bad = [
        None,
        Some(Key::Id(organization.id)),
        Some(Key::Id(String::new())),
        Some(Key::Name("Acme".to_owned())),
    ];
    for key in bad {
        let refused = admin.get_domain(api::GetDomainRequest { key: key.clone() }).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "INVALID_FIELD"),
            "{key:?}"
        );
    }
}

async fn a_domains_name_is_a_label(server: TestServer) {
    let mut admin = operator(&server).await;
    let organization = organization(&mut admin, "Acme").await.id;
    for name in ["a", "0", "a-b", "a--b", &"x".repeat(63)] {
        assert_eq!(domain(&mut admin, &organization, name).await.unwrap().name, name);
    }
    for name in ["", "A", "-a", "a-", "a.b", "a_b", "a b", " a", "ä", "a@b", &"x".repeat(64)] {
        let refused = domain(&mut admin, &organization, name).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name}");
        assert_eq!(bad_fields(&refused), ["domain.name"], "{name}");
    }
}

async fn a_taken_name_tells_whose_it_is(server: TestServer) {
    let mut admin = operator(&server).await;
    let (acme, globex) = (organization(&mut admin, "Acme").await, organization(&mut admin, "Globex").await);
    let first = domain(&mut admin, &acme.id, "acme").await.unwrap();
    let refused = domain(&mut admin, &globex.id, "acme").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "DOMAIN_NAME_TAKEN"));
    let metadata = refused.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata.get("domain_id"), Some(&first.id));
}

async fn a_domain_belongs_to_an_organization_that_is_there(server: TestServer) {
    let mut admin = operator(&server).await;
    let refused = domain(&mut admin, "org_00000000000000000000000000", "acme").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "ORGANIZATION_NOT_FOUND"));
    // The name was not taken by that.
    let organization = organization(&mut admin, "Acme").await;
    domain(&mut admin, &organization.id, "acme").await.unwrap();
}

async fn every_bad_field_of_a_new_domain_is_named(server: TestServer) {
    let mut admin = operator(&server).await;
    let settings = api::DomainSettings {
        default_customer_status: api::CustomerStatus::Deleted.into(),
        required_fields: vec!["email".to_owned(), "shoe_size".to_owned()],
        alias_quarantine: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
        disclosure: 99,
        ..Default::default()
    };
    let domain = api::Domain {
        organization_id: "dom_00000000000000000000000000".to_owned(),
        name: "A".to_owned(),
        environment: 7,
        settings: Some(settings),
        ..Default::default()
    };
    let request = api::CreateDomainRequest { domain: Some(domain), request_id: String::new() };
    let refused = admin.create_domain(request).await.unwrap_err();
    let mut fields = bad_fields(&refused);
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "domain.environment",
            "domain.name",
            "domain.organization_id",
            "domain.settings.alias_quarantine",
            "domain.settings.default_customer_status",
            "domain.settings.disclosure",
            "domain.settings.required_fields",
        ]
    );
    let refused = admin.create_domain(api::CreateDomainRequest::default()).await.unwrap_err();
    let mut fields = bad_fields(&refused);
    fields.sort_unstable();
    assert_eq!(fields, ["domain.environment", "domain.name", "domain.organization_id"]);
}

async fn what_only_operators_may_do_is_refused_to_others(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let environment = tenant.domain.environment;
    let whole = server.organization_key(&tenant.organization, environment, Scopes::all()).await;
    for key in [&tenant.key, &whole] {
        let mut admin = server.admin(key).await;
        let organization = Some(api::Organization { display_name: "Mine".to_owned(), ..Default::default() });
        let request = api::CreateOrganizationRequest { organization, request_id: String::new() };
        let refusals = [
            admin.create_organization(request).await.unwrap_err(),
            admin.list_organizations(api::ListOrganizationsRequest::default()).await.unwrap_err(),
            domain(&mut admin, &tenant.organization.id.to_string(), "more").await.unwrap_err(),
        ];
        for refused in refusals {
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::PermissionDenied, "OPERATOR_ONLY")
            );
        }
    }
}

/// A client with a new operator key.
async fn operator(server: &TestServer) -> Admin {
    let key = server.operator_key(Scopes::all()).await;
    server.admin(&key).await
}

async fn organization(admin: &mut Admin, name: &str) -> api::Organization {
    let organization = Some(api::Organization { display_name: name.to_owned(), ..Default::default() });
    let request = api::CreateOrganizationRequest { organization, request_id: String::new() };
    admin.create_organization(request).await.unwrap().into_inner().organization.unwrap()
}

async fn domain(admin: &mut Admin, organization_id: &str, name: &str) -> Result<api::Domain, Status> {
    let domain = api::Domain {
        organization_id: organization_id.to_owned(),
        name: name.to_owned(),
        environment: api::Environment::Sandbox.into(),
        ..Default::default()
    };
    let request = api::CreateDomainRequest { domain: Some(domain), request_id: String::new() };
    Ok(admin.create_domain(request).await?.into_inner().domain.unwrap())
}

fn defaults() -> api::DomainSettings {
    api::DomainSettings {
        default_customer_status: api::CustomerStatus::Enabled.into(),
        required_fields: Vec::new(),
        unique_email: Some(true),
        kyc_required: false,
        alias_quarantine: Some(prost_types::Duration { seconds: 30 * 24 * 60 * 60, nanos: 0 }),
        auto_wallet_networks: Vec::new(),
        allow_mainnet_in_sandbox: false,
        disclosure: api::Disclosure::FullName.into(),
    }
}
