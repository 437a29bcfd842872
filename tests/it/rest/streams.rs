//! How a stream over REST ends, in lines and in events: with the same error as over gRPC.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use purser::domain::{Scopes, Secret};
use purser::grpc::{self, Within};
use purser::rest;
use purser::webhook::{Guard, Webhooks};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::harness::{On, TestServer, on_each_database, operator};
use crate::wire::Acme;

on_each_database!(Acme: a_stream_ends_by_its_deadline_its_key_and_its_server_and_says_so);

/// How a stream is asked for, and how its last word begins.
const FORMS: [(&str, &str); 2] =
    [("application/x-ndjson", "\n{\"error\""), ("text/event-stream", "event: status\ndata: {\"error\"")];

async fn a_stream_ends_by_its_deadline_its_key_and_its_server_and_says_so(acme: Acme) {
    let (drain, draining) = watch::channel(false);
    let address = acme.server.http_with(Vec::new(), draining).await;
    let revoked = acme.server.domain_key(&acme.tenant.domain, Scopes::all()).await;
    let (id, _) = Secret::read(&revoked).unwrap();
    let mut ends = Vec::new();
    for form in FORMS {
        let watch = |key: &str, header| watched(address, key.to_owned(), header, form);
        ends.push((watch(&acme.tenant.key, "grpc-timeout: 5S\r\n"), 504, "DEADLINE_EXCEEDED"));
        ends.push((watch(&revoked, ""), 401, "API_KEY_REVOKED"));
        ends.push((watch(&acme.tenant.key, ""), 503, "SHUTTING_DOWN"));
    }
    for (watching, ..) in &mut ends {
        (&mut watching.begun).await.unwrap();
    }
    acme.server.app.revoke_api_key(&operator(), id, None).await.unwrap();
    // The server ends last.
    ends.sort_by_key(|it| it.1 == 503);
    for (watching, code, reason) in ends {
        if code == 503 {
            drain.send_replace(true);
        }
        let last = timeout(Duration::from_secs(30), watching.last).await.expect("it ends").unwrap();
        let error = &last["error"];
        assert_eq!((&error["code"], &error["details"][0]["reason"]), (&code.into(), &reason.into()));
    }
}

/// A stream is no older than a connection may be.
#[tokio::test]
async fn a_stream_ends_at_its_age() {
    let server = TestServer::new(On::Sqlite).await;
    let tenant = server.tenant("acme").await;
    let webhooks = Webhooks::new(server.app.clone(), Guard::default(), grpc::event_json);
    let (_keep, never) = watch::channel(false);
    let within = Within::new(server.app.clone(), webhooks, Duration::from_millis(200), never);
    let whole = rest::service(&server.app, &server.offer(), Arc::new(within), axum::Router::new());
    let request = Request::get("/v1/events:watch").header("x-api-key", &*tenant.key).body(Body::empty());
    let answer = whole.oneshot(request.unwrap()).await.unwrap();
    let told =
        timeout(Duration::from_secs(10), answer.into_body().collect()).await.expect("it ends").unwrap();
    let told = String::from_utf8(told.to_bytes().to_vec()).unwrap();
    assert!(told.lines().last().unwrap().contains("SHUTTING_DOWN"), "{told}");
}

/// A watch: when it has begun, and its last word once it has ended.
struct Watched {
    begun: oneshot::Receiver<()>,
    last: JoinHandle<Value>,
}

fn watched(
    address: SocketAddr,
    key: String,
    header: &'static str,
    (accept, last): (&'static str, &'static str),
) -> Watched {
    let (begin, begun) = oneshot::channel();
    let last = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /v1/events:watch?start=WATCH_START_EARLIEST HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\
             {header}accept: {accept}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut told = vec![0; "HTTP/1.1 200".len()];
        stream.read_exact(&mut told).await.unwrap();
        begin.send(()).unwrap();
        stream.read_to_end(&mut told).await.unwrap();
        let told = String::from_utf8(told).unwrap();
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        let at = told.rfind(last).unwrap_or_else(|| panic!("it did not say why: {told}")) + last.len();
        let json = &told[at - "{\"error\"".len()..];
        serde_json::from_str(json.lines().next().unwrap()).unwrap()
    });
    Watched { begun, last }
}
