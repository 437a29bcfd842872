//! Of balances. They are added up here: no database counts in 256 bits.
//!
//! Transactions come in the order of their wallets, and so do balances: what is in memory is a page of each, and the
//! sums of the wallets on it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::snapshot::Snapshot;
use crate::domain::{
    Account, Error, Resource, Result, Sums, Table, Transaction, TransactionStatus, WalletId,
};
use crate::store::balances::parse;
use crate::store::select::Select;

const PAGE: usize = 1_000;

/// The place of a transaction in the order of wallets.
type Place = (Uuid, i64, Uuid);

/// How many balances are not what confirmed transactions add up to.
pub(super) async fn wrong(snapshot: &mut Snapshot) -> Result<i64> {
    let mut wrong = 0;
    let mut after: Option<Place> = None;
    let mut from = Uuid::nil();
    let mut sums: BTreeMap<Account, Sums> = BTreeMap::new();
    loop {
        let page = transactions(snapshot, after).await?;
        for (wallet, create_us, id, body) in &page {
            after = Some((*wallet, *create_us, *id));
            wrong += i64::from(add(&mut sums, body).is_err());
        }
        // The last wallet of a full page may go on.
        let to = after.map(|it| it.0).filter(|_| page.len() == PAGE);
        let rest = to.map(|to| sums.split_off(&first_of(to))).unwrap_or_default();
        wrong += differing(&kept(snapshot, from, to).await?, &std::mem::replace(&mut sums, rest))?;
        match to {
            Some(to) => from = to,
            None => return Ok(wrong),
        }
    }
}

async fn transactions(
    snapshot: &mut Snapshot,
    after: Option<Place>,
) -> Result<Vec<(Uuid, i64, Uuid, String)>> {
    let mut select = Select::new("t.wallet_id, t.create_us, t.id, t.body", "transactions");
    if let Some((wallet, create_us, id)) = after {
        let (wallet, create_us, id) = (select.bind(wallet), select.bind(create_us), select.bind(id));
        select.and(&format!("(t.wallet_id, t.create_us, t.id) > ({wallet}, {create_us}, {id})"));
    }
    select.ordered("t.wallet_id, t.create_us, t.id");
    let limit = select.bind(i64::try_from(PAGE).map_err(Error::internal)?);
    select.limited(&limit);
    snapshot.list(select).await
}

fn add(sums: &mut BTreeMap<Account, Sums>, body: &str) -> Result<()> {
    let it: Transaction = Resource::from_json(Table::Transactions, body, 1)?.try_into()?;
    if it.status == TransactionStatus::Confirmed {
        let sum = sums.entry(it.account()).or_default();
        *sum = sum.after(&it.add())?;
    }
    Ok(())
}

/// What comes before everything else of a wallet.
const fn first_of(wallet: Uuid) -> Account {
    Account { wallet: WalletId::from_uuid(wallet), network: None, token: String::new() }
}

/// The balances of wallets from one to before another, whether they have transactions or not.
async fn kept(snapshot: &mut Snapshot, from: Uuid, to: Option<Uuid>) -> Result<BTreeMap<Account, Sums>> {
    let mut select = Select::new("t.wallet_id, t.network, t.token, t.sums", "balances");
    let from = select.bind(from);
    select.and(&format!("t.wallet_id >= {from}"));
    if let Some(to) = to {
        let to = select.bind(to);
        select.and(&format!("t.wallet_id < {to}"));
    }
    let rows: Vec<(Uuid, String, String, Vec<u8>)> = snapshot.list(select).await?;
    rows.into_iter().map(|(wallet, network, token, sums)| parse(wallet, &network, token, &sums)).collect()
}

/// How many balances are not these sums; one that nothing counts in may be there and be nothing.
fn differing(kept: &BTreeMap<Account, Sums>, sums: &BTreeMap<Account, Sums>) -> Result<i64> {
    let accounts: BTreeSet<_> = kept.keys().chain(sums.keys()).collect();
    let of = |it: &BTreeMap<Account, Sums>, account| it.get(account).copied().unwrap_or_default();
    let wrong = accounts.into_iter().filter(|it| of(kept, it) != of(sums, it)).count();
    i64::try_from(wrong).map_err(Error::internal)
}
