//! Where deliveries never go (WH-2).

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use purser::api;
use purser::domain::HostName;
use purser::webhook::{Guard, Resolving};
use tokio::net::TcpListener;

use super::Post;
use crate::harness::{On, bad_fields, on_each_database, reason};

on_each_database!(Watched:
    no_spelling_of_a_private_host_is_taken,
    a_name_that_changes_its_answer_is_judged_when_it_is_dialled,
    no_private_address_is_dialled_whatever_name_leads_there,
    a_name_that_nobody_knows_in_time_is_not_taken,
);

/// A server whose names resolve as the test says, and a listener that counts who comes.
struct Watched {
    post: Post,
    port: u16,
    connections: Arc<AtomicUsize>,
    /// How often names were resolved. Of each name, the first few answers are public.
    resolved: Arc<AtomicUsize>,
}

/// Every address that is listed, in whatever spelling, and those of this machine.
fn private() -> Vec<IpAddr> {
    let listed = include_str!("../../../src/domain/webhook/url/private_hosts.txt").lines();
    listed.filter_map(|it| it.parse::<HostName>().ok()?.address()).collect()
}

/// Answers that are public, until it is dialled.
const PUBLIC_FIRST: usize = 1;

impl Watched {
    async fn new(on: On) -> Self {
        let resolved = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&resolved);
        let asked = Mutex::new(HashSet::new());
        let guard = Guard::default().resolving(move |name| -> Resolving {
            let before = counted.fetch_add(1, Ordering::Relaxed);
            let text = match name.as_str() {
                "rebinding.example" if before < PUBLIC_FIRST => "93.184.215.14",
                "both.example" => "93.184.215.14 127.0.0.1",
                "nobody.example" => "",
                "late.example" => return Box::pin(std::future::pending()),
                _ => "127.0.0.1",
            };
            if let Some(at) = name.strip_prefix("private-").and_then(|it| it.strip_suffix(".example")) {
                let is_first = asked.lock().unwrap().insert(name.clone());
                let address = if is_first {
                    [93, 184, 215, 14].into()
                } else {
                    private()[at.parse::<usize>().unwrap()]
                };
                return Box::pin(async move { Ok(vec![address]) });
            }
            let addresses: Vec<IpAddr> = text.split_whitespace().map(|it| it.parse().unwrap()).collect();
            Box::pin(async move { Ok(addresses) })
        });
        let post = Post::guarded(on, guard).await;
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { post, port, connections, resolved }
    }

    fn asking(&self, host: &str) -> api::CreateWebhookEndpointRequest {
        api::CreateWebhookEndpointRequest {
            webhook_endpoint: Some(api::WebhookEndpoint {
                url: format!("https://{host}:{}/hook", self.port),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

/// WH-2, at creation. A name resolves to this machine here, so whatever is no address is none that is public, either.
///
/// Sabotage: let `Guard::judge` take whatever is a URL.
async fn no_spelling_of_a_private_host_is_taken(mut it: Watched) {
    let listed = include_str!("../../../src/domain/webhook/url/private_hosts.txt");
    let hosts = listed.lines().filter(|it| !it.is_empty() && !it.starts_with('#'));
    let names = [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "printer.local",
        "metadata.google.internal",
        "both.example",
    ];
    let mut count = 0;
    for host in hosts.chain(names) {
        let request = it.asking(host);
        let refused = it.post.hooks.create_webhook_endpoint(request).await.expect_err(host);
        assert_eq!(reason(&refused), "INVALID_FIELD", "{host}");
        assert_eq!(bad_fields(&refused), ["webhook_endpoint.url"], "{host}");
        count += 1;
    }
    eprintln!("WH-2: {count} spellings refused");
}

/// WH-2, at connect time.
///
/// Sabotage: check only at creation: let `Guard::connect` dial whatever the name resolves to.
async fn a_name_that_changes_its_answer_is_judged_when_it_is_dialled(mut it: Watched) {
    let mut ids = Vec::new();
    for host in ["rebinding.example", "nobody.example"] {
        let request = it.asking(host);
        let made = it.post.hooks.create_webhook_endpoint(request).await.unwrap().into_inner();
        ids.push(made.webhook_endpoint.unwrap().id);
    }
    it.post.customer("Ada").await;
    let expected = [api::DeliveryFault::AddressNotPublic, api::DeliveryFault::NameNotResolved];
    for (id, expected) in ids.iter().zip(expected) {
        let attempted =
            |it: &[api::Delivery]| it.iter().any(|it| it.event_type == "customer.created" && it.attempts > 0);
        let deliveries = it.post.until(id, attempted).await;
        assert!(deliveries.iter().filter(|it| it.attempts > 0).all(|it| it.fault() == expected));
    }
    let ask = api::PingWebhookEndpointRequest { id: ids[0].clone() };
    let told = it.post.hooks.ping_webhook_endpoint(ask).await.unwrap().into_inner();
    assert_eq!(told.fault(), api::DeliveryFault::AddressNotPublic);
    assert!(it.resolved.load(Ordering::Relaxed) >= 4);
    assert_eq!(it.connections.load(Ordering::Relaxed), 0, "nobody was dialled");
}

/// WH-2, at connect time: each address that is listed, behind a name that was public when the endpoint was made.
///
/// Sabotage: as above.
async fn no_private_address_is_dialled_whatever_name_leads_there(mut it: Watched) {
    let count = private().len();
    assert!(count >= 150, "{count}");
    for n in 0..count {
        let request = it.asking(&format!("private-{n}.example"));
        let made = it.post.hooks.create_webhook_endpoint(request).await.unwrap().into_inner();
        let id = made.webhook_endpoint.unwrap().id;
        let ask = api::PingWebhookEndpointRequest { id: id.clone() };
        let told = it.post.hooks.ping_webhook_endpoint(ask).await.unwrap().into_inner();
        assert_eq!(told.fault(), api::DeliveryFault::AddressNotPublic, "{:?}", private()[n]);
        let delete = api::DeleteWebhookEndpointRequest { id, ..Default::default() };
        it.post.hooks.delete_webhook_endpoint(delete).await.unwrap();
    }
    assert_eq!(it.connections.load(Ordering::Relaxed), 0, "nobody was dialled");
    eprintln!("WH-2: {count} private addresses behind names, 0 connections");
}

async fn a_name_that_nobody_knows_in_time_is_not_taken(mut it: Watched) {
    let request = it.asking("late.example");
    let refused = it.post.hooks.create_webhook_endpoint(request).await.unwrap_err();
    assert_eq!(reason(&refused), "OVERLOADED");
}
