//! Whether an answer has the shape that a document shows.

use serde_json::Value;
use uuid::Uuid;

/// Members that a document leaves out where they say nothing.
fn optional(document: &str) -> &'static [&'static str] {
    match document {
        "paylias" => &["middle_name", "nick_name", "deleted_at"],
        _ => &[],
    }
}

/// What says the same in every answer to a call, by its place.
const CONSTANTS: [&str; 6] = ["/success", "/ok", "/status", "/statusCode", "/message", "/object"];

/// What text looks like.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Uuid,
    /// A customer's id, with its prefix.
    Customer,
    /// Each digit of a time is a nine.
    Time(String),
    /// So many places of a decimal number, at least.
    Places(usize),
    Other,
}

fn form(text: &str) -> Form {
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    if text.len() == 36 && Uuid::parse_str(text).is_ok() {
        Form::Uuid
    } else if text.starts_with("cust_") {
        Form::Customer
    } else if text.len() >= 20 && text.get(4..5) == Some("-") && text.get(10..11) == Some("T") {
        Form::Time(text.chars().map(|it| if it.is_ascii_digit() { '9' } else { it }).collect())
    } else if let Some((whole, fraction)) = text.split_once('.')
        && digits(whole)
        && digits(fraction)
    {
        Form::Places(fraction.len())
    } else {
        Form::Other
    }
}

/// How an answer differs from what a document shows: in its members, their types, what is constant, and the forms of texts.
/// Where it shows nothing there may be nothing or text, and where it shows a part of a number there may be any number.
pub fn differences(document: &str, documented: &Value, answered: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(optional(document), documented, answered, "", &mut found);
    for at in CONSTANTS.into_iter().filter(|it| documented.pointer(it).is_some()) {
        if documented.pointer(at) != answered.pointer(at) {
            found.push(format!("{at} is {:?}", answered.pointer(at)));
        }
    }
    found
}

fn compare(optional: &[&str], documented: &Value, answered: &Value, at: &str, found: &mut Vec<String>) {
    match (documented, answered) {
        (Value::Object(documented), Value::Object(answered)) => {
            for (name, value) in documented {
                match answered.get(name) {
                    Some(it) => compare(optional, value, it, &format!("{at}/{name}"), found),
                    None if optional.contains(&name.as_str()) => {}
                    None => found.push(format!("{at}/{name} is missing")),
                }
            }
            let more = answered.keys().filter(|it| !documented.contains_key(*it));
            let more = more.filter(|it| !optional.contains(&it.as_str()));
            found.extend(more.map(|it| format!("{at}/{it} is not documented")));
        }
        (Value::Array(documented), Value::Array(answered)) => {
            if documented.is_empty() != answered.is_empty() {
                found.push(format!("{at} has {} items", answered.len()));
            }
            for (n, it) in answered.iter().enumerate() {
                compare(optional, &documented[0], it, &format!("{at}/{n}"), found);
            }
        }
        (Value::String(documented), Value::String(answered)) => match (form(documented), form(answered)) {
            (Form::Places(least), Form::Places(places)) if places >= least => {}
            (one, other) if one == other || one == Form::Other => {}
            (one, other) => found.push(format!("{at} is {other:?} and not {one:?}")),
        },
        (Value::Number(documented), Value::Number(answered)) if documented.is_f64() || !answered.is_f64() => {
        }
        (Value::Bool(_), Value::Bool(_)) | (Value::Null, Value::Null | Value::String(_)) => {}
        (documented, answered) => found.push(format!("{at} is {answered} and not like {documented}")),
    }
}

#[test]
fn what_differs_is_found() {
    use serde_json::json;
    let documented = json!({"ok": true, "data": [{"id": "9495d974-4807-4c44-bd01-f5a69283aecc", "at": "2024-01-01T12:00:00Z",
        "amount": "10.00", "none": null}]});
    let like = json!({"ok": true, "data": [{"id": "00000000-0000-0000-0000-000000000000", "at": "2026-11-21T00:00:00Z",
        "amount": "7.123", "none": "x", "nick_name": "x"}]});
    assert_eq!(differences("paylias", &documented, &like), Vec::<String>::new());
    assert_eq!(differences("trxn", &documented, &like).len(), 1);
    let typed = json!({"ok": true, "data": [{"none": null, "count": 1}]});
    let wrong = json!({"ok": true, "data": [{"none": 1, "count": 1.5}]});
    assert_eq!(differences("trxn", &typed, &wrong).len(), 2);
    let unlike = json!({"ok": false, "data": [{"id": "x", "at": "2026-11-21T00:00:00.000Z", "amount": 1, "more": 1}], "x": 1});
    assert_eq!(differences("trxn", &documented, &unlike).len(), 7);
    assert_eq!(differences("trxn", &documented, &json!({"ok": true, "data": []})).len(), 1);
}
