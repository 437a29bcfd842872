use super::*;
use crate::chain::keys::tests::bip39;

impl Seed {
    /// The seed of the words of a public vector, of which there may be fewer than 24.
    pub(in crate::chain::keys) fn from_mnemonic(words: &str) -> Self {
        Self::of(&parse(words), "").unwrap()
    }
}

fn parse(words: &str) -> Mnemonic {
    Mnemonic::parse_in_normalized(Language::English, words).unwrap()
}

#[test]
fn the_vectors_of_bip_39_hold() {
    let vectors = bip39();
    assert_eq!(vectors.len(), 24);
    for vector in vectors {
        let mnemonic = parse(&vector.mnemonic);
        let seed = Seed::of(&mnemonic, "TREZOR").unwrap();
        assert_eq!(seed.as_seed(), vector.seed());
        assert_eq!(seed.entropy(), vector.entropy());
        assert_eq!(*text_of(&mnemonic_of(&vector.entropy()).unwrap()), vector.mnemonic);
        assert_eq!(*Seed::from_mnemonic(&vector.mnemonic).mnemonic().unwrap(), vector.mnemonic);
    }
}

#[test]
fn a_new_seed_is_24_words_and_96_bytes_and_never_the_same() {
    let mut all = std::collections::HashSet::new();
    for _ in 0..50 {
        let seed = Seed::generate().unwrap();
        let words = seed.mnemonic().unwrap();
        assert_eq!(words.split(' ').count(), 24);
        assert_eq!(words.capacity(), words.len() + 1, "it did not grow");
        assert_eq!(seed.to_bytes().len(), 96);
        assert_eq!(seed.bytes.capacity(), 96, "it did not grow");
        assert_eq!(Seed::from_mnemonic(&words).bytes, seed.bytes);
        assert_eq!(Seed::from_bytes(seed.to_bytes()).unwrap().bytes, seed.bytes);
        assert!(all.insert(seed.entropy().to_vec()));
    }
}

#[test]
fn only_bytes_with_the_length_of_a_seed_are_one() {
    for length in 0..200 {
        let seed = Seed::from_bytes(vec![7; length].into());
        assert_eq!(seed.is_ok(), (length == 96), "{length}");
    }
    assert!(matches!(Seed::from_bytes(vec![7; 64].into()), Err(KeyError::NotASeed)));
}

/// Sabotage: answer the words of the entropy without the comparison.
#[test]
fn words_that_would_recover_another_seed_are_not_answered() {
    let seed = Seed::generate().unwrap();
    for at in [0, 31, 32, 95] {
        let mut bytes = seed.to_bytes();
        bytes[at] ^= 1;
        assert!(matches!(Seed::from_bytes(bytes).unwrap().mnemonic(), Err(KeyError::NotASeed)), "{at}");
    }
}
