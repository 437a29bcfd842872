use bitcoin::ScriptBuf;
use serde_json::Value;

use super::*;

fn vectors(list: &str) -> Vec<Value> {
    let all = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/segwit.json"));
    let all: Value = serde_json::from_str(all).unwrap();
    all[list].as_array().unwrap().clone()
}

fn problem(is_test: bool, text: &str) -> String {
    parse(is_test, text).unwrap_err().problem().to_owned()
}

/// The networks of a script's address: whether it is of the testnet.
fn show(is_test: bool, script: &str) -> String {
    let script = ScriptBuf::from_hex(script).unwrap();
    bitcoin::Address::from_script(&script, network(is_test)).unwrap().to_string()
}

#[test]
fn every_valid_vector_is_read_on_its_network_and_on_no_other() {
    let all = [vectors("valid"), vectors("bip173_valid_v0")].concat();
    assert_eq!(all.len(), 11);
    for vector in all {
        let (text, script) = (vector["address"].as_str().unwrap(), vector["script_pubkey"].as_str().unwrap());
        let lower = text.to_lowercase();
        let is_test = lower.starts_with("tb1");
        for spelling in [text, &lower, &text.to_uppercase()] {
            let address = parse(is_test, spelling).unwrap();
            assert_eq!((hex::encode(address.bytes()).as_str(), address.as_str()), (script, lower.as_str()));
            assert_eq!(address.family(), Family::Bitcoin);
        }
        let elsewhere = if is_test {
            "is of the testnet, not of the main network"
        } else {
            "is of the main network, not of the testnet"
        };
        assert_eq!(problem(!is_test, text), elsewhere);
    }
}

#[test]
fn every_invalid_vector_is_refused_for_its_reason() {
    let all = [vectors("invalid"), vectors("bip173_invalid")].concat();
    assert_eq!(all.len(), 23);
    for vector in all {
        let (text, reason) = (vector["address"].as_str().unwrap(), vector["reason"].as_str().unwrap());
        let expected = match reason {
            "Invalid human-readable part" => {
                "has a prefix that is not of Bitcoin: it must begin with `bc1`, `1` or `3`"
            }
            // BIP-173 gave these the checksum of its time, which is wrong now before their length is.
            "Invalid checksum (Bech32 instead of Bech32m)" | "Invalid program length" => {
                "has the checksum of bech32 where its witness version wants that of bech32m"
            }
            "Invalid checksum (Bech32m instead of Bech32)" => {
                "has the checksum of bech32m where its witness version wants that of bech32"
            }
            "Invalid checksum" => "has a wrong bech32 checksum",
            "Invalid character in checksum" => "holds a character that is not bech32",
            "Invalid witness version" => "has a witness version above 16",
            "Mixed case" => "must not mix upper and lower case",
            "Non-zero padding in 8-to-5 conversion" => "has padding that is not zero or too long",
            "Empty data section" => "has no data between its prefix and its checksum",
            it if it.starts_with("Invalid program length") => "has a witness program of the wrong length",
            it => panic!("{it}"),
        };
        assert_eq!(problem(false, text), expected, "{text}");
        assert!(parse(true, text).is_err(), "{text}");
    }
}

#[test]
fn the_older_forms_are_read_on_their_network() {
    let hash = "62e907b15cbf27d5425399ebf6f0fb50ebb88f18";
    let (key, script) = (format!("76a914{hash}88ac"), format!("a914{hash}87"));
    for (is_test, expected, text) in [
        (false, &key, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa".to_owned()),
        (true, &key, show(true, &key)),
        (false, &script, show(false, &script)),
        (true, &script, show(true, &script)),
    ] {
        let address = parse(is_test, &text).unwrap();
        assert_eq!((hex::encode(address.bytes()), address.as_str()), (expected.clone(), text.as_str()));
        let elsewhere = if is_test { "is of the testnet" } else { "is of the main network" };
        assert!(problem(!is_test, &text).starts_with(elsewhere), "{text}");
    }
    assert!(show(true, &key).starts_with(['m', 'n']) && show(true, &script).starts_with('2'));
    assert!(show(false, &script).starts_with('3'));
}

#[test]
fn each_fault_of_base58check_is_named() {
    let genesis = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    assert_eq!(problem(false, &genesis.replace("Na", "Nb")), "has a wrong base58 checksum");
    assert_eq!(problem(false, &genesis.to_lowercase()), "holds a character that is not base58");
    assert_eq!(problem(false, &genesis.replace('z', "0")), "holds a character that is not base58");
    let length = "has the wrong length: base58 of 21 bytes and a checksum of 4 is wanted";
    for text in [&genesis[..32], &format!("1{genesis}"), "1", "3", &"z".repeat(128)] {
        assert_eq!(problem(false, text), length, "{text}");
    }
    // Litecoin's.
    let other = bitcoin::base58::encode_check(&[0x30; 21]);
    assert_eq!(problem(false, &other), "has a version byte that is not of Bitcoin");
}

#[test]
fn each_fault_of_bech32_is_named_at_its_edge() {
    for (text, expected) in [
        ("bc1", "has nothing but its prefix"),
        ("bc1q", "has no data between its prefix and its checksum"),
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T5", "has a wrong bech32 checksum"),
        ("Bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "must not mix upper and lower case"),
        ("bc1bw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "holds a character that is not bech32"),
        ("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "is of a private network (regtest)"),
    ] {
        assert_eq!(problem(false, text), expected, "{text}");
    }
    let long = |length: usize| format!("bc1{}", "q".repeat(length - 3));
    assert_eq!(problem(false, &long(91)), "must be at most 90 characters where it is bech32");
    assert_eq!(problem(false, &long(90)), "has a wrong bech32 checksum");
}

#[test]
fn the_main_network_and_the_testnet_name_their_own_prefixes() {
    let (begins, text) = (
        "has a prefix that is not of Bitcoin: it must begin with",
        "tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty",
    );
    assert_eq!(problem(false, text), format!("{begins} `bc1`, `1` or `3`"));
    assert_eq!(problem(true, text), format!("{begins} `tb1`, `m`, `n` or `2`"));
}
