//! Balances: two sums for each wallet, network and token.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Store;
use super::set::{Part, Set, Type, Value};
use crate::domain::{Account, Amount, Error, Network, Result, Sums, WalletId};

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
}
