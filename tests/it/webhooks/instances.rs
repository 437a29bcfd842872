//! Several instances, and instances that die.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use purser::api;
use purser::api::webhook_service_client::WebhookServiceClient;
use purser::app::App;
use purser::store::Store;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::receiver::{Receiver, Reply};
use super::{Delivering, Post, create, local};
use crate::harness::{Bearer, Database, On, chains, connect, customers, on_each_database};
use crate::process::Process;
use crate::raw::Raw;

on_each_database!(Database: what_was_under_way_at_a_kill_arrives_all_the_same);

/// Everything that happened arrives at least once, though the process is killed with deliveries under way.
///
/// Sabotage: in `Courier::begin`, forget what was noted and not attempted.
async fn what_was_under_way_at_a_kill_arrives_all_the_same(database: Database) {
    let receiver = Receiver::answering(|_, _| Reply {
        after: Duration::from_millis(rand::random_range(0..500)),
        ..Reply::default()
    })
    .await;
    let options = ["--dev", "--webhook-allow-host", "127.0.0.1"];
    let mut endpoint = None;
    let mut made = HashSet::new();
    for _ in 0..3 {
        let mut process = Process::serve(database.folder(), &database.url, &options).await;
        let key = std::fs::read_to_string(database.folder().join("purser-dev.key")).unwrap();
        let channel = connect(process.grpc).await;
        if endpoint.is_none() {
            let mut hooks = WebhookServiceClient::with_interceptor(channel.clone(), Bearer::new(&key));
            let new = api::WebhookEndpoint {
                url: receiver.url(),
                event_types: vec!["customer.created".to_owned()],
                ..Default::default()
            };
            let request =
                api::CreateWebhookEndpointRequest { webhook_endpoint: Some(new), ..Default::default() };
            endpoint = hooks.create_webhook_endpoint(request).await.unwrap().into_inner().webhook_endpoint;
        }
        let mut writing = JoinSet::new();
        for writer in 0..8 {
            let mut customers = customers(channel.clone(), &key);
            writing.spawn(async move {
                let mut made = Vec::new();
                for n in 0..10 {
                    made.push(create(&mut customers, &format!("c{writer}-{n}")).await.id);
                }
                made
            });
        }
        made.extend(writing.join_all().await.into_iter().flatten());
        process.kill().await;
    }
    let _process = Process::serve(database.folder(), &database.url, &options).await;
    let arrived = async {
        loop {
            let got: HashSet<_> = receiver.got().iter().map(super::Got::customer).collect();
            if made.is_subset(&got) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), arrived).await;
    let got: HashSet<_> = receiver.got().iter().map(super::Got::customer).collect();
    assert!(in_time.is_ok(), "{} of {} arrived", made.intersection(&got).count(), made.len());
    eprintln!("webhooks: 3 kills, {} events, {} attempts; 0 lost", made.len(), receiver.got().len());
}

/// Two instances over one database: an endpoint is worked for by one of them at a time, and by the other once that ends.
///
/// Sabotage: let `Store::lease_webhooks` take leases that have not run out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_worked_for_by_one_instance_at_a_time() {
    const EACH: usize = 40;
    /// That of `Deliverer::end`.
    const PATIENCE: Duration = Duration::from_secs(2);
    const HOLDERS: &str = "SELECT endpoint_id, lease_holder FROM webhook_cursors ORDER BY endpoint_id";
    let mut post = Post::new(On::Postgres).await;
    let second = App::start(Store::open(&post.server.database.url).unwrap(), chains());
    second.open();
    let mut receivers = Vec::new();
    for _ in 0..4 {
        let receiver = Receiver::answering(|_, _| Reply {
            after: Duration::from_millis(rand::random_range(0..20)),
            ..Reply::default()
        })
        .await;
        post.endpoint_with(api::WebhookEndpoint {
            url: receiver.url(),
            event_types: vec!["customer.created".to_owned()],
            ..Default::default()
        })
        .await;
        receivers.push(receiver);
    }
    let mut raw = Raw::open(&post.server.database).await;
    let (mut holders, mut others) = (Vec::new(), None);
    for half in 1..=2 {
        if half == 2 {
            // It comes when all are worked for, and looks around twice.
            others = Some(Delivering::over(&second, local()));
            tokio::time::sleep(Duration::from_millis(2_200)).await;
        }
        for n in 0..EACH / 2 {
            post.customer(&format!("a{half}-{n}")).await;
        }
        for receiver in &receivers {
            receiver.until(half * EACH / 2).await;
        }
        holders.push(raw.rows::<(Uuid, Option<Uuid>)>(HOLDERS).await);
    }
    assert_eq!(holders[0], holders[1], "whoever has one keeps it");
    // Results are noted once more before an instance gives its leases back.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for receiver in &receivers {
        assert_eq!(receiver.got().len(), EACH, "each event once");
    }
    // One stops as a server that is replaced does: the other goes on.
    let (ending, customers) = (post.delivering, post.customers.clone());
    let ending = async move {
        let begun = Instant::now();
        ending.end().await;
        begun.elapsed()
    };
    let writing = async move {
        let mut customers = customers;
        for n in 0..EACH {
            create(&mut customers, &format!("b{n}")).await;
        }
    };
    let (took, ()) = tokio::join!(ending, writing);
    for receiver in &receivers {
        let mut got = receiver.until(2 * EACH).await;
        while got.iter().map(|it| it.header("webhook-id")).collect::<HashSet<_>>().len() < 2 * EACH {
            got = receiver.until(got.len() + 1).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        // What an instance cannot note within its patience is attempted again by the other.
        assert!(took >= PATIENCE || receiver.got().len() == 2 * EACH, "each event once");
    }
    others.unwrap().end().await;
}
