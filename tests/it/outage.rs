//! A database that is lost while the program runs, and comes back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use purser::api;
use purser::store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::author::{Author, renaming};
use crate::harness::{Customers, Database, On, connect, customers, reason, with_alias};
use crate::journal::{Outcome, seed};
use crate::lifecycle::migrated;
use crate::process::{Process, free_port, http_get};

/// LIFE-3. Readiness tells the truth within 5 s, both ways, and says what is missing; calls are answered UNAVAILABLE
/// `DATABASE_UNAVAILABLE` meanwhile; it heals without a restart, and nothing that was acknowledged is lost. Three times,
/// each in two ways: the database refuses connections as one that has stopped does, or falls silent as one whose machine
/// has gone does.
///
/// Sabotage: do not spawn `watch_database`; for the stop, let `Store::scan` try once; for the silence, let
/// `Store::in_time` wait for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_is_told_within_five_seconds_and_so_is_its_return() {
    lost_and_found(Link::Refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_falls_silent_is_told_within_five_seconds_and_so_is_its_return() {
    lost_and_found(Link::Silent).await;
}

async fn lost_and_found(how: Link) {
    const ROUNDS: usize = 3;
    const SOON: Duration = Duration::from_secs(5);
    let database = Database::new(On::Postgres).await;
    let key = migrated(&database).await;
    let proxy = Proxy::start(&database.url).await;
    let process = Process::serve(database.folder(), &proxy.url, &[]).await;
    let (seed, over) = (seed(), Arc::new(AtomicBool::new(false)));
    let mut writing = JoinSet::new();
    for n in 0..4 {
        let mut client = customers(connect(process.grpc).await, &key);
        let (mut author, over) = (Author::new(&format!("a{n}"), seed.wrapping_add(n)), Arc::clone(&over));
        writing.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                author.write(&mut client, "dev").await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            author
        });
    }
    let mut client = customers(connect(process.grpc).await, &key);
    let made = client.create_customer(with_alias("known@dev")).await.unwrap().into_inner().customer.unwrap();
    for round in 0..ROUNDS {
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.set(how);
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
            let (asked, answer) = (Instant::now(), attempt(&mut client, &made.id, call).await);
            let refused = answer.expect_err("there is no database");
            let found = (refused.code(), reason(&refused));
            assert_eq!(
                found,
                (Code::Unavailable, "DATABASE_UNAVAILABLE".to_owned()),
                "{call} after {:?}",
                asked.elapsed()
            );
        }

        proxy.set(Link::Open);
        let found = Instant::now();
        while !is_ready(&process).await || attempt(&mut client, &made.id, 0).await.is_err() {
            assert!(found.elapsed() < SOON, "round {round}: not healed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for call in 0..4 {
            attempt(&mut client, &made.id, call).await.unwrap();
        }
    }
    over.store(true, Ordering::Relaxed);
    let (mut calls, mut unknown) = (0, 0);
    for mut author in writing.join_all().await {
        calls += author.calls();
        for entry in author.entries() {
            if let Outcome::Unknown(seen) = &entry.outcome {
                // Who waits for one that has fallen silent may be out of time before the program is.
                let late = how == Link::Silent && seen == "DeadlineExceeded DEADLINE_EXCEEDED";
                assert!(late || seen == "Unavailable DATABASE_UNAVAILABLE", "{seen}");
                unknown += 1;
            }
        }
        assert_eq!(author.settle(&mut client).await, [""; 0]);
        assert_eq!(author.look_at_all(&mut client).await, [""; 0]);
    }
    let store = Store::open(&database.url).unwrap();
    assert!(store.check().await.unwrap().iter().all(|it| it.1 == 0));
    eprintln!("LIFE-3 {how:?}: {ROUNDS} rounds, {calls} calls, {unknown} not answered; 0 lost");
}

/// One call of each kind: a look-up, a change, a new customer, a list.
async fn attempt(client: &mut Customers, id: &str, call: usize) -> Result<(), tonic::Status> {
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

/// Whether it says so; over gRPC and HTTP alike, but for the moment between the two.
async fn is_ready(process: &Process) -> bool {
    let health =
        HealthClient::new(connect(process.grpc).await).check(HealthCheckRequest::default()).await.unwrap();
    let serving = health.into_inner().status() == ServingStatus::Serving;
    serving && http_get(process.http, "/readyz").await.unwrap().starts_with("HTTP/1.1 200")
}

/// What becomes of connections through a [`Proxy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Open,
    /// They are closed, and no new one is made: the server's process has ended.
    Refused,
    /// Those that are open carry nothing any more, for good, and new ones are taken and carry nothing either: the
    /// server's machine has gone.
    Silent,
}

/// A way to the database's server that can be cut, so that the server itself need not be stopped.
struct Proxy {
    url: String,
    link: watch::Sender<Link>,
}

impl Proxy {
    async fn start(database_url: &str) -> Self {
        let rest = database_url.strip_prefix("postgres://").unwrap();
        let (user, rest) = rest.split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let server: SocketAddr = tokio::net::lookup_host(server).await.unwrap().next().unwrap();
        let port = free_port();
        let url = format!("postgres://{user}@127.0.0.1:{port}/{name}");
        let (link, state) = watch::channel(Link::Open);
        let listener = listen(port).await;
        tokio::spawn(accept(listener, port, server, state));
        Self { url, link }
    }

    fn set(&self, link: Link) {
        self.link.send_replace(link);
    }
}

async fn listen(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).await.unwrap()
}

async fn accept(listener: TcpListener, port: u16, server: SocketAddr, mut state: watch::Receiver<Link>) {
    let mut listener = Some(listener);
    loop {
        let link = *state.borrow_and_update();
        if link == Link::Refused {
            listener = None;
        } else if listener.is_none() {
            listener = Some(listen(port).await);
        }
        let next = async {
            match &listener {
                Some(it) => it.accept().await.unwrap().0,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            client = next => drop(tokio::spawn(carry(client, server, state.clone()))),
            changed = state.changed() => if changed.is_err() { return },
        }
    }
}

/// One connection, for as long as the way is open. One that fell silent never speaks again.
async fn carry(mut client: TcpStream, server: SocketAddr, mut state: watch::Receiver<Link>) {
    if *state.borrow_and_update() == Link::Open {
        let mut onward = TcpStream::connect(server).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut onward) => return,
            _ = state.changed() => {}
        }
    }
    if *state.borrow() == Link::Silent {
        // The server sees its side close; whoever called sees nothing at all, until the test is over.
        let _ = state.wait_for(|_| false).await;
    }
}
