//! The only place where secrets exist: the master keys, the sealed seeds, and what is derived from them.
//!
//! Nothing secret leaves it but a mnemonic that is exported on purpose. No type here shows a secret in `Debug`, no error
//! holds one, and each overwrites its memory when it is dropped.
//!
//! - [`KeyRing`] seals secrets for the database and opens them again, under the keys of the master key file.
//! - [`Seed`] is the one secret of a domain. [`AccountKey`] is what is enough of it to derive secp256k1 addresses.
//! - [`derive_checked`] derives the public key of an address by two libraries and answers only where they agree.

mod checked;
mod derive;
mod error;
mod extended;
mod key_ring;
mod mac;
mod master;
mod sealed;
mod second;
mod seed;
#[cfg(test)]
mod tests;
mod wipe;

pub use checked::{Source, derive_checked};
pub use derive::AccountKey;
pub use error::KeyError;
pub use key_ring::KeyRing;
pub use master::MasterKeys;
pub use sealed::{Place, Sealed};
pub use seed::Seed;
