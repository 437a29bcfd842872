use std::fs;

use super::*;
use crate::chain::keys::tests::key_file;

const PLACE: Place<'_> = Place { table: "domain_seeds", row: &[3; 16], column: "sealed" };

#[test]
fn what_is_sealed_before_a_rotation_opens_after_it() {
    let (_folder, path) = key_file();
    let ring = KeyRing::read(&path).unwrap();
    let old = ring.seal(PLACE, b"old").unwrap();
    assert_eq!(MasterKeys::add_version(&path).unwrap(), 2);
    let new = ring.seal(PLACE, b"new").unwrap();
    assert_eq!((old.version, new.version, ring.current().newest()), (1, 2, 2));
    for ring in [ring, KeyRing::read(&path).unwrap()] {
        assert_eq!(**ring.open(PLACE, &old).unwrap(), *b"old");
        assert_eq!(**ring.open(PLACE, &new).unwrap(), *b"new");
    }
}

#[test]
fn a_version_that_is_not_known_makes_it_read_the_file_again_once() {
    let (_folder, path) = key_file();
    let (serving, rotating) = (KeyRing::read(&path).unwrap(), KeyRing::read(&path).unwrap());
    MasterKeys::add_version(&path).unwrap();
    let sealed = rotating.seal(PLACE, b"secret").unwrap();
    assert_eq!((sealed.version, serving.current().newest()), (2, 1));
    assert_eq!(**serving.open(PLACE, &sealed).unwrap(), *b"secret");
    assert_eq!(serving.current().newest(), 2);
    let unknown = Sealed { version: 9, ..sealed };
    assert!(matches!(serving.open(PLACE, &unknown), Err(KeyError::UnknownVersion(9))));
}

#[test]
fn what_it_knows_opens_without_the_file() {
    let (_folder, path) = key_file();
    let ring = KeyRing::read(&path).unwrap();
    let sealed = ring.seal(PLACE, b"secret").unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(**ring.open(PLACE, &sealed).unwrap(), *b"secret");
    assert!(matches!(ring.open(PLACE, &Sealed { version: 2, ..sealed }), Err(KeyError::Io { .. })));
}

/// Sabotage: seal with what is held in memory.
#[test]
fn nothing_is_sealed_under_a_key_that_is_not_on_disk() {
    let (_folder, path) = key_file();
    let ring = KeyRing::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(ring.seal(PLACE, b"secret"), Err(KeyError::Io { .. })));
}

#[test]
fn a_file_in_which_a_version_is_another_key_is_refused_and_the_old_keys_stay() {
    let (_folder, path) = key_file();
    let ring = KeyRing::read(&path).unwrap();
    let sealed = ring.seal(PLACE, b"secret").unwrap();
    fs::remove_file(&path).unwrap();
    MasterKeys::create(&path).unwrap();
    let message = ring.read_again().unwrap_err().to_string();
    assert!(message.ends_with("a version in it is no longer the key that it was"), "{message}");
    assert!(ring.seal(PLACE, b"secret").is_err());
    assert_eq!(**ring.open(PLACE, &sealed).unwrap(), *b"secret");
    let other = KeyRing::read(&path).unwrap();
    assert!(matches!(other.open(PLACE, &sealed), Err(KeyError::DoesNotOpen(1))));
}

#[test]
fn a_version_that_is_retired_from_the_file_is_forgotten() {
    let (_folder, path) = key_file();
    let ring = KeyRing::read(&path).unwrap();
    let sealed = ring.seal(PLACE, b"secret").unwrap();
    MasterKeys::add_version(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.lines().next_back().unwrap()).unwrap();
    ring.read_again().unwrap();
    assert!(matches!(ring.open(PLACE, &sealed), Err(KeyError::UnknownVersion(1))));
}
