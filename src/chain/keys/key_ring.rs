//! The master keys as the whole server shares them.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use zeroize::Zeroizing;

use super::{KeyError, MasterKeys, Place, Sealed};

/// Seals secrets and opens them, under the keys of one master key file that may gain versions meanwhile.
///
/// Its methods may read that file, which is small; they wait for nothing else.
#[derive(Debug)]
pub struct KeyRing {
    path: PathBuf,
    keys: RwLock<Arc<MasterKeys>>,
}

impl KeyRing {
    /// Reads the keys.
    ///
    /// # Errors
    ///
    /// As [`MasterKeys::read`].
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, KeyError> {
        let path = path.into();
        let keys = MasterKeys::read(&path)?.into();
        Ok(Self { path, keys: RwLock::new(keys) })
    }

    /// Seals a secret for its place under the newest key.
    ///
    /// It reads the file first. What is sealed is worth nothing without its key, so it is never sealed under one that is
    /// no longer on disk, and once a rotation has written a newer key nothing more is sealed under the one before.
    ///
    /// # Errors
    ///
    /// As [`MasterKeys::read`]; [`KeyError::File`] where a version in it is no longer the key that it was, and then the
    /// keys stay as they were; [`KeyError::Randomness`].
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Sealed, KeyError> {
        self.read_again()?.seal(place, plain)
    }

    /// Opens what was sealed for this place. A version that is not known makes it read the file again, once.
    ///
    /// # Errors
    ///
    /// [`KeyError::DoesNotOpen`], [`KeyError::UnknownVersion`], or as [`KeyRing::seal`] where it had to.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let current = self.current();
        let keys = if current.has(sealed.version) { current } else { self.read_again()? };
        keys.open(place, sealed)
    }

    fn current(&self) -> Arc<MasterKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn read_again(&self) -> Result<Arc<MasterKeys>, KeyError> {
        let keys = Arc::new(MasterKeys::read(&self.path)?);
        let mut held = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        // A file that was made anew has a version 1 too, and opens nothing that the old one sealed.
        if !keys.agrees_with(&held) {
            return Err(KeyError::file(&self.path, "a version in it is no longer the key that it was"));
        }
        // Of two that read at once, the one that read first may come here last.
        if keys.newest() >= held.newest() {
            *held = Arc::clone(&keys);
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests;
