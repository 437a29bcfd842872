//! Amounts of money: exact, in a token's smallest unit, up to 256 bits.

use ruint::aliases::U256;
use serde::{Deserialize, Serialize};

use super::Fault;

/// So many of a token's smallest unit. Never a float, and never summed by a database: 10 ETH do not fit 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount(U256);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);
    const WHOLE_DIGITS: usize = 60;
    const FRACTION_DIGITS: usize = 30;

    /// One that was read elsewhere.
    #[must_use]
    pub const fn from_units(units: U256) -> Self {
        Self(units)
    }

    /// Reads `^(0|[1-9][0-9]{0,59})(\.[0-9]{1,30})?$`, above zero, of a token with so many decimals.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str, decimals: u8) -> Result<Self, Fault> {
        const FORM: Fault =
            Fault::new("must be a decimal number such as `1.5`: no sign, no exponent, no leading zeros");
        let (whole, fraction) =
            text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let is_digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
        let fraction = match fraction {
            None => "",
            Some(it) if is_digits(it) && it.len() <= Self::FRACTION_DIGITS => it.trim_end_matches('0'),
            Some(_) => return Err(FORM),
        };
        if !is_digits(whole)
            || whole.len() > Self::WHOLE_DIGITS
            || (whole.len() > 1 && whole.starts_with('0'))
        {
            return Err(FORM);
        }
        let decimals = usize::from(decimals);
        if fraction.len() > decimals {
            return Err(Fault::because(format!("has more decimals than the {decimals} of the token")));
        }
        let units = format!("{whole}{fraction}{}", "0".repeat(decimals - fraction.len()));
        match U256::from_str_radix(&units, 10) {
            Ok(U256::ZERO) => Err(Fault::new("must be above zero")),
            Ok(units) => Ok(Self(units)),
            Err(_) => Err(Fault::new("is more than 256 bits of the token's smallest unit")),
        }
    }

    /// As a decimal number of the token, without trailing zeros.
    #[must_use]
    pub fn in_token(self, decimals: u8) -> String {
        let decimals = usize::from(decimals);
        let units = format!("{:0>width$}", self.0.to_string(), width = decimals + 1);
        let (whole, fraction) = units.split_at(units.len() - decimals);
        match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        }
    }

    /// The sum, if it fits.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, if it is not below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// As it is stored in a column: big-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// As it was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_be_bytes(bytes))
    }
}

impl std::fmt::Display for Amount {
    /// The number of smallest units.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Amount> for String {
    fn from(it: Amount) -> Self {
        it.to_string()
    }
}

impl TryFrom<String> for Amount {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        U256::from_str_radix(&text, 10).map(Self).map_err(|_| Fault::new("is not a 256-bit number"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_is_exact_in_the_smallest_unit() {
        for (text, decimals, units, shown) in [
            ("10", 18, "10000000000000000000", "10"),
            ("0.000001", 6, "1", "0.000001"),
            ("1.50", 6, "1500000", "1.5"),
            ("1.5000000000", 6, "1500000", "1.5"),
            ("7", 0, "7", "7"),
            ("0.1", 18, "100000000000000000", "0.1"),
        ] {
            let amount = Amount::parse(text, decimals).unwrap();
            assert_eq!((amount.to_string().as_str(), amount.in_token(decimals).as_str()), (units, shown));
            assert_eq!(Amount::from_bytes(amount.to_bytes()), amount);
        }
        let two_to_200 = "1606938044258990275541962092341162602522202993782792835301376";
        let amount = Amount::try_from(two_to_200.to_owned()).unwrap();
        assert_eq!(Amount::parse(&amount.in_token(18), 18).unwrap(), amount);
    }

    #[test]
    fn what_is_not_such_a_number_is_refused() {
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "01", "00", "1,5", " 1", "1 ", "0x1", "1.5.2", "NaN", "١",
        ] {
            assert!(Amount::parse(text, 30).unwrap_err().problem().contains("decimal number"), "{text}");
        }
        assert!(Amount::parse(&"9".repeat(61), 0).is_err());
        assert!(Amount::parse(&"9".repeat(60), 0).is_ok());
        assert!(Amount::parse(&format!("1.{}", "1".repeat(31)), 30).is_err());
        assert!(Amount::parse(&format!("1.{}", "1".repeat(30)), 30).is_ok());
        assert!(Amount::parse(&"9".repeat(60), 18).unwrap_err().problem().contains("256 bits"));
        assert!(Amount::parse("0.0000001", 6).unwrap_err().problem().contains("the 6 of the token"));
        for zero in ["0", "0.0", "0.000000"] {
            assert!(Amount::parse(zero, 6).unwrap_err().problem().contains("above zero"));
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(units in any::<[u8; 24]>(), decimals in 0_u8..=30) {
            let mut bytes = [0; 32];
            bytes[8..].copy_from_slice(&units);
            let amount = Amount::from_bytes(bytes);
            prop_assume!(amount != Amount::ZERO);
            prop_assert_eq!(Amount::parse(&amount.in_token(decimals), decimals), Ok(amount));
        }
    }
}
