//! Webhook endpoints and deliveries.

use prost::Message;
use prost_reflect::{DynamicMessage, SerializeOptions};

use super::customers::{Known, same_values};
use super::{paths, timestamp};
use crate::api;
use crate::app::Happening;
use crate::domain::{
    CustomerId, Delivery, DeliveryFault, DeliveryStatus, Due, Error, Fault, Faults, NewWebhookEndpoint,
    Result, WebhookEndpoint, WebhookFormat, WebhookPatch, WebhookUrl, webhook,
};
use crate::grpc::API;
use crate::webhook::Webhooks;

same_values!(WebhookFormat: Standard, Fossapay, Trxn);
same_values!(DeliveryStatus: Pending, Delivered, Failed);
same_values!(DeliveryFault: NameNotResolved, AddressNotPublic, ConnectionFailed, TlsFailed, TimedOut, BrokenOff,
    Redirected, Unsuccessful, EventGone, NoForm);

/// What a caller says about an endpoint. Fields that are output only are not read.
pub(in crate::grpc) fn new_webhook_endpoint(
    from: api::WebhookEndpoint,
    mut faults: Faults,
    webhooks: &Webhooks,
) -> Result<NewWebhookEndpoint> {
    let patch = patch(from, |_| true, &mut faults);
    add_the_rest(&patch, &mut faults, webhooks);
    let WebhookPatch { url, event_types, format, description, enabled } = patch;
    let url = faults.finish(url)?;
    Ok(NewWebhookEndpoint {
        url,
        event_types: event_types.unwrap_or_default(),
        format: format.unwrap_or(WebhookFormat::Standard),
        description: description.unwrap_or_default(),
        enabled: enabled.unwrap_or(true),
    })
}

/// What the mask says to change. Only what is masked is read: a fault anywhere else is no fault.
pub(in crate::grpc) fn webhook_patch(
    from: api::WebhookEndpoint,
    mask: Option<prost_types::FieldMask>,
    faults: &mut Faults,
    webhooks: &Webhooks,
) -> Result<WebhookPatch> {
    const FIELDS: [&str; 5] = ["url", "event_types", "format", "description", "enabled"];
    let paths = faults.absorb(paths(mask))?;
    if paths.iter().any(|it| !FIELDS.contains(&it.as_str())) {
        faults.add("update_mask", Fault::new("names a field that is not there or cannot change"));
    }
    let patch = patch(from, |field| paths.iter().any(|it| it == field), faults);
    add_the_rest(&patch, faults, webhooks);
    Ok(patch)
}

/// Adds to the faults of a request that is refused already what else is wrong with it, as far as nothing has to be looked
/// up for that.
fn add_the_rest(patch: &WebhookPatch, faults: &mut Faults, webhooks: &Webhooks) {
    if faults.is_empty() {
        return;
    }
    if let Some(url) = &patch.url {
        faults.keep("webhook_endpoint.url", webhooks.judge_unresolved(url));
    }
    if let (Some(format), Some(types)) = (patch.format, &patch.event_types) {
        faults.keep("webhook_endpoint.event_types", webhook::has_all(format, types));
    }
}

fn patch(from: api::WebhookEndpoint, is_meant: impl Fn(&str) -> bool, faults: &mut Faults) -> WebhookPatch {
    let api::WebhookEndpoint {
        id: _,
        domain_id: _,
        url,
        event_types,
        format,
        description,
        enabled,
        etag: _,
        sequence: _,
        create_time: _,
        update_time: _,
        delete_time: _,
    } = from;
    let mut patch = WebhookPatch::default();
    if is_meant("url") {
        patch.url = faults.keep("webhook_endpoint.url", WebhookUrl::try_from(url));
    }
    if is_meant("event_types") {
        let types = webhook::event_types(&event_types);
        patch.event_types = faults.keep("webhook_endpoint.event_types", types);
    }
    if is_meant("format") {
        let format = WebhookFormat::known(format).map(|it| it.unwrap_or(WebhookFormat::Standard));
        patch.format = faults.keep("webhook_endpoint.format", format);
    }
    if is_meant("description") {
        patch.description = faults.keep("webhook_endpoint.description", description.try_into());
    }
    if is_meant("enabled") {
        patch.enabled = Some(enabled.unwrap_or(true));
    }
    patch
}

impl From<WebhookEndpoint> for api::WebhookEndpoint {
    fn from(it: WebhookEndpoint) -> Self {
        let etag = it.etag();
        Self {
            id: it.id.into(),
            domain_id: it.domain_id.into(),
            url: it.url.into(),
            event_types: it.event_types.iter().map(ToString::to_string).collect(),
            format: api::WebhookFormat::from(it.format).into(),
            description: it.description.into(),
            enabled: Some(it.enabled),
            etag,
            sequence: it.sequence,
            create_time: Some(timestamp(it.create_us)),
            update_time: Some(timestamp(it.update_us)),
            delete_time: it.delete_us.map(timestamp),
        }
    }
}

impl From<Delivery> for api::Delivery {
    fn from(it: Delivery) -> Self {
        let next_us = it.due.and_then(|it| match it {
            Due::InTurn => None,
            Due::At(us) => Some(us),
        });
        Self {
            id: it.id.into(),
            webhook_endpoint_id: it.endpoint_id.into(),
            event_id: it.event_id.into(),
            sequence: it.sequence,
            event_type: it.kind,
            customer_id: it.customer_id.map(CustomerId::into).unwrap_or_default(),
            status: api::DeliveryStatus::from(it.status).into(),
            attempts: i32::try_from(it.attempts).unwrap_or(i32::MAX),
            next_attempt_time: next_us.map(timestamp),
            last_attempt_time: it.last_attempt_us.map(timestamp),
            response_status: it.response_status.map_or(0, Into::into),
            fault: fault_number(it.fault),
            create_time: Some(timestamp(it.create_us)),
        }
    }
}

/// Why an attempt failed, as it is on the wire.
pub(in crate::grpc) fn fault_number(fault: Option<DeliveryFault>) -> i32 {
    fault.map_or(0, |it| api::DeliveryFault::from(it).into())
}

/// An event as canonical proto JSON: what receivers get of it.
///
/// # Errors
///
/// None that can happen: every event has a JSON form.
pub fn event_json(happening: Happening) -> Result<String> {
    let event = api::Event::from(happening);
    let descriptor = API.get_message_by_name("purser.v1.Event").ok_or_else(|| Error::internal("no Event"))?;
    let message =
        DynamicMessage::decode(descriptor, event.encode_to_vec().as_slice()).map_err(Error::internal)?;
    let mut json = serde_json::Serializer::new(Vec::with_capacity(1_024));
    message.serialize_with_options(&mut json, &SerializeOptions::new()).map_err(Error::internal)?;
    String::from_utf8(json.into_inner()).map_err(Error::internal)
}
