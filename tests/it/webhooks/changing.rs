//! What changes while deliveries are on their way: the endpoint, the event, and whoever is asked to deliver it again.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use purser::api;
use purser::api::redeliver_event_request::Event;
use purser::api::webhook_service_client::WebhookServiceClient;
use purser::domain::WebhookEndpointId;
use purser::grpc;
use purser::webhook::Webhooks;
use tokio::sync::Notify;
use uuid::Uuid;

use super::receiver::{Receiver, Reply};
use super::{Hooks, Post, delivered, local, rename};
use crate::harness::{Bearer, On, TestServer, connect, on_each_database};
use crate::raw::Raw;

on_each_database!(Post:
    what_is_asked_for_from_now_on_arrives_though_nobody_has_told_the_courier,
    what_is_erased_while_it_waits_is_not_sent,
    what_is_asked_for_again_during_an_attempt_is_attempted_again,
    a_receiver_that_is_gone_says_nothing_of_the_one_that_took_its_place,
    what_the_head_says_counts_however_the_body_ends,
    what_has_no_form_any_more_is_given_up_and_not_sent,
    ten_thousand_leases_are_held_at_once_and_one_that_ran_out_is_lost,
);

/// Whoever changes endpoints by this is not heard by the deliverer, as on another instance.
async fn unheard(post: &Post) -> Hooks {
    let webhooks = Webhooks::new(post.server.app.clone(), local(), grpc::event_json);
    let address = TestServer::listen_with(&webhooks, &post.server.app).await;
    WebhookServiceClient::with_interceptor(connect(address).await, Bearer::new(&post.tenant.key))
}

fn change(id: &str, endpoint: api::WebhookEndpoint, path: &str) -> api::UpdateWebhookEndpointRequest {
    api::UpdateWebhookEndpointRequest {
        id: id.to_owned(),
        webhook_endpoint: Some(endpoint),
        update_mask: Some(prost_types::FieldMask { paths: vec![path.to_owned()] }),
        ..Default::default()
    }
}

fn of(url: String, kind: &str) -> api::WebhookEndpoint {
    api::WebhookEndpoint { url, event_types: vec![kind.to_owned()], ..Default::default() }
}

/// Sabotage: in `Courier::read`, do not look whether the endpoint has changed.
async fn what_is_asked_for_from_now_on_arrives_though_nobody_has_told_the_courier(mut post: Post) {
    let mut elsewhere = unheard(&post).await;
    let receiver = Receiver::new().await;
    let mut endpoints = Vec::new();
    for _ in 0..4 {
        endpoints.push(post.endpoint_with(of(receiver.url(), "wallet.created")).await.0.id);
    }
    // Until their couriers follow the log.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for id in &endpoints {
        let wider = of(String::new(), "customer.created");
        elsewhere.update_webhook_endpoint(change(id, wider, "event_types")).await.unwrap();
        let customer = post.customer("Ada").await;
        let heard =
            |it: &[api::Delivery]| it.iter().any(|it| it.sequence == customer.sequence && delivered(it));
        post.until(id, heard).await;
    }
}

/// Sabotage: in `Attempt::make`, send an event however long ago it was read.
async fn what_is_erased_while_it_waits_is_not_sent(mut post: Post) {
    let first = Arc::new(Notify::new());
    let held = Arc::clone(&first);
    let receiver = Receiver::answering(move |_, n| Reply {
        held: (n == 0).then(|| Arc::clone(&held)),
        ..Reply::default()
    })
    .await;
    let (endpoint, _) = post.endpoint(&receiver.url()).await;
    let customer = post.customer("Canary").await;
    for n in 0..3 {
        rename(&mut post.customers, &customer.id, &format!("Canary{n}")).await;
    }
    // Read already, it waits behind the first attempt of the same customer.
    receiver.until(1).await;
    post.until(&endpoint.id, |it| it.len() == 4).await;
    let key = Some(api::soft_delete_customer_request::Key::Id(customer.id.clone()));
    let delete = api::SoftDeleteCustomerRequest { key, ..Default::default() };
    post.customers.soft_delete_customer(delete).await.unwrap();
    let erase = api::EraseCustomerRequest { id: customer.id.clone(), ..Default::default() };
    post.customers.erase_customer(erase).await.unwrap();
    assert_eq!(receiver.got().len(), 1, "the others wait still");
    // For a second an event may be sent as it was read.
    tokio::time::sleep(Duration::from_secs(2)).await;
    first.notify_one();
    let got = receiver.until(6).await;
    assert!(got[0].body.contains("Canary"));
    for it in &got[1..] {
        assert!(!it.body.contains("Canary"), "{}", it.body);
    }
}

/// Sabotage: in `Store::record_deliveries`, record whatever the row says by now.
async fn what_is_asked_for_again_during_an_attempt_is_attempted_again(mut post: Post) {
    let receiver = Receiver::answering(|_, n| Reply {
        after: Duration::from_millis(if n == 1 { 2_000 } else { 0 }),
        ..Reply::default()
    })
    .await;
    let (endpoint, _) = post.endpoint_with(of(receiver.url(), "customer.created")).await;
    let customer = post.customer("Ada").await;
    post.until(&endpoint.id, |it| it.len() == 1 && delivered(&it[0])).await;
    let again = || api::RedeliverEventRequest {
        webhook_endpoint_id: endpoint.id.clone(),
        event: Some(Event::Sequence(customer.sequence)),
    };
    post.hooks.redeliver_event(again()).await.unwrap();
    receiver.until(2).await;
    post.hooks.redeliver_event(again()).await.unwrap();
    receiver.until(3).await;
    let deliveries = post.until(&endpoint.id, |it| it.len() == 1 && delivered(&it[0])).await;
    assert_eq!(deliveries[0].attempts, 1);
}

/// Sabotage: in `Courier::finished`, do not look at the sequence.
async fn a_receiver_that_is_gone_says_nothing_of_the_one_that_took_its_place(mut post: Post) {
    let last = Arc::new(Notify::new());
    let held = Arc::clone(&last);
    let gone =
        Receiver::answering(move |_, _| Reply { held: Some(Arc::clone(&held)), ..Reply::status(410) }).await;
    let next = Receiver::new().await;
    let (endpoint, _) = post.endpoint_with(of(gone.url(), "customer.created")).await;
    let first = post.customer("Ada").await;
    gone.until(1).await;
    let moved = api::WebhookEndpoint { url: next.url(), ..Default::default() };
    post.hooks.update_webhook_endpoint(change(&endpoint.id, moved, "url")).await.unwrap();
    // Its courier has heard of that, and sends what comes now to the other.
    post.customer("Grace").await;
    next.until(1).await;
    last.notify_one();
    let answered = |it: &[api::Delivery]| it.iter().any(|it| it.response_status == 410);
    post.until(&endpoint.id, answered).await;
    // What the first would not take is attempted again, and goes to the other.
    let got = next.until(2).await;
    assert!(got.iter().any(|it| it.customer() == first.id));
    let get = api::GetWebhookEndpointRequest { id: endpoint.id.clone() };
    let now = post.hooks.get_webhook_endpoint(get).await.unwrap().into_inner().webhook_endpoint.unwrap();
    assert_eq!(now.enabled, Some(true));
}

async fn what_the_head_says_counts_however_the_body_ends(mut post: Post) {
    let stalling = Receiver::answering(|_, _| {
        let body = tokio_stream::pending::<Result<Bytes, std::io::Error>>();
        Reply { body: Body::from_stream(body), ..Reply::default() }
    })
    .await;
    let (endpoint, _) = post.endpoint_with(of(stalling.url(), "customer.created")).await;
    post.customer("Ada").await;
    let attempted = |it: &[api::Delivery]| it.len() == 1 && it[0].attempts == 1;
    let deliveries = post.until(&endpoint.id, attempted).await;
    assert!(delivered(&deliveries[0]) && deliveries[0].response_status == 200, "{deliveries:?}");
}

async fn what_has_no_form_any_more_is_given_up_and_not_sent(mut post: Post) {
    let receiver = Receiver::answering(|_, _| Reply::status(500)).await;
    let (endpoint, _) = post.endpoint_with(of(receiver.url(), "domain.created")).await;
    let again = api::RedeliverEventRequest {
        webhook_endpoint_id: endpoint.id.clone(),
        event: Some(Event::Sequence(1)),
    };
    post.hooks.redeliver_event(again).await.unwrap();
    post.until(&endpoint.id, |it| it.len() == 1 && it[0].attempts == 1).await;
    let mut request = change(
        &endpoint.id,
        api::WebhookEndpoint { format: api::WebhookFormat::Trxn.into(), ..Default::default() },
        "format",
    );
    request.update_mask.as_mut().unwrap().paths.push("event_types".to_owned());
    post.hooks.update_webhook_endpoint(request).await.unwrap();
    let ended = |it: &[api::Delivery]| it[0].status() == api::DeliveryStatus::Failed;
    let deliveries = post.until(&endpoint.id, ended).await;
    assert_eq!(deliveries[0].fault(), api::DeliveryFault::NoForm);
    assert_eq!(receiver.got().len(), 1);
    // They are found without those that were delivered.
    let list = api::ListDeliveriesRequest {
        webhook_endpoint_id: endpoint.id,
        statuses: vec![api::DeliveryStatus::Failed.into()],
        ..Default::default()
    };
    assert_eq!(post.hooks.list_deliveries(list).await.unwrap().into_inner().deliveries, deliveries);
}

async fn ten_thousand_leases_are_held_at_once_and_one_that_ran_out_is_lost(post: Post) {
    const COUNT: usize = 10_000;
    let mut raw = Raw::open(&post.server.database).await;
    let ids: Vec<_> = (0..COUNT).map(|_| Uuid::from_u128(rand::random())).collect();
    let written = |it: &Uuid| match raw_on(&post) {
        On::Sqlite => format!("(X'{0}', X'{0}', 0, 0)", it.simple()),
        On::Postgres => format!("('{it}', '{it}', 0, 0)"),
    };
    for ids in ids.chunks(1_000) {
        let rows: Vec<_> = ids.iter().map(written).collect();
        let put = "INSERT INTO webhook_cursors (endpoint_id, domain_id, after_sequence, lease_until_us)";
        assert_eq!(raw.run(&format!("{put} VALUES {}", rows.join(","))).await, 1_000);
    }
    let ids: Vec<_> = ids.into_iter().map(WebhookEndpointId::from_uuid).collect();
    let (store, [me, other]) =
        (post.server.app.store(), [Uuid::from_u128(rand::random()), Uuid::from_u128(rand::random())]);
    let start = std::time::Instant::now();
    assert_eq!(store.lease_webhooks(me, &ids, 300).await.unwrap().len(), COUNT);
    assert_eq!(store.renew_webhooks(me, &ids, 300).await.unwrap().len(), COUNT);
    assert_eq!(store.webhooks_due(&ids, i64::MAX).await.unwrap(), []);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(store.lease_webhooks(other, &ids, 300).await.unwrap(), []);
    assert_eq!(store.renew_webhooks(other, &ids, 300).await.unwrap(), []);
    // A cursor is moved from where its holder knows it to be, and from nowhere else.
    for (holder, cursor, is_moved) in
        [(other, (0, 5), false), (me, (0, 5), true), (me, (0, 7), false), (me, (5, 7), true)]
    {
        assert_eq!(store.move_webhook(holder, ids[0], cursor).await.unwrap(), is_moved, "{cursor:?}");
    }
    // A lease that has run out is nobody's: who held it is told so, and has to take it up anew.
    raw.run("UPDATE webhook_cursors SET lease_until_us = 1 WHERE after_sequence = 7").await;
    assert_eq!(store.renew_webhooks(me, &ids, 300).await.unwrap().len(), COUNT - 1);
    assert_eq!(store.lease_webhooks(other, &ids, 300).await.unwrap(), [(ids[0], 7)]);
    store.release_webhooks(me, &ids).await.unwrap();
    assert_eq!(store.lease_webhooks(other, &ids, 300).await.unwrap().len(), COUNT - 1);
    eprintln!("{COUNT} leases taken and renewed in {took:?}");
}

fn raw_on(post: &Post) -> On {
    if post.server.database.url.starts_with("sqlite:") { On::Sqlite } else { On::Postgres }
}
