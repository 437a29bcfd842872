//! What requests are about: objects that are one's own, another's, deleted, or not there.

use std::sync::atomic::Ordering;

use purser::app::{CustomerTarget, NewApiKey};
use purser::clock;
use purser::domain::{
    Alias, ApiKeyId, CustomerId, CustomerKey, Domain, DomainId, Email, Environment, ExternalId, NewCustomer,
    OrganizationId, Profile, Scope,
};

use super::table::Kind;
use super::world::{World, key};
use crate::harness::{line, operator};

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

impl World {
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
                    let target = CustomerTarget { key: CustomerKey::Id(id), domain: None, etag: None };
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

    fn next(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }
}

fn uuid() -> uuid::Uuid {
    clock::new_uuid(clock::now_us())
}
