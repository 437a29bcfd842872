//! Payment claim links, and the claims that were submitted by them.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;

use super::{PAGE, Pagination, request_id};
use crate::app::{ClaimFilter, ClaimLinkFilter, ShownLink};
use crate::domain::{
    Claim, ClaimId, ClaimStatus, CustomerId, Fault, Faults, Line, Metadata, NewPaymentClaimLink, Noun,
    PaymentClaimLinkId, PaymentClaimLinkStatus, Scope,
};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::{Numbered, answer, in_path, in_query, instant, said, seconds};
use crate::rest::dialects::fields::Fields;

#[derive(Serialize)]
struct Issued {
    id: String,
    object: &'static str,
    status: String,
    customer_id: String,
    link: Option<String>,
    expires_at: String,
    max_uses: u32,
    use_count: u32,
    usable: bool,
    expired: bool,
    created_at: String,
}

impl From<ShownLink> for Issued {
    fn from((it, url): ShownLink) -> Self {
        Self {
            id: it.id.to_string(),
            object: "payment_claim_link",
            status: it.status.as_str().to_lowercase(),
            customer_id: it.customer_id.to_string(),
            link: url,
            expires_at: seconds(it.expire_us),
            max_uses: it.max_uses,
            use_count: it.use_count,
            usable: it.status == PaymentClaimLinkStatus::Active,
            expired: it.status == PaymentClaimLinkStatus::Expired,
            created_at: seconds(it.create_us),
        }
    }
}

#[derive(Serialize)]
struct Links {
    payment_claim_links: Vec<Issued>,
    pagination: Pagination,
}

pub(super) async fn create_link(call: Call) -> Reply {
    call.at_home(&[Scope::ClaimsWrite])?;
    let request = request_id(&call)?;
    let mut fields = Fields::of(&call)?;
    let customer_id = fields.needed("customer_id", |it| CustomerId::of_either_form(&it));
    let expire_us = fields.formed("expires_at", |it| instant(&it));
    // None is no number of uses: whoever wants the usual one leaves it out.
    let uses = fields.number("max_uses").map(|it| i32::try_from(it).ok().filter(|it| *it != 0));
    let uses = uses.unwrap_or(Some(1)).ok_or(Fault::new("must be 1 to 1000"));
    let uses = uses.and_then(NewPaymentClaimLink::uses);
    let max_uses = fields.faults.keep("max_uses", uses);
    let (customer_id, max_uses) = fields.finish(customer_id.zip(max_uses))?;
    let new = NewPaymentClaimLink { customer_id, expire_us, max_uses, metadata: Metadata::default() };
    let made = call.app.create_claim_link(&call.caller, new, request).await?;
    answer(StatusCode::CREATED, &Issued::from(made.value))
}

pub(super) async fn links(call: Call) -> Reply {
    let domain = Some(call.at_home(&[Scope::ClaimsRead])?);
    let page = Numbered::of(&call, None, PAGE)?;
    let filter = ClaimLinkFilter { domain: None, customer: None, statuses: Vec::new() };
    let count = call.app.count_claim_links(&call.caller, domain, filter.clone()).await?.size;
    let list = call.app.list_claim_links(&call.caller, domain, filter, page.request).await?;
    let payment_claim_links = list.items.into_iter().map(Into::into).collect();
    answer(StatusCode::OK, &Links { payment_claim_links, pagination: Pagination::of(&page, count) })
}

pub(super) async fn link(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::ClaimsRead])?;
    let id = in_path(&id, PaymentClaimLinkId::of_either_form, Noun::ClaimLink)?;
    answer(StatusCode::OK, &Issued::from(call.app.get_claim_link(&call.caller, id).await?))
}

#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    object: &'static str,
    status: String,
    amount: String,
    /// Where it is on the chain.
    transaction_id: &'a str,
    rejection_reason: Option<&'a str>,
    /// When it was decided on, either way.
    approved_at: Option<String>,
    customer_id: String,
    currency: &'a str,
    crypto_transaction_id: Option<String>,
    created_at: String,
    updated_at: String,
}

impl<'a> From<&'a Claim> for Shown<'a> {
    fn from(it: &'a Claim) -> Self {
        Self {
            id: it.id.to_string(),
            object: "payment_claim",
            status: it.status.as_str().to_lowercase(),
            amount: it.amount.in_token(it.decimals),
            transaction_id: it.tx_hash.as_str(),
            rejection_reason: said(it.reason.as_str()),
            approved_at: (it.status != ClaimStatus::Pending).then(|| seconds(it.update_us)),
            customer_id: it.customer_id.to_string(),
            currency: &it.token,
            crypto_transaction_id: it.transaction_id.map(|it| it.to_string()),
            created_at: seconds(it.create_us),
            updated_at: seconds(it.update_us),
        }
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    crypto_payment_claims: Vec<Shown<'a>>,
    pagination: Pagination,
}

pub(super) async fn claims(call: Call) -> Reply {
    let domain = Some(call.at_home(&[Scope::ClaimsRead])?);
    let mut faults = Faults::default();
    let status = call.query.get("status").filter(|it| !it.is_empty()).and_then(|text| {
        let known = ClaimStatus::ALL.iter().find(|it| it.as_str().to_lowercase() == text);
        faults.keep("status", known.ok_or(Fault::new("must be pending, approved or rejected")))
    });
    let page = Numbered::read(&call, None, PAGE, &mut faults);
    let page = in_query(faults, page)?;
    let statuses = status.into_iter().copied().collect();
    let filter = ClaimFilter { domain: None, customer: None, link: None, statuses };
    let count = call.app.count_claims(&call.caller, domain, filter.clone()).await?.size;
    let list = call.app.list_claims(&call.caller, domain, filter, page.request).await?;
    let crypto_payment_claims = list.items.iter().map(Into::into).collect();
    answer(StatusCode::OK, &Claims { crypto_payment_claims, pagination: Pagination::of(&page, count) })
}

fn claim_id(text: &str) -> Result<ClaimId, crate::rest::refusal::Refusal> {
    in_path(text, ClaimId::of_either_form, Noun::Claim)
}

pub(super) async fn claim(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::ClaimsRead])?;
    answer(StatusCode::OK, &Shown::from(&call.app.get_claim(&call.caller, claim_id(&id)?).await?))
}

pub(super) async fn approve(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::ClaimsWrite])?;
    let request = request_id(&call)?;
    let approved = call.app.approve_claim(&call.caller, claim_id(&id)?, None, request).await?;
    answer(StatusCode::OK, &Shown::from(&approved.value))
}

pub(super) async fn reject(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::ClaimsWrite])?;
    let request = request_id(&call)?;
    let id = claim_id(&id)?;
    // Why may be left unsaid, and the body with it.
    let mut reason = Line::default();
    if !call.body.is_empty() {
        let mut fields = Fields::of(&call)?;
        reason = fields.line("reason");
        fields.done()?;
    }
    let rejected = call.app.reject_claim(&call.caller, id, reason, request).await?;
    answer(StatusCode::OK, &Shown::from(&rejected.value))
}
