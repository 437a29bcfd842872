//! The audit of a log: whether what is kept is what was written.

use std::fmt;

use uuid::Uuid;

use super::event::chain;
use super::{
    AddressId, ApiKeyId, ClaimId, CustomerId, DomainId, EventHeader, Hash, InvoiceId, KeySourceId, LogId,
    OrganizationId, PaymentClaimLinkId, PaymentIntentId, PaymentMethodId, SubscriptionId, Table,
    TransactionId, WalletId, WebhookEndpointId,
};

/// What is wrong with an event, or with what it should be the last of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is not there, nor are those up to another.
    Missing {
        /// The last of those that are not there.
        through: i64,
    },
    /// It happened before the event before it.
    Early,
    /// Its digest is not that of what it says.
    Digest,
    /// Its chain does not follow from the event before it.
    Chain,
    /// The log's row does not have its chain.
    End,
    /// It says nothing any more, and nobody was erased.
    Emptied,
    /// A row whose last event it is says something else.
    Row(Table, Uuid),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { through } => write!(f, "missing, and all to {through}"),
            Self::Early => f.write_str("happened before the event before it"),
            Self::Digest => f.write_str("its digest is not that of what it says"),
            Self::Chain => f.write_str("its chain does not follow from the event before it"),
            Self::End => f.write_str("the log does not end with its chain"),
            Self::Emptied => f.write_str("says nothing, though nobody was erased"),
            Self::Row(table, id) => write!(f, "{} is not what it says", name(*table, *id)),
        }
    }
}

/// What a row is called.
fn name(table: Table, id: Uuid) -> String {
    match table {
        Table::Organizations => OrganizationId::from_uuid(id).to_string(),
        Table::Domains => DomainId::from_uuid(id).to_string(),
        Table::ApiKeys => ApiKeyId::from_uuid(id).to_string(),
        Table::Customers => CustomerId::from_uuid(id).to_string(),
        Table::Wallets => WalletId::from_uuid(id).to_string(),
        Table::Addresses => AddressId::from_uuid(id).to_string(),
        Table::Transactions => TransactionId::from_uuid(id).to_string(),
        Table::PaymentIntents => PaymentIntentId::from_uuid(id).to_string(),
        Table::Invoices => InvoiceId::from_uuid(id).to_string(),
        Table::Subscriptions => SubscriptionId::from_uuid(id).to_string(),
        Table::PaymentMethods => PaymentMethodId::from_uuid(id).to_string(),
        Table::KeySources => KeySourceId::from_uuid(id).to_string(),
        Table::WebhookEndpoints => WebhookEndpointId::from_uuid(id).to_string(),
        Table::ClaimLinks => PaymentClaimLinkId::from_uuid(id).to_string(),
        Table::Claims => ClaimId::from_uuid(id).to_string(),
    }
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In which log.
    pub log: LogId,
    /// What that is called: its domain's or organization's id, or `operators`.
    pub log_name: String,
    /// At which event.
    pub sequence: i64,
    /// What.
    pub flaw: Flaw,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log {}, event {}: {}", self.log_name, self.sequence, self.flaw)
    }
}

/// Follows the events of a log in their order, from its first on.
#[derive(Debug)]
pub struct Order {
    next: i64,
    time_us: i64,
}

impl Order {
    /// From an event on.
    #[must_use]
    pub const fn from(first: i64) -> Self {
        Self { next: first, time_us: i64::MIN }
    }

    /// The events missing before one that is there, and whether it is out of the order of time.
    pub fn see(&mut self, sequence: i64, create_us: i64) -> Vec<(i64, Flaw)> {
        let mut flaws: Vec<_> = self.end(sequence - 1).into_iter().collect();
        if create_us < self.time_us {
            flaws.push((sequence, Flaw::Early));
        }
        self.next = sequence + 1;
        self.time_us = self.time_us.max(create_us);
        flaws
    }

    /// The events missing up to the last that there should be.
    #[must_use]
    pub fn end(&self, last: i64) -> Option<(i64, Flaw)> {
        (self.next <= last).then_some((self.next, Flaw::Missing { through: last }))
    }
}

/// An event as it is kept.
#[derive(Debug)]
pub struct Link {
    /// What it says, with its salt; none once the customer is erased.
    pub said: Option<(EventHeader, Hash, String)>,
    /// Whether it says a part of that only, or what no event can say.
    pub is_torn: bool,
    /// The digest it was given.
    pub digest: Hash,
    /// Its place in the chain.
    pub chain: Hash,
}

impl Link {
    /// Whether it has the digest of what it says; one that says nothing may have any.
    #[must_use]
    pub fn is_as_said(&self) -> bool {
        let digest = |(it, salt, payload): &(EventHeader, Hash, String)| it.digest(salt, payload);
        !self.is_torn && self.said.as_ref().is_none_or(|it| digest(it) == self.digest)
    }
}

/// Follows the chain of a log.
///
/// Where it breaks, what follows may go on from what should have been there or from what is: either way the break is told
/// once.
#[derive(Debug)]
pub struct Chain {
    before: Vec<Hash>,
}

impl Chain {
    /// From what the chain was before the first event.
    #[must_use]
    pub fn from(base: Hash) -> Self {
        Self { before: vec![base] }
    }

    /// Goes on after events that are not there: from anything.
    pub fn skip(&mut self) {
        self.before.clear();
    }

    /// What is wrong with the next event.
    pub fn see(&mut self, link: &Link) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if !link.is_as_said() {
            flaws.push(Flaw::Digest);
        }
        let should: Vec<_> = self.before.iter().map(|it| chain(it, &link.digest)).collect();
        self.before = vec![link.chain];
        if !should.is_empty() && !should.contains(&link.chain) {
            flaws.push(Flaw::Chain);
            self.before.extend(should.first());
        }
        flaws
    }

    /// Whether the log may end with a chain.
    #[must_use]
    pub fn ends(&self, with: &Hash) -> bool {
        self.before.is_empty() || self.before.contains(with)
    }
}

#[cfg(test)]
mod tests;
