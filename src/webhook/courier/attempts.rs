//! What a courier does: it attempts deliveries, and notes what became of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinError;

use super::super::send::{self, Client};
use super::super::{Webhooks, format};
use super::reading::FRESH;
use super::{AGAIN_AT_ONCE, AT_ONCE, Courier, Orders, PAUSE, Target, WAITING};
use crate::app::Happening;
use crate::clock;
use crate::domain::{AttemptEnd, Delivery, DeliveryFault, DomainId, Due, Error, WebhookEndpointId};

/// How much of a lease must be left for an attempt to begin: as long as it takes, and some more.
const MARGIN: Duration = Duration::from_secs(20);

/// How an attempt came out, and the sequence of the endpoint that it was made to; none where it was not begun.
pub(super) type Attempted = (Delivery, Option<(AttemptEnd, i64)>);

impl Courier {
    /// Begins as many attempts as there are places for.
    pub(super) fn start(&mut self) {
        if self.target.borrow().as_ref().is_none_or(|it| !it.endpoint.enabled) {
            return;
        }
        while self.attempts.len() < AT_ONCE && !self.is_gone && self.ended.len() < WAITING {
            if self.again_under_way < AGAIN_AT_ONCE
                && let Some(delivery) = self.again.pop_front()
            {
                self.again_under_way += 1;
                self.attempt(delivery);
                continue;
            }
            let is_free = |it: &Delivery| it.customer_id.is_none_or(|it| !self.busy.contains(&it));
            let Some(at) = self.waiting.iter().position(is_free) else { return };
            let Some(delivery) = self.waiting.remove(at) else { return };
            self.busy.extend(delivery.customer_id);
            self.taken_up.insert(delivery.sequence);
            self.attempt(delivery);
        }
    }

    fn attempt(&mut self, delivery: Delivery) {
        let mut attempt = Attempt {
            webhooks: self.webhooks.clone(),
            domain: self.domain,
            client: self.client.clone(),
            target: self.target.subscribe(),
            orders: self.orders.clone(),
            fresh: self.fresh.take(delivery.sequence),
        };
        self.attempts.spawn(async move {
            let end = attempt.make(&delivery).await;
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
        let Some((end, sequence)) = end else {
            self.taken_up.remove(&delivery.sequence);
            return true;
        };
        let outcome = end.fault.map_or("DELIVERED", DeliveryFault::as_str);
        metrics::counter!("purser_webhook_attempts_total", "outcome" => outcome).increment(1);
        // Said of the endpoint as it was: by now it may be somewhere else.
        if end.is_gone() && !self.is_gone && sequence == self.sequence {
            self.is_gone = true;
            tokio::spawn(disable(self.webhooks.clone(), self.id, sequence));
        }
        let [jitter] = clock::random();
        let next = delivery.after(end, clock::now_us(), jitter);
        self.ended.push((delivery, next));
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
            ended.into_iter().map(|it| it.0.sequence).collect()
        }));
    }
}

/// What one attempt needs.
struct Attempt {
    webhooks: Webhooks,
    domain: DomainId,
    client: Client,
    target: watch::Receiver<Option<Arc<Target>>>,
    orders: watch::Receiver<Orders>,
    /// The event, if it has just been read, and when.
    fresh: Option<(Instant, Happening)>,
}

impl Attempt {
    /// Attempts a delivery, once there is enough of the lease left, to the endpoint as it is then and of the event as it
    /// is then. None where it is not to begin.
    async fn make(&mut self, delivery: &Delivery) -> Option<(AttemptEnd, i64)> {
        loop {
            let target = self.may_begin().await?;
            let endpoint = &target.endpoint;
            let given_up = |fault| Some((AttemptEnd::failed(fault), endpoint.sequence));
            if !endpoint.format.has(&delivery.kind) {
                return given_up(DeliveryFault::NoForm);
            }
            let Some((_, happening)) = self.fresh.take().filter(|it| it.0.elapsed() < FRESH) else {
                match self.read(delivery).await {
                    Ok(Some(it)) => self.fresh = Some((Instant::now(), it)),
                    Ok(None) => return given_up(DeliveryFault::EventGone),
                    Err(error @ Error::Internal(_)) => {
                        let sequence = delivery.sequence;
                        tracing::warn!(endpoint = %endpoint.id, sequence, ?error, "an event cannot be read");
                        return given_up(DeliveryFault::EventGone);
                    }
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
                continue;
            };
            let message = match format::of_event(endpoint.format, &happening, self.webhooks.0.render) {
                Ok(message) => message,
                Err(error) => {
                    tracing::error!(endpoint = %endpoint.id, sequence = delivery.sequence, ?error, "no form");
                    return given_up(DeliveryFault::EventGone);
                }
            };
            drop(happening);
            let end = send::attempt(&self.client, endpoint, &target.secrets, message).await;
            return Some((end, endpoint.sequence));
        }
    }

    /// The event as it is now. What many attempts ask for travels to the database together.
    async fn read(&self, delivery: &Delivery) -> Result<Option<Happening>, Error> {
        self.webhooks.0.app.happening_at(self.domain, delivery.sequence).await
    }

    /// Waits until enough of the lease is left and the endpoint is known; none once the courier is to stop.
    async fn may_begin(&mut self) -> Option<Arc<Target>> {
        loop {
            let enough = |it: &Orders| it.stop || it.lease_until >= Instant::now() + MARGIN;
            if self.orders.wait_for(enough).await.ok()?.stop {
                return None;
            }
            let target = self.target.borrow_and_update().clone();
            if let Some(target) = target.filter(|it| it.endpoint.enabled) {
                return Some(target);
            }
            tokio::select! {
                changed = self.target.changed() => changed.ok()?,
                _ = self.orders.wait_for(|it| it.stop) => return None,
            }
        }
    }
}

/// Disables an endpoint whose receiver is gone, as soon as the database lets it.
async fn disable(webhooks: Webhooks, id: WebhookEndpointId, sequence: i64) {
    while let Err(error) = webhooks.0.app.webhook_is_gone(id, sequence).await {
        if matches!(error, Error::NotFound(_)) {
            return;
        }
        tracing::warn!(endpoint = %id, %error, "a receiver is gone, and its endpoint is not disabled yet");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    webhooks.0.changed.notify_one();
}
