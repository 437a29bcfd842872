//! How Changes lose: each must be told precisely by what.
//!
//! A request that took effect is found, whatever else has happened since. A name has one owner, in use or on hold. A
//! decision holds only while every row it was made on is as it was read. Of several that meet in one group the first
//! goes, and the others are judged again against what is then there.

use purser::domain::{
    Customer, CustomerId, Domain, DomainId, KeyKind, KycStatus, RequestMark, UniqueKey, Verdict, customer,
    tenant as tenants,
};
use serde_json::json;

use crate::changes::{
    DAY_US, Fate, NOW_US, alias, any_id, asked, at, creating, done, email, external_id, fate, fates,
    new_domain, now, owners, setting, stored, tenant, tenant_with, updating, whole,
};
use crate::harness::{TestStore, line, on_each_database};
use crate::raw::Raw;

on_each_database!(TestStore:
    a_request_that_took_effect_is_found_and_anything_else_under_its_id_is_refused,
    a_request_outranks_every_other_conflict,
    request_ids_of_two_domains_are_apart,
    a_request_is_remembered_for_a_day_and_not_longer,
    old_requests_are_forgotten_and_no_others,
    a_name_that_is_taken_names_its_owner,
    a_name_belongs_to_one_domain_only,
    of_two_for_one_name_the_first_goes_and_the_other_is_judged_again,
    a_decision_on_an_older_version_is_stale,
    a_decision_on_an_older_domain_is_stale,
    the_alias_of_a_deleted_customer_is_on_hold_until_its_time,
    a_deleted_customer_s_other_names_are_free_at_once,
    a_name_given_up_can_be_taken_once_that_is_committed,
    a_customer_may_change_one_name_for_another_in_one_change,
);

fn taken(key: UniqueKey, owner: &Customer) -> Fate {
    Err(Verdict::Taken { key, owner: Some(owner.id.as_uuid()) })
}

async fn a_request_that_took_effect_is_found_and_anything_else_under_its_id_is_refused(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let create = |what| creating(&acme, json!({}), asked(&acme, "r1", what));
    // In one group the second meets the first.
    let first = acme.sequence + 1;
    assert_eq!(fates(&it.store, &[create("this"), create("this")]).await, [Ok(first), Err(Verdict::Again)]);
    assert_eq!(fate(&it.store, create("this")).await, Err(Verdict::Replay { sequence: first }));
    assert_eq!(fate(&it.store, create("that")).await, Err(Verdict::Reused));
    let mut other_method = create("this");
    let mark = other_method.ctx.request.take().unwrap();
    other_method.ctx.request = Some(RequestMark { method: "OtherMethod", ..mark });
    assert_eq!(fate(&it.store, other_method).await, Err(Verdict::Reused));
}

async fn a_request_outranks_every_other_conflict(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let create = creating(&acme, whole("ada", &acme), asked(&acme, "create", ""));
    let ada: Customer = done(&it.store, create.clone()).await;
    let update = updating(&ada, &acme, json!({"email": "new@mail.example"}), asked(&acme, "update", ""));
    let newer: Customer = done(&it.store, update.clone()).await;
    let delete = customer::soft_delete(&newer, &acme, asked(&acme, "delete", "")).unwrap();
    let gone: Customer = done(&it.store, delete.clone()).await;
    // Their names are taken, held, and their rows have gone on; each is still the answer it was.
    for (change, sequence) in [(create, ada.sequence), (update, newer.sequence), (delete, gone.sequence)] {
        assert_eq!(fate(&it.store, change).await, Err(Verdict::Replay { sequence }));
    }
}

async fn request_ids_of_two_domains_are_apart(it: TestStore) {
    let (acme, globex) = (tenant(&it.store, "acme").await, tenant(&it.store, "globex").await);
    let group =
        [&acme, &globex].map(|domain| creating(domain, json!({}), asked(domain, "r1", domain.name.as_str())));
    assert_eq!(fates(&it.store, &group).await, [Ok(2), Ok(2)]);
}

async fn a_request_is_remembered_for_a_day_and_not_longer(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let create = |now_us| {
        let mut change = creating(&acme, json!({}), asked(&acme, "r1", "this"));
        change.ctx.now_us = now_us;
        change
    };
    let first = acme.sequence + 1;
    assert_eq!(fate(&it.store, create(NOW_US)).await, Ok(first));
    assert_eq!(fate(&it.store, create(NOW_US + DAY_US - 1)).await, Err(Verdict::Replay { sequence: first }));
    // Nobody has swept it away yet, and it means nothing any more.
    assert_eq!(fate(&it.store, create(NOW_US + DAY_US)).await, Ok(first + 1));
    assert_eq!(
        fate(&it.store, create(NOW_US + DAY_US + 1)).await,
        Err(Verdict::Replay { sequence: first + 1 })
    );
}

async fn old_requests_are_forgotten_and_no_others(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let group: Vec<_> = (0..2_300)
        .map(|n| {
            let mut change = creating(&acme, json!({}), asked(&acme, &format!("r{n}"), ""));
            change.ctx.now_us = NOW_US + i64::from(n / 100);
            change
        })
        .collect();
    assert!(fates(&it.store, &group).await.iter().all(Result::is_ok));
    let mut raw = Raw::open(&it.database).await;
    it.store.forget_requests(NOW_US).await.unwrap();
    assert_eq!(raw.number("SELECT count(*) FROM requests").await, 2_300);
    it.store.forget_requests(NOW_US + 21).await.unwrap();
    assert_eq!(raw.number("SELECT count(*) FROM requests").await, 200);
    let kept = it.store.request(group[2_100].ctx.request.as_ref().unwrap()).await.unwrap();
    assert_eq!(kept.unwrap().create_us, NOW_US + 21);
    assert_eq!(it.store.request(group[2_099].ctx.request.as_ref().unwrap()).await.unwrap(), None);
}

async fn a_name_that_is_taken_names_its_owner(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let bob: Customer = done(&it.store, creating(&acme, json!({}), now())).await;
    for (fields, key) in [
        (json!({"payment_address": "ADA@acme"}), alias(&acme, "ada")),
        (json!({"email": "Ada@Mail.Example"}), email(&acme, "ada@mail.example")),
        (json!({"external_id": "ext-ada"}), external_id(&acme, "ext-ada")),
    ] {
        let create = creating(&acme, fields.clone(), now());
        assert_eq!(fate(&it.store, create).await, taken(key.clone(), &ada));
        let update = updating(&bob, &acme, fields, now());
        assert_eq!(fate(&it.store, update).await, taken(key, &ada));
    }
    // A caller's own id is compared as it stands.
    fate(&it.store, creating(&acme, json!({"external_id": "EXT-ada"}), now())).await.unwrap();
    let again = new_domain(acme.organization_id, "acme", acme.settings.clone());
    let again = tenants::create_domain(again, DomainId::from_uuid(any_id()), now()).unwrap();
    let expected = Verdict::Taken { key: UniqueKey::domain_name("acme"), owner: Some(acme.id.as_uuid()) };
    assert_eq!(fate(&it.store, again).await, Err(expected));
}

async fn a_name_belongs_to_one_domain_only(it: TestStore) {
    for name in ["acme", "globex"] {
        let domain = tenant(&it.store, name).await;
        let fields =
            json!({"payment_address": format!("ada@{name}"), "email": "a@b.example", "external_id": "1"});
        fate(&it.store, creating(&domain, fields, now())).await.unwrap();
    }
}

async fn of_two_for_one_name_the_first_goes_and_the_other_is_judged_again(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    for kind in ["payment_address", "email", "external_id"] {
        let text = if kind == "external_id" { "x" } else { "x@acme" };
        let (first, second) =
            (creating(&acme, json!({kind: text}), now()), creating(&acme, json!({kind: text}), now()));
        let owner = first.writes[0].resource.id();
        let met = fates(&it.store, &[first, second.clone()]).await;
        assert!(matches!(met[..], [Ok(_), Err(Verdict::Again)]), "{met:?}");
        let lost = fate(&it.store, second).await;
        assert!(matches!(&lost, Err(Verdict::Taken { owner: Some(it), .. }) if *it == owner), "{lost:?}");
    }
}

/// Sabotage: drop `expects` and the versions of the rows that are replaced.
async fn a_decision_on_an_older_version_is_stale(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let update = |name: &str| updating(&ada, &acme, json!({"name": name}), now());
    let met = fates(&it.store, &[update("A"), update("B")]).await;
    assert_eq!(met, [Ok(ada.sequence + 1), Err(Verdict::Stale)]);
    for old in [
        update("C"),
        customer::soft_delete(&ada, &acme, now()).unwrap(),
        customer::set_kyc_status(&ada, KycStatus::Pending, line(""), now()).unwrap(),
    ] {
        assert_eq!(fate(&it.store, old).await, Err(Verdict::Stale));
    }
    // One who was never there is as stale as one who has changed.
    let nobody = Customer { id: CustomerId::from_uuid(any_id()), ..ada.clone() };
    assert_eq!(
        fate(&it.store, updating(&nobody, &acme, json!({"name": "D"}), now())).await,
        Err(Verdict::Stale)
    );
    assert_eq!(stored(&it.store, ada.id).await.unwrap().profile.name.as_str(), "A");
}

/// Sabotage: drop `expects`.
async fn a_decision_on_an_older_domain_is_stale(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let decided = [
        creating(&acme, json!({}), now()),
        updating(&ada, &acme, json!({"name": "A"}), now()),
        customer::soft_delete(&ada, &acme, now()).unwrap(),
        setting(&acme, json!({"disclosure": "INITIALS"}), now()),
    ];
    let newer: Domain = done(&it.store, setting(&acme, json!({"kyc_required": true}), now())).await;
    for old in decided {
        assert_eq!(fate(&it.store, old).await, Err(Verdict::Stale));
    }
    fate(&it.store, creating(&newer, json!({}), now())).await.unwrap();
}

async fn the_alias_of_a_deleted_customer_is_on_hold_until_its_time(it: TestStore) {
    let settings = serde_json::from_value(json!({"alias_quarantine_us": 1_000})).unwrap();
    let acme = tenant_with(&it.store, "acme", settings).await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let gone: Customer = done(&it.store, customer::soft_delete(&ada, &acme, now()).unwrap()).await;
    assert_eq!(owners(&it.store, &[alias(&acme, "ada")]).await, [None]);

    let until_us = NOW_US + 1_000;
    let another = |now_us| creating(&acme, json!({"payment_address": "ada@acme"}), at(now_us));
    assert_eq!(fate(&it.store, another(until_us - 1)).await, Err(Verdict::Held { until_us }));
    let back: Customer = done(&it.store, customer::restore(&gone, &acme, at(NOW_US + 1)).unwrap()).await;
    assert_eq!(owners(&it.store, &[alias(&acme, "ada")]).await, [Some(back.clone())]);

    let gone: Customer = done(&it.store, customer::soft_delete(&back, &acme, now()).unwrap()).await;
    let next: Customer = done(&it.store, another(until_us)).await;
    let late = customer::restore(&gone, &acme, at(until_us)).unwrap();
    assert_eq!(fate(&it.store, late).await, taken(alias(&acme, "ada"), &next));
}

async fn a_deleted_customer_s_other_names_are_free_at_once(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let gone: Customer = done(&it.store, customer::soft_delete(&ada, &acme, now()).unwrap()).await;
    let restore = || customer::restore(&gone, &acme, now()).unwrap();
    for (fields, key) in [
        (json!({"email": "ada@mail.example"}), email(&acme, "ada@mail.example")),
        (json!({"external_id": "ext-ada"}), external_id(&acme, "ext-ada")),
    ] {
        let next: Customer = done(&it.store, creating(&acme, fields, now())).await;
        assert_eq!(fate(&it.store, restore()).await, taken(key, &next));
        fate(&it.store, customer::soft_delete(&next, &acme, now()).unwrap()).await.unwrap();
    }
    fate(&it.store, restore()).await.unwrap();
}

async fn a_name_given_up_can_be_taken_once_that_is_committed(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let give_up = updating(&ada, &acme, json!({"email": "new@mail.example"}), now());
    let take = creating(&acme, json!({"email": "ada@mail.example"}), now());
    let met = fates(&it.store, &[give_up, take.clone()]).await;
    assert_eq!(met, [Ok(ada.sequence + 1), Err(Verdict::Again)]);
    fate(&it.store, take).await.unwrap();
}

async fn a_customer_may_change_one_name_for_another_in_one_change(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let fields = json!({"email": "new@mail.example", "external_id": "new"});
    let newer: Customer = done(&it.store, updating(&ada, &acme, fields, now())).await;
    let keys = [
        email(&acme, "ada@mail.example"),
        email(&acme, "new@mail.example"),
        external_id(&acme, "ext-ada"),
        external_id(&acme, "new"),
        UniqueKey::of_customer(KeyKind::Alias, acme.id, "ada"),
    ];
    let newer = Some(newer);
    assert_eq!(owners(&it.store, &keys).await, [None, newer.clone(), None, newer.clone(), newer]);
}
