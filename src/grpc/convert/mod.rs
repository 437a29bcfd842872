//! Between the API's types, which hold anything, and the domain's, which do not.
//!
//! Inward takes each request apart by name, so that a new field does not compile until somebody has read it, and is where
//! requests are refused. Outward cannot fail.

mod billing;
mod claims;
mod customers;
mod events;
mod json;
mod list;
mod tenants;
mod wallets;
mod webhooks;

pub(super) use billing::{invoice, payment_intent, payment_method, subscription};
pub(super) use claims::{shown, submitted};
pub(super) use customers::{Known, batch_error, key, profile, status_of};
pub(super) use events::event_types;
pub(super) use json::metadata;
pub(super) use list::{each, filter, known, page};
pub(super) use tenants::{environment, settings};
pub(super) use wallets::{
    address, authorization, block_height, ledger_balance, network, networks, new_transaction,
    optional_network,
};
pub use webhooks::event_json;
pub(super) use webhooks::{fault_number, new_webhook_endpoint, webhook_patch};

use std::borrow::Cow;
use std::str::FromStr;

use prost_types::{FieldMask, Timestamp};
use tonic::metadata::MetadataMap;

use crate::domain::{Error, Fault, Line, RequestId, Result};

/// An id that has to be there.
pub(super) fn id<T: FromStr<Err = Fault>>(field: impl Into<Cow<'static, str>>, text: &str) -> Result<T> {
    if text.is_empty() { Err(Error::invalid(field, "is required")) } else { parse(field, text.parse()) }
}

/// An id that may be left out.
pub(super) fn optional_id<T: FromStr<Err = Fault>>(field: &'static str, text: &str) -> Result<Option<T>> {
    if text.is_empty() { Ok(None) } else { parse(field, text.parse()).map(Some) }
}

/// A line of text that may not be empty.
pub(super) fn required_line(field: &'static str, text: String) -> Result<Line> {
    let line: Line = parse(field, text.try_into())?;
    if line.is_empty() { Err(Error::invalid(field, "is required")) } else { Ok(line) }
}

/// The paths of an update mask: at least one.
pub(super) fn paths(mask: Option<FieldMask>) -> Result<Vec<String>> {
    let paths = mask.unwrap_or_default().paths;
    if paths.is_empty() || paths.len() > 100 {
        return Err(Error::invalid("update_mask", "must name 1 to 100 fields"));
    }
    Ok(paths)
}

/// A value of one field.
pub(super) fn parse<T>(
    field: impl Into<Cow<'static, str>>,
    parsed: std::result::Result<T, Fault>,
) -> Result<T> {
    parsed.map_err(|fault| Error::Invalid(vec![crate::domain::FieldFault { field: field.into(), fault }]))
}

/// The request id, from the field or from `idempotency-key`; where both are there they must agree.
pub(super) fn request_id(metadata: &MetadataMap, field: String) -> Result<Option<RequestId>> {
    let header = match metadata.get("idempotency-key").map(|it| it.to_str()) {
        None => String::new(),
        Some(Ok(text)) => text.to_owned(),
        Some(Err(_)) => return Err(Error::invalid("idempotency-key", "must be printable ASCII")),
    };
    if !header.is_empty() && !field.is_empty() && header != field {
        return Err(Error::invalid("request_id", "differs from the metadata `idempotency-key`"));
    }
    parse("request_id", RequestId::optional(if field.is_empty() { header } else { field }))
}

/// A time, in microseconds since 1970.
pub(super) fn micros(field: impl Into<Cow<'static, str>>, time: Option<Timestamp>) -> Result<Option<i64>> {
    // 0001-01-01 to 9999-12-31, as the type says.
    const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
    let Some(Timestamp { seconds, nanos }) = time else { return Ok(None) };
    if !SECONDS.contains(&seconds) || !(0..=999_999_999).contains(&nanos) {
        return Err(Error::invalid(field, "must be a time between the years 1 and 9999"));
    }
    Ok(Some(seconds * 1_000_000 + i64::from(nanos) / 1_000))
}

/// Microseconds since 1970, as a time.
pub(crate) fn timestamp(us: i64) -> Timestamp {
    let nanos = i32::try_from(us.rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    Timestamp { seconds: us.div_euclid(1_000_000), nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_to_the_microsecond() {
        for us in [0, 1, -1, 1_700_000_000_123_456, -62_135_596_800_000_000] {
            assert_eq!(micros("t", Some(timestamp(us))).unwrap(), Some(us));
        }
    }

    #[test]
    fn a_time_outside_the_type_is_refused() {
        for (seconds, nanos) in [(253_402_300_800, 0), (-62_135_596_801, 0), (0, -1), (0, 1_000_000_000)] {
            assert!(micros("t", Some(Timestamp { seconds, nanos })).is_err());
        }
    }
}
