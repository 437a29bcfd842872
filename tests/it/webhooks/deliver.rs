//! What receivers are sent, and what becomes of it, whatever they do.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use hmac::{Hmac, KeyInit, Mac};
use purser::api;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;

use super::receiver::{Got, Receiver, Reply};
use super::{Post, create, delivered, rename};
use crate::harness::{on_each_database, reason};
use crate::raw::Raw;

on_each_database!(Post:
    the_other_formats_are_what_their_clients_expect,
    an_endpoint_gets_what_it_asks_for_and_what_happens_after_it_was_made,
    first_attempts_of_a_customer_go_in_order_whatever_comes_of_them,
    a_slow_receiver_delays_no_other,
    what_failed_is_attempted_again_and_says_the_same,
    receivers_that_redirect_break_off_or_never_end_harm_nobody,
    a_receiver_that_stalls_is_given_up_after_fifteen_seconds,
    a_receiver_that_is_gone_disables_its_endpoint,
    nothing_is_attempted_while_disabled_and_all_of_it_once_enabled,
    an_event_is_delivered_again_when_it_is_asked_for,
    a_ping_tells_what_came_back,
    two_secrets_sign_while_they_overlap,
);

fn hex_mac(secret: &str, parts: &[&str]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let mac = parts.iter().fold(mac, |mac, it| mac.chain_update(it));
    hex::encode(mac.finalize().into_bytes())
}

async fn the_other_formats_are_what_their_clients_expect(mut post: Post) {
    let (fossapay, trxn) = (Receiver::new().await, Receiver::new().await);
    let at = |url: String, format: api::WebhookFormat| api::WebhookEndpoint {
        url,
        format: format.into(),
        ..Default::default()
    };
    let (_, of_fossapay) = post.endpoint_with(at(fossapay.url(), api::WebhookFormat::Fossapay)).await;
    let (_, of_trxn) = post.endpoint_with(at(trxn.url(), api::WebhookFormat::Trxn)).await;
    let customer = api::Customer {
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        email: "ada@example.com".to_owned(),
        phone: "+15551234567".to_owned(),
        ..Default::default()
    };
    let request = api::CreateCustomerRequest { customer: Some(customer), ..Default::default() };
    let made = post.customers.create_customer(request).await.unwrap().into_inner().customer.unwrap();
    let id = made.id.clone();
    let kyc = api::SetKycStatusRequest {
        id: id.clone(),
        kyc_status: api::KycStatus::Pending.into(),
        ..Default::default()
    };
    post.customers.set_kyc_status(kyc).await.unwrap();
    rename(&mut post.customers, &id, "Augusta").await;
    let key = Some(api::soft_delete_customer_request::Key::Id(id.clone()));
    let delete = api::SoftDeleteCustomerRequest { key, ..Default::default() };
    post.customers.soft_delete_customer(delete).await.unwrap();

    let got = trxn.until(3).await;
    let kinds: Vec<_> = got.iter().map(|it| it.json()["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["customer.created", "customer.updated", "customer.deleted"]);
    let (body, signature) = (got[0].json(), got[0].header("x-trxn-signature"));
    let time = signature.strip_prefix("t=").unwrap().split(',').next().unwrap();
    assert_eq!(signature, format!("t={time},v1={}", hex_mac(&of_trxn, &[time, ".", &got[0].body])));
    let payload = &body["payload"];
    assert_eq!((&payload["id"], &payload["email"]), (&id.clone().into(), &"ada@example.com".into()));
    assert_eq!((&payload["first_name"], &payload["last_name"]), (&"Ada".into(), &"Lovelace".into()));
    for time in [&payload["created_at"], &payload["updated_at"], &body["timestamp"]] {
        assert_eq!(time.as_str().unwrap().len(), "2026-01-08T00:43:44Z".len(), "{time}");
    }

    let got = fossapay.until(2).await;
    let body = got[0].json();
    assert_eq!(got[0].header("x-fossapay-signature"), hex_mac(&of_fossapay, &[&got[0].body]));
    assert_eq!(
        (&body["event"], &got[1].json()["event"]),
        (&"customer.created".into(), &"customer.updated".into())
    );
    assert_eq!(body["business_id"], post.tenant.domain.id.to_string());
    assert!(body["event_id"].as_str().unwrap().starts_with("evt_"));
    let data = &body["data"];
    assert_eq!((&data["id"], &data["name"]), (&id.into(), &"Ada Lovelace".into()));
    assert_eq!((&data["email"], &data["phone"]), (&"ada@example.com".into(), &"+15551234567".into()));
    assert_eq!(data["createdAt"].as_str().unwrap().len(), "2023-01-01T00:00:00.000Z".len());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((fossapay.got().len(), trxn.got().len()), (2, 3), "other events have no form");
}

async fn an_endpoint_gets_what_it_asks_for_and_what_happens_after_it_was_made(mut post: Post) {
    post.customer("Before").await;
    let receiver = Receiver::new().await;
    let endpoint = api::WebhookEndpoint {
        url: receiver.url(),
        event_types: vec!["customer.updated".to_owned(), "webhook_endpoint.updated".to_owned()],
        ..Default::default()
    };
    let (endpoint, _) = post.endpoint_with(endpoint).await;
    let customer = post.customer("Ada").await;
    rename(&mut post.customers, &customer.id, "Augusta").await;
    let got = receiver.until(1).await;
    assert_eq!(got[0].json()["type"], "customer.updated");
    assert_eq!(got[0].json()["data"]["customer"]["firstName"], "Augusta");
    let rotate = api::RotateWebhookEndpointSecretRequest { id: endpoint.id.clone(), ..Default::default() };
    post.hooks.rotate_webhook_endpoint_secret(rotate).await.unwrap();
    let got = receiver.until(2).await;
    let told = got[1].json();
    assert_eq!(
        (&told["type"], &told["data"]["changedFields"][0]),
        (&"webhook_endpoint.updated".into(), &"secret".into())
    );
    assert_eq!(told["data"]["webhookEndpoint"]["id"], endpoint.id);
    assert!(!got[1].body.contains("whsec"));
    assert_eq!(post.until(&endpoint.id, |it| it.iter().all(delivered)).await.len(), 2);
}

/// Sabotage: leave `busy` out of what `Courier::start` looks at.
async fn first_attempts_of_a_customer_go_in_order_whatever_comes_of_them(mut post: Post) {
    const CUSTOMERS: usize = 12;
    const EACH: usize = 8;
    const TAKES: Duration = Duration::from_millis(20);
    let receiver = Receiver::answering(|_, n| Reply {
        status: if n % 5 == 0 { 500 } else { 200 },
        after: TAKES,
        ..Reply::default()
    })
    .await;
    // All of it waits at once, so that there is something to put in order.
    let disabled = api::WebhookEndpoint { url: receiver.url(), enabled: Some(false), ..Default::default() };
    let (endpoint, _) = post.endpoint_with(disabled).await;
    let mut writing = JoinSet::new();
    for n in 0..CUSTOMERS {
        let mut customers = post.customers.clone();
        writing.spawn(async move {
            let customer = create(&mut customers, &format!("c{n}")).await;
            for change in 1..EACH {
                rename(&mut customers, &customer.id, &format!("c{n}-{change}")).await;
            }
        });
    }
    writing.join_all().await;
    set_enabled(&mut post, &endpoint.id, true).await;
    let mut first: HashMap<String, Vec<(i64, Instant)>> = HashMap::new();
    let mut seen = std::collections::HashSet::new();
    let is_first = |it: &api::Delivery| it.attempts > 0;
    // The event that enabled it is about no customer.
    post.until(&endpoint.id, |it| it.len() == CUSTOMERS * EACH + 1 && it.iter().all(is_first)).await;
    for got in receiver.got() {
        if seen.insert(got.header("webhook-id").to_owned()) {
            first.entry(got.customer()).or_default().push((got.sequence(), got.at));
        }
    }
    first.remove("");
    assert_eq!(first.len(), CUSTOMERS);
    for attempts in first.values() {
        assert_eq!(attempts.len(), EACH);
        assert!(attempts.is_sorted_by_key(|it| it.0), "{attempts:?}");
        // Each began once the one before had ended.
        let ended = attempts.windows(2).all(|it| it[1].1 - it[0].1 >= TAKES);
        assert!(ended, "{attempts:?}");
    }
}

async fn a_slow_receiver_delays_no_other(mut post: Post) {
    let slow = Receiver::answering(|_, _| Reply { after: Duration::from_secs(60), ..Reply::default() }).await;
    let quick = Receiver::new().await;
    post.endpoint(&slow.url()).await;
    post.endpoint_with(api::WebhookEndpoint {
        url: quick.url(),
        event_types: vec!["customer.created".to_owned()],
        ..Default::default()
    })
    .await;
    let start = Instant::now();
    let mut writing = JoinSet::new();
    for n in 0..100 {
        let mut customers = post.customers.clone();
        writing.spawn(async move { create(&mut customers, &format!("c{n}")).await });
    }
    writing.join_all().await;
    quick.until(100).await;
    // An attempt is given up after fifteen.
    assert!(start.elapsed() < Duration::from_secs(14), "{:?}", start.elapsed());
    // As many as are under way at once, and not one of them has ended.
    assert!(slow.got().len() <= 64, "{}", slow.got().len());
}

async fn what_failed_is_attempted_again_and_says_the_same(mut post: Post) {
    let receiver = Receiver::answering(|_, n| Reply {
        headers: if n == 1 { vec![("retry-after", "7".to_owned())] } else { Vec::new() },
        ..Reply::status(if n < 2 { 503 } else { 200 })
    })
    .await;
    let (endpoint, _) = post.endpoint(&receiver.url()).await;
    post.customer("Ada").await;
    let failed = post.until(&endpoint.id, |it| it.first().is_some_and(|it| it.attempts == 1)).await.remove(0);
    assert_eq!(
        (failed.status(), failed.fault()),
        (api::DeliveryStatus::Pending, api::DeliveryFault::Unsuccessful)
    );
    assert_eq!(failed.response_status, 503);
    let got = receiver.until(2).await;
    let waited = got[1].at - got[0].at;
    assert!((Duration::from_secs(5)..Duration::from_secs(60)).contains(&waited), "{waited:?}");
    assert_eq!((got[0].header("webhook-id"), &got[0].body), (got[1].header("webhook-id"), &got[1].body));
    assert_ne!(got[0].header("webhook-signature"), got[1].header("webhook-signature"), "it is signed anew");
    // The next wait is five minutes, longer than what the receiver asked for.
    let next = post.until(&endpoint.id, |it| it[0].attempts == 2).await.remove(0);
    let wait = next.next_attempt_time.unwrap().seconds - next.last_attempt_time.unwrap().seconds;
    assert!((299..=331).contains(&wait), "{wait}");
}

/// A receiver that takes connections, and closes each at once.
async fn closing() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, count) = (format!("http://{}/", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    (url, count)
}

async fn receivers_that_redirect_break_off_or_never_end_harm_nobody(mut post: Post) {
    let elsewhere = Receiver::new().await;
    let to = elsewhere.url();
    let redirecting = Receiver::answering(move |_, _| Reply {
        headers: vec![("location", to.clone())],
        ..Reply::status(307)
    })
    .await;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    // Ten gigabytes, for whoever reads them.
    let endless = Receiver::answering(move |_, _| {
        let counted = Arc::clone(&counted);
        let pieces = tokio_stream::iter(0..10_000).map(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1 << 20]))
        });
        Reply { body: Body::from_stream(pieces), ..Reply::default() }
    })
    .await;
    let headers = Receiver::answering(|_, _| Reply {
        headers: vec![("x-long", "x".repeat(100_000))],
        ..Reply::default()
    })
    .await;
    let (closing, connections) = closing().await;
    let nobody = "http://127.0.0.1:1/".to_owned();
    let plain = Receiver::new().await;
    let mut endpoints = Vec::new();
    for url in [
        redirecting.url(),
        endless.url(),
        headers.url(),
        closing,
        nobody,
        plain.url().replace("http://", "https://"),
    ] {
        endpoints.push(
            post.endpoint_with(api::WebhookEndpoint {
                url,
                event_types: vec!["customer.created".to_owned()],
                ..Default::default()
            })
            .await
            .0
            .id,
        );
    }
    post.customer("Ada").await;
    use api::DeliveryFault::{BrokenOff, ConnectionFailed, Redirected, TlsFailed, Unspecified};
    let expected = [
        (307, Redirected),
        (200, Unspecified),
        (0, BrokenOff),
        (0, BrokenOff),
        (0, ConnectionFailed),
        (0, TlsFailed),
    ];
    for (id, expected) in endpoints.iter().zip(expected) {
        let attempted = |it: &[api::Delivery]| it.len() == 1 && it[0].attempts >= 1;
        let delivery = post.until(id, attempted).await.remove(0);
        assert_eq!((delivery.response_status, delivery.fault()), expected);
    }
    assert_eq!(elsewhere.got().len(), 0);
    assert!(connections.load(Ordering::Relaxed) >= 1);
    let megabytes = sent.load(Ordering::Relaxed);
    assert!(megabytes < 64, "{megabytes} MiB were sent, most of it into the buffers of the socket");
}

async fn a_receiver_that_stalls_is_given_up_after_fifteen_seconds(mut post: Post) {
    let stalling =
        Receiver::answering(|_, _| Reply { after: Duration::from_secs(100), ..Reply::default() }).await;
    let (endpoint, _) = post.endpoint(&stalling.url()).await;
    post.customer("Ada").await;
    let got = stalling.until(1).await.remove(0);
    let delivery = post.until(&endpoint.id, |it| it[0].attempts == 1).await.remove(0);
    let took = got.at.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(60)).contains(&took), "{took:?}");
    assert_eq!((delivery.fault(), delivery.response_status), (api::DeliveryFault::TimedOut, 0));
}

async fn a_receiver_that_is_gone_disables_its_endpoint(mut post: Post) {
    let receiver = Receiver::answering(|_, n| Reply::status(if n == 0 { 410 } else { 200 })).await;
    let (endpoint, _) = post.endpoint(&receiver.url()).await;
    post.customer("Ada").await;
    receiver.until(1).await;
    let get = || api::GetWebhookEndpointRequest { id: endpoint.id.clone() };
    for _ in 0..200 {
        let now =
            post.hooks.get_webhook_endpoint(get()).await.unwrap().into_inner().webhook_endpoint.unwrap();
        if now.enabled == Some(false) {
            let mut raw = Raw::open(&post.server.database).await;
            let who: Vec<(String,)> =
                raw.rows("SELECT actor FROM events WHERE type = 'webhook_endpoint.updated'").await;
            assert_eq!(who, [(format!("receiver:{}", endpoint.id),)]);
            post.customer("Grace").await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(receiver.got().len(), 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is enabled still");
}

async fn set_enabled(post: &mut Post, id: &str, enabled: bool) {
    let request = api::UpdateWebhookEndpointRequest {
        id: id.to_owned(),
        webhook_endpoint: Some(api::WebhookEndpoint { enabled: Some(enabled), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["enabled".to_owned()] }),
        ..Default::default()
    };
    post.hooks.update_webhook_endpoint(request).await.unwrap();
}

async fn nothing_is_attempted_while_disabled_and_all_of_it_once_enabled(mut post: Post) {
    let receiver = Receiver::new().await;
    let (endpoint, _) = post
        .endpoint_with(api::WebhookEndpoint {
            url: receiver.url(),
            event_types: vec!["customer.created".to_owned()],
            ..Default::default()
        })
        .await;
    post.customer("Ada").await;
    receiver.until(1).await;
    set_enabled(&mut post, &endpoint.id, false).await;
    let redeliver = api::RedeliverEventRequest {
        webhook_endpoint_id: endpoint.id.clone(),
        event: Some(api::redeliver_event_request::Event::Sequence(1)),
    };
    let refused = post.hooks.redeliver_event(redeliver).await.unwrap_err();
    assert_eq!(reason(&refused), "WEBHOOK_ENDPOINT_DISABLED");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for name in ["Grace", "Edsger", "Barbara"] {
        post.customer(name).await;
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(receiver.got().len(), 1);
    set_enabled(&mut post, &endpoint.id, true).await;
    let got = receiver.until(4).await;
    let names: Vec<_> = got
        .iter()
        .map(|it| it.json()["data"]["customer"]["firstName"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.iter().filter(|it| *it == "Ada").count(), 1);
    assert!(["Grace", "Edsger", "Barbara"].iter().all(|it| names.iter().any(|name| name == it)));
}

async fn an_event_is_delivered_again_when_it_is_asked_for(mut post: Post) {
    use api::redeliver_event_request::Event;
    post.customer("Before").await;
    let receiver = Receiver::new().await;
    let (endpoint, _) = post.endpoint(&receiver.url()).await;
    post.customer("Ada").await;
    let first = receiver.until(1).await.remove(0);
    let known = post.until(&endpoint.id, |it| it.len() == 1 && delivered(&it[0])).await.remove(0);
    let ask =
        |event| api::RedeliverEventRequest { webhook_endpoint_id: endpoint.id.clone(), event: Some(event) };
    let again =
        post.hooks.redeliver_event(ask(Event::EventId(known.event_id.clone()))).await.unwrap().into_inner();
    let again = again.delivery.unwrap();
    assert_eq!((&again.id, again.status()), (&known.id, api::DeliveryStatus::Pending));
    assert!(again.next_attempt_time.is_some());
    let second = receiver.until(2).await.remove(1);
    assert_eq!((second.header("webhook-id"), &second.body), (first.header("webhook-id"), &first.body));
    // What it was never to be told of as well: the first event of the domain.
    let old =
        post.hooks.redeliver_event(ask(Event::Sequence(1))).await.unwrap().into_inner().delivery.unwrap();
    assert_eq!((old.sequence, old.event_type.as_str()), (1, "domain.created"));
    let third = receiver.until(3).await.remove(2);
    assert_eq!(third.json()["type"], "domain.created");
    post.until(&endpoint.id, |it| it.len() == 2 && it.iter().all(delivered)).await;

    let mut other = known.event_id.clone();
    other.replace_range(6..8, "00");
    for (event, expected) in [
        (Event::Sequence(1_000_000), "EVENT_NOT_FOUND"),
        (Event::EventId(other), "EVENT_NOT_FOUND"),
        (Event::EventId("evt_7zzzzzzzzzzzzzzzzzzzzzzzzz".to_owned()), "EVENT_NOT_FOUND"),
        (Event::EventId("evt_00000000000000000000000000".to_owned()), "EVENT_NOT_FOUND"),
        (Event::Sequence(0), "INVALID_FIELD"),
        (Event::EventId("cust_0".to_owned()), "INVALID_FIELD"),
    ] {
        assert_eq!(reason(&post.hooks.redeliver_event(ask(event)).await.unwrap_err()), expected);
    }
}

async fn a_ping_tells_what_came_back(mut post: Post) {
    let receiver = Receiver::answering(|_, n| Reply {
        after: Duration::from_millis(100),
        ..Reply::status(if n == 0 { 204 } else { 418 })
    })
    .await;
    let (endpoint, _) = post.endpoint(&receiver.url()).await;
    set_enabled(&mut post, &endpoint.id, false).await;
    let ask = || api::PingWebhookEndpointRequest { id: endpoint.id.clone() };
    let told = post.hooks.ping_webhook_endpoint(ask()).await.unwrap().into_inner();
    assert_eq!((told.response_status, told.fault()), (204, api::DeliveryFault::Unspecified));
    let took = Duration::try_from(told.duration.unwrap()).unwrap();
    assert!((Duration::from_millis(50)..Duration::from_secs(15)).contains(&took), "{took:?}");
    let told = post.hooks.ping_webhook_endpoint(ask()).await.unwrap().into_inner();
    assert_eq!((told.response_status, told.fault()), (418, api::DeliveryFault::Unsuccessful));
    let got = receiver.got().remove(0);
    assert_eq!(
        (&got.json()["type"], &got.json()["data"]["webhook_endpoint_id"]),
        (&"ping".into(), &endpoint.id.clone().into())
    );
    assert!(got.header("webhook-signature").starts_with("v1,"));
    assert_eq!(post.deliveries(&endpoint.id).await, []);
}

async fn two_secrets_sign_while_they_overlap(mut post: Post) {
    let receiver = Receiver::new().await;
    let (endpoint, old) = post.endpoint(&receiver.url()).await;
    let rotate = || api::RotateWebhookEndpointSecretRequest { id: endpoint.id.clone(), ..Default::default() };
    let new = post.hooks.rotate_webhook_endpoint_secret(rotate()).await.unwrap().into_inner().secret;
    let signatures = |got: &Got, secrets: &[&str]| {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        let (id, time) = (got.header("webhook-id"), got.header("webhook-timestamp"));
        let one = |secret: &&str| {
            let key = STANDARD.decode(&secret["whsec_".len()..]).unwrap();
            let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            let mac = mac.chain_update(format!("{id}.{time}.{}", got.body));
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        secrets.iter().map(one).collect::<Vec<_>>().join(" ")
    };
    // The events of the rotations themselves come when they will.
    let sent_of = async |customer: &api::Customer| {
        let mut count = 1;
        loop {
            let all = receiver.until(count).await;
            if let Some(got) = all.iter().find(|it| it.customer() == customer.id) {
                return got.clone();
            }
            count = all.len() + 1;
        }
    };
    // Long enough for the courier to know the secret.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let ada = post.customer("Ada").await;
    let got = sent_of(&ada).await;
    assert_eq!(got.header("webhook-signature"), signatures(&got, &[&new, &old]));
    // Once the day is over, the old one is forgotten.
    let mut raw = Raw::open(&post.server.database).await;
    assert_eq!(raw.run("UPDATE webhook_secrets SET expire_us = 1 WHERE expire_us IS NOT NULL").await, 1);
    let newest = post.hooks.rotate_webhook_endpoint_secret(rotate()).await.unwrap().into_inner().secret;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let grace = post.customer("Grace").await;
    let got = sent_of(&grace).await;
    assert_eq!(got.header("webhook-signature"), signatures(&got, &[&newest, &new]));
    assert_eq!(raw.number("SELECT count(*) FROM webhook_secrets").await, 2);
}
