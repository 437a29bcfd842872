use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::chain::node::fake::{Fake, Reply, nodes, read, tokens};
use crate::domain::{Network, Token};

/// The first block of the main network.
const GENESIS: &str = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
const ADDRESS: &str = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu";

fn coin() -> &'static [Token] {
    tokens(&[("BTC", None, 8)])
}

/// An address as Esplora tells of it.
fn address() -> Value {
    json!({
        "address": ADDRESS,
        "chain_stats": {
            "funded_txo_count": 3, "funded_txo_sum": 2_100_000_000_000_000_u64, "spent_txo_count": 1,
            "spent_txo_sum": 1, "tx_count": 4,
        },
        "mempool_stats": {
            "funded_txo_count": 1, "funded_txo_sum": 77, "spent_txo_count": 0, "spent_txo_sum": 0, "tx_count": 1,
        },
    })
}

/// A node whose height has these values one after another, and that tells this of the address.
async fn node(heights: &'static [&'static str], address: impl Into<String>) -> Fake {
    let (next, address) = (AtomicUsize::new(0), address.into());
    Fake::start(move |question| match question.path.as_str() {
        "/api/block-height/0" => Reply::text(GENESIS),
        "/api/blocks/tip/height" => Reply::text(heights[next.fetch_add(1, Ordering::SeqCst)]),
        path if path == format!("/api/address/{ADDRESS}") => Reply::text(address.as_str()),
        _ => Reply::status(404),
    })
    .await
}

async fn read_from(fake: &Fake) -> Result<(u64, Vec<String>), String> {
    let nodes = nodes(Network::Bitcoin, &format!("{}/api", fake.url), coin());
    read(&nodes, Network::Bitcoin, ADDRESS).await
}

#[tokio::test]
async fn what_is_confirmed_is_what_came_in_less_what_went_out() {
    let fake = node(&["850000", "850000"], address().to_string()).await;
    assert_eq!(read_from(&fake).await.unwrap(), (850_000, vec!["2099999999999999".to_owned()]));
}

#[tokio::test]
async fn an_address_is_read_again_once_if_a_block_came_in_between() {
    let fake = node(&["850000", "850001", "850001"], address().to_string()).await;
    assert_eq!(read_from(&fake).await.unwrap().0, 850_001);
    let fake = node(&["850000", "850001", "850002"], address().to_string()).await;
    assert_eq!(read_from(&fake).await.unwrap_err(), "took in blocks faster than it could be read");
}

#[tokio::test]
async fn a_slash_or_a_key_in_the_url_stays_where_it_is() {
    let asked = |base: &'static str| async move {
        let fake = Fake::start(|_| Reply::status(404)).await;
        let nodes = nodes(Network::Bitcoin, &format!("{}{base}", fake.url), coin());
        assert_eq!(read(&nodes, Network::Bitcoin, ADDRESS).await.unwrap_err(), "answered HTTP 404");
        fake.asked()[0].path.clone()
    };
    assert_eq!(asked("").await, "/block-height/0");
    assert_eq!(asked("/api/").await, "/api/block-height/0");
    assert_eq!(asked("/v1/sesame/api?key=sesame").await, "/v1/sesame/api/block-height/0?key=sesame");
}

/// What is read on a test network from a node whose first block has this hash; it is asked twice.
async fn read_twice(genesis: impl Into<String>) -> (Result<(u64, Vec<String>), String>, Vec<String>) {
    const ON_TEST: &str = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
    let genesis = genesis.into();
    let fake = Fake::start(move |question| match question.path.as_str() {
        "/block-height/0" => Reply::text(genesis.as_str()),
        "/blocks/tip/height" => Reply::text("7"),
        _ => Reply::text(
            json!({"address": ON_TEST, "chain_stats": {"funded_txo_sum": 5, "spent_txo_sum": 0}}).to_string(),
        ),
    })
    .await;
    let nodes = fake.nodes(Network::BitcoinTestnet, coin());
    let first = read(&nodes, Network::BitcoinTestnet, ON_TEST).await;
    assert_eq!(read(&nodes, Network::BitcoinTestnet, ON_TEST).await, first);
    (first, fake.asked().into_iter().map(|it| it.path).collect())
}

/// All test networks of Bitcoin write their addresses alike.
#[tokio::test]
async fn a_node_of_another_chain_is_asked_for_no_address() {
    for other in [
        GENESIS,
        // testnet4, signet, regtest
        "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
        "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
        "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
    ] {
        let (said, asked) = read_twice(other).await;
        assert_eq!((said.unwrap_err().as_str(), asked.len()), ("is of another chain", 2), "{other}");
    }
    let testnet = "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943";
    for no_hash in [String::new(), testnet[..63].to_owned(), format!("{testnet}0"), testnet.replace('9', "x")]
    {
        let (said, asked) = read_twice(&no_hash).await;
        assert_eq!(
            (said.unwrap_err().as_str(), asked.len()),
            ("told a first block that has no hash", 2),
            "{no_hash}"
        );
    }
    let (right, asked) = read_twice(format!("{testnet}\n")).await;
    assert_eq!(right.unwrap(), (7, vec!["5".to_owned()]));
    assert_eq!(asked.iter().filter(|it| *it == "/block-height/0").count(), 1, "it is asked once");
}

#[tokio::test]
async fn a_bad_height_is_no_reading() {
    for heights in [[""], ["-1"], ["+1"], ["0x10"], ["1 2"], ["1e3"], ["18446744073709551616"], ["<html>"]] {
        let fake = node(Box::leak(Box::new(heights)), address().to_string()).await;
        assert_eq!(read_from(&fake).await.unwrap_err(), "told a height that is no number", "{heights:?}");
    }
}

#[tokio::test]
async fn a_bad_answer_about_an_address_is_no_reading() {
    let stats = |funded: Value, spent: Value| {
        let mut told = address();
        told["chain_stats"] = json!({"funded_txo_sum": funded, "spent_txo_sum": spent});
        told.to_string()
    };
    for told in [
        String::new(),
        "Address not found".to_owned(),
        "{}".to_owned(),
        json!({"address": ADDRESS, "mempool_stats": address()["mempool_stats"]}).to_string(),
        stats(json!(1), json!(2)),
        stats(json!("1"), json!(0)),
        stats(json!(-1), json!(0)),
        stats(json!(1.5), json!(0)),
        stats(json!(null), json!(0)),
        format!(
            r#"{{"address":"{ADDRESS}","chain_stats":{{"funded_txo_sum":18446744073709551616,"spent_txo_sum":0}}}}"#
        ),
        format!("{} {{}}", address()),
    ] {
        let fake = node(&["1", "1"], told.clone()).await;
        let said = read_from(&fake).await.unwrap_err();
        assert_eq!(said, "told of an address in another form than Esplora's", "{told}");
    }
    let mut other = address();
    other["address"] = json!("bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g");
    let fake = node(&["1", "1"], other.to_string()).await;
    assert_eq!(read_from(&fake).await.unwrap_err(), "told of another address than was asked for");
}
