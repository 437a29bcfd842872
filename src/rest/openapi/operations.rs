//! What can be called: each rule of `http.yaml` as an operation.

use std::collections::BTreeMap;

use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde_json::{Map, Value as Json, json};

use super::comments::{comment, errors, summary};
use super::schemas::Schemas;
use crate::api;
use crate::rest::transcode::bind::may_be_in_query;
use crate::rest::transcode::rules::{BodyIs, RULES, Rule, Segment, message_of};

/// The paths, and the schemas that they refer to.
pub(super) fn all() -> (Json, Json) {
    let mut schemas = Schemas::default();
    let mut paths = BTreeMap::<&str, Map<String, Json>>::new();
    let mut named = BTreeMap::<&str, u32>::new();
    for rule in RULES.iter() {
        let count = named.entry(rule.rpc.method.full_name()).or_default();
        *count += 1;
        let operation = operation(rule, *count, &mut schemas);
        paths.entry(&rule.template).or_default().insert(rule.verb.as_str().to_lowercase(), operation);
    }
    let schemas = match api::POOL.get_enum_by_name("purser.v1.ErrorReason") {
        Some(reasons) => schemas.finish(&reasons),
        None => Json::Null,
    };
    (json!(paths), schemas)
}

fn operation(rule: &Rule, count: u32, schemas: &mut Schemas) -> Json {
    let method = &rule.rpc.method;
    let service = method.parent_service();
    let about = comment(&service.parent_file(), method.path());
    let again = if count > 1 { count.to_string() } else { String::new() };
    let mut operation = json!({
        "operationId": format!("{}{again}", method.name()),
        "tags": [service.name()],
        "summary": summary(about),
        "description": about,
        "parameters": parameters(rule, schemas),
        "responses": responses(rule, schemas),
    });
    if rule.rpc.path == api::KEYLESS {
        operation["security"] = json!([]);
    }
    let body = match &rule.body {
        BodyIs::Nothing => return operation,
        BodyIs::Field(field) => message_of(field).map(|it| schemas.message(&it)),
        BodyIs::Everything => {
            let fields = rule.rpc.input.fields().filter(|it| !is_in_path(rule, it)).collect::<Vec<_>>();
            Some(schemas.object(&rule.rpc.input, &fields))
        }
    };
    // Where all fields may be left out, so may the body.
    let required = matches!(rule.body, BodyIs::Field(_));
    operation["requestBody"] =
        json!({"required": required, "content": {"application/json": {"schema": body}}});
    operation
}

fn is_in_path(rule: &Rule, field: &FieldDescriptor) -> bool {
    rule.segments.iter().any(|it| matches!(it, Segment::Field(way) if way.first() == Some(field)))
}

fn parameters(rule: &Rule, schemas: &mut Schemas) -> Vec<Json> {
    let mut parameters = Vec::new();
    for segment in &rule.segments {
        if let Segment::Field(way) = segment
            && let Some(field) = way.last()
        {
            parameters.push(parameter("path", &dotted(way, FieldDescriptor::name), field, schemas));
        }
    }
    for way in leaves(&rule.rpc.input, &[]) {
        if may_be_in_query(rule, &way)
            && let Some(field) = way.last()
        {
            parameters.push(parameter("query", &dotted(&way, FieldDescriptor::json_name), field, schemas));
        }
    }
    let mut header = |name: &str, pattern: &str, description: &str| {
        let schema = json!({"type": "string", "pattern": pattern});
        parameters.push(json!({"name": name, "in": "header", "schema": schema, "description": description}));
    };
    if rule.rpc.input.get_field_by_name("request_id").is_some() {
        header("Idempotency-Key", "^[!-~]{1,255}$", "Makes the call safe to retry: the same as `requestId`.");
    }
    if rule.rpc.etag.is_some() {
        let about = "Change this version only: the `ETag` that was answered, or `*`. The same as `etag`.";
        header("If-Match", "^(\\*|\"[0-9a-zA-Z_-]{1,60}\")$", about);
    }
    parameters
}

fn parameter(place: &str, name: &str, field: &FieldDescriptor, schemas: &mut Schemas) -> Json {
    let mut schema = schemas.field(field);
    let description = schema["description"].take();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("description");
        if place == "path" {
            schema.insert("minLength".to_owned(), json!(1));
        }
    }
    json!({"name": name, "in": place, "required": place == "path", "schema": schema, "description": description})
}

fn dotted(way: &[FieldDescriptor], name: fn(&FieldDescriptor) -> &str) -> String {
    way.iter().map(name).collect::<Vec<_>>().join(".")
}

/// The ways to every field that a text can be the value of.
fn leaves(message: &MessageDescriptor, before: &[FieldDescriptor]) -> Vec<Vec<FieldDescriptor>> {
    let mut ways = Vec::new();
    for field in message.fields() {
        let mut way = before.to_vec();
        way.push(field.clone());
        match message_of(&field) {
            Some(it) if it.full_name() == "google.protobuf.Struct" => {}
            Some(it) if it.package_name() != "google.protobuf" => {
                if !field.is_list() {
                    ways.extend(leaves(&it, &way));
                }
            }
            _ => ways.push(way),
        }
    }
    ways
}

fn responses(rule: &Rule, schemas: &mut Schemas) -> Json {
    let schema = schemas.message(&rule.rpc.output);
    let content = if rule.rpc.is_stream {
        // Each line, or what each event holds, is one of these.
        let text = json!({"schema": {"type": "string"}, "x-message": schema});
        json!({"application/x-ndjson": text, "text/event-stream": text})
    } else {
        json!({"application/json": {"schema": schema}})
    };
    let mut headers = said(&[("X-Request-Id", "What the call is named in our log.")]);
    if rule.rpc.answered_etag.is_some() {
        headers.extend(said(&[("ETag", "The version of what is answered.")]));
    }
    if rule.rpc.output.fields().any(|it| it.name() == "secret") {
        let about = "`true` where the secret was told to an earlier call, and is not again.";
        headers.extend(said(&[("Secret-Omitted", about)]));
    }
    if rule.rpc.input.get_field_by_name("request_id").is_some() {
        headers
            .extend(said(&[("Idempotent-Replayed", "`true` where this is the answer to an earlier call.")]));
    }
    let mut responses = Map::new();
    responses
        .insert("200".to_owned(), json!({"description": "Done.", "headers": headers, "content": content}));
    for (status, told) in every_error(rule) {
        let told = told.iter().map(|it| format!("- {it}")).collect::<Vec<_>>().join("\n");
        let mut headers = said(&[("X-Request-Id", "What the call is named in our log.")]);
        headers.extend(match status {
            401 => said(&[("WWW-Authenticate", "How a key is shown.")]),
            405 => said(&[("Allow", "The methods that this path has.")]),
            429 | 503 => said(&[("Retry-After", "After how many seconds to try again, where it is known.")]),
            _ => Map::new(),
        });
        let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}});
        responses
            .insert(status.to_string(), json!({"description": told, "headers": headers, "content": content}));
    }
    Json::Object(responses)
}

/// Headers of an answer, and what each says.
fn said(headers: &[(&str, &str)]) -> Map<String, Json> {
    let header = |about| json!({"schema": {"type": "string"}, "description": about});
    headers.iter().map(|(name, about)| ((*name).to_owned(), header(about))).collect()
}

/// What the comments say, and what HTTP adds.
fn every_error(rule: &Rule) -> BTreeMap<u16, Vec<String>> {
    let mut errors = errors(&rule.rpc.method);
    if rule.rpc.path == api::KEYLESS {
        // What the service says of keys is of its other methods.
        errors.retain(|status, _| ![401, 403].contains(status));
    }
    let mut add = |status: u16, told: &str| errors.entry(status).or_default().push(told.to_owned());
    add(400, "`INVALID_FIELD`: the path, a parameter, a header or the body is not what it has to be.");
    add(408, "`DEADLINE_EXCEEDED`: the body did not arrive in time. Nothing was done.");
    add(405, "`UNIMPLEMENTED`: this path has other methods.");
    let most = api::most_bytes(&rule.rpc.path);
    add(413, &format!("`MESSAGE_TOO_LARGE`: the body is larger than {most} bytes."));
    if rule.template.contains('{') {
        add(404, "`UNIMPLEMENTED`: there is nothing at this path.");
    }
    if !matches!(rule.body, BodyIs::Nothing) {
        add(415, "`INVALID_FIELD`: the body is not `application/json`.");
    }
    if rule.rpc.etag.is_some() {
        add(412, "`ETAG_MISMATCH`: it is not the version that `If-Match` names any more.");
    }
    errors
}
