//! The billing methods.

use tonic::metadata::MetadataMap;
use tonic::{Request, Response};

use super::{Purser, Reply, answered, authorize, convert};
use crate::api;
use crate::api::billing_service_server::BillingService;
use crate::domain::{
    Bill, BillingKind, DomainId, ExternalId, Faults, NewBillingRecord, PageRequest, Payment, Plan, RequestId,
    Result, Scope, Word,
};
use crate::store::BillingFilter;

/// Records what is told of a billing record of a kind.
macro_rules! upsert {
    ($self:ident, $request:ident, $asked:ident, $answer:ident, $record:ident, $upsert:ident) => {{
        let caller = authorize(&$request, Scope::BillingWrite)?;
        let (metadata, _, message) = $request.into_parts();
        let api::$asked { $record: told, etag, request_id } = message;
        let (new, request_id) = read(&metadata, request_id, |it| convert::$record(told, it))?;
        let new = NewBillingRecord { etag: named(etag), ..new };
        let kept = $self.app.$upsert(&caller, new, request_id).await?;
        Ok(answered(kept.map(|it| api::$answer { $record: Some(it.into()) })))
    }};
}

/// Lists billing records of a kind.
macro_rules! list {
    ($self:ident, $request:ident, $asked:ident, $answer:ident, $records:ident, $kind:ident) => {{
        let caller = authorize(&$request, Scope::BillingRead)?;
        let api::$asked { customer_id, domain_id, statuses, page_size, page_token, ids, external_ids } =
            $request.into_inner();
        let asked = Asked { customer_id, domain_id, statuses, ids, external_ids, page_size, page_token };
        let (domain, filter, page) = asked.read::<$kind>()?;
        let page = $self.app.list_billing::<$kind>(&caller, domain, filter, page).await?;
        let $records = page.items.into_iter().map(Into::into).collect();
        Ok(Response::new(api::$answer { $records, next_page_token: page.next_token }))
    }};
}

#[tonic::async_trait]
impl BillingService for Purser {
    async fn upsert_payment_intent(
        &self,
        request: Request<api::UpsertPaymentIntentRequest>,
    ) -> Reply<api::UpsertPaymentIntentResponse> {
        upsert!(
            self,
            request,
            UpsertPaymentIntentRequest,
            UpsertPaymentIntentResponse,
            payment_intent,
            upsert_payment_intent
        )
    }

    async fn upsert_invoice(
        &self,
        request: Request<api::UpsertInvoiceRequest>,
    ) -> Reply<api::UpsertInvoiceResponse> {
        upsert!(self, request, UpsertInvoiceRequest, UpsertInvoiceResponse, invoice, upsert_invoice)
    }

    async fn upsert_subscription(
        &self,
        request: Request<api::UpsertSubscriptionRequest>,
    ) -> Reply<api::UpsertSubscriptionResponse> {
        upsert!(
            self,
            request,
            UpsertSubscriptionRequest,
            UpsertSubscriptionResponse,
            subscription,
            upsert_subscription
        )
    }

    async fn list_payment_intents(
        &self,
        request: Request<api::ListPaymentIntentsRequest>,
    ) -> Reply<api::ListPaymentIntentsResponse> {
        list!(self, request, ListPaymentIntentsRequest, ListPaymentIntentsResponse, payment_intents, Payment)
    }

    async fn list_invoices(
        &self,
        request: Request<api::ListInvoicesRequest>,
    ) -> Reply<api::ListInvoicesResponse> {
        list!(self, request, ListInvoicesRequest, ListInvoicesResponse, invoices, Bill)
    }

    async fn list_subscriptions(
        &self,
        request: Request<api::ListSubscriptionsRequest>,
    ) -> Reply<api::ListSubscriptionsResponse> {
        list!(self, request, ListSubscriptionsRequest, ListSubscriptionsResponse, subscriptions, Plan)
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
        Ok(Response::new(self.app.customer_overview(&caller, customer, None).await?.into()))
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
        let api::RemovePaymentMethodRequest { id, etag, request_id } = message;
        let (id, request_id) = read(&metadata, request_id, |it| it.gather(convert::id("id", &id)))?;
        let removed = self.app.remove_payment_method(&caller, id, named(etag), request_id).await?;
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

/// An etag, if one was named.
fn named(etag: String) -> Option<String> {
    (!etag.is_empty()).then_some(etag)
}

/// What a list of billing records asks for.
struct Asked {
    customer_id: String,
    domain_id: String,
    statuses: Vec<String>,
    ids: Vec<String>,
    external_ids: Vec<String>,
    page_size: i32,
    page_token: String,
}

impl Asked {
    fn read<K: BillingKind>(self) -> Result<(Option<DomainId>, BillingFilter, PageRequest)> {
        let Self { customer_id, domain_id, statuses, ids, external_ids, page_size, page_token } = self;
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let filter = BillingFilter {
            customer: faults.absorb(convert::optional_id("customer_id", &customer_id))?,
            statuses: convert::each("statuses", statuses, &mut faults, Word::try_from),
            ids: convert::each("ids", ids, &mut faults, |it| it.parse().map(K::uuid)),
            external_ids: convert::each("external_ids", external_ids, &mut faults, ExternalId::try_from),
        };
        let page = convert::page(page_size, &page_token, &(K::TABLE, domain, &filter), &mut faults)?;
        Ok((domain, filter, faults.finish(page)?))
    }
}
