//! The body of a request, taken apart member by member, so that all that is wrong with it is told at once.

use serde_json::{Map, Value};

use crate::domain::{Error, Fault, Faults, Metadata, Text};
use crate::rest::dialect::Call;
use crate::rest::json;
use crate::rest::refusal::Refusal;

/// What is said of a member that has to be there.
pub(super) const REQUIRED: &str = "is required";
/// What is said of a member that nobody knows.
pub(super) const UNKNOWN: &str = "is not known here";

/// Members of bodies as a dialect calls them, and the paths of what they say as the directory does.
pub(super) type Members = [(&'static str, &'static str)];

/// The members of an object that were not taken yet, and what was wrong with those that were. A member that is `null` is
/// one that is there and says nothing.
#[derive(Debug)]
pub(super) struct Fields {
    members: Map<String, Value>,
    /// What was there at first, nested ones by their path.
    sent: Vec<String>,
    /// What is wrong so far.
    pub(super) faults: Faults,
}

impl Fields {
    /// Those of a call's body, which has to be an object.
    pub(super) fn of(call: &Call) -> Result<Self, Refusal> {
        match call.json()? {
            Value::Object(members) => {
                let sent = members.keys().cloned().collect();
                Ok(Self { members, sent, faults: Faults::default() })
            }
            _ => Err(Refusal::body("must be an object")),
        }
    }

    /// Without what is `null`: so some write what they leave unsaid.
    pub(super) fn said(mut self) -> Self {
        self.members.retain(|_, it| !it.is_null());
        self.sent.retain(|it| self.members.contains_key(it));
        self
    }

    /// Whether a member was there, whatever it says.
    pub(super) fn has(&self, path: &str) -> bool {
        self.sent.iter().any(|it| it == path)
    }

    /// The paths of what those of `members` say that were there: what is to be changed.
    pub(super) fn paths(&self, members: &Members) -> Vec<String> {
        members.iter().filter(|it| self.has(it.0)).map(|it| it.1.to_owned()).collect()
    }

    /// Text; empty where it is `null` or not there.
    pub(super) fn text(&mut self, name: &'static str) -> String {
        match self.members.remove(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(_) => self.wrong(name, "must be text").unwrap_or_default(),
        }
    }

    /// A line of text.
    pub(super) fn line<const MAX: usize>(&mut self, name: &'static str) -> Text<MAX> {
        let text = self.text(name);
        self.faults.take(name, text.try_into())
    }

    /// Text of a form; nothing where there is none.
    pub(super) fn formed<T>(
        &mut self,
        name: &'static str,
        form: impl FnOnce(String) -> Result<T, Fault>,
    ) -> Option<T> {
        let text = self.text(name);
        if text.is_empty() { None } else { self.faults.keep(name, form(text)) }
    }

    /// The same where it has to be there.
    pub(super) fn needed<T>(
        &mut self,
        name: &'static str,
        form: impl FnOnce(String) -> Result<T, Fault>,
    ) -> Option<T> {
        self.need(name);
        self.formed(name, form)
    }

    /// Notes a member that is missing: not there, `null`, or blank.
    pub(super) fn need(&mut self, name: &'static str) {
        let is_blank = match self.members.get(name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(_) => false,
        };
        if is_blank {
            self.members.remove(name);
            self.faults.add(name, Fault::new(REQUIRED));
        }
    }

    /// Whatever it is, if it is there and says anything.
    pub(super) fn value(&mut self, name: &'static str) -> Option<Value> {
        self.members.remove(name).filter(|it| !it.is_null())
    }

    /// A whole number.
    pub(super) fn number(&mut self, name: &'static str) -> Option<u64> {
        match self.members.remove(name)? {
            Value::Null => None,
            it => it.as_u64().or_else(|| self.wrong(name, "must be a whole number")),
        }
    }

    /// An object.
    pub(super) fn object(&mut self, name: &'static str) -> Map<String, Value> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(members)) => members,
            Some(_) => self.wrong(name, "must be an object").unwrap_or_default(),
        }
    }

    /// Metadata, in which every number is what any of our faces would show of it.
    pub(super) fn metadata(&mut self, name: &'static str) -> Metadata {
        let members = self.object(name);
        let is_exact = members.values().all(json::is_exact);
        let metadata = if is_exact { members.try_into() } else { Err(Fault::new(json::INEXACT)) };
        self.faults.take(name, metadata)
    }

    /// Puts the members of an object in the place of it, by their paths: `outer.inner`.
    pub(super) fn unfold(&mut self, name: &'static str) {
        let within = format!("{name}.");
        // What has such a path for a name is no part; and nothing has no parts.
        let is_flat = self.sent.iter().any(|it| it.starts_with(&within));
        if is_flat || self.members.get(name).is_some_and(Value::is_null) {
            self.members.retain(|it, _| !it.starts_with(&within));
            self.sent.retain(|it| !it.starts_with(&within));
            self.wrong::<()>(name, "must be an object");
        }
        for (inner, value) in self.object(name) {
            let path = format!("{within}{inner}");
            self.sent.push(path.clone());
            self.members.insert(path, value);
        }
    }

    /// Refuses the request if anything was wrong with it, or something is left that nobody asked for.
    pub(super) fn done(mut self) -> Result<(), Refusal> {
        for name in self.members.keys() {
            let is_plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.');
            let name = if name.len() <= 64 && name.bytes().all(is_plain) { name.as_str() } else { "body" };
            self.faults.add(name.to_owned(), Fault::new(UNKNOWN));
        }
        Ok(self.faults.done()?)
    }

    /// The same with a value that was parsed on the way.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Refusal> {
        self.done()?;
        value.ok_or_else(|| Error::internal("a value that is missing was not told of").into())
    }

    fn wrong<T>(&mut self, name: &'static str, problem: &'static str) -> Option<T> {
        self.faults.add(name, Fault::new(problem));
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{Email, Line};

    fn fields(of: Value) -> Fields {
        let Value::Object(members) = of else { unreachable!() };
        let sent = members.keys().cloned().collect();
        Fields { members, sent, faults: Faults::default() }
    }

    fn wrong(result: Result<(), Refusal>) -> Vec<String> {
        match result {
            Err(Refusal::Known(Error::Invalid(faults))) => {
                faults.iter().map(|it| format!("{} {}", it.field, it.fault)).collect()
            }
            other => vec![format!("{other:?}")],
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let mut it = fields(json!({
            "a": 1, "b": " ", "c": "x", "d": {"e": "y", "f": true}, "g": -1, "h": [], "i\n": 1
        }));
        assert!(it.has("a") && !it.has("d.e"));
        it.unfold("d");
        assert!(it.has("d.e") && !it.has("z"));
        assert_eq!(it.paths(&[("d.e", "own.e"), ("z", "z"), ("c", "c")]), ["own.e", "c"]);
        assert_eq!(it.line::<255>("a"), Line::default());
        assert!(it.needed("b", Email::try_from).is_none() && it.needed("y", Email::try_from).is_none());
        assert!(it.formed("c", Email::try_from).is_none());
        assert_eq!(it.text("d.e"), "y");
        assert_eq!((it.number("g"), it.object("h").len()), (None, 0));
        assert_eq!(
            wrong(it.done()),
            [
                "a must be text",
                "b is required",
                "y is required",
                "c must be an email address of at most 254 bytes",
                "g must be a whole number",
                "h must be an object",
                "d.f is not known here",
                "body is not known here",
            ]
        );
    }

    #[test]
    fn a_part_is_in_its_whole_and_nowhere_else() {
        for (body, problem) in [
            (json!({"a": {"b": "x"}}), ""),
            (json!({"a.b": "x"}), "a must be an object"),
            (json!({"a": null}), "a must be an object"),
        ] {
            let mut it = fields(body);
            it.unfold("a");
            let is_there = problem.is_empty();
            assert_eq!((it.has("a.b"), it.text("a.b").is_empty()), (is_there, !is_there));
            match it.done() {
                Ok(()) => assert!(is_there),
                refused => assert_eq!(wrong(refused), [problem]),
            }
        }
    }

    #[test]
    fn what_is_null_is_there_and_says_nothing() {
        let mut it = fields(json!({"a": null, "b": null, "c": null}));
        assert!(it.has("a") && it.text("a").is_empty());
        assert_eq!((it.number("b"), it.object("c").len()), (None, 0));
        it.done().unwrap();
    }
}
