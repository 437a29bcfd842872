//! Balances: two sums for each wallet, network and token.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Store;
use super::select::Select;
use super::set::{Part, Set, Type, Value};
use crate::domain::{
    Account, Amount, Error, Network, Result, Sums, Table, Transaction, TransactionStatus, WalletId,
};

const KEY: [Type; 3] = [Type::Uuid, Type::Text, Type::Text];

fn key(it: &Account) -> [Value; 3] {
    [it.wallet.as_uuid().into(), it.network.map_or("", Network::as_str).into(), it.token.as_str().into()]
}

/// Balances to put.
pub(super) fn set(sums: BTreeMap<Account, Sums>) -> Set<'static> {
    let rows = sums.into_iter().map(|(account, sums)| {
        let [wallet, network, token] = key(&account);
        [wallet, network, token, [sums.added.to_bytes(), sums.taken.to_bytes()].concat().into()]
    });
    Set::of(&[Type::Uuid, Type::Text, Type::Text, Type::Bytes], rows)
}

/// Asks for balances, in the columns of a fact.
pub(super) fn facts<'a>(accounts: impl Iterator<Item = &'a Account>) -> Part<'static> {
    const READ: &str = "
        SELECT 'balance', b.wallet_id, b.network, b.token, b.sums, CAST(NULL AS UUID), CAST(NULL AS BIGINT),
               CAST(NULL AS BIGINT)
        FROM {q} AS q CROSS JOIN balances AS b
        WHERE b.wallet_id = q.wallet_id AND b.network = q.network AND b.token = q.token";
    Part::new("wallet_id, network, token", Set::of(&KEY, accounts.map(key)), READ)
}

/// What a row says.
pub(super) fn parse(wallet: Uuid, network: &str, token: String, sums: &[u8]) -> Result<(Account, Sums)> {
    let broken = || Error::internal("a balance is not two numbers of 32 bytes");
    let (added, rest) = sums.split_first_chunk::<32>().ok_or_else(broken)?;
    let subtracted = <[u8; 32]>::try_from(rest).map_err(|_| broken())?;
    let network = match network {
        "" => None,
        network => Some(network.parse().map_err(Error::internal)?),
    };
    let account = Account { wallet: WalletId::from_uuid(wallet), network, token };
    Ok((account, Sums { added: Amount::from_bytes(*added), taken: Amount::from_bytes(subtracted) }))
}

impl Store {
    /// The balances of a wallet, in the order of networks and tokens.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn balances(&self, wallet: WalletId) -> Result<Vec<(Account, Sums)>> {
        const READ: &str = "
            WITH q(wallet_id) AS ({set})
            SELECT b.wallet_id, b.network, b.token, b.sums FROM q CROSS JOIN balances AS b
            WHERE b.wallet_id = q.wallet_id ORDER BY b.network, b.token";
        let rows: Vec<(Uuid, String, String, Vec<u8>)> =
            self.read(READ, Set::of(&[Type::Uuid], [[wallet.as_uuid().into()]])).await?;
        rows.into_iter().map(|(wallet, network, token, sums)| parse(wallet, &network, token, &sums)).collect()
    }

    /// How many balances are not what confirmed transactions add up to. They are added up here: no database counts in 256
    /// bits. Transactions come in the order of their wallets, so that one wallet is in memory at a time.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub(super) async fn wrong_balances(&self) -> Result<i64> {
        const PAGE: usize = 1_000;
        let mut wrong = 0;
        let mut after = (Uuid::nil(), Uuid::nil());
        let mut wallet = None;
        let mut sums: BTreeMap<Account, Sums> = BTreeMap::new();
        loop {
            let mut select = Select::new("t.body, t.sequence", "transactions");
            let (last_wallet, last_id) = (select.bind(after.0), select.bind(after.1));
            select.and(&format!("(t.wallet_id, t.id) > ({last_wallet}, {last_id})"));
            select.ordered("t.wallet_id, t.id");
            let limit = select.bind(i64::try_from(PAGE).unwrap_or(i64::MAX));
            select.limited(&limit);
            let page: Vec<Transaction> = self.listed(Table::Transactions, select).await?;
            for it in &page {
                if wallet.is_some_and(|wallet| wallet != it.wallet_id) {
                    wrong += self.differing(wallet, std::mem::take(&mut sums)).await?;
                }
                wallet = Some(it.wallet_id);
                if it.status == TransactionStatus::Confirmed {
                    let sum = sums.entry(it.account()).or_default();
                    *sum = sum.after(&it.add())?;
                }
                after = (it.wallet_id.as_uuid(), it.id.as_uuid());
            }
            if page.len() < PAGE {
                return Ok(wrong + self.differing(wallet, sums).await?);
            }
        }
    }

    /// How many balances of a wallet are not these sums; one that nothing counts in may be there and be nothing.
    async fn differing(&self, wallet: Option<WalletId>, sums: BTreeMap<Account, Sums>) -> Result<i64> {
        let Some(wallet) = wallet else { return Ok(0) };
        let kept: BTreeMap<_, _> = self.balances(wallet).await?.into_iter().collect();
        let accounts: BTreeSet<_> = kept.keys().chain(sums.keys()).collect();
        let differs = |it: &&&Account| {
            kept.get(**it).copied().unwrap_or_default() != sums.get(**it).copied().unwrap_or_default()
        };
        i64::try_from(accounts.iter().filter(differs).count()).map_err(Error::internal)
    }
}
