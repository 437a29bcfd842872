//! Two organizations, twelve ways to call, and objects that are one's own, another's, deleted, or not there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use purser::app::NewApiKey;
use purser::domain::{
    Alias, ApiKey, ApiKeyId, CustomerId, Domain, DomainId, DomainSettings, DomainStatus, Email, Environment, ExternalId,
    NewCustomer, NewDomain, OrganizationId, Profile, Scope, Scopes,
};
use purser::clock;
use tonic::transport::Channel;

use super::table::Kind;
use crate::harness::{On, TestServer, line, operator};

/// Who calls. All of them are seen from `home`, a live domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    NoKey,
    Garbage,
    Mistyped,
    Expired,
    Revoked,
    /// A key of `home` with every scope but the one that the method wants.
    WithoutScope,
    /// A key of `home` with that scope alone.
    OnlyScope,
    Sister,
    Stranger,
    Organization,
    OtherEnvironment,
    Operator,
}

impl Identity {
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::NoKey, "no key"),
        (Self::Garbage, "garbage"),
        (Self::Mistyped, "mistyped"),
        (Self::Expired, "expired"),
        (Self::Revoked, "revoked"),
        (Self::WithoutScope, "domain key, all but the scope"),
        (Self::OnlyScope, "domain key, the scope alone"),
        (Self::Sister, "key of a sister domain"),
        (Self::Stranger, "key of another organization's domain"),
        (Self::Organization, "organization key"),
        (Self::OtherEnvironment, "organization key, other environment"),
        (Self::Operator, "operator key"),
    ];
}

/// Whose an object is, as `home` sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// In `home`.
    Own,
    /// In `globex`, a domain of another organization in the same environment.
    Others,
    /// Nowhere, by names that would be in `home`.
    Absent,
    /// In `home`, and deleted; of a key, revoked.
    Deleted,
    /// In `globex`, and deleted.
    OthersDeleted,
    /// Nowhere, by names that would be in `globex`.
    OthersAbsent,
    /// Nowhere, by names of a domain that is not there.
    Nowhere,
}

impl Whose {
    /// The columns of the matrix for objects of a kind.
    pub fn of(kind: Kind) -> &'static [(Self, &'static str)] {
        const ALL: &[(Whose, &str)] = &[
            (Whose::Own, "own"),
            (Whose::Others, "another tenant's"),
            (Whose::Absent, "absent"),
            (Whose::Deleted, "deleted"),
        ];
        match kind {
            Kind::Nothing => &ALL[..1],
            Kind::Organization | Kind::Domain => &ALL[..3],
            Kind::Customer | Kind::DomainKey | Kind::OrganizationKey | Kind::OperatorKey => ALL,
        }
    }
}

pub struct World {
    pub server: TestServer,
    pub channel: Channel,
    pub home: Domain,
    pub globex: Domain,
    /// What the answers call them, and what the golden file does.
    pub names: HashMap<String, &'static str>,
    keys: HashMap<(Identity, Option<Scope>), String>,
    count: AtomicU32,
}

impl World {
    pub async fn new(on: On) -> Self {
        let server = TestServer::new(on).await;
        let home = server.tenant_with("home", Environment::Live, DomainSettings::default()).await;
        let globex = server.tenant_with("globex", Environment::Live, DomainSettings::default()).await;
        let acme = home.organization;
        let sister = domain(&server, acme.id, "sister", Environment::Live).await;
        let sandbox = domain(&server, acme.id, "sandbox", Environment::Sandbox).await;
        let mut keys = HashMap::from([
            ((Identity::Garbage, None), "not-a-key".to_owned()),
            ((Identity::Mistyped, None), mistyped(&home.key)),
            ((Identity::Expired, None), expired(&server, &home.domain).await),
            ((Identity::Revoked, None), revoked(&server, &home.domain).await),
            ((Identity::Sister, None), server.domain_key(&sister, Scopes::all()).await),
            ((Identity::Stranger, None), globex.key),
        ]);
        for (identity, environment) in
            [(Identity::Organization, Environment::Live), (Identity::OtherEnvironment, Environment::Sandbox)]
        {
            let key = server.organization_key(&acme, environment, Scopes::all()).await;
            keys.insert((identity, None), key);
        }
        keys.insert((Identity::Operator, None), server.operator_key(Scopes::all()).await);
        for scope in Scope::ALL {
            let others = Scope::ALL.iter().copied().filter(|it| it != scope).collect();
            let without = server.domain_key(&home.domain, others).await;
            let only = server.domain_key(&home.domain, [*scope].into_iter().collect()).await;
            keys.insert((Identity::WithoutScope, Some(*scope)), without);
            keys.insert((Identity::OnlyScope, Some(*scope)), only);
        }
        let names = HashMap::from([
            (acme.id.to_string(), "acme"),
            (globex.organization.id.to_string(), "globex inc"),
            (home.domain.id.to_string(), "home"),
            (sister.id.to_string(), "sister"),
            (sandbox.id.to_string(), "sandbox"),
            (globex.domain.id.to_string(), "globex"),
        ]);
        let channel = server.channel().await;
        let (home, globex, count) = (home.domain, globex.domain, AtomicU32::new(0));
        Self { server, channel, home, globex, names, keys, count }
    }

    pub fn key(&self, identity: Identity, scope: Scope) -> Option<&str> {
        let key = match identity {
            Identity::NoKey => return None,
            Identity::WithoutScope | Identity::OnlyScope => (identity, Some(scope)),
            _ => (identity, None),
        };
        Some(&self.keys[&key])
    }

    /// A request with what an object is known by in its places. The object is new, but for organizations and domains.
    pub async fn fill(&self, json: &str, kind: Kind, whose: Whose) -> String {
        let mut filled = json.replace("{fresh}", &format!("fresh-{}", self.next()));
        for (place, value) in self.object(kind, whose).await {
            filled = filled.replace(place, &value);
        }
        assert!(!filled.contains("\"{"), "{filled} has a place that a {kind:?} does not fill");
        filled
    }

    async fn object(&self, kind: Kind, whose: Whose) -> Vec<(&'static str, String)> {
        let domain = match whose {
            Whose::Own | Whose::Deleted => Some(&self.home),
            Whose::Others | Whose::OthersDeleted => Some(&self.globex),
            Whose::Absent | Whose::OthersAbsent | Whose::Nowhere => None,
        };
        let organization = domain.map_or(OrganizationId::from_uuid(uuid()), |it| it.organization_id);
        match kind {
            Kind::Nothing => Vec::new(),
            Kind::Organization => vec![("{organization}", organization.to_string())],
            Kind::Domain => vec![
                ("{organization}", organization.to_string()),
                ("{domain}", domain.map_or(DomainId::from_uuid(uuid()), |it| it.id).to_string()),
                ("{domain_name}", domain.map_or("nowhere", |it| it.name.as_str()).to_owned()),
            ],
            Kind::Customer => self.customer(whose).await,
            Kind::DomainKey | Kind::OrganizationKey | Kind::OperatorKey => {
                let id = match domain {
                    Some(domain) => self.api_key(kind, domain, whose).await,
                    None => ApiKeyId::from_uuid(uuid()),
                };
                vec![("{key}", id.to_string())]
            }
        }
    }

    async fn customer(&self, whose: Whose) -> Vec<(&'static str, String)> {
        let name = format!("c{}", self.next());
        let named = match whose {
            Whose::Own | Whose::Absent | Whose::Deleted => Some(&self.home),
            Whose::Others | Whose::OthersDeleted | Whose::OthersAbsent => Some(&self.globex),
            Whose::Nowhere => None,
        };
        let alias = format!("{name}@{}", named.map_or("nowhere", |it| it.name.as_str()));
        let email = format!("{name}@example.com");
        let is_there = !matches!(whose, Whose::Absent | Whose::OthersAbsent | Whose::Nowhere);
        let id = match named.filter(|_| is_there) {
            Some(domain) => {
                let profile = Profile {
                    payment_address: Some(Alias::try_from(alias.clone()).unwrap()),
                    external_id: Some(ExternalId::try_from(name.clone()).unwrap()),
                    email: Some(Email::try_from(email.clone()).unwrap()),
                    first_name: line("Ada"),
                    ..Profile::default()
                };
                let new = NewCustomer { profile, status: None };
                let app = &self.server.app;
                let made = app.create_customer(&operator(), Some(domain.id), new, None).await.unwrap();
                let id = made.value.customer.id;
                if matches!(whose, Whose::Deleted | Whose::OthersDeleted) {
                    let target = purser::app::CustomerTarget {
                        key: purser::domain::CustomerKey::Id(id),
                        domain: None,
                        etag: None,
                    };
                    app.soft_delete_customer(&operator(), target, None).await.unwrap();
                }
                id
            }
            None => CustomerId::from_uuid(uuid()),
        };
        let domain = named.map_or(DomainId::from_uuid(uuid()), |it| it.id);
        vec![
            ("{customer}", id.to_string()),
            ("{alias}", alias),
            ("{external_id}", name),
            ("{email}", email),
            ("{domain}", domain.to_string()),
        ]
    }

    /// A key with the scope that keys are administered with, and no other.
    async fn api_key(&self, kind: Kind, domain: &Domain, whose: Whose) -> ApiKeyId {
        let scopes = [Scope::Admin].into_iter().collect();
        let new = match kind {
            Kind::DomainKey => NewApiKey { domain_id: Some(domain.id), ..key(scopes) },
            Kind::OrganizationKey => NewApiKey {
                organization_id: Some(domain.organization_id),
                environment: Some(Environment::Live),
                ..key(scopes)
            },
            _ => key(scopes),
        };
        let app = &self.server.app;
        let id = app.create_api_key(&operator(), new, None).await.unwrap().value.0.id;
        if matches!(whose, Whose::Deleted | Whose::OthersDeleted) {
            app.revoke_api_key(&operator(), id, None).await.unwrap();
        }
        id
    }

    /// Puts back what a call may have done to the domains that all calls share.
    pub async fn restore(&self) {
        for domain in [&self.home, &self.globex] {
            let (id, reason) = (domain.id, line(""));
            self.server.app.set_domain_status(&operator(), id, DomainStatus::Active, reason, None).await.unwrap();
        }
    }

    /// Whose a listed resource is.
    pub fn owner(&self, resource: &serde_json::Value) -> Option<String> {
        let text = |name: &str| resource.get(name).and_then(serde_json::Value::as_str);
        let names = |id: Option<&str>| id.and_then(|it| self.names.get(it)).map(|it| (*it).to_owned());
        let id = text("id").unwrap_or_default();
        if id.starts_with("dom_") || id.starts_with("org_") {
            return names(Some(id));
        }
        match (text("domain_id"), text("organization_id"), text("environment")) {
            (None, None, _) => Some("operators".to_owned()),
            (None, organization, Some(environment)) => {
                Some(format!("{} {}", names(organization)?, environment.trim_start_matches("ENVIRONMENT_")))
            }
            (domain, ..) => names(domain),
        }
    }

    fn next(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }
}

async fn domain(server: &TestServer, organization_id: OrganizationId, name: &str, environment: Environment) -> Domain {
    let name = name.to_owned().try_into().unwrap();
    let new = NewDomain { organization_id, name, environment, settings: DomainSettings::default() };
    Domain::clone(&*server.app.create_domain(&operator(), new, None).await.unwrap().value)
}

fn mistyped(key: &str) -> String {
    let (rest, last) = key.split_at(key.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

/// A key whose time has passed: it is there for a moment first.
async fn expired(server: &TestServer, domain: &Domain) -> String {
    let expire_us = Some(clock::now_us() + 200_000);
    let new = NewApiKey { domain_id: Some(domain.id), expire_us, ..key(Scopes::all()) };
    let text = made(server, new).await.1;
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    text
}

async fn revoked(server: &TestServer, domain: &Domain) -> String {
    let (key, text) = made(server, NewApiKey { domain_id: Some(domain.id), ..key(Scopes::all()) }).await;
    server.app.revoke_api_key(&operator(), key.id, None).await.unwrap();
    text
}

async fn made(server: &TestServer, new: NewApiKey) -> (ApiKey, String) {
    let (key, secret) = server.app.create_api_key(&operator(), new, None).await.unwrap().value;
    (key, secret.unwrap().expose().to_owned())
}

fn key(scopes: Scopes) -> NewApiKey {
    NewApiKey {
        organization_id: None,
        domain_id: None,
        environment: None,
        display_name: line(""),
        scopes,
        expire_us: None,
    }
}

fn uuid() -> uuid::Uuid {
    clock::new_uuid(clock::now_us())
}
