//! Bitcoin, through the REST interface of Esplora.

use ruint::aliases::U256;
use serde::Deserialize;

use crate::domain::{ChainAddress, Fault};

use super::{CAIP2_DIGITS, Figures, Node, http};

/// How often an address is read while a block comes in between.
const TRIES: usize = 2;

/// The digits of a block's hash.
const HASH_DIGITS: usize = 64;

/// Reads what is confirmed of an address. The height must be the same before and after.
pub(super) async fn read(node: &Node, address: &ChainAddress) -> Result<Figures, Fault> {
    if !node.is_known() {
        node.recognize(&genesis(node).await?)?;
    }
    let mut before = height(node).await?;
    for _ in 0..TRIES {
        let amount = confirmed(node, address.as_str()).await?;
        let after = height(node).await?;
        if before == after {
            return Ok(Figures { block_height: after, amounts: vec![U256::from(amount)] });
        }
        before = after;
    }
    Err(Fault::new("took in blocks faster than it could be read"))
}

/// What its chain is called in CAIP-2: what the hash of its first block begins with.
async fn genesis(node: &Node) -> Result<String, Fault> {
    let hash = line(get(node, &["block-height", "0"]).await?);
    let is_hash = hash.len() == HASH_DIGITS && hash.bytes().all(|it| it.is_ascii_hexdigit());
    is_hash.then(|| hash[..CAIP2_DIGITS].to_owned()).ok_or(Fault::new("told a first block that has no hash"))
}

async fn height(node: &Node) -> Result<u64, Fault> {
    let text = line(get(node, &["blocks", "tip", "height"]).await?);
    let digits = text.bytes().all(|it| it.is_ascii_digit()).then_some(text);
    digits.and_then(|it| it.parse().ok()).ok_or(Fault::new("told a height that is no number"))
}

#[derive(Deserialize)]
struct Address {
    address: String,
    /// What is in blocks; what only waits for one is told beside it.
    chain_stats: Stats,
}

#[derive(Deserialize)]
struct Stats {
    funded_txo_sum: u64,
    spent_txo_sum: u64,
}

/// What has come in less what has gone out, in satoshi.
async fn confirmed(node: &Node, address: &str) -> Result<u64, Fault> {
    const MALFORMED: Fault = Fault::new("told of an address in another form than Esplora's");
    let body = get(node, &["address", address]).await?;
    let told: Address = serde_json::from_slice(&body).map_err(|_| MALFORMED)?;
    if told.address != address {
        return Err(Fault::new("told of another address than was asked for"));
    }
    told.chain_stats.funded_txo_sum.checked_sub(told.chain_stats.spent_txo_sum).ok_or(MALFORMED)
}

fn line(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap_or_default().trim_ascii().to_owned()
}

async fn get(node: &Node, path: &[&str]) -> Result<Vec<u8>, Fault> {
    let mut url = node.url.clone();
    // Only a URL that cannot be a base has no path, and the scheme was tested.
    url.path_segments_mut().map_err(|()| Fault::new("has no path"))?.pop_if_empty().extend(path);
    http::send(node.http.get(url)).await
}

#[cfg(test)]
mod tests;
