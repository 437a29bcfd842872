//! Erasing somebody, as the store does it: what is decided meanwhile must lose, what is somebody else's must stay, and
//! what the files would still hold must go.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use purser::domain::{
    Customer, Domain, Error, KeyState, NewTransaction, Resource, Transaction, TransactionStatus,
    TransactionType, UniqueKey, Verdict, Wallet, WalletId, WalletStatus, customer, transaction, wallet,
};
use purser::domain::{Member, Movement, TransactionId};
use purser::store::{CustomerFilter, Store};
use serde_json::json;
use uuid::Uuid;

use crate::changes::{
    DAY_US, NOW_US, alias, any_id, asked, at, creating, done, fate, fates, now, owners, stored, tenant,
    updating, whole,
};
use crate::concurrency::assert_sound;
use crate::harness::{TestStore, line, on_each_database};
use crate::raw::Raw;
use crate::rows::dump;

on_each_database!(TestStore:
    what_was_decided_before_is_stale,
    in_a_group_an_erasure_goes_alone,
    whoever_changes_somebody_at_the_same_time_leaves_nothing_behind,
    what_was_said_in_a_transaction_does_not_come_back,
    a_name_on_hold_is_nobody_s_and_another_s_stays_theirs,
    a_name_held_for_nobody_is_forgotten_at_its_end,
    whoever_had_the_alias_before_is_forgotten_and_nobody_else,
    a_request_of_somebody_else_with_an_id_of_theirs_stays,
    what_is_repeated_late_makes_nobody_again,
    when_a_hold_ends_does_not_say_whose_it_was,
    why_a_wallet_was_frozen_or_removed_does_not_come_back,
    temporary_files_are_made_beside_the_database,
    what_the_files_would_still_hold_goes_while_everybody_reads_and_writes,
    what_pages_that_were_split_still_hold_goes,
    a_reader_of_what_was_before_is_waited_for_and_writers_are_not_held_up,
);

async fn deleted(it: &TestStore, domain: &Domain, word: &str) -> Customer {
    let made: Customer = done(&it.store, creating(domain, whole(word, domain), now())).await;
    done(&it.store, customer::soft_delete(&made, domain, now()).unwrap()).await
}

async fn erased(it: &TestStore, domain: &Domain, customer: &Customer) -> Customer {
    done(&it.store, customer::erase(customer, domain, now()).unwrap()).await
}

/// Takes the traces of erasures out of the files, as the server does.
async fn scrub(store: &Store) {
    if let Some(rewritten) = store.rewrite().await.unwrap() {
        while !store.cut_log(&rewritten).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

async fn what_was_decided_before_is_stale(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada = deleted(&it, &acme, "ada").await;
    let erase = customer::erase(&ada, &acme, now()).unwrap();
    let restore = customer::restore(&ada, &acme, now()).unwrap();
    fate(&it.store, erase.clone()).await.unwrap();
    assert_eq!(fate(&it.store, restore).await, Err(Verdict::Stale));
    assert_eq!(fate(&it.store, erase).await, Err(Verdict::Stale));
    let bob = deleted(&it, &acme, "bob").await;
    let erase = customer::erase(&bob, &acme, now()).unwrap();
    fate(&it.store, customer::restore(&bob, &acme, now()).unwrap()).await.unwrap();
    assert_eq!(fate(&it.store, erase).await, Err(Verdict::Stale));
    assert_eq!(stored(&it.store, bob.id).await.unwrap().profile, bob.profile);
    // Whoever asks again for what was answered before learns what became of it.
    let gone = it.store.outcome(acme.id.into(), ada.sequence).await;
    assert!(matches!(gone, Err(Error::CustomerDeleted(id)) if id == ada.id));
    assert_sound(&it.store).await;
}

async fn in_a_group_an_erasure_goes_alone(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada = deleted(&it, &acme, "ada").await;
    let erase = || customer::erase(&ada, &acme, now()).unwrap();
    let create = |word| creating(&acme, whole(word, &acme), now());
    let told = fates(&it.store, &[erase(), create("bob")]).await;
    assert!(told[0].is_ok() && told[1] == Err(Verdict::Again), "{told:?}");
    let cyd = deleted(&it, &acme, "cyd").await;
    let erase = customer::erase(&cyd, &acme, now()).unwrap();
    let told = fates(&it.store, &[create("bob"), erase]).await;
    assert!(told[0].is_ok() && told[1] == Err(Verdict::Again), "{told:?}");
    assert_sound(&it.store).await;
}

/// Sabotage: let `Bench::by_rows` find nothing stale.
async fn whoever_changes_somebody_at_the_same_time_leaves_nothing_behind(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    for round in 0..40 {
        let ada = deleted(&it, &acme, &format!("ada{round}")).await;
        let erase = customer::erase(&ada, &acme, now()).unwrap();
        let restore = customer::restore(&ada, &acme, now()).unwrap();
        let commit = |change| {
            let store = it.store.clone();
            tokio::spawn(async move { fate(&store, change).await })
        };
        let (erase, restore) = (commit(erase), commit(restore));
        let (erase, restore) = (erase.await.unwrap(), restore.await.unwrap());
        assert!(erase.is_ok() != restore.is_ok(), "{erase:?} {restore:?}");
        let left = stored(&it.store, ada.id).await.unwrap();
        assert_eq!(left.erase_us.is_some(), erase.is_ok());
        let names = dump(&it.database, "customers").await.contains(&format!("ada{round}@mail.example"));
        assert_eq!(names, restore.is_ok());
        if restore.is_ok() {
            fate(&it.store, customer::soft_delete(&left, &acme, now()).unwrap()).await.unwrap();
        }
    }
    assert_sound(&it.store).await;
}

/// Sabotage: let `transaction::update_status` expect no customer.
async fn what_was_said_in_a_transaction_does_not_come_back(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let member = |customer: &Customer| Member { customer: customer.clone(), domain: acme.clone().into() };
    let euro = "EUR".to_owned().try_into().unwrap();
    let wallet_id = WalletId::from_uuid(any_id());
    let wallet: Wallet =
        done(&it.store, wallet::create_ledger(&member(&ada), euro, wallet_id, now()).unwrap()).await;
    let new = NewTransaction {
        wallet_id,
        reference: None,
        kind: TransactionType::Credit,
        status: TransactionStatus::Pending,
        movement: Movement::InBooks { currency: None, amount: "1".to_owned().try_into().unwrap() },
        description: "for the flowers".to_owned().try_into().unwrap(),
    };
    let id = TransactionId::from_uuid(any_id());
    let paid: Transaction =
        done(&it.store, transaction::record(&new, &wallet, &member(&ada), None, id, now()).unwrap()).await;
    let ada: Customer = done(&it.store, customer::soft_delete(&ada, &acme, now()).unwrap()).await;
    let confirm = |paid: &Transaction, customer: &Customer| {
        let to = TransactionStatus::Confirmed;
        transaction::update_status(paid, &wallet, &member(customer), to, 0, now()).unwrap()
    };
    let before = confirm(&paid, &ada);
    let ada = erased(&it, &acme, &ada).await;
    assert_eq!(fate(&it.store, before).await, Err(Verdict::Stale));
    // Even where the transaction was read before, and the customer after.
    let paid: Transaction = done(&it.store, confirm(&paid, &ada)).await;
    assert_eq!(paid.description.as_str(), "");
    for table in ["transactions", "events"] {
        assert!(!dump(&it.database, table).await.contains("flowers"), "{table}");
    }
    assert_sound(&it.store).await;
}

async fn key_state(raw: &mut Raw, key: &UniqueKey) -> Option<KeyState> {
    let sql =
        format!("SELECT owner, held_until_us FROM unique_keys WHERE kind = 'alias' AND key = '{}'", key.text);
    let rows: Vec<(Option<Uuid>, Option<i64>)> = raw.rows(&sql).await;
    rows.into_iter().next().map(|(owner, held_until_us)| KeyState { owner, held_until_us })
}

async fn a_name_on_hold_is_nobody_s_and_another_s_stays_theirs(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let mut raw = Raw::open(&it.database).await;
    let ada = deleted(&it, &acme, "ada").await;
    erased(&it, &acme, &ada).await;
    let until_us = KeyState::held_for_nobody(NOW_US + 30 * DAY_US);
    let nobody = KeyState { owner: None, held_until_us: Some(until_us) };
    assert_eq!(key_state(&mut raw, &alias(&acme, "ada")).await, Some(nobody));
    let take = |ctx| creating(&acme, json!({"payment_address": "ada@acme"}), ctx);
    assert_eq!(fate(&it.store, take(at(until_us - 1))).await, Err(Verdict::Held { until_us }));
    let next: Customer = done(&it.store, take(at(until_us))).await;
    assert_eq!(owners(&it.store, &[alias(&acme, "ada")]).await, [Some(next)]);
    // Whoever took it after the quarantine keeps it.
    let bob = deleted(&it, &acme, "bob").await;
    let other: Customer =
        done(&it.store, creating(&acme, json!({"payment_address": "bob@acme"}), at(until_us))).await;
    erased(&it, &acme, &bob).await;
    assert_eq!(owners(&it.store, &[alias(&acme, "bob")]).await, [Some(other)]);
    assert_sound(&it.store).await;
}

async fn a_name_held_for_nobody_is_forgotten_at_its_end(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let mut raw = Raw::open(&it.database).await;
    let ada = deleted(&it, &acme, "ada").await;
    erased(&it, &acme, &ada).await;
    deleted(&it, &acme, "bob").await;
    scrub(&it.store).await;
    let until_us = KeyState::held_for_nobody(NOW_US + 30 * DAY_US);
    it.store.forget_names(until_us - 1).await.unwrap();
    assert!(key_state(&mut raw, &alias(&acme, "ada")).await.is_some());
    assert_eq!(it.store.unscrubbed().await.unwrap(), 0);
    it.store.forget_names(until_us).await.unwrap();
    assert_eq!(key_state(&mut raw, &alias(&acme, "ada")).await, None);
    // One that is held for somebody stays theirs: they may be restored.
    assert!(key_state(&mut raw, &alias(&acme, "bob")).await.is_some());
    assert_eq!(it.store.unscrubbed().await.unwrap() > 0, it.store.is_embedded());
}

async fn whoever_had_the_alias_before_is_forgotten_and_nobody_else(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let until_us = NOW_US + 31 * DAY_US;
    let mut past = Vec::new();
    for word in ["ada", "bob"] {
        let first = deleted(&it, &acme, word).await;
        let take = json!({"payment_address": format!("{word}@acme")});
        done::<Customer>(&it.store, creating(&acme, take, at(until_us))).await;
        assert!(it.store.alias_owner_at(acme.id, word, first.sequence).await.unwrap() == Some(first.id));
        past.push(first);
    }
    erased(&it, &acme, &past[0]).await;
    assert_ne!(it.store.alias_owner_at(acme.id, "ada", past[0].sequence).await.unwrap(), Some(past[0].id));
    assert!(it.store.alias_owner_at(acme.id, "bob", past[1].sequence).await.unwrap() == Some(past[1].id));
    assert_sound(&it.store).await;
}

async fn a_request_of_somebody_else_with_an_id_of_theirs_stays(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, json!({}), asked(&acme, "r", "ada"))).await;
    // A day later the id is free, and means something else.
    let later = |id: &str, what: &str| {
        let ctx = asked(&acme, id, what);
        purser::domain::Context { now_us: NOW_US + 2 * DAY_US, ..ctx }
    };
    let bob: Customer = done(&it.store, creating(&acme, json!({}), later("r", "bob"))).await;
    let ada: Customer = done(&it.store, customer::soft_delete(&ada, &acme, later("gone", "")).unwrap()).await;
    fate(&it.store, customer::erase(&ada, &acme, later("erase", "")).unwrap()).await.unwrap();
    let again = |id: &str, what: &str| fate_of_asking(&it, &acme, later(id, what));
    assert_eq!(again("r", "bob").await, Err(Verdict::Replay { sequence: bob.sequence }));
    assert!(matches!(again("erase", "").await, Err(Verdict::Replay { .. })));
    assert_eq!(again("gone", "").await, Err(Verdict::Reused), "forgotten, and not to be repeated");
}

/// Sabotage: let `erasure::forget_requests` keep nothing.
async fn what_is_repeated_late_makes_nobody_again(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ask = |at_us: i64| {
        let ctx = purser::domain::Context { now_us: at_us, ..asked(&acme, "make-zora", "ada") };
        creating(&acme, whole("ada", &acme), ctx)
    };
    let ada: Customer = done(&it.store, ask(NOW_US)).await;
    let idle = updating(&ada, &acme, json!({"name": ada.profile.name}), asked(&acme, "idle-zora", "idle"));
    fate(&it.store, idle).await.unwrap();
    let ada: Customer = done(&it.store, customer::soft_delete(&ada, &acme, now()).unwrap()).await;
    erased(&it, &acme, &ada).await;
    let almost = NOW_US + DAY_US - 1;
    assert_eq!(fate(&it.store, ask(almost)).await, Err(Verdict::Reused));
    assert_eq!(fate_of_asking(&it, &acme, asked(&acme, "idle-zora", "idle")).await, Err(Verdict::Reused));
    let request = ask(almost).ctx.request.unwrap();
    let remembered = it.store.request(&request).await.unwrap().unwrap();
    assert_eq!(remembered.verdict(&request, almost), Some(Verdict::Reused));
    // Of the id nothing can be read (it has letters that no UUID has), and in another domain it is another's.
    for table in ["requests", "erased_requests", "events"] {
        assert!(!dump(&it.database, table).await.contains("-zora"), "{table}");
    }
    let globex = tenant(&it.store, "globex").await;
    fate_of_asking(&it, &globex, asked(&globex, "make-zora", "ada")).await.unwrap();
    // Until it would have been forgotten anyway. Then it is anybody's, and is not mistaken for what it was.
    it.store.forget_requests(NOW_US).await.unwrap();
    assert_eq!(fate(&it.store, ask(almost)).await, Err(Verdict::Reused));
    let free = purser::domain::Context { now_us: NOW_US + DAY_US, ..asked(&acme, "make-zora", "bob") };
    let bob: Customer = done(&it.store, creating(&acme, json!({}), free.clone())).await;
    let again = fate(&it.store, creating(&acme, json!({}), free)).await;
    assert_eq!(again, Err(Verdict::Replay { sequence: bob.sequence }));
    let remembered = it.store.request(&request).await.unwrap().unwrap();
    assert_eq!(remembered.sequence, bob.sequence);
    it.store.forget_requests(NOW_US + 1).await.unwrap();
    assert_eq!(dump(&it.database, "erased_requests").await, "");
    assert_sound(&it.store).await;
}

/// Sabotage: let `KeyState::held_for_nobody` answer what it is given.
async fn when_a_hold_ends_does_not_say_whose_it_was(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let quarantine_us = acme.settings.alias_quarantine_us;
    let mut ends = Vec::new();
    for n in 0..5 {
        let ctx = || at(NOW_US + n * 1_234_567);
        let word = format!("ada{n}");
        let made: Customer = done(&it.store, creating(&acme, whole(&word, &acme), ctx())).await;
        let gone: Customer = done(&it.store, customer::soft_delete(&made, &acme, ctx()).unwrap()).await;
        let gone: Customer = done(&it.store, customer::erase(&gone, &acme, ctx()).unwrap()).await;
        ends.push(gone.delete_us.unwrap() + quarantine_us);
    }
    let mut raw = Raw::open(&it.database).await;
    let holds: Vec<(i64,)> =
        raw.rows("SELECT held_until_us FROM unique_keys WHERE kind = 'alias' AND owner IS NULL").await;
    assert!(holds.len() == 5 && holds.iter().all(|it| it.0 == holds[0].0), "{holds:?}");
    assert!(ends.iter().all(|it| *it < holds[0].0 && holds[0].0 - it < DAY_US), "{ends:?} {holds:?}");
}

/// Sabotage: let `wallet::said_of` expect no customer.
async fn why_a_wallet_was_frozen_or_removed_does_not_come_back(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada: Customer = done(&it.store, creating(&acme, whole("ada", &acme), now())).await;
    let member = |customer: &Customer| Member { customer: customer.clone(), domain: acme.clone().into() };
    let euro = "EUR".to_owned().try_into().unwrap();
    let id = WalletId::from_uuid(any_id());
    let wallet: Wallet =
        done(&it.store, wallet::create_ledger(&member(&ada), euro, id, now()).unwrap()).await;
    let ada: Customer = done(&it.store, customer::soft_delete(&ada, &acme, now()).unwrap()).await;
    let why = || line("Ada stole flowers");
    let freeze = |wallet: &Wallet, customer: &Customer| {
        wallet::set_status(wallet, &member(customer), WalletStatus::Frozen, why(), now()).unwrap()
    };
    let remove = |wallet: &Wallet, customer: &Customer| {
        wallet::remove(wallet, &member(customer), why(), now()).unwrap()
    };
    let before = [freeze(&wallet, &ada), remove(&wallet, &ada)];
    let ada = erased(&it, &acme, &ada).await;
    for change in before {
        assert_eq!(fate(&it.store, change).await, Err(Verdict::Stale));
    }
    let wallet: Wallet = done(&it.store, freeze(&wallet, &ada)).await;
    let wallet: Wallet = done(&it.store, remove(&wallet, &ada)).await;
    assert_eq!(wallet.status, WalletStatus::Removed);
    assert!(!dump(&it.database, "events").await.contains("flowers"));
    assert_sound(&it.store).await;
}

/// What the embedded database writes beside its file while it does so is on the same disk: see `Db::open_sqlite`.
async fn temporary_files_are_made_beside_the_database(it: TestStore) {
    it.store.ping().await.unwrap();
    if it.store.is_embedded() {
        // It is one for the whole process.
        let folder = Raw::open(&it.database).await.rows::<(String,)>("PRAGMA temp_store_directory").await;
        assert_eq!(std::path::Path::new(&folder[0].0), it.database.folder());
    }
}

async fn fate_of_asking(
    it: &TestStore,
    domain: &Domain,
    ctx: purser::domain::Context,
) -> crate::changes::Fate {
    fate(&it.store, creating(domain, json!({}), ctx)).await
}

/// Readers, lists and writers go on while the file is written anew: they wait, and none fails.
async fn what_the_files_would_still_hold_goes_while_everybody_reads_and_writes(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let fields = |n: u32| json!({"name": format!("N{n} {}", "x".repeat(200)), "nick_name": "somebody"});
    for chunk in 0..20 {
        let group: Vec<_> = (0..100).map(|n| creating(&acme, fields(chunk * 100 + n), now())).collect();
        assert!(fates(&it.store, &group).await.iter().all(Result::is_ok));
    }
    let ada = deleted(&it, &acme, "ada").await;
    erased(&it, &acme, &ada).await;
    assert_eq!(it.store.unscrubbed().await.unwrap(), i64::from(it.store.is_embedded()));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let calls: std::sync::Arc<[AtomicUsize; 4]> = std::sync::Arc::default();
    let mut busy = tokio::task::JoinSet::new();
    for n in 0..4 {
        let (store, acme, stopped) = (it.store.clone(), acme.clone(), stopped.clone());
        let calls = std::sync::Arc::clone(&calls);
        busy.spawn(async move {
            while !*stopped.borrow() {
                match n {
                    0 => drop(done::<Customer>(&store, creating(&acme, json!({}), now())).await),
                    1 => {
                        let filter = CustomerFilter {
                            domains: vec![acme.id],
                            search: Some("somebody".to_owned()),
                            ..CustomerFilter::default()
                        };
                        assert_eq!(store.count_customers(&filter).await.unwrap().size, 2_000);
                    }
                    2 => drop(stored(&store, purser::domain::CustomerId::from_uuid(any_id())).await),
                    _ => store.ping().await.unwrap(),
                }
                calls[n].fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for n in 0.. {
        // Each has had its turns meanwhile.
        if n >= 5 && calls.iter().all(|it| it.load(Ordering::Relaxed) > 5) {
            break;
        }
        assert!(n < 500, "{calls:?}");
        let bob = deleted(&it, &acme, &format!("bob{n}")).await;
        erased(&it, &acme, &bob).await;
        scrub(&it.store).await;
        assert_eq!(it.store.unscrubbed().await.unwrap(), 0);
    }
    stop.send_replace(true);
    busy.join_all().await;
    if let Some(file) = it.store.file() {
        let mut kept = std::fs::read(&file).unwrap();
        kept.extend(std::fs::read(file.with_extension("db-wal")).unwrap());
        assert!(!String::from_utf8_lossy(&kept).contains("@mail.example"));
    }
    assert_sound(&it.store).await;
}

/// A page that is split keeps, beyond its end, what went to the next. Deleting that later overwrites it there alone.
///
/// Sabotage: let `Store::rewrite` only cut the log.
async fn what_pages_that_were_split_still_hold_goes(it: TestStore) {
    let Some(file) = it.store.file() else { return };
    let acme = tenant(&it.store, "acme").await;
    let mut people: Vec<Customer> = Vec::new();
    for round in 0..30 {
        let group: Vec<_> = (0..100)
            .map(|n| {
                // Names in no order, so that pages are split everywhere.
                let (id, whose) = (any_id().simple(), if n % 10 == 0 { "zqperson" } else { "somebody" });
                let name = format!("{whose} {}", "x".repeat(n % 70));
                let fields = json!({"name": name, "email": format!("{id}@{whose}.example"),
                                    "external_id": format!("{id}-{whose}")});
                creating(&acme, fields, now())
            })
            .collect();
        assert!(fates(&it.store, &group).await.iter().all(Result::is_ok), "{round}");
        for person in group.iter().step_by(10) {
            let Resource::Customer(person) = &person.writes[0].resource else { continue };
            people.push(stored(&it.store, person.id).await.unwrap());
        }
    }
    // Rows that grow and shrink in the middle of their pages.
    for round in 1..=6_usize {
        for (n, person) in people.iter_mut().enumerate() {
            let nick_name = format!("zqperson {}", "z".repeat((n * 31 + round * 57) % 240));
            *person = done(&it.store, updating(person, &acme, json!({"nick_name": nick_name}), now())).await;
        }
    }
    for person in people {
        let person: Customer = done(&it.store, customer::soft_delete(&person, &acme, now()).unwrap()).await;
        erased(&it, &acme, &person).await;
    }
    scrub(&it.store).await;
    for file in [file.clone(), file.with_extension("db-wal")] {
        let kept = std::fs::read(&file).unwrap();
        let kept = String::from_utf8_lossy(&kept);
        let around = |at: usize| kept[at..].chars().take(60).collect::<String>();
        let traces: Vec<_> = kept.match_indices("zqperson").map(|it| around(it.0)).collect();
        assert_eq!(traces, Vec::<String>::new(), "{}", file.display());
    }
}

/// Whoever still reads what was before keeps it in the log's file. That is waited for, and nobody else waits with it.
async fn a_reader_of_what_was_before_is_waited_for_and_writers_are_not_held_up(it: TestStore) {
    let acme = tenant(&it.store, "acme").await;
    let ada = deleted(&it, &acme, "ada").await;
    if !it.store.is_embedded() {
        // It looks after what was before by itself.
        return;
    }
    let mut reader = Raw::open(&it.database).await;
    reader.run("BEGIN").await;
    reader.number("SELECT count(*) FROM customers").await;
    erased(&it, &acme, &ada).await;
    let store = it.store.clone();
    // What waits for the reader is the log alone, however often it is tried.
    let rewritten = store.rewrite().await.unwrap().unwrap();
    assert!(!store.cut_log(&rewritten).await.unwrap());
    let scrub = tokio::spawn(async move {
        while !store.cut_log(&rewritten).await.unwrap() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let held_up = async || {
        let until = std::time::Instant::now() + Duration::from_millis(2_500);
        let mut longest = Duration::ZERO;
        while std::time::Instant::now() < until {
            let asked = std::time::Instant::now();
            done::<Customer>(&it.store, creating(&acme, json!({}), now())).await;
            longest = longest.max(asked.elapsed());
        }
        longest
    };
    let mut longest = held_up().await;
    if longest > Duration::from_secs(4) {
        // What happens once may be the machine's doing.
        longest = held_up().await;
    }
    assert!(!scrub.is_finished() && it.store.unscrubbed().await.unwrap() == 1);
    assert!(longest < Duration::from_secs(4), "{longest:?}");
    reader.run("ROLLBACK").await;
    tokio::time::timeout(Duration::from_secs(10), scrub).await.unwrap().unwrap();
    assert_eq!(it.store.unscrubbed().await.unwrap(), 0);
}
