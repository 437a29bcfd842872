//! What `ListCustomers` asks for.

use std::str::FromStr;

use super::customers::Known;
use super::{micros, optional_id};
use crate::api;
use crate::domain::{CustomerStatus, DomainId, Error, Fault, Faults, PageRequest, Result, searched};
use crate::store::{CustomerFilter, TextColumn};

/// The domain that the list is of, the filter, the page, and whether to count.
pub(in crate::grpc) fn filter(
    request: api::ListCustomersRequest,
) -> Result<(Option<DomainId>, CustomerFilter, PageRequest, bool)> {
    let api::ListCustomersRequest {
        domain_id,
        ids,
        domain_ids,
        types,
        first_names,
        middle_names,
        last_names,
        nick_names,
        payment_addresses,
        emails,
        phones,
        external_ids,
        statuses,
        kyc_statuses,
        create_time_after,
        create_time_before,
        search,
        show_deleted,
        order_by,
        page_size,
        page_token,
        include_total_size,
    } = request;
    let mut faults = Faults::default();
    let domain = faults.absorb(optional_id("domain_id", &domain_id))?;
    let after_us = faults.absorb(micros("create_time_after", create_time_after))?;
    let before_us = faults.absorb(micros("create_time_before", create_time_before))?;
    let filter = CustomerFilter {
        domains: each("domain_ids", domain_ids, &mut faults, |it| DomainId::from_str(&it)),
        ids: each("ids", ids, &mut faults, |it| it.parse()),
        types: each("types", types, &mut faults, known),
        texts: [
            (TextColumn::FirstName, "first_names", first_names),
            (TextColumn::MiddleName, "middle_names", middle_names),
            (TextColumn::LastName, "last_names", last_names),
            (TextColumn::NickName, "nick_names", nick_names),
            (TextColumn::PaymentAddress, "payment_addresses", lower(payment_addresses)),
            (TextColumn::Email, "emails", lower(emails)),
            (TextColumn::Phone, "phones", phones),
            (TextColumn::ExternalId, "external_ids", external_ids),
        ]
        .into_iter()
        .map(|(column, field, values)| (column, each(field, values, &mut faults, plain)))
        .collect(),
        statuses: each("statuses", statuses, &mut faults, known::<CustomerStatus>),
        kyc_statuses: each("kyc_statuses", kyc_statuses, &mut faults, known),
        after_us,
        before_us,
        search: faults.take("search", searched(&search)),
        show_deleted,
        oldest_first: faults.take("order_by", oldest_first(&order_by)),
    };
    let page = page(page_size, &page_token, &(&domain, &filter), &mut faults)?;
    Ok((domain, filter, faults.finish(page)?, include_total_size))
}

/// Which page of what passes the filters; none where a fault was noted.
pub(in crate::grpc) fn page(
    size: i32,
    token: &str,
    filters: &impl serde::Serialize,
    faults: &mut Faults,
) -> Result<Option<PageRequest>> {
    match PageRequest::parse(size, token, filters) {
        // A token means nothing to filters that do not.
        Err(Error::BadPageToken) if !faults.is_empty() => Ok(None),
        page => faults.gather(page),
    }
}

/// At most a hundred values, each parsed.
pub(in crate::grpc) fn each<T, U>(
    field: &'static str,
    values: Vec<U>,
    faults: &mut Faults,
    parse: impl Fn(U) -> Result<T, Fault>,
) -> Vec<T> {
    if values.len() > 100 {
        faults.add(field, Fault::new("must be at most 100 values"));
        return Vec::new();
    }
    let parsed: Result<Vec<_>, _> = values.into_iter().map(parse).collect();
    faults.take(field, parsed)
}

pub(in crate::grpc) fn known<T: Known>(number: i32) -> Result<T, Fault> {
    T::known(number)?.ok_or(Fault::new("must not be unspecified"))
}

fn lower(values: Vec<String>) -> Vec<String> {
    values.into_iter().map(|it| it.to_lowercase()).collect()
}

fn plain(value: String) -> Result<String, Fault> {
    if value.is_empty() || value.chars().count() > 500 || value.chars().any(char::is_control) {
        return Err(Fault::new("must be 1 to 500 characters, none of them a control character"));
    }
    Ok(value)
}

fn oldest_first(order_by: &str) -> Result<bool, Fault> {
    match order_by.split_whitespace().collect::<Vec<_>>().as_slice() {
        [] | ["create_time", "desc"] => Ok(false),
        ["create_time"] | ["create_time", "asc"] => Ok(true),
        _ => Err(Fault::new("must be `create_time desc` or `create_time`")),
    }
}
