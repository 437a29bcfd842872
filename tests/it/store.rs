//! What a commit promises.
//!
//! A Change must be whole or not at all, and durable before it is answered. The outcomes must come in the order of the
//! Changes. One that loses must leave nothing behind, and one that the database refuses must hurt no other.

use purser::domain::{Change, Customer, Error, Table, Verdict, customer};
use purser::store::Outcome;
use serde_json::json;

use crate::changes::{
    alias, asked, creating, done, email, external_id, fate, fates, now, owners, refused, stored, tenant,
    updating, whole,
};
use crate::harness::{TestStore, on_each_database};
use crate::raw::Raw;

on_each_database!(TestStore:
    a_change_is_there_whole,
    a_change_that_loses_leaves_nothing_behind,
    a_change_that_takes_three_names_takes_none_if_one_is_taken,
    a_change_that_the_database_refuses_leaves_nothing_behind,
    a_change_that_the_database_refuses_hurts_none_of_its_group,
    a_change_that_writes_nothing_is_refused_alone,
    outcomes_come_in_the_order_of_the_changes,
    a_large_group_goes_whole,
    an_empty_group_is_nothing_to_do,
    a_row_that_cannot_be_read_spoils_no_other,
    what_was_committed_is_there_for_whoever_opens_the_database_next,
    a_change_that_only_answers_is_remembered_and_changes_nothing,
);

async fn a_change_is_there_whole(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let change = creating(&acme, whole("ada", &acme), asked(&acme, "r1", "ada"));
    let mark = change.ctx.request.clone().unwrap();
    let ada: Customer = done(&it.store, change).await;

    assert_eq!(stored(&it.store, ada.id).await, Some(ada.clone()));
    let keys = [alias(&acme, "ada"), email(&acme, "ada@mail.example"), external_id(&acme, "ext-ada")];
    assert_eq!(owners(&it.store, &keys).await, vec![Some(ada.clone()); 3]);
    let remembered = it.store.request(&mark).await.unwrap().unwrap();
    assert_eq!((remembered.sequence, remembered.digest), (ada.sequence, mark.digest));
    assert_eq!(it.store.outcome(acme.id.into(), ada.sequence).await.unwrap(), ada.into());
    let mut raw = Raw::open(&it.database).await;
    assert_eq!(raw.number("SELECT value FROM counters").await, 1);
    assert_eq!(raw.number("SELECT count(*) FROM customer_search").await, 1);
}

async fn a_change_that_loses_leaves_nothing_behind(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer =
        done(&it.store, creating(&acme, whole("ada", &acme), asked(&acme, "r1", "ada"))).await;
    let newer: Customer = done(&it.store, updating(&ada, &acme, json!({"last_name": "L"}), now())).await;
    let mut raw = Raw::open(&it.database).await;
    let before = raw.picture().await;

    let losers = [
        creating(&acme, whole("ada", &acme), asked(&acme, "r1", "ada")),
        creating(&acme, whole("bob", &acme), asked(&acme, "r1", "bob")),
        creating(&acme, whole("ada", &acme), asked(&acme, "r2", "ada")),
        updating(&ada, &acme, json!({"last_name": "M"}), asked(&acme, "r3", "old version")),
        customer::soft_delete(&ada, &acme, asked(&acme, "r4", "old version")).unwrap(),
    ];
    for loser in losers {
        fate(&it.store, loser.clone()).await.unwrap_err();
        assert_eq!(raw.picture().await, before);
    }
    assert_eq!(newer.profile.last_name.as_str(), "L");
}

async fn a_change_that_takes_three_names_takes_none_if_one_is_taken(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let contender =
        json!({"payment_address": "bob@acme", "email": "bob@mail.example", "external_id": "ext-ada"});
    let lost = fate(&it.store, creating(&acme, contender, now())).await.unwrap_err();
    let taken = Verdict::Taken { key: external_id(&acme, "ext-ada"), owner: Some(ada.id.as_uuid()) };
    assert_eq!(lost, taken);
    let keys = [alias(&acme, "bob"), email(&acme, "bob@mail.example")];
    assert_eq!(owners(&it.store, &keys).await, [None, None]);
    fate(&it.store, creating(&acme, whole("bob", &acme), now())).await.unwrap();
}

async fn a_change_that_the_database_refuses_leaves_nothing_behind(it: TestStore) {
    tenant(&it.store, "acme").await;
    let mut raw = Raw::open(&it.database).await;
    let before = raw.picture().await;
    let outcomes = it.store.commit(&[refused()]).await;
    assert!(matches!(outcomes[..], [Err(Error::Internal(_))]), "{outcomes:?}");
    assert_eq!(raw.picture().await, before);
}

/// Sabotage: answer the whole group with the error instead of splitting it.
async fn a_change_that_the_database_refuses_hurts_none_of_its_group(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    for poisoned in [vec![0], vec![3], vec![6], vec![1, 2], vec![0, 2, 4, 6]] {
        let group: Vec<Change> = (0..7)
            .map(|at| {
                if poisoned.contains(&at) {
                    refused()
                } else {
                    creating(&acme, json!({"first_name": at.to_string()}), now())
                }
            })
            .collect();
        let outcomes = it.store.commit(&group).await;
        assert_eq!(outcomes.len(), 7);
        let mut last = 0;
        for (at, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(Outcome::Done(sequence)) => {
                    assert!(!poisoned.contains(&at) && sequence > last);
                    last = sequence;
                }
                Err(Error::Internal(_)) => assert!(poisoned.contains(&at)),
                other => panic!("{other:?}"),
            }
        }
    }
    let mut raw = Raw::open(&it.database).await;
    assert_eq!(raw.number("SELECT count(*) FROM customers").await, 6 + 6 + 6 + 5 + 3);
    assert_eq!(raw.number("SELECT count(*) FROM domains").await, 1);
}

async fn a_change_that_writes_nothing_is_refused_alone(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let group = [creating(&acme, json!({}), now()), Change::new(now()), creating(&acme, json!({}), now())];
    let outcomes = it.store.commit(&group).await;
    assert!(
        matches!(outcomes[..], [Ok(Outcome::Done(_)), Err(Error::Internal(_)), Ok(Outcome::Done(_))]),
        "{outcomes:?}"
    );
}

async fn outcomes_come_in_the_order_of_the_changes(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer =
        done(&it.store, creating(&acme, whole("ada", &acme), asked(&acme, "r1", "ada"))).await;
    let newer: Customer = done(&it.store, updating(&ada, &acme, json!({"name": "A"}), now())).await;
    let group = [
        creating(&acme, whole("bob", &acme), now()),
        creating(&acme, whole("ada", &acme), asked(&acme, "r1", "ada")),
        creating(&acme, whole("cyd", &acme), asked(&acme, "r1", "cyd")),
        creating(&acme, json!({"email": "ada@mail.example"}), now()),
        updating(&ada, &acme, json!({"name": "B"}), now()),
        creating(&acme, json!({"payment_address": "bob@acme"}), now()),
        updating(&newer, &acme, json!({"name": "C"}), now()),
    ];
    let next = newer.sequence + 1;
    let taken = Verdict::Taken { key: email(&acme, "ada@mail.example"), owner: Some(ada.id.as_uuid()) };
    assert_eq!(
        fates(&it.store, &group).await,
        [
            Ok(next),
            Err(Verdict::Replay { sequence: ada.sequence }),
            Err(Verdict::Reused),
            Err(taken),
            Err(Verdict::Stale),
            Err(Verdict::Again),
            Ok(next + 1),
        ]
    );
}

async fn a_large_group_goes_whole(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let fields = |n: usize| whole(&format!("c{n}"), &acme);
    let group: Vec<_> =
        (0..700).map(|n| creating(&acme, fields(n), asked(&acme, &format!("r{n}"), "create"))).collect();
    let expected: Vec<_> = (0..700).map(|n| Ok(acme.sequence + 1 + n)).collect();
    assert_eq!(fates(&it.store, &group).await, expected);
    let keys: Vec<_> = (0..700).map(|n| alias(&acme, &format!("c{n}"))).collect();
    let found = owners(&it.store, &keys).await;
    for (change, found) in group.iter().zip(found) {
        assert_eq!(found.unwrap().id.as_uuid(), change.writes[0].resource.id());
    }
}

async fn an_empty_group_is_nothing_to_do(it: TestStore) {
    let mut raw = Raw::open(&it.database).await;
    let before = raw.picture().await;
    assert!(it.store.commit(&[]).await.is_empty());
    assert_eq!(raw.picture().await, before);
}

async fn what_was_committed_is_there_for_whoever_opens_the_database_next(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    it.store.close().await;
    let again = it.database.store().await;
    assert_eq!(owners(&again, &[alias(&acme, "ada")]).await, [Some(ada)]);
}

async fn a_row_that_cannot_be_read_spoils_no_other(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let bob: Customer = done(&it.store, creating(&acme, whole("bob", &acme), now())).await;
    let broken =
        "UPDATE customers SET body = replace(body, 'ENABLED', 'ENABLE') WHERE payment_address = 'ada@acme'";
    assert_eq!(Raw::open(&it.database).await.run(broken).await, 1);
    let keys = [alias(&acme, "ada"), alias(&acme, "bob"), alias(&acme, "eve")];
    let mut by_key = it.store.by_key::<Customer>(Table::Customers, &keys).await.unwrap();
    assert!(matches!(by_key.remove(0), Err(Error::Internal(_))));
    assert_eq!(by_key.remove(0).unwrap(), Some(bob.clone()));
    assert_eq!(by_key.remove(0).unwrap(), None);
    let ids = [bob.id.as_uuid(), ada.id.as_uuid()];
    let mut by_id = it.store.by_id::<Customer>(Table::Customers, &ids).await.unwrap();
    assert_eq!(by_id.remove(0).unwrap(), Some(bob));
    assert!(matches!(by_id.remove(0), Err(Error::Internal(_))));
}

async fn a_change_that_only_answers_is_remembered_and_changes_nothing(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let same = || updating(&ada, &acme, json!({"first_name": "ada"}), asked(&acme, "r1", "same"));
    assert!(same().writes[0].event.is_none());
    assert_eq!(fate(&it.store, same()).await, Ok(ada.sequence));
    // It is the answer still once the customer has changed.
    fate(&it.store, updating(&ada, &acme, json!({"first_name": "Ada"}), now())).await.unwrap();
    assert_eq!(fate(&it.store, same()).await, Err(Verdict::Replay { sequence: ada.sequence }));
    assert_eq!(it.store.outcome(acme.id.into(), ada.sequence).await.unwrap(), ada.into());
}
