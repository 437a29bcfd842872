//! Solana: lamports of an account, and tokens of all accounts that it owns.

use std::collections::BTreeSet;

use ruint::aliases::U256;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::domain::{ChainAddress, Fault, Token};

use super::rpc::{self, Call};
use super::{CAIP2_DIGITS, Figures, Node};

/// How often the answers may be of different slots before the lowest is taken.
const TRIES: usize = 2;

/// Reads an owner as of the newest finalized slot.
///
/// No node can be asked for one slot, and slots are made faster than some answer a batch. So they are asked again if the
/// slots differ, and if they still do, the lowest counts: every figure is at least as recent.
pub(super) async fn read(node: &Node, owner: &ChainAddress) -> Result<Figures, Fault> {
    let owner = owner.as_str();
    let (mut slots, mut figures) = ask(node, owner).await?;
    for _ in 1..TRIES {
        if slots.len() > 1 {
            (slots, figures) = ask(node, owner).await?;
        }
    }
    Ok(figures)
}

/// The figures, and every slot that one of them is of.
async fn ask(node: &Node, owner: &str) -> Result<(BTreeSet<u64>, Figures), Fault> {
    let mut calls: Vec<Call> = node.tokens.iter().map(|token| balance_of(token, owner)).collect();
    if !node.is_known() {
        calls.push(Call { method: "getGenesisHash", params: json!([]) });
    }
    let results = rpc::results(node, &calls).await?;
    if let Some(genesis) = results.get(node.tokens.len()) {
        // CAIP-2 takes no more of the hash of the first block.
        let begins = genesis.as_str().and_then(|it| it.get(..CAIP2_DIGITS));
        node.recognize(begins.ok_or_else(|| malformed("getGenesisHash"))?)?;
    }
    let mut slots = BTreeSet::new();
    let mut amounts = Vec::with_capacity(node.tokens.len());
    for (token, result) in node.tokens.iter().zip(results) {
        let (slot, amount) = amount(token, owner, result)?;
        slots.insert(slot);
        amounts.push(amount);
    }
    let block_height = *slots.first().ok_or(Fault::new("was asked for nothing"))?;
    Ok((slots, Figures { block_height, amounts }))
}

fn balance_of(token: &Token, owner: &str) -> Call {
    match token.contract {
        None => Call { method: "getBalance", params: json!([owner, {"commitment": "finalized"}]) },
        Some(mint) => Call {
            method: "getTokenAccountsByOwner",
            params: json!([owner, {"mint": mint}, {"commitment": "finalized", "encoding": "jsonParsed"}]),
        },
    }
}

/// A value and the slot that it is of.
#[derive(Deserialize)]
struct AsOf<T> {
    context: Context,
    value: T,
}

#[derive(Deserialize)]
struct Context {
    slot: u64,
}

#[derive(Deserialize)]
struct TokenAccount {
    pubkey: String,
    account: Account,
}

#[derive(Deserialize)]
struct Account {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    parsed: Parsed,
}

#[derive(Deserialize)]
struct Parsed {
    info: Holding,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Holding {
    mint: String,
    owner: String,
    token_amount: Amount,
}

#[derive(Deserialize)]
struct Amount {
    amount: String,
    decimals: u8,
}

/// The slot, and how much of the token there is in all accounts together.
fn amount(token: &Token, owner: &str, result: Value) -> Result<(u64, U256), Fault> {
    let Some(mint) = token.contract else {
        let lamports: AsOf<u64> = parse("getBalance", result)?;
        return Ok((lamports.context.slot, U256::from(lamports.value)));
    };
    let accounts: AsOf<Vec<TokenAccount>> = parse("getTokenAccountsByOwner", result)?;
    let mut seen = BTreeSet::new();
    let mut sum = U256::ZERO;
    for TokenAccount { pubkey, account } in accounts.value {
        let Holding { mint: its_mint, owner: its_owner, token_amount } = account.data.parsed.info;
        let asked_for = its_mint == mint && its_owner == owner && token_amount.decimals == token.decimals;
        if !asked_for || !seen.insert(pubkey) {
            return Err(Fault::new("told of a token account that was not asked for, or twice of one"));
        }
        let amount = units(&token_amount.amount).ok_or_else(|| malformed("getTokenAccountsByOwner"))?;
        sum = sum.checked_add(U256::from(amount)).ok_or_else(|| malformed("getTokenAccountsByOwner"))?;
    }
    Ok((accounts.context.slot, sum))
}

fn parse<T: DeserializeOwned>(method: &str, result: Value) -> Result<T, Fault> {
    serde_json::from_value(result).map_err(|_| malformed(method))
}

/// A number in decimal digits; the parser alone would take a sign.
fn units(text: &str) -> Option<u64> {
    text.bytes().all(|it| it.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn malformed(method: &str) -> Fault {
    Fault::because(format!("answered {method} with something of another form"))
}

#[cfg(test)]
mod tests;
