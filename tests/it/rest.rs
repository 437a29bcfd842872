//! REST: what holds of all that is spoken, and of the API's own words.

mod browser;
mod canonical;
pub mod client;
mod schemathesis;
mod streams;
mod telling;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::Request;
use client::Http;
use purser::api::{Called, Refused, Rpcs};
use purser::app::{App, Claiming};
use purser::domain::Error;
use purser::rest::{self, Faces, Offer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::harness::{TestServer, chains, on_each_database};

on_each_database!(TestServer: the_description_and_its_page_are_for_everybody, answers_are_compressed_for_who_asks);

async fn the_description_and_its_page_are_for_everybody(server: TestServer) {
    let http = Http::new(server.http().await);
    let description = http.get("/openapi.json").await;
    assert_eq!((description.status.as_u16(), description.value()["openapi"].as_str()), (200, Some("3.1.0")));
    let page = http.get("/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert_eq!(http.get("/nothing").await.status, 404);
}

async fn answers_are_compressed_for_who_asks(server: TestServer) {
    let http = Http::new(server.http().await);
    let plain = http.get("/openapi.json").await;
    assert_eq!(plain.header("content-encoding"), None);
    let small = http.with("accept-encoding", "gzip").get("/openapi.json").await;
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    assert!(small.body.len() * 4 < plain.body.len());
    // gunzip of the machine is who reads it.
    let mut gunzip = std::process::Command::new("gzip")
        .arg("-dc")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = gunzip.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(&small.body).unwrap());
    assert_eq!(gunzip.wait_with_output().unwrap().stdout, plain.body);
    writer.join().unwrap();
}

#[tokio::test]
async fn only_pages_of_named_origins_may_call() {
    let server = TestServer::new(crate::harness::On::Sqlite).await;
    let ask = async |origins: &[&'static str], origin: &'static str| {
        let mut offer = server.offer();
        offer.origins = origins.iter().map(|it| it.parse().unwrap()).collect();
        let service = rest::service(&server.app, &offer, server.within(), axum::Router::new());
        let preflight = Request::builder()
            .method("OPTIONS")
            .uri("/v1/customers")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-api-key")
            .body(Body::empty())
            .unwrap();
        let answer = service.oneshot(preflight).await.unwrap();
        answer.headers().get("access-control-allow-origin").map(|it| it.to_str().unwrap().to_owned())
    };
    let ours = "https://app.example";
    assert_eq!(ask(&[], ours).await, None);
    assert_eq!(ask(&[ours], ours).await.as_deref(), Some(ours));
    assert_eq!(ask(&[ours], "https://evil.example").await, None);
    assert_eq!(ask(&["*"], ours).await.as_deref(), Some("*"));
}

#[tokio::test]
async fn what_is_not_turned_on_is_not_there() {
    let server = TestServer::new(crate::harness::On::Sqlite).await;
    for (faces, expected) in [("canonical", [401, 200]), ("trxn", [404, 404])] {
        let mut offer = server.offer();
        offer.faces = faces.parse::<Faces>().unwrap();
        for (path, expected) in ["/v1/customers", "/docs"].into_iter().zip(expected) {
            let service = rest::service(&server.app, &offer, server.within(), axum::Router::new());
            let request = Request::get(path).body(Body::empty()).unwrap();
            assert_eq!(service.oneshot(request).await.unwrap().status(), expected, "{faces} {path}");
        }
    }
}

/// What is no HTTP is refused before anything looks at it.
#[tokio::test]
async fn heads_that_are_broken_or_too_long_are_refused() {
    let server = TestServer::new(crate::harness::On::Sqlite).await;
    let address = server.http().await;
    for (head, expected) in [
        ("GET /v1/customers HTTP/1.1\r\nhost: x\r\nx-request-id: a\rset-cookie: b\r\n\r\n".to_owned(), "400"),
        ("GET /v1/customers HTTP/1.1\r\nhost: x\r\nx-request-id: a\0b\r\n\r\n".to_owned(), "400"),
        ("GET /v1/cust omers HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "400"),
        (format!("GET /v1/customers HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(400_000)), "431"),
        (format!("GET /v1/{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(400_000)), "4"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may close before all of it was sent.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        let answer = std::str::from_utf8(&answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{answer}: {}", &head[..60]);
    }
}

/// CLM. The one method without a key has none over HTTP either.
#[tokio::test]
async fn a_claim_is_submitted_without_a_key() {
    let server = TestServer::new(crate::harness::On::Sqlite).await;
    let tenant = server.tenant("acme").await;
    let nobody = Http::new(server.http().await);
    let http = nobody.with("x-api-key", &*tenant.key);
    let customer = http.json("POST", "/v1/customers", &json!({})).await.value()["customer"]["id"].clone();
    let link = http.json("POST", "/v1/paymentClaimLinks", &json!({"customerId": customer})).await.value();
    let url = link["paymentClaimLink"]["url"].as_str().unwrap();
    let claim = json!({
        "linkToken": url.rsplit('/').next().unwrap(), "network": "sepolia", "token": "ETH", "amount": "1.5",
        "txHash": format!("0x{}", "ab".repeat(32)),
    });
    let submitted = nobody.json("POST", "/v1/claims:submit", &claim).await;
    assert_eq!((submitted.status.as_u16(), &submitted.value()["claim"]["amount"]), (200, &json!("1.5")));
    let unknown = nobody.json("POST", "/v1/claims:submit", &json!({"linkToken": "x".repeat(32)})).await;
    assert!([400, 404].contains(&unknown.status.as_u16()), "{unknown:?}");
    let large = json!({"linkToken": "x", "note": "x".repeat(9_000)});
    assert_eq!(nobody.json("POST", "/v1/claims:submit", &large).await.status, 413);
}

fn reason(answer: &client::Answer) -> String {
    let value = answer.value();
    let details = value["error"]["details"].as_array().unwrap();
    details.iter().find_map(|it| it["reason"].as_str()).unwrap_or_default().to_owned()
}

/// They have places of their own among the calls at work, and no more than those.
#[tokio::test]
async fn who_shows_no_key_has_a_place_or_is_refused() {
    let server = TestServer::new(crate::harness::On::Sqlite).await;
    let nobody = Http::new(server.http().await);
    let claim = json!({"linkToken": "x".repeat(32)});
    let here = std::net::Ipv4Addr::LOCALHOST.into();
    let places: Vec<_> = std::iter::from_fn(|| server.app.enter_guest(here).ok()).collect();
    let refused = nobody.json("POST", "/v1/claims:submit", &claim).await;
    assert_eq!((refused.status.as_u16(), reason(&refused)), (429, "OVERLOADED".to_owned()));
    drop(places);
    assert_ne!(nobody.json("POST", "/v1/claims:submit", &claim).await.status, 429);
}

/// A method that never answers.
#[derive(Debug)]
struct Stuck;

impl Rpcs for Stuck {
    fn call(&self, _: &str, _: Request<Bytes>, _: Option<Duration>) -> Called {
        Box::pin(std::future::pending())
    }

    fn refused(&self, error: Error) -> Refused {
        panic!("{error}")
    }
}

#[tokio::test]
async fn a_call_ends_by_its_deadline_and_is_not_begun_after_it() {
    let server = TestServer::new(crate::harness::On::Sqlite).await;
    let tenant = server.tenant("acme").await;
    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(300);
    let ask = async |rpcs: Arc<dyn Rpcs>, deadline: Duration, header: &'static str| {
        let offer = Offer { deadline, ..server.offer() };
        let service = rest::service(&server.app, &offer, rpcs, axum::Router::new());
        let mut request = Request::get("/v1/networks").header("x-api-key", &*tenant.key);
        if !header.is_empty() {
            request = request.header("grpc-timeout", header);
        }
        let begun = Instant::now();
        let answer = service.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        (answer.status().as_u16(), begun.elapsed())
    };
    assert_eq!(ask(server.within(), LONG, "").await.0, 200);
    // Twice, so that the key is known by then.
    for _ in 0..2 {
        assert_eq!(ask(server.within(), LONG, "0n").await.0, 504);
    }
    let (status, took) = ask(Arc::new(Stuck), LONG, "50m").await;
    assert!(status == 504 && took < LONG / 2, "{status} {took:?}");
    let (status, took) = ask(Arc::new(Stuck), SHORT, "").await;
    assert!(status == 504 && took >= SHORT, "{status} {took:?}");
}

/// Numbers of metadata take more room in a message than in JSON: it is the message that is limited.
#[tokio::test]
async fn a_message_is_limited_however_short_its_json_is() {
    let server = TestServer::new(crate::harness::On::Sqlite).await;
    let tenant = server.tenant("acme").await;
    let http = Http::new(server.http().await).with("x-api-key", &*tenant.key);
    let body = |name: usize| json!({"name": "x".repeat(name), "metadata": {"a": vec![0; 19_000]}});
    assert_eq!(http.json("POST", "/v1/customers", &body(800_000)).await.status, 400);
    let large = http.json("POST", "/v1/customers", &body(900_000)).await;
    assert_eq!((large.status.as_u16(), reason(&large)), (413, "MESSAGE_TOO_LARGE".to_owned()));
}

/// Whoever claims without a key is limited by where they are, over HTTP too; a proxy that is trusted says where.
#[tokio::test]
async fn who_claims_without_a_key_is_limited() {
    let server = TestServer::new(crate::harness::On::Sqlite).await;
    let app = App::start(server.app.store().clone(), chains());
    app.open();
    app.offer_claims(Claiming { per_peer: 1, ..Claiming::default() });
    let server = TestServer { app, ..server };
    let (_keep, never) = tokio::sync::watch::channel(false);
    let trusted = server.http_with(vec!["127.0.0.1".parse().unwrap()], never.clone()).await;
    let untrusted = server.http_with(Vec::new(), never).await;
    let claim = json!({"linkToken": "B".repeat(32), "network": "sepolia", "token": "ETH", "amount": "1",
        "txHash": format!("0x{}", "ab".repeat(32))});
    for (address, from, status) in [
        (trusted, "1.1.1.1", 404),
        (trusted, "1.1.1.2", 404),
        (trusted, "8.8.8.8, 1.1.1.2", 429),
        (untrusted, "1.1.1.3", 404),
        (untrusted, "1.1.1.4", 429),
    ] {
        let http = Http::new(address).with("x-forwarded-for", from);
        let answer = http.json("POST", "/v1/claims:submit", &claim).await;
        assert_eq!(answer.status, status, "{from}: {answer:?}");
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
    }
}
