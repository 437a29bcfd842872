//! Which method a call over HTTP is, as `http.yaml` says: gRPC's API configuration, read once.

use std::sync::{Arc, LazyLock};

use axum::http::Method;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use yaml_rust2::{Yaml, YamlLoader};

use super::write::Form;
use crate::api;

/// The rules, beside the protos.
const TEXT: &str = include_str!("../../../proto/purser/v1/http.yaml");

/// Every rule. A text that cannot be read, which a test rules out, leaves none.
pub(in crate::rest) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    read(TEXT).unwrap_or_else(|error| {
        tracing::error!(error, "http.yaml cannot be read: nothing is served under /v1");
        Vec::new()
    })
});

/// One way to call a method.
#[derive(Debug)]
pub(in crate::rest) struct Rule {
    pub(in crate::rest) verb: Method,
    /// The path, with `{field}` where something is put in: all that is told of a path.
    pub(in crate::rest) template: String,
    pub(in crate::rest) segments: Vec<Segment>,
    /// What follows the colon at the end of the path.
    pub(super) custom: Option<String>,
    pub(in crate::rest) body: BodyIs,
    pub(in crate::rest) rpc: Arc<Rpc>,
}

/// A part of a path, between two slashes.
#[derive(Debug)]
pub(in crate::rest) enum Segment {
    Fixed(String),
    /// The field that it is the value of: the way to it, and its own name.
    Field(Vec<FieldDescriptor>),
}

/// What the body of a request holds.
#[derive(Debug)]
pub(in crate::rest) enum BodyIs {
    Nothing,
    /// All fields that are not in the path.
    Everything,
    /// One field.
    Field(FieldDescriptor),
}

/// A method, with what every call of it needs to know.
#[derive(Debug)]
pub(in crate::rest) struct Rpc {
    pub(in crate::rest) method: MethodDescriptor,
    /// `/package.Service/Method`.
    pub(in crate::rest) path: String,
    pub(in crate::rest) input: MessageDescriptor,
    pub(in crate::rest) output: MessageDescriptor,
    pub(in crate::rest) is_stream: bool,
    /// Where a request says which version it means.
    pub(in crate::rest) etag: Option<FieldDescriptor>,
    /// How its answer is written.
    pub(super) written: Form,
    /// Where an answer says which version it is: the numbers of the resource, and of the field in it.
    pub(in crate::rest) answered_etag: Option<(u32, u32)>,
}

impl Rpc {
    fn new(method: &MethodDescriptor) -> Self {
        let (input, output) = (method.input(), method.output());
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let in_resource = |resource: FieldDescriptor| {
            let etag = message_of(&resource)?.get_field_by_name("etag")?;
            (!resource.is_list()).then_some((resource.number(), etag.number()))
        };
        // Of what is one resource and nothing else: its version is not that of what is answered beside it.
        let is_one = output.fields().len() == 1 && !method.is_server_streaming();
        let answered_etag = output.fields().next().filter(|_| is_one).and_then(in_resource);
        Self {
            path,
            is_stream: method.is_server_streaming(),
            etag: input.get_field_by_name("etag"),
            answered_etag,
            written: Form::of(&output),
            input,
            output,
            method: method.clone(),
        }
    }
}

/// The message that a field holds.
pub(in crate::rest) fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) => Some(message),
        _ => None,
    }
}

/// Reads rules.
fn read(text: &str) -> Result<Vec<Rule>, String> {
    let documents = YamlLoader::load_from_str(text).map_err(|error| error.to_string())?;
    let rules = documents.first().and_then(|it| it["http"]["rules"].as_vec()).ok_or("there are no rules")?;
    let mut read = Vec::new();
    for rule in rules {
        let selector = rule["selector"].as_str().ok_or("a rule has no selector")?;
        let method = method(selector).ok_or_else(|| format!("there is no method {selector}"))?;
        let rpc = Arc::new(Rpc::new(&method));
        let more = rule["additional_bindings"].as_vec().into_iter().flatten();
        for binding in std::iter::once(rule).chain(more) {
            let bound = bind(binding, &rpc).map_err(|fault| format!("{selector}: {fault}"))?;
            read.push(bound);
        }
    }
    Ok(read)
}

fn method(full_name: &str) -> Option<MethodDescriptor> {
    let (service, name) = full_name.rsplit_once('.')?;
    let service = api::POOL.get_service_by_name(service)?;
    service.methods().find(|it| it.name() == name)
}

fn bind(binding: &Yaml, rpc: &Arc<Rpc>) -> Result<Rule, String> {
    let verbs = ["get", "put", "post", "delete", "patch"];
    let (verb, template) = verbs
        .iter()
        .find_map(|verb| Some((verb, binding[*verb].as_str()?)))
        .ok_or("a binding has no path")?;
    let (path, custom) = match template.rsplit_once(':') {
        Some((path, custom)) => (path, Some(custom.to_owned())),
        None => (template, None),
    };
    let path = path.strip_prefix('/').ok_or("a path begins with no slash")?;
    let segments = path.split('/').map(|it| segment(it, &rpc.input)).collect::<Result<_, _>>()?;
    let body = match binding["body"].as_str() {
        None => BodyIs::Nothing,
        Some("*") => BodyIs::Everything,
        Some(name) => {
            let field = rpc.input.get_field_by_name(name);
            BodyIs::Field(field.ok_or_else(|| format!("there is no field {name} for the body"))?)
        }
    };
    let verb = verb.to_uppercase().parse().map_err(|_| "a method is none")?;
    Ok(Rule { verb, template: template.to_owned(), segments, custom, body, rpc: Arc::clone(rpc) })
}

fn segment(text: &str, input: &MessageDescriptor) -> Result<Segment, String> {
    match text.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
        None if text.is_empty() => Err("a segment is empty".to_owned()),
        None => Ok(Segment::Fixed(text.to_owned())),
        Some(field) => {
            let way = way(input, field).ok_or_else(|| format!("there is no field {field} for the path"))?;
            Ok(Segment::Field(way))
        }
    }
}

/// The way to a field: names with dots between them, each as the proto or as JSON has it.
pub(in crate::rest) fn way(message: &MessageDescriptor, name: &str) -> Option<Vec<FieldDescriptor>> {
    let (first, rest) = name.split_once('.').map_or((name, None), |it| (it.0, Some(it.1)));
    let field = named(message, first)?;
    let mut way = vec![field.clone()];
    if let Some(rest) = rest {
        if field.is_list() || field.is_map() {
            return None;
        }
        // What has a text of its own is given by that.
        let within = message_of(&field).filter(|it| it.package_name() != "google.protobuf")?;
        way.extend(self::way(&within, rest)?);
    }
    Some(way)
}

/// A field, by its name in the proto or in JSON.
pub(in crate::rest) fn named(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_method_has_a_rule_and_no_two_rules_are_for_the_same_call() {
        let rules = read(TEXT).unwrap();
        let bound: BTreeSet<_> = rules.iter().map(|it| it.rpc.method.full_name().to_owned()).collect();
        let services = api::POOL.services().filter(|it| it.package_name() == "purser.v1");
        let all: BTreeSet<_> = services
            .flat_map(|it| it.methods().map(|it| it.full_name().to_owned()).collect::<Vec<_>>())
            .collect();
        assert_eq!(bound, all);
        let calls: BTreeSet<_> = rules
            .iter()
            .map(|it| {
                let parts = it.template.split('/').map(|it| match it.split_once('}') {
                    Some((_, custom)) => format!("{{}}{custom}"),
                    None => it.to_owned(),
                });
                format!("{} {}", it.verb, parts.collect::<Vec<_>>().join("/"))
            })
            .collect();
        assert_eq!(calls.len(), rules.len());
    }

    #[test]
    fn every_request_is_of_kinds_that_can_be_bound() {
        let mut waiting: Vec<_> = RULES.iter().map(|it| it.rpc.input.clone()).collect();
        let mut seen = BTreeSet::new();
        while let Some(message) = waiting.pop() {
            if !seen.insert(message.full_name().to_owned()) || message.package_name() == "google.protobuf" {
                continue;
            }
            for field in message.fields() {
                let odd = [Kind::Bytes, Kind::Float, Kind::Double];
                assert!(!field.is_map() && !odd.contains(&field.kind()), "{}", field.full_name());
                waiting.extend(message_of(&field));
            }
        }
    }

    #[test]
    fn rules_that_mean_nothing_are_refused() {
        let rule = |text: &str| read(&format!("http:\n  rules:\n    - {text}\n")).map(drop);
        let get = "selector: purser.v1.CustomerService.GetCustomer";
        assert_eq!(rule(&format!("{get}\n      get: /v1/x/{{id}}")), Ok(()));
        for wrong in [
            "get: /v1/x".to_owned(),
            "selector: purser.v1.CustomerService.No\n      get: /v1/x".to_owned(),
            get.to_owned(),
            format!("{get}\n      get: v1/x"),
            format!("{get}\n      get: /v1//x"),
            format!("{get}\n      get: /v1/{{no}}"),
            format!("{get}\n      get: /v1/{{id.no}}"),
            format!("{get}\n      post: /v1/x\n      body: no"),
        ] {
            assert!(rule(&wrong).is_err(), "{wrong}");
        }
        assert!(read("").is_err() && read("a: [").is_err());
    }
}
