//! The log: one event for each change, in each log it belongs to.
//!
//! A log must have no gaps, must be chained from its first event, and its time must never go back. Counts that are kept
//! must be those that counting would find.

use purser::domain::{
    Customer, CustomerId, DomainId, DomainStatus, EventHeader, EventId, KycStatus, LogId, Organization,
    OrganizationId, chain, customer, tenant as tenants,
};
use purser::store::CustomerFilter;
use serde_json::json;
use uuid::Uuid;

use crate::changes::{
    NOW_US, any_id, asked, at, creating, done, fate, fates, now, setting, tenant, updating, whole,
};
use crate::harness::{TestStore, line, on_each_database};
use crate::raw::Raw;

on_each_database!(TestStore:
    every_log_is_without_gaps_and_chained_from_its_first_event,
    every_event_says_who_what_when_and_why,
    the_time_of_a_log_never_goes_back,
    an_event_is_kept_in_every_log_it_belongs_to,
    the_kept_counts_are_those_that_counting_finds,
);

/// The columns of an event, as they are stored.
type Row = (
    Uuid,
    i64,
    Uuid,
    String,
    Uuid,
    Option<Uuid>,
    String,
    String,
    i64,
    String,
    String,
    String,
    Vec<u8>,
    Vec<u8>,
    Vec<u8>,
);

async fn events(raw: &mut Raw) -> Vec<Row> {
    raw.rows(
        "SELECT log_id, sequence, id, type, resource_id, customer_id, actor, request_id, create_us, changed_fields,
                reason, payload, salt, digest, chain FROM events ORDER BY log_id, sequence",
    )
    .await
}

/// A bit of everything that can happen, in two domains, some of it in groups.
async fn much_happens(it: &TestStore) {
    for name in ["acme", "globex"] {
        let domain = tenant(&it.store, name).await;
        let group: Vec<_> = ["ada", "bob", "cyd", "dan"]
            .map(|word| creating(&domain, whole(word, &domain), asked(&domain, word, word)))
            .into();
        fates(&it.store, &group).await.into_iter().for_each(|it| assert!(it.is_ok(), "{it:?}"));
        let eve: Customer = done(&it.store, creating(&domain, whole("eve", &domain), now())).await;
        let eve: Customer = done(&it.store, updating(&eve, &domain, json!({"name": "E"}), now())).await;
        let checked = customer::set_kyc_status(&eve, KycStatus::Pending, line("a check"), now()).unwrap();
        let eve: Customer = done(&it.store, checked).await;
        let eve: Customer = done(&it.store, customer::soft_delete(&eve, &domain, now()).unwrap()).await;
        let eve: Customer = done(&it.store, customer::restore(&eve, &domain, now()).unwrap()).await;
        fate(&it.store, updating(&eve, &domain, json!({"name": "E"}), asked(&domain, "same", "")))
            .await
            .unwrap();
        let domain = done(&it.store, setting(&domain, json!({"kyc_required": true}), now())).await;
        let status = DomainStatus::Suspended;
        fate(&it.store, tenants::set_status(&domain, status, line("why not"), now())).await.unwrap();
    }
}

/// Sabotage: number events before the lock is held, or chain only some of what the header says.
async fn every_log_is_without_gaps_and_chained_from_its_first_event(it: TestStore) {
    much_happens(&it).await;
    let mut raw = Raw::open(&it.database).await;
    let ends: Vec<(Uuid, i64, i64, Vec<u8>)> =
        raw.rows("SELECT id, last_sequence, last_us, chain FROM logs").await;
    let events = events(&mut raw).await;
    // The operators', and of each of two domains its own and its organization's.
    assert_eq!(ends.len(), 5);
    let mut checked = 0;
    for (log, last_sequence, last_us, last_chain) in ends {
        let (mut sequence, mut end) = (0, [0; 32]);
        let mut time = 0;
        for row in events.iter().filter(|it| it.0 == log) {
            sequence += 1;
            assert_eq!(row.1, sequence);
            assert!(row.8 >= time);
            time = row.8;
            let salt = row.12.clone().try_into().unwrap();
            let digest = header(row).digest(&salt, &row.11);
            assert_eq!(row.13, digest);
            end = chain(&end, &digest);
            assert_eq!(row.14, end);
            checked += 1;
        }
        assert_eq!((sequence, time, end.to_vec()), (last_sequence, last_us, last_chain));
    }
    assert_eq!(checked, events.len());
    let salts: std::collections::HashSet<_> = events.iter().map(|it| &it.12).collect();
    assert_eq!(salts.len(), events.len());
}

fn header(row: &Row) -> EventHeader {
    EventHeader {
        log: LogId::from_uuid(row.0),
        sequence: row.1,
        id: EventId::from_uuid(row.2),
        kind: row.3.parse().unwrap(),
        resource_id: row.4,
        customer_id: row.5.map(CustomerId::from_uuid),
        actor: row.6.clone(),
        request_id: row.7.clone(),
        create_us: row.8,
        changed_fields: row.9.clone(),
        reason: row.10.clone(),
    }
}

async fn every_event_says_who_what_when_and_why(it: TestStore) {
    much_happens(&it).await;
    let mut raw = Raw::open(&it.database).await;
    let acme: Vec<(Uuid,)> = raw.rows("SELECT id FROM domains ORDER BY create_us, id LIMIT 1").await;
    let told: Vec<_> = events(&mut raw)
        .await
        .into_iter()
        .filter(|it| it.0 == acme[0].0)
        .map(|it| {
            assert_eq!((it.6.as_str(), it.8), ("cli:test", NOW_US));
            assert_eq!(it.5.is_some(), it.3.starts_with("customer."));
            assert!(it.5.is_none_or(|customer| customer == it.4));
            format!("{} {} [{}] {}", it.3, it.7, it.9, it.10)
        })
        .collect();
    assert_eq!(
        told,
        [
            "domain.created  [] ",
            "customer.created ada [] ",
            "customer.created bob [] ",
            "customer.created cyd [] ",
            "customer.created dan [] ",
            "customer.created  [] ",
            "customer.updated  [name] ",
            "customer.kyc_updated  [kyc_status] a check",
            "customer.deleted  [status,delete_time] ",
            "customer.restored  [status,delete_time] ",
            "domain.updated  [settings] ",
            "domain.updated  [status] why not",
        ]
    );
}

async fn the_time_of_a_log_never_goes_back(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let times = [NOW_US + 10, NOW_US - 1_000_000, NOW_US + 5, NOW_US + 20];
    let group: Vec<_> = times.map(|now_us| creating(&acme, json!({}), at(now_us))).into();
    fates(&it.store, &group).await;
    fate(&it.store, creating(&acme, json!({}), at(0))).await.unwrap();
    let mut raw = Raw::open(&it.database).await;
    let kept: Vec<(i64,)> =
        raw.rows("SELECT create_us FROM events WHERE type = 'customer.created' ORDER BY sequence").await;
    let kept: Vec<_> = kept.into_iter().map(|it| it.0 - NOW_US).collect();
    assert_eq!(kept, [10, 10, 10, 20, 20]);
}

async fn an_event_is_kept_in_every_log_it_belongs_to(it: TestStore) {
    let id = OrganizationId::from_uuid(any_id());
    let organization: Organization =
        done(&it.store, tenants::create_organization(line("A"), id, now())).await;
    let domain = crate::changes::new_domain(id, "acme", purser::domain::DomainSettings::default());
    let id = DomainId::from_uuid(any_id());
    let domain: purser::domain::Domain =
        done(&it.store, tenants::create_domain(domain, id, now()).unwrap()).await;
    for (log, sequence) in [(LogId::OPERATOR, 1), (organization.id.into(), 1)] {
        assert_eq!(it.store.outcome(log, sequence).await.unwrap(), organization.clone().into());
    }
    for (log, sequence) in [(LogId::from(domain.id), 1), (organization.id.into(), 2)] {
        assert_eq!(
            it.store.outcome(log, sequence).await.unwrap(),
            purser::domain::Resource::from(domain.clone()).at(sequence)
        );
    }
    assert!(it.store.outcome(LogId::OPERATOR, 2).await.is_err());
    assert!(it.store.outcome(LogId::from_uuid(any_id()), 1).await.is_err());
}

async fn the_kept_counts_are_those_that_counting_finds(it: TestStore) {
    let (acme, globex) = (tenant(&it.store, "acme").await, tenant(&it.store, "globex").await);
    let group: Vec<_> =
        [&acme, &acme, &globex, &acme, &globex].map(|it| creating(it, json!({}), now())).into();
    fates(&it.store, &group).await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    // What loses counts nothing.
    fate(&it.store, creating(&acme, whole("ada", &acme), now())).await.unwrap_err();
    let counts = async || {
        let mut counts = Vec::new();
        for domains in
            [vec![acme.id], vec![globex.id], vec![acme.id, globex.id], vec![DomainId::from_uuid(any_id())]]
        {
            let everybody = CustomerFilter { domains, ..CustomerFilter::default() };
            let total = it.store.count_customers(&everybody).await.unwrap();
            assert!(!total.capped);
            counts.push(total.size);
        }
        counts
    };
    assert_eq!(counts().await, [4, 2, 6, 0]);
    let gone: Customer = done(&it.store, customer::soft_delete(&ada, &acme, now()).unwrap()).await;
    assert_eq!(counts().await, [3, 2, 5, 0]);
    fate(&it.store, customer::restore(&gone, &acme, now()).unwrap()).await.unwrap();
    assert_eq!(counts().await, [4, 2, 6, 0]);
}
