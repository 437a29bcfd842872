//! The table of every documented operation, in the README of the documents, holds what is served and tested, and no more.

use std::collections::BTreeSet;
use std::path::Path;

use super::scripts::{read, steps};

/// A row: the document, what is called, and the tests that call it.
struct Row {
    document: String,
    method: String,
    path: String,
    tests: Vec<String>,
}

fn table() -> Vec<Row> {
    let text = read("README.md");
    let rows = text.lines().filter(|it| it.starts_with("| ") && it.contains("`/"));
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (method, path) = cells[1].trim_matches('`').split_once("` `").unwrap();
        let tests = cells[3].split(", ").map(|it| it.trim_matches('`').to_owned()).collect();
        Row { document: cells[0].to_owned(), method: method.to_owned(), path: path.to_owned(), tests }
    };
    rows.map(row).collect()
}

fn source(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What a dialect routes: method and path of each, with the paths of what is nested.
fn routed(document: &str) -> BTreeSet<(String, String)> {
    let code = source(&format!("src/rest/dialects/{document}.rs"));
    let mut found = BTreeSet::new();
    for route in code.split(".route(").skip(1) {
        let (path, rest) = route.split_once(", ").unwrap();
        let path = match path.trim().trim_matches('"') {
            "path" => "/csp/api/v1/csp/customer".to_owned(),
            it if it.starts_with("&format!") => {
                let it = it.split('"').nth(1).unwrap();
                it.replace("{path}", "/csp/api/v1/csp/customer").replace("{{", "{").replace("}}", "}")
            }
            it if document == "fossapay" && !it.starts_with("/api") => format!("/v1/wallets/crypto{it}"),
            it => it.to_owned(),
        };
        let handlers = &rest[..rest.find("\n").unwrap_or(rest.len())];
        for method in ["get", "post", "put", "patch", "delete"] {
            if handlers.starts_with(&format!("{method}(")) || handlers.contains(&format!(").{method}(")) {
                found.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    found
}

#[test]
fn every_operation_is_in_the_table_and_every_test_of_it_there_is() {
    let rows = table();
    for document in ["fossapay", "paylias", "noderails", "trxn", "juicyway"] {
        let listed: BTreeSet<_> = rows
            .iter()
            .filter(|it| it.document == document)
            .map(|it| (it.method.clone(), it.path.clone()))
            .collect();
        assert_eq!(listed, routed(document), "{document}");
        let (steps, tests) = (steps(document), source(&format!("tests/it/dialects/{document}.rs")));
        for row in rows.iter().filter(|it| it.document == document) {
            for test in &row.tests {
                let is_step = steps.iter().any(|it| it.name == *test);
                assert!(is_step || tests.contains(&format!("async fn {test}(")), "{document}: {test}");
            }
        }
        // Each step of a script is a test of something.
        for step in steps {
            assert!(
                rows.iter().any(|it| it.document == document && it.tests.contains(&step.name)),
                "{}",
                step.name
            );
        }
    }
}
