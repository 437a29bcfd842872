use super::*;
use crate::chain::keys::tests::bip39;

const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

#[test]
fn the_vectors_of_bip_39_hold() {
    let vectors = bip39();
    assert_eq!(vectors.len(), 24);
    for vector in vectors {
        let mnemonic = parse(&vector.mnemonic).unwrap();
        let seed = Seed::of(&mnemonic, "TREZOR").unwrap();
        assert_eq!(seed.as_seed(), vector.seed());
        assert_eq!(seed.entropy(), vector.entropy());
        assert_eq!(*text_of(&mnemonic_of(&vector.entropy()).unwrap()), vector.mnemonic);
        assert_eq!(*Seed::from_mnemonic(&vector.mnemonic).unwrap().mnemonic().unwrap(), vector.mnemonic);
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
        assert_eq!(Seed::from_mnemonic(&words).unwrap().bytes, seed.bytes);
        assert_eq!(Seed::from_bytes(seed.to_bytes()).unwrap().bytes, seed.bytes);
        assert!(all.insert(seed.entropy().to_vec()));
    }
}

#[test]
fn only_bytes_with_the_length_of_a_seed_are_one() {
    for length in 0..200 {
        let seed = Seed::from_bytes(vec![7; length].into());
        assert_eq!(seed.is_ok(), [80, 84, 88, 92, 96].contains(&length), "{length}");
    }
    assert!(matches!(Seed::from_bytes(vec![7; 64].into()), Err(KeyError::NotASeed)));
}

/// Sabotage: answer the words of the entropy without the comparison.
#[test]
fn words_that_would_recover_another_seed_are_not_answered() {
    let seed = Seed::from_mnemonic(WORDS).unwrap();
    for at in [0, 15, 16, 79] {
        let mut bytes = seed.to_bytes();
        bytes[at] ^= 1;
        assert!(matches!(Seed::from_bytes(bytes).unwrap().mnemonic(), Err(KeyError::NotASeed)), "{at}");
    }
}

#[test]
fn what_is_wrong_with_a_mnemonic_is_told_without_a_word_of_it() {
    let count = "the mnemonic must be 12, 15, 18, 21 or 24 words";
    let word = "the mnemonic must be English BIP-39 words in lower case: word 12 is none";
    let checksum = "the mnemonic must be the words in their order: their checksum is wrong";
    let but_last = WORDS.strip_suffix(" about").unwrap();
    for (words, fault) in [
        (String::new(), count),
        (but_last.to_owned(), count),
        (format!("{WORDS} about"), count),
        (format!("{WORDS} {WORDS} {WORDS}"), count),
        (format!("{but_last} canary"), word),
        (format!("{but_last} About"), word),
        (format!("{but_last} abandon"), checksum),
        (format!("about {but_last}"), checksum),
    ] {
        assert_eq!(Seed::from_mnemonic(&words).unwrap_err().to_string(), fault, "{words}");
    }
    assert!(Seed::from_mnemonic(&WORDS.replace(' ', "\n  ")).is_ok());
}
