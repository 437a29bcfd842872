//! A [`Change`]: everything that one decision does to what is stored, and what it was decided on.

use super::{
    Actor, Add, Address, ApiKey, Claim, Customer, CustomerId, Domain, DomainId, Error, EventType, Invoice,
    KeySource, KeySourceId, Line, LogId, OnRecord, Organization, PaymentClaimLink, PaymentIntent,
    PaymentMethod, RequestId, Result, SealedToken, SecretChange, Subscription, Transaction, Wallet,
    WebhookEndpoint, words,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

words! {
    /// Where the rows of a kind of resource are kept.
    Table {
        /// Organizations.
        Organizations = "organizations",
        /// Domains.
        Domains = "domains",
        /// API keys.
        ApiKeys = "api_keys",
        /// Customers.
        Customers = "customers",
        /// Wallets.
        Wallets = "wallets",
        /// Addresses of wallets.
        Addresses = "addresses",
        /// Transactions of wallets.
        Transactions = "transactions",
        /// Where a domain's addresses come from, where that is not its own seed.
        KeySources = "key_sources",
        /// Where events are delivered to.
        WebhookEndpoints = "webhook_endpoints",
        /// Payment intents of other services.
        PaymentIntents = "payment_intents",
        /// Invoices of other services.
        Invoices = "invoices",
        /// Subscriptions of other services.
        Subscriptions = "subscriptions",
        /// How customers pay and are paid.
        PaymentMethods = "payment_methods",
        /// Payment claim links.
        ClaimLinks = "claim_links",
        /// Claims.
        Claims = "claims",
    }
}

words! {
    /// Something of which a count is kept.
    Counted {
        /// The live customers of a domain.
        Customers = "customers",
        /// The payment intents of a customer.
        PaymentIntents = "payment_intents",
        /// The invoices of a customer.
        Invoices = "invoices",
        /// The subscriptions of a customer.
        Subscriptions = "subscriptions",
    }
}

words! {
    /// A kind of name that has one owner.
    KeyKind {
        /// A payment alias's identifier, in a domain.
        Alias = "alias",
        /// An email, in a domain.
        Email = "email",
        /// A caller's own id, in a domain.
        ExternalId = "external_id",
        /// A domain's name, everywhere.
        DomainName = "domain_name",
        /// An address on a network, in an organization's environment.
        Address = "address",
        /// An address of a family of chains, in an organization's environment: whose it is.
        AddressOwner = "address_owner",
        /// An index of a derivation scheme, in a domain: whose addresses are made at it.
        Derivation = "derivation",
        /// A derivation scheme, in a domain: where its keys come from.
        KeySource = "key_source",
        /// A derivation scheme, in a domain: by which extended key its addresses were made.
        UsedSource = "used_source",
        /// A domain that registered where addresses of it come from.
        WatchOnly = "watch_only",
        /// An address that was uploaded to be given out, in an organization's environment: in whose pool it is.
        PooledAddress = "pooled_address",
        /// An extended public key, in an organization: whose it is.
        ExtendedKey = "extended_key",
        /// A customer and a currency, in a domain.
        LedgerWallet = "ledger_wallet",
        /// A caller's own name of a transaction, in a domain.
        Reference = "reference",
        /// A transaction on a chain, of a wallet.
        Transaction = "transaction",
        /// One of the places for webhook endpoints that a domain has.
        WebhookSlot = "webhook_slot",
        /// A caller's own id of a billing record of a kind, in a domain.
        BillingRecord = "billing_record",
        /// The token of a payment claim link, by its SHA-256, everywhere.
        ClaimToken = "claim_token",
        /// A transaction on a chain that somebody claims to have made, in a domain.
        ClaimedTransaction = "claimed_transaction",
        /// A transaction on a chain that paid a customer, in a domain: by the approval of which claim it is on record.
        ClaimedDeposit = "claimed_deposit",
    }
}

impl KeyKind {
    /// What a caller calls it.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Alias => "the payment address",
            Self::Email => "the email",
            Self::ExternalId => "the external id",
            Self::DomainName => "the domain name",
            Self::Address | Self::AddressOwner | Self::PooledAddress => "the address",
            Self::Derivation => "the index",
            Self::KeySource | Self::UsedSource => "the derivation scheme",
            Self::WatchOnly => "the domain",
            Self::ExtendedKey => "the extended key",
            Self::LedgerWallet => "the customer's wallet in this currency",
            Self::Reference => "the reference",
            Self::Transaction | Self::ClaimedTransaction | Self::ClaimedDeposit => "the transaction",
            Self::ClaimToken => "the token",
            Self::WebhookSlot => "the place for a webhook endpoint",
            Self::BillingRecord => "the external id of the billing record",
        }
    }

    /// Whether it names what is to be changed, if that is there. Whoever finds it taken decides again, on what has it.
    #[must_use]
    pub const fn is_upserted(self) -> bool {
        matches!(self, Self::BillingRecord)
    }
}

/// A name that has one owner within its scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueKey {
    /// Within what it is unique: a domain, or nil for everywhere.
    pub scope: Uuid,
    /// Which kind of name.
    pub kind: KeyKind,
    /// The name in its one spelling.
    pub text: String,
}

impl UniqueKey {
    /// A name of a customer, within their domain.
    #[must_use]
    pub fn of_customer(kind: KeyKind, domain: DomainId, text: &str) -> Self {
        Self { scope: domain.as_uuid(), kind, text: text.to_owned() }
    }

    /// A domain's name: one space of names for everybody.
    #[must_use]
    pub fn domain_name(name: &str) -> Self {
        Self { scope: Uuid::nil(), kind: KeyKind::DomainName, text: name.to_owned() }
    }
}

/// What happens to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// The first resource written takes it; lost if another has it.
    Take(UniqueKey),
    /// Another resource takes it; lost if yet another has it.
    TakeFor(UniqueKey, Uuid),
    /// It is that owner's from now on, if it was not before; lost if another has it. Changes of one owner do not meet.
    Share(UniqueKey, Uuid),
    /// The resource gives it up.
    Release(UniqueKey),
    /// The resource gives it up unless somebody has one of the others.
    ReleaseUnless(UniqueKey, Vec<UniqueKey>),
    /// Nobody has it; lost if anybody does.
    Free(UniqueKey),
    /// That owner has it; lost otherwise.
    Owned(UniqueKey, Uuid),
    /// The resource gives it up, and until then only that resource may take it again.
    Hold {
        /// The name.
        key: UniqueKey,
        /// Until when, in microseconds since 1970.
        until_us: i64,
    },
    /// It stays on hold as long as it was for the resource, to the end of that day, and is for nobody.
    Orphan(UniqueKey),
}

impl KeyChange {
    /// The name it happens to.
    #[must_use]
    pub const fn key(&self) -> &UniqueKey {
        match self {
            Self::Take(key)
            | Self::TakeFor(key, _)
            | Self::Share(key, _)
            | Self::Release(key)
            | Self::ReleaseUnless(key, _)
            | Self::Free(key)
            | Self::Owned(key, _)
            | Self::Orphan(key)
            | Self::Hold { key, .. } => key,
        }
    }

    /// Every name that decides on it.
    pub fn reads(&self) -> impl Iterator<Item = &UniqueKey> {
        let others: &[UniqueKey] = if let Self::ReleaseUnless(_, others) = self { others } else { &[] };
        std::iter::once(self.key()).chain(others)
    }

    /// Whose it becomes, in a Change whose first resource is `first`; nobody's if that is all there is to it.
    #[must_use]
    pub const fn owner(&self, first: Uuid) -> Option<Uuid> {
        match self {
            Self::TakeFor(_, owner) | Self::Share(_, owner) | Self::Owned(_, owner) => Some(*owner),
            Self::Take(_) | Self::Hold { .. } => Some(first),
            Self::Release(_) | Self::ReleaseUnless(..) | Self::Free(_) | Self::Orphan(_) => None,
        }
    }

    /// Of whom it is said, where several Changes of a group may say the same of the name; nil where it is nobody.
    #[must_use]
    pub const fn said_of(&self) -> Option<Uuid> {
        match self {
            Self::Share(_, owner) | Self::Owned(_, owner) => Some(*owner),
            Self::Free(_) => Some(Uuid::nil()),
            _ => None,
        }
    }
}

/// A change to many rows of a domain at once. It is committed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Every live customer's email becomes a key; lost if two share one.
    TakeEmails(DomainId),
    /// No email is a key any more.
    ReleaseEmails(DomainId),
    /// Nothing personal of a customer stays beside their row: in events, requests, past names, transactions, billing
    /// records and payment methods.
    Erase(CustomerId),
}

/// Anything that has a row, an id, and events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most are customers, and those are on the hot path")]
pub enum Resource {
    /// An organization.
    Organization(Organization),
    /// A domain.
    Domain(Domain),
    /// An API key.
    ApiKey(ApiKey),
    /// A customer.
    Customer(Customer),
    /// A wallet.
    Wallet(Wallet),
    /// An address of a wallet.
    Address(Address),
    /// A transaction of a wallet.
    Transaction(Transaction),
    /// Where a domain's addresses come from.
    KeySource(KeySource),
    /// Where events are delivered to.
    WebhookEndpoint(WebhookEndpoint),
    /// A payment intent of another service.
    PaymentIntent(PaymentIntent),
    /// An invoice of another service.
    Invoice(Invoice),
    /// A subscription of another service.
    Subscription(Subscription),
    /// How a customer pays or is paid.
    PaymentMethod(PaymentMethod),
    /// A payment claim link.
    PaymentClaimLink(PaymentClaimLink),
    /// A claim.
    Claim(Claim),
}

/// Evaluates an expression with `$it` bound to whichever resource it is.
macro_rules! each {
    ($resource:expr, $it:ident => $body:expr) => {
        match $resource {
            Resource::Organization($it) => $body,
            Resource::Domain($it) => $body,
            Resource::ApiKey($it) => $body,
            Resource::Customer($it) => $body,
            Resource::Wallet($it) => $body,
            Resource::Address($it) => $body,
            Resource::Transaction($it) => $body,
            Resource::KeySource($it) => $body,
            Resource::WebhookEndpoint($it) => $body,
            Resource::PaymentIntent($it) => $body,
            Resource::Invoice($it) => $body,
            Resource::Subscription($it) => $body,
            Resource::PaymentMethod($it) => $body,
            Resource::PaymentClaimLink($it) => $body,
            Resource::Claim($it) => $body,
        }
    };
}

impl Resource {
    /// Where its row is.
    #[must_use]
    pub const fn table(&self) -> Table {
        match self {
            Self::Organization(_) => Table::Organizations,
            Self::Domain(_) => Table::Domains,
            Self::ApiKey(_) => Table::ApiKeys,
            Self::Customer(_) => Table::Customers,
            Self::Wallet(_) => Table::Wallets,
            Self::Address(_) => Table::Addresses,
            Self::Transaction(_) => Table::Transactions,
            Self::KeySource(_) => Table::KeySources,
            Self::WebhookEndpoint(_) => Table::WebhookEndpoints,
            Self::PaymentIntent(_) => Table::PaymentIntents,
            Self::Invoice(_) => Table::Invoices,
            Self::Subscription(_) => Table::Subscriptions,
            Self::PaymentMethod(_) => Table::PaymentMethods,
            Self::PaymentClaimLink(_) => Table::ClaimLinks,
            Self::Claim(_) => Table::Claims,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        each!(self, it => it.id.as_uuid())
    }

    /// When it was created, in microseconds since 1970.
    #[must_use]
    pub fn create_us(&self) -> i64 {
        each!(self, it => it.create_us)
    }

    /// The sequence, in its home log, of the last event about it; 0 if it is new.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        each!(self, it => it.sequence)
    }

    /// The same as of another event.
    #[must_use]
    pub fn at(mut self, sequence: i64) -> Self {
        each!(&mut self, it => it.sequence = sequence);
        self
    }

    /// The log that its changes are kept in, under whose lock they are made.
    #[must_use]
    pub fn home(&self) -> LogId {
        match self {
            Self::Organization(it) => it.id.into(),
            Self::Domain(it) => it.id.into(),
            Self::ApiKey(it) => it.home(),
            Self::Customer(it) => it.domain_id.into(),
            Self::Wallet(it) => it.domain_id.into(),
            Self::Address(it) => it.domain_id.into(),
            Self::Transaction(it) => it.domain_id.into(),
            Self::KeySource(it) => it.domain_id.into(),
            Self::WebhookEndpoint(it) => it.domain_id.into(),
            Self::PaymentIntent(it) => it.domain_id.into(),
            Self::Invoice(it) => it.domain_id.into(),
            Self::Subscription(it) => it.domain_id.into(),
            Self::PaymentMethod(it) => it.domain_id.into(),
            Self::PaymentClaimLink(it) => it.domain_id.into(),
            Self::Claim(it) => it.domain_id.into(),
        }
    }

    /// Whom it is about, if it is about a customer.
    #[must_use]
    pub const fn customer_id(&self) -> Option<CustomerId> {
        match self {
            Self::Customer(it) => Some(it.id),
            Self::Wallet(it) => Some(it.customer_id),
            Self::Address(it) => Some(it.customer_id),
            Self::Transaction(it) => Some(it.customer_id),
            Self::PaymentIntent(it) => Some(it.customer_id),
            Self::Invoice(it) => Some(it.customer_id),
            Self::Subscription(it) => Some(it.customer_id),
            Self::PaymentMethod(it) => Some(it.customer_id),
            Self::PaymentClaimLink(it) => Some(it.customer_id),
            Self::Claim(it) => Some(it.customer_id),
            Self::Organization(_)
            | Self::Domain(_)
            | Self::ApiKey(_)
            | Self::KeySource(_)
            | Self::WebhookEndpoint(_) => None,
        }
    }

    /// Its state as JSON: what its row and the payload of its last event both hold.
    ///
    /// # Errors
    ///
    /// None that can happen: every part of a resource has a JSON form.
    pub fn to_json(&self) -> Result<String> {
        each!(self, it => serde_json::to_string(it)).map_err(Error::internal)
    }

    /// What a row or an event of `table` holds. It was valid when it was written and is parsed again all the same.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where it is valid no more.
    pub fn from_json(table: Table, json: &str, sequence: i64) -> Result<Self> {
        match table {
            Table::Organizations => serde_json::from_str(json).map(Self::Organization),
            Table::Domains => serde_json::from_str(json).map(Self::Domain),
            Table::ApiKeys => serde_json::from_str(json).map(Self::ApiKey),
            Table::Customers => serde_json::from_str(json).map(Self::Customer),
            Table::Wallets => serde_json::from_str(json).map(Self::Wallet),
            Table::Addresses => serde_json::from_str(json).map(Self::Address),
            Table::Transactions => serde_json::from_str(json).map(Self::Transaction),
            Table::KeySources => serde_json::from_str(json).map(Self::KeySource),
            Table::WebhookEndpoints => serde_json::from_str(json).map(Self::WebhookEndpoint),
            Table::PaymentIntents => serde_json::from_str(json).map(Self::PaymentIntent),
            Table::Invoices => serde_json::from_str(json).map(Self::Invoice),
            Table::Subscriptions => serde_json::from_str(json).map(Self::Subscription),
            Table::PaymentMethods => serde_json::from_str(json).map(Self::PaymentMethod),
            Table::ClaimLinks => serde_json::from_str(json).map(Self::PaymentClaimLink),
            Table::Claims => serde_json::from_str(json).map(Self::Claim),
        }
        .map(|it| it.at(sequence))
        .map_err(|it| it.column())
        .and_then(|it| if it.is_whole() { Ok(it) } else { Err(0) })
        // The parser's own message may quote what is stored: only where it stumbled is told.
        .map_err(|column| Error::internal(format!("a row of {table} does not parse at column {column}")))
    }

    /// Whether its parts fit each other, beyond what their types say.
    const fn is_whole(&self) -> bool {
        match self {
            Self::ApiKey(key) => key.has_a_reach(),
            Self::PaymentMethod(method) => method.is_of_its_type(),
            Self::Organization(_)
            | Self::Domain(_)
            | Self::Customer(_)
            | Self::Wallet(_)
            | Self::Address(_)
            | Self::Transaction(_)
            | Self::KeySource(_)
            | Self::WebhookEndpoint(_)
            | Self::PaymentIntent(_)
            | Self::Invoice(_)
            | Self::Subscription(_)
            | Self::PaymentClaimLink(_)
            | Self::Claim(_) => true,
        }
    }
}

/// Declares that a type is one of the resources.
macro_rules! resources {
    ($($type:ident),+) => {
        $(impl From<$type> for Resource {
            fn from(it: $type) -> Self {
                Self::$type(it)
            }
        }

        impl TryFrom<Resource> for $type {
            type Error = Error;

            fn try_from(resource: Resource) -> Result<Self> {
                match resource {
                    Resource::$type(it) => Ok(it),
                    other => Err(Error::internal(format!("expected {}, found {}", stringify!($type), other.table()))),
                }
            }
        })+
    };
}
resources!(
    Organization,
    Domain,
    ApiKey,
    Customer,
    Wallet,
    Address,
    Transaction,
    KeySource,
    PaymentIntent,
    Invoice,
    Subscription,
    PaymentMethod,
    WebhookEndpoint,
    PaymentClaimLink,
    Claim
);

/// A row that was read, and the version it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Its table.
    pub table: Table,
    /// Its id.
    pub id: Uuid,
    /// Its sequence when it was read.
    pub sequence: i64,
}

macro_rules! expected {
    ($($type:ident in $table:ident),+) => {
        $(impl From<&$type> for Expect {
            fn from(it: &$type) -> Self {
                Self { table: Table::$table, id: it.id.as_uuid(), sequence: it.sequence }
            }
        })+
    };
}
expected!(
    Domain in Domains, Customer in Customers, Wallet in Wallets, KeySource in KeySources, Claim in Claims,
    Transaction in Transactions
);

/// A resource as it becomes, and the event that says so. Without an event it stays as it is.
#[derive(Clone, Debug)]
pub struct Write {
    /// The resource; its sequence is that of the row it replaces.
    pub resource: Resource,
    /// What happened, and which fields changed.
    pub event: Option<(EventType, Vec<&'static str>)>,
}

/// A request that must not take effect twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMark {
    /// Within what its id is unique.
    pub scope: LogId,
    /// The caller's id of it.
    pub id: RequestId,
    /// The method called.
    pub method: &'static str,
    /// SHA-256 of what was asked, as parsed.
    pub digest: [u8; 32],
}

impl RequestMark {
    /// What is kept of a request's id once whom it was about is erased.
    #[must_use]
    pub fn erased_id(scope: LogId, id: &str) -> [u8; 32] {
        Sha256::new().chain_update(scope.as_uuid().as_bytes()).chain_update(id).finalize().into()
    }
}

/// What a decision is made in: the time, who asks, and under which request.
#[derive(Clone, Debug)]
pub struct Context {
    /// Now, in microseconds since 1970.
    pub now_us: i64,
    /// Who asks.
    pub actor: Actor,
    /// The request, if it has an id.
    pub request: Option<RequestMark>,
}

/// Everything that one decision does. It is committed whole or not at all.
#[derive(Clone, Debug)]
pub struct Change {
    /// When, by whom, for which request.
    pub ctx: Context,
    /// Rows that were only read, and must still be as they were.
    pub expects: Vec<Expect>,
    /// A transaction on a chain of which no deposit may be on record, but such as failed.
    pub unrecorded: Option<OnRecord>,
    /// Customers, and how many rows of a table were ever theirs: it was decided on all of them.
    pub all_of: Vec<(Table, CustomerId, i64)>,
    /// Names taken and released by the first resource written.
    pub keys: Vec<KeyChange>,
    /// What is added to counts: of whom or what, which, how many.
    pub counts: Vec<(Uuid, Counted, i64)>,
    /// What is added to balances.
    pub adds: Vec<Add>,
    /// Addresses that are added to a pool, from this place on.
    pub pool: Option<(KeySourceId, u32, Vec<String>)>,
    /// What happens to the secrets of the webhook endpoint that is the first resource written.
    pub secrets: Option<SecretChange>,
    /// The token of the payment claim link that is the first resource written, as it is kept.
    pub token: Option<SealedToken>,
    /// A change to many rows.
    pub sweep: Option<Sweep>,
    /// Logs beside the resource's own that the event is kept in.
    pub also_logged: Vec<LogId>,
    /// Why, where the caller said.
    pub reason: Line,
    /// The resources written. The first is the answer.
    pub writes: Vec<Write>,
}

impl Change {
    /// One that does nothing yet.
    #[must_use]
    pub fn new(ctx: Context) -> Self {
        Self {
            ctx,
            expects: Vec::new(),
            unrecorded: None,
            all_of: Vec::new(),
            keys: Vec::new(),
            counts: Vec::new(),
            adds: Vec::new(),
            pool: None,
            secrets: None,
            token: None,
            sweep: None,
            also_logged: Vec::new(),
            reason: Line::default(),
            writes: Vec::new(),
        }
    }

    /// Holds only while a row is as it was read.
    #[must_use]
    pub fn expects<R>(mut self, row: &R) -> Self
    where
        for<'r> Expect: From<&'r R>,
    {
        self.expects.push(row.into());
        self
    }

    /// Holds only while no deposit of a transaction on a chain is on record.
    #[must_use]
    pub fn unrecorded(mut self, place: OnRecord) -> Self {
        self.unrecorded = Some(place);
        self
    }

    /// Holds only while a customer has no more rows of a table than were read: so many there ever were.
    #[must_use]
    pub fn knows_all(mut self, table: Table, of: CustomerId, ever: i64) -> Self {
        self.all_of.push((table, of, ever));
        self
    }

    /// Takes and releases names.
    #[must_use]
    pub fn keys(mut self, keys: Vec<KeyChange>) -> Self {
        self.keys = keys;
        self
    }

    /// Adds to a count of what a domain or a customer has.
    #[must_use]
    pub fn counts(mut self, of: Uuid, counted: Counted, delta: i64) -> Self {
        self.counts.push((of, counted, delta));
        self
    }

    /// Adds to a balance.
    #[must_use]
    pub fn adds(mut self, add: Add) -> Self {
        self.adds.push(add);
        self
    }

    /// Changes many rows at once.
    #[must_use]
    pub const fn sweeps(mut self, sweep: Sweep) -> Self {
        self.sweep = Some(sweep);
        self
    }

    /// Keeps the event in another log too.
    #[must_use]
    pub fn also_logged(mut self, log: LogId) -> Self {
        self.also_logged.push(log);
        self
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, reason: Line) -> Self {
        self.reason = reason;
        self
    }

    /// Writes a resource and says what happened to it.
    #[must_use]
    pub fn writes(
        mut self,
        resource: impl Into<Resource>,
        event: EventType,
        changed: &[&'static str],
    ) -> Self {
        self.writes.push(Write { resource: resource.into(), event: Some((event, changed.to_vec())) });
        self
    }

    /// Answers with a resource that stays as it is.
    #[must_use]
    pub fn leaves(mut self, resource: impl Into<Resource>) -> Self {
        self.writes.push(Write { resource: resource.into(), event: None });
        self
    }

    /// Every row that it was decided on, read or about to be replaced. New rows are not among them.
    pub fn decided_on(&self) -> impl Iterator<Item = Expect> + '_ {
        let replaced = self.writes.iter().map(|it| &it.resource).filter(|it| it.sequence() > 0);
        let replaced = replaced.map(|it| Expect { table: it.table(), id: it.id(), sequence: it.sequence() });
        self.expects.iter().copied().chain(replaced)
    }

    /// Every log it is kept in: of the resources it writes, and of those it touches.
    pub fn logs(&self) -> impl Iterator<Item = LogId> + '_ {
        let homes = self.writes.iter().map(|it| it.resource.home());
        let scope = self.ctx.request.iter().map(|it| it.scope);
        homes.chain(self.also_logged.iter().copied()).chain(scope)
    }
}
