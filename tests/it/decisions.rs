//! A decision holds when it commits, whatever was committed while it was made.

use std::collections::{BTreeMap, HashSet};

use prost_types::FieldMask;
use purser::api;
use purser::api::admin_service_client::AdminServiceClient;
use purser::domain::{DomainSettings, Environment, KycStatus, Scopes};
use serde_json::Value;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::author::renaming;
use crate::concurrency::assert_sound;
use crate::harness::{Admin, Bearer, Customers, Tenant, TestServer, customers, on_each_database, reason};
use crate::journal::size;
use crate::raw::Raw;

on_each_database!(TestServer: what_was_decided_holds_when_it_is_committed);

/// CON-6. A decision holds when it commits. In 500 rounds (or `PURSER_PROOF_CON_6`) SetKycStatus, UpdateCustomer and
/// SoftDeleteCustomer of one customer, creates with their email, and UpdateDomainSettings (a field becomes required, emails become unique) race,
/// and in some rounds SuspendDomain does. Afterwards the log, read from its beginning, never breaks a rule: nothing
/// happens to a customer after their deletion or by a key of a suspended domain, no customer is written without what
/// the settings require then, and no two live ones share an email while emails are unique.
///
/// Sabotage: let `Change::expects` expect nothing; or let `Bench::by_rows` find nothing stale.
async fn what_was_decided_holds_when_it_is_committed(server: TestServer) {
    const DOMAINS: usize = 4;
    let rounds = size("PURSER_PROOF_CON_6", 500);
    let mut racing = JoinSet::new();
    let mut logs = Vec::new();
    let operator = server.operator_key(Scopes::all()).await;
    for n in 0..DOMAINS {
        let settings = DomainSettings { unique_email: false, ..DomainSettings::default() };
        let tenant = server.tenant_with(&format!("rules-{n}"), Environment::Sandbox, settings).await;
        logs.push(tenant.domain.id.as_uuid());
        let round = Round::new(&server, tenant, &operator).await;
        racing.spawn(async move {
            for n in 0..rounds / DOMAINS {
                round.race(n).await;
            }
        });
    }
    racing.join_all().await;
    let mut raw = Raw::open(&server.database).await;
    let mut kinds = BTreeMap::new();
    for log in logs {
        let events = events(&mut raw, log).await;
        assert_eq!(broken_rules(&events), [""; 0]);
        events.into_iter().for_each(|it| *kinds.entry(it.kind).or_insert(0) += 1);
    }
    assert_sound(server.app.store()).await;
    eprintln!("CON-6: {rounds} rounds, {kinds:?}: 0 rules broken");
}

/// Two clients of a domain, on two instances where there may be two, and an operator who tidies up.
struct Round {
    domain: String,
    clients: Vec<(Customers, Admin)>,
    operator: (Customers, Admin),
}

impl Round {
    async fn new(server: &TestServer, tenant: Tenant, operator: &str) -> Self {
        let mut clients = Vec::new();
        for client in crate::concurrency::channels(server, 2).await {
            let admin = AdminServiceClient::with_interceptor(client.clone(), Bearer::new(&tenant.key));
            clients.push((customers(client, &tenant.key), admin));
        }
        let operator = (server.customers(operator).await, server.admin(operator).await);
        Self { domain: tenant.domain.id.into(), clients, operator }
    }

    async fn race(&self, n: usize) {
        let email = format!("e{n}@mail.example");
        let (mut customers, mut admin) = self.operator.clone();
        let made = customers.create_customer(self.creating(&email, "Ada")).await.unwrap();
        let id = made.into_inner().customer.unwrap().id;
        let mut calls = JoinSet::new();
        for (at, (customers, admin)) in (0..10).zip(self.clients.iter().cloned().cycle()) {
            if at < 9 || n.is_multiple_of(4) {
                calls.spawn(self.call(at, customers, admin, &id, &email));
            }
        }
        for status in calls.join_all().await.into_iter().filter_map(Result::err) {
            let found = (status.code(), reason(&status));
            let expected = [
                (Code::FailedPrecondition, "CUSTOMER_DELETED"),
                (Code::FailedPrecondition, "KYC_TRANSITION_NOT_ALLOWED"),
                (Code::FailedPrecondition, "EMAILS_NOT_UNIQUE_YET"),
                (Code::FailedPrecondition, "DOMAIN_SUSPENDED"),
                (Code::InvalidArgument, "INVALID_FIELD"),
                (Code::AlreadyExists, "EMAIL_TAKEN"),
            ];
            assert!(expected.iter().any(|it| found == (it.0, it.1.to_owned())), "{status:?}");
        }
        // The next round begins as this one did.
        let request = api::ReinstateDomainRequest { id: self.domain.clone(), ..Default::default() };
        admin.reinstate_domain(request).await.unwrap();
        let request = api::ListCustomersRequest { domain_id: self.domain.clone(), ..Default::default() };
        for live in customers.list_customers(request).await.unwrap().into_inner().customers {
            customers.soft_delete_customer(deleting(&live.id)).await.unwrap();
        }
        admin
            .update_domain_settings(self.settings(&["unique_email", "required_fields"], false, &[]))
            .await
            .unwrap();
    }

    /// The calls that race, by number.
    fn call(
        &self,
        at: usize,
        mut customers: Customers,
        mut admin: Admin,
        id: &str,
        email: &str,
    ) -> impl Future<Output = Result<(), Status>> + Send + 'static {
        let (id, domain) = (id.to_owned(), self.domain.clone());
        let (whole, nameless) = (self.creating(email, "Bob"), self.creating(email, ""));
        let required = self.settings(&["required_fields"], false, &["first_name"]);
        let unique = self.settings(&["unique_email"], true, &[]);
        async move {
            match at {
                0 => admin.update_domain_settings(required).await.map(drop),
                1 => customers.update_customer(renaming(&id, "x", "", "")).await.map(drop),
                2 => admin.update_domain_settings(unique).await.map(drop),
                3 => customers.create_customer(whole).await.map(drop),
                4 => {
                    let mut request = renaming(&id, "", "", "");
                    request.update_mask = mask(&["first_name"]);
                    customers.update_customer(request).await.map(drop)
                }
                5 => customers.create_customer(nameless).await.map(drop),
                6 | 7 => {
                    let to = [api::KycStatus::Pending, api::KycStatus::Rejected][at - 6].into();
                    let request = api::SetKycStatusRequest { id, kyc_status: to, ..Default::default() };
                    customers.set_kyc_status(request).await.map(drop)
                }
                8 => customers.soft_delete_customer(deleting(&id)).await.map(drop),
                _ => {
                    let request = api::SuspendDomainRequest { id: domain, ..Default::default() };
                    admin.suspend_domain(request).await.map(drop)
                }
            }
        }
    }

    fn creating(&self, email: &str, first_name: &str) -> api::CreateCustomerRequest {
        let (email, first_name) = (email.to_owned(), first_name.to_owned());
        let customer = Some(api::Customer { email, first_name, ..Default::default() });
        api::CreateCustomerRequest { customer, domain_id: self.domain.clone(), ..Default::default() }
    }

    fn settings(
        &self,
        paths: &[&str],
        unique_email: bool,
        required: &[&str],
    ) -> api::UpdateDomainSettingsRequest {
        let required_fields = required.iter().map(|it| (*it).to_owned()).collect();
        let settings =
            api::DomainSettings { unique_email: Some(unique_email), required_fields, ..Default::default() };
        api::UpdateDomainSettingsRequest {
            id: self.domain.clone(),
            settings: Some(settings),
            update_mask: mask(paths),
            ..Default::default()
        }
    }
}

fn deleting(id: &str) -> api::SoftDeleteCustomerRequest {
    let key = Some(api::soft_delete_customer_request::Key::Id(id.to_owned()));
    api::SoftDeleteCustomerRequest { key, ..Default::default() }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|it| (*it).to_owned()).collect() })
}

struct Event {
    sequence: i64,
    kind: String,
    resource: Uuid,
    actor: String,
    payload: Value,
}

/// A log, from its beginning.
async fn events(raw: &mut Raw, log: Uuid) -> Vec<Event> {
    let rows: Vec<(Uuid, i64, String, Uuid, String, String)> = raw
        .rows("SELECT log_id, sequence, type, resource_id, actor, payload FROM events ORDER BY log_id, sequence")
        .await;
    let parsed =
        rows.into_iter().filter(|it| it.0 == log).map(|(_, sequence, kind, resource, actor, payload)| {
            Event { sequence, kind, resource, actor, payload: serde_json::from_str(&payload).unwrap() }
        });
    parsed.collect()
}

/// Where a log breaks a rule, by the settings that were in force at each event.
fn broken_rules(events: &[Event]) -> Vec<String> {
    let (mut domain, mut keys) = (Value::Null, HashSet::new());
    let (mut live, mut deleted) = (BTreeMap::<Uuid, Value>::new(), HashSet::new());
    let mut broken = Vec::new();
    for it in events {
        let mut rule = |holds: bool, what: &str| {
            if !holds {
                broken.push(format!("{} at {}: {what}", it.kind, it.sequence));
            }
        };
        if it.kind.starts_with("customer.") {
            rule(!deleted.contains(&it.resource), "they were deleted before");
            let by_key = it.actor.starts_with("key_") && keys.contains(&it.actor);
            rule(!(by_key && domain["status"] == "SUSPENDED"), "the domain is suspended");
        }
        match it.kind.as_str() {
            "api_key.created" => drop(keys.insert(it.payload["id"].as_str().unwrap().to_owned())),
            "domain.created" | "domain.updated" => domain = it.payload.clone(),
            "customer.created" | "customer.updated" => {
                let required = domain["settings"]["required_fields"].as_array().unwrap();
                let is_set = |field: &Value| it.payload["profile"][field.as_str().unwrap()].is_string();
                rule(required.iter().all(is_set), "a required field is empty");
            }
            "customer.kyc_updated" => {
                let status = |of: &Value| of["kyc_status"].as_str().unwrap().parse::<KycStatus>().unwrap();
                let from = live.get(&it.resource).map(status);
                rule(from.is_some_and(|from| from.go(status(&it.payload)).is_ok()), "there is no such edge");
            }
            "customer.deleted" => drop(deleted.insert(it.resource)),
            other => panic!("{other} was not asked for"),
        }
        if it.kind == "customer.deleted" {
            live.remove(&it.resource);
        } else if it.kind.starts_with("customer.") {
            live.insert(it.resource, it.payload.clone());
        }
        let emails: HashSet<_> = live.values().map(|it| it["profile"]["email"].as_str()).collect();
        rule(
            domain["settings"]["unique_email"] != true || emails.len() == live.len(),
            "two live ones share an email",
        );
    }
    broken
}
