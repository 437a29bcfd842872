//! How the program stops.

use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Request;
use hyper::body::{Body, Bytes, Frame};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use purser::api;
use purser::store::Store;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::events_wire::{Reader, start};
use crate::harness::{Database, connect, customers, on_each_database, reason, with_alias};
use crate::process::{Process, http_get, serving};

on_each_database!(
    Database: told_to_stop_it_says_so_at_once_lets_calls_finish_and_is_gone_within_the_grace,
    told_to_stop_with_nothing_under_way_it_is_gone_at_once, what_is_logged_is_json_and_names_nobody
);

/// LIFE-1. At SIGTERM health says NOT_SERVING at once, calls go on through the drain delay, those under way finish within
/// the grace, and the process is gone soon after, with code 0, whatever peers do: an idle TCP connection, a silent HTTP/2
/// one, an open health Watch, an open Watch of events, a call whose body never comes.
///
/// Sabotage: in `grpc::server::end`, wait for the connections without a timeout, as tonic's own shutdown does.
async fn told_to_stop_it_says_so_at_once_lets_calls_finish_and_is_gone_within_the_grace(database: Database) {
    let key = migrated(&database).await;
    let more = ["--drain-delay", "4s", "--shutdown-grace", "3s"];
    let mut process = Process::serve(database.folder(), &database.url, &more).await;
    let _idle = TcpStream::connect(process.grpc).await.unwrap();
    let mut silent = TcpStream::connect(process.grpc).await.unwrap();
    silent.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut health = HealthClient::new(connect(process.grpc).await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    let mut events = Reader::elsewhere(process.grpc, &key).await;
    let mut events = events.watch(start(api::WatchStart::Latest), &[]).await.unwrap();
    let (_never, stuck) = begin(&process, &key, "stuck@dev").await;
    let (send, finishing) = begin(&process, &key, "finishing@dev").await;
    let mut client = customers(connect(process.grpc).await, &key);
    client.create_customer(with_alias("before@dev")).await.unwrap();

    let asked = Instant::now();
    process.terminate();
    let told = tokio::time::timeout(Duration::from_secs(3), watch.message()).await.unwrap();
    assert_eq!(told.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(
        health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status(),
        ServingStatus::NotServing
    );
    assert!(http_get(process.http, "/readyz").await.unwrap().starts_with("HTTP/1.1 503"));
    let mut late = customers(connect(process.grpc).await, &key);
    late.create_customer(with_alias("late@dev")).await.unwrap();
    assert!(asked.elapsed() < Duration::from_millis(3_900), "all that was within the drain delay");

    while TcpStream::connect(process.grpc).await.is_ok() {
        assert!(asked.elapsed() < Duration::from_secs(14), "somebody new is let in");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What finishes now shows that nobody was let in any more before the process ended.
    send.send(()).unwrap();
    let made = finishing.await.unwrap().expect("a call under way finishes");
    assert_eq!(made.payment_address, "finishing@dev");
    assert_eq!(process.exit_code(Duration::from_secs(20)).await, Some(0));
    let took = asked.elapsed();
    assert!(took > Duration::from_millis(6_900), "the stuck call has its grace: {took:?}");
    assert!(took < Duration::from_secs(14), "{took:?}");
    assert!(stuck.await.unwrap().is_none());
    assert!(watch.message().await.is_err());
    // What happened before it was over was told, and then why it is.
    let told = events.events(2).await.into_iter().map(|it| it.r#type).collect::<Vec<_>>();
    assert_eq!(told, ["customer.created"; 2]);
    assert_eq!(reason(&events.end().await), "SHUTTING_DOWN");

    let store = Store::open(&database.url).unwrap();
    assert!(store.check().await.unwrap().iter().all(|it| it.1 == 0));
    store.close().await;
    let mut again = Process::serve(database.folder(), &database.url, &[]).await;
    let mut client = customers(connect(again.grpc).await, &key);
    for alias in ["before@dev", "late@dev", "finishing@dev"] {
        let request = api::ResolveCustomerRequest { payment_address: alias.to_owned() };
        client.resolve_customer(request).await.unwrap();
    }
    again.kill().await;
}

async fn told_to_stop_with_nothing_under_way_it_is_gone_at_once(database: Database) {
    let mut waits = Vec::new();
    for round in 0..5 {
        let mut process = Process::serve(database.folder(), &database.url, &["--dev"]).await;
        let mut health = HealthClient::new(connect(process.grpc).await);
        let _watch =
            if round > 0 { Some(health.watch(HealthCheckRequest::default()).await.unwrap()) } else { None };
        let asked = Instant::now();
        process.terminate();
        assert_eq!(process.exit_code(Duration::from_secs(30)).await, Some(0));
        waits.push(asked.elapsed());
    }
    waits.sort();
    assert!(waits[2] < Duration::from_secs(2), "{waits:?}");
}

/// SEC-3 in small: each line of the log is JSON, and none holds an alias, an email, a name or a key, at any level.
///
/// Sabotage: log the request in a handler.
async fn what_is_logged_is_json_and_names_nobody(database: Database) {
    let key = migrated(&database).await;
    let path = database.folder().join("log");
    let mut command = serving(database.folder(), &database.url);
    command.args(["--drain-delay", "0s"]).env("PURSER_LOG", "trace,sqlx=trace");
    command.stderr(Stdio::from(std::fs::File::create(&path).unwrap()));
    let mut process = Process::start(command).await;
    let mut client = customers(connect(process.grpc).await, &key);
    let canary = api::Customer {
        payment_address: "canaryalias@dev".to_owned(),
        email: "canarymail@mail.example".to_owned(),
        first_name: "Canaryname".to_owned(),
        ..Default::default()
    };
    let request = api::CreateCustomerRequest { customer: Some(canary), ..Default::default() };
    client.create_customer(request.clone()).await.unwrap();
    // What goes wrong is more likely to be told.
    client.create_customer(request).await.unwrap_err();
    client.create_customer(with_alias("canary alias@dev")).await.unwrap_err();
    client.create_customer(with_alias("canaryalias@elsewhere")).await.unwrap_err();
    let request = api::ResolveCustomerRequest { payment_address: "canaryalias@dev".to_owned() };
    client.resolve_customer(request).await.unwrap();
    let search = api::ListCustomersRequest { search: "canaryname".to_owned(), ..Default::default() };
    assert_eq!(client.list_customers(search).await.unwrap().into_inner().customers.len(), 1);
    let wrong = key.replace("purser_", "purser_canary");
    customers(connect(process.grpc).await, &wrong)
        .list_customers(api::ListCustomersRequest::default())
        .await
        .unwrap_err();
    process.terminate();
    assert_eq!(process.exit_code(Duration::from_secs(30)).await, Some(0));

    let log = std::fs::read_to_string(&path).unwrap();
    assert!(log.lines().count() > 2, "it logs: {log}");
    for line in log.lines() {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok_and(|it| it["level"].is_string()),
            "{line}"
        );
        let secret = key.rsplit('_').next().unwrap();
        let tells = ["canary", secret].iter().any(|it| line.to_lowercase().contains(&it.to_lowercase()));
        assert!(!tells, "{line}");
    }
}

/// Makes the database ready as `serve --dev` does, and answers the key of its domain.
pub async fn migrated(database: &Database) -> String {
    let mut process = Process::serve(database.folder(), &database.url, &["--dev"]).await;
    let key = std::fs::read_to_string(database.folder().join("purser-dev.key")).unwrap();
    process.terminate();
    assert_eq!(process.exit_code(Duration::from_secs(30)).await, Some(0));
    key
}

/// Begins a CreateCustomer: its headers are sent; its body follows once that is said, and never if that is dropped.
async fn begin(
    process: &Process,
    key: &str,
    alias: &str,
) -> (oneshot::Sender<()>, JoinHandle<Option<api::Customer>>) {
    let io = TokioIo::new(TcpStream::connect(process.grpc).await.unwrap());
    let (mut sender, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let message = with_alias(alias).encode_to_vec();
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    let (send, said) = oneshot::channel();
    let request = Request::post("http://localhost/purser.v1.CustomerService/CreateCustomer")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "60S")
        .header("authorization", format!("Bearer {key}"))
        .body(Later { said, frame: Some(frame.into()) })
        .unwrap();
    let answer = sender.send_request(request);
    let answered = tokio::spawn(async move {
        let _sender = sender;
        let body = http_body_util::BodyExt::collect(answer.await.ok()?.into_body()).await.ok()?.to_bytes();
        api::CreateCustomerResponse::decode(body.get(5..)?).ok()?.customer
    });
    // Long enough for the headers to be there.
    tokio::time::sleep(Duration::from_millis(100)).await;
    (send, answered)
}

/// A body that comes when it is told to.
struct Later {
    said: oneshot::Receiver<()>,
    frame: Option<Bytes>,
}

impl Body for Later {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.frame.is_none() {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.said).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(self.frame.take().map(|it| Ok(Frame::data(it)))),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}
