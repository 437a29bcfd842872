//! The API: its generated types, its descriptors, and what a call brings whichever face it comes through.

mod rpcs;

use std::sync::LazyLock;
use std::time::Duration;

use http::HeaderMap;
use prost_reflect::DescriptorPool;

pub use generated::*;
pub use rpcs::{Answer, Answered, Called, Messages, Refused, Rpcs};

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, rustdoc::all)]
mod generated {
    tonic::include_proto!("purser.v1");
}

/// The one method of ours that wants no key.
pub const KEYLESS: &str = "/purser.v1.ClaimService/SubmitClaim";

/// The descriptors of the API, as protoc would write them.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The API as it describes itself, with the details that errors have.
pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let mut pool = DescriptorPool::decode(DESCRIPTORS).unwrap_or_default();
    // A test rules out that it fails.
    let _ = pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
    pool
});

/// The largest message that is read, in bytes.
pub(crate) const MESSAGE_BYTES: usize = 1024 * 1024;

/// What is read of whoever shows no key: no more than a claim needs, or a question about health or the API, in bytes.
pub(crate) const KEYLESS_BYTES: usize = 8 * 1024;

/// The most that a method reads of a message, in bytes.
pub(crate) fn most_bytes(path: &str) -> usize {
    if path == KEYLESS || !path.starts_with("/purser.") { KEYLESS_BYTES } else { MESSAGE_BYTES }
}

/// The text of the key that a call brings.
pub(crate) fn key_in(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).or_else(|| api_key(headers))
}

/// The key in `authorization: Bearer <key>`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get("authorization")?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// The key in `x-api-key`.
pub(crate) fn api_key(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-api-key")?.to_str().ok()
}

/// The header that says how long a call may take.
pub(crate) const TIMEOUT: &str = "grpc-timeout";

/// How long the caller says that a call may take, or what is wrong with the header. (tonic takes a malformed one for none at
/// all.)
pub(crate) fn timeout_in(headers: &HeaderMap) -> Result<Option<Duration>, &'static str> {
    const FORM: &str = "must be 1 to 8 digits and a unit: H, M, S, m, u or n";
    headers.get(TIMEOUT).map(|it| timeout(it.as_bytes()).ok_or(FORM)).transpose()
}

/// Parses `TimeoutValue TimeoutUnit` of the gRPC specification.
fn timeout(text: &[u8]) -> Option<Duration> {
    /// Longer than any connection lives. The header can say 11,415 years, which no clock can add to now.
    const LONGEST: Duration = Duration::from_hours(24);
    let (unit, digits) = text.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let timeout = match unit {
        b'H' => Duration::from_hours(amount),
        b'M' => Duration::from_mins(amount),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    };
    Some(timeout.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_specification_writes_them() {
        for (text, expected) in [
            ("1H", Some(Duration::from_hours(1))),
            ("2M", Some(Duration::from_mins(2))),
            ("00000003S", Some(Duration::from_secs(3))),
            ("4m", Some(Duration::from_millis(4))),
            ("5u", Some(Duration::from_micros(5))),
            ("6n", Some(Duration::from_nanos(6))),
            ("0n", Some(Duration::ZERO)),
            ("99999999H", Some(Duration::from_hours(24))),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("-1S", None),
            ("+1S", None),
            ("1.5S", None),
            (" 1S", None),
            ("1 S", None),
            ("123456789n", None),
        ] {
            assert_eq!(timeout(text.as_bytes()), expected, "{text:?}");
        }
    }
}
