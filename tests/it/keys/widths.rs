//! Nobody hands out more than they have: reach, scopes, lifetime.

use purser::api;
use purser::clock;
use purser::domain::{Environment, Scope, Scopes};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Admin, Tenant, TestServer, on_each_database, reason};

on_each_database!(TestServer:
    nobody_creates_a_key_that_reaches_further_than_their_own,
    nobody_creates_a_key_that_may_do_more_than_their_own,
    nobody_creates_a_key_that_outlives_their_own,
    nobody_rotates_a_key_that_is_wider_than_their_own,
);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Operator,
    Organization,
    Domain,
}

/// What the new key is to reach.
#[derive(Clone, Copy, Debug)]
enum For {
    Operators,
    OwnOrganization,
    OwnOrganizationElsewhere,
    OtherOrganization,
    OwnDomain,
    Sister,
    Elsewhere,
    Stranger,
}

struct Scene {
    server: TestServer,
    acme: Tenant,
    globex: Tenant,
    sister: String,
    /// A domain of the organization in the other environment.
    elsewhere: String,
}

async fn scene(server: TestServer) -> Scene {
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let mut admin = server.admin(&server.operator_key(Scopes::all()).await).await;
    let mut ids = Vec::new();
    for (name, environment) in [("sister", api::Environment::Sandbox), ("elsewhere", api::Environment::Live)]
    {
        let domain = api::Domain {
            organization_id: acme.organization.id.to_string(),
            name: name.to_owned(),
            environment: environment.into(),
            ..Default::default()
        };
        let request = api::CreateDomainRequest { domain: Some(domain), ..Default::default() };
        ids.push(admin.create_domain(request).await.unwrap().into_inner().domain.unwrap().id);
    }
    let elsewhere = ids.pop().unwrap();
    Scene { server, acme, globex, sister: ids.pop().unwrap(), elsewhere }
}

impl Scene {
    fn key(&self, reach: For) -> api::ApiKey {
        let organization = |tenant: &Tenant, environment: api::Environment| api::ApiKey {
            organization_id: tenant.organization.id.to_string(),
            environment: environment.into(),
            ..Default::default()
        };
        let domain = |id: &str| api::ApiKey { domain_id: id.to_owned(), ..Default::default() };
        let key = match reach {
            For::Operators => api::ApiKey::default(),
            For::OwnOrganization => organization(&self.acme, api::Environment::Sandbox),
            For::OwnOrganizationElsewhere => organization(&self.acme, api::Environment::Live),
            For::OtherOrganization => organization(&self.globex, api::Environment::Sandbox),
            For::OwnDomain => domain(&self.acme.domain.id.to_string()),
            For::Sister => domain(&self.sister),
            For::Elsewhere => domain(&self.elsewhere),
            For::Stranger => domain(&self.globex.domain.id.to_string()),
        };
        api::ApiKey { scopes: vec!["admin".to_owned()], ..key }
    }

    async fn admin(&self, by: By, scopes: Scopes) -> Admin {
        let key = match by {
            By::Operator => self.server.operator_key(scopes).await,
            By::Organization => {
                self.server.organization_key(&self.acme.organization, Environment::Sandbox, scopes).await
            }
            By::Domain => self.server.domain_key(&self.acme.domain, scopes).await,
        };
        self.server.admin(&key).await
    }
}

async fn create(admin: &mut Admin, key: api::ApiKey) -> Result<api::CreateApiKeyResponse, Status> {
    let request = api::CreateApiKeyRequest { api_key: Some(key), ..Default::default() };
    Ok(admin.create_api_key(request).await?.into_inner())
}

/// `OK`, or the reason, with what is too wide.
fn told<T>(answer: &Result<T, Status>) -> String {
    let Err(status) = answer else { return "OK".to_owned() };
    let metadata = status.get_details_error_info().unwrap().metadata;
    match metadata.get("wider_in") {
        Some(wider_in) => {
            assert_eq!(status.code(), Code::PermissionDenied);
            format!("{} {wider_in}", reason(status))
        }
        None => reason(status),
    }
}

/// Sabotage: in `Reach::includes`, forget the environment.
async fn nobody_creates_a_key_that_reaches_further_than_their_own(server: TestServer) {
    const TOO_FAR: &str = "KEY_TOO_WIDE reach";
    const NO_DOMAIN: &str = "DOMAIN_NOT_FOUND";
    const NO_ORGANIZATION: &str = "ORGANIZATION_NOT_FOUND";
    let scene = scene(server).await;
    let table = [
        (For::Operators, ["OK", TOO_FAR, TOO_FAR]),
        (For::OwnOrganization, ["OK", "OK", TOO_FAR]),
        (For::OwnOrganizationElsewhere, ["OK", TOO_FAR, TOO_FAR]),
        (For::OtherOrganization, ["OK", NO_ORGANIZATION, TOO_FAR]),
        (For::OwnDomain, ["OK", "OK", "OK"]),
        (For::Sister, ["OK", "OK", NO_DOMAIN]),
        (For::Elsewhere, ["OK", NO_DOMAIN, NO_DOMAIN]),
        (For::Stranger, ["OK", NO_DOMAIN, NO_DOMAIN]),
    ];
    for (column, by) in [By::Operator, By::Organization, By::Domain].into_iter().enumerate() {
        let mut admin = scene.admin(by, Scopes::all()).await;
        for (reach, expected) in table {
            let answer = create(&mut admin, scene.key(reach)).await;
            assert_eq!(told(&answer), expected[column], "{by:?} makes one for {reach:?}");
        }
    }
}

async fn nobody_creates_a_key_that_may_do_more_than_their_own(server: TestServer) {
    let scene = scene(server).await;
    for (by, reach) in [
        (By::Operator, For::Operators),
        (By::Organization, For::OwnOrganization),
        (By::Domain, For::OwnDomain),
    ] {
        let own = [Scope::Admin, Scope::CustomersRead].into_iter().collect();
        let mut admin = scene.admin(by, own).await;
        for (scopes, expected) in [
            (&["admin"][..], "OK"),
            (&["admin", "customers.read"], "OK"),
            (&["customers.read"], "OK"),
            (&["customers.write"], "KEY_TOO_WIDE scopes"),
            (&["admin", "customers.read", "kyc.write"], "KEY_TOO_WIDE scopes"),
            (&["all"], "KEY_TOO_WIDE scopes"),
        ] {
            let scopes = scopes.iter().map(|it| (*it).to_owned()).collect();
            let key = api::ApiKey { scopes, ..scene.key(reach) };
            assert_eq!(
                told(&create(&mut admin, key.clone()).await),
                expected,
                "{by:?} makes {:?}",
                key.scopes
            );
        }
        let mut powerless = scene.admin(by, [Scope::CustomersRead].into_iter().collect()).await;
        assert_eq!(told(&create(&mut powerless, scene.key(reach)).await), "SCOPE_MISSING", "{by:?}");
    }
}

fn seconds_from_now(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: clock::now_us() / 1_000_000 + seconds, nanos: 0 }
}

async fn nobody_creates_a_key_that_outlives_their_own(server: TestServer) {
    let scene = scene(server).await;
    for (by, reach) in [
        (By::Operator, For::Operators),
        (By::Organization, For::OwnOrganization),
        (By::Domain, For::OwnDomain),
    ] {
        let mut parent = scene.admin(By::Operator, Scopes::all()).await;
        let own = Some(seconds_from_now(600));
        let mortal = api::ApiKey { expire_time: own, scopes: vec!["all".to_owned()], ..scene.key(reach) };
        let mortal = create(&mut parent, mortal).await.unwrap().secret;
        let mut admin = scene.server.admin(&mortal).await;
        for (expire_time, expected) in [
            (Some(seconds_from_now(60)), "OK"),
            (own, "OK"),
            (own.map(|it| prost_types::Timestamp { nanos: it.nanos + 1_000, ..it }), "KEY_TOO_WIDE lifetime"),
            (Some(seconds_from_now(6_000)), "KEY_TOO_WIDE lifetime"),
            (None, "KEY_TOO_WIDE lifetime"),
        ] {
            let key = api::ApiKey { expire_time, ..scene.key(reach) };
            assert_eq!(told(&create(&mut admin, key).await), expected, "{by:?}, {expire_time:?}");
        }
    }
}

/// A new secret of a key is the key: whoever may not make it may not have it.
async fn nobody_rotates_a_key_that_is_wider_than_their_own(server: TestServer) {
    const NO_KEY: &str = "API_KEY_NOT_FOUND";
    let scene = scene(server).await;
    let mut parent = scene.admin(By::Operator, Scopes::all()).await;
    let mut ids = Vec::new();
    for reach in [For::Operators, For::OwnOrganization, For::OwnOrganizationElsewhere, For::OtherOrganization]
    {
        ids.push((reach, create(&mut parent, scene.key(reach)).await.unwrap().api_key.unwrap().id));
    }
    for reach in [For::OwnDomain, For::Sister, For::Elsewhere, For::Stranger] {
        ids.push((reach, create(&mut parent, scene.key(reach)).await.unwrap().api_key.unwrap().id));
    }
    let table = [
        (By::Operator, ["OK"; 8]),
        (By::Organization, [NO_KEY, "OK", NO_KEY, NO_KEY, "OK", "OK", NO_KEY, NO_KEY]),
        (By::Domain, [NO_KEY, NO_KEY, NO_KEY, NO_KEY, "OK", NO_KEY, NO_KEY, NO_KEY]),
    ];
    for (by, expected) in table {
        let mut admin = scene.admin(by, [Scope::Admin].into_iter().collect()).await;
        for ((reach, id), expected) in ids.iter().zip(expected) {
            let request = api::RotateApiKeyRequest { id: id.clone(), ..Default::default() };
            assert_eq!(
                told(&admin.rotate_api_key(request).await),
                expected,
                "{by:?} rotates one for {reach:?}"
            );
        }
    }

    // Wider in scopes, and in lifetime.
    let all = api::ApiKey { scopes: vec!["all".to_owned()], ..scene.key(For::OwnDomain) };
    let all = create(&mut parent, all).await.unwrap();
    let mortal = api::ApiKey { expire_time: Some(seconds_from_now(600)), ..scene.key(For::OwnDomain) };
    let mortal = create(&mut parent, mortal).await.unwrap();
    for (by, id, expected) in [
        (&mortal.secret, &all.api_key.as_ref().unwrap().id, "KEY_TOO_WIDE scopes"),
        (&mortal.secret, &ids[4].1, "KEY_TOO_WIDE lifetime"),
        (&mortal.secret, &mortal.api_key.as_ref().unwrap().id, "OK"),
        (&all.secret, &mortal.api_key.as_ref().unwrap().id, "OK"),
    ] {
        let request = api::RotateApiKeyRequest { id: id.clone(), ..Default::default() };
        assert_eq!(told(&scene.server.admin(by).await.rotate_api_key(request).await), expected);
    }
}
