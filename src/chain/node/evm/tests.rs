use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::chain::node::fake::{Fake, read, tokens};
use crate::domain::Network;

const ADDRESS: &str = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045";
const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";

fn ether_and_usdc() -> &'static [Token] {
    tokens(&[("ETH", None, 18), ("USDC", Some(USDC), 6)])
}

/// A good answer of Ethereum at height 0x10.
fn good(method: &str) -> Value {
    match method {
        "eth_chainId" => json!("0x1"),
        "eth_blockNumber" => json!("0x10"),
        "eth_getBalance" => json!("0x8ac7230489e80000"),
        "eth_call" => json!(format!("0x{:064x}", 2_500_000)),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn balances_are_asked_for_at_the_height_that_was_told() {
    let fake = Fake::rpc(|method, _| Ok(good(method))).await;
    let nodes = fake.nodes(Network::Ethereum, ether_and_usdc());
    let (height, amounts) = read(&nodes, Network::Ethereum, ADDRESS).await.unwrap();
    assert_eq!((height, amounts), (16, vec!["10000000000000000000".to_owned(), "2500000".to_owned()]));

    let second = &fake.asked()[1].body;
    let account = "d8da6bf26964af9d7eed9e03e53415d37aa96045";
    assert_eq!(second[0]["params"], json!([format!("0x{account}"), "0x10"]));
    let call = json!({
        "to": "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
        "data": format!("0x70a08231000000000000000000000000{account}"),
    });
    assert_eq!(second[1]["params"], json!([call, "0x10"]));
}

#[tokio::test]
async fn the_chain_is_checked_until_it_was_right_once() {
    let chain = AtomicU64::new(5);
    let fake = Fake::rpc(move |method, _| match method {
        "eth_chainId" => Ok(json!(format!("{:#x}", chain.swap(1, Ordering::SeqCst)))),
        _ => Ok(good(method)),
    })
    .await;
    let nodes = fake.nodes(Network::Ethereum, ether_and_usdc());
    assert_eq!(read(&nodes, Network::Ethereum, ADDRESS).await.unwrap_err(), "is of another chain");
    read(&nodes, Network::Ethereum, ADDRESS).await.unwrap();
    read(&nodes, Network::Ethereum, ADDRESS).await.unwrap();
    let (with_chain, without) =
        (["eth_blockNumber", "eth_chainId"].as_slice(), ["eth_blockNumber"].as_slice());
    let amounts = ["eth_getBalance", "eth_call"].as_slice();
    assert_eq!(fake.methods(), [with_chain, with_chain, amounts, without, amounts]);
}

/// What is said if one method of Ethereum's node has this outcome.
async fn said(bad: &'static str, outcome: Result<Value, Value>) -> String {
    let fake =
        Fake::rpc(move |method, _| if method == bad { outcome.clone() } else { Ok(good(method)) }).await;
    read(&fake.nodes(Network::Ethereum, ether_and_usdc()), Network::Ethereum, ADDRESS).await.unwrap_err()
}

#[tokio::test]
async fn a_bad_answer_to_any_call_is_no_reading() {
    for method in ["eth_chainId", "eth_blockNumber", "eth_getBalance", "eth_call"] {
        let form = format!("answered {method} with something else than a number of 256 bits");
        for result in [
            json!(""),
            json!("0x"),
            json!("10"),
            json!("0X10"),
            json!("0x-1"),
            json!("0x+1"),
            json!("0x1_0"),
            json!("0x 1"),
            json!("0xg"),
            json!("0x1\n"),
            json!(16),
            json!(16.5),
            json!(["0x10"]),
            json!({"amount": "0x10"}),
            json!(true),
            json!(format!("0x1{}", "0".repeat(64))),
        ] {
            assert_eq!(said(method, Ok(result.clone())).await, form, "{result}");
        }
        assert_eq!(said(method, Ok(Value::Null)).await, "gave an answer that is not JSON-RPC");
        let error = json!({"code": -32005, "message": "the key sesame is used up"});
        assert_eq!(said(method, Err(error)).await, format!("answered {method} with error -32005"));
    }
    assert_eq!(said("eth_chainId", Ok(json!("0x2"))).await, "is of another chain");
    for method in ["eth_blockNumber", "eth_getBalance"] {
        let form = format!("answered {method} with something else than a number of 256 bits");
        assert_eq!(said(method, Ok(json!("0x010"))).await, form);
    }
    for digits in [2, 63, 66, 128] {
        let form = "answered eth_call with something else than a number of 256 bits";
        assert_eq!(said("eth_call", Ok(json!(format!("0x{}", "0".repeat(digits))))).await, form);
    }
    let beyond = "answered eth_blockNumber with something else than a number of 256 bits";
    assert_eq!(said("eth_blockNumber", Ok(json!("0x10000000000000000"))).await, beyond);
}

#[test]
fn numbers_are_read_to_the_last_unit() {
    let most = format!("0x{}", "f".repeat(64));
    for (text, number) in [
        ("0x0", U256::ZERO),
        ("0xa", U256::from(10)),
        ("0xA", U256::from(10)),
        (&format!("0x1{}", "0".repeat(50)), U256::from(1) << 200),
        (&most, U256::MAX),
    ] {
        assert_eq!(quantity("it", &json!(text)).unwrap(), number);
    }
    assert_eq!(word("it", &json!(most)).unwrap(), U256::MAX);
}

#[test]
fn every_contract_of_the_table_can_be_asked_for() {
    for network in Network::ALL {
        let info = network.info();
        assert!(info.tokens.first().is_some_and(|it| it.contract.is_none()), "{network}");
        for token in &info.tokens[1..] {
            let contract = address::parse(*network, token.contract.unwrap()).unwrap();
            assert_eq!(digits(&contract).is_ok(), matches!(info.family, Family::Evm | Family::Tron));
            assert_ne!(info.family, Family::Bitcoin);
        }
    }
}

mod tron {
    use super::*;

    const HOLDER: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
    const USDT: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";

    fn tron_and_usdt() -> &'static [Token] {
        tokens(&[("TRX", None, 6), ("USDT", Some(USDT), 6)])
    }

    /// A node whose height has these values one after another, and then stays.
    async fn node(heights: &'static [u64]) -> Fake {
        let next = AtomicU64::new(0);
        Fake::rpc(move |method, params| match method {
            "eth_chainId" => Ok(json!("0x2b6653dc")),
            "eth_blockNumber" => {
                let at = usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap();
                Ok(json!(format!("{:#x}", heights[at.min(heights.len() - 1)])))
            }
            _ if params[1] != "latest" => Err(json!({"code": -32602})),
            _ => Ok(good(method)),
        })
        .await
    }

    #[tokio::test]
    async fn tron_is_asked_for_its_latest_state_in_hexadecimal_addresses() {
        let fake = node(&[7]).await;
        let nodes = fake.nodes(Network::Tron, tron_and_usdt());
        let (height, amounts) = read(&nodes, Network::Tron, HOLDER).await.unwrap();
        assert_eq!((height, amounts), (7, vec!["10000000000000000000".to_owned(), "2500000".to_owned()]));
        let second = &fake.asked()[1].body;
        let account = "a614f803b6fd780986a42c78ec9c7f77e6ded13c";
        assert_eq!(second[0]["params"], json!([format!("0x{account}"), "latest"]));
        let call = json!({
            "to": format!("0x{account}"),
            "data": format!("0x70a08231000000000000000000000000{account}"),
        });
        assert_eq!(second[1]["params"], json!([call, "latest"]));
    }

    #[tokio::test]
    async fn tron_is_read_again_if_a_block_came_in_between() {
        let fake = node(&[7, 8]).await;
        let nodes = fake.nodes(Network::Tron, tron_and_usdt());
        assert_eq!(read(&nodes, Network::Tron, HOLDER).await.unwrap().0, 8);
        assert_eq!(fake.asked().len(), 5);
    }

    #[tokio::test]
    async fn tron_is_given_up_if_blocks_keep_coming_in_between() {
        let nodes = node(&[7, 8, 9, 10]).await;
        let nodes_of = nodes.nodes(Network::Tron, tron_and_usdt());
        let said = read(&nodes_of, Network::Tron, HOLDER).await.unwrap_err();
        assert_eq!(said, "made blocks faster than it could be read");
    }

    #[tokio::test]
    async fn a_node_of_ethereum_is_none_of_tron() {
        let fake = Fake::rpc(|method, _| Ok(good(method))).await;
        let nodes = fake.nodes(Network::Tron, tron_and_usdt());
        assert_eq!(read(&nodes, Network::Tron, HOLDER).await.unwrap_err(), "is of another chain");
    }
}
