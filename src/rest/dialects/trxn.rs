//! The document of TRXN: customers, each with a wallet from the beginning, the addresses of wallets, and claims.
//!
//! What is deleted here is deleted for good, and not there from then on.

mod addresses;
mod claim_links;
mod claims;
mod customers;
mod wallets;

use std::collections::BTreeMap;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;

use super::super::dialect::{Dialect, bearer};
use super::super::face::Face;
use super::super::refusal::Refusal;
use super::common::{message, named, refused, status, word};
use super::fields::{REQUIRED, UNKNOWN};
use super::pages::Numbered;
use crate::app::App;
use crate::domain::{Error, FieldFault, KeyKind};

pub(super) const DIALECT: Dialect =
    Dialect { face: Face::Trxn, key: bearer, once: "idempotency-key", refuse };

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/customers", get(customers::list).post(customers::create))
        .route(
            "/v1/customers/{id}",
            get(customers::retrieve).patch(customers::update).delete(customers::delete),
        )
        .route("/v1/wallets", get(wallets::list))
        .route("/v1/wallets/{id}", get(wallets::retrieve))
        .route("/v1/crypto_addresses", get(addresses::list).post(addresses::create))
        .route("/v1/crypto_addresses/{id}", get(addresses::retrieve))
        .route("/v1/payment_claim_links", get(claim_links::list).post(claim_links::create))
        .route("/v1/payment_claim_links/{id}", get(claim_links::retrieve))
        .route("/v1/crypto_payment_claims", get(claims::list))
        .route("/v1/crypto_payment_claims/{id}", get(claims::retrieve))
        .route("/v1/crypto_payment_claims/{id}/approve", post(claims::approve))
        .route("/v1/crypto_payment_claims/{id}/reject", post(claims::reject))
}

/// How many are on a page.
const PAGE: u32 = 25;

/// Members of bodies, and the paths of what they say.
const MEMBERS: [(&str, &str); 4] = [
    ("email", "email"),
    ("first_name", "first_name"),
    ("last_name", "last_name"),
    ("expires_at", "expire_time"),
];

#[derive(Serialize)]
struct Wrong<'a> {
    errors: BTreeMap<&'a str, Vec<&'static str>>,
}

#[derive(Serialize)]
struct Refused<'a> {
    error: Fallacy<'a>,
}

#[derive(Serialize)]
struct Fallacy<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: String,
    message: &'a str,
}

fn refuse(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Known(Error::Invalid(faults) | Error::InvalidAddress(faults)) => {
            let mut errors = BTreeMap::<_, Vec<_>>::new();
            for it in faults {
                errors.entry(named(&it.field, &MEMBERS)).or_default().push(problem(it));
            }
            refused(StatusCode::UNPROCESSABLE_ENTITY, &Wrong { errors })
        }
        Refusal::Known(Error::Taken { kind: KeyKind::Email, .. }) => {
            let errors = BTreeMap::from([("email", vec!["has already been taken"])]);
            refused(StatusCode::UNPROCESSABLE_ENTITY, &Wrong { errors })
        }
        other => {
            let status = status(other);
            let code = match status {
                StatusCode::NOT_FOUND => "resource_not_found".to_owned(),
                status => word(status).to_lowercase(),
            };
            let message = message(other, &MEMBERS);
            refused(
                status,
                &Refused { error: Fallacy { kind: "invalid_request_error", code, message: &message } },
            )
        }
    }
}

/// What is wrong with a field, in the words of the document.
fn problem(it: &FieldFault) -> &'static str {
    match it.fault.problem() {
        problem if problem.starts_with(REQUIRED) => "can't be blank",
        UNKNOWN => "is unknown",
        _ => "is invalid",
    }
}

#[derive(Serialize)]
struct Pagination {
    page: u32,
    pages: i64,
    count: i64,
}

impl Pagination {
    fn of(page: &Numbered, count: i64) -> Self {
        Self { page: page.number, pages: page.pages(count), count }
    }
}
