//! What there was at a place in a log, by what was told until then: what a repeated request is answered with.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::Store;
use super::select::Select;
use super::wallets::parsed;
use crate::domain::{
    CustomerId, Error, EventType, PaymentMethod, PaymentMethodStatus, Resource, Result, Sums, Table,
    Transaction, TransactionStatus, Wallet, WalletId, WalletKind, WalletStatus,
};

/// A wallet that is a balance as it was, with how its customer was paid.
#[derive(Clone, Debug)]
pub struct PastLedger {
    /// The wallet.
    pub wallet: Wallet,
    /// What it held.
    pub sums: Sums,
    /// The payment methods in use, newest first.
    pub methods: Vec<PaymentMethod>,
}

impl Store {
    /// The wallets of one kind that a customer had, and had not removed, at a place in their domain's log, newest first;
    /// nothing where that is not known any more.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Overloaded`] where it would take too long.
    pub async fn live_wallets_as_of(
        &self,
        customer: CustomerId,
        kind: WalletKind,
        sequence: i64,
    ) -> Result<Option<Vec<Wallet>>> {
        let Some(mut wallets) = self.told_as_of::<Wallet>(Table::Wallets, customer, sequence).await? else {
            return Ok(None);
        };
        wallets.retain(|it| it.kind == kind && it.status != WalletStatus::Removed);
        wallets.sort_by_key(|it| Reverse((it.create_us, it.id)));
        Ok(Some(wallets))
    }

    /// A wallet of a customer that is a balance, as it was at a place in their domain's log; nothing where that is not known
    /// any more.
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
        let (Some(wallets), Some(moved), Some(mut methods)) = (
            self.told_as_of::<Wallet>(Table::Wallets, customer, sequence).await?,
            self.told_as_of::<Transaction>(Table::Transactions, customer, sequence).await?,
            self.told_as_of::<PaymentMethod>(Table::PaymentMethods, customer, sequence).await?,
        ) else {
            return Ok(None);
        };
        let Some(wallet) = wallets.into_iter().find(|it| it.id == id) else { return Ok(None) };
        let counts = |it: &&Transaction| it.wallet_id == id && it.status == TransactionStatus::Confirmed;
        let sums = moved.iter().filter(counts).try_fold(Sums::default(), |sums, it| sums.after(&it.add()))?;
        methods.retain(|it| it.status == PaymentMethodStatus::Active);
        methods.sort_by_key(|it| Reverse((it.create_us, it.id)));
        Ok(Some(PastLedger { wallet, sums, methods }))
    }

    /// The rows of a table that a customer had at a place in their domain's log, as they were told last; nothing where some
    /// of that has been forgotten, or is more than one call may ask for.
    async fn told_as_of<T>(&self, table: Table, customer: CustomerId, sequence: i64) -> Result<Option<Vec<T>>>
    where
        T: TryFrom<Resource, Error = Error>,
    {
        const MOST: usize = 1_000;
        let mut select = Select::new("t.resource_id, t.payload, t.sequence", "events");
        select.equals("customer_id", customer.as_uuid());
        let sequence = select.bind(sequence);
        select.and(&format!("t.sequence <= {sequence}"));
        let told = EventType::ALL.iter().filter(|it| it.table() == table);
        select.among("type", told.map(|it| it.as_str()));
        select.ordered("t.sequence");
        select.limited(&(MOST + 1).to_string());
        let rows: Vec<(Uuid, Option<String>, i64)> = self.scan(select).await?;
        if rows.len() > MOST || !self.remembers_all(customer).await? {
            return Ok(None);
        }
        let rows = rows.into_iter().filter_map(|(id, payload, sequence)| Some((id, (payload?, sequence))));
        let last: BTreeMap<_, _> = rows.collect();
        parsed(table, last.into_values().collect()).map(Some)
    }

    /// Whether retention has left the log of a customer's domain whole.
    async fn remembers_all(&self, customer: CustomerId) -> Result<bool> {
        let mut select = Select::new("t.first_sequence", "logs");
        let customer = select.bind(customer.as_uuid());
        select.and(&format!(
            "t.id = (SELECT e.log_id FROM events AS e WHERE e.customer_id = {customer} LIMIT 1)"
        ));
        Ok(self.scan::<(i64,)>(select).await? == [(1,)])
    }
}
