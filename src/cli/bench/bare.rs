//! The limit: a server as anybody would write it with tonic, that has nothing to do but to answer.

use std::net::{Ipv4Addr, SocketAddr};

use axum::serve::ListenerExt;
use prost_types::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, async_trait};

use super::rest;
use crate::api::customer_service_server::{CustomerService, CustomerServiceServer};
use crate::api::{
    BatchGetCustomersRequest, BatchGetCustomersResponse, BatchResolveCustomersRequest,
    BatchResolveCustomersResponse, CreateCustomerRequest, CreateCustomerResponse, Customer, CustomerStatus,
    CustomerType, EraseCustomerRequest, EraseCustomerResponse, GetCustomerRequest, GetCustomerResponse,
    KycStatus, ListCustomersRequest, ListCustomersResponse, Resolution, ResolveCustomerRequest,
    ResolveCustomerResponse, RestoreCustomerRequest, RestoreCustomerResponse, SetKycStatusRequest,
    SetKycStatusResponse, SoftDeleteCustomerRequest, SoftDeleteCustomerResponse, UpdateCustomerRequest,
    UpdateCustomerResponse, VerifyPayeeRequest, VerifyPayeeResponse,
};

/// The alias in every answer.
pub(super) const ALIAS: &str = "u00000000@dev";
/// The customer's id in every answer.
pub(super) const CUSTOMER_ID: &str = "cust_01k9h2m8x7e4tr5w6y3n0p1q2s";
/// The email in every answer.
pub(super) const EMAIL: &str = "u00000000@bench.example";

const DOMAIN_ID: &str = "dom_01k9h2m8x7e4tr5w6y3n0p1q2t";
const NAME: &str = "Bench Customer 12345";
const TIME: Timestamp = Timestamp { seconds: 1_763_710_000, nanos: 123_456_000 };

/// Serves until the process is ended.
pub(super) async fn serve() -> anyhow::Result<()> {
    // What `Server::serve` does, in two steps, so that the port is known. `serve` sets no-delay itself.
    let incoming = TcpIncoming::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?.with_nodelay(Some(true));
    let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("listening on {}\nHTTP: {}", incoming.local_addr()?, http.local_addr()?);
    tokio::spawn(async move { axum::serve(http.tap_io(nodelay), rest::bare_router()).await });
    let service = CustomerServiceServer::new(Bare { customer: customer(), resolution: resolution() });
    Server::builder().add_service(service).serve_with_incoming(incoming).await?;
    Ok(())
}

/// As the other servers do.
fn nodelay(stream: &mut TcpStream) {
    let _ = stream.set_nodelay(true);
}

/// Answers with the same customer, whatever is asked.
struct Bare {
    customer: Customer,
    resolution: Resolution,
}

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl CustomerService for Bare {
    async fn create_customer(&self, _: Request<CreateCustomerRequest>) -> Answer<CreateCustomerResponse> {
        Ok(Response::new(CreateCustomerResponse { customer: Some(self.customer.clone()) }))
    }

    async fn get_customer(&self, _: Request<GetCustomerRequest>) -> Answer<GetCustomerResponse> {
        Ok(Response::new(GetCustomerResponse { customer: Some(self.customer.clone()) }))
    }

    async fn resolve_customer(&self, _: Request<ResolveCustomerRequest>) -> Answer<ResolveCustomerResponse> {
        Ok(Response::new(ResolveCustomerResponse { resolution: Some(self.resolution.clone()) }))
    }

    // The others are not measured.

    async fn batch_get_customers(
        &self,
        _: Request<BatchGetCustomersRequest>,
    ) -> Answer<BatchGetCustomersResponse> {
        unimplemented()
    }

    async fn list_customers(&self, _: Request<ListCustomersRequest>) -> Answer<ListCustomersResponse> {
        unimplemented()
    }

    async fn update_customer(&self, _: Request<UpdateCustomerRequest>) -> Answer<UpdateCustomerResponse> {
        unimplemented()
    }

    async fn soft_delete_customer(
        &self,
        _: Request<SoftDeleteCustomerRequest>,
    ) -> Answer<SoftDeleteCustomerResponse> {
        unimplemented()
    }

    async fn restore_customer(&self, _: Request<RestoreCustomerRequest>) -> Answer<RestoreCustomerResponse> {
        unimplemented()
    }

    async fn erase_customer(&self, _: Request<EraseCustomerRequest>) -> Answer<EraseCustomerResponse> {
        unimplemented()
    }

    async fn batch_resolve_customers(
        &self,
        _: Request<BatchResolveCustomersRequest>,
    ) -> Answer<BatchResolveCustomersResponse> {
        unimplemented()
    }

    async fn verify_payee(&self, _: Request<VerifyPayeeRequest>) -> Answer<VerifyPayeeResponse> {
        unimplemented()
    }

    async fn set_kyc_status(&self, _: Request<SetKycStatusRequest>) -> Answer<SetKycStatusResponse> {
        unimplemented()
    }
}

fn unimplemented<T>() -> Answer<T> {
    Err(Status::unimplemented("the bare server only answers what is measured"))
}

/// A customer with as much in it as Purser answers for one of the prefill.
fn customer() -> Customer {
    Customer {
        id: CUSTOMER_ID.to_owned(),
        domain_id: DOMAIN_ID.to_owned(),
        r#type: CustomerType::Individual.into(),
        name: NAME.to_owned(),
        email: EMAIL.to_owned(),
        payment_address: ALIAS.to_owned(),
        status: CustomerStatus::Enabled.into(),
        kyc_status: KycStatus::NotRequired.into(),
        can_receive: true,
        etag: "12345".to_owned(),
        sequence: 12_345,
        create_time: Some(TIME),
        update_time: Some(TIME),
        ..Customer::default()
    }
}

fn resolution() -> Resolution {
    Resolution {
        customer_id: CUSTOMER_ID.to_owned(),
        domain_id: DOMAIN_ID.to_owned(),
        domain_name: "dev".to_owned(),
        r#type: CustomerType::Individual.into(),
        name: NAME.to_owned(),
        payment_address: ALIAS.to_owned(),
        status: CustomerStatus::Enabled.into(),
        can_receive: true,
        sequence: 12_345,
        create_time: Some(TIME),
        update_time: Some(TIME),
        ..Resolution::default()
    }
}
