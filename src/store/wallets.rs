//! Wallets, addresses and transactions in lists.

use super::Store;
use super::customers::Total;
use super::select::Select;
use super::set::{Set, Type, Value};
use crate::domain::{
    Address, CustomerId, DomainId, Error, Network, Page, PageRequest, Position, Resource, Result, Table,
    Transaction, TransactionStatus, TransactionType, Wallet, WalletId, WalletKind, WalletStatus,
};

/// Which wallets to list: of a domain or of a customer. Values of a field are alternatives; fields must all hold; an
/// empty field says nothing.
#[derive(Clone, Debug, Default, serde::Serialize)]
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

/// Which addresses to list: of a wallet, or of all wallets of a domain that are not removed.
#[derive(Clone, Debug, serde::Serialize)]
pub enum AddressFilter {
    /// Of one wallet, on these networks; none says nothing.
    Wallet(WalletId, Vec<Network>),
    /// Of a domain.
    Domain(DomainId),
}

/// Which transactions to list: of a wallet, of a customer or of a domain; as [`WalletFilter`].
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct TransactionFilter {
    /// In which domain.
    pub domain: Option<DomainId>,
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
    /// Only those of wallets that are a balance in our books.
    pub in_books: bool,
}

impl Store {
    /// Lists wallets, newest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_wallets(&self, filter: &WalletFilter, page: &PageRequest) -> Result<Page<Wallet>> {
        let mut select = select_wallets(BODIES, filter);
        select.page(page, true);
        let found = self.listed(Table::Wallets, select).await?;
        Ok(page.page(found, |it: &Wallet| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// How many wallets a filter finds.
    ///
    /// # Errors
    ///
    /// As [`Store::list_wallets`].
    pub async fn count_wallets(&self, filter: &WalletFilter) -> Result<Total> {
        self.whole_total(select_wallets("1", filter)).await
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

    /// The wallets of customers that are not removed, newest first: of one kind if that is said, and at most so many of each.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Overloaded`] where it would take too long.
    pub async fn live_wallets(
        &self,
        customers: &[CustomerId],
        kind: Option<WalletKind>,
        most: Option<u32>,
    ) -> Result<Vec<Wallet>> {
        let mut select = Select::default();
        let customers = select.list(customers.iter().map(|it| it.as_uuid()));
        let kind = kind.map_or_else(String::new, |it| format!(" AND t.kind = '{it}'"));
        let most = most.map_or_else(String::new, |it| format!("WHERE ranked.n <= {it}"));
        // As it is in the condition of the index.
        select.say(format!(
            "SELECT ranked.body, ranked.sequence FROM (
                SELECT t.body, t.sequence, t.create_us, t.id,
                       row_number() OVER (PARTITION BY t.customer_id ORDER BY t.create_us DESC, t.id DESC) AS n
                FROM wallets AS t
                WHERE t.customer_id IN {customers} AND t.status <> 'REMOVED'{kind}) AS ranked
             {most} ORDER BY ranked.create_us DESC, ranked.id DESC"
        ));
        self.listed(Table::Wallets, select).await
    }

    /// How many rows of a table a customer has or had: none is ever taken from the record.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn ever(&self, table: Table, customer: CustomerId) -> Result<i64> {
        let sql = format!(
            "WITH q(customer_id) AS ({{set}})
             SELECT count(*) FROM q CROSS JOIN {table} AS t WHERE t.customer_id = q.customer_id"
        );
        let set = Set::of(&[Type::Uuid], [[customer.as_uuid().into()]]);
        let rows: Vec<(i64,)> = self.read(&sql, set).await?;
        Ok(rows.first().map_or(0, |it| it.0))
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

    /// Lists addresses, newest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_addresses(&self, filter: &AddressFilter, page: &PageRequest) -> Result<Page<Address>> {
        let mut select = select_addresses(BODIES, filter);
        select.page(page, true);
        let found = self.listed(Table::Addresses, select).await?;
        Ok(page.page(found, |it: &Address| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// How many addresses a filter finds.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn count_addresses(&self, filter: &AddressFilter) -> Result<Total> {
        self.whole_total(select_addresses("1", filter)).await
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
        let mut select = select_transactions(BODIES, filter);
        select.page(page, true);
        let found = self.listed(Table::Transactions, select).await?;
        Ok(page.page(found, |it: &Transaction| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// How many transactions a filter finds.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn count_transactions(&self, filter: &TransactionFilter) -> Result<Total> {
        self.whole_total(select_transactions("1", filter)).await
    }

    /// What a select of bodies finds.
    pub(super) async fn listed<T>(&self, table: Table, select: Select) -> Result<Vec<T>>
    where
        T: TryFrom<Resource, Error = Error>,
    {
        parsed(table, self.scan(select).await?)
    }
}

/// What a list of resources reads.
pub(super) const BODIES: &str = "t.body, t.sequence";

fn select_wallets(columns: &str, filter: &WalletFilter) -> Select {
    let mut select = Select::new(columns, "wallets");
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
    select
}

fn select_addresses(columns: &str, filter: &AddressFilter) -> Select {
    let mut select = Select::new(columns, "addresses");
    match filter {
        AddressFilter::Wallet(id, networks) => {
            select.equals("wallet_id", id.as_uuid());
            select.among("network", networks.iter().map(|it| it.as_str()));
        }
        AddressFilter::Domain(id) => {
            select.equals("domain_id", id.as_uuid());
            let removed = WalletStatus::Removed;
            select.and(&format!(
                "EXISTS (SELECT 1 FROM wallets AS w WHERE w.id = t.wallet_id AND w.status <> '{removed}')"
            ));
        }
    }
    select
}

fn select_transactions(columns: &str, filter: &TransactionFilter) -> Select {
    let mut select = Select::new(columns, "transactions");
    if let Some(id) = filter.domain {
        select.equals("domain_id", id.as_uuid());
    }
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
    if filter.in_books {
        select.and("t.network = ''");
    }
    select
}

pub(super) fn parsed<T>(table: Table, rows: Vec<(String, i64)>) -> Result<Vec<T>>
where
    T: TryFrom<Resource, Error = Error>,
{
    rows.into_iter().map(|(body, sequence)| Resource::from_json(table, &body, sequence)?.try_into()).collect()
}
