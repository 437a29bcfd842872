//! Retention: what is old leaves from the beginning of each log, and nothing else goes with it.
//!
//! What is left of a log must have no gap, must say where it begins, and its chain must hold from there on. A domain must
//! stay what it was at any time. Several instances may do it at once, while others write.

use purser::domain::{Customer, Domain, Error, EventFilter, EventType, LogId, RequestMark, customer};
use purser::store::Store;
use serde_json::json;

use crate::changes::{
    DAY_US, NOW_US, asked, at, creating, done, fate, fates, now, profile, setting, tenant, updating,
};
use crate::concurrency::assert_sound;
use crate::harness::{Database, On, TestStore, on_each_database};

on_each_database!(TestStore:
    what_is_old_leaves_and_the_rest_has_no_gap,
    everything_may_leave_and_the_log_goes_on,
    a_domain_is_still_what_it_was_at_any_time,
    many_leave_in_many_transactions,
    what_is_young_stays_behind_what_is_old_however_old_it_says_it_is,
    a_request_that_changed_nothing_is_answered_though_its_event_is_gone,
    who_is_erased_is_gone_from_what_is_left,
    one_log_that_cannot_be_shortened_keeps_no_other,
    who_had_an_alias_is_forgotten_with_the_events_of_then,
);

/// A domain in which somebody was made on each of so many days.
async fn days(store: &Store, count: i64) -> Domain {
    let acme = tenant(store, "acme").await;
    for day in 1..=count {
        fate(store, creating(&acme, json!({"name": format!("day {day}")}), at(day_us(day)))).await.unwrap();
    }
    acme
}

/// So many days after the beginning.
const fn day_us(day: i64) -> i64 {
    NOW_US + day * DAY_US
}

/// Where a log begins and ends.
async fn ends(store: &Store, domain: &Domain) -> (i64, i64) {
    let ends = store.ends(&[domain.id.into()]).await.unwrap()[0];
    (ends.first, ends.last)
}

/// The places of the events that are left, as far as they can be asked for.
async fn left(store: &Store, domain: &Domain) -> Vec<i64> {
    let log = LogId::from(domain.id);
    let events = store.events(log, (0, i64::MAX), &EventFilter::default(), 10_000).await.unwrap();
    events.into_iter().map(|it| it.header.sequence).collect()
}

/// No invariant is broken, and both audits find nothing.
pub async fn is_whole(store: &Store) {
    assert_sound(store).await;
    assert_eq!(store.audit_log().await.unwrap(), []);
    assert_eq!(store.audit_chain().await.unwrap(), []);
}

async fn what_is_old_leaves_and_the_rest_has_no_gap(it: TestStore) {
    let acme = days(&it.store, 10).await;
    assert_eq!(it.store.expire_events(day_us(0)).await.unwrap(), 0);
    assert_eq!(ends(&it.store, &acme).await, (1, 11));
    // The first is the domain's own: the log begins after it, and it stays.
    assert_eq!(it.store.expire_events(day_us(4)).await.unwrap(), 4 + of_others(&it).await);
    assert_eq!(ends(&it.store, &acme).await, (5, 11));
    assert_eq!(left(&it.store, &acme).await, [1, 5, 6, 7, 8, 9, 10, 11]);
    is_whole(&it.store).await;
    // Once more is as good as once.
    assert_eq!(it.store.expire_events(day_us(4)).await.unwrap(), 0);
    assert_eq!(it.store.expire_events(day_us(3)).await.unwrap(), 0);
    let ends = it.store.ends(&[acme.id.into()]).await.unwrap()[0];
    assert!(matches!(ends.admit(3), Err(Error::EventsExpired { earliest: 5 })) && ends.admit(4).is_ok());
    is_whole(&it.store).await;
}

/// How many events are in the logs beside the domain's that are as old as it: the organization's.
async fn of_others(it: &TestStore) -> u64 {
    let mut raw = crate::raw::Raw::open(&it.database).await;
    let gone =
        raw.number("SELECT CAST(sum(first_sequence - 1) AS BIGINT) FROM logs WHERE id NOT IN (SELECT id FROM domains)").await;
    u64::try_from(gone).unwrap()
}

async fn everything_may_leave_and_the_log_goes_on(it: TestStore) {
    let acme = days(&it.store, 3).await;
    it.store.expire_events(i64::MAX).await.unwrap();
    assert_eq!(ends(&it.store, &acme).await, (5, 4));
    assert_eq!(left(&it.store, &acme).await, [1]);
    is_whole(&it.store).await;
    let ada: Customer = done(&it.store, creating(&acme, json!({}), at(day_us(3)))).await;
    assert_eq!(ada.sequence, 5);
    assert_eq!(ends(&it.store, &acme).await, (5, 5));
    is_whole(&it.store).await;
    it.store.expire_events(i64::MAX).await.unwrap();
    assert_eq!(ends(&it.store, &acme).await, (6, 5));
    // Whose last event is gone is changed like anybody else.
    done::<Customer>(&it.store, updating(&ada, &acme, json!({"name": "Ada"}), at(day_us(4)))).await;
    is_whole(&it.store).await;
}

async fn a_domain_is_still_what_it_was_at_any_time(it: TestStore) {
    let acme = days(&it.store, 3).await;
    let strict: Domain = done(&it.store, setting(&acme, json!({"kyc_required": true}), at(day_us(4)))).await;
    done::<Customer>(&it.store, creating(&strict, json!({}), at(day_us(5)))).await;
    it.store.expire_events(i64::MAX).await.unwrap();
    for (sequence, settings) in
        [(1, &acme.settings), (4, &acme.settings), (5, &strict.settings), (6, &strict.settings)]
    {
        assert_eq!(&it.store.domain_as_of(acme.id, sequence).await.unwrap().settings, settings);
    }
    assert_eq!(left(&it.store, &acme).await, [1, 5]);
    is_whole(&it.store).await;
}

async fn many_leave_in_many_transactions(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let globex = tenant(&it.store, "globex").await;
    for domain in [&acme, &globex] {
        for _ in 0..13 {
            let group: Vec<_> = (0..200).map(|_| creating(domain, json!({}), now())).collect();
            assert!(fates(&it.store, &group).await.iter().all(Result::is_ok));
        }
    }
    done::<Customer>(&it.store, creating(&acme, json!({}), at(day_us(1)))).await;
    it.store.expire_events(day_us(1)).await.unwrap();
    assert_eq!(ends(&it.store, &acme).await, (2_602, 2_602));
    assert_eq!(ends(&it.store, &globex).await, (2_602, 2_601));
    assert_eq!(left(&it.store, &acme).await, [1, 2_602]);
    is_whole(&it.store).await;
}

/// Times of a log never go back; where somebody has changed one, nothing that is younger goes before it.
async fn what_is_young_stays_behind_what_is_old_however_old_it_says_it_is(it: TestStore) {
    let acme = days(&it.store, 6).await;
    let mut raw = crate::raw::Raw::open(&it.database).await;
    raw.run("UPDATE events SET create_us = 1 WHERE type = 'customer.created' AND sequence = 5").await;
    it.store.expire_events(day_us(2)).await.unwrap();
    assert_eq!(ends(&it.store, &acme).await, (3, 7));
    assert_eq!(left(&it.store, &acme).await, [1, 3, 4, 5, 6, 7]);
    // Nor what is behind a gap.
    raw.run("DELETE FROM events WHERE type = 'customer.created' AND sequence = 4").await;
    it.store.expire_events(i64::MAX).await.unwrap();
    assert_eq!(ends(&it.store, &acme).await.0, 4);
    assert_eq!(left(&it.store, &acme).await, [1, 5, 6, 7]);
}

async fn a_request_that_changed_nothing_is_answered_though_its_event_is_gone(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, json!({"name": "Ada"}), now())).await;
    let ctx = purser::domain::Context { now_us: day_us(30), ..asked(&acme, "idle", "") };
    let request: RequestMark = ctx.request.clone().unwrap();
    fate(&it.store, updating(&ada, &acme, json!({"name": "Ada"}), ctx)).await.unwrap();
    it.store.expire_events(i64::MAX).await.unwrap();
    fate(&it.store, updating(&ada, &acme, json!({"name": "Eve"}), at(day_us(30)))).await.unwrap();
    let remembered = it.store.request(&request).await.unwrap().unwrap();
    let answer: Customer = it.store.answer(&request, remembered.sequence).await.unwrap().try_into().unwrap();
    assert_eq!(answer, ada);
    is_whole(&it.store).await;
    // It goes with its request.
    it.store.forget_requests(i64::MAX).await.unwrap();
    assert!(it.store.answer(&request, remembered.sequence).await.is_err());
    is_whole(&it.store).await;
}

async fn who_is_erased_is_gone_from_what_is_left(it: TestStore) {
    let acme = days(&it.store, 2).await;
    let ada: Customer = done(&it.store, creating(&acme, json!({"name": "Ada"}), at(day_us(3)))).await;
    let ada: Customer = done(&it.store, updating(&ada, &acme, json!({"name": "Eve"}), at(day_us(8)))).await;
    let ada: Customer = done(&it.store, customer::soft_delete(&ada, &acme, at(day_us(9))).unwrap()).await;
    it.store.expire_events(day_us(5)).await.unwrap();
    let erased: Customer = done(&it.store, customer::erase(&ada, &acme, at(day_us(9))).unwrap()).await;
    assert_eq!(erased.profile, profile(json!({})));
    is_whole(&it.store).await;
    it.store.expire_events(day_us(9)).await.unwrap();
    is_whole(&it.store).await;
    it.store.expire_events(i64::MAX).await.unwrap();
    is_whole(&it.store).await;
    let log = LogId::from(acme.id);
    let filter = EventFilter { types: vec![EventType::CustomerErased], customer: None };
    assert!(it.store.events(log, (0, i64::MAX), &filter, 10).await.unwrap().is_empty());
}

async fn one_log_that_cannot_be_shortened_keeps_no_other(it: TestStore) {
    let mut domains = Vec::new();
    for name in ["acme", "globex", "initech"] {
        let domain = tenant(&it.store, name).await;
        done::<Customer>(&it.store, creating(&domain, json!({}), at(day_us(1)))).await;
        domains.push(domain);
    }
    // The one in the middle, by the order in which they are gone through.
    domains.sort_by_key(|it| it.id.as_uuid());
    let mut raw = crate::raw::Raw::open(&it.database).await;
    let uuid = if raw.on() == On::Postgres { "UUID" } else { "BLOB" };
    raw.run(&format!(
        "CREATE TABLE held (log_id {uuid}, sequence BIGINT, FOREIGN KEY (log_id, sequence) REFERENCES events)"
    ))
    .await;
    let name = domains[1].name.as_str();
    let log = format!("(SELECT owner FROM unique_keys WHERE kind = 'domain_name' AND key = '{name}')");
    raw.run(&format!(
        "INSERT INTO held SELECT log_id, sequence FROM events WHERE sequence = 2 AND log_id = {log}"
    ))
    .await;
    assert!(it.store.expire_events(i64::MAX).await.is_err());
    let mut firsts = Vec::new();
    for domain in &domains {
        firsts.push(ends(&it.store, domain).await.0);
    }
    assert_eq!(firsts, [3, 1, 3]);
    raw.run("DROP TABLE held").await;
    assert_eq!(it.store.expire_events(i64::MAX).await.unwrap(), 2);
    is_whole(&it.store).await;
}

async fn who_had_an_alias_is_forgotten_with_the_events_of_then(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let held_us = acme.settings.alias_quarantine_us + DAY_US;
    let take = |n: i64| creating(&acme, json!({"payment_address": "ada@acme"}), at(NOW_US + n * held_us));
    for n in 0..3 {
        let ada: Customer = done(&it.store, take(n)).await;
        fate(&it.store, customer::soft_delete(&ada, &acme, at(NOW_US + n * held_us)).unwrap()).await.unwrap();
    }
    let mut raw = crate::raw::Raw::open(&it.database).await;
    let mut kept = async || {
        let rows: Vec<(i64,)> = raw.rows("SELECT until_sequence FROM past_aliases ORDER BY 1").await;
        rows.into_iter().map(|it| it.0).collect::<Vec<_>>()
    };
    assert_eq!(kept().await, [4, 6]);
    it.store.expire_events(NOW_US + held_us).await.unwrap();
    assert_eq!((ends(&it.store, &acme).await.0, kept().await), (4, vec![4, 6]));
    it.store.expire_events(NOW_US + held_us + 1).await.unwrap();
    assert_eq!((ends(&it.store, &acme).await.0, kept().await), (6, vec![6]));
    is_whole(&it.store).await;
}

/// Two instances shorten the same logs while both write to them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_instances_shorten_and_write_the_same_logs_at_once() {
    let database = Database::new(On::Postgres).await;
    let stores = [database.store().await, Store::open(&database.url).unwrap()];
    let acme = tenant(&stores[0], "acme").await;
    let mut tasks = tokio::task::JoinSet::new();
    for (n, store) in stores.iter().enumerate() {
        for shortens in [false, true] {
            let (store, acme) = (store.clone(), acme.clone());
            tasks.spawn(async move {
                for round in 0..40 {
                    if shortens {
                        store.expire_events(day_us(round)).await.unwrap();
                    } else {
                        let group: Vec<_> =
                            (0..20).map(|_| creating(&acme, json!({}), at(day_us(round)))).collect();
                        assert!(fates(&store, &group).await.iter().all(Result::is_ok), "{n}");
                    }
                }
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    is_whole(&stores[0]).await;
    let last = ends(&stores[0], &acme).await.1;
    assert_eq!(last, 1 + 2 * 40 * 20);
    stores[0].expire_events(i64::MAX).await.unwrap();
    assert_eq!(ends(&stores[1], &acme).await, (last + 1, last));
    is_whole(&stores[1]).await;
}
