//! EVM networks, and Tron through its endpoint that speaks like one.

use ruint::aliases::U256;
use serde_json::{Value, json};

use crate::chain::address;
use crate::domain::{ChainAddress, Family, Fault, Token};

use super::rpc::{self, Call};
use super::{Figures, Node};

/// The selector of `balanceOf(address)`.
const BALANCE_OF: &str = "70a08231";
/// How often the latest state is asked for before a chain counts as too quick.
const TRIES: usize = 3;

/// Reads an account as of the block that was the newest when it was asked for.
pub(super) async fn read(node: &Node, account: &ChainAddress) -> Result<Figures, Fault> {
    let block_height = height(node).await?;
    let amounts = amounts(node, account, &json!(format!("{block_height:#x}"))).await?;
    Ok(Figures { block_height, amounts })
}

/// Reads an account on a chain whose nodes know their latest state only: the height must be the same before and after.
pub(super) async fn read_latest(node: &Node, account: &ChainAddress) -> Result<Figures, Fault> {
    let mut before = height(node).await?;
    for _ in 0..TRIES {
        let amounts = amounts(node, account, &json!("latest")).await?;
        let after = height(node).await?;
        if before == after {
            return Ok(Figures { block_height: after, amounts });
        }
        before = after;
    }
    Err(Fault::new("made blocks faster than it could be read"))
}

/// The height of the chain. The first time, the node must also say that it is of the right one.
async fn height(node: &Node) -> Result<u64, Fault> {
    let mut calls = vec![Call { method: "eth_blockNumber", params: json!([]) }];
    if !node.is_known() {
        calls.push(Call { method: "eth_chainId", params: json!([]) });
    }
    let answers = rpc::results(node, &calls).await?;
    if let Some(chain_id) = answers.get(1) {
        node.recognize(&quantity("eth_chainId", chain_id)?.to_string())?;
    }
    let height = answers.first().map_or(Err(MISSING), |it| quantity("eth_blockNumber", it))?;
    u64::try_from(height).map_err(|_| malformed("eth_blockNumber"))
}

/// The amounts of all tokens as of a block, asked for in one request.
async fn amounts(node: &Node, account: &ChainAddress, block: &Value) -> Result<Vec<U256>, Fault> {
    let account = digits(account)?;
    let calls = node.tokens.iter().map(|token| balance_of(node, token, &account, block));
    let answers = rpc::results(node, &calls.collect::<Result<Vec<_>, _>>()?).await?;
    let amounts = node.tokens.iter().zip(&answers).map(|(token, answer)| match token.contract {
        None => quantity("eth_getBalance", answer),
        Some(_) => word("eth_call", answer),
    });
    amounts.collect()
}

/// The call that tells how much of a token there is.
fn balance_of(node: &Node, token: &Token, account: &str, block: &Value) -> Result<Call, Fault> {
    let Some(contract) = token.contract else {
        return Ok(Call { method: "eth_getBalance", params: json!([format!("0x{account}"), block]) });
    };
    let contract = digits(&address::parse(node.network, contract)?)?;
    let call = json!({
        "to": format!("0x{contract}"),
        "data": format!("0x{BALANCE_OF}{account:0>64}"),
    });
    Ok(Call { method: "eth_call", params: json!([call, block]) })
}

/// The 20 bytes of an account, in hexadecimal. Tron's addresses wrap them, with a version before them.
fn digits(account: &ChainAddress) -> Result<String, Fault> {
    let wrapped = usize::from(account.family() == Family::Tron);
    let bytes = account.bytes().get(wrapped..).filter(|it| it.len() == 20);
    bytes.map(hex::encode).ok_or(Fault::new("cannot be asked for an account that is not 20 bytes"))
}

const MISSING: Fault = Fault::new("left out a result");

fn malformed(method: &str) -> Fault {
    Fault::because(format!("answered {method} with something else than a number of 256 bits"))
}

/// A number as JSON-RPC writes it: `0x` and at least one digit, without leading zeros.
fn quantity(method: &str, answer: &Value) -> Result<U256, Fault> {
    let digits = hex_digits(answer).filter(|it| (1..=64).contains(&it.len()));
    let number = digits.filter(|it| *it == "0" || !it.starts_with('0')).and_then(from_hex);
    number.ok_or_else(|| malformed(method))
}

/// A number as a contract returns it: exactly 32 bytes. A contract that is not there returns none.
fn word(method: &str, answer: &Value) -> Result<U256, Fault> {
    let number = hex_digits(answer).filter(|it| it.len() == 64).and_then(from_hex);
    number.ok_or_else(|| malformed(method))
}

fn hex_digits(answer: &Value) -> Option<&str> {
    answer.as_str()?.strip_prefix("0x")
}

fn from_hex(digits: &str) -> Option<U256> {
    // The digits are tested by hand: the parser passes over underscores.
    let all_hex = digits.bytes().all(|it| it.is_ascii_hexdigit());
    all_hex.then(|| U256::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests;
