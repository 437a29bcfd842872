//! The page at a payment claim link: where somebody without a key says that they have paid.
//!
//! It is one form that works without scripts, and does what `SubmitClaim` does by the same operation. What it shows takes
//! nothing from elsewhere, and the token of a link goes nowhere: it is in the address alone.

mod form;
mod html;

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};

use crate::app::{App, OpenLink};
use crate::clock;
use crate::domain::{Error, Fault, KeyKind, Noun};
use form::Form;

/// Who asks, as far as that limits them.
#[derive(Clone, Copy, Debug)]
pub struct Guest(pub Option<IpAddr>);

/// The most that a form may be, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// How long it may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The page of each link, at `/claim/<token>`. Requests carry the [`Guest`] they are from.
pub fn router(app: App) -> Router {
    Router::new().route("/claim/{token}", get(show).post(submit)).layer(map_response(guarded)).with_state(app)
}

async fn show(
    State(app): State<App>,
    Extension(guest): Extension<Guest>,
    Path(token): Path<String>,
) -> Response {
    match open(&app, guest, &token).await {
        Ok(link) => page(StatusCode::OK, html::form(&link, &Form::new(), &[])),
        Err(error) => refused(&error),
    }
}

async fn submit(
    State(app): State<App>,
    Extension(guest): Extension<Guest>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if !is_form(&headers) {
        return page(StatusCode::UNSUPPORTED_MEDIA_TYPE, html::note("This is not what the form sends."));
    }
    let Ok(body) = tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, MAX_BYTES)).await else {
        return page(StatusCode::REQUEST_TIMEOUT, html::note("The form did not arrive in time."));
    };
    let Ok(body) = body else {
        return page(StatusCode::PAYLOAD_TOO_LARGE, html::note("This is more than the form takes."));
    };
    let link = match app.open_claim_link(guest.0, &token).await {
        Ok(link) => link,
        Err(error) => return refused(&error),
    };
    let form = Form::read(&body);
    let claimed = match form.claim() {
        // The look at the link was the peer's one call. Whether the link can still be used is asked there: what was received
        // is received, though it was the link's last use.
        Ok(new) => app.submit_claim(None, &token, &new, form.request()).await,
        Err(error) => Err(link.link.admit(clock::now_us()).err().unwrap_or(error)),
    };
    match claimed {
        Ok(claim) => page(StatusCode::OK, html::received(&claim.value)),
        Err(error) => match beside_fields(&error) {
            Some(faults) => page(StatusCode::UNPROCESSABLE_ENTITY, html::form(&link, &form, &faults)),
            None => refused(&error),
        },
    }
}

/// The link, if a claim could be submitted by it now.
async fn open(app: &App, guest: Guest, token: &str) -> Result<OpenLink, Error> {
    let open = app.open_claim_link(guest.0, token).await?;
    open.link.admit(clock::now_us())?;
    Ok(open)
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// What is to be mended in the form, and in which field; nothing where that would not help.
fn beside_fields(error: &Error) -> Option<Vec<(String, Fault)>> {
    let one = |field: &str, problem| Some(vec![(field.to_owned(), Fault::new(problem))]);
    match error {
        Error::Invalid(faults) => {
            Some(faults.iter().map(|it| (it.field.to_string(), it.fault.clone())).collect())
        }
        Error::NetworkNotAllowed(..) => one("network", "cannot be used with this link"),
        Error::Taken { kind: KeyKind::ClaimedTransaction, .. } => one("tx_hash", "was submitted already"),
        _ => None,
    }
}

/// What is said where nothing can be mended.
fn refused(error: &Error) -> Response {
    let (status, said) = match error {
        Error::NotFound(Noun::ClaimLink) => (StatusCode::NOT_FOUND, "This link leads nowhere."),
        Error::ClaimLinkUsed => (StatusCode::GONE, "This link has been used."),
        Error::ClaimLinkExpired { .. } => (StatusCode::GONE, "This link has expired."),
        Error::CustomerDeleted(_) | Error::DomainSuspended => {
            (StatusCode::CONFLICT, "This link cannot be used just now.")
        }
        Error::RateLimited { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "That was too often. Try again in a minute.")
        }
        Error::Contended | Error::Overloaded | Error::DatabaseUnavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "This does not work just now. Try again in a minute.")
        }
        other => {
            // The cause is for the log alone, as everywhere.
            if let Error::Internal(cause) = other {
                tracing::error!(%cause, "internal error");
            }
            (StatusCode::INTERNAL_SERVER_ERROR, "This did not work. It is our fault.")
        }
    };
    let mut response = page(status, html::note(said));
    if let Error::RateLimited { after } = error {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs() + 1));
    }
    response
}

fn page(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
}

/// What every answer carries, refusals of the router's own too.
async fn guarded(mut response: Response) -> Response {
    const FIXED: [(HeaderName, &str); 3] =
        [(REFERRER_POLICY, "no-referrer"), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&html::POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
