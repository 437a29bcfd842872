use ::bitcoin::bip32::{DerivationPath, Xpriv};
use ::bitcoin::secp256k1::Secp256k1;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

const EVM: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const SEGWIT: &str = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
const LEGACY: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
const SOLANA: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
const TRON: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";

/// The seeds of the mnemonics in the vectors, by BIP-39 without a passphrase.
const SEEDS: [(&str, &str); 3] = [
    (
        "all all ",
        "c76c4ac4f4e4a00d6b274d5c39c700bb4a7ddc04fbc6f78e85ca75007b5b495f\
         74a9043eeb77bdd53aa6fc3a0e31462270316fa04b8c19114c8798706cd02ac8",
    ),
    (
        "abandon ",
        "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1\
         9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4",
    ),
    (
        "test ",
        "9dfc3c64c2f8bede1533b6a79f8570e5943e0b8fd1cf77107adf7b72cef42185\
         d564a3aee24cab43f80e3c4538087d70fc824eabbad596a23c97b6ee8322ccc0",
    ),
];

fn vectors() -> Value {
    let all = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/addresses.json"));
    serde_json::from_str(all).unwrap()
}

fn problem(network: Network, text: &str) -> String {
    parse(network, text).unwrap_err().problem().to_owned()
}

/// The public key at `path`, from the seed of `mnemonic`.
fn derived(mnemonic: &str, path: &str) -> PublicKey {
    let seed = SEEDS.iter().find(|it| mnemonic.starts_with(it.0)).unwrap().1;
    let curve = Secp256k1::new();
    let path: DerivationPath = path.parse().unwrap();
    let root = Xpriv::new_master(::bitcoin::Network::Bitcoin, &hex::decode(seed).unwrap()).unwrap();
    let key = root.derive_priv(&curve, &path).unwrap().private_key;
    PublicKey::Secp256k1(key.public_key(&curve).serialize())
}

mod vectors {
    use super::*;

    #[test]
    fn every_address_is_read_and_shown_as_it_stands() {
        let all = vectors();
        let all = all["vectors"].as_array().unwrap();
        assert_eq!(all.len(), 21);
        for vector in all {
            let network = match vector["coin"].as_str().unwrap() {
                "ETC" => Network::Ethereum,
                coin => coin.parse().unwrap(),
            };
            let text = vector["address"].as_str().unwrap();
            let address = parse(network, text).unwrap();
            assert_eq!((address.as_str(), address.family()), (text, network.info().family));
        }
    }

    #[test]
    fn every_address_of_secp256k1_is_made_from_its_key() {
        let all = vectors();
        let mut made = 0;
        for vector in all["vectors"].as_array().unwrap() {
            let path = vector["path"].as_str().unwrap();
            let scheme = match vector["coin"].as_str().unwrap() {
                "ETC" | "ethereum" => Scheme::Evm,
                "bitcoin" if path.starts_with("m/84'") => Scheme::Bitcoin,
                "tron" => Scheme::Tron,
                // Taproot and ed25519.
                _ => continue,
            };
            let key = derived(vector["mnemonic"].as_str().unwrap(), path);
            assert_eq!(of_public_key(scheme, &key).unwrap().as_str(), vector["address"], "{path}");
            made += 1;
        }
        assert_eq!(made, 15);
    }

    #[test]
    fn every_example_of_eip55_is_read_and_shown_as_it_stands() {
        let all = vectors();
        let all = all["eip55"].as_array().unwrap();
        assert_eq!(all.len(), 8);
        for text in all {
            let text = text.as_str().unwrap();
            for network in Network::ALL.iter().filter(|it| it.info().family == Family::Evm) {
                assert_eq!(parse(*network, text).unwrap().as_str(), text);
            }
        }
    }
}

#[test]
fn every_contract_of_the_table_of_networks_is_an_address_in_display_form() {
    for network in Network::ALL {
        for contract in network.info().tokens.iter().filter_map(|it| it.contract) {
            assert_eq!(parse(*network, contract).unwrap().as_str(), contract, "{network}");
        }
    }
}

#[test]
fn an_address_is_the_same_on_every_network_of_its_family_but_the_bitcoin_ones() {
    for (family, text) in [(Family::Evm, EVM), (Family::Solana, SOLANA), (Family::Tron, TRON)] {
        for network in Network::ALL {
            let parsed = parse(*network, text);
            assert_eq!(parsed.is_ok(), network.info().family == family, "{network} {text}");
        }
    }
}

#[test]
fn an_address_of_another_family_is_called_so() {
    for (network, text, expected) in [
        (Network::Ethereum, SEGWIT, "is a Bitcoin address, not an EVM one"),
        (Network::Ethereum, SOLANA, "is a Solana address, not an EVM one"),
        (Network::Ethereum, TRON, "is a Tron address, not an EVM one"),
        (Network::Bitcoin, EVM, "is an EVM address, not a Bitcoin one"),
        (Network::Bitcoin, SOLANA, "is a Solana address, not a Bitcoin one"),
        (Network::BitcoinTestnet, TRON, "is a Tron address, not a Bitcoin one"),
        (Network::Solana, EVM, "is an EVM address, not a Solana one"),
        (Network::Solana, LEGACY, "is a Bitcoin address, not a Solana one"),
        (Network::SolanaDevnet, TRON, "is a Tron address, not a Solana one"),
        (Network::Tron, EVM, "is an EVM address, not a Tron one"),
        (Network::Tron, LEGACY, "is a Bitcoin address, not a Tron one"),
        (Network::Tron, "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "is a Bitcoin address, not a Tron one"),
        (Network::Tron, SOLANA, "is a Solana address, not a Tron one"),
    ] {
        assert_eq!(problem(network, text), expected, "{network} {text}");
    }
}

#[test]
fn what_is_an_address_of_no_family_has_the_fault_of_the_one_asked_for() {
    // Mixed case with a wrong checksum is no EVM address, hexadecimal without a checksum no Tron one.
    assert_eq!(problem(Network::Tron, &EVM.replace("Aed", "aed")), "holds a character that is not base58");
    let hexadecimal = "41a614f803b6fd780986a42c78ec9c7f77e6ded13c";
    assert_eq!(problem(Network::Ethereum, hexadecimal), "must begin with `0x`");
}

#[test]
fn no_text_is_trimmed_and_a_long_one_is_not_read() {
    let blanks = "must not hold blanks or control characters";
    for network in Network::ALL {
        assert_eq!(problem(*network, ""), "must not be empty");
        for text in [" ", &format!(" {EVM}"), &format!("{SOLANA} "), &format!("{TRON}\n"), "a\u{0}", "\u{a0}"]
        {
            assert_eq!(problem(*network, text), blanks, "{text:?}");
        }
        assert_eq!(problem(*network, "٣"), "must hold ASCII characters only");
        let long = "must be at most 128 characters";
        for text in ["1".repeat(129), "ä".repeat(129), "1".repeat(1 << 20), " ".repeat(129)] {
            assert_eq!(problem(*network, &text), long);
        }
        for text in ["1".repeat(128), "ä".repeat(128), "😀".repeat(128)] {
            assert_ne!(problem(*network, &text), long);
        }
    }
}

#[test]
fn a_key_makes_the_address_of_its_scheme() {
    // The point whose private key is 1.
    let hex = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    let key = PublicKey::Secp256k1(hex::decode(hex).unwrap().try_into().unwrap());
    for (scheme, network, expected) in [
        (Scheme::Evm, Network::Base, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"),
        (Scheme::Tron, Network::Tron, "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC"),
        (Scheme::Bitcoin, Network::Bitcoin, SEGWIT),
        (Scheme::BitcoinTestnet, Network::BitcoinTestnet, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
    ] {
        let address = of_public_key(scheme, &key).unwrap();
        assert_eq!(address.as_str(), expected);
        assert_eq!(parse(network, expected), Ok(address));
    }
    let made = of_public_key(Scheme::Solana, &PublicKey::Ed25519([7; 32])).unwrap();
    assert_eq!((made.bytes(), made.family()), ([7; 32].as_slice(), Family::Solana));
    assert_eq!(parse(Network::SolanaDevnet, made.as_str()), Ok(made));
}

#[test]
fn a_key_of_another_curve_or_of_none_makes_no_address() {
    let ed25519 = PublicKey::Ed25519([7; 32]);
    let (nowhere, uncompressed) = (PublicKey::Secp256k1([2; 33]), PublicKey::Secp256k1([4; 33]));
    for scheme in Scheme::ALL {
        let problem = |key| of_public_key(*scheme, key).map_err(|it| it.problem().to_owned());
        if *scheme == Scheme::Solana {
            assert_eq!(problem(&nowhere), Err("must be an ed25519 key".to_owned()));
            continue;
        }
        assert_eq!(problem(&ed25519), Err("must be a secp256k1 key".to_owned()));
        assert_eq!(problem(&uncompressed), Err("must be a point of secp256k1".to_owned()));
    }
    let beyond_the_field = PublicKey::Secp256k1(std::array::from_fn(|at| if at == 0 { 2 } else { 255 }));
    assert!(of_public_key(Scheme::Evm, &beyond_the_field).is_err());
}

/// A text that is nearly an address: what is looked at closely must not panic either.
fn nearly() -> impl Strategy<Value = String> {
    let begins =
        prop::sample::select(vec!["", "0x", "bc1", "tb1", "BC1", "bcrt1", "tc1", "T", "41", "1", "3", "m"]);
    let continues = prop_oneof![
        "[0-9a-fA-F]{0,60}",
        "[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{0,90}",
        "[1-9A-HJ-NP-Za-km-z]{0,60}",
        "[!-~]{0,130}",
    ];
    (begins, continues).prop_map(|(begins, continues)| format!("{begins}{continues}"))
}

/// The display form of a random address, and a network of it.
fn addresses() -> impl Strategy<Value = (Network, String)> {
    let script = |hash: &[u8], form: u8| match form {
        0 => [&[0x76, 0xa9, 20][..], &hash[..20], &[0x88, 0xac]].concat(),
        1 => [&[0xa9, 20][..], &hash[..20], &[0x87]].concat(),
        2 => [&[0, 20][..], &hash[..20]].concat(),
        3 => [&[0, 32][..], hash].concat(),
        _ => [&[0x51, 32][..], hash].concat(),
    };
    (prop::sample::select(Network::ALL), any::<[u8; 32]>(), 0_u8..5).prop_map(
        move |(network, bytes, form)| {
            let text = match network.info().family {
                Family::Evm => {
                    let lower = format!("0x{}", hex::encode(&bytes[..20]));
                    parse(network, &lower).unwrap().as_str().to_owned()
                }
                Family::Bitcoin => {
                    let script = ::bitcoin::ScriptBuf::from_bytes(script(&bytes, form));
                    let chain = match network {
                        Network::Bitcoin => ::bitcoin::Network::Bitcoin,
                        _ => ::bitcoin::Network::Testnet,
                    };
                    ::bitcoin::Address::from_script(&script, chain).unwrap().to_string()
                }
                Family::Solana => ::bitcoin::base58::encode(&bytes),
                Family::Tron => ::bitcoin::base58::encode_check(&[&[0x41][..], &bytes[..20]].concat()),
            };
            (network, text)
        },
    )
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in prop_oneof![any::<String>(), nearly()]) {
        for network in Network::ALL {
            if let Err(fault) = parse(*network, &text) {
                prop_assert!(!fault.problem().is_empty());
            }
        }
    }

    #[test]
    fn whatever_is_read_is_shown_so_that_it_reads_as_the_same(text in nearly()) {
        for network in Network::ALL {
            if let Ok(address) = parse(*network, &text) {
                prop_assert_eq!(parse(*network, address.as_str()), Ok(address.clone()));
            }
        }
    }

    #[test]
    fn a_display_form_reads_as_itself((network, text) in addresses()) {
        let address = parse(network, &text).unwrap();
        prop_assert_eq!(address.as_str(), text.as_str());
    }

    #[test]
    fn a_changed_character_is_refused_or_another_address(
        (network, text) in addresses(), at in any::<prop::sample::Index>(), to in b'!'..=b'~',
    ) {
        let mut changed = text.clone().into_bytes();
        *at.get_mut(&mut changed) = to;
        let changed = String::from_utf8(changed).unwrap();
        if let (true, Ok(other)) = (changed != text, parse(network, &changed)) {
            // Only Solana's have no checksum, and EVM's only where there is a letter to carry it.
            prop_assert!(matches!(network.info().family, Family::Solana | Family::Evm));
            let original = parse(network, &text).unwrap();
            let folded = network.info().family == Family::Evm && changed.eq_ignore_ascii_case(&text);
            prop_assert_eq!(other.bytes() == original.bytes(), folded);
        }
    }
}
