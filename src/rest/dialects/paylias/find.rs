//! Customers, found by any of several values.

use serde::Serialize;

use super::{Shown, done, partner, status_of};
use crate::app::{Counting, CustomerFilter, TextColumn};
use crate::domain::{CustomerId, DomainId, Fault, Faults, Scope};
use crate::rest::dialect::{Call, Reply};

use crate::rest::dialects::fields::REQUIRED;
use crate::rest::dialects::pages::{Numbered, in_query};

#[derive(Serialize)]
struct Listed<'a> {
    count: i64,
    customers: Vec<Shown<'a>>,
}

pub(super) async fn find(call: Call) -> Reply {
    let domain = partner(&call, Scope::CustomersRead).await?;
    let mut faults = Faults::default();
    let wanted = wanted(&call, &mut faults);
    for name in ["limit", "page"].into_iter().filter(|it| call.query.get(it).is_none()) {
        faults.add(name, Fault::new(REQUIRED));
    }
    let page = Numbered::read(&call, Some("limit"), 1, &mut faults);
    let (mut filter, page) = in_query(faults, page.map(|page| (wanted, page)))?;
    let partners = std::mem::take(&mut filter.domains);
    // One that is not covered has no customers, as far as this key is concerned.
    filter.domains = match partners.as_slice() {
        [] => vec![domain.id],
        partners => call.app.covered_domains(&call.caller, partners).await?,
    };
    // Nobody has no status.
    let is_of_nobody = filter.statuses.is_empty() && !values(&call, "status").is_empty();
    if filter.domains.is_empty() || is_of_nobody {
        return done(Some(Listed { count: 0, customers: Vec::new() }));
    }
    let list = call.app.list_customers(&call.caller, None, filter, page.request, Counting::Whole).await?;
    let customers = list.page.items.iter().map(|it| Shown::from(&it.customer)).collect();
    done(Some(Listed { count: list.total.map_or(0, |it| it.size), customers }))
}

/// Each value of a parameter that may be repeated, and hold several with commas between; none that is empty.
fn values<'a>(call: &'a Call, name: &str) -> Vec<&'a str> {
    let each = call.query.all(name).flat_map(|it| it.split(',')).map(str::trim);
    each.filter(|it| !it.is_empty()).collect()
}

/// Who is looked for.
fn wanted(call: &Call, faults: &mut Faults) -> CustomerFilter {
    let texts = [
        (TextColumn::FirstName, "first_names"),
        (TextColumn::MiddleName, "middle_names"),
        (TextColumn::LastName, "last_names"),
        (TextColumn::NickName, "nick_names"),
        (TextColumn::PaymentAddress, "payment_addresses"),
    ];
    let text = |column, it: String| match column {
        _ if it.len() > 500 || it.chars().any(char::is_control) => {
            Err(Fault::new("holds what no customer has"))
        }
        TextColumn::PaymentAddress => Ok(it.to_ascii_lowercase()),
        _ => Ok(it),
    };
    CustomerFilter {
        ids: each(call, "tokens", faults, CustomerId::of_either_form),
        domains: each(call, "partner_ids", faults, DomainId::of_either_form),
        statuses: each(call, "status", faults, status_of).into_iter().flatten().collect(),
        texts: texts
            .into_iter()
            .map(|(column, name)| (column, each(call, name, faults, |it| text(column, it.to_owned()))))
            .collect(),
        ..CustomerFilter::default()
    }
}

/// At most a hundred values of a parameter.
fn each<T>(
    call: &Call,
    name: &'static str,
    faults: &mut Faults,
    parse: impl Fn(&str) -> Result<T, Fault>,
) -> Vec<T> {
    let values = values(call, name);
    if values.len() > 100 {
        faults.add(name, Fault::new("must be at most 100 values"));
        return Vec::new();
    }
    let parsed: Result<Vec<_>, _> = values.into_iter().map(parse).collect();
    faults.take(name, parsed)
}
