//! What is sent, in each format.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::Render;
use crate::app::Happening;
use crate::domain::{
    Customer, DeliveryId, Email, Error, Phone, Resource, Result, WebhookEndpoint, WebhookFormat,
};

/// A message, before it is signed.
#[derive(Debug)]
pub(super) struct Message {
    /// The same in every attempt.
    pub(super) id: String,
    /// JSON.
    pub(super) body: String,
}

/// What an endpoint is told of an event.
pub(super) fn of_event(format: WebhookFormat, happening: &Happening, render: Render) -> Result<Message> {
    let header = &happening.event.header;
    let kind = header.kind.as_str();
    let id = header.id.to_string();
    let body = match format {
        WebhookFormat::Standard => {
            let time = time(header.create_us, 6);
            format!(r#"{{"type":"{kind}","timestamp":"{time}","data":{}}}"#, render(happening.clone())?)
        }
        WebhookFormat::Fossapay => {
            let data = person(happening, fossapay);
            let (time, business) = (time(header.create_us, 3), happening.domain.id.to_string());
            text(
                &json!({"event": kind, "event_id": id, "timestamp": time, "data": data, "business_id": business}),
            )?
        }
        WebhookFormat::Trxn => {
            let payload = person(happening, trxn);
            text(&json!({"event": kind, "payload": payload, "timestamp": time(header.create_us, 0)}))?
        }
    };
    Ok(Message { id, body })
}

/// What an endpoint is told to see whether it is there.
pub(super) fn of_ping(endpoint: &WebhookEndpoint, id: DeliveryId, now_us: i64) -> Result<Message> {
    let id = id.to_string();
    let about = json!({"webhook_endpoint_id": endpoint.id.to_string()});
    let business = endpoint.domain_id.to_string();
    let body = match endpoint.format {
        WebhookFormat::Standard => json!({"type": "ping", "timestamp": time(now_us, 6), "data": about}),
        WebhookFormat::Fossapay => {
            json!({"event": "ping", "event_id": id, "timestamp": time(now_us, 3), "data": about, "business_id": business})
        }
        WebhookFormat::Trxn => json!({"event": "ping", "payload": about, "timestamp": time(now_us, 0)}),
    };
    Ok(Message { id, body: text(&body)? })
}

/// The customer that the event is about; of one who was erased since, the id.
fn person(happening: &Happening, show: fn(&Customer) -> Value) -> Value {
    match &happening.event.payload {
        Some(Resource::Customer(customer)) => show(customer),
        _ => json!({"id": happening.event.header.customer_id.map(|it| it.to_string())}),
    }
}

fn fossapay(it: &Customer) -> Value {
    let profile = &it.profile;
    json!({
        "id": it.id.to_string(),
        "name": profile.full_name(),
        "email": profile.email.as_ref().map(Email::as_str),
        "phone": profile.phone.as_ref().map(Phone::as_str),
        "createdAt": time(it.create_us, 3),
        "updatedAt": time(it.update_us, 3),
    })
}

fn trxn(it: &Customer) -> Value {
    json!({
        "id": it.id.to_string(),
        "email": it.profile.email.as_ref().map(Email::as_str),
        "first_name": it.profile.first_name.as_str(),
        "last_name": it.profile.last_name.as_str(),
        "created_at": time(it.create_us, 0),
        "updated_at": time(it.update_us, 0),
    })
}

fn text(body: &Value) -> Result<String> {
    serde_json::to_string(body).map_err(Error::internal)
}

/// A time by RFC 3339, with that many digits of its second.
fn time(us: i64, digits: usize) -> String {
    let time = UNIX_EPOCH + Duration::from_micros(us.try_into().unwrap_or_default());
    match digits {
        0 => humantime::format_rfc3339_seconds(time).to_string(),
        3 => humantime::format_rfc3339_millis(time).to_string(),
        _ => humantime::format_rfc3339_micros(time).to_string(),
    }
}
