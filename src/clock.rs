//! The one clock and the one source of randomness: the edge that everything else is told by.

use std::time::SystemTime;

use uuid::Uuid;

/// The time, in microseconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the edge")]
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A new UUIDv7 of that time, so that rows made one after another lie side by side in an index.
#[must_use]
pub fn new_uuid(now_us: i64) -> Uuid {
    let millis = u64::try_from(now_us / 1_000).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid()
}

/// Bytes from a cryptographic generator seeded by the operating system.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::RngCore::fill_bytes(&mut rand::rng(), &mut bytes);
    bytes
}
