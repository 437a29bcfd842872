//! The document of Paylias: customers by their payment address.
//!
//! Its calls say from whom they come, beside the key: organization and domain, which have to be the key's.

mod find;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use serde_json::Value;

use super::super::dialect::{Call, Dialect, Reply};
use super::super::face::Face;
use super::super::refusal::Refusal;
use super::common::{answer, message, refused, said, status};
use super::fields::Fields;
use super::pages::in_query;
use crate::app::{App, CustomerTarget};
use crate::domain::{
    Alias, Customer, CustomerKey, CustomerPatch, CustomerStatus, Domain, DomainId, Error, Fault, Faults,
    NewCustomer, OrganizationId, Profile, Scope,
};

pub(super) const DIALECT: Dialect = Dialect { face: Face::Paylias, key, once: "idempotency-key", refuse };

pub(super) fn routes() -> Router<App> {
    // As the examples of the document have it, and as its headings do.
    ["/csp/api/v1/csp/customer", "/api/v1/csp/customer"].into_iter().fold(Router::new(), |router, path| {
        router
            .route(path, get(find::find).post(create))
            .route(&format!("{path}/{{address}}"), get(retrieve).patch(update).delete(delete))
            .route(&format!("{path}/{{address}}/resolve"), get(resolve))
    })
}

/// Members of a body, and the paths of what they say.
const MEMBERS: [(&str, &str); 6] = [
    ("first_name", "first_name"),
    ("middle_name", "middle_name"),
    ("last_name", "last_name"),
    ("nick_name", "nick_name"),
    ("payment_address", "payment_address"),
    ("status", "status"),
];

fn key(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-sfpy-api-key")?.to_str().ok()
}

#[derive(Serialize)]
struct Refused<'a> {
    ok: bool,
    error_code: &'static str,
    error_message: &'a str,
}

fn refuse(refusal: &Refusal) -> Response {
    let status = match status(refusal) {
        // The document has one word for whatever is wrong with a request.
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    let error_code = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "error.unauthorized_access",
        StatusCode::NOT_FOUND => "error.resource_not_found",
        StatusCode::CONFLICT => "error.resource_conflict",
        StatusCode::TOO_MANY_REQUESTS => "error.too_many_requests",
        status if status.is_server_error() => "error.server_error",
        _ => "error.bad_request",
    };
    let message = message(refusal, &MEMBERS);
    refused(status, &Refused { ok: false, error_code, error_message: &message })
}

#[derive(Serialize)]
struct Done<T> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
}

fn done(data: Option<impl Serialize>) -> Reply {
    answer(StatusCode::OK, &Done { ok: true, data })
}

#[derive(Serialize)]
struct Shown<'a> {
    token: String,
    partner_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    middle_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nick_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_address: Option<&'a str>,
    status: u8,
    created_at: Moment,
    updated_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Moment>,
}

#[derive(Serialize)]
struct Moment {
    seconds: i64,
}

impl Moment {
    const fn of(us: i64) -> Self {
        Self { seconds: us.div_euclid(1_000_000) }
    }
}

impl<'a> From<&'a Customer> for Shown<'a> {
    fn from(it: &'a Customer) -> Self {
        let profile = &it.profile;
        Self {
            token: it.id.to_string(),
            partner_id: it.domain_id.to_string(),
            first_name: said(profile.first_name.as_str()),
            middle_name: said(profile.middle_name.as_str()),
            last_name: said(profile.last_name.as_str()),
            nick_name: said(profile.nick_name.as_str()),
            payment_address: profile.payment_address.as_ref().map(Alias::as_str),
            status: number_of(it.status),
            created_at: Moment::of(it.create_us),
            updated_at: Moment::of(it.update_us),
            deleted_at: it.delete_us.map(Moment::of),
        }
    }
}

const fn number_of(status: CustomerStatus) -> u8 {
    match status {
        CustomerStatus::Disabled => 1,
        CustomerStatus::Enabled => 2,
        CustomerStatus::Deleted => 3,
    }
}

/// A status by its name or its number; none for that of nobody, which is 0.
fn status_of(text: &str) -> Result<Option<CustomerStatus>, Fault> {
    if matches!(text, "NONE" | "0") {
        return Ok(None);
    }
    let known =
        CustomerStatus::ALL.iter().find(|it| text == it.as_str() || text == number_of(**it).to_string());
    known.copied().map(Some).ok_or(Fault::new("must be NONE, DISABLED, ENABLED or DELETED, or its number"))
}

/// A status that somebody may be given.
fn status_to_be(text: &str) -> Result<CustomerStatus, Fault> {
    match status_of(text)? {
        Some(status @ (CustomerStatus::Enabled | CustomerStatus::Disabled)) => Ok(status),
        _ => Err(Fault::new("must be ENABLED or DISABLED")),
    }
}

/// The domain that a call says it comes from, if that is within what the key covers and the caller has the scope.
async fn partner(call: &Call, scope: Scope) -> Result<Arc<Domain>, Refusal> {
    const OTHER: Refusal = Refusal::Unauthorized("X-Org-ID and X-Partner-ID must be those of the API key");
    let organization = call.header("x-org-id").and_then(|it| OrganizationId::of_either_form(it).ok());
    let domain = call.header("x-partner-id").and_then(|it| DomainId::of_either_form(it).ok());
    let (Some(organization), Some(domain)) = (organization, domain) else { return Err(OTHER) };
    let domain = match call.app.domain_for(&call.caller, Some(domain)).await {
        Err(Error::NotFound(_)) => return Err(OTHER),
        domain => domain?,
    };
    if domain.organization_id != organization {
        return Err(OTHER);
    }
    call.may(&[scope])?;
    Ok(domain)
}

/// Names and status, as a body says them.
fn profile(fields: &mut Fields) -> (Profile, Option<CustomerStatus>) {
    let profile = Profile {
        first_name: fields.line("first_name"),
        middle_name: fields.line("middle_name"),
        last_name: fields.line("last_name"),
        nick_name: fields.line("nick_name"),
        ..Profile::default()
    };
    let status = fields.value("status").and_then(|it| match it {
        Value::String(text) => fields.faults.keep("status", status_to_be(&text)),
        Value::Number(number) => fields.faults.keep("status", status_to_be(&number.to_string())),
        _ => fields.faults.keep("status", Err(Fault::new("must be ENABLED or DISABLED"))),
    });
    (profile, status)
}

async fn create(call: Call) -> Reply {
    let domain = partner(&call, Scope::CustomersWrite).await?;
    let request = call.request_id()?;
    let mut fields = Fields::of(&call)?;
    for name in ["first_name", "last_name", "status"] {
        fields.need(name);
    }
    let (mut profile, status) = profile(&mut fields);
    profile.payment_address = fields.needed("payment_address", Alias::try_from);
    fields.done()?;
    let new = NewCustomer { profile, status };
    let made = call.app.create_customer(&call.caller, Some(domain.id), new, request).await?;
    done(Some(Shown::from(&made.value.customer)))
}

/// The customer that a path names, in the domain that the call comes from.
fn target(domain: &Domain, address: String) -> Result<CustomerTarget, Refusal> {
    let key = CustomerKey::PaymentAddress(alias(address)?);
    Ok(CustomerTarget { key, domain: Some(domain.id), etag: None })
}

fn alias(address: String) -> Result<Alias, Refusal> {
    let mut faults = Faults::default();
    let alias = faults.keep("paymentAddress", Alias::try_from(address));
    in_query(faults, alias)
}

async fn update(Path(address): Path<String>, call: Call) -> Reply {
    let domain = partner(&call, Scope::CustomersWrite).await?;
    let request = call.request_id()?;
    let target = target(&domain, address)?;
    // Only an empty text clears a name.
    let mut fields = Fields::of(&call)?.said();
    let mut paths = fields.paths(&MEMBERS);
    // It may be repeated, and never changes.
    paths.retain(|it| it != "payment_address");
    for name in ["first_name", "last_name", "status"] {
        if fields.has(name) {
            fields.need(name);
        }
    }
    let (profile, status) = profile(&mut fields);
    let repeated = fields.formed("payment_address", Alias::try_from);
    if let (Some(repeated), CustomerKey::PaymentAddress(own)) = (repeated, &target.key)
        && repeated != *own
    {
        fields.faults.add("payment_address", Fault::new("cannot change"));
    }
    fields.done()?;
    let patch = CustomerPatch { paths, profile, status };
    let updated = call.app.update_customer(&call.caller, target, patch, request).await?;
    done(Some(Shown::from(&updated.value.customer)))
}

async fn delete(Path(address): Path<String>, call: Call) -> Reply {
    let domain = partner(&call, Scope::CustomersWrite).await?;
    let request = call.request_id()?;
    call.app.soft_delete_customer(&call.caller, target(&domain, address)?, request).await?;
    done(None::<()>)
}

async fn retrieve(Path(address): Path<String>, call: Call) -> Reply {
    let domain = partner(&call, Scope::CustomersRead).await?;
    let key = CustomerKey::PaymentAddress(alias(address)?);
    let member = call.app.get_customer(&call.caller, &key, Some(domain.id)).await?;
    done(Some(Shown::from(&member.customer)))
}

async fn resolve(Path(address): Path<String>, call: Call) -> Reply {
    partner(&call, Scope::CustomersResolve).await?;
    let resolution = call.app.resolve_customer(&call.caller, &alias(address)?).await?;
    done(Some(Shown::from(&resolution.customer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_a_name_and_a_number() {
        for (text, status) in [
            ("NONE", None),
            ("0", None),
            ("1", Some(CustomerStatus::Disabled)),
            ("ENABLED", Some(CustomerStatus::Enabled)),
            ("3", Some(CustomerStatus::Deleted)),
        ] {
            assert_eq!(status_of(text), Ok(status));
            let may_be_given = matches!(text, "1" | "ENABLED");
            assert_eq!(status_to_be(text).is_ok(), may_be_given, "{text}");
        }
        for wrong in ["", "enabled", "4", "-1", "02", "2.0"] {
            assert!(status_of(wrong).is_err(), "{wrong}");
        }
    }
}
