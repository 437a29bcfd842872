//! LIM-1: more calls than can be done. Calls come on their own account, whether or not earlier ones were answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use purser::api;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::harness::{Customers, On, TestServer, connect, customers, on_each_database, reason, with_alias};
use crate::journal::size;
use crate::process::{Process, http_get};
use crate::raw::Raw;

/// How many calls may be at work.
const PLACES: usize = 32;
/// How many of them one tenant has while others wish to call.
const PART: usize = PLACES - PLACES / 4;
/// How long a call may take until its caller has gone.
const PATIENCE: Duration = Duration::from_secs(2);

on_each_database!(
    TestServer: five_times_too_many_calls_leave_the_throughput_and_the_rest_is_told_at_once,
    creates_that_conflict_leave_more_than_half_of_the_throughput
);

/// Sabotage: have room for every call (`app::crowd`).
async fn five_times_too_many_calls_leave_the_throughput_and_the_rest_is_told_at_once(server: TestServer) {
    let flooding = Callers::new("acme", server.tenant("acme").await.key);
    let other = Callers::new("other", server.tenant("other").await.key);
    make_slow(&server).await;
    let process = served(server).await;
    let (flooding, other) = (flooding.at(&process).await, other.at(&process).await);
    let over = Arc::new(AtomicBool::new(false));
    let health = tokio::spawn(health(process.grpc, process.http, Arc::clone(&over)));

    let mut shares = Vec::new();
    let mut told = Tally::default();
    let mut peak = 0.0;
    for _ in 0..size("PURSER_PROOF_LOAD_ROUNDS", 5) {
        peak = flooding.closed(PART, Duration::from_secs(1)).await.good_a_second();
        let flood = flooding.open(5.0 * peak, Duration::from_millis(1_500)).await;
        shares.push(flood.good_a_second() / peak);
        told.add(flood);
    }
    let (flood, few) = tokio::join!(
        flooding.open(5.0 * peak, Duration::from_millis(1_500)),
        other.closed(PLACES / 8, Duration::from_millis(1_500))
    );
    over.store(true, Ordering::Relaxed);
    let times = health.await.unwrap();

    let share = median(&mut shares);
    // Of five stretches, as the machine may stand still in one.
    let is_slow = |it: &&Duration| **it > Duration::from_millis(100);
    let slow = |some: &[Duration]| some.iter().filter(is_slow).count() as f64 / some.len() as f64;
    let slow = median(&mut times.chunks(times.len().div_ceil(5)).map(slow).collect::<Vec<_>>());
    let slowest = times.iter().max().unwrap();
    let late = told.refused.iter().filter(|it| **it > Duration::from_millis(250)).count();
    eprintln!(
        "LIM-1: peak {peak:.0}/s, goodput at 5 times {share:.2} of it (rounds {shares:.2?}), {} refused, {late} of them \
         after 250 ms; beside a flood {} of another tenant done and {} refused; health asked {} times, of the median \
         fifth {slow:.2} answered after 100 ms, the slowest after {slowest:?}",
        told.refused.len(),
        few.good,
        few.refused.len(),
        times.len(),
    );
    assert_eq!(told.other, Vec::<String>::new(), "nobody is kept waiting until they are gone");
    assert!(told.refused.len() > told.good, "{} refused, {} done", told.refused.len(), told.good);
    assert!(late * 20 <= told.refused.len(), "{late} of {} refused late", told.refused.len());
    assert!(share >= 0.8, "{shares:?}");
    assert!(!flood.refused.is_empty());
    assert!(few.good > 0 && few.refused.is_empty() && few.other.is_empty(), "{few:?}");
    assert!(times.len() > 20 && slow <= 0.05 && *slowest < PATIENCE, "{slow:.2} or {slowest:?}");
}

/// Of ten calls nine ask for the alias that somebody has.
async fn creates_that_conflict_leave_more_than_half_of_the_throughput(server: TestServer) {
    let callers = Callers::new("acme", server.tenant("acme").await.key);
    let process = served(server).await;
    let callers = callers.at(&process).await;
    callers.clients[0].clone().create_customer(with_alias("taken@acme")).await.unwrap();
    let mut shares = Vec::new();
    for _ in 0..size("PURSER_PROOF_LOAD_ROUNDS", 5) {
        let clean = callers.closed(PART, Duration::from_millis(700)).await;
        callers.taken.store(9, Ordering::Relaxed);
        let mixed = callers.closed(PART, Duration::from_millis(700)).await;
        callers.taken.store(0, Ordering::Relaxed);
        assert!(clean.other.is_empty() && clean.conflicts == 0, "{clean:?}");
        assert!(mixed.other.is_empty() && mixed.conflicts > 4 * mixed.good, "{mixed:?}");
        let answered = mixed.good + mixed.conflicts;
        shares.push(answered as f64 / clean.good as f64);
    }
    let share = median(&mut shares);
    eprintln!("LIM-1: creates of which 90 % conflict are answered {share:.2} times as fast as clean ones");
    assert!(share >= 0.5, "{shares:?}");
}

/// Makes each new customer take some milliseconds of the database: so the work of refusing is little beside that of doing.
async fn make_slow(server: &TestServer) {
    let mut raw = Raw::open(&server.database).await;
    let (before, trigger) = match raw.on() {
        On::Postgres => (
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.004); RETURN NEW; END'",
            "CREATE TRIGGER slow BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION slow()",
        ),
        On::Sqlite => (
            "CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT i FROM n",
            "CREATE TRIGGER slow BEFORE INSERT ON customers BEGIN SELECT count(*) FROM slow; END",
        ),
    };
    raw.run(before).await;
    raw.run(trigger).await;
}

/// The real program over the database of a server that has done its part.
async fn served(server: TestServer) -> Served {
    server.app.close().await;
    let (places, database) = (PLACES.to_string(), server.database);
    let more = ["--max-calls", &places, "--max-connections-per-peer", "1000"];
    let process = Process::serve(database.folder(), &database.url, &more).await;
    Served { process, _database: database }
}

struct Served {
    process: Process,
    _database: crate::harness::Database,
}

impl std::ops::Deref for Served {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// Those who call with one key, over several connections.
struct Callers {
    domain: &'static str,
    key: String,
    clients: Vec<Customers>,
    calls: AtomicUsize,
    /// Of ten calls so many ask for what somebody has.
    taken: AtomicUsize,
}

/// How calls ended.
#[derive(Debug, Default)]
struct Tally {
    good: usize,
    conflicts: usize,
    /// Those refused as too many, with how to go on, and when.
    refused: Vec<Duration>,
    other: Vec<String>,
    took: Duration,
}

impl Tally {
    fn good_a_second(&self) -> f64 {
        self.good as f64 / self.took.as_secs_f64()
    }

    fn add(&mut self, other: Self) {
        self.good += other.good;
        self.conflicts += other.conflicts;
        self.refused.extend(other.refused);
        self.other.extend(other.other);
    }

    fn count(&mut self, took: Duration, answer: Result<(), Status>) {
        match answer {
            Ok(()) => self.good += 1,
            Err(status) if reason(&status) == "ALIAS_TAKEN" => self.conflicts += 1,
            Err(status) if reason(&status) == "OVERLOADED" && status.get_details_retry_info().is_some() => {
                assert_eq!(status.code(), tonic::Code::ResourceExhausted);
                self.refused.push(took);
            }
            Err(status) => self.other.push(format!("{:?} {}", status.code(), status.message())),
        }
    }
}

impl Callers {
    fn new(domain: &'static str, key: String) -> Self {
        let (calls, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { domain, key, clients: Vec::new(), calls, taken }
    }

    async fn at(mut self, process: &Process) -> Arc<Self> {
        for _ in 0..8 {
            self.clients.push(customers(connect(process.grpc).await, &self.key));
        }
        Arc::new(self)
    }

    /// Creates one customer more.
    async fn call(&self) -> (Duration, Result<(), Status>) {
        let n = self.calls.fetch_add(1, Ordering::Relaxed);
        let alias = if n % 10 < self.taken.load(Ordering::Relaxed) {
            format!("taken@{}", self.domain)
        } else {
            format!("c{n}@{}", self.domain)
        };
        let mut request = Request::new(with_alias(&alias));
        request.set_timeout(PATIENCE);
        let begun = Instant::now();
        let answer = self.clients[n % self.clients.len()].clone().create_customer(request).await;
        (begun.elapsed(), answer.map(|_: tonic::Response<api::CreateCustomerResponse>| ()))
    }

    /// So many at a time, each after the one before.
    async fn closed(self: &Arc<Self>, callers: usize, during: Duration) -> Tally {
        let begun = Instant::now();
        let mut calling = JoinSet::new();
        for _ in 0..callers {
            let this = Arc::clone(self);
            calling.spawn(async move {
                let mut tally = Tally::default();
                while begun.elapsed() < during {
                    let (took, answer) = this.call().await;
                    tally.count(took, answer);
                }
                tally
            });
        }
        let mut all = Tally::default();
        for tally in calling.join_all().await {
            all.add(tally);
        }
        Tally { took: begun.elapsed(), ..all }
    }

    /// So many a second, whatever becomes of them.
    async fn open(self: &Arc<Self>, a_second: f64, during: Duration) -> Tally {
        let begun = Instant::now();
        let mut calling = JoinSet::new();
        let mut tick = interval(Duration::from_millis(2));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut calls = 0.0;
        while begun.elapsed() < during {
            tick.tick().await;
            while calls < begun.elapsed().as_secs_f64() * a_second {
                let this = Arc::clone(self);
                calling.spawn(async move { this.call().await });
                calls += 1.0;
            }
        }
        let mut tally = Tally { took: begun.elapsed(), ..Tally::default() };
        for (took, answer) in calling.join_all().await {
            tally.count(took, answer);
        }
        // What was under way at the end was worked at within the time but for its last part.
        tally.took = tally.took.max(begun.elapsed());
        tally
    }
}

/// Asks how the server is, over gRPC and HTTP, until it is over: how long each answer took.
async fn health(
    grpc: std::net::SocketAddr,
    http: std::net::SocketAddr,
    over: Arc<AtomicBool>,
) -> Vec<Duration> {
    let mut client = HealthClient::new(connect(grpc).await);
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let answer = client.check(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(answer.status, 1, "SERVING");
        times.push(begun.elapsed());
        for path in ["/livez", "/readyz"] {
            let begun = Instant::now();
            assert!(http_get(http, path).await.unwrap().starts_with("HTTP/1.1 200"));
            times.push(begun.elapsed());
        }
        sleep(Duration::from_millis(20)).await;
    }
    times
}

/// The median. What else the machine does makes single rounds better or worse.
fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
