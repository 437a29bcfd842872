//! Instances that are replaced one after another, under load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use crate::harness::{Customers, Database, On, customers, with_alias};
use crate::journal::size;
use crate::lifecycle::migrated;
use crate::outage::attempt;
use crate::process::{Process, free_port, http_get, purser};

/// How often the mesh asks for readiness.
const ASKS_EVERY: Duration = Duration::from_millis(200);
const CALLS_A_SECOND: u32 = 500;
const DRAIN_DELAY: &str = "2s";

/// LIFE-2. A rolling restart is invisible to a client that makes a call again where it is UNAVAILABLE, twice at most: two
/// instances over one database are restarted in turn under 500 calls a second, and none fails. A mesh asks each for
/// readiness five times a second, and a call goes to any that was ready when it was last asked. Ten restarts, or
/// `PURSER_PROOF_LIFE_2`.
///
/// Sabotage: stop without a drain delay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_is_invisible_to_who_calls_again() {
    let restarts = size("PURSER_PROOF_LIFE_2", 10);
    let database = Database::new(On::Postgres).await;
    let key = migrated(&database).await;
    let mut places = [Place::new(), Place::new()];
    let mut mesh = Vec::new();
    for place in &mut places {
        place.start(&database).await;
        mesh.push(place.offer(&key));
    }
    let mesh: Arc<[Offer]> = mesh.into();
    for offer in &*mesh {
        assert!(offer.becomes_ready().await);
    }
    // Many: those who change one at the same time wait for each other, restart or not.
    let mut known = Vec::new();
    for n in 0..50 {
        let made =
            mesh[0].client.clone().create_customer(with_alias(&format!("known-{n}@dev"))).await.unwrap();
        known.push(made.into_inner().customer.unwrap().id);
    }
    let over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(load(Arc::clone(&mesh), known, Arc::clone(&over)));
    for restart in 0..restarts {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (place, offer) = (&mut places[restart % 2], &mesh[restart % 2]);
        place.process.as_ref().unwrap().terminate();
        assert_eq!(place.process.as_mut().unwrap().exit_code(Duration::from_secs(15)).await, Some(0));
        place.start(&database).await;
        assert!(offer.becomes_ready().await, "restart {restart}: not ready");
    }
    over.store(true, Ordering::Relaxed);
    let Load { calls, again, failed, seconds } = load.await.unwrap();
    eprintln!(
        "LIFE-2: {restarts} restarts, {calls} calls at {:.0} a second, {again} made again: {} failed",
        calls as f64 / seconds,
        failed.len()
    );
    assert!(failed.is_empty(), "{:?}", &failed[..failed.len().min(20)]);
    assert!(calls as f64 / seconds > f64::from(CALLS_A_SECOND) * 0.9, "there was too little load");
}

/// Where an instance listens, whichever process it is.
struct Place {
    grpc: SocketAddr,
    http: SocketAddr,
    process: Option<Process>,
}

/// What the mesh knows of one.
struct Offer {
    client: Customers,
    /// When it was last asked whether it is ready, and whether it was.
    known: watch::Receiver<(Instant, bool)>,
}

impl Offer {
    async fn becomes_ready(&self) -> bool {
        let mut known = self.known.clone();
        tokio::time::timeout(Duration::from_secs(30), known.wait_for(|it| it.1)).await.is_ok()
    }
}

impl Place {
    fn new() -> Self {
        let [grpc, http] = [(); 2].map(|()| ([127, 0, 0, 1], free_port()).into());
        Self { grpc, http, process: None }
    }

    async fn start(&mut self, database: &Database) {
        let (grpc, http) = (self.grpc.to_string(), self.http.to_string());
        let mut command = purser(database.folder(), &["serve"]);
        command.args(["--database-url", &database.url, "--grpc-listen", &grpc, "--http-listen", &http]);
        command.args(["--drain-delay", DRAIN_DELAY]);
        self.process = Some(Process::start(command).await);
    }

    /// A connection to it, and whether it is ready, asked for without end.
    fn offer(&self, key: &str) -> Offer {
        // Not more than a connection carries at once: what waits behind that in the client's HTTP/2 is lost to it when the
        // connection ends, and is not said to be UNAVAILABLE.
        let endpoint = Endpoint::from_shared(format!("http://{}", self.grpc)).unwrap();
        let channel = endpoint.concurrency_limit(90).connect_lazy();
        let (tell, known) = watch::channel((Instant::now(), false));
        let http = self.http;
        tokio::spawn(async move {
            loop {
                let asked = Instant::now();
                // Whoever is slow to say so is not ready.
                let answer = tokio::time::timeout(2 * ASKS_EVERY, http_get(http, "/readyz")).await;
                let is_ready = matches!(answer, Ok(Ok(it)) if it.starts_with("HTTP/1.1 200"));
                tell.send_replace((asked, is_ready));
                tokio::time::sleep(ASKS_EVERY).await;
            }
        });
        Offer { client: customers(channel, key), known }
    }
}

struct Load {
    calls: usize,
    again: usize,
    failed: Vec<String>,
    seconds: f64,
}

/// Calls at a steady rate, whatever becomes of those before.
async fn load(mesh: Arc<[Offer]>, known: Vec<String>, over: Arc<AtomicBool>) -> Load {
    let (mut calling, again) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    let mut tick = tokio::time::interval(Duration::from_secs(1) / CALLS_A_SECOND);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (begin, mut calls, mut failed) = (Instant::now(), 0_usize, Vec::new());
    while !over.load(Ordering::Relaxed) {
        tick.tick().await;
        // Seven look-ups to a change, a creation and a list.
        let kind = (calls % 10).saturating_sub(6);
        let known = known[rand::random_range(0..known.len())].clone();
        let (mesh, again) = (Arc::clone(&mesh), Arc::clone(&again));
        let at = begin.elapsed();
        calling.spawn(async move {
            let done = call(&mesh, &known, kind, &again).await;
            done.map_err(|it| format!("{kind} at {at:?}: {:?} {}", it.code(), it.message()))
        });
        calls += 1;
        while let Some(done) = calling.try_join_next() {
            failed.extend(done.unwrap().err());
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    failed.extend(calling.join_all().await.into_iter().filter_map(Result::err));
    Load { calls, again: again.load(Ordering::Relaxed), failed, seconds }
}

/// A call, made again where it is UNAVAILABLE, twice at most.
async fn call(mesh: &[Offer], known: &str, kind: usize, again: &AtomicUsize) -> Result<(), Status> {
    let mut tried = 0;
    loop {
        // Where this process stood still, it knows what was and not what is: no mesh would go by that.
        while mesh.iter().any(|it| it.known.borrow().0.elapsed() > 5 * ASKS_EVERY) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let ready: Vec<_> = mesh.iter().filter(|it| it.known.borrow().1).collect();
        let done = match ready.get(rand::random_range(0..ready.len().max(1))) {
            Some(offer) => attempt(&mut offer.client.clone(), known, kind).await,
            None => Err(Status::unavailable("the mesh has nobody to send it to")),
        };
        match done {
            Err(status) if status.code() == Code::Unavailable && tried < 2 => {
                (tried, _) = (tried + 1, again.fetch_add(1, Ordering::Relaxed));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            done => return done,
        }
    }
}
