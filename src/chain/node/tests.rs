use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use serde_json::{Value, json};

use super::fake::{Fake, Reply, nodes, read, tokens};
use super::*;
use crate::chain::address;

const OWNER: &str = "zZqNUDNijfbMXFy2wVCdJSm9MeMfxBMdxBqseSuiSW6";
const OTHER: &str = "4UR47Kp4FxGJiJZZGSPAzXqRgMmZ27oVfGhHoLmcHakE";
/// What stands wherever a key may stand in a URL.
const KEY: &str = "sesame";

fn sol() -> &'static [Token] {
    tokens(&[("SOL", None, 9)])
}

/// An answer of Solana's to the first request, later ones lacking the last call.
fn lamports(amount: u64) -> Value {
    json!([
        {"jsonrpc": "2.0", "id": 1, "result": {"context": {"slot": 7}, "value": amount}},
        {"jsonrpc": "2.0", "id": 2, "result": "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"},
    ])
}

/// A node that knows of 5 lamports, and takes its time to say so.
async fn slow_node(delay: Duration) -> Fake {
    Fake::start(move |question| {
        let calls = question.body.as_array().unwrap().len();
        let answers = lamports(5).as_array().unwrap()[..calls].to_vec();
        Reply::text(Value::from(answers).to_string()).after(delay)
    })
    .await
}

/// Waits until something is so.
async fn until(is_so: impl Fn() -> bool) {
    let seen = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen).await.unwrap();
}

#[tokio::test]
async fn sixty_four_callers_at_once_share_one_request() {
    let fake = slow_node(Duration::from_millis(200)).await;
    let nodes = fake.nodes(Network::Solana, sol());
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let nodes = nodes.clone();
        callers.spawn(async move { read(&nodes, Network::Solana, OWNER).await });
    }
    for answer in callers.join_all().await {
        assert_eq!(answer.unwrap(), (7, vec!["5".to_owned()]));
    }
    assert_eq!(fake.asked().len(), 1);

    // Who asks after the answer gets a new one, and so does who asks about another address.
    let (again, other) =
        tokio::join!(read(&nodes, Network::Solana, OWNER), read(&nodes, Network::Solana, OTHER));
    assert_eq!((again.unwrap().0, other.unwrap().0), (7, 7));
    assert_eq!(fake.asked().len(), 3);
    assert!(nodes.0.under_way().is_empty());
}

#[tokio::test]
async fn sixty_four_callers_at_once_share_one_failure() {
    let fake = Fake::start(|_| Reply::status(500).after(Duration::from_millis(200))).await;
    let nodes = fake.nodes(Network::Solana, sol());
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let nodes = nodes.clone();
        callers.spawn(async move { read(&nodes, Network::Solana, OWNER).await });
    }
    for answer in callers.join_all().await {
        assert_eq!(answer.unwrap_err(), "answered HTTP 500");
    }
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_harms_nobody() {
    let fake = slow_node(Duration::ZERO).await;
    let nodes = fake.nodes(Network::Solana, sol());
    let silence = fake.silence().await;
    let call = || {
        let nodes = nodes.clone();
        tokio::spawn(async move { read(&nodes, Network::Solana, OWNER).await })
    };
    let first = call();
    until(|| !fake.asked().is_empty()).await;
    let second = call();
    until(|| nodes.0.under_way().values().any(|it| it.receiver_count() == 2)).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    drop(silence);
    assert_eq!(second.await.unwrap().unwrap().0, 7);
    assert_eq!(fake.asked().len(), 1);
}

/// An address for each number.
fn owner(number: usize) -> String {
    ::bitcoin::base58::encode(&[u8::try_from(number).unwrap(); 32])
}

/// As many callers as a node has room for readings, each about another address.
async fn crowd(nodes: &Nodes) -> JoinSet<Result<(u64, Vec<String>), String>> {
    let mut callers = JoinSet::new();
    for number in 1..=IN_FLIGHT {
        let nodes = nodes.clone();
        callers.spawn(async move { read(&nodes, Network::Solana, &owner(number)).await });
    }
    until(|| nodes.0.nodes[&Network::Solana].room.available_permits() == 0).await;
    callers
}

/// Sabotage: let the clock run while a reading waits for its place.
#[tokio::test]
async fn a_reading_that_has_to_wait_for_its_place_has_its_three_seconds_from_then_on() {
    let fake = slow_node(Duration::ZERO).await;
    let nodes = fake.nodes(Network::Solana, sol());
    let room = &nodes.0.nodes[&Network::Solana].room;
    let taken = room.acquire_many(u32::try_from(IN_FLIGHT).unwrap()).await.unwrap();
    // One more than there are places, so that the last of them waits for another reading, too.
    let crowd = crowd(&nodes).await;
    let freed = async {
        tokio::time::sleep(LIMIT + Duration::from_millis(500)).await;
        assert!(fake.asked().is_empty(), "nobody has a place yet");
        drop(taken);
    };
    let (answer, ()) = tokio::join!(read(&nodes, Network::Solana, OWNER), freed);
    assert_eq!(answer.unwrap().0, 7);
    assert!(crowd.join_all().await.iter().all(Result::is_ok));
}

/// Sabotage: read on whoever waits.
#[tokio::test]
async fn what_nobody_waits_for_any_more_gives_up_its_place_and_is_not_asked_for() {
    let fake = slow_node(Duration::ZERO).await;
    let nodes = fake.nodes(Network::Solana, sol());
    let silence = fake.silence().await;
    let begun = Instant::now();
    let crowd = crowd(&nodes).await;
    let waiting = tokio::time::timeout(Duration::from_millis(200), read(&nodes, Network::Solana, OWNER));
    assert!(waiting.await.is_err());
    drop(crowd);
    let room = &nodes.0.nodes[&Network::Solana].room;
    until(|| room.available_permits() == IN_FLIGHT && nodes.0.under_way().is_empty()).await;
    assert!(begun.elapsed() < LIMIT, "they were read until their time was over");
    drop(silence);
    let asked = fake.asked();
    assert!(asked.iter().all(|it| it.body[0]["params"][0] != OWNER), "the one that waited was asked for");
    // Whoever comes then begins anew.
    assert_eq!(read(&nodes, Network::Solana, OWNER).await.unwrap().0, 7);
}

/// Callers come and go in all orders, on all threads: whoever stays has an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_comes_as_the_last_one_leaves_has_its_answer() {
    let fake = slow_node(Duration::from_millis(2)).await;
    let nodes = fake.nodes(Network::Solana, sol());
    let mut staying = JoinSet::new();
    for round in 0..300 {
        let leaving = nodes.clone();
        let leaving = tokio::spawn(async move { read(&leaving, Network::Solana, OWNER).await });
        tokio::time::sleep(Duration::from_micros(round * 7 % 1_000)).await;
        let nodes = nodes.clone();
        leaving.abort();
        staying.spawn(async move { read(&nodes, Network::Solana, OWNER).await });
        if round % 3 == 0 {
            staying.join_next().await.unwrap().unwrap().unwrap();
        }
    }
    assert!(staying.join_all().await.iter().all(Result::is_ok));
    assert!(nodes.0.under_way().is_empty());
}

#[test]
fn a_reading_that_is_broken_off_is_begun_anew_by_the_next_caller() {
    // The runtime of the reading ends under it.
    let (one, two) = (tokio::runtime::Runtime::new().unwrap(), tokio::runtime::Runtime::new().unwrap());
    let fake = two.block_on(slow_node(Duration::ZERO));
    let silence = two.block_on(fake.silence());
    let nodes = fake.nodes(Network::Solana, sol());
    let waiting = one.block_on(async {
        let owner = address::parse(Network::Solana, OWNER).unwrap();
        let answered = nodes.ask(&nodes.0.nodes[&Network::Solana], &owner);
        until(|| !fake.asked().is_empty()).await;
        answered
    });
    drop(one);
    assert!(waiting.borrow().is_none() && waiting.has_changed().is_err());
    drop(silence);
    assert_eq!(two.block_on(read(&nodes, Network::Solana, OWNER)).unwrap().0, 7);
}

#[tokio::test]
async fn a_network_without_a_node_says_how_to_configure_one() {
    let nodes = nodes(Network::Solana, "http://127.0.0.1:9", sol());
    assert!(nodes.has(Network::Solana) && !nodes.has(Network::Bitcoin));
    let owner = address::parse(Network::Solana, OWNER).unwrap();
    let error = nodes.balances(Network::Bitcoin, &owner).await.unwrap_err();
    assert_eq!(error, NodeError::NotConfigured(Network::Bitcoin));
    assert_eq!(
        error.to_string(),
        "no node is configured for bitcoin: name one with `--chain bitcoin=https://…`"
    );
    let other = address::parse(Network::Ethereum, "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045").unwrap();
    let error = nodes.balances(Network::Solana, &other).await.unwrap_err();
    assert_eq!(error, NodeError::NotAnAddress(Network::Solana));
}

#[test]
fn two_nodes_of_one_network_are_refused() {
    let endpoints = ["http://127.0.0.1:1/sesame", "http://127.0.0.1:2"];
    let endpoints = endpoints.map(|url| Endpoint::new(Network::Tron, url).unwrap());
    let fault = Nodes::new(endpoints, || 0).unwrap_err();
    assert_eq!(fault.problem(), "must name one node for tron, not two");
}

#[tokio::test]
async fn a_reading_names_the_tokens_of_the_table_and_the_time() {
    let fake = Fake::start(|question| {
        let calls = question.body.as_array().unwrap();
        let answers = calls.iter().map(|call| {
            let result = match call["method"].as_str().unwrap() {
                "getBalance" => json!({"context": {"slot": 7}, "value": 5}),
                "getTokenAccountsByOwner" => json!({"context": {"slot": 7}, "value": []}),
                _ => json!("5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"),
            };
            json!({"jsonrpc": "2.0", "id": call["id"], "result": result})
        });
        Reply::text(answers.collect::<Value>().to_string())
    })
    .await;
    let nodes = Nodes::new([Endpoint::new(Network::Solana, &fake.url).unwrap()], || 42).unwrap();
    let owner = address::parse(Network::Solana, OWNER).unwrap();
    let reading = nodes.balances(Network::Solana, &owner).await.unwrap();
    assert_eq!((reading.block_height, reading.observe_us), (7, 42));
    let symbols: Vec<_> = reading.amounts.iter().map(|(token, _)| token.symbol).collect();
    let table: Vec<_> = Network::Solana.info().tokens.iter().map(|it| it.symbol).collect();
    assert_eq!(symbols, table);
    assert_eq!(reading.amounts[0].1, U256::from(5));
}

/// What is said of a node that answers like this, having looked that nothing shows the key.
async fn said(url: &str) -> String {
    let url = url.replacen("http://", &format!("http://{KEY}:{KEY}@"), 1) + &format!("/{KEY}?{KEY}={KEY}");
    let nodes = nodes(Network::Solana, &url, sol());
    let owner = address::parse(Network::Solana, OWNER).unwrap();
    let error = nodes.balances(Network::Solana, &owner).await.unwrap_err();
    let shown = format!("{error} {error:?} {error:#?} {nodes:?} {nodes:#?}");
    assert!(!shown.contains(KEY), "{shown}");
    assert!(!shown.contains("127.0.0.1"), "{shown}");
    match error {
        NodeError::Unavailable(Network::Solana, fault) => fault.to_string(),
        other => panic!("{other}"),
    }
}

async fn said_of(reply: impl Fn() -> Reply + Send + Sync + 'static) -> String {
    said(&Fake::start(move |_| reply()).await.url).await
}

/// A server that answers any request with these bytes, then with as many chunks of 8 KiB.
async fn raw(head: &'static str, chunks: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
        let answer = head.to_owned() + &chunk.repeat(chunks) + if chunks > 0 { "0\r\n\r\n" } else { "" };
        while let Ok((mut peer, _)) = listener.accept().await {
            let _ = peer.read(&mut [0; 4096]).await;
            let _ = peer.write_all(answer.as_bytes()).await;
        }
    });
    url
}

#[tokio::test]
async fn whatever_is_no_plain_answer_is_unavailable() {
    for status in [201, 204, 400, 401, 403, 404, 429, 500, 502, 503] {
        assert_eq!(said_of(move || Reply::status(status)).await, format!("answered HTTP {status}"));
    }
    let malformed = "gave an answer that is not JSON-RPC";
    for body in ["", "sesame", "<html>sesame</html>", "{}", r#"{"jsonrpc":"2.0","id":1,"result":5}"#] {
        assert_eq!(said_of(move || Reply::text(body)).await, malformed);
    }
    let refused = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"no such key: sesame"}}"#;
    assert_eq!(said_of(move || Reply::text(refused)).await, "answered the batch with error -32001");
}

#[tokio::test]
async fn an_answer_of_a_mebibyte_is_read_and_a_larger_one_is_not() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let padded = |size: usize| {
        let answer = lamports(5).to_string();
        " ".repeat(size - answer.len()) + &answer
    };
    let fake = Fake::start(move |_| Reply::text(padded(1 << 20))).await;
    assert_eq!(read(&fake.nodes(Network::Solana, sol()), Network::Solana, OWNER).await.unwrap().0, 7);
    let too_large = "gave an answer that is too large";
    assert_eq!(said_of(move || Reply::text(padded((1 << 20) + 1))).await, too_large);
    // The same where the size is not told beforehand.
    assert_eq!(said(&raw(CHUNKED, 128).await).await, "gave an answer that is not JSON-RPC");
    assert_eq!(said(&raw(CHUNKED, 129).await).await, too_large);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Fake::start(|_| Reply::text(lamports(5).to_string())).await;
    let location = format!("{}/{KEY}", other.url);
    assert_eq!(said_of(move || Reply::redirect(location.as_str())).await, "answered HTTP 307");
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_connection_that_fails_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(said(&url).await, "refused the connection");
    // A name that can never be one.
    assert_eq!(said("http://sesame.invalid").await, "cannot be reached");
    // Nothing, something that is not HTTP, and less than was promised.
    assert!(said(&raw("", 0).await).await.starts_with("broke off the connection"));
    assert!(said(&raw("SSH-2.0-sesame\r\n", 0).await).await.starts_with("broke off the connection"));
    let cut = raw("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n[{\"jsonrpc\":\"2.0\"", 0).await;
    assert!(said(&cut).await.starts_with("broke off the connection"));
}

#[tokio::test]
async fn a_node_without_tls_is_unavailable_over_https() {
    let url = raw("HTTP/1.1 400 Bad Request\r\n\r\n", 0).await.replace("http://", "https://");
    let nodes = nodes(Network::Solana, &url, sol());
    assert_eq!(read(&nodes, Network::Solana, OWNER).await.unwrap_err(), "failed the TLS handshake");
}

#[tokio::test]
async fn a_reading_ends_after_three_seconds_in_all() {
    // One node is silent; one is slow to answer each of three questions.
    let silent = async {
        let begun = Instant::now();
        let fake = Fake::start(|_| Reply::text(lamports(5).to_string()).after(Duration::from_secs(20))).await;
        (said(&fake.url).await, begun.elapsed())
    };
    let slow = async {
        let begun = Instant::now();
        let genesis = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
        let answer = move |path: &str| if path.starts_with("/block-height") { genesis } else { "850000" };
        let fake = Fake::start(move |question| {
            Reply::text(answer(&question.path)).after(Duration::from_millis(1_800))
        })
        .await;
        let nodes = fake.nodes(Network::Bitcoin, sol());
        let address = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu";
        (read(&nodes, Network::Bitcoin, address).await.unwrap_err(), begun.elapsed())
    };
    let (silent, slow) = tokio::join!(silent, slow);
    for (said, took) in [silent, slow] {
        assert_eq!(said, "gave no answer within 3 s");
        assert!((LIMIT..LIMIT * 2).contains(&took), "{took:?}");
    }
}
