//! The webhook methods.

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response};

use super::{Purser, Reply, answered, authorize, convert};
use crate::api;
use crate::api::webhook_service_server::WebhookService;
use crate::app::{Answer, EventKey, IssuedWebhook, WebhookTarget};
use crate::domain::{DeliveryStatus, Error, Faults, RequestId, Result, Scope};

#[tonic::async_trait]
impl WebhookService for Purser {
    async fn create_webhook_endpoint(
        &self,
        request: Request<api::CreateWebhookEndpointRequest>,
    ) -> Reply<api::CreateWebhookEndpointResponse> {
        let caller = authorize(&request, Scope::WebhooksWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::CreateWebhookEndpointRequest { webhook_endpoint, domain_id, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let new =
            convert::new_webhook_endpoint(webhook_endpoint.unwrap_or_default(), faults, &self.webhooks)?;
        let made = self.webhooks.create(&caller, domain, new, request_id).await?;
        Ok(issued(made, |webhook_endpoint, secret| api::CreateWebhookEndpointResponse {
            webhook_endpoint,
            secret,
        }))
    }

    async fn get_webhook_endpoint(
        &self,
        request: Request<api::GetWebhookEndpointRequest>,
    ) -> Reply<api::GetWebhookEndpointResponse> {
        let caller = authorize(&request, Scope::WebhooksRead)?;
        let id = convert::id("id", &request.into_inner().id)?;
        let found = self.app.get_webhook_endpoint(&caller, id).await?;
        Ok(Response::new(api::GetWebhookEndpointResponse { webhook_endpoint: Some(found.into()) }))
    }

    async fn list_webhook_endpoints(
        &self,
        request: Request<api::ListWebhookEndpointsRequest>,
    ) -> Reply<api::ListWebhookEndpointsResponse> {
        let caller = authorize(&request, Scope::WebhooksRead)?;
        let api::ListWebhookEndpointsRequest { domain_id, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let page = convert::page(page_size, &page_token, &("webhook_endpoints", domain), &mut faults)?;
        let page = self.app.list_webhook_endpoints(&caller, domain, faults.finish(page)?).await?;
        Ok(Response::new(api::ListWebhookEndpointsResponse {
            webhook_endpoints: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn update_webhook_endpoint(
        &self,
        request: Request<api::UpdateWebhookEndpointRequest>,
    ) -> Reply<api::UpdateWebhookEndpointResponse> {
        let caller = authorize(&request, Scope::WebhooksWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::UpdateWebhookEndpointRequest { id, webhook_endpoint, update_mask, etag, request_id } =
            message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let target = target(&id, etag, &mut faults)?;
        let endpoint = webhook_endpoint.unwrap_or_default();
        let patch = convert::webhook_patch(endpoint, update_mask, &mut faults, &self.webhooks)?;
        let target = faults.finish(target)?;
        let updated = self.webhooks.update(&caller, target, patch, request_id).await?;
        Ok(answered(
            updated.map(|it| api::UpdateWebhookEndpointResponse { webhook_endpoint: Some(it.into()) }),
        ))
    }

    async fn delete_webhook_endpoint(
        &self,
        request: Request<api::DeleteWebhookEndpointRequest>,
    ) -> Reply<api::DeleteWebhookEndpointResponse> {
        let caller = authorize(&request, Scope::WebhooksWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::DeleteWebhookEndpointRequest { id, etag, request_id } = message;
        let (target, request_id) = named(&metadata, &id, etag, request_id)?;
        let deleted = self.webhooks.delete(&caller, target, request_id).await?;
        Ok(answered(
            deleted.map(|it| api::DeleteWebhookEndpointResponse { webhook_endpoint: Some(it.into()) }),
        ))
    }

    async fn rotate_webhook_endpoint_secret(
        &self,
        request: Request<api::RotateWebhookEndpointSecretRequest>,
    ) -> Reply<api::RotateWebhookEndpointSecretResponse> {
        let caller = authorize(&request, Scope::WebhooksWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::RotateWebhookEndpointSecretRequest { id, request_id } = message;
        let (target, request_id) = named(&metadata, &id, String::new(), request_id)?;
        let rotated = self.webhooks.rotate(&caller, target.id, request_id).await?;
        Ok(issued(rotated, |webhook_endpoint, secret| api::RotateWebhookEndpointSecretResponse {
            webhook_endpoint,
            secret,
        }))
    }

    async fn ping_webhook_endpoint(
        &self,
        request: Request<api::PingWebhookEndpointRequest>,
    ) -> Reply<api::PingWebhookEndpointResponse> {
        let caller = authorize(&request, Scope::WebhooksWrite)?;
        let id = convert::id("id", &request.into_inner().id)?;
        let (end, took) = self.webhooks.ping(&caller, id).await?;
        Ok(Response::new(api::PingWebhookEndpointResponse {
            response_status: end.response_status.map_or(0, Into::into),
            fault: convert::fault_number(end.fault),
            duration: took.try_into().ok(),
        }))
    }

    async fn list_deliveries(
        &self,
        request: Request<api::ListDeliveriesRequest>,
    ) -> Reply<api::ListDeliveriesResponse> {
        let caller = authorize(&request, Scope::WebhooksRead)?;
        let message = request.into_inner();
        let api::ListDeliveriesRequest { webhook_endpoint_id, statuses, page_size, page_token } = message;
        let mut faults = Faults::default();
        let endpoint = faults.gather(convert::id("webhook_endpoint_id", &webhook_endpoint_id))?;
        let statuses = convert::each("statuses", statuses, &mut faults, convert::known::<DeliveryStatus>);
        let page = convert::page(page_size, &page_token, &("deliveries", endpoint, &statuses), &mut faults)?;
        let (endpoint, page) = faults.finish(endpoint.zip(page))?;
        let page = self.app.list_deliveries(&caller, endpoint, statuses, page).await?;
        Ok(Response::new(api::ListDeliveriesResponse {
            deliveries: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn redeliver_event(
        &self,
        request: Request<api::RedeliverEventRequest>,
    ) -> Reply<api::RedeliverEventResponse> {
        use api::redeliver_event_request::Event;
        let caller = authorize(&request, Scope::WebhooksWrite)?;
        let api::RedeliverEventRequest { webhook_endpoint_id, event } = request.into_inner();
        let mut faults = Faults::default();
        let endpoint = faults.gather(convert::id("webhook_endpoint_id", &webhook_endpoint_id))?;
        let event = match event {
            None => Err(Error::invalid("event", "is required: event_id or sequence")),
            Some(Event::EventId(id)) => convert::id("event_id", &id).map(EventKey::Id),
            Some(Event::Sequence(it)) if it < 1 => Err(Error::invalid("sequence", "must be above zero")),
            Some(Event::Sequence(it)) => Ok(EventKey::Sequence(it)),
        };
        let event = faults.gather(event)?;
        let (endpoint, event) = faults.finish(endpoint.zip(event))?;
        let delivery = self.webhooks.redeliver(&caller, endpoint, event).await?;
        Ok(Response::new(api::RedeliverEventResponse { delivery: Some(delivery.into()) }))
    }
}

fn target(id: &str, etag: String, faults: &mut Faults) -> Result<Option<WebhookTarget>> {
    let id = faults.gather(convert::id("id", id))?;
    Ok(id.map(|id| WebhookTarget { id, etag: (!etag.is_empty()).then_some(etag) }))
}

fn named(
    metadata: &MetadataMap,
    id: &str,
    etag: String,
    request_id: String,
) -> Result<(WebhookTarget, Option<RequestId>)> {
    let mut faults = Faults::default();
    let request_id = faults.absorb(convert::request_id(metadata, request_id))?;
    let target = target(id, etag, &mut faults)?;
    Ok((faults.finish(target)?, request_id))
}

/// An endpoint and its secret, which is shown once: a replay says that it is left out.
fn issued<T>(
    answer: Answer<IssuedWebhook>,
    wrap: impl FnOnce(Option<api::WebhookEndpoint>, String) -> T,
) -> Response<T> {
    let replayed = answer.replayed;
    let mut response = answered(answer.map(|(endpoint, secret)| {
        let secret = secret.map_or_else(String::new, |it| it.expose().as_str().to_owned());
        wrap(Some(endpoint.into()), secret)
    }));
    if replayed {
        response.metadata_mut().insert("secret-omitted", MetadataValue::from_static("true"));
    }
    response
}
