//! The derivation whose answer is stored: made twice, and refused where the two differ.

use super::derive::ed25519_at;
use super::wipe::wiped;
use super::{AccountKey, KeyError, Seed, second};
use crate::chain::address::PublicKey;
use crate::domain::Scheme;

/// What the keys of a scheme come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// The seed of the domain: for every scheme.
    Seed(&'a Seed),
    /// The account of a secp256k1 scheme, which needs no secret and is many times faster.
    Account(&'a AccountKey),
}

/// The public key of the address of a scheme at an index, derived by two libraries.
///
/// # Errors
///
/// [`KeyError::DerivationsDiffer`] where they do not agree: a fault of this machine, after which nothing may be stored.
/// [`KeyError::NoKey`] at 2^31 and above. [`KeyError::WrongSource`] for the account of another scheme.
pub fn derive_checked(scheme: Scheme, source: Source<'_>, index: u32) -> Result<PublicKey, KeyError> {
    let (first, second) = match (scheme, source) {
        (Scheme::Solana, Source::Seed(seed)) => {
            (ed25519_at(seed, index)?, wiped(|| second::ed25519_at(seed.as_seed(), index))?)
        }
        (_, Source::Seed(seed)) => by_account(&AccountKey::from_seed(scheme, seed)?, index)?,
        (_, Source::Account(account)) if account.scheme() == scheme => by_account(account, index)?,
        (_, Source::Account(_)) => return Err(KeyError::WrongSource(scheme)),
    };
    if first == second { Ok(first) } else { Err(KeyError::DerivationsDiffer) }
}

fn by_account(account: &AccountKey, index: u32) -> Result<(PublicKey, PublicKey), KeyError> {
    Ok((account.child(index)?, account.second_child(index)?))
}

#[cfg(test)]
mod tests;
