//! What is kept and told of webhooks, and what is not: secrets under a new master key, logs, and events that are gone.

use std::process::Stdio;
use std::time::Duration;

use purser::api;
use purser::api::webhook_service_client::WebhookServiceClient;

use super::receiver::{Receiver, Reply};
use super::{Hooks, Post, create};
use crate::harness::{Bearer, Customers, Database, connect, customers, on_each_database};
use crate::lifecycle::migrated;
use crate::process::{Process, purser, serving};
use crate::raw::Raw;

mod of_processes {
    use super::{
        Database, on_each_database, secrets_are_sealed_anew_while_deliveries_go_on,
        what_is_logged_names_no_path_no_secret_and_nobody,
    };

    on_each_database!(Database:
        secrets_are_sealed_anew_while_deliveries_go_on,
        what_is_logged_names_no_path_no_secret_and_nobody,
    );
}

on_each_database!(Post:
    what_retention_has_removed_is_passed_over_and_the_rest_arrives,
    what_is_wrong_with_webhooks_is_found_by_the_doctor,
);

async fn clients(process: &Process, key: &str) -> (Hooks, Customers) {
    let channel = connect(process.grpc).await;
    (WebhookServiceClient::with_interceptor(channel.clone(), Bearer::new(key)), customers(channel, key))
}

async fn endpoint(hooks: &mut Hooks, url: String) -> (String, String) {
    let endpoint =
        api::WebhookEndpoint { url, event_types: vec!["customer.created".to_owned()], ..Default::default() };
    let request =
        api::CreateWebhookEndpointRequest { webhook_endpoint: Some(endpoint), ..Default::default() };
    let made = hooks.create_webhook_endpoint(request).await.unwrap().into_inner();
    (made.webhook_endpoint.unwrap().id, made.secret)
}

async fn secrets_are_sealed_anew_while_deliveries_go_on(database: Database) {
    let key = migrated(&database).await;
    let mut command = serving(database.folder(), &database.url);
    command.args(["--webhook-allow-host", "127.0.0.1"]);
    let process = Process::start(command).await;
    let (mut hooks, mut customers) = clients(&process, &key).await;
    let receiver = Receiver::new().await;
    endpoint(&mut hooks, receiver.url()).await;
    create(&mut customers, "Ada").await;
    receiver.until(1).await;
    let file = database.folder().join("purser-master.key");
    let arguments =
        ["keys", "rotate", "--database-url", &database.url, "--master-key-file", file.to_str().unwrap()];
    let rotated = purser(database.folder(), &arguments).output().await.unwrap();
    let told = String::from_utf8(rotated.stdout).unwrap();
    assert!(rotated.status.success() && told.contains(" 1 webhook secrets"), "{told}");
    let mut raw = Raw::open(&database).await;
    assert_eq!(raw.number("SELECT count(*) FROM webhook_secrets WHERE key_version < 2").await, 0);
    // Another endpoint is sealed with the new key, and read with it; the file has it since.
    let other = Receiver::new().await;
    endpoint(&mut hooks, other.url()).await;
    create(&mut customers, "Grace").await;
    receiver.until(2).await;
    other.until(1).await;
}

/// Sabotage: log the URL of an endpoint that cannot be reached.
async fn what_is_logged_names_no_path_no_secret_and_nobody(database: Database) {
    let key = migrated(&database).await;
    let path = database.folder().join("log");
    let mut command = serving(database.folder(), &database.url);
    command
        .args(["--drain-delay", "0s", "--webhook-allow-host", "127.0.0.1"])
        .env("PURSER_LOG", "trace,sqlx=trace");
    command.stderr(Stdio::from(std::fs::File::create(&path).unwrap()));
    let mut process = Process::start(command).await;
    let (mut hooks, mut customers) = clients(&process, &key).await;
    let taking = Receiver::new().await;
    let refusing =
        Receiver::answering(|_, _| Reply { body: "canary answer".into(), ..Reply::status(500) }).await;
    let mut secrets = Vec::new();
    for url in [taking.url(), refusing.url(), "http://127.0.0.1:1/canary-path?canary".to_owned()] {
        let (id, secret) = endpoint(&mut hooks, url).await;
        hooks.ping_webhook_endpoint(api::PingWebhookEndpointRequest { id }).await.unwrap();
        secrets.push(secret["whsec_".len()..].to_owned());
    }
    create(&mut customers, "Canaryname").await;
    taking.until(2).await;
    refusing.until(2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    process.terminate();
    assert_eq!(process.exit_code(Duration::from_secs(10)).await, Some(0));
    let log = std::fs::read_to_string(&path).unwrap();
    assert!(log.lines().count() > 2, "it logs: {log}");
    for line in log.lines() {
        let tells = line.to_lowercase().contains("canary") || secrets.iter().any(|it| line.contains(it));
        assert!(!tells, "{line}");
    }
}

async fn what_retention_has_removed_is_passed_over_and_the_rest_arrives(mut post: Post) {
    let receiver = Receiver::answering(|_, n| Reply::status(if n == 0 { 500 } else { 200 })).await;
    let (endpoint, _) = post
        .endpoint_with(api::WebhookEndpoint {
            url: receiver.url(),
            event_types: vec!["customer.created".to_owned()],
            ..Default::default()
        })
        .await;
    let failed = post.customer("Failed").await;
    post.until(&endpoint.id, |it| it.first().is_some_and(|it| it.attempts == 1)).await;
    let set = |enabled| api::UpdateWebhookEndpointRequest {
        id: endpoint.id.clone(),
        webhook_endpoint: Some(api::WebhookEndpoint { enabled: Some(enabled), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["enabled".to_owned()] }),
        ..Default::default()
    };
    post.hooks.update_webhook_endpoint(set(false)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let removed = post.customer("Removed").await;
    let kept = post.customer("Kept").await;
    // As retention does.
    let mut raw = Raw::open(&post.server.database).await;
    let (last, domain) = (removed.sequence, post.tenant.domain.id.as_uuid());
    let domain = if raw.on() == crate::harness::On::Sqlite {
        format!("X'{}'", domain.simple())
    } else {
        format!("'{domain}'")
    };
    assert!(raw.run(&format!("DELETE FROM events WHERE log_id = {domain} AND sequence <= {last}")).await > 0);
    let first = format!("UPDATE logs SET first_sequence = {} WHERE id = {domain}", last + 1);
    assert_eq!(raw.run(&first).await, 1);
    post.hooks.update_webhook_endpoint(set(true)).await.unwrap();
    let got = receiver.until(2).await;
    assert_eq!((got[0].customer(), got[1].customer()), (failed.id, kept.id));
    // What was to be tried again is given up: nobody knows any more what it said.
    let gone = |it: &[api::Delivery]| it.len() == 2 && it[1].status() == api::DeliveryStatus::Failed;
    let deliveries = post.until(&endpoint.id, gone).await;
    assert_eq!(deliveries[1].fault(), api::DeliveryFault::EventGone);
}

async fn what_is_wrong_with_webhooks_is_found_by_the_doctor(mut post: Post) {
    let receiver = Receiver::new().await;
    let (endpoint, _) = post.endpoint(&receiver.url()).await;
    post.customer("Ada").await;
    post.until(&endpoint.id, |it| it.len() == 1 && super::delivered(&it[0])).await;
    post.delivering.end().await;
    let store = post.server.app.store();
    assert!(store.check().await.unwrap().iter().all(|it| it.1 == 0));
    let mut raw = Raw::open(&post.server.database).await;
    let mut expected = Vec::new();
    for (harm, found) in [
        ("UPDATE webhook_deliveries SET sequence = 1000000", "each delivery is of an event"),
        ("UPDATE webhook_cursors SET after_sequence = 1000000", "no webhook endpoint is ahead"),
        ("UPDATE webhook_secrets SET expire_us = 1", "each webhook endpoint has one secret"),
        ("DELETE FROM unique_keys WHERE kind = 'webhook_slot'", "each place of a webhook endpoint"),
    ] {
        assert_eq!(raw.run(harm).await, 1, "{harm}");
        expected.push(found);
        let broken: Vec<_> = store.check().await.unwrap().into_iter().filter(|it| it.1 != 0).collect();
        assert_eq!(broken.len(), expected.len(), "{broken:?}");
        assert!(expected.iter().all(|it| broken.iter().any(|(what, _)| what.starts_with(it))), "{broken:?}");
    }
    assert_eq!(raw.run("DELETE FROM webhook_cursors").await, 1);
    let broken = store.check().await.unwrap();
    assert!(broken.iter().any(|it| it.0.starts_with("each webhook endpoint has a place") && it.1 == 1));
}
