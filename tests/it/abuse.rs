//! LIM-2: peers who do what no client does. The real program is attacked by frames that are made by hand
//! (`peers/abuse.py`), while a good client goes on calling.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use purser::api;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::sleep;
use tonic::Request;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{On, TestServer, connect, customers, with_alias};
use crate::journal::size;
use crate::process::{Process, serving};

/// What the memory may grow by, in MiB.
const MOST_GROWTH: u64 = 128;
/// Connections that the server takes. An attacker opens more.
const MAX_CONNECTIONS: usize = 300;
/// Descriptors for all else: files of the database, listeners, the program itself.
const OTHER_DESCRIPTORS: usize = 100;

struct Attack {
    name: &'static str,
    /// How long, in units of the run.
    turns: u32,
    scale: Scale,
}

/// How many of what there are.
enum Scale {
    Connections,
    Messages,
    Exactly(usize),
}

const fn attack(name: &'static str, turns: u32, scale: Scale) -> Attack {
    Attack { name, turns, scale }
}

const ATTACKS: [Attack; 15] = [
    attack("rapid_reset", 1, Scale::Exactly(4)),
    attack("continuation", 1, Scale::Exactly(4)),
    attack("empty_continuation", 1, Scale::Exactly(4)),
    attack("empty_data", 1, Scale::Exactly(4)),
    attack("header_bomb", 1, Scale::Exactly(4)),
    attack("floods", 1, Scale::Exactly(4)),
    attack("huge_prefix", 1, Scale::Exactly(4)),
    attack("window_zero", 3, Scale::Exactly(40)),
    attack("large_answers", 3, Scale::Exactly(40)),
    attack("held", 4, Scale::Exactly(12)),
    attack("held_without_a_key", 4, Scale::Exactly(12)),
    attack("watches", 2, Scale::Exactly(90)),
    attack("silent", 2, Scale::Connections),
    attack("malformed", 7, Scale::Messages),
    attack("http", 3, Scale::Connections),
];

/// LIM-2. Memory stays within its bound, nothing panics, and whoever calls as one should is answered.
///
/// Sabotage: admit every connection (`port::admission`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_and_a_good_client_is_served_whatever_others_do() {
    let Ok(python) = std::env::var("PURSER_TEST_H2") else {
        eprintln!("SKIPPED: PURSER_TEST_H2 names no Python with h2, so the server was NOT attacked");
        return;
    };
    let server = TestServer::new(On::Sqlite).await;
    let (attacker, good) = (server.tenant("attacker").await.key, server.tenant("good").await.key);
    server.app.close().await;
    let database = server.database;
    let log = database.folder().join("log");
    let mut command = serving(database.folder(), &database.url);
    command.args(["--rest", "canonical", "--max-connections", &MAX_CONNECTIONS.to_string()]);
    command.stderr(Stdio::from(fs::File::create(&log).unwrap()));
    let process = Process::start(command).await;
    let pid = process.child.id().unwrap();
    fill(&process, &attacker).await;
    let mut client = customers(connect(process.grpc).await, &good);
    client.create_customer(with_alias("ada@good")).await.unwrap();
    let before = resident(pid);

    let over = Arc::new(AtomicBool::new(false));
    let watched = tokio::spawn(watch(pid, Arc::clone(&over)));
    let seconds = u32::try_from(size("PURSER_PROOF_ABUSE_SECONDS", 1)).unwrap();
    let only = std::env::var("PURSER_PROOF_ABUSE_ONLY").ok();
    for it in ATTACKS.iter().filter(|it| only.as_ref().is_none_or(|only| only == it.name)) {
        let scale = match it.scale {
            Scale::Connections => size("PURSER_PROOF_ABUSE_CONNECTIONS", 500),
            Scale::Messages => size("PURSER_PROOF_ABUSE_MESSAGES", 20_000),
            Scale::Exactly(scale) => scale,
        };
        let begun = Instant::now();
        // Messages end by their number, however slow the machine; the time is for a server that is stuck.
        let for_all =
            if matches!(it.scale, Scale::Messages) { u32::try_from(scale / 100).unwrap() } else { 0 };
        let most = for_all.max(seconds * it.turns);
        let (mut served, mut all, mut attacks) = (0, 0, 0);
        let done = loop {
            let attacked = assail(&python, it.name, &process, &attacker, most, scale);
            let (done, (well, called)) = beside(attacked, &process, &good).await;
            (served, all, attacks) = (served + well, all + called, attacks + 1);
            // Beside fewer calls a single one that waited would count for too much.
            if all >= 20 || attacks == 5 {
                break done;
            }
        };
        let grown = resident(pid).saturating_sub(before);
        eprintln!(
            "LIM-2: {} for {:.1?}: {done}; good client {served} of {all}; memory +{grown} MiB",
            it.name,
            begun.elapsed()
        );
        assert!(all >= 20 && served * 10 >= all * 9, "{}: {served} of {all} answered", it.name);
        assert!(grown <= MOST_GROWTH, "{}: {before} MiB before, {grown} more", it.name);
        let log = fs::read_to_string(&log).unwrap();
        assert!(!log.contains("panicked"), "{}: {log}", it.name);
        assert_attempted(it, u64::try_from(scale).unwrap(), &done);
    }
    over.store(true, Ordering::Relaxed);
    let (most, descriptors) = watched.await.unwrap();
    let grown = most.saturating_sub(before);
    eprintln!("LIM-2: {before} MiB at the start, at most {grown} more; at most {descriptors} descriptors");
    assert!(grown <= MOST_GROWTH, "{before} MiB before, {grown} more");
    assert!(descriptors <= MAX_CONNECTIONS + OTHER_DESCRIPTORS, "{descriptors} descriptors");
    client.create_customer(with_alias("after@good")).await.unwrap();
}

/// Customers with much metadata, so that a list of them is large.
async fn fill(process: &Process, key: &str) {
    let mut client = customers(connect(process.grpc).await, key);
    for n in 0..100 {
        let word = prost_types::value::Kind::StringValue("x".repeat(500));
        let fields = (0..20).map(|it| (format!("k{it}"), prost_types::Value { kind: Some(word.clone()) }));
        let metadata = Some(prost_types::Struct { fields: fields.collect() });
        let payment_address = format!("c{n}@attacker");
        let customer = Some(api::Customer { payment_address, metadata, ..Default::default() });
        let request = api::CreateCustomerRequest { customer, ..Default::default() };
        client.create_customer(request).await.unwrap();
    }
}

/// Attacks, and answers what was done.
async fn assail(python: &str, name: &str, process: &Process, key: &str, seconds: u32, scale: usize) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/abuse.py");
    let ports = [process.grpc.port(), process.http.port()].map(|it| it.to_string());
    let output = Command::new(python)
        .args([script, name, &ports[0], &ports[1], key, &seconds.to_string(), &scale.to_string()])
        .kill_on_drop(true)
        .output();
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name}: {said} {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

/// An attack that did not happen proves nothing: it has done all that it was told to or, where only its time ends
/// it, something.
fn assert_attempted(attack: &Attack, scale: u64, done: &Value) {
    let count = |what: &str| done[what].as_u64().unwrap_or_default();
    let name = attack.name;
    assert!(count("connections") > 0 && count("sent_bytes") > 0, "{name}: {done}");
    match attack.scale {
        Scale::Connections => assert!(count("connections") + count("refused") >= scale, "{name}: {done}"),
        Scale::Messages => {
            assert!(count("messages") >= scale, "{name}: {done}");
            // Whether answered or not, those under way are lost where a connection ends.
            assert!(count("answered") * 10 >= count("messages") * 9, "{name}: {done}");
            assert_eq!(done["unanswered"], Value::Array(Vec::new()), "each is answered");
        }
        // Only those that do the same again and again count how often.
        Scale::Exactly(_) => {
            assert!(done.get("pieces").is_none_or(|it| it.as_u64() > Some(0)), "{name}: {done}");
        }
    }
}

/// Calls on and on as one should while something goes on, and asks from the same address how the server is: what came of that,
/// and how many calls of how many were answered.
async fn beside<T>(attack: impl Future<Output = T>, process: &Process, key: &str) -> (T, (usize, usize)) {
    let channel = connect(process.grpc).await;
    let (mut client, mut health) = (customers(channel.clone(), key), HealthClient::new(channel));
    let (mut good, mut all) = (0, 0);
    let calling = async {
        loop {
            let resolve = api::ResolveCustomerRequest { payment_address: "ada@good".to_owned() };
            let resolved = client.resolve_customer(in_time(resolve)).await.is_ok();
            let well = health.check(in_time(HealthCheckRequest::default())).await.is_ok();
            all += 2;
            good += usize::from(resolved) + usize::from(well);
            sleep(Duration::from_millis(5)).await;
        }
    };
    let done = tokio::select! {
        done = attack => done,
        () = calling => unreachable!("it calls on and on"),
    };
    (done, (good, all))
}

fn in_time<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(3));
    request
}

/// The most memory, in MiB, and the most descriptors that a process has until it is over.
async fn watch(pid: u32, over: Arc<AtomicBool>) -> (u64, usize) {
    let (mut most, mut descriptors) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        most = most.max(resident(pid));
        descriptors = descriptors.max(fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count());
        sleep(Duration::from_millis(20)).await;
    }
    (most, descriptors)
}

/// The memory that a process has now, in MiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
