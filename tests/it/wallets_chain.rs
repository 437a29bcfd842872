//! What wallets hold by the chain: a node's figure with its height and time, or a reason why there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use purser::api::{self, BalanceSource};
use purser::app::{App, Chains};
use purser::chain::node::{Endpoint, Nodes};
use purser::domain::Network;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::Code;
use tonic_types::StatusExt;

use crate::harness::{TestServer, connect, on_each_database};
use crate::wallets_wire::{Keeper, Purse, failed};
use crate::wire::{Answer, is, refusal, told};

on_each_database!(Purse:
    without_a_node_it_is_said_how_to_name_one,
    the_figures_are_the_node_s_with_its_height_and_the_time,
    several_addresses_add_up_and_calls_at_once_share_a_reading,
    a_node_that_is_down_slow_or_of_another_chain_gives_no_figure,
    of_several_networks_all_are_answered_or_none,
);

/// A client of an instance over the same database that asks these nodes.
async fn asking(it: &Purse, nodes: &[(Network, &str)]) -> Keeper {
    let endpoints = nodes.iter().map(|it| Endpoint::new(it.0, it.1).unwrap());
    let nodes = Nodes::new(endpoints, purser::clock::now_us).unwrap();
    let app = App::start(it.acme.server.app.store().clone(), Chains { nodes, ..crate::harness::chains() });
    app.open();
    Keeper::of(connect(TestServer::listen(&app).await).await, &it.acme.tenant.key)
}

async fn by_chain(keeper: &mut Keeper, wallet: &str) -> Answer<Vec<api::Balance>> {
    let source = BalanceSource::Chain.into();
    let request = api::GetBalancesRequest { wallet_id: wallet.to_owned(), source };
    Ok(keeper.wallets.get_balances(request).await?.into_inner().balances)
}

/// A node of an EVM chain: 10 ether and 2.5 of every token for each address, at height 16. How often it was asked.
async fn node(chain_id: &'static str, delay: Duration) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let heard = Arc::clone(&asked);
    let handler = move |body: Bytes| {
        heard.fetch_add(1, Ordering::Relaxed);
        let calls: Vec<Value> = serde_json::from_slice(&body).unwrap();
        let answers = calls.iter().map(|call| {
            let result = match call["method"].as_str().unwrap() {
                "eth_chainId" => chain_id.to_owned(),
                "eth_blockNumber" => "0x10".to_owned(),
                "eth_getBalance" => "0x8ac7230489e80000".to_owned(),
                "eth_call" => format!("0x{:064x}", 2_500_000),
                other => panic!("{other}"),
            };
            json!({"jsonrpc": "2.0", "id": call["id"], "result": result})
        });
        let answer = answers.collect::<Value>().to_string();
        async move {
            tokio::time::sleep(delay).await;
            answer
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await.unwrap() });
    (url, asked)
}

async fn without_a_node_it_is_said_how_to_name_one(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let refused = by_chain(&mut it.keeper, &wallet).await.unwrap_err();
    assert_eq!(told(&refused, "network"), "ethereum");
    assert!(refused.message().contains("--chain ethereum="), "{}", refused.message());
    assert_eq!(refusal::<()>(Err(refused)), failed("CHAIN_NOT_CONFIGURED"));
}

async fn the_figures_are_the_node_s_with_its_height_and_the_time(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let (url, asked) = node("0x1", Duration::ZERO).await;
    let mut keeper = asking(&it, &[(Network::Ethereum, &url)]).await;
    let began = purser::clock::now_us() / 1_000_000;
    let balances = by_chain(&mut keeper, &wallet).await.unwrap();
    let figures: Vec<_> =
        balances.iter().map(|it| [it.network.as_str(), &it.token, &it.amount, &it.raw_amount]).collect();
    let ten = "10000000000000000000";
    let expected = [
        ["ethereum", "ETH", "10", ten],
        ["ethereum", "USDC", "2.5", "2500000"],
        ["ethereum", "USDT", "2.5", "2500000"],
    ];
    assert_eq!(figures, expected);
    for balance in &balances {
        assert_eq!((balance.source(), balance.block_height), (BalanceSource::Chain, 16));
        assert!((began..=began + 5).contains(&balance.observe_time.unwrap().seconds));
    }
    assert!(asked.load(Ordering::Relaxed) > 0);
    // The books know nothing of it.
    assert!(keeper.balances(&wallet).await.is_empty());
}

async fn several_addresses_add_up_and_calls_at_once_share_a_reading(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    for _ in 0..2 {
        it.keeper.next_address(&wallet, "ethereum").await.unwrap();
    }
    let mut tries = Vec::new();
    // All are answered by two questions an address: the height, and the amounts. On a machine that stands
    // still a call may come after that, or an answer be late: then it is tried again.
    while tries.last() != Some(&(16, 6)) {
        assert!(tries.len() < 4, "answered, and asked: {tries:?}");
        let (url, asked) = node("0x1", Duration::from_millis(700)).await;
        let keeper = asking(&it, &[(Network::Ethereum, &url)]).await;
        let calls: Vec<_> = (0..16)
            .map(|_| {
                let (mut keeper, wallet) = (keeper.clone(), wallet.clone());
                tokio::spawn(async move { by_chain(&mut keeper, &wallet).await })
            })
            .collect();
        let mut answered = 0;
        for call in calls {
            if let Ok(balances) = call.await.unwrap() {
                assert_eq!((balances[0].amount.as_str(), balances[1].amount.as_str()), ("30", "7.5"));
                answered += 1;
            }
        }
        tries.push((answered, asked.load(Ordering::Relaxed)));
    }
}

async fn a_node_that_is_down_slow_or_of_another_chain_gives_no_figure(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let down = format!("http://user:sesame@127.0.0.1:{}/sesame", crate::process::free_port());
    let (slow, _) = node("0x1", Duration::from_secs(20)).await;
    let (other, _) = node("0x5", Duration::ZERO).await;
    for url in [down, slow, other] {
        let mut keeper = asking(&it, &[(Network::Ethereum, &url)]).await;
        let began = Instant::now();
        let refused = by_chain(&mut keeper, &wallet).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        assert_eq!(told(&refused, "network"), "ethereum");
        assert!(refused.get_details_retry_info().is_some_and(|it| it.retry_delay.is_some()));
        assert!(!refused.message().contains("sesame") && !refused.message().contains("127.0.0.1"));
        assert_eq!(refusal::<()>(Err(refused)), is(Code::Unavailable, "CHAIN_UNAVAILABLE"));
    }
}

async fn of_several_networks_all_are_answered_or_none(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum", "base"]).await.unwrap().id;
    let (ethereum, asked) = node("0x1", Duration::ZERO).await;
    let (base, _) = node("0x2105", Duration::ZERO).await;
    let mut keeper = asking(&it, &[(Network::Ethereum, &ethereum)]).await;
    let refused = by_chain(&mut keeper, &wallet).await.unwrap_err();
    assert!(refused.message().contains("--chain base="), "{}", refused.message());
    assert_eq!(asked.load(Ordering::Relaxed), 0, "nobody is asked in vain");
    let mut keeper = asking(&it, &[(Network::Ethereum, &ethereum), (Network::Base, &base)]).await;
    let balances = by_chain(&mut keeper, &wallet).await.unwrap();
    let found: Vec<_> = balances.iter().map(|it| (it.network.as_str(), it.token.as_str())).collect();
    assert_eq!(found.iter().filter(|it| it.1 == "ETH").count(), 2, "{found:?}");
    assert_eq!(found.len(), 6);
}
