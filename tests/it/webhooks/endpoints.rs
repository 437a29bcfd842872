//! Endpoints over the wire: made, changed, deleted, and refused.

use prost::Message;
use prost_types::FieldMask;
use purser::api;
use tokio::task::JoinSet;
use tonic::{Code, Response};

use super::{Hooks, Post};
use crate::harness::{bad_fields, on_each_database, reason};
use crate::raw::Raw;
use crate::rows::dump_all;

on_each_database!(Post:
    an_endpoint_is_made_changed_and_deleted_and_each_is_in_the_log,
    a_write_that_is_asked_for_again_is_answered_as_the_first_time_without_the_secret,
    a_domain_has_a_hundred_places_however_many_ask_at_once,
    every_bad_field_is_named,
    a_stale_etag_changes_nothing,
    secrets_are_sealed_and_bound_to_their_endpoint,
);

fn at(url: &str) -> api::WebhookEndpoint {
    api::WebhookEndpoint { url: url.to_owned(), ..Default::default() }
}

fn create(endpoint: api::WebhookEndpoint) -> api::CreateWebhookEndpointRequest {
    api::CreateWebhookEndpointRequest { webhook_endpoint: Some(endpoint), ..Default::default() }
}

fn update(id: &str, endpoint: api::WebhookEndpoint, paths: &[&str]) -> api::UpdateWebhookEndpointRequest {
    api::UpdateWebhookEndpointRequest {
        id: id.to_owned(),
        webhook_endpoint: Some(endpoint),
        update_mask: Some(FieldMask { paths: paths.iter().map(|it| (*it).to_owned()).collect() }),
        ..Default::default()
    }
}

fn delete(id: &str) -> api::DeleteWebhookEndpointRequest {
    api::DeleteWebhookEndpointRequest { id: id.to_owned(), ..Default::default() }
}

async fn get(hooks: &mut Hooks, id: &str) -> Result<api::WebhookEndpoint, tonic::Status> {
    let request = api::GetWebhookEndpointRequest { id: id.to_owned() };
    Ok(hooks.get_webhook_endpoint(request).await?.into_inner().webhook_endpoint.unwrap())
}

async fn an_endpoint_is_made_changed_and_deleted_and_each_is_in_the_log(mut post: Post) {
    let (made, secret) = post
        .endpoint_with(api::WebhookEndpoint {
            url: "https://1.1.1.1:443/a".to_owned(),
            event_types: vec!["customer.created".to_owned(), "wallet.created".to_owned()],
            description: " for the ledger ".to_owned(),
            enabled: Some(false),
            ..Default::default()
        })
        .await;
    assert_eq!(secret.len(), "whsec_".len() + 44);
    assert_eq!((made.url.as_str(), made.description.as_str()), ("https://1.1.1.1/a", "for the ledger"));
    assert_eq!((made.format(), made.enabled), (api::WebhookFormat::Standard, Some(false)));
    assert_eq!(made.domain_id, post.tenant.domain.id.to_string());
    assert_eq!(get(&mut post.hooks, &made.id).await.unwrap(), made);

    let change = api::WebhookEndpoint {
        url: "https://[2606:4700:4700::1111]/b".to_owned(),
        // Not masked, so not read.
        event_types: vec!["nonsense".to_owned()],
        ..Default::default()
    };
    let request = update(&made.id, change, &["url", "description"]);
    let updated =
        post.hooks.update_webhook_endpoint(request).await.unwrap().into_inner().webhook_endpoint.unwrap();
    assert_eq!(
        (updated.url.as_str(), updated.description.as_str()),
        ("https://[2606:4700:4700::1111]/b", "")
    );
    assert_eq!((&updated.event_types, updated.enabled), (&made.event_types, Some(false)));
    assert_ne!(updated.etag, made.etag);

    let list = post.hooks.list_webhook_endpoints(api::ListWebhookEndpointsRequest::default()).await.unwrap();
    assert_eq!(list.into_inner().webhook_endpoints, [updated]);
    let gone = post.hooks.delete_webhook_endpoint(delete(&made.id)).await.unwrap().into_inner();
    assert!(gone.webhook_endpoint.unwrap().delete_time.is_some());
    let missing = get(&mut post.hooks, &made.id).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::NotFound, "WEBHOOK_ENDPOINT_NOT_FOUND"));
    let again = post.hooks.delete_webhook_endpoint(delete(&made.id)).await.unwrap_err();
    assert_eq!(reason(&again), "WEBHOOK_ENDPOINT_NOT_FOUND");
    let list = post.hooks.list_webhook_endpoints(api::ListWebhookEndpointsRequest::default()).await.unwrap();
    assert_eq!(list.into_inner().webhook_endpoints, []);

    let mut raw = Raw::open(&post.server.database).await;
    let events: Vec<(String, String)> = raw
        .rows("SELECT type, changed_fields FROM events WHERE type LIKE 'webhook%' ORDER BY sequence")
        .await;
    let expected = [
        ("webhook_endpoint.created", ""),
        ("webhook_endpoint.updated", "url,description"),
        ("webhook_endpoint.deleted", "delete_time"),
    ];
    assert_eq!(events, expected.map(|it| (it.0.to_owned(), it.1.to_owned())));
    assert!(post.server.app.store().check().await.unwrap().iter().all(|it| it.1 == 0));
}

fn told<T: Message>(
    answer: Response<T>,
    secret: impl FnOnce(&mut T) -> String,
) -> (Vec<u8>, String, bool, bool) {
    let marked = |name: &str| answer.metadata().get(name).is_some_and(|it| it == "true");
    let (replayed, omitted) = (marked("idempotent-replayed"), marked("secret-omitted"));
    let mut message = answer.into_inner();
    let secret = secret(&mut message);
    (message.encode_to_vec(), secret, replayed, omitted)
}

async fn a_write_that_is_asked_for_again_is_answered_as_the_first_time_without_the_secret(mut post: Post) {
    let hooks = &mut post.hooks;
    let request =
        api::CreateWebhookEndpointRequest { request_id: "one".to_owned(), ..create(at("https://1.1.1.1/")) };
    let first = hooks.create_webhook_endpoint(request.clone()).await.unwrap();
    let (body, secret, ..) = told(first, |it| std::mem::take(&mut it.secret));
    assert!(secret.starts_with("whsec_"));
    let id =
        api::CreateWebhookEndpointResponse::decode(body.as_slice()).unwrap().webhook_endpoint.unwrap().id;
    let rotate = api::RotateWebhookEndpointSecretRequest { id: id.clone(), request_id: "two".to_owned() };
    let (rotated, other, ..) =
        told(hooks.rotate_webhook_endpoint_secret(rotate.clone()).await.unwrap(), |it| {
            std::mem::take(&mut it.secret)
        });
    assert!(other.starts_with("whsec_") && other != secret);
    let mut change = update(&id, api::WebhookEndpoint::default(), &["enabled"]);
    change.request_id = "three".to_owned();
    let updated = hooks.update_webhook_endpoint(change.clone()).await.unwrap().into_inner();
    let end = api::DeleteWebhookEndpointRequest { request_id: "four".to_owned(), ..delete(&id) };
    let deleted = hooks.delete_webhook_endpoint(end.clone()).await.unwrap().into_inner();

    // By now it is deleted: each is answered as it was all the same.
    let again = told(hooks.create_webhook_endpoint(request.clone()).await.unwrap(), |it| {
        std::mem::take(&mut it.secret)
    });
    assert_eq!(again, (body, String::new(), true, true));
    let again = told(hooks.rotate_webhook_endpoint_secret(rotate).await.unwrap(), |it| {
        std::mem::take(&mut it.secret)
    });
    assert_eq!(again, (rotated, String::new(), true, true));
    assert_eq!(hooks.update_webhook_endpoint(change.clone()).await.unwrap().into_inner(), updated);
    assert_eq!(hooks.delete_webhook_endpoint(end).await.unwrap().into_inner(), deleted);

    let other =
        api::CreateWebhookEndpointRequest { webhook_endpoint: Some(at("https://1.1.1.1/x")), ..request };
    let refused = hooks.create_webhook_endpoint(other).await.unwrap_err();
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
    change.id = id;
    change.request_id = "one".to_owned();
    assert_eq!(reason(&hooks.update_webhook_endpoint(change).await.unwrap_err()), "REQUEST_ID_REUSED");
}

async fn a_domain_has_a_hundred_places_however_many_ask_at_once(post: Post) {
    let mut asking = JoinSet::new();
    for n in 0..110 {
        let mut hooks = post.hooks.clone();
        asking.spawn(async move {
            let endpoint =
                api::WebhookEndpoint { enabled: Some(false), ..at(&format!("https://1.1.1.1/{n}")) };
            let mut request = create(endpoint);
            request.request_id = format!("r{n}");
            let mut call = tonic::Request::new(request);
            call.set_timeout(std::time::Duration::from_secs(60));
            match hooks.create_webhook_endpoint(call).await {
                Ok(_) => "OK".to_owned(),
                Err(status) => reason(&status),
            }
        });
    }
    let told = asking.join_all().await;
    let count = |word: &str| told.iter().filter(|it| *it == word).count();
    assert_eq!((count("OK"), count("TOO_MANY_WEBHOOK_ENDPOINTS")), (100, 10), "{told:?}");
    assert!(post.server.app.store().check().await.unwrap().iter().all(|it| it.1 == 0));
}

async fn every_bad_field_is_named(mut post: Post) {
    let bad = api::WebhookEndpoint {
        url: "http://example.com/".to_owned(),
        event_types: vec!["customer.born".to_owned()],
        format: 99,
        description: "x".repeat(501),
        ..Default::default()
    };
    let request = api::CreateWebhookEndpointRequest { domain_id: "dom_x".to_owned(), ..create(bad) };
    let refused = post.hooks.create_webhook_endpoint(request).await.unwrap_err();
    let expected = ["domain_id", "event_types", "format", "description", "url"];
    let expected: Vec<_> = expected
        .iter()
        .map(|it| if *it == "domain_id" { (*it).to_owned() } else { format!("webhook_endpoint.{it}") })
        .collect();
    assert_eq!(bad_fields(&refused), expected);
    for (endpoint, field) in [
        (at(""), "url"),
        (at("http://1.1.1.1/"), "url"),
        (at("https://10.0.0.1/"), "url"),
        (at("https://10.1/"), "url"),
        (at("https://user:pass@1.1.1.1/"), "url"),
        (
            api::WebhookEndpoint {
                event_types: vec!["wallet.created".to_owned()],
                format: api::WebhookFormat::Fossapay.into(),
                ..at("https://1.1.1.1/")
            },
            "event_types",
        ),
    ] {
        let refused = post.hooks.create_webhook_endpoint(create(endpoint)).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
        assert_eq!(bad_fields(&refused), [format!("webhook_endpoint.{field}")]);
        // It may be secret, and is the caller's to know.
        assert!(!format!("{refused:?}").contains("user:pass"));
    }
    let both = api::WebhookEndpoint {
        event_types: vec!["wallet.created".to_owned()],
        format: api::WebhookFormat::Fossapay.into(),
        ..at("https://10.0.0.1/")
    };
    let refused = post.hooks.create_webhook_endpoint(create(both)).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["webhook_endpoint.url", "webhook_endpoint.event_types"]);
    let (made, _) = post.endpoint("https://1.1.1.1/").await;
    for paths in [&[][..], &["secret"], &["id"], &["url", "nonsense"]] {
        let refused =
            post.hooks.update_webhook_endpoint(update(&made.id, at("https://1.1.1.1/x"), paths)).await;
        assert_eq!(bad_fields(&refused.unwrap_err()), ["update_mask"]);
    }
    let private = update(&made.id, at("https://192.168.0.1/"), &["url"]);
    let refused = post.hooks.update_webhook_endpoint(private).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["webhook_endpoint.url"]);
    assert_eq!(get(&mut post.hooks, &made.id).await.unwrap(), made);
}

async fn a_stale_etag_changes_nothing(mut post: Post) {
    let (made, _) = post.endpoint("https://1.1.1.1/").await;
    let mut request = update(&made.id, at("https://1.1.1.1/x"), &["url"]);
    request.etag = "v0".to_owned();
    assert_eq!(
        reason(&post.hooks.update_webhook_endpoint(request.clone()).await.unwrap_err()),
        "ETAG_MISMATCH"
    );
    let stale = api::DeleteWebhookEndpointRequest { etag: "v0".to_owned(), ..delete(&made.id) };
    assert_eq!(reason(&post.hooks.delete_webhook_endpoint(stale).await.unwrap_err()), "ETAG_MISMATCH");
    assert_eq!(get(&mut post.hooks, &made.id).await.unwrap(), made);
    request.etag = made.etag;
    post.hooks.update_webhook_endpoint(request).await.unwrap();
}

/// Sabotage: leave the row out of the place that a secret is sealed for.
async fn secrets_are_sealed_and_bound_to_their_endpoint(mut post: Post) {
    use base64::Engine;
    let (one, first) = post.endpoint("https://1.1.1.1/").await;
    let (two, second) = post.endpoint("https://1.1.1.1/").await;
    let all = dump_all(&post.server.database).await.to_lowercase();
    for secret in [&first, &second] {
        let bytes = base64::engine::general_purpose::STANDARD.decode(&secret["whsec_".len()..]).unwrap();
        assert!(!all.contains(&secret.to_lowercase()) && !all.contains(&hex::encode(bytes)));
    }
    let id = |it: &api::WebhookEndpoint| it.id.parse().unwrap();
    let app = post.server.app.clone();
    let (_, secrets) = app.webhook_to_serve(id(&one)).await.unwrap().unwrap();
    assert_eq!(*secrets[0].secret.expose(), first);
    let mut raw = Raw::open(&post.server.database).await;
    let swap = "UPDATE webhook_secrets SET sealed = (SELECT max(o.sealed) FROM webhook_secrets AS o
                WHERE o.endpoint_id <> webhook_secrets.endpoint_id)";
    let swap = if raw.on() == crate::harness::On::Postgres {
        swap.replace("max(o.sealed)", "o.sealed")
    } else {
        swap.to_owned()
    };
    assert_eq!(raw.run(&swap).await, 2);
    // SQLite goes row by row: there the second gets its own back from the first.
    let mut refused = 0;
    for it in [&one, &two] {
        let opened = app.webhook_to_serve(id(it)).await.map(drop);
        refused += usize::from(matches!(opened, Err(purser::domain::Error::Internal(_))));
    }
    assert_eq!(refused, if raw.on() == crate::harness::On::Postgres { 2 } else { 1 });
}
