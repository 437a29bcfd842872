//! Solana addresses: 32 bytes in base58.
//!
//! Any 32 bytes are one: addresses that programs own are meant to be off the curve.

use super::{Address, base58};
use crate::domain::{Family, Fault};

pub(super) fn parse(text: &str) -> Result<Address, Fault> {
    let bytes: [u8; 32] = base58::decode(text)?
        .try_into()
        .map_err(|_| Fault::new("has the wrong length: base58 of 32 bytes is wanted"))?;
    Ok(of_bytes(bytes))
}

pub(super) fn of_bytes(bytes: [u8; 32]) -> Address {
    Address { family: Family::Solana, bytes: bytes.to_vec(), text: bitcoin::base58::encode(&bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINT: &str = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";

    #[test]
    fn any_32_bytes_are_an_address_on_the_curve_or_off_it() {
        let system = parse(&"1".repeat(32)).unwrap();
        assert_eq!((system.bytes(), system.as_str()), ([0; 32].as_slice(), "1".repeat(32).as_str()));
        // The associated token account of a mint: derived by a program, off the curve.
        for text in [
            MINT,
            "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
            "7UX2i7SucgLMQcfZ75s3VXmZZY4YRUyJN9X1RgfMoDUi",
        ] {
            assert_eq!(parse(text).unwrap().as_str(), text);
        }
        assert_eq!(of_bytes([255; 32]).as_str(), "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG");
    }

    #[test]
    fn case_is_part_of_the_address() {
        let other = MINT.replacen('P', "p", 1);
        assert_ne!(parse(&other).unwrap().bytes(), parse(MINT).unwrap().bytes());
    }

    #[test]
    fn each_fault_is_named() {
        let length = "has the wrong length: base58 of 32 bytes is wanted";
        for text in [&MINT[2..], &format!("{MINT}1"), &"1".repeat(31), &"1".repeat(33), "1", "T"] {
            assert_eq!(parse(text).unwrap_err().problem(), length, "{text}");
        }
        for character in ['0', 'O', 'I', 'l', '+', '_'] {
            let text = MINT.replacen('P', &character.to_string(), 1);
            assert_eq!(parse(&text).unwrap_err().problem(), "holds a character that is not base58");
        }
    }
}
