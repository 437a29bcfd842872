//! The second derivation, by other libraries than the first: BIP-39 and BIP-32 by `sha2` and `k256`, SLIP-0010 by `ring`.
//!
//! It shares with the first neither code nor tables, and is short enough to be compared with the standards by eye. A bug
//! in one library, a bit that flips, a wrong path: each makes the two differ.

use hmac::Mac;
use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::group::GroupEncoding;
use k256::{ProjectivePoint, Scalar};
use ring::hmac::{Context, HMAC_SHA512, Key};
use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use super::KeyError;
use super::mac::{Halves, finish, hmac_sha512, keyed};
use crate::chain::address::PublicKey;
use crate::domain::Scheme;

const HARDENED: u32 = 1 << 31;

/// The seed of a mnemonic: PBKDF2 with HMAC-SHA-512, 2,048 rounds, one block.
pub(super) fn seed_of(words: &str, passphrase: &str) -> Result<Halves, KeyError> {
    let mac = keyed(words.as_bytes())?;
    let block = 1_u32.to_be_bytes();
    let first = [b"mnemonic", passphrase.as_bytes(), &block].into_iter().fold(mac.clone(), Mac::chain_update);
    let mut last = finish(first);
    let mut seed = last.clone();
    for _ in 1..2048 {
        last = finish(mac.clone().chain_update(last.as_flattened()));
        for (byte, other) in seed.as_flattened_mut().iter_mut().zip(last.as_flattened()) {
            *byte ^= other;
        }
    }
    Ok(seed)
}

/// The node of a scheme's account.
pub(super) fn account(scheme: Scheme, seed: &[u8]) -> Result<PublicNode, KeyError> {
    let (purpose, coin) = match scheme {
        Scheme::Evm => (44, 60),
        Scheme::Tron => (44, 195),
        Scheme::Bitcoin => (84, 0),
        Scheme::BitcoinTestnet => (84, 1),
        Scheme::Solana => return Err(KeyError::WrongSource(scheme)),
    };
    PrivateNode::at(seed, &[purpose, coin, 0].map(hardened))?.public()
}

/// The public key of a Solana address.
pub(super) fn ed25519_at(seed: &[u8], index: u32) -> Result<PublicKey, KeyError> {
    if index >= HARDENED {
        return Err(KeyError::NoKey);
    }
    let node = ed25519_node(seed, &[44, 501, index, 0].map(hardened));
    ed25519_public(&node).map(PublicKey::Ed25519)
}

fn ed25519_node(seed: &[u8], path: &[u32]) -> Halves {
    let step = |node: Halves, step: &u32| {
        let [key, chain_code] = &*node;
        ring_hmac(chain_code, &[&[0], key, &step.to_be_bytes()])
    };
    path.iter().fold(ring_hmac(b"ed25519 seed", &[seed]), step)
}

fn ed25519_public(node: &Halves) -> Result<[u8; 32], KeyError> {
    let refused = KeyError::Refused("Ed25519");
    let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(&node[0]) else { return Err(refused) };
    pair.public_key().as_ref().try_into().map_err(|_| refused)
}

fn ring_hmac(key: &[u8], parts: &[&[u8]]) -> Halves {
    let mut context = Context::with_key(&Key::new(HMAC_SHA512, key));
    for part in parts {
        context.update(part);
    }
    let mut halves = Halves::default();
    halves.as_flattened_mut().copy_from_slice(context.sign().as_ref());
    halves
}

/// A private key of BIP-32 and its chain code.
struct PrivateNode {
    key: Zeroizing<Scalar>,
    chain_code: Zeroizing<[u8; 32]>,
}

impl PrivateNode {
    fn at(seed: &[u8], path: &[u32]) -> Result<Self, KeyError> {
        let master = Self::of(&hmac_sha512(b"Bitcoin seed", &[seed])?, &Scalar::ZERO)?;
        path.iter().try_fold(master, |node, step| node.child(*step))
    }

    /// The private key and chain code one step below (`CKDpriv`).
    fn child(&self, step: u32) -> Result<Self, KeyError> {
        let mut parent = Zeroizing::new([0; 33]);
        if step & HARDENED == 0 {
            *parent = self.public()?.public_key;
        } else {
            parent[1..].copy_from_slice(&self.key.to_bytes());
        }
        Self::of(&hmac_sha512(&*self.chain_code, &[&*parent, &step.to_be_bytes()])?, &self.key)
    }

    fn of(halves: &Halves, parent: &Scalar) -> Result<Self, KeyError> {
        let [left, chain_code] = &**halves;
        let key = Zeroizing::new(*Zeroizing::new(scalar(left)?) + parent);
        if key.is_zero().into() {
            return Err(KeyError::NoKey);
        }
        Ok(Self { key, chain_code: Zeroizing::new(*chain_code) })
    }

    fn public(&self) -> Result<PublicNode, KeyError> {
        PublicNode::of(ProjectivePoint::mul_by_generator(&self.key), *self.chain_code)
    }
}

/// A public key of BIP-32 and its chain code.
#[derive(Clone)]
pub(super) struct PublicNode {
    point: ProjectivePoint,
    public_key: [u8; 33],
    chain_code: [u8; 32],
}

impl PublicNode {
    /// Nothing, if it is not a point of the curve.
    pub(super) fn new(public_key: [u8; 33], chain_code: [u8; 32]) -> Option<Self> {
        let point = ProjectivePoint::from_bytes(&public_key.into()).into_option()?;
        Self::of(point, chain_code).ok().filter(|it| it.public_key == public_key)
    }

    /// The compressed point.
    pub(super) const fn public_key(&self) -> [u8; 33] {
        self.public_key
    }

    pub(super) fn is(&self, public_key: [u8; 33], chain_code: [u8; 32]) -> bool {
        self.public_key == public_key && self.chain_code == chain_code
    }

    /// The public key and chain code one step below (`CKDpub`).
    pub(super) fn child(&self, index: u32) -> Result<Self, KeyError> {
        if index >= HARDENED {
            return Err(KeyError::NoKey);
        }
        let halves = hmac_sha512(&self.chain_code, &[&self.public_key, &index.to_be_bytes()])?;
        let [left, chain_code] = &*halves;
        // What is multiplied is no secret to whoever has this key, so it need not take the same time always.
        let tweak = ProjectivePoint::mul_by_generator_vartime(&scalar(left)?);
        Self::of(tweak + self.point, *chain_code)
    }

    fn of(point: ProjectivePoint, chain_code: [u8; 32]) -> Result<Self, KeyError> {
        if point == ProjectivePoint::IDENTITY {
            return Err(KeyError::NoKey);
        }
        Ok(Self { point, public_key: point.to_bytes().into(), chain_code })
    }
}

const fn hardened(index: u32) -> u32 {
    index | HARDENED
}

fn scalar(bytes: &[u8; 32]) -> Result<Scalar, KeyError> {
    Scalar::from_repr((*bytes).into()).into_option().ok_or(KeyError::NoKey)
}

#[cfg(test)]
mod tests;
