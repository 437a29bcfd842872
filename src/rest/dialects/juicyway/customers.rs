//! Customers.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::shapes::{Brief, Shown};
use super::{MEMBERS, done, listed, page};
use crate::app::{Counting, CustomerFilter, CustomerTarget, TextColumn};
use crate::domain::{
    BillingAddress, Country, CustomerKey, CustomerPatch, CustomerType, Email, Fault, Faults, NewCustomer,
    Phone, Profile, Scope,
};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::{customer_id, live};
use crate::rest::dialects::fields::Fields;
use crate::rest::dialects::pages::in_query;

/// The one member that may be left out of a new customer.
const OPTIONAL: &str = "billing_address.line2";

/// What a body says of a customer.
fn profile(fields: &mut Fields) -> Profile {
    let kind = fields.formed("type", |it| match it.as_str() {
        "individual" => Ok(CustomerType::Individual),
        "business" => Ok(CustomerType::Business),
        _ => Err(Fault::new("must be individual or business")),
    });
    Profile {
        kind: kind.unwrap_or(CustomerType::Individual),
        first_name: fields.line("first_name"),
        last_name: fields.line("last_name"),
        email: fields.formed("email", Email::try_from),
        phone: fields.formed("phone", Phone::try_from),
        billing_address: BillingAddress {
            line1: fields.line("billing_address.line1"),
            line2: fields.line("billing_address.line2"),
            city: fields.line("billing_address.city"),
            state: fields.line("billing_address.state"),
            postal_code: fields.line("billing_address.zip_code"),
            country: fields.formed("billing_address.country", Country::try_from),
        },
        ..Profile::default()
    }
}

pub(super) async fn create(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite])?;
    let request = call.request_id()?;
    let mut fields = Fields::of(&call)?;
    fields.unfold("billing_address");
    MEMBERS.iter().filter(|it| it.0 != OPTIONAL).for_each(|it| fields.need(it.0));
    let profile = profile(&mut fields);
    fields.done()?;
    let new = NewCustomer { profile, status: None };
    let made = call.app.create_customer(&call.caller, Some(domain), new, request).await?;
    done(StatusCode::CREATED, Brief::from(&made.value.customer))
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let member = live(call.app.get_customer(&call.caller, &key, Some(domain)).await?)?;
    done(StatusCode::OK, Shown::from(&member.customer))
}

pub(super) async fn update(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite])?;
    let request = call.request_id()?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let mut fields = Fields::of(&call)?;
    fields.unfold("billing_address");
    let paths = fields.paths(&MEMBERS);
    for (member, _) in MEMBERS.iter().filter(|it| it.0 != OPTIONAL) {
        if fields.has(member) {
            fields.need(member);
        }
    }
    let profile = profile(&mut fields);
    fields.done()?;
    let target = CustomerTarget { key, domain: Some(domain), etag: None };
    let patch = CustomerPatch { paths, profile, status: None };
    let updated = call.app.update_customer(&call.caller, target, patch, request).await?;
    done(StatusCode::OK, Shown::from(&updated.value.customer))
}

pub(super) async fn delete(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite])?;
    let request = call.request_id()?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let target = CustomerTarget { key, domain: Some(domain), etag: None };
    call.app.soft_delete_customer(&call.caller, target, request).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn list(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let mut faults = Faults::default();
    let email = call.query.get("email").filter(|it| !it.is_empty());
    let email = email.and_then(|it| faults.keep("email", Email::try_from(it.to_owned())));
    let texts = email.map(|it| vec![(TextColumn::Email, vec![it.into()])]).unwrap_or_default();
    let filter = CustomerFilter { texts, ..CustomerFilter::default() };
    let page = page(&call, &("customers", domain, &filter), &mut faults)?;
    let page = in_query(faults, page)?;
    let list = call.app.list_customers(&call.caller, Some(domain), filter, page, Counting::Not).await?.page;
    let shown = list.items.iter().map(|it| Shown::from(&it.customer)).collect();
    listed(&list, shown, page.size)
}
