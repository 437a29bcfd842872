//! Events.

use super::{each, timestamp};
use crate::api;
use crate::api::event::Payload;
use crate::app::{Happening, Notice, Registered};
use crate::domain::{
    AddressId, ApiKeyId, ClaimId, CustomerId, DomainId, Event, EventHeader, EventType, Faults, InvoiceId,
    KeySourceId, Member, OrganizationId, PaymentClaimLinkId, PaymentIntentId, PaymentMethodId, Resource,
    SubscriptionId, Table, TransactionId, WalletId, WebhookEndpointId,
};

/// The types of events that are asked for.
pub(in crate::grpc) fn event_types(types: Vec<String>, faults: &mut Faults) -> Vec<EventType> {
    each("types", types, faults, |it| it.parse())
}

impl From<Happening> for api::Event {
    fn from(Happening { event, domain }: Happening) -> Self {
        let Event { header, payload } = event;
        let EventHeader { id, log: _, sequence, kind, customer_id, actor, request_id, create_us, .. } =
            header;
        Self {
            id: id.into(),
            sequence,
            domain_id: domain.id.into(),
            r#type: kind.as_str().to_owned(),
            resource_id: resource_id(kind.table(), header.resource_id),
            customer_id: customer_id.map(CustomerId::into).unwrap_or_default(),
            actor,
            request_id,
            create_time: Some(timestamp(create_us)),
            changed_fields: header
                .changed_fields
                .split(',')
                .filter(|it| !it.is_empty())
                .map(Into::into)
                .collect(),
            reason: header.reason,
            payload: payload.and_then(|it| match it {
                Resource::Customer(customer) => Some(Payload::Customer(Member { customer, domain }.into())),
                Resource::Wallet(it) => Some(Payload::Wallet(it.into())),
                Resource::Address(it) => Some(Payload::Address(it.into())),
                Resource::Transaction(it) => Some(Payload::Transaction(it.into())),
                Resource::PaymentIntent(it) => Some(Payload::PaymentIntent(it.into())),
                Resource::Invoice(it) => Some(Payload::Invoice(it.into())),
                Resource::Subscription(it) => Some(Payload::Subscription(it.into())),
                // Many read events, and account numbers are for few.
                Resource::PaymentMethod(it) => Some(Payload::PaymentMethod(it.masked().into())),
                Resource::Domain(it) => Some(Payload::Domain((&it).into())),
                Resource::ApiKey(it) => Some(Payload::ApiKey(it.into())),
                Resource::KeySource(it) if it.extended_key.is_none() => Some(Payload::AddressPool(it.into())),
                Resource::KeySource(it) => {
                    Registered::try_from(it).ok().map(|it| Payload::ExtendedKey(it.into()))
                }
                Resource::WebhookEndpoint(it) => Some(Payload::WebhookEndpoint(it.into())),
                Resource::PaymentClaimLink(it) => Some(Payload::PaymentClaimLink(it.into())),
                Resource::Claim(it) => Some(Payload::Claim(it.into())),
                // Those are in the operators' log.
                Resource::Organization(_) => None,
            }),
        }
    }
}

/// The id of a resource as its own messages write it. A key source has none on the wire: it is its domain's.
fn resource_id(table: Table, id: uuid::Uuid) -> String {
    match table {
        Table::Organizations => OrganizationId::from_uuid(id).into(),
        Table::Domains => DomainId::from_uuid(id).into(),
        Table::ApiKeys => ApiKeyId::from_uuid(id).into(),
        Table::Customers => CustomerId::from_uuid(id).into(),
        Table::Wallets => WalletId::from_uuid(id).into(),
        Table::Addresses => AddressId::from_uuid(id).into(),
        Table::Transactions => TransactionId::from_uuid(id).into(),
        Table::PaymentIntents => PaymentIntentId::from_uuid(id).into(),
        Table::Invoices => InvoiceId::from_uuid(id).into(),
        Table::Subscriptions => SubscriptionId::from_uuid(id).into(),
        Table::PaymentMethods => PaymentMethodId::from_uuid(id).into(),
        Table::KeySources => KeySourceId::from_uuid(id).into(),
        Table::WebhookEndpoints => WebhookEndpointId::from_uuid(id).into(),
        Table::ClaimLinks => PaymentClaimLinkId::from_uuid(id).into(),
        Table::Claims => ClaimId::from_uuid(id).into(),
    }
}

impl From<Notice> for api::WatchResponse {
    fn from(notice: Notice) -> Self {
        use api::watch_response::Message;
        let message = match notice {
            Notice::Happened(it) => Message::Event(Happening::clone(&it).into()),
            Notice::Heartbeat(sequence) => Message::Heartbeat(api::Heartbeat { sequence }),
            Notice::Customer(it) => Message::Customer((*it).into()),
            Notice::Wallet(it) => Message::Wallet((*it).into()),
            Notice::SnapshotEnd(sequence) => Message::SnapshotEnd(api::SnapshotEnd { sequence }),
        };
        Self { message: Some(message) }
    }
}
