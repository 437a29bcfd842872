//! Payment claim links and claims in lists, the tokens of links, and which wallet what was claimed goes to.

use uuid::Uuid;

use super::Store;
use super::customers::Total;
use super::select::Select;
use super::set::{Part, Set, Type, Value};
use super::wallets::BODIES;
use crate::domain::{
    AddressId, Claim, ClaimId, ClaimStatus, CustomerId, DomainId, Network, OnRecord, Page, PageRequest,
    PaymentClaimLink, PaymentClaimLinkId, PaymentClaimLinkStatus, Position, Result, SealedToken, Table,
    Transaction, TransactionId, TransactionStatus, TransactionType, Wallet, WalletId, WalletStatus,
};

/// Which links to list. Values of a field are alternatives; fields must all hold; an empty field says nothing.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ClaimLinkFilter {
    /// In which domain.
    pub domain: Option<DomainId>,
    /// For whom.
    pub customer: Option<CustomerId>,
    /// What can be done with them.
    pub statuses: Vec<PaymentClaimLinkStatus>,
}

/// Which claims to list; as [`ClaimLinkFilter`].
#[derive(Clone, Debug, serde::Serialize)]
pub struct ClaimFilter {
    /// In which domain.
    pub domain: Option<DomainId>,
    /// For whom.
    pub customer: Option<CustomerId>,
    /// By which link.
    pub link: Option<PaymentClaimLinkId>,
    /// How far they have come.
    pub statuses: Vec<ClaimStatus>,
}

/// The tokens that a group of Changes keeps.
pub(super) fn new_tokens<'a>(tokens: impl Iterator<Item = (Uuid, &'a SealedToken)>) -> Part<'static> {
    const PUT: &str = "
        INSERT INTO claim_tokens (link_id, key_version, sealed)
        SELECT link_id, key_version, sealed FROM {q} WHERE link_id IS NOT NULL";
    let row = |(link, it): (Uuid, &SealedToken)| {
        [link.into(), it.key_version.into(), Value::from(it.sealed.clone())]
    };
    Part::new(
        "link_id, key_version, sealed",
        Set::of(&[Type::Uuid, Type::Int, Type::Bytes], tokens.map(row)),
        PUT,
    )
}

/// Of several wallets what was claimed goes to one in use before one that is frozen, to one of ours before one that is
/// linked, and to the oldest of those.
const PREFERRED: &str = "(t.status = 'FROZEN'), (t.kind = 'EXTERNAL'), t.create_us, t.id";

impl Store {
    /// Lists payment claim links, newest first. Which have expired is said by the time.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_claim_links(
        &self,
        filter: &ClaimLinkFilter,
        page: &PageRequest,
        now_us: i64,
    ) -> Result<Page<PaymentClaimLink>> {
        let mut select = select_links(BODIES, filter, now_us);
        select.page(page, true);
        let found = self.listed(Table::ClaimLinks, select).await?;
        let position = |it: &PaymentClaimLink| Position { create_us: it.create_us, id: it.id.as_uuid() };
        Ok(page.page(found, position))
    }

    /// The links of a customer that were not ended, be they expired by now.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn active_links(&self, customer: CustomerId) -> Result<Vec<PaymentClaimLink>> {
        let mut select = Select::new(BODIES, "claim_links");
        select.equals("customer_id", customer.as_uuid());
        select.equals("status", PaymentClaimLinkStatus::Active.as_str());
        select.ordered("t.create_us, t.id");
        self.listed(Table::ClaimLinks, select).await
    }

    /// How many payment claim links a filter finds.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn count_claim_links(&self, filter: &ClaimLinkFilter, now_us: i64) -> Result<Total> {
        self.whole_total(select_links("1", filter, now_us)).await
    }

    /// How many claims a filter finds.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn count_claims(&self, filter: &ClaimFilter) -> Result<Total> {
        self.whole_total(select_claims("1", filter)).await
    }

    /// Lists claims, newest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_claims(&self, filter: &ClaimFilter, page: &PageRequest) -> Result<Page<Claim>> {
        let mut select = select_claims(BODIES, filter);
        select.page(page, true);
        let found = self.listed(Table::Claims, select).await?;
        Ok(page.page(found, |it: &Claim| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// The sealed tokens of links.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn claim_tokens(
        &self,
        links: &[PaymentClaimLinkId],
    ) -> Result<Vec<(PaymentClaimLinkId, SealedToken)>> {
        const READ: &str = "
            WITH q(link_id) AS ({set})
            SELECT t.link_id, t.key_version, t.sealed FROM q CROSS JOIN claim_tokens AS t
            WHERE t.link_id = q.link_id";
        let rows = links.iter().map(|it| [it.as_uuid().into()]);
        let rows: Vec<(Uuid, i64, Vec<u8>)> = self.read(READ, Set::of(&[Type::Uuid], rows)).await?;
        let token = |(id, key_version, sealed)| {
            (PaymentClaimLinkId::from_uuid(id), SealedToken { key_version, sealed })
        };
        Ok(rows.into_iter().map(token).collect())
    }

    /// The deposits of a transaction on a chain that are on record in a domain, but those that failed: a customer's own
    /// first, at most a hundred.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn deposits_of(&self, of: &OnRecord, customer: CustomerId) -> Result<Vec<Transaction>> {
        let mut select = Select::new("t.body, t.sequence", "transactions");
        select.equals("domain_id", of.domain.as_uuid());
        select.equals("network", of.network.as_str());
        select.equals("tx_hash", of.tx_hash.as_str());
        select.equals("type", TransactionType::Deposit.as_str());
        let failed = select.bind(TransactionStatus::Failed.as_str());
        select.and(&format!("t.status <> {failed}"));
        let own = select.bind(customer.as_uuid());
        select.ordered(&format!("(t.customer_id = {own}) DESC, t.create_us, t.id"));
        select.limited("100");
        self.listed(Table::Transactions, select).await
    }

    /// The wallet of a customer that what was claimed on a network goes to, with its first address there: that one, or else
    /// the one that is preferred.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn wallet_on(
        &self,
        customer: CustomerId,
        network: Network,
        wallet: Option<WalletId>,
    ) -> Result<Option<(Wallet, String)>> {
        let mut select = Select::new("t.body, t.sequence", "wallets");
        select.equals("customer_id", customer.as_uuid());
        if let Some(id) = wallet {
            select.equals("id", id.as_uuid());
        }
        let network_key = select.bind(network.as_str());
        let removed = select.bind(WalletStatus::Removed.as_str());
        select.and(&format!("t.status <> {removed}"));
        select.and(&format!(
            "EXISTS (SELECT 1 FROM addresses AS a WHERE a.wallet_id = t.id AND a.network = {network_key})"
        ));
        select.ordered(PREFERRED);
        select.limited("1");
        let wallets: Vec<Wallet> = self.listed(Table::Wallets, select).await?;
        let Some(wallet) = wallets.into_iter().next() else { return Ok(None) };
        Ok(self.first_address(wallet.id, network).await?.map(|address| (wallet, address)))
    }

    /// The address that each of some claims is paid to: that of its deposit, or else the one that its approval would record it
    /// at. Those without any are left out.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn paid_addresses(&self, claims: &[Claim]) -> Result<Vec<(ClaimId, AddressId, String)>> {
        let sql = format!(
            "WITH q(claim_id, customer_id, network, transaction_id) AS ({{set}})
             SELECT q.claim_id, a.id, a.address FROM q CROSS JOIN addresses AS a
             WHERE a.id = CASE WHEN q.transaction_id IS NULL THEN (
                 SELECT b.id FROM wallets AS t CROSS JOIN addresses AS b
                 WHERE t.customer_id = q.customer_id AND t.status <> '{}'
                   AND b.wallet_id = t.id AND b.network = q.network
                 ORDER BY {PREFERRED}, b.create_us, b.id LIMIT 1)
             ELSE (
                 SELECT b.id FROM transactions AS x CROSS JOIN addresses AS b
                 WHERE x.id = q.transaction_id
                   AND b.wallet_id = x.wallet_id AND b.network = x.network AND b.address = x.address LIMIT 1)
             END",
            WalletStatus::Removed
        );
        let row = |it: &Claim| {
            [
                it.id.as_uuid().into(),
                it.customer_id.as_uuid().into(),
                Value::from(it.network.as_str()),
                it.transaction_id.map(TransactionId::as_uuid).into(),
            ]
        };
        let set = Set::of(&[Type::Uuid, Type::Uuid, Type::Text, Type::Uuid], claims.iter().map(row));
        let rows: Vec<(Uuid, Uuid, String)> = self.read(&sql, set).await?;
        let of = |(claim, id, address)| (ClaimId::from_uuid(claim), AddressId::from_uuid(id), address);
        Ok(rows.into_iter().map(of).collect())
    }
}

fn select_links(columns: &str, filter: &ClaimLinkFilter, now_us: i64) -> Select {
    let mut select = Select::new(columns, "claim_links");
    if let Some(id) = filter.customer {
        select.equals("customer_id", id.as_uuid());
    }
    if let Some(id) = filter.domain {
        select.equals("domain_id", id.as_uuid());
    }
    if !filter.statuses.is_empty() {
        let now = select.bind(now_us);
        let statuses = select.list(filter.statuses.iter().map(|it| it.as_str()));
        select.and(&format!(
            "CASE WHEN t.status = 'ACTIVE' AND t.expire_us <= {now} THEN 'EXPIRED' ELSE t.status END IN {statuses}"
        ));
    }
    select
}

fn select_claims(columns: &str, filter: &ClaimFilter) -> Select {
    let mut select = Select::new(columns, "claims");
    if let Some(id) = filter.link {
        select.equals("link_id", id.as_uuid());
    }
    if let Some(id) = filter.customer {
        select.equals("customer_id", id.as_uuid());
    }
    if let Some(id) = filter.domain {
        select.equals("domain_id", id.as_uuid());
    }
    select.among("status", filter.statuses.iter().map(|it| it.as_str()));
    select
}
