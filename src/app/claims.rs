//! What is done with claims.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use sha2::{Digest, Sha256};

use super::throttle::Throttle;
use super::write::{Answer, Reload, mark};
use super::{App, OpenLink};
use crate::clock;
use crate::domain::{
    AddressId, Caller, Claim, ClaimId, ClaimStatus, ClaimToken, DomainId, Error, Fault, Line, Member,
    NewClaim, Noun, Page, PageRequest, PaymentClaimLink, PaymentClaimLinkId, RequestId, Result,
    TransactionId, WalletId, claim, claim::Evidence,
};
use crate::store::{ClaimFilter, Total};

/// What is offered to those who hold a payment claim link.
#[derive(Clone, Debug)]
pub struct Claiming {
    /// What the URLs of links begin with.
    pub public_url: String,
    /// How often a minute one link may be opened or a claim submitted by it.
    pub per_link: u32,
    /// How often a minute one peer may open a link or submit a claim.
    pub per_peer: u32,
}

impl Default for Claiming {
    fn default() -> Self {
        Self { public_url: "http://127.0.0.1:8080".to_owned(), per_link: 20, per_peer: 30 }
    }
}

/// Who has called without a key, and how often.
#[derive(Debug)]
pub(super) struct Guests {
    links: Throttle<PaymentClaimLinkId>,
    peers: Throttle<IpAddr>,
}

impl Guests {
    pub(super) fn new() -> Self {
        Self { links: Throttle::new(), peers: Throttle::new() }
    }
}

/// What is decided on about a claim: what is on record of it, and where its deposit would go, are part of it.
type Case = (Claim, Member, Evidence);

impl App {
    /// Says what is offered to those who hold a link. Once: what was said first stays.
    pub fn offer_claims(&self, claiming: Claiming) {
        let _ = self.0.claiming.set(claiming);
    }

    pub(super) fn claiming(&self) -> &Claiming {
        self.0.claiming.get_or_init(Claiming::default)
    }

    /// The link that a text leads to, for whoever calls from there.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`]; [`Error::NotFound`] where it leads nowhere or the link is revoked.
    pub async fn open_claim_link(&self, peer: IpAddr, text: &str) -> Result<OpenLink> {
        self.admit_guest(peer)?;
        self.link_of(&ClaimToken::read(text).ok_or(Error::NotFound(Noun::ClaimLink))?).await
    }

    /// Counts a use of a link's token, whatever it is for.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`].
    pub fn count_claim_link(&self, open: &OpenLink) -> Result<()> {
        self.0.guests.links.admit(&open.link.id, self.claiming().per_link, Instant::now())
    }

    /// Refuses where no claim could be submitted by a link now.
    ///
    /// # Errors
    ///
    /// As [`PaymentClaimLink::admit`]; [`Error::PayeeDeleted`], [`Error::DomainSuspended`].
    pub async fn admit_by_link(&self, open: &OpenLink) -> Result<()> {
        open.link.admit(clock::now_us())?;
        let caller = Caller::holding(open.link.id, &open.domain);
        let member = self.member(&caller, open.link.customer_id).await?;
        claim::refuse_gone(&member)?;
        caller.may_change(&member.domain)
    }

    /// Submits a claim by the link that a text leads to.
    ///
    /// # Errors
    ///
    /// As [`App::open_claim_link`], [`App::count_claim_link`] and [`App::submit_by_link`].
    pub async fn submit_claim(
        &self,
        peer: IpAddr,
        text: &str,
        new: &NewClaim,
        request: Option<RequestId>,
    ) -> Result<Answer<Claim>> {
        let open = self.open_claim_link(peer, text).await?;
        self.count_claim_link(&open)?;
        self.submit_by_link(open, new, request).await
    }

    /// Submits a claim by a link that was opened and counted.
    ///
    /// # Errors
    ///
    /// As [`claim::submit`]; [`Error::Taken`], [`Error::DomainSuspended`].
    pub async fn submit_by_link(
        &self,
        open: OpenLink,
        new: &NewClaim,
        request: Option<RequestId>,
    ) -> Result<Answer<Claim>> {
        let OpenLink { link, domain } = open;
        let (link_id, caller) = (link.id, Caller::holding(link.id, &domain));
        let request = request.map(|it| remembered(link_id, &it)).transpose()?;
        let NewClaim { network, token, amount, tx_hash, note } = new;
        let asked = (link_id, network, token.symbol, amount, tx_hash, note);
        let request = mark(domain.id.into(), "SubmitClaim", request, &asked)?;
        let member = self.member(&caller, link.customer_id).await?;
        let mut loaded = (link, member);
        let id = ClaimId::from_uuid(clock::new_uuid(clock::now_us()));
        let reload = || -> Reload<'_, _> { Box::pin(self.link_and_member(&caller, link_id)) };
        let decide = |(link, member): &(PaymentClaimLink, Member), ctx| {
            let change = claim::submit(new, link, member, id, ctx)?;
            caller.may_change(&member.domain)?;
            Ok(change)
        };
        self.write(&caller, request, &mut loaded, reload, decide).await
    }

    /// Whoever shows no key is let in no sooner than anybody else, and not too often.
    fn admit_guest(&self, peer: IpAddr) -> Result<()> {
        if !self.0.is_open.load(Ordering::Acquire) {
            return Err(Error::unavailable("starting"));
        }
        self.0.guests.peers.admit(&peer, self.claiming().per_peer, Instant::now())
    }

    /// A claim within what the key covers.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get_claim(&self, caller: &Caller, id: ClaimId) -> Result<Claim> {
        const MISSING: Error = Error::NotFound(Noun::Claim);
        let claim = self.0.claims_by_id.get(id.as_uuid()).await?.ok_or(MISSING)?;
        let domain = self.own_domain(claim.domain_id).await?;
        if caller.reach.covers(&domain) { Ok(claim) } else { Err(MISSING) }
    }

    /// Lists claims, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a domain, customer or link that is not covered.
    pub async fn list_claims(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        mut filter: ClaimFilter,
        page: PageRequest,
    ) -> Result<Page<Claim>> {
        self.claims_within(caller, domain, &mut filter).await?;
        self.task(move |store| async move { store.list_claims(&filter, &page).await }).await
    }

    /// The address that each of some claims is paid to, where there is one: of claims that the caller was shown. What was
    /// turned down is paid to none.
    ///
    /// # Errors
    ///
    /// [`Error::DatabaseUnavailable`].
    pub async fn paid_addresses(&self, claims: &[Claim]) -> Result<HashMap<ClaimId, (AddressId, String)>> {
        let paid = |it: &&Claim| it.status != ClaimStatus::Rejected;
        let claims: Vec<_> = claims.iter().filter(paid).cloned().collect();
        let found = self.task(move |store| async move { store.paid_addresses(&claims).await }).await?;
        Ok(found.into_iter().map(|(claim, id, address)| (claim, (id, address))).collect())
    }

    /// How many claims a list is of.
    ///
    /// # Errors
    ///
    /// As [`App::list_claims`].
    pub async fn count_claims(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        mut filter: ClaimFilter,
    ) -> Result<Total> {
        self.claims_within(caller, domain, &mut filter).await?;
        self.task(move |store| async move { store.count_claims(&filter).await }).await
    }

    async fn claims_within(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        filter: &mut ClaimFilter,
    ) -> Result<()> {
        if let Some(id) = filter.link {
            let link = self.owned_link(caller, id).await?;
            if filter.customer.is_none() && domain.is_none() {
                filter.domain = Some(link.domain_id);
            }
        }
        if filter.domain.is_none() {
            filter.domain = self.domain_of_list(caller, domain, filter.customer).await?;
        }
        Ok(())
    }

    /// Approves a claim, with the deposit that is on record, or else by recording one: on that wallet, if one is named.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`claim::approve`]; [`Error::Taken`].
    pub async fn approve_claim(
        &self,
        caller: &Caller,
        id: ClaimId,
        wallet: Option<WalletId>,
        request: Option<RequestId>,
    ) -> Result<Answer<Claim>> {
        let deposit = TransactionId::from_uuid(clock::new_uuid(clock::now_us()));
        let mut case = self.case(caller, id, wallet).await?;
        let request = mark(case.1.domain.id.into(), "ApproveClaim", request, &(id, wallet))?;
        let reload = || -> Reload<'_, _> { Box::pin(self.case(caller, id, wallet)) };
        self.write(caller, request, &mut case, reload, |(claim, member, evidence), ctx| {
            caller.may_change(&member.domain)?;
            claim::approve(claim, evidence, member, deposit, ctx)
        })
        .await
    }

    /// Turns a claim down.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`claim::reject`].
    pub async fn reject_claim(
        &self,
        caller: &Caller,
        id: ClaimId,
        reason: Line,
        request: Option<RequestId>,
    ) -> Result<Answer<Claim>> {
        let mut loaded = self.claim_and_member(caller, id).await?;
        let request = mark(loaded.1.domain.id.into(), "RejectClaim", request, &(id, &reason))?;
        let reload = || -> Reload<'_, _> { Box::pin(self.claim_and_member(caller, id)) };
        self.write(caller, request, &mut loaded, reload, |(claim, member), ctx| {
            caller.may_change(&member.domain)?;
            claim::reject(claim, member, reason.clone(), ctx)
        })
        .await
    }

    /// The claim is read before its customer: one that was erased meanwhile shows as erased.
    async fn claim_and_member(&self, caller: &Caller, id: ClaimId) -> Result<(Claim, Member)> {
        let claim = self.get_claim(caller, id).await?;
        let member = self.member(caller, claim.customer_id).await?;
        Ok((claim, member))
    }

    async fn case(&self, caller: &Caller, id: ClaimId, wallet: Option<WalletId>) -> Result<Case> {
        let (claim, member) = self.claim_and_member(caller, id).await?;
        let (customer, network) = (claim.customer_id, claim.network);
        let on_record = claim.on_record();
        let evidence = self.task(move |store| async move {
            Ok(Evidence {
                deposits: store.deposits_of(&on_record, customer).await?,
                wallet: store.wallet_on(customer, network, wallet).await?,
            })
        });
        Ok((claim, member, evidence.await?))
    }
}

/// The id under which a request of whoever holds a link is remembered: they take none that a caller with a key may give, and
/// do not learn which those gave.
fn remembered(link: PaymentClaimLinkId, id: &RequestId) -> Result<RequestId> {
    let digest = hex::encode(Sha256::digest(id.as_str()));
    format!("{link}/{digest}").try_into().map_err(|it: Fault| Error::internal(it.problem().to_owned()))
}
