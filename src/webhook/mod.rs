//! Webhooks: what happens, delivered to URLs.
//!
//! [`deliverer`] takes up the endpoints that no instance works for, [`courier`] works for one of them, [`send`] makes one
//! attempt, and [`guard`] is the one way out.

mod courier;
mod deliverer;
mod format;
mod guard;
mod names;
mod send;
mod sign;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};

pub use guard::{Guard, Refused};
pub use names::Resolving;

use crate::app::{Answer, App, EventKey, Happening, IssuedWebhook, WebhookTarget};
use crate::clock;
use crate::domain::{
    AttemptEnd, Caller, Delivery, DeliveryId, DomainId, Error, Fault, NewWebhookEndpoint, Noun, RequestId,
    Result, WebhookEndpoint, WebhookEndpointId, WebhookPatch, WebhookUrl,
};

/// How an event is written down: as canonical proto JSON.
pub type Render = fn(Happening) -> Result<String>;

/// What is done with webhook endpoints as far as it reaches out of this machine, or tells the deliverer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Webhooks(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    app: App,
    guard: Guard,
    render: Render,
    /// Rung when this instance has changed an endpoint or made a delivery due.
    changed: Notify,
    /// Of what couriers read for themselves, few at a time: they may all begin at once.
    reads: Semaphore,
}

/// How many couriers read at a time.
const READS: usize = 2;

impl Webhooks {
    /// Webhooks over a directory. Nothing is delivered before somebody [delivers](Webhooks::deliver).
    #[must_use]
    pub fn new(app: App, guard: Guard, render: Render) -> Self {
        Self(Arc::new(Parts { app, guard, render, changed: Notify::new(), reads: Semaphore::new(READS) }))
    }

    /// Makes an endpoint.
    ///
    /// # Errors
    ///
    /// As [`App::create_webhook_endpoint`]; [`Error::Invalid`] where the URL may not be delivered to.
    pub async fn create(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        new: NewWebhookEndpoint,
        request: Option<RequestId>,
    ) -> Result<Answer<IssuedWebhook>> {
        // Whether there is a domain at all comes first: who may not change it has no names looked up.
        self.0.app.domain_for(caller, domain).await?;
        let judged = self.judge(Some(&new.url)).await;
        let made = self.0.app.create_webhook_endpoint(caller, domain, new, judged, request).await;
        self.ring(made)
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    ///
    /// As [`App::update_webhook_endpoint`]; [`Error::Invalid`] where the URL may not be delivered to.
    pub async fn update(
        &self,
        caller: &Caller,
        target: WebhookTarget,
        patch: WebhookPatch,
        request: Option<RequestId>,
    ) -> Result<Answer<WebhookEndpoint>> {
        let judged = match self.0.app.get_webhook_endpoint(caller, target.id).await {
            Ok(_) => self.judge(patch.url.as_ref()).await,
            // What is missing now may have been there when the request was made for the first time.
            Err(missing @ Error::NotFound(_)) => Err(missing),
            Err(error) => return Err(error),
        };
        let updated = self.0.app.update_webhook_endpoint(caller, target, patch, judged, request).await;
        self.ring(updated)
    }

    /// Deletes an endpoint.
    ///
    /// # Errors
    ///
    /// As [`App::delete_webhook_endpoint`].
    pub async fn delete(
        &self,
        caller: &Caller,
        target: WebhookTarget,
        request: Option<RequestId>,
    ) -> Result<Answer<WebhookEndpoint>> {
        let deleted = self.0.app.delete_webhook_endpoint(caller, target, request).await;
        self.ring(deleted)
    }

    /// Gives an endpoint a new secret.
    ///
    /// # Errors
    ///
    /// As [`App::rotate_webhook_secret`].
    pub async fn rotate(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
        request: Option<RequestId>,
    ) -> Result<Answer<IssuedWebhook>> {
        let rotated = self.0.app.rotate_webhook_secret(caller, id, request).await;
        self.ring(rotated)
    }

    /// Makes a delivery due now.
    ///
    /// # Errors
    ///
    /// As [`App::redeliver`].
    pub async fn redeliver(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
        event: EventKey,
    ) -> Result<Delivery> {
        let delivery = self.0.app.redeliver(caller, id, event).await;
        self.ring(delivery)
    }

    /// Sends an endpoint a message that says nothing, and answers how that ended and how long it took.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::DomainSuspended`].
    pub async fn ping(&self, caller: &Caller, id: WebhookEndpointId) -> Result<(AttemptEnd, Duration)> {
        let app = &self.0.app;
        let endpoint = app.get_webhook_endpoint(caller, id).await?;
        caller.may_change(&*app.get_domain(caller, endpoint.domain_id).await?)?;
        let missing = Error::NotFound(Noun::WebhookEndpoint);
        let (endpoint, secrets) = app.webhook_to_serve(id).await?.ok_or(missing)?;
        let now_us = clock::now_us();
        let message = format::of_ping(&endpoint, DeliveryId::from_uuid(clock::new_uuid(now_us)), now_us)?;
        let client = send::client(&self.0.guard, 0)?;
        let start = Instant::now();
        let end = send::attempt(&client, &endpoint, &secrets, message).await;
        Ok((end, start.elapsed()))
    }

    /// What is wrong with a URL whatever its name resolves to.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn judge_unresolved(&self, url: &WebhookUrl) -> Result<(), Fault> {
        self.0.guard.judge_unresolved(url)
    }

    /// What is wrong with a URL as things stand.
    async fn judge(&self, url: Option<&WebhookUrl>) -> Result<()> {
        match url {
            Some(url) => self.0.guard.judge(url).await,
            None => Ok(()),
        }
    }

    /// Tells whoever delivers of what was done, if it was.
    fn ring<T>(&self, done: Result<T>) -> Result<T> {
        if done.is_ok() {
            self.0.changed.notify_one();
        }
        done
    }
}
