//! What is done with payment claim links. The token of one is kept sealed, and shown to whoever may make links.

use std::collections::HashMap;
use std::sync::Arc;

use super::App;
use super::keys::{sealed_in, unsealed};
use super::write::{Answer, Reload, mark};
use crate::clock;
use crate::domain::{
    Caller, ClaimToken, CustomerId, Domain, DomainId, Error, Member, NewPaymentClaimLink, Noun, Page,
    PageRequest, PaymentClaimLink, PaymentClaimLinkId, RequestId, Result, Scope, SealedToken, claim_link,
};
use crate::store::{ClaimLinkFilter, Sealing, Total};

/// A link, and where to open it where the caller may know that.
pub type ShownLink = (PaymentClaimLink, Option<String>);

/// What can be said of a link to whoever has its token.
#[derive(Clone, Debug)]
pub struct OpenLink {
    /// The link.
    pub link: PaymentClaimLink,
    /// The domain it is in.
    pub domain: Arc<Domain>,
}

impl App {
    /// Makes a link for a customer.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`claim_link::create`].
    pub async fn create_claim_link(
        &self,
        caller: &Caller,
        new: NewPaymentClaimLink,
        request: Option<RequestId>,
    ) -> Result<Answer<ShownLink>> {
        let customer = new.customer_id;
        let mut member = self.member(caller, customer).await?;
        let request = mark(member.domain.id.into(), "CreatePaymentClaimLink", request, &new)?;
        let id = PaymentClaimLinkId::from_uuid(clock::new_uuid(clock::now_us()));
        let (token, sealed) = self.new_token(id).await?;
        let reload = || -> Reload<'_, _> { Box::pin(self.member(caller, customer)) };
        let decide = |member: &Member, ctx| {
            caller.may_change(&member.domain)?;
            claim_link::create(&new, member, id, (&token, sealed.clone()), ctx)
        };
        let made: Answer<PaymentClaimLink> = self.write(caller, request, &mut member, reload, decide).await?;
        if made.replayed {
            let shown = self.shown_links(caller, vec![made.value.clone()]).await?.pop();
            let shown = shown.ok_or_else(|| Error::internal("a link is shown"))?;
            return Ok(made.map(|_| shown));
        }
        // It is durable: whether its token opens again is not asked.
        let url = self.url_of(token.expose());
        Ok(made.map(|link| (link, Some(url))))
    }

    /// Ends a link for good.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::DomainSuspended`].
    pub async fn revoke_claim_link(
        &self,
        caller: &Caller,
        id: PaymentClaimLinkId,
        request: Option<RequestId>,
    ) -> Result<Answer<ShownLink>> {
        let mut loaded = self.link_and_member(caller, id).await?;
        let request = mark(loaded.1.domain.id.into(), "RevokePaymentClaimLink", request, &id)?;
        let reload = || -> Reload<'_, _> { Box::pin(self.link_and_member(caller, id)) };
        let decide = |(link, member): &(PaymentClaimLink, Member), ctx| {
            caller.may_change(&member.domain)?;
            Ok(claim_link::revoke(link, member, ctx))
        };
        let revoked: Answer<PaymentClaimLink> =
            self.write(caller, request, &mut loaded, reload, decide).await?;
        let url = match self.shown_links(caller, vec![revoked.value.clone()]).await {
            Ok(shown) => shown.into_iter().next().and_then(|it| it.1),
            Err(error) => {
                // It is ended all the same.
                let link = revoked.value.id;
                tracing::warn!(%error, %link, "the token of a payment claim link does not open");
                None
            }
        };
        Ok(revoked.map(|link| (link, url)))
    }

    /// A link within what the key covers.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get_claim_link(&self, caller: &Caller, id: PaymentClaimLinkId) -> Result<ShownLink> {
        let link = self.owned_link(caller, id).await?;
        let shown = self.shown_links(caller, vec![by_the_clock(link)]).await?.pop();
        shown.ok_or_else(|| Error::internal("a link is shown"))
    }

    /// Lists links, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a domain or customer that is not covered.
    pub async fn list_claim_links(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        mut filter: ClaimLinkFilter,
        page: PageRequest,
    ) -> Result<Page<ShownLink>> {
        filter.domain = self.domain_of_list(caller, domain, filter.customer).await?;
        let now_us = clock::now_us();
        let found = self
            .task(move |store| async move { store.list_claim_links(&filter, &page, now_us).await })
            .await?;
        let Page { items, next_token, previous_token } = found;
        let links = items.into_iter().map(by_the_clock).collect();
        Ok(Page { items: self.shown_links(caller, links).await?, next_token, previous_token })
    }

    /// How many links a list is of.
    ///
    /// # Errors
    ///
    /// As [`App::list_claim_links`].
    pub async fn count_claim_links(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        mut filter: ClaimLinkFilter,
    ) -> Result<Total> {
        filter.domain = self.domain_of_list(caller, domain, filter.customer).await?;
        let now_us = clock::now_us();
        self.task(move |store| async move { store.count_claim_links(&filter, now_us).await }).await
    }

    /// The domain that a list is kept to: one that is named, or else that of the caller unless a customer is.
    pub(super) async fn domain_of_list(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        customer: Option<CustomerId>,
    ) -> Result<Option<DomainId>> {
        match customer {
            Some(id) => self.member_in(caller, id, domain).await.map(|_| None),
            None => Ok(Some(self.domain_for(caller, domain).await?.id)),
        }
    }

    /// The link that a token leads to, whatever can be done with it; one that was revoked is not there.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub(super) async fn link_of(&self, token: &ClaimToken) -> Result<OpenLink> {
        let link = self.0.claim_links_by_token.get(token.key()).await?;
        let link = link.filter(|it| it.status != crate::domain::PaymentClaimLinkStatus::Revoked);
        let link = link.ok_or(Error::NotFound(Noun::ClaimLink))?;
        let domain = self.own_domain(link.domain_id).await?;
        Ok(OpenLink { link, domain })
    }

    pub(super) async fn owned_link(
        &self,
        caller: &Caller,
        id: PaymentClaimLinkId,
    ) -> Result<PaymentClaimLink> {
        const MISSING: Error = Error::NotFound(Noun::ClaimLink);
        let link = self.0.claim_links_by_id.get(id.as_uuid()).await?.ok_or(MISSING)?;
        let domain = self.own_domain(link.domain_id).await?;
        if caller.reach.covers(&domain) { Ok(link) } else { Err(MISSING) }
    }

    /// The link is read before its customer: one that was erased meanwhile shows as erased.
    pub(super) async fn link_and_member(
        &self,
        caller: &Caller,
        id: PaymentClaimLinkId,
    ) -> Result<(PaymentClaimLink, Member)> {
        let link = self.owned_link(caller, id).await?;
        let member = self.member(caller, link.customer_id).await?;
        Ok((link, member))
    }

    /// Where to open the link that a token leads to.
    fn url_of(&self, token: &str) -> String {
        format!("{}/claim/{token}", self.claiming().public_url)
    }

    /// The links, with where to open each if the caller may know.
    async fn shown_links(&self, caller: &Caller, links: Vec<PaymentClaimLink>) -> Result<Vec<ShownLink>> {
        if links.is_empty() || caller.require(Scope::ClaimsWrite).is_err() {
            return Ok(links.into_iter().map(|it| (it, None)).collect());
        }
        let ids: Vec<_> = links.iter().map(|it| it.id).collect();
        let tokens = self.task(move |store| async move { store.claim_tokens(&ids).await }).await?;
        let (ring, app) = (self.ring()?, self.clone());
        let url = move |(id, it): (PaymentClaimLinkId, SealedToken)| -> Result<_> {
            let plain = unsealed(&ring, Sealing::ClaimTokens, &id.as_uuid(), it.key_version, it.sealed)?;
            let token = std::str::from_utf8(&plain).map_err(Error::internal)?;
            Ok((id, app.url_of(token)))
        };
        let urls =
            self.compute(move || tokens.into_iter().map(url).collect::<Result<HashMap<_, _>>>()).await??;
        let shown = |link: PaymentClaimLink| match urls.get(&link.id) {
            Some(url) => Ok((link, Some(url.clone()))),
            None => Err(Error::internal(format!("{} has no token", link.id))),
        };
        links.into_iter().map(shown).collect()
    }

    /// A token that nobody can guess, and the same as it is kept for a link.
    async fn new_token(&self, id: PaymentClaimLinkId) -> Result<(ClaimToken, SealedToken)> {
        let (token, ring) = (ClaimToken::new(clock::random()), self.ring()?);
        let sealed = token.clone();
        let sealed =
            move || sealed_in(&ring, Sealing::ClaimTokens, &id.as_uuid(), sealed.expose().as_bytes());
        let (key_version, sealed) = self.compute(sealed).await??;
        Ok((token, SealedToken { key_version, sealed }))
    }
}

/// The link as it is now: whether it has expired is said by the time.
fn by_the_clock(link: PaymentClaimLink) -> PaymentClaimLink {
    PaymentClaimLink { status: link.status_at(clock::now_us()), ..link }
}
