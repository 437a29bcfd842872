//! The billing methods.

use tonic::metadata::MetadataMap;
use tonic::{Request, Response};

use super::{Purser, Reply, answered, authorize, convert};
use crate::api;
use crate::api::billing_service_server::BillingService;
use crate::domain::{Bill, DomainId, Faults, PageRequest, Payment, Plan, RequestId, Result, Scope, Word};
use crate::store::BillingFilter;

#[tonic::async_trait]
impl BillingService for Purser {
    async fn upsert_payment_intent(
        &self,
        request: Request<api::UpsertPaymentIntentRequest>,
    ) -> Reply<api::UpsertPaymentIntentResponse> {
        let caller = authorize(&request, Scope::BillingWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::UpsertPaymentIntentRequest { payment_intent: told, request_id } = message;
        let (new, request_id) = read(&metadata, request_id, |it| convert::payment_intent(told, it))?;
        let kept = self.app.upsert_payment_intent(&caller, new, request_id).await?;
        Ok(answered(kept.map(|it| api::UpsertPaymentIntentResponse { payment_intent: Some(it.into()) })))
    }

    async fn upsert_invoice(
        &self,
        request: Request<api::UpsertInvoiceRequest>,
    ) -> Reply<api::UpsertInvoiceResponse> {
        let caller = authorize(&request, Scope::BillingWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::UpsertInvoiceRequest { invoice: told, request_id } = message;
        let (new, request_id) = read(&metadata, request_id, |it| convert::invoice(told, it))?;
        let kept = self.app.upsert_invoice(&caller, new, request_id).await?;
        Ok(answered(kept.map(|it| api::UpsertInvoiceResponse { invoice: Some(it.into()) })))
    }

    async fn upsert_subscription(
        &self,
        request: Request<api::UpsertSubscriptionRequest>,
    ) -> Reply<api::UpsertSubscriptionResponse> {
        let caller = authorize(&request, Scope::BillingWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::UpsertSubscriptionRequest { subscription: told, request_id } = message;
        let (new, request_id) = read(&metadata, request_id, |it| convert::subscription(told, it))?;
        let kept = self.app.upsert_subscription(&caller, new, request_id).await?;
        Ok(answered(kept.map(|it| api::UpsertSubscriptionResponse { subscription: Some(it.into()) })))
    }

    async fn list_payment_intents(
        &self,
        request: Request<api::ListPaymentIntentsRequest>,
    ) -> Reply<api::ListPaymentIntentsResponse> {
        let caller = authorize(&request, Scope::BillingRead)?;
        let api::ListPaymentIntentsRequest { customer_id, domain_id, statuses, page_size, page_token } =
            request.into_inner();
        let asked =
            Asked { method: "payment_intents", customer_id, domain_id, statuses, page_size, page_token };
        let (domain, filter, page) = asked.read()?;
        let page = self.app.list_billing::<Payment>(&caller, domain, filter, page).await?;
        let payment_intents = page.items.into_iter().map(Into::into).collect();
        Ok(Response::new(api::ListPaymentIntentsResponse {
            payment_intents,
            next_page_token: page.next_token,
        }))
    }

    async fn list_invoices(
        &self,
        request: Request<api::ListInvoicesRequest>,
    ) -> Reply<api::ListInvoicesResponse> {
        let caller = authorize(&request, Scope::BillingRead)?;
        let api::ListInvoicesRequest { customer_id, domain_id, statuses, page_size, page_token } =
            request.into_inner();
        let asked = Asked { method: "invoices", customer_id, domain_id, statuses, page_size, page_token };
        let (domain, filter, page) = asked.read()?;
        let page = self.app.list_billing::<Bill>(&caller, domain, filter, page).await?;
        let invoices = page.items.into_iter().map(Into::into).collect();
        Ok(Response::new(api::ListInvoicesResponse { invoices, next_page_token: page.next_token }))
    }

    async fn list_subscriptions(
        &self,
        request: Request<api::ListSubscriptionsRequest>,
    ) -> Reply<api::ListSubscriptionsResponse> {
        let caller = authorize(&request, Scope::BillingRead)?;
        let api::ListSubscriptionsRequest { customer_id, domain_id, statuses, page_size, page_token } =
            request.into_inner();
        let asked =
            Asked { method: "subscriptions", customer_id, domain_id, statuses, page_size, page_token };
        let (domain, filter, page) = asked.read()?;
        let page = self.app.list_billing::<Plan>(&caller, domain, filter, page).await?;
        let subscriptions = page.items.into_iter().map(Into::into).collect();
        Ok(Response::new(api::ListSubscriptionsResponse { subscriptions, next_page_token: page.next_token }))
    }

    async fn get_customer_overview(
        &self,
        request: Request<api::GetCustomerOverviewRequest>,
    ) -> Reply<api::GetCustomerOverviewResponse> {
        let caller = authorize(&request, Scope::CustomersRead)?;
        caller.require(Scope::WalletsRead)?;
        caller.require(Scope::BillingRead)?;
        let api::GetCustomerOverviewRequest { customer_id } = request.into_inner();
        let customer = convert::id("customer_id", &customer_id)?;
        Ok(Response::new(self.app.customer_overview(&caller, customer).await?.into()))
    }

    async fn add_payment_method(
        &self,
        request: Request<api::AddPaymentMethodRequest>,
    ) -> Reply<api::AddPaymentMethodResponse> {
        let caller = authorize(&request, Scope::BillingWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::AddPaymentMethodRequest { payment_method: told, request_id } = message;
        let (new, request_id) = read(&metadata, request_id, |it| convert::payment_method(told, it))?;
        let added = self.app.add_payment_method(&caller, new, request_id).await?;
        Ok(answered(added.map(|it| api::AddPaymentMethodResponse { payment_method: Some(it.into()) })))
    }

    async fn list_payment_methods(
        &self,
        request: Request<api::ListPaymentMethodsRequest>,
    ) -> Reply<api::ListPaymentMethodsResponse> {
        let caller = authorize(&request, Scope::BillingRead)?;
        let api::ListPaymentMethodsRequest { customer_id, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let customer = faults.gather(convert::id("customer_id", &customer_id))?;
        let page = convert::page(page_size, &page_token, &("payment_methods", customer), &mut faults)?;
        let (customer, page) = faults.finish(customer.zip(page))?;
        let page = self.app.list_payment_methods(&caller, customer, page).await?;
        Ok(Response::new(api::ListPaymentMethodsResponse {
            payment_methods: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn remove_payment_method(
        &self,
        request: Request<api::RemovePaymentMethodRequest>,
    ) -> Reply<api::RemovePaymentMethodResponse> {
        let caller = authorize(&request, Scope::BillingWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::RemovePaymentMethodRequest { id, request_id } = message;
        let (id, request_id) = read(&metadata, request_id, |it| it.gather(convert::id("id", &id)))?;
        let removed = self.app.remove_payment_method(&caller, id, request_id).await?;
        Ok(answered(removed.map(|it| api::RemovePaymentMethodResponse { payment_method: Some(it.into()) })))
    }
}

/// What a write brings, and under which request.
fn read<T>(
    metadata: &MetadataMap,
    request_id: String,
    told: impl FnOnce(&mut Faults) -> Result<Option<T>>,
) -> Result<(T, Option<RequestId>)> {
    let mut faults = Faults::default();
    let request_id = faults.absorb(convert::request_id(metadata, request_id))?;
    let told = told(&mut faults)?;
    Ok((faults.finish(told)?, request_id))
}

/// What a list of billing records asks for.
struct Asked {
    method: &'static str,
    customer_id: String,
    domain_id: String,
    statuses: Vec<String>,
    page_size: i32,
    page_token: String,
}

impl Asked {
    fn read(self) -> Result<(Option<DomainId>, BillingFilter, PageRequest)> {
        let Self { method, customer_id, domain_id, statuses, page_size, page_token } = self;
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let filter = BillingFilter {
            domain: None,
            customer: faults.absorb(convert::optional_id("customer_id", &customer_id))?,
            statuses: convert::each("statuses", statuses, &mut faults, Word::try_from),
        };
        let page = convert::page(page_size, &page_token, &(method, domain, &filter), &mut faults)?;
        Ok((domain, filter, faults.finish(page)?))
    }
}
