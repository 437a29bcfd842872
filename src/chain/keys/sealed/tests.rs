use aes_gcm_siv::aead::{Aead, Payload};

use super::*;

const KEY: [u8; 32] = [9; 32];
const ROW: [u8; 16] = [3; 16];
const PLACE: Place<'_> = Place { table: "domain_seeds", row: &ROW, column: "sealed" };

fn sealed() -> Sealed {
    Sealed::seal(&KEY, 1, PLACE, &[0xab; 96]).unwrap()
}

#[test]
fn what_is_sealed_opens_in_its_place() {
    for plain in [&[][..], b"x", &[0xab; 96], &[1; 5000]] {
        let sealed = Sealed::seal(&KEY, 7, PLACE, plain).unwrap();
        assert_eq!((sealed.version, sealed.bytes.len()), (7, 12 + plain.len() + 16));
        assert_eq!(**sealed.open(&KEY, PLACE).unwrap(), *plain);
    }
}

/// The form is for ever: another program with the master key and RFC 8452 can open what was sealed.
#[test]
fn it_is_aes_256_gcm_siv_with_the_lengths_and_names_of_the_place_and_the_version() {
    let mut aad = vec![0, 0, 0, 0, 0, 0, 0, 12];
    aad.extend(b"domain_seeds");
    aad.extend([0, 0, 0, 0, 0, 0, 0, 16]);
    aad.extend(ROW);
    aad.extend([0, 0, 0, 0, 0, 0, 0, 6]);
    aad.extend(b"sealed");
    aad.extend([0, 0, 0, 1]);
    let Sealed { bytes, .. } = sealed();
    let payload = Payload { msg: &bytes[12..], aad: &aad };
    let cipher = Aes256GcmSiv::new_from_slice(&KEY).unwrap();
    assert_eq!(
        cipher.decrypt(&Nonce::from(<[u8; 12]>::try_from(&bytes[..12]).unwrap()), payload).unwrap(),
        [0xab; 96]
    );
}

/// KEY-3. Sabotage: leave the associated data out, or one part of it.
#[test]
fn it_opens_in_no_other_row_column_table_or_version() {
    let good = sealed();
    let refused = |sealed: &Sealed, place: Place<'_>| {
        assert!(matches!(sealed.open(&KEY, place), Err(KeyError::DoesNotOpen(_))), "{place:?}");
    };
    for at in 0..ROW.len() {
        let mut row = ROW;
        row[at] ^= 1;
        refused(&good, Place { row: &row, ..PLACE });
    }
    refused(&good, Place { row: &[], ..PLACE });
    refused(&good, Place { row: &ROW[..15], ..PLACE });
    for table in ["", "domain_seed", "domain_seedss", "webhook_endpoints"] {
        refused(&good, Place { table, ..PLACE });
    }
    for column in ["", "seale", "sealedd", "secret"] {
        refused(&good, Place { column, ..PLACE });
    }
    // Also where two versions should hold the same key.
    for version in [0, 2, u32::MAX] {
        refused(&Sealed { version, ..good.clone() }, PLACE);
    }
}

#[test]
fn a_boundary_between_table_row_and_column_cannot_be_moved() {
    let places = [
        Place { table: "ab", row: b"c", column: "d" },
        Place { table: "a", row: b"bc", column: "d" },
        Place { table: "ab", row: b"", column: "cd" },
        Place { table: "", row: b"abcd", column: "" },
        Place { table: "ab", row: b"cd", column: "" },
    ];
    for from in places {
        let sealed = Sealed::seal(&KEY, 1, from, b"secret").unwrap();
        for to in places {
            assert_eq!(sealed.open(&KEY, to).is_ok(), from == to, "{from:?} {to:?}");
        }
    }
}

/// KEY-3.
#[test]
fn every_flipped_bit_of_nonce_ciphertext_and_tag_is_refused() {
    let good = sealed();
    let mut flips = 0;
    for at in 0..good.bytes.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad.bytes[at] ^= 1 << bit;
            assert!(matches!(bad.open(&KEY, PLACE), Err(KeyError::DoesNotOpen(1))), "byte {at}, bit {bit}");
            flips += 1;
        }
    }
    assert_eq!(flips, (12 + 96 + 16) * 8);
    assert!(good.open(&KEY, PLACE).is_ok());
}

#[test]
fn what_is_cut_short_or_made_longer_or_of_another_key_is_refused() {
    let good = sealed();
    for length in 0..good.bytes.len() {
        let bad = Sealed { version: 1, bytes: good.bytes[..length].to_vec() };
        assert!(matches!(bad.open(&KEY, PLACE), Err(KeyError::DoesNotOpen(1))), "{length}");
    }
    let mut longer = good.clone();
    longer.bytes.push(0);
    assert!(longer.open(&KEY, PLACE).is_err());
    for at in 0..KEY.len() {
        let mut key = KEY;
        key[at] ^= 0x80;
        assert!(good.open(&key, PLACE).is_err());
    }
    assert!(matches!(good.open(&KEY[1..], PLACE), Err(KeyError::Refused(_))));
}

#[test]
fn the_same_secret_is_never_sealed_to_the_same_bytes() {
    let all: std::collections::HashSet<_> = (0..1000).map(|_| sealed().bytes[..12].to_vec()).collect();
    assert_eq!(all.len(), 1000);
}
