//! Amounts of money: exact, in a token's smallest unit, up to 256 bits.

use ruint::aliases::U256;
use serde::{Deserialize, Serialize};

use super::Fault;

/// So many of a token's smallest unit. Never a float, and never summed by a database: 10 ETH do not fit 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount(U256);

/// A number of whole tokens as a caller writes it: `^(0|[1-9][0-9]{0,59})(\.[0-9]{1,30})?$`. Kept without the zeros that
/// end it, so that all spellings of one number are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Figure(String);

/// A figure above zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Decimal(Figure);

impl Decimal {
    /// So much of a token with so many decimals.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn in_units(&self, decimals: u8) -> Result<Amount, Fault> {
        self.0.in_units(decimals, "token")
    }

    /// The same of a currency.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn in_currency(&self, decimals: u8) -> Result<Amount, Fault> {
        self.0.in_currency(decimals)
    }
}

impl TryFrom<String> for Decimal {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        let figure = Figure::try_from(text)?;
        if figure.0 == "0" { Err(Fault::new("must be above zero")) } else { Ok(Self(figure)) }
    }
}

impl Figure {
    const WHOLE_DIGITS: usize = 60;
    const FRACTION_DIGITS: usize = 30;

    /// None where the text is empty.
    ///
    /// # Errors
    ///
    /// What is wrong with a text that is not empty.
    pub fn optional(text: String) -> Result<Option<Self>, Fault> {
        if text.is_empty() { Ok(None) } else { text.try_into().map(Some) }
    }

    /// So much of a currency with so many decimals.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn in_currency(&self, decimals: u8) -> Result<Amount, Fault> {
        self.in_units(decimals, "currency")
    }

    fn in_units(&self, decimals: u8, of: &str) -> Result<Amount, Fault> {
        let decimals = usize::from(decimals);
        let (whole, fraction) = self.0.split_once('.').unwrap_or((&self.0, ""));
        let zeros = decimals
            .checked_sub(fraction.len())
            .ok_or_else(|| Fault::because(format!("has more decimals than the {decimals} of the {of}")))?;
        U256::from_str_radix(&format!("{whole}{fraction}{}", "0".repeat(zeros)), 10)
            .map(Amount)
            .map_err(|_| Fault::because(format!("is more than 256 bits of the {of}'s smallest unit")))
    }
}

impl From<Figure> for String {
    fn from(it: Figure) -> Self {
        it.0
    }
}

impl TryFrom<String> for Figure {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        const FORM: Fault =
            Fault::new("must be a decimal number such as `1.5`: no sign, no exponent, no leading zeros");
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        let is_digits =
            |it: &str, most| (1..=most).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_digit());
        if !is_digits(whole, Self::WHOLE_DIGITS)
            || !is_digits(fraction, Self::FRACTION_DIGITS)
            || (whole.len() > 1 && whole.starts_with('0'))
        {
            return Err(FORM);
        }
        match (whole, fraction.trim_end_matches('0')) {
            (whole, "") => Ok(Self(whole.to_owned())),
            (whole, fraction) => Ok(Self(format!("{whole}.{fraction}"))),
        }
    }
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);

    /// One that was read elsewhere.
    #[must_use]
    pub const fn from_units(units: U256) -> Self {
        Self(units)
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

    fn parse(text: &str, decimals: u8) -> Result<Amount, Fault> {
        Decimal::try_from(text.to_owned())?.in_units(decimals)
    }

    #[test]
    fn all_spellings_of_a_number_are_the_same() {
        for (text, kept) in
            [("1.50", "1.5"), ("1.5", "1.5"), ("10", "10"), ("10.00", "10"), ("0.010", "0.01")]
        {
            assert_eq!(Decimal::try_from(text.to_owned()), Ok(Decimal(Figure(kept.to_owned()))));
        }
    }

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
            let amount = parse(text, decimals).unwrap();
            assert_eq!((amount.to_string().as_str(), amount.in_token(decimals).as_str()), (units, shown));
            assert_eq!(Amount::from_bytes(amount.to_bytes()), amount);
        }
        let two_to_200 = "1606938044258990275541962092341162602522202993782792835301376";
        let amount = Amount::try_from(two_to_200.to_owned()).unwrap();
        assert_eq!(parse(&amount.in_token(18), 18).unwrap(), amount);
    }

    #[test]
    fn what_is_not_such_a_number_is_refused() {
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "01", "00", "1,5", " 1", "1 ", "0x1", "1.5.2", "NaN", "١",
        ] {
            assert!(parse(text, 30).unwrap_err().problem().contains("decimal number"), "{text}");
        }
        assert!(parse(&"9".repeat(61), 0).is_err());
        assert!(parse(&"9".repeat(60), 0).is_ok());
        assert!(parse(&format!("1.{}", "1".repeat(31)), 30).is_err());
        assert!(parse(&format!("1.{}", "1".repeat(30)), 30).is_ok());
        assert!(parse(&"9".repeat(60), 18).unwrap_err().problem().contains("256 bits"));
        assert!(parse("0.0000001", 6).unwrap_err().problem().contains("the 6 of the token"));
        for zero in ["0", "0.0", "0.000000"] {
            assert!(parse(zero, 6).unwrap_err().problem().contains("above zero"));
        }
    }

    #[test]
    fn a_figure_may_be_zero_and_all_zeros_are_the_same() {
        for text in ["0", "0.0", "0.000000"] {
            let figure = Figure::try_from(text.to_owned()).unwrap();
            assert_eq!(
                (String::from(figure.clone()).as_str(), figure.in_currency(2)),
                ("0", Ok(Amount::ZERO))
            );
        }
        let cents = Figure::try_from("0.001".to_owned()).unwrap();
        assert!(cents.in_currency(2).unwrap_err().problem().contains("the 2 of the currency"));
        assert_eq!(Figure::optional(String::new()), Ok(None));
        assert!(Figure::optional("-0".to_owned()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(units in any::<[u8; 24]>(), decimals in 0_u8..=30) {
            let mut bytes = [0; 32];
            bytes[8..].copy_from_slice(&units);
            let amount = Amount::from_bytes(bytes);
            prop_assume!(amount != Amount::ZERO);
            prop_assert_eq!(parse(&amount.in_token(decimals), decimals), Ok(amount));
        }
    }
}
