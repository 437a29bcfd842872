//! What is asked of deliveries, and what whoever delivers needs to know.

use std::sync::Arc;

use super::webhook_secrets::open;
use super::webhooks::still_there;
use super::write::Reload;
use super::{App, Events, Happening};
use crate::clock;
use crate::domain::{
    Caller, Delivery, DeliveryId, DeliveryStatus, DomainId, Due, Error, EventFilter, EventId, EventType,
    Noun, Page, PageRequest, Resource, Result, WebhookEndpoint, WebhookEndpointId, WebhookSecret, webhook,
};
use crate::store::KeptSecret;

/// Which event.
#[derive(Clone, Copy, Debug)]
pub enum EventKey {
    /// By id.
    Id(EventId),
    /// By its place in the log.
    Sequence(i64),
}

/// A secret that an endpoint signs with.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The secret.
    pub secret: WebhookSecret,
    /// Until when it signs, in microseconds since 1970; none for the newest.
    pub expire_us: Option<i64>,
}

impl App {
    /// Lists the deliveries to an endpoint, the newest events first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn list_deliveries(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
        statuses: Vec<DeliveryStatus>,
        page: PageRequest,
    ) -> Result<Page<Delivery>> {
        self.get_webhook_endpoint(caller, id).await?;
        self.task(move |store| async move { store.list_deliveries(id, &statuses, &page).await }).await
    }

    /// Makes the delivery of an event to an endpoint due now, whether it was delivered before or not.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for the endpoint or the event; [`Error::WebhookEndpointDisabled`]; [`Error::Invalid`] where the
    /// endpoint's format has no form for the event.
    pub async fn redeliver(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
        event: EventKey,
    ) -> Result<Delivery> {
        let (endpoint, domain) = self.webhook_and_domain(caller, id).await?;
        still_there(&endpoint)?;
        caller.may_change(&domain)?;
        if !endpoint.enabled {
            return Err(Error::WebhookEndpointDisabled(id));
        }
        let found = self.happening_of(domain.id, event).await?.ok_or(Error::NotFound(Noun::Event))?;
        let kind = found.event.header.kind;
        if !endpoint.format.has(kind.as_str()) {
            return Err(Error::invalid("event", "has no form in the format of the endpoint"));
        }
        let delivery = pending(&endpoint, &found, Due::At(clock::now_us()));
        self.task(move |store| async move {
            store.redeliver(&delivery).await?;
            let kept = store.delivery(id, delivery.sequence).await?;
            kept.ok_or_else(|| Error::internal("a delivery is not there"))
        })
        .await
    }

    async fn happening_of(&self, domain: DomainId, event: EventKey) -> Result<Option<Happening>> {
        let id = match event {
            EventKey::Sequence(it) => return self.happening_at(domain, it).await,
            EventKey::Id(id) => id,
        };
        // An event's id begins with the millisecond at which it was made, and times never go back within a log.
        let millis = i64::try_from(id.as_uuid().as_u128() >> 80).map_err(Error::internal)?;
        let ends = self.ends(domain).await?;
        let (log, all) = (domain.into(), (ends.first - 1, ends.last));
        let before_us = millis.saturating_mul(1_000) - 1;
        let (mut after, through) = self
            .task(move |store| async move {
                let after = store.sequence_at(log, all, before_us).await?;
                Ok((after, store.sequence_at(log, all, before_us + 1_000).await?))
            })
            .await?;
        while after < through {
            let page = self.happenings(domain, (after, through), &EventFilter::default(), 256).await?;
            let Some(last) = page.last() else { break };
            after = last.event.header.sequence;
            if let Some(found) = page.into_iter().find(|it| it.event.header.id == id) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The event at a place of a domain's log, if it is kept.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn happening_at(&self, domain: DomainId, sequence: i64) -> Result<Option<Happening>> {
        let ends = self.ends(domain).await?;
        if !(ends.first..=ends.last).contains(&sequence) {
            return Ok(None);
        }
        // None where it was removed meanwhile.
        let Some(event) = self.0.events.get((domain.into(), sequence)).await? else { return Ok(None) };
        let domain = match &event.payload {
            Some(Resource::Domain(then)) => Arc::new(then.clone()),
            _ => self.domain_at(domain, sequence).await?,
        };
        Ok(Some(Happening { event, domain }))
    }

    /// What happened in a domain after a place in its log, of some types.
    ///
    /// # Errors
    ///
    /// As [`crate::domain::Ends::admit`].
    pub async fn happened_after(
        &self,
        domain: DomainId,
        after: i64,
        types: Vec<EventType>,
        limit: u32,
    ) -> Result<Events> {
        self.events_after(domain, after, &EventFilter { types, customer: None }, limit).await
    }

    /// An endpoint as it is now, and what it signs with; none if it is deleted.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Internal`] where a secret does not open.
    pub async fn webhook_to_serve(
        &self,
        id: WebhookEndpointId,
    ) -> Result<Option<(WebhookEndpoint, Vec<Signing>)>> {
        let Some(endpoint) = self.webhook(id).await?.filter(|it| it.delete_us.is_none()) else {
            return Ok(None);
        };
        let kept = self.task(move |store| async move { store.webhook_secrets(id).await }).await?;
        let ring = self.ring()?;
        let signing =
            |it: &KeptSecret| open(&ring, it).map(|secret| Signing { secret, expire_us: it.expire_us });
        let secrets = kept.iter().map(signing).collect::<Result<Vec<_>>>()?;
        Ok(Some((endpoint, secrets)))
    }

    /// Disables an endpoint whose receiver said that it is gone, unless it has changed since it was at that place of its log.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn webhook_is_gone(&self, id: WebhookEndpointId, sequence: i64) -> Result<()> {
        let caller = Caller::receiver(id);
        let mut loaded = self.webhook_and_domain(&caller, id).await?;
        let reload = || -> Reload<'_, _> { Box::pin(self.webhook_and_domain(&caller, id)) };
        let gone = |(endpoint, _): &super::webhooks::Owned, ctx| Ok(webhook::gone(endpoint, sequence, ctx));
        self.write::<_, WebhookEndpoint>(&caller, None, &mut loaded, reload, gone).await.map(drop)
    }
}

/// A delivery that has not been attempted.
#[must_use]
pub fn pending(endpoint: &WebhookEndpoint, happening: &Happening, due: Due) -> Delivery {
    let (header, now_us) = (&happening.event.header, clock::now_us());
    Delivery {
        id: DeliveryId::from_uuid(clock::new_uuid(now_us)),
        endpoint_id: endpoint.id,
        sequence: header.sequence,
        event_id: header.id,
        customer_id: header.customer_id,
        kind: header.kind.as_str().to_owned(),
        status: DeliveryStatus::Pending,
        attempts: 0,
        due: Some(due),
        last_attempt_us: None,
        response_status: None,
        fault: None,
        create_us: now_us,
    }
}
