//! What was acknowledged stays.

use std::time::{Duration, Instant};

use purser::store::Store;
use tokio::task::JoinSet;

use crate::author::Author;
use crate::harness::{
    Customers, Database, WALLET_NETWORKS, connect, customers, give_wallets, on_each_database,
};
use crate::journal::{seed, size};
use crate::process::Process;
use crate::raw::Raw;

on_each_database!(Database: what_was_acknowledged_survives_kill_9_and_nothing_is_there_by_half);

/// DUR-1. An acknowledged write survives `kill -9` at any instant; customer, alias, wallet, addresses, events and
/// idempotency row are all there or all absent. 60 rounds, or `PURSER_PROOF_DUR_1`.
///
/// Sabotage: in `Store::commit_once`, answer and let a task of its own commit afterwards.
async fn what_was_acknowledged_survives_kill_9_and_nothing_is_there_by_half(database: Database) {
    let (rounds, seed) = (size("PURSER_PROOF_DUR_1", 60), seed());
    let mut authors: Vec<_> = (0..8).map(|n| Author::new(&format!("a{n}"), seed.wrapping_add(n))).collect();
    let mut unknown = 0;
    begin(&database).await;
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
        nobody_is_left(&database).await;
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

/// Has every customer whom the authors make get a wallet, from the first one on.
async fn begin(database: &Database) {
    let mut process = Process::serve(database.folder(), &database.url, &["--dev"]).await;
    give_wallets(process.grpc, &key(database), "dev").await;
    process.kill().await;
}

/// Waits until Postgres has ended what the killed process began. It goes on with a commit though nobody hears
/// of it, and what is neither there nor absent yet cannot be looked at.
async fn nobody_is_left(database: &Database) {
    const LEFT: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    if database.url.starts_with("sqlite:") {
        return;
    }
    let (mut raw, begun) = (Raw::open(database).await, Instant::now());
    while raw.number(LEFT).await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "a connection of a killed process stays");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
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

/// Every invariant of the database holds, each event that a request asked for has that request's row, and each
/// customer has the one wallet that they were made with. The connections are closed again: after a kill nobody has
/// the file open.
async fn assert_sound(database: &Database) {
    // A request is remembered by its first event; that of the customer's wallet is the next.
    const HALF: &str = "SELECT count(*) FROM events AS e
        LEFT JOIN requests AS r ON r.scope = e.log_id AND r.id = e.request_id
            AND r.sequence = e.sequence - CASE e.type WHEN 'wallet.created' THEN 1 ELSE 0 END
        WHERE e.request_id <> '' AND r.id IS NULL";
    let mut raw = Raw::open(database).await;
    assert_eq!(raw.number(HALF).await, 0, "requests that took effect and are not remembered");
    let bare = raw.number(&without_their_wallet()).await;
    assert_eq!(bare, 0, "customers without the one wallet that they were made with");
    drop(raw);
    let store = Store::open(&database.url).unwrap();
    let broken: Vec<_> = store.check().await.unwrap().into_iter().filter(|it| it.1 != 0).collect();
    assert_eq!(broken, []);
    store.close().await;
}

/// Counts the customers who have no wallet, or more than one, or one that was not made in the event after their own
/// with an address on each network.
fn without_their_wallet() -> String {
    let networks = WALLET_NETWORKS.len();
    format!(
        "SELECT count(*) FROM customers AS c
         WHERE 1 <> (SELECT count(*) FROM wallets AS w WHERE w.customer_id = c.id)
            OR 1 <> (SELECT count(*) FROM wallets AS w
                     JOIN events AS made ON made.log_id = w.domain_id AND made.sequence = w.sequence - 1
                     JOIN events AS e ON e.log_id = w.domain_id AND e.sequence = w.sequence
                     WHERE w.customer_id = c.id
                       AND made.type = 'customer.created' AND made.resource_id = c.id
                       AND e.type = 'wallet.created' AND e.resource_id = w.id)
            OR {networks} <> (SELECT count(*) FROM addresses AS a JOIN wallets AS w ON w.id = a.wallet_id
                              WHERE w.customer_id = c.id AND a.sequence = w.sequence)"
    )
}

async fn client(process: &Process, key: &str) -> Customers {
    customers(connect(process.grpc).await, key)
}

fn key(database: &Database) -> String {
    std::fs::read_to_string(database.folder().join("purser-dev.key")).unwrap()
}
