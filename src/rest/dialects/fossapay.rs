//! The document of `FossaPay`: customers, and their crypto wallets.
//!
//! It has customers under `/api/v1` and wallets under `/v1`; wallets are found under both.

mod customers;
mod transactions;
mod wallets;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;

use super::super::dialect::{Dialect, Reply, api_key};
use super::super::face::Face;
use super::super::refusal::Refusal;
use super::common::{answer, message, refused, status, word};
use crate::app::App;
use crate::domain::Error;

pub(super) const DIALECT: Dialect =
    Dialect { face: Face::Fossapay, key: api_key, once: "x-idempotency-key", refuse };

pub(super) fn routes() -> Router<App> {
    let wallets = Router::new()
        .route("/create", post(wallets::create))
        .route("/address/{address}", get(wallets::retrieve_at))
        .route("/transactions/{id}", get(transactions::retrieve))
        .route("/{id}", get(wallets::retrieve))
        .route("/{id}/transactions", get(transactions::list));
    Router::new()
        .route("/api/v1/customers", get(customers::list).post(customers::create))
        .route("/api/v1/customers/{id}", get(customers::retrieve))
        .nest("/v1/wallets/crypto", wallets.clone())
        .nest("/api/v1/wallets/crypto", wallets)
}

/// Members of bodies, and the paths of what they say.
const MEMBERS: [(&str, &str); 1] = [("customerId", "customer_id")];

#[derive(Serialize)]
struct Refused<'a> {
    status: &'static str,
    #[serde(rename = "statusCode")]
    status_code: u16,
    message: &'a str,
    code: &'a str,
}

fn refuse(refusal: &Refusal) -> Response {
    let status = status(refusal);
    let code = match refusal {
        Refusal::Known(Error::ApiKeyMissing) => "MISSING_API_KEY",
        Refusal::Known(Error::ApiKeyExpired) => "EXPIRED_API_KEY",
        _ if status == StatusCode::UNAUTHORIZED => "INVALID_API_KEY",
        _ => word(status),
    };
    let message = message(refusal, &MEMBERS);
    refused(status, &Refused { status: "error", status_code: status.as_u16(), message: &message, code })
}

/// What the document calls a success, around what was asked for.
#[derive(Serialize)]
struct Found<T> {
    status: &'static str,
    #[serde(rename = "statusCode")]
    status_code: u16,
    message: &'static str,
    data: T,
}

pub(super) fn found(message: &'static str, data: impl Serialize) -> Reply {
    answer(StatusCode::OK, &Found { status: "success", status_code: 200, message, data })
}
