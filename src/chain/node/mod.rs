//! What addresses hold, as nodes of their chains tell it.
//!
//! A figure is what a node answered, whole and well formed, or it is not given at all: whatever is malformed, partial,
//! late or of another chain is [`NodeError::Unavailable`]. An endpoint's URL may hold an API key, so neither it nor
//! anything that a node wrote goes into an error, a log or `Debug`.

#[cfg(test)]
mod anvil;
mod bitcoin;
mod endpoint;
mod evm;
#[cfg(test)]
mod fake;
mod holder;
mod http;
mod rpc;
mod solana;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool};
use std::time::Duration;

use reqwest::{Client, Url};
use ruint::aliases::U256;
use tokio::sync::{Semaphore, watch};

use crate::domain::{Fault, Network, Token};

pub use endpoint::Endpoint;
use holder::Holder;

/// How long a reading may take in all, however many questions it asks.
const LIMIT: Duration = Duration::from_secs(3);
/// How many readings ask one node at a time; others wait, within their [`LIMIT`].
const IN_FLIGHT: usize = 32;

/// What an address holds, in the smallest units.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The height that the amounts are as of. On Solana, where no node can be asked for one slot, the lowest slot of
    /// the answers.
    pub block_height: u64,
    /// When the node was asked, in microseconds since 1970.
    pub observe_us: i64,
    /// Every token of the network, the native coin first, and how much of it there is.
    pub amounts: Vec<(&'static Token, U256)>,
}

/// Why there is no reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The operator named no node of this network.
    #[error("no node is configured for {0}: name one with `--chain {0}=https://…`")]
    NotConfigured(Network),
    /// The text is no address of this network.
    #[error("the address is not one of {0}")]
    NotAnAddress(Network),
    /// The node gave no answer, or none that can be relied on. What it did instead is told without its URL.
    #[error("the node of {0} {1}")]
    Unavailable(Network, Fault),
}

/// The nodes that an operator has configured, one for each network.
///
/// Readings of one address that are asked for while one is under way share it. A reading runs in a task of its own: a
/// caller that goes away drops only its waiting end.
#[derive(Clone)]
pub struct Nodes(Arc<Shared>);

struct Shared {
    nodes: BTreeMap<Network, Arc<Node>>,
    clock: fn() -> i64,
    under_way: Mutex<HashMap<Asked, watch::Receiver<Option<Answer>>>>,
}

type Asked = (Network, Holder);
type Answer = Result<Reading, NodeError>;

/// One network's node.
struct Node {
    network: Network,
    tokens: &'static [Token],
    url: Url,
    http: Client,
    /// Whether the node has shown that it is of this network and no other.
    known: AtomicBool,
    room: Semaphore,
}

/// A reading before it is given its tokens: amounts in their order.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    block_height: u64,
    amounts: Vec<U256>,
}

impl Default for Nodes {
    /// No node of any network.
    fn default() -> Self {
        let shared = Shared { nodes: BTreeMap::new(), clock: || 0, under_way: Mutex::default() };
        Self(Arc::new(shared))
    }
}

impl Nodes {
    /// The nodes at `endpoints`, and the clock that says when they were asked, in microseconds since 1970.
    ///
    /// # Errors
    ///
    /// If two endpoints are of one network.
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>, clock: fn() -> i64) -> Result<Self, Fault> {
        Self::build(endpoints, clock, |network| network.info().tokens)
    }

    /// Whether a node of the network is configured.
    #[must_use]
    pub fn has(&self, network: Network) -> bool {
        self.0.nodes.contains_key(&network)
    }

    /// What `address`, in its display form, holds of the network's tokens, as of one block where the chain allows it.
    ///
    /// # Errors
    ///
    /// See [`NodeError`].
    pub async fn balances(&self, network: Network, address: &str) -> Result<Reading, NodeError> {
        let node = self.0.nodes.get(&network).ok_or(NodeError::NotConfigured(network))?;
        let holder = Holder::parse(network.info().family, address).ok_or(NodeError::NotAnAddress(network))?;
        let mut answered = self.ask(node, holder);
        let answer = answered.wait_for(Option::is_some).await.map(|it| it.clone());
        let ended = Err(NodeError::Unavailable(network, Fault::new("was not asked to the end")));
        answer.ok().flatten().unwrap_or(ended)
    }

    /// Joins the reading that is under way, or begins one.
    fn ask(&self, node: &Arc<Node>, holder: Holder) -> watch::Receiver<Option<Answer>> {
        let asked = (node.network, holder);
        let mut under_way = self.0.under_way();
        if let Some(answered) = under_way.get(&asked) {
            return answered.clone();
        }
        let (answer, answered) = watch::channel(None);
        under_way.insert(asked.clone(), answered.clone());
        let (node, end) = (Arc::clone(node), End { shared: Arc::clone(&self.0), asked });
        tokio::spawn(async move {
            let reading = node.read(&end.asked.1, end.shared.clock).await;
            // Whoever asks from now on wants a new reading.
            drop(end);
            answer.send_replace(Some(reading));
        });
        answered
    }

    fn build(
        endpoints: impl IntoIterator<Item = Endpoint>,
        clock: fn() -> i64,
        tokens: impl Fn(Network) -> &'static [Token],
    ) -> Result<Self, Fault> {
        let http = http::client()?;
        let mut nodes = BTreeMap::new();
        for Endpoint { network, url } in endpoints {
            let node = Node {
                network,
                tokens: tokens(network),
                url,
                http: http.clone(),
                known: AtomicBool::new(false),
                room: Semaphore::new(IN_FLIGHT),
            };
            if nodes.insert(network, Arc::new(node)).is_some() {
                return Err(Fault::because(format!("must name one node for {network}, not two")));
            }
        }
        Ok(Self(Arc::new(Shared { nodes, clock, under_way: Mutex::default() })))
    }

    /// Nodes that are asked for these tokens in place of their network's own.
    #[cfg(test)]
    fn with_tokens(endpoints: impl IntoIterator<Item = Endpoint>, tokens: &'static [Token]) -> Self {
        Self::build(endpoints, || 1_700_000_000_000_000, |_| tokens).unwrap()
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Nodes").field(&self.0.nodes.keys().collect::<Vec<_>>()).finish()
    }
}

impl Shared {
    fn under_way(&self) -> MutexGuard<'_, HashMap<Asked, watch::Receiver<Option<Answer>>>> {
        // A map is whole between any two of its calls, so a panic elsewhere does not spoil it.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a reading when dropped, so that one whose task was broken off is not waited for by later callers.
struct End {
    shared: Arc<Shared>,
    asked: Asked,
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.under_way().remove(&self.asked);
    }
}

impl Node {
    async fn read(&self, holder: &Holder, clock: fn() -> i64) -> Answer {
        let late = || Err(Fault::because(format!("gave no answer within {} s", LIMIT.as_secs())));
        let read = tokio::time::timeout(LIMIT, self.read_without_limit(holder, clock)).await;
        read.unwrap_or_else(|_| late()).map_err(|fault| NodeError::Unavailable(self.network, fault))
    }

    async fn read_without_limit(&self, holder: &Holder, clock: fn() -> i64) -> Result<Reading, Fault> {
        let _place = self.room.acquire().await.map_err(|_| Fault::new("is not asked any more"))?;
        // Before it is asked: what is read then is at least as recent.
        let observe_us = clock();
        let Figures { block_height, amounts } = match holder {
            Holder::Evm(account) => evm::read(self, *account).await?,
            Holder::Tron(account) => evm::read_latest(self, *account).await?,
            Holder::Solana(owner) => solana::read(self, owner).await?,
            Holder::Bitcoin(address) => bitcoin::read(self, address).await?,
        };
        if amounts.len() != self.tokens.len() {
            return Err(Fault::new("left out a token"));
        }
        Ok(Reading { block_height, observe_us, amounts: self.tokens.iter().zip(amounts).collect() })
    }
}
