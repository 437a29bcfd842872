//! Short words for what is said about claims.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use purser::api::claim_service_client::ClaimServiceClient;
use purser::api::{self, Claim, PaymentClaimLink};
use purser::app::App;
use purser::health::Readiness;
use purser::port::Limits;
use purser::{claim_page, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::harness::{Bearer, On, ending_soon, timestamp};
use crate::wallets_wire::Purse;
use crate::wire::Answer;

pub type Claims = ClaimServiceClient<InterceptedService<Channel, Bearer>>;

/// A server with one tenant, and a client of its claims.
pub struct Desk {
    pub purse: Purse,
    pub claims: Claims,
}

/// The hash of a transaction on an EVM network.
pub fn hash(byte: u8) -> String {
    format!("0x{}", format!("{byte:02x}").repeat(32))
}

/// The same of one that no other has.
pub fn fresh_hash() -> String {
    format!("0x{}", hex::encode(purser::clock::random::<32>()))
}

/// A claim of 1.5 USDC on Ethereum.
pub fn claim(token: &str, byte: u8) -> api::SubmitClaimRequest {
    api::SubmitClaimRequest {
        link_token: token.to_owned(),
        network: "ethereum".to_owned(),
        token: "USDC".to_owned(),
        amount: "1.50".to_owned(),
        tx_hash: hash(byte),
        note: "for tea".to_owned(),
        request_id: String::new(),
    }
}

pub fn token_of(link: &PaymentClaimLink) -> String {
    link.url.rsplit('/').next().unwrap().to_owned()
}

impl Desk {
    pub async fn new(on: On) -> Self {
        let purse = Purse::new(on).await;
        let claims = Self::claims_of(&purse, &purse.acme.tenant.key).await;
        Self { purse, claims }
    }

    pub async fn claims_of(purse: &Purse, key: &str) -> Claims {
        ClaimServiceClient::with_interceptor(purse.acme.server.channel().await, Bearer::new(key))
    }

    pub const fn app(&self) -> &App {
        &self.purse.acme.server.app
    }

    /// A customer with a wallet on Ethereum: their id and its.
    pub async fn payee(&mut self) -> (String, String) {
        let customer = self.purse.customer().await;
        let wallet = self.purse.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
        (customer, wallet)
    }

    pub async fn link(&mut self, customer: &str) -> PaymentClaimLink {
        self.link_as(api::CreatePaymentClaimLinkRequest {
            customer_id: customer.to_owned(),
            ..Default::default()
        })
        .await
        .unwrap()
    }

    pub async fn link_for(&mut self, customer: &str, max_uses: i32) -> PaymentClaimLink {
        let customer_id = customer.to_owned();
        let request = api::CreatePaymentClaimLinkRequest { customer_id, max_uses, ..Default::default() };
        self.link_as(request).await.unwrap()
    }

    pub async fn link_as(&mut self, request: api::CreatePaymentClaimLinkRequest) -> Answer<PaymentClaimLink> {
        let made = self.claims.create_payment_claim_link(request).await?.into_inner();
        Ok(made.payment_claim_link.unwrap())
    }

    /// One that ends in a moment.
    pub async fn ending_link(&mut self, customer: &str) -> PaymentClaimLink {
        ending_soon(async |expire_us| {
            let (customer_id, expire_time) = (customer.to_owned(), Some(timestamp(expire_us)));
            let request =
                api::CreatePaymentClaimLinkRequest { customer_id, expire_time, ..Default::default() };
            self.link_as(request).await
        })
        .await
    }

    pub async fn get_link(&mut self, id: &str) -> Answer<PaymentClaimLink> {
        let request = api::GetPaymentClaimLinkRequest { id: id.to_owned() };
        Ok(self.claims.get_payment_claim_link(request).await?.into_inner().payment_claim_link.unwrap())
    }

    pub async fn revoke(&mut self, id: &str) -> Answer<PaymentClaimLink> {
        let request = api::RevokePaymentClaimLinkRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.claims.revoke_payment_claim_link(request).await?.into_inner().payment_claim_link.unwrap())
    }

    /// Submits a claim without a key.
    pub async fn submit(&self, request: api::SubmitClaimRequest) -> Answer<Claim> {
        submit(self.purse.acme.server.channel().await, request).await
    }

    pub async fn get(&mut self, id: &str) -> Answer<Claim> {
        let request = api::GetClaimRequest { id: id.to_owned() };
        Ok(self.claims.get_claim(request).await?.into_inner().claim.unwrap())
    }

    pub async fn list(&mut self, request: api::ListClaimsRequest) -> Vec<Claim> {
        self.claims.list_claims(request).await.unwrap().into_inner().claims
    }

    pub async fn approve(&mut self, id: &str) -> Answer<Claim> {
        approve(&mut self.claims, id).await
    }

    pub async fn reject(&mut self, id: &str, reason: &str) -> Answer<Claim> {
        let (id, reason) = (id.to_owned(), reason.to_owned());
        let request = api::RejectClaimRequest { id, reason, ..Default::default() };
        Ok(self.claims.reject_claim(request).await?.into_inner().claim.unwrap())
    }

    /// Type and actor of each event of the domain, from a place on.
    pub async fn events(&self, after_sequence: i64) -> Vec<api::Event> {
        let channel = self.purse.acme.server.channel().await;
        let bearer = Bearer::new(&self.purse.acme.tenant.key);
        let mut events = api::event_service_client::EventServiceClient::with_interceptor(channel, bearer);
        let request = api::ListEventsRequest { after_sequence, page_size: 100, ..Default::default() };
        events.list_events(request).await.unwrap().into_inner().events
    }

    /// Deletes a customer, and erases them.
    pub async fn erase(&mut self, customer: &str) {
        self.purse.acme.client.delete(customer).await.unwrap();
        let request = api::EraseCustomerRequest { id: customer.to_owned(), ..Default::default() };
        self.purse.acme.client.0.erase_customer(request).await.unwrap();
    }

    /// Everything that the doctor finds is as it should be, events included.
    pub async fn assert_sound(&self) {
        let store = self.app().store();
        crate::concurrency::assert_sound(store).await;
        assert!(store.audit_log().await.unwrap().is_empty());
        assert!(store.audit_chain().await.unwrap().is_empty());
    }
}

pub async fn submit(channel: Channel, request: api::SubmitClaimRequest) -> Answer<Claim> {
    Ok(ClaimServiceClient::new(channel).submit_claim(request).await?.into_inner().claim.unwrap())
}

pub async fn approve(claims: &mut Claims, id: &str) -> Answer<Claim> {
    let request = api::ApproveClaimRequest { id: id.to_owned(), ..Default::default() };
    Ok(claims.approve_claim(request).await?.into_inner().claim.unwrap())
}

/// Two calls by turns: at once, one a little before the other, and one after the other was answered, so that of seven
/// rounds each is surely first in one.
pub async fn raced<A, B>(round: u8, one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    const LEADS: [(u64, u64); 5] = [(0, 0), (0, 1), (1, 0), (0, 20), (20, 0)];
    let after = |millis| tokio::time::sleep(Duration::from_millis(millis));
    match usize::from(round) % (LEADS.len() + 2) {
        5 => {
            let first = one.await;
            (first, other.await)
        }
        6 => {
            let first = other.await;
            (one.await, first)
        }
        lead => tokio::join!(
            async {
                after(LEADS[lead].0).await;
                one.await
            },
            async {
                after(LEADS[lead].1).await;
                other.await
            }
        ),
    }
}

/// A client of claims with a key.
pub fn claims_over(channel: Channel, key: &str) -> Claims {
    ClaimServiceClient::with_interceptor(channel, Bearer::new(key))
}

/// The pages of an app's links, on a port of their own.
pub async fn pages(app: &App) -> SocketAddr {
    pages_behind(app, Vec::new()).await
}

/// The same behind proxies.
pub async fn pages_behind(app: &App, trusted: Vec<IpAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = served(app);
    let limits = Limits { trusted_proxies: trusted, max_connections_per_peer: 1_000, ..Limits::default() };
    tokio::spawn(http::serve(listener, axum::Router::new(), router, limits, std::future::pending()));
    address
}

/// Everything that the HTTP port serves.
fn served(app: &App) -> axum::Router {
    let (_, readiness) = tokio::sync::watch::channel(Readiness::Ready);
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    http::router(readiness, metrics).merge(claim_page::router(app.clone()))
}

/// How a browser sends the form.
pub const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// The head and the body of an answer.
pub async fn http(address: SocketAddr, request: &str, headers: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let sent = format!(
        "{request} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Where it did not take all that was sent, it resets what is left once it has answered.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head: Vec<_> = head.lines().filter(|it| !it.starts_with("date:")).collect();
    (head.join("\n"), body.to_owned())
}
