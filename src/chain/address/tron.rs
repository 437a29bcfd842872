//! Tron addresses: 0x41 and 20 bytes, made like those of EVM, in base58check.

use super::{Address, base58, evm};
use crate::domain::{Family, Fault};

/// What the bytes begin with, so that the text begins with `T`.
const VERSION: u8 = 0x41;

/// Reads base58check, and the hexadecimal form that Tron's own interfaces answer.
pub(super) fn parse(text: &str) -> Result<Address, Fault> {
    let mut bytes = [0; 21];
    // As many base58 characters are more than 25 bytes, so no address has both forms.
    let hexadecimal = text.len() == 42 && hex::decode_to_slice(text, &mut bytes).is_ok();
    if !hexadecimal {
        bytes = base58::decode_address(text)?;
    }
    match (bytes[0], hexadecimal) {
        (VERSION, _) => Ok(of_bytes(bytes)),
        (_, true) => Err(Fault::new("must begin with `41` where it is hexadecimal")),
        (_, false) => Err(Fault::new("must begin with `T`: its version byte is not 0x41")),
    }
}

pub(super) fn of_public_key(key: &[u8; 33]) -> Result<Address, Fault> {
    let mut bytes = [VERSION; 21];
    bytes[1..].copy_from_slice(&evm::account(key)?);
    Ok(of_bytes(bytes))
}

fn of_bytes(bytes: [u8; 21]) -> Address {
    Address { family: Family::Tron, bytes: bytes.to_vec(), text: bitcoin::base58::encode_check(&bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USDT: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
    const USDT_HEX: &str = "41a614f803b6fd780986a42c78ec9c7f77e6ded13c";

    fn problem(text: &str) -> String {
        parse(text).unwrap_err().problem().to_owned()
    }

    #[test]
    fn both_forms_are_read_and_base58check_is_shown() {
        for text in [USDT, USDT_HEX, &USDT_HEX.to_uppercase()] {
            let address = parse(text).unwrap();
            assert_eq!((address.as_str(), address.family()), (USDT, Family::Tron));
            assert_eq!(hex::encode(address.bytes()), USDT_HEX);
        }
    }

    #[test]
    fn one_letter_in_another_case_is_a_wrong_checksum_or_no_base58() {
        for (at, letter) in USDT.char_indices().filter(|it| it.1.is_ascii_alphabetic()) {
            let other =
                if letter.is_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
            let text = format!("{}{other}{}", &USDT[..at], &USDT[at + 1..]);
            let expected = match other {
                'O' | 'I' | 'l' => "holds a character that is not base58",
                _ => "has a wrong base58 checksum",
            };
            // A bigger first digit may need a byte more.
            assert!(problem(&text) == expected || at == 0, "{text}");
        }
    }

    #[test]
    fn each_fault_is_named() {
        let length = "has the wrong length: base58 of 21 bytes and a checksum of 4 is wanted";
        for text in ["T", &USDT[..32], &format!("{USDT}1"), &USDT_HEX.replace('0', "1")[..40]] {
            assert_eq!(problem(text), length, "{text}");
        }
        assert_eq!(problem(&USDT.replacen('R', "S", 1)), "has a wrong base58 checksum");
        assert_eq!(problem(&USDT.replacen('R', "0", 1)), "holds a character that is not base58");
        assert_eq!(problem(&format!("0x{}", &USDT_HEX[2..])), "holds a character that is not base58");
        assert_eq!(
            problem(&USDT_HEX.replacen("41", "a0", 1)),
            "must begin with `41` where it is hexadecimal"
        );
        // The test networks that Tron once had.
        let old = bitcoin::base58::encode_check(&[0xa0; 21]);
        assert_eq!(problem(&old), "must begin with `T`: its version byte is not 0x41");
    }
}
