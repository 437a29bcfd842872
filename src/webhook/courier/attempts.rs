//! What a courier does: it attempts deliveries, and notes what became of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinError;

use super::super::send::{self, Client};
use super::super::{Webhooks, format};
use super::{AGAIN_AT_ONCE, AT_ONCE, Courier, Item, Orders, PAUSE, Target, WAITING};
use crate::app::Happening;
use crate::clock;
use crate::domain::{AttemptEnd, Delivery, DeliveryFault, DomainId, Due, Error, Result, WebhookEndpointId};

/// How much of a lease must be left for an attempt to begin: as long as it takes, and some more.
const MARGIN: Duration = Duration::from_secs(20);

/// How an attempt came out; none where it was not begun.
pub(super) type Attempted = (Delivery, Option<AttemptEnd>);

impl Courier {
    /// Begins as many attempts as there are places for.
    pub(super) fn start(&mut self) {
        while self.attempts.len() < AT_ONCE && !self.is_gone && self.ended.len() < WAITING {
            if self.again_under_way < AGAIN_AT_ONCE
                && let Some(item) = self.again.pop_front()
            {
                self.again_under_way += 1;
                self.attempt(item);
                continue;
            }
            let is_free = |it: &Item| it.delivery.customer_id.is_none_or(|it| !self.busy.contains(&it));
            let Some(at) = self.waiting.iter().position(is_free) else { return };
            let Some(item) = self.waiting.remove(at) else { return };
            self.busy.extend(item.delivery.customer_id);
            self.taken_up.insert(item.delivery.sequence);
            self.attempt(item);
        }
    }

    fn attempt(&mut self, item: Item) {
        let (webhooks, domain, client) = (self.webhooks.clone(), self.domain, self.client.clone());
        let (target, orders) = (Arc::clone(&self.target), self.orders.clone());
        self.attempts.spawn(async move {
            let Item { delivery, happening } = item;
            let end = attempt(&webhooks, domain, &client, &target, orders, &delivery, happening).await;
            (delivery, end)
        });
    }

    /// Takes in how an attempt came out; false where it has met a bug that panicked.
    pub(super) fn finished(&mut self, done: Result<Attempted, JoinError>) -> bool {
        let Ok((delivery, end)) = done else {
            // What it was about stays pending, for whoever takes the endpoint up next.
            tracing::error!(endpoint = %self.id, "an attempt has panicked");
            return false;
        };
        if delivery.due == Some(Due::InTurn) {
            if let Some(customer) = delivery.customer_id {
                self.busy.remove(&customer);
            }
        } else {
            self.again_under_way -= 1;
        }
        let Some(end) = end else {
            self.taken_up.remove(&delivery.sequence);
            return true;
        };
        let outcome = end.fault.map_or("DELIVERED", DeliveryFault::as_str);
        metrics::counter!("purser_webhook_attempts_total", "outcome" => outcome).increment(1);
        if end.is_gone() && !self.is_gone {
            self.is_gone = true;
            tokio::spawn(disable(self.webhooks.clone(), self.id));
        }
        let [jitter] = clock::random();
        self.ended.push(delivery.after(end, clock::now_us(), jitter));
        true
    }

    /// Notes what became of attempts: all that ended since it was last noted, together.
    pub(super) fn record(&mut self) {
        if self.recording.is_some() || self.ended.is_empty() {
            return;
        }
        let (store, holder) = (self.webhooks.0.app.store().clone(), self.holder);
        let ended = std::mem::take(&mut self.ended);
        let orders = self.orders.clone();
        self.recording = Some(tokio::spawn(async move {
            // For as long as it takes, but not once the endpoint may be somebody else's.
            while let Err(error) = store.record_deliveries(holder, &ended).await {
                tracing::debug!(%error, "what became of deliveries was not noted");
                if orders.borrow().lease_until < Instant::now() && orders.borrow().stop {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            ended.into_iter().map(|it| it.sequence).collect()
        }));
    }
}

/// Attempts one delivery, once there is enough of the lease left and the event has been read.
async fn attempt(
    webhooks: &Webhooks,
    domain: DomainId,
    client: &Client,
    target: &Target,
    mut orders: watch::Receiver<Orders>,
    delivery: &Delivery,
    happening: Option<Happening>,
) -> Option<AttemptEnd> {
    let happening = match happening {
        Some(it) => it,
        None => loop {
            match webhooks.0.app.happening_at(domain, delivery.sequence).await {
                Ok(Some(it)) => break it,
                Ok(None) => return Some(AttemptEnd::failed(DeliveryFault::EventGone)),
                Err(_) if orders.borrow().stop => return None,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        },
    };
    let message = match format::of_event(target.endpoint.format, &happening, webhooks.0.render) {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(endpoint = %target.endpoint.id, sequence = delivery.sequence, ?error, "no form");
            return Some(AttemptEnd::failed(DeliveryFault::EventGone));
        }
    };
    may_begin(&mut orders).await.then_some(())?;
    Some(send::attempt(client, &target.endpoint, &target.secrets, message).await)
}

/// Waits until enough of the lease is left; false once the courier is to stop.
async fn may_begin(orders: &mut watch::Receiver<Orders>) -> bool {
    let enough = |it: &Orders| it.stop || it.lease_until >= Instant::now() + MARGIN;
    orders.wait_for(enough).await.is_ok_and(|it| !it.stop)
}

/// Disables an endpoint whose receiver is gone, as soon as the database lets it.
async fn disable(webhooks: Webhooks, id: WebhookEndpointId) {
    while let Err(error) = webhooks.0.app.webhook_is_gone(id).await {
        if matches!(error, Error::NotFound(_)) {
            return;
        }
        tracing::warn!(endpoint = %id, %error, "a receiver is gone, and its endpoint is not disabled yet");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    webhooks.0.changed.notify_one();
}
