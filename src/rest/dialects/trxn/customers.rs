//! Customers. Each gets a wallet with them, and whoever is deleted is deleted for good.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;

use super::{MEMBERS, PAGE, Pagination};
use crate::app::{Counting, CustomerFilter, CustomerTarget};
use crate::domain::{Customer, CustomerKey, CustomerPatch, Email, NewCustomer, Profile, Scope};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::{answer, customer_id, live, seconds};
use crate::rest::dialects::fields::Fields;
use crate::rest::dialects::pages::Numbered;

#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    email: Option<&'a str>,
    first_name: &'a str,
    last_name: &'a str,
    created_at: String,
    updated_at: String,
}

impl<'a> From<&'a Customer> for Shown<'a> {
    fn from(it: &'a Customer) -> Self {
        Self {
            id: it.id.to_string(),
            email: it.profile.email.as_ref().map(Email::as_str),
            first_name: it.profile.first_name.as_str(),
            last_name: it.profile.last_name.as_str(),
            created_at: seconds(it.create_us),
            updated_at: seconds(it.update_us),
        }
    }
}

#[derive(Serialize)]
struct Customers<'a> {
    customers: Vec<Shown<'a>>,
    pagination: Pagination,
}

pub(super) async fn list(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let page = Numbered::of(&call, None, PAGE)?;
    let filter = CustomerFilter { oldest_first: true, ..CustomerFilter::default() };
    let list =
        call.app.list_customers(&call.caller, Some(domain), filter, page.request, Counting::Whole).await?;
    let customers = list.page.items.iter().map(|it| Shown::from(&it.customer)).collect();
    let pagination = Pagination::of(&page, list.total.map_or(0, |it| it.size));
    answer(StatusCode::OK, &Customers { customers, pagination })
}

/// What a body says of a customer.
fn profile(fields: &mut Fields) -> Profile {
    Profile {
        email: fields.formed("email", Email::try_from),
        first_name: fields.line("first_name"),
        last_name: fields.line("last_name"),
        ..Profile::default()
    }
}

pub(super) async fn create(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite, Scope::WalletsWrite])?;
    let request = call.request_id()?;
    let mut fields = Fields::of(&call)?;
    fields.need("email");
    let profile = profile(&mut fields);
    fields.done()?;
    let new = NewCustomer { profile, status: None };
    let made = call.app.create_customer_and_wallet(&call.caller, Some(domain), new, request).await?;
    answer(StatusCode::CREATED, &Shown::from(&made.value.customer))
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let member = live(call.app.get_customer(&call.caller, &key, Some(domain)).await?)?;
    answer(StatusCode::OK, &Shown::from(&member.customer))
}

pub(super) async fn update(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite])?;
    let request = call.request_id()?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let mut fields = Fields::of(&call)?;
    if fields.has("email") {
        fields.need("email");
    }
    let paths = fields.paths(&MEMBERS);
    let profile = profile(&mut fields);
    fields.done()?;
    let target = CustomerTarget { key, domain: Some(domain), etag: None };
    let patch = CustomerPatch { paths, profile, status: None };
    let updated = call.app.update_customer(&call.caller, target, patch, request).await?;
    answer(StatusCode::OK, &Shown::from(&updated.value.customer))
}

pub(super) async fn delete(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::CustomersWrite, Scope::WalletsWrite])?;
    let request = call.request_id()?;
    call.app.delete_customer_for_good(&call.caller, customer_id(&id)?, request).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
