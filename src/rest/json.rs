//! JSON as it comes in: no key twice in one object, and not deeper than anything here needs.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::domain::{EXACT, Fault, whole};

/// How many objects and lists may be within one another. Metadata, the deepest there is, has 8 levels.
const DEPTH: usize = 32;

/// How many values there may be, of whatever kind: each takes a hundred times the memory of its text.
const VALUES: usize = 20_000;

/// Reads one value.
///
/// # Errors
///
/// What is wrong, without anything of what was sent.
pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Fault> {
    check(text)?;
    serde_json::from_slice(text)
        .map_err(|error| Fault::because(format!("is not what is expected {}", place(&error))))
}

/// Refuses what is not one value of strict JSON.
pub(super) fn check(text: &[u8]) -> Result<(), Fault> {
    let mut from = serde_json::Deserializer::from_slice(text);
    let left = Cell::new(VALUES);
    let walked = Strict { depth: DEPTH, left: &left }.deserialize(&mut from).and_then(|()| from.end());
    walked.map_err(|error| {
        let problem = [TWICE, DEEP, MANY].into_iter().find(|it| error.to_string().starts_with(it));
        Fault::because(format!("{} {}", problem.unwrap_or("is not JSON"), place(&error)))
    })
}

/// What is wrong with what is not [`is_exact`].
pub(super) const INEXACT: &str =
    "must not hold whole numbers beyond ±9007199254740992, which JSON is not sure to keep";

/// Whether every number is one that a double keeps.
pub(super) fn is_exact(json: &Value) -> bool {
    match json {
        Value::Number(it) => match it.as_i64().map(i64::unsigned_abs).or(it.as_u64()) {
            Some(whole) => whole <= EXACT,
            // What is too large for any whole number is read as one of these.
            None => it.as_f64().is_some_and(|it| it.fract() != 0.0 || whole(it).is_some()),
        },
        Value::Array(list) => list.iter().all(is_exact),
        Value::Object(object) => object.values().all(is_exact),
        _ => true,
    }
}

const TWICE: &str = "has a key twice in one object";
const DEEP: &str = "has too many objects or lists within one another";
const MANY: &str = "has more than 20000 values";

fn place(error: &serde_json::Error) -> String {
    format!("(line {}, column {})", error.line(), error.column())
}

/// Walks through a value and keeps nothing of it.
#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.left.set(self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom(MANY))?);
        from.deserialize_any(self)
    }
}

impl Strict<'_> {
    fn within<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom(DEEP))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let within = self.within()?;
        while list.next_element_seed(within)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let within = self.within()?;
        let mut keys = HashSet::new();
        while let Some(key) = object.next_key::<String>()? {
            if !keys.insert(key) {
                return Err(A::Error::custom(TWICE));
            }
            object.next_value_seed(within)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_json_is_one_value_without_a_key_twice_and_not_too_deep() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        for good in
            ["{}", r#"{"a":{"a":1},"b":[{"a":1},{"a":null}]}"#, "1.5e3", "\"é\\u0000\"", &nested(DEPTH)]
        {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
        for (wrong, problem) in [
            ("", "is not JSON (line 1, column 0)"),
            ("{", "is not JSON (line 1, column 1)"),
            ("{} {}", "is not JSON (line 1, column 4)"),
            ("{'a':1}", "is not JSON (line 1, column 2)"),
            ("NaN", "is not JSON (line 1, column 1)"),
            ("[1,]", "is not JSON (line 1, column 4)"),
            (r#"{"a":1,"a":1}"#, "has a key twice in one object (line 1, column 10)"),
            (r#"{"b":{"a":1,"\u0061":1}}"#, "has a key twice in one object (line 1, column 20)"),
        ] {
            assert_eq!(check(wrong.as_bytes()).unwrap_err().problem(), problem, "{wrong}");
        }
        for deep in [nested(DEPTH + 1), nested(1_000_000)] {
            assert!(check(deep.as_bytes()).unwrap_err().problem().starts_with(DEEP));
        }
        assert!(check(b"\"\xff\"").is_err());
        let many = |values: usize| format!("[{}]", vec!["0"; values - 1].join(","));
        assert_eq!(check(many(VALUES).as_bytes()), Ok(()));
        assert!(check(many(VALUES + 1).as_bytes()).unwrap_err().problem().starts_with(MANY));
    }

    #[test]
    fn what_is_not_expected_is_refused_without_repeating_it() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Expected {
            #[expect(dead_code, reason = "only its type matters")]
            number: u8,
        }
        for wrong in [r#"{"number":"secret"}"#, r#"{"secret":1}"#, "{}"] {
            let fault = read::<Expected>(wrong.as_bytes()).unwrap_err();
            assert!(fault.problem().starts_with("is not what is expected (line 1, column "), "{fault}");
        }
    }
}
