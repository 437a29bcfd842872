//! Lists of organizations, domains and keys: page by page, and only what the key reaches.

use purser::api;
use purser::domain::{Environment, Scopes};
use tonic::{Code, Status};

use super::{domain, operator, organization};
use crate::harness::{Admin, TestServer, bad_fields, on_each_database, reason};
use crate::keys::id_of;

on_each_database!(TestServer:
    every_list_comes_whole_in_pages_of_any_size,
    a_key_lists_what_it_reaches_and_no_more,
    a_list_can_be_narrowed_to_an_organization_or_a_domain,
    a_list_of_what_is_not_covered_is_refused,
    a_page_token_belongs_to_its_list,
    a_page_has_a_size_that_can_be,
);

/// The lists by one face: the ids on a page, and the token of the next.
async fn page(
    admin: &mut Admin,
    list: &str,
    within: &str,
    size: i32,
    token: &str,
) -> Result<(Vec<String>, String), Status> {
    let (page_size, page_token) = (size, token.to_owned());
    let organization_id = if within.starts_with("org_") { within.to_owned() } else { String::new() };
    let domain_id = if within.starts_with("dom_") { within.to_owned() } else { String::new() };
    Ok(match list {
        "organizations" => {
            let request = api::ListOrganizationsRequest { page_size, page_token };
            let page = admin.list_organizations(request).await?.into_inner();
            (page.organizations.into_iter().map(|it| it.id).collect(), page.next_page_token)
        }
        "domains" => {
            let request = api::ListDomainsRequest { organization_id, page_size, page_token };
            let page = admin.list_domains(request).await?.into_inner();
            (page.domains.into_iter().map(|it| it.id).collect(), page.next_page_token)
        }
        _ => {
            let request = api::ListApiKeysRequest { organization_id, domain_id, page_size, page_token };
            let page = admin.list_api_keys(request).await?.into_inner();
            (page.api_keys.into_iter().map(|it| it.id).collect(), page.next_page_token)
        }
    })
}

async fn all(admin: &mut Admin, list: &str, within: &str, size: i32) -> Vec<String> {
    let (mut ids, mut token) = (Vec::new(), String::new());
    loop {
        let (more, next) = page(admin, list, within, size, &token).await.unwrap();
        assert!(i32::try_from(more.len()).unwrap() <= size, "{list}");
        ids.extend(more);
        if next.is_empty() {
            return ids;
        }
        token = next;
    }
}

async fn every_list_comes_whole_in_pages_of_any_size(server: TestServer) {
    let mut admin = operator(&server).await;
    let (mut organizations, mut domains, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..7 {
        organizations.push(organization(&mut admin, &format!("O {n}")).await.id);
        domains.push(domain(&mut admin, &organizations[0], &format!("d{n}")).await.unwrap().id);
        let key = api::ApiKey {
            scopes: vec!["admin".to_owned()],
            domain_id: domains[0].clone(),
            ..Default::default()
        };
        let request = api::CreateApiKeyRequest { api_key: Some(key), ..Default::default() };
        keys.push(admin.create_api_key(request).await.unwrap().into_inner().api_key.unwrap().id);
    }
    for size in [1, 2, 3, 7, 100] {
        assert_eq!(all(&mut admin, "organizations", "", size).await, organizations, "{size}");
        assert_eq!(all(&mut admin, "domains", "", size).await, domains, "{size}");
        // The first is the operator's own.
        assert_eq!(all(&mut admin, "keys", "", size).await[1..], keys, "{size}");
    }
}

async fn a_key_lists_what_it_reaches_and_no_more(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let live =
        server.tenant_with("other", Environment::Live, purser::domain::DomainSettings::default()).await;
    let mut operator = operator(&server).await;
    let sister = domain(&mut operator, &tenant.organization.id.to_string(), "sister").await.unwrap();
    let sister_id: purser::domain::DomainId = sister.id.parse().unwrap();
    let sister_key = key_of(&mut operator, &sister.id).await;
    let whole = server.organization_key(&tenant.organization, Environment::Sandbox, Scopes::all()).await;
    let elsewhere = server.organization_key(&tenant.organization, Environment::Live, Scopes::all()).await;
    let (own, id) = (id_of(&tenant.key), tenant.domain.id.to_string());

    let mut domain_admin = server.admin(&tenant.key).await;
    assert_eq!(all(&mut domain_admin, "domains", "", 100).await, std::slice::from_ref(&id));
    assert_eq!(all(&mut domain_admin, "keys", "", 100).await, std::slice::from_ref(&own));

    let mut whole_admin = server.admin(&whole).await;
    assert_eq!(all(&mut whole_admin, "domains", "", 100).await, [id, sister_id.to_string()]);
    let mut keys = all(&mut whole_admin, "keys", "", 1).await;
    keys.sort_unstable();
    let mut expected = [own, sister_key, id_of(&whole)];
    expected.sort_unstable();
    assert_eq!(keys, expected);

    let mut elsewhere_admin = server.admin(&elsewhere).await;
    assert_eq!(all(&mut elsewhere_admin, "domains", "", 100).await, [""; 0]);
    assert_eq!(all(&mut elsewhere_admin, "keys", "", 100).await, [id_of(&elsewhere)]);

    let mut live_admin = server.admin(&live.key).await;
    assert_eq!(all(&mut live_admin, "domains", "", 100).await, [live.domain.id.to_string()]);
    assert_eq!(all(&mut operator, "domains", "", 100).await.len(), 3);
    assert_eq!(all(&mut operator, "keys", "", 2).await.len(), 6);
}

async fn a_list_can_be_narrowed_to_an_organization_or_a_domain(server: TestServer) {
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let mut admin = operator(&server).await;
    let whole = server.organization_key(&acme.organization, Environment::Sandbox, Scopes::all()).await;
    let (organization, domain) = (acme.organization.id.to_string(), acme.domain.id.to_string());
    assert_eq!(all(&mut admin, "domains", &organization, 1).await, std::slice::from_ref(&domain));
    let keys = [id_of(&acme.key), id_of(&whole)];
    assert_eq!(all(&mut admin, "keys", &organization, 1).await, keys);
    assert_eq!(all(&mut admin, "keys", &domain, 1).await, keys[..1]);
    assert_eq!(all(&mut admin, "keys", &globex.domain.id.to_string(), 1).await, [id_of(&globex.key)]);
    let mut whole = server.admin(&whole).await;
    assert_eq!(all(&mut whole, "domains", &organization, 1).await, std::slice::from_ref(&domain));
    assert_eq!(all(&mut whole, "keys", &organization, 1).await, keys);
    assert_eq!(all(&mut whole, "keys", &domain, 1).await, keys[..1]);
}

/// Existing or not: an empty list would be an answer about something that is not the caller's.
async fn a_list_of_what_is_not_covered_is_refused(server: TestServer) {
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let whole = server.organization_key(&acme.organization, Environment::Sandbox, Scopes::all()).await;
    let operator = server.operator_key(Scopes::all()).await;
    let (organization, domain) = ("org_00000000000000000000000000", "dom_00000000000000000000000000");
    let (its_organization, its_domain) = (globex.organization.id.to_string(), globex.domain.id.to_string());
    for (key, organizations, domains) in [
        (&acme.key, vec![organization, &its_organization], vec![domain, &its_domain]),
        (&whole, vec![organization, &its_organization], vec![domain, &its_domain]),
        (&operator, vec![organization], vec![domain]),
    ] {
        let mut admin = server.admin(key).await;
        for (list, within) in organizations.iter().flat_map(|it| [("domains", *it), ("keys", *it)]) {
            let refused = page(&mut admin, list, within, 0, "").await.unwrap_err();
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (Code::NotFound, "ORGANIZATION_NOT_FOUND"),
                "{list}"
            );
        }
        for within in domains {
            let refused = page(&mut admin, "keys", within, 0, "").await.unwrap_err();
            assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "DOMAIN_NOT_FOUND"));
        }
    }
}

async fn a_page_token_belongs_to_its_list(server: TestServer) {
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let mut admin = operator(&server).await;
    let organization = acme.organization.id.to_string();
    domain(&mut admin, &organization, "sister").await.unwrap();
    let (_, token) = page(&mut admin, "domains", &organization, 1, "").await.unwrap();
    assert!(!token.is_empty());
    page(&mut admin, "domains", &organization, 50, &token).await.unwrap();
    let other = globex.organization.id.to_string();
    for (list, within, token) in [
        ("domains", "", token.as_str()),
        ("domains", &other, &token),
        ("keys", &organization, &token),
        ("organizations", "", &token),
        ("domains", &organization, &token[1..]),
        ("domains", &organization, "not a token"),
    ] {
        let refused = page(&mut admin, list, within, 1, token).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "BAD_PAGE_TOKEN"),
            "{list}"
        );
    }
}

async fn a_page_has_a_size_that_can_be(server: TestServer) {
    let mut admin = operator(&server).await;
    let organization = organization(&mut admin, "Acme").await.id;
    for n in 0..30 {
        domain(&mut admin, &organization, &format!("d{n}")).await.unwrap();
    }
    for (size, count) in [(0, 25), (1, 1), (30, 30), (100, 30), (i32::MAX, 30)] {
        assert_eq!(page(&mut admin, "domains", "", size, "").await.unwrap().0.len(), count, "{size}");
    }
    for list in ["organizations", "domains", "keys"] {
        let refused = page(&mut admin, list, "", -1, "").await.unwrap_err();
        assert_eq!(bad_fields(&refused), ["page_size"], "{list}");
    }
}

async fn key_of(admin: &mut Admin, domain_id: &str) -> String {
    let key =
        api::ApiKey { domain_id: domain_id.to_owned(), scopes: vec!["all".to_owned()], ..Default::default() };
    let request = api::CreateApiKeyRequest { api_key: Some(key), ..Default::default() };
    admin.create_api_key(request).await.unwrap().into_inner().api_key.unwrap().id
}
