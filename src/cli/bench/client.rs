//! A connection to a server, with the key that every call carries.

use std::time::Duration;

use anyhow::Context;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use super::population::alias;
use crate::api::batch_resolve_customers_result::Result as BatchResult;
use crate::api::customer_service_client::CustomerServiceClient;
use crate::api::event_service_client::EventServiceClient;
use crate::api::get_customer_request::Key;
use crate::api::link_wallet_request::Chain;
use crate::api::wallet_service_client::WalletServiceClient;
use crate::api::watch_request::From;
use crate::api::webhook_service_client::WebhookServiceClient;
use crate::api::{
    BatchResolveCustomersRequest, CreateCustomerRequest, CreateWalletRequest, CreateWebhookEndpointRequest,
    Customer, DeleteWebhookEndpointRequest, GetCustomerRequest, LinkWalletRequest, ListCustomersRequest,
    ListEventsRequest, LookupAddressRequest, Resolution, ResolveCustomerRequest,
    UpdateWebhookEndpointRequest, Wallet, WatchRequest, WatchResponse, WebhookEndpoint,
};

/// What a watch is told.
pub(super) type Watched = Streaming<WatchResponse>;

/// One HTTP/2 connection. A clone shares it.
#[derive(Clone, Debug)]
pub(super) struct Client {
    grpc: CustomerServiceClient<Channel>,
    wallets: WalletServiceClient<Channel>,
    events: EventServiceClient<Channel>,
    webhooks: WebhookServiceClient<Channel>,
    authorization: MetadataValue<Ascii>,
}

impl Client {
    /// Makes `count` connections, each of which is opened by its first call.
    pub(super) fn connect(address: &str, key: &str, count: usize) -> anyhow::Result<Vec<Self>> {
        let authorization = format!("Bearer {key}").parse().context("the key is not ASCII")?;
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        let connect = || {
            let channel = endpoint.connect_lazy();
            let grpc = CustomerServiceClient::new(channel.clone());
            let wallets = WalletServiceClient::new(channel.clone());
            Self {
                grpc,
                wallets,
                events: EventServiceClient::new(channel.clone()),
                webhooks: WebhookServiceClient::new(channel),
                authorization: MetadataValue::clone(&authorization),
            }
        };
        Ok((0..count).map(|_| connect()).collect())
    }

    /// How many customers there are that are not deleted.
    pub(super) async fn total(&mut self) -> anyhow::Result<u64> {
        let message = ListCustomersRequest {
            page_size: 1,
            include_total_size: true,
            ..ListCustomersRequest::default()
        };
        let answer = self.grpc.list_customers(self.request(message)).await.map_err(explain)?;
        Ok(u64::try_from(answer.into_inner().total_size)?)
    }

    /// Whether customer number `n` of the prefill is there.
    pub(super) async fn has(&mut self, n: u64) -> anyhow::Result<bool> {
        let message = ResolveCustomerRequest { payment_address: alias(n) };
        match self.grpc.resolve_customer(self.request(message)).await {
            Ok(_) => Ok(true),
            Err(status) if status.code() == Code::NotFound => Ok(false),
            Err(status) => Err(explain(status)),
        }
    }

    /// Creates a customer, unless it is already there.
    pub(super) async fn ensure(&mut self, message: CreateCustomerRequest) -> anyhow::Result<()> {
        // Nobody waits for one of these: a machine that is busy may take its time.
        let mut request = self.request(message);
        request.set_timeout(Duration::from_mins(1));
        match self.grpc.create_customer(request).await {
            Err(status) if status.code() != Code::AlreadyExists => Err(explain(status)),
            _ => Ok(()),
        }
    }

    /// `CreateCustomer`.
    pub(super) async fn create(&mut self, message: CreateCustomerRequest) -> anyhow::Result<Customer> {
        let answer = self.grpc.create_customer(self.request(message)).await.map_err(explain)?;
        answer.into_inner().customer.context("an answer without a customer")
    }

    /// `GetCustomer` by id.
    pub(super) async fn get(&mut self, id: String) -> anyhow::Result<Customer> {
        let message = GetCustomerRequest { key: Some(Key::Id(id)), ..GetCustomerRequest::default() };
        let answer = self.grpc.get_customer(self.request(message)).await.map_err(explain)?;
        answer.into_inner().customer.context("an answer without a customer")
    }

    /// `ResolveCustomer`.
    pub(super) async fn resolve(&mut self, payment_address: String) -> anyhow::Result<Resolution> {
        let message = ResolveCustomerRequest { payment_address };
        let answer = self.grpc.resolve_customer(self.request(message)).await.map_err(explain)?;
        answer.into_inner().resolution.context("an answer without a resolution")
    }

    /// `BatchResolveCustomers`, of aliases that all exist.
    pub(super) async fn batch_resolve(
        &mut self,
        payment_addresses: Vec<String>,
    ) -> anyhow::Result<Vec<Resolution>> {
        let message = BatchResolveCustomersRequest { payment_addresses };
        let answer = self.grpc.batch_resolve_customers(self.request(message)).await.map_err(explain)?;
        let resolution = |result| match result {
            Some(BatchResult::Resolution(resolution)) => Ok(resolution),
            Some(BatchResult::Error(error)) => anyhow::bail!("in a batch: {}", error.message),
            None => anyhow::bail!("in a batch: neither resolution nor error"),
        };
        answer.into_inner().results.into_iter().map(|it| resolution(it.result)).collect()
    }

    /// `CreateWallet`.
    pub(super) async fn create_wallet(&mut self, message: CreateWalletRequest) -> anyhow::Result<Wallet> {
        let answer = self.wallets.create_wallet(self.request(message)).await.map_err(explain)?;
        answer.into_inner().wallet.context("an answer without a wallet")
    }

    /// Links an address on Ethereum to a customer, unless it is linked already.
    pub(super) async fn link(&mut self, customer_id: String, address: String) -> anyhow::Result<()> {
        let chain = Some(Chain::Network("ethereum".to_owned()));
        let message = LinkWalletRequest { customer_id, chain, address, ..LinkWalletRequest::default() };
        match self.wallets.link_wallet(self.request(message)).await {
            Err(status) if status.code() != Code::AlreadyExists => Err(explain(status)),
            _ => Ok(()),
        }
    }

    /// `LookupAddress` on Ethereum: the id of the customer.
    pub(super) async fn lookup_address(&mut self, address: String) -> anyhow::Result<String> {
        let network = "ethereum".to_owned();
        let message = LookupAddressRequest { address, network, ..LookupAddressRequest::default() };
        let answer = self.wallets.lookup_address(self.request(message)).await.map_err(explain)?;
        Ok(answer.into_inner().customer_id)
    }

    /// `Watch`.
    pub(super) async fn watch(&mut self, from: From, types: &[&str]) -> anyhow::Result<Watched> {
        let types = types.iter().map(|it| (*it).to_owned()).collect();
        let message = WatchRequest { from: Some(from), types, ..WatchRequest::default() };
        Ok(self.events.watch(self.request(message)).await.map_err(explain)?.into_inner())
    }

    /// Where the log ends.
    pub(super) async fn last_sequence(&mut self) -> anyhow::Result<i64> {
        let message = ListEventsRequest { page_size: 1, ..ListEventsRequest::default() };
        let answer = self.events.list_events(self.request(message)).await.map_err(explain)?;
        Ok(answer.into_inner().last_sequence)
    }

    /// Makes a disabled endpoint for new customers: its id.
    pub(super) async fn create_webhook(&mut self, url: String) -> anyhow::Result<String> {
        let endpoint = WebhookEndpoint {
            url,
            event_types: vec!["customer.created".to_owned()],
            enabled: Some(false),
            ..WebhookEndpoint::default()
        };
        let message = CreateWebhookEndpointRequest {
            webhook_endpoint: Some(endpoint),
            ..CreateWebhookEndpointRequest::default()
        };
        let answer = self.webhooks.create_webhook_endpoint(self.request(message)).await.map_err(explain)?;
        Ok(answer.into_inner().webhook_endpoint.context("an answer without an endpoint")?.id)
    }

    /// Enables an endpoint.
    pub(super) async fn enable_webhook(&mut self, id: &str) -> anyhow::Result<()> {
        let message = UpdateWebhookEndpointRequest {
            id: id.to_owned(),
            webhook_endpoint: Some(WebhookEndpoint { enabled: Some(true), ..WebhookEndpoint::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["enabled".to_owned()] }),
            ..UpdateWebhookEndpointRequest::default()
        };
        self.webhooks.update_webhook_endpoint(self.request(message)).await.map_err(explain).map(drop)
    }

    /// Deletes an endpoint.
    pub(super) async fn delete_webhook(&mut self, id: &str) -> anyhow::Result<()> {
        let message =
            DeleteWebhookEndpointRequest { id: id.to_owned(), ..DeleteWebhookEndpointRequest::default() };
        self.webhooks.delete_webhook_endpoint(self.request(message)).await.map_err(explain).map(drop)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        // Parsed once; a clone is a reference count.
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }
}

/// A status in one line: its own `Display` adds the details' bytes and all metadata.
#[expect(clippy::needless_pass_by_value, reason = "that is how `map_err` gives it")]
fn explain(status: Status) -> anyhow::Error {
    anyhow::anyhow!("{:?}: {}", status.code(), status.message())
}
