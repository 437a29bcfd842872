//! Metadata: `google.protobuf.Struct` on the wire, a JSON object within.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_json::{Map, Value as Json};

use crate::domain::{Fault, Metadata, whole};

pub(in crate::grpc) fn metadata(from: Option<Struct>) -> Result<Metadata, Fault> {
    map(from.unwrap_or_default())?.try_into()
}

pub(super) fn to_struct(metadata: &Metadata) -> Option<Struct> {
    (!metadata.is_empty()).then(|| struct_of(metadata.as_map()))
}

fn map(from: Struct) -> Result<Map<String, Json>, Fault> {
    from.fields.into_iter().map(|(key, it)| Ok((key, json(it)?))).collect()
}

fn json(from: Value) -> Result<Json, Fault> {
    Ok(match from.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(it)) => Json::Bool(it),
        Some(Kind::NumberValue(it)) => number(it)?,
        Some(Kind::StringValue(it)) => Json::String(it),
        Some(Kind::ListValue(it)) => Json::Array(it.values.into_iter().map(json).collect::<Result<_, _>>()?),
        Some(Kind::StructValue(it)) => Json::Object(map(it)?),
    })
}

/// One that is whole is kept so: where JSON is shown as it is kept, a `1` is a `1`, and no `1.0`.
fn number(it: f64) -> Result<Json, Fault> {
    if let Some(whole) = whole(it) {
        return Ok(Json::from(whole));
    }
    let number = serde_json::Number::from_f64(it);
    Ok(Json::Number(number.ok_or(Fault::new("must not hold numbers that JSON has not"))?))
}

fn struct_of(from: &Map<String, Json>) -> Struct {
    Struct { fields: from.iter().map(|(key, it)| (key.clone(), value(it))).collect::<BTreeMap<_, _>>() }
}

fn value(from: &Json) -> Value {
    let kind = match from {
        Json::Null => Kind::NullValue(0),
        Json::Bool(it) => Kind::BoolValue(*it),
        Json::Number(it) => Kind::NumberValue(it.as_f64().unwrap_or_default()),
        Json::String(it) => Kind::StringValue(it.clone()),
        Json::Array(it) => Kind::ListValue(ListValue { values: it.iter().map(value).collect() }),
        Json::Object(it) => Kind::StructValue(struct_of(it)),
    };
    Value { kind: Some(kind) }
}
