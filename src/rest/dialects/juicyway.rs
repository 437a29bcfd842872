//! The document of Juicyway: customers, whose KYC is their status, and wallets that are a balance in one currency.

mod customers;
mod shapes;
mod transactions;
mod wallets;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, patch, post};
use serde::Serialize;

use super::super::dialect::{Call, Dialect, Reply};
use super::super::face::Face;
use super::super::refusal::Refusal;
use super::common::{answer, faults, message, named, refused, status, word};
use super::fields::{REQUIRED, UNKNOWN};
use super::pages::counted;
use crate::app::App;
use crate::domain::{Error, Fault, Faults, FieldFault, Page, PageRequest};

pub(super) const DIALECT: Dialect = Dialect { face: Face::Juicyway, key, once: "idempotency-key", refuse };

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/customers", get(customers::list).post(customers::create))
        .route("/customers/{id}", get(customers::retrieve).patch(customers::update).delete(customers::delete))
        .route("/wallets", post(wallets::create))
        .route("/wallets/{id}", get(wallets::retrieve))
        .route("/wallets/{id}/status", patch(wallets::set_status))
        .route("/wallets/{id}/payment-method", post(wallets::add_payment_method))
        .route("/wallets/transactions", get(transactions::list))
        .route("/wallets/transactions/{id}", get(transactions::retrieve))
}

/// The key, with or without `Bearer`.
fn key(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("authorization")?.to_str().ok()?.trim();
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Some(key.trim()),
        _ => Some(text).filter(|it| !it.is_empty()),
    }
}

/// Members of a body, and the paths of what they say.
const MEMBERS: [(&str, &str); 11] = [
    ("first_name", "first_name"),
    ("last_name", "last_name"),
    ("email", "email"),
    ("phone", "phone"),
    ("type", "type"),
    ("billing_address.line1", "billing_address.line1"),
    ("billing_address.line2", "billing_address.line2"),
    ("billing_address.city", "billing_address.city"),
    ("billing_address.state", "billing_address.state"),
    ("billing_address.zip_code", "billing_address.postal_code"),
    ("billing_address.country", "billing_address.country"),
];

#[derive(Serialize)]
struct Refused<'a> {
    error: Fallacy<'a>,
}

#[derive(Serialize)]
struct Fallacy<'a> {
    code: String,
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    errors: Vec<BadField<'a>>,
}

#[derive(Serialize)]
struct BadField<'a> {
    field: &'a str,
    message: &'a str,
}

fn refuse(refusal: &Refusal) -> Response {
    let faults = faults(refusal);
    let status = match (refusal, status(refusal)) {
        (Refusal::Known(Error::Invalid(_) | Error::InvalidAddress(_)), _)
            if !faults.iter().any(is_of_the_request) =>
        {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        (_, status) => status,
    };
    let errors = faults
        .iter()
        .map(|it| BadField { field: named(&it.field, &MEMBERS), message: it.fault.problem() })
        .collect();
    let code = word(status).to_lowercase();
    let kind = "invalid_request_error";
    refused(status, &Refused { error: Fallacy { code, message: message(refusal, &MEMBERS), kind, errors } })
}

/// Whether the request itself is wrong, and not only a value in it: something is missing or not known, or a currency is none
/// that is kept.
fn is_of_the_request(it: &FieldFault) -> bool {
    it.fault.problem().starts_with(REQUIRED) || it.fault.problem() == UNKNOWN || it.field == "currency"
}

#[derive(Serialize)]
struct Done<T> {
    data: T,
}

pub(super) fn done(status: StatusCode, data: impl Serialize) -> Reply {
    answer(status, &Done { data })
}

#[derive(Serialize)]
struct Listed<T> {
    data: Vec<T>,
    pagination: Pagination,
}

#[derive(Serialize)]
struct Pagination {
    after: Option<String>,
    before: Option<String>,
    limit: u32,
}

pub(super) fn listed<T>(page: &Page<T>, data: Vec<impl Serialize>, limit: u32) -> Reply {
    let token = |it: &str| Some(it.to_owned()).filter(|it| !it.is_empty());
    let (after, before) = (token(&page.next_token), token(&page.previous_token));
    answer(StatusCode::OK, &Listed { data, pagination: Pagination { after, before, limit } })
}

/// The page after one cursor or before another, of what passes the filters.
pub(super) fn page(
    call: &Call,
    filters: &impl Serialize,
    faults: &mut Faults,
) -> Result<Option<PageRequest>, Refusal> {
    let limit = faults.keep("limit", call.query.get("limit").map_or(Ok(15), |it| counted(it, 100)));
    let cursor = |name| call.query.get(name).filter(|it| !it.is_empty());
    let (after, before) = (cursor("after"), cursor("before"));
    if after.is_some() && before.is_some() {
        faults.add("before", Fault::new("cannot be given with `after`"));
    }
    let Some(limit) = limit.and_then(|it| i32::try_from(it).ok()) else { return Ok(None) };
    let name = if before.is_some() { "before" } else { "after" };
    match PageRequest::parse(limit, before.or(after).unwrap_or_default(), filters) {
        Err(Error::BadPageToken) => {
            faults.add(name, Fault::new("is no cursor of this list"));
            Ok(None)
        }
        page => Ok(Some(if before.is_some() { page?.backwards() } else { page? })),
    }
}
