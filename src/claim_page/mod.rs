//! The page at a payment claim link: where somebody without a key says that they have paid.
//!
//! It is one form that works without scripts, and does what `SubmitClaim` does by the same operation. What it shows takes
//! nothing from elsewhere, and the token of a link goes nowhere: it is in the address alone.

mod form;
mod html;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use tokio::sync::Semaphore;

use crate::app::{App, OpenLink};
use crate::domain::{Claim, Domain, Error, Fault, KeyKind, Noun};
use crate::port::Peer;
use form::Form;

/// The most that a form may be, in bytes: every character of the longest note takes twelve where it is sent.
const MAX_BYTES: usize = 32 * 1024;
/// How long it may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests at one time, well below the connections of the port: whoever asks whether this instance lives always gets in.
const MAX_REQUESTS: usize = 256;

/// The page of each link, at `/claim/<token>`. Requests carry the [`Peer`] they are from.
pub fn router(app: App) -> Router {
    let places = Arc::new(Semaphore::new(MAX_REQUESTS));
    let page = || get(show).post(submit);
    // Whatever is below is somebody's wrong link, and is answered as one.
    let pages = ["/claim", "/claim/", "/claim/{*token}"];
    pages
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, page()))
        .layer(from_fn_with_state(places, placed))
        .layer(map_response(guarded))
        .with_state(app)
}

/// Answers a request if there is a place for it.
async fn placed(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    match places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => refused(&Error::Overloaded),
    }
}

/// The token in the address. One that is written otherwise than we write them is none.
fn token_in(uri: &Uri) -> &str {
    uri.path().strip_prefix("/claim/").unwrap_or_default()
}

async fn show(State(app): State<App>, Extension(peer): Extension<Peer>, uri: Uri) -> Response {
    match open(&app, peer, token_in(&uri)).await {
        Ok(link) => page(StatusCode::OK, html::form(Some(&*link.domain), &Form::new(), &[], None)),
        Err(error) => refused(&error),
    }
}

async fn submit(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if !is_form(&headers) {
        return page(StatusCode::UNSUPPORTED_MEDIA_TYPE, html::note("This is not what the form sends."));
    }
    // Nothing of a body is read for whoever has no link, or comes too often. Whether the link can still be used is not asked
    // yet: what was received is received, though it was the link's last use.
    let link = match app.open_claim_link(peer.address, token_in(&uri)).await {
        // Where it is our fault, nobody is to type it all again.
        Err(error) if refusal(&error).0 != StatusCode::SERVICE_UNAVAILABLE => return refused(&error),
        link => link,
    };
    let Ok(body) = tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, MAX_BYTES)).await else {
        return page(StatusCode::REQUEST_TIMEOUT, html::note("The form did not arrive in time."));
    };
    let Ok(body) = body else {
        return page(StatusCode::PAYLOAD_TOO_LARGE, html::note("This is more than the form takes."));
    };
    let form = Form::read(&body);
    let claimed = match &link {
        Ok(link) => claimed(&app, link, &form).await,
        Err(error) => Err(error.clone()),
    };
    told(link.as_ref().ok().map(|it| &*it.domain), &form, claimed)
}

/// Submits what a form says.
async fn claimed(app: &App, link: &OpenLink, form: &Form) -> Result<Claim, Error> {
    app.count_claim_link(link)?;
    let error = match form.claim() {
        Ok(new) => match app.submit_by_link(link.clone(), &new, form.request()).await {
            // Something else was sent by this form, and received: what can be said is how the link stands.
            Err(Error::RequestIdReused) => Error::Contended,
            claimed => return claimed.map(|it| it.value),
        },
        Err(error) => error,
    };
    Err(app.admit_by_link(link).await.err().unwrap_or(error))
}

/// What became of a form, and the form again where that helps.
fn told(domain: Option<&Domain>, form: &Form, claimed: Result<Claim, Error>) -> Response {
    match claimed {
        Ok(claim) => page(StatusCode::OK, html::received(&claim)),
        Err(error) => match (beside_fields(&error), refusal(&error)) {
            (Some(faults), _) => {
                page(StatusCode::UNPROCESSABLE_ENTITY, html::form(domain, form, &faults, None))
            }
            // It passes.
            (None, (status @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE), said)) => {
                retried(page(status, html::form(domain, form, &[], Some(said))), &error)
            }
            _ => refused(&error),
        },
    }
}

/// The link, if a claim could be submitted by it now.
async fn open(app: &App, peer: Peer, token: &str) -> Result<OpenLink, Error> {
    let link = app.open_claim_link(peer.address, token).await?;
    app.count_claim_link(&link)?;
    app.admit_by_link(&link).await?;
    Ok(link)
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
    let (status, said) = refusal(error);
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        // The cause is for the log alone, as everywhere.
        match error {
            Error::Internal(cause) => tracing::error!(%cause, "internal error"),
            other => tracing::error!(error = %other, "what no claim page expects"),
        }
    }
    retried(page(status, html::note(said)), error)
}

/// The same with when to try again, where that is known.
fn retried(mut response: Response, error: &Error) -> Response {
    if let Error::RateLimited { after } = error {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs() + 1));
    }
    response
}

/// How a refusal is put. No `_`: a new kind of error does not compile until somebody has found words for it.
const fn refusal(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::NotFound(Noun::ClaimLink) => (StatusCode::NOT_FOUND, "This link leads nowhere."),
        Error::ClaimLinkUsed => (StatusCode::GONE, "This link has been used."),
        Error::ClaimLinkExpired { .. } => (StatusCode::GONE, "This link has expired."),
        Error::PayeeDeleted | Error::CustomerDeleted(_) | Error::DomainSuspended => {
            (StatusCode::CONFLICT, "This link cannot be used just now.")
        }
        Error::RateLimited { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "That was too often. Try again in a minute.")
        }
        Error::Contended | Error::Overloaded | Error::DatabaseUnavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "This does not work just now. Try again in a minute.")
        }
        // Beside fields, or of what is no page's.
        Error::Invalid(..)
        | Error::BadPageToken
        | Error::RequestIdReused
        | Error::ApiKeyMissing
        | Error::ApiKeyInvalid
        | Error::ApiKeyExpired
        | Error::ApiKeyRevoked
        | Error::ScopeMissing(..)
        | Error::OperatorOnly
        | Error::KeyTooWide(..)
        | Error::ApiKeyEnded
        | Error::NotFound(..)
        | Error::Taken { .. }
        | Error::AliasQuarantined { .. }
        | Error::CustomerNotDeleted(..)
        | Error::EmailNotUnique
        | Error::EmailsShared
        | Error::KycTransitionNotAllowed { .. }
        | Error::UnknownNetwork(..)
        | Error::InvalidAddress(..)
        | Error::NetworkNotAllowed(..)
        | Error::KycNotApproved(..)
        | Error::WalletFrozen(..)
        | Error::WalletRemoved(..)
        | Error::WalletKindMismatch(..)
        | Error::WalletExists(..)
        | Error::WalletTransitionNotAllowed { .. }
        | Error::InsufficientBalance(..)
        | Error::BalanceOverflow(..)
        | Error::TransactionTransitionNotAllowed { .. }
        | Error::BillingRecordCustomerFixed(..)
        | Error::PaymentMethodRemoved(..)
        | Error::NoExtendedKey(..)
        | Error::KeySourceFixed(..)
        | Error::AddressPoolEmpty(..)
        | Error::TooManyAddresses(..)
        | Error::ChainNotConfigured(..)
        | Error::ChainUnavailable(..)
        | Error::WebhookEndpointDisabled(..)
        | Error::TooManyWebhookEndpoints(..)
        | Error::ClaimClosed(..)
        | Error::NoWalletOnNetwork(..)
        | Error::EventsExpired { .. }
        | Error::SequenceAhead { .. }
        | Error::SlowWatcher
        | Error::EtagMismatch
        | Error::Unimplemented(..)
        | Error::Internal(..) => (StatusCode::INTERNAL_SERVER_ERROR, "This did not work. It is our fault."),
    }
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
