//! The seed of a domain: the one secret from which all its keys come (BIP-39).

use std::fmt;

use bip39::{Language, Mnemonic};
use rand::TryRngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use super::wipe::wiped;
use super::{KeyError, second};

/// 256 bits: 24 words.
const ENTROPY_BYTES: usize = 32;
/// What PBKDF2 makes of the words.
const SEED_BYTES: usize = 64;

/// A BIP-39 seed without a passphrase, and the entropy of its English words.
pub struct Seed {
    /// The entropy, then the seed: always on the heap, at one place, from which it is wiped.
    bytes: Zeroizing<Vec<u8>>,
}

impl Seed {
    /// A new seed of 24 words, from the randomness of the operating system.
    ///
    /// # Errors
    ///
    /// [`KeyError::Randomness`]; [`KeyError::DerivationsDiffer`] where two libraries make different seeds of the words.
    pub fn generate() -> Result<Self, KeyError> {
        let mut entropy = Zeroizing::new([0; ENTROPY_BYTES]);
        OsRng.try_fill_bytes(&mut *entropy).map_err(KeyError::Randomness)?;
        wiped(|| Self::of(&mnemonic_of(&*entropy)?, ""))
    }

    /// What was sealed.
    ///
    /// That the seed is that of the entropy is not computed again, which takes 2,048 hashes: what is sealed opens as it
    /// was sealed or not at all.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotASeed`] where it has not the length of one.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        if bytes.len() == ENTROPY_BYTES + SEED_BYTES { Ok(Self { bytes }) } else { Err(KeyError::NotASeed) }
    }

    /// What is to be sealed: the entropy, then the 64 bytes of the seed.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.bytes.clone()
    }

    /// The words, for whoever is to recover the funds elsewhere.
    ///
    /// They are answered only if the seed comes of them, since words that recover something else are worse than none.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotASeed`] where they do not, else as [`Seed::generate`].
    pub fn mnemonic(&self) -> Result<Zeroizing<String>, KeyError> {
        wiped(|| {
            let mnemonic = mnemonic_of(self.entropy())?;
            if Self::of(&mnemonic, "")?.bytes != self.bytes {
                return Err(KeyError::NotASeed);
            }
            Ok(text_of(&mnemonic))
        })
    }

    /// The 64 bytes that the derivations begin with.
    pub(super) fn as_seed(&self) -> &[u8] {
        &self.bytes[self.bytes.len() - SEED_BYTES..]
    }

    fn entropy(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - SEED_BYTES]
    }

    fn of(mnemonic: &Mnemonic, passphrase: &str) -> Result<Self, KeyError> {
        let seed = Zeroizing::new(mnemonic.to_seed_normalized(passphrase));
        if *seed != *second::seed_of(&text_of(mnemonic), passphrase)?.as_flattened() {
            return Err(KeyError::DerivationsDiffer);
        }
        let (entropy, length) = mnemonic.to_entropy_array();
        let entropy = Zeroizing::new(entropy);
        // Room for all from the start: a vector that grows leaves a copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(length + SEED_BYTES));
        bytes.extend_from_slice(&entropy[..length]);
        bytes.extend_from_slice(&*seed);
        Ok(Self { bytes })
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

fn mnemonic_of(entropy: &[u8]) -> Result<Mnemonic, KeyError> {
    Mnemonic::from_entropy_in(Language::English, entropy).map_err(|_| KeyError::NotASeed)
}

fn text_of(mnemonic: &Mnemonic) -> Zeroizing<String> {
    let length = mnemonic.words().map(|it| it.len() + 1).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for word in mnemonic.words() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests;
