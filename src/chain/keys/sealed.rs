//! A secret as the database keeps it: encrypted, and bound to its place.

use std::fmt;

use aes_gcm_siv::aead::{AeadInPlace, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce, Tag};
use rand::TryRngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use super::KeyError;
use super::wipe::wiped;

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Where in the database a secret stands. What is sealed for one place opens in no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The key of the row: the 16 bytes of its id, where it has one.
    pub row: &'a [u8],
    /// The column.
    pub column: &'static str,
}

impl Place<'_> {
    /// Table, row and column each after its length, then the version: no two places have the same.
    fn associated(self, version: u32) -> Vec<u8> {
        let mut data = Vec::new();
        for part in [self.table.as_bytes(), self.row, self.column.as_bytes()] {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        data.extend_from_slice(&version.to_be_bytes());
        data
    }
}

/// A sealed secret: AES-256-GCM-SIV (RFC 8452).
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The version of the master key under which it is sealed.
    pub version: u32,
    /// The nonce of 12 bytes, the ciphertext, and the tag of 16 bytes.
    pub bytes: Vec<u8>,
}

impl Sealed {
    pub(super) fn seal(key: &[u8], version: u32, place: Place<'_>, plain: &[u8]) -> Result<Self, KeyError> {
        let mut nonce = Nonce::default();
        OsRng.try_fill_bytes(&mut nonce).map_err(KeyError::Randomness)?;
        // Room for all from the start: a vector that grows leaves a copy behind.
        let mut text = Zeroizing::new(Vec::with_capacity(NONCE_BYTES + plain.len() + TAG_BYTES));
        text.extend_from_slice(&nonce);
        text.extend_from_slice(plain);
        let associated = place.associated(version);
        let tag = wiped(|| {
            let cipher =
                Aes256GcmSiv::new_from_slice(key).map_err(|_| KeyError::Refused("AES-256-GCM-SIV"))?;
            cipher
                .encrypt_in_place_detached(&nonce, &associated, &mut text[NONCE_BYTES..])
                .map_err(|_| KeyError::Refused("AES-256-GCM-SIV"))
        })?;
        text.extend_from_slice(&tag);
        Ok(Self { version, bytes: std::mem::take(&mut *text) })
    }

    pub(super) fn open(&self, key: &[u8], place: Place<'_>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let fails = || KeyError::DoesNotOpen(self.version);
        let (nonce, rest) = self.bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(fails)?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or_else(fails)?;
        let mut plain = Zeroizing::new(text.to_vec());
        let associated = place.associated(self.version);
        wiped(|| {
            let cipher =
                Aes256GcmSiv::new_from_slice(key).map_err(|_| KeyError::Refused("AES-256-GCM-SIV"))?;
            cipher
                .decrypt_in_place_detached(&Nonce::from(*nonce), &associated, &mut plain, &Tag::from(*tag))
                .map_err(|_| fails())
        })?;
        Ok(plain)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("version", &self.version).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
