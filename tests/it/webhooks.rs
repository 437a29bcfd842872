//! Webhooks, from the endpoint to the receiver.

mod changing;
mod deliver;
mod endpoints;
mod guard;
mod instances;
mod keeping;
mod receiver;
mod signatures;
mod tls;

use std::time::Duration;

use purser::api;
use purser::api::webhook_service_client::WebhookServiceClient;
use purser::app::App;
use purser::domain::HostName;
use purser::grpc;
use purser::webhook::{Guard, Webhooks};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::harness::{Bearer, Customers, On, Tenant, TestServer, connect, customers, on_each_database};
use crate::wallets_wire::Keeper;
use receiver::{Got, Receiver};

on_each_database!(Post:
    an_event_arrives_signed_and_the_delivery_says_so,
    a_receiver_sees_the_end_of_an_account_number_and_no_more,
);

pub type Hooks = WebhookServiceClient<InterceptedService<Channel, Bearer>>;

/// A deliverer at work.
pub struct Delivering {
    pub webhooks: Webhooks,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Delivering {
    pub fn over(app: &App, guard: Guard) -> Self {
        let webhooks = Webhooks::new(app.clone(), guard, grpc::event_json);
        let (stop, mut stopped) = watch::channel(false);
        let working = webhooks.clone();
        let task = tokio::spawn(async move {
            working
                .deliver(async move {
                    let _ = stopped.wait_for(|it| *it).await;
                })
                .await;
        });
        Self { webhooks, stop, task }
    }

    /// Ends it as a server that stops does.
    pub async fn end(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }
}

/// A server that delivers to receivers on this machine, a tenant of it, and clients of both services.
pub struct Post {
    pub server: TestServer,
    pub tenant: Tenant,
    pub hooks: Hooks,
    pub customers: Customers,
    pub delivering: Delivering,
}

pub fn local() -> Guard {
    Guard::new(["127.0.0.1".parse::<HostName>().unwrap()])
}

impl Post {
    pub async fn new(on: On) -> Self {
        Self::guarded(on, local()).await
    }

    pub async fn guarded(on: On, guard: Guard) -> Self {
        let server = TestServer::new(on).await;
        let delivering = Delivering::over(&server.app, guard);
        let address = TestServer::listen_with(&delivering.webhooks, &server.app).await;
        let tenant = server.tenant("acme").await;
        let channel = connect(address).await;
        let hooks = WebhookServiceClient::with_interceptor(channel.clone(), Bearer::new(&tenant.key));
        let customers = customers(channel, &tenant.key);
        Self { server, tenant, hooks, customers, delivering }
    }

    /// An endpoint at a URL, for all events, and its secret.
    pub async fn endpoint(&mut self, url: &str) -> (api::WebhookEndpoint, String) {
        self.endpoint_with(api::WebhookEndpoint { url: url.to_owned(), ..Default::default() }).await
    }

    pub async fn endpoint_with(&mut self, endpoint: api::WebhookEndpoint) -> (api::WebhookEndpoint, String) {
        let request =
            api::CreateWebhookEndpointRequest { webhook_endpoint: Some(endpoint), ..Default::default() };
        let made = self.hooks.create_webhook_endpoint(request).await.unwrap().into_inner();
        (made.webhook_endpoint.unwrap(), made.secret)
    }

    pub async fn customer(&mut self, name: &str) -> api::Customer {
        create(&mut self.customers, name).await
    }

    /// The deliveries to an endpoint, the newest events first.
    pub async fn deliveries(&mut self, endpoint: &str) -> Vec<api::Delivery> {
        let request = api::ListDeliveriesRequest {
            webhook_endpoint_id: endpoint.to_owned(),
            page_size: 100,
            ..Default::default()
        };
        self.hooks.list_deliveries(request).await.unwrap().into_inner().deliveries
    }

    /// Waits until the deliveries to an endpoint are as they should be.
    pub async fn until(
        &mut self,
        endpoint: &str,
        as_meant: impl Fn(&[api::Delivery]) -> bool,
    ) -> Vec<api::Delivery> {
        for _ in 0..600 {
            let deliveries = self.deliveries(endpoint).await;
            if as_meant(&deliveries) {
                return deliveries;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:#?}", self.deliveries(endpoint).await);
    }
}

pub async fn create(customers: &mut Customers, name: &str) -> api::Customer {
    let customer = Some(api::Customer { first_name: name.to_owned(), ..Default::default() });
    let request = api::CreateCustomerRequest { customer, ..Default::default() };
    customers.create_customer(request).await.unwrap().into_inner().customer.unwrap()
}

pub async fn rename(customers: &mut Customers, id: &str, name: &str) {
    let request = api::UpdateCustomerRequest {
        key: Some(api::update_customer_request::Key::Id(id.to_owned())),
        customer: Some(api::Customer { first_name: name.to_owned(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["first_name".to_owned()] }),
        ..Default::default()
    };
    customers.update_customer(request).await.unwrap();
}

pub fn delivered(it: &api::Delivery) -> bool {
    it.status() == api::DeliveryStatus::Delivered
}

async fn an_event_arrives_signed_and_the_delivery_says_so(mut post: Post) {
    let receiver = Receiver::new().await;
    let (endpoint, secret) = post.endpoint(&receiver.url()).await;
    assert!(endpoint.id.starts_with("hook_") && secret.starts_with("whsec_"), "{endpoint:?}");
    let customer = post.customer("Ada").await;
    let got = receiver.until(1).await.remove(0);
    let body = got.json();
    assert_eq!(
        (&body["type"], &body["data"]["customerId"]),
        (&"customer.created".into(), &customer.id.into())
    );
    assert_eq!(got.header("webhook-id"), body["data"]["id"]);
    assert!(got.header("webhook-signature").starts_with("v1,"));
    let deliveries = post.until(&endpoint.id, |it| it.iter().all(delivered) && it.len() == 1).await;
    assert_eq!((deliveries[0].attempts, deliveries[0].response_status), (1, 200));
}

async fn a_receiver_sees_the_end_of_an_account_number_and_no_more(mut post: Post) {
    let receiver = Receiver::new().await;
    post.endpoint(&receiver.url()).await;
    let customer = post.customer("Ada").await;
    let keeper = Keeper::of(post.server.channel().await, &post.tenant.key);
    let account = json!({"account_name": "Ada Lovelace", "account_number": "DE02120300000000202051"});
    let method = json!({"payment_method": {"customer_id": customer.id, "bank_account": account}});
    let added = keeper.say("AddPaymentMethod", &method).await;
    keeper.say("RemovePaymentMethod", &json!({"id": added["payment_method"]["id"]})).await;
    let got = receiver.until(3).await;
    let told: Vec<_> = got.iter().map(|it| it.json()["data"]["paymentMethod"].clone()).collect();
    assert_eq!(told[1]["bankAccount"]["accountNumber"], "******************2051");
    assert_eq!((&told[2]["id"], told[2].get("bankAccount")), (&added["payment_method"]["id"], None));
    assert!(got.iter().all(|it| !it.body.contains("DE0212030")));
}
