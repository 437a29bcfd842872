//! Changes, made as the program makes them: by the functions that decide.

use purser::domain::{
    Actor, Change, Context, Customer, CustomerId, CustomerPatch, Domain, DomainId, DomainSettings,
    Environment, Error, KeyKind, NewCustomer, NewDomain, Organization, OrganizationId, Profile, RequestMark,
    Resource, SettingsPatch, Table, UniqueKey, Verdict, customer, tenant,
};
use purser::store::{Outcome, Store};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::harness::line;

/// The moment at which the tests decide.
pub const NOW_US: i64 = 1_800_000_000_000_000;
pub const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// What became of a Change: the sequence it got, or why it lost.
pub type Fate = Result<i64, Verdict>;

pub fn any_id() -> Uuid {
    Uuid::from_u128(rand::random())
}

/// Somebody at the machine, at that time, without a request id.
pub fn at(now_us: i64) -> Context {
    Context { now_us, actor: Actor::Cli("test".to_owned()), request: None }
}

pub fn now() -> Context {
    at(NOW_US)
}

/// Under a request id of the domain. `what` stands for all that was asked.
pub fn asked(domain: &Domain, id: &str, what: &str) -> Context {
    let request = RequestMark {
        scope: domain.id.into(),
        id: id.to_owned().try_into().unwrap(),
        method: "Method",
        digest: Sha256::digest(what).into(),
    };
    Context { request: Some(request), ..now() }
}

pub fn profile(fields: Value) -> Profile {
    serde_json::from_value(fields).unwrap()
}

pub fn alias(domain: &Domain, identifier: &str) -> UniqueKey {
    UniqueKey::of_customer(KeyKind::Alias, domain.id, identifier)
}

pub fn email(domain: &Domain, text: &str) -> UniqueKey {
    UniqueKey::of_customer(KeyKind::Email, domain.id, text)
}

pub fn external_id(domain: &Domain, text: &str) -> UniqueKey {
    UniqueKey::of_customer(KeyKind::ExternalId, domain.id, text)
}

/// A new customer with these fields.
pub fn creating(domain: &Domain, fields: Value, ctx: Context) -> Change {
    let new = NewCustomer { profile: profile(fields), status: None };
    customer::create(new, domain, CustomerId::from_uuid(any_id()), ctx).unwrap()
}

/// The customer with every given field as it is given.
pub fn updating(customer: &Customer, domain: &Domain, fields: Value, ctx: Context) -> Change {
    let paths = fields.as_object().unwrap().keys().cloned().collect();
    let patch = CustomerPatch { paths, profile: profile(fields), status: None };
    customer::update(customer, &patch, domain, ctx).unwrap()
}

/// The domain with every given setting as it is given.
pub fn setting(domain: &Domain, fields: Value, ctx: Context) -> Change {
    let paths = fields.as_object().unwrap().keys().cloned().collect();
    let patch = SettingsPatch { paths, settings: serde_json::from_value(fields).unwrap() };
    tenant::update_settings(domain, &patch, ctx).unwrap()
}

/// One that every database refuses: a domain of an organization that is not there.
pub fn refused() -> Change {
    let name = format!("d{}", any_id().simple());
    tenant::create_domain(
        new_domain(OrganizationId::from_uuid(any_id()), &name, DomainSettings::default()),
        DomainId::from_uuid(any_id()),
        now(),
    )
    .unwrap()
}

pub fn new_domain(organization_id: OrganizationId, name: &str, settings: DomainSettings) -> NewDomain {
    NewDomain {
        organization_id,
        name: name.to_owned().try_into().unwrap(),
        environment: Environment::Sandbox,
        settings,
    }
}

/// Commits a group.
pub async fn fates(store: &Store, group: &[Change]) -> Vec<Fate> {
    store.commit(group).await.into_iter().map(|it| fate_of(it.unwrap())).collect()
}

/// Commits one alone.
pub async fn fate(store: &Store, change: Change) -> Fate {
    fates(store, &[change]).await.remove(0)
}

pub fn fate_of(outcome: Outcome) -> Fate {
    match outcome {
        Outcome::Done(sequence) => Ok(sequence),
        Outcome::Lost(verdict) => Err(verdict),
    }
}

/// Commits one that must go, and answers what it wrote first, as it now is.
pub async fn done<T: TryFrom<Resource, Error = Error>>(store: &Store, change: Change) -> T {
    let resource = change.writes[0].resource.clone();
    let sequence = fate(store, change).await.unwrap();
    resource.at(sequence).try_into().unwrap()
}

/// An organization with a domain of that name.
pub async fn tenant(store: &Store, name: &str) -> Domain {
    tenant_with(store, name, DomainSettings::default()).await
}

pub async fn tenant_with(store: &Store, name: &str, settings: DomainSettings) -> Domain {
    let id = OrganizationId::from_uuid(any_id());
    let organization: Organization = done(store, tenant::create_organization(line(name), id, now())).await;
    let new = new_domain(organization.id, name, settings);
    done(store, tenant::create_domain(new, DomainId::from_uuid(any_id()), now()).unwrap()).await
}

/// A customer with every kind of name that has one owner, all from one word.
pub fn whole(word: &str, domain: &Domain) -> Value {
    serde_json::json!({
        "first_name": word,
        "payment_address": format!("{word}@{}", domain.name.as_str()),
        "email": format!("{word}@mail.example"),
        "external_id": format!("ext-{word}"),
    })
}

/// The customers who have these names in use, each in its place.
pub async fn owners(store: &Store, keys: &[UniqueKey]) -> Vec<Option<Customer>> {
    let found = store.by_key(Table::Customers, keys).await.unwrap();
    found.into_iter().map(Result::unwrap).collect()
}

/// The customer with this id.
pub async fn stored(store: &Store, id: CustomerId) -> Option<Customer> {
    store.by_id(Table::Customers, &[id.as_uuid()]).await.unwrap().remove(0).unwrap()
}
