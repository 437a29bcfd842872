//! Balances by the chain over the wire: equal to what was sent, never invented, and never more readings than agreed.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use purser::api::wallet_service_client::WalletServiceClient;
use purser::app::{App, Chains};
use purser::chain::node::{Endpoint, Nodes};
use purser::domain::Network;
use purser::{api, clock};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Bearer, Database, TestServer, chains, on_each_database, reason, with_alias};

on_each_database!(Database:
    balances_are_what_was_sent_and_none_once_the_node_is_gone,
    one_call_has_eight_readings_in_flight_and_a_hundred_in_all,
    a_caller_that_leaves_takes_its_readings_along,
);

const SEPOLIA: u64 = 11_155_111;
/// The USDC of the table on Sepolia.
const USDC: &str = "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238";
/// `balanceOf` and `transfer` of ERC-20, as `src/chain/node/anvil.rs` explains it: an account's balance is in the
/// storage slot whose number is its address.
const TOKEN: &str = concat!(
    "0x60003560e01c806370a0823114601e5763a9059cbb14602b575b600080fd5b6004355460005260206000f3",
    "5b60243533548181106019578190033355600435540160043555600160005260206000f3",
);

type Wallets = WalletServiceClient<InterceptedService<Channel, Bearer>>;

/// A server that asks this node about Sepolia, and a wallet of a sandbox domain with so many addresses there.
async fn wallet(
    database: Database,
    url: &str,
    addresses: usize,
) -> (TestServer, Wallets, String, Vec<String>) {
    let nodes = Nodes::new([Endpoint::new(Network::Sepolia, url).unwrap()], clock::now_us).unwrap();
    let app = App::start(database.store().await, Chains { nodes, ..chains() });
    app.open();
    let address = TestServer::listen(&app).await;
    let server = TestServer { app, address, database };
    let key = server.tenant("acme").await.key;
    let customer = server.customers(&key).await.create_customer(with_alias("ada@acme")).await.unwrap();
    let mut wallets = WalletServiceClient::with_interceptor(server.channel().await, Bearer::new(&key));
    let request = api::CreateWalletRequest {
        customer_id: customer.into_inner().customer.unwrap().id,
        networks: vec!["sepolia".to_owned()],
        ..Default::default()
    };
    let wallet = wallets.create_wallet(request).await.unwrap().into_inner().wallet.unwrap();
    let mut all = vec![wallet.addresses[0].address.clone()];
    add(&mut wallets, &wallet.id, addresses, &mut all).await;
    (server, wallets, wallet.id, all)
}

/// Makes new addresses on Sepolia until there are so many.
async fn add(wallets: &mut Wallets, id: &str, addresses: usize, all: &mut Vec<String>) {
    while all.len() < addresses {
        let request = api::CreateAddressRequest {
            wallet_id: id.to_owned(),
            network: "sepolia".to_owned(),
            ..Default::default()
        };
        let made = wallets.create_address(request).await.unwrap().into_inner().address.unwrap();
        all.push(made.address);
    }
}

/// What the wallet holds by the chain.
async fn balances(wallets: &mut Wallets, id: &str) -> Result<Vec<api::Balance>, Status> {
    let source = api::BalanceSource::Chain.into();
    let request = api::GetBalancesRequest { wallet_id: id.to_owned(), source };
    Ok(wallets.get_balances(request).await?.into_inner().balances)
}

/// Symbols and figures, having looked that they are of this height and read in this time.
fn figures(balances: &[api::Balance], height: u64, since_us: i64) -> Vec<(&str, &str, &str)> {
    balances
        .iter()
        .map(|it| {
            assert_eq!((it.network.as_str(), it.source()), ("sepolia", api::BalanceSource::Chain));
            assert_eq!(it.block_height, height);
            let time = it.observe_time.unwrap();
            let observe_us = time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000;
            assert!((since_us..=clock::now_us()).contains(&observe_us), "{time:?}");
            (it.token.as_str(), it.amount.as_str(), it.raw_amount.as_str())
        })
        .collect()
}

async fn balances_are_what_was_sent_and_none_once_the_node_is_gone(database: Database) {
    let Some(mut anvil) = Anvil::start().await else { return };
    let (_server, mut wallets, id, addresses) = wallet(database, &anvil.url, 2).await;

    // A token whose contract is not there has no balance, not even 0.
    let status = balances(&mut wallets, &id).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "CHAIN_UNAVAILABLE"));
    anvil.call("anvil_setCode", json!([USDC, TOKEN])).await;
    let since_us = clock::now_us();
    let none = balances(&mut wallets, &id).await.unwrap();
    let height = anvil.height().await;
    assert_eq!(figures(&none, height, since_us), [("ETH", "0", "0"), ("USDC", "0", "0")]);

    // 10 ETH and one wei to one address, 0.5 ETH to the other; more of the token than 64 bits hold.
    let rich = anvil.call("eth_accounts", json!([])).await[0].as_str().unwrap().to_owned();
    let slot = |account: &str| format!("0x{:0>64}", account.trim_start_matches("0x"));
    anvil.call("anvil_setStorageAt", json!([USDC, slot(&rich), format!("0x{}", "f".repeat(64))])).await;
    let amount = 123_456_789_012_345_678_901_234_567_891_u128;
    let transfer = format!("0xa9059cbb{}{amount:064x}", &slot(&addresses[0])[2..]);
    for transaction in [
        json!({"from": rich, "to": addresses[0], "value": "0x8ac7230489e80001"}),
        json!({"from": rich, "to": addresses[1], "value": "0x6f05b59d3b20000"}),
        json!({"from": rich, "to": USDC, "data": transfer}),
    ] {
        anvil.send(transaction).await;
    }
    let since_us = clock::now_us();
    let told = balances(&mut wallets, &id).await.unwrap();
    let sent = [
        ("ETH", "10.500000000000000001", "10500000000000000001"),
        ("USDC", "123456789012345678901234.567891", "123456789012345678901234567891"),
    ];
    let after = anvil.height().await;
    assert!(after >= height + 3, "{after}");
    assert_eq!(figures(&told, after, since_us), sent);

    anvil.process.kill().await.unwrap();
    let status = balances(&mut wallets, &id).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "CHAIN_UNAVAILABLE"));
    assert!(status.get_details_retry_info().is_some());
    assert_eq!(status.get_details_error_info().unwrap().metadata["network"], "sepolia");
}

/// Sabotage: read all addresses at once, or read more than a hundred.
async fn one_call_has_eight_readings_in_flight_and_a_hundred_in_all(database: Database) {
    let node = Fake::start(Duration::from_millis(20)).await;
    let (_server, mut wallets, id, mut addresses) = wallet(database, &node.url, 100).await;
    let told = balances(&mut wallets, &id).await.unwrap();
    let units: Vec<_> = told.iter().map(|it| (it.token.as_str(), it.raw_amount.as_str())).collect();
    assert_eq!(units, [("ETH", "100"), ("USDC", "200")]);
    let (asked, most) = (node.accounts(), node.seen.most.load(Ordering::SeqCst));
    assert_eq!(asked.len(), 100, "each address is asked for once");
    assert!((2..=8).contains(&most), "{most}");

    add(&mut wallets, &id, 101, &mut addresses).await;
    let status = balances(&mut wallets, &id).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "TOO_MANY_ADDRESSES"));
    let metadata = status.get_details_error_info().unwrap().metadata;
    assert_eq!((metadata["wallet_id"].as_str(), metadata["limit"].as_str()), (id.as_str(), "100"));
    assert_eq!(node.accounts().len(), 100, "nothing more was asked");
}

/// Sabotage: read on whoever waits.
async fn a_caller_that_leaves_takes_its_readings_along(database: Database) {
    let node = Fake::start(Duration::from_secs(60)).await;
    let (_server, mut wallets, id, _) = wallet(database, &node.url, 20).await;
    let call = tokio::spawn(async move { balances(&mut wallets, &id).await });
    while node.seen.requests.load(Ordering::SeqCst) < 8 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    call.abort();
    // Until they are given up; in turns, of which a machine that stands still takes one.
    for _ in 0..150 {
        if node.seen.in_flight.load(Ordering::SeqCst) == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Those that are not are answered, and would ask their next question.
    node.seen.hurry.notify_waiters();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(node.seen.requests.load(Ordering::SeqCst), 8);
}

/// A node of Sepolia on which every account has 1 wei and 2 units of the token, and what it was asked.
struct Fake {
    url: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    in_flight: AtomicUsize,
    most: AtomicUsize,
    accounts: Mutex<Vec<String>>,
    /// Has what is in flight answered at once.
    hurry: Notify,
}

/// A question in flight, until it is answered or given up.
struct InFlight(Arc<Seen>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fake {
    async fn start(delay: Duration) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let its = Arc::clone(&seen);
        let answer = move |body: axum::body::Bytes| {
            let seen = Arc::clone(&its);
            async move {
                let calls: Vec<Value> = serde_json::from_slice(&body).unwrap();
                seen.requests.fetch_add(1, Ordering::SeqCst);
                seen.most.fetch_max(seen.in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let _in_flight = InFlight(Arc::clone(&seen));
                let _ = tokio::time::timeout(delay, seen.hurry.notified()).await;
                let answers: Vec<_> = calls.iter().map(|call| seen.answer(call)).collect();
                Value::from(answers).to_string()
            }
        };
        let app = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen }
    }

    /// The accounts whose coin it was asked for.
    fn accounts(&self) -> std::collections::BTreeSet<String> {
        let accounts = self.seen.accounts.lock().unwrap();
        let different: std::collections::BTreeSet<_> = accounts.iter().cloned().collect();
        assert_eq!(different.len(), accounts.len());
        different
    }
}

impl Seen {
    fn answer(&self, call: &Value) -> Value {
        let result = match call["method"].as_str().unwrap() {
            "eth_chainId" => format!("{SEPOLIA:#x}"),
            "eth_blockNumber" => "0x10".to_owned(),
            "eth_getBalance" => {
                self.accounts.lock().unwrap().push(call["params"][0].as_str().unwrap().to_owned());
                "0x1".to_owned()
            }
            _ => format!("0x{:064x}", 2),
        };
        json!({"jsonrpc": "2.0", "id": call["id"], "result": result})
    }
}

/// A chain of a test's own, until it is dropped.
struct Anvil {
    url: String,
    process: Child,
}

impl Anvil {
    /// Starts one on a free port, or says that it cannot.
    async fn start() -> Option<Self> {
        let Ok(binary) = std::env::var("PURSER_TEST_ANVIL") else {
            // Past the test runner, which keeps to itself what tests print that pass.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: PURSER_TEST_ANVIL names no anvil, so GetBalances was NOT held to a real node"
            );
            return None;
        };
        let mut process = Command::new(binary)
            .args(["--host", "127.0.0.1", "--port", "0", "--chain-id", &SEPOLIA.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let listening = async {
            loop {
                let line = lines.next_line().await.unwrap().unwrap();
                if let Some(address) = line.strip_prefix("Listening on ") {
                    return format!("http://{}", address.trim());
                }
            }
        };
        let url = tokio::time::timeout(Duration::from_secs(30), listening).await.unwrap();
        // It would stand still if nobody read what it prints.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Self { url, process })
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let host = self.url.trim_start_matches("http://");
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let answer: Value = serde_json::from_str(body).unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Sends a transaction, and waits until it is in a block.
    async fn send(&self, transaction: Value) {
        let hash = self.call("eth_sendTransaction", json!([transaction])).await;
        for _ in 0..100 {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash])).await;
            if !receipt.is_null() {
                return assert_eq!(receipt["status"], "0x1", "{receipt}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no receipt");
    }

    async fn height(&self) -> u64 {
        let height = self.call("eth_blockNumber", json!([])).await;
        u64::from_str_radix(height.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }
}
