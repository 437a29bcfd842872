//! What several dialects say alike: ids, times, pages, and answers.

use std::time::{Duration, UNIX_EPOCH};

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use uuid::Uuid;

use super::super::dialect::{Call, Reply};
use super::super::refusal::Refusal;
use super::fields::Members;
use crate::domain::{
    CustomerId, CustomerStatus, DomainId, Error, Fault, FieldFault, Member, Noun, Reach, Scope, WalletId,
};

/// An answer.
pub(super) fn answer(status: StatusCode, body: &impl Serialize) -> Reply {
    Ok(told(status, serde_json::to_vec(body).map_err(Error::internal)?))
}

/// A refusal, which cannot fail: the texts of it are what every serializer can write.
pub(super) fn refused(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = told(status, serde_json::to_vec(body).unwrap_or_default());
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn told(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// What HTTP calls a refusal in these dialects: to them, what is deleted or removed is not there.
pub(super) fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Known(Error::CustomerDeleted(_) | Error::WalletRemoved(_)) => StatusCode::NOT_FOUND,
        other => other.status(),
    }
}

/// A word for a refusal, for those that have no word of their own.
pub(super) const fn word(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "VALIDATION_ERROR",
        StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
        StatusCode::FORBIDDEN => "FORBIDDEN",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::METHOD_NOT_ALLOWED => "METHOD_NOT_ALLOWED",
        StatusCode::REQUEST_TIMEOUT => "REQUEST_TIMEOUT",
        StatusCode::CONFLICT => "CONFLICT",
        StatusCode::PAYLOAD_TOO_LARGE => "PAYLOAD_TOO_LARGE",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "UNSUPPORTED_MEDIA_TYPE",
        StatusCode::UNPROCESSABLE_ENTITY => "UNPROCESSABLE",
        StatusCode::TOO_MANY_REQUESTS => "RATE_LIMITED",
        StatusCode::NOT_IMPLEMENTED => "NOT_IMPLEMENTED",
        StatusCode::SERVICE_UNAVAILABLE => "SERVICE_UNAVAILABLE",
        StatusCode::GATEWAY_TIMEOUT => "TIMEOUT",
        _ => "INTERNAL_ERROR",
    }
}

/// The faults of fields that a refusal tells of.
pub(super) fn faults(refusal: &Refusal) -> &[FieldFault] {
    match refusal {
        Refusal::Known(Error::Invalid(faults) | Error::InvalidAddress(faults))
        | Refusal::BadQuery(faults) => faults,
        _ => &[],
    }
}

/// What a dialect calls a field that the directory names by its path in the proto.
pub(super) fn named<'a>(field: &'a str, members: &Members) -> &'a str {
    let field = field.strip_prefix("customer.").unwrap_or(field);
    members.iter().find(|it| it.1 == field).map_or(field, |it| it.0)
}

/// What to say to whoever called, with fields as the dialect calls them. What is deleted or removed is spoken of like what
/// was never there.
pub(super) fn message(refusal: &Refusal, members: &Members) -> String {
    match refusal {
        Refusal::Known(Error::CustomerDeleted(_)) => Error::NotFound(Noun::Customer).to_string(),
        Refusal::Known(Error::WalletRemoved(_)) => Error::NotFound(Noun::Wallet).to_string(),
        other if faults(other).is_empty() => other.message(),
        other => {
            let faults = faults(other).iter();
            let own = faults.map(|it| FieldFault {
                field: named(&it.field, members).to_owned().into(),
                fault: it.fault.clone(),
            });
            Error::Invalid(own.collect()).to_string()
        }
    }
}

/// An id that is part of a path. What is none names nothing.
pub(super) fn in_path<T>(text: &str, of: fn(&str) -> Result<T, Fault>, noun: Noun) -> Result<T, Refusal> {
    of(text).map_err(|_| Error::NotFound(noun).into())
}

/// The customer that a path names.
pub(super) fn customer_id(text: &str) -> Result<CustomerId, Refusal> {
    in_path(text, CustomerId::of_either_form, Noun::Customer)
}

/// The wallet that a path names.
pub(super) fn wallet_id(text: &str) -> Result<WalletId, Refusal> {
    in_path(text, WalletId::of_either_form, Noun::Wallet)
}

/// A live customer: those who are deleted are not there.
pub(super) fn live(member: Member) -> Result<Member, Refusal> {
    if member.customer.status == CustomerStatus::Deleted {
        return Err(Error::NotFound(Noun::Customer).into());
    }
    Ok(member)
}

impl Call {
    /// Refuses a caller that lacks one of these scopes.
    pub(super) fn may(&self, scopes: &[Scope]) -> Result<(), Refusal> {
        Ok(scopes.iter().try_for_each(|it| self.caller.require(*it))?)
    }

    /// The one domain that the key is for, of a caller that has these scopes: in some dialects nothing else says which domain
    /// is meant.
    pub(super) fn at_home(&self, scopes: &[Scope]) -> Result<DomainId, Refusal> {
        self.may(scopes)?;
        match self.caller.reach {
            Reach::Domain(_, _, id) => Ok(id),
            Reach::Operator | Reach::Organization(..) => {
                Err(Refusal::Forbidden("the API key must be for one domain"))
            }
        }
    }
}

fn time(us: i64) -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_micros(us.try_into().unwrap_or_default())
}

/// A time as `2023-01-01T00:00:00.000Z`.
pub(super) fn milliseconds(us: i64) -> String {
    humantime::format_rfc3339_millis(time(us)).to_string()
}

/// A time as `2023-01-01T00:00:00Z`.
pub(super) fn seconds(us: i64) -> String {
    humantime::format_rfc3339_seconds(time(us)).to_string()
}

/// A time by RFC 3339, in microseconds since 1970.
pub(super) fn instant(text: &str) -> Result<i64, Fault> {
    let said = Some(text).filter(|it| it.get(19..).is_some_and(|it| it.contains(['Z', 'z', '+', '-'])));
    let at = said.and_then(|it| it.parse::<prost_types::Timestamp>().ok()).filter(|it| it.seconds >= 0);
    let us = at.and_then(|it| it.seconds.checked_mul(1_000_000)?.checked_add(i64::from(it.nanos) / 1_000));
    us.ok_or(Fault::new("must be a time such as 2026-01-31T12:00:00Z"))
}

/// An id as a UUID.
pub(super) fn plain(id: Uuid) -> String {
    id.to_string()
}

/// Text, or nothing where there is none.
pub(super) fn said(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_second_or_the_millisecond_and_read() {
        assert_eq!(instant("2023-01-01T00:00:00Z"), Ok(1_672_531_200_000_000));
        assert_eq!(instant("2023-01-01T01:30:00.5+01:30"), Ok(1_672_531_200_500_000));
        for wrong in
            ["", "2023-01-01T00:00:00", "2023-01-01T00:00:00+", "2023-01-01", "1969-12-31T23:59:59Z", "soon"]
        {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
        let us = 1_672_531_200_999_999;
        assert_eq!(
            (seconds(us).as_str(), milliseconds(us).as_str()),
            ("2023-01-01T00:00:00Z", "2023-01-01T00:00:00.999Z")
        );
    }

    #[test]
    fn fields_have_the_dialects_own_names() {
        let own = [("postalCode", "billing_address.postal_code")];
        assert_eq!(named("customer.billing_address.postal_code", &own), "postalCode");
        assert_eq!((named("customer.email", &own), named("page", &own)), ("email", "page"));
    }

    #[test]
    fn what_is_gone_is_spoken_of_like_what_was_never_there() {
        let (customer, wallet) = (CustomerId::from_uuid(Uuid::nil()), WalletId::from_uuid(Uuid::nil()));
        for (gone, missing) in [
            (Error::CustomerDeleted(customer), Error::NotFound(Noun::Customer)),
            (Error::WalletRemoved(wallet), Error::NotFound(Noun::Wallet)),
        ] {
            let (gone, missing) = (gone.into(), missing.into());
            assert_eq!((status(&gone), message(&gone, &[])), (status(&missing), message(&missing, &[])));
        }
        let wrong = Refusal::from(Error::invalid("customer.billing_address.city", "is too long"));
        let said = message(&wrong, &[("city", "billing_address.city")]);
        assert!(said.contains("`city`") && !said.contains("billing"), "{said}");
    }

    #[test]
    fn every_status_has_a_word_of_its_own() {
        assert_eq!(word(StatusCode::IM_A_TEAPOT), word(StatusCode::INTERNAL_SERVER_ERROR));
        assert_ne!(word(StatusCode::CONFLICT), word(StatusCode::UNPROCESSABLE_ENTITY));
    }
}
