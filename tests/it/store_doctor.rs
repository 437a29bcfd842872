//! The doctor: it must find nothing wrong with what the store has made, and each thing that somebody else has spoilt.

use std::collections::BTreeMap;

use purser::domain::{ApiKey, ApiKeyId, Customer, Domain, KycStatus, Scopes, SecretHash, api_key, customer};
use serde_json::json;

use crate::changes::{
    NOW_US, any_id, asked, creating, done, fate, fates, now, refused, setting, tenant, tenant_with, updating,
    whole,
};
use crate::harness::{TestStore, line, on_each_database};
use crate::raw::Raw;

on_each_database!(TestStore:
    nothing_is_wrong_with_what_the_store_has_made,
    nothing_is_wrong_with_a_database_that_is_new,
    everything_that_is_spoilt_is_found,
);

const WORDS: [&str; 12] =
    ["ada", "bob", "cyd", "dan", "eve", "fay", "guy", "hal", "ivy", "jan", "kim", "under_score"];

/// Two domains, their customers in every state, names held and given away, emails kept apart and shared, keys.
async fn a_mixed_run(it: &TestStore) -> Domain {
    let acme = tenant(&it.store, "acme").await;
    let globex =
        tenant_with(&it.store, "globex", serde_json::from_value(json!({"unique_email": false})).unwrap())
            .await;
    for domain in [&acme, &globex] {
        let mut group: Vec<_> =
            WORDS.map(|word| creating(domain, whole(word, domain), asked(domain, word, word))).into();
        group.insert(3, refused());
        let fine = it.store.commit(&group).await.into_iter().filter(Result::is_ok).count();
        assert_eq!(fine, WORDS.len());
        let lee: Customer = done(&it.store, creating(domain, whole("lee", domain), now())).await;
        let lee: Customer =
            done(&it.store, updating(&lee, domain, json!({"email": "l@b.example"}), now())).await;
        let checked = customer::set_kyc_status(&lee, KycStatus::Pending, line("why"), now()).unwrap();
        let lee: Customer = done(&it.store, checked).await;
        let lee: Customer = done(&it.store, customer::soft_delete(&lee, domain, now()).unwrap()).await;
        let lee: Customer = done(&it.store, customer::restore(&lee, domain, now()).unwrap()).await;
        fate(&it.store, customer::soft_delete(&lee, domain, now()).unwrap()).await.unwrap();
        fates(&it.store, &[creating(domain, whole("ada", domain), now())]).await[0].clone().unwrap_err();
        let key = ApiKey {
            id: ApiKeyId::from_uuid(any_id()),
            sequence: 0,
            organization_id: Some(domain.organization_id),
            domain_id: None,
            environment: Some(domain.environment),
            display_name: line("a key"),
            scopes: Scopes::all(),
            create_us: NOW_US,
            expire_us: None,
            revoke_us: None,
            secret_sha256: SecretHash::from([1; 32]),
            last_use_us: None,
        };
        let key: ApiKey = done(&it.store, api_key::create(key, &[domain.id], now())).await;
        fate(&it.store, api_key::revoke(&key, &[domain.id], now())).await.unwrap();
        it.store.note_key_use(&[(key.id, NOW_US)]).await.unwrap();
    }
    done::<Customer>(&it.store, creating(&globex, json!({"email": "ada@mail.example"}), now())).await;
    let acme: Domain = done(&it.store, setting(&acme, json!({"unique_email": false}), now())).await;
    done(&it.store, setting(&acme, json!({"unique_email": true}), now())).await
}

async fn check(it: &TestStore) -> BTreeMap<&'static str, i64> {
    it.store.check().await.unwrap().into_iter().collect()
}

async fn nothing_is_wrong_with_what_the_store_has_made(it: TestStore) {
    a_mixed_run(&it).await;
    let wrong: Vec<_> = check(&it).await.into_iter().filter(|it| it.1 != 0).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

async fn nothing_is_wrong_with_a_database_that_is_new(it: TestStore) {
    let wrong: Vec<_> = check(&it).await.into_iter().filter(|it| it.1 != 0).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

async fn everything_that_is_spoilt_is_found(it: TestStore) {
    a_mixed_run(&it).await;
    let acme = "(SELECT owner FROM unique_keys WHERE kind = 'domain_name' AND key = 'acme')";
    let globex = acme.replace("acme", "globex");
    let of = |word: &str| format!("(SELECT id FROM customers WHERE payment_address = '{word}@acme')");
    let key = |kind: &str, word: &str| format!("kind = '{kind}' AND key = '{word}' AND scope = {acme}");
    let table = [
        (
            format!("DELETE FROM events WHERE log_id = {acme} AND sequence = 4"),
            "each log ends at its last event and has no gaps",
        ),
        (
            format!("UPDATE logs SET chain = (SELECT salt FROM events LIMIT 1) WHERE id = {globex}"),
            "each log's chain ends at its last event's",
        ),
        (
            format!(
                "DELETE FROM events WHERE log_id = {globex} AND sequence = (SELECT last_sequence FROM logs WHERE id = {globex})"
            ),
            "each log ends at its last event and has no gaps",
        ),
        (
            format!(
                "UPDATE customers SET body = replace(body, '\"ada\"', '\"Eve\"') WHERE id = {}",
                of("ada")
            ),
            "each customer is what their last event says",
        ),
        (
            format!(
                "UPDATE events SET payload = '{{}}' WHERE type = 'customer.created' AND resource_id = {}",
                of("bob")
            ),
            "each customer is what their last event says",
        ),
        (
            format!("UPDATE domains SET body = replace(body, 'ACTIVE', 'SUSPENDED') WHERE id = {acme}"),
            "each domain is what its last event says",
        ),
        (
            "UPDATE organizations SET body = replace(body, 'acme', 'evil')".to_owned(),
            "each organization is what its last event says",
        ),
        (
            "UPDATE api_keys SET body = replace(body, '\"revoke_us\"', '\"expire_us\"')".to_owned(),
            "each API key is what its last event says",
        ),
        (
            format!("DELETE FROM unique_keys WHERE {}", key("alias", "cyd")),
            "as many aliases and external ids are in use as live customers have",
        ),
        (
            format!("DELETE FROM unique_keys WHERE {}", key("external_id", "ext-dan")),
            "as many aliases and external ids are in use as live customers have",
        ),
        (
            format!("DELETE FROM unique_keys WHERE {}", key("email", "eve@mail.example")),
            "each live customer has their email alone where the domain says so",
        ),
        (
            format!("UPDATE unique_keys SET owner = {} WHERE {}", of("fay"), key("alias", "guy")),
            "each name in use is that of its owner",
        ),
        (
            format!("UPDATE customers SET email = 'x@y.example' WHERE id = {}", of("hal")),
            "each name in use is that of its owner",
        ),
        (
            format!(
                "UPDATE customers SET payment_address = 'underxscore@acme' WHERE id = {}",
                of("under_score")
            ),
            "each name in use is that of its owner",
        ),
        (
            format!("UPDATE counters SET value = value + 1 WHERE scope = {acme}"),
            "each domain counts its live customers",
        ),
        (
            format!("DELETE FROM customer_search WHERE customer_id = {}", of("ivy")),
            "each customer can be searched for",
        ),
        (
            "UPDATE requests SET sequence = 999 WHERE id = 'jan'".to_owned(),
            "each request that took effect has its event",
        ),
        (format!("DELETE FROM customers WHERE id = {}", of("jan")), "each customer created has a row"),
        (
            format!("UPDATE customers SET domain_id = id WHERE id = {}", of("kim")),
            "each customer belongs to a domain",
        ),
        (
            format!("UPDATE events SET log_id = id WHERE log_id = {acme} AND sequence = 5"),
            "each event belongs to a log",
        ),
        (
            format!(
                "INSERT INTO unique_keys (scope, kind, key, owner) SELECT {globex}, 'email', 'x@y.example', {}",
                of("fay")
            ),
            "no email is a name where the domain lets customers share one",
        ),
        (
            "DELETE FROM unique_keys WHERE kind = 'domain_name' AND key = 'globex'".to_owned(),
            "each domain's name is its own",
        ),
        (
            "UPDATE unique_keys SET owner = scope WHERE kind = 'domain_name' AND key = 'acme'".to_owned(),
            "each domain's name is its own",
        ),
    ];
    let mut raw = Raw::open(&it.database).await;
    let mut before = check(&it).await;
    for (harm, told) in table {
        assert!(raw.run(&harm).await > 0, "{harm}");
        let after = check(&it).await;
        assert!(after.get(told) > before.get(told), "{harm}: {after:?}");
        before = after;
    }
}
