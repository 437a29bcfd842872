//! What a call is aimed at: its path and its query, read strictly.

use percent_encoding::percent_decode_str;

/// The parameters of a query, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses what follows the `?`. Nothing where it is not well-formed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let part = |it: &str| decode(&it.replace('+', " "));
        let pairs = text.split('&').filter(|it| !it.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((part(name)?, part(value)?))
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |it| it.0 == name).map(|it| it.1.as_str())
    }

    /// Every parameter.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|it| (it.0.as_str(), it.1.as_str()))
    }
}

/// Undoes percent-encoding. Nothing where it is broken, or what is meant is not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        if !after.as_bytes().get(..2)?.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        rest = &after[2..];
    }
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_in_order_with_repetitions() {
        let query = Query::parse("a=1&b=x+y%2B&a=%C3%A9&&flag").unwrap();
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "é"]);
        assert_eq!((query.get("b"), query.get("flag"), query.get("c")), (Some("x y+"), Some(""), None));
        assert_eq!(query.pairs().count(), 4);
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for wrong in ["%", "%4", "%zz", "a%", "%ff", "%C3", "%+1"] {
            assert_eq!(decode(wrong), None, "{wrong}");
            assert!(Query::parse(wrong).is_none() && Query::parse(&format!("a={wrong}")).is_none());
        }
        assert_eq!(decode("%C3%A9+%2F..").as_deref(), Some("é+/.."));
    }
}
