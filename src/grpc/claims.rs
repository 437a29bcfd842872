//! The methods of payment claim links and claims.

use tonic::{Request, Response};

use super::{Purser, Reply, answered, authorize, convert};
use crate::api;
use crate::api::claim_service_server::ClaimService;
use crate::domain::{Error, Fault, Faults, NewClaim, NewPaymentClaimLink, Scope};
use crate::port::Peer;
use crate::store::{ClaimFilter, ClaimLinkFilter};

#[tonic::async_trait]
impl ClaimService for Purser {
    async fn create_payment_claim_link(
        &self,
        request: Request<api::CreatePaymentClaimLinkRequest>,
    ) -> Reply<api::CreatePaymentClaimLinkResponse> {
        let caller = authorize(&request, Scope::ClaimsWrite)?;
        let (header, _, message) = request.into_parts();
        let api::CreatePaymentClaimLinkRequest { customer_id, expire_time, max_uses, metadata, request_id } =
            message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&header, request_id))?;
        let customer = faults.gather(convert::id("customer_id", &customer_id))?;
        let expire_us = faults.absorb(convert::micros("expire_time", expire_time))?;
        let max_uses = faults.take("max_uses", NewPaymentClaimLink::uses(max_uses));
        let metadata = faults.take("metadata", convert::metadata(metadata));
        let customer_id = faults.finish(customer)?;
        let new = NewPaymentClaimLink { customer_id, expire_us, max_uses, metadata };
        let made = self.app.create_claim_link(&caller, new, request_id).await?;
        Ok(answered(
            made.map(|it| api::CreatePaymentClaimLinkResponse {
                payment_claim_link: Some(convert::shown(it)),
            }),
        ))
    }

    async fn get_payment_claim_link(
        &self,
        request: Request<api::GetPaymentClaimLinkRequest>,
    ) -> Reply<api::GetPaymentClaimLinkResponse> {
        let caller = authorize(&request, Scope::ClaimsRead)?;
        let api::GetPaymentClaimLinkRequest { id } = request.into_inner();
        let found = self.app.get_claim_link(&caller, convert::id("id", &id)?).await?;
        let payment_claim_link = Some(convert::shown(found));
        Ok(Response::new(api::GetPaymentClaimLinkResponse { payment_claim_link }))
    }

    async fn list_payment_claim_links(
        &self,
        request: Request<api::ListPaymentClaimLinksRequest>,
    ) -> Reply<api::ListPaymentClaimLinksResponse> {
        let caller = authorize(&request, Scope::ClaimsRead)?;
        let message = request.into_inner();
        let api::ListPaymentClaimLinksRequest { domain_id, customer_id, statuses, page_size, page_token } =
            message;
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let filter = ClaimLinkFilter {
            domain: None,
            customer: faults.absorb(convert::optional_id("customer_id", &customer_id))?,
            statuses: convert::each("statuses", statuses, &mut faults, convert::known),
        };
        let page = convert::page(page_size, &page_token, &("claim_links", domain, &filter), &mut faults)?;
        let page = self.app.list_claim_links(&caller, domain, filter, faults.finish(page)?).await?;
        Ok(Response::new(api::ListPaymentClaimLinksResponse {
            payment_claim_links: page.items.into_iter().map(convert::shown).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn revoke_payment_claim_link(
        &self,
        request: Request<api::RevokePaymentClaimLinkRequest>,
    ) -> Reply<api::RevokePaymentClaimLinkResponse> {
        let caller = authorize(&request, Scope::ClaimsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::RevokePaymentClaimLinkRequest { id, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.gather(convert::id("id", &id))?;
        let revoked = self.app.revoke_claim_link(&caller, faults.finish(id)?, request_id).await?;
        Ok(answered(
            revoked.map(|it| api::RevokePaymentClaimLinkResponse {
                payment_claim_link: Some(convert::shown(it)),
            }),
        ))
    }

    /// The one method that wants no key: the token of a link is the credential.
    async fn submit_claim(
        &self,
        request: Request<api::SubmitClaimRequest>,
    ) -> Reply<api::SubmitClaimResponse> {
        let (metadata, extensions, message) = request.into_parts();
        let peer = extensions.get::<Peer>().ok_or_else(|| Error::internal("a call from nowhere"))?.address;
        let api::SubmitClaimRequest { link_token, network, token, amount, tx_hash, note, request_id } =
            message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        if link_token.is_empty() {
            faults.add("link_token", Fault::new("is required"));
        }
        let network = faults.gather(convert::network("network", &network))?;
        let new = NewClaim::parse(network, &token, amount, &tx_hash, note, &mut faults);
        let new = faults.finish(new)?;
        let submitted = self.app.submit_claim(peer, &link_token, &new, request_id).await?;
        Ok(answered(submitted.map(|it| api::SubmitClaimResponse { claim: Some(convert::submitted(it)) })))
    }

    async fn get_claim(&self, request: Request<api::GetClaimRequest>) -> Reply<api::GetClaimResponse> {
        let caller = authorize(&request, Scope::ClaimsRead)?;
        let api::GetClaimRequest { id } = request.into_inner();
        let found = self.app.get_claim(&caller, convert::id("id", &id)?).await?;
        Ok(Response::new(api::GetClaimResponse { claim: Some(found.into()) }))
    }

    async fn list_claims(&self, request: Request<api::ListClaimsRequest>) -> Reply<api::ListClaimsResponse> {
        let caller = authorize(&request, Scope::ClaimsRead)?;
        let message = request.into_inner();
        let api::ListClaimsRequest { domain_id, customer_id, link_id, statuses, page_size, page_token } =
            message;
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let filter = ClaimFilter {
            domain: None,
            customer: faults.absorb(convert::optional_id("customer_id", &customer_id))?,
            link: faults.absorb(convert::optional_id("link_id", &link_id))?,
            statuses: convert::each("statuses", statuses, &mut faults, convert::known),
        };
        let page = convert::page(page_size, &page_token, &("claims", domain, &filter), &mut faults)?;
        let page = self.app.list_claims(&caller, domain, filter, faults.finish(page)?).await?;
        Ok(Response::new(api::ListClaimsResponse {
            claims: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn approve_claim(
        &self,
        request: Request<api::ApproveClaimRequest>,
    ) -> Reply<api::ApproveClaimResponse> {
        let caller = authorize(&request, Scope::ClaimsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::ApproveClaimRequest { id, request_id, wallet_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.gather(convert::id("id", &id))?;
        let wallet = faults.absorb(convert::optional_id("wallet_id", &wallet_id))?;
        let approved = self.app.approve_claim(&caller, faults.finish(id)?, wallet, request_id).await?;
        Ok(answered(approved.map(|it| api::ApproveClaimResponse { claim: Some(it.into()) })))
    }

    async fn reject_claim(
        &self,
        request: Request<api::RejectClaimRequest>,
    ) -> Reply<api::RejectClaimResponse> {
        let caller = authorize(&request, Scope::ClaimsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::RejectClaimRequest { id, reason, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.gather(convert::id("id", &id))?;
        let reason = faults.take("reason", reason.try_into());
        let rejected = self.app.reject_claim(&caller, faults.finish(id)?, reason, request_id).await?;
        Ok(answered(rejected.map(|it| api::RejectClaimResponse { claim: Some(it.into()) })))
    }
}
