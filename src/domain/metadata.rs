//! What a caller keeps beside a customer, for its own use.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Fault;

/// The largest whole number up to which a double tells each from the next: what JSON is sure to keep.
pub const EXACT: u64 = 1 << 53;

/// The whole number that a double is, if it is an [`EXACT`] one.
#[must_use]
pub fn whole(number: f64) -> Option<i64> {
    // What is larger than any is the largest.
    #[expect(clippy::cast_possible_truncation, reason = "only what is whole is taken")]
    let near = number as i64;
    (number.fract() == 0.0 && near.unsigned_abs() <= EXACT).then_some(near)
}

/// A JSON object of at most 16 KiB and 8 levels. Its keys are taken as they stand.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    const MAX_BYTES: usize = 16 * 1024;
    const MAX_DEPTH: usize = 8;

    /// The object.
    #[must_use]
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same with the value that `from` has under `key`, or without it where `from` has none.
    ///
    /// # Errors
    ///
    /// What is wrong with the whole.
    pub fn with_key(&self, key: &str, from: &Self) -> Result<Self, Fault> {
        let mut map = self.0.clone();
        match from.0.get(key) {
            Some(value) => map.insert(key.to_owned(), value.clone()),
            None => map.remove(key),
        };
        map.try_into()
    }
}

impl TryFrom<Map<String, Value>> for Metadata {
    type Error = Fault;

    fn try_from(map: Map<String, Value>) -> Result<Self, Fault> {
        if map.is_empty() {
            return Ok(Self::default());
        }
        let value = Value::Object(map);
        if depth(&value) > Self::MAX_DEPTH {
            return Err(Fault::new("must be at most 8 levels deep"));
        }
        if holds_nul(&value) {
            return Err(Fault::new("must not hold NUL"));
        }
        if value.to_string().len() > Self::MAX_BYTES {
            return Err(Fault::new("must be at most 16 KiB as JSON"));
        }
        match value {
            Value::Object(map) => Ok(Self(map)),
            _ => Err(Fault::new("must be an object")),
        }
    }
}

impl From<Metadata> for Map<String, Value> {
    fn from(metadata: Metadata) -> Self {
        metadata.0
    }
}

// A caller may keep anything here: none of it is shown by accident.
impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Metadata({} keys)", self.0.len())
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<Metadata, Fault> {
        serde_json::from_value::<Map<String, Value>>(value).unwrap().try_into()
    }

    #[test]
    fn sixteen_kibibytes_are_the_most() {
        let around = r#"{"k":""}"#.len();
        assert!(parse(json!({"k": "x".repeat(16 * 1024 - around)})).is_ok());
        assert!(parse(json!({"k": "x".repeat(16 * 1024 - around + 1)})).is_err());
    }

    #[test]
    fn eight_levels_are_the_most() {
        let nested = |levels: usize| (1..levels).fold(json!({"k": 1}), |inner, _| json!({"k": inner}));
        assert!(parse(nested(8)).is_ok());
        assert!(parse(nested(9)).is_err());
        assert!(parse(json!({"k": [[[[[[[1]]]]]]]})).is_ok());
        assert!(parse(json!({"k": [[[[[[[[1]]]]]]]]})).is_err());
    }

    #[test]
    fn nul_is_refused_wherever_it_stands() {
        for value in [json!({"a\0": 1}), json!({"a": "\0"}), json!({"a": ["\0"]}), json!({"a": {"b": "\0"}})]
        {
            assert!(parse(value).is_err());
        }
    }

    #[test]
    fn one_key_is_set_or_removed_verbatim() {
        let old = parse(json!({"order_id": 1, "b": 2})).unwrap();
        let set = old.with_key("order_id", &parse(json!({"order_id": {"c": 3}})).unwrap()).unwrap();
        assert_eq!(set, parse(json!({"order_id": {"c": 3}, "b": 2})).unwrap());
        assert_eq!(old.with_key("b", &Metadata::default()).unwrap(), parse(json!({"order_id": 1})).unwrap());
    }
}
