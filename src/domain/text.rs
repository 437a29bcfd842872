//! Text that has a form: each kind is parsed once, and what holds one needs no further check.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{Fault, Network, TransactionId};

/// Free text of at most `MAX` characters, trimmed, on one line. Empty where it is not set.
///
/// NUL is a control character: Postgres cannot store it and SQLite can, so it is refused here for the two to agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Fault> {
        // A control character at an end is not trimmed away: it was hardly meant.
        if text.chars().any(char::is_control) {
            return Err(Fault::new("must not hold control characters"));
        }
        let trimmed = text.trim();
        if trimmed.chars().count() > MAX {
            return Err(Fault::because(format!("must be at most {MAX} characters")));
        }
        Ok(Self(if trimmed.len() == text.len() { text } else { trimmed.to_owned() }))
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> Self {
        text.0
    }
}

/// A name or a line of an address: at most 255 characters.
pub type Line = Text<255>;

/// Declares text that is never empty and has the form that its function gives it.
macro_rules! formed {
    ($(#[$doc:meta])* $name:ident, $form:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// None where the text is empty, which is how the wire says "not set".
            ///
            /// # Errors
            ///
            /// What is wrong with a text that is not empty.
            pub fn optional(text: String) -> Result<Option<Self>, Fault> {
                if text.is_empty() { Ok(None) } else { text.try_into().map(Some) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Fault;

            fn try_from(text: String) -> Result<Self, Fault> {
                let form: fn(String) -> Result<String, Fault> = $form;
                form(text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(it: $name) -> Self {
                it.0
            }
        }

        // Most of these are personal: none is shown by accident.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

formed!(
    /// An email address (RFC 5321, without display name), in lower case. At most 254 bytes.
    Email,
    |text| {
        const PROBLEM: Fault = Fault::new("must be an email address of at most 254 bytes");
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        let lower = text.to_lowercase();
        let plain = !lower.chars().any(|it| it.is_control() || it.is_whitespace());
        let valid = plain
            && lower.len() <= 254
            && email_address::EmailAddress::parse_with_options(&lower, options).is_ok();
        if valid { Ok(lower) } else { Err(PROBLEM) }
    }
);

formed!(
    /// A telephone number in E.164 form: `+` and 7 to 15 digits.
    Phone,
    |text| {
        let digits = text.strip_prefix('+').unwrap_or_default().as_bytes();
        let valid = (7..=15).contains(&digits.len())
            && digits[0] != b'0'
            && digits.iter().all(u8::is_ascii_digit);
        if valid { Ok(text) } else { Err(Fault::new("must be in E.164 form: `+` and 7 to 15 digits")) }
    }
);

formed!(
    /// A country: two upper-case letters of ISO 3166-1 alpha-2.
    Country,
    |text| {
        let known = text.len() == 2 && rust_iso3166::from_alpha2(&text).is_some();
        if known { Ok(text) } else { Err(Fault::new("must be an ISO 3166-1 alpha-2 code in upper case")) }
    }
);

formed!(
    /// A merchant category code: four digits (ISO 18245).
    Mcc,
    |text| {
        let valid = text.len() == 4 && text.bytes().all(|it| it.is_ascii_digit());
        if valid { Ok(text) } else { Err(Fault::new("must be four digits, an ISO 18245 MCC")) }
    }
);

formed!(
    /// The caller's own id of a thing: 1 to 255 characters, no blanks. Compared as it stands.
    ExternalId,
    |text| {
        if text.is_empty() || text.chars().count() > 255 || text.chars().any(|it| it.is_control() || it.is_whitespace())
        {
            return Err(Fault::new("must be 1 to 255 characters without blanks or control characters"));
        }
        Ok(text)
    }
);

formed!(
    /// The caller's own name of a transaction: 1 to 255 characters, no blanks. Compared as it stands.
    Reference,
    |text| ExternalId::try_from(text).map(String::from)
);

impl From<TransactionId> for Reference {
    /// The name of a transaction that was given none.
    fn from(id: TransactionId) -> Self {
        Self(id.to_string())
    }
}

formed!(
    /// A word of another service for a status or an interval: `^[A-Z][A-Z0-9_]{0,63}$`.
    Word,
    |text| {
        let plain = |it: u8| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_';
        let valid = text.len() <= 64
            && text.bytes().all(plain)
            && text.bytes().next().is_some_and(|it| it.is_ascii_uppercase());
        if valid {
            return Ok(text);
        }
        Err(Fault::new("must be 1 to 64 of `A-Z0-9_`, beginning with a letter"))
    }
);

formed!(
    /// A code of another service, as it writes it: 1 to 64 characters, no blanks.
    Code,
    |text| {
        let blank = |it: char| it.is_control() || it.is_whitespace();
        if text.is_empty() || text.chars().count() > 64 || text.chars().any(blank) {
            return Err(Fault::new("must be 1 to 64 characters without blanks or control characters"));
        }
        Ok(text)
    }
);

impl Code {
    /// The same with all but its end hidden: the last four characters of twelve or more, the last two of six or more,
    /// and nothing of fewer.
    #[must_use]
    pub fn masked(&self) -> Self {
        let length = self.0.chars().count();
        let shown = match length {
            12.. => 4,
            6.. => 2,
            _ => 0,
        };
        Self(self.0.chars().enumerate().map(|(n, it)| if n + shown < length { '*' } else { it }).collect())
    }
}

formed!(
    /// What a ledger wallet holds: an ISO 4217 code, or the symbol of a token of some network.
    Currency,
    |text| {
        let known = decimals_of(&text).is_some();
        if known { Ok(text) } else { Err(Fault::new("must be an ISO 4217 code or a token's symbol, in upper case")) }
    }
);

impl Currency {
    /// How many decimals it has; of a token, on the first network of our table that has it.
    #[must_use]
    pub fn decimals(&self) -> u8 {
        decimals_of(&self.0).unwrap_or_default()
    }

    /// How many decimals it has where it has most: the networks that have a token need not agree.
    #[must_use]
    pub fn most_decimals(&self) -> u8 {
        let tokens = Network::ALL.iter().filter_map(|it| it.token(&self.0));
        money(&self.0).or_else(|| tokens.map(|it| it.decimals).max()).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Those of money that has no chain, and of a token as the first network of our table has it.
fn decimals_of(code: &str) -> Option<u8> {
    let token = || Network::ALL.iter().find_map(|it| it.token(code)).map(|it| it.decimals);
    money(code).or_else(token)
}

/// Those of money that has no chain.
fn money(code: &str) -> Option<u8> {
    iso_currency::Currency::from_code(code).and_then(|it| u8::try_from(it.exponent()?).ok())
}

formed!(
    /// The caller's id of one logical attempt: 1 to 255 printable ASCII characters.
    RequestId,
    |text| {
        let valid = (1..=255).contains(&text.len()) && text.bytes().all(|it| (b' '..=b'~').contains(&it));
        if valid { Ok(text) } else { Err(Fault::new("must be 1 to 255 printable ASCII characters")) }
    }
);

formed!(
    /// A domain's name: a DNS label, `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`.
    DomainName,
    |text| {
        if is_label(&text, 63, b"-") {
            return Ok(text);
        }
        Err(Fault::new("must be 1 to 63 of `a-z0-9-`, beginning and ending with a letter or a digit"))
    }
);

formed!(
    /// A payment alias, `identifier@domain`, in lower case.
    Alias,
    |text| {
        // ASCII only: a Kelvin sign is not a `k`, and would make two spellings of one alias.
        let lower = text.to_ascii_lowercase();
        let (identifier, domain) = lower.split_once('@').unwrap_or_default();
        if is_label(identifier, 64, b"._+-") && is_label(domain, 63, b"-") {
            return Ok(lower);
        }
        Err(Fault::new(
            "must be `identifier@domain`: 1 to 64 of `a-z0-9._+-`, beginning and ending with a letter or a digit, \
             and a domain's name",
        ))
    }
);

impl Alias {
    /// What stands before the `@`.
    #[must_use]
    pub fn identifier(&self) -> &str {
        self.0.split_once('@').map_or("", |it| it.0)
    }

    /// The name of the domain that issued it.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |it| it.1)
    }
}

/// Whether `text` is 1 to `max` lower-case letters, digits and `inner` characters, these never at an end.
fn is_label(text: &str, max: usize, inner: &[u8]) -> bool {
    let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let bytes = text.as_bytes();
    matches!(bytes, [first, .., last] | [first @ last] if plain(*first) && plain(*last))
        && bytes.len() <= max
        && bytes.iter().all(|it| plain(*it) || inner.contains(it))
}

/// Text as it is searched: NFKC, lower case.
#[must_use]
pub fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).collect()
}

/// Text to search for, folded; none where there is no text.
///
/// # Errors
///
/// Where it is too short for the index, or too long.
pub fn searched(text: &str) -> Result<Option<String>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let folded = fold(text.trim());
    if !(3..=255).contains(&folded.chars().count()) || folded.chars().any(char::is_control) {
        return Err(Fault::new("must be 3 to 255 characters, none of them a control character"));
    }
    Ok(Some(folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each text becomes, or nothing where it is refused.
    fn parses<T: TryFrom<String> + Into<String>>(cases: &[(&str, Option<&str>)]) {
        for (text, expected) in cases {
            let parsed = T::try_from((*text).to_owned()).ok().map(Into::<String>::into);
            assert_eq!(parsed.as_deref(), *expected, "{text:?}");
        }
    }

    #[test]
    fn free_text_is_trimmed_and_has_no_control_characters() {
        parses::<Line>(&[
            ("", Some("")),
            (" Ada ", Some("Ada")),
            ("a\u{0}", None),
            ("a\n", None),
            ("ß", Some("ß")),
        ]);
        let (most, more) = ("ä".repeat(255), "ä".repeat(256));
        parses::<Line>(&[(&most, Some(&most)), (&more, None), (&format!(" {most} "), Some(&most))]);
    }

    #[test]
    fn an_email_is_lowered_and_bounded() {
        let longest = format!(
            "{}@{}.example",
            "a".repeat(64),
            ["b".repeat(60), "c".repeat(60), "d".repeat(58)].join(".")
        );
        assert_eq!(longest.len(), 253);
        parses::<Email>(&[
            ("Ada@Example.COM", Some("ada@example.com")),
            ("a+b.c@x.example", Some("a+b.c@x.example")),
            (&longest, Some(&longest)),
            (&format!("{longest}xx"), None),
            ("", None),
            ("ada", None),
            ("@x", None),
            ("a@", None),
            ("a b@x.example", None),
            (" a@x.example", None),
            ("Ada <a@x.example>", None),
            ("a@[127.0.0.1]", None),
            ("a@b@c", None),
        ]);
    }

    #[test]
    fn a_phone_is_e164() {
        parses::<Phone>(&[
            ("+1234567", Some("+1234567")),
            ("+123456789012345", Some("+123456789012345")),
            ("+123456", None),
            ("+1234567890123456", None),
            ("+0123456789", None),
            ("1234567", None),
            ("+12 34567", None),
            ("+", None),
        ]);
    }

    #[test]
    fn codes_are_taken_as_the_standards_write_them() {
        parses::<Country>(&[
            ("GB", Some("GB")),
            ("gb", None),
            ("ZZ", None),
            ("GBR", None),
            ("G ", None),
            ("", None),
        ]);
        parses::<Mcc>(&[
            ("6012", Some("6012")),
            ("601", None),
            ("60122", None),
            ("60a2", None),
            ("٣٤٥٦", None),
        ]);
    }

    #[test]
    fn ids_of_callers_are_not_trimmed() {
        let longest = "x".repeat(255);
        parses::<ExternalId>(&[
            ("Order-1", Some("Order-1")),
            (&longest, Some(&longest)),
            (&format!("{longest}x"), None),
            (" a", None),
            ("a b", None),
            ("a\u{1}", None),
            ("", None),
        ]);
        parses::<RequestId>(&[
            ("a b~", Some("a b~")),
            (&longest, Some(&longest)),
            (&format!("{longest}x"), None),
            ("", None),
            ("é", None),
            ("a\n", None),
        ]);
    }

    #[test]
    fn words_and_codes_of_others_are_bounded_and_not_trimmed() {
        let (word, code) = ("A".repeat(64), "ä".repeat(64));
        parses::<Word>(&[
            ("A", Some("A")),
            ("PAST_DUE_2", Some("PAST_DUE_2")),
            (&word, Some(&word)),
            (&format!("{word}A"), None),
            ("", None),
            ("_A", None),
            ("2A", None),
            ("Open", None),
            ("A B", None),
            (" A", None),
            ("Ä", None),
        ]);
        parses::<Code>(&[
            ("GB33-BUKB/1", Some("GB33-BUKB/1")),
            (&code, Some(&code)),
            (&format!("{code}ä"), None),
            ("", None),
            ("1 2", None),
            ("1\u{a0}2", None),
            ("1\n", None),
        ]);
    }

    #[test]
    fn a_masked_code_shows_the_less_of_its_end_the_shorter_it_is() {
        for (code, shown) in [
            ("1", "*"),
            ("12345", "*****"),
            ("123456", "****56"),
            ("ä2345ö78ü01", "*********01"),
            ("123456789012", "********9012"),
            ("ä234567890ö2", "********90ö2"),
        ] {
            assert_eq!(Code::try_from(code.to_owned()).unwrap().masked().as_str(), shown);
        }
    }

    #[test]
    fn a_currency_has_most_decimals_where_a_network_has_most() {
        let of = |code: &str| Currency::try_from(code.to_owned()).unwrap();
        for (code, first, most) in
            [("EUR", 2, 2), ("JPY", 0, 0), ("USDC", 6, 18), ("USDT", 6, 18), ("BTC", 8, 8)]
        {
            assert_eq!((of(code).decimals(), of(code).most_decimals()), (first, most), "{code}");
        }
    }

    #[test]
    fn a_domain_name_is_a_dns_label() {
        let longest = "a".repeat(63);
        parses::<DomainName>(&[
            ("a", Some("a")),
            ("acme-1", Some("acme-1")),
            (&longest, Some(&longest)),
            (&format!("{longest}a"), None),
            ("", None),
            ("-a", None),
            ("a-", None),
            ("A", None),
            ("a.b", None),
            ("a_b", None),
        ]);
    }

    #[test]
    fn an_alias_is_lowered_and_has_two_parts() {
        let longest = format!("{}@{}", "a".repeat(64), "b".repeat(63));
        parses::<Alias>(&[
            ("Ada@Acme", Some("ada@acme")),
            ("a.b_c+d-e@acme", Some("a.b_c+d-e@acme")),
            ("1@2", Some("1@2")),
            (&longest, Some(&longest)),
            (&format!("a{longest}"), None),
            (&format!("{longest}b"), None),
            ("ada", None),
            ("@acme", None),
            ("ada@", None),
            (".ada@acme", None),
            ("ada.@acme", None),
            ("a@b@acme", None),
            (" ada@acme", None),
            ("\u{212a}@acme", None),
            ("ad\u{e4}@acme", None),
        ]);
    }

    #[test]
    fn folding_joins_what_looks_alike() {
        assert_eq!(fold("ÀDA ﬁ Ⅳ"), "àda fi iv");
    }
}
