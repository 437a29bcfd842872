//! What is tried with any bytes: every parser that meets bytes from outside, and what must hold of what it makes of them.
//!
//! `scripts/fuzz` looks for bytes that break one; the ordinary tests go through those that are kept in `corpus/`.
#![allow(
    dead_code,
    clippy::expect_used,
    reason = "each program tries one of them, and what fails here is to be seen"
)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::Request;
use http_body_util::Full;
use purser::api::{Answer, Answered, Rpcs};
use purser::app::{App, Chains, NewApiKey};
use purser::chain::address;
use purser::chain::keys::{AccountKey, KeyRing, MasterKeys};
use purser::domain::{
    Alias, ApiKeyId, Caller, Domain, DomainSettings, Environment, Line, Network, NewDomain, PageRequest,
    Position, Scheme, Scopes, Secret, WebhookUrl,
};
use purser::grpc::{self, Within};
use purser::rest::{self, Faces, Offer};
use purser::store::Store;
use purser::webhook::{Guard, Webhooks};
use tokio::runtime::Runtime;
use tokio_stream::StreamExt;
use tower::ServiceExt;
use uuid::Uuid;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by the names of their corpora.
pub fn all() -> BTreeMap<&'static str, Target> {
    BTreeMap::from([
        ("alias", alias as Target),
        ("address", address),
        ("page_token", page_token),
        ("api_key", api_key),
        ("extended_key", extended_key),
        ("webhook_url", webhook_url),
        ("transcoding", transcoding),
        ("messages", messages),
    ])
}

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// A payment alias reads back as itself, and is two parts.
pub fn alias(data: &[u8]) {
    if let Ok(alias) = Alias::try_from(text(data)) {
        let written = String::from(alias.clone());
        assert_eq!(Alias::try_from(written.clone()).expect("it was one"), alias);
        assert!(!alias.identifier().is_empty() && written.len() <= 255 && written.matches('@').count() == 1);
    }
}

/// An address reads back as itself on each network that it is of.
pub fn address(data: &[u8]) {
    let text = text(data);
    for network in Network::ALL {
        if let Ok(address) = address::parse(*network, &text) {
            let again = address::parse(*network, address.as_str()).expect("what is shown is one");
            assert_eq!((again.bytes(), again.as_str()), (address.bytes(), address.as_str()));
        }
    }
    let anywhere = address::parse_any(&text).unwrap_or_default();
    for (network, address) in anywhere {
        assert_eq!(address::parse(network, &text).expect("it is one there").bytes(), address.bytes());
    }
}

/// A page token leads to a place that has that token.
pub fn page_token(data: &[u8]) {
    let (sign, token) = data.split_first().unwrap_or((&0, &[]));
    let size = i32::from(*sign) - 20;
    match PageRequest::parse(size, &text(token), &("filters", 1)) {
        Ok(page) => {
            assert!(size >= 0 && (1..=100).contains(&page.size) && page.after.is_some() != token.is_empty())
        }
        Err(error) => drop(error.to_string()),
    }
    // One that was given out is taken, and no other filters go with it.
    if let Some(octets) = token.first_chunk::<24>() {
        let (create_us, id) = octets.split_at(8);
        let create_us = i64::from_be_bytes(create_us.try_into().expect("eight"));
        let id = Uuid::from_slice(id).expect("sixteen");
        let page = PageRequest::parse(1, "", &"a").expect("the first page");
        let place = Position { create_us, id };
        let token = page.page(vec![place, place], |it| *it).next_token;
        let after = PageRequest::parse(1, &token, &"a").expect("it was given out").after;
        assert_eq!(after, Some(place));
        assert!(PageRequest::parse(1, &token, &"b").is_err());
    }
}

/// A key that is read is one of ours.
pub fn api_key(data: &[u8]) {
    let text = text(data);
    if let Ok((id, hash)) = Secret::read(&text) {
        assert!(text.starts_with("purser_") && text.is_ascii());
        assert_eq!(Secret::read(&text).expect("it was one"), (id, hash));
    }
    if let Some(random) = data.first_chunk::<24>() {
        let id = ApiKeyId::from_uuid(Uuid::from_slice(&random[..16]).expect("sixteen"));
        let secret = Secret::new(id, Some(Environment::Live), *random);
        assert_eq!(Secret::read(secret.expose()).expect("it is one"), (id, secret.hash()));
    }
}

/// An extended public key derives children, and never is a private one.
pub fn extended_key(data: &[u8]) {
    let text = text(data);
    for scheme in [Scheme::Evm, Scheme::Tron, Scheme::Bitcoin, Scheme::BitcoinTestnet, Scheme::Solana] {
        if let Ok(account) = AccountKey::parse(scheme, &text) {
            assert!(!text.contains("prv") && account.fingerprint().len() == 8);
            account.child(0).expect("a child that is not hardened");
            assert!(account.child(1 << 31).is_err(), "one that is hardened cannot be had");
        }
    }
}

/// A webhook URL is what is dialled: it reads back as itself, and hides nothing.
pub fn webhook_url(data: &[u8]) {
    if let Ok(url) = WebhookUrl::try_from(text(data)) {
        assert_eq!(WebhookUrl::try_from(url.as_str().to_owned()).expect("it was one").as_str(), url.as_str());
        assert!(url.as_str().starts_with("http") && !url.as_str().contains(['#', ' ']));
        let host = url.host();
        drop((host, url.judge(false, &[])));
    }
}

/// The first line is a call, the rest its body: no path, query or JSON is ever our fault.
pub fn transcoding(data: &[u8]) {
    let (line, body) = data.split_at(data.iter().position(|it| *it == b'\n').unwrap_or(data.len()));
    let line = text(line);
    let Some((method, target)) = line.split_once(' ') else { return };
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("x-api-key", &SERVED.key)
        .header("content-type", "application/json")
        .body(Full::from(body.get(1..).unwrap_or_default().to_vec()));
    let Ok(request) = request else { return };
    SERVED.runtime.block_on(async {
        let answered = SERVED.router.clone().oneshot(request).await;
        let Ok::<_, Infallible>(answer) = answered;
        assert!(answer.status().as_u16() != 500, "{line}: {}", answer.status());
    });
}

/// The first byte chooses a method, the rest is its message: none is ever our fault.
pub fn messages(data: &[u8]) {
    let Some((which, message)) = data.split_first() else { return };
    let method = &SERVED.methods[usize::from(*which) % SERVED.methods.len()];
    let mut request = Request::new(message.to_vec().into());
    request.extensions_mut().insert(SERVED.caller.clone());
    SERVED.runtime.block_on(async {
        let called = SERVED.rpcs.call(method, request, None);
        let refused = match tokio::time::timeout(Duration::from_secs(5), called).await.expect("an answer") {
            Err(refused) => Some(refused),
            Ok(Answered { answer: Answer::Whole(_), .. }) => None,
            // What follows for ever is not waited for.
            Ok(Answered { answer: Answer::Stream(messages), .. }) => {
                let mut ended = messages.filter_map(Result::err);
                tokio::time::timeout(Duration::from_millis(5), ended.next()).await.ok().flatten()
            }
        };
        assert!(!matches!(&refused, Some(it) if matches!(it.code, 2 | 13)), "{method}: {refused:?}");
    });
}

/// A directory of one domain, called within the process.
struct Served {
    runtime: Runtime,
    rpcs: Arc<dyn Rpcs>,
    router: axum::Router,
    key: String,
    caller: Caller,
    methods: Vec<String>,
    _folder: tempfile::TempDir,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (app, key) = runtime.block_on(directory(folder.path()));
    let _inside = runtime.enter();
    let webhooks = Webhooks::new(app.clone(), Guard::default(), grpc::event_json);
    let caller = runtime.block_on(app.authenticate(Some(&key))).expect("a caller");
    let ending = tokio::sync::watch::channel(false).1;
    let rpcs = Arc::new(Within::new(app.clone(), webhooks, Duration::from_secs(3_600), ending));
    let offer = Offer { faces: Faces::all(), deadline: Duration::from_secs(5), origins: Vec::new() };
    let whole = rest::service(&app, &offer, Arc::clone(&rpcs) as Arc<dyn Rpcs>, axum::Router::new());
    let router = axum::Router::new().fallback_service(whole);
    let services = grpc::API.services().filter(|it| it.package_name() == "purser.v1");
    let paths = services.flat_map(|service| {
        let name = service.full_name().to_owned();
        service.methods().map(|it| format!("/{name}/{}", it.name())).collect::<Vec<_>>()
    });
    let methods = paths.collect();
    drop(_inside);
    Served { runtime, rpcs, router, key, caller, methods, _folder: folder }
});

/// A new directory, and a key of its domain.
async fn directory(folder: &std::path::Path) -> (App, String) {
    let store = Store::open(&format!("sqlite:{}", folder.join("purser.db").display())).expect("a store");
    store.migrate().await.expect("a schema");
    let keys = folder.join("purser-master.key");
    MasterKeys::create(&keys).expect("a master key");
    let ring = Some(Arc::new(KeyRing::read(keys).expect("the same")));
    let app = App::start(store, Chains { ring, ..Chains::default() });
    app.open();
    let operator = Caller::cli("fuzz".to_owned());
    let line = |text: &str| Line::try_from(text.to_owned()).expect("a line");
    let organization = app.create_organization(&operator, line("Acme"), None).await.expect("one").value;
    let new = NewDomain {
        organization_id: organization.id,
        name: "acme".to_owned().try_into().expect("a name"),
        environment: Environment::Sandbox,
        settings: DomainSettings::default(),
    };
    let domain = Domain::clone(&*app.create_domain(&operator, new, None).await.expect("one").value);
    let new = NewApiKey {
        organization_id: None,
        domain_id: Some(domain.id),
        environment: None,
        display_name: Line::default(),
        scopes: Scopes::all(),
        expire_us: None,
    };
    let (_, secret) = app.create_api_key(&operator, new, None).await.expect("a key").value;
    (app, secret.expect("its text").expose().to_owned())
}
