//! `--event-retention`: what a server does with it, and what a reader of the log is told.

use std::process::Stdio;
use std::time::{Duration, Instant};

use purser::api::event_service_client::EventServiceClient;
use purser::api::{Customer, ListEventsRequest};
use tonic::Code;

use crate::harness::{Bearer, Database, TestServer, connect, customers, on_each_database};
use crate::process::{Process, serving};
use crate::raw::Raw;
use crate::wire::{Client, is, refusal, told};

on_each_database!(Database:
    a_reader_of_what_retention_removed_is_told_the_earliest_event,
    a_retention_that_is_too_short_is_refused,
);

async fn a_reader_of_what_retention_removed_is_told_the_earliest_event(database: Database) {
    let server = TestServer::over(database).await;
    let tenant = server.tenant("acme").await;
    let TestServer { app, database, .. } = server;
    let start = async |more: &[&str]| {
        let process = Process::serve(database.folder(), &database.url, more).await;
        let channel = connect(process.grpc).await;
        let events = EventServiceClient::with_interceptor(channel.clone(), Bearer::new(&tenant.key));
        (process, Client(customers(channel, &tenant.key)), events)
    };
    let (mut process, mut client, mut events) = start(&["--drain-delay", "0s"]).await;
    let mut made = Vec::new();
    for _ in 0..9 {
        made.push(client.create(Customer::default()).await.unwrap());
    }
    let first = made[4].sequence;
    // Time passes.
    let mut raw = Raw::open(&database).await;
    let old = format!("UPDATE events SET create_us = create_us - 605000000000 WHERE sequence < {first}");
    raw.run(&old).await;
    let after = |after_sequence| ListEventsRequest { after_sequence, ..Default::default() };
    assert!(events.list_events(after(0)).await.is_ok(), "without the option all is kept");
    process.terminate();
    assert_eq!(process.exit_code(Duration::from_secs(15)).await, Some(0));

    let (_process, mut client, mut events) = start(&["--event-retention", "7d"]).await;
    let limit = Instant::now() + Duration::from_secs(20);
    let refused = loop {
        match events.list_events(after(0)).await {
            Ok(_) => assert!(Instant::now() < limit, "they leave"),
            Err(refused) => break refused,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(told(&refused, "earliest_sequence"), first.to_string());
    assert_eq!(refusal::<()>(Err(refused)), is(Code::OutOfRange, "EVENTS_EXPIRED"));
    let left = events.list_events(after(first - 1)).await.unwrap().into_inner().events;
    let ids: Vec<_> = left.iter().map(|it| it.customer_id.as_str()).collect();
    assert_eq!(ids, made[4..].iter().map(|it| it.id.as_str()).collect::<Vec<_>>());
    // Who is older than the log is as they were.
    assert_eq!(client.get(&made[0].id).await.unwrap(), made[0]);
    let nick_name = Customer { nick_name: "A".to_owned(), ..Customer::default() };
    client.update(&made[0].id, &["nick_name"], nick_name).await.unwrap();
    crate::concurrency::assert_sound(app.store()).await;
    assert_eq!(app.store().audit_log().await.unwrap(), []);
}

async fn a_retention_that_is_too_short_is_refused(database: Database) {
    for keep in ["6d", "23h", "0s", "week"] {
        let mut command = serving(database.folder(), &database.url);
        command.args(["--event-retention", keep]).stderr(Stdio::piped());
        let output = command.output().await.unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("--event-retention"), "{said}");
        assert!(keep == "week" || said.contains("at least 7d"), "{said}");
    }
}
