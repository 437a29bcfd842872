//! Billing records and payment methods in lists, and all that an overview of a customer shows.

use std::cmp::Reverse;
use std::collections::HashMap;

use uuid::Uuid;

use super::Store;
use super::select::Select;
use super::set::{Set, Type};
use crate::domain::billing::key;
use crate::domain::{
    BillingKind, BillingRecord, Counted, CustomerId, DomainId, Error, ExternalId, Invoice, KeyKind, Page,
    PageRequest, PaymentIntent, PaymentMethod, PaymentMethodStatus, Position, Resource, Result, Table,
    Wallet, WalletKind, Word,
};

/// Which billing records of a domain to list. Values of a field are alternatives; fields must all hold; an empty field
/// says nothing.
#[derive(Clone, Debug, serde::Serialize)]
pub struct BillingFilter {
    /// Of whom.
    pub customer: Option<CustomerId>,
    /// Statuses.
    pub statuses: Vec<Word>,
    /// Ids.
    pub ids: Vec<Uuid>,
    /// The caller's own ids of them.
    pub external_ids: Vec<ExternalId>,
}

impl BillingFilter {
    /// What the databases know of how much is whose is not enough for them to choose well between an owner's index, which
    /// has the order, and one by which few are found: they would walk all that a domain has. So where few are found
    /// otherwise, the owner is asked for in a form that no index has.
    fn narrow<K: BillingKind>(&self, select: &mut Select, domain: DomainId, page: &PageRequest) {
        let named = !(self.ids.is_empty() && self.external_ids.is_empty());
        let several = self.statuses.len() > 1 && self.customer.is_none() && !named;
        let (column, owner) = match self.customer {
            Some(id) => ("customer_id", id.as_uuid()),
            None => ("domain_id", domain.as_uuid()),
        };
        let owner = select.bind(owner);
        let is_owned = format!("t.{column} = {owner}");
        if several {
            let newest = self.newest_of_each::<K>(select, &owner, page);
            select.and(&format!("({is_owned}) IS TRUE AND t.id IN ({newest})"));
            return;
        }
        select.and(&if named { format!("({is_owned}) IS TRUE") } else { is_owned });
        select.among("status", self.statuses.iter().map(Word::as_str));
        select.among("id", self.ids.iter().copied());
        if !self.external_ids.is_empty() {
            let scope = select.bind(domain.as_uuid());
            let keys = self.external_ids.iter().map(|it| select.list([key::<K>(domain, it).text]));
            let keys = keys.collect::<Vec<_>>().join(", ");
            select.and(&format!(
                "t.id IN (SELECT k.owner FROM (VALUES {keys}) AS q CROSS JOIN unique_keys AS k
                          WHERE k.scope = {scope} AND k.kind = '{}' AND k.key = q.column1)",
                KeyKind::BillingRecord
            ));
        }
    }

    /// The ids of a page of each status: the page of all is among them.
    fn newest_of_each<K: BillingKind>(
        &self,
        select: &mut Select,
        domain: &str,
        page: &PageRequest,
    ) -> String {
        let after = page.after.map_or_else(String::new, |it| {
            let (create_us, id) = (select.bind(it.create_us), select.bind(it.id));
            format!(" AND (o.create_us, o.id) < ({create_us}, {id})")
        });
        let limit = select.bind(i64::from(page.size) + 1);
        let newest = self.statuses.iter().map(|status| {
            let status = select.bind(status.as_str());
            format!(
                "SELECT s.id FROM (
                     SELECT o.id FROM {} AS o WHERE o.domain_id = {domain} AND o.status = {status}{after}
                     ORDER BY o.create_us DESC, o.id DESC LIMIT {limit}) AS s",
                K::TABLE
            )
        });
        newest.collect::<Vec<_>>().join(" UNION ALL ")
    }
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
    /// The counters that they are, as SQL: a customer may come to have others.
    const NAMES: &str = "('payment_intents', 'invoices', 'subscriptions')";

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
        domain: DomainId,
        filter: &BillingFilter,
        page: &PageRequest,
    ) -> Result<Page<BillingRecord<K>>>
    where
        K: BillingKind,
        BillingRecord<K>: TryFrom<Resource, Error = Error>,
    {
        let mut select = Select::new("t.body, t.sequence", K::TABLE.as_str());
        filter.narrow::<K>(&mut select, domain, page);
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
        // As it is in the condition of the index.
        select.and(&format!("t.status = '{}'", PaymentMethodStatus::Active));
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
        let read = format!(
            "WITH q(scope) AS ({{set}})
             SELECT c.scope, c.name, c.value FROM q CROSS JOIN counters AS c
             WHERE c.scope = q.scope AND c.name IN {}",
            BillingCounts::NAMES
        );
        let set = Set::of(&[Type::Uuid], customers.iter().map(|it| [it.as_uuid().into()]));
        let rows: Vec<(Uuid, String, i64)> = self.read(&read, set).await?;
        let mut counts = HashMap::<_, BillingCounts>::new();
        for (customer, name, value) in rows {
            let counted = name.parse().map_err(Error::internal)?;
            counts.entry(CustomerId::from_uuid(customer)).or_default().set(counted, value);
        }
        Ok(counts)
    }

    /// What an overview of a customer shows, in one query, and so as of one moment. On the connections of lists, as it is
    /// a page of each. Of wallets those of one kind, if that is said.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Overloaded`] where it would take too long.
    pub async fn holdings(&self, customer: CustomerId, kind: Option<WalletKind>) -> Result<Holdings> {
        let kind = kind.map_or_else(String::new, |it| format!("AND t.kind = '{it}'"));
        let mut select = Select::default();
        let customer = select.bind(customer.as_uuid());
        // By the customer's own index, from its end.
        let last = |table, limit, condition: &str| {
            format!(
                "SELECT * FROM (SELECT '{table}:row' AS what, t.body, t.sequence FROM {table} AS t
                 WHERE t.customer_id = {customer} {condition}
                 ORDER BY t.create_us DESC, t.id DESC LIMIT {limit}) AS last"
            )
        };
        let counts = format!(
            "SELECT c.name, CAST(NULL AS TEXT), c.value FROM counters AS c
             WHERE c.scope = {customer} AND c.name IN {}",
            BillingCounts::NAMES
        );
        let parts = [
            // As it is in the condition of the index.
            last(Table::Wallets, 101, &format!("AND t.status <> 'REMOVED' {kind}")),
            last(Table::PaymentIntents, 50, ""),
            last(Table::Invoices, 50, ""),
            counts,
        ];
        select.say(parts.join(" UNION ALL "));
        let rows: Vec<(String, Option<String>, i64)> = self.scan(select).await?;
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
