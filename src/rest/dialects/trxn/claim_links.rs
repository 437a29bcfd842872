//! Payment claim links.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{PAGE, Pagination};
use crate::app::{ClaimLinkFilter, ShownLink};
use crate::domain::{
    CustomerId, Fault, Metadata, NewPaymentClaimLink, Noun, PaymentClaimLinkId, PaymentClaimLinkStatus, Scope,
};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::{answer, in_path, instant, seconds};
use crate::rest::dialects::fields::Fields;
use crate::rest::dialects::pages::Numbered;

/// What is kept beside a link is text here: it is kept by this name.
const NOTE: &str = "note";

#[derive(Serialize)]
struct Shown {
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
    metadata: Option<String>,
    created_at: String,
}

impl From<ShownLink> for Shown {
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
            metadata: it.metadata.as_map().get(NOTE).and_then(Value::as_str).map(str::to_owned),
            created_at: seconds(it.create_us),
        }
    }
}

#[derive(Serialize)]
struct Links {
    payment_claim_links: Vec<Shown>,
    pagination: Pagination,
}

pub(super) async fn create(call: Call) -> Reply {
    call.at_home(&[Scope::ClaimsWrite])?;
    let request = call.request_id()?;
    let mut fields = Fields::of(&call)?;
    let customer_id = fields.needed("customer_id", |it| CustomerId::of_either_form(&it));
    let expire_us = fields.formed("expires_at", |it| instant(&it));
    // None is no number of uses: whoever wants the usual one leaves it out.
    let uses = fields.number("max_uses").map(|it| i32::try_from(it).ok().filter(|it| *it != 0));
    let uses = uses.unwrap_or(Some(1)).ok_or(Fault::new("must be 1 to 1000"));
    let uses = uses.and_then(NewPaymentClaimLink::uses);
    let max_uses = fields.faults.keep("max_uses", uses);
    let note = fields.text("metadata");
    let metadata =
        if note.is_empty() { Map::new() } else { Map::from_iter([(NOTE.to_owned(), note.into())]) };
    let metadata = fields.faults.take("metadata", Metadata::try_from(metadata));
    let (customer_id, max_uses) = fields.finish(customer_id.zip(max_uses))?;
    let new = NewPaymentClaimLink { customer_id, expire_us, max_uses, metadata };
    let made = call.app.create_claim_link(&call.caller, new, request).await?;
    answer(StatusCode::CREATED, &Shown::from(made.value))
}

pub(super) async fn list(call: Call) -> Reply {
    let domain = Some(call.at_home(&[Scope::ClaimsRead])?);
    let page = Numbered::of(&call, None, PAGE)?;
    let filter = ClaimLinkFilter { domain: None, customer: None, statuses: Vec::new() };
    let count = call.app.count_claim_links(&call.caller, domain, filter.clone()).await?.size;
    let list = call.app.list_claim_links(&call.caller, domain, filter, page.request).await?;
    let payment_claim_links = list.items.into_iter().map(Into::into).collect();
    answer(StatusCode::OK, &Links { payment_claim_links, pagination: Pagination::of(&page, count) })
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::ClaimsRead])?;
    let id = in_path(&id, PaymentClaimLinkId::of_either_form, Noun::ClaimLink)?;
    answer(StatusCode::OK, &Shown::from(call.app.get_claim_link(&call.caller, id).await?))
}
