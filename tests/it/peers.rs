//! Implementations of others, against which ours is held.

mod smoke;

use std::io::Write;
use std::process::{Command, Stdio};

use purser::chain::address;
use purser::chain::keys::{AccountKey, Seed, Source, derive_checked};
use purser::domain::Scheme;

use crate::journal::size;

/// The schemes, in the order in which `peers/derive.py` answers.
const SCHEMES: [Scheme; 5] =
    [Scheme::Evm, Scheme::Tron, Scheme::Bitcoin, Scheme::BitcoinTestnet, Scheme::Solana];

/// KEY-1. From the seed and from the account's public key, as a wallet's address is really made: of 200 seeds, or
/// `PURSER_PROOF_KEY_1`, each at an index of its own.
#[test]
fn addresses_of_random_seeds_are_those_that_bip_utils_derives() {
    let Ok(python) = std::env::var("PURSER_TEST_BIP_UTILS") else {
        eprintln!(
            "SKIPPED: PURSER_TEST_BIP_UTILS names no Python with bip-utils, so addresses were NOT compared with it"
        );
        return;
    };
    let count = size("PURSER_PROOF_KEY_1", 200);
    let seeds: Vec<_> = (0..count).map(|n| (Seed::generate().unwrap(), index(n))).collect();
    let asked: String =
        seeds.iter().map(|(seed, index)| format!("{}\t{index}\n", *seed.mnemonic().unwrap())).collect();
    let answered = ask(&python, &asked);
    let answered: Vec<_> = answered.lines().collect();
    assert_eq!(answered.len(), count);
    for ((seed, index), theirs) in seeds.iter().zip(answered) {
        let theirs: Vec<_> = theirs.split('\t').collect();
        assert_eq!(SCHEMES.map(|scheme| ours(seed, scheme, *index)), *theirs, "at index {index}");
    }
    eprintln!("KEY-1: {count} seeds by {} schemes: every address as bip-utils derives it", SCHEMES.len());
}

/// The first ones, the last one, and others.
fn index(n: usize) -> u32 {
    const LAST: u32 = (1 << 31) - 1;
    match n {
        0..4 => u32::try_from(n).unwrap(),
        4 => LAST,
        _ => rand::random_range(0..LAST),
    }
}

fn ours(seed: &Seed, scheme: Scheme, index: u32) -> String {
    let key = derive_checked(scheme, Source::Seed(seed), index).unwrap();
    if scheme != Scheme::Solana {
        let account = AccountKey::from_seed(scheme, seed).unwrap();
        assert_eq!(derive_checked(scheme, Source::Account(&account), index).unwrap(), key);
    }
    address::of_public_key(scheme, &key).unwrap().as_str().to_owned()
}

fn ask(python: &str, lines: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/derive.py");
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = lines.to_owned();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}
