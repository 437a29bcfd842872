//! Customers.

use axum::extract::Path;
use axum::http::header::LINK;
use axum::http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::app::{Counting, CustomerFilter};
use crate::domain::{
    Customer, CustomerKey, DomainId, Email, Error, Fault, Faults, NewCustomer, PageRequest, Phone, Profile,
    Scope,
};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::{answer, customer_id, live, milliseconds};
use crate::rest::dialects::fields::Fields;
use crate::rest::dialects::pages::{Numbered, in_query};

#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    name: String,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    #[serde(rename = "createdAt")]
    created_at: String,
    #[serde(rename = "updatedAt")]
    updated_at: String,
}

impl<'a> From<&'a Customer> for Shown<'a> {
    fn from(it: &'a Customer) -> Self {
        Self {
            id: it.id.to_string(),
            name: it.profile.full_name(),
            email: it.profile.email.as_ref().map(Email::as_str),
            phone: it.profile.phone.as_ref().map(Phone::as_str),
            created_at: milliseconds(it.create_us),
            updated_at: milliseconds(it.update_us),
        }
    }
}

pub(super) async fn create(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite])?;
    let request = call.request_id()?;
    let mut fields = Fields::of(&call)?;
    fields.need("name");
    let profile = Profile {
        name: fields.line("name"),
        email: fields.needed("email", Email::try_from),
        phone: fields.formed("phone", Phone::try_from),
        metadata: fields.metadata("metadata"),
        ..Profile::default()
    };
    fields.done()?;
    let new = NewCustomer { profile, status: None };
    let made = call.app.create_customer(&call.caller, Some(domain), new, request).await?;
    answer(StatusCode::CREATED, &Shown::from(&made.value.customer))
}

pub(super) async fn list(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let mut faults = Faults::default();
    let page = listed(&call, domain, &mut faults);
    let page = in_query(faults, page)?;
    let filter = CustomerFilter::default();
    let list = call.app.list_customers(&call.caller, Some(domain), filter, page, Counting::Not).await?.page;
    let shown: Vec<_> = list.items.iter().map(|it| Shown::from(&it.customer)).collect();
    let mut response = answer(StatusCode::OK, &shown)?;
    if !list.next_token.is_empty() {
        // Relative to the request, whatever stands before us; and by a place and no number, so that it has no end before
        // the list has.
        let next = format!("<?after={}&limit={}>; rel=\"next\"", list.next_token, page.size);
        response.headers_mut().insert(LINK, HeaderValue::from_str(&next).map_err(Error::internal)?);
    }
    Ok(response)
}

/// The page of a number, or the one that a link leads to.
fn listed(call: &Call, domain: DomainId, faults: &mut Faults) -> Option<PageRequest> {
    let numbered = Numbered::read(call, Some("limit"), 100, faults)?;
    let after = call.query.get("after").unwrap_or_default();
    if !after.is_empty() && call.query.get("page").is_some() {
        faults.add("after", Fault::new("cannot be given with `page`"));
    }
    let size = i32::try_from(numbered.size).ok()?;
    let page = PageRequest::parse(size, after, &("customers", domain));
    let page = faults.keep("after", page.map_err(|_| Fault::new("is no place in this list")))?;
    Some(page.skipping(numbered.request.skip))
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let member = live(call.app.get_customer(&call.caller, &key, Some(domain)).await?)?;
    answer(StatusCode::OK, &Shown::from(&member.customer))
}
