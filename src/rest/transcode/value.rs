//! From JSON to the values of fields: canonical proto JSON, and every fault by the name of its field.

use std::collections::HashSet;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value};
use serde_json::{Map, Value as Json};

use super::mask;
use super::rules::named;
use crate::domain::{Fault, Faults, whole};
use crate::rest::json::{INEXACT, is_exact};

/// The longest name of a field that is repeated to whoever made it up, in characters.
const LONGEST_NAME: usize = 64;

/// Puts an object's members into a message. `path` is where the message is: empty, or a name and a dot.
pub(super) fn fill(message: &mut DynamicMessage, object: Map<String, Json>, path: &str, faults: &mut Faults) {
    let descriptor = message.descriptor();
    let mut given = HashSet::new();
    for (name, json) in object {
        let at = format!("{path}{}", name.chars().take(LONGEST_NAME).collect::<String>());
        let Some(field) = named(&descriptor, &name) else {
            faults.add(at, Fault::new("is not a field"));
            continue;
        };
        // A default is not seen in the message.
        if !given.insert(field.number()) {
            faults.add(at, Fault::new("is given twice"));
            continue;
        }
        if json.is_null() {
            continue;
        }
        if let Some(value) = value(&field, json, &format!("{path}{}", field.name()), faults) {
            put(message, &field, value, path, faults);
        }
    }
}

/// Sets a field that is not set, and whose oneof is not.
pub(super) fn put(
    message: &mut DynamicMessage,
    field: &FieldDescriptor,
    value: Value,
    path: &str,
    faults: &mut Faults,
) {
    let at = || format!("{path}{}", field.name());
    let rivals = field.containing_oneof().into_iter().flat_map(|it| it.fields().collect::<Vec<_>>());
    if message.has_field(field) {
        faults.add(at(), Fault::new("is given twice"));
    } else if rivals.into_iter().any(|it| message.has_field(&it)) {
        faults.add(at(), Fault::new("is given beside another field, and only one of them can be"));
    } else {
        message.set_field(field, value);
    }
}

/// The value of a field.
pub(super) fn value(field: &FieldDescriptor, json: Json, at: &str, faults: &mut Faults) -> Option<Value> {
    if !field.is_list() {
        return single(&field.kind(), json, at, faults);
    }
    let Json::Array(list) = json else {
        faults.add(at.to_owned(), Fault::new("must be a list"));
        return None;
    };
    let values = list.into_iter().enumerate();
    let values: Vec<_> =
        values.filter_map(|(n, it)| single(&field.kind(), it, &format!("{at}[{n}]"), faults)).collect();
    Some(Value::List(values))
}

/// One value, as text: of a path or of a query.
pub(super) fn text(
    kind: &Kind,
    text: &str,
    resource: Option<&MessageDescriptor>,
    at: &str,
    faults: &mut Faults,
) -> Option<Value> {
    let json = match (kind, text) {
        (Kind::Bool, "true") => Json::Bool(true),
        (Kind::Bool, "false") => Json::Bool(false),
        (Kind::Enum(_), _) if text.starts_with(|it: char| it == '-' || it.is_ascii_digit()) => {
            text.parse::<i32>().map_or_else(|_| Json::String(text.to_owned()), Json::from)
        }
        (Kind::Message(it), _) if it.full_name() == mask::NAME => {
            return Some(Value::Message(mask::read(it, text, resource)));
        }
        (Kind::Message(it), _) if !is_text(it) => Json::Null,
        _ => Json::String(text.to_owned()),
    };
    single(kind, json, at, faults)
}

/// Whether a message is written as a string.
fn is_text(message: &MessageDescriptor) -> bool {
    matches!(message.full_name(), "google.protobuf.Timestamp" | "google.protobuf.Duration")
}

fn single(kind: &Kind, json: Json, at: &str, faults: &mut Faults) -> Option<Value> {
    let value = match kind {
        Kind::String => string(json).map(Value::String),
        Kind::Bool => json.as_bool().map(Value::Bool).ok_or(Fault::new("must be true or false")),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => number(&json).map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => number(&json).map(Value::I64),
        Kind::Uint32 | Kind::Fixed32 => number(&json).map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => number(&json).map(Value::U64),
        Kind::Enum(it) => match &json {
            Json::String(name) => it.get_value_by_name(name).map(|it| it.number()),
            _ => number(&json).ok(),
        }
        .map(Value::EnumNumber)
        .ok_or(Fault::new("must be one of the names that the field has")),
        Kind::Message(it) => return message(it, json, at, faults),
        Kind::Bytes | Kind::Float | Kind::Double => Err(Fault::new("cannot be given")),
    };
    faults.keep(at.to_owned(), value)
}

fn message(descriptor: &MessageDescriptor, json: Json, at: &str, faults: &mut Faults) -> Option<Value> {
    let known = match (descriptor.full_name(), json) {
        (mask::NAME, Json::String(it)) => Ok(mask::read(descriptor, &it, None)),
        (mask::NAME, _) => Err("must be names of fields, with commas between them"),
        ("google.protobuf.Timestamp", json) => {
            const MUST: &str = "must be a time of RFC 3339, such as 2026-01-31T12:00:00Z";
            if json.as_str().is_some_and(is_rfc3339) { delegated(descriptor, &json, MUST) } else { Err(MUST) }
        }
        ("google.protobuf.Duration", json) => {
            delegated(descriptor, &json, "must be a number of seconds and an s, such as 1.5s")
        }
        ("google.protobuf.BoolValue", json) => delegated(descriptor, &json, "must be true or false"),
        ("google.protobuf.Struct", json) if !is_exact(&json) => Err(INEXACT),
        ("google.protobuf.Struct", json) => delegated(descriptor, &json, "must be an object"),
        (_, Json::Object(object)) => {
            let mut within = DynamicMessage::new(descriptor.clone());
            fill(&mut within, object, &format!("{at}."), faults);
            Ok(within)
        }
        _ => Err("must be an object"),
    };
    faults.keep(at.to_owned(), known.map(Value::Message).map_err(Fault::new))
}

/// What prost-reflect makes of a well-known type.
fn delegated(
    descriptor: &MessageDescriptor,
    json: &Json,
    otherwise: &'static str,
) -> Result<DynamicMessage, &'static str> {
    DynamicMessage::deserialize(descriptor.clone(), json).map_err(|_| otherwise)
}

/// Whether a text has the form of a time with its zone: what reads it would take less.
fn is_rfc3339(text: &str) -> bool {
    let text = text.as_bytes();
    let date_time = text.len() >= 20 && matches!(text[10], b'T' | b't') && text[0].is_ascii_digit();
    let zone = match text.split_last() {
        Some((b'Z' | b'z', _)) => true,
        _ => text.len() >= 25 && matches!(text[text.len() - 6], b'+' | b'-') && text[text.len() - 3] == b':',
    };
    date_time && zone
}

fn string(json: Json) -> Result<String, Fault> {
    match json {
        Json::String(it) => Ok(it),
        _ => Err(Fault::new("must be a string")),
    }
}

/// A whole number, written as one, also such as `1e3`, or as a string.
fn number<T: TryFrom<i128>>(json: &Json) -> Result<T, Fault> {
    let number = match json {
        Json::Number(it) => it
            .as_i64()
            .map(i128::from)
            .or_else(|| it.as_u64().map(i128::from))
            .or_else(|| it.as_f64().and_then(whole).map(i128::from)),
        Json::String(it) if !it.starts_with('+') => it.parse().ok(),
        _ => None,
    };
    number
        .and_then(|it| T::try_from(it).ok())
        .ok_or(Fault::new("must be a whole number that the field can hold"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api;
    use crate::domain::Error;

    /// The message as canonical JSON, or the faults.
    fn read(message: &str, json: Json) -> Result<Json, Vec<String>> {
        let descriptor = api::POOL.get_message_by_name(&format!("purser.v1.{message}")).unwrap();
        let mut message = DynamicMessage::new(descriptor);
        let mut faults = Faults::default();
        let Json::Object(object) = json else { unreachable!() };
        fill(&mut message, object, "", &mut faults);
        match faults.done() {
            Ok(()) => Ok(serde_json::to_value(&message).unwrap()),
            Err(Error::Invalid(it)) => {
                Err(it.iter().map(|it| format!("{} {}", it.field, it.fault)).collect())
            }
            Err(_) => unreachable!(),
        }
    }

    #[test]
    fn canonical_json_is_read_by_either_name_of_a_field() {
        let expected = json!({"customer": {"firstName": "Ada", "type": "CUSTOMER_TYPE_BUSINESS",
            "metadata": {"a": {"b": [1.0, null, "x", true]}}, "createTime": "2026-01-31T10:00:00Z", "sequence": "7"}});
        for given in [
            expected.clone(),
            json!({"customer": {"first_name": "Ada", "type": 2, "sequence": 7.0, "nick_name": null,
                "metadata": {"a": {"b": [1, null, "x", true]}}, "create_time": "2026-01-31T12:00:00.000+02:00"}}),
        ] {
            assert_eq!(read("CreateCustomerRequest", given), Ok(expected.clone()));
        }
        let settings = json!({"settings": {"aliasQuarantine": "1.500s"}});
        assert_eq!(read("UpdateDomainSettingsRequest", settings.clone()), Ok(settings));
    }

    #[test]
    fn every_fault_is_named_by_its_field_and_repeats_no_value() {
        let given = json!({
            "no": 1, "pageSize": "secret", "createTimeAfter": "2026-01-31", "search": 7, "ids": "secret",
            "emails": ["a", 1, null], "statuses": ["secret"], "showDeleted": "true", "types": [1.5],
        });
        let mut faults = read("ListCustomersRequest", given).unwrap_err();
        faults.sort();
        let number = "must be a whole number that the field can hold";
        let name = "must be one of the names that the field has";
        assert_eq!(
            faults,
            [
                "create_time_after must be a time of RFC 3339, such as 2026-01-31T12:00:00Z",
                "emails[1] must be a string",
                "emails[2] must be a string",
                "ids must be a list",
                "no is not a field",
                &format!("page_size {number}"),
                "search must be a string",
                "show_deleted must be true or false",
                &format!("statuses[0] {name}"),
                &format!("types[0] {name}"),
            ]
        );
        let twice = json!({"customer": {"firstName": "a", "first_name": "b", "business": [], "metadata": 1}});
        let mut faults = read("CreateCustomerRequest", twice).unwrap_err();
        faults.sort();
        assert_eq!(
            faults,
            [
                "customer.business must be an object",
                "customer.first_name is given twice",
                "customer.metadata must be an object"
            ]
        );
        let both = read("GetCustomerRequest", json!({"id": "a", "email": "b"})).unwrap_err();
        assert_eq!(both, ["id is given beside another field, and only one of them can be"]);
    }

    #[test]
    fn numbers_keep_to_their_range_and_are_exact() {
        for (given, expected) in [
            (json!("9223372036854775807"), Some(i64::MAX)),
            (json!(i64::MAX), Some(i64::MAX)),
            (json!(-1), Some(-1)),
            (json!(1e3), Some(1_000)),
            (json!(1e19), None),
            (json!(1.5), None),
            (json!("+1"), None),
            (json!(" 1"), None),
            (json!("9223372036854775808"), None),
            (json!(true), None),
        ] {
            assert_eq!(number::<i64>(&given).ok(), expected, "{given}");
        }
        assert_eq!(number::<u32>(&json!(-1)).ok(), None);
        assert_eq!(number::<i32>(&json!(2_147_483_648_i64)).ok(), None);
    }

    #[test]
    fn a_time_has_a_date_a_time_and_a_zone() {
        for (text, expected) in [
            ("2026-01-31T12:00:00Z", true),
            ("2026-01-31t12:00:00.123456789z", true),
            ("2026-01-31T12:00:00-07:00", true),
            ("2026-01-31T12:00:00", false),
            ("2026-01-31 12:00:00Z", false),
            ("2026-01-31", false),
            ("", false),
        ] {
            assert_eq!(is_rfc3339(text), expected, "{text}");
        }
    }
}
