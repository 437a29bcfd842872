use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::chain::node::fake::{Fake, read, tokens};
use crate::domain::Network;

const OWNER: &str = "zZqNUDNijfbMXFy2wVCdJSm9MeMfxBMdxBqseSuiSW6";
const MINT: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
const GENESIS: &str = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d";

fn sol_and_usdc() -> &'static [Token] {
    tokens(&[("SOL", None, 9), ("USDC", Some(MINT), 6)])
}

fn as_of(slot: u64, value: &Value) -> Value {
    json!({"context": {"apiVersion": "2.1.0", "slot": slot}, "value": value})
}

/// A token account as a node tells of it.
fn account(pubkey: &str, amount: &str) -> Value {
    json!({
        "pubkey": pubkey,
        "account": {
            "data": {
                "parsed": {
                    "info": {
                        "isNative": false, "mint": MINT, "owner": OWNER, "state": "initialized",
                        "tokenAmount": {"amount": amount, "decimals": 6, "uiAmount": 0.1, "uiAmountString": "0.1"},
                    },
                    "type": "account",
                },
                "program": "spl-token",
                "space": 165,
            },
            "executable": false, "lamports": 2_039_280, "owner": "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
            "rentEpoch": 18_446_744_073_709_551_615_u64, "space": 165,
        },
    })
}

fn good(method: &str) -> Value {
    match method {
        "getGenesisHash" => json!(GENESIS),
        "getBalance" => as_of(350, &json!(u64::MAX)),
        "getTokenAccountsByOwner" => as_of(
            350,
            &json!([account("one", "18446744073709551615"), account("two", "18446744073709551615")]),
        ),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn all_accounts_of_a_mint_are_summed_beyond_64_bits() {
    let fake = Fake::rpc(|method, _| Ok(good(method))).await;
    let nodes = fake.nodes(Network::Solana, sol_and_usdc());
    let (slot, amounts) = read(&nodes, Network::Solana, OWNER).await.unwrap();
    assert_eq!(slot, 350);
    assert_eq!(amounts, ["18446744073709551615", "36893488147419103230"]);
    let batch = &fake.asked()[0].body;
    assert_eq!(batch[0]["params"], json!([OWNER, {"commitment": "finalized"}]));
    let how = json!({"commitment": "finalized", "encoding": "jsonParsed"});
    assert_eq!(batch[1]["params"], json!([OWNER, {"mint": MINT}, how]));

    read(&nodes, Network::Solana, OWNER).await.unwrap();
    let all = ["getBalance", "getTokenAccountsByOwner", "getGenesisHash"];
    assert_eq!(fake.methods(), [all.as_slice(), &all[..2]]);
}

#[tokio::test]
async fn an_owner_without_token_accounts_has_none() {
    let fake = Fake::rpc(|method, _| match method {
        "getTokenAccountsByOwner" => Ok(as_of(350, &json!([]))),
        _ => Ok(good(method)),
    })
    .await;
    let nodes = fake.nodes(Network::Solana, sol_and_usdc());
    assert_eq!(read(&nodes, Network::Solana, OWNER).await.unwrap().1[1], "0");
}

/// What is read if balance and token accounts are of these slots, one after another.
async fn read_at(slots: &'static [(u64, u64)]) -> (u64, usize) {
    let (first, second) = (AtomicU64::new(0), AtomicU64::new(0));
    let at = |next: &AtomicU64| slots[usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap()];
    let fake = Fake::rpc(move |method, _| match method {
        "getBalance" => Ok(as_of(at(&first).0, &json!(1))),
        "getTokenAccountsByOwner" => Ok(as_of(at(&second).1, &json!([]))),
        _ => Ok(good(method)),
    })
    .await;
    let nodes = fake.nodes(Network::Solana, sol_and_usdc());
    (read(&nodes, Network::Solana, OWNER).await.unwrap().0, fake.asked().len())
}

#[tokio::test]
async fn answers_of_different_slots_are_asked_for_once_more() {
    assert_eq!(read_at(&[(350, 351), (352, 352)]).await, (352, 2));
    assert_eq!(read_at(&[(350, 351), (353, 352)]).await, (352, 2));
    assert_eq!(read_at(&[(350, 350)]).await, (350, 1));
}

/// What is said if one method has this outcome.
async fn said(bad: &'static str, outcome: Result<Value, Value>) -> String {
    let fake =
        Fake::rpc(move |method, _| if method == bad { outcome.clone() } else { Ok(good(method)) }).await;
    read(&fake.nodes(Network::Solana, sol_and_usdc()), Network::Solana, OWNER).await.unwrap_err()
}

#[tokio::test]
async fn a_bad_answer_to_any_call_is_no_reading() {
    for (method, value) in [
        ("getBalance", json!("1")),
        ("getBalance", json!(-1)),
        ("getBalance", json!(1.5)),
        ("getBalance", json!(18_446_744_073_709_551_616.0)),
        ("getBalance", json!(null)),
        ("getTokenAccountsByOwner", json!({})),
        ("getTokenAccountsByOwner", json!(null)),
        ("getTokenAccountsByOwner", json!([{"pubkey": "one"}])),
        ("getTokenAccountsByOwner", json!([account("one", "")])),
        ("getTokenAccountsByOwner", json!([account("one", "+1")])),
        ("getTokenAccountsByOwner", json!([account("one", "0x1")])),
        ("getTokenAccountsByOwner", json!([account("one", "1.0")])),
        ("getTokenAccountsByOwner", json!([account("one", "18446744073709551616")])),
    ] {
        let form = format!("answered {method} with something of another form");
        assert_eq!(said(method, Ok(as_of(350, &value))).await, form, "{value}");
    }
    for method in ["getBalance", "getTokenAccountsByOwner"] {
        let form = format!("answered {method} with something of another form");
        assert_eq!(said(method, Ok(json!({"value": 1}))).await, form);
        let error = json!({"code": -32601, "message": "Method not found"});
        assert_eq!(said(method, Err(error)).await, format!("answered {method} with error -32601"));
    }
}

#[tokio::test]
async fn an_account_that_was_not_asked_for_is_no_reading() {
    let other = |field: &str, value: Value| {
        let mut account = account("two", "1");
        *account.pointer_mut(&format!("/account/data/parsed/info/{field}")).unwrap() = value;
        account
    };
    for account_two in [
        account("one", "1"),
        other("mint", json!(OWNER)),
        other("owner", json!(MINT)),
        other("tokenAmount/decimals", json!(9)),
    ] {
        let accounts = as_of(350, &json!([account("one", "1"), account_two]));
        let said = said("getTokenAccountsByOwner", Ok(accounts)).await;
        assert_eq!(said, "told of a token account that was not asked for, or twice of one");
    }
}

#[tokio::test]
async fn a_node_of_another_cluster_is_none_of_this() {
    let devnet = json!("EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxkbkZBG");
    assert_eq!(said("getGenesisHash", Ok(devnet)).await, "is of another chain");
    let busy = json!({"code": -32005, "message": "Node is behind"});
    assert_eq!(said("getGenesisHash", Err(busy)).await, "answered getGenesisHash with error -32005");
    // What a node does not show is not taken for granted.
    let unknown = json!({"code": -32601, "message": "Method not found"});
    assert_eq!(said("getGenesisHash", Err(unknown)).await, "answered getGenesisHash with error -32601");
    for no_hash in [json!(""), json!(&GENESIS[..31]), json!(5), json!([GENESIS])] {
        let form = "answered getGenesisHash with something of another form";
        assert_eq!(said("getGenesisHash", Ok(no_hash)).await, form);
    }
}
