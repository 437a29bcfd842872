//! Messages and enums, as JSON Schema.

use std::collections::BTreeMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value as Json, json};

use super::comments::comment;

/// A value of a field that makes sense wherever it is tried, by the field's name.
const EXAMPLES: [(&str, &str); 18] = [
    ("address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("amount", "12.5"),
    ("city", "London"),
    ("country", "GB"),
    ("currency", "EUR"),
    ("description", "An order of books"),
    ("display_name", "Acme"),
    ("email", "ada@example.com"),
    ("external_id", "user-42"),
    ("first_name", "Ada"),
    ("last_name", "Lovelace"),
    ("network", "sepolia"),
    ("payment_address", "ada@dev"),
    ("phone", "+447700900123"),
    ("reason", "Asked for by the customer"),
    ("reference", "order-1001"),
    ("token", "USDC"),
    ("url", "https://example.com/webhooks"),
];

/// The schemas that are referred to, made as they are.
#[derive(Default)]
pub(super) struct Schemas(BTreeMap<String, Json>);

impl Schemas {
    /// All of them, with those that are no message's.
    pub(super) fn finish(mut self, reasons: &EnumDescriptor) -> Json {
        self.enumeration(reasons);
        let names = super::super::transcode::status::CODES.map(|it| it.0);
        self.0.insert(
            "Error".to_owned(),
            json!({
                "type": "object",
                "required": ["error"],
                "properties": {"error": {
                    "type": "object",
                    "required": ["code", "status", "message", "details"],
                    "properties": {
                        "code": {"type": "integer", "description": "The status of HTTP."},
                        "status": {"type": "string", "enum": &names[1..], "description": "The code of gRPC."},
                        "message": {"type": "string", "description": "What is wrong, for a person."},
                        "details": {
                            "type": "array",
                            "description": "A `google.rpc.ErrorInfo` with the `reason`; for a request that is wrong \
                                also a `google.rpc.BadRequest` with each field; where a retry makes sense a `google.rpc.RetryInfo`.",
                            "items": any(),
                        },
                    },
                }},
            }),
        );
        json!(self.0)
    }

    /// A reference to a message.
    pub(super) fn message(&mut self, message: &MessageDescriptor) -> Json {
        let name = message.full_name().trim_start_matches("purser.v1.").to_owned();
        if !self.0.contains_key(&name) {
            // A message may be within itself.
            self.0.insert(name.clone(), Json::Null);
            let schema = self.object(message, &message.fields().collect::<Vec<_>>());
            self.0.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    /// An object with some of a message's fields.
    pub(super) fn object(&mut self, message: &MessageDescriptor, fields: &[FieldDescriptor]) -> Json {
        let properties: Map<_, _> =
            fields.iter().map(|it| (it.json_name().to_owned(), self.field(it))).collect();
        json!({
            "type": "object",
            "description": comment(&message.parent_file(), message.path()),
            "properties": properties,
            "additionalProperties": false,
        })
    }

    /// What a field holds.
    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Json {
        let mut one = self.kind(&field.kind());
        if let Some((_, example)) = EXAMPLES.iter().find(|it| it.0 == field.name())
            && field.kind() == Kind::String
            && is_first_choice(field)
        {
            one["examples"] = json!([example]);
        }
        let mut schema = if field.is_map() {
            json!({"type": "object", "additionalProperties": {"type": "string"}})
        } else if field.is_list() {
            json!({"type": "array", "items": one})
        } else {
            one
        };
        let about = comment(&field.parent_message().parent_file(), field.path());
        if about.contains("Output only") {
            schema["readOnly"] = true.into();
        }
        schema["description"] = match field.containing_oneof() {
            Some(oneof) => {
                let names = oneof.fields().map(|it| format!("`{}`", it.json_name())).collect::<Vec<_>>();
                format!("{about}\n\nOnly one of {}.", names.join(", ")).into()
            }
            None => about.into(),
        };
        schema
    }

    fn kind(&mut self, kind: &Kind) -> Json {
        match kind {
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"})
            }
            Kind::Uint64 | Kind::Fixed64 => {
                json!({"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"})
            }
            Kind::Enum(it) => self.enumeration(it),
            Kind::Message(it) => match it.full_name() {
                "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
                "google.protobuf.Duration" => {
                    json!({"type": "string", "pattern": "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$"})
                }
                "google.protobuf.BoolValue" => json!({"type": "boolean"}),
                "google.protobuf.FieldMask" => json!({"type": "string"}),
                "google.protobuf.Struct" => json!({"type": "object", "additionalProperties": true}),
                "google.protobuf.Any" => any(),
                _ => self.message(it),
            },
            Kind::String | Kind::Bytes | Kind::Float | Kind::Double => json!({"type": "string"}),
        }
    }

    fn enumeration(&mut self, it: &EnumDescriptor) -> Json {
        let name = it.name().to_owned();
        let file = it.parent_file();
        let values: Vec<_> = it.values().collect();
        let list = values
            .iter()
            .map(|it| format!("- `{}`: {}", it.name(), comment(&file, it.path()).replace('\n', " ")));
        let description = format!("{}\n\n{}", comment(&file, it.path()), list.collect::<Vec<_>>().join("\n"));
        let names: Vec<_> = values.iter().map(|it| it.name().to_owned()).collect();
        let schema = json!({"type": "string", "enum": names, "description": description});
        self.0.insert(name.clone(), schema);
        json!({"$ref": format!("#/components/schemas/{name}")})
    }
}

/// Whether a field can be given beside all others that have examples: only the first of a oneof can.
fn is_first_choice(field: &FieldDescriptor) -> bool {
    let first = field.containing_oneof().and_then(|it| it.fields().find(|it| it.kind() == Kind::String));
    first.is_none_or(|it| it == *field)
}

/// A message that says itself what it is.
fn any() -> Json {
    json!({"type": "object", "required": ["@type"], "properties": {"@type": {"type": "string"}}, "additionalProperties": true})
}
