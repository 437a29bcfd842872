//! Billing records and payment methods in lists, and all that an overview of a customer shows.

use std::cmp::Reverse;
use std::collections::HashMap;

use uuid::Uuid;

use super::Store;
use super::select::Select;
use super::set::{Part, Set, Type};
use crate::domain::{
    BillingKind, BillingRecord, Counted, CustomerId, DomainId, Error, Invoice, Page, PageRequest,
    PaymentIntent, PaymentMethod, PaymentMethodStatus, Position, Resource, Result, Table, Wallet, Word,
};

/// Which billing records to list: of a domain or of a customer.
#[derive(Clone, Debug, serde::Serialize)]
pub struct BillingFilter {
    /// In which domain.
    pub domain: Option<DomainId>,
    /// Of whom.
    pub customer: Option<CustomerId>,
    /// Statuses, which are alternatives; none says nothing.
    pub statuses: Vec<Word>,
}

/// How many billing records of each kind a customer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BillingCounts {
    /// Payment intents.
    pub payment_intents: i64,
    /// Invoices.
    pub invoices: i64,
    /// Subscriptions.
    pub subscriptions: i64,
}

impl BillingCounts {
    const fn set(&mut self, counted: Counted, value: i64) {
        match counted {
            Counted::PaymentIntents => self.payment_intents = value,
            Counted::Invoices => self.invoices = value,
            Counted::Subscriptions => self.subscriptions = value,
            Counted::Customers => {}
        }
    }
}

/// What a customer has, as of one moment.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Wallets that are not removed, newest first; one more than a hundred where there are more.
    pub wallets: Vec<Wallet>,
    /// The last fifty payment intents, newest first.
    pub payment_intents: Vec<PaymentIntent>,
    /// The last fifty invoices, newest first.
    pub invoices: Vec<Invoice>,
    /// How many there are.
    pub counts: BillingCounts,
}

impl Store {
    /// Lists billing records of a kind, newest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_billing<K>(
        &self,
        filter: &BillingFilter,
        page: &PageRequest,
    ) -> Result<Page<BillingRecord<K>>>
    where
        K: BillingKind,
        BillingRecord<K>: TryFrom<Resource, Error = Error>,
    {
        let mut select = Select::new("t.body, t.sequence", K::TABLE.as_str());
        if let Some(id) = filter.customer {
            select.equals("customer_id", id.as_uuid());
        }
        if let Some(id) = filter.domain {
            select.equals("domain_id", id.as_uuid());
        }
        select.among("status", filter.statuses.iter().map(Word::as_str));
        select.page(page, true);
        let found = self.listed(K::TABLE, select).await?;
        Ok(page.page(found, |it: &BillingRecord<K>| Position { create_us: it.create_us, id: K::uuid(it.id) }))
    }

    /// Lists the payment methods of a customer that are in use, newest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_payment_methods(
        &self,
        customer: CustomerId,
        page: &PageRequest,
    ) -> Result<Page<PaymentMethod>> {
        let mut select = Select::new("t.body, t.sequence", "payment_methods");
        select.equals("customer_id", customer.as_uuid());
        select.equals("status", PaymentMethodStatus::Active.as_str());
        select.page(page, true);
        let found = self.listed(Table::PaymentMethods, select).await?;
        Ok(page.page(found, |it: &PaymentMethod| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// How many billing records customers have; who has none is not among them.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn billing_counts(
        &self,
        customers: &[CustomerId],
    ) -> Result<HashMap<CustomerId, BillingCounts>> {
        const READ: &str = "
            WITH q(scope) AS ({set})
            SELECT c.scope, c.name, c.value FROM q CROSS JOIN counters AS c WHERE c.scope = q.scope";
        let set = Set::of(&[Type::Uuid], customers.iter().map(|it| [it.as_uuid().into()]));
        let rows: Vec<(Uuid, String, i64)> = self.read(READ, set).await?;
        let mut counts = HashMap::<_, BillingCounts>::new();
        for (customer, name, value) in rows {
            let counted = name.parse().map_err(Error::internal)?;
            counts.entry(CustomerId::from_uuid(customer)).or_default().set(counted, value);
        }
        Ok(counts)
    }

    /// What an overview of a customer shows, in one query, and so as of one moment.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn holdings(&self, customer: CustomerId) -> Result<Holdings> {
        const COUNTS: &str = "
            SELECT c.name, CAST(NULL AS TEXT), c.value FROM {q} AS q CROSS JOIN counters AS c
            WHERE c.scope = q.customer_id";
        let one = || Set::of(&[Type::Uuid], [[customer.as_uuid().into()]]);
        let last = |table, limit, condition| {
            // By the customer's own index, from its end.
            let sql = format!(
                "SELECT * FROM (SELECT '{table}:row' AS what, t.body, t.sequence FROM {table} AS t
                 WHERE t.customer_id = (SELECT customer_id FROM {{q}} AS q LIMIT 1) {condition}
                 ORDER BY t.create_us DESC, t.id DESC LIMIT {limit}) AS last"
            );
            Part::new("customer_id", one(), sql)
        };
        let parts = || {
            vec![
                last(Table::Wallets, 101, "AND t.status <> 'REMOVED'"),
                last(Table::PaymentIntents, 50, ""),
                last(Table::Invoices, 50, ""),
                Part::new("customer_id", one(), COUNTS),
            ]
        };
        let rows: Vec<(String, Option<String>, i64)> = self.read_all_of(parts).await?;
        let mut found = Holdings::default();
        for (what, body, number) in rows {
            match (what.strip_suffix(":row"), body) {
                (Some(table), Some(body)) => {
                    let table = table.parse().map_err(Error::internal)?;
                    match Resource::from_json(table, &body, number)? {
                        Resource::Wallet(it) => found.wallets.push(it),
                        Resource::PaymentIntent(it) => found.payment_intents.push(it),
                        Resource::Invoice(it) => found.invoices.push(it),
                        other => {
                            return Err(Error::internal(format!("an overview has no {}", other.table())));
                        }
                    }
                }
                _ => found.counts.set(what.parse().map_err(Error::internal)?, number),
            }
        }
        // Each part is in order, and nothing says that the parts of one statement keep it.
        found.wallets.sort_by_key(|it| Reverse((it.create_us, it.id)));
        found.payment_intents.sort_by_key(|it| Reverse((it.create_us, it.id.as_uuid())));
        found.invoices.sort_by_key(|it| Reverse((it.create_us, it.id.as_uuid())));
        Ok(found)
    }
}
