//! The first derivation: BIP-32 by `bitcoin` and its libsecp256k1, SLIP-0010 by `sha2` and `ed25519-dalek`.

use std::fmt;
use std::sync::LazyLock;

use bitcoin::NetworkKind;
use bitcoin::bip32::{ChildNumber, DerivationPath, Xpriv, Xpub};
use bitcoin::secp256k1::{Secp256k1, VerifyOnly};
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::mac::{Halves, hmac_sha512};
use super::second::{self, PublicNode};
use super::wipe::wiped;
use super::{KeyError, Seed, extended};
use crate::chain::address::PublicKey;
use crate::domain::{Fault, Scheme};

static SECP: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// The account-level extended public key of a secp256k1 scheme, and all that is needed to derive its addresses fast.
///
/// It holds nothing secret and may stay in memory. It is not for everybody either: who has it knows every address of the
/// domain, and with one private key beside it, every other. So `Debug` does not show it.
#[derive(Clone)]
pub struct AccountKey {
    scheme: Scheme,
    account: Xpub,
    /// The node above the addresses, `0` below the account.
    receiving: Xpub,
    /// The same node by the second derivation, so that a bit that flips in memory does not go into both.
    second: PublicNode,
}

impl AccountKey {
    /// Derives it from a seed, twice.
    ///
    /// # Errors
    ///
    /// [`KeyError::WrongSource`] for a scheme of another curve, [`KeyError::DerivationsDiffer`].
    pub fn from_seed(scheme: Scheme, seed: &Seed) -> Result<Self, KeyError> {
        let network = network_of(scheme).ok_or(KeyError::WrongSource(scheme))?;
        let path = path_of(scheme, 0)?;
        let (account, _) = path[..].split_last_chunk::<2>().ok_or(KeyError::WrongSource(scheme))?;
        let account = wiped(|| account_at(seed.as_seed(), network, account))?;
        let second = wiped(|| second::account(scheme, seed.as_seed()))?;
        if !second.is(account.public_key.serialize(), *account.chain_code.as_ref()) {
            return Err(KeyError::DerivationsDiffer);
        }
        Self::of(scheme, account, &second)
    }

    /// Reads what a watch-only domain registers: `xpub` or, for Bitcoin, `zpub`; `tpub` or `vpub` for its test network.
    ///
    /// # Errors
    ///
    /// What is wrong with it, to the point; an extended private key is told apart and refused.
    pub fn parse(scheme: Scheme, text: &str) -> Result<Self, Fault> {
        const NONE: Fault = Fault::new("must be another key: addresses cannot be derived from this one");
        let network = network_of(scheme).ok_or(extended::NOT_EXTENDED)?;
        let account = extended::parse(scheme, network, text)?;
        let second = PublicNode::new(account.public_key.serialize(), *account.chain_code.as_ref());
        Self::of(scheme, account, &second.ok_or(NONE)?).map_err(|_| NONE)
    }

    /// The scheme whose addresses come of it.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its fingerprint (BIP-32), in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.account.fingerprint().to_string()
    }

    /// What it is told apart by: the point and the chain code, which alone decide on its addresses.
    #[must_use]
    pub fn identity(&self) -> Uuid {
        let digest = Sha256::new()
            .chain_update(self.account.public_key.serialize())
            .chain_update(self.account.chain_code)
            .finalize();
        Uuid::new_v8(digest.first_chunk().copied().unwrap_or_default())
    }

    /// The public key of the address at an index, by the first derivation only: what is stored comes from
    /// [`super::derive_checked`].
    ///
    /// # Errors
    ///
    /// [`KeyError::NoKey`] at 2^31 and above.
    pub fn child(&self, index: u32) -> Result<PublicKey, KeyError> {
        let child = self.receiving.ckd_pub(&SECP, normal(index)?).map_err(|_| KeyError::NoKey)?;
        Ok(PublicKey::Secp256k1(child.public_key.serialize()))
    }

    /// The same by the second derivation.
    pub(super) fn second_child(&self, index: u32) -> Result<PublicKey, KeyError> {
        Ok(PublicKey::Secp256k1(self.second.child(index)?.public_key()))
    }

    fn of(scheme: Scheme, account: Xpub, second: &PublicNode) -> Result<Self, KeyError> {
        let receiving = account.ckd_pub(&SECP, normal(0)?).map_err(|_| KeyError::NoKey)?;
        Ok(Self { scheme, account, receiving, second: second.child(0)? })
    }
}

/// As `xpub`, or `tpub` for a test network, whichever form it was read from.
impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.account.fmt(f)
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountKey").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// The public key of a Solana address, by the first derivation.
pub(super) fn ed25519_at(seed: &Seed, index: u32) -> Result<PublicKey, KeyError> {
    normal(index)?;
    let path: Vec<u32> = path_of(Scheme::Solana, index)?.into_iter().map(|it| u32::from(*it)).collect();
    wiped(|| Ok(PublicKey::Ed25519(ed25519_public(&ed25519_node(seed.as_seed(), &path)?))))
}

/// The private key and the chain code below an ed25519 seed. Each step must be hardened: there are no others.
fn ed25519_node(seed: &[u8], path: &[u32]) -> Result<Halves, KeyError> {
    let master = hmac_sha512(b"ed25519 seed", &[seed])?;
    path.iter().try_fold(master, |node, step| {
        let [key, chain_code] = &*node;
        hmac_sha512(chain_code, &[&[0], key, &step.to_be_bytes()])
    })
}

fn ed25519_public(node: &Halves) -> [u8; 32] {
    SigningKey::from_bytes(&node[0]).verifying_key().to_bytes()
}

fn account_at(seed: &[u8], network: NetworkKind, path: &[ChildNumber]) -> Result<Xpub, KeyError> {
    let secp = Secp256k1::signing_only();
    let master = Xpriv::new_master(network, seed).map_err(|_| KeyError::NoKey)?;
    let account = master.derive_priv(&secp, &path).map_err(|_| KeyError::NoKey)?;
    Ok(Xpub::from_priv(&secp, &account))
}

/// The path as it is shown beside the address, so that the two cannot part.
fn path_of(scheme: Scheme, index: u32) -> Result<DerivationPath, KeyError> {
    scheme.path(index).parse().map_err(|_| KeyError::Refused("the reader of derivation paths"))
}

fn normal(index: u32) -> Result<ChildNumber, KeyError> {
    ChildNumber::from_normal_idx(index).map_err(|_| KeyError::NoKey)
}

/// The kind of network that an extended key of the scheme is for; none where the curve has no such keys.
const fn network_of(scheme: Scheme) -> Option<NetworkKind> {
    match scheme {
        Scheme::Evm | Scheme::Tron | Scheme::Bitcoin => Some(NetworkKind::Main),
        Scheme::BitcoinTestnet => Some(NetworkKind::Test),
        Scheme::Solana => None,
    }
}

#[cfg(test)]
mod tests;
