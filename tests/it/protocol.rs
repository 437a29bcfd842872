//! PRO-1: what a client of another make sees, down to the frames: the answers of the gRPC specification, and of the
//! contract where that is silent.
//!
//! Each row is one call as it must not, or just so may be made; the answer is compared with `golden/protocol.txt`. After a
//! change that is meant, read the difference line by line:
//!
//!     UPDATE_GOLDEN=1 ./scripts/test protocol

use std::convert::Infallible;
use std::fmt::Write;
use std::future::ready;
use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use purser::api;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::descriptors::code_name;
use crate::harness::{on_each_database, reason, with_alias};
use crate::wire::Acme;

const GET: &str = "/purser.v1.CustomerService/GetCustomer";
const CREATE: &str = "/purser.v1.CustomerService/CreateCustomer";
const LIST: &str = "/purser.v1.CustomerService/ListCustomers";
const WATCH: &str = "/purser.v1.EventService/Watch";
const CLAIM: &str = "/purser.v1.ClaimService/SubmitClaim";
const CHECK: &str = "/grpc.health.v1.Health/Check";
const HEALTH_WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

on_each_database!(
    Acme: a_client_of_another_make_sees_what_the_golden_file_says, what_is_not_http2_is_closed_without_a_word
);

/// One call: what is spoilt of it, and what is sent.
struct Row {
    name: &'static str,
    path: &'static str,
    method: Method,
    /// Headers that are set, or left out where there is no value.
    headers: Vec<(&'static str, Option<String>)>,
    body: Body,
    /// Whether it is answered beside those that follow.
    lasts: bool,
}

impl Row {
    fn new(name: &'static str, path: &'static str, body: impl Into<Bytes>) -> Self {
        let body = Body::new(Full::new(body.into()));
        Self { name, path, method: Method::POST, headers: Vec::new(), body, lasts: false }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Some(value.into())));
        self
    }

    fn without(mut self, name: &'static str) -> Self {
        self.headers.push((name, None));
        self
    }

    fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    fn lasting(self) -> Self {
        Self { lasts: true, ..self }
    }

    /// The same whose message never comes.
    fn stuck(self) -> Self {
        let never = tokio_stream::pending::<Result<Frame<Bytes>, Infallible>>();
        Self { body: Body::new(StreamBody::new(never)), ..self }
    }

    fn request(self, key: &str) -> Request<Body> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(format!("http://localhost{}", self.path))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {key}"))
            .body(self.body)
            .unwrap();
        for (name, value) in self.headers {
            match value {
                Some(value) => drop(request.headers_mut().insert(name, value.parse().unwrap())),
                None => drop(request.headers_mut().remove(name)),
            }
        }
        request
    }
}

/// A message as it is framed.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat()
}

/// Sabotage: leave `corrections::settle` out (`grpc::server::call`), so that it is tonic as it comes.
async fn a_client_of_another_make_sees_what_the_golden_file_says(mut acme: Acme) {
    let ada = acme.client.create(with_alias("ada@acme").customer.unwrap()).await.unwrap();
    let key = acme.tenant.key.clone();
    let mut answers = Vec::new();
    for row in rows(&ada.id) {
        let (name, lasts) = (row.name, row.lasts);
        // Each on a connection of its own: what spoils one spoils no other.
        let io = TokioIo::new(TcpStream::connect(acme.server.address).await.unwrap());
        let (mut sender, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let request = row.request(&key);
        let answer = async move {
            let answer = ask(&mut sender, request).await;
            format!("{name}\n    {answer}\n")
        };
        answers.push(if lasts { tokio::spawn(answer) } else { tokio::spawn(ready(answer.await)) });
    }
    let mut told = HEAD.to_owned();
    for answer in answers {
        told += &answer.await.unwrap();
    }
    compare(&told);
}

fn rows(id: &str) -> Vec<Row> {
    let get = |id: &str| {
        let key = Some(api::get_customer_request::Key::Id(id.to_owned()));
        framed(&api::GetCustomerRequest { key, ..Default::default() }.encode_to_vec())
    };
    let (good, wrong, absent) = (get(id), get("nobody"), get("cust_00000000000000000000000000"));
    let right = |name| Row::new(name, GET, good.clone());
    let spoilt = |name, octets: Vec<u8>| Row::new(name, GET, octets);
    let large = |bytes: usize| framed(&[&[0x7a][..], &varint(bytes), &vec![b'x'; bytes]].concat());
    let mut rows = paths(&good);
    rows.extend([
        right("a call that is right in all respects"),
        right("PUT").by(Method::PUT),
        right("GET").by(Method::GET),
        right("OPTIONS").by(Method::OPTIONS),
        right("no content type").without("content-type"),
        right("content type of JSON").with("content-type", "application/json"),
        right("content type of gRPC-Web").with("content-type", "application/grpc-web"),
        right("content type with +proto").with("content-type", "application/grpc+proto"),
        right("content type with a parameter").with("content-type", "application/grpc;charset=utf-8"),
        right("content type in capitals").with("content-type", "APPLICATION/GRPC"),
        right("no te").without("te"),
        right("a user agent, and a header that nobody knows").with("user-agent", "x").with("x-else", "y"),
        right("grpc-timeout that is none").with("grpc-timeout", "soon"),
        right("grpc-timeout with nine digits").with("grpc-timeout", "123456789n"),
        right("grpc-timeout below zero").with("grpc-timeout", "-1S"),
        right("grpc-timeout without a unit").with("grpc-timeout", "1"),
        right("grpc-timeout that has passed").with("grpc-timeout", "0n"),
        right("grpc-timeout of 11,415 years").with("grpc-timeout", "99999999H"),
        right("a deadline that passes while the message is awaited").with("grpc-timeout", "150m").stuck(),
        right("grpc-encoding gzip").with("grpc-encoding", "gzip"),
        right("grpc-encoding that nobody knows").with("grpc-encoding", "x"),
        right("grpc-encoding identity").with("grpc-encoding", "identity"),
        right("grpc-accept-encoding gzip").with("grpc-accept-encoding", "gzip"),
        right("binary metadata").with("x-trace-bin", "AAEC"),
        right("binary metadata that is not base64").with("x-trace-bin", "?"),
        right("metadata that is not ASCII").with("x-else", "\u{e9}"),
        right("metadata of 20 KiB").with("x-else", "x".repeat(20 * 1024)),
        spoilt("no message", vec![]),
        spoilt("half a prefix", vec![0, 0]),
        spoilt("half a message", good[..good.len() - 1].to_vec()),
        spoilt("two messages of a unary call", [good.clone(), good.clone()].concat()),
        spoilt("something after the message", [good.clone(), vec![0]].concat()),
        spoilt("compressed, without saying how", [&[1], &good[1..]].concat()),
        spoilt("a flag that there is not", [&[7], &good[1..]].concat()),
        spoilt("no protobuf", framed(&[0xff])),
        spoilt("text that is not UTF-8", framed(&[10, 1, 0xff])),
        spoilt("a field of another wire type", framed(&[8, 1])),
        spoilt("a field that nobody knows", [&framed(&[&good[5..], &[0xf8, 0x7f, 1]].concat())[..]].concat()),
        spoilt("a message without what is required", framed(&[])),
        spoilt("a message of 1 MiB", large(1024 * 1024 - 4)),
        spoilt("a message of a byte more", large(1024 * 1024 - 3)),
        spoilt("a length of 4 GiB", vec![0, 0xff, 0xff, 0xff, 0xff]),
        spoilt("an id that is none", wrong),
        spoilt("somebody who is not there", absent),
        right("no key").without("authorization"),
        right("a key that is none").with("authorization", "Bearer x"),
        right("a key of another scheme").with("authorization", "Basic eDp5"),
        right("an API key in x-api-key that is none").without("authorization").with("x-api-key", "x"),
    ]);
    rows.extend(others());
    rows
}

/// Paths that lead nowhere.
fn paths(good: &[u8]) -> Vec<Row> {
    [
        ("a method that there is not", "/purser.v1.CustomerService/Nothing"),
        ("a service that there is not", "/purser.v1.Nothing/GetCustomer"),
        ("a package that there is not", "/else.v1.CustomerService/GetCustomer"),
        ("a service and no method", "/purser.v1.CustomerService"),
        ("a method in other letters", "/purser.v1.CustomerService/getcustomer"),
        ("a method that is escaped", "/purser.v1.CustomerService/Get%43ustomer"),
        ("a method and more", "/purser.v1.CustomerService/GetCustomer/x"),
        ("a method with a query", "/purser.v1.CustomerService/GetCustomer?x=1"),
        ("no path", "/"),
        ("a health method that there is not", "/grpc.health.v1.Health/Nothing"),
    ]
    .map(|(name, path)| Row::new(name, path, good.to_vec()))
    .into()
}

/// Other methods than GetCustomer.
fn others() -> Vec<Row> {
    let create = |alias: &str| framed(&with_alias(alias).encode_to_vec());
    let mask = api::UpdateCustomerRequest {
        key: Some(api::update_customer_request::Key::Id("cust_00000000000000000000000000".to_owned())),
        customer: Some(api::Customer::default()),
        update_mask: Some(prost_types::FieldMask { paths: vec!["n\u{e9}\n%".to_owned()] }),
        ..Default::default()
    };
    let ahead = api::WatchRequest {
        from: Some(api::watch_request::From::AfterSequence(1_000_000)),
        ..Default::default()
    };
    vec![
        Row::new(
            "a page size below zero",
            LIST,
            framed(&[0xa0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ),
        Row::new("an alias that is taken", CREATE, create("ada@acme")),
        Row::new("an alias of another domain", CREATE, create("ada@nowhere")),
        Row::new("a create, by an idempotency key", CREATE, create("eve@acme"))
            .with("idempotency-key", "one"),
        Row::new("the same again", CREATE, create("eve@acme")).with("idempotency-key", "one"),
        Row::new("another by that key", CREATE, create("eva@acme")).with("idempotency-key", "one"),
        Row::new(
            "a field that has to be escaped where it is told",
            "/purser.v1.CustomerService/UpdateCustomer",
            framed(&mask.encode_to_vec()),
        ),
        Row::new("a stream that is refused", WATCH, framed(&ahead.encode_to_vec())),
        Row::new("a stream without a message", WATCH, vec![]),
        Row::new("a stream with a deadline", WATCH, framed(&[])).with("grpc-timeout", "5S").lasting(),
        Row::new("a claim by no link", CLAIM, framed(&[])).without("authorization"),
        Row::new("a claim of 9 KiB", CLAIM, framed(&vec![0; 9 * 1024])).without("authorization"),
        Row::new("health", CHECK, framed(&[])).without("authorization"),
        Row::new("health of what there is not", CHECK, framed(&[10, 1, b'x'])).without("authorization"),
        Row::new("health by 9 KiB", CHECK, framed(&vec![0; 9 * 1024])).without("authorization"),
        Row::new("a health watch with a deadline", HEALTH_WATCH, framed(&[]))
            .with("grpc-timeout", "5S")
            .lasting(),
        Row::new("reflection v1", REFLECTION[0], framed(&[0x3a, 0])).without("authorization"),
        Row::new("reflection v1alpha", REFLECTION[1], framed(&[0x3a, 0])).without("authorization"),
        Row::new("reflection of what there is not", REFLECTION[0], framed(&[0x22, 1, b'x']))
            .without("authorization"),
        Row::new("reflection that cannot be read", REFLECTION[0], framed(&[0xff])).without("authorization"),
    ]
}

/// Who speaks HTTP/1.1, or nothing that is known, is not answered in a tongue that they may take for another.
async fn what_is_not_http2_is_closed_without_a_word(acme: Acme) {
    for said in [
        &b"POST /purser.v1.CustomerService/GetCustomer HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\n\r\n"[..],
        b"GET / HTTP/1.0\r\n\r\n          ",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03and what more TLS says",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(acme.server.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok() && answer.is_empty(), "{answer:?}");
    }
}

/// What there is to be seen of an answer.
async fn ask(sender: &mut SendRequest<Body>, request: Request<Body>) -> String {
    let answer = async {
        let (head, mut body) = match sender.send_request(request).await {
            Ok(answer) => answer.into_parts(),
            Err(error) => return format!("no answer: {error}"),
        };
        let (mut messages, mut trailers) = (0, None);
        let mut octets = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => octets.extend_from_slice(&data),
                Ok(Err(frame)) => trailers = frame.into_trailers().ok(),
                Err(error) => return format!("HTTP {}, then {error}", head.status),
            }
        }
        let mut rest = &octets[..];
        while let Some(length) = rest.get(1..5).map(|it| u32::from_be_bytes(it.try_into().unwrap())) {
            messages += 1;
            rest = &rest[5 + usize::try_from(length).unwrap()..];
        }
        assert!(rest.is_empty(), "the frames are whole");
        shown(head.status, &head.headers, messages, trailers.as_ref())
    };
    timeout(Duration::from_secs(30), answer).await.expect("there is an answer")
}

fn shown(http: StatusCode, head: &HeaderMap, messages: usize, trailers: Option<&HeaderMap>) -> String {
    let text = |name: &str, of: &HeaderMap| of.get(name).map(|it| it.to_str().unwrap().to_owned());
    let mut shown = format!("HTTP {}", http.as_u16());
    for name in
        ["content-type", "allow", "grpc-accept-encoding", "grpc-encoding", "idempotent-replayed", "date"]
    {
        if let Some(value) = text(name, head) {
            write!(shown, ", {name}: {value}").unwrap();
        }
    }
    if http != StatusCode::OK {
        return shown;
    }
    write!(shown, "; {messages} messages; ").unwrap();
    let (place, headers) = trailers.map_or(("alone", head), |it| ("in trailers", it));
    let Some(code) = text("grpc-status", headers) else { return shown + "no status" };
    let status = Status::from_header_map(headers).unwrap();
    let named = code_name(Code::from_i32(code.parse().unwrap()));
    write!(shown, "{place} {code} {named}").unwrap();
    for part in [reason(&status), text("grpc-message", headers).unwrap_or_default()] {
        if !part.is_empty() {
            write!(shown, ", {part}").unwrap();
        }
    }
    shown
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    while number >= 128 {
        octets.push(u8::try_from(number % 128).unwrap() | 128);
        number /= 128;
    }
    octets.push(u8::try_from(number).unwrap());
    octets
}

const HEAD: &str = "\
# What a client of another make is answered (see tests/it/protocol.rs): how the call is spoilt, and below what comes.
# To write it anew: UPDATE_GOLDEN=1 ./scripts/test protocol
";

fn compare(told: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/protocol.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, told).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let mut differences = String::new();
    for (now, then) in told.lines().zip(golden.lines()).filter(|(now, then)| now != then) {
        writeln!(differences, "  is        {now}\n  should be {then}").unwrap();
    }
    assert!(differences.is_empty(), "not as golden/protocol.txt has it:\n{differences}");
    assert_eq!(told.lines().count(), golden.lines().count(), "golden/protocol.txt has other rows");
    let rows = told.lines().filter(|it| it.starts_with("    ")).count();
    eprintln!("PRO-1: {rows} calls are answered as the golden table has it");
}
