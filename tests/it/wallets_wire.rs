//! Short words for what a client says about wallets.

use purser::api::wallet_service_client::WalletServiceClient;
use purser::api::{self, Address, Transaction, TransactionStatus, TransactionType, Wallet};
use purser::domain::{DomainSettings, Environment};
use serde_json::{Value, json};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::descriptors::{Told, call, encode, method};
use crate::harness::{Bearer, Database, On, Tenant, TestServer, bad_fields};
use crate::rows::dump;
use crate::wire::{Acme, Answer, Client};

/// A server with one tenant, `acme`, whose sandbox domain may use every network, and clients of its domain's key.
pub struct Purse {
    pub acme: Acme,
    pub keeper: Keeper,
}

impl Purse {
    pub async fn new(on: On) -> Self {
        Self::over(TestServer::new(on).await).await
    }

    pub async fn over(server: TestServer) -> Self {
        let settings = DomainSettings { allow_mainnet_in_sandbox: true, ..DomainSettings::default() };
        let tenant = server.tenant_with("acme", Environment::Sandbox, settings).await;
        let client = Client(server.customers(&tenant.key).await);
        let keeper = Keeper::of(server.channel().await, &tenant.key);
        Self { acme: Acme { server, tenant, client }, keeper }
    }

    pub const fn database(&self) -> &Database {
        &self.acme.server.database
    }

    pub async fn keeper_of(&self, key: &str) -> Keeper {
        Keeper::of(self.acme.server.channel().await, key)
    }

    /// Another tenant, whose sandbox domain may use every network.
    pub async fn with(&self, name: &str, settings: Value) -> (Tenant, Client, Keeper) {
        let mut settings: DomainSettings = serde_json::from_value(settings).unwrap();
        settings.allow_mainnet_in_sandbox = true;
        self.tenant(name, Environment::Sandbox, settings).await
    }

    pub async fn tenant(
        &self,
        name: &str,
        environment: Environment,
        settings: DomainSettings,
    ) -> (Tenant, Client, Keeper) {
        let tenant = self.acme.server.tenant_with(name, environment, settings).await;
        let client = self.acme.client_of(&tenant.key).await;
        let keeper = self.keeper_of(&tenant.key).await;
        (tenant, client, keeper)
    }

    /// The id of a new customer.
    pub async fn customer(&mut self) -> String {
        new_customer(&mut self.acme.client).await
    }

    /// What a method answers to a request in JSON.
    pub async fn told(&self, name: &str, request: &Value) -> Told {
        told(&self.keeper, name, request).await
    }

    /// All that a write can change, as text. Reserved indexes, which may leave gaps, are not in it.
    pub async fn picture(&self) -> String {
        picture(self.database()).await
    }
}

/// The id of a new customer.
pub async fn new_customer(client: &mut Client) -> String {
    client.create(api::Customer::default()).await.unwrap().id
}

/// How counters of reserved indexes begin.
const RESERVED: [&str; 2] = ["index:", "pool:"];

/// All that a write can change, as text. Reserved indexes, which may leave gaps, are not in it.
pub async fn picture(database: &Database) -> String {
    let mut lines = Vec::new();
    for table in [
        "addresses",
        "address_pool",
        "answers",
        "balances",
        "claim_links",
        "claim_tokens",
        "claims",
        "counters",
        "customers",
        "events",
        "invoices",
        "key_sources",
        "payment_intents",
        "payment_methods",
        "requests",
        "subscriptions",
        "transactions",
        "unique_keys",
        "wallets",
    ] {
        let rows = dump(database, table).await;
        let kept =
            rows.lines().filter(|it| table != "counters" || !RESERVED.iter().any(|name| it.contains(name)));
        lines.extend(kept.map(|it| format!("{table} {it}")));
    }
    lines.sort();
    lines.join("\n")
}

/// What a method answers to a request in JSON, by a keeper's key.
pub async fn told(keeper: &Keeper, name: &str, request: &Value) -> Told {
    let method = method(name);
    let message = encode(&method, &request.to_string());
    call(&keeper.channel, &method, Some(&keeper.key), message).await
}

/// The fields that an answer names as bad, in order.
pub fn faults(told: &Told) -> Vec<String> {
    let status = Status::with_details(told.code, told.message.clone(), told.details.clone().into());
    let mut fields = bad_fields(&status);
    fields.sort();
    fields
}

/// What an answer says is wrong with each field.
pub fn problems(status: &Status) -> Vec<(String, String)> {
    let details = status.get_details_bad_request();
    details.into_iter().flat_map(|it| it.field_violations).map(|it| (it.field, it.description)).collect()
}

pub type Wallets = WalletServiceClient<InterceptedService<Channel, Bearer>>;

/// A client, and the usual calls in few words. The rest is said to what is within.
#[derive(Clone)]
pub struct Keeper {
    pub wallets: Wallets,
    pub channel: Channel,
    pub key: String,
}

impl Keeper {
    pub fn of(channel: Channel, key: &str) -> Self {
        let wallets = WalletServiceClient::with_interceptor(channel.clone(), Bearer::new(key));
        Self { wallets, channel, key: key.to_owned() }
    }

    pub async fn create(&mut self, customer: &str, networks: &[&str]) -> Answer<Wallet> {
        self.create_as(customer, networks, "").await
    }

    pub async fn create_as(&mut self, customer: &str, networks: &[&str], id: &str) -> Answer<Wallet> {
        let request = api::CreateWalletRequest {
            customer_id: customer.to_owned(),
            networks: networks.iter().map(|it| (*it).to_owned()).collect(),
            request_id: id.to_owned(),
        };
        Ok(self.wallets.create_wallet(request).await?.into_inner().wallet.unwrap())
    }

    pub async fn ledger(&mut self, customer: &str, currency: &str) -> Answer<Wallet> {
        let (customer_id, currency) = (customer.to_owned(), currency.to_owned());
        let request = api::CreateLedgerWalletRequest { customer_id, currency, ..Default::default() };
        Ok(self.wallets.create_ledger_wallet(request).await?.into_inner().wallet.unwrap())
    }

    pub async fn link(&mut self, customer: &str, network: &str, address: &str) -> Answer<Wallet> {
        let chain = Some(api::link_wallet_request::Chain::Network(network.to_owned()));
        let (customer_id, address) = (customer.to_owned(), address.to_owned());
        let request = api::LinkWalletRequest { customer_id, chain, address, ..Default::default() };
        Ok(self.wallets.link_wallet(request).await?.into_inner().wallet.unwrap())
    }

    pub async fn get(&mut self, id: &str) -> Answer<Wallet> {
        let key = Some(api::get_wallet_request::Key::Id(id.to_owned()));
        let request = api::GetWalletRequest { key, ..Default::default() };
        Ok(self.wallets.get_wallet(request).await?.into_inner().wallet.unwrap())
    }

    pub async fn get_at(&mut self, network: &str, address: &str) -> Answer<Wallet> {
        let at = api::AddressKey { network: network.to_owned(), address: address.to_owned() };
        let key = Some(api::get_wallet_request::Key::Address(at));
        let request = api::GetWalletRequest { key, ..Default::default() };
        Ok(self.wallets.get_wallet(request).await?.into_inner().wallet.unwrap())
    }

    pub async fn list(&mut self, request: api::ListWalletsRequest) -> Answer<api::ListWalletsResponse> {
        Ok(self.wallets.list_wallets(request).await?.into_inner())
    }

    /// The wallets of a customer, newest first, whatever their status.
    pub async fn wallets_of(&mut self, customer: &str) -> Vec<Wallet> {
        let request = api::ListWalletsRequest {
            customer_id: customer.to_owned(),
            statuses: vec![1, 2, 3],
            page_size: 100,
            ..Default::default()
        };
        self.list(request).await.unwrap().wallets
    }

    pub async fn freeze(&mut self, id: &str) -> Answer<Wallet> {
        let request = api::FreezeWalletRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.wallets.freeze_wallet(request).await?.into_inner().wallet.unwrap())
    }

    pub async fn unfreeze(&mut self, id: &str) -> Answer<Wallet> {
        let request = api::UnfreezeWalletRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.wallets.unfreeze_wallet(request).await?.into_inner().wallet.unwrap())
    }

    pub async fn remove(&mut self, id: &str) -> Answer<Wallet> {
        let request = api::RemoveWalletRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.wallets.remove_wallet(request).await?.into_inner().wallet.unwrap())
    }

    pub async fn next_address(&mut self, wallet: &str, network: &str) -> Answer<Address> {
        let (wallet_id, network) = (wallet.to_owned(), network.to_owned());
        let request = api::CreateAddressRequest { wallet_id, network, ..Default::default() };
        Ok(self.wallets.create_address(request).await?.into_inner().address.unwrap())
    }

    /// The addresses of a wallet, newest first.
    pub async fn addresses(&mut self, wallet: &str) -> Vec<Address> {
        let wallet_id = wallet.to_owned();
        let request = api::ListAddressesRequest { wallet_id, page_size: 100, ..Default::default() };
        self.wallets.list_addresses(request).await.unwrap().into_inner().addresses
    }

    pub async fn lookup(&mut self, address: &str) -> Answer<api::LookupAddressResponse> {
        let request = api::LookupAddressRequest { address: address.to_owned(), ..Default::default() };
        Ok(self.wallets.lookup_address(request).await?.into_inner())
    }

    pub async fn record(&mut self, transaction: Transaction) -> Answer<Transaction> {
        let transaction = Some(transaction);
        let request = api::RecordTransactionRequest { transaction, ..Default::default() };
        Ok(self.wallets.record_transaction(request).await?.into_inner().transaction.unwrap())
    }

    pub async fn move_on(&mut self, id: &str, to: TransactionStatus) -> Answer<Transaction> {
        let request = api::UpdateTransactionStatusRequest {
            id: id.to_owned(),
            status: to.into(),
            ..Default::default()
        };
        Ok(self.wallets.update_transaction_status(request).await?.into_inner().transaction.unwrap())
    }

    /// The transactions of a wallet, newest first; at most a hundred.
    pub async fn transactions(&mut self, wallet: &str) -> Vec<Transaction> {
        let owner = Some(api::list_transactions_request::Owner::WalletId(wallet.to_owned()));
        let request = api::ListTransactionsRequest { owner, page_size: 100, ..Default::default() };
        self.wallets.list_transactions(request).await.unwrap().into_inner().transactions
    }

    /// Network, token, amount and raw amount of each balance by the ledger.
    pub async fn balances(&mut self, wallet: &str) -> Vec<[String; 4]> {
        let request = api::GetBalancesRequest { wallet_id: wallet.to_owned(), ..Default::default() };
        let balances = self.wallets.get_balances(request).await.unwrap().into_inner().balances;
        balances.into_iter().map(|it| [it.network, it.token, it.amount, it.raw_amount]).collect()
    }
}

/// A movement to record, confirmed.
pub fn moved(kind: TransactionType, wallet: &str, network: &str, token: &str, amount: &str) -> Transaction {
    Transaction {
        wallet_id: wallet.to_owned(),
        network: network.to_owned(),
        r#type: kind.into(),
        status: TransactionStatus::Confirmed.into(),
        token: token.to_owned(),
        amount: amount.to_owned(),
        ..Default::default()
    }
}

/// A confirmed deposit on a chain.
pub fn deposit(wallet: &str, network: &str, token: &str, amount: &str) -> Transaction {
    moved(TransactionType::Deposit, wallet, network, token, amount)
}

/// A confirmed movement of a ledger wallet.
pub fn booked(kind: TransactionType, wallet: &str, amount: &str) -> Transaction {
    moved(kind, wallet, "", "", amount)
}

/// A refusal that needs only its reason.
pub fn failed(reason: &str) -> (Code, String) {
    (Code::FailedPrecondition, reason.to_owned())
}

/// A page's worth of filter: the wallets of a customer.
pub fn wallets_of(customer: &str, page_size: i32, page_token: &str) -> api::ListWalletsRequest {
    let (customer_id, page_token) = (customer.to_owned(), page_token.to_owned());
    api::ListWalletsRequest { customer_id, page_size, page_token, ..Default::default() }
}

/// Settings that give every customer a wallet on these networks.
pub fn auto(networks: &[&str]) -> Value {
    json!({"auto_wallet_networks": networks})
}
