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
mod http;
mod rpc;
mod solana;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Client, Url};
use ruint::aliases::U256;
use tokio::sync::{Semaphore, watch};

use crate::domain::{ChainAddress, Family, Fault, Network, Token};

pub use endpoint::Endpoint;

/// How long a reading may take in all, however many questions it asks, from when it has its place at the node.
const LIMIT: Duration = Duration::from_secs(3);
/// How many readings ask one node at a time; others wait for their place, as long as somebody waits for them.
const IN_FLIGHT: usize = 32;
/// How much CAIP-2 takes of the hash of a chain's first block, where that is what the chain is known by.
const CAIP2_DIGITS: usize = 32;

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
    /// The address is of another family of networks.
    #[error("the address is not one of {0}")]
    NotAnAddress(Network),
    /// The node gave no answer, or none that can be relied on. What it did instead is told without its URL.
    #[error("the node of {0} {1}")]
    Unavailable(Network, Fault),
}

/// The nodes that an operator has configured, one for each network.
///
/// Readings of one address that are asked for while one is under way share it. A reading runs in a task of its own, and
/// ends when the last caller that waits for it has gone away.
#[derive(Clone)]
pub struct Nodes(Arc<Shared>);

struct Shared {
    nodes: BTreeMap<Network, Arc<Node>>,
    clock: fn() -> i64,
    under_way: Mutex<HashMap<Asked, watch::Sender<Option<Answer>>>>,
}

type Asked = (Network, ChainAddress);
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

    /// What `address` holds of the network's tokens, as of one block where the chain allows it.
    ///
    /// It waits for its place at the node as long as its caller does; whoever drops this waits no longer.
    ///
    /// # Errors
    ///
    /// See [`NodeError`].
    pub async fn balances(&self, network: Network, address: &ChainAddress) -> Result<Reading, NodeError> {
        let node = self.0.nodes.get(&network).ok_or(NodeError::NotConfigured(network))?;
        if address.family() != network.info().family {
            return Err(NodeError::NotAnAddress(network));
        }
        let mut answered = self.ask(node, address);
        let answer = answered.wait_for(Option::is_some).await.map(|it| it.clone());
        let ended = Err(NodeError::Unavailable(network, Fault::new("was not asked to the end")));
        answer.ok().flatten().unwrap_or(ended)
    }

    /// Joins the reading that is under way, or begins one.
    fn ask(&self, node: &Arc<Node>, address: &ChainAddress) -> watch::Receiver<Option<Answer>> {
        let asked = (node.network, address.clone());
        let mut under_way = self.0.under_way();
        if let Some(answer) = under_way.get(&asked) {
            let answered = answer.subscribe();
            // One that everybody else has left is ending, or has.
            if answer.receiver_count() > 1 {
                return answered;
            }
        }
        let (answer, answered) = watch::channel(None);
        under_way.insert(asked.clone(), answer.clone());
        let (node, under_way) = (Arc::clone(node), UnderWay { shared: Arc::clone(&self.0), asked, answer });
        tokio::spawn(async move {
            let reading = tokio::select! {
                reading = node.read(&under_way.asked.1, under_way.shared.clock) => reading,
                () = under_way.answer.closed() => return,
            };
            let answer = under_way.answer.clone();
            // Whoever asks from now on wants a new reading.
            drop(under_way);
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
    fn under_way(&self) -> MutexGuard<'_, HashMap<Asked, watch::Sender<Option<Answer>>>> {
        // A map is whole between any two of its calls, so a panic elsewhere does not spoil it.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading, until it is dropped: then nobody joins it any more, though its task was broken off.
struct UnderWay {
    shared: Arc<Shared>,
    asked: Asked,
    answer: watch::Sender<Option<Answer>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut under_way = self.shared.under_way();
        // One that all had left may have been begun anew.
        if under_way.get(&self.asked).is_some_and(|it| it.same_channel(&self.answer)) {
            under_way.remove(&self.asked);
        }
    }
}

impl Node {
    /// Whether the node has shown that it is of this network.
    fn is_known(&self) -> bool {
        self.known.load(Relaxed)
    }

    /// Takes the node's word for which chain it is of: what follows the namespace in that chain's CAIP-2 id.
    ///
    /// Several chains have the same addresses, so that a node of another one would tell of money that is not there.
    fn recognize(&self, reference: &str) -> Result<(), Fault> {
        let right = self.network.info().caip2.split_once(':').map(|it| it.1);
        if right != Some(reference) {
            return Err(Fault::new("is of another chain"));
        }
        self.known.store(true, Relaxed);
        Ok(())
    }

    async fn read(&self, address: &ChainAddress, clock: fn() -> i64) -> Answer {
        let read = async {
            let _place = self.room.acquire().await.map_err(|_| Fault::new("is not asked any more"))?;
            let late = |_| Fault::because(format!("gave no answer within {} s", LIMIT.as_secs()));
            tokio::time::timeout(LIMIT, self.read_now(address, clock)).await.map_err(late)?
        };
        read.await.map_err(|fault| NodeError::Unavailable(self.network, fault))
    }

    async fn read_now(&self, address: &ChainAddress, clock: fn() -> i64) -> Result<Reading, Fault> {
        // Before it is asked: what is read then is at least as recent.
        let observe_us = clock();
        let Figures { block_height, amounts } = match address.family() {
            Family::Evm => evm::read(self, address).await?,
            Family::Tron => evm::read_latest(self, address).await?,
            Family::Solana => solana::read(self, address).await?,
            Family::Bitcoin => bitcoin::read(self, address).await?,
        };
        if amounts.len() != self.tokens.len() {
            return Err(Fault::new("left out a token"));
        }
        Ok(Reading { block_height, observe_us, amounts: self.tokens.iter().zip(amounts).collect() })
    }
}
