//! What wallets hold: by our books, and by the chain.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::App;
use crate::chain::node::NodeError;
use crate::domain::{
    Account, Amount, Caller, CustomerId, Error, Network, PageRequest, Result, Sums, Token, Wallet, WalletId,
    WalletKind,
};
use crate::store::{AddressFilter, PastLedger};

/// How many addresses of a wallet are read from nodes in one call, which is one page of them.
const MAX_ADDRESSES: i32 = 100;
/// How many of them at a time. A node has room for a few times as many, so that one wallet does not keep others out.
const AT_A_TIME: usize = 8;

/// What the addresses of a wallet hold of one token, as a node told it.
#[derive(Clone, Debug)]
pub struct ChainBalance {
    /// On which network.
    pub network: Network,
    /// Of what.
    pub token: &'static Token,
    /// How much.
    pub amount: Amount,
    /// The height that it is as of; the lowest, where several addresses were read.
    pub block_height: u64,
    /// When the node was asked, in microseconds since 1970; the earliest.
    pub observe_us: i64,
}

impl App {
    /// What the confirmed transactions of a wallet add up to.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn ledger_balances(
        &self,
        caller: &Caller,
        id: WalletId,
    ) -> Result<(Wallet, Vec<(Account, Sums)>)> {
        let wallet = self.get_wallet(caller, id, None).await?;
        let mut balances = self.task(move |store| async move { store.balances(id).await }).await?;
        balances.sort_by_key(|it| (it.0.network, it.0.token.clone()));
        Ok((wallet, balances))
    }

    /// A wallet that is a balance, as it was when something of its customer's became what it is: at that place in their
    /// domain's log. Of a wallet that the caller was shown; nothing where that is not known any more.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Overloaded`] where it would take too long.
    pub async fn ledger_as_of(
        &self,
        customer: CustomerId,
        id: WalletId,
        sequence: i64,
    ) -> Result<Option<PastLedger>> {
        self.task(move |store| async move { store.ledger_as_of(customer, id, sequence).await }).await
    }

    /// What the addresses of a wallet hold, as nodes of their networks tell it: all of it, or none.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::WalletKindMismatch`], [`Error::TooManyAddresses`], [`Error::ChainNotConfigured`],
    /// [`Error::ChainUnavailable`].
    pub async fn chain_balances(&self, caller: &Caller, id: WalletId) -> Result<Vec<ChainBalance>> {
        let wallet = self.get_wallet(caller, id, None).await?;
        if wallet.kind == WalletKind::Ledger {
            return Err(Error::WalletKindMismatch(id, wallet.kind));
        }
        let all = PageRequest::parse(MAX_ADDRESSES, "", &())?;
        let limit = all.size;
        let of_wallet = AddressFilter::Wallet(id, Vec::new());
        let page =
            self.task(move |store| async move { store.list_addresses(&of_wallet, &all).await }).await?;
        if !page.next_token.is_empty() {
            return Err(Error::TooManyAddresses(id, limit));
        }
        let addresses = page.items;
        // Whether there is a node is known at once: nobody is asked in vain.
        if let Some(it) = addresses.iter().find(|it| !self.0.nodes.has(it.network)) {
            return Err(Error::ChainNotConfigured(it.network));
        }
        let addresses =
            addresses.iter().map(|it| Ok((it.network, it.on_chain()?))).collect::<Result<Vec<_>>>()?;
        let mut left = addresses.into_iter().map(|(network, address)| {
            let nodes = self.0.nodes.clone();
            async move { (network, nodes.balances(network, &address).await) }
        });
        // Dropped with the call, and with it whatever nobody else waits for.
        let mut readings: JoinSet<_> = left.by_ref().take(AT_A_TIME).collect();
        let mut balances: BTreeMap<(Network, usize), ChainBalance> = BTreeMap::new();
        while let Some(done) = readings.join_next().await {
            let (network, reading) = done.map_err(Error::internal)?;
            let reading = reading.map_err(|error| told(network, error))?;
            left.next().map(|it| readings.spawn(it));
            for (at, (token, units)) in reading.amounts.into_iter().enumerate() {
                let (block_height, observe_us) = (reading.block_height, reading.observe_us);
                let none = ChainBalance { network, token, amount: Amount::ZERO, block_height, observe_us };
                let balance = balances.entry((network, at)).or_insert(none);
                let sum = balance.amount.plus(Amount::from_units(units));
                balance.amount = sum.ok_or(Error::BalanceOverflow(id))?;
                balance.block_height = balance.block_height.min(block_height);
                balance.observe_us = balance.observe_us.min(observe_us);
            }
        }
        Ok(balances.into_values().collect())
    }
}

fn told(network: Network, error: NodeError) -> Error {
    match error {
        NodeError::NotConfigured(network) => Error::ChainNotConfigured(network),
        NodeError::Unavailable(network, _) => Error::ChainUnavailable(network, std::sync::Arc::new(error)),
        NodeError::NotAnAddress(_) => Error::internal(format!("an address of {network} is none to its node")),
    }
}
