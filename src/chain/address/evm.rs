//! EVM addresses: 20 bytes, `0x` and hexadecimal digits whose case is a checksum (EIP-55).

use sha3::{Digest, Keccak256};

use super::{Address, point};
use crate::domain::{Family, Fault};

pub(super) fn parse(text: &str) -> Result<Address, Fault> {
    let digits = text.strip_prefix("0x").ok_or(Fault::new("must begin with `0x`"))?;
    if !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Err(Fault::new("must hold only hexadecimal digits after `0x`"));
    }
    let mut bytes = [0; 20];
    hex::decode_to_slice(digits, &mut bytes)
        .map_err(|_| Fault::new("must have 40 hexadecimal digits after `0x`"))?;
    let address = of_bytes(bytes);
    // Digits of one case carry no checksum: whoever wrote them did not mean one.
    let (lower, upper) =
        (digits.bytes().any(|it| it.is_ascii_lowercase()), digits.bytes().any(|it| it.is_ascii_uppercase()));
    if lower && upper && address.text != text {
        return Err(Fault::new("has a wrong checksum: its mixed case is not that of EIP-55"));
    }
    Ok(address)
}

pub(super) fn of_public_key(key: &[u8; 33]) -> Result<Address, Fault> {
    Ok(of_bytes(account(key)?))
}

/// The last 20 bytes of the Keccak-256 of the point's coordinates. Tron has it too.
pub(super) fn account(key: &[u8; 33]) -> Result<[u8; 20], Fault> {
    let uncompressed = point(key)?.serialize_uncompressed();
    let hash: [u8; 32] = Keccak256::digest(&uncompressed[1..]).into();
    let mut account = [0; 20];
    account.copy_from_slice(&hash[12..]);
    Ok(account)
}

fn of_bytes(bytes: [u8; 20]) -> Address {
    let digits = hex::encode(bytes);
    let hash = hex::encode(Keccak256::digest(&digits));
    // EIP-55: a letter is upper case where the hash of the lower-case digits has 8 or more at its place.
    let cased = digits.chars().zip(hash.chars()).map(|(digit, nibble)| match nibble {
        '8'..='f' => digit.to_ascii_uppercase(),
        _ => digit,
    });
    let text = "0x".chars().chain(cased).collect();
    Address { family: Family::Evm, bytes: bytes.to_vec(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISPLAY: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

    fn problem(text: &str) -> String {
        parse(text).unwrap_err().problem().to_owned()
    }

    #[test]
    fn one_case_or_the_right_case_is_read_and_the_right_case_is_shown() {
        let digits = &DISPLAY[2..];
        for text in [
            DISPLAY.to_owned(),
            format!("0x{}", digits.to_lowercase()),
            format!("0x{}", digits.to_uppercase()),
        ] {
            let address = parse(&text).unwrap();
            assert_eq!((address.as_str(), address.family()), (DISPLAY, Family::Evm));
            assert_eq!(hex::encode(address.bytes()), digits.to_lowercase());
        }
        let zero = "0x0000000000000000000000000000000000000000";
        assert_eq!(parse(zero).unwrap().as_str(), zero);
    }

    #[test]
    fn one_letter_in_the_wrong_case_is_a_wrong_checksum() {
        for (at, letter) in DISPLAY.char_indices().skip(2).filter(|it| it.1.is_ascii_alphabetic()) {
            let other =
                if letter.is_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
            let text = format!("{}{other}{}", &DISPLAY[..at], &DISPLAY[at + 1..]);
            assert_eq!(problem(&text), "has a wrong checksum: its mixed case is not that of EIP-55");
        }
    }

    #[test]
    fn each_fault_is_named() {
        let begins = "must begin with `0x`";
        for text in [&DISPLAY[2..], &DISPLAY.replace("0x", "0X"), "0", "x", "xe5aAeb"] {
            assert_eq!(problem(text), begins);
        }
        let length = "must have 40 hexadecimal digits after `0x`";
        for text in
            ["0x", "0x5", &DISPLAY[..40], &DISPLAY[..41], &format!("{DISPLAY}0"), &format!("{DISPLAY}00")]
        {
            assert_eq!(problem(text), length);
        }
        let digits = "must hold only hexadecimal digits after `0x`";
        for text in
            [DISPLAY.replace('5', "g"), format!("{DISPLAY}g"), format!("0x{DISPLAY}"), "0x-1".to_owned()]
        {
            assert_eq!(problem(&text), digits);
        }
    }
}
