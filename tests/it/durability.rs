//! What was acknowledged stays.

use std::time::Duration;

use purser::store::Store;
use tokio::task::JoinSet;

use crate::author::Author;
use crate::harness::{Customers, Database, connect, customers, on_each_database};
use crate::journal::{seed, size};
use crate::process::Process;
use crate::raw::Raw;

on_each_database!(Database: what_was_acknowledged_survives_kill_9_and_nothing_is_there_by_half);

/// DUR-1. An acknowledged write survives `kill -9` at any instant; customer, alias, event and idempotency row are all
/// there or all absent. 60 rounds, or `PURSER_PROOF_DUR_1`.
///
/// Sabotage: in `Store::commit_once`, answer and let a task of its own commit afterwards.
async fn what_was_acknowledged_survives_kill_9_and_nothing_is_there_by_half(database: Database) {
    let (rounds, seed) = (size("PURSER_PROOF_DUR_1", 60), seed());
    let mut authors: Vec<_> = (0..8).map(|n| Author::new(&format!("a{n}"), seed.wrapping_add(n))).collect();
    let mut unknown = 0;
    for _ in 0..rounds {
        let mut process = Process::serve(database.folder(), &database.url, &["--dev"]).await;
        let key = key(&database);
        authors = settled(authors, &process, &key).await;
        assert_sound(&database).await;

        let mut writing = JoinSet::new();
        for mut author in authors {
            let mut client = client(&process, &key).await;
            writing.spawn(async move {
                while author.write(&mut client, "dev").await {}
                author
            });
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(20..=500))).await;
        process.kill().await;
        authors = writing.join_all().await;
        unknown += authors.iter().flat_map(Author::entries).filter(|it| it.is_unknown()).count();
    }
    let process = Process::serve(database.folder(), &database.url, &["--dev"]).await;
    let key = key(&database);
    authors = settled(authors, &process, &key).await;
    assert_sound(&database).await;
    let mut client = client(&process, &key).await;
    for author in &authors {
        assert_eq!(author.look_at_all(&mut client).await, [""; 0]);
    }
    let (calls, customers) =
        authors.iter().fold((0, 0), |sum, it| (sum.0 + it.calls(), sum.1 + it.customers()));
    eprintln!(
        "DUR-1: {rounds} kills, {calls} calls on {customers} customers, {unknown} not answered; 0 lost, 0 half"
    );
}

/// The authors, after each has looked at what became of its calls, all at once.
async fn settled(authors: Vec<Author>, process: &Process, key: &str) -> Vec<Author> {
    let mut settling = JoinSet::new();
    for mut author in authors {
        let mut client = client(process, key).await;
        settling.spawn(async move {
            let wrong = author.settle(&mut client).await;
            assert_eq!(wrong, [""; 0]);
            author
        });
    }
    settling.join_all().await
}

/// Every invariant of the database holds, and each event that a request asked for has that request's row. The
/// connections are closed again: after a kill nobody has the file open.
async fn assert_sound(database: &Database) {
    const HALF: &str = "SELECT count(*) FROM events AS e
        LEFT JOIN requests AS r ON r.scope = e.log_id AND r.id = e.request_id AND r.sequence = e.sequence
        WHERE e.request_id <> '' AND r.id IS NULL";
    assert_eq!(
        Raw::open(database).await.number(HALF).await,
        0,
        "requests that took effect and are not remembered"
    );
    let store = Store::open(&database.url).unwrap();
    let broken: Vec<_> = store.check().await.unwrap().into_iter().filter(|it| it.1 != 0).collect();
    assert_eq!(broken, []);
    store.close().await;
}

async fn client(process: &Process, key: &str) -> Customers {
    customers(connect(process.grpc).await, key)
}

fn key(database: &Database) -> String {
    std::fs::read_to_string(database.folder().join("purser-dev.key")).unwrap()
}
