//! The log: what an event says, and the chain that makes a log of them tamper-evident.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{CustomerId, DomainId, Error, EventId, OrganizationId, Resource, Result, Table, words};

words! {
    /// What happened.
    EventType {
        /// An organization was made.
        OrganizationCreated = "organization.created",
        /// A domain was made.
        DomainCreated = "domain.created",
        /// A domain's settings or status changed.
        DomainUpdated = "domain.updated",
        /// A key was made.
        ApiKeyCreated = "api_key.created",
        /// A key got a new secret.
        ApiKeyRotated = "api_key.rotated",
        /// A key was ended.
        ApiKeyRevoked = "api_key.revoked",
        /// A customer was made.
        CustomerCreated = "customer.created",
        /// A customer's fields or status changed.
        CustomerUpdated = "customer.updated",
        /// A customer was deleted.
        CustomerDeleted = "customer.deleted",
        /// A customer was brought back.
        CustomerRestored = "customer.restored",
        /// A customer was erased.
        CustomerErased = "customer.erased",
        /// A customer's KYC status changed.
        CustomerKycUpdated = "customer.kyc_updated",
        /// A wallet was made or linked.
        WalletCreated = "wallet.created",
        /// A wallet's status or authorization changed.
        WalletUpdated = "wallet.updated",
        /// A wallet was removed for good.
        WalletRemoved = "wallet.removed",
        /// A wallet was given another address.
        AddressCreated = "address.created",
        /// A transaction was recorded.
        TransactionCreated = "transaction.created",
        /// A transaction's status or block changed.
        TransactionUpdated = "transaction.updated",
        /// A payment intent was first told of.
        PaymentIntentCreated = "payment_intent.created",
        /// A payment intent changed.
        PaymentIntentUpdated = "payment_intent.updated",
        /// An invoice was first told of.
        InvoiceCreated = "invoice.created",
        /// An invoice changed.
        InvoiceUpdated = "invoice.updated",
        /// A subscription was first told of.
        SubscriptionCreated = "subscription.created",
        /// A subscription changed.
        SubscriptionUpdated = "subscription.updated",
        /// A payment method was added.
        PaymentMethodAdded = "payment_method.added",
        /// A payment method was removed for good.
        PaymentMethodRemoved = "payment_method.removed",
        /// An extended public key was registered.
        ExtendedKeyRegistered = "extended_key.registered",
        /// Addresses were added to a pool.
        AddressPoolUploaded = "address_pool.uploaded",
        /// A domain's seed was exported.
        SeedExported = "seed.exported",
        /// A webhook endpoint was made.
        WebhookEndpointCreated = "webhook_endpoint.created",
        /// A webhook endpoint's settings or its secret changed.
        WebhookEndpointUpdated = "webhook_endpoint.updated",
        /// A webhook endpoint was deleted.
        WebhookEndpointDeleted = "webhook_endpoint.deleted",
        /// A payment claim link was made.
        ClaimLinkCreated = "claim_link.created",
        /// A claim was submitted by a payment claim link.
        ClaimLinkUsed = "claim_link.used",
        /// A payment claim link was ended.
        ClaimLinkRevoked = "claim_link.revoked",
        /// A claim was submitted.
        ClaimSubmitted = "claim.submitted",
        /// A claim was approved.
        ClaimApproved = "claim.approved",
        /// A claim was rejected.
        ClaimRejected = "claim.rejected",
    }
}

impl EventType {
    /// Where what it happens to has its row.
    #[must_use]
    pub const fn table(self) -> Table {
        match self {
            Self::OrganizationCreated => Table::Organizations,
            Self::DomainCreated | Self::DomainUpdated | Self::SeedExported => Table::Domains,
            Self::ApiKeyCreated | Self::ApiKeyRotated | Self::ApiKeyRevoked => Table::ApiKeys,
            Self::CustomerCreated
            | Self::CustomerUpdated
            | Self::CustomerDeleted
            | Self::CustomerRestored
            | Self::CustomerErased
            | Self::CustomerKycUpdated => Table::Customers,
            Self::WalletCreated | Self::WalletUpdated | Self::WalletRemoved => Table::Wallets,
            Self::AddressCreated => Table::Addresses,
            Self::TransactionCreated | Self::TransactionUpdated => Table::Transactions,
            Self::PaymentIntentCreated | Self::PaymentIntentUpdated => Table::PaymentIntents,
            Self::InvoiceCreated | Self::InvoiceUpdated => Table::Invoices,
            Self::SubscriptionCreated | Self::SubscriptionUpdated => Table::Subscriptions,
            Self::PaymentMethodAdded | Self::PaymentMethodRemoved => Table::PaymentMethods,
            Self::ExtendedKeyRegistered | Self::AddressPoolUploaded => Table::KeySources,
            Self::WebhookEndpointCreated | Self::WebhookEndpointUpdated | Self::WebhookEndpointDeleted => {
                Table::WebhookEndpoints
            }
            Self::ClaimLinkCreated | Self::ClaimLinkUsed | Self::ClaimLinkRevoked => Table::ClaimLinks,
            Self::ClaimSubmitted | Self::ClaimApproved | Self::ClaimRejected => Table::Claims,
        }
    }
}

/// Names a log: that of a domain, of an organization, or of the operators.
///
/// Whoever changes anything that belongs to a log holds the log's lock, so changes of one log come one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(Uuid);

impl LogId {
    /// The log of what belongs to no organization.
    pub const OPERATOR: Self = Self(Uuid::nil());

    /// One that was stored.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// As it is stored.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<DomainId> for LogId {
    fn from(id: DomainId) -> Self {
        Self(id.as_uuid())
    }
}

impl From<OrganizationId> for LogId {
    fn from(id: OrganizationId) -> Self {
        Self(id.as_uuid())
    }
}

/// Everything about an event but its payload: what the digest covers beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHeader {
    /// Which.
    pub id: EventId,
    /// In which log.
    pub log: LogId,
    /// Its place there, from 1, without gaps.
    pub sequence: i64,
    /// What happened.
    pub kind: EventType,
    /// What it happened to.
    pub resource_id: Uuid,
    /// Whom it is about, if it is about a customer.
    pub customer_id: Option<CustomerId>,
    /// Who did it.
    pub actor: String,
    /// The request that asked for it; empty if it had no id.
    pub request_id: String,
    /// When, in microseconds since 1970; never before the event before it.
    pub create_us: i64,
    /// Which fields changed, comma-separated.
    pub changed_fields: String,
    /// Why, where the caller said.
    pub reason: String,
}

/// One change, as the log keeps it.
#[derive(Clone, Debug)]
pub struct Event {
    /// What happened to what, when, by whom.
    pub header: EventHeader,
    /// The resource as it became; none where the customer was erased since.
    pub payload: Option<Resource>,
}

/// Which events are asked for; an empty field says nothing.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of these types.
    pub types: Vec<EventType>,
    /// About this customer.
    pub customer: Option<CustomerId>,
}

impl EventFilter {
    /// Whether an event is asked for.
    #[must_use]
    pub fn wants(&self, event: &EventHeader) -> bool {
        (self.types.is_empty() || self.types.contains(&event.kind))
            && self.customer.is_none_or(|it| event.customer_id == Some(it))
    }
}

/// The ends of a log: the first event that is kept and the last there is. Where none is kept, the first is the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The first that is kept, or will be.
    pub first: i64,
    /// The last; 0 where nothing has happened yet.
    pub last: i64,
    /// When that was, in microseconds since 1970.
    pub last_us: i64,
}

impl Ends {
    /// Refuses to go on after a place that the log does not have, or behind which something was removed.
    ///
    /// # Errors
    ///
    /// [`Error::EventsExpired`], [`Error::SequenceAhead`].
    pub const fn admit(self, after: i64) -> Result<()> {
        if after > self.last {
            Err(Error::SequenceAhead { last: self.last })
        } else if after + 1 < self.first {
            Err(Error::EventsExpired { earliest: self.first })
        } else {
            Ok(())
        }
    }
}

/// A SHA-256.
pub type Hash = [u8; 32];

impl EventHeader {
    /// `SHA-256(salt ‖ header ‖ payload)`: the header's fields in the order above, each with its length before it.
    ///
    /// The salt keeps an erased payload from being guessed by its digest.
    #[must_use]
    pub fn digest(&self, salt: &Hash, payload: &str) -> Hash {
        let mut sha = Sha256::new();
        let mut field = |bytes: &[u8]| {
            sha.update((bytes.len() as u64).to_be_bytes());
            sha.update(bytes);
        };
        field(salt);
        field(self.id.as_uuid().as_bytes());
        field(self.log.0.as_bytes());
        field(&self.sequence.to_be_bytes());
        field(self.kind.as_str().as_bytes());
        field(self.resource_id.as_bytes());
        field(self.customer_id.map_or(Uuid::nil(), CustomerId::as_uuid).as_bytes());
        field(self.actor.as_bytes());
        field(self.request_id.as_bytes());
        field(&self.create_us.to_be_bytes());
        field(self.changed_fields.as_bytes());
        field(self.reason.as_bytes());
        field(payload.as_bytes());
        sha.finalize().into()
    }
}

/// `SHA-256(previous chain ‖ digest)`. The chain before the first event is 32 zero bytes.
#[must_use]
pub fn chain(previous: &Hash, digest: &Hash) -> Hash {
    Sha256::new().chain_update(previous).chain_update(digest).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> EventHeader {
        EventHeader {
            id: EventId::from_uuid(Uuid::from_u128(1)),
            log: LogId::from_uuid(Uuid::from_u128(2)),
            sequence: 3,
            kind: EventType::CustomerCreated,
            resource_id: Uuid::from_u128(4),
            customer_id: Some(CustomerId::from_uuid(Uuid::from_u128(4))),
            actor: "cli:root".to_owned(),
            request_id: "r".to_owned(),
            create_us: 5,
            changed_fields: "name".to_owned(),
            reason: String::new(),
        }
    }

    #[test]
    fn every_part_of_an_event_is_in_its_digest() {
        let whole = header().digest(&[0; 32], "{}");
        let others = [
            header().digest(&[1; 32], "{}"),
            header().digest(&[0; 32], "{ }"),
            EventHeader { id: EventId::from_uuid(Uuid::from_u128(9)), ..header() }.digest(&[0; 32], "{}"),
            EventHeader { log: LogId::OPERATOR, ..header() }.digest(&[0; 32], "{}"),
            EventHeader { sequence: 9, ..header() }.digest(&[0; 32], "{}"),
            EventHeader { kind: EventType::CustomerUpdated, ..header() }.digest(&[0; 32], "{}"),
            EventHeader { resource_id: Uuid::nil(), ..header() }.digest(&[0; 32], "{}"),
            EventHeader { customer_id: None, ..header() }.digest(&[0; 32], "{}"),
            EventHeader { actor: "x".to_owned(), ..header() }.digest(&[0; 32], "{}"),
            EventHeader { request_id: "x".to_owned(), ..header() }.digest(&[0; 32], "{}"),
            EventHeader { create_us: 9, ..header() }.digest(&[0; 32], "{}"),
            EventHeader { changed_fields: "x".to_owned(), ..header() }.digest(&[0; 32], "{}"),
            EventHeader { reason: "x".to_owned(), ..header() }.digest(&[0; 32], "{}"),
            // What moves from one field to the next is not the same event.
            EventHeader { actor: "cli:rootr".to_owned(), request_id: String::new(), ..header() }
                .digest(&[0; 32], "{}"),
        ];
        assert!(others.iter().all(|it| *it != whole));
    }

    #[test]
    fn a_log_is_read_from_any_place_it_has_and_from_no_other() {
        let ends = Ends { first: 5, last: 9, last_us: 0 };
        assert!([4, 5, 8, 9].into_iter().all(|it| ends.admit(it).is_ok()));
        assert!(matches!(ends.admit(3), Err(Error::EventsExpired { earliest: 5 })));
        assert!(matches!(ends.admit(10), Err(Error::SequenceAhead { last: 9 })));
        // Nothing has happened yet; all that happened was removed.
        assert!(Ends { first: 1, last: 0, last_us: 0 }.admit(0).is_ok());
        assert!(Ends { first: 10, last: 9, last_us: 0 }.admit(9).is_ok());
        assert!(Ends { first: 10, last: 9, last_us: 0 }.admit(8).is_err());
    }

    #[test]
    fn a_filter_wants_what_has_any_of_its_types_and_its_customer() {
        let of = |types: &[EventType], customer| EventFilter { types: types.to_vec(), customer };
        let (this, other) = (header().customer_id, Some(CustomerId::from_uuid(Uuid::from_u128(9))));
        assert!(of(&[], None).wants(&header()));
        assert!(of(&[EventType::WalletCreated, EventType::CustomerCreated], this).wants(&header()));
        assert!(!of(&[EventType::WalletCreated], this).wants(&header()));
        assert!(!of(&[], other).wants(&header()));
    }

    #[test]
    fn the_type_of_an_event_names_the_table_of_what_it_happened_to() {
        for kind in EventType::ALL {
            let noun = kind.as_str().split('.').next().unwrap_or_default();
            let table = match noun {
                "extended_key" | "address_pool" => "key_sources".to_owned(),
                "seed" => "domains".to_owned(),
                "address" => "addresses".to_owned(),
                noun => format!("{noun}s"),
            };
            assert_eq!(kind.table().as_str(), table, "{kind}");
        }
    }

    #[test]
    fn a_chain_depends_on_every_digest_before() {
        let (a, b) = ([1; 32], [2; 32]);
        let one = chain(&chain(&[0; 32], &a), &b);
        assert_ne!(one, chain(&chain(&[0; 32], &b), &a));
        assert_ne!(one, chain(&[0; 32], &b));
    }
}
