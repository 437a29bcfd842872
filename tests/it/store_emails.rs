//! `unique_email` turned on and off: every live customer's email must become a name of theirs alone, or none of them.

use purser::domain::{Customer, Domain, Verdict, customer};
use serde_json::json;

use crate::changes::{
    creating, done, email, fate, fates, now, owners, setting, tenant, tenant_with, updating,
};
use crate::harness::{TestStore, on_each_database};
use crate::raw::Raw;

on_each_database!(TestStore:
    emails_that_are_shared_cannot_be_made_unique,
    an_email_of_somebody_deleted_is_shared_with_nobody,
    emails_become_names_and_cease_to_be,
    a_change_of_all_emails_is_committed_alone,
    the_emails_of_another_domain_stay_as_they_are,
);

async fn sharing(it: &TestStore) -> Domain {
    tenant_with(&it.store, "acme", serde_json::from_value(json!({"unique_email": false})).unwrap()).await
}

fn with(domain: &Domain, text: &str) -> purser::domain::Change {
    creating(domain, json!({"email": text}), now())
}

fn on(domain: &Domain) -> purser::domain::Change {
    setting(domain, json!({"unique_email": true}), now())
}

fn off(domain: &Domain) -> purser::domain::Change {
    setting(domain, json!({"unique_email": false}), now())
}

async fn emails_that_are_shared_cannot_be_made_unique(it: TestStore) {
    let acme = sharing(&it).await;
    let one: Customer = done(&it.store, with(&acme, "a@b.example")).await;
    done::<Customer>(&it.store, with(&acme, "a@b.example")).await;
    let mut raw = Raw::open(&it.database).await;
    let before = raw.picture().await;
    assert_eq!(fate(&it.store, on(&acme)).await, Err(Verdict::EmailsShared));
    assert_eq!(raw.picture().await, before);

    fate(&it.store, updating(&one, &acme, json!({"email": "c@b.example"}), now())).await.unwrap();
    let acme: Domain = done(&it.store, on(&acme)).await;
    let third = fate(&it.store, with(&acme, "a@b.example")).await;
    assert!(matches!(third, Err(Verdict::Taken { .. })), "{third:?}");
}

async fn an_email_of_somebody_deleted_is_shared_with_nobody(it: TestStore) {
    let acme = sharing(&it).await;
    let one: Customer = done(&it.store, with(&acme, "a@b.example")).await;
    let gone: Customer = done(&it.store, customer::soft_delete(&one, &acme, now()).unwrap()).await;
    let other: Customer = done(&it.store, with(&acme, "a@b.example")).await;
    // Nor do customers without one share it.
    done::<Customer>(&it.store, creating(&acme, json!({}), now())).await;
    done::<Customer>(&it.store, creating(&acme, json!({}), now())).await;
    let acme: Domain = done(&it.store, on(&acme)).await;
    let taken = Verdict::Taken { key: email(&acme, "a@b.example"), owner: Some(other.id.as_uuid()) };
    assert_eq!(fate(&it.store, customer::restore(&gone, &acme, now()).unwrap()).await, Err(taken));
}

async fn emails_become_names_and_cease_to_be(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, with(&acme, "ada@b.example")).await;
    let found = async |domain: &Domain, text: &str| {
        owners(&it.store, &[email(domain, text)]).await.remove(0).map(|it| it.id)
    };
    assert_eq!(found(&acme, "ada@b.example").await, Some(ada.id));
    let acme: Domain = done(&it.store, off(&acme)).await;
    assert_eq!(found(&acme, "ada@b.example").await, None);
    let ada: Customer =
        done(&it.store, updating(&ada, &acme, json!({"email": "new@b.example"}), now())).await;
    let bob: Customer = done(&it.store, with(&acme, "ada@b.example")).await;
    let acme: Domain = done(&it.store, on(&acme)).await;
    assert_eq!(found(&acme, "new@b.example").await, Some(ada.id));
    assert_eq!(found(&acme, "ada@b.example").await, Some(bob.id));
    assert!(it.store.check().await.unwrap().iter().all(|it| it.1 == 0));
}

async fn a_change_of_all_emails_is_committed_alone(it: TestStore) {
    let acme = sharing(&it).await;
    let met = fates(&it.store, &[with(&acme, "a@b.example"), on(&acme), with(&acme, "a@b.example")]).await;
    // The second creation shares the first's email: had the sweep gone with them, it would have missed one of the two.
    assert_eq!(met, [Ok(acme.sequence + 1), Err(Verdict::Again), Ok(acme.sequence + 2)]);
    assert_eq!(fate(&it.store, on(&acme)).await, Err(Verdict::EmailsShared));
    let other = setting(&acme, json!({"unique_email": true, "kyc_required": true}), now());
    assert_eq!(fate(&it.store, other).await, Err(Verdict::EmailsShared));

    let globex = tenant(&it.store, "globex").await;
    let met = fates(&it.store, &[off(&globex), with(&globex, "a@b.example")]).await;
    assert_eq!(met, [Ok(globex.sequence + 1), Err(Verdict::Again)]);
    // It was decided on a domain that kept emails apart.
    assert_eq!(fate(&it.store, with(&globex, "a@b.example")).await, Err(Verdict::Stale));
}

async fn the_emails_of_another_domain_stay_as_they_are(it: TestStore) {
    let (acme, globex) = (sharing(&it).await, tenant(&it.store, "globex").await);
    for domain in [&acme, &globex] {
        done::<Customer>(&it.store, with(domain, "a@b.example")).await;
    }
    done::<Customer>(&it.store, with(&acme, "a@b.example")).await;
    assert_eq!(fate(&it.store, on(&acme)).await, Err(Verdict::EmailsShared));
    assert!(owners(&it.store, &[email(&globex, "a@b.example")]).await[0].is_some());
    done::<Domain>(&it.store, off(&globex)).await;
    done::<Customer>(&it.store, with(&acme, "a@b.example")).await;
    assert!(it.store.check().await.unwrap().iter().all(|it| it.1 == 0));
}
