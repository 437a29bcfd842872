//! The description of the API over HTTP: `OpenAPI` 3.1, made of the descriptors, their comments and `http.yaml`.

mod comments;
mod operations;
mod schemas;

use std::sync::LazyLock;

use axum::body::Bytes;
use serde_json::{Value as Json, json};

use crate::api;
use comments::comment;

/// The description, as it is served.
pub(super) static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());

const ABOUT: &str = "\
The customer and wallet directory of a payments platform. The same methods are offered over gRPC.

Fields are named as in the JSON of the protos; the names of the protos are taken too. Times are RFC 3339, 64-bit numbers \
are strings, a field that has its default value is left out. Unknown fields and parameters are refused.

Every write takes an `Idempotency-Key`: the same key with the same content within 24 hours gives the first answer again, \
with `Idempotent-Replayed: true`. An answer of one resource has its version in `ETag`; `If-Match` makes a change only of \
that version, and is answered with 412 if it is not that any more (an `etag` in the request: with 409).

`X-Request-Id` names a call, in its answer too. `Grpc-Timeout` (such as `2S` or `500m`) sets a deadline other than the \
server's own.

Errors are `{\"error\": {\"code\", \"status\", \"message\", \"details\"}}`, where `details` has a `google.rpc.ErrorInfo` \
whose `reason` is one of `ErrorReason`.";

fn document() -> Json {
    let services = api::POOL.services().filter(|it| it.package_name() == "purser.v1");
    let tags =
        services.map(|it| json!({"name": it.name(), "description": comment(&it.parent_file(), it.path())}));
    let (paths, schemas) = operations::all();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Purser",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "tags": tags.collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An API key."},
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rest::transcode::rules::RULES;

    /// Every `$ref` within.
    fn references<'a>(json: &'a Json, found: &mut BTreeSet<&'a str>) {
        match json {
            Json::Array(it) => it.iter().for_each(|it| references(it, found)),
            Json::Object(it) => {
                found.extend(it.get("$ref").and_then(Json::as_str));
                it.values().for_each(|it| references(it, found));
            }
            _ => {}
        }
    }

    #[test]
    fn every_rule_is_described_with_its_comment_its_parameters_and_its_errors() {
        let document = document();
        let mut ids = BTreeSet::new();
        for rule in RULES.iter() {
            let operation = &document["paths"][&rule.template][rule.verb.as_str().to_lowercase()];
            let name = rule.rpc.method.full_name();
            assert!(operation["description"].as_str().is_some_and(|it| it.len() > 40), "{name}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{name}");
            for status in ["200", "400", "429", "503", "504"] {
                assert!(operation["responses"][status].is_object(), "{name} {status}");
            }
            let wants_key = operation["responses"]["401"].is_object();
            assert_eq!(wants_key, rule.rpc.path != api::KEYLESS, "{name}");
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter(|it| it["in"] == "path").count();
            assert_eq!(in_path, rule.template.matches('{').count(), "{name}");
        }
        let create = &document["paths"]["/v1/customers"]["post"];
        assert!(create["responses"]["409"]["description"].as_str().unwrap().contains("`ALIAS_TAKEN`"));
        assert!(create["responses"]["403"]["description"].as_str().unwrap().contains("`SCOPE_MISSING`"));
        assert!(create["summary"].as_str().unwrap().starts_with("CreateCustomer registers a customer"));
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_field_says_what_it_is() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 50);
        for reference in found {
            let at = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(at).is_some(), "{reference}");
        }
        let customer = &document["components"]["schemas"]["Customer"]["properties"];
        assert_eq!(customer["paymentAddress"]["examples"][0], "ada@dev");
        assert_eq!(
            (&customer["id"]["readOnly"], &customer["email"]["readOnly"]),
            (&json!(true), &Json::Null)
        );
        assert!(customer["etag"]["description"].as_str().unwrap().contains("version"));
        assert!(
            document["components"]["schemas"]["ErrorReason"]["description"]
                .as_str()
                .unwrap()
                .contains("ALIAS_TAKEN")
        );
    }
}
