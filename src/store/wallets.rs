//! Wallets, addresses and transactions in lists.

use super::Store;
use super::select::Select;
use super::set::{Set, Type, Value};
use crate::domain::{
    Address, CustomerId, DomainId, Error, Network, Page, PageRequest, Position, Resource, Result, Table,
    Transaction, TransactionStatus, TransactionType, Wallet, WalletId, WalletKind, WalletStatus,
};

/// Which wallets to list: of a domain or of a customer. Values of a field are alternatives; fields must all hold; an
/// empty field says nothing.
#[derive(Clone, Debug, serde::Serialize)]
pub struct WalletFilter {
    /// In which domain.
    pub domain: Option<DomainId>,
    /// Of whom.
    pub customer: Option<CustomerId>,
    /// Kinds.
    pub kinds: Vec<WalletKind>,
    /// Statuses.
    pub statuses: Vec<WalletStatus>,
    /// Networks on which a wallet has an address.
    pub networks: Vec<Network>,
    /// The currency of a ledger wallet.
    pub currency: Option<String>,
}

/// Which transactions to list; as [`WalletFilter`].
#[derive(Clone, Debug, serde::Serialize)]
pub struct TransactionFilter {
    /// Of which wallet.
    pub wallet: Option<WalletId>,
    /// Of whom.
    pub customer: Option<CustomerId>,
    /// Types.
    pub types: Vec<TransactionType>,
    /// Statuses.
    pub statuses: Vec<TransactionStatus>,
    /// Symbols of tokens, or currencies.
    pub tokens: Vec<String>,
    /// Networks.
    pub networks: Vec<Network>,
}

impl Store {
    /// Lists wallets, newest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_wallets(&self, filter: &WalletFilter, page: &PageRequest) -> Result<Page<Wallet>> {
        let mut select = Select::new("t.body, t.sequence", "wallets");
        // One of the two leads to an index; a customer is of one domain.
        if let Some(id) = filter.customer {
            select.equals("customer_id", id.as_uuid());
        }
        if let Some(id) = filter.domain {
            select.equals("domain_id", id.as_uuid());
        }
        select.among("kind", filter.kinds.iter().map(|it| it.as_str()));
        select.among("status", filter.statuses.iter().map(|it| it.as_str()));
        select.among("currency", filter.currency.iter().map(String::as_str));
        if !filter.networks.is_empty() {
            let networks = select.list(filter.networks.iter().map(|it| it.as_str()));
            select.and(&format!(
                "EXISTS (SELECT 1 FROM addresses AS a WHERE a.wallet_id = t.id AND a.network IN {networks})"
            ));
        }
        select.page(page, true);
        let found = self.listed(Table::Wallets, select).await?;
        Ok(page.page(found, |it: &Wallet| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// The first wallets of a customer, oldest first, at most a hundred.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn wallets_of(&self, customer: CustomerId) -> Result<Vec<Wallet>> {
        const READ: &str = "
            WITH q(customer_id) AS ({set})
            SELECT w.body, w.sequence FROM q CROSS JOIN wallets AS w WHERE w.customer_id = q.customer_id
            ORDER BY w.create_us, w.id LIMIT 100";
        let set = Set::of(&[Type::Uuid], [[customer.as_uuid().into()]]);
        parsed(Table::Wallets, self.read(READ, set).await?)
    }

    /// Whether a customer ever had a wallet of our own.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn has_managed_wallet(&self, customer: CustomerId) -> Result<bool> {
        const READ: &str = "
            WITH q(customer_id, kind) AS ({set})
            SELECT 1 FROM q CROSS JOIN wallets AS w WHERE w.customer_id = q.customer_id AND w.kind = q.kind LIMIT 1";
        let row = [customer.as_uuid().into(), Value::from(WalletKind::Managed.as_str())];
        let found: Vec<(i32,)> = self.read(READ, Set::of(&[Type::Uuid, Type::Text], [row])).await?;
        Ok(!found.is_empty())
    }

    /// Lists the addresses of a wallet, newest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_addresses(
        &self,
        wallet: WalletId,
        networks: &[Network],
        page: &PageRequest,
    ) -> Result<Page<Address>> {
        let mut select = Select::new("t.body, t.sequence", "addresses");
        select.equals("wallet_id", wallet.as_uuid());
        select.among("network", networks.iter().map(|it| it.as_str()));
        select.page(page, true);
        let found = self.listed(Table::Addresses, select).await?;
        Ok(page.page(found, |it: &Address| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// Every address of a wallet, oldest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn addresses_of(&self, wallet: WalletId) -> Result<Vec<Address>> {
        let mut select = Select::new("t.body, t.sequence", "addresses");
        select.equals("wallet_id", wallet.as_uuid());
        select.ordered("t.create_us, t.id");
        self.listed(Table::Addresses, select).await
    }

    /// The first address that a wallet was given on a network.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn first_address(&self, wallet: WalletId, network: Network) -> Result<Option<String>> {
        let mut select = Select::new("t.address", "addresses");
        select.equals("wallet_id", wallet.as_uuid());
        select.equals("network", network.as_str());
        select.ordered("t.create_us, t.id");
        select.limited("1");
        let rows: Vec<(String,)> = self.scan(select).await?;
        Ok(rows.into_iter().next().map(|it| it.0))
    }

    /// The indexes in a domain, up to `end`, at which an address on a network has had a confirmed deposit; in order.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Overloaded`] where it would take too long.
    pub async fn used_indexes(&self, domain: DomainId, network: Network, end: u32) -> Result<Vec<u32>> {
        let mut select = Select::new("DISTINCT t.position", "addresses");
        select.equals("domain_id", domain.as_uuid());
        select.equals("scheme", network.info().scheme.as_str());
        select.equals("network", network.as_str());
        let end = select.bind(i64::from(end));
        select.and(&format!("t.position <= {end}"));
        let (confirmed, deposit) = (TransactionStatus::Confirmed, TransactionType::Deposit);
        select.and(&format!(
            "EXISTS (SELECT 1 FROM transactions AS x
                     WHERE x.wallet_id = t.wallet_id AND x.network = t.network
                       AND x.status = '{confirmed}' AND x.type = '{deposit}' AND x.address = t.address)"
        ));
        select.ordered("t.position");
        let rows: Vec<(i64,)> = self.scan(select).await?;
        rows.into_iter().map(|it| u32::try_from(it.0).map_err(Error::internal)).collect()
    }

    /// Lists transactions, newest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_transactions(
        &self,
        filter: &TransactionFilter,
        page: &PageRequest,
    ) -> Result<Page<Transaction>> {
        let mut select = Select::new("t.body, t.sequence", "transactions");
        if let Some(id) = filter.wallet {
            select.equals("wallet_id", id.as_uuid());
        }
        if let Some(id) = filter.customer {
            select.equals("customer_id", id.as_uuid());
        }
        select.among("type", filter.types.iter().map(|it| it.as_str()));
        select.among("status", filter.statuses.iter().map(|it| it.as_str()));
        select.among("token", filter.tokens.iter().map(String::as_str));
        select.among("network", filter.networks.iter().map(|it| it.as_str()));
        select.page(page, true);
        let found = self.listed(Table::Transactions, select).await?;
        Ok(page.page(found, |it: &Transaction| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// What a select of bodies finds.
    pub(super) async fn listed<T>(&self, table: Table, select: Select) -> Result<Vec<T>>
    where
        T: TryFrom<Resource, Error = Error>,
    {
        parsed(table, self.scan(select).await?)
    }
}

fn parsed<T>(table: Table, rows: Vec<(String, i64)>) -> Result<Vec<T>>
where
    T: TryFrom<Resource, Error = Error>,
{
    rows.into_iter().map(|(body, sequence)| Resource::from_json(table, &body, sequence)?.try_into()).collect()
}
