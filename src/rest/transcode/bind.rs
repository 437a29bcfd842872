//! From the parts of a call over HTTP to the request of a method.

use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};
use serde_json::Value as Json;

use super::rpc::IDEMPOTENCY_KEY;
use super::rules::{BodyIs, Rule, Segment, message_of, way};
use super::value;
use crate::domain::{Fault, Faults};
use crate::rest::json;
use crate::rest::refusal::Refusal;
use crate::rest::target::{Query, decode};

/// The request that a call means.
pub(super) fn request(
    rule: &Rule,
    captured: &[&str],
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<DynamicMessage, Refusal> {
    let mut message = DynamicMessage::new(rule.rpc.input.clone());
    let mut faults = Faults::default();
    put_body(rule, &mut message, headers, body, &mut faults)?;
    let fields = rule.segments.iter().filter_map(|it| match it {
        Segment::Field(way) => Some(way),
        Segment::Fixed(_) => None,
    });
    for (way, text) in fields.zip(captured) {
        let text = decode(text).ok_or(Refusal::BadTarget)?;
        put_text(rule, &mut message, way, &[&text], &mut faults);
    }
    put_query(rule, &mut message, query.unwrap_or_default(), &mut faults)?;
    put_etag(rule, &mut message, headers, &mut faults);
    for name in [IF_MATCH, IDEMPOTENCY_KEY] {
        if headers.get_all(&name).iter().count() > 1 {
            faults.add(name.to_string(), Fault::new("is given twice"));
        }
    }
    faults.done()?;
    Ok(message)
}

fn put_body(
    rule: &Rule,
    message: &mut DynamicMessage,
    headers: &HeaderMap,
    body: &[u8],
    faults: &mut Faults,
) -> Result<(), Refusal> {
    if body.is_empty() {
        // What was lost on the way must not be taken for a resource without fields.
        let is_needed = matches!(rule.body, BodyIs::Field(_));
        return if is_needed { Err(Refusal::body("is required")) } else { Ok(()) };
    }
    if matches!(rule.body, BodyIs::Nothing) {
        return Err(Refusal::body("must be empty: this method takes none"));
    }
    if !is_json(headers) {
        return Err(Refusal::WrongMediaType);
    }
    let json: Json = json::read(body).map_err(Refusal::BadBody)?;
    let Json::Object(object) = json else { return Err(Refusal::body("must be an object")) };
    match &rule.body {
        BodyIs::Field(field) => {
            if let Some(value) = value::value(field, Json::Object(object), field.name(), faults) {
                message.set_field(field, value);
            }
        }
        _ => value::fill(message, object, "", faults),
    }
    Ok(())
}

/// Whether the body is said to be JSON as it stands: in UTF-8, and not compressed.
fn is_json(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|it: &HeaderValue| it.to_str().ok()).unwrap_or_default();
    let said = text(CONTENT_TYPE).to_ascii_lowercase();
    let (kind, parameters) = said.split_once(';').unwrap_or((&said, ""));
    let mut charsets = parameters.split(';').filter_map(|it| it.trim().strip_prefix("charset="));
    kind.trim() == "application/json"
        && charsets.all(|it| it.trim_matches('"') == "utf-8")
        && matches!(text(CONTENT_ENCODING), "" | "identity")
}

fn put_query(
    rule: &Rule,
    message: &mut DynamicMessage,
    query: &str,
    faults: &mut Faults,
) -> Result<(), Refusal> {
    let query = Query::parse(query).ok_or(Refusal::BadTarget)?;
    let mut given: Vec<(Vec<FieldDescriptor>, Vec<&str>)> = Vec::new();
    for (name, text) in query.pairs() {
        let way = way(&rule.rpc.input, name).filter(|way| may_be_in_query(rule, way));
        let Some(way) = way else {
            let name: String = name.chars().take(64).collect();
            faults.add(name, Fault::new("is no parameter of this method"));
            continue;
        };
        match given.iter_mut().find(|it| it.0 == way) {
            Some((_, texts)) => texts.push(text),
            None => given.push((way, vec![text])),
        }
    }
    for (way, texts) in given {
        put_text(rule, message, &way, &texts, faults);
    }
    Ok(())
}

/// A field is in one place only: in the path, in the body or in the query. What the path gives rules out its rivals.
pub(in crate::rest) fn may_be_in_query(rule: &Rule, way: &[FieldDescriptor]) -> bool {
    let in_body = match &rule.body {
        BodyIs::Nothing => false,
        BodyIs::Everything => true,
        BodyIs::Field(field) => way.first() == Some(field),
    };
    let choice = |way: &[FieldDescriptor]| way.first().and_then(FieldDescriptor::containing_oneof);
    let in_path = rule.segments.iter().any(|it| match it {
        Segment::Field(other) => other == way || choice(other).is_some_and(|it| choice(way) == Some(it)),
        Segment::Fixed(_) => false,
    });
    !in_body && !in_path
}

/// Puts texts in the place that `way` leads to: several only into a list.
fn put_text(
    rule: &Rule,
    message: &mut DynamicMessage,
    way: &[FieldDescriptor],
    texts: &[&str],
    faults: &mut Faults,
) {
    let Some((field, before)) = way.split_last() else { return };
    let path = before.iter().fold(String::new(), |path, it| path + it.name() + ".");
    let at = format!("{path}{}", field.name());
    if texts.len() > 1 && !field.is_list() {
        return faults.add(at, Fault::new("is given twice"));
    }
    let (kind, resource) = (field.kind(), resource(rule));
    let values = texts.iter().filter_map(|it| value::text(&kind, it, resource.as_ref(), &at, faults));
    let mut values: Vec<_> = values.collect();
    if values.len() < texts.len() {
        return;
    }
    let value = if field.is_list() { Some(Value::List(values)) } else { values.pop() };
    if let (Some(value), Some(holder)) = (value, holder(message, before, faults)) {
        value::put(holder, field, value, &path, faults);
    }
}

/// The message that a field is of, made on the way where it is not there.
fn holder<'a>(
    message: &'a mut DynamicMessage,
    way: &[FieldDescriptor],
    faults: &mut Faults,
) -> Option<&'a mut DynamicMessage> {
    let mut holder = message;
    for field in way {
        if !holder.has_field(field) {
            let empty = message_of(field).map(DynamicMessage::new)?;
            value::put(holder, field, Value::Message(empty), "", faults);
        }
        holder = holder.get_field_mut(field).as_message_mut()?;
    }
    Some(holder)
}

/// What an update mask is of: the field that the body holds.
fn resource(rule: &Rule) -> Option<MessageDescriptor> {
    match &rule.body {
        BodyIs::Field(field) => message_of(field),
        _ => None,
    }
}

/// `If-Match` says what a request's etag would say.
fn put_etag(rule: &Rule, message: &mut DynamicMessage, headers: &HeaderMap, faults: &mut Faults) {
    let Some(given) = headers.get(IF_MATCH) else { return };
    let (field, text) = match (given.to_str().ok().and_then(version), &rule.rpc.etag) {
        (_, None) => {
            return faults.add("if-match", Fault::new("is not for this method: it changes no version"));
        }
        (None, _) => {
            return faults.add("if-match", Fault::new("must be `*`, or one etag between quotation marks"));
        }
        (Some(Version::Any), _) => return,
        (Some(Version::Only(etag)), Some(field)) => (field, etag),
    };
    let said = message.get_field(field).as_str().unwrap_or_default().to_owned();
    if said.is_empty() {
        message.set_field(field, Value::String(text.to_owned()));
    } else if said != text {
        faults.add("if-match", Fault::new("differs from the etag of the request"));
    }
}

/// Which version `If-Match` means.
enum Version<'a> {
    Any,
    Only(&'a str),
}

fn version(text: &str) -> Option<Version<'_>> {
    if text == "*" {
        return Some(Version::Any);
    }
    let within = text.strip_prefix('"')?.strip_suffix('"')?;
    (!within.is_empty() && !within.contains('"')).then_some(Version::Only(within))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use prost_reflect::ReflectMessage;
    use serde_json::json;

    use super::super::routes::{Found, Routes};
    use super::super::rules::RULES;
    use super::*;
    use crate::domain::Error;

    fn bound(call: &str, headers: &[(&'static str, &'static str)], body: &str) -> Result<Json, String> {
        let (method, target) = call.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').map_or((target, None), |it| (it.0, Some(it.1)));
        let routes = Routes::new(&RULES);
        let Found::Rule(rule, captured) = routes.find(&method.parse().unwrap(), path) else {
            panic!("{call}")
        };
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(*name, HeaderValue::from_static(value));
        }
        if !body.is_empty() && !all.contains_key(CONTENT_TYPE) {
            all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        }
        match request(rule, &captured, query, &all, body.as_bytes()) {
            Ok(message) => {
                let mut json = serde_json::to_value(&message).unwrap();
                json["@"] = message.descriptor().name().into();
                Ok(json)
            }
            Err(Refusal::Known(Error::Invalid(it))) => {
                Err(it.iter().map(|it| format!("{} {}", it.field, it.fault)).collect::<Vec<_>>().join("; "))
            }
            Err(other) => Err(other.message()),
        }
    }

    #[test]
    fn path_query_and_body_make_one_request() {
        for (call, body, expected) in [
            ("GET /v1/customers/a%2Fb%3A%C3%A9", "", json!({"@": "GetCustomerRequest", "id": "a/b:é"})),
            (
                "GET /v1/customers?ids=a&ids=b&page_size=5&showDeleted=true&statuses=CUSTOMER_STATUS_ENABLED&statuses=1&createTimeAfter=2026-01-31T12:00:00Z",
                "",
                json!({"@": "ListCustomersRequest", "ids": ["a", "b"], "pageSize": 5, "showDeleted": true,
                    "statuses": ["CUSTOMER_STATUS_ENABLED", "CUSTOMER_STATUS_DISABLED"], "createTimeAfter": "2026-01-31T12:00:00Z"}),
            ),
            (
                "GET /v1/wallets:lookup?address.network=ethereum&address.address=0x1&domain_id=d",
                "",
                json!({"@": "GetWalletRequest", "address": {"network": "ethereum", "address": "0x1"}, "domainId": "d"}),
            ),
            (
                "PATCH /v1/customers/x?updateMask=firstName,metadata.order_id&requestId=r",
                r#"{"firstName":"Ada","metadata":{"order_id":1}}"#,
                json!({"@": "UpdateCustomerRequest", "id": "x", "requestId": "r", "customer": {"firstName": "Ada", "metadata": {"order_id": 1.0}}}),
            ),
            ("POST /v1/customers/x:restore", "", json!({"@": "RestoreCustomerRequest", "id": "x"})),
            (
                "POST /v1/customers/x:setKycStatus",
                r#"{"kyc_status":5}"#,
                json!({"@": "SetKycStatusRequest", "id": "x", "kycStatus": "KYC_STATUS_APPROVED"}),
            ),
            ("GET /v1/events:watch?afterSequence=7", "", json!({"@": "WatchRequest", "afterSequence": "7"})),
        ] {
            let mut found = bound(call, &[], body).unwrap();
            // Its paths have underlines, which have no form in JSON.
            found.as_object_mut().unwrap().remove("updateMask");
            assert_eq!(found, expected, "{call}");
        }
    }

    #[test]
    fn what_cannot_be_bound_is_refused() {
        for (call, body, expected) in [
            ("GET /v1/customers/%zz", "", "the path or the query is not well-formed"),
            ("GET /v1/customers?search=%ff", "", "the path or the query is not well-formed"),
            (
                "GET /v1/customers?no=1&page_size=x",
                "",
                "no is no parameter of this method; page_size must be a whole number that the field can hold",
            ),
            ("GET /v1/customers?search=a&search=b", "", "search is given twice"),
            ("GET /v1/customers?pageSize=1&page_size=1", "", "page_size is given twice"),
            ("GET /v1/customers/x?id=x", "", "id is no parameter of this method"),
            ("GET /v1/customers/x?email=a", "", "email is no parameter of this method"),
            ("GET /v1/customers?ids.a=1", "", "ids.a is no parameter of this method"),
            ("GET /v1/wallets:lookup?address=1", "", "address must be an object"),
            ("POST /v1/customers?customer.name=x", "{}", "customer.name is no parameter of this method"),
            ("POST /v1/customers", "", "the body is required"),
            ("POST /v1/customers/x:erase?requestId=1", "", "requestId is no parameter of this method"),
            ("POST /v1/customers/x:erase", r#"{"id":"x"}"#, "id is given twice"),
            ("POST /v1/customers", "[]", "the body must be an object"),
            ("POST /v1/customers", "null", "the body must be an object"),
            ("POST /v1/customers", "{", "the body is not JSON (line 1, column 1)"),
            ("POST /v1/customers", r#"{"name":1}"#, "customer.name must be a string"),
            ("GET /v1/customers", "{}", "the body must be empty: this method takes none"),
        ] {
            assert_eq!(bound(call, &[], body), Err(expected.to_owned()), "{call}");
        }
        for header in [
            ("content-type", "text/plain"),
            ("content-type", "application/json; charset=iso-8859-1"),
            ("content-encoding", "gzip"),
        ] {
            assert!(bound("POST /v1/customers", &[header], "{}").unwrap_err().contains("application/json"));
        }
        let utf8 = [("content-type", "Application/JSON; charset=\"UTF-8\"")];
        assert!(bound("POST /v1/customers", &utf8, "{}").is_ok());
    }

    #[test]
    fn if_match_is_the_etag_of_the_request() {
        let delete = "DELETE /v1/customers/x";
        let etag = |value: &'static str, call: &str| bound(call, &[("if-match", value)], "");
        assert_eq!(etag("\"7\"", delete).unwrap()["etag"], "7");
        assert_eq!(etag("\"7\"", &format!("{delete}?etag=7")).unwrap()["etag"], "7");
        assert_eq!(etag("*", delete).unwrap().get("etag"), None);
        let differs = etag("\"7\"", &format!("{delete}?etag=8")).unwrap_err();
        assert_eq!(differs, "if-match differs from the etag of the request");
        for wrong in ["7", "\"\"", "\"7", "W/\"7\"", "\"7\", \"8\""] {
            assert!(etag(wrong, delete).unwrap_err().starts_with("if-match must be"), "{wrong}");
        }
        let none = etag("\"7\"", "GET /v1/customers/x").unwrap_err();
        assert_eq!(none, "if-match is not for this method: it changes no version");
    }
}
