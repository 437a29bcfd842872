//! Readings from a real node: `anvil`, if the environment variable `PURSER_TEST_ANVIL` names its binary.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ruint::aliases::U256;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;

use crate::domain::Network;

use super::fake::{Fake, Reply, nodes, read, tokens};
use super::http;

/// A token that has `balanceOf` and `transfer` of ERC-20 and nothing else, assembled by hand. Who makes it owns all of
/// it, 2^256 - 1. An account's balance is in the storage slot whose number is its address.
///
/// Whatever is not named here stands in hexadecimal; jump targets are the places of the `JUMPDEST` before them.
///
/// ```text
/// make:      PUSH 00, NOT, CALLER, SSTORE              the maker's balance = 2^256 - 1
///            PUSH 4f, DUP1, PUSH 10, PUSH 00, CODECOPY, PUSH 00, RETURN      the rest is the contract
/// begin:     PUSH 00, CALLDATALOAD, PUSH e0, SHR       the selector
///            DUP1, PUSH 70a08231, EQ, PUSH balance_of, JUMPI
///            PUSH a9059cbb, EQ, PUSH transfer, JUMPI
/// fail:      JUMPDEST, PUSH 00, DUP1, REVERT
/// balance_of: JUMPDEST, PUSH 04, CALLDATALOAD, SLOAD, PUSH 00, MSTORE, PUSH 20, PUSH 00, RETURN
/// transfer:  JUMPDEST, PUSH 24, CALLDATALOAD, CALLER, SLOAD               amount, balance
///            DUP2, DUP2, LT, PUSH fail, JUMPI          if the balance is less
///            DUP2, SWAP1, SUB, CALLER, SSTORE          take it from the caller
///            PUSH 04, CALLDATALOAD, SLOAD, ADD, PUSH 04, CALLDATALOAD, SSTORE     give it to the other
///            PUSH 01, PUSH 00, MSTORE, PUSH 20, PUSH 00, RETURN            true
/// ```
const TOKEN: &str = concat!(
    "0x6000193355",
    "604f8060106000396000f3",
    "60003560e01c",
    "806370a0823114601e57",
    "63a9059cbb14602b57",
    "5b600080fd",
    "5b6004355460005260206000f3",
    "5b602435335481811060195781900333556004355401600435556001",
    "60005260206000f3",
);
/// A contract that answers any call with the height: `NUMBER, PUSH 00, MSTORE, PUSH 20, PUSH 00, RETURN`.
const HEIGHT: &str = "0x4360005260206000f3";
const SEPOLIA: u64 = 11_155_111;

/// A chain of a test's own, until it is dropped.
struct Anvil {
    url: String,
    _process: Child,
}

impl Anvil {
    /// Starts one on a free port, or says that it cannot.
    async fn start() -> Option<Self> {
        let Ok(binary) = std::env::var("PURSER_TEST_ANVIL") else {
            // Past the test runner, which keeps to itself what tests print that pass.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: PURSER_TEST_ANVIL names no anvil, so balances were NOT read from a real node"
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
        Some(Self { url, _process: process })
    }

    async fn post(&self, body: &Value) -> Value {
        let request = http::client().unwrap().post(&self.url).header("content-type", "application/json");
        let body = http::send(request.body(body.to_string())).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.post(&call).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Sends a transaction from the first account; its receipt.
    async fn send(&self, mut transaction: Value) -> Value {
        transaction["from"] = self.rich().await;
        let hash = self.call("eth_sendTransaction", json!([transaction])).await;
        for _ in 0..100 {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash])).await;
            if !receipt.is_null() {
                assert_eq!(receipt["status"], "0x1", "{receipt}");
                return receipt;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no receipt");
    }

    /// The first of the accounts that hold something from the beginning.
    async fn rich(&self) -> Value {
        self.call("eth_accounts", json!([])).await[0].clone()
    }

    async fn height(&self) -> u64 {
        let height = self.call("eth_blockNumber", json!([])).await;
        u64::from_str_radix(height.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }
}

#[tokio::test]
async fn balances_read_from_anvil_equal_what_was_sent() {
    let Some(anvil) = Anvil::start().await else { return };
    let receipt = anvil.send(json!({"data": TOKEN})).await;
    let token: &'static str = receipt["contractAddress"].as_str().unwrap().to_owned().leak();
    let nodes = nodes(Network::Sepolia, &anvil.url, tokens(&[("ETH", None, 18), ("MIN", Some(token), 18)]));
    let address = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045";
    assert_eq!(read(&nodes, Network::Sepolia, address).await.unwrap().1, ["0", "0"]);

    // 10 ETH and one wei, and more of the token than a u64 holds.
    anvil.send(json!({"to": address, "value": "0x8ac7230489e80001"})).await;
    let amount = 123_456_789_012_345_678_901_234_567_890_u128;
    let data = format!("0xa9059cbb{:0>64}{amount:064x}", address.trim_start_matches("0x"));
    anvil.send(json!({"to": token, "data": data})).await;
    let (height, amounts) = read(&nodes, Network::Sepolia, address).await.unwrap();
    assert_eq!(height, anvil.height().await);
    assert_eq!(amounts, ["10000000000000000001", "123456789012345678901234567890"]);

    // The maker has what is left of 2^256 - 1.
    let rich = anvil.rich().await;
    let left = U256::MAX - U256::from(amount);
    assert_eq!(read(&nodes, Network::Sepolia, rich.as_str().unwrap()).await.unwrap().1[1], left.to_string());

    for (wei, decimal) in [
        ("0x8ac7230489e80000".to_owned(), "10000000000000000000"),
        (format!("0x1{}", "0".repeat(50)), "1606938044258990275541962092341162602522202993782792835301376"),
    ] {
        anvil.call("anvil_setBalance", json!([address, wei])).await;
        assert_eq!(read(&nodes, Network::Sepolia, address).await.unwrap().1[0], decimal);
    }
}

#[tokio::test]
async fn anvil_is_refused_for_another_chain_and_for_a_token_that_is_not_there() {
    let Some(anvil) = Anvil::start().await else { return };
    let address = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045";
    let other = nodes(Network::Ethereum, &anvil.url, tokens(&[("ETH", None, 18)]));
    assert_eq!(read(&other, Network::Ethereum, address).await.unwrap_err(), "is of another chain");
    let nowhere = "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238";
    let nodes = nodes(Network::Sepolia, &anvil.url, tokens(&[("ETH", None, 18), ("NO", Some(nowhere), 6)]));
    let said = read(&nodes, Network::Sepolia, address).await.unwrap_err();
    assert_eq!(said, "answered eth_call with something else than a number of 256 bits");
}

/// A relay sends 2 wei, in a block of their own, between the question for the height and that for the amounts. So the
/// block that is asked for is never the newest: asked for that, anvil 1.7.1 now and then tells the state of the next
/// one, if it is mined just then.
///
/// Sabotage: ask for `latest`, and the amounts are those of a later block than the height.
#[tokio::test(flavor = "multi_thread")]
async fn all_amounts_are_of_the_block_that_is_told_though_another_was_mined_meanwhile() {
    let Some(anvil) = Anvil::start().await else { return };
    let contract = "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238";
    let address = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045";
    anvil.call("anvil_setCode", json!([contract, HEIGHT])).await;
    anvil.send(json!({"to": address, "value": "0x7"})).await;
    let anvil = Arc::new(anvil);
    let behind = Arc::clone(&anvil);
    let relay = Fake::start(move |question| {
        let passed_on = async {
            let body = behind.post(&question.body).await;
            if question.body[0]["method"] == "eth_blockNumber" {
                behind.send(json!({"to": address, "value": "0x2"})).await;
            }
            Reply::text(body.to_string())
        };
        tokio::task::block_in_place(|| Handle::current().block_on(passed_on))
    })
    .await;
    let of_height = tokens(&[("ETH", None, 18), ("ONE", Some(contract), 0), ("TWO", Some(contract), 0)]);
    let nodes = relay.nodes(Network::Sepolia, of_height);
    for wei in ["7", "9"] {
        let (height, amounts) = read(&nodes, Network::Sepolia, address).await.unwrap();
        assert_eq!(amounts, [wei.to_owned(), height.to_string(), height.to_string()]);
        assert_eq!(height + 1, anvil.height().await);
    }
}
