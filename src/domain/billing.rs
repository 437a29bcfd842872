//! What other services bill a customer, as they tell of it: payment intents, invoices and subscriptions. Nothing here
//! judges a status or moves money.
//!
//! The three are one shape with something of their own, and there is one decision about them. When their customer is
//! erased, descriptions and plans go; ids, external ids, invoice numbers, statuses, amounts and times stay.

use std::fmt::Debug;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Change, Code, Context, Counted, Currency, CustomerId, DomainId, Error, EventType, ExternalId, Fault,
    Figure, InvoiceId, KeyChange, KeyKind, Line, Member, PaymentIntentId, Resource, Result, SubscriptionId,
    Table, Text, UniqueKey, Word, wallet,
};

/// A kind of billing record, and what those of the kind have of their own.
pub trait BillingKind: Clone + Debug + PartialEq + Eq + Serialize + DeserializeOwned + Send + Sync {
    /// What names one.
    type Id: Copy + Debug + PartialEq + Eq + Serialize + DeserializeOwned + FromStr<Err = Fault> + Send + Sync;

    /// What it is called on the wire.
    const NOUN: &'static str;
    /// What its amount is called there.
    const AMOUNT: &'static str;
    /// Where its rows are.
    const TABLE: Table;
    /// Under what they are counted.
    const COUNTED: Counted;
    /// That one was first told of.
    const CREATED: EventType;
    /// That one changed.
    const UPDATED: EventType;

    /// An id of one.
    fn id(uuid: Uuid) -> Self::Id;

    /// The same, as it is stored.
    fn uuid(id: Self::Id) -> Uuid;

    /// The fields in which it differs from another.
    fn changes(&self, other: &Self) -> Vec<&'static str>;

    /// The same without what is personal of it.
    #[must_use]
    fn without_words(self) -> Self;
}

/// Declares what a kind of billing record has of its own, where it belongs, and which of its fields are words that go
/// with an erased customer; those are in `PERSONAL` of `store::erasure` as well.
macro_rules! kind {
    (
        $(#[$doc:meta])* $name:ident, $noun:literal, $amount:literal, $id:ident, $plural:ident,
        $created:ident, $updated:ident, { $($(#[$field_doc:meta])* $field:ident, $wire:literal: $type:ty),+ $(,)? },
        [$($word:ident),*]
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)+
        }

        impl BillingKind for $name {
            type Id = $id;

            const NOUN: &'static str = $noun;
            const AMOUNT: &'static str = $amount;
            const TABLE: Table = Table::$plural;
            const COUNTED: Counted = Counted::$plural;
            const CREATED: EventType = EventType::$created;
            const UPDATED: EventType = EventType::$updated;

            fn id(uuid: Uuid) -> $id {
                $id::from_uuid(uuid)
            }

            fn uuid(id: $id) -> Uuid {
                id.as_uuid()
            }

            fn changes(&self, other: &Self) -> Vec<&'static str> {
                [$(($wire, self.$field != other.$field)),+]
                    .into_iter()
                    .filter(|it| it.1)
                    .map(|it| it.0)
                    .collect()
            }

            fn without_words(self) -> Self {
                Self { $($word: Default::default(),)* ..self }
            }
        }
    };
}

kind! {
    /// What a payment intent has of its own. Times are in microseconds since 1970.
    Payment, "payment_intent", "amount", PaymentIntentId, PaymentIntents, PaymentIntentCreated, PaymentIntentUpdated, {
        /// How much in the token that it is paid with.
        crypto_amount, "crypto_amount": Option<Figure>,
        /// Which token that is, as the service names it.
        crypto_token_key, "crypto_token_key": Option<Code>,
        /// The EIP-155 id of the chain on which the payer authorized it; 0 where there is none.
        authorization_chain_id, "authorization_chain_id": u64,
        /// When the money was taken.
        capture_us, "capture_time": Option<i64>,
    }, []
}

kind! {
    /// What an invoice has of its own. Times are in microseconds since 1970.
    Bill, "invoice", "total", InvoiceId, Invoices, InvoiceCreated, InvoiceUpdated, {
        /// The number that is printed on it: an identifier, which stays.
        invoice_number, "invoice_number": Option<Code>,
        /// When it is to be paid.
        due_us, "due_time": Option<i64>,
        /// When it was paid.
        paid_us, "paid_time": Option<i64>,
    }, []
}

kind! {
    /// What a subscription has of its own. Times are in microseconds since 1970.
    Plan, "subscription", "amount", SubscriptionId, Subscriptions, SubscriptionCreated, SubscriptionUpdated, {
        /// How often.
        interval, "interval": Option<Word>,
        /// What it is a subscription to, in words. Not the first field: erasure cuts it off with the comma before it.
        #[serde(skip_serializing_if = "Line::is_empty")]
        plan, "plan": Line,
        /// When the period that was paid last began.
        period_start_us, "current_period_start_time": Option<i64>,
        /// When it ends.
        period_end_us, "current_period_end_time": Option<i64>,
        /// When it was cancelled.
        cancel_us, "cancel_time": Option<i64>,
    }, [plan]
}

/// An attempt to take a payment.
pub type PaymentIntent = BillingRecord<Payment>;

/// A bill.
pub type Invoice = BillingRecord<Bill>;

/// Payments that come again.
pub type Subscription = BillingRecord<Plan>;

/// A billing record of a customer, for good the same one's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct BillingRecord<K: BillingKind> {
    /// Which.
    pub id: K::Id,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// In which domain.
    pub domain_id: DomainId,
    /// Of whom.
    pub customer_id: CustomerId,
    /// The caller's own id of it, unique among those of its kind in the domain.
    pub external_id: ExternalId,
    /// How far it has come, in the word of the service that makes it.
    pub status: Word,
    /// How much of the currency.
    pub amount: Figure,
    /// Which currency.
    pub currency: Currency,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub description: Text<500>,
    /// What those of its kind have of their own.
    pub own: K,
    /// When it was made, in microseconds since 1970, as the service that makes it told first. Never changes, as lists go
    /// by it.
    pub create_us: i64,
    /// When what is recorded of it last changed.
    pub update_us: i64,
}

impl<K: BillingKind> BillingRecord<K> {
    /// What a caller shows to say which version it has seen. Callers see it as opaque.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("v{}", self.sequence)
    }

    /// The fields in which it differs from another.
    fn changes(&self, other: &Self) -> Vec<&'static str> {
        let common = [
            ("status", self.status != other.status),
            (K::AMOUNT, self.amount != other.amount),
            ("currency", self.currency != other.currency),
            ("description", self.description != other.description),
        ];
        let common = common.into_iter().filter(|it| it.1).map(|it| it.0);
        common.chain(self.own.changes(&other.own)).collect()
    }
}

/// What an upsert asks for: the record as it now is.
#[derive(Clone, Debug, Serialize)]
#[serde(bound = "")]
pub struct NewBillingRecord<K: BillingKind> {
    /// Of whom.
    pub customer_id: CustomerId,
    /// The caller's own id of it.
    pub external_id: ExternalId,
    /// How far it has come.
    pub status: Word,
    /// How much.
    pub amount: Figure,
    /// Of which currency.
    pub currency: Currency,
    /// What it is for.
    pub description: Text<500>,
    /// What those of its kind have of their own.
    pub own: K,
    /// When it was made, in microseconds since 1970; none means now. Of one that is on record, what is there stays.
    pub create_us: Option<i64>,
    /// The etag that it must still have; any if there is none.
    pub etag: Option<String>,
}

/// How far ahead of our clock the one may be of the service that makes a record.
const MOST_AHEAD_US: i64 = 24 * 3_600 * 1_000_000;

/// The name by which a caller's id finds its billing record.
#[must_use]
pub fn key<K: BillingKind>(domain: DomainId, external_id: &ExternalId) -> UniqueKey {
    let text = format!("{}/{}", K::NOUN, external_id.as_str());
    UniqueKey::of_customer(KeyKind::BillingRecord, domain, &text)
}

/// Records what a service tells of a billing record; `known` is what is on record. The same again makes no event, and
/// the time at which it was made stays as it was told first. What is known goes on when its customer is deleted; of one
/// that is erased, nothing is kept that was written in words: no description and no plan.
///
/// # Errors
///
/// [`Error::EtagMismatch`], also where nothing is known; [`Error::BillingRecordCustomerFixed`];
/// [`Error::CustomerDeleted`] where nothing is known; [`Error::Invalid`] where a new one was made tomorrow or later.
pub fn upsert<K>(
    new: &NewBillingRecord<K>,
    known: Option<&BillingRecord<K>>,
    member: &Member,
    id: Uuid,
    ctx: Context,
) -> Result<Change>
where
    K: BillingKind,
    Resource: From<BillingRecord<K>>,
{
    let (customer, domain, now_us) = (&member.customer, &*member.domain, ctx.now_us);
    let described = customer.erase_us.is_none();
    let as_told = BillingRecord {
        id: K::id(id),
        sequence: 0,
        domain_id: domain.id,
        customer_id: customer.id,
        external_id: new.external_id.clone(),
        status: new.status.clone(),
        amount: new.amount.clone(),
        currency: new.currency.clone(),
        description: if described { new.description.clone() } else { Text::default() },
        own: if described { new.own.clone() } else { new.own.clone().without_words() },
        create_us: new.create_us.unwrap_or(now_us),
        update_us: now_us,
    };
    if new.etag.is_some() && new.etag != known.map(BillingRecord::etag) {
        return Err(Error::EtagMismatch);
    }
    let change = Change::new(ctx).expects(customer).expects(domain);
    let Some(known) = known else {
        wallet::refuse_deleted(member)?;
        if as_told.create_us > now_us.saturating_add(MOST_AHEAD_US) {
            return Err(Error::invalid(format!("{}.create_time", K::NOUN), "must be at most a day from now"));
        }
        let keys = vec![KeyChange::Take(key::<K>(domain.id, &new.external_id))];
        let change = change.keys(keys).counts(customer.id.as_uuid(), K::COUNTED, 1);
        return Ok(change.writes(as_told, K::CREATED, &[]));
    };
    if known.customer_id != customer.id {
        return Err(Error::BillingRecordCustomerFixed(known.customer_id));
    }
    let next =
        BillingRecord { id: known.id, sequence: known.sequence, create_us: known.create_us, ..as_told };
    let changed = known.changes(&next);
    if changed.is_empty() {
        return Ok(change.leaves(known.clone()));
    }
    Ok(change.writes(next, K::UPDATED, &changed))
}

#[cfg(test)]
mod tests;
