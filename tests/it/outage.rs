//! A database that is lost while the program runs, and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use purser::api;
use purser::store::Store;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::author::{Author, renaming};
use crate::cluster::Server;
use crate::harness::{Customers, Database, On, connect, customers, reason, with_alias};
use crate::journal::{Outcome, seed, size};
use crate::lifecycle::migrated;
use crate::process::{Process, http_get};
use crate::proxy::{Link, Proxy};

/// LIFE-3. Readiness tells the truth within 5 s, both ways, and says what is missing; calls are answered UNAVAILABLE
/// `DATABASE_UNAVAILABLE` meanwhile; it heals without a restart, and nothing that was acknowledged is lost. Three times, or
/// `PURSER_PROOF_LIFE_3`, each in two ways: the server is stopped and started again; and it falls silent as one whose
/// machine has gone does.
///
/// Sabotage: do not spawn `watch_database`; for the stop, let `Store::scan` try once; for the silence, let
/// `Store::in_time` wait for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_is_told_within_five_seconds_and_so_is_its_return() {
    let Some(server) = Server::new().await else {
        eprintln!("SKIPPED: there are no programs of Postgres here, so a stop of it was NOT tried");
        return;
    };
    server.sql("CREATE DATABASE purser").await;
    lost_and_found(Database::at(server.url("purser")), Loss::Stopped(Box::new(server))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_falls_silent_is_told_within_five_seconds_and_so_is_its_return() {
    let database = Database::new(On::Postgres).await;
    let proxy = Proxy::start(&database.url).await;
    lost_and_found(database, Loss::Silent(proxy)).await;
}

/// How a database is lost, and found again.
enum Loss {
    Stopped(Box<Server>),
    Silent(Proxy),
}

impl Loss {
    async fn begin(&mut self) {
        match self {
            Self::Stopped(server) => server.stop().await,
            Self::Silent(proxy) => proxy.set(Link::Silent),
        }
    }

    async fn end(&mut self) {
        match self {
            Self::Stopped(server) => server.start().await,
            Self::Silent(proxy) => proxy.set(Link::Open),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Stopped(_) => "Stopped",
            Self::Silent(_) => "Silent",
        }
    }
}

async fn lost_and_found(database: Database, mut loss: Loss) {
    const SOON: Duration = Duration::from_secs(5);
    let rounds = size("PURSER_PROOF_LIFE_3", 3);
    let key = migrated(&database).await;
    let url = if let Loss::Silent(proxy) = &loss { &proxy.url } else { &database.url };
    let process = Process::serve(database.folder(), url, &[]).await;
    let writing = Writing::start(&process, &key).await;
    let mut client = customers(connect(process.grpc).await, &key);
    let made = client.create_customer(with_alias("known@dev")).await.unwrap().into_inner().customer.unwrap();
    let mut late = 0;
    for round in 0..rounds {
        tokio::time::sleep(Duration::from_millis(300)).await;
        loss.begin().await;
        let lost = Instant::now();
        while is_ready(&process).await {
            assert!(lost.elapsed() < SOON, "round {round}: not told");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(
            http_get(process.http, "/readyz").await.unwrap().ends_with("database"),
            "what is missing is said"
        );
        for call in 0..4 {
            let (refused, times) = refusal(&mut client, &made.id, call).await;
            late += times;
            let found = (refused.code(), reason(&refused));
            assert_eq!(found, (Code::Unavailable, "DATABASE_UNAVAILABLE".to_owned()), "{call}");
        }

        loss.end().await;
        let found = Instant::now();
        while !is_ready(&process).await || attempt(&mut client, &made.id, 0).await.is_err() {
            assert!(found.elapsed() < SOON, "round {round}: not healed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for call in 0..4 {
            attempt(&mut client, &made.id, call).await.unwrap();
        }
    }
    assert!(late <= rounds, "{late} of {} calls were not told in their time", 4 * rounds + late);
    let is_expected = |seen: &str| {
        // Who waits for one that has fallen silent may be out of time before the program is.
        let late = loss.name() == "Silent" && seen == "DeadlineExceeded DEADLINE_EXCEEDED";
        late || seen == "Unavailable DATABASE_UNAVAILABLE"
    };
    let (calls, unknown) = writing.settled(&mut client, is_expected).await;
    let store = Store::open(&database.url).unwrap();
    assert!(store.check().await.unwrap().iter().all(|it| it.1 == 0));
    eprintln!("LIFE-3 {}: {rounds} rounds, {calls} calls, {unknown} not answered; 0 lost", loss.name());
}

/// Four authors who write all the while.
pub struct Writing {
    authors: JoinSet<Author>,
    over: Arc<AtomicBool>,
}

impl Writing {
    pub async fn start(process: &Process, key: &str) -> Self {
        let (seed, over) = (seed(), Arc::new(AtomicBool::new(false)));
        let mut authors = JoinSet::new();
        for n in 0..4 {
            let mut client = customers(connect(process.grpc).await, key);
            let (mut author, over) = (Author::new(&format!("a{n}"), seed.wrapping_add(n)), Arc::clone(&over));
            authors.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    author.write(&mut client, "dev").await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                author
            });
        }
        Self { authors, over }
    }

    /// Ends it. Nothing that was acknowledged is lost; what was not answered was so in an expected way. Answers how many
    /// calls were made, and how many of them were not answered.
    pub async fn settled(self, client: &mut Customers, is_expected: impl Fn(&str) -> bool) -> (usize, usize) {
        self.over.store(true, Ordering::Relaxed);
        let (mut calls, mut unknown) = (0, 0);
        for mut author in self.authors.join_all().await {
            calls += author.calls();
            for entry in author.entries() {
                if let Outcome::Unknown(seen) = &entry.outcome {
                    assert!(is_expected(seen), "{seen}");
                    unknown += 1;
                }
            }
            assert_eq!(author.settle(client).await, [""; 0]);
            assert_eq!(author.look_at_all(client).await, [""; 0]);
        }
        (calls, unknown)
    }
}

/// One call of each kind: a look-up, a change, a new customer, a list.
pub async fn attempt(client: &mut Customers, id: &str, call: usize) -> Result<(), Status> {
    match call {
        0 => {
            let key = Some(api::get_customer_request::Key::Id(id.to_owned()));
            client.get_customer(api::GetCustomerRequest { key, ..Default::default() }).await.map(drop)
        }
        1 => client
            .update_customer(renaming(id, &format!("n{}", rand::random::<u32>()), "", ""))
            .await
            .map(drop),
        2 => client.create_customer(with_alias(&format!("c{}@dev", rand::random::<u32>()))).await.map(drop),
        _ => client.list_customers(api::ListCustomersRequest::default()).await.map(drop),
    }
}

/// How a call is refused while there is no database, and how often it was out of time before the program was: that says
/// nothing, and it is made again.
async fn refusal(client: &mut Customers, id: &str, call: usize) -> (Status, usize) {
    let mut late = 0;
    loop {
        let refused = attempt(client, id, call).await.expect_err("there is no database");
        if refused.code() != Code::DeadlineExceeded || late == 2 {
            return (refused, late);
        }
        late += 1;
    }
}

/// Whether it says so; over gRPC and HTTP alike, but for the moment between the two.
async fn is_ready(process: &Process) -> bool {
    let health =
        HealthClient::new(connect(process.grpc).await).check(HealthCheckRequest::default()).await.unwrap();
    let serving = health.into_inner().status() == ServingStatus::Serving;
    serving && http_get(process.http, "/readyz").await.unwrap().starts_with("HTTP/1.1 200")
}
