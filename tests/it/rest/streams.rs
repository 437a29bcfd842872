//! How a stream over REST ends, in lines and in events: with the same error as over gRPC.

use std::net::SocketAddr;
use std::time::Duration;

use purser::domain::{Scopes, Secret};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::harness::{on_each_database, operator};
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
        ends.push((watch(&acme.tenant.key, "grpc-timeout: 300m\r\n"), 504, "DEADLINE_EXCEEDED"));
        ends.push((watch(&revoked, ""), 401, "API_KEY_REVOKED"));
        ends.push((watch(&acme.tenant.key, ""), 503, "SHUTTING_DOWN"));
    }
    sleep(Duration::from_millis(600)).await;
    acme.server.app.revoke_api_key(&operator(), id, None).await.unwrap();
    // A key that has ended is noticed within seconds.
    sleep(Duration::from_secs(4)).await;
    drain.send_replace(true);
    for (watching, code, reason) in ends {
        let last = timeout(Duration::from_secs(10), watching).await.expect("it ends").unwrap();
        let error = &last["error"];
        assert_eq!((&error["code"], &error["details"][0]["reason"]), (&code.into(), &reason.into()));
    }
}

/// The last word of a watch, once it has ended.
fn watched(
    address: SocketAddr,
    key: String,
    header: &'static str,
    (accept, last): (&'static str, &'static str),
) -> tokio::task::JoinHandle<Value> {
    tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /v1/events:watch?start=WATCH_START_EARLIEST HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\
             {header}accept: {accept}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).await.unwrap();
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        let at = told.rfind(last).unwrap_or_else(|| panic!("it did not say why: {told}")) + last.len();
        let json = &told[at - "{\"error\"".len()..];
        serde_json::from_str(json.lines().next().unwrap()).unwrap()
    })
}
