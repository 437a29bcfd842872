//! Claims that were submitted by payment claim links.

use std::collections::HashMap;

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;

use super::{PAGE, Pagination};
use crate::app::ClaimFilter;
use crate::domain::{AddressId, Claim, ClaimId, ClaimStatus, Fault, Faults, Line, Noun, Scope};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::{answer, in_path, said, seconds};
use crate::rest::dialects::fields::Fields;
use crate::rest::dialects::pages::{Numbered, in_query};
use crate::rest::refusal::Refusal;

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
    /// What is paid to, and its id.
    to_address_id: Option<String>,
    to_address: Option<&'a str>,
    /// By which key it was decided on, either way.
    approved_by_id: Option<String>,
    crypto_transaction_id: Option<String>,
    created_at: String,
    updated_at: String,
}

/// Where claims are paid to.
type Paid = HashMap<ClaimId, (AddressId, String)>;

impl<'a> Shown<'a> {
    fn of(it: &'a Claim, paid: &'a Paid) -> Self {
        let to = paid.get(&it.id);
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
            to_address_id: to.map(|it| it.0.to_string()),
            to_address: to.map(|it| it.1.as_str()),
            approved_by_id: it.decided_by.map(|it| it.to_string()),
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

pub(super) async fn list(call: Call) -> Reply {
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
    let paid = call.app.paid_addresses(&list.items).await?;
    let crypto_payment_claims = list.items.iter().map(|it| Shown::of(it, &paid)).collect();
    answer(StatusCode::OK, &Claims { crypto_payment_claims, pagination: Pagination::of(&page, count) })
}

async fn told(call: &Call, claim: Claim) -> Reply {
    let claim = [claim];
    let paid = call.app.paid_addresses(&claim).await?;
    answer(StatusCode::OK, &Shown::of(&claim[0], &paid))
}

/// What is decided is told, even where the address that it is paid to cannot be found at the moment.
async fn decided(call: &Call, claim: Claim) -> Reply {
    let claim = [claim];
    let paid = call.app.paid_addresses(&claim).await.unwrap_or_default();
    answer(StatusCode::OK, &Shown::of(&claim[0], &paid))
}

fn claim_id(text: &str) -> Result<ClaimId, Refusal> {
    in_path(text, ClaimId::of_either_form, Noun::Claim)
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::ClaimsRead])?;
    told(&call, call.app.get_claim(&call.caller, claim_id(&id)?).await?).await
}

pub(super) async fn approve(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::ClaimsWrite])?;
    let request = call.request_id()?;
    let id = claim_id(&id)?;
    // Nothing is left to be said, such as how much: it is what was claimed.
    if !call.body.is_empty() {
        Fields::of(&call)?.done()?;
    }
    let approved = call.app.approve_claim(&call.caller, id, None, request).await?;
    decided(&call, approved.value).await
}

pub(super) async fn reject(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::ClaimsWrite])?;
    let request = call.request_id()?;
    let id = claim_id(&id)?;
    // Why may be left unsaid, and the body with it.
    let mut reason = Line::default();
    if !call.body.is_empty() {
        let mut fields = Fields::of(&call)?;
        reason = fields.line("reason");
        fields.done()?;
    }
    let rejected = call.app.reject_claim(&call.caller, id, reason, request).await?;
    decided(&call, rejected.value).await
}
