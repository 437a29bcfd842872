//! The server on real sockets: what it refuses, what it says, and that it ends.

mod probe;

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use purser::port::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use self::probe::{EMPTY, METRICS, PREFACE, SOON, is_closed, refused, request, send, start, watch};

#[tokio::test]
async fn a_call_is_answered() {
    let server = start(Limits::default()).await;
    let channel = server.channel().await;
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/probe.Probe/Echo");
    let codec = ProstCodec::<String, String>::default();
    let answer = grpc.unary(tonic::Request::new("hello".to_owned()), path, codec).await.unwrap();
    assert_eq!(answer.into_inner(), "hello");
}

#[tokio::test]
async fn a_peer_that_sends_no_preface_is_closed() {
    let limits = Limits { preface_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = start(limits).await;
    let begun = Instant::now();
    let mut silent = server.tcp().await;
    let mut half = server.tcp().await;
    half.write_all(&PREFACE[..23]).await.unwrap();
    let mut other = server.tcp().await;
    other.write_all(b"GET / HTTP/1.1\r\nhost: example.org\r\n\r\n").await.unwrap();
    for stream in [&mut silent, &mut half, &mut other] {
        assert!(is_closed(stream).await);
    }
    assert!(begun.elapsed() < Limits::default().preface_timeout, "it is this limit that closed them");
}

#[tokio::test]
async fn connections_beyond_a_limit_are_closed_and_their_places_come_free() {
    // What says nothing is not closed for that.
    let patient = || Limits { preface_timeout: SOON * 2, ..Limits::default() };
    for limits in
        [Limits { max_connections: 2, ..patient() }, Limits { max_connections_per_peer: 2, ..patient() }]
    {
        let server = start(limits).await;
        let (first, second) = (server.raw().await, server.raw().await);
        assert_eq!(send(&first, request("/probe.Probe/Echo", EMPTY)).await.0, StatusCode::OK);
        assert!(is_closed(&mut server.tcp().await).await);
        assert_eq!(send(&second, request("/probe.Probe/Echo", EMPTY)).await.0, StatusCode::OK);
        drop(first);
        // The place is free once the server has seen the end of the connection.
        let third = async {
            loop {
                match server.raw().await.send_request(request("/probe.Probe/Echo", EMPTY)).await {
                    Ok(answer) => return answer.status(),
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        assert_eq!(timeout(SOON, third).await.expect("the place comes free"), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_trusted_proxy_has_no_limit_of_its_own() {
    let server = start(Limits {
        max_connections_per_peer: 1,
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        ..Limits::default()
    })
    .await;
    for raw in [server.raw().await, server.raw().await] {
        assert_eq!(send(&raw, request("/probe.Probe/Echo", EMPTY)).await.0, StatusCode::OK);
    }
}

/// Sabotage: wait for the connections without a timeout (`server::end`).
#[tokio::test]
async fn it_ends_within_the_grace_whatever_peers_do() {
    let limits = Limits { shutdown_grace: Duration::from_millis(500), ..Limits::default() };
    let server = start(limits).await;
    let _idle = server.tcp().await;
    let mut silent = server.tcp().await;
    silent.write_all(PREFACE).await.unwrap();
    silent.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let channel = server.channel().await;
    let mut watch = watch(&channel).await;
    let mut raw = server.raw().await;
    let stuck = tokio::spawn(raw.send_request(request("/probe.Probe/Stuck", EMPTY)));
    server.stuck().await;
    let address = server.address;

    let took = server.stop().await;

    assert!(took >= Duration::from_millis(500), "the stuck call has its grace: {took:?}");
    assert!(took < Duration::from_secs(8), "{took:?}");
    let ended = watch.message().await.unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    assert_eq!(ended.get_details_error_info().unwrap().reason, "SHUTTING_DOWN");
    assert!(stuck.await.unwrap().is_err());
    assert!(is_closed(&mut silent).await);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn it_ends_at_once_if_nothing_runs() {
    let server = start(Limits::default()).await;
    let channel = server.channel().await;
    let _watch = watch(&channel).await;
    assert!(server.stop().await < Duration::from_secs(8), "the grace is 10 s");
}

#[tokio::test]
async fn an_old_connection_is_asked_to_end_and_then_closed() {
    let server = start(Limits {
        max_connection_age: Duration::from_secs(2),
        max_connection_age_grace: Duration::from_secs(1),
        ..Limits::default()
    })
    .await;
    let mut silent = server.tcp().await;
    silent.write_all(PREFACE).await.unwrap();
    let channel = server.channel().await;
    let mut watch = watch(&channel).await;
    let ended = timeout(SOON, watch.message()).await.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    // The client connects again by itself.
    self::watch(&channel).await;
    assert!(is_closed(&mut silent).await);
}

#[tokio::test]
async fn an_answer_that_nobody_takes_ends_its_connection_and_no_other() {
    let server = start(Limits { answer_timeout: Duration::from_millis(150), ..Limits::default() }).await;
    let taking = server.raw().await;
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(0)
        .handshake(TokioIo::new(server.tcp().await))
        .await
        .unwrap();
    let ended = tokio::spawn(connection);
    let untaken = timeout(SOON, sender.send_request(request("/probe.Probe/Echo", EMPTY))).await.unwrap();
    let untaken = untaken.unwrap();
    assert_eq!(untaken.status(), StatusCode::OK);
    for _ in 0..10 {
        assert_eq!(send(&taking, request("/probe.Probe/Echo", EMPTY)).await.0, StatusCode::OK);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert!(timeout(SOON, ended).await.is_ok());
    drop(untaken);
    assert_eq!(send(&taking, request("/probe.Probe/Echo", EMPTY)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_grpc_is_answered_in_http() {
    let server = start(Limits::default()).await;
    let raw = server.raw().await;
    for value in ["application/json", "application/grpc-web", "text/plain"] {
        let mut request = request("/probe.Probe/Echo", EMPTY);
        request.headers_mut().insert("content-type", value.parse().unwrap());
        assert_eq!(send(&raw, request).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{value}");
    }
    let mut get = request("/probe.Probe/Echo", EMPTY);
    *get.method_mut() = Method::GET;
    let (status, headers) = send(&raw, get).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(headers["allow"], "POST");
}

#[tokio::test]
async fn deadlines_are_kept() {
    let limits = Limits { default_deadline: Duration::from_millis(200), ..Limits::default() };
    let server = start(limits).await;
    let raw = server.raw().await;
    let invalid = (Code::InvalidArgument, "INVALID_FIELD".to_owned());
    let passed = (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned());
    for (path, given, expected) in [
        ("/probe.Probe/Echo", Some("5"), &invalid),
        ("/probe.Probe/Echo", Some("123456789S"), &invalid),
        ("/probe.Probe/Echo", Some("0S"), &passed),
        ("/probe.Probe/Stuck", Some("50m"), &passed),
        ("/probe.Probe/Stuck", None, &passed),
        ("/grpc.health.v1.Health/Watch", Some("50m"), &passed),
    ] {
        let mut request = request(path, EMPTY);
        if let Some(given) = given {
            request.headers_mut().insert("grpc-timeout", given.parse().unwrap());
        }
        let answer = timeout(Limits::default().default_deadline, refused(&raw, request)).await;
        assert_eq!(&answer.expect("none waits for the default"), expected, "{path} {given:?}");
    }
    let mut longest = request("/probe.Probe/Echo", EMPTY);
    longest.headers_mut().insert("grpc-timeout", "99999999H".parse().unwrap());
    assert_eq!(refused(&raw, longest).await.0, Code::Ok);
    // A stream has no default deadline.
    let mut watch = watch(&server.channel().await).await;
    assert!(timeout(Duration::from_millis(500), watch.message()).await.is_err());
}

/// Sabotage: leave `corrections::settle` out.
#[tokio::test]
async fn what_tonic_says_is_put_into_the_contracts_words() {
    let server = start(Limits::default()).await;
    let raw = server.raw().await;
    for (path, body, code, reason) in [
        ("/probe.Probe/Echo", &[0, 0, 0, 0, 1, 255][..], Code::InvalidArgument, "INVALID_FIELD"),
        ("/probe.Probe/Echo", b"", Code::InvalidArgument, "INVALID_FIELD"),
        ("/probe.Probe/Echo", &[0, 0, 0, 0, 9, 1], Code::InvalidArgument, "INVALID_FIELD"),
        ("/probe.Probe/Echo", &[1, 0, 0, 0, 0], Code::InvalidArgument, "INVALID_FIELD"),
        ("/probe.Probe/Echo", &[7, 0, 0, 0, 0], Code::InvalidArgument, "INVALID_FIELD"),
        ("/probe.Probe/Echo", &[0, 0, 0, 4, 1], Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        ("/probe.Probe/Echo", &[0, 255, 255, 255, 255], Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        ("/probe.Probe/Nothing", EMPTY, Code::Unimplemented, "UNIMPLEMENTED"),
        ("/probe.Nothing/Echo", EMPTY, Code::Unimplemented, "UNIMPLEMENTED"),
        ("/grpc.health.v1.Health/Nothing", EMPTY, Code::Unimplemented, "UNIMPLEMENTED"),
        ("/", EMPTY, Code::Unimplemented, "UNIMPLEMENTED"),
        ("/probe.Probe/Panic", EMPTY, Code::Internal, "INTERNAL"),
        ("/probe.Probe/Echo", EMPTY, Code::Ok, ""),
        // As the health service's own specification has it.
        ("/grpc.health.v1.Health/Check", &[0, 0, 0, 0, 3, 10, 1, b'x'], Code::NotFound, ""),
    ] {
        let answer = refused(&raw, request(path, body)).await;
        assert_eq!(answer, (code, reason.to_owned()), "{path} {body:?}");
    }
    let mut packed = request("/probe.Probe/Echo", EMPTY);
    packed.headers_mut().insert("grpc-encoding", "gzip".parse().unwrap());
    let (_, headers) = send(&raw, packed).await;
    assert_eq!(headers["grpc-accept-encoding"], "identity");
    assert_eq!(headers["grpc-status"], "12");
}

#[tokio::test]
async fn each_call_is_counted_once_with_its_method_and_code() {
    let server = start(Limits::default()).await;
    let raw = server.raw().await;
    send(&raw, request("/probe.Probe/Counted", EMPTY)).await;
    send(&raw, request("/probe.Probe/Counted", b"")).await;
    send(&raw, request("/made.Up/Path", EMPTY)).await;
    tokio::select! {
        answer = send(&raw, request("/probe.Probe/Stuck", EMPTY)) => panic!("{answer:?}"),
        () = server.stuck() => {}
    }
    let cancelled = r#"{method="/probe.Probe/Stuck",code="CANCELLED"}"#;
    let counted = async {
        while !METRICS.render().contains(cancelled) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), counted).await.expect("it is counted");
    METRICS.run_upkeep();
    let metrics = METRICS.render();
    for expected in [
        r#"purser_grpc_requests_total{method="/probe.Probe/Counted",code="OK"} 1"#,
        r#"purser_grpc_requests_total{method="/probe.Probe/Counted",code="INVALID_ARGUMENT"} 1"#,
        r#"purser_grpc_requests_total{method="unknown",code="UNIMPLEMENTED"}"#,
        r#"purser_grpc_requests_total{method="/probe.Probe/Stuck",code="CANCELLED"}"#,
        r#"purser_grpc_request_seconds_count{method="/probe.Probe/Counted"} 2"#,
        r#"purser_grpc_request_seconds_bucket{method="/probe.Probe/Counted",le="5"} 2"#,
    ] {
        assert!(metrics.contains(expected), "{expected} in\n{metrics}");
    }
    assert!(metrics.contains("purser_connections{port=\"grpc\"} "));
    assert!(!metrics.contains("made.Up"));
}
