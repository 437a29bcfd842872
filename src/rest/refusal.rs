//! Why a call over REST is not answered as it was asked. How that looks is for each dialect to say.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::domain::{Error, Fault, FieldFault};

/// Why a call is not answered as asked: one variant for each thing that a dialect may say differently.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// What the directory says.
    Known(Error),
    /// The path or the query is not well-formed.
    BadTarget,
    /// Parameters of the query, or a header, do not mean anything; all of them.
    BadQuery(Vec<FieldFault>),
    /// The key is not for whom the call says it comes from, and how.
    Unauthorized(&'static str),
    /// The key is not for this, and why.
    Forbidden(&'static str),
    /// Nothing is at this path.
    NoSuchPath,
    /// Something is at this path, but not for this method.
    WrongMethod,
    /// The body is not of a media type that is read.
    WrongMediaType,
    /// The body is not what it has to be, and what is wrong with it.
    BadBody(Fault),
    /// The body is over the limit.
    TooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The deadline has passed.
    Late,
    /// A fault of ours, which has been logged.
    Broken,
}

impl Refusal {
    /// What HTTP calls it, where a dialect does not say otherwise.
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Known(error) => known(error),
            Self::BadTarget | Self::BadQuery(_) | Self::BadBody(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::WrongMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What to say to whoever called. It repeats nothing of what they sent.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Known(error) => error.to_string(),
            Self::BadTarget => "the path or the query is not well-formed".to_owned(),
            Self::BadQuery(faults) => Error::Invalid(faults.clone()).to_string(),
            Self::Unauthorized(why) | Self::Forbidden(why) => (*why).to_owned(),
            Self::NoSuchPath => "there is nothing at this path".to_owned(),
            Self::WrongMethod => "this method is not for this path".to_owned(),
            Self::WrongMediaType => "the body must be JSON: `content-type: application/json`".to_owned(),
            Self::BadBody(fault) => format!("the body {fault}"),
            Self::TooLarge => "the body is too large".to_owned(),
            Self::BodyTimeout => "the body did not arrive in time".to_owned(),
            Self::Late => "the deadline has passed".to_owned(),
            Self::Broken => "internal error".to_owned(),
        }
    }

    /// The body is wrong, in a fixed way.
    pub(super) const fn body(problem: &'static str) -> Self {
        Self::BadBody(Fault::new(problem))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Known(error)
    }
}

/// An answer that the frame of the dialect puts into its words: it has no words of its own.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// No `_` arm: a new kind of error does not compile until it is placed.
const fn known(error: &Error) -> StatusCode {
    match error {
        Error::Invalid(_)
        | Error::BadPageToken
        | Error::RequestIdReused
        | Error::UnknownNetwork(_)
        | Error::InvalidAddress(_)
        | Error::EventsExpired { .. }
        | Error::SequenceAhead { .. } => StatusCode::BAD_REQUEST,
        Error::ApiKeyMissing | Error::ApiKeyInvalid | Error::ApiKeyExpired | Error::ApiKeyRevoked => {
            StatusCode::UNAUTHORIZED
        }
        Error::ScopeMissing(_) | Error::OperatorOnly | Error::KeyTooWide(_) | Error::DomainSuspended => {
            StatusCode::FORBIDDEN
        }
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Taken { .. }
        | Error::WalletExists(_)
        | Error::AliasQuarantined { .. }
        | Error::EtagMismatch => StatusCode::CONFLICT,
        Error::ApiKeyEnded
        | Error::CustomerDeleted(_)
        | Error::PayeeDeleted
        | Error::CustomerNotDeleted(_)
        | Error::EmailNotUnique
        | Error::EmailsShared
        | Error::KycTransitionNotAllowed { .. }
        | Error::NetworkNotAllowed(..)
        | Error::KycNotApproved(..)
        | Error::WalletTransitionNotAllowed { .. }
        | Error::WalletFrozen(_)
        | Error::WalletRemoved(_)
        | Error::WalletKindMismatch(..)
        | Error::InsufficientBalance(_)
        | Error::BalanceOverflow(_)
        | Error::TransactionTransitionNotAllowed { .. }
        | Error::BillingRecordCustomerFixed(_)
        | Error::PaymentMethodRemoved(_)
        | Error::NoExtendedKey(_)
        | Error::KeySourceFixed(_)
        | Error::AddressPoolEmpty(_)
        | Error::TooManyAddresses(..)
        | Error::ChainNotConfigured(_)
        | Error::WebhookEndpointDisabled(_)
        | Error::TooManyWebhookEndpoints(_)
        | Error::ClaimLinkUsed
        | Error::ClaimLinkExpired { .. }
        | Error::ClaimClosed(..)
        | Error::NoWalletOnNetwork(..) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::SlowWatcher | Error::Overloaded | Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        // Nothing was changed, and another attempt may go: no conflict with what there is.
        Error::Contended | Error::ChainUnavailable(..) | Error::DatabaseUnavailable(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Error::Unimplemented(_) => StatusCode::NOT_IMPLEMENTED,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
