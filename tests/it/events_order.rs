//! The log is one order, whoever writes it and whoever reads it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use purser::api::WatchStart;
use purser::api::event::Payload;
use purser::api::watch_response::Message;
use purser::app::App;
use purser::store::Store;
use rand::Rng;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::events_wire::{Reader, Stream, after, start};
use crate::harness::{TestServer, chains, connect, customers, on_each_database};
use crate::journal::size;
use crate::wire::{Acme, Client, aliased};

on_each_database!(Acme: event_and_change_are_one_and_no_reader_ever_skips_one);

const WRITERS: usize = 32;

/// OUT-1. 32 writers at two instances, whose transactions are held up at random, write 5,000 events (or
/// `PURSER_PROOF_OUT_1`): a creation and a change of each customer. Readers at both
/// instances, who follow from the beginning, from the middle, by watching and by listing, see each just once, in order;
/// what each event says is the last state of its customer, and there is one for each change that was acknowledged.
///
/// Sabotage: number events by what was read of the log before its lock was taken.
async fn event_and_change_are_one_and_no_reader_ever_skips_one(it: Acme) {
    let each = size("PURSER_PROOF_OUT_1", 5_000).div_ceil(2 * WRITERS);
    let there = another_instance(&it).await;
    slow_down(&it.server.database.url).await;
    let addresses = [it.server.address, there];
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for address in addresses {
        let mut reader = Reader::elsewhere(address, &it.tenant.key).await;
        let stream = reader.watch(start(WatchStart::Earliest), &[]).await.unwrap();
        readers.push(tokio::spawn(follow(stream, 0, Arc::clone(&over))));
        readers.push(tokio::spawn(come_and_go(reader, Arc::clone(&over))));
    }
    let hindrance = tokio::spawn(hinder(it.server.database.url.clone(), Arc::clone(&over)));
    let writers: Vec<_> =
        (0..WRITERS).map(|n| tokio::spawn(write(addresses[n % 2], it.tenant.key.clone(), n, each))).collect();
    let mut acknowledged = BTreeMap::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    over.store(true, Ordering::Relaxed);
    hindrance.await.unwrap();
    assert_eq!(acknowledged.len(), 2 * WRITERS * each, "each change has a place of its own");
    let last = *acknowledged.last_key_value().unwrap().0;
    let listed = Reader::of(&it).await.all_after(0).await;
    assert!(listed.iter().map(|it| it.sequence).eq(1..=last), "no gap, and nothing twice");
    for event in listed {
        let Some(Payload::Customer(customer)) = event.payload else { continue };
        assert_eq!(acknowledged.remove(&event.sequence), Some((customer.id, customer.name)));
    }
    assert!(acknowledged.is_empty(), "without an event: {acknowledged:?}");
    for reader in readers {
        let seen = reader.await.unwrap();
        assert!(seen.into_iter().eq(1..=last));
    }
    eprintln!("OUT-1: {last} events by {WRITERS} writers, 4 readers: 0 missing, 0 out of order");
}

async fn another_instance(it: &Acme) -> std::net::SocketAddr {
    let store = match it.server.app.store().is_embedded() {
        // One process has the file: another instance shares its store.
        true => it.server.app.store().clone(),
        false => Store::open(&it.server.database.url).unwrap(),
    };
    let app = App::start(store, chains());
    app.open();
    TestServer::listen(&app).await
}

/// Makes customers and changes them; answers the place, the customer and the name of each change.
async fn write(
    address: std::net::SocketAddr,
    key: String,
    writer: usize,
    each: usize,
) -> Vec<(i64, (String, String))> {
    let mut client = Client(customers(connect(address).await, &key));
    let mut acknowledged = Vec::new();
    for n in 0..each {
        let made = client.create(aliased(&format!("w{writer}-{n}@acme"))).await.unwrap();
        let named = purser::api::Customer { name: format!("{writer} {n}"), ..Default::default() };
        let changed = client.update(&made.id, &["name"], named).await.unwrap();
        acknowledged.extend([made, changed].map(|it| (it.sequence, (it.id, it.name))));
    }
    acknowledged
}

/// Makes transactions wait between what they write and their end, each for another while.
async fn slow_down(url: &str) {
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let slow = "
            CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_sleep(random() * 0.02); RETURN NULL; END';
            CREATE TRIGGER slow AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION slow()";
        sqlx::raw_sql(slow).execute(&mut connection).await.unwrap();
    }
}

/// Holds the lock of every log for a while, again and again, as a writer does whose machine is slow.
async fn hinder(url: String, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        let pause = Duration::from_micros(rand::rng().random_range(0..20_000));
        if url.starts_with("postgres") {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let mut tx = connection.begin().await.unwrap();
            let held = AssertSqlSafe("SELECT id FROM logs ORDER BY id FOR UPDATE");
            sqlx::query(held).execute(&mut *tx).await.unwrap();
            tokio::time::sleep(pause).await;
            tx.commit().await.unwrap();
        }
        tokio::time::sleep(pause).await;
    }
}

/// The place of the next event that a watcher is told of; none once all was written, and nothing comes any more.
async fn next(stream: &mut Stream, over: &AtomicBool) -> Option<i64> {
    loop {
        match tokio::time::timeout(Duration::from_secs(5), stream.0.message()).await {
            Ok(message) => {
                if let Some(Message::Event(event)) = message.unwrap().unwrap().message {
                    return Some(event.sequence);
                }
            }
            Err(_) if over.load(Ordering::Relaxed) => return None,
            Err(_) => {}
        }
    }
}

/// All the places that a watcher is told of.
async fn follow(mut stream: Stream, after: i64, over: Arc<AtomicBool>) -> Vec<i64> {
    let mut seen = Vec::new();
    while let Some(sequence) = next(&mut stream, &over).await {
        assert_eq!(sequence, seen.last().copied().unwrap_or(after) + 1);
        seen.push(sequence);
    }
    seen
}

/// The same of one that is cut off again and again, and goes on where it was.
async fn come_and_go(mut reader: Reader, over: Arc<AtomicBool>) -> Vec<i64> {
    let mut seen: Vec<i64> = Vec::new();
    loop {
        let from = seen.last().copied().unwrap_or_default();
        let mut stream = reader.watch(after(from), &[]).await.unwrap();
        let count = rand::rng().random_range(1..300);
        for _ in 0..count {
            match next(&mut stream, &over).await {
                Some(sequence) => seen.push(sequence),
                None => return seen,
            }
        }
    }
}
