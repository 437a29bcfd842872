//! Two instances over one Postgres: whatever they race for, exactly one must win, and nothing must be left over.
//!
//! (SQLite takes one instance; a second `serve` on its file is refused.)

use std::collections::BTreeMap;

use purser::domain::{Change, Customer, Domain, DomainId, Error, LogId, Result, Verdict, tenant as tenants};
use purser::store::{Outcome, Store};
use serde_json::json;

use crate::changes::{
    Fate, any_id, asked, creating, done, fate_of, fates, new_domain, now, setting, tenant, tenant_with,
    updating, whole,
};
use crate::harness::{Database, On};

struct Two {
    one: Store,
    other: Store,
    _database: Database,
}

impl Two {
    async fn new() -> Self {
        let database = Database::new(On::Postgres).await;
        let (one, other) = (database.store().await, Store::open(&database.url).unwrap());
        Self { one, other, _database: database }
    }

    /// Commits both groups at the same time.
    async fn race(&self, one: Vec<Change>, other: Vec<Change>) -> [Vec<Fate>; 2] {
        let commit =
            |store: Store, group: Vec<Change>| tokio::spawn(async move { fates(&store, &group).await });
        let (one, other) = (commit(self.one.clone(), one), commit(self.other.clone(), other));
        [one.await.unwrap(), other.await.unwrap()]
    }

    async fn is_sound(&self) {
        let broken: Vec<_> = self.one.check().await.unwrap().into_iter().filter(|it| it.1 != 0).collect();
        assert!(broken.is_empty(), "{broken:?}");
    }
}

/// Sabotage: no lock on the logs and no primary key on the names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_two_instances_take_at_once_has_one_owner() {
    let two = Two::new().await;
    let acme = tenant(&two.one, "acme").await;
    for round in 0..20 {
        let group =
            || (0..25).map(|n| creating(&acme, whole(&format!("c{round}-{n}"), &acme), now())).collect();
        let (one, mut other): (Vec<Change>, Vec<Change>) = (group(), group());
        other.reverse();
        let [mine, mut theirs] = two.race(one, other).await;
        theirs.reverse();
        for pair in mine.iter().zip(&theirs) {
            let one_each =
                matches!(pair, (Ok(_), Err(Verdict::Taken { .. })) | (Err(Verdict::Taken { .. }), Ok(_)));
            assert!(one_each, "{pair:?}");
        }
    }
    two.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_two_instances_carry_out_at_once_takes_effect_once() {
    let two = Two::new().await;
    let acme = tenant(&two.one, "acme").await;
    for round in 0..30 {
        let request = || creating(&acme, json!({}), asked(&acme, &format!("r{round}"), "this"));
        let [mine, theirs] = two.race(vec![request()], vec![request()]).await;
        match (&mine[0], &theirs[0]) {
            (Ok(done), Err(Verdict::Replay { sequence })) | (Err(Verdict::Replay { sequence }), Ok(done)) => {
                assert_eq!(done, sequence);
            }
            other => panic!("{other:?}"),
        }
    }
    two.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_instances_that_change_one_row_at_once_one_finds_its_decision_stale() {
    let two = Two::new().await;
    let acme = tenant(&two.one, "acme").await;
    let mut ada: Customer = done(&two.one, creating(&acme, whole("ada", &acme), now())).await;
    for round in 0..30 {
        let rename = |by: &str| updating(&ada, &acme, json!({"name": format!("{by} {round}")}), now());
        let (one, other) = (rename("one"), rename("other"));
        let resources = [one.writes[0].resource.clone(), other.writes[0].resource.clone()];
        let [mine, theirs] = two.race(vec![one], vec![other]).await;
        let (winner, sequence) = match (&mine[0], &theirs[0]) {
            (Ok(sequence), Err(Verdict::Stale)) => (0, *sequence),
            (Err(Verdict::Stale), Ok(sequence)) => (1, *sequence),
            other => panic!("{other:?}"),
        };
        ada = resources[winner].clone().at(sequence).try_into().unwrap();
    }
    two.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_s_name_that_two_organizations_take_at_once_is_one_domain_s() {
    let two = Two::new().await;
    let organizations =
        [tenant(&two.one, "a").await.organization_id, tenant(&two.one, "b").await.organization_id];
    for round in 0..20 {
        let create = |of: usize| {
            let new = new_domain(
                organizations[of],
                &format!("name{round}"),
                purser::domain::DomainSettings::default(),
            );
            vec![tenants::create_domain(new, DomainId::from_uuid(any_id()), now()).unwrap()]
        };
        let [mine, theirs] = two.race(create(0), create(1)).await;
        let pair = (&mine[0], &theirs[0]);
        let one_each =
            matches!(pair, (Ok(_), Err(Verdict::Taken { .. })) | (Err(Verdict::Taken { .. }), Ok(_)));
        assert!(one_each, "{pair:?}");
    }
    two.is_sound().await;
}

/// Sabotage: lock the logs in the order in which the group names them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_that_touch_the_same_domains_in_any_order_all_go() {
    let two = Two::new().await;
    let mut domains: Vec<Domain> = Vec::new();
    for name in ["a", "b", "c", "d"] {
        domains.push(tenant(&two.one, name).await);
    }
    for _ in 0..20 {
        let group =
            |domains: &[Domain]| domains.iter().map(|it| creating(it, json!({}), now())).collect::<Vec<_>>();
        let one = group(&domains);
        domains.reverse();
        let [mine, theirs] = two.race(one, group(&domains)).await;
        assert!(mine.iter().chain(&theirs).all(Result::is_ok), "{mine:?} {theirs:?}");
    }
    let found = two.one.outcome(LogId::from(domains[0].id), 41).await.unwrap();
    assert_eq!(found.sequence(), 41);
    two.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emails_made_unique_while_others_share_them_are_unique_or_stay_shared() {
    let two = Two::new().await;
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for round in 0..20 {
        let settings = serde_json::from_value(json!({"unique_email": false})).unwrap();
        let domain = tenant_with(&two.one, &format!("d{round}"), settings).await;
        let with = || creating(&domain, json!({"email": "a@b.example"}), now());
        done::<Customer>(&two.one, with()).await;
        let [sweep, share] =
            two.race(vec![setting(&domain, json!({"unique_email": true}), now())], vec![with()]).await;
        let told = match (&sweep[0], &share[0]) {
            (Ok(_), Err(Verdict::Stale)) => "unique",
            (Err(Verdict::EmailsShared), Ok(_)) => "shared",
            other => panic!("{other:?}"),
        };
        *seen.entry(told).or_default() += 1;
    }
    println!("{seen:?}");
    two.is_sound().await;
}

/// Neither the refused Change nor its splitting may let the other instance in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_split_still_races_fairly() {
    let two = Two::new().await;
    let acme = tenant(&two.one, "acme").await;
    for round in 0..10 {
        let create = |n: u32| creating(&acme, whole(&format!("c{round}-{n}"), &acme), now());
        let poisoned = vec![create(0), create(1), crate::changes::refused(), create(2), create(3)];
        let clean: Vec<_> = (0..4).map(create).collect();
        let (one, other) = (two.one.clone(), two.other.clone());
        let one = tokio::spawn(async move { one.commit(&poisoned).await });
        let other = tokio::spawn(async move { other.commit(&clean).await });
        let mut one: Vec<Result<Outcome>> = one.await.unwrap();
        assert!(matches!(one.remove(2), Err(Error::Internal(_))));
        for pair in one.into_iter().zip(other.await.unwrap()) {
            let pair = (fate_of(pair.0.unwrap()), fate_of(pair.1.unwrap()));
            assert!(pair.0.is_ok() != pair.1.is_ok(), "{pair:?}");
        }
    }
    two.is_sound().await;
}
