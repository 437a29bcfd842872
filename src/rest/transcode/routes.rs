//! From a path to its rule.

use std::collections::HashMap;

use axum::http::Method;

use super::rules::{Rule, Segment};

/// The rules, by the first part of their path that differs.
#[derive(Debug)]
pub(super) struct Routes(HashMap<&'static str, Vec<&'static Rule>>);

/// What is at a path.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// A rule, with what the path says in place of its fields, as it came.
    Rule(&'static Rule, Vec<&'a str>),
    /// Rules for these methods only.
    Only(Vec<&'static str>, &'static str),
    Nothing,
}

impl Routes {
    pub(super) fn new(rules: &'static [Rule]) -> Self {
        let mut routes = HashMap::<_, Vec<_>>::new();
        for rule in rules {
            if let Some(Segment::Fixed(name)) = rule.segments.get(1) {
                routes.entry(name.as_str()).or_default().push(rule);
            }
        }
        Self(routes)
    }

    /// A GET's rule answers a HEAD as well.
    pub(super) fn find<'a>(&'a self, method: &Method, path: &'a str) -> Found<'a> {
        let (path, custom) = match path.rsplit_once('/').and_then(|it| it.1.rsplit_once(':')) {
            Some((_, custom)) => (&path[..path.len() - custom.len() - 1], Some(custom)),
            None => (path, None),
        };
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let Some(rules) = segments.get(1).and_then(|it| self.0.get(*it)) else { return Found::Nothing };
        let verb = if method == Method::HEAD { &Method::GET } else { method };
        let (mut allowed, mut template) = (Vec::new(), "");
        for rule in rules.iter().filter(|it| it.custom.as_deref() == custom) {
            let Some(captured) = captured(&rule.segments, &segments) else { continue };
            if rule.verb == verb {
                return Found::Rule(rule, captured);
            }
            allowed.extend(words(&rule.verb));
            template = &rule.template;
        }
        if allowed.is_empty() { Found::Nothing } else { Found::Only(allowed, template) }
    }
}

fn words(verb: &Method) -> &'static [&'static str] {
    match *verb {
        Method::GET => &["GET", "HEAD"],
        Method::POST => &["POST"],
        Method::PUT => &["PUT"],
        Method::PATCH => &["PATCH"],
        Method::DELETE => &["DELETE"],
        _ => &[],
    }
}

fn captured<'a>(rule: &[Segment], path: &[&'a str]) -> Option<Vec<&'a str>> {
    if rule.len() != path.len() {
        return None;
    }
    let mut captured = Vec::new();
    for (segment, text) in rule.iter().zip(path) {
        match segment {
            Segment::Fixed(name) if name == text => {}
            Segment::Field(_) if !text.is_empty() => captured.push(*text),
            _ => return None,
        }
    }
    Some(captured)
}

#[cfg(test)]
mod tests {
    use super::super::rules::RULES;
    use super::*;

    #[test]
    fn a_path_leads_to_its_method() {
        let routes = Routes::new(&RULES);
        for (method, path, expected) in [
            (Method::GET, "/v1/customers", "ListCustomers"),
            (Method::HEAD, "/v1/customers/a%2Fb", "GetCustomer a%2Fb"),
            (Method::GET, "/v1/customers/..", "GetCustomer .."),
            (Method::GET, "/v1/customers:lookup", "GetCustomer"),
            (Method::POST, "/v1/customers/x:erase", "EraseCustomer x"),
            (Method::POST, "/v1/customers/a:b:erase", "EraseCustomer a:b"),
            (Method::POST, "/v1/customers/x/wallets:link", "LinkWallet x"),
            (Method::GET, "/v1/customers/x/wallets", "ListWallets x"),
            (Method::GET, "/v1/customers/x:erase", "only POST at /v1/customers/{id}:erase"),
            (Method::PUT, "/v1/customers/x", "only GET HEAD PATCH DELETE at /v1/customers/{id}"),
            (Method::GET, "/v1/customers/", "nothing"),
            (Method::GET, "/v1/customers/x/", "nothing"),
            (Method::GET, "/v1/customers/x:no", "nothing"),
            (Method::GET, "/v1/customers/x:", "nothing"),
            (Method::GET, "/v1//customers", "nothing"),
            (Method::GET, "/v2/customers/x/y/z", "nothing"),
            (Method::GET, "/v1", "nothing"),
            (Method::GET, "", "nothing"),
        ] {
            let found = match routes.find(&method, path) {
                Found::Rule(rule, captured) => {
                    [&[rule.rpc.method.name()], captured.as_slice()].concat().join(" ")
                }
                Found::Only(methods, template) => format!("only {} at {template}", methods.join(" ")),
                Found::Nothing => "nothing".to_owned(),
            };
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}
