//! The audit: it must find nothing in what the store has made, whatever was erased and removed since, and each thing that
//! somebody else has changed, where they changed it.

use purser::domain::{
    Customer, Domain, Finding, Flaw, KycStatus, Member, Table, Wallet, WalletId, WalletStatus, customer,
    wallet,
};
use serde_json::json;

use crate::changes::{DAY_US, NOW_US, any_id, asked, at, creating, done, fate, now, tenant, updating, whole};
use crate::harness::{TestStore, line, on_each_database};
use crate::process::purser;
use crate::raw::Raw;
use crate::store_retention::is_whole;

on_each_database!(TestStore:
    nothing_is_found_in_what_the_store_has_made,
    whatever_was_changed_is_found_where_it_was_changed,
    what_was_erased_or_removed_cannot_be_made_up,
    a_row_that_was_set_back_is_found,
    what_is_kept_from_before_is_audited_too,
    what_is_emptied_after_the_erasure_is_found,
    the_chain_breaks_where_retention_is_made_up,
    the_command_says_where_and_ends_with_a_fault,
    no_more_is_told_than_anybody_reads,
);

/// A domain with seven events: itself, three customers, and what became of the second; one of them under a request.
async fn acme(it: &TestStore) -> (Domain, Customer) {
    let acme = tenant(&it.store, "acme").await;
    done::<Customer>(&it.store, creating(&acme, whole("ada", &acme), asked(&acme, "r", ""))).await;
    let bob: Customer = done(&it.store, creating(&acme, whole("bob", &acme), now())).await;
    done::<Customer>(&it.store, creating(&acme, whole("cyd", &acme), now())).await;
    let bob: Customer = done(&it.store, updating(&bob, &acme, json!({"name": "Bob"}), at(NOW_US + 1))).await;
    let kyc = customer::set_kyc_status(&bob, KycStatus::Pending, line("why"), at(NOW_US + 2)).unwrap();
    let bob: Customer = done(&it.store, kyc).await;
    let bob: Customer = done(&it.store, customer::soft_delete(&bob, &acme, at(NOW_US + 3)).unwrap()).await;
    (acme, bob)
}

/// The domain's log, as SQL.
const LOG: &str = "(SELECT owner FROM unique_keys WHERE kind = 'domain_name' AND key = 'acme')";

fn places(found: Vec<Finding>, domain: &Domain) -> Vec<(i64, Flaw)> {
    let of_domain = |it: &Finding| it.log == domain.id.into() && it.log_name == domain.id.to_string();
    assert!(found.iter().all(of_domain), "{found:?}");
    found.into_iter().map(|it| (it.sequence, it.flaw)).collect()
}

async fn nothing_is_found_in_what_the_store_has_made(it: TestStore) {
    is_whole(&it.store).await;
    let (acme, bob) = acme(&it).await;
    is_whole(&it.store).await;
    fate(&it.store, customer::erase(&bob, &acme, at(NOW_US + 4)).unwrap()).await.unwrap();
    is_whole(&it.store).await;
    it.store.expire_events(NOW_US + 2).await.unwrap();
    is_whole(&it.store).await;
    // More than the audit reads at once.
    for _ in 0..3 {
        let group: Vec<_> = (0..250).map(|_| creating(&acme, json!({}), at(NOW_US + 5))).collect();
        it.store.commit(&group).await;
    }
    is_whole(&it.store).await;
}

async fn whatever_was_changed_is_found_where_it_was_changed(it: TestStore) {
    let (acme, bob) = acme(&it).await;
    let row = |id| Flaw::Row(Table::Customers, id);
    let bob = bob.id.as_uuid();
    let event =
        |set: &str, n: i64| format!("UPDATE events SET {set} WHERE log_id = {LOG} AND sequence = {n}");
    let other = |column: &str| {
        format!("{column} = (SELECT o.{column} FROM events AS o WHERE o.log_id = {LOG} AND o.sequence = 2)")
    };
    let (digest, chain) = (|n| vec![(n, Flaw::Digest)], |n| vec![(n, Flaw::Chain)]);
    let missing = |n, through| vec![(n, Flaw::Missing { through })];
    // What is done, what the audit of the log finds, and what that of the chain.
    let table = [
        (event("payload = replace(payload, 'Bob', 'Eve')", 5), vec![], digest(5)),
        (event("payload = payload || ' '", 7), vec![(7, row(bob))], digest(7)),
        (event(&other("salt"), 4), vec![], digest(4)),
        (event("actor = 'cli:nobody'", 3), vec![], digest(3)),
        (event("reason = ''", 6), vec![], digest(6)),
        (event("request_id = ''", 2), vec![], digest(2)),
        (event("changed_fields = 'email'", 5), vec![], digest(5)),
        (event("type = 'customer.created'", 5), vec![], digest(5)),
        (event("type = 'no.such'", 5), vec![], digest(5)),
        (event("create_us = create_us + 1", 7), vec![], digest(7)),
        (event("create_us = 1", 5), vec![(5, Flaw::Early)], digest(5)),
        (event("resource_id = id", 3), vec![], digest(3)),
        (event(&other("chain"), 4), vec![], chain(4)),
        (event(&other("chain"), 7), vec![], chain(7)),
        (event(&other("digest"), 4), vec![], [digest(4), chain(4)].concat()),
        (event("payload = NULL", 4), vec![(4, Flaw::Emptied)], digest(4)),
        (event("payload = NULL, salt = NULL", 4), vec![(4, Flaw::Emptied)], vec![]),
        (format!("DELETE FROM events WHERE log_id = {LOG} AND sequence = 5"), missing(5, 5), missing(5, 5)),
        (
            format!("DELETE FROM events WHERE log_id = {LOG} AND sequence IN (5, 6)"),
            missing(5, 6),
            missing(5, 6),
        ),
        (
            format!("DELETE FROM events WHERE log_id = {LOG} AND sequence = 7"),
            [missing(7, 7), vec![(7, row(bob))]].concat(),
            missing(7, 7),
        ),
        (format!("UPDATE logs SET last_sequence = 6 WHERE id = {LOG}"), vec![], vec![(6, Flaw::End)]),
        (
            format!("UPDATE logs SET chain = (SELECT salt FROM events LIMIT 1) WHERE id = {LOG}"),
            vec![],
            vec![(7, Flaw::End)],
        ),
        (
            "UPDATE customers SET body = replace(body, 'Bob', 'Eve') WHERE status = 'DELETED'".to_owned(),
            vec![(7, row(bob))],
            vec![],
        ),
        (
            "UPDATE customers SET sequence = 6 WHERE status = 'DELETED'".to_owned(),
            vec![(6, row(bob))],
            vec![],
        ),
    ];
    let mut raw = Raw::open(&it.database).await;
    for table in ["events", "logs", "customers"] {
        raw.run(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    for (harm, log, chain) in table {
        assert!(raw.run(&harm).await > 0, "{harm}");
        assert_eq!(places(it.store.audit_log().await.unwrap(), &acme), log, "{harm}");
        assert_eq!(places(it.store.audit_chain().await.unwrap(), &acme), chain, "{harm}");
        for table in ["events", "logs", "customers"] {
            raw.run(&format!("DELETE FROM {table}")).await;
            raw.run(&format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
        }
    }
    is_whole(&it.store).await;
}

async fn what_was_erased_or_removed_cannot_be_made_up(it: TestStore) {
    let (acme, bob) = acme(&it).await;
    fate(&it.store, customer::erase(&bob, &acme, at(NOW_US + DAY_US)).unwrap()).await.unwrap();
    let mut raw = Raw::open(&it.database).await;
    let made_up =
        format!("payload = (SELECT o.payload FROM events AS o WHERE o.log_id = {LOG} AND o.sequence = 2)");
    raw.run(&format!("UPDATE events SET {made_up} WHERE log_id = {LOG} AND sequence = 3")).await;
    assert_eq!(places(it.store.audit_chain().await.unwrap(), &acme), [(3, Flaw::Digest)]);
    let salt = format!("UPDATE events SET salt = digest WHERE log_id = {LOG} AND sequence = 3");
    raw.run(&salt).await;
    assert_eq!(places(it.store.audit_chain().await.unwrap(), &acme), [(3, Flaw::Digest)]);
    raw.run(&format!("UPDATE events SET payload = NULL, salt = NULL WHERE log_id = {LOG} AND sequence = 3"))
        .await;
    is_whole(&it.store).await;
    // What is left of the erased is what their erasure says.
    raw.run("UPDATE customers SET body = replace(body, 'INDIVIDUAL', 'BUSINESS') WHERE status = 'DELETED'")
        .await;
    let found = places(it.store.audit_log().await.unwrap(), &acme);
    assert_eq!(found, [(8, Flaw::Row(Table::Customers, bob.id.as_uuid()))]);
}

/// What it was set back to is what an event says, or what none says any more. Later ones say something else.
async fn a_row_that_was_set_back_is_found(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, json!({"name": "Ada"}), now())).await;
    let member = Member { customer: ada.clone(), domain: acme.clone().into() };
    let (euro, id) = ("EUR".to_owned().try_into().unwrap(), WalletId::from_uuid(any_id()));
    let made: Wallet = done(&it.store, wallet::create_ledger(&member, euro, id, now()).unwrap()).await;
    let freeze = wallet::set_status(&made, &member, WalletStatus::Frozen, line("why"), at(NOW_US + DAY_US));
    let frozen: Wallet = done(&it.store, freeze.unwrap()).await;
    let mut raw = Raw::open(&it.database).await;
    let said =
        |n: i64| format!("(SELECT e.payload FROM events AS e WHERE e.log_id = {LOG} AND e.sequence = {n})");
    let back = format!("UPDATE wallets SET sequence = {}, body = {}", made.sequence, said(made.sequence));
    let row = |n| vec![(n, Flaw::Row(Table::Wallets, id.as_uuid()))];
    let audit = async || places(it.store.audit_log().await.unwrap(), &acme);
    raw.run(&back).await;
    assert_eq!(audit().await, row(made.sequence));
    let ahead =
        format!("UPDATE wallets SET sequence = {}, body = {}", frozen.sequence, said(frozen.sequence));
    raw.run(&ahead).await;
    assert_eq!(audit().await, []);
    // Where the earlier events are gone as well.
    it.store.expire_events(NOW_US + DAY_US).await.unwrap();
    is_whole(&it.store).await;
    raw.run("UPDATE wallets SET sequence = 1, body = replace(body, 'FROZEN', 'ACTIVE')").await;
    assert_eq!(audit().await, row(1));
}

async fn what_is_kept_from_before_is_audited_too(it: TestStore) {
    let (acme, _) = acme(&it).await;
    it.store.expire_events(NOW_US + 2).await.unwrap();
    is_whole(&it.store).await;
    let mut raw = Raw::open(&it.database).await;
    let of_itself = format!("WHERE log_id = {LOG} AND sequence = 1");
    raw.run(&format!("UPDATE events SET actor = 'cli:nobody' {of_itself}")).await;
    assert_eq!(places(it.store.audit_chain().await.unwrap(), &acme), [(1, Flaw::Digest)]);
    raw.run(&format!("UPDATE events SET payload = NULL, salt = NULL {of_itself}")).await;
    assert_eq!(places(it.store.audit_log().await.unwrap(), &acme), [(1, Flaw::Emptied)]);
}

async fn what_is_emptied_after_the_erasure_is_found(it: TestStore) {
    let (acme, bob) = acme(&it).await;
    let mut raw = Raw::open(&it.database).await;
    let empty = async |raw: &mut Raw, n: i64| {
        let set = "UPDATE events SET payload = NULL, salt = NULL";
        raw.run(&format!("{set} WHERE log_id = {LOG} AND sequence = {n}")).await;
        places(it.store.audit_log().await.unwrap(), &acme)
    };
    // A field of that name is not it.
    let fields = json!({"metadata": {"erase_us": 1}});
    let eve: Customer = done(&it.store, creating(&acme, fields, now())).await;
    let eve: Customer = done(&it.store, customer::soft_delete(&eve, &acme, now()).unwrap()).await;
    let erased: Customer = done(&it.store, customer::erase(&bob, &acme, at(NOW_US + 4)).unwrap()).await;
    is_whole(&it.store).await;
    let mut expected = vec![(eve.sequence - 1, Flaw::Emptied)];
    assert_eq!(empty(&mut raw, eve.sequence - 1).await, expected);
    expected.push((erased.sequence, Flaw::Emptied));
    assert_eq!(empty(&mut raw, erased.sequence).await, expected);
}

async fn the_chain_breaks_where_retention_is_made_up(it: TestStore) {
    let (acme, _) = acme(&it).await;
    let mut raw = Raw::open(&it.database).await;
    // Somebody removes what happened, and says that retention did.
    raw.run(&format!("DELETE FROM events WHERE log_id = {LOG} AND sequence IN (2, 3)")).await;
    raw.run(&format!("UPDATE logs SET first_sequence = 4 WHERE id = {LOG}")).await;
    assert_eq!(places(it.store.audit_chain().await.unwrap(), &acme), [(4, Flaw::Chain)]);
    assert_eq!(it.store.audit_log().await.unwrap(), []);
}

async fn the_command_says_where_and_ends_with_a_fault(it: TestStore) {
    let (acme, bob) = acme(&it).await;
    let doctor = async |flags: &[&str]| {
        let arguments = [&["doctor", "--database-url", &it.database.url], flags].concat();
        let output = purser(it.database.folder(), &arguments).output().await.unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (sound, said) = doctor(&["--log", "--chain"]).await;
    assert!(sound && !said.contains("FAULT"), "{said}");
    for told in ["ok     the logs are whole", "ok     every event has its digest"] {
        assert!(said.contains(told), "{said}");
    }
    let mut raw = Raw::open(&it.database).await;
    raw.run(&format!("UPDATE events SET payload = payload || ' ' WHERE log_id = {LOG} AND sequence = 7"))
        .await;
    for (flag, told) in [
        ("--log", format!("FAULT  log {}, event 7: {} is not what it says", acme.id, bob.id)),
        ("--chain", format!("FAULT  log {}, event 7: its digest is not that of what it says", acme.id)),
    ] {
        let (sound, said) = doctor(&[flag]).await;
        assert!(!sound && said.lines().any(|it| it == told), "{said}");
    }
    // Without flags it does as it always did.
    let (sound, said) = doctor(&[]).await;
    assert!(!sound && said.contains("FAULT  each customer is what their last event says: 1"), "{said}");
    assert!(!said.contains("event 7"), "{said}");
}

async fn no_more_is_told_than_anybody_reads(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let group: Vec<_> = (0..200).map(|_| creating(&acme, json!({}), now())).collect();
    it.store.commit(&group).await;
    let mut raw = Raw::open(&it.database).await;
    raw.run("UPDATE events SET payload = payload || ' '").await;
    assert_eq!(it.store.audit_chain().await.unwrap().len(), 100);
    assert_eq!(it.store.audit_log().await.unwrap().len(), 100);
}
