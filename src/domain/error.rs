//! Every way a call can fail, in the words of the directory.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{
    ClaimId, ClaimStatus, CustomerId, Environment, KeyKind, KycStatus, Network, PaymentMethodId, Scheme,
    Scope, TransactionStatus, WalletId, WalletKind, WalletStatus, WebhookEndpointId,
};

/// The result of anything the directory does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What lies behind a failure that is not the caller's. It is logged, never answered.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// What is wrong with a value, as the end of a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(Cow<'static, str>);

impl Fault {
    /// A fault that needs no more than a fixed sentence.
    #[must_use]
    pub const fn new(problem: &'static str) -> Self {
        Self(Cow::Borrowed(problem))
    }

    /// A fault that names a limit or a choice. It never repeats the value: that may be personal.
    #[must_use]
    pub const fn because(problem: String) -> Self {
        Self(Cow::Owned(problem))
    }

    /// The sentence.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// A field of a request that does not mean anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The field, by its path in the proto.
    pub field: Cow<'static, str>,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Gathers what is wrong with a request, so that all of it is answered at once.
#[derive(Debug, Default)]
pub struct Faults {
    fields: Vec<FieldFault>,
    /// Whether something else is wrong than addresses.
    not_only_addresses: bool,
}

impl Faults {
    /// How many are noted: nobody mends more at a time, and a message may have as many as it has bytes.
    const MOST: usize = 1_000;

    /// Notes that `field` is wrong.
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, fault: Fault) {
        if self.fields.len() < Self::MOST {
            self.fields.push(FieldFault { field: field.into(), fault });
        }
        self.not_only_addresses = true;
    }

    /// The value, or its default with the fault noted. What is returned then is never used: [`Faults::done`] refuses it.
    pub fn take<T: Default>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        parsed: std::result::Result<T, Fault>,
    ) -> T {
        parsed.unwrap_or_else(|fault| {
            self.add(field, fault);
            T::default()
        })
    }

    /// The value, or nothing with the fault noted.
    pub fn keep<T>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        parsed: std::result::Result<T, Fault>,
    ) -> Option<T> {
        parsed.map_err(|fault| self.add(field, fault)).ok()
    }

    /// The same for an address.
    pub fn keep_address<T>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        parsed: std::result::Result<T, Fault>,
    ) -> Option<T> {
        parsed.map_err(|fault| self.fields.push(FieldFault { field: field.into(), fault })).ok()
    }

    /// The value, or its default with the faults noted. What is no fault of a field is passed on.
    ///
    /// # Errors
    ///
    /// Any but [`Error::Invalid`].
    pub fn absorb<T: Default>(&mut self, parsed: Result<T>) -> Result<T> {
        self.gather(parsed).map(Option::unwrap_or_default)
    }

    /// The value, or nothing with the faults noted. What is no fault of a field is passed on.
    ///
    /// # Errors
    ///
    /// As [`Faults::absorb`].
    pub fn gather<T>(&mut self, parsed: Result<T>) -> Result<Option<T>> {
        match parsed {
            Ok(value) => Ok(Some(value)),
            Err(Error::Invalid(faults)) => {
                self.fields.extend(faults);
                self.not_only_addresses = true;
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Forgets the faults of fields that do not matter.
    pub fn only(&mut self, matters: impl Fn(&str) -> bool) {
        self.fields.retain(|it| matters(&it.field));
    }

    /// Whether nothing was noted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// A value that was parsed on the way, if nothing was noted.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with every fault; [`Error::InvalidAddress`] where all of them are of addresses.
    pub fn finish<T>(self, value: Option<T>) -> Result<T> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self.into()),
        }
    }

    /// Refuses the request if anything was noted.
    ///
    /// # Errors
    ///
    /// As [`Faults::finish`].
    pub fn done(self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(self.into()) }
    }
}

impl From<Faults> for Error {
    fn from(faults: Faults) -> Self {
        let is_of_addresses = !faults.not_only_addresses && !faults.fields.is_empty();
        if is_of_addresses { Self::InvalidAddress(faults.fields) } else { Self::Invalid(faults.fields) }
    }
}

/// What can be asked for and not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    /// An organization.
    Organization,
    /// A domain.
    Domain,
    /// An API key.
    ApiKey,
    /// A customer.
    Customer,
    /// A payment alias, asked for in order to pay to it.
    Alias,
    /// A wallet.
    Wallet,
    /// An address on a chain.
    Address,
    /// A transaction.
    Transaction,
    /// How a customer pays or is paid.
    PaymentMethod,
    /// A domain's seed.
    Seed,
    /// A webhook endpoint.
    WebhookEndpoint,
    /// An event.
    Event,
    /// A payment claim link.
    ClaimLink,
    /// A claim.
    Claim,
}

impl Noun {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Domain => "domain",
            Self::ApiKey => "API key",
            Self::Customer => "customer",
            Self::Alias => "payment address",
            Self::Wallet => "wallet",
            Self::Address => "address",
            Self::Transaction => "transaction",
            Self::PaymentMethod => "payment method",
            Self::Seed => "seed of the domain",
            Self::WebhookEndpoint => "webhook endpoint",
            Self::Event => "event",
            Self::ClaimLink => "payment claim link",
            Self::Claim => "claim",
        }
    }
}

/// Why the directory did not do what was asked: one variant for each thing a caller would do differently about it.
///
/// No variant holds a personal value, so that an error may be logged and answered as it stands.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request do not mean anything; all of them.
    #[error("invalid request: {}", list(.0))]
    Invalid(Vec<FieldFault>),
    /// A page token that this listing, with these filters, did not make.
    #[error("the page token was not made by this method with these filters and this order")]
    BadPageToken,
    /// The request id has been used for something else within the last day.
    #[error("the request id was used before for another request")]
    RequestIdReused,
    /// No API key came with the call.
    #[error("an API key is needed: `authorization: Bearer <key>` or `x-api-key: <key>`")]
    ApiKeyMissing,
    /// The API key is not one of ours.
    #[error("the API key is not valid")]
    ApiKeyInvalid,
    /// The API key is past its time.
    #[error("the API key has expired")]
    ApiKeyExpired,
    /// The API key was revoked.
    #[error("the API key has been revoked")]
    ApiKeyRevoked,
    /// The API key lacks a scope.
    #[error("the API key lacks the scope `{0}`")]
    ScopeMissing(Scope),
    /// The method is for operators.
    #[error("this method needs an operator key")]
    OperatorOnly,
    /// The key asked for could do more than the one that asks.
    #[error("a key cannot make one wider in reach, scopes or lifetime than itself: {0}")]
    KeyTooWide(&'static str),
    /// The key has expired or was revoked, so it cannot be rotated.
    #[error("the API key has ended: make a new one")]
    ApiKeyEnded,
    /// There is no such thing, or none that the key covers; the two look alike.
    #[error("{} not found", .0.as_str())]
    NotFound(Noun),
    /// Somebody else has this name of the thing.
    #[error("{} is already in use", kind.noun())]
    Taken {
        /// Which kind of name.
        kind: KeyKind,
        /// Who has it, where the caller may know.
        owner: Option<String>,
    },
    /// A deleted customer's alias is on hold.
    #[error("the payment address is on hold since its customer was deleted")]
    AliasQuarantined {
        /// When it can be taken, in microseconds since 1970.
        until_us: i64,
    },
    /// The customer is deleted.
    #[error("customer {0} is deleted")]
    CustomerDeleted(CustomerId),
    /// The customer whom a link is for is deleted. Whoever holds it does not learn who that was.
    #[error("the customer is deleted")]
    PayeeDeleted,
    /// The customer is not deleted.
    #[error("customer {0} is not deleted")]
    CustomerNotDeleted(CustomerId),
    /// The domain lets customers share an email, so it names nobody.
    #[error("emails are not unique in this domain, so an email names no customer")]
    EmailNotUnique,
    /// `unique_email` cannot be turned on while customers share one.
    #[error("customers of this domain share emails, so they cannot be made unique")]
    EmailsShared,
    /// Not an edge of the KYC graph.
    #[error("KYC status cannot go from {} to {}", from.as_str(), to.as_str())]
    KycTransitionNotAllowed {
        /// The status it has.
        from: KycStatus,
        /// The status asked for.
        to: KycStatus,
    },
    /// There is no such network.
    #[error("there is no network `{0}`: see ListNetworks")]
    UnknownNetwork(String),
    /// The address is not one of its network.
    #[error("invalid address: {}", list(.0))]
    InvalidAddress(Vec<FieldFault>),
    /// The domain may not use the network: a sandbox has test networks only, a live domain main ones.
    #[error("a domain of the environment {1} may not use the network {0}")]
    NetworkNotAllowed(Network, Environment),
    /// The customer's KYC does not allow a wallet.
    #[error("the KYC status of customer {0} is {1}, and has to be NOT_REQUIRED or APPROVED")]
    KycNotApproved(CustomerId, KycStatus),
    /// The customer has a wallet of our own on the network, and is to have one only.
    #[error("the customer has wallet {0} on this network already")]
    WalletExists(WalletId),
    /// Not an edge of a wallet's life.
    #[error("a wallet cannot go from {from} to {to}")]
    WalletTransitionNotAllowed {
        /// The status it has.
        from: WalletStatus,
        /// The status asked for.
        to: WalletStatus,
    },
    /// The wallet is frozen.
    #[error("wallet {0} is frozen")]
    WalletFrozen(WalletId),
    /// The wallet was removed.
    #[error("wallet {0} was removed")]
    WalletRemoved(WalletId),
    /// The wallet is of another kind than this is for.
    #[error("wallet {0} is a {1} wallet, and this is not for those")]
    WalletKindMismatch(WalletId, WalletKind),
    /// A ledger wallet has not so much.
    #[error("the balance does not suffice")]
    InsufficientBalance(WalletId),
    /// More than can be counted.
    #[error("the balance would not fit 256 bits")]
    BalanceOverflow(WalletId),
    /// Not an edge of a transaction's life.
    #[error("a transaction cannot go from {from} to {to}")]
    TransactionTransitionNotAllowed {
        /// The status it has.
        from: TransactionStatus,
        /// The status asked for.
        to: TransactionStatus,
    },
    /// The billing record is another customer's.
    #[error("the billing record with this external id is customer {0}'s, and stays theirs")]
    BillingRecordCustomerFixed(CustomerId),
    /// The payment method was removed.
    #[error("payment method {0} was removed")]
    PaymentMethodRemoved(PaymentMethodId),
    /// The scheme's keys are to come from elsewhere, and nothing was registered for it.
    #[error("no extended key is registered for the scheme {0}")]
    NoExtendedKey(Scheme),
    /// The scheme's source is fixed by its first address.
    #[error("where the addresses of the scheme {0} come from is fixed already")]
    KeySourceFixed(Scheme),
    /// Every address of the pool was given away.
    #[error("the pool of addresses of the scheme {0} is empty: upload more with UploadAddressPool")]
    AddressPoolEmpty(Scheme),
    /// The wallet has more addresses than are read from nodes in one call.
    #[error(
        "the wallet has more than {1} addresses, too many to read from nodes: its ledger balances can be had"
    )]
    TooManyAddresses(WalletId, u32),
    /// No node is configured for the network.
    #[error("no node is configured for {0}: start the server with `--chain {0}=<URL>`")]
    ChainNotConfigured(Network),
    /// The network's node gives no answer that can be trusted.
    #[error("the node of {0} gives no usable answer just now")]
    ChainUnavailable(Network, #[source] Cause),
    /// The webhook endpoint is disabled.
    #[error("webhook endpoint {0} is disabled: enable it first")]
    WebhookEndpointDisabled(WebhookEndpointId),
    /// The domain has as many webhook endpoints as it may have.
    #[error("the domain has {0} webhook endpoints, and may not have more")]
    TooManyWebhookEndpoints(u32),
    /// The domain is suspended: its keys may read only.
    #[error("the domain is suspended: its keys may read only")]
    DomainSuspended,
    /// The link was used as often as it may be.
    #[error("the link was used already")]
    ClaimLinkUsed,
    /// The link's time has passed.
    #[error("the link has expired")]
    ClaimLinkExpired {
        /// Since when, in microseconds since 1970.
        since_us: i64,
    },
    /// The claim is decided on already.
    #[error("claim {0} is {1} already")]
    ClaimClosed(ClaimId, ClaimStatus),
    /// The customer has no wallet that what was claimed could be on.
    #[error("customer {0} has no wallet on {1}")]
    NoWalletOnNetwork(CustomerId, Network),
    /// Too many calls in a short time.
    #[error("too many calls: try again in {} s", after.as_secs() + 1)]
    RateLimited {
        /// When it may be tried again.
        after: Duration,
    },
    /// Retention has removed what is asked for.
    #[error("events before {earliest} are kept no more")]
    EventsExpired {
        /// The first event that is kept.
        earliest: i64,
    },
    /// The log does not reach what is asked for.
    #[error("the log ends at {last}")]
    SequenceAhead {
        /// Its last event.
        last: i64,
    },
    /// A watcher does not take what it asked for.
    #[error("nothing was taken from the stream for too long: resume after the last sequence seen")]
    SlowWatcher,
    /// The etag is not that of what is stored.
    #[error("the etag does not match: the resource has changed since it was read")]
    EtagMismatch,
    /// Lost against other writers too often.
    #[error("lost a race with other writers")]
    Contended,
    /// Too much is waiting.
    #[error("too busy; try again shortly")]
    Overloaded,
    /// The database cannot be reached just now.
    #[error("the database cannot be reached just now")]
    DatabaseUnavailable(#[source] Cause),
    /// Not in this version.
    #[error("{0} is not available in this version")]
    Unimplemented(&'static str),
    /// Our fault. `Display` says nothing of the cause, so that no caller learns it.
    #[error("internal error")]
    Internal(#[source] Cause),
}

impl Error {
    /// After how long another attempt makes sense, where one does.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { after } => Some(*after),
            Self::Contended | Self::Overloaded => Some(Duration::from_millis(100)),
            Self::ChainUnavailable(..) | Self::DatabaseUnavailable(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// One field that does not mean anything.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, problem: &'static str) -> Self {
        Self::Invalid(vec![FieldFault { field: field.into(), fault: Fault::new(problem) }])
    }

    /// An address that is not one.
    #[must_use]
    pub fn invalid_address(field: impl Into<Cow<'static, str>>, fault: Fault) -> Self {
        Self::InvalidAddress(vec![FieldFault { field: field.into(), fault }])
    }

    /// Something that should not have been possible.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into().into())
    }

    /// The database cannot be reached, and why.
    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::DatabaseUnavailable(cause.into().into())
    }
}

fn list(faults: &[FieldFault]) -> String {
    faults.iter().map(|it| format!("`{}` {}", it.field, it.fault)).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::faulty;

    #[test]
    fn faults_of_addresses_alone_are_a_refusal_of_their_own_and_with_others_are_among_them() {
        let bad = || Err::<(), _>(Fault::new("is bad"));
        let mut faults = Faults::default();
        assert_eq!(faults.keep_address("address", bad()), None);
        assert!(matches!(faults.done(), Err(Error::InvalidAddress(it)) if it.len() == 1));
        let mut faults = Faults::default();
        faults.keep_address("address", bad());
        faults.keep("id", bad());
        assert_eq!(faulty(faults.done()), ["address", "id"]);
    }
}
