//! KEY-2: an index is given out once, ever, and no two customers share an address.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use purser::api;
use purser::store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Endpoint;
use uuid::Uuid;

use crate::concurrency::{assert_sound, channels};
use crate::harness::{Database, TestServer, connect, customers, on_each_database};
use crate::journal::{is_unknown, seed, size};
use crate::process::Process;
use crate::raw::Raw;
use crate::wallets_wire::{Keeper, new_customer};
use crate::wire::Client;

on_each_database!(Database:
    an_index_is_given_out_once_through_crashes,
    calls_that_are_given_up_leave_no_gap,
);

const NETWORKS: [&str; 2] = ["sepolia", "solana-devnet"];

/// What is at an index of a scheme: a customer, and an address.
type Given = HashMap<(String, i64), (Uuid, String)>;

/// Every index in use. Panics where one is two customers' or two addresses', or where two customers share an address.
async fn given(raw: &mut Raw) -> Given {
    let rows: Vec<(String, i64, String, String, Uuid, String)> = raw
        .rows(
            "SELECT a.scheme, a.position, a.network, a.address, w.customer_id, w.status FROM addresses AS a
             JOIN wallets AS w ON w.id = a.wallet_id WHERE a.position IS NOT NULL",
        )
        .await;
    let (mut given, mut owners) = (Given::new(), HashMap::new());
    let mut uses = HashSet::new();
    for (scheme, index, network, address, customer, _) in rows {
        let owner = owners.entry(address.clone()).or_insert(customer);
        assert_eq!(*owner, customer, "{address} is two customers'");
        let before = given.insert((scheme.clone(), index), (customer, address.clone()));
        assert!(
            before.is_none_or(|it| it == (customer, address)),
            "index {index} of {scheme} was given out twice"
        );
        assert!(uses.insert((network.clone(), scheme, index)), "index {index} is twice on {network}");
    }
    let reserved: Vec<(String, i64)> =
        raw.rows("SELECT name, value FROM counters WHERE name LIKE 'index:%'").await;
    let reserved: HashMap<_, _> = reserved.into_iter().collect();
    for (scheme, index) in given.keys() {
        assert!(
            reserved[&format!("index:{scheme}")] > *index,
            "index {index} of {scheme} was never reserved"
        );
    }
    given
}

/// KEY-2. Over 64 connections, to two instances where there may be two, wallets and addresses are made until 2,000
/// addresses are acknowledged, while every fifth call is given up and the program is killed: three times, or after every
/// 600 addresses of `PURSER_PROOF_KEY_2`. No index is given out twice, no two customers share an address, no call is
/// refused, and all that was acknowledged is there.
///
/// Sabotage: in `hand_out`, hand the numbers out before `reserve_indexes` has answered.
async fn an_index_is_given_out_once_through_crashes(database: Database) {
    const CONNECTIONS: usize = 64;
    let enough = size("PURSER_PROOF_KEY_2", 2_000);
    let kills = enough / 600;
    let seed = seed();
    let mut service = Service::start(&database).await;
    let key = std::fs::read_to_string(database.folder().join("purser-dev.key")).unwrap();
    let mut client = Client(customers(connect(service.processes[0].grpc).await, &key));
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let mut making = JoinSet::new();
    for n in 0..CONNECTIONS {
        let customer = new_customer(&mut client).await;
        let (addresses, key) = (service.addresses.subscribe(), key.clone());
        let seed = seed.wrapping_add(n as u64);
        making.spawn(make(n, addresses, key, customer, Arc::clone(&acknowledged), enough, seed));
    }
    for part in 1..=kills + 1 {
        let some = async {
            while acknowledged.load(Ordering::Relaxed) < enough * part / (kills + 1) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120 + enough as u64 / 50), some)
            .await
            .expect("it goes on making addresses");
        if part <= kills {
            service.crash(&database).await;
        }
    }
    let mut told = Vec::new();
    while let Some(made) = making.join_next().await {
        told.extend(made.unwrap());
    }
    let given = given(&mut Raw::open(&database).await).await;
    let there: HashMap<&str, Uuid> = given.values().map(|it| (it.1.as_str(), it.0)).collect();
    let mut seen = HashSet::new();
    for (customer, address) in &told {
        assert!(seen.insert(address), "{address} was told twice");
        let owner =
            there.get(address.as_str()).map(|it| purser::domain::CustomerId::from_uuid(*it).to_string());
        assert_eq!(owner.as_ref(), Some(customer), "{address} was acknowledged");
    }
    assert!(told.len() >= enough);
    let store = Store::open(&database.url).unwrap();
    assert_sound(&store).await;
    eprintln!(
        "KEY-2: {} addresses acknowledged, {} there, {kills} kills: 0 duplicates",
        told.len(),
        given.len()
    );
}

/// The program, once or twice, and where it listens now.
struct Service {
    processes: Vec<Process>,
    addresses: watch::Sender<Vec<SocketAddr>>,
}

impl Service {
    async fn start(database: &Database) -> Self {
        let is_shared = !database.url.starts_with("sqlite:");
        let mut processes = Vec::new();
        for _ in 0..if is_shared { 2 } else { 1 } {
            processes.push(Process::serve(database.folder(), &database.url, &["--dev"]).await);
        }
        let (addresses, _) = watch::channel(processes.iter().map(|it| it.grpc).collect());
        Self { processes, addresses }
    }

    /// Kills one, and starts it again.
    async fn crash(&mut self, database: &Database) {
        let mut process = self.processes.remove(0);
        process.kill().await;
        self.processes.push(Process::serve(database.folder(), &database.url, &["--dev"]).await);
        self.addresses.send_replace(self.processes.iter().map(|it| it.grpc).collect());
    }
}

/// One client: makes wallets and addresses again and again, and gives some calls up. Answers what it was told of.
async fn make(
    n: usize,
    addresses: watch::Receiver<Vec<SocketAddr>>,
    key: String,
    customer: String,
    acknowledged: Arc<AtomicUsize>,
    enough: usize,
    seed: u64,
) -> Vec<(String, String)> {
    use rand::{Rng, SeedableRng};
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let (mut told, mut wallet) = (Vec::new(), String::new());
    while acknowledged.load(Ordering::Relaxed) < enough {
        let now = {
            let all = addresses.borrow();
            all[n % all.len()]
        };
        let Ok(channel) = Endpoint::from_shared(format!("http://{now}")).unwrap().connect().await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let mut keeper = Keeper::of(channel, &key);
        while acknowledged.load(Ordering::Relaxed) < enough {
            let patience = if rng.random_range(0..5) == 0 { rng.random_range(0..30) } else { 30_000 };
            let (next, networks) = (!wallet.is_empty() && rng.random(), NETWORKS);
            let call = async {
                if next {
                    let made = keeper.next_address(&wallet, networks[rng.random_range(0..2)]).await?;
                    Ok((None, vec![made]))
                } else {
                    let made = keeper.create(&customer, &networks).await?;
                    Ok((Some(made.id), made.addresses))
                }
            };
            let made: Result<(Option<String>, Vec<api::Address>), tonic::Status> =
                match tokio::time::timeout(Duration::from_millis(patience), call).await {
                    Ok(made) => made,
                    Err(_) => continue,
                };
            match made {
                Ok((made, addresses)) => {
                    acknowledged.fetch_add(addresses.len(), Ordering::Relaxed);
                    told.extend(addresses.into_iter().map(|it| (customer.clone(), it.address)));
                    wallet = made.unwrap_or(wallet);
                }
                Err(status) if is_unknown(&status) => break,
                Err(status) => {
                    // Nobody need go on.
                    acknowledged.fetch_add(enough, Ordering::Relaxed);
                    panic!("{status:?}");
                }
            }
        }
    }
    told
}

/// Where nothing crashes there is no gap: what a call had in hand and did not use is used by another.
///
/// Sabotage: in `Grant::settle`, keep every lease; or let a `Lease` that is dropped not go back.
async fn calls_that_are_given_up_leave_no_gap(database: Database) {
    const CLIENTS: usize = 16;
    let server = TestServer::over(database).await;
    let tenant = server.tenant("calm").await;
    let mut client = Client(server.customers(&tenant.key).await);
    let mut making = JoinSet::new();
    for channel in channels(&server, CLIENTS).await {
        let (customer, mut keeper) = (new_customer(&mut client).await, Keeper::of(channel, &tenant.key));
        let mut client = client.clone();
        making.spawn(async move {
            for n in 0..12 {
                let patience = Duration::from_millis(rand::random_range(0..40));
                let _ = tokio::time::timeout(patience, keeper.create(&customer, &NETWORKS)).await;
                // A request that was answered before has no use for what it has in hand.
                let id = format!("r{}", n / 3);
                keeper.create_as(&customer, &NETWORKS, &format!("{customer}-{id}")).await.unwrap();
                // Nor has one that is refused.
                keeper.create(&customer, &["sepolia", "bitcoin"]).await.unwrap_err();
            }
            client.delete(&customer).await.unwrap();
            keeper.create(&customer, &NETWORKS).await.unwrap_err();
        });
    }
    while let Some(done) = making.join_next().await {
        done.unwrap();
    }
    // What was given up runs to its end all the same.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut raw = Raw::open(&server.database).await;
    let given = given(&mut raw).await;
    let reserved: Vec<(String, i64)> =
        raw.rows("SELECT name, value FROM counters WHERE name LIKE 'index:%'").await;
    // Of each instance a block that is begun, and what its clients had in hand at once.
    let spare = 2 * (16 + i64::try_from(CLIENTS).unwrap());
    for (name, value) in reserved {
        let scheme = name.trim_start_matches("index:");
        let used = i64::try_from(given.keys().filter(|it| it.0 == scheme).count()).unwrap();
        assert!(value - used <= spare, "{name}: {value} were reserved, and {used} used");
    }
    assert_sound(server.app.store()).await;
}
