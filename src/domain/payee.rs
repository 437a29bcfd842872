//! Whether a name that a payer typed is the payee's, without telling the payee's.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::{Profile, words};

words! {
    /// How well the name fits.
    PayeeMatch {
        /// The same but for case, accents, punctuation and blanks.
        Match = "MATCH",
        /// Nearly: a typing error, another order, an initial for a name.
        CloseMatch = "CLOSE_MATCH",
        /// Another name.
        NoMatch = "NO_MATCH",
    }
}

/// Compares `typed` with the payee's name: `name`, else first and last name, else the trade name.
#[must_use]
pub fn verify(profile: &Profile, typed: &str) -> PayeeMatch {
    let first_last = format!("{} {}", profile.first_name.as_str(), profile.last_name.as_str());
    let known = [profile.name.as_str(), &first_last, profile.business.trade_name.as_str()]
        .into_iter()
        .map(tokens)
        .find(|it| !it.is_empty());
    known.map_or(PayeeMatch::NoMatch, |known| compare(&known, &tokens(typed)))
}

fn compare(known: &[String], typed: &[String]) -> PayeeMatch {
    // How alike two names must be (Jaro-Winkler, 0 to 1) to be one of them mistyped.
    const ALIKE: f64 = 0.92;
    if typed.is_empty() {
        return PayeeMatch::NoMatch;
    }
    if known.concat() == typed.concat() {
        return PayeeMatch::Match;
    }
    let sorted = |it: &[String]| {
        let mut it = it.to_vec();
        it.sort();
        it
    };
    let initials = known.len() == typed.len()
        && known
            .iter()
            .zip(typed)
            .all(|(one, other)| one == other || is_initial(one, other) || is_initial(other, one))
        && known.iter().zip(typed).any(|(one, other)| one == other);
    let alike = strsim::jaro_winkler(&known.concat(), &typed.concat()) >= ALIKE;
    if sorted(known) == sorted(typed) || initials || alike {
        PayeeMatch::CloseMatch
    } else {
        PayeeMatch::NoMatch
    }
}

fn is_initial(initial: &str, name: &str) -> bool {
    initial.chars().count() == 1 && name.starts_with(initial)
}

/// The words of a name without case, accents or punctuation.
fn tokens(name: &str) -> Vec<String> {
    let plain: String =
        name.nfkd().filter(|it| !is_combining_mark(*it)).flat_map(char::to_lowercase).collect();
    // An apostrophe joins (O'Neill is oneill); everything else that is no letter or digit parts.
    let plain = plain.replace(['\'', '\u{2019}'], "");
    plain.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(json: serde_json::Value) -> Profile {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn names_match_closely_or_not_at_all() {
        use PayeeMatch::{CloseMatch, Match, NoMatch};
        let ada = profile(serde_json::json!({"first_name": "Ada", "last_name": "Lovelace"}));
        for (typed, expected) in [
            ("Ada Lovelace", Match),
            ("  ADA   lovelace ", Match),
            ("Àda Lovelace", Match),
            ("Ada-Lovelace.", Match),
            ("Lovelace Ada", CloseMatch),
            ("A. Lovelace", CloseMatch),
            ("Ada Lovelase", CloseMatch),
            ("Ada", NoMatch),
            ("A L", NoMatch),
            ("Charles Babbage", NoMatch),
            ("", NoMatch),
            ("...", NoMatch),
        ] {
            assert_eq!(verify(&ada, typed), expected, "{typed}");
        }
    }

    #[test]
    fn the_whole_name_comes_first_and_the_trade_name_last() {
        let all = serde_json::json!({
            "name": "Countess Lovelace", "first_name": "Ada", "last_name": "King", "business": {"trade_name": "Engines"}
        });
        assert_eq!(verify(&profile(all.clone()), "countess lovelace"), PayeeMatch::Match);
        assert_eq!(verify(&profile(all), "Ada King"), PayeeMatch::NoMatch);
        let firm = profile(serde_json::json!({"business": {"trade_name": "Engines"}}));
        assert_eq!(verify(&firm, "ENGINES"), PayeeMatch::Match);
        assert_eq!(verify(&Profile::default(), "x"), PayeeMatch::NoMatch);
    }
}
