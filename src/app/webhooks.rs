//! What is done with webhook endpoints.

use std::sync::Arc;

use super::App;
use super::webhook_secrets::{new_secret, seal};
use super::write::{Answer, Reload, mark};
use crate::clock;
use crate::domain::{
    Caller, Change, Context, Domain, DomainId, Error, KeyKind, NewWebhookEndpoint, Noun, Page, PageRequest,
    RequestId, Result, WebhookEndpoint, WebhookEndpointId, WebhookPatch, WebhookSecret, webhook,
};

/// An endpoint, and its secret where it has just been made.
pub type IssuedWebhook = (WebhookEndpoint, Option<WebhookSecret>);

/// Which endpoint to change, and which version of it.
#[derive(Debug, serde::Serialize)]
pub struct WebhookTarget {
    /// Which.
    pub id: WebhookEndpointId,
    /// The etag it must still have; any if there is none.
    pub etag: Option<String>,
}

impl WebhookTarget {
    fn check(&self, endpoint: &WebhookEndpoint) -> Result<()> {
        match &self.etag {
            Some(etag) if *etag != endpoint.etag() => Err(Error::EtagMismatch),
            _ => Ok(()),
        }
    }
}

/// An endpoint, deleted or not, and its domain.
pub(super) type Owned = (WebhookEndpoint, Arc<Domain>);

impl App {
    /// Makes an endpoint, which is told of what happens from then on. `judged` says what is wrong with the URL as things
    /// stand, if anything is: it matters to a request that did not take effect before.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`webhook::create`]; what `judged` says.
    pub async fn create_webhook_endpoint(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        new: NewWebhookEndpoint,
        judged: Result<()>,
        request: Option<RequestId>,
    ) -> Result<Answer<IssuedWebhook>> {
        let named = self.domain_for(caller, domain).await?.id;
        let request = mark(named.into(), "CreateWebhookEndpoint", request, &(named, &new))?;
        let id = WebhookEndpointId::from_uuid(clock::new_uuid(clock::now_us()));
        let (ring, secret) = (self.ring()?, new_secret());
        let reload = || -> Reload<'_, _> { Box::pin(self.domain_and_webhooks(caller, named)) };
        // Of several made at once, each finds another place taken.
        for _ in 0..WebhookEndpoint::MOST {
            let mut loaded = self.domain_and_webhooks(caller, named).await?;
            let made = self
                .write(caller, request.clone(), &mut loaded, reload, |(domain, others), ctx| {
                    caller.may_change(domain)?;
                    let secret = seal(&ring, id, 1, &secret)?;
                    as_judged(&judged, webhook::create(&new, domain, others, id, secret, ctx))
                })
                .await;
            match made {
                Err(Error::Taken { kind: KeyKind::WebhookSlot, .. }) => {}
                made => return made.map(|it| issued(it, secret)),
            }
        }
        Err(Error::Contended)
    }

    /// An endpoint that the key covers.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get_webhook_endpoint(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
    ) -> Result<WebhookEndpoint> {
        let (endpoint, _) = self.webhook_and_domain(caller, id).await?;
        still_there(&endpoint)?;
        Ok(endpoint)
    }

    /// Lists the endpoints of a domain, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn list_webhook_endpoints(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        page: PageRequest,
    ) -> Result<Page<WebhookEndpoint>> {
        let domain = self.domain_for(caller, domain).await?.id;
        self.task(move |store| async move { store.list_webhook_endpoints(domain, &page).await }).await
    }

    /// Changes an endpoint. `judged` is as for [`App::create_webhook_endpoint`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::EtagMismatch`]; as [`webhook::update`]; what `judged` says.
    pub async fn update_webhook_endpoint(
        &self,
        caller: &Caller,
        target: WebhookTarget,
        patch: WebhookPatch,
        judged: Result<()>,
        request: Option<RequestId>,
    ) -> Result<Answer<WebhookEndpoint>> {
        let command = (&target, &patch);
        let method = "UpdateWebhookEndpoint";
        self.change_webhook(caller, &target, method, &command, request, |endpoint, domain, ctx| {
            as_judged(&judged, webhook::update(endpoint, &patch, domain, ctx))
        })
        .await
    }

    /// Deletes an endpoint, and its secrets with it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::EtagMismatch`].
    pub async fn delete_webhook_endpoint(
        &self,
        caller: &Caller,
        target: WebhookTarget,
        request: Option<RequestId>,
    ) -> Result<Answer<WebhookEndpoint>> {
        let method = "DeleteWebhookEndpoint";
        self.change_webhook(caller, &target, method, &target, request, |endpoint, domain, ctx| {
            Ok(webhook::delete(endpoint, domain, ctx))
        })
        .await
    }

    /// Gives an endpoint a new secret; the one before signs as well for a day.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn rotate_webhook_secret(
        &self,
        caller: &Caller,
        id: WebhookEndpointId,
        request: Option<RequestId>,
    ) -> Result<Answer<IssuedWebhook>> {
        let (ring, secret) = (self.ring()?, new_secret());
        let (target, method) = (WebhookTarget { id, etag: None }, "RotateWebhookEndpointSecret");
        let rotated = self
            .change_webhook(caller, &target, method, &id, request, |endpoint, domain, ctx| {
                let number = endpoint.secret_number.saturating_add(1);
                Ok(webhook::rotate(endpoint, seal(&ring, id, number, &secret)?, domain, ctx))
            })
            .await?;
        Ok(issued(rotated, secret))
    }

    async fn change_webhook(
        &self,
        caller: &Caller,
        target: &WebhookTarget,
        method: &'static str,
        command: &(impl serde::Serialize + Sync),
        request: Option<RequestId>,
        decide: impl Fn(&WebhookEndpoint, &Domain, Context) -> Result<Change> + Send + Sync,
    ) -> Result<Answer<WebhookEndpoint>> {
        let mut loaded = self.webhook_and_domain(caller, target.id).await?;
        let request = mark(loaded.1.id.into(), method, request, command)?;
        let reload = || -> Reload<'_, _> { Box::pin(self.webhook_and_domain(caller, target.id)) };
        self.write(caller, request, &mut loaded, reload, |(endpoint, domain), ctx| {
            still_there(endpoint)?;
            caller.may_change(domain)?;
            target.check(endpoint)?;
            decide(endpoint, domain, ctx)
        })
        .await
    }

    /// An endpoint of a domain that the key covers, deleted ones too: what was done to those may be asked for again.
    pub(super) async fn webhook_and_domain(&self, caller: &Caller, id: WebhookEndpointId) -> Result<Owned> {
        let missing = || Error::NotFound(Noun::WebhookEndpoint);
        let endpoint = self.webhook(id).await?.ok_or_else(missing)?;
        let domain = self.domain(endpoint.domain_id).await?.filter(|it| caller.reach.covers(it));
        Ok((endpoint, domain.ok_or_else(missing)?))
    }

    /// An endpoint as it is now, deleted ones too.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn webhook(&self, id: WebhookEndpointId) -> Result<Option<WebhookEndpoint>> {
        self.0.webhooks_by_id.get(id.as_uuid()).await
    }

    async fn domain_and_webhooks(
        &self,
        caller: &Caller,
        id: DomainId,
    ) -> Result<(Arc<Domain>, Vec<WebhookEndpoint>)> {
        let domain = self.get_domain(caller, id).await?;
        let others = self.task(move |store| async move { store.webhook_endpoints_of(id).await }).await?;
        Ok((domain, others))
    }
}

/// What is deleted is answered like what never was.
pub(super) fn still_there(endpoint: &WebhookEndpoint) -> Result<()> {
    if endpoint.delete_us.is_some() { Err(Error::NotFound(Noun::WebhookEndpoint)) } else { Ok(()) }
}

/// What was decided, if what was judged allows it; what is wrong by both is answered together.
fn as_judged(judged: &Result<()>, decided: Result<Change>) -> Result<Change> {
    match (judged.clone(), decided) {
        (Ok(()), decided) => decided,
        (Err(Error::Invalid(judged)), Err(Error::Invalid(decided))) => {
            Err(Error::Invalid(judged.into_iter().chain(decided).collect()))
        }
        (Err(judged), _) => Err(judged),
    }
}

/// The secret goes with the endpoint that was made with it, and not with that of an earlier time.
fn issued(made: Answer<WebhookEndpoint>, secret: WebhookSecret) -> Answer<IssuedWebhook> {
    let secret = (!made.replayed).then_some(secret);
    made.map(|endpoint| (endpoint, secret))
}
