//! Base58 as Bitcoin, Solana and Tron write it, with the fault of what is not. Case is never folded.

use bitcoin::base58;

use crate::domain::Fault;

/// A version byte, a hash of 20 bytes and 4 bytes of checksum.
const CHECKED_BYTES: usize = 25;

/// The bytes of a text without checksum.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Fault> {
    base58::decode(text).map_err(|_| Fault::new("holds a character that is not base58"))
}

/// The version byte and the hash of an address with checksum.
pub(super) fn decode_address(text: &str) -> Result<[u8; 21], Fault> {
    const CHECKSUM: Fault = Fault::new("has a wrong base58 checksum");
    if decode(text)?.len() != CHECKED_BYTES {
        return Err(Fault::new("has the wrong length: base58 of 21 bytes and a checksum of 4 is wanted"));
    }
    base58::decode_check(text).map_err(|_| CHECKSUM)?.try_into().map_err(|_| CHECKSUM)
}
