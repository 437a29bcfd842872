use bitcoin::bip32::{Xpriv, Xpub};

use super::*;
use crate::chain::keys::tests::{addresses, bip32, bip39, slip10};

fn steps(path: &bitcoin::bip32::DerivationPath) -> Vec<u32> {
    path.into_iter().map(|it| u32::from(*it)).collect()
}

#[test]
fn the_vectors_of_bip_32_hold() {
    let vectors = bip32().valid;
    assert_eq!(vectors.len(), 17);
    for vector in vectors {
        let (private, public): (Xpriv, Xpub) = (vector.xprv.parse().unwrap(), vector.xpub.parse().unwrap());
        let node = PrivateNode::at(&vector.seed(), &steps(&vector.path())).unwrap();
        assert_eq!(node.key.to_bytes()[..], private.private_key[..]);
        assert_eq!(*node.chain_code, *AsRef::<[u8; 32]>::as_ref(&private.chain_code));
        assert!(node.public().unwrap().is(public.public_key.serialize(), *public.chain_code.as_ref()));
    }
}

#[test]
fn the_vectors_of_slip_0010_hold() {
    let vectors = slip10("secp256k1");
    assert_eq!(vectors.len(), 12);
    for vector in vectors {
        let node = PrivateNode::at(&vector.seed(), &vector.path()).unwrap();
        assert_eq!(node.key.to_bytes()[..], vector.private());
        assert_eq!(node.chain_code[..], vector.chain_code());
        assert_eq!(node.public().unwrap().public_key[..], vector.public());
    }
    let vectors = slip10("ed25519");
    assert_eq!(vectors.len(), 12);
    for vector in vectors {
        let node = ed25519_node(&vector.seed(), &vector.path());
        assert_eq!(node[0][..], vector.private());
        assert_eq!(node[1][..], vector.chain_code());
        assert_eq!(ed25519_public(&node).unwrap()[..], vector.public());
    }
}

#[test]
fn the_vectors_of_bip_39_hold() {
    for vector in bip39() {
        let seed = seed_of(&vector.mnemonic, "TREZOR").unwrap();
        assert_eq!(seed.as_flattened(), vector.seed());
        let private: Xpriv = vector.xprv.parse().unwrap();
        let node = PrivateNode::at(seed.as_flattened(), &[]).unwrap();
        assert_eq!(node.key.to_bytes()[..], private.private_key[..]);
        assert_eq!(node.chain_code[..], private.chain_code[..]);
    }
}

#[test]
fn the_known_addresses_come_of_it() {
    let vectors = addresses();
    assert_eq!(vectors.len(), 21);
    for vector in vectors {
        let seed = vector.seed();
        let key = if vector.coin == "solana" {
            PublicKey::Ed25519(ed25519_public(&ed25519_node(seed.as_seed(), &vector.steps())).unwrap())
        } else {
            let node = PrivateNode::at(seed.as_seed(), &vector.steps()).unwrap();
            PublicKey::Secp256k1(node.public().unwrap().public_key())
        };
        assert_eq!(vector.write(&key), vector.address, "{} {}", vector.coin, vector.path);
    }
}

#[test]
fn a_public_child_is_the_public_key_of_the_private_child() {
    let node = PrivateNode::at(&[5; 64], &[1, 2]).unwrap();
    let public = node.public().unwrap();
    for index in (0..50).chain([HARDENED - 1]) {
        let (of_private, of_public) = (node.child(index).unwrap(), public.child(index).unwrap());
        assert!(of_public.is(of_private.public().unwrap().public_key, *of_private.chain_code));
    }
    for index in [HARDENED, u32::MAX] {
        assert!(matches!(public.child(index), Err(KeyError::NoKey)));
    }
}

#[test]
fn what_is_no_point_or_no_scalar_is_no_key() {
    // The x of 7 is on no point: test vector 5 of BIP-32.
    let mut bad = [0; 33];
    (bad[0], bad[32]) = (2, 7);
    for key in [bad, [0; 33], [4; 33], [255; 33]] {
        assert!(PublicNode::new(key, [0; 32]).is_none());
    }
    let order = (-Scalar::ONE).to_bytes();
    let mut order: [u8; 32] = order.into();
    assert!(scalar(&order).is_ok());
    order[31] += 1;
    assert!(matches!(scalar(&order), Err(KeyError::NoKey)));
    assert!(PrivateNode::of(&Zeroizing::new([[0; 32]; 2]), &Scalar::ZERO).is_err());
    assert!(PublicNode::of(ProjectivePoint::IDENTITY, [0; 32]).is_err());
}
