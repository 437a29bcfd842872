//! The log, watched.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use purser::api::event::Payload;
use purser::api::watch_response::Message;
use purser::api::{Customer, Wallet, WatchStart};
use purser::app::App;
use tonic::Code;

use crate::customers_fields::metadata;
use crate::events_wire::{Reader, after, start};
use crate::harness::{TestServer, chains, on_each_database, operator, reason};
use crate::wallets_wire::Keeper;
use crate::wire::{Acme, Client, aliased};

on_each_database!(Acme:
    a_watch_tells_what_was_and_then_what_is,
    a_watch_from_the_latest_tells_only_what_is_to_come,
    a_watch_of_some_types_tells_those_and_goes_on_past_the_others,
    who_applies_a_snapshot_and_what_follows_holds_the_exact_state,
    a_snapshot_of_some_types_is_followed_by_all_that_changes_it,
    a_watch_goes_on_where_another_ended,
    a_watch_ends_with_its_key,
    a_watcher_who_takes_nothing_is_ended_and_goes_on_without_loss,
    a_commit_reaches_watchers_at_another_instance_within_a_second,
    many_watchers_are_told_the_same,
);

async fn a_watch_tells_what_was_and_then_what_is(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    for n in 0..5 {
        it.client.create(aliased(&format!("a{n}@acme"))).await.unwrap();
    }
    let mut stream = reader.watch(start(WatchStart::Earliest), &[]).await.unwrap();
    let was = reader.all_after(0).await;
    assert_eq!(stream.events(was.len()).await, was);
    for n in 0..50 {
        let made = it.client.create(aliased(&format!("b{n}@acme"))).await.unwrap();
        let event = stream.event().await;
        assert_eq!((event.sequence, event.payload), (made.sequence, Some(Payload::Customer(made))));
    }
}

async fn a_watch_from_the_latest_tells_only_what_is_to_come(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    let ada = it.client.create(aliased("ada@acme")).await.unwrap();
    let mut latest = reader.watch(start(WatchStart::Latest), &[]).await.unwrap();
    let mut by_default = reader.watch(start(WatchStart::Unspecified), &[]).await.unwrap();
    let mut from_there = reader.watch(after(ada.sequence), &[]).await.unwrap();
    let bob = it.client.create(aliased("bob@acme")).await.unwrap();
    for stream in [&mut latest, &mut by_default, &mut from_there] {
        assert_eq!(stream.event().await.sequence, bob.sequence);
    }
}

async fn a_watch_of_some_types_tells_those_and_goes_on_past_the_others(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    let ada = it.client.create(aliased("ada@acme")).await.unwrap();
    let mut stream = reader.watch(after(0), &["customer.deleted", "customer.restored"]).await.unwrap();
    for n in 0..20 {
        it.client.create(aliased(&format!("b{n}@acme"))).await.unwrap();
    }
    let deleted = it.client.delete(&ada.id).await.unwrap();
    let restored = it.client.restore(&ada.id).await.unwrap();
    let told: Vec<_> = stream.events(2).await.iter().map(|it| it.sequence).collect();
    assert_eq!(told, [deleted.sequence, restored.sequence]);
    // A heartbeat says that the others have been passed over.
    let passed = it.client.create(aliased("last@acme")).await.unwrap();
    let asked = Instant::now();
    let heard = tokio::time::timeout(Duration::from_secs(20), stream.0.message()).await.unwrap();
    let Some(Message::Heartbeat(heartbeat)) = heard.unwrap().unwrap().message else { panic!() };
    assert_eq!(heartbeat.sequence, passed.sequence);
    assert!(asked.elapsed() > Duration::from_secs(10), "not more often than every 15 seconds");
}

/// What somebody knows who only ever watched.
#[derive(Debug, Default, PartialEq)]
struct Copy {
    customers: BTreeMap<String, Customer>,
    wallets: BTreeMap<String, Wallet>,
}

async fn who_applies_a_snapshot_and_what_follows_holds_the_exact_state(it: Acme) {
    let mut reader = Reader::of(&it).await;
    let mut client = it.client.clone();
    let mut ids = Vec::new();
    for n in 0..700 {
        ids.push(client.create(aliased(&format!("a{n}@acme"))).await.unwrap().id);
    }
    client.delete(&ids[0]).await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|n| tokio::spawn(busy(it.server.address, it.tenant.key.clone(), n, ids.clone())))
        .collect();
    let mut stream = reader.watch(start(WatchStart::Snapshot), &[]).await.unwrap();
    let (mut copy, mut ended_at) = (Copy::default(), None);
    let mut last = 0;
    loop {
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        if done && last == reader.list(Default::default()).await.unwrap().last_sequence {
            break;
        }
        let next = tokio::time::timeout(Duration::from_millis(300), stream.next()).await;
        let Ok(next) = next else { continue };
        match next.unwrap() {
            Message::Customer(it) => assert!(copy.customers.insert(it.id.clone(), it).is_none()),
            Message::Wallet(it) => assert!(copy.wallets.insert(it.id.clone(), it).is_none()),
            Message::SnapshotEnd(it) => {
                assert!(ended_at.replace(it.sequence).is_none());
                last = it.sequence;
            }
            Message::Event(event) => {
                assert_eq!(event.sequence, last + 1, "no event is skipped");
                last = event.sequence;
                match event.payload.unwrap() {
                    Payload::Customer(it) => drop(copy.customers.insert(it.id.clone(), it)),
                    Payload::Wallet(it) => drop(copy.wallets.insert(it.id.clone(), it)),
                    _ => {}
                }
            }
            Message::Heartbeat(_) => {}
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut keeper = Keeper::of(it.server.channel().await, &it.tenant.key);
    let mut truth = Copy::default();
    for id in copy.customers.keys() {
        truth.customers.insert(id.clone(), client.get(id).await.unwrap());
        for wallet in keeper.wallets_of(id).await {
            truth.wallets.insert(wallet.id.clone(), wallet);
        }
    }
    assert_eq!(copy, truth);
    assert_eq!(copy.customers.len(), 700 + 4 * 25);
    assert_eq!(copy.wallets.len(), 4 * 25);
}

async fn a_snapshot_of_some_types_is_followed_by_all_that_changes_it(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    let mut keeper = Keeper::of(it.server.channel().await, &it.tenant.key);
    let ada = it.client.create(aliased("ada@acme")).await.unwrap();
    let wallet = keeper.ledger(&ada.id, "EUR").await.unwrap();
    it.suspend(&it.tenant.domain).await;
    let snapshot = start(WatchStart::Snapshot);
    let mut stream = reader.watch(snapshot, &["customer.created", "domain.updated"]).await.unwrap();
    let Message::Customer(seen) = stream.next().await.unwrap() else { panic!() };
    assert_eq!((seen.id, seen.can_receive), (ada.id.clone(), false));
    let Message::SnapshotEnd(end) = stream.next().await.unwrap() else { panic!("no wallet was asked for") };
    assert_eq!(end.sequence, wallet.sequence + 1);
    it.reinstate(&it.tenant.domain).await;
    keeper.freeze(&wallet.id).await.unwrap();
    it.client.delete(&ada.id).await.unwrap();
    let types: Vec<_> = stream.events(2).await.into_iter().map(|it| it.r#type).collect();
    assert_eq!(types, ["domain.updated", "customer.deleted"]);
}

/// Makes customers, changes what is there, and gives wallets.
async fn busy(address: std::net::SocketAddr, key: String, writer: usize, ids: Vec<String>) {
    let channel = crate::harness::connect(address).await;
    let mut client = Client(crate::harness::customers(channel.clone(), &key));
    let mut keeper = Keeper::of(channel, &key);
    for n in 0..25 {
        let made = client.create(aliased(&format!("w{writer}-{n}@acme"))).await.unwrap();
        let wallet = keeper.ledger(&made.id, "EUR").await.unwrap();
        keeper.freeze(&wallet.id).await.unwrap();
        let named = Customer { name: format!("{writer}-{n}"), ..Default::default() };
        client.update(&ids[1 + (writer * 25 + n) * 7 % 699], &["name"], named).await.unwrap();
    }
}

async fn a_watch_goes_on_where_another_ended(mut it: Acme) {
    let mut reader = Reader::of(&it).await;
    let mut seen = Vec::new();
    for n in 0..10 {
        let from = seen.last().copied().unwrap_or_default();
        let mut stream = reader.watch(after(from), &[]).await.unwrap();
        for m in 0..5 {
            it.client.create(aliased(&format!("c{n}-{m}@acme"))).await.unwrap();
        }
        seen.extend(stream.events(3).await.iter().map(|it| it.sequence));
    }
    assert!(seen.iter().copied().eq(1..=30), "{seen:?}");
}

async fn a_watch_ends_with_its_key(mut it: Acme) {
    let revoked = it.server.domain_key(&it.tenant.domain, purser::domain::Scopes::all()).await;
    let mut reader = Reader::at(it.server.channel().await, &revoked);
    let mut idle = reader.watch(start(WatchStart::Latest), &[]).await.unwrap();
    let mut busy = reader.watch(start(WatchStart::Latest), &[]).await.unwrap();
    it.client.create(aliased("ada@acme")).await.unwrap();
    idle.event().await;
    busy.event().await;
    let (id, _) = purser::domain::Secret::read(&revoked).unwrap();
    it.server.app.revoke_api_key(&operator(), id, None).await.unwrap();
    let asked = Instant::now();
    let status = idle.end().await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "API_KEY_REVOKED"));
    let status = busy.end().await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "API_KEY_REVOKED"));
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
}

/// Sabotage: wait for ever in `Watcher::tell`.
async fn a_watcher_who_takes_nothing_is_ended_and_goes_on_without_loss(it: Acme) {
    let mut reader = Reader::of(&it).await;
    let big = metadata(&serde_json::json!({"k": "x".repeat(15_000)}));
    let mut stream = reader.watch(after(0), &[]).await.unwrap();
    // More than the windows of the connection and the room of the watcher hold.
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (mut client, big) = (it.client.clone(), big.clone());
            tokio::spawn(async move {
                for _ in 0..400 {
                    client.create(big.clone()).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    let mut seen = Vec::new();
    let status = loop {
        match stream.next().await {
            Ok(Message::Event(event)) => seen.push(event.sequence),
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "SLOW_WATCHER"));
    let last = reader.list(Default::default()).await.unwrap().last_sequence;
    assert!(i64::try_from(seen.len()).unwrap() < last, "it was ended before it was told everything");
    let mut again = reader.watch(after(*seen.last().unwrap()), &[]).await.unwrap();
    while *seen.last().unwrap() < last {
        seen.push(again.event().await.sequence);
    }
    assert!(seen.iter().copied().eq(1..=last));
}

async fn a_commit_reaches_watchers_at_another_instance_within_a_second(mut it: Acme) {
    // On SQLite one process has the file; another app over it stands for another instance as well.
    let app = App::start(it.server.app.store().clone(), chains());
    app.open();
    let mut reader = Reader::elsewhere(TestServer::listen(&app).await, &it.tenant.key).await;
    let mut stream = reader.watch(start(WatchStart::Latest), &[]).await.unwrap();
    let mut waits = Vec::new();
    for n in 0..20 {
        let made = it.client.create(aliased(&format!("c{n}@acme"))).await.unwrap();
        let committed = Instant::now();
        assert_eq!(stream.event().await.sequence, made.sequence);
        waits.push(committed.elapsed());
    }
    waits.sort();
    // A machine that stands still for a moment holds up one or two.
    assert!(waits[15] < Duration::from_secs(1), "{waits:?}");
}

async fn many_watchers_are_told_the_same(mut it: Acme) {
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut reader = Reader::of(&it).await;
        for _ in 0..50 {
            streams.push(reader.watch(start(WatchStart::Latest), &[]).await.unwrap());
        }
    }
    let mut made = Vec::new();
    for n in 0..10 {
        made.push(it.client.create(aliased(&format!("c{n}@acme"))).await.unwrap().sequence);
    }
    for stream in &mut streams {
        let told: Vec<_> = stream.events(10).await.iter().map(|it| it.sequence).collect();
        assert_eq!(told, made);
    }
}
