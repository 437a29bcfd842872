//! Short words for what a client says.

use prost_types::FieldMask;
use purser::api::{self, Customer};
use purser::domain::{
    Domain, DomainSettings, DomainStatus, Environment, NewDomain, Organization, SettingsPatch,
};
use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Customers, On, Tenant, TestServer, line, operator, reason};

pub type Answer<T = Customer> = Result<T, Status>;

/// A server with one tenant, `acme`, and a client of its domain's key.
pub struct Acme {
    pub server: TestServer,
    pub tenant: Tenant,
    pub client: Client,
}

impl Acme {
    pub async fn new(on: On) -> Self {
        let server = TestServer::new(on).await;
        let tenant = server.tenant("acme").await;
        let client = Client(server.customers(&tenant.key).await);
        Self { server, tenant, client }
    }

    /// Another tenant, and a client of theirs.
    pub async fn other(&self, name: &str) -> (Tenant, Client) {
        let tenant = self.server.tenant(name).await;
        let client = self.client_of(&tenant.key).await;
        (tenant, client)
    }

    /// A tenant with other settings than the default, and a client of theirs.
    pub async fn with(&self, name: &str, settings: Value) -> (Tenant, Client) {
        let settings = serde_json::from_value(settings).unwrap();
        let tenant = self.server.tenant_with(name, Environment::Sandbox, settings).await;
        let client = self.client_of(&tenant.key).await;
        (tenant, client)
    }

    pub async fn client_of(&self, key: &str) -> Client {
        Client(self.server.customers(key).await)
    }

    /// Another domain of an organization.
    pub async fn domain_of(
        &self,
        organization: &Organization,
        name: &str,
        environment: Environment,
    ) -> Domain {
        let new = NewDomain {
            organization_id: organization.id,
            name: name.to_owned().try_into().unwrap(),
            environment,
            settings: DomainSettings::default(),
        };
        Domain::clone(&*self.server.app.create_domain(&operator(), new, None).await.unwrap().value)
    }

    /// Changes settings of a domain.
    pub async fn set(&self, domain: &Domain, settings: Value) {
        let paths =
            settings.as_object().unwrap().keys().map(|it| it.trim_end_matches("_us").to_owned()).collect();
        let patch = SettingsPatch { paths, settings: serde_json::from_value(settings).unwrap() };
        self.server.app.update_domain_settings(&operator(), domain.id, patch, None).await.unwrap();
    }

    pub async fn suspend(&self, domain: &Domain) {
        self.set_status(domain, DomainStatus::Suspended).await;
    }

    pub async fn reinstate(&self, domain: &Domain) {
        self.set_status(domain, DomainStatus::Active).await;
    }

    async fn set_status(&self, domain: &Domain, status: DomainStatus) {
        self.server.app.set_domain_status(&operator(), domain.id, status, line("test"), None).await.unwrap();
    }
}

/// A client, and the usual calls in few words. The rest is said to what is within.
#[derive(Clone)]
pub struct Client(pub Customers);

impl Client {
    pub async fn create(&mut self, customer: Customer) -> Answer {
        let request = api::CreateCustomerRequest { customer: Some(customer), ..Default::default() };
        Ok(self.0.create_customer(request).await?.into_inner().customer.unwrap())
    }

    pub async fn get(&mut self, id: &str) -> Answer {
        self.get_by(api::get_customer_request::Key::Id(id.to_owned())).await
    }

    pub async fn get_by(&mut self, key: api::get_customer_request::Key) -> Answer {
        let request = api::GetCustomerRequest { key: Some(key), ..Default::default() };
        Ok(self.0.get_customer(request).await?.into_inner().customer.unwrap())
    }

    pub async fn update(&mut self, id: &str, paths: &[&str], customer: Customer) -> Answer {
        self.update_as(updating(id, paths, customer)).await
    }

    pub async fn update_as(&mut self, request: api::UpdateCustomerRequest) -> Answer {
        Ok(self.0.update_customer(request).await?.into_inner().customer.unwrap())
    }

    pub async fn delete(&mut self, id: &str) -> Answer {
        self.delete_as(deleting(id)).await
    }

    pub async fn delete_as(&mut self, request: api::SoftDeleteCustomerRequest) -> Answer {
        Ok(self.0.soft_delete_customer(request).await?.into_inner().customer.unwrap())
    }

    pub async fn restore(&mut self, id: &str) -> Answer {
        let request = api::RestoreCustomerRequest { id: id.to_owned(), ..Default::default() };
        Ok(self.0.restore_customer(request).await?.into_inner().customer.unwrap())
    }

    pub async fn set_kyc(&mut self, id: &str, to: api::KycStatus) -> Answer {
        let request =
            api::SetKycStatusRequest { id: id.to_owned(), kyc_status: to.into(), ..Default::default() };
        Ok(self.0.set_kyc_status(request).await?.into_inner().customer.unwrap())
    }

    pub async fn resolve(&mut self, alias: &str) -> Answer<api::Resolution> {
        let request = api::ResolveCustomerRequest { payment_address: alias.to_owned() };
        Ok(self.0.resolve_customer(request).await?.into_inner().resolution.unwrap())
    }

    pub async fn list(&mut self, request: api::ListCustomersRequest) -> Answer<api::ListCustomersResponse> {
        Ok(self.0.list_customers(request).await?.into_inner())
    }
}

pub fn updating(id: &str, paths: &[&str], customer: Customer) -> api::UpdateCustomerRequest {
    api::UpdateCustomerRequest {
        key: Some(api::update_customer_request::Key::Id(id.to_owned())),
        customer: Some(customer),
        update_mask: Some(mask(paths)),
        ..Default::default()
    }
}

pub fn deleting(id: &str) -> api::SoftDeleteCustomerRequest {
    let key = api::soft_delete_customer_request::Key::Id(id.to_owned());
    api::SoftDeleteCustomerRequest { key: Some(key), ..Default::default() }
}

pub fn mask(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|it| (*it).to_owned()).collect() }
}

/// A customer with every kind of name that has one owner, all from one word.
pub fn whole(word: &str, domain: &str) -> Customer {
    Customer {
        first_name: word.to_owned(),
        payment_address: format!("{word}@{domain}"),
        email: format!("{word}@mail.example"),
        external_id: format!("ext-{word}"),
        ..Default::default()
    }
}

/// A customer with an alias and nothing else.
pub fn aliased(alias: &str) -> Customer {
    Customer { payment_address: alias.to_owned(), ..Default::default() }
}

/// A customer with a status asked for and nothing else.
pub fn with_status(status: api::CustomerStatus) -> Customer {
    Customer { status: status.into(), ..Default::default() }
}

/// How a call was refused: its code, and the reason in its details.
pub fn refusal<T: std::fmt::Debug>(answer: Answer<T>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), reason(&status))
}

/// Everything that a caller sees of a refusal.
pub fn bytes(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

/// One value of a refusal's metadata.
pub fn told(status: &Status, key: &str) -> String {
    status.get_details_error_info().unwrap().metadata.get(key).cloned().unwrap_or_default()
}

/// Refusals that need only their reason, with the codes the contract gives them.
pub fn is(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}
