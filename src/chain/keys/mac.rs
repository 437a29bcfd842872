//! HMAC-SHA-512 by `hmac` and `sha2`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use zeroize::Zeroizing;

use super::KeyError;

/// The two halves of a HMAC-SHA-512: of a key and its chain code in BIP-32 and SLIP-0010.
pub(super) type Halves = Zeroizing<[[u8; 32]; 2]>;

/// The HMAC-SHA-512 of the parts one after another.
pub(super) fn hmac_sha512(key: &[u8], parts: &[&[u8]]) -> Result<Halves, KeyError> {
    Ok(finish(parts.iter().fold(keyed(key)?, Mac::chain_update)))
}

/// A HMAC that has its key, so that many can be made under one.
pub(super) fn keyed(key: &[u8]) -> Result<Hmac<Sha512>, KeyError> {
    Hmac::new_from_slice(key).map_err(|_| KeyError::Refused("HMAC-SHA-512"))
}

/// What comes of it.
pub(super) fn finish(mac: Hmac<Sha512>) -> Halves {
    let mut halves = Halves::default();
    halves.as_flattened_mut().copy_from_slice(&mac.finalize().into_bytes());
    halves
}
