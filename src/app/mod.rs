//! What the directory does: one file a noun, and beside them how calls travel to the database together.
//!
//! An operation loads what it decides on, lets a pure function of [`crate::domain`] decide, and commits the Change.

mod api_keys;
mod auth;
mod auto_wallets;
mod balances;
mod billing;
mod claim_links;
mod claims;
mod committer;
mod crowd;
mod customers;
mod deliveries;
mod domains;
mod events;
mod fresh;
mod grants;
mod indexes;
mod key_sources;
mod keys;
mod loader;
mod quotas;
mod tails;
mod tenants;
mod throttle;
mod transactions;
mod wallets;
mod watch;
mod webhook_secrets;
mod webhooks;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Semaphore;
use uuid::Uuid;

pub use api_keys::{Issued, NewApiKey};
pub use balances::ChainBalance;
pub use billing::{Beside, Overview};
pub use claim_links::{OpenLink, ShownLink};
pub use claims::Claiming;
pub use crowd::{Crowd, Place};
pub use customers::{Counting, CustomerList, CustomerTarget};
pub use deliveries::{EventKey, Signing, pending};
pub use events::{Events, Happening, Moment, PastKey};
pub use key_sources::Registered;
pub use quotas::Limits;
pub use tails::Follower;
pub use transactions::TransactionKey;
pub use wallets::{Holder, WalletTarget, parse_address, parse_address_anywhere};
pub use watch::{Notice, WatchStart, Watching};
pub use webhooks::{IssuedWebhook, WebhookTarget};
pub use write::Answer;

use crate::chain::keys::KeyRing;
use crate::chain::node::Nodes;
use crate::domain::{
    ApiKey, ApiKeyId, Claim, Customer, Domain, DomainId, Ends, Error, Event, Invoice, KeySource, LogId,
    PaymentClaimLink, PaymentIntent, PaymentMethod, Resource, Result, Subscription, Table, Transaction,
    UniqueKey, Wallet, WebhookEndpoint,
};
use crate::store::Store;
pub use crate::store::{
    BillingCounts, ClaimFilter, ClaimLinkFilter, CustomerFilter, Holdings, TextColumn, Total,
    TransactionFilter, WalletFilter,
};
use committer::Committer;
use fresh::Fresh;
use keys::Keys;
use loader::Loader;
use tails::Tails;

/// The directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// What the directory knows of chains. By default nothing: it makes no addresses, and asks no node.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    /// The master keys that seeds are sealed with.
    pub ring: Option<Arc<KeyRing>>,
    /// The nodes that are asked what addresses hold.
    pub nodes: Nodes,
}

#[derive(Debug)]
struct Parts {
    store: Store,
    committer: Committer,
    customers_by_id: Loader<Uuid, Customer>,
    customers_by_key: Loader<UniqueKey, Customer>,
    domains_by_id: Loader<Uuid, Domain>,
    domains_by_key: Loader<UniqueKey, Domain>,
    api_keys: Loader<ApiKeyId, ApiKey>,
    wallets_by_id: Loader<Uuid, Wallet>,
    wallets_by_key: Loader<UniqueKey, Wallet>,
    transactions_by_id: Loader<Uuid, Transaction>,
    transactions_by_key: Loader<UniqueKey, Transaction>,
    key_sources: Loader<UniqueKey, KeySource>,
    webhooks_by_id: Loader<Uuid, WebhookEndpoint>,
    payment_intents: Loader<UniqueKey, PaymentIntent>,
    invoices: Loader<UniqueKey, Invoice>,
    subscriptions: Loader<UniqueKey, Subscription>,
    payment_methods: Loader<Uuid, PaymentMethod>,
    claim_links_by_id: Loader<Uuid, PaymentClaimLink>,
    claim_links_by_token: Loader<UniqueKey, PaymentClaimLink>,
    claims_by_id: Loader<Uuid, Claim>,
    claiming: OnceLock<Claiming>,
    guests: claims::Guests,
    quotas: quotas::Quotas,
    crowd: Arc<crowd::Crowd>,
    log_ends: Loader<LogId, Ends>,
    events: Loader<(LogId, i64), Event>,
    tails: Arc<Tails>,
    watchers: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    keys: Keys,
    nodes: Nodes,
    fresh_domains: Fresh<DomainId, Domain>,
    fresh_names: Fresh<String, DomainId>,
    fresh_keys: Fresh<ApiKeyId, ApiKey>,
    key_use: auth::KeyUse,
    is_open: AtomicBool,
}

impl App {
    /// Starts the directory over a store. It lets nobody in before it is [opened](App::open).
    #[must_use]
    pub fn start(store: Store, chains: Chains) -> Self {
        let Chains { ring, nodes } = chains;
        let tails = Arc::<Tails>::default();
        Self(Arc::new(Parts {
            committer: Committer::start(&store, &tails),
            customers_by_id: by_id("customer_id", &store, Table::Customers),
            customers_by_key: by_key("customer_key", &store, Table::Customers),
            domains_by_id: by_id("domain_id", &store, Table::Domains),
            domains_by_key: by_key("domain_name", &store, Table::Domains),
            api_keys: {
                let reader = store.clone();
                Loader::start("api_key", move |ids: Vec<ApiKeyId>| {
                    let store = reader.clone();
                    async move { store.api_keys(&ids).await }
                })
            },
            wallets_by_id: by_id("wallet_id", &store, Table::Wallets),
            wallets_by_key: by_key("wallet_address", &store, Table::Wallets),
            transactions_by_id: by_id("transaction_id", &store, Table::Transactions),
            transactions_by_key: by_key("transaction_reference", &store, Table::Transactions),
            key_sources: by_key("key_source", &store, Table::KeySources),
            webhooks_by_id: by_id("webhook_endpoint_id", &store, Table::WebhookEndpoints),
            payment_intents: by_key("payment_intent", &store, Table::PaymentIntents),
            invoices: by_key("invoice", &store, Table::Invoices),
            subscriptions: by_key("subscription", &store, Table::Subscriptions),
            payment_methods: by_id("payment_method", &store, Table::PaymentMethods),
            claim_links_by_id: by_id("claim_link_id", &store, Table::ClaimLinks),
            claim_links_by_token: by_key("claim_link_token", &store, Table::ClaimLinks),
            claims_by_id: by_id("claim_id", &store, Table::Claims),
            claiming: OnceLock::new(),
            guests: claims::Guests::new(),
            quotas: quotas::Quotas::new(),
            crowd: crowd::Crowd::new(),
            log_ends: {
                let reader = store.clone();
                Loader::start("log_end", move |logs: Vec<LogId>| {
                    let store = reader.clone();
                    async move { Ok(store.ends(&logs).await?.into_iter().map(|it| Ok(Some(it))).collect()) }
                })
            },
            events: {
                let reader = store.clone();
                Loader::start("event", move |places: Vec<(LogId, i64)>| {
                    let store = reader.clone();
                    async move { store.events_at(&places).await }
                })
            },
            tails,
            watchers: Arc::new(Semaphore::new(watch::WATCHERS)),
            readers: Arc::new(Semaphore::new(watch::READERS)),
            keys: Keys::start(&store, ring),
            nodes,
            fresh_domains: Fresh::new(),
            fresh_names: Fresh::new(),
            fresh_keys: Fresh::new(),
            key_use: auth::KeyUse::start(&store),
            is_open: AtomicBool::new(false),
            store,
        }))
    }

    /// Lets callers in: the schema is known to be current. Until then every call finds the database unavailable.
    pub fn open(&self) {
        self.0.is_open.store(true, Ordering::Release);
    }

    /// Ends it. What is being committed is let finish, and indexes that were reserved and not used go back.
    pub async fn close(&self) {
        self.0.keys.indexes.close().await;
        self.0.store.close().await;
    }

    /// The directory's memory.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Runs a read in a task of its own: a caller that goes away must not leave a connection halfway through a query.
    async fn task<T, F>(&self, read: impl FnOnce(Store) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        tokio::spawn(read(self.0.store.clone())).await.map_err(Error::internal)?
    }
}

fn by_id<T>(kind: &'static str, store: &Store, table: Table) -> Loader<Uuid, T>
where
    T: TryFrom<Resource, Error = Error> + Send + 'static,
{
    let reader = store.clone();
    Loader::start(kind, move |ids: Vec<Uuid>| {
        let store = reader.clone();
        async move { store.by_id(table, &ids).await }
    })
}

fn by_key<T>(kind: &'static str, store: &Store, table: Table) -> Loader<UniqueKey, T>
where
    T: TryFrom<Resource, Error = Error> + Send + 'static,
{
    let reader = store.clone();
    Loader::start(kind, move |keys: Vec<UniqueKey>| {
        let store = reader.clone();
        async move { store.by_key(table, &keys).await }
    })
}
