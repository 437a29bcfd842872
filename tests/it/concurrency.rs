//! Many at once: names, versions, and calls that are given up.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use prost_types::value::Kind;
use prost_types::{FieldMask, Struct, Value};
use purser::api;
use purser::app::App;
use purser::store::Store;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Channel;

use crate::author::{Author, renaming};
use crate::harness::{Customers, On, TestServer, connect, customers, on_each_database, reason, with_alias};
use crate::journal::{seed, size};
use crate::raw::Raw;

on_each_database!(
    TestServer: an_alias_has_one_live_owner_whoever_races_for_it, no_update_with_an_etag_is_lost,
    a_cancelled_call_never_harms_another
);

/// Connections to the server; on Postgres half of them to a second instance.
pub async fn channels(server: &TestServer, count: usize) -> Vec<Channel> {
    let mut addresses = vec![server.address];
    if !server.app.store().is_embedded() {
        let second = App::start(Store::open(&server.database.url).unwrap(), crate::harness::chains());
        second.open();
        second.offer_claims(crate::harness::unlimited());
        addresses.push(TestServer::listen(&second).await);
    }
    let mut channels = Vec::new();
    for address in addresses.into_iter().cycle().take(count) {
        channels.push(connect(address).await);
    }
    channels
}

async fn clients(server: &TestServer, key: &str, count: usize) -> Vec<Customers> {
    channels(server, count).await.into_iter().map(|it| customers(it, key)).collect()
}

/// Every invariant of the database holds.
pub async fn assert_sound(store: &Store) {
    let broken: Vec<_> = store.check().await.unwrap().into_iter().filter(|it| it.1 != 0).collect();
    assert_eq!(broken, []);
}

/// CON-2. An alias has one live owner: 64 connections race 2,000 creates (or `PURSER_PROOF_CON_2`) over a twentieth as many
/// aliases in mixed case, and each has one winner; all others get ALREADY_EXISTS `ALIAS_TAKEN`, and no other code.
///
/// Sabotage: drop the primary key of `unique_keys`, and let `Bench::by_key` find nothing.
async fn an_alias_has_one_live_owner_whoever_races_for_it(server: TestServer) {
    let creates = size("PURSER_PROOF_CON_2", 2_000);
    let aliases = creates / 20;
    let tenant = server.tenant("race").await;
    let clients = clients(&server, &tenant.key, 64).await;
    let (next, start) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(clients.len())));
    let mut racing = JoinSet::new();
    for mut client in clients {
        let (next, start) = (Arc::clone(&next), Arc::clone(&start));
        racing.spawn(async move {
            let mut ended = Vec::new();
            start.wait().await;
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= creates {
                    return ended;
                }
                // Neighbours race for one alias, each in a spelling of its own.
                let alias = format!("owner-{}@race", n * aliases / creates);
                let spelled =
                    alias.chars().map(|it| if rand::random() { it.to_ascii_uppercase() } else { it });
                let made = client.create_customer(with_alias(&spelled.collect::<String>())).await;
                ended.push((alias, made.map(|it| it.into_inner().customer.unwrap().id)));
            }
        });
    }
    let mut owners: HashMap<String, String> = HashMap::new();
    let mut refused = 0;
    for (alias, made) in racing.join_all().await.into_iter().flatten() {
        match made {
            Ok(id) => assert_eq!(owners.insert(alias.clone(), id), None, "{alias} has two owners"),
            Err(status) => {
                assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "ALIAS_TAKEN"));
                refused += 1;
            }
        }
    }
    assert_eq!((owners.len(), refused), (aliases, creates - aliases));
    let mut client = server.customers(&tenant.key).await;
    for (alias, id) in owners {
        let request = api::ResolveCustomerRequest { payment_address: alias };
        let found = client.resolve_customer(request).await.unwrap().into_inner().resolution.unwrap();
        assert_eq!(found.customer_id, id);
    }
    assert_sound(server.app.store()).await;
    eprintln!("CON-2: {creates} creates over {aliases} aliases: {aliases} winners, {refused} refused");
}

/// CON-4. No update is lost: 32 writers add 40 each (or `PURSER_PROOF_CON_4`) to one counter, by reading it and writing it
/// back with the etag they read, again where that is stale. The sum is exact, and each addition is one event.
///
/// Sabotage: in `CustomerTarget::check`, find every etag good.
async fn no_update_with_an_etag_is_lost(server: TestServer) {
    const WRITERS: usize = 32;
    let additions = size("PURSER_PROOF_CON_4", 40);
    let tenant = server.tenant("count").await;
    let mut first = server.customers(&tenant.key).await;
    let made =
        first.create_customer(with_alias("counter@count")).await.unwrap().into_inner().customer.unwrap();
    let mut writing = JoinSet::new();
    for mut client in clients(&server, &tenant.key, WRITERS).await {
        let id = made.id.clone();
        writing.spawn(async move {
            let mut stale = 0;
            for _ in 0..additions {
                while !add_one(&mut client, &id).await {
                    stale += 1;
                    // All of them at once again would only find each other's etags stale.
                    tokio::time::sleep(Duration::from_millis(rand::random_range(0..250))).await;
                }
            }
            stale
        });
    }
    let stale: usize = writing.join_all().await.into_iter().sum();
    let after = get(&mut first, &made.id).await;
    assert_eq!(count(&after), WRITERS * additions);
    let mut raw = Raw::open(&server.database).await;
    let events = raw.number("SELECT count(*) FROM events WHERE type = 'customer.updated'").await;
    assert_eq!(usize::try_from(events).unwrap(), WRITERS * additions);
    assert_sound(server.app.store()).await;
    eprintln!("CON-4: {} additions, {stale} etags found stale on the way", WRITERS * additions);
}

/// Adds one, unless somebody else was faster.
async fn add_one(client: &mut Customers, id: &str) -> bool {
    let read = get(client, id).await;
    let next = u32::try_from(count(&read) + 1).unwrap();
    let fields = [("count".to_owned(), Value { kind: Some(Kind::NumberValue(next.into())) })];
    let metadata = Some(Struct { fields: fields.into() });
    let request = api::UpdateCustomerRequest {
        customer: Some(api::Customer { metadata, ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["metadata.count".to_owned()] }),
        ..renaming(id, "", &read.etag, "")
    };
    match client.update_customer(request).await {
        Ok(_) => true,
        Err(status) => {
            assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
            false
        }
    }
}

async fn get(client: &mut Customers, id: &str) -> api::Customer {
    let key = Some(api::get_customer_request::Key::Id(id.to_owned()));
    client
        .get_customer(api::GetCustomerRequest { key, ..Default::default() })
        .await
        .unwrap()
        .into_inner()
        .customer
        .unwrap()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a small count")]
fn count(customer: &api::Customer) -> usize {
    let fields = customer.metadata.as_ref().map(|it| &it.fields);
    match fields.and_then(|it| it.get("count")).and_then(|it| it.kind.as_ref()) {
        Some(Kind::NumberValue(count)) => *count as usize,
        None => 0,
        other => panic!("{other:?}"),
    }
}

/// CON-5. A cancelled call never harms another: while 2,000 calls (or `PURSER_PROOF_CON_5`) are cancelled after 0 to 50 ms,
/// eight authors write journals. Nothing that was acknowledged to them is missing, nothing of theirs fails, and on Postgres no session is
/// left `idle in transaction` for more than a second.
///
/// Sabotage: in `Committer::commit`, run `store.commit` there, in the request's own future, and give a `Borrowed` back to
/// the idle connections wherever it is dropped.
async fn a_cancelled_call_never_harms_another(server: TestServer) {
    let enough = size("PURSER_PROOF_CON_5", 2_000);
    let (tenant, seed) = (server.tenant("calm").await, seed());
    let done = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(idle_in_transaction(Raw::open(&server.database).await, Arc::clone(&done)));

    let mut writing = JoinSet::new();
    for (n, mut client) in (0..).zip(clients(&server, &tenant.key, 8).await) {
        let (mut author, done) = (Author::new(&format!("a{n}"), seed.wrapping_add(n)), Arc::clone(&done));
        writing.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                author.write(&mut client, "calm").await;
            }
            let unknown: Vec<_> = author.entries().filter(|it| it.is_unknown()).cloned().collect();
            assert!(unknown.is_empty(), "nothing of theirs fails: {unknown:?}");
            assert_eq!(author.settle(&mut client).await, [""; 0]);
            assert_eq!(author.look_at_all(&mut client).await, [""; 0]);
            author.calls()
        });
    }
    let cancelled = Arc::new(AtomicUsize::new(0));
    let mut cancelling = JoinSet::new();
    for (n, client) in clients(&server, &tenant.key, 16).await.into_iter().enumerate() {
        cancelling.spawn(give_up(client, n, Arc::clone(&cancelled), enough));
    }
    let calls: usize = cancelling.join_all().await.into_iter().sum();
    done.store(true, Ordering::Relaxed);
    let written: usize = writing.join_all().await.into_iter().sum();
    assert!(
        cancelled.load(Ordering::Relaxed) >= enough,
        "only {cancelled:?} of {calls} calls were cancelled"
    );
    assert_eq!(watching.await.unwrap(), 0, "sessions idle in a transaction");
    assert_sound(server.app.store()).await;
    eprintln!(
        "CON-5: {cancelled:?} of {calls} calls cancelled, {written} acknowledged beside them: 0 missing"
    );
}

/// Makes calls that change and calls that read, and gives each up soon; answers how many it made.
async fn give_up(mut client: Customers, n: usize, cancelled: Arc<AtomicUsize>, enough: usize) -> usize {
    let mut made = String::new();
    let mut calls = 0;
    while cancelled.load(Ordering::Relaxed) < enough && calls < 2 * enough {
        calls += 1;
        // Most calls take little of the 50 ms: many are given up early.
        let patience = Duration::from_micros(50_000).mul_f64(rand::random::<f64>().powi(2));
        let call = async {
            match calls % 4 {
                0 if !made.is_empty() => {
                    drop(client.update_customer(renaming(&made, &calls.to_string(), "", "")).await)
                }
                1 => drop(client.list_customers(api::ListCustomersRequest::default()).await),
                _ => {
                    let answer = client.create_customer(with_alias(&format!("gone-{n}-{calls}@calm"))).await;
                    made = answer.map(|it| it.into_inner().customer.unwrap().id).unwrap_or_default();
                }
            }
        };
        if tokio::time::timeout(patience, call).await.is_err() {
            cancelled.fetch_add(1, Ordering::Relaxed);
        }
    }
    calls
}

/// How often a session of this database was seen in an open transaction without doing anything for a second: three times in
/// a row, as one whose client was held up for that second goes on by itself.
async fn idle_in_transaction(mut raw: Raw, done: Arc<AtomicBool>) -> usize {
    const IDLE: &str =
        "SELECT pid, state_change::text FROM pg_stat_activity WHERE datname = current_database()
        AND state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '1 second'";
    let (mut seen, mut before): (usize, [Vec<(i32, String)>; 2]) = (0, Default::default());
    while raw.on() == On::Postgres && !done.load(Ordering::Relaxed) {
        let now: Vec<(i32, String)> = raw.rows(IDLE).await;
        seen += now.iter().filter(|it| before.iter().all(|then| then.contains(it))).count();
        let [last, _] = before;
        before = [now, last];
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    seen
}
