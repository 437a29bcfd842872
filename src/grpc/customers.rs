//! The customer methods.

use tonic::{Request, Response};

use super::{Purser, Reply, answered, authorize, convert};
use crate::api;
use crate::api::customer_service_server::CustomerService;
use crate::app::{Answer, Counting, CustomerTarget};
use crate::domain::{
    CustomerKey, CustomerPatch, DomainId, Error, Fault, Faults, KycStatus, Member, NewCustomer, Profile,
    Result, Scope,
};

#[tonic::async_trait]
impl CustomerService for Purser {
    async fn create_customer(
        &self,
        request: Request<api::CreateCustomerRequest>,
    ) -> Reply<api::CreateCustomerResponse> {
        let caller = authorize(&request, Scope::CustomersWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::CreateCustomerRequest { customer, domain_id, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let new = new_customer(customer.unwrap_or_default(), faults)?;
        let made = self.app.create_customer(&caller, domain, new, request_id).await?;
        Ok(answered(customer_of(made, |customer| api::CreateCustomerResponse { customer })))
    }

    async fn get_customer(
        &self,
        request: Request<api::GetCustomerRequest>,
    ) -> Reply<api::GetCustomerResponse> {
        let caller = authorize(&request, Scope::CustomersRead)?;
        let api::GetCustomerRequest { key, domain_id } = request.into_inner();
        let mut faults = Faults::default();
        let key = faults.absorb(convert::key!(api::get_customer_request::Key, key).map(Some))?;
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let key = faults.finish(key)?;
        let member = self.app.get_customer(&caller, &key, domain).await?;
        Ok(Response::new(api::GetCustomerResponse { customer: Some(member.into()) }))
    }

    async fn batch_get_customers(
        &self,
        request: Request<api::BatchGetCustomersRequest>,
    ) -> Reply<api::BatchGetCustomersResponse> {
        use api::batch_get_customers_result::Result as Item;
        let caller = authorize(&request, Scope::CustomersRead)?;
        let api::BatchGetCustomersRequest { ids } = request.into_inner();
        let parsed = batch("ids", ids, |it| it.parse())?;
        let good: Vec<_> = parsed.iter().filter_map(|it| it.as_ref().ok().copied()).collect();
        let mut found = self.app.batch_get_customers(&caller, &good).await?.into_iter();
        let results = in_place(parsed, || found.next()).map(|it| api::BatchGetCustomersResult {
            result: Some(match it {
                Ok(member) => Item::Customer(member.into()),
                Err(error) => Item::Error(convert::batch_error(error)),
            }),
        });
        Ok(Response::new(api::BatchGetCustomersResponse { results: results.collect() }))
    }

    async fn list_customers(
        &self,
        request: Request<api::ListCustomersRequest>,
    ) -> Reply<api::ListCustomersResponse> {
        let caller = authorize(&request, Scope::CustomersRead)?;
        let (domain, filter, page, count) = convert::filter(request.into_inner())?;
        let count = if count { Counting::Capped } else { Counting::Not };
        let list = self.app.list_customers(&caller, domain, filter, page, count).await?;
        Ok(Response::new(api::ListCustomersResponse {
            customers: list.page.items.into_iter().map(Into::into).collect(),
            next_page_token: list.page.next_token,
            total_size: list.total.map_or(0, |it| it.size),
            total_size_capped: list.total.is_some_and(|it| it.capped),
        }))
    }

    async fn update_customer(
        &self,
        request: Request<api::UpdateCustomerRequest>,
    ) -> Reply<api::UpdateCustomerResponse> {
        let caller = authorize(&request, Scope::CustomersWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::UpdateCustomerRequest { key, domain_id, customer, update_mask, etag, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let key = convert::key!(api::update_customer_request::Key, key);
        let target = target(key, &domain_id, etag, &mut faults)?;
        let patch = patch(customer.unwrap_or_default(), update_mask, &mut faults)?;
        let target = faults.finish(target)?;
        let updated = self.app.update_customer(&caller, target, patch, request_id).await?;
        Ok(answered(customer_of(updated, |customer| api::UpdateCustomerResponse { customer })))
    }

    async fn soft_delete_customer(
        &self,
        request: Request<api::SoftDeleteCustomerRequest>,
    ) -> Reply<api::SoftDeleteCustomerResponse> {
        let caller = authorize(&request, Scope::CustomersWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::SoftDeleteCustomerRequest { key, domain_id, etag, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let key = convert::key!(api::soft_delete_customer_request::Key, key);
        let target = target(key, &domain_id, etag, &mut faults)?;
        let target = faults.finish(target)?;
        let deleted = self.app.soft_delete_customer(&caller, target, request_id).await?;
        Ok(answered(customer_of(deleted, |customer| api::SoftDeleteCustomerResponse { customer })))
    }

    async fn restore_customer(
        &self,
        request: Request<api::RestoreCustomerRequest>,
    ) -> Reply<api::RestoreCustomerResponse> {
        let caller = authorize(&request, Scope::CustomersWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::RestoreCustomerRequest { id, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.absorb(convert::id("id", &id).map(Some))?;
        let restored = self.app.restore_customer(&caller, faults.finish(id)?, request_id).await?;
        Ok(answered(customer_of(restored, |customer| api::RestoreCustomerResponse { customer })))
    }

    async fn erase_customer(
        &self,
        request: Request<api::EraseCustomerRequest>,
    ) -> Reply<api::EraseCustomerResponse> {
        let caller = authorize(&request, Scope::CustomersErase)?;
        let (metadata, _, message) = request.into_parts();
        let api::EraseCustomerRequest { id, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.absorb(convert::id("id", &id).map(Some))?;
        let erased = self.app.erase_customer(&caller, faults.finish(id)?, request_id).await?;
        Ok(answered(customer_of(erased, |customer| api::EraseCustomerResponse { customer })))
    }

    async fn resolve_customer(
        &self,
        request: Request<api::ResolveCustomerRequest>,
    ) -> Reply<api::ResolveCustomerResponse> {
        let caller = authorize(&request, Scope::CustomersResolve)?;
        let api::ResolveCustomerRequest { payment_address } = request.into_inner();
        let alias = convert::parse("payment_address", payment_address.try_into())?;
        let resolution = self.app.resolve_customer(&caller, &alias).await?;
        Ok(Response::new(api::ResolveCustomerResponse { resolution: Some(resolution.into()) }))
    }

    async fn batch_resolve_customers(
        &self,
        request: Request<api::BatchResolveCustomersRequest>,
    ) -> Reply<api::BatchResolveCustomersResponse> {
        use api::batch_resolve_customers_result::Result as Item;
        let caller = authorize(&request, Scope::CustomersResolve)?;
        let api::BatchResolveCustomersRequest { payment_addresses } = request.into_inner();
        let parsed = batch("payment_addresses", payment_addresses, TryInto::try_into)?;
        let good: Vec<_> = parsed.iter().filter_map(|it| it.as_ref().ok().cloned()).collect();
        let mut found = self.app.batch_resolve_customers(&caller, &good).await?.into_iter();
        let results = in_place(parsed, || found.next()).map(|it| api::BatchResolveCustomersResult {
            result: Some(match it {
                Ok(resolution) => Item::Resolution(resolution.into()),
                Err(error) => Item::Error(convert::batch_error(error)),
            }),
        });
        Ok(Response::new(api::BatchResolveCustomersResponse { results: results.collect() }))
    }

    async fn verify_payee(
        &self,
        request: Request<api::VerifyPayeeRequest>,
    ) -> Reply<api::VerifyPayeeResponse> {
        let caller = authorize(&request, Scope::CustomersResolve)?;
        let api::VerifyPayeeRequest { payment_address, name } = request.into_inner();
        let mut faults = Faults::default();
        let alias = faults.keep("payment_address", payment_address.try_into());
        let name = faults.absorb(convert::required_line("name", name))?;
        let alias = faults.finish(alias)?;
        let matched = self.app.verify_payee(&caller, &alias, &name).await?;
        Ok(Response::new(api::VerifyPayeeResponse { r#match: api::PayeeMatch::from(matched).into() }))
    }

    async fn set_kyc_status(
        &self,
        request: Request<api::SetKycStatusRequest>,
    ) -> Reply<api::SetKycStatusResponse> {
        use convert::Known;
        let caller = authorize(&request, Scope::KycWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::SetKycStatusRequest { id, kyc_status, reason, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.absorb(convert::id("id", &id).map(Some))?;
        let to = faults.keep("kyc_status", KycStatus::required(kyc_status));
        let reason = faults.take("reason", reason.try_into());
        let (id, to) = faults.finish(id.zip(to))?;
        let set = self.app.set_kyc_status(&caller, id, to, reason, request_id).await?;
        Ok(answered(customer_of(set, |customer| api::SetKycStatusResponse { customer })))
    }
}

fn customer_of<T>(answer: Answer<Member>, wrap: impl FnOnce(Option<api::Customer>) -> T) -> Answer<T> {
    answer.map(|member| wrap(Some(member.into())))
}

fn new_customer(customer: api::Customer, mut faults: Faults) -> Result<NewCustomer> {
    let status = faults.take("customer.status", convert::status_of(customer.status));
    let profile = convert::profile(customer, &mut faults);
    faults.done()?;
    Ok(NewCustomer { profile, status })
}

/// Which customer, and which version of them; none where a fault was noted.
fn target(
    key: Result<CustomerKey>,
    domain_id: &str,
    etag: String,
    faults: &mut Faults,
) -> Result<Option<CustomerTarget>> {
    let key = faults.absorb(key.map(Some))?;
    let domain: Option<DomainId> = faults.absorb(convert::optional_id("domain_id", domain_id))?;
    Ok(key.map(|key| CustomerTarget { key, domain, etag: (!etag.is_empty()).then_some(etag) }))
}

/// Only what is masked is read: a fault anywhere else is no fault.
fn patch(
    customer: api::Customer,
    mask: Option<prost_types::FieldMask>,
    faults: &mut Faults,
) -> Result<CustomerPatch> {
    let paths = faults.absorb(convert::paths(mask))?;
    let status = faults.take("customer.status", status_masked(customer.status));
    let profile = convert::profile(customer, faults);
    faults.only(|field| {
        let Some(field) = field.strip_prefix("customer.") else { return true };
        paths.iter().any(|path| covers(path, field) || covers(field, path))
    });
    for path in paths.iter().filter(|it| *it != "status") {
        if let Err(fault) = Profile::can_set(path) {
            faults.add("update_mask", Fault::because(format!("`{path}` {fault}")));
        }
    }
    Ok(CustomerPatch { paths, profile, status })
}

/// Whether `field` is at `path` or within it.
fn covers(path: &str, field: &str) -> bool {
    field.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A status that is masked has to be one.
fn status_masked(number: i32) -> Result<Option<crate::domain::CustomerStatus>, Fault> {
    convert::status_of(number)?.map(Some).ok_or(Fault::new("cannot be NONE in an update"))
}

/// At most a hundred items, each with its own fault.
fn batch<T>(
    field: &'static str,
    items: Vec<String>,
    parse: impl Fn(String) -> Result<T, Fault>,
) -> Result<Vec<Result<T>>> {
    if items.is_empty() || items.len() > 100 {
        return Err(Error::invalid(field, "must be 1 to 100 items"));
    }
    Ok(items.into_iter().map(|it| convert::parse(field, parse(it))).collect())
}

/// What was found for the items that could be asked for, and the faults of the others, in the order asked.
fn in_place<K, T>(
    asked: Vec<Result<K>>,
    mut found: impl FnMut() -> Option<Result<T>>,
) -> impl Iterator<Item = Result<T>> {
    asked.into_iter().map(move |it| match it {
        Ok(_) => found().unwrap_or_else(|| Err(Error::internal("a batch came back short"))),
        Err(error) => Err(error),
    })
}
